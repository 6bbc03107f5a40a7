use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// What a source does when it is asked.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Gives a token of its own with this life in seconds.
    Gives(u64),
    /// Gives the first token again.
    Repeats,
    /// Is away.
    Fails,
    /// Refuses the client.
    Refuses,
    /// Never answers.
    Hangs,
}

/// Does these, the last one again and again.
#[derive(Debug)]
struct Script {
    deeds: Mutex<VecDeque<Deed>>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl TokenSource for Script {
    async fn token(&self, _anew: bool) -> Result<Token, TransportError> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let deed = {
            let mut deeds = self.deeds.lock().unwrap();
            match deeds.len() {
                1 => deeds[0],
                _ => deeds.pop_front().unwrap(),
            }
        };
        // Whoever else asks meanwhile has to wait.
        tokio::time::sleep(Duration::from_millis(100)).await;
        match deed {
            Deed::Gives(life) => {
                Ok(Token::bearer(&number.to_string(), Some(Duration::from_secs(life))).unwrap())
            }
            Deed::Repeats => Ok(Token::bearer("0", Some(Duration::from_secs(100))).unwrap()),
            Deed::Fails => Err(TransportError::NoToken("away".to_owned())),
            Deed::Refuses => Err(TransportError::Refused("no".to_owned())),
            Deed::Hangs => std::future::pending().await,
        }
    }
}

fn tokens(deeds: &[Deed]) -> (Arc<Tokens>, Arc<AtomicUsize>) {
    let asked = Arc::<AtomicUsize>::default();
    let script = Script {
        deeds: Mutex::new(deeds.iter().copied().collect()),
        asked: Arc::clone(&asked),
    };
    (
        Arc::new(Tokens::new("sinks.main", Box::new(script), None)),
        asked,
    )
}

async fn text(tokens: &Tokens) -> Result<String, TransportError> {
    let token = tokens.get().await?;
    Ok(token.header().to_str().unwrap().to_owned())
}

/// So many at the same time; gives what each got.
async fn at_once(tokens: &Arc<Tokens>, count: usize) -> Vec<Result<String, TransportError>> {
    futures::future::join_all((0..count).map(|_| text(tokens))).await
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_make_one_question() {
    let (tokens, asked) = tokens(&[Deed::Gives(100)]);
    let all = at_once(&tokens, 50).await;
    assert!(all.iter().all(|it| it.as_deref() == Ok("Bearer 0")));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // A failure is everybody's as well.
    let (failing, asked) = self::tokens(&[Deed::Fails]);
    let all = at_once(&failing, 50).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    tokio::time::advance(FAILED_FOR).await;
    failing.get().await.unwrap_err();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_its_end() {
    let (tokens, asked) = tokens(&[Deed::Gives(100)]);
    tokens.get().await.unwrap();
    tokio::time::advance(Duration::from_secs(79)).await;
    assert_eq!(text(&tokens).await.unwrap(), "Bearer 0");
    tokio::time::advance(Duration::from_secs(1)).await;
    // Nobody waits for the new one while the old one holds.
    let before = Instant::now();
    let all = at_once(&tokens, 20).await;
    assert!(all.iter().all(|it| it.as_deref() == Ok("Bearer 0")));
    assert_eq!(before, Instant::now());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(text(&tokens).await.unwrap(), "Bearer 1");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_away_is_not_noticed_before_the_end() {
    for away in [Deed::Fails, Deed::Hangs, Deed::Refuses] {
        let (tokens, _) = tokens(&[Deed::Gives(1_000), away]);
        tokens.get().await.unwrap();
        let ends = Instant::now() + Duration::from_secs(999);
        while Instant::now() + TOKEN_TIMEOUT < ends {
            assert_eq!(text(&tokens).await.unwrap(), "Bearer 0");
            tokio::time::sleep(Duration::from_secs(7)).await;
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        text(&tokens).await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn it_comes_back() {
    let (tokens, asked) = tokens(&[Deed::Gives(100), Deed::Fails, Deed::Gives(100)]);
    tokens.get().await.unwrap();
    tokio::time::advance(Duration::from_secs(81)).await;
    for _ in 0..10 {
        assert_eq!(text(&tokens).await.unwrap(), "Bearer 0");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2, "not at every request");
    tokio::time::sleep(ASK_AGAIN).await;
    assert_eq!(text(&tokens).await.unwrap(), "Bearer 0");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(text(&tokens).await.unwrap(), "Bearer 2");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_renewed_once_for_all() {
    let (tokens, asked) = tokens(&[Deed::Gives(1_000)]);
    let refused = tokens.get().await.unwrap();
    let renewals = futures::future::join_all((0..10).map(|_| tokens.renew(&refused))).await;
    assert!(renewals.iter().all(|it| *it == Ok(true)));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    // The new one is refused too: not every request makes a question.
    let refused = tokens.get().await.unwrap();
    assert_eq!(tokens.renew(&refused).await, Ok(false));
    tokio::time::advance(FORCED_EVERY).await;
    assert_eq!(tokens.renew(&refused).await, Ok(true));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn the_same_token_again_is_no_new_one() {
    let (tokens, _) = tokens(&[Deed::Repeats]);
    let refused = tokens.get().await.unwrap();
    assert_eq!(tokens.renew(&refused).await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn a_life_of_nothing_is_not_asked_for_at_every_request() {
    let (tokens, asked) = tokens(&[Deed::Gives(0)]);
    for _ in 0..10 {
        text(&tokens).await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// A renewal that has failed may be tried again; only one that has given something may not.
#[tokio::test(start_paused = true)]
async fn a_forced_renewal_that_fails_is_tried_again() {
    let (tokens, _) = tokens(&[Deed::Gives(1_000), Deed::Fails, Deed::Gives(1_000)]);
    let refused = tokens.get().await.unwrap();
    tokens.renew(&refused).await.unwrap_err();
    tokio::time::sleep(FAILED_FOR).await;
    assert_eq!(tokens.renew(&refused).await, Ok(true));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_handed_over() {
    let (first, _) = tokens(&[Deed::Gives(1_000)]);
    first.get().await.unwrap();
    let source = Script {
        deeds: Mutex::new(VecDeque::from([Deed::Fails])),
        asked: Arc::default(),
    };
    let second = Tokens::new("sinks.main", Box::new(source), first.current());
    assert_eq!(text(&second).await.unwrap(), "Bearer 0");
}
