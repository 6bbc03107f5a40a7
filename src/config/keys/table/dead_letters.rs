//! Keys of the dead letters.

use super::text;
use crate::config::keys::Key;
use crate::config::keys::Need::{Default, Optional};
use crate::config::kind::{Kind, SecretRule, TextRule};

pub(super) static KEYS: &[Key] = &[
    Key {
        path: "dead_letters.store",
        kind: Kind::Word(&["checkpoints", "blob", "directory"]),
        need: Default("checkpoints"),
        doc: "`checkpoints` keeps dead letters under `dead-letters/` in the checkpoint store, \
              `blob` in a container and `directory` in a directory of its own.",
        example: "checkpoints",
    },
    Key {
        path: "dead_letters.container_url",
        kind: Kind::Secret(SecretRule::ContainerUrl),
        need: Optional("required by `store = \"blob\"`"),
        doc: "URL of the blob container. May carry a shared-access signature (`?...sig=...`); \
              `dead-letters replay` and `purge` need the permission `d` in it.",
        example: "https://contosoletters.blob.core.windows.net/dead-letters",
    },
    Key {
        path: "dead_letters.credential",
        kind: text(TextRule::Credential),
        need: Optional(
            "an identity of type `auto` is used, unless `container_url` has a signature",
        ),
        doc: "Name of the identity in `[credentials.<name>]` to use for the container. It needs the \
              role \"Storage Blob Data Contributor\".",
        example: "identity",
    },
    Key {
        path: "dead_letters.directory",
        kind: text(TextRule::Path),
        need: Optional("required by `store = \"directory\"`"),
        doc: "Path of the directory; made when missing.",
        example: "/var/lib/entra-forwarder/dead-letters",
    },
];
