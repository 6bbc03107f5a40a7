use super::super::testing::with;
use super::*;

fn check(body: &str, read: impl Fn(&Record<'_>) -> Option<String>, expected: Option<&str>) {
    with(body, |record| {
        assert_eq!(read(&record).as_deref(), expected, "{body}");
    });
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.map(Cow::into_owned)
}

#[test]
fn category() {
    let check = |body, expected| check(body, |it| owned(it.category()), expected);
    check(r#"{"time":1,"category":"SignInLogs"}"#, Some("SignInLogs"));
    check(r#"{"Category":"A","category":"B"}"#, Some("A"));
    check(r#"{"CategoryValue":"Policy"}"#, Some("Policy"));
    check(
        r#"{"category":"","CategoryValue":"Policy"}"#,
        Some("Policy"),
    );
    check(
        r#"{"category":{"value":"Alert","localizedValue":"Alarm"}}"#,
        Some("Alert"),
    );
    check(r#"{"category":"Audit\u004cogs"}"#, Some("AuditLogs"));
    check(r#"{"category":null,"properties":{"category":"B"}}"#, None);
    check(r#"{"category":["B"]}"#, None);
}

#[test]
fn only_objects_have_fields() {
    let check = |body, expected| check(body, |it| owned(it.category()), expected);
    check("\"category\"", None);
    check("category", None);
    check("{'category':'A'", None);
}

#[test]
fn operation_and_correlation() {
    let operation = |body, expected| check(body, |it| owned(it.operation_name()), expected);
    operation(
        r#"{"operationName":"Update service principal."}"#,
        Some("Update service principal."),
    );
    operation(
        r#"{"operationName":{"value":"a/b","localizedValue":"B"}}"#,
        Some("a/b"),
    );
    operation(r#"{"Operation":"UserLoggedIn"}"#, Some("UserLoggedIn"));
    operation(r#"{"operationVersion":"1.0"}"#, None);
    let correlation = |body, expected| check(body, |it| owned(it.correlation_id()), expected);
    correlation(r#"{"CorrelationId":"7"}"#, Some("7"));
    correlation(r#"{"properties":{"correlationId":"7"}}"#, None);
}

#[test]
fn resource_and_provider() {
    let check = |id: &str, expected: Option<&str>| {
        with(&format!("{{\"resourceId\":\"{id}\"}}"), |record| {
            assert_eq!(record.resource_id().as_deref(), Some(id));
            assert_eq!(record.resource_provider().as_deref(), expected);
        });
    };
    let aadiam = Some("microsoft.aadiam");
    check("/tenants/a/providers/Microsoft.aadiam", aadiam);
    check("/TENANTS/A/PROVIDERS/MICROSOFT.AADIAM", aadiam);
    check("/tenants/a/providers/Microsoft.aadiam/", aadiam);
    check("/tenants/a", None);
    check("/subscriptions/a/providers/", None);
    check(
        "/subscriptions/a/providers/Microsoft.Compute/vms/b/Providers/Microsoft.Insights/c",
        Some("microsoft.insights"),
    );
}

#[test]
fn result() {
    let check = |body, expected| check(body, |it| owned(it.result()), expected);
    check(
        r#"{"resultType":"50140","resultSignature":"FAILURE"}"#,
        Some("50140"),
    );
    check(r#"{"ResultType":0}"#, Some("0"));
    check(
        r#"{"resultType":"None","resultSignature":"200"}"#,
        Some("200"),
    );
    check(
        r#"{"resultSignature":"None","properties":{"result":"failure"}}"#,
        Some("failure"),
    );
    check(
        r#"{"resultSignature":"-1","properties":"{\"result\":0}"}"#,
        Some("0"),
    );
    check(r#"{"ResultStatus":"Succeeded"}"#, Some("Succeeded"));
    check(r#"{"status":{"value":"Started"}}"#, Some("Started"));
    check(r#"{"status":"resolved"}"#, None);
    check(r#"{"status":{"errorCode":0}}"#, None);
    check(r#"{"resultSignature":"None","properties":{}}"#, None);
}

#[test]
fn severity() {
    let check = |body: &str, expected: Option<Severity>| {
        with(body, |record| {
            assert_eq!(record.severity(), expected, "{body}")
        });
    };
    check(r#"{"Level":4}"#, Some(Severity::Informational));
    check(r#"{"level":"3"}"#, Some(Severity::Warning));
    check(r#"{"level":"critical"}"#, Some(Severity::Critical));
    check(r#"{"Level":"Metadata"}"#, None);
    check(r#"{"Level":null}"#, None);
    check("{}", None);
}

#[test]
fn several_at_once_are_what_they_are_alone() {
    let body = r#"{"time":"2026-01-02T03:04:05Z","Level":"2","category":"AuditLogs",
        "properties":{"result":"success","id":"Directory_1"},"correlationId":"c",
        "operationName":"o","tenantId":"aaaaaaaa-0000-4000-8000-00000000000a"}"#;
    let fields = [
        Field::Category,
        Field::CorrelationId,
        Field::OperationName,
        Field::OwnId,
        Field::ResourceId,
        Field::Result,
        Field::Severity,
        Field::Tenant,
        Field::Time,
    ];
    with(body, |record| {
        for first in fields {
            for second in fields {
                let mut read = record.read(&[first, second]);
                assert_eq!(read.result(), record.result());
                assert_eq!(read.category(), record.category());
                assert_eq!(read.correlation_id(), record.correlation_id());
                assert_eq!(read.own_id(), record.own_id());
                assert_eq!(read.operation_name(), record.operation_name());
                assert_eq!(read.time(), record.time());
                assert_eq!(read.tenant(), record.tenant());
                assert_eq!(read.severity(), record.severity());
                assert_eq!(read.resource_id(), None);
            }
        }
        assert_eq!(record.result().as_deref(), Some("success"));
        assert_eq!(record.own_id().as_deref(), Some("Directory_1"));
        assert!(record.tenant().is_some());
    });
}
