//! No body is larger than its format says, whatever comes: memory is reserved by that.
//!
//! `world::body` asserts it; here are the records that could break it.

use crate::world::body;

/// A sink of every format.
const SINKS: [&str; 8] = [
    "[sinks.siem]\ntype = \"azure_blob\"\nazure_blob.container_url = \"https://localhost/x?sig=x\"\n",
    "[sinks.siem]\ntype = \"dynatrace\"\nendpoint = \"https://localhost\"\ndynatrace.token = \"key\"\n",
    "[sinks.siem]\ntype = \"new_relic\"\nendpoint = \"https://localhost\"\nnew_relic.license_key = \"key\"\n",
    "[sinks.siem]\ntype = \"datadog\"\ndatadog.site = \"datadoghq.eu\"\ndatadog.api_key = \"key\"\n",
    "[sinks.siem]\ntype = \"otlp\"\nendpoint = \"https://localhost\"\n",
    "[sinks.siem]\ntype = \"otlp\"\nendpoint = \"https://localhost\"\notlp.encoding = \"json\"\n\
     otlp.resource_attributes = \"a=%22%5C%01\"\n",
    "[sinks.siem]\ntype = \"azure_monitor\"\nendpoint = \"https://localhost\"\n\
     azure_monitor.rule_id = \"dcr-0\"\nazure_monitor.stream = \"Custom-X\"\n",
    "[sinks.siem]\ntype = \"azure_monitor\"\nendpoint = \"https://localhost\"\n\
     azure_monitor.rule_id = \"dcr-0\"\nazure_monitor.stream = \"Custom-X\"\n\
     azure_monitor.record = \"text\"\nazure_monitor.field_bytes = \"1KiB\"\n",
];

#[test]
fn no_body_is_larger_than_its_format_says() {
    let long = |piece: &str| piece.repeat(3_000);
    let in_every_field = |piece: &str| {
        let value = long(piece);
        let keys = [
            "category",
            "operationName",
            "correlationId",
            "resultType",
            "resourceId",
        ];
        let members = keys.map(|key| format!("\"{key}\":\"{value}\""));
        format!(
            "{{\"records\":[{{{},\"properties\":{{\"userPrincipalName\":\"{value}\"}}}}]}}",
            members.join(",")
        )
    };
    let mut events: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"0".to_vec(),
        long("\u{1}\"\\").into(),
        [0xff, 0x00, b'"'].repeat(3_000),
        format!("{{\"records\":[\"{}\"]}}", long("\\u0001")).into(),
        format!("{{\n\t\"x\":\n[{}0]}}", long("\n\t0,\r\n")).into(),
        // Broken, so that it is mended and its original stands beside it.
        format!(
            "{{\"records\":[{{\"x\":\"{}\",}},{{'y':1}}]}}",
            long("\\\"")
        )
        .into(),
        format!("{{\"records\":[{}{{}}]}}", long("{},")).into(),
    ];
    for piece in [
        "\\u0001",
        "\\\"",
        "\\\\",
        "\\n",
        "é",
        "😀",
        "\\ud83d\\ude00",
        "a",
    ] {
        events.push(in_every_field(piece).into());
    }
    let provider = format!("/providers/Microsoft.{}", long("aa"));
    events.push(format!("{{\"resourceId\":\"{provider}\"}}").into());
    // `properties` as a string, with everything in it escaped twice.
    let inner = format!("{{\\\"userId\\\":\\\"{}\\\"}}", long("\\\\u0001"));
    events.push(format!("{{\"records\":[{{\"properties\":\"{inner}\"}}]}}").into());
    for sink in SINKS {
        for event in &events {
            body(sink, event);
        }
    }
}
