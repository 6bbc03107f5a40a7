//! Keys of the checkpoint store.

use super::{MINUTE, text};
use crate::config::keys::Key;
use crate::config::keys::Need::{Default, Optional, Required};
use crate::config::kind::{Kind, SecretRule, TextRule};

pub(super) static KEYS: &[Key] = &[
    Key {
        path: "checkpoints.store",
        kind: Kind::Word(&["blob", "directory", "memory"]),
        need: Required,
        doc: "Kind of the store: `blob` (a container, for any number of replicas), `directory` (one \
              replica, one machine) or `memory` (for trials: after a restart everything is read again).",
        example: "blob",
    },
    Key {
        path: "checkpoints.container_url",
        kind: Kind::Secret(SecretRule::ContainerUrl),
        need: Optional("required by `store = \"blob\"`"),
        doc: "URL of the blob container. May carry a shared-access signature (`?...sig=...`).",
        example: "https://contosologs.blob.core.windows.net/checkpoints",
    },
    Key {
        path: "checkpoints.credential",
        kind: text(TextRule::Credential),
        need: Optional(
            "an identity of type `auto` is used, unless `container_url` has a signature",
        ),
        doc: "Name of the identity in `[credentials.<name>]` to use for the container. It needs the \
              role \"Storage Blob Data Contributor\".",
        example: "identity",
    },
    Key {
        path: "checkpoints.directory",
        kind: text(TextRule::Path),
        need: Optional("required by `store = \"directory\"`"),
        doc: "Path of the directory; made when missing.",
        example: "/var/lib/entra-forwarder/checkpoints",
    },
    Key {
        path: "checkpoints.interval",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: 5 * MINUTE,
        },
        need: Default("5s"),
        doc: "Shortest time between two checkpoints of a busy partition.",
        example: "5s",
    },
    Key {
        path: "checkpoints.interval_max",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: 5 * MINUTE,
        },
        need: Default("30s"),
        doc: "Longest time until a position that moved is stored, when few events pass.",
        example: "30s",
    },
    Key {
        path: "checkpoints.timeout",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: 5 * MINUTE,
        },
        need: Default("5s"),
        doc: "Longest wait for one answer of the store.",
        example: "5s",
    },
];
