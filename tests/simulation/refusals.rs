//! An endpoint that does not take everything, or nothing, or fails at one record.

use std::time::Duration;

use super::scene::Scene;

const RECORDS: usize = 5_000;
const EVENT: usize = 250;
/// `2 * ceil(log2 5000) + 1`.
const REQUESTS_MAX: usize = 27;

/// At the ends, in the middle, and at every 331st place between: every place of such a batch is gone
/// through by the unit tests of the search alone (`src/deliver/halving/tests.rs`), and here with
/// `SIMULATION_PLACES=<first>..<end>`, a few hundred at a time.
#[tokio::test(start_paused = true)]
async fn one_bad_record_among_5000_at_both_ends_and_places_between() {
    let mut places = vec![0, 1, 2, 2_499, 2_500, 2_501, 4_997, 4_998, 4_999];
    places.extend((331..RECORDS).step_by(331));
    if let Ok(range) = std::env::var("SIMULATION_PLACES") {
        let (first, end) = range.split_once("..").expect("<first>..<end>");
        places = (first.parse().unwrap()..end.parse().unwrap()).collect();
    }
    let scene = Scene::new(RECORDS, 2);
    tokio::time::sleep(Duration::from_secs(10)).await;
    for (round, place) in places.iter().enumerate() {
        let event = round * (RECORDS / EVENT) + place / EVENT;
        let bad = format!("0-0-{event}-{}", place % EVENT);
        let status = if round.is_multiple_of(2) { 400 } else { 422 };
        scene.endpoint.dislikes(&bad, Some(status));
        scene.produce(RECORDS / EVENT, EVENT as u8);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let requests = std::mem::take(&mut *scene.endpoint.requests.lock().unwrap());
        assert_eq!(requests[0].0, RECORDS, "they are one batch");
        assert!(
            requests.len() <= REQUESTS_MAX,
            "place {place}: {} requests",
            requests.len()
        );
        let accepted = std::mem::take(&mut *scene.endpoint.accepted.lock().unwrap());
        assert_eq!(accepted.len(), RECORDS - 1, "place {place}");
        let given_up = scene.given_up();
        assert_eq!(given_up.len(), round + 1);
        assert!(
            given_up.contains(&(bad, "refused".to_owned())),
            "place {place}: {given_up:?}"
        );
    }
    let rounds = places.len() as u64;
    scene.ends_with(rounds * (RECORDS as u64 - 1), rounds).await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_refuses_everything_costs_nothing() {
    for status in [400, 413, 422] {
        let scene = Scene::new(100, 4);
        tokio::time::sleep(Duration::from_secs(10)).await;
        scene.endpoint.answers(move |_| Some(status));
        scene.produce(100, 50);
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(scene.given_up(), []);
        let requests = scene.endpoint.requests.lock().unwrap().len();
        assert!((100..5_000).contains(&requests), "{requests} in an hour");
        let waiting = scene.app.waiting();
        let is_told = |why: &str| why.contains("misconfigured") && why.contains("status");
        assert!(waiting.iter().any(|(_, why)| is_told(why)), "{waiting:?}");

        scene.endpoint.answers(|_| Some(200));
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(scene.given_up(), [], "{status}, {:?}", scene.app.balance());
        assert_eq!(scene.endpoint.accepted.lock().unwrap().len(), 5_000);
        scene.ends_with(5_000, 0).await;
    }
}

/// One that refuses everything again and again, and takes something in between: what is given up
/// wrongly stays below `refusals_max`.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_changes_its_mind_costs_no_more_than_the_bound() {
    let scene = Scene::new(100, 4);
    tokio::time::sleep(Duration::from_secs(10)).await;
    for round in 0..60 {
        match round % 2 {
            0 => scene.endpoint.answers(|_| Some(400)),
            _ => scene.endpoint.answers(|_| Some(200)),
        }
        scene.produce(2, 50);
        tokio::time::sleep(Duration::from_secs(7)).await;
    }
    tokio::time::sleep(Duration::from_secs(120)).await;
    let given_up = scene.given_up();
    let count = given_up.len() as u64;
    assert!(count <= 100, "{count} records are given up");
    scene.ends_with(6_000 - count, count).await;
}

/// Others come every second; 10 s are more than the longest wait of a sink that fails as a whole.
#[tokio::test(start_paused = true)]
async fn a_record_at_which_the_endpoint_fails_is_found_and_the_others_are_undisturbed() {
    for status in [Some(500), Some(403), None] {
        let scene = Scene::new(10, 4);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let bad = "0-0-20-3".to_owned();
        scene.endpoint.dislikes(&bad, status);
        let mut late = Vec::new();
        for event in 0..1_200 {
            scene.produce(1, 5);
            tokio::time::sleep(Duration::from_secs(1)).await;
            // What went along with it is found to be good when it is found to be bad.
            if event >= 10 && !(20..22).contains(&(event - 10)) {
                let accepted = scene.endpoint.accepted.lock().unwrap();
                let first = format!("0-0-{}-0", event - 10);
                if !accepted.contains_key(&first) {
                    late.push(first);
                }
            }
        }
        assert_eq!(late, [] as [String; 0], "{status:?}");
        assert_eq!(scene.given_up(), [(bad, "poison".to_owned())], "{status:?}");
        tokio::time::sleep(Duration::from_secs(30)).await;
        scene.ends_with(5_999, 1).await;
    }
}
