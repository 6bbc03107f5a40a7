//! `dead-letters show`.

use std::io::Write;

use super::super::ConfigFile;
use super::super::config::print;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::walk::{Letter, Walk, Wanted};
use super::{Session, pretty};

/// Arguments of `dead-letters show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: ConfigFile,

    /// Its name or its stable id, as `dead-letters list` gives them.
    #[arg(value_name = "NAME")]
    name: String,

    /// Print the exact bytes of the record and nothing else.
    #[arg(long)]
    raw: bool,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let session = Session::open(&args.file)?;
    let wanted = Wanted::Named(vec![args.name.clone()]);
    let mut walk = Walk::new(session.store.as_ref(), wanted, true);
    let mut letters = Vec::new();
    while let Some(object) = walk.next().await? {
        letters.extend(object.letters);
    }
    let name = pretty::printable(&args.name);
    match letters.as_slice() {
        [letter] if args.raw => raw(letter.body.as_deref().unwrap_or_default()),
        [letter] => Ok(print(&shown(letter))),
        [first, .., last] => {
            let count = letters.len();
            let (first, last) = (&first.address, &last.address);
            let sentence =
                format!("{name} holds {count} dead letters: name one, from {first} to {last}");
            Err(Failure::new(Exit::Usage, pretty::printable(&sentence)))
        }
        [] => {
            let mut sentences: Vec<_> = walk.unreadable;
            sentences.retain(|sentence| sentence.starts_with(&args.name));
            if sentences.is_empty() {
                sentences.push(format!(
                    "there is no dead letter {name}: look at `dead-letters list`"
                ));
            }
            let sentences = sentences.iter().map(|it| pretty::printable(it)).collect();
            let exit = Exit::No;
            Err(Failure { exit, sentences })
        }
    }
}

fn raw(body: &[u8]) -> Result<Exit, Failure> {
    let mut out = std::io::stdout();
    match out.write_all(body).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let sentence = format!("cannot write to standard output: {error}");
            Err(Failure::new(Exit::Unavailable, sentence))
        }
        _ => Ok(Exit::Done),
    }
}

fn shown(letter: &Letter) -> String {
    let mut text = format!("name: {}\n", pretty::printable(&letter.address));
    for (name, value) in letter.facts.pairs() {
        text.push_str(&format!("{name}: {}\n", pretty::printable(&value)));
    }
    text.push('\n');
    text.push_str(&pretty::record(letter.body.as_deref().unwrap_or_default()));
    text
}
