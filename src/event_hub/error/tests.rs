use super::*;

fn target(shared_access: bool) -> Target {
    Target {
        namespace: "ns.servicebus.windows.net".to_owned(),
        endpoint: None,
        event_hub: "logs".to_owned(),
        consumer_group: "forwarder".to_owned(),
        shared_access,
        signature_ends: None,
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
    assert_eq!(judge_chain(&network).0.0, SourceErrorKind::Unavailable);
    let page = azure_core::Error::new(CoreErrorKind::DataConversion, "<html>");
    let page = azure_core::Error::with_error(CoreErrorKind::Credential, page, "token");
    assert_eq!(judge_chain(&page).0.0, SourceErrorKind::Unavailable);
}

#[test]
fn advice_fits_whoever_refused() {
    let no_identity = || {
        EventHubsError::from(azure_core::Error::with_message(
            CoreErrorKind::Credential,
            "no identity",
        ))
    };
    let claims = "Unauthorized access. 'Listen' claim(s) are required to perform this.";
    let no_claim = || described("amqp:unauthorized-access", claims);
    let ended = Target {
        signature_ends: Some(Timestamp(1_000)),
        ..target(true)
    };
    for (error, target, expected) in [
        (
            no_identity(),
            target(false),
            "check the source's credential",
        ),
        (
            no_claim(),
            target(false),
            "the role 'Azure Event Hubs Data Receiver' on ns.servicebus.windows.net/logs",
        ),
        (
            no_claim(),
            target(true),
            "needs the right Listen on event hub logs",
        ),
        (
            described("amqp:unauthorized-access", "InvalidSignature"),
            target(true),
            "the policy's name, its key",
        ),
        (
            no_claim(),
            ended,
            "the shared access signature ended at 1970-01-01T00:00:01.000Z",
        ),
    ] {
        let error = classify(&error, &target);
        assert_eq!(error.kind, SourceErrorKind::Unauthorized, "{error}");
        assert!(error.message.contains(expected), "{error}");
    }
    let end = classify_end(&no_claim(), &target(false));
    assert!(end.message.contains("token has ended"), "{end}");
    assert!(!end.message.contains("role"), "{end}");
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
