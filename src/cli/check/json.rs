//! The same as JSON. The fields are stable: docs/check.md.

use serde_json::{Value, json};

use super::super::exit::Exit;
use crate::check::destinations::Destination;
use crate::check::finding::Finding;

pub(super) fn findings(findings: &[Finding], exit: Exit) -> String {
    let points = findings.iter().map(|finding| {
        json!({
            "component": finding.component,
            "point": finding.point.word(),
            "of": finding.of,
            "outcome": finding.outcome.word(),
            "seen": finding.seen,
            "remedy": finding.remedy,
        })
    });
    let all = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "exit_code": exit.code(),
        "findings": points.collect::<Vec<Value>>(),
    });
    format!("{all:#}\n")
}

pub(super) fn destinations(found: &[Destination]) -> String {
    let all = found.iter().map(|destination| {
        json!({
            "protocol": destination.address.protocol.word(),
            "host": destination.address.host,
            "port": destination.address.port,
            "proxy": destination.proxy,
            "wanted_by": destination.wanted_by,
        })
    });
    let all = json!({ "destinations": all.collect::<Vec<Value>>() });
    format!("{all:#}\n")
}
