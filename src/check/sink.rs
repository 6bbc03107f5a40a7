//! A sink: the way there, by whose right, and a request without records.

use std::sync::Arc;

use super::address::Address;
use super::expiry;
use super::finding::{Cause, Log, Point};
use super::network::{self, Way};
use super::token;
use crate::app::outside::parts::Parts;
use crate::app::signatures;
use crate::clock::SystemClock;
use crate::compress::Compressor;
use crate::config::{Config, SinkConfig, SinkKind};
use crate::deliver::http::Transport;
use crate::deliver::probe::{Endpoint, Probed};
use crate::deliver::response::Verdict;
use crate::destination::AZURE_BLOB;
use crate::format;
use crate::trust::certificate::Certificate;

/// Looks at one sink.
pub(crate) async fn look(
    log: &Log,
    config: &Config,
    (name, sink): (&str, &SinkConfig),
    (transport, compressor): (&dyn Transport, &dyn Compressor),
    parts: &Parts,
) {
    let url = match &sink.kind {
        SinkKind::Null => return log.ok(Point::Request, "it sends nothing"),
        SinkKind::Http => &sink.endpoint,
        SinkKind::Blob { container_url, .. } => container_url,
    };
    let Some(address) = Address::of_text(url.expose()) else {
        let seen = "its URL names no host";
        let remedy = format!("check sinks.{name}");
        return log.failed(Point::Name, Cause::Configuration, seen, remedy);
    };
    let holds = credentials(log, config, name, sink, parts).await;
    let way = match &sink.kind {
        SinkKind::Http => Way::of_sink(address, sink),
        _ => Way::to(address),
    };
    if let Err(failed) = network::walk(log, &way).await {
        let behind: &[Point] = match failed {
            Point::Name => &[Point::Tcp, Point::Tls, Point::Request],
            Point::Tcp => &[Point::Tls, Point::Request],
            _ => &[Point::Request],
        };
        return log.skipped(behind, failed);
    }
    if !holds {
        return log.skipped(&[Point::Request], Point::Credential);
    }
    let format = format::of(sink, Arc::new(SystemClock));
    let endpoint = Endpoint {
        format: &format,
        transport,
        compressor,
        compression: sink.compression,
    };
    answered(log, name, endpoint.ask().await);
}

/// What can be read of its credentials; gives whether they hold.
async fn credentials(
    log: &Log,
    config: &Config,
    name: &str,
    sink: &SinkConfig,
    parts: &Parts,
) -> bool {
    let mut holds = true;
    if let Some((certificate, _)) = &sink.connection.tls.identity
        && let Some(certificate) = Certificate::of_pem(certificate.expose())
    {
        let place = format!("sinks.{name}.tls.certificate");
        holds &= expiry::report_certificate(log, &place, &certificate);
    }
    let place = format!("sinks.{name}.{AZURE_BLOB}.container_url");
    let mut known = signatures::signatures(config).into_iter();
    if let Some(known) = known.find(|known| known.place == place) {
        let what = format!("the signature in {place}");
        holds &= expiry::report(log, &what, &place, known.ends);
    }
    if let Some((credential, scope)) = parts.sinks.get(name) {
        holds &= token::ask(log, credential, scope).await.is_ok();
    }
    holds
}

/// What came of the request.
fn answered(log: &Log, name: &str, probed: Probed) {
    let status = probed.status.map_or(0, u32::from);
    let (cause, reason) = match probed.verdict {
        Verdict::Accepted if (200..300).contains(&status) => {
            let seen = format!("a request without records is accepted (status {status})");
            return log.ok(Point::Request, seen);
        }
        Verdict::Accepted | Verdict::PerRecord(_) | Verdict::Faulty(..) => {
            let seen = format!(
                "a request without records is answered with {status}: the address is right, and \
                 the credentials were not refused"
            );
            let remedy = "none, if the first records arrive: nothing else can be sent as a test";
            return log.note(Point::Request, seen, remedy);
        }
        Verdict::NotNow { reason, .. } if status == 429 => {
            let (seen, remedy) = advised(&reason);
            let remedy = remedy.unwrap_or("wait");
            return log.warning(Point::Request, seen, remedy);
        }
        Verdict::NotNow { reason, .. } => (Cause::Unavailable, reason),
        Verdict::Refused { reason } => match status {
            300..=399 | 404 | 405 => (Cause::Other, reason),
            _ => (Cause::NotPermitted, reason),
        },
    };
    let (seen, remedy) = advised(&reason);
    let remedy = match (remedy, cause) {
        (Some(remedy), _) => remedy.to_owned(),
        (None, Cause::Unavailable) => {
            "look at the endpoint itself: the forwarder would wait for it".to_owned()
        }
        (None, _) => format!("check sinks.{name}: its address and credentials"),
    };
    log.failed(Point::Request, cause, seen, remedy);
}

/// Reasons say what to do in parentheses at their end, or behind a colon.
fn advised(reason: &str) -> (&str, Option<&str>) {
    let in_parentheses = reason.strip_suffix(')').and_then(|it| it.split_once(" ("));
    match in_parentheses.or_else(|| reason.split_once(": ")) {
        Some((seen, advice)) => (seen, Some(advice)),
        None => (reason, None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    fn outcome(status: Option<u16>, verdict: Verdict) -> super::super::finding::Finding {
        let log = Log::of("sinks.siem");
        answered(&log, "siem", Probed { verdict, status });
        log.findings().remove(0)
    }

    #[test]
    fn answers_have_their_causes() {
        let refused = |status, reason: &str| {
            let reason = reason.to_owned();
            outcome(Some(status), Verdict::Refused { reason })
        };
        let finding = refused(401, "status 401 (credentials missing: check `auth`)");
        assert_eq!(finding.outcome, Outcome::Failed(Cause::NotPermitted));
        assert_eq!(finding.seen, "status 401");
        let remedy = finding.remedy.unwrap();
        assert_eq!(remedy, "credentials missing: check `auth`");
        let finding = refused(404, "status 404 (no such address: check `endpoint`)");
        assert_eq!(finding.outcome, Outcome::Failed(Cause::Other));
        assert_eq!(outcome(Some(204), Verdict::Accepted).outcome, Outcome::Ok);
        assert_eq!(outcome(Some(400), Verdict::Accepted).outcome, Outcome::Note);
        let not_now = |reason: &str| Verdict::NotNow {
            reason: reason.to_owned(),
            retry_after: None,
            is_overload: true,
        };
        let finding = outcome(Some(429), not_now("status 429 (slow down)"));
        assert_eq!(finding.outcome, Outcome::Warning);
        let finding = outcome(None, not_now("no answer in time"));
        assert_eq!(finding.outcome, Outcome::Failed(Cause::Unavailable));
        assert!(finding.remedy.is_some());
    }
}
