//! What a sink's own limits make of single records.

use super::*;
use crate::config::{OnOld, OnOversize, RecordLimits};
use crate::record::{RESTAMPED, TRUNCATED};

fn config(record: RecordLimits) -> SinkConfig {
    SinkConfig {
        batch: BatchConfig {
            records: 10,
            ..BatchConfig::default()
        },
        concurrency: 1,
        record,
        ..SinkConfig::default()
    }
}

fn case(answers: Vec<Result<Answer, TransportError>>, record: RecordLimits) -> Case {
    let script = Arc::new(Script::of(answers));
    let mut case = Case::of(Arc::clone(&script) as _, config(record));
    case.script = script;
    case
}

/// A record of so many minutes ago.
fn of(minutes: i64) -> String {
    let moment = Timestamp(TokioClock::STARTED.0 - minutes * 60_000);
    format!("{{\"time\":\"{}\"}}", moment.to_rfc3339())
}

/// The lines of all requests.
fn lines(sent: &[(Instant, Bytes)]) -> Vec<Vec<String>> {
    let bodies = sent.iter().map(|(_, body)| text(body));
    bodies
        .map(|body| body.lines().map(str::to_owned).collect())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_given_up_without_asking() {
    let limits = RecordLimits {
        bytes: Some(1_024),
        ..RecordLimits::default()
    };
    let mut case = case(Vec::new(), limits);
    // More than `refusals_max`, and nobody else accepted: these are the user's own limits.
    let large: Vec<String> = (0..150)
        .map(|n| format!("{{\"n\":{n},\"x\":\"{}\"}}", "x".repeat(1_024)))
        .collect();
    for event in large.chunks(7) {
        let event: Vec<&str> = event.iter().map(String::as_str).collect();
        case.give(&event).await;
    }
    case.give(&["{\"n\":1}", &large[0], "{\"n\":2}"]).await;
    case.ledgers.wait_until_settled().await;
    let letters = case.letters.all();
    assert_eq!(letters.len(), 151);
    for letter in &letters {
        assert_eq!(letter.facts.reason, "oversize");
        let answer = letter.facts.answer.clone().unwrap();
        assert!(
            answer.ends_with("of 1024 allowed by max_record_bytes"),
            "{answer}"
        );
        assert!(large.iter().any(|it| letter.body == it.as_bytes()));
    }
    assert!(case.status.failing().is_empty());
    let (sent, balance) = case.end().await;
    assert_eq!(lines(&sent), [["{\"n\":1}", "{\"n\":2}"]]);
    assert_eq!((balance.delivered, balance.dead_lettered), (2, 151));
    assert_eq!(balance.error(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_cut_on_request() {
    let limits = RecordLimits {
        bytes: Some(1_024),
        on_oversize: OnOversize::Truncate,
        ..RecordLimits::default()
    };
    let mut case = case(vec![answer(503)], limits);
    let large = format!("{{\"n\":1.50,\"x\":\"{}\"}}", "x".repeat(2_000));
    case.give(&["{\"n\":1}", &large]).await;
    case.ledgers.wait_until_settled().await;
    assert!(case.letters.all().is_empty());
    let (sent, balance) = case.end().await;
    let lines = lines(&sent);
    assert_eq!((lines.len(), balance.delivered), (2, 2));
    assert_eq!(lines[0], lines[1]);
    assert_eq!(lines[0][0], "{\"n\":1}");
    let start = format!("{{\"n\":1.50,\"{TRUNCATED}\":{{\"bytes\":{}", large.len());
    assert!(lines[0][1].starts_with(&start), "{}", lines[0][1]);
    assert_eq!(lines[0][1].len(), 1_024);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_given_up() {
    let limits = RecordLimits {
        age: Some(Duration::from_secs(600)),
        ..RecordLimits::default()
    };
    let mut case = case(Vec::new(), limits);
    let (old, young) = (of(11), of(9));
    case.give(&[&old, &young]).await;
    case.ledgers.wait_until_settled().await;
    let letters = case.letters.all();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].facts.reason, "too_old");
    assert_eq!(letters[0].body, old.as_bytes());
    let (sent, balance) = case.end().await;
    assert_eq!(lines(&sent), [[young]]);
    assert_eq!((balance.delivered, balance.dead_lettered), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_age_in_an_outage_is_not_sent_as_it_was() {
    for (on_old, given_up) in [(OnOld::DeadLetter, 1), (OnOld::Restamp, 0)] {
        let limits = RecordLimits {
            age: Some(Duration::from_secs(600)),
            on_old,
            ..RecordLimits::default()
        };
        let mut case = case((0..30).map(|_| answer(503)).collect(), limits);
        let (older, young) = (of(8), of(-60));
        case.give(&[&older, &young]).await;
        let started = Instant::now();
        case.ledgers.wait_until_settled().await;
        assert!(started.elapsed() > Duration::from_secs(120));
        let letters = case.letters.all();
        assert_eq!(letters.len(), given_up);
        let (sent, balance) = case.end().await;
        assert_eq!(balance.delivered + balance.dead_lettered, 2);
        for ((moment, _), lines) in sent.iter().zip(lines(&sent)) {
            // As it came, and never so when it was too old.
            let is_old = *moment - started > Duration::from_secs(120);
            assert_eq!(lines.contains(&older), !is_old);
            assert!(lines.contains(&young));
        }
        let last = lines(&sent).pop().unwrap();
        match on_old {
            OnOld::DeadLetter => assert_eq!(last, [young]),
            OnOld::Restamp => {
                assert!(last[0].contains(RESTAMPED), "{last:?}");
                let original = older.trim_start_matches('{').trim_end_matches('}');
                assert!(
                    last[0].contains(&format!("{{{original},\"id\"")),
                    "{last:?}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_search_goes_on_around_what_comes_of_age() {
    // The endpoint refuses one record and answers late: others come of age within the search.
    struct Slow;
    #[async_trait]
    impl Transport for Slow {
        async fn send(&self, request: Request) -> Result<Answer, TransportError> {
            tokio::time::sleep(Duration::from_secs(40)).await;
            answer(if text(&request.body).contains("bad") {
                400
            } else {
                200
            })
        }
    }
    let limits = RecordLimits {
        age: Some(Duration::from_secs(600)),
        ..RecordLimits::default()
    };
    let mut case = Case::of(Arc::new(Slow), config(limits));
    let mut records: Vec<String> = (0..10)
        .map(|n| of(if n % 3 == 0 { 8 } else { -60 }))
        .collect();
    records[5] = records[5].replace("{", "{\"bad\":1,");
    let event: Vec<&str> = records.iter().map(String::as_str).collect();
    case.give(&event).await;
    case.ledgers.wait_until_settled().await;
    let letters = case.letters.all();
    let refused: Vec<_> = letters
        .iter()
        .filter(|it| it.facts.reason == "refused")
        .collect();
    assert_eq!(refused.len(), 1, "{letters:?}");
    assert_eq!(refused[0].body, records[5].as_bytes());
    let others = letters.iter().filter(|it| it.facts.reason == "too_old");
    let others: Vec<_> = others.map(|it| it.facts.index.unwrap()).collect();
    assert!(others.iter().all(|index| index % 3 == 0), "{others:?}");
    let (_, balance) = case.end().await;
    assert_eq!(balance.dead_lettered as usize, letters.len());
    assert_eq!(balance.delivered + balance.dead_lettered, 10);
}
