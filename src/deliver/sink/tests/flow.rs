//! How much is sent at a time, in which order, and how fast.

use super::*;

/// What an endpoint with this much room does in a second of work.
#[derive(Default)]
struct Load {
    in_flight: usize,
    accepted: usize,
    refused: usize,
}

/// Takes `room` requests at a time, each for 100 ms, and answers 503 to what is more.
struct Narrow {
    room: usize,
    load: Mutex<Load>,
}

#[async_trait]
impl Transport for Narrow {
    async fn send(&self, _: Request) -> Result<Answer, TransportError> {
        let has_room = {
            let mut load = self.load.lock().unwrap();
            let has_room = load.in_flight < self.room;
            load.in_flight += usize::from(has_room);
            load.refused += usize::from(!has_room);
            has_room
        };
        if !has_room {
            tokio::time::sleep(Duration::from_millis(5)).await;
            return answer(503);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut load = self.load.lock().unwrap();
        load.in_flight -= 1;
        load.accepted += 1;
        answer(200)
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_settles_near_what_an_endpoint_takes() {
    let narrow = Arc::new(Narrow {
        room: 4,
        load: Mutex::default(),
    });
    let mut case = Case::with(Arc::clone(&narrow) as _, 16, RateConfig::default());
    let mut limits = Vec::new();
    // More than it takes, for a minute.
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        case.give(&["1", "2"]).await;
        limits.push(case.context.stats.concurrency.load(Ordering::Relaxed));
    }
    let settled = &limits[limits.len() / 2..];
    let (least, most) = (settled.iter().min().unwrap(), settled.iter().max().unwrap());
    assert!(*least >= 1 && *most <= 6, "{least} to {most}");
    assert!(*most >= 4, "{most}");
    let mean = settled.iter().sum::<usize>() as f64 / settled.len() as f64;
    assert!((2.0..=5.0).contains(&mean), "{mean}");
    let accepted = narrow.load.lock().unwrap().accepted;
    let refused = narrow.load.lock().unwrap().refused;
    // 2,400 is what it could do in a minute.
    assert!(accepted > 1_200, "{accepted}");
    assert!(refused < accepted / 5, "{refused} beside {accepted}");
    case.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_down_is_asked_by_one_at_a_time_and_rarely() {
    let answers = (0..4_000).map(|_| Err(TransportError::Connect("refused".into())));
    let mut case = Case::new(Script::of(answers), 8);
    for record in 0..8 {
        let record = record.to_string();
        case.give(&[&record, &record]).await;
    }
    tokio::time::sleep(Duration::from_secs(5 * 60)).await;
    let before = case.script.sent.lock().unwrap().len();
    tokio::time::sleep(Duration::from_secs(20 * 60)).await;
    let during = case.script.sent.lock().unwrap().len() - before;
    // Waits of 30 s on average, for all eight batches together.
    assert!((20..=80).contains(&during), "{during} in 20 minutes");
    assert_eq!(case.context.stats.concurrency.load(Ordering::Relaxed), 1);
    // All of them took turns.
    let bodies: std::collections::BTreeSet<_> = {
        let sent = case.script.sent.lock().unwrap();
        sent[before..]
            .iter()
            .map(|(_, body)| body.clone())
            .collect()
    };
    assert_eq!(bodies.len(), 8);
    case.script.answers.lock().unwrap().clear();
    let up = Instant::now();
    case.ledgers.wait_until_settled().await;
    assert!(Instant::now() - up <= Duration::from_secs(61));
    let (_, balance) = case.end().await;
    assert_eq!(balance.delivered, 16);
}

/// Answers 500 to one body for ever, and takes all others.
struct Allergic(Mutex<Vec<(Instant, bool)>>);

#[async_trait]
impl Transport for Allergic {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let is_bad = text(&request.body).contains("bad");
        self.0.lock().unwrap().push((Instant::now(), is_bad));
        tokio::time::sleep(Duration::from_millis(10)).await;
        answer(if is_bad { 500 } else { 200 })
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_never_passes_holds_up_nobody() {
    let allergic = Arc::new(Allergic(Mutex::default()));
    let mut case = Case::with(Arc::clone(&allergic) as _, 2, RateConfig::default());
    case.give(&["\"bad\"", "2"]).await;
    let started = Instant::now();
    for _ in 0..300 {
        case.give(&["1", "2"]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let sent = allergic.0.lock().unwrap().clone();
    let good = sent.iter().filter(|(_, is_bad)| !is_bad).count();
    let bad = sent.len() - good;
    assert_eq!(Instant::now() - started, Duration::from_secs(300));
    assert!(good >= 295, "{good}");
    assert!((5..=40).contains(&bad), "{bad} attempts of the bad one");
}

#[tokio::test(start_paused = true)]
async fn the_oldest_batch_goes_first() {
    let script = Script {
        takes: Duration::from_secs(1),
        ..Script::of([after(429, 30)])
    };
    let mut case = Case::new(script, 4);
    // The first is held off, and the others come while it waits.
    case.give(&["1", "1"]).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    for record in ["2", "3", "4"] {
        case.give(&[record, record]).await;
    }
    case.ledgers.wait_until_settled().await;
    let (sent, _) = case.end().await;
    let order: Vec<_> = sent.iter().map(|(_, body)| text(body)).collect();
    assert_eq!(order.len(), 5);
    assert_eq!(order[0], order[1], "the oldest goes first");
    assert!(sent[1].0 - sent[0].0 >= Duration::from_secs(30));
    assert!(order[2] < order[3] && order[3] < order[4], "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_keep_to_their_rate() {
    let rate = RateConfig {
        requests_per_second: Some(2),
        burst: Duration::from_secs(2),
        ..RateConfig::default()
    };
    let script = Arc::new(Script::default());
    let mut case = Case::with(Arc::clone(&script) as _, 3, rate);
    let started = Instant::now();
    for _ in 0..10 {
        case.give(&["1", "2"]).await;
    }
    case.ledgers.wait_until_settled().await;
    let sent = script.sent.lock().unwrap().clone();
    let times: Vec<_> = sent.iter().map(|it| (it.0 - started).as_millis()).collect();
    assert_eq!(times, [0, 0, 0, 0, 500, 1_000, 1_500, 2_000, 2_500, 3_000]);
    case.end().await;
}

#[tokio::test(start_paused = true)]
async fn bytes_keep_to_their_rate_whichever_delivery_sends_them() {
    let script = Arc::new(Script::default());
    let bytes_per_second = 16;
    let rate = RateConfig {
        bytes_per_second: Some(bytes_per_second),
        burst: Duration::from_secs(1),
        ..RateConfig::default()
    };
    let mut case = Case::with(Arc::clone(&script) as _, 3, rate);
    for record in 0..6 {
        let record = record.to_string();
        case.give(&[&record, &record]).await;
    }
    case.ledgers.wait_until_settled().await;
    let sent = script.sent.lock().unwrap().clone();
    // Each body is larger than the bucket, so each waits until the bucket is full again.
    for pair in sent.windows(2) {
        let bytes = pair[0].1.len() as u64;
        assert!(bytes > bytes_per_second);
        let worth = Duration::from_millis(bytes * 1_000 / bytes_per_second);
        let waited = pair[1].0 - pair[0].0;
        // Timers fall on whole milliseconds.
        assert!(waited >= worth && waited <= worth + Duration::from_millis(2));
    }
    assert_eq!(sent.len(), 6);
    case.end().await;
}
