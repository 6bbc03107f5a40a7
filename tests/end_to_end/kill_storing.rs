//! SIGKILL in the middle of storing a checkpoint.

use std::net::SocketAddr;

use crate::azurite::TestContainer;
use crate::eventually::eventually;
use crate::kill::{PARTITIONS, RECORDS_PER_EVENT, REPEATED_MAX, settings};
use crate::proxy::{Hold, Proxy};
use crate::scene::Scene;

/// A blob's metadata is what a checkpoint is in: it is set by one request, which is held on its
/// way there or on its way back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_checkpoint_is_written() {
    let scene = Scene::set(PARTITIONS).await;
    let container = TestContainer::create().await;
    let url = url::Url::parse(&container.url()).unwrap();
    let azurite = SocketAddr::from(([127, 0, 0, 1], url.port().unwrap()));
    let proxy = Proxy::start(azurite).await;
    let mut url = url;
    url.set_port(Some(proxy.address.port())).unwrap();
    let settings = settings(&scene).container(url.as_str());

    let holds = [Hold::Request, Hold::Answer, Hold::Request, Hold::Answer];
    for (round, hold) in holds.into_iter().enumerate() {
        let (before, distinct) = (scene.duplicates(), scene.endpoint.distinct());
        scene.produce(300, RECORDS_PER_EVENT);
        let forwarder = settings.start();
        eventually("a first record", || scene.endpoint.distinct() > distinct).await;
        proxy.hold(hold, &["PUT ", "checkpoint", "comp=metadata"]);
        // So that something is stored behind what may be stored by now.
        scene.produce(20, RECORDS_PER_EVENT);
        eventually("a checkpoint in the air", || proxy.held() > round).await;
        forwarder.kill().await;

        let forwarder = settings.start();
        scene.everything_arrives().await;
        forwarder.stop().await;
        let repeated = scene.duplicates() - before;
        println!("round {round}, {hold:?} held: {repeated} repeated");
        assert!(repeated <= REPEATED_MAX, "{repeated} > {REPEATED_MAX}");
        if hold == Hold::Request {
            assert!(repeated > 0, "what was to be stored is not");
        }
    }
    // Nothing is owed: a last start has nothing to deliver.
    let taken = scene.endpoint.taken().total();
    let forwarder = settings.start();
    forwarder.health_becomes("/readyz", 200).await;
    scene.produce(1, 1);
    scene.everything_arrives().await;
    forwarder.stop().await;
    assert_eq!(
        scene.endpoint.taken().total(),
        taken + u64::from(PARTITIONS)
    );
}
