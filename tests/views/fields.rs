//! Every field that a query takes stands in lines that were really written.

use std::collections::BTreeSet;

use crate::kql::Query;
use crate::written::{self, Fields};
use crate::{queries, workbook};

/// Lines that the demo cannot write: it needs nobody to renew anything, and has one hub.
const NOT_IN_THE_DEMO: [&str; 2] = ["credential", "stale_position"];

/// Fields of the event that a query asks for, or of any.
fn there(fields: &Fields, query: &Query) -> BTreeSet<String> {
    match &query.event {
        Some(event) => fields.get(event).cloned().unwrap_or_default(),
        None => fields.values().flatten().cloned().collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_take_what_is_written() {
    let mut demo = written::by_the_demo().await;
    for (event, fields) in written::by_a_refused_demo().await {
        demo.entry(event).or_default().extend(fields);
    }
    for event in NOT_IN_THE_DEMO {
        assert!(!demo.contains_key(event), "{event} is in the demo");
    }
    let run = written::by_a_run().await;
    let of_rules = queries::queries().into_iter();
    let all = of_rules.chain(workbook::queries());
    let mut events = BTreeSet::new();
    for (name, query) in all.filter(|(_, query)| query.is_of_app) {
        let is_elsewhere = |event: &String| NOT_IN_THE_DEMO.contains(&event.as_str());
        let written = if query.event.as_ref().is_some_and(is_elsewhere) {
            &run
        } else {
            &demo
        };
        let there = there(written, &query);
        for field in &query.fields {
            assert!(there.contains(field), "{name}: no {field} in {there:?}");
        }
        events.extend(query.event);
    }
    let expected = [
        "category",
        "credential",
        "heartbeat",
        "partition",
        "sink",
        "stale_position",
    ];
    assert!(events.iter().eq(expected.iter()), "{events:?}");
}
