//! What goes wrong before there is a request.

use std::time::Duration;

use entra_forwarder::deliver::response::TransportError;

use crate::bench::{Bench, WAYS, Way, all, config, impatient, marked};
use crate::endpoint::{Knock, Script};
use crate::ports;
use crate::reply::Ending;
use crate::trust::Trust;

async fn knocking(way: Way, knock: impl Fn(&Trust) -> Knock) -> Vec<Result<u16, TransportError>> {
    let trust = Trust::new();
    let refusal = knock(&trust);
    let script = Script::of([]).knocked(move |number| match number {
        0..4 => refusal.clone(),
        _ => Knock::Serve,
    });
    let acceptor = (way == Way::Tls).then(|| trust.acceptor("localhost"));
    let server = script.serve(acceptor).await;
    let mut bench = Bench::start(way, server.address, &trust, impatient(10, 2));
    bench.give(&marked(40, &[])).await;
    let ended = bench.end(&script, all).await;
    assert!(script.connections() > 4);
    assert!(script.seen().len() >= 4);
    ended.client.results()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_end_or_speak_something_else() {
    for way in WAYS {
        for ending in [Ending::Close, Ending::Reset, Ending::Hang] {
            let results = knocking(way, |_| Knock::End(ending)).await;
            assert!(results.iter().filter(|it| it.is_err()).count() >= 4);
        }
        knocking(way, |_| Knock::Garbage).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_are_not_trusted() {
    let stranger = |_: &Trust| Knock::Tls(Trust::new().acceptor("localhost"));
    let misnamed = |trust: &Trust| Knock::Tls(trust.acceptor("other.example"));
    let mutual = |trust: &Trust| Knock::Tls(trust.mutual("localhost", &Trust::new()));
    for results in [
        knocking(Way::Tls, stranger).await,
        knocking(Way::Tls, misnamed).await,
    ] {
        let failed: Vec<_> = results.iter().filter_map(|it| it.as_ref().err()).collect();
        assert!(failed.len() >= 4);
        for error in failed {
            assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
        }
    }
    let results = knocking(Way::Tls, mutual).await;
    assert!(results.iter().filter(|it| it.is_err()).count() >= 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_listens_for_a_while() {
    for way in WAYS {
        let (trust, address) = (Trust::new(), ports::unused());
        let mut bench = Bench::start(way, address, &trust, config(10, 2));
        bench.give(&marked(40, &[])).await;
        while bench.results().len() < 6 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (_, reason) = &bench.waiting()[0];
        assert!(reason.contains("cannot connect"), "{reason}");
        let script = Script::of([]);
        let acceptor = (way == Way::Tls).then(|| trust.acceptor("localhost"));
        let _server = script.serve_at(address, acceptor).await;
        bench.end(&script, all).await;
        assert_eq!(script.seen().len(), 4, "each batch once");
    }
}
