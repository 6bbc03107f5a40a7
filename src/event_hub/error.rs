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

use super::{SourceError, SourceErrorKind};
use crate::trust;

/// Most characters of the service's own words in a message.
const WORDS_MAX: usize = 220;

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
}

/// Turns an error of the SDK into ours.
pub(super) fn classify(error: &EventHubsError, target: &Target) -> SourceError {
    let (kind, words) = judge(error);
    describe(kind, &words, target)
}

/// An error whose words are bounded, free of secrets, and followed by what to do.
pub(super) fn describe(kind: SourceErrorKind, words: &str, target: &Target) -> SourceError {
    let mut message = one_line(words);
    let Target {
        namespace,
        event_hub,
        consumer_group,
        shared_access,
        endpoint,
    } = target;
    match kind {
        SourceErrorKind::Unavailable => {
            if let Some(why) = trust::explain(words) {
                message = format!("{}: {why}", endpoint.as_ref().unwrap_or(namespace));
            }
        }
        SourceErrorKind::Unauthorized if *shared_access => {
            message.push_str("; the shared access policy needs the right Listen on event hub ");
            message.push_str(event_hub);
        }
        SourceErrorKind::Unauthorized => {
            message.push_str("; give the identity the role 'Azure Event Hubs Data Receiver' on ");
            message.push_str(&format!("{namespace}/{event_hub}"));
        }
        SourceErrorKind::NotFound => message.push_str(&format!(
            "; check namespace {namespace}, event hub {event_hub}, consumer group {consumer_group}"
        )),
        _ => {}
    }
    SourceError::new(kind, message)
}

fn judge(error: &EventHubsError) -> (SourceErrorKind, String) {
    match &error.kind {
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
        HubErrorKind::AmqpError(inner) => judge_chain(inner),
        HubErrorKind::AzureCore(inner) => judge_chain(inner),
        _ => (SourceErrorKind::Unavailable, error.to_string()),
    }
}

fn judge_chain(error: &(dyn Error + 'static)) -> (SourceErrorKind, String) {
    let mut credential = false;
    let mut network = false;
    let mut last = error;
    let mut link = Some(error);
    for _ in 0..CHAIN_MAX {
        let Some(error) = link else { break };
        if let Some(verdict) = error.downcast_ref::<AmqpError>().and_then(judge_amqp) {
            return verdict;
        }
        if let Some(core) = error.downcast_ref::<azure_core::Error>() {
            credential |= matches!(core.kind(), CoreErrorKind::Credential);
            network |= matches!(core.kind(), CoreErrorKind::Io);
            if let Some(status) = core.http_status() {
                let kind = match u16::from(status) {
                    400 | 401 | 403 => SourceErrorKind::Unauthorized,
                    429 => SourceErrorKind::Throttled,
                    _ => SourceErrorKind::Unavailable,
                };
                return (kind, core.to_string());
            }
        }
        network |= error.is::<std::io::Error>();
        last = error;
        link = error.source();
    }
    let kind = if credential && !network {
        SourceErrorKind::Unauthorized
    } else {
        SourceErrorKind::Unavailable
    };
    (kind, last.to_string())
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
mod tests {
    use super::*;

    fn target(shared_access: bool) -> Target {
        Target {
            namespace: "ns.servicebus.windows.net".to_owned(),
            endpoint: None,
            event_hub: "logs".to_owned(),
            consumer_group: "forwarder".to_owned(),
            shared_access,
        }
    }

    fn described(condition: &str, description: &str) -> EventHubsError {
        let condition = condition.parse::<AmqpErrorCondition>().unwrap();
        let described =
            AmqpDescribedError::new(condition, Some(description.to_owned()), Default::default());
        AmqpError::from(AmqpErrorKind::AmqpDescribedError(described)).into()
    }

    fn kind_of(condition: &str, description: &str) -> SourceErrorKind {
        classify(&described(condition, description), &target(true)).kind
    }

    #[test]
    fn conditions_decide() {
        use SourceErrorKind::*;
        let busy = "The request was terminated. Error code : 50002. TrackingId:a50002b";
        let claims = "Unauthorized access. 'Listen' claim(s) are required to perform this.";
        let ahead = "The supplied sequence number '488' is invalid. The last sequence number in \
                     the system is '482'";
        let partition = "The specified partition is invalid for an EventHub partition sender or \
                         receiver. It should be between 0 and 3.";
        for (condition, description, expected) in [
            ("amqp:link:stolen", "New receiver", Stolen),
            ("com.microsoft:server-busy", "", Throttled),
            ("amqp:resource-limit-exceeded", busy, Throttled),
            ("amqp:unauthorized-access", "", Unauthorized),
            ("amqp:link:detach-forced", claims, Unauthorized),
            ("amqp:not-found", "", NotFound),
            ("com.microsoft:entity-disabled", "", NotFound),
            ("com.microsoft:argument-out-of-range", partition, NotFound),
            ("com.microsoft:argument-error", ahead, PositionRefused),
            (
                "com.microsoft:georeplication:invalid-offset",
                "",
                PositionRefused,
            ),
            ("amqp:link:detach-forced", "idle", Unavailable),
            ("amqp:connection:forced", "TrackingId:a50002b", Unavailable),
            ("com.microsoft:something-new", "", Unavailable),
        ] {
            assert_eq!(
                kind_of(condition, description),
                expected,
                "{condition} {description}"
            );
        }
    }

    #[test]
    fn statuses_decide() {
        for (status, description, expected) in [
            (401, "InvalidSignature", SourceErrorKind::Unauthorized),
            (403, "", SourceErrorKind::Unauthorized),
            (404, "", SourceErrorKind::NotFound),
            (429, "", SourceErrorKind::Throttled),
            (503, "Error code: 50002.", SourceErrorKind::Throttled),
            (500, "", SourceErrorKind::Unavailable),
        ] {
            assert_eq!(
                judge_status(status, description),
                expected,
                "{status} {description}"
            );
        }
    }

    #[test]
    fn a_wrapped_condition_is_found() {
        let inner = AmqpError::from(AmqpErrorKind::AmqpDescribedError(AmqpDescribedError::new(
            AmqpErrorCondition::NotFound,
            None,
            Default::default(),
        )));
        let wrapped = azure_core::Error::with_error(CoreErrorKind::Other, inner, "outer");
        let error = EventHubsError::from(AmqpError::from(wrapped));
        let error = classify(&error, &target(true));
        assert_eq!(error.kind, SourceErrorKind::NotFound);
        assert!(
            error.message.starts_with("amqp:not-found; check namespace"),
            "{error}"
        );
    }

    #[test]
    fn a_credential_without_a_network_is_unavailable() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let network = azure_core::Error::with_error(CoreErrorKind::Credential, refused, "token");
        assert_eq!(judge_chain(&network).0, SourceErrorKind::Unavailable);
        let refused = azure_core::Error::with_message(CoreErrorKind::Credential, "no identity");
        let error = classify(&EventHubsError::from(refused), &target(false));
        assert_eq!(error.kind, SourceErrorKind::Unauthorized);
        assert!(
            error.message.contains("Azure Event Hubs Data Receiver"),
            "{error}"
        );
    }

    #[test]
    fn messages_are_one_short_line_without_secrets() {
        let long = "word\r\n\t".repeat(500);
        let line = one_line(&long);
        assert!(
            line.chars().count() <= WORDS_MAX && !line.contains('\n'),
            "{line}"
        );
        let line = one_line("SharedAccessSignature sr=a&sig=b%3D&se=1 Bearer eyJ0eXAi and SIG=x");
        assert_eq!(line, "REDACTED REDACTED Bearer REDACTED and REDACTED");
    }
}
