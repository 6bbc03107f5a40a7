//! The two small exchanges of HTTP that the check makes by itself: a tunnel through a proxy, and a
//! question for the time. Neither carries a credential but the proxy's own.

use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::super::address::Address;
use crate::proxy::Between;

/// Bytes of an answer's head that are read at most.
const HEAD_MAX: usize = 16 * 1024;

/// Asks a proxy for a tunnel; gives the status of its answer.
pub(super) async fn tunnel(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    address: &Address,
    proxy: &Between,
    most: Duration,
) -> Result<u16, String> {
    let mut request = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n");
    request.push_str(&authorization(proxy));
    request.push_str("\r\n");
    let head = ask(stream, &request, most).await?;
    status(&head).ok_or_else(|| "answers with something else than HTTP".to_owned())
}

/// Asks for nothing but the head of an answer, and gives the time in it; `None` when there is no
/// answer, or no time.
pub(super) async fn date(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    address: &Address,
    proxy: Option<&Between>,
    most: Duration,
) -> Option<SystemTime> {
    // A proxy for plain HTTP wants the whole URL.
    let target = match proxy {
        Some(_) => format!("http://{address}/"),
        None => "/".to_owned(),
    };
    let agent = concat!("entra-forwarder/", env!("CARGO_PKG_VERSION"));
    let mut request = format!(
        "HEAD {target} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: {agent}\r\nConnection: close\r\n"
    );
    request.push_str(&proxy.map(authorization).unwrap_or_default());
    request.push_str("\r\n");
    let head = ask(stream, &request, most).await.ok()?;
    status(&head)?;
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("date")
            .then(|| value.trim().to_owned())
    };
    httpdate::parse_http_date(&head.lines().find_map(field)?).ok()
}

fn authorization(proxy: &Between) -> String {
    let value = proxy.authorization.as_ref();
    let value = value.and_then(|value| value.to_str().ok());
    let line = value.map(|value| format!("Proxy-Authorization: {value}\r\n"));
    line.unwrap_or_default()
}

/// Sends a request and reads the head of the answer, and nothing behind it.
async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &str,
    most: Duration,
) -> Result<String, String> {
    let asked = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut head = Vec::new();
        // Byte by byte: what comes behind the head of a tunnel is TLS already.
        while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_MAX {
            head.push(stream.read_u8().await?);
        }
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&head).into_owned())
    };
    match timeout(most, asked).await {
        Ok(Ok(head)) => Ok(head),
        Ok(Err(error)) => Err(format!("broke off: {error}")),
        Err(_) => Err(format!("gave no answer within {} s", most.as_secs())),
    }
}

fn status(head: &str) -> Option<u16> {
    let line = head.lines().next()?.strip_prefix("HTTP/1.")?;
    line.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answered(answer: &'static str) -> (Option<SystemTime>, String) {
        let (mut near, mut far) = tokio::io::duplex(64 * 1024);
        let address = Address::of_text("https://siem.example.com").unwrap();
        let asked = async {
            let mut request = vec![0; 1024];
            let length = far.read(&mut request).await.unwrap();
            far.write_all(answer.as_bytes()).await.unwrap();
            drop(far);
            String::from_utf8_lossy(&request[..length]).into_owned()
        };
        tokio::join!(
            date(&mut near, &address, None, Duration::from_secs(5)),
            asked
        )
    }

    #[tokio::test]
    async fn the_time_is_in_the_head() {
        let answer = "HTTP/1.1 405 No\r\nDATE: Wed, 21 Oct 2015 07:28:30 GMT\r\n\r\n";
        let (date, request) = answered(answer).await;
        let seconds = date.unwrap().duration_since(SystemTime::UNIX_EPOCH);
        assert_eq!(seconds.unwrap().as_secs(), 1_445_412_510);
        assert!(request.starts_with("HEAD / HTTP/1.1\r\nHost: siem.example.com:443\r\n"));
        for answer in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "SSH-2.0",
            "",
            "HTTP/1.1 200\r\nDate: soon\r\n\r\n",
        ] {
            assert_eq!(answered(answer).await.0, None, "{answer:?}");
        }
    }
}
