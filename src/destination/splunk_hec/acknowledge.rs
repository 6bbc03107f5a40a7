//! Indexer acknowledgement: a request is answered when Splunk says that its events are indexed.
//!
//! Every request carries the channel of this process and gets a number (`ackId`); asking for the
//! number gives `false` until the events are indexed, and for ever when they were lost, or when the
//! indexer was started anew and forgot its numbers. Then the request is sent again, which makes
//! duplicates of what was indexed all the same.
//!
//! **Source**: <https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/about-http-event-collector-indexer-acknowledgment>.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::Acknowledge;
use super::answer::{Said, judge};
use crate::deliver::http::{Request, Transport};
use crate::deliver::request_id::RequestId;
use crate::deliver::response::{Answer, TransportError, Verdict};

/// The header with the channel.
pub(super) const CHANNEL: &str = "x-splunk-request-channel";

/// Where to ask, relative to an endpoint.
pub(super) fn target(endpoint: &str) -> String {
    const COLLECTOR: &str = "/services/collector";
    let url = endpoint.parse::<url::Url>().ok();
    let before = url.and_then(|url| {
        let (before, _) = url.path().split_once(COLLECTOR)?;
        Some(before.to_owned())
    });
    // An endpoint of another path keeps its neighbours; one without a path has the usual ones.
    match before {
        Some(before) => format!("{before}{COLLECTOR}/ack"),
        None => "ack".to_owned(),
    }
}

/// Sends, and waits for the acknowledgement.
pub(super) struct Acknowledged {
    inner: Arc<dyn Transport>,
    settings: Acknowledge,
    /// The endpoint has acknowledgements. Nothing is sent before that is known: an endpoint without
    /// them would take the same events again and again.
    is_possible: OnceCell<()>,
}

/// Why nothing is sent yet.
enum Impossible {
    Answered(Answer),
    Failed(TransportError),
}

#[derive(Serialize)]
struct Question {
    acks: [u64; 1],
}

#[derive(Deserialize)]
struct Acks {
    acks: HashMap<String, bool>,
}

impl Acknowledged {
    pub(super) fn new(inner: Arc<dyn Transport>, settings: Acknowledge) -> Self {
        Self {
            inner,
            settings,
            is_possible: OnceCell::new(),
        }
    }

    /// Asks for a number.
    async fn ask(&self, id: u64) -> Result<Answer, TransportError> {
        let mut body = Vec::new();
        super::super::members::write(&Question { acks: [id] }, &mut body);
        let request = Request {
            id: RequestId::of_probe(&body),
            body: body.into(),
            content_type: "application/json",
            target: Some(self.settings.target.clone()),
            content_encoding: None,
        };
        self.inner.send(request).await
    }

    /// Asks for a number that nobody has, to hear that there are any.
    async fn try_out(&self) -> Result<(), Impossible> {
        let answer = self.ask(0).await.map_err(Impossible::Failed)?;
        if acks(&answer).is_some() {
            return Ok(());
        }
        Err(match judge(&answer, 1, false) {
            Verdict::NotNow { .. } | Verdict::Refused { .. } if answer.status >= 300 => {
                Impossible::Answered(answer)
            }
            // Nothing that is said of the question is said of records.
            _ => Impossible::Failed(TransportError::Refused(format!(
                "status {} to a question for acknowledgements, and no answer to it (check \
                 `endpoint`, or leave out `acknowledge`)",
                answer.status
            ))),
        })
    }

    /// Asks until the number is acknowledged.
    async fn wait(&self, id: u64) -> Result<(), TransportError> {
        let until = Instant::now() + self.settings.timeout;
        loop {
            sleep(self.settings.interval.min(self.settings.timeout)).await;
            let heard = match self.ask(id).await {
                Ok(answer) => match acks(&answer) {
                    Some(acks) if acks.get(&id.to_string()) == Some(&true) => return Ok(()),
                    Some(_) => "not indexed yet".to_owned(),
                    None => format!("status {}", answer.status),
                },
                Err(error) => error.to_string(),
            };
            if Instant::now() >= until {
                let timeout = humantime::format_duration(self.settings.timeout);
                return Err(TransportError::Unconfirmed(format!(
                    "not acknowledged within {timeout} (at last: {heard}); it is sent again"
                )));
            }
        }
    }
}

fn acks(answer: &Answer) -> Option<HashMap<String, bool>> {
    if answer.status != 200 {
        return None;
    }
    let acks: Acks = serde_json::from_slice(&answer.body).ok()?;
    Some(acks.acks)
}

#[async_trait]
impl Transport for Acknowledged {
    /// Sends once, and waits for at most the timeout and one more question.
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        match self.is_possible.get_or_try_init(|| self.try_out()).await {
            Ok(()) => {}
            Err(Impossible::Answered(answer)) => return Ok(answer),
            Err(Impossible::Failed(error)) => return Err(error),
        }
        let answer = self.inner.send(request).await?;
        if let Some(id) = Said::of(&answer).ack_id() {
            self.wait(id).await?;
        }
        Ok(answer)
    }

    fn has_secret_files(&self) -> bool {
        self.inner.has_secret_files()
    }

    async fn look(&self) -> u64 {
        self.inner.look().await
    }
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn the_question_goes_beside_the_events() {
        for (endpoint, expected) in [
            ("https://splunk:8088", "ack"),
            (
                "https://splunk:8088/services/collector/event",
                "/services/collector/ack",
            ),
            (
                "https://splunk:8088/services/collector",
                "/services/collector/ack",
            ),
            (
                "https://gate/hec/services/collector/event/1.0",
                "/hec/services/collector/ack",
            ),
            ("https://gate/other/event", "ack"),
        ] {
            assert_eq!(target(endpoint), expected, "{endpoint}");
        }
    }
}
