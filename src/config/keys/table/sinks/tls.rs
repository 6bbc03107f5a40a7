//! Keys of a sink's TLS.

use crate::config::keys::Key;
use crate::config::keys::Need::Optional;
use crate::config::kind::{Kind, SecretRule};

pub(in crate::config::keys::table) static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.tls.ca",
        kind: Kind::Secret(SecretRule::Certificates),
        need: Optional("the operating system's alone"),
        doc: "Certificates of authorities that are trusted beside the operating system's, as PEM.",
        example: EXAMPLE,
    },
    Key {
        path: "sinks.*.tls.certificate",
        kind: Kind::Secret(SecretRule::Certificates),
        need: Optional("none is shown; needs `tls.key`"),
        doc: "Certificate that is shown to a server which asks for one (mutual TLS), with the \
              certificates between it and its authority, as PEM.",
        example: EXAMPLE,
    },
    Key {
        path: "sinks.*.tls.key",
        kind: Kind::Secret(SecretRule::PrivateKey),
        need: Optional("needs `tls.certificate`"),
        doc: "Private key of `tls.certificate`, as PEM, not encrypted.",
        example: "-----BEGIN PRIVATE KEY-----\nMC4CAQA=\n-----END PRIVATE KEY-----\n",
    },
];

/// PEM with nothing of use in it.
const EXAMPLE: &str = "-----BEGIN CERTIFICATE-----\nMIIBdzCCAR0=\n-----END CERTIFICATE-----\n";
