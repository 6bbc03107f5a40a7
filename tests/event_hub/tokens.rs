//! The life of Entra tokens.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use entra_forwarder::event_hub::client::{Access, EventHubSource};
use entra_forwarder::event_hub::{
    EventStream, OpenAt, SequenceNumber, Source, SourceError, SourceErrorKind,
};
use entra_forwarder_emulator::{Action, Emulator, Fault};
use tokio::time::Instant;

use crate::jwt::{EVENT_HUBS, jwt};
use crate::support::*;

/// A credential with a cache, as those of `azure_identity` have it: the same token until shortly
/// before its end, then a new one.
#[derive(Debug)]
struct Cached {
    /// How long a token lives: the first one, and those after it.
    lives: (Duration, Duration),
    /// How long before its end a new one is made.
    renewed_before: Duration,
    now: Mutex<Option<(String, SystemTime)>>,
    asked: AtomicU32,
    made: AtomicU32,
    fails: AtomicU32,
}

impl Cached {
    fn new(lives: (Duration, Duration), renewed_before: Duration) -> Arc<Self> {
        Arc::new(Self {
            lives,
            renewed_before,
            now: Mutex::default(),
            asked: AtomicU32::new(0),
            made: AtomicU32::new(0),
            fails: AtomicU32::new(0),
        })
    }
}

#[async_trait]
impl TokenCredential for Cached {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://eventhubs.azure.net/.default"]);
        self.asked.fetch_add(1, Ordering::Relaxed);
        let failed = self
            .fails
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |fails| {
                fails.checked_sub(1)
            });
        if failed.is_ok() {
            let kind = azure_core::error::ErrorKind::Connection;
            return Err(azure_core::Error::with_message(kind, "nobody is there"));
        }
        let mut now = self.now.lock().unwrap();
        let renew_at = SystemTime::now() + self.renewed_before;
        let (token, ends) = match now.take() {
            Some((token, ends)) if ends > renew_at => (token, ends),
            _ => {
                let life = match self.made.fetch_add(1, Ordering::Relaxed) {
                    0 => self.lives.0,
                    _ => self.lives.1,
                };
                let ends = SystemTime::now() + life;
                (jwt(EVENT_HUBS, ends), ends)
            }
        };
        *now = Some((token.clone(), ends));
        Ok(AccessToken::new(token, ends.into()))
    }
}

fn with(emulator: &Emulator, credential: &Arc<Cached>) -> EventHubSource {
    let mut settings = settings(emulator);
    settings.custom_endpoint = Some(format!("amqp://{}", emulator.address()));
    settings.access = Access::Credential(Arc::<Cached>::clone(credential));
    source_with(settings)
}

/// What one reader of a partition saw.
#[derive(Debug, Default)]
struct Seen {
    numbers: Vec<i64>,
    ends: u32,
    refused: Vec<SourceError>,
}

/// Reads a partition up to `last`, as the forwarder does: after an end at once again, from the last
/// event on, which must come first.
async fn read(source: &EventHubSource, id: u32, last: &AtomicU64) -> Seen {
    let mut seen = Seen::default();
    loop {
        let at = match seen.numbers.last() {
            Some(last) => OpenAt::FromSequence(SequenceNumber(*last)),
            None => OpenAt::Earliest,
        };
        let mut stream = match open(source, id, at).await {
            Ok(stream) => stream,
            Err(error) => {
                seen.refused.push(error);
                continue;
            }
        };
        let mut proof = seen.numbers.last().copied();
        let error = loop {
            match next(&mut stream).await {
                Ok(event) => match proof.take() {
                    Some(proof) => assert_eq!(event.position.sequence.0, proof),
                    None => seen.numbers.push(event.position.sequence.0),
                },
                Err(error) => break error,
            }
            let end = last.load(Ordering::Relaxed);
            if end > 0 && seen.numbers.last() == Some(&(end as i64 - 1)) {
                bounded(stream.close()).await;
                return seen;
            }
        };
        assert_eq!(error.kind, SourceErrorKind::Unauthorized, "{error}");
        assert!(error.message.contains("token has ended"), "{error}");
        seen.ends += 1;
        bounded(stream.close()).await;
    }
}

/// Ten lifetimes of a token that is the same until shortly before its end. A token is 1.3 s old
/// when it ends, as if it were 20 s (`TOKEN_MS=20000` makes it so): the links are ended by the same
/// rule, the cache repeats the token in the same way, and no time-out of the source or of the SDK
/// lies between the two lengths except those that are too long to come to pass in either.
#[tokio::test(flavor = "multi_thread")]
async fn ten_lifetimes_lose_nothing() {
    const LIFETIMES: u32 = 10;
    let life = std::env::var("TOKEN_MS").map_or(1_300, |text| text.parse().unwrap());
    let life = Duration::from_millis(life);
    let emulator = emulator().await;
    let credential = Cached::new((life, life), life / 10);
    let source = with(&emulator, &credential);
    let produced = AtomicU64::new(0);
    let asks = async {
        let mut refused = Vec::new();
        while produced.load(Ordering::Relaxed) == 0 {
            refused.extend(bounded(source.hub_properties()).await.err());
            tokio::time::sleep(life / 20).await;
        }
        refused
    };
    let produce = async {
        let start = Instant::now();
        let mut number = 0_u64;
        while start.elapsed() < life * LIFETIMES {
            for id in 0..4 {
                emulator.append(HUB, id, format!("event {number}")).unwrap();
            }
            number += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for id in 0..4 {
            emulator.append(HUB, id, "last").unwrap();
        }
        produced.store(number + 1, Ordering::Relaxed);
    };
    let readers = futures::future::join_all((0..4).map(|id| read(&source, id, &produced)));
    let (seen, refused, ()) = tokio::join!(readers, asks, produce);
    let made = credential.made.load(Ordering::Relaxed);
    for (id, seen) in seen.iter().enumerate() {
        let all: Vec<i64> = (0..produced.load(Ordering::Relaxed) as i64).collect();
        assert_eq!(seen.numbers, all, "partition {id}");
        assert!(seen.refused.is_empty(), "{:?}", seen.refused);
        assert!(seen.ends < made, "{} ends, {made} tokens", seen.ends);
        assert!(seen.ends >= LIFETIMES / 2, "the tokens did not end");
    }
    assert!(refused.is_empty(), "{refused:?}");
    let ends: Vec<u32> = seen.iter().map(|seen| seen.ends).collect();
    eprintln!(
        "{made} tokens of {life:?}, {ends:?} reopenings, {} events per partition, {} questions to \
         the credential",
        produced.load(Ordering::Relaxed),
        credential.asked.load(Ordering::Relaxed)
    );
    leave(source, emulator).await;
}

/// A token with 217 s left is due for the SDK, which hears of 367 s, in 2 to 12 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_on_the_open_link() {
    let emulator = emulator().await;
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let credential = Cached::new((Duration::from_secs(217), minutes(60)), minutes(5));
    let source = with(&emulator, &credential);
    append(&emulator, 0, 1);
    let mut stream = open_first(&source).await;
    assert_eq!(next_number(&mut stream).await, 0);
    let left = |stream: &dyn EventStream| stream.leave_at().unwrap() - Instant::now();
    eventually("the new token", || left(stream.as_ref()) > minutes(57)).await;
    assert!(left(stream.as_ref()) < minutes(59));
    // The hub heard of it too, and no link was made anew.
    eventually("the new token there", || emulator.tokens() >= 2).await;
    append(&emulator, 1, 2);
    assert_eq!(next_number(&mut stream).await, 1);
    assert_eq!(emulator.attach_log().len(), 1);
    bounded(stream.close()).await;
    leave(source, emulator).await;
}

/// Nobody renews it, since the credential cannot; it is left 75 to 90 s before its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_renewed_is_left_before_its_end() {
    let emulator = emulator().await;
    let life = Duration::from_secs(200);
    let credential = Cached::new((life, life), Duration::ZERO);
    let source = with(&emulator, &credential);
    for id in 0..4 {
        let stream = open(&source, id, OpenAt::Earliest).await.unwrap();
        let left = stream.leave_at().unwrap() - Instant::now();
        assert!((100..=125).contains(&left.as_secs()), "{left:?}");
        bounded(stream.close()).await;
    }
    let short = Cached::new((life / 2, life), Duration::ZERO);
    let hasty = with(&emulator, &short);
    let stream = open_first(&hasty).await;
    assert_eq!(stream.leave_at(), None);
    bounded(stream.close()).await;
    bounded(hasty.shutdown()).await;
    leave(source, emulator).await;
}

/// While no token can be had the open link is all there is.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_opened_without_a_token() {
    let emulator = emulator().await;
    let hour = Duration::from_secs(3600);
    let credential = Cached::new((hour, hour), Duration::ZERO);
    let source = with(&emulator, &credential);
    credential.fails.store(2, Ordering::Relaxed);
    let error = open(&source, 0, OpenAt::Earliest).await.err().unwrap();
    assert_eq!(error.kind, SourceErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("nobody is there"), "{error}");
    let error = bounded(source.hub_properties()).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unavailable, "{error}");
    let stream = open_first(&source).await;
    bounded(stream.close()).await;
    leave(source, emulator).await;
}

/// The right that a kept management connection has may have ended: a new one is asked before it
/// is said to be missing.
#[tokio::test(flavor = "multi_thread")]
async fn an_ended_right_is_asked_for_again_and_a_missing_one_said() {
    let emulator = emulator().await;
    let source = source(&emulator);
    let refusal = |times| {
        let action = Action::ManagementStatus {
            status: 401,
            description: "Unauthorized access.".to_owned(),
        };
        emulator
            .faults()
            .inject(Fault::always(action).times(Some(times)))
    };
    bounded(source.hub_properties()).await.unwrap();
    let once = refusal(1);
    bounded(source.hub_properties()).await.unwrap();
    assert_eq!(emulator.faults().fired(once), 1);
    let twice = refusal(2);
    let error = bounded(source.hub_properties()).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unauthorized, "{error}");
    assert_eq!(emulator.faults().fired(twice), 2);
    bounded(source.hub_properties()).await.unwrap();
    leave(source, emulator).await;
}
