//! Keys of the dead letters.

use super::text;
use crate::config::keys::Key;
use crate::config::keys::Need::{Default, Optional};
use crate::config::kind::{Kind, TextRule};

pub(super) static KEYS: &[Key] = &[
    Key {
        path: "dead_letters.store",
        kind: Kind::Word(&["checkpoints", "directory"]),
        need: Default("checkpoints"),
        doc: "`checkpoints` keeps dead letters under `dead-letters/` in the checkpoint store, \
              `directory` in a directory of its own.",
        example: "checkpoints",
    },
    Key {
        path: "dead_letters.directory",
        kind: text(TextRule::Path),
        need: Optional("required by `store = \"directory\"`"),
        doc: "Path of the directory; made when missing.",
        example: "/var/lib/entra-forwarder/dead-letters",
    },
];
