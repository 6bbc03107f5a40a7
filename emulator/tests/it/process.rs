//! The program with its control port.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::authority::Authority;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Ends the program whatever becomes of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

async fn ask(address: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_program_and_its_control_port() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_entra-forwarder-emulator"))
        .args(["--listen", "127.0.0.1:0", "--hub", "a:2", "--hub", "b:1"])
        .args(["--control", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut child = Running(child);
    let lines: Vec<String> = out.lines().take(3).map(Result::unwrap).collect();
    assert!(
        lines[0].contains("UseDevelopmentEmulator=true;EntityPath=a"),
        "{lines:?}"
    );
    assert!(lines[1].contains("EntityPath=b"), "{lines:?}");
    let control = lines[2].strip_prefix("control http://").unwrap();

    let body = r#"{"hub":"a","partition":1,"body":"x","count":3}"#;
    assert!(
        ask(control, "POST", "/append", body)
            .await
            .contains("\"sequence\":2")
    );
    assert!(
        ask(control, "GET", "/partitions", "")
            .await
            .contains("\"last_sequence\":2")
    );
    let fault = r#"{"action":{"kind":"detach_link"},"where":{"hub":"a"},"when":{"after":5}}"#;
    assert!(
        ask(control, "POST", "/faults", fault)
            .await
            .contains("\"id\":1")
    );
    assert!(
        ask(control, "GET", "/faults", "")
            .await
            .contains("detach_link")
    );
    assert!(
        ask(control, "GET", "/faults/1", "")
            .await
            .contains("\"fired\":0")
    );
    assert!(
        ask(control, "DELETE", "/faults/1", "")
            .await
            .contains("true")
    );
    assert!(
        ask(control, "POST", "/faults", "{}")
            .await
            .starts_with("HTTP/1.1 400")
    );
    assert!(
        ask(control, "POST", "/hubs", r#"{"name":"c"}"#)
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert!(
        ask(control, "POST", "/hubs", r#"{"name":"c"}"#)
            .await
            .starts_with("HTTP/1.1 409")
    );
    assert!(ask(control, "GET", "/attaches", "").await.ends_with("[]"));
    assert!(
        ask(control, "GET", "/sent/none/0", "")
            .await
            .starts_with("HTTP/1.1 404")
    );

    let id = child.0.id().to_string();
    Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(child.0.wait().unwrap().success());
}

#[test]
fn ports_over_tls() {
    let program = || Command::new(env!("CARGO_BIN_EXE_entra-forwarder-emulator"));
    let made = Authority::new().certify(&["localhost"]);
    let folder = std::env::temp_dir().join(format!("emulator-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.certificate).unwrap();
    std::fs::write(&key, made.key).unwrap();
    let start = |certificate: &std::path::Path, key: &std::path::Path| {
        program()
            .args(["--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"])
            .args(["--websocket", "127.0.0.1:0"])
            .args(["--tls-certificate".as_ref(), certificate.as_os_str()])
            .args(["--tls-key".as_ref(), key.as_os_str()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut child = Running(start(&certificate, &key));
    let out = BufReader::new(child.0.stdout.take().unwrap());
    let lines: Vec<String> = out.lines().take(3).map(Result::unwrap).collect();
    assert!(lines[1].starts_with("amqps://127.0.0.1:"), "{lines:?}");
    assert!(lines[2].starts_with("wss://127.0.0.1:"), "{lines:?}");
    drop(child);
    for (certificate, key, expected) in [
        (&key, &key, "the certificate cannot be used"),
        (&certificate, &folder.join("none.pem"), "cannot read"),
    ] {
        let ended = start(certificate, key).wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(!ended.status.success() && said.contains(expected), "{said}");
    }
    let alone = program().args(["--tls-listen", "127.0.0.1:0"]).output();
    let said = String::from_utf8(alone.unwrap().stderr).unwrap();
    assert!(said.contains("--tls-certificate"), "{said}");
    std::fs::remove_dir_all(&folder).unwrap();
}
