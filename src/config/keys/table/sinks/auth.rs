//! Keys of a sink's credentials.

use crate::config::keys::Key;
use crate::config::keys::Need::{Default, Optional};
use crate::config::keys::table::text;
use crate::config::kind::{Kind, SecretRule, TextRule};

pub(in crate::config::keys::table) static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.auth.type",
        kind: Kind::Word(&["none", "bearer", "basic", "oauth2", "entra", "hmac"]),
        need: Default("none"),
        doc: "By whose right: `none` (or what `headers` and `query` say), `bearer` (a fixed token), \
              `basic` (user and password), `oauth2` (client credentials at any token URL), `entra` \
              (a token of Microsoft Entra ID), `hmac` (a signature of each body).",
        example: "bearer",
    },
    Key {
        path: "sinks.*.auth.token",
        kind: Kind::Secret(SecretRule::Token),
        need: Optional("required by `bearer`, only for it"),
        doc: "The token, without the word `Bearer`.",
        example: "<token>",
    },
    Key {
        path: "sinks.*.auth.user",
        kind: Kind::Secret(SecretRule::Any),
        need: Optional("required by `basic`, only for it"),
        doc: "The user; some services take a key in its place.",
        example: "forwarder",
    },
    Key {
        path: "sinks.*.auth.password",
        kind: Kind::Secret(SecretRule::Any),
        need: Optional("the empty password; only for `basic`"),
        doc: "Password of the user.",
        example: "<password>",
    },
    Key {
        path: "sinks.*.auth.token_url",
        kind: Kind::Secret(SecretRule::HttpUrl),
        need: Optional("required by `oauth2`, only for it"),
        doc: "URL that tokens are asked of. It is reached by the sink's `proxy` and `tls`.",
        example: "https://login.example.com/oauth2/token",
    },
    Key {
        path: "sinks.*.auth.client_id",
        kind: text(TextRule::Any),
        need: Optional("required by `oauth2`, only for it"),
        doc: "The client's id. Not a secret: it is shown.",
        example: "forwarder",
    },
    Key {
        path: "sinks.*.auth.client_secret",
        kind: Kind::Secret(SecretRule::Any),
        need: Optional("required by `oauth2`, only for it"),
        doc: "The client's secret.",
        example: "<client secret>",
    },
    Key {
        path: "sinks.*.auth.client_authentication",
        kind: Kind::Word(&["basic", "body"]),
        need: Optional("`basic`; only for `oauth2`"),
        doc: "How the client's id and secret are sent: in the header `Authorization` (`basic`) or \
              as parameters in the `body`.",
        example: "body",
    },
    Key {
        path: "sinks.*.auth.scope",
        kind: text(TextRule::Any),
        need: Optional("required by `entra`; none for `oauth2`; only for these"),
        doc: "The scope to ask for; several with spaces between them. Microsoft Entra ID takes \
              `<resource>/.default`. Not a secret: it is shown.",
        example: "https://monitor.azure.com/.default",
    },
    Key {
        path: "sinks.*.auth.audience",
        kind: text(TextRule::Any),
        need: Optional("none; only for `oauth2`"),
        doc: "The parameter `audience`, which some servers want. Not a secret: it is shown.",
        example: "https://siem.example.com",
    },
    Key {
        path: "sinks.*.auth.parameters.*",
        kind: Kind::Secret(SecretRule::Any),
        need: Optional("none; only for `oauth2`"),
        doc: "Further parameters of the request for a token, by name. Every value is a secret.",
        example: "tenant-1",
    },
    Key {
        path: "sinks.*.auth.credential",
        kind: text(TextRule::Credential),
        need: Optional("an identity of type `auto`; only for `entra`"),
        doc: "Name of the identity in `[credentials.<name>]` whose tokens are sent.",
        example: "identity",
    },
    Key {
        path: "sinks.*.auth.key",
        kind: Kind::Secret(SecretRule::Any),
        need: Optional("required by `hmac`, only for it"),
        doc: "Key of the HMAC-SHA256 of each body, as it travels (after the compression).",
        example: "<key>",
    },
    Key {
        path: "sinks.*.auth.key_encoding",
        kind: Kind::Word(&["text", "base64", "hex"]),
        need: Optional("`text`; only for `hmac`"),
        doc: "How `key` is written: the bytes of the `text` itself, `base64` or `hex`.",
        example: "base64",
    },
    Key {
        path: "sinks.*.auth.header",
        kind: text(TextRule::HeaderName),
        need: Optional("`X-Signature-256`; only for `hmac`"),
        doc: "Header with the signature.",
        example: "X-Signature-256",
    },
    Key {
        path: "sinks.*.auth.encoding",
        kind: Kind::Word(&["hex", "base64"]),
        need: Optional("`hex`; only for `hmac`"),
        doc: "How the signature is written.",
        example: "hex",
    },
    Key {
        path: "sinks.*.auth.prefix",
        kind: text(TextRule::Any),
        need: Optional("`sha256=`; only for `hmac`"),
        doc: "Text before the signature; may be empty. Not a secret: it is shown.",
        example: "sha256=",
    },
];
