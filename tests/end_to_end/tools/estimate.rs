//! `estimate`.

use serde_json::Value;

use super::*;

const A: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
const B: &str = "bbbbbbbb-0000-4000-8000-00000000000b";

fn record(category: &str, tenant: &str, number: u32) -> String {
    format!(
        "{{\"category\":\"{category}\",\"tenantId\":\"{tenant}\",\"n\":{number},\"x\":\"{}\"}}",
        "y".repeat(100)
    )
}

fn cell<'a>(estimate: &'a Value, category: &str, tenant: Option<&str>) -> &'a Value {
    let cells = estimate["categories"].as_array().unwrap();
    let is_it = |it: &&Value| it["category"] == category && it["tenant"].as_str() == tenant;
    cells.iter().find(is_it).unwrap()
}

/// 400 events of two records each, and two of what fits nowhere; gives the sign-ins and the audits.
fn fill(scene: &Scene) -> (Vec<String>, Vec<String>) {
    let (mut signs, mut audits) = (Vec::new(), Vec::new());
    for number in 0..400 {
        let tenant = if number % 4 == 0 { B } else { A };
        let sign = record("SignInLogs", tenant, number);
        let audit = record("AuditLogs", A, number);
        let body = format!("{{\"records\":[{sign},{audit}]}}");
        scene.hub.append(number % 2, body);
        signs.push(sign);
        audits.push(audit);
    }
    let hub = &scene.hub;
    hub.append(
        0,
        "{\"records\":[{\"n\":1},\"text\",{\"category\":\"Other\"}]}",
    );
    hub.append(1, "no JSON at all");
    (signs, audits)
}

/// What `estimate` says, of three sinks.
async fn estimate(scene: &Scene, arguments: &[&str]) -> String {
    let settings = scene
        .settings()
        .set("sinks.main.compression", "gzip")
        .set("sinks.main.batch.records", "100")
        .sink("audit", &scene.endpoint.url())
        .set("unrouted", "drop");
    let toml = format!(
        "{}sinks.main.include_categories = [\"*Logs\"]\n\
         sinks.audit.include_categories = [\"AuditLogs\"]\n\
         sinks.count.type = \"null\"\nsinks.count.include_categories = [\"SignInLogs\"]\n",
        settings.toml()
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forwarder.toml");
    std::fs::write(&file, toml).unwrap();
    let file = file.to_string_lossy();
    let arguments = [&["estimate", "--config", &file], arguments].concat();
    let mut command = Forwarder::start(&arguments, Vec::new());
    assert_eq!(command.exit().await, Some(0), "{}", command.text());
    command.text()
}

fn bytes(records: &[String]) -> usize {
    records.iter().map(String::len).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_counts_by_category_and_tenant() {
    let scene = scene().await;
    let (_, audits) = fill(&scene);
    let text = estimate(&scene, &["--last", "2h", "--json"]).await;
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["events"], 402);
    assert_eq!(found["is_whole"], true);
    assert_eq!(found["received"]["records"], 804);
    assert_eq!(cell(&found, "SignInLogs", Some(A))["records"], 300);
    assert_eq!(cell(&found, "SignInLogs", Some(B))["records"], 100);
    let audit = cell(&found, "AuditLogs", Some(A));
    assert_eq!(audit["records"], 400);
    assert_eq!(audit["bytes"], bytes(&audits));
    assert_eq!(found["without_category"]["records"], 2);
    assert_eq!(found["unparsable"]["records"], 1);
    // What is left over: that of another category, those without, and the text.
    assert_eq!(found["unrouted"]["records"], 4);
    // Two hours, so twelve times as much in a day.
    let daily = audit["per_day"]["records"].as_f64().unwrap();
    assert!((daily - 4_800.0).abs() < 2.0, "{daily}");
    let monthly = audit["per_30_days"]["records"].as_f64().unwrap();
    assert!((monthly - 144_000.0).abs() < 60.0, "{monthly}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_tells_what_each_sink_would_get_and_sends_nothing() {
    let scene = scene().await;
    let (signs, audits) = fill(&scene);
    let text = estimate(&scene, &["--json"]).await;
    let found: Value = serde_json::from_str(&text).unwrap();
    let sinks = found["sinks"].as_array().unwrap();
    let sink = |name: &str| sinks.iter().find(|it| it["sink"] == name).unwrap();
    assert_eq!(sink("main")["records"], 800);
    assert_eq!(sink("main")["requests"], 8);
    assert_eq!(sink("audit")["records"], 400);
    assert_eq!(sink("count")["records"], 400);
    assert_eq!(sink("count")["sends"], false);
    // Each record stands on a line of its own.
    let main = sink("main");
    let plain = bytes(&signs) + bytes(&audits) + 800;
    assert_eq!(main["body_bytes"], plain);
    let sent = main["compressed_bytes"].as_u64().unwrap();
    assert!(
        (1_000..plain as u64 / 3).contains(&sent),
        "{sent} of {plain}"
    );
    let shares = main["categories"].as_array().unwrap().iter();
    let shares: f64 = shares
        .map(|it| it["compressed_bytes"].as_f64().unwrap())
        .sum();
    assert!((shares - sent as f64).abs() < 3.0, "{shares} {sent}");

    let text = estimate(&scene, &["--category", "AuditLogs"]).await;
    for words in [
        "AuditLogs",
        "no sink selects: 0",
        "COMPRESSED/30 DAYS",
        "all",
    ] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!text.contains("SignInLogs"), "{text}");
    assert_eq!(scene.endpoint.count() + scene.endpoint.probes(), 0);
}
