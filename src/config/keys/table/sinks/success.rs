//! Keys that say which answers of a sink's endpoint are acceptances.

use crate::config::keys::Key;
use crate::config::keys::Need::{Default, Optional};
use crate::config::keys::table::text;
use crate::config::kind::TextRule;

pub(in crate::config::keys::table) static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.success.statuses",
        kind: text(TextRule::Statuses),
        need: Default("200, 201, 202, 204, 205"),
        doc: "Statuses with which the endpoint takes a batch over.",
        example: "200, 202",
    },
    Key {
        path: "sinks.*.success.body_contains",
        kind: text(TextRule::Any),
        need: Optional("any body"),
        doc: "Text that the body of such an answer must hold, within its first 64 KiB; without it \
              the batch is sent again. Not a secret: it is shown.",
        example: "\"code\":0",
    },
    Key {
        path: "sinks.*.success.body_excludes",
        kind: text(TextRule::Any),
        need: Optional("nothing"),
        doc: "Text that the body of such an answer must not hold, for gateways that say 200 with a \
              page that says no. Not a secret: it is shown.",
        example: "Request blocked",
    },
];
