//! Keys of the listener for people and for metrics.

use crate::config::keys::Key;
use crate::config::keys::Need::{Default, Optional};
use crate::config::kind::{Kind, SecretRule};

pub(super) static KEYS: &[Key] = &[
    Key {
        path: "admin.listen",
        kind: Kind::Listen,
        need: Default("127.0.0.1:9090"),
        doc: "Address of the status page, the metrics and `entra-forwarder status`, or `off`. Any \
              address but one of this machine alone (loopback) needs `admin.token`. When it is in \
              use, forwarding goes on without the page, and the address is tried again every 10 s.",
        example: "127.0.0.1:9090",
    },
    Key {
        path: "admin.token",
        kind: Kind::Secret(SecretRule::AdminToken),
        need: Optional("nothing is asked for, which only a loopback address allows"),
        doc: "What every request must bring: as `Authorization: Bearer <token>`, or as the password \
              of any user, which is what browsers ask for. There is no TLS on this listener: let \
              only networks reach it that may read the token.",
        example: "3f6c1f0e6f0b4c3f9a2d",
    },
];
