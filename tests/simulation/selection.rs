//! What sinks select, and who wants which record: the globs read a second time.

use entra_forwarder::config::CategoriesConfig;

use super::dice::Dice;
use super::operations::Setup;

/// Categories that records have; some have none.
pub(crate) const CATEGORIES: [Option<&str>; 5] = [
    Some("SignInLogs"),
    Some("NonInteractiveUserSignInLogs"),
    Some("AuditLogs"),
    Some("MicrosoftGraphActivityLogs"),
    None,
];

type Globs = &'static [&'static str];

const INCLUDES: [Globs; 6] = [
    &[],
    &["*signinlogs"],
    &["SignInLogs", "?uditLogs"],
    &["<none>"],
    &["*"],
    &["ManagedIdentitySignInLogs"],
];
const EXCLUDES: [Globs; 5] = [
    &[],
    &["AUDITlogs"],
    &["*sign*in*"],
    &["<none>", "Microsoft*"],
    &["S?gnInLogs"],
];

/// What one sink selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) include: Globs,
    pub(crate) exclude: Globs,
}

impl Selection {
    pub(crate) fn config(self) -> CategoriesConfig {
        let owned = |globs: Globs| globs.iter().map(|glob| (*glob).to_owned()).collect();
        CategoriesConfig {
            include: owned(self.include),
            exclude: owned(self.exclude),
        }
    }

    fn wants(self, category: &str) -> bool {
        let category = category.to_lowercase();
        let matches = |globs: Globs| {
            let mut globs = globs.iter().map(|glob| glob.to_lowercase());
            globs.any(|glob| matches(glob.as_bytes(), category.as_bytes()))
        };
        (self.include.is_empty() || matches(self.include)) && !matches(self.exclude)
    }
}

fn matches(glob: &[u8], text: &[u8]) -> bool {
    match (glob, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            matches(rest, text) || (!text.is_empty() && matches(glob, &text[1..]))
        }
        ([b'?', glob @ ..], [_, text @ ..]) => matches(glob, text),
        ([a, glob @ ..], [b, text @ ..]) if a == b => matches(glob, text),
        _ => false,
    }
}

/// What all sinks select, and which of them gets what none selects.
#[derive(Clone, Debug)]
pub(crate) struct Selections {
    sinks: Vec<Selection>,
    /// Those that send nothing.
    are_null: Vec<bool>,
    rest: Option<usize>,
}

impl Selections {
    pub(crate) fn of(setup: &Setup) -> Self {
        Self {
            sinks: setup.sinks.iter().map(|sink| sink.selection).collect(),
            are_null: setup.sinks.iter().map(|it| it.demands.is_null).collect(),
            rest: setup.rest,
        }
    }

    /// One sink that wants everything.
    pub(crate) fn one() -> Self {
        Self {
            sinks: vec![Selection::default()],
            are_null: vec![false],
            rest: None,
        }
    }

    /// Per sink, whether it is sent a record of this category, and whether it is the rest's.
    pub(crate) fn wanted_by(&self, category: Option<&str>) -> (Vec<bool>, bool) {
        let category = category.unwrap_or("<none>");
        let mut wanted: Vec<_> = self.sinks.iter().map(|it| it.wants(category)).collect();
        let rest = self.rest.filter(|_| !wanted.contains(&true));
        if let Some(rest) = rest {
            wanted[rest] = true;
        }
        for (wanted, is_null) in wanted.iter_mut().zip(&self.are_null) {
            *wanted &= !is_null;
        }
        (wanted, rest.is_some())
    }
}

impl Setup {
    /// Lets sinks select, in half of the runs.
    pub(crate) fn select(&mut self, dice: &Dice) {
        if dice.chance(50) {
            return;
        }
        for sink in &mut self.sinks {
            sink.selection = Selection {
                include: dice.pick(&INCLUDES),
                exclude: dice.pick(&EXCLUDES),
            };
        }
        self.rest = dice
            .chance(50)
            .then(|| dice.between(0, self.sinks.len() as u64 - 1) as usize);
    }
}
