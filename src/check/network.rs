//! The way to a host: its name, a connection, TLS, and the clock at the other end.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::address::{Address, Protocol};
use super::clock;
use super::expiry::{self, Left};
use super::finding::{Cause, Log, Point};
use crate::config::{Cloud, SinkConfig, SinkProxy, TlsConfig};
use crate::event_hub::Timestamp;
use crate::proxy::{self, Between};
use crate::trust;

mod exchange;
mod names;
mod tls;

use tls::{Failed, Shown};

/// Longest wait for one step.
const STEP_MAX: Duration = Duration::from_secs(10);

/// Where to, and by which way.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// The other end.
    pub(crate) address: Address,
    /// The proxy in between.
    pub(crate) between: Option<Between>,
    /// Whom TLS trusts beside the system's authorities, and who this end is.
    pub(crate) tls: TlsConfig,
}

impl Way {
    /// As everything but a sink goes: by the proxy of the environment, where the protocol takes
    /// one.
    pub(crate) fn to(address: Address) -> Self {
        let origin = address.origin().filter(|_| address.protocol.takes_proxy());
        Self {
            between: origin.and_then(|url| proxy::of_environment(&url)),
            address,
            tls: TlsConfig::default(),
        }
    }

    /// As the requests of a sink go.
    pub(crate) fn of_sink(address: Address, sink: &SinkConfig) -> Self {
        let origin = address.origin();
        let between = match &sink.connection.proxy {
            Some(SinkProxy::None) => None,
            Some(SinkProxy::At(at)) if at.expose() == "none" => None,
            Some(SinkProxy::At(at)) => origin.and_then(|url| proxy::at(at.expose(), &url)),
            None => origin.and_then(|url| proxy::of_environment(&url)),
        };
        Self {
            address,
            between,
            tls: sink.connection.tls.clone(),
        }
    }

    /// Host and port of the first connection.
    fn first(&self) -> (String, u16) {
        match &self.between {
            Some(proxy) => (proxy.host.clone(), proxy.port),
            None => (self.address.host.clone(), self.address.port),
        }
    }

    /// The name of the cloud's own service, which shows Microsoft's certificates.
    fn is_azure(&self) -> bool {
        Cloud::of_host(&self.address.host).is_some()
            || Cloud::ALL.iter().any(|cloud| {
                cloud.authority_host().strip_prefix("https://") == Some(self.address.host.as_str())
            })
    }
}

/// Goes there, as far as it comes. Gives the point at which it ended, if it did not arrive.
pub(crate) async fn walk(log: &Log, way: &Way) -> Result<(), Point> {
    let addresses = names::resolve(log, way).await?;
    let (mut stream, asked) = (connect(log, way, &addresses).await?, SystemTime::now());
    if !way.address.protocol.is_tls() {
        plain(log, way);
        if way.address.protocol.is_http() {
            let through = way.between.as_ref();
            let date = exchange::date(&mut stream, &way.address, through, STEP_MAX).await;
            compare(log, date, asked);
        }
        return Ok(());
    }
    if way.between.as_ref().is_some_and(|it| it.scheme != "http") {
        let seen = "not tried: the proxy itself is not spoken to over plain HTTP";
        log.note(Point::Tls, seen, "none: what follows goes through it");
        return Ok(());
    }
    let opened = tls::open(stream, &way.address.host, &way.tls, STEP_MAX).await;
    let (mut stream, shown) = match opened {
        Ok(opened) => opened,
        Err(failed) => return Err(refused(log, way, failed)),
    };
    certificate(log, way, &shown);
    if way.address.protocol.is_http() {
        let date = exchange::date(&mut stream, &way.address, None, STEP_MAX).await;
        compare(log, date, asked);
    }
    Ok(())
}

fn compare(log: &Log, date: Option<SystemTime>, asked: SystemTime) {
    if let Some(date) = date {
        // Half of the time that it took lies before the answer was made, as far as one knows.
        let half = asked.elapsed().unwrap_or_default() / 2;
        clock::compare(log, date, asked + half);
    }
}

async fn connect(log: &Log, way: &Way, addresses: &[SocketAddr]) -> Result<TcpStream, Point> {
    let began = Instant::now();
    let mut problems = Vec::new();
    for address in addresses {
        let stream = match timeout(STEP_MAX / 2, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                problems.push(format!("{address}: {error}"));
                continue;
            }
            Err(_) => {
                problems.push(format!("{address}: no answer within {:?}", STEP_MAX / 2));
                continue;
            }
        };
        let took = began.elapsed().as_millis();
        let Some(proxy) = &way.between else {
            log.ok(
                Point::Tcp,
                format!("{address} takes connections ({took} ms)"),
            );
            return Ok(stream);
        };
        if !way.address.protocol.is_tls() || proxy.scheme != "http" {
            log.ok(Point::Tcp, format!("the proxy {address} takes connections"));
            return Ok(stream);
        }
        return tunnel(log, way, proxy, stream).await;
    }
    let seen = format!("no connection: {}", problems.join("; "));
    log.failed(Point::Tcp, Cause::Unavailable, seen, blocked(way));
    Err(Point::Tcp)
}

/// What to do where no connection is taken.
fn blocked(way: &Way) -> String {
    let Address { host, port, .. } = &way.address;
    let allow = format!("let TCP to {host} port {port} out of this network");
    match (&way.between, way.address.protocol) {
        (Some(_), _) => "check the proxy's address, or set NO_PROXY for this host".to_owned(),
        (None, _) if way.address.is_near() => {
            "check host and port, and that something listens there".to_owned()
        }
        (None, Protocol::Amqps) => format!("{allow}, or set transport = \"websocket\" (port 443)"),
        (None, Protocol::Amqp) => format!("{allow}; check host and port"),
        (None, _) => format!("{allow}, or name a proxy (HTTPS_PROXY); check host and port"),
    }
}

async fn tunnel(
    log: &Log,
    way: &Way,
    proxy: &Between,
    mut stream: TcpStream,
) -> Result<TcpStream, Point> {
    let Between { host, port, .. } = proxy;
    let status = exchange::tunnel(&mut stream, &way.address, proxy, STEP_MAX).await;
    let (cause, seen) = match status {
        Ok(200..=299) => {
            let seen = format!("the proxy {host}:{port} reaches {}", way.address);
            log.ok(Point::Tcp, seen);
            return Ok(stream);
        }
        Ok(407) => (Cause::NotPermitted, "asks for credentials (407)".to_owned()),
        Ok(status) => {
            let seen = format!("does not reach {} (status {status})", way.address);
            (Cause::Unavailable, seen)
        }
        Err(problem) => (Cause::Unavailable, problem),
    };
    let remedy = match cause {
        Cause::NotPermitted => "put user and password into the proxy's URL".to_owned(),
        _ => format!(
            "let the proxy reach {}, or set NO_PROXY for it",
            way.address
        ),
    };
    log.failed(
        Point::Tcp,
        cause,
        format!("the proxy {host}:{port} {seen}"),
        remedy,
    );
    Err(Point::Tcp)
}

/// What is said where there is no TLS.
fn plain(log: &Log, way: &Way) {
    if way.address.is_near() {
        log.ok(Point::Tls, "none: it stays on this machine");
        return;
    }
    let scheme = way.address.protocol.word();
    let seen = format!("none: {scheme}:// is readable for everybody on the way");
    log.note(Point::Tls, seen, "use TLS, unless nothing lies in between");
}

fn refused(log: &Log, way: &Way, failed: Failed) -> Point {
    let (cause, seen, remedy) = match failed {
        Failed::Untrusted { words, shown } => {
            let own = way.tls.ca.is_some().then_some("the sink's `tls.ca`");
            let why = trust::explain(&words, own).unwrap_or(words);
            let (seen, remedy) = why.split_once(": ").unwrap_or((&why, "check it"));
            let issuer = shown.map(|it| format!("; issued by {}", it.issuer));
            let hint = "; if that issuer is your organisation's, something on the way opens TLS: let \
                        this host pass, or trust it";
            let seen = format!("{seen}{}", issuer.unwrap_or_default());
            (Cause::Unavailable, seen, format!("{remedy}{hint}"))
        }
        Failed::Setting(problem) => (
            Cause::Configuration,
            problem,
            "check tls.ca, tls.certificate and tls.key of the sink".to_owned(),
        ),
        Failed::Other(problem) => (
            Cause::Unavailable,
            format!("no TLS: {problem}"),
            format!(
                "check that {} speaks TLS, and that nothing on the way (a proxy, a firewall) \
                 breaks it off",
                way.address
            ),
        ),
    };
    log.failed(Point::Tls, cause, seen, remedy);
    Point::Tls
}

fn certificate(log: &Log, way: &Way, shown: &Shown) {
    let Shown {
        certificate,
        version,
    } = shown;
    let Some(certificate) = certificate else {
        log.ok(Point::Tls, format!("{version}, trusted"));
        return;
    };
    let (issuer, ends) = (&certificate.issuer, certificate.ends);
    let seen = format!("{version}, trusted; issued by {issuer}, until {ends}");
    let is_foreign = way.is_azure()
        && !["Microsoft", "DigiCert"]
            .iter()
            .any(|it| issuer.contains(it));
    if is_foreign {
        let remedy = "something on the way opens TLS and reads everything: let this host pass it, \
                      unless that is wanted";
        log.note(
            Point::Tls,
            format!("{seen}: not one of Microsoft's"),
            remedy,
        );
    } else if expiry::left(ends, Timestamp::from(SystemTime::now())) == Left::Little {
        log.note(Point::Tls, seen, "whoever runs it has to renew it in time");
    } else {
        log.ok(Point::Tls, seen);
    }
}
