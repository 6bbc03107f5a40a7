//! Ten lives of a token: one reopening per partition and life, nothing lost, ready all the time.
//!
//! The credential gives the same token until just before its end, so no link can be opened with a
//! newer one in time, and the hub ends it with the words of a missing role.
//! `TOKEN_SECONDS=20 cargo test --test end_to_end ten_lives` takes longer and shows the same.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::credentials::{by_platform, scene, settings};
use crate::eventually::eventually;
use crate::identity::{CLIENT_ID, IdentityService};

const LIVES: u32 = 10;
const PARTITIONS: u32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn ten_lives_of_a_token() {
    let seconds = std::env::var("TOKEN_SECONDS").ok();
    let life = Duration::from_secs(seconds.map_or(4, |text| text.parse().unwrap()));
    let service = IdentityService::platform(&[life]).await;
    service.repeat();
    let scene = scene(PARTITIONS).await;
    let settings = by_platform(settings(&scene), &service).variable("AZURE_CLIENT_ID", CLIENT_ID);
    let forwarder = settings.start();
    forwarder.health_becomes("/readyz", 200).await;
    eventually("the first links", || {
        scene.hub.emulator.attach_log().len() >= PARTITIONS as usize
    })
    .await;
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    while begun.elapsed() < LIVES * life {
        ticks.tick().await;
        scene.produce(1, 2);
        assert_eq!(forwarder.health("/readyz").await, (200, "ok\n".to_owned()));
    }
    let mut attached: BTreeMap<String, u32> = BTreeMap::new();
    for record in scene.hub.emulator.attach_log() {
        *attached.entry(record.partition).or_default() += 1;
    }
    println!("{:?}: attached {attached:?}", begun.elapsed());
    // A token lives up to a second less than it says, since its end is cut off.
    let lives = LIVES * u32::try_from(life.as_millis()).unwrap()
        / u32::try_from((life - Duration::from_millis(1_500)).as_millis()).unwrap();
    for times in attached.values() {
        assert!((LIVES / 2..=lives + 2).contains(times), "{attached:?}");
    }
    scene.everything_arrives().await;
    forwarder.stop().await;
    scene.assert_orderly();
    assert_eq!(scene.duplicates(), 0);
}
