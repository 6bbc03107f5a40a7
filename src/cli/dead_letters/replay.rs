//! `dead-letters replay`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::ConfigFile;
use super::super::config::print;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::interrupt::interrupted;
use super::super::moment::duration;
use super::super::sinks::known;
use super::filter::Filter;
use super::pretty::printable;
use super::walk::{Object, Walk, Wanted};
use super::{Session, counted, size};
use crate::checkpoint::ETag;
use crate::deliver::dead_letter::Which;

mod parts;
mod prepare;
mod report;
mod sender;
mod window;

use prepare::Loaded;
use report::Report;
use sender::{Sender, Stop};
use window::Window;

/// Letters that are held at a time.
const LETTERS_MAX: usize = 10_000;
/// Bytes that are held at a time, with little over.
const BYTES_MAX: u64 = 32 << 20;

/// Arguments of `dead-letters replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: ConfigFile,

    /// Names or stable ids, as `dead-letters list` gives them: only these.
    #[arg(
        value_name = "NAME",
        conflicts_with_all = ["since", "until", "reason", "sink", "source", "category"]
    )]
    names: Vec<String>,

    #[command(flatten)]
    filter: Filter,

    /// Send them to this sink, whichever refused them; needed for those that none was asked about.
    #[arg(long, value_name = "SINK")]
    to: Option<String>,

    /// Say what would be sent where, and send nothing.
    #[arg(long)]
    dry_run: bool,

    /// Give up when nothing was accepted for so long.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    timeout: Duration,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let session = Session::open(&args.file)?;
    if let Some(sink) = &args.to {
        known(&session.config, "--to", sink)?;
    }
    let stop = CancellationToken::new();
    let replaying = replay(&session, args, stop.clone());
    tokio::select! {
        biased;
        exit = replaying => exit,
        () = interrupted(stop) => Ok(Exit::Interrupted),
    }
}

async fn replay(session: &Session, args: Args, stop: CancellationToken) -> Result<Exit, Failure> {
    let store = session.store.as_ref();
    let wanted = match args.names.is_empty() {
        true => Wanted::Fitting(args.filter),
        false => Wanted::Named(args.names),
    };
    let mut walk = Walk::new(store, wanted, true);
    let mut replay = Replay {
        session,
        to: args.to,
        is_dry: args.dry_run,
        patience: args.timeout,
        stop,
        senders: BTreeMap::new(),
        report: Report::default(),
    };
    let ended = replay.all(&mut walk).await;
    let mut report = replay.report;
    report.missing.extend(walk.missing().map(str::to_owned));
    report.unreadable = walk.unreadable;
    let stays = report.tell(args.dry_run);
    let exit = match ended {
        Ok(()) if stays => Exit::No,
        Ok(()) => Exit::Done,
        Err(Stop::Store(error)) => return Err(error.into()),
        Err(stop) => {
            eprintln!(
                "error: {}: the rest stays as it is",
                printable(&stop.to_string())
            );
            Exit::No
        }
    };
    Ok(exit)
}

/// A replay under way.
struct Replay<'a> {
    session: &'a Session,
    to: Option<String>,
    is_dry: bool,
    patience: Duration,
    stop: CancellationToken,
    senders: BTreeMap<String, Sender>,
    report: Report,
}

impl Replay<'_> {
    async fn all(&mut self, walk: &mut Walk<'_>) -> Result<(), Stop> {
        let mut is_asked = self.is_dry;
        loop {
            let window = self.collect(walk).await?;
            if window.is_empty() {
                return Ok(());
            }
            if !is_asked {
                self.may_remove().await?;
                is_asked = true;
            }
            self.deliver(window).await?;
        }
    }

    /// Whoever may not remove would deliver the same at every run.
    async fn may_remove(&self) -> Result<(), Stop> {
        let version = ETag::new("0x0");
        let store = self.session.store.as_ref();
        store.remove("-/-/-/nothing", &version, Which::All).await?;
        Ok(())
    }

    /// Reads as many letters as are held at a time.
    async fn collect(&mut self, walk: &mut Walk<'_>) -> Result<Window, Stop> {
        let mut window = Window::default();
        let (mut letters, mut bytes) = (0, 0);
        let bytes_max = BYTES_MAX.min(self.session.config.limits.memory_budget / 4);
        while letters < LETTERS_MAX && bytes < bytes_max {
            if self.stop.is_cancelled() {
                return Err(Stop::Interrupted);
            }
            let Some(object) = walk.next().await? else {
                break;
            };
            letters += object.letters.len();
            bytes += object.letters.iter().map(|it| it.facts.size).sum::<u64>();
            self.enter(object, &mut window);
        }
        Ok(window)
    }

    fn enter(&mut self, object: Object, window: &mut Window) {
        let place = window.open(&object);
        let expansion_max = self.session.config.limits.expansion_max;
        for letter in object.letters {
            let sink = self.to.clone().or_else(|| letter.facts.sink.clone());
            let address = letter.address.clone();
            let loaded = match sink {
                None => Err("no sink was asked about them: give --to".to_owned()),
                Some(sink) if !self.session.config.sinks.contains_key(&sink) => Err(format!(
                    "their sink `{sink}` is not in the configuration: give --to"
                )),
                Some(sink) => prepare::load(letter, place, expansion_max).map(|it| (sink, it)),
            };
            match loaded {
                Ok((sink, loaded)) => window.enter(sink, loaded),
                Err(why) => self.report.skips(why, address),
            }
        }
    }

    async fn deliver(&mut self, mut window: Window) -> Result<(), Stop> {
        for (sink, letters) in window.take() {
            if self.is_dry {
                self.report.would_send(&sink, &letters);
                continue;
            }
            let delivered = self.deliver_to(&sink, letters, &mut window).await;
            // What was accepted must go, whatever ended the rest.
            let removed = window.remove_all(self.store(), self.patience).await;
            self.report.removed += removed?;
            delivered?;
        }
        Ok(())
    }

    fn store(&self) -> &dyn crate::deliver::dead_letter::DeadLetterArchive {
        self.session.store.as_ref()
    }

    async fn deliver_to(
        &mut self,
        sink: &str,
        letters: Vec<Arc<Loaded>>,
        window: &mut Window,
    ) -> Result<(), Stop> {
        let mut sender = match self.senders.remove(sink) {
            Some(sender) => sender,
            None => Sender::new(sink, &self.session.config, self.patience, self.stop.clone())?,
        };
        let mut ended = Ok(());
        for batch in sender.batches(&letters) {
            let outcome = sender.deliver(batch).await;
            for (letter, records) in outcome.accepted {
                self.report.accepts(sink, records);
                window.accepts(&letter, records);
            }
            for (letter, why) in outcome.refused {
                let why = format!("sink {sink} refuses it: {why}");
                self.report.refuses(&letter.address, &why);
                window.refuses(&letter);
            }
            self.report.removed += window.remove_decided(self.store(), self.patience).await?;
            if let Some(stop) = outcome.stop {
                ended = Err(stop);
                break;
            }
        }
        self.senders.insert(sink.to_owned(), sender);
        ended
    }
}
