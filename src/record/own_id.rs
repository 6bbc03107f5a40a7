//! The id that a service gave to what a record tells of.

use std::borrow::Cow;

use super::keys::Key;
use super::{Field, Fields, Record};

/// What joins the parts of an id.
const JOIN: &str = "|";

/// The members of `properties` that make up the ids of one category.
struct Rule {
    /// Whether a category, in lower case, is of this kind.
    is: fn(&str) -> bool,
    /// Each list is a whole id; the first one counts of which the first member is there.
    ids: &'static [&'static [&'static str]],
}

const RULES: [Rule; 7] = [
    Rule {
        is: |category| matches!(category, "riskyusers" | "riskyserviceprincipals"),
        ids: &[&["id", "riskLastUpdatedDateTime"]],
    },
    Rule {
        is: |category| matches!(category, "userriskevents" | "serviceprincipalriskevents"),
        ids: &[&["id", "lastUpdatedDateTime"]],
    },
    Rule {
        is: |category| category == "provisioninglogs",
        ids: &[&["id", "cycleId", "changeId"]],
    },
    Rule {
        is: |category| {
            matches!(
                category,
                "microsoftgraphactivitylogs"
                    | "azureadgraphactivitylogs"
                    | "graphnotificationsactivitylogs"
            )
        },
        ids: &[
            &["__UDI_RequiredFields_UniqueId"],
            &["requestId", "requestUri"],
        ],
    },
    Rule {
        is: |category| category.starts_with("advancedhunting-"),
        ids: &[
            &["ReportId", "DeviceId", "DeviceName", "Timestamp"],
            &["AlertId", "Timestamp"],
        ],
    },
    Rule {
        is: |category| category.contains("auditlogs") || category == "audit",
        // Entra's, then Intune's.
        ids: &[&["id"], &["AuditEventId"]],
    },
    Rule {
        is: |category| category.contains("signin"),
        ids: &[&["id"]],
    },
];

impl Record<'_> {
    /// [`Fields::own_id`].
    pub fn own_id(&self) -> Option<String> {
        self.read(&[Field::OwnId]).own_id()
    }
}

impl Fields<'_> {
    /// The id that the service gave to what the record tells of; its parts are joined by `|`.
    ///
    /// | category | id |
    /// |---|---|
    /// | sign-ins of every kind, `AuditLogs` | `properties.id` (Intune's: `properties.AuditEventId`) |
    /// | `RiskyUsers`, `RiskyServicePrincipals` | `properties.id` (the user) and `riskLastUpdatedDateTime` |
    /// | `UserRiskEvents`, `ServicePrincipalRiskEvents` | `properties.id` and `lastUpdatedDateTime` |
    /// | `ProvisioningLogs` | `properties.id`, `cycleId`, `changeId` |
    /// | Graph activity | `properties.__UDI_RequiredFields_UniqueId`, else `requestId` and `requestUri` |
    /// | `AdvancedHunting-*` | `properties.ReportId` (else `AlertId`), `DeviceId`, `DeviceName`, `Timestamp` |
    /// | Office 365 audit records, flat records, anything else | `id`, else `eventDataId` |
    ///
    /// Not unique: a sign-in comes again under its id when more is known of it. What tells two
    /// records apart is [`Record::content_key`].
    pub fn own_id(&mut self) -> Option<String> {
        let category = self.category().unwrap_or_default().to_ascii_lowercase();
        let rule = RULES.iter().find(|rule| (rule.is)(&category));
        let ids = rule.map_or(&[][..], |rule| rule.ids);
        if let Some(id) = ids.iter().find_map(|members| self.joined(members)) {
            return Some(id);
        }
        self.first_text(&[Key::Id, Key::EventDataId])
            .map(Cow::into_owned)
    }

    fn joined(&mut self, members: &[&str]) -> Option<String> {
        const PARTS: usize = 4;
        let mut names = [""; PARTS];
        debug_assert!(members.len() <= PARTS);
        for (to, from) in names.iter_mut().zip(members) {
            *to = from;
        }
        let parts = self.property_texts(names);
        let (first, rest) = parts.split_first()?;
        let mut id = first.as_deref()?.to_owned();
        for part in rest.iter().flatten() {
            id.push_str(JOIN);
            id.push_str(part);
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::with;

    fn check(body: &str, expected: Option<&str>) {
        with(body, |record| {
            assert_eq!(record.own_id().as_deref(), expected, "{body}");
        });
    }

    fn of(category: &str, properties: &str, expected: Option<&str>) {
        check(
            &format!("{{\"properties\":{{{properties}}},\"Category\":\"{category}\"}}"),
            expected,
        );
    }

    #[test]
    fn sign_ins_and_audit_records() {
        for category in [
            "SignInLogs",
            "NonInteractiveUserSIgnInLogs",
            "ADFSSignInLogs",
            "SignIn",
            "AuditLogs",
            "Audit",
            "CustomSecurityAttributeAuditLogs",
        ] {
            of(category, r#""x":{"id":"no"},"id":"a""#, Some("a"));
            of(category, r#""x":1"#, None);
        }
        of("AuditLogs", r#""AuditEventId":"e""#, Some("e"));
        check(r#"{"Category":"SignInLogs","Id":"flat"}"#, Some("flat"));
    }

    #[test]
    fn states_have_a_time_beside_their_id() {
        let risky = r#""riskLastUpdatedDateTime":"t","id":"u""#;
        of("RiskyUsers", risky, Some("u|t"));
        of("RISKYUSERS", r#""ID":"u""#, Some("u"));
        let event = r#""id":"e","lastUpdatedDateTime":"t""#;
        of("UserRiskEvents", event, Some("e|t"));
        of("ServicePrincipalRiskEvents", event, Some("e|t"));
        let step = r#""changeId":"c","Id":"p","cycleId":"y""#;
        of("ProvisioningLogs", step, Some("p|y|c"));
    }

    #[test]
    fn requests_and_reports() {
        let graph = "MicrosoftGraphActivityLogs";
        let request = r#""requestId":"r","requestUri":"https://graph/\u0026""#;
        of(graph, request, Some("r|https://graph/&"));
        let unique = format!("{request},\"__UDI_RequiredFields_UniqueId\":\"q\"");
        of(graph, &unique, Some("q"));
        of("AzureADGraphActivityLogs", &unique, Some("q"));
        let report = r#""Timestamp":"t","DeviceName":"d","ReportId":7"#;
        of("AdvancedHunting-DeviceEvents", report, Some("7|d|t"));
        let alert = r#""Timestamp":"t","AlertId":"a""#;
        of("AdvancedHunting-AlertInfo", alert, Some("a|t"));
        let empty = r#""ReportId":null,"":"no""#;
        of("AdvancedHunting-AlertInfo", empty, None);
    }

    #[test]
    fn anything_else() {
        check(r#"{"Id":"o","Operation":"x","RecordType":8}"#, Some("o"));
        check(r#"{"category":"Policy","eventDataId":"e"}"#, Some("e"));
        // The id in the properties of a Key Vault record is that of a key.
        of("AuditEvent", r#""id":"https://vault/keys/k""#, None);
        check(
            r#"{"category":"RiskyUsers","properties":"{\"id\":\"u\",\"riskLastUpdatedDateTime\":\"t\"}"}"#,
            Some("u|t"),
        );
        check("\"id\"", None);
    }
}
