//! Tokens that are asked for, kept, and renewed before they end.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::HeaderValue;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::TransportError;
use super::connection::sensitive;
use crate::telemetry::seldom::Seldom;

/// Longest wait for a token.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(20);
/// A token is renewed when a fifth of its life is left, at most this long before its end: whoever
/// gives them may be away for that long without anybody noticing.
const RENEW_BEFORE_MAX: Duration = Duration::from_secs(300);
/// After a failure to renew, how long the old token is used without asking again.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// Whoever asks this soon after a failure is given the same failure.
const FAILED_FOR: Duration = Duration::from_secs(1);
/// Least time between two renewals because of a refusal: with wrong credentials every request is
/// refused, and every new token too.
const FORCED_EVERY: Duration = Duration::from_secs(30);

/// Shortest life that is believed: a server that says less would be asked at every request. What
/// ends before that is refused, and renewed then.
const LIFE_MIN: Duration = Duration::from_secs(5);

/// A token as a request carries it.
#[derive(Clone)]
pub(super) struct Token {
    header: HeaderValue,
    renew_at: Option<Instant>,
    ends: Option<Instant>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(renewed at {:?})", self.renew_at)
    }
}

impl Token {
    /// A bearer token and its life; without one it holds until it is refused. `None` when no
    /// header can carry it.
    pub(super) fn bearer(text: &str, life: Option<Duration>) -> Option<Self> {
        let now = Instant::now();
        let life = life.map(|life| life.max(LIFE_MIN));
        Some(Self {
            header: sensitive(&format!("Bearer {text}"))?,
            renew_at: life.map(|life| now + (life - (life / 5).min(RENEW_BEFORE_MAX))),
            ends: life.map(|life| now + life),
        })
    }

    /// The value of `Authorization`.
    pub(super) fn header(&self) -> &HeaderValue {
        &self.header
    }

    fn is_fresh(&self) -> bool {
        self.renew_at.is_none_or(|it| Instant::now() < it)
    }

    fn is_alive(&self) -> bool {
        self.ends.is_none_or(|it| Instant::now() < it)
    }
}

/// Whoever gives tokens.
#[async_trait]
pub(super) trait TokenSource: fmt::Debug + Send + Sync {
    /// A token; asked one at a time, for at most [`TOKEN_TIMEOUT`]. `anew` is told when the last one
    /// was refused: then it is not to be given again because it was kept.
    ///
    /// # Errors
    /// [`TransportError::Refused`] when the client itself is refused, else
    /// [`TransportError::NoToken`].
    async fn token(&self, anew: bool) -> Result<Token, TransportError>;
}

/// The tokens of one source: one question at a time, and the answer for everybody.
#[derive(Debug)]
pub(super) struct Tokens {
    shared: Arc<Shared>,
    /// The renewal that is under way while the current token still holds.
    renewal: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Name of the sink.
    sink: String,
    source: Box<dyn TokenSource>,
    current: Mutex<Option<Token>>,
    asking: tokio::sync::Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    failed: Option<(Instant, TransportError)>,
    forced_at: Option<Instant>,
    /// What was last said of a renewal that failed before the token's end.
    said: Option<TransportError>,
    failures: Seldom,
}

impl Asked {
    fn failed_within(&self, time: Duration) -> Option<TransportError> {
        let failed = self.failed.as_ref();
        let failed = failed.filter(|(at, _)| at.elapsed() < time);
        failed.map(|(_, error)| error.clone())
    }
}

impl Tokens {
    /// Begins with a token, if there is one. `sink` is its name.
    pub(super) fn new(sink: &str, source: Box<dyn TokenSource>, token: Option<Token>) -> Self {
        Self {
            shared: Arc::new(Shared {
                sink: sink.to_owned(),
                source,
                current: Mutex::new(token),
                asking: tokio::sync::Mutex::default(),
            }),
            renewal: Mutex::default(),
        }
    }

    /// The current token. One that still holds is renewed beside the requests that use it, and a
    /// renewal that fails is no failure before its end.
    ///
    /// # Errors
    /// Those of the source.
    ///
    /// # Cancel safety
    /// Safe: what is dropped is a question.
    pub(super) async fn get(&self) -> Result<Token, TransportError> {
        match self.current().filter(Token::is_alive) {
            Some(token) => {
                if !token.is_fresh() {
                    self.renew_early();
                }
                Ok(token)
            }
            None => self.shared.first().await,
        }
    }

    #[cfg(test)]
    pub(super) fn set(&self, token: Token) {
        *self.shared.lock() = Some(token);
    }

    /// The token that there is, whatever it is worth.
    pub(super) fn current(&self) -> Option<Token> {
        self.shared.current()
    }

    /// Whether there is another token than this one, which was refused. Asks for one unless that
    /// has just been done.
    ///
    /// # Errors
    /// Those of the source.
    pub(super) async fn renew(&self, refused: &Token) -> Result<bool, TransportError> {
        let mut asked = self.shared.asking.lock().await;
        let is_other = |it: &Token| it.header != refused.header;
        if self.current().is_some_and(|it| is_other(&it)) {
            return Ok(true);
        }
        if asked
            .forced_at
            .is_some_and(|it| it.elapsed() < FORCED_EVERY)
        {
            return Ok(false);
        }
        if let Some(error) = asked.failed_within(FAILED_FOR) {
            return Err(error);
        }
        let token = self.shared.ask(&mut asked, true).await?;
        asked.forced_at = Some(Instant::now());
        Ok(is_other(&token))
    }

    fn renew_early(&self) {
        let mut renewal = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        while renewal.try_join_next().is_some() {}
        if renewal.is_empty() {
            let shared = Arc::clone(&self.shared);
            renewal.spawn(async move { shared.renew_early().await });
        }
    }
}

impl Shared {
    /// A token where there is none that holds.
    async fn first(&self) -> Result<Token, TransportError> {
        let mut asked = self.asking.lock().await;
        if let Some(token) = self.current().filter(Token::is_alive) {
            return Ok(token);
        }
        match asked.failed_within(FAILED_FOR) {
            Some(error) => Err(error),
            None => self.ask(&mut asked, false).await,
        }
    }

    /// Renews a token that still holds; says once why that fails.
    async fn renew_early(&self) {
        let mut asked = self.asking.lock().await;
        let is_fresh = self.current().is_some_and(|it| it.is_fresh());
        if is_fresh || asked.failed_within(ASK_AGAIN).is_some() {
            return;
        }
        let answer = self.ask(&mut asked, false).await;
        if answer.as_ref().err() == asked.said.as_ref() {
            return;
        }
        let sink = &self.sink;
        match &answer {
            Ok(_) => tracing::info!(event = "token_renewed", sink, "sink {sink} has a new token"),
            Err(error) => {
                let Some(failures) = asked.failures.once_more() else {
                    return;
                };
                tracing::warn!(
                    event = "token_not_renewed",
                    sink,
                    failures,
                    %error,
                    "sink {sink} goes on with the token that it has: {error}"
                );
            }
        }
        asked.said = answer.err();
    }

    async fn ask(&self, asked: &mut Asked, anew: bool) -> Result<Token, TransportError> {
        let answer = timeout(TOKEN_TIMEOUT, self.source.token(anew)).await;
        let answer = answer.unwrap_or_else(|_| {
            let problem = format!("no answer within {}", TOKEN_TIMEOUT.as_secs());
            Err(TransportError::NoToken(format!("{problem} s")))
        });
        match &answer {
            Ok(token) => {
                asked.failed = None;
                *self.lock() = Some(token.clone());
            }
            Err(error) => asked.failed = Some((Instant::now(), error.clone())),
        }
        answer
    }

    fn current(&self) -> Option<Token> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Token>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
