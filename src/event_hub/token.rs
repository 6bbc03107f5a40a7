//! The tokens of one connection, and how long they last.
//!
//! The SDK asks for a new token 360 s before the end of the one that it has, and gives up when it
//! gets the same again. `azure_identity` hands out the same one until 300 s before its end. So a
//! connection with an Entra credential would lose its links once per token's life. Between the two
//! stands [`ConnectionCredential`]: it names an end that is 150 s later, so that the SDK asks
//! 210 s before the real one; and it knows the real one, so that a reader whose token was not
//! renewed all the same leaves before the service ends the link.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::time::OffsetDateTime;
use tokio::time::{Instant, sleep, timeout};

/// How much later than it is the SDK is told that a token ends.
const NAMED_LATER: Duration = Duration::from_secs(150);

/// How long before a token's end its reader leaves; less up to [`LEAVE_SPREAD`], by partition.
/// Earlier is useless: until 300 s before its end the credential's cache gives the same token.
const LEAVE_BEFORE: Duration = Duration::from_secs(90);

/// Over this time the partitions leave one after the other.
const LEAVE_SPREAD: Duration = Duration::from_secs(15);

/// A token that had less to live when it came is used up to its end: who hands out such tokens
/// would hand out this one again.
const PLANNED_LIFE_MIN: Duration = Duration::from_secs(120);

/// A token with less to live is not used, but waited out: the link would end while it is made.
const DYING: Duration = Duration::from_millis(800);

/// Whoever asks again so soon gets the same token again: the SDK, when it hears of an end that is
/// nearer than 360 s, asks without a pause for as long as the ends that it hears of move on.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

/// Longest wait for one answer of the credential. A connection is to be opened within 30 s.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(20);

/// The configured credential, as one connection of the SDK sees it.
///
/// Questions go on to the configured credential, whose cache is shared by all connections.
#[derive(Debug)]
pub(super) struct ConnectionCredential {
    inner: Arc<dyn TokenCredential>,
    /// When in the spread this connection leaves.
    spread: Duration,
    known: Mutex<Known>,
}

/// What is known of the newest token that was handed out.
#[derive(Debug, Default)]
struct Known {
    expires_on: Option<OffsetDateTime>,
    ends: Option<Instant>,
    leave: Option<Instant>,
    /// The last answer, and when it was given.
    given: Option<(Instant, AccessToken)>,
    /// Whether the last question had no answer: who leaves then comes back to nothing.
    failed: bool,
}

impl ConnectionCredential {
    /// For one connection; `share` (any number) spreads the planned ends of the connections.
    pub(super) fn new(inner: Arc<dyn TokenCredential>, share: u64) -> Arc<Self> {
        let steps = u64::try_from(LEAVE_SPREAD.as_millis()).unwrap_or(1);
        Arc::new(Self {
            inner,
            spread: Duration::from_millis(share % steps),
            known: Mutex::default(),
        })
    }

    /// When to leave as planned, since the newest token ends soon after; `None` when that would
    /// not help. Cheap. A later answer than before means that a newer token has come meanwhile.
    pub(super) fn leave_at(&self) -> Option<Instant> {
        let known = self.known();
        known.leave.filter(|_| !known.failed)
    }

    /// When the newest token ends; `None` before the first one.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.known().ends
    }

    async fn ask(&self, scopes: &[&str]) -> azure_core::Result<AccessToken> {
        let asked = timeout(TOKEN_TIMEOUT, self.inner.get_token(scopes, None)).await;
        let token = asked.unwrap_or_else(|_| {
            let message = format!("the credential gave no token within {TOKEN_TIMEOUT:?}");
            Err(azure_core::Error::with_message(ErrorKind::Io, message))
        });
        self.known().failed = token.is_err();
        token
    }

    fn note(&self, expires_on: OffsetDateTime, left: Duration) {
        let mut known = self.known();
        // The same one again says nothing new: it is as old as it was.
        if known.expires_on.is_some_and(|known| known >= expires_on) {
            return;
        }
        let ends = Instant::now() + left;
        known.expires_on = Some(expires_on);
        known.ends = Some(ends);
        known.leave = (left >= PLANNED_LIFE_MIN).then(|| ends - LEAVE_BEFORE + self.spread);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TokenCredential for ConnectionCredential {
    /// Cancel safe: what is dropped is a question.
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let given = self.known().given.clone();
        if let Some((at, token)) = given
            && at.elapsed() < ASKED_AGAIN
        {
            return Ok(token);
        }
        let mut token = self.ask(scopes).await?;
        let mut left = left(token.expires_on);
        if left < DYING {
            sleep(left).await;
            token = self.ask(scopes).await?;
            left = self::left(token.expires_on);
        }
        if left.is_zero() {
            self.known().failed = true;
            return Err(azure_core::Error::with_message(
                ErrorKind::Io,
                format!(
                    "the credential gave a token that ended at {}: is the clock of this machine \
                     right?",
                    token.expires_on
                ),
            ));
        }
        self.note(token.expires_on, left);
        let named = AccessToken::new(token.token, token.expires_on.saturating_add(later()));
        self.known().given = Some((Instant::now(), named.clone()));
        Ok(named)
    }
}

fn later() -> azure_core::time::Duration {
    azure_core::time::Duration::seconds(i64::try_from(NAMED_LATER.as_secs()).unwrap_or(0))
}

/// Time until then; zero when it is over.
fn left(expires_on: OffsetDateTime) -> Duration {
    Duration::try_from(expires_on - OffsetDateTime::now_utc()).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Gives tokens with these times to live (in milliseconds), the last one again and again.
    #[derive(Debug)]
    struct Lives(Mutex<VecDeque<Option<i64>>>);

    #[async_trait]
    impl TokenCredential for Lives {
        async fn get_token(
            &self,
            _: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            let mut lives = self.0.lock().unwrap();
            let life = match lives.len() {
                1 => lives[0],
                _ => lives.pop_front().unwrap(),
            };
            let Some(life) = life else {
                return Err(azure_core::Error::with_message(ErrorKind::Credential, "no"));
            };
            let end = OffsetDateTime::now_utc() + azure_core::time::Duration::milliseconds(life);
            Ok(AccessToken::new(format!("{life}"), end))
        }
    }

    fn credential(lives: &[i64], share: u64) -> Arc<ConnectionCredential> {
        let lives = lives.iter().map(|life| (*life >= 0).then_some(*life));
        ConnectionCredential::new(Arc::new(Lives(Mutex::new(lives.collect()))), share)
    }

    fn seconds(instant: Option<Instant>) -> Option<u64> {
        Some((instant? - Instant::now()).as_millis().div_ceil(1000) as u64)
    }

    const HOUR: i64 = 3_600_000;

    #[tokio::test(start_paused = true)]
    async fn the_sdk_hears_a_later_end() {
        let credential = credential(&[HOUR], 0);
        let token = credential.get_token(&["s"], None).await.unwrap();
        let named = left(token.expires_on).as_secs_f64();
        assert!((3749.0..=3750.0).contains(&named), "{named}");
        assert_eq!(seconds(credential.ends()), Some(3600));
    }

    #[tokio::test(start_paused = true)]
    async fn partitions_leave_one_after_the_other_before_the_end() {
        for (share, expected) in [(0, 3510), (14_999, 3525), (15_000, 3510), (7_000, 3517)] {
            let credential = credential(&[HOUR], share);
            assert_eq!(credential.leave_at(), None);
            credential.get_token(&["s"], None).await.unwrap();
            assert_eq!(seconds(credential.leave_at()), Some(expected), "{share}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_token_puts_the_end_off_and_the_same_one_does_not() {
        let credential = credential(&[HOUR, HOUR - 5_000, 2 * HOUR], 0);
        for expected in [3510, 3508, 7110] {
            credential.get_token(&["s"], None).await.unwrap();
            assert_eq!(seconds(credential.leave_at()), Some(expected));
            tokio::time::advance(2 * ASKED_AGAIN).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_leaves_for_nothing() {
        // Whoever hands out so short a token would do so again.
        let short = credential(&[119_000], 0);
        short.get_token(&["s"], None).await.unwrap();
        assert_eq!(short.leave_at(), None);
        assert_eq!(seconds(short.ends()), Some(119));
        // Without tokens to be had the old one is all there is.
        let failing = credential(&[HOUR, -1, HOUR - 1_000], 0);
        failing.get_token(&["s"], None).await.unwrap();
        tokio::time::advance(ASKED_AGAIN).await;
        failing.get_token(&["s"], None).await.unwrap_err();
        assert_eq!(failing.leave_at(), None);
        tokio::time::advance(ASKED_AGAIN).await;
        failing.get_token(&["s"], None).await.unwrap();
        assert_eq!(seconds(failing.leave_at()), Some(3508));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_again_at_once_hears_the_same() {
        let credential = credential(&[HOUR, 2 * HOUR], 0);
        let mut tokens = Vec::new();
        for _ in 0..100 {
            tokens.push(credential.get_token(&["s"], None).await.unwrap());
        }
        let first = tokens.remove(0);
        assert!(
            tokens
                .iter()
                .all(|token| token.expires_on == first.expires_on)
        );
        tokio::time::advance(ASKED_AGAIN).await;
        let later = credential.get_token(&["s"], None).await.unwrap();
        assert!(later.expires_on > first.expires_on);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dying_token_is_waited_out_and_a_dead_one_refused() {
        let dying = credential(&[500, 2_000], 0);
        let before = Instant::now();
        let token = dying.get_token(&["s"], None).await.unwrap();
        assert_eq!(token.token.secret(), "2000");
        let waited = before.elapsed();
        assert!(
            (Duration::from_millis(400)..Duration::from_secs(1)).contains(&waited),
            "{waited:?}"
        );
        let error = credential(&[0], 0).get_token(&["s"], None).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("clock"), "{error}");
    }

    #[derive(Debug)]
    struct Silent;

    #[async_trait]
    impl TokenCredential for Silent {
        async fn get_token(
            &self,
            _: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_credential_is_not_waited_for_without_end() {
        let credential = ConnectionCredential::new(Arc::new(Silent), 0);
        let before = Instant::now();
        let error = credential.get_token(&["s"], None).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Io), "{error}");
        assert_eq!(before.elapsed(), TOKEN_TIMEOUT);
    }
}
