//! Varied records in the shape of Entra's audit, sign-in and provisioning logs.
//!
//! The shapes follow <https://learn.microsoft.com/entra/identity/monitoring-health/>; names,
//! addresses and ids are made up from the seed, so that a run can be repeated and the records
//! compress about as well as real ones do.

use std::fmt::Write;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::event_hub::Timestamp;

const GIVEN: [&str; 12] = [
    "Amara", "Björn", "Chen", "Dalia", "Emil", "Fatou", "Goran", "Hanna", "Ines", "Jürgen",
    "Kaoru", "Leïla",
];
const FAMILY: [&str; 12] = [
    "Abara",
    "Blom",
    "Castro",
    "Dietz",
    "Eriksen",
    "Fuchs",
    "García",
    "Hall",
    "Ito",
    "Jansen",
    "Kovač",
    "Lindqvist",
];
const APPS: [&str; 8] = [
    "Office 365 Exchange Online",
    "Microsoft Teams",
    "Azure Portal",
    "Salesforce",
    "ServiceNow",
    "GitHub Enterprise",
    "Contoso Payroll",
    "Microsoft Azure CLI",
];
const CITIES: [(&str, &str, &str, &str, &str); 6] = [
    ("Hamburg", "Hamburg", "DE", "53.551086", "9.993682"),
    ("Lisboa", "Lisboa", "PT", "38.722252", "-9.139337"),
    ("Osaka", "Osaka", "JP", "34.693737", "135.502167"),
    ("Denver", "Colorado", "US", "39.739236", "-104.990251"),
    ("Nairobi", "Nairobi Area", "KE", "-1.292066", "36.821946"),
    ("Malmö", "Skåne Län", "SE", "55.604981", "13.003822"),
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "python-requests/2.32.5",
];

/// Makes records, each with a `correlationId` that tells its number.
#[derive(Debug)]
pub struct Generator {
    rng: StdRng,
    next: u64,
    tenant: String,
}

impl Generator {
    /// The same seed gives the same records for the same times.
    pub fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let tenant = guid(rng.random(), rng.random());
        Self {
            rng,
            next: 0,
            tenant,
        }
    }

    /// One event: `{"records":[...]}` with this many records, and the number of the first one.
    /// `visit` gets the exact bytes of each record.
    pub fn event(
        &mut self,
        records: usize,
        now: Timestamp,
        mut visit: impl FnMut(u64, &[u8]),
    ) -> Bytes {
        let mut body = String::from("{\"records\": [");
        for index in 0..records {
            if index > 0 {
                body.push_str(", ");
            }
            let start = body.len();
            let number = self.next;
            self.next += 1;
            self.record(number, now, &mut body);
            visit(number, body.as_bytes().get(start..).unwrap_or_default());
        }
        body.push_str("]}");
        body.into()
    }

    /// Records that were made so far.
    pub fn made(&self) -> u64 {
        self.next
    }

    fn record(&mut self, number: u64, now: Timestamp, out: &mut String) {
        match self.rng.random_range(0..100) {
            0..20 => self.audit(number, now, out),
            20..90 => self.sign_in(number, now, out),
            _ => self.provisioning(number, now, out),
        }
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let index = self.rng.random_range(0..from.len());
        from.get(index).copied().unwrap_or_default()
    }

    fn id(&mut self) -> String {
        guid(self.rng.random(), self.rng.random())
    }

    fn address(&mut self) -> String {
        let (b, c, d): (u8, u8, u8) = self.rng.random();
        match self.rng.random_range(0..5) {
            0 => format!("2001:db8:{b:x}{c:02x}::{d:x}"),
            _ => format!("203.{b}.{c}.{d}"),
        }
    }

    /// A person out of some ten thousand, always with the same id.
    fn person(&mut self) -> (String, String, String) {
        let number = self.rng.random_range(0..10_000_usize);
        let given = GIVEN.get(number % GIVEN.len()).copied().unwrap_or_default();
        let family = FAMILY
            .get(number / 12 % FAMILY.len())
            .copied()
            .unwrap_or_default();
        let mut own = StdRng::seed_from_u64(number as u64);
        let id = guid(own.random(), own.random());
        (
            format!("{given} {family}"),
            format!("user{number}@contoso.example"),
            id,
        )
    }

    fn head(&mut self, category: &str, operation: &str, number: u64, now: Timestamp) -> String {
        let ticks: u32 = self.rng.random_range(0..10_000);
        let time = now.to_rfc3339().replace('Z', "");
        let correlation = guid(self.rng.random::<u64>(), number);
        format!(
            r#"{{"time":"{time}{ticks:04}Z","resourceId":"/tenants/{tenant}/providers/Microsoft.aadiam","operationName":"{operation}","operationVersion":"1.0","category":"{category}","tenantId":"{tenant}","correlationId":"{correlation}""#,
            tenant = self.tenant,
        )
    }

    fn sign_in(&mut self, number: u64, now: Timestamp, out: &mut String) {
        let (name, account, user) = self.person();
        let app = self.pick(&APPS);
        let agent = self.pick(&AGENTS);
        let address = self.address();
        let place = self.rng.random_range(0..CITIES.len());
        let (city, state, country, latitude, longitude) =
            CITIES.get(place).copied().unwrap_or_default();
        let interactive = self.rng.random_ratio(3, 10);
        let category = if interactive {
            "SignInLogs"
        } else {
            "NonInteractiveUserSignInLogs"
        };
        let (code, reason) = match self.rng.random_range(0..20) {
            0 => (
                50126,
                "Invalid username or password or Invalid on-premise username or password.",
            ),
            1 => (50074, "Strong Authentication is required."),
            _ => (0, "Other."),
        };
        let (id, session, request, app_id) = (self.id(), self.id(), self.id(), self.id());
        let result = if code == 0 { "SUCCESS" } else { "FAILURE" };
        // A .NET tick count is larger than 2^53: a float on the way would change its last digits.
        let ticks = 638_900_000_000_000_000_u64 + self.rng.random_range(0..999_999_999_999_u64);
        let head = self.head(category, "Sign-in activity", number, now);
        let (millis, latency) = (
            self.rng.random_range(20..900),
            self.rng.random_range(1..400),
        );
        // Writing into a string cannot fail.
        let _written = write!(
            out,
            r#"{head},"resultType":"{code}","resultSignature":"{result}","durationMs":{millis},"callerIpAddress":"{address}","identity":"{name}","Level":4,"location":"{country}","properties":{{"id":"{id}","createdDateTime":"{created}","userDisplayName":"{name}","userPrincipalName":"{account}","userId":"{user}","appId":"{app_id}","appDisplayName":"{app}","ipAddress":"{address}","status":{{"errorCode":{code},"failureReason":"{reason}","additionalDetails":null}},"clientAppUsed":"Browser","userAgent":"{agent}","deviceDetail":{{"deviceId":"","operatingSystem":"Windows10","browser":"Edge 142.0.0"}},"#,
            created = now.to_rfc3339(),
        );
        let _written = write!(
            out,
            r#""location":{{"city":"{city}","state":"{state}","countryOrRegion":"{country}","geoCoordinates":{{"latitude":{latitude},"longitude":{longitude}00000000004}}}},"mfaDetail":{{}},"correlationId":"{session}","conditionalAccessStatus":"notApplied","appliedConditionalAccessPolicies":[{{"id":"{request}","displayName":"Require MFA for all users","enforcedGrantControls":["Mfa"],"enforcedSessionControls":[],"result":"notEnabled"}}],"authenticationDetails":[],"authenticationProcessingDetails":[{{"key":"Root Key Type","value":"Unknown"}},{{"key":"Oauth Scope Info","value":"[\"openid\",\"profile\"]"}}],"networkLocationDetails":[],"processingTimeInMilliseconds":{latency},"riskDetail":"none","riskLevelAggregated":"none","riskLevelDuringSignIn":"none","riskState":"none","riskEventTypes":[],"resourceDisplayName":"{app}","resourceId":"{app_id}","resourceTenantId":"{tenant}","homeTenantId":"{tenant}","tokenIssuerName":"","tokenIssuerType":"AzureAD","authenticationRequirement":"singleFactorAuthentication","isInteractive":{interactive},"flaggedForReview":false,"isTenantRestricted":false,"autonomousSystemNumber":3320,"crossTenantAccessType":"none","originalRequestId":"{id}","uniqueTokenIdentifier":"{request}","__UDI_RequiredFields_EventTime":{ticks}}}}}"#,
            tenant = self.tenant,
        );
    }

    fn audit(&mut self, number: u64, now: Timestamp, out: &mut String) {
        let (name, account, user) = self.person();
        let (target_name, target, target_id) = self.person();
        let (operation, kind) = match self.rng.random_range(0..4) {
            0 => ("Add member to group", "GroupManagement"),
            1 => ("Update user", "UserManagement"),
            2 => ("Add app role assignment grant to user", "UserManagement"),
            _ => ("Reset password (by admin)", "UserManagement"),
        };
        let (group, address, log) = (
            self.id(),
            self.address(),
            self.rng.random_range(1..9_999_999),
        );
        let head = self.head("AuditLogs", operation, number, now);
        let _written = write!(
            out,
            r#"{head},"resultSignature":"None","durationMs":0,"callerIpAddress":"{address}","identity":"{name}","Level":4,"properties":{{"id":"Directory_{group}_{log}","category":"{kind}","activityDateTime":"{time}","activityDisplayName":"{operation}","loggedByService":"Core Directory","result":"success","resultReason":"","operationType":"Update","initiatedBy":{{"user":{{"id":"{user}","displayName":null,"userPrincipalName":"{account}","ipAddress":"{address}","roles":[]}}}},"targetResources":[{{"id":"{target_id}","displayName":"{target_name}","type":"User","userPrincipalName":"{target}","modifiedProperties":[{{"displayName":"Group.ObjectID","oldValue":null,"newValue":"\"{group}\""}},{{"displayName":"Included Updated Properties","oldValue":null,"newValue":"\"StrongAuthenticationMethod\""}}],"administrativeUnits":[]}}],"additionalDetails":[{{"key":"User-Agent","value":"Mozilla/5.0 (compatible; MSAL 1.0)"}}]}}}}"#,
            time = now.to_rfc3339(),
        );
    }

    fn provisioning(&mut self, number: u64, now: Timestamp, out: &mut String) {
        let (name, account, user) = self.person();
        let app = self.pick(&APPS);
        let (job, cycle, change, target) = (self.id(), self.id(), self.id(), self.id());
        let millis = self.rng.random_range(300..90_000);
        let head = self.head("ProvisioningLogs", "Provisioning activity", number, now);
        let _written = write!(
            out,
            r#"{head},"resultType":"Success","durationMs":"{millis}","identity":"{job}","Level":"4","properties":{{"id":"{change}","activityDateTime":"{time}","jobId":"{job}","cycleId":"{cycle}","changeId":"{change}","provisioningAction":"update","durationInMilliseconds":{millis},"sourceSystem":{{"Id":"{user}","Name":"Azure Active Directory","Details":{{}}}},"targetSystem":{{"Id":"{target}","Name":"{app}","Details":{{"ApplicationId":"{target}","ServicePrincipalDisplayName":"{app}"}}}},"initiatedBy":{{"Id":"","Name":"Azure AD Provisioning Service","Type":"system"}},"sourceIdentity":{{"Id":"{user}","Name":"{account}","identityType":"User","Details":{{"displayName":"{name}","odatatype":"User"}}}},"targetIdentity":{{"Id":"","Name":"","identityType":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","Details":{{}}}},"provisioningStatusInfo":{{"Status":"Success"}},"provisioningSteps":[{{"Name":"EntryImport","Type":"Import","Status":"Success","Description":"Received User '{account}' change of type (Update) from Azure Active Directory"}},{{"Name":"EntryExportUpdate","Type":"Export","Status":"Success","Description":"User '{account}' was updated in {app}"}}],"modifiedProperties":[{{"displayName":"title","oldValue":null,"newValue":"Engineer {number}"}}]}}}}"#,
            time = now.to_rfc3339(),
        );
    }
}

/// A GUID of 64 bits at the front and a number at the end.
fn guid(front: u64, number: u64) -> String {
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        front >> 32,
        (front >> 16) & 0xffff,
        (front >> 4) & 0xfff,
        0x8000 | (number >> 48 & 0x3fff),
        number & 0xffff_ffff_ffff,
    )
}

/// The number in a record's `correlationId`.
pub fn number_of(record: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Head<'a> {
        #[serde(rename = "correlationId", borrow)]
        correlation_id: &'a str,
    }
    let head: Head<'_> = serde_json::from_slice(record).ok()?;
    let digits = head.correlation_id.rsplit('-').next()?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_json_and_tell_their_number() {
        let mut generator = Generator::new(7);
        let mut categories = std::collections::BTreeMap::new();
        for event in 0..50 {
            let mut records = Vec::new();
            let now = Timestamp(1_763_712_930_125 + event);
            let body = generator.event(20, now, |number, bytes| {
                records.push((number, bytes.to_vec()))
            });
            let split = crate::envelope::split(&body, 0);
            assert_eq!(split.len(), 20);
            for ((number, bytes), piece) in records.iter().zip(split.all()) {
                assert_eq!(piece.original, bytes.as_slice());
                assert_eq!(number_of(bytes), Some(*number));
                let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
                let category = value["category"].as_str().unwrap().to_owned();
                *categories.entry(category).or_insert(0) += 1;
            }
        }
        assert_eq!(generator.made(), 1_000);
        assert_eq!(
            categories.keys().collect::<Vec<_>>(),
            [
                "AuditLogs",
                "NonInteractiveUserSignInLogs",
                "ProvisioningLogs",
                "SignInLogs"
            ]
        );
    }

    #[test]
    fn a_seed_repeats_itself() {
        let make = |seed| Generator::new(seed).event(10, Timestamp(0), |_, _| {});
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
    }
}
