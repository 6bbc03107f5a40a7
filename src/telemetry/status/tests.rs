use std::time::Duration;

use tokio::time::advance;

use super::*;
use crate::telemetry::seldom::PAUSE;
use crate::telemetry::testing::Lines;

#[test]
fn the_last_word_counts() {
    let status = Status::default();
    assert!(!status.is_known("hub") && !status.has_answered("hub"));
    status.is_well("hub");
    assert!(status.has_answered("hub"));
    status.waits("hub", "away");
    assert_eq!(status.waiting(), [("hub".to_owned(), "away".to_owned())]);
    assert!(!status.has_answered("hub"));
    status.is_well("hub");
    assert!(status.has_answered("hub"));
    assert!(status.waiting().is_empty());
    status.fails("hub", "gone");
    assert_eq!(status.failing(), [("hub".to_owned(), "gone".to_owned())]);
    assert_eq!(status.failing(), status.waiting());
    status.waits("hub", "away");
    assert!(status.failing().is_empty());
}

/// Event, reason and number of changes of each line.
fn said(lines: &Lines) -> Vec<(String, String, u64)> {
    let lines = lines.take();
    lines
        .iter()
        .map(|line| {
            assert_eq!(line["component"], "hub");
            let reason = line["reason"].as_str().unwrap_or_default();
            let changes = line["changes"].as_u64().unwrap();
            (
                line["event"].as_str().unwrap().to_owned(),
                reason.to_owned(),
                changes,
            )
        })
        .collect()
}

fn line(event: &str, reason: &str, changes: u64) -> (String, String, u64) {
    (event.to_owned(), reason.to_owned(), changes)
}

#[test]
fn a_change_is_said_once() {
    let (status, lines) = (Status::default(), Lines::listen());
    status.is_well("hub");
    status.waits("hub", "away");
    status.waits("hub", "away");
    status.fails("hub", "gone");
    status.is_well("hub");
    status.is_well("hub");
    let expected = [
        line("waiting", "away", 1),
        line("failing", "gone", 1),
        line("recovered", "", 1),
    ];
    assert_eq!(said(&lines), expected);
}

#[tokio::test(start_paused = true)]
async fn reasons_that_take_turns_are_said_once_a_minute() {
    let (status, lines) = (Status::default(), Lines::listen());
    for _ in 0..1_800 {
        for reason in ["status 500", "no answer"] {
            status.waits("hub", reason);
            advance(Duration::from_secs(1)).await;
        }
    }
    let said_of_trouble = said(&lines);
    let count = said_of_trouble.len();
    assert!((60..=65).contains(&count), "{count}");
    assert!(said_of_trouble.iter().all(|it| it.0 == "waiting"));
    // Nothing of the trouble is younger than its begin.
    assert_eq!(status.components()[0].since.elapsed().as_secs(), 3_600);
    status.is_well("hub");
    let end = said(&lines);
    assert_eq!((end.len(), end[0].0.as_str()), (1, "recovered"));
    let changes: u64 = said_of_trouble.iter().chain(&end).map(|it| it.2).sum();
    assert_eq!(changes, 3_601, "each change is counted in one line");
}

#[tokio::test(start_paused = true)]
async fn a_component_that_fails_every_other_time_does_not_fill_the_log() {
    let (status, lines) = (Status::default(), Lines::listen());
    for _ in 0..36_000 {
        status.waits("hub", "away");
        status.is_well("hub");
        advance(Duration::from_millis(100)).await;
    }
    let said = said(&lines);
    assert!((120..=130).contains(&said.len()), "{}", said.len());
    for pair in said.chunks(2) {
        assert_eq!([&pair[0].0, &pair[1].0], ["waiting", "recovered"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_left_out_and_lasts_is_said_later() {
    let (status, lines) = (Status::default(), Lines::listen());
    for _ in 0..10 {
        status.waits("hub", "away");
        status.is_well("hub");
    }
    assert_eq!(said(&lines).len(), 10, "five times there and back");
    status.fails("hub", "gone");
    status.say_what_is_due();
    assert!(said(&lines).is_empty());
    advance(PAUSE).await;
    status.say_what_is_due();
    status.say_what_is_due();
    assert_eq!(said(&lines), [line("failing", "gone", 11)]);
    // What has passed meanwhile is not said.
    status.is_well("hub");
    status.waits("hub", "away");
    status.is_well("hub");
    said(&lines);
    advance(PAUSE).await;
    status.say_what_is_due();
    assert!(said(&lines).is_empty());
}
