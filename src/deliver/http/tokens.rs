//! Tokens that are asked for, kept, and renewed before they end.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::time::OffsetDateTime;
use reqwest::header::HeaderValue;
use tokio::time::{Instant, timeout};

use super::TransportError;
use super::connection::sensitive;
use crate::auth;

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
    /// A token; asked one at a time, for at most [`TOKEN_TIMEOUT`].
    ///
    /// # Errors
    /// [`TransportError::Refused`] when the client itself is refused, else
    /// [`TransportError::NoToken`].
    async fn token(&self) -> Result<Token, TransportError>;
}

/// The tokens of one source: one question at a time, and the answer for everybody.
#[derive(Debug)]
pub(super) struct Tokens {
    source: Box<dyn TokenSource>,
    current: Mutex<Option<Token>>,
    asking: tokio::sync::Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    failed: Option<(Instant, TransportError)>,
    forced_at: Option<Instant>,
}

impl Tokens {
    pub(super) fn new(source: Box<dyn TokenSource>) -> Self {
        Self {
            source,
            current: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// The current token. While one is being renewed that still holds, everybody else goes on with
    /// it, and a renewal that fails is no failure before its end.
    ///
    /// # Errors
    /// Those of the source.
    ///
    /// # Cancel safety
    /// Safe: what is dropped is a question.
    pub(super) async fn get(&self) -> Result<Token, TransportError> {
        let alive = self.current().filter(Token::is_alive);
        if let Some(token) = alive.as_ref().filter(|it| it.is_fresh()) {
            return Ok(token.clone());
        }
        let mut asked = match &alive {
            Some(token) => match self.asking.try_lock() {
                Ok(asked) => asked,
                Err(_) => return Ok(token.clone()),
            },
            None => self.asking.lock().await,
        };
        if let Some(token) = self.current().filter(Token::is_fresh) {
            return Ok(token);
        }
        let pause = match alive {
            Some(_) => ASK_AGAIN,
            None => FAILED_FOR,
        };
        let failed = asked.failed.clone();
        let failed = failed.filter(|(at, _)| at.elapsed() < pause);
        let result = match failed {
            Some((_, error)) => Err(error),
            None => self.ask(&mut asked).await,
        };
        match (result, alive.filter(Token::is_alive)) {
            (Err(_), Some(alive)) => Ok(alive),
            (result, _) => result,
        }
    }

    /// Whether there is another token than this one, which was refused. Asks for one unless that
    /// has just been done.
    ///
    /// # Errors
    /// Those of the source.
    pub(super) async fn renew(&self, refused: &Token) -> Result<bool, TransportError> {
        let mut asked = self.asking.lock().await;
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
        asked.forced_at = Some(Instant::now());
        self.ask(&mut asked).await.map(|it| is_other(&it))
    }

    async fn ask(&self, asked: &mut Asked) -> Result<Token, TransportError> {
        let answer = timeout(TOKEN_TIMEOUT, self.source.token()).await;
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

/// Tokens of Microsoft Entra ID, by a credential that keeps them too.
#[derive(Debug)]
pub(super) struct Entra {
    credential: Arc<dyn TokenCredential>,
    scope: String,
}

impl Entra {
    pub(super) fn new(credential: Arc<dyn TokenCredential>, scope: &str) -> Self {
        Self {
            credential,
            scope: scope.to_owned(),
        }
    }
}

#[async_trait]
impl TokenSource for Entra {
    async fn token(&self) -> Result<Token, TransportError> {
        let scopes: Vec<&str> = self.scope.split_whitespace().collect();
        let given = self.credential.get_token(&scopes, None).await;
        let given = given.map_err(|error| match auth::is_unreachable(&error) {
            true => TransportError::NoToken(auth::brief(&error)),
            false => TransportError::Refused(format!("no token: {}", auth::brief(&error))),
        })?;
        let life = Duration::try_from(given.expires_on - OffsetDateTime::now_utc());
        Token::bearer(given.token.secret(), Some(life.unwrap_or_default()))
            .ok_or_else(|| TransportError::NoToken("the token is no text".to_owned()))
    }
}

#[cfg(test)]
mod tests;
