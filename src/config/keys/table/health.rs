//! Keys of the listener for probes.

use crate::config::keys::Key;
use crate::config::keys::Need::Default;
use crate::config::kind::Kind;

pub(super) static KEYS: &[Key] = &[Key {
    path: "health.listen",
    kind: Kind::Listen,
    need: Default("0.0.0.0:8080"),
    doc: "Address of `/livez`, `/readyz` and `/startupz`, or `off`.",
    example: "0.0.0.0:8080",
}];
