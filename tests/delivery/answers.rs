//! Each answer alone: what it means, and what it does to the next attempt.

use std::time::{Duration, SystemTime};

use entra_forwarder::config::{RetryConfig, SinkConfig};
use entra_forwarder::format::Success;

use crate::bench::{Bench, WAYS, all, config, delivered, marked};
use crate::endpoint::Script;
use crate::reply::{Fault, Reply};
use crate::trust::Trust;

/// What is accepted is sent once, whatever the answer looks like.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acceptances() {
    let flood = Reply::fault(200, Fault::FloodBody);
    let replies = [200, 201, 202, 204, 205].map(Reply::status);
    for reply in replies.into_iter().chain([flood]) {
        for way in WAYS {
            let status = reply.status;
            let reply = reply.clone();
            let script = Script::new(move |_, _| reply.clone());
            delivered(way, &script, config(10, 2), &marked(35, &[]), all).await;
            let records: usize = script.seen().iter().map(|it| it.records.len()).sum();
            assert_eq!(
                (script.begun(), records),
                (script.seen().len(), 35),
                "{status}"
            );
        }
    }
}

/// Statuses that say "not now" or "not you": the same bytes again under the same id.
const SETBACKS: [u16; 40] = [
    203, 206, 207, 226, 260, 299, 300, 301, 302, 303, 304, 305, 307, 308, 401, 402, 403, 404, 405,
    406, 407, 408, 409, 410, 411, 415, 418, 421, 423, 425, 426, 428, 429, 431, 451, 500, 501, 502,
    503, 504,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn setbacks_repeat_the_same_bytes() {
    for way in WAYS {
        // All over one sink, each once and some of them in a row.
        let statuses = SETBACKS
            .into_iter()
            .chain([507, 511, 520, 529, 599, 600, 999]);
        let setbacks: Vec<_> = statuses.map(Reply::status).collect();
        let count = setbacks.len();
        let script = Script::of(setbacks);
        let ended = delivered(way, &script, config(100, 1), &marked(20, &[]), all).await;
        let seen = script.seen();
        assert_eq!(seen.len(), count + 1);
        assert!(
            seen.iter()
                .all(|it| it.wire == seen[0].wire && it.id == seen[0].id)
        );
        assert_eq!(ended.client.results().len(), count + 1, "each is an answer");
        assert!(ended.client.results().iter().all(Result::is_ok));
    }
}

/// `Retry-After` is obeyed in both of its forms, up to its bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_after_in_seconds_and_as_a_date() {
    const BOUND: Duration = Duration::from_millis(400);
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
    for way in WAYS {
        for status in [429, 503, 408, 425, 500] {
            let values = ["3600", date.as_str()];
            let asked = values.map(|it| Reply::status(status).header("retry-after", it));
            let script = Script::of(asked);
            let defaults = config(100, 1);
            let config = SinkConfig {
                retry: RetryConfig {
                    retry_after_max: BOUND,
                    ..defaults.retry
                },
                ..defaults
            };
            delivered(way, &script, config, &marked(5, &[]), all).await;
            let seen = script.seen();
            assert_eq!(seen.len(), 3);
            for two in seen.windows(2) {
                assert!(two[1].at - two[0].at >= BOUND, "{status}: too early");
            }
        }
    }
}

/// What is no time, or none to wait for, changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_after_that_says_nothing() {
    for way in WAYS {
        let values = [
            "soon",
            "-5",
            "",
            "0",
            "Wed, 21 Oct 2015 07:28:00 GMT",
            "1.5",
        ];
        let script = Script::of(values.map(|it| Reply::status(503).header("retry-after", it)));
        delivered(way, &script, config(100, 1), &marked(5, &[]), all).await;
        assert_eq!(script.seen().len(), values.len() + 1);
    }
}

/// An endpoint that says 200 to what it throws away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acceptances_that_are_none() {
    let says = |body, accepts| Reply::status(200).saying(body, accepts);
    let success = Success {
        statuses: vec![200, 202],
        body_contains: Some("\"ok\"".to_owned()),
        body_excludes: Some("blocked".to_owned()),
    };
    for way in WAYS {
        let script = Script::new(move |number, _| match number % 6 {
            0 => says("", false),
            1 => says("<html>login</html>", false),
            2 => says("{\"ok\",\"blocked\"}", false),
            3 => Reply::status(201).saying("{\"ok\"}", false),
            4 => Reply::status(204).saying("", false),
            _ => says("{\"ok\"}", true),
        });
        let config = SinkConfig {
            success: success.clone(),
            ..config(100, 1)
        };
        delivered(way, &script, config, &marked(10, &[]), all).await;
        assert_eq!(script.seen().len(), 6);
    }
}

/// Neither records nor credentials go where a redirect leads, whichever it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_lead_nowhere() {
    let trust = Trust::new();
    for way in WAYS {
        let elsewhere = Script::of([]);
        let acceptor = || Some(trust.acceptor("localhost"));
        let [clear, tls] = [
            elsewhere.serve(None).await,
            elsewhere.serve(acceptor()).await,
        ];
        let to = [
            format!("http://{}/in", clear.address),
            format!("https://localhost:{}/in", tls.address.port()),
        ];
        let script =
            Script::new(
                move |number, _| match [301, 302, 303, 307, 308].get(number / 2) {
                    Some(status) => {
                        Reply::status(*status).header("location", to[number % 2].as_str())
                    }
                    None => Reply::status(200),
                },
            );
        let server = script
            .serve((way == crate::bench::Way::Tls).then(|| trust.acceptor("localhost")))
            .await;
        let mut bench = Bench::start(way, server.address, &trust, config(100, 1));
        bench.give(&marked(10, &[])).await;
        bench.end(&script, all).await;
        assert_eq!(script.seen().len(), 11);
        assert_eq!((elsewhere.connections(), elsewhere.begun()), (0, 0));
    }
}
