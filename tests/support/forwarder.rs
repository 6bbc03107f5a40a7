//! The real program, as a process of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::eventually::{PATIENCE, eventually_some};
use crate::hub::GROUP;

/// A configuration: values by their keys.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    values: BTreeMap<String, String>,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Settings {
    /// Nothing is set.
    pub(crate) fn empty() -> Self {
        Self {
            values: BTreeMap::new(),
            arguments: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// One source, one sink, checkpoints in a directory, everything quick.
    pub(crate) fn new(connection_string: &str, endpoint: &str, store: &Path) -> Self {
        Self::empty()
            .set("sources.logs.connection_string", connection_string)
            .set("sources.logs.consumer_group", GROUP)
            .sink("main", endpoint)
            .set("checkpoints.store", "directory")
            .set("checkpoints.directory", &store.to_string_lossy())
            .set("checkpoints.interval", "200ms")
            // A process that was killed leaves its partitions to the next one soon.
            .set("ownership.balance_interval", "200ms")
            .set("ownership.renew_interval", "1s")
            .set("ownership.expiry", "3s")
            .set("checkpoints.interval_max", "200ms")
            .set("health.listen", "127.0.0.1:0")
    }

    /// Checkpoints in a blob container instead of a directory.
    pub(crate) fn container(self, url: &str) -> Self {
        self.without("checkpoints.directory")
            .set("checkpoints.store", "blob")
            .set("checkpoints.container_url", url)
    }

    /// One more sink.
    pub(crate) fn sink(self, name: &str, endpoint: &str) -> Self {
        let key = |key: &str| format!("sinks.{name}.{key}");
        self.set(&key("type"), "http")
            .set(&key("endpoint"), endpoint)
            .set(&key("batch.age"), "100ms")
            .set(&key("retry.initial"), "50ms")
            .set(&key("retry.max"), "200ms")
    }

    /// The same with another value of a key.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.values.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The same without a key.
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.values.remove(key);
        self
    }

    /// The same with one more argument behind `run`.
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// The same with a variable of the environment that is no key.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The configuration as TOML.
    pub(crate) fn toml(&self) -> String {
        let line = |(key, value): (&String, &String)| {
            let is_bare = value.parse::<i64>().is_ok() || value == "true" || value == "false";
            let value = match is_bare {
                true => value.clone(),
                false => Value::from(value.as_str()).to_string(),
            };
            format!("{key} = {value}\n")
        };
        self.values.iter().map(line).collect()
    }

    /// This configuration in the environment, with the variables that are no keys.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let variables = self.values.iter().map(|(key, value)| {
            let name = key.to_ascii_uppercase().replace('.', "__");
            (format!("ENTRA_FORWARDER__{name}"), value.clone())
        });
        variables.chain(self.variables.clone()).collect()
    }

    /// Runs with this configuration in the environment alone.
    pub(crate) fn start(&self) -> Forwarder {
        self.run(&[], self.environment())
    }

    /// Runs with this configuration in a file.
    pub(crate) fn start_by_file(&self, file: &Path) -> Forwarder {
        std::fs::write(file, self.toml()).unwrap();
        let file = file.to_string_lossy();
        self.run(&["--config", &file], self.variables.clone())
    }

    fn run(&self, arguments: &[&str], variables: Vec<(String, String)>) -> Forwarder {
        let own = self.arguments.iter().map(String::as_str);
        let arguments: Vec<_> = ["run"]
            .into_iter()
            .chain(arguments.iter().copied())
            .chain(own)
            .collect();
        Forwarder::start(&arguments, variables)
    }
}

/// The running program; it is killed when this is dropped.
pub(crate) struct Forwarder {
    child: Child,
    out: Output,
    err: Output,
}

/// Lines of an output so far; its thread ends with the output.
#[derive(Default)]
pub(crate) struct Output {
    lines: Arc<Mutex<Vec<String>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Output {
    /// Reads a stream to its end.
    pub(crate) fn of(stream: impl Read + Send + 'static) -> Self {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let shared = Arc::clone(&lines);
        let thread = std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                shared.lock().unwrap().push(line);
            }
        });
        Self {
            lines,
            thread: Some(thread),
        }
    }

    /// The lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for the end of the stream.
    pub(crate) fn whole(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Forwarder {
    /// Starts the program with nothing but these variables in its environment.
    pub(crate) fn start(arguments: &[&str], variables: Vec<(String, String)>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_entra-forwarder"))
            .args(arguments)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            out: Output::of(child.stdout.take().unwrap()),
            err: Output::of(child.stderr.take().unwrap()),
            child,
        }
    }

    /// The most memory that was resident so far, in bytes, without the pages of the program's own
    /// file: those the system takes back when it needs them, and they grow with the build, not with
    /// what arrives.
    pub(crate) fn memory_peak(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let bytes = |name| {
            let line = status.lines().find(|line| line.starts_with(name));
            let kib = line.unwrap().split_whitespace().nth(1).unwrap();
            kib.parse::<u64>().unwrap() * 1024
        };
        bytes("VmHWM:") - bytes("RssFile:")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it as a crash would, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.signal(Signal::KILL);
        assert_eq!(self.exit().await, None);
    }

    /// Asks it to stop and expects that nothing is left to do.
    pub(crate) async fn stop(mut self) -> Self {
        self.signal(Signal::TERM);
        let code = self.exit().await;
        assert_eq!(code, Some(0), "{}", self.text());
        self
    }

    /// Waits for its end; gives its exit code, or `None` after a signal. Its output is whole then.
    pub(crate) async fn exit(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "no end:\n{}", self.text());
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        self.out.whole();
        self.err.whole();
        status.code()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its standard error so far.
    pub(crate) fn err_lines(&self) -> Vec<String> {
        self.err.lines()
    }

    /// Everything that it has printed.
    pub(crate) fn text(&self) -> String {
        [self.out.lines(), self.err.lines()].concat().join("\n")
    }

    /// The log lines so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        let lines = self.err.lines();
        lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The log lines of this event so far.
    pub(crate) fn logged(&self, event: &str) -> Vec<Value> {
        let mut lines = self.log();
        lines.retain(|line| line["event"] == event);
        lines
    }

    /// What it has said that it waits for: component and reason.
    pub(crate) fn waits(&self) -> Vec<(String, String)> {
        let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
        let lines = self.logged("waiting");
        lines
            .iter()
            .map(|line| (text(line, "component"), text(line, "reason")))
            .collect()
    }

    /// Waits for the first log line of this event.
    pub(crate) async fn says(&self, event: &str) -> Value {
        let look = || self.logged(event).into_iter().next();
        eventually_some(&format!("the log line {event}"), look).await
    }

    /// The name under which it owns partitions.
    pub(crate) async fn owner(&self) -> String {
        let line = self.says("started").await;
        line["owner"].as_str().unwrap().to_owned()
    }

    /// Asks the health listener; gives status and text.
    pub(crate) async fn health(&self, path: &str) -> (u16, String) {
        let line = self.says("listening").await;
        let address = line["address"].as_str().unwrap().to_owned();
        let asked = async {
            let mut stream = tokio::net::TcpStream::connect(&address).await?;
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = asked.await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    /// Waits until a path of the health listener has this status; gives its text.
    pub(crate) async fn health_becomes(&self, path: &str, status: u16) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (found, text) = self.health(path).await;
            if found == status {
                return text;
            }
            assert!(Instant::now() < deadline, "{path} stays {found}: {text}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _gone = self.child.kill();
        let status = self.child.wait();
        if std::thread::panicking() {
            // What it has said is what whoever looks for the cause wants to see.
            eprintln!("the forwarder ({status:?}) said:\n{}", self.text());
        }
    }
}
