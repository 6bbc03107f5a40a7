//! Messages of the size that Event Hubs allows, with records as Microsoft Entra ID writes them.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

/// Size of the largest event (1 MB), less what the protocol puts around it.
const MESSAGE_BYTES: usize = 1_000_000;

/// Names and bodies: one that is made here, and one of the shared samples if they are there.
pub(crate) fn all() -> Vec<(&'static str, Bytes)> {
    let mut all = vec![("generated", generated())];
    let shared = match std::env::var_os("ENTRA_FORWARDER_SHARED_DATA") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    if let Ok(sample) = std::fs::read(shared.join("messages/mixed-near-1MB.json")) {
        all.push(("mixed-near-1MB.json", sample.into()));
    }
    all
}

/// A message of some 400 records, the same at each call.
pub(crate) fn generated() -> Bytes {
    let mut rng = StdRng::seed_from_u64(4);
    let mut body = String::from("{\"records\":[");
    loop {
        let record = match rng.random_range(0..10) {
            0..6 => sign_in(&mut rng),
            6..8 => audit(&mut rng),
            _ => graph_activity(&mut rng),
        };
        let record = record.to_string();
        if body.len() + record.len() + 3 > MESSAGE_BYTES {
            break;
        }
        if !body.ends_with('[') {
            body.push(',');
        }
        body.push_str(&record);
    }
    body.push_str("]}");
    body.into()
}

fn guid(rng: &mut StdRng) -> String {
    let number = format!("{:032x}", rng.random::<u128>());
    let part = |from: usize, to: usize| &number[from..to];
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

fn time(rng: &mut StdRng) -> String {
    format!(
        "2025-03-{:02}T{:02}:{:02}:{:02}.{:07}Z",
        rng.random_range(1..29),
        rng.random_range(0..24),
        rng.random_range(0..60),
        rng.random_range(0..60),
        rng.random_range(0..10_000_000),
    )
}

fn address(rng: &mut StdRng) -> String {
    format!("203.0.113.{}", rng.random_range(1..255))
}

/// The members that all records have, around what is particular to a category.
fn record(rng: &mut StdRng, category: &str, operation: &str, properties: Value) -> Value {
    let tenant = "4f2c1a90-7d35-4c1e-9b0a-1f6f2d5f9a11";
    json!({
        "time": time(rng),
        "resourceId": format!("/tenants/{tenant}/providers/Microsoft.aadiam"),
        "operationName": operation,
        "operationVersion": "1.0",
        "category": category,
        "tenantId": tenant,
        "resultType": "0",
        "resultSignature": "SUCCESS",
        "durationMs": 0,
        "callerIpAddress": address(rng),
        "correlationId": guid(rng),
        "identity": format!("Person {} Müller", rng.random_range(1..5000)),
        "Level": 4,
        "location": "DE",
        "properties": properties,
    })
}

fn sign_in(rng: &mut StdRng) -> Value {
    let person = rng.random_range(1..5000);
    let policies: Vec<_> = (0..rng.random_range(2..6))
        .map(|number| {
            json!({
                "id": guid(rng),
                "displayName": format!("CA{number:03} \"Require MFA\" for all users"),
                "enforcedGrantControls": ["Mfa"],
                "enforcedSessionControls": [],
                "result": "notApplied",
                "conditionsSatisfied": 0,
                "conditionsNotSatisfied": 1,
            })
        })
        .collect();
    let properties = json!({
        "id": guid(rng),
        "createdDateTime": time(rng),
        "userDisplayName": format!("Person {person} Müller"),
        "userPrincipalName": format!("person{person}@contoso.example"),
        "userId": guid(rng),
        "appId": guid(rng),
        "appDisplayName": "Office 365 Exchange Online",
        "ipAddress": address(rng),
        "status": {"errorCode": 0, "additionalDetails": "MFA requirement satisfied by claim in the token"},
        "clientAppUsed": "Browser",
        "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36",
        "deviceDetail": {"deviceId": "", "operatingSystem": "Windows 10", "browser": "Chrome 134.0.0"},
        "location": {"city": "Köln", "state": "Nordrhein-Westfalen", "countryOrRegion": "DE",
            "geoCoordinates": {"latitude": 50.937_531_f64, "longitude": 6.960_278_6_f64}},
        "conditionalAccessStatus": "success",
        "appliedConditionalAccessPolicies": policies,
        "authenticationDetails": [{"authenticationStepDateTime": time(rng), "authenticationMethod": "Previously satisfied",
            "succeeded": true, "authenticationStepResultDetail": "MFA requirement satisfied by claim in the token",
            "authenticationStepRequirement": "", "StatusSequence": 0, "RequestSequence": 0}],
        "authenticationProcessingDetails": [{"key": "Oauth Scope Info", "value": "[\"Mail.Read\",\"User.Read\",\"openid\"]"}],
        "authenticationRequirement": "multiFactorAuthentication",
        "riskLevelDuringSignIn": "none",
        "riskState": "none",
        "resourceId": guid(rng),
        "homeTenantId": guid(rng),
        "sessionId": guid(rng),
        "uniqueTokenIdentifier": guid(rng),
        "autonomousSystemNumber": rng.random_range(1000..60000),
        "isInteractive": true,
    });
    record(rng, "SignInLogs", "Sign-in activity", properties)
}

fn audit(rng: &mut StdRng) -> Value {
    let changes: Vec<_> = ["AccountEnabled", "StsRefreshTokensValidFrom", "UserPrincipalName", "UserType"]
        .into_iter()
        .map(|name| json!({"displayName": name, "oldValue": "[]", "newValue": format!("[\"{}\"]", guid(rng))}))
        .collect();
    let properties = json!({
        "id": format!("Directory_{}_8X8M4_{}", guid(rng), rng.random_range(1..100_000_000)),
        "category": "UserManagement",
        "correlationId": guid(rng),
        "result": "success",
        "resultReason": "",
        "activityDisplayName": "Update user",
        "activityDateTime": time(rng),
        "loggedByService": "Core Directory",
        "operationType": "Update",
        "userAgent": null,
        "initiatedBy": {"user": {"id": guid(rng), "displayName": null,
            "userPrincipalName": "admin@contoso.example", "ipAddress": address(rng), "roles": []}},
        "targetResources": [{"id": guid(rng), "displayName": "Zoë O'Brien", "type": "User",
            "userPrincipalName": "zoe@contoso.example", "modifiedProperties": changes,
            "administrativeUnits": []}],
        "additionalDetails": [{"key": "User-Agent", "value": "PowerShell/7.4 \\ Windows"}],
    });
    record(rng, "AuditLogs", "Update user", properties)
}

fn graph_activity(rng: &mut StdRng) -> Value {
    let properties = json!({
        "__UDI_RequiredFields_EventTime": 638_906_399_196_346_121_u64,
        "__UDI_RequiredFields_UniqueId": guid(rng),
        "timeGenerated": time(rng),
        "requestId": guid(rng),
        "operationId": guid(rng),
        "apiVersion": "v1.0",
        "requestMethod": "GET",
        "requestUri": format!(
            "https://graph.microsoft.com/v1.0/users/{}/messages?$filter=receivedDateTime%20ge%202025-01-01&$top=50",
            guid(rng)
        ),
        "responseStatusCode": 200,
        "responseSizeBytes": rng.random_range(100..100_000),
        "durationMs": rng.random_range(1000..900_000),
        "ipAddress": address(rng),
        "userAgent": "Dalvik/2.1.0 (Linux; U; Android 14)",
        "scopes": "Mail.Read User.Read profile openid email",
        "roles": null,
        "userId": guid(rng),
        "appId": guid(rng),
        "signInActivityId": guid(rng),
        "wids": "b79fbf4d-3ef9-4689-8143-76b194e85509",
        "C_Sid": guid(rng),
    });
    record(
        rng,
        "MicrosoftGraphActivityLogs",
        "Microsoft Graph Activity",
        properties,
    )
}
