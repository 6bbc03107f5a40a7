//! `dead-letters purge`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::ConfigFile;
use super::super::config::print;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::moment::{ago, duration};
use super::filter::Filter;
use super::pretty::printable;
use super::remove::remove;
use super::walk::{Walk, Wanted};
use super::{Session, counted, size};

/// Arguments of `dead-letters purge`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: ConfigFile,

    /// Only those that were first seen at least so long ago, e.g. 30d.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    older_than: Duration,

    #[command(flatten)]
    filter: Filter,

    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let session = Session::open(&args.file)?;
    let store = session.store.as_ref();
    let filter = args.filter.before(ago(args.older_than));
    let mut walk = Walk::new(store, Wanted::Fitting(filter), false);
    let mut deleted = Deleted::default();
    // What was deleted before something failed is told too.
    let ended: Result<(), Failure> = async {
        while let Some(object) = walk.next().await? {
            let ids: BTreeSet<_> = object
                .letters
                .iter()
                .map(|it| it.facts.id.clone())
                .collect();
            if !args.dry_run {
                let (name, version) = (&object.name, &object.version);
                remove(store, name, version, object.is_whole, &ids).await?;
            }
            for letter in object.letters {
                let entry = deleted.0.entry(letter.facts.reason).or_default();
                *entry = (entry.0 + 1, entry.1 + letter.facts.size);
            }
        }
        Ok(())
    }
    .await;
    for sentence in &walk.unreadable {
        eprintln!("warning: {}: it stays", printable(sentence));
    }
    let printed = print(&deleted.told(args.dry_run));
    ended.map(|()| printed)
}

/// Numbers and bytes by reasons.
#[derive(Default)]
struct Deleted(BTreeMap<String, (u64, u64)>);

impl Deleted {
    fn told(&self, is_dry: bool) -> String {
        let sum =
            |(count, bytes), (more, more_bytes): &(u64, u64)| (count + more, bytes + more_bytes);
        let (count, bytes) = self.0.values().fold((0_u64, 0_u64), sum);
        let verb = if is_dry {
            "would be deleted"
        } else {
            "deleted"
        };
        if count == 0 {
            return format!("no dead letter {verb}\n");
        }
        let mut text = format!(
            "{} {verb}, {}\n",
            counted(count, "dead letter"),
            size(bytes)
        );
        for (reason, (count, bytes)) in &self.0 {
            let (reason, bytes) = (printable(reason), size(*bytes));
            text.push_str(&format!("  {reason}: {count}, {bytes}\n"));
        }
        text
    }
}
