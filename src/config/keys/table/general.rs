//! Keys outside of any section.

use super::{HOUR, text};
use crate::config::cloud;
use crate::config::keys::Key;
use crate::config::keys::Need::{Default, Optional};
use crate::config::kind::{Kind, TextRule};

pub(super) static KEYS: &[Key] = &[
    Key {
        path: "shutdown_grace",
        kind: Kind::Duration {
            min_ms: 1_000,
            max_ms: HOUR,
        },
        need: Default("25s"),
        doc: "Time from the signal to stop until the process ends, whatever is left. Keep it below \
              the time after which the platform kills the process.",
        example: "25s",
    },
    Key {
        path: "unrouted",
        kind: text(TextRule::Unrouted),
        need: Optional("needed as soon as every sink selects"),
        doc: "Where a record goes that no sink selects: `drop`, which counts it, or the name of a \
              sink, which gets it beside what it selects itself.",
        example: "drop",
    },
    Key {
        path: "cloud",
        kind: Kind::Word(cloud::WORDS),
        need: Default("public"),
        doc: "The cloud of Azure: `public` (also `commercial`, `gcc`), `usgov` (also `gcc_high`, \
              `dod`) or `china`. It completes namespaces without dots, and says where Microsoft \
              Entra ID is asked for tokens, unless `AZURE_AUTHORITY_HOST` does.",
        example: "public",
    },
];
