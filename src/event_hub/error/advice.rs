//! What to do about an error.

use super::{Refuser, SourceErrorKind, Target};

/// What to do, or nothing where that is not known.
pub(super) fn advice(
    kind: SourceErrorKind,
    refuser: Refuser,
    words: &str,
    target: &Target,
) -> String {
    let Target {
        namespace,
        event_hub,
        consumer_group,
        ..
    } = target;
    match (kind, refuser) {
        (SourceErrorKind::Unauthorized, _) if target.shared_access => {
            shared_access_advice(words, target)
        }
        (SourceErrorKind::Unauthorized, Refuser::Credential) => {
            "no token to show to the event hub: check the source's credential (type, tenant_id, \
             client_id, and its secret or certificate)"
                .to_owned()
        }
        (SourceErrorKind::Unauthorized, Refuser::Service) => format!(
            "give the identity the role 'Azure Event Hubs Data Receiver' on \
             {namespace}/{event_hub} (a new role takes up to 5 minutes)"
        ),
        (SourceErrorKind::NotFound, _) => format!(
            "check namespace {namespace}, event hub {event_hub}, consumer group {consumer_group}"
        ),
        (SourceErrorKind::Throttled, Refuser::Service) => {
            "the namespace is at its limit: reading goes on more slowly by itself; more \
             throughput units help"
                .to_owned()
        }
        _ => String::new(),
    }
}

fn shared_access_advice(words: &str, target: &Target) -> String {
    let Target {
        namespace,
        event_hub,
        ..
    } = target;
    if let Some(ended) = signature_ended(target) {
        ended
    } else if is_about_claims(words) {
        format!("the shared access policy needs the right Listen on event hub {event_hub}")
    } else {
        format!(
            "check the connection string: the policy's name, its key, and that the policy is one \
             of {namespace} or of event hub {event_hub} with the right Listen"
        )
    }
}

/// A sentence on a ready-made signature whose end has come.
pub(super) fn signature_ended(target: &Target) -> Option<String> {
    let end = target.signature_ends?;
    (end <= std::time::SystemTime::now().into()).then(|| {
        format!("the shared access signature ended at {end}: put a new one into connection_string")
    })
}

fn is_about_claims(words: &str) -> bool {
    words.to_ascii_lowercase().contains("claim(s) are required")
}
