//! `replay`: deliver a stretch of the hub again.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::config::print;
use super::exit::Exit;
use super::failure::Failure;
use super::interrupt::interrupted;
use super::moment::{Place, duration, place};
use super::progress::Progress;
use super::run::owner_id;
use super::tools::{Meant, Session, close, gone, windows_of};
use crate::app::outside::Outside;
use crate::app::replaying::{Begun, Plan, ReplayError, Replaying, begin};
use crate::app::{App, Ended, Seams};
use crate::record::ReplayId;
use crate::telemetry::status::Status;
use crate::tools::{Gone, ToolsHub, Window};

mod prepare;
mod report;

use prepare::Prepared;
use report::Report;

/// Time between two looks at how far it is.
const LOOKS_EVERY: Duration = Duration::from_millis(250);
/// For storing positions, when what was read cannot be delivered.
const GRACE_MIN: Duration = Duration::from_secs(6);

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    meant: Meant,

    /// The first event: the first one that came in at this time (2026-01-31T08:00:00Z) or later, or
    /// that of this sequence number.
    #[arg(long, value_name = "PLACE", value_parser = place)]
    from: Place,

    /// The end: before the first event that came in at this time, or behind that of this sequence
    /// number.
    #[arg(long, value_name = "PLACE", value_parser = place)]
    to: Place,

    /// Deliver to this sink; may be given several times. Without it, to all.
    #[arg(long, value_name = "NAME")]
    sink: Vec<String>,

    /// Name of this replay, which records are marked with; without it, one that follows from the
    /// other options.
    #[arg(long, value_name = "ID", value_parser = str::parse::<ReplayId>)]
    id: Option<ReplayId>,

    /// Do not mark the records: deliver them as they are.
    #[arg(long)]
    no_mark: bool,

    /// Say what would be delivered, and deliver nothing.
    #[arg(long)]
    dry_run: bool,

    /// Do not ask before it begins.
    #[arg(long)]
    yes: bool,

    /// Give up when nothing was read and nothing delivered for so long.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    timeout: Duration,
}

/// Does what was asked.
pub(super) async fn run(args: Args) -> Exit {
    let stop = CancellationToken::new();
    let ended = tokio::select! {
        biased;
        ended = replay(&args, &stop) => ended,
        // After a second signal nothing is stored any more.
        () = interrupted(stop.clone()) => Ok(Exit::Interrupted),
    };
    ended.unwrap_or_else(|failure| failure.report())
}

async fn replay(args: &Args, stop: &CancellationToken) -> Result<Exit, Failure> {
    let session = Session::open(&args.meant.file)?;
    let prepared = Prepared::of(args, &session.config)?;
    let reached = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(Exit::No),
        hubs = session.reach(Some(&prepared.source)) => hubs?,
    };
    let ended = match reached.first() {
        Some(hub) => with_hub(args, &session, &prepared, hub, stop).await,
        None => Err(Failure::new(Exit::Internal, "the source is lost")),
    };
    close(reached).await;
    ended
}

async fn with_hub(
    args: &Args,
    session: &Session,
    prepared: &Prepared,
    hub: &ToolsHub,
    stop: &CancellationToken,
) -> Result<Exit, Failure> {
    let found = windows_of(hub, &args.meant.partition, args.from.into(), args.to.into());
    let windows = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(Exit::No),
        windows = found => windows?,
    };
    print(&report::plan(prepared, args, &windows));
    let events: u64 = windows.iter().filter_map(Window::events).sum();
    // Of a window that is gone, an earlier run may be done with all.
    let is_nothing = |window: &Window| window.events() == Some(0) && window.gone == Gone::Nothing;
    if windows.iter().all(is_nothing) || args.dry_run {
        let sentences = absent(&prepared.source, &windows);
        let exit = Exit::No;
        return Ok(match sentences.is_empty() {
            true => Exit::Done,
            false => Failure { exit, sentences }.report(),
        });
    }
    if events > 0 && !args.yes {
        let confirmed = tokio::select! {
            biased;
            () = stop.cancelled() => false,
            answer = confirmed() => answer?,
        };
        if !confirmed {
            return Ok(Exit::No);
        }
    }
    let config = prepared.marked(args)?;
    let client_id = session.client_id.as_deref();
    let (seams, hubs) = Outside::reach(&config, client_id)?.split();
    let entry = config.sources.get_key_value(&prepared.source);
    let ended = match entry {
        None => Err(Failure::new(Exit::Internal, "the source is lost")),
        Some(source) => {
            let plan = Plan {
                config: &config,
                source,
                hub,
                group: prepared.group.clone(),
                owner_id: owner_id(),
                filter: prepared.filter.clone(),
                sinks: prepared.sinks.clone(),
            };
            deliver(args, &plan, &seams, windows, stop).await
        }
    };
    hubs.close().await;
    Ok(ended?.tell())
}

/// What of the windows is not there any more, and what not yet: a sentence each.
fn absent(source: &str, windows: &[Window]) -> Vec<String> {
    let gone = gone(windows).map(|gone| {
        format!("sources.{source}: the hub does not hold the whole window any more: {gone}")
    });
    let not_yet = windows.iter().filter(|it| it.not_yet > 0);
    let not_yet = not_yet.map(|it| format!("{} of partition {}", it.not_yet, it.partition));
    let not_yet: Vec<_> = not_yet.collect();
    let not_yet = (!not_yet.is_empty()).then(|| {
        let not_yet = not_yet.join(", ");
        format!("sources.{source}: events of the window are not there yet: {not_yet}")
    });
    gone.into_iter().chain(not_yet).collect()
}

/// Delivers what is left of the windows.
async fn deliver(
    args: &Args,
    plan: &Plan<'_>,
    seams: &Seams,
    windows: Vec<Window>,
    stop: &CancellationToken,
) -> Result<Report, Failure> {
    let status = Arc::new(Status::default());
    let mut replaying = App::start_for_replay(plan, seams, Arc::clone(&status));
    let mut begun: Vec<Begun> = Vec::new();
    // What of them is gone that no earlier run is done with.
    let mut looked_at = Vec::new();
    for mut window in windows {
        if window.events() == Some(0) && window.gone == Gone::Nothing {
            looked_at.push(window);
            continue;
        }
        let checkpointer = Arc::clone(replaying.checkpointer());
        match begin(plan, seams, &checkpointer, window.clone()).await {
            Ok(one) => {
                window.gone = one.as_ref().map_or(window.gone, Begun::gone);
                looked_at.push(window);
                begun.extend(one);
            }
            Err(error) => {
                replaying.stop(GRACE_MIN).await;
                return Err(Failure::from(error));
            }
        }
    }
    let mut report = Report::new(plan);
    report.done_before = begun.iter().map(Begun::done_events).sum();
    report.is_resumed = begun.iter().any(|it| it.is_resumed);
    report.absent = absent(plan.source.0, &looked_at);
    let left: u64 = begun.iter().map(Begun::left).sum();
    report.is_nothing_left = left == 0;
    if report.done_before > 0 && left > 0 {
        let done = report.done_before;
        eprintln!("goes on where an earlier run ended: {done} events are done, {left} are left");
    }
    for one in begun {
        replaying.read(plan, one);
    }
    let ended = watch(&mut replaying, &status, left, args.timeout, stop).await;
    let grace = match &ended {
        Err(Cut::Timeout(_)) => GRACE_MIN,
        _ => plan.config.shutdown_grace,
    };
    report.cut = ended.err();
    let (ledgers, stats) = (
        Arc::clone(replaying.ledgers()),
        Arc::clone(&replaying.stats),
    );
    report.is_stored = !matches!(replaying.stop(grace).await, Ended::NotStored);
    report.count(&ledgers.balance(), &stats);
    Ok(report)
}

/// Why a replay ended before its end.
enum Cut {
    /// A signal.
    Signal,
    /// Nothing happened for too long; what it waited for.
    Timeout(Vec<String>),
    /// It cannot go on.
    Ended(ReplayError),
}

impl Cut {
    /// Whether the same command goes on where this run ended.
    fn goes_on(&self) -> bool {
        match self {
            Self::Signal | Self::Timeout(_) | Self::Ended(ReplayError::Stopped) => true,
            Self::Ended(error) => *error == ReplayError::Stalled,
        }
    }
}

/// Waits for the end, and says how far it is.
async fn watch(
    replaying: &mut Replaying,
    status: &Status,
    total: u64,
    timeout: Duration,
    stop: &CancellationToken,
) -> Result<(), Cut> {
    let ledgers = Arc::clone(replaying.ledgers());
    let mut progress = Progress::of("replay", total);
    let mut looks = tokio::time::interval(LOOKS_EVERY);
    let (mut seen, mut moved_at) = ((0, 0), Instant::now());
    let ended = loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break Err(Cut::Signal),
            done = replaying.done() => break done.map_err(Cut::Ended),
            _ = looks.tick() => {}
        }
        let balance = ledgers.balance();
        let sinks = balance.sinks.iter();
        let settled = sinks.map(|it| it.delivered + it.dead_lettered).sum();
        let now = (balance.events, settled);
        if std::mem::replace(&mut seen, now) != now {
            moved_at = Instant::now();
        }
        let waiting = || {
            let waiting = status.waiting().into_iter();
            waiting.map(|(component, reason)| format!("{component}: {reason}"))
        };
        progress.at(balance.events, || {
            let first = waiting().next();
            first.unwrap_or_else(|| format!("{settled} records delivered"))
        });
        if moved_at.elapsed() >= timeout {
            break Err(Cut::Timeout(waiting().collect()));
        }
    };
    progress.end();
    ended
}

/// Asks whoever sits there.
async fn confirmed() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let sentence = "nobody can be asked here: give --yes to deliver, or --dry-run";
        return Err(Failure::new(Exit::Usage, sentence));
    }
    let asked = tokio::task::spawn_blocking(|| {
        let mut err = std::io::stderr().lock();
        write!(err, "deliver this? [y/N] ").and_then(|()| err.flush())?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        Ok::<_, std::io::Error>(matches!(answer.trim(), "y" | "Y" | "yes"))
    });
    Ok(matches!(asked.await, Ok(Ok(true))))
}
