//! What the errors of the Azure SDK mean.
//!
//! The SDK wraps one failure in up to five errors of four crates. The first one in the chain that
//! carries an AMQP condition or a status decides; everything that says neither is `Unavailable`.

use std::error::Error;

use azure_core::error::ErrorKind as CoreErrorKind;
use azure_core_amqp::error::{AmqpErrorCondition, AmqpErrorKind};
use azure_core_amqp::{AmqpDescribedError, AmqpError};
use azure_messaging_eventhubs::EventHubsError;
use azure_messaging_eventhubs::error::ErrorKind as HubErrorKind;

use super::{SourceError, SourceErrorKind, Timestamp};
use crate::trust;

mod advice;

use advice::{advice, signature_ended};

/// Most characters of the service's own words in a message: enough for what each of the three
/// credentials of `auto` said.
const WORDS_MAX: usize = 360;

/// Links of an error chain that are followed.
const CHAIN_MAX: usize = 16;

/// What was asked for, to say what to check when it is refused.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) namespace: String,
    /// Where it is connected to, when that is not the namespace itself.
    pub(super) endpoint: Option<String>,
    pub(super) event_hub: String,
    pub(super) consumer_group: String,
    /// Whether a shared-access key or signature is used, instead of an identity with a role.
    pub(super) shared_access: bool,
    /// When the signature ends, if it is a ready-made one.
    pub(super) signature_ends: Option<Timestamp>,
}

/// Who refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refuser {
    /// Event Hubs.
    Service,
    /// Who was to give a token: the identity service, or the program that stands for it.
    Credential,
}

/// What an error means, and its words.
type Verdict = (SourceErrorKind, String);

/// Turns an error of the SDK into ours, from whatever opens or asks.
pub(super) fn classify(error: &EventHubsError, target: &Target) -> SourceError {
    let ((kind, words), refuser) = judge(error);
    if let Some(why) = trust::explain(&words, None) {
        let place = match refuser {
            Refuser::Service => target.endpoint.as_ref().unwrap_or(&target.namespace),
            Refuser::Credential => "the identity service",
        };
        return SourceError::new(kind, format!("{place}: {why}"));
    }
    let advice = advice(kind, refuser, &words, target);
    SourceError::advised(kind, &one_line(&words), &advice)
}

/// The same for the end of a receiver whose link had been accepted: it had the permission.
pub(super) fn classify_end(error: &EventHubsError, target: &Target) -> SourceError {
    let ((kind, words), _) = judge(error);
    if kind != SourceErrorKind::Unauthorized {
        return classify(error, target);
    }
    let why = signature_ended(target)
        .unwrap_or_else(|| "the link's token has ended; the next link takes another one".into());
    SourceError::advised(kind, &one_line(&words), &why)
}

fn judge(error: &EventHubsError) -> (Verdict, Refuser) {
    let verdict = match &error.kind {
        HubErrorKind::ConsumerDisconnected(described) => {
            let words = described.as_ref().map(described_words);
            (
                SourceErrorKind::Stolen,
                words.unwrap_or_else(|| "disconnected".to_owned()),
            )
        }
        HubErrorKind::InvalidManagementResponse => (
            SourceErrorKind::Protocol,
            "the management answer lacks a key or has one of another type".to_owned(),
        ),
        // Not `error` itself: its text is a debug dump of what it wraps.
        HubErrorKind::AmqpError(inner) => return judge_chain(inner),
        HubErrorKind::AzureCore(inner) => return judge_chain(inner),
        _ => (SourceErrorKind::Unavailable, error.to_string()),
    };
    (verdict, Refuser::Service)
}

fn judge_chain(error: &(dyn Error + 'static)) -> (Verdict, Refuser) {
    let mut credential = false;
    let mut network = false;
    let mut last = error;
    let mut link = Some(error);
    for _ in 0..CHAIN_MAX {
        let Some(error) = link else { break };
        if let Some(verdict) = error.downcast_ref::<AmqpError>().and_then(judge_amqp) {
            return (verdict, Refuser::Service);
        }
        if let Some(core) = error.downcast_ref::<azure_core::Error>() {
            credential |= matches!(core.kind(), CoreErrorKind::Credential);
            // An answer that is none (a gateway's page) says nothing of the credential.
            network |= matches!(
                core.kind(),
                CoreErrorKind::Io | CoreErrorKind::Connection | CoreErrorKind::DataConversion
            );
            if let Some(status) = core.http_status() {
                let kind = match u16::from(status) {
                    400 | 401 | 403 => SourceErrorKind::Unauthorized,
                    429 => SourceErrorKind::Throttled,
                    _ => SourceErrorKind::Unavailable,
                };
                return ((kind, core.to_string()), Refuser::Credential);
            }
        }
        network |= error.is::<std::io::Error>() || error.is::<serde_json::Error>();
        last = error;
        link = error.source();
    }
    let kind = if credential && !network {
        SourceErrorKind::Unauthorized
    } else {
        SourceErrorKind::Unavailable
    };
    let refuser = match credential {
        true => Refuser::Credential,
        false => Refuser::Service,
    };
    ((kind, last.to_string()), refuser)
}

fn judge_amqp(error: &AmqpError) -> Option<(SourceErrorKind, String)> {
    match error.kind() {
        AmqpErrorKind::AmqpDescribedError(described) => {
            let description = described.description.as_deref().unwrap_or_default();
            Some((
                judge_condition(&described.condition, description),
                described_words(described),
            ))
        }
        AmqpErrorKind::ManagementStatusCode(status, description) => {
            let description = description.as_deref().unwrap_or_default();
            let status = u16::from(*status);
            Some((
                judge_status(status, description),
                format!("status {status}: {description}"),
            ))
        }
        // The variant of `fe2o3_amqp::link::RecvError`; a test holds it to that.
        AmqpErrorKind::TransportImplementationError(inner)
            if format!("{inner:?}").starts_with("MessageDecode") =>
        {
            Some((
                SourceErrorKind::Undecodable,
                "the AMQP decoder refused the message".to_owned(),
            ))
        }
        _ => None,
    }
}

fn judge_condition(condition: &AmqpErrorCondition, description: &str) -> SourceErrorKind {
    use AmqpErrorCondition as Condition;
    if throttled(description) {
        return SourceErrorKind::Throttled;
    }
    match condition {
        Condition::LinkStolen => SourceErrorKind::Stolen,
        Condition::ServerBusyError => SourceErrorKind::Throttled,
        Condition::UnauthorizedAccess => SourceErrorKind::Unauthorized,
        Condition::NotFound | Condition::ResourceDeleted | Condition::EntityDisabledError => {
            SourceErrorKind::NotFound
        }
        Condition::ArgumentError | Condition::ArgumentOutOfRangeError => {
            judge_argument(condition, description)
        }
        Condition::UnknownValue(name) if name == "com.microsoft:georeplication:invalid-offset" => {
            SourceErrorKind::PositionRefused
        }
        Condition::UnknownValue(name) if name == "com.microsoft:auth-failed" => {
            SourceErrorKind::Unauthorized
        }
        // An expired token reads like a missing role, under another condition
        // (https://github.com/Azure/azure-sdk-for-python/issues/5314).
        _ if unauthorized(description) => SourceErrorKind::Unauthorized,
        _ => SourceErrorKind::Unavailable,
    }
}

/// Argument errors name the position, or a partition that the hub does not have ("The specified
/// partition is invalid for an EventHub partition sender or receiver").
fn judge_argument(condition: &AmqpErrorCondition, description: &str) -> SourceErrorKind {
    let description = description.to_ascii_lowercase();
    if description.contains("partition is invalid") {
        SourceErrorKind::NotFound
    } else if *condition == AmqpErrorCondition::ArgumentError
        || description.contains("offset")
        || description.contains("sequence number")
    {
        SourceErrorKind::PositionRefused
    } else {
        SourceErrorKind::Unavailable
    }
}

fn judge_status(status: u16, description: &str) -> SourceErrorKind {
    match status {
        _ if throttled(description) => SourceErrorKind::Throttled,
        401 | 403 => SourceErrorKind::Unauthorized,
        404 | 410 => SourceErrorKind::NotFound,
        429 => SourceErrorKind::Throttled,
        400 if description.to_ascii_lowercase().contains("partition") => SourceErrorKind::NotFound,
        _ => SourceErrorKind::Unavailable,
    }
}

/// 50002 is the service's number for throttling, in whatever condition it comes.
fn throttled(description: &str) -> bool {
    description
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word == "50002")
}

fn unauthorized(description: &str) -> bool {
    let description = description.to_ascii_lowercase();
    [
        "unauthorized access",
        "claim(s) are required",
        "expiredtoken",
        "token has expired",
    ]
    .iter()
    .any(|sign| description.contains(sign))
}

fn described_words(described: &AmqpDescribedError) -> String {
    match described.description.as_deref() {
        Some(description) if !description.is_empty() => {
            format!("{}: {description}", described.condition)
        }
        _ => described.condition.to_string(),
    }
}

/// One line, without what looks like a secret, of at most [`WORDS_MAX`] characters.
pub(super) fn one_line(words: &str) -> String {
    let mut line = String::new();
    for word in words.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(if looks_secret(word) { "REDACTED" } else { word });
        if line.len() > 8 * WORDS_MAX {
            break;
        }
    }
    if line.chars().count() > WORDS_MAX {
        line = line.chars().take(WORDS_MAX - 3).collect();
        line.push_str("...");
    }
    line
}

fn looks_secret(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    word.contains("eyJ")
        || [
            "sig=",
            "sharedaccesskey=",
            "sharedaccesssignature",
            "client_secret",
        ]
        .iter()
        .any(|sign| lower.contains(sign))
}

#[cfg(test)]
mod tests;
