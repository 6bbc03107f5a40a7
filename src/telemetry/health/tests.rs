use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;

use tokio::task::JoinSet;
use tokio::time::advance;

use super::*;

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("http://{address}{path}"))
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn the_three_paths_say_what_they_mean() {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let status = Arc::new(Status::default());
    let health = Arc::new(Health::new(
        Arc::clone(&status),
        vec!["source entra".into()],
        vec!["sink siem".into()],
    ));
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = HealthServer::start(listen, Arc::clone(&health)).unwrap();
    let address = server.address;
    let ok = (200, "ok\n".to_owned());
    assert_eq!(get(address, "/livez").await, ok);
    assert_eq!(get(address, "/startupz").await, ok);
    let unready = "sink siem: not answered yet\nsource entra: not answered yet\n";
    assert_eq!(get(address, "/readyz").await, (503, unready.to_owned()));
    status.is_well("source entra");
    status.waits("sink siem", "no connection");
    assert_eq!(get(address, "/readyz").await, ok);
    status.waits("source entra", "no such hub");
    assert_eq!(
        get(address, "/readyz").await.1,
        "source entra: no such hub\n"
    );
    status.is_well("source entra");
    status.fails("partition 0", "stalls");
    assert_eq!(get(address, "/readyz").await.1, "partition 0: stalls\n");
    health.pulses[1].store(-i64::from(u32::MAX), Ordering::Relaxed);
    assert_eq!(get(address, "/livez").await.0, 503);
    assert_eq!(get(address, "/other").await.0, 404);
    tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
}

/// Asks without any runtime; whoever does not answer within this bound hangs.
fn ask(address: SocketAddr, path: &str) -> String {
    const BOUND: Duration = Duration::from_secs(60);
    let mut stream = TcpStream::connect_timeout(&address, BOUND).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn load_does_not_keep_the_probes_from_answering() {
    const WORKERS: usize = 2;
    let status = Arc::<Status>::default();
    status.is_well("source entra");
    let needed = vec!["source entra".to_owned()];
    let health = Arc::new(Health::new(status, needed, Vec::new()));
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = HealthServer::start(listen, Arc::clone(&health)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .unwrap();
    let mut tasks = JoinSet::new();
    // As many tasks as there are workers, and none of them yields.
    let [begun, done] = [(); 2].map(|()| Arc::new(Barrier::new(WORKERS + 1)));
    for _ in 0..WORKERS {
        let (begun, done) = (Arc::clone(&begun), Arc::clone(&done));
        let work = async move {
            begun.wait();
            done.wait();
        };
        tasks.spawn_on(work, runtime.handle());
    }
    begun.wait();
    let has_run = Arc::<AtomicBool>::default();
    let runs = Arc::clone(&has_run);
    tasks.spawn_on(
        async move { runs.store(true, Ordering::Relaxed) },
        runtime.handle(),
    );
    for path in ["/livez", "/readyz", "/startupz"] {
        let answer = ask(server.address, path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    assert!(
        !has_run.load(Ordering::Relaxed),
        "the runtime was saturated"
    );
    done.wait();
    runtime.block_on(async { while tasks.join_next().await.is_some() {} });
    assert!(has_run.load(Ordering::Relaxed));
    server.stop();
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_stands_still_is_no_life() {
    let status = Arc::<Status>::default();
    let health = Health::new(Arc::clone(&status), Vec::new(), Vec::new());
    // The runtimes are well.
    for pulse in &health.pulses {
        pulse.store(i64::MAX / 2, Ordering::Relaxed);
    }
    let turn = status.turns().watch("the checkpointer".to_owned());
    status.waits("source entra", "away");
    advance(Duration::from_secs(599)).await;
    assert_eq!(health.live(), Ok(()));
    advance(Duration::from_secs(1)).await;
    let reason = "the checkpointer is stuck for 600 s";
    assert_eq!(health.live(), Err(reason.to_owned()));
    turn.goes_on();
    assert_eq!(health.live(), Ok(()));
}

/// Whoever can reach the port can hold connections open; the platform must not end the process for
/// that.
#[test]
fn silent_connections_do_not_keep_the_probes_from_answering() {
    const SILENT: usize = 300;
    /// Generous; without a place for the probe it waits for twice as long.
    const BOUND: Duration = Duration::from_secs(20);
    let health = Arc::new(Health::new(Arc::default(), Vec::new(), Vec::new()));
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = HealthServer::start(listen, health).unwrap();
    for begun in ["", "GET /livez HTTP/1.1\r\nHo"] {
        for _ in 0..3 {
            let open = || {
                let mut stream = TcpStream::connect_timeout(&server.address, BOUND).unwrap();
                // It may be closed already, which is as well.
                let _sent = stream.write_all(begun.as_bytes());
                stream
            };
            let silent: Vec<_> = (0..SILENT).map(|_| open()).collect();
            let asked = tokio::time::Instant::now();
            let answer = ask(server.address, "/livez");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            assert!(asked.elapsed() < BOUND, "{:?}", asked.elapsed());
            drop(silent);
        }
    }
    server.stop();
}
