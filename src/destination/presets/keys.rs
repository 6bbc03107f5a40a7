//! Keys of the presets.

use crate::config::declare::{Key, Kind, Need, SecretRule, TextRule, text};

pub(super) static BETTER_STACK: &[Key] = &[Key {
    path: "sinks.*.better_stack.source_token",
    kind: Kind::Secret(SecretRule::Token),
    need: Need::Optional("**required** for `better_stack`"),
    doc: "Token of the source; its ingesting host is the `endpoint`.",
    example: "<source-token>",
}];

pub(super) static DYNATRACE: &[Key] = &[
    Key {
        path: "sinks.*.dynatrace.token",
        kind: Kind::Secret(SecretRule::Token),
        need: Need::Optional("**required** for `dynatrace`"),
        doc: "Access token with the scope `logs.ingest`.",
        example: "<access-token>",
    },
    Key {
        path: "sinks.*.dynatrace.environment",
        kind: text(TextRule::Any),
        need: Need::Optional("**required** for `dynatrace`, or `endpoint`"),
        doc: "Id of the environment, as in `<id>.live.dynatrace.com`. Not a secret: it is shown.",
        example: "abc12345",
    },
];

pub(super) static LOGZIO: &[Key] = &[
    Key {
        path: "sinks.*.logzio.token",
        kind: Kind::Secret(SecretRule::Token),
        need: Need::Optional("**required** for `logzio`"),
        doc: "Log shipping token of the account.",
        example: "<shipping-token>",
    },
    Key {
        path: "sinks.*.logzio.region",
        kind: Kind::Word(&["us", "au", "ca", "eu", "nl", "wa"]),
        need: Need::Optional("**required** for `logzio`, or `endpoint`"),
        doc: "Region of the account.",
        example: "eu",
    },
    Key {
        path: "sinks.*.logzio.log_type",
        kind: text(TextRule::Any),
        need: Need::Optional("`eventHub`, as Logz.io's own function says it"),
        doc: "The `type` of every record, which chooses how it is parsed. Not a secret: it is shown.",
        example: "eventHub",
    },
];

pub(super) static NEW_RELIC: &[Key] = &[
    Key {
        path: "sinks.*.new_relic.license_key",
        kind: Kind::Secret(SecretRule::Token),
        need: Need::Optional("**required** for `new_relic`"),
        doc: "License key of the account.",
        example: "<license-key>",
    },
    Key {
        path: "sinks.*.new_relic.region",
        kind: Kind::Word(&["us", "eu", "jp", "fedramp"]),
        need: Need::Optional("**required** for `new_relic`, or `endpoint`"),
        doc: "Data center of the account.",
        example: "eu",
    },
];

pub(super) static SUMO_LOGIC: &[Key] = &[
    Key {
        path: "sinks.*.sumo_logic.category",
        kind: text(TextRule::Any),
        need: Need::Optional("that of the source"),
        doc: "`_sourceCategory` of every record. Not a secret: it is shown.",
        example: "Azure/AAD/Logs",
    },
    Key {
        path: "sinks.*.sumo_logic.source_name",
        kind: text(TextRule::Any),
        need: Need::Optional("that of the source"),
        doc: "`_sourceName` of every record. Not a secret: it is shown.",
        example: "entra-forwarder",
    },
    Key {
        path: "sinks.*.sumo_logic.host",
        kind: text(TextRule::Any),
        need: Need::Optional("that of the source"),
        doc: "`_sourceHost` of every record. Not a secret: it is shown.",
        example: "contoso",
    },
    Key {
        path: "sinks.*.sumo_logic.fields",
        kind: text(TextRule::Any),
        need: Need::Optional("none"),
        doc: "Fields of every record, as `name=value` with commas between them. Not a secret: it is \
              shown.",
        example: "env=prod,team=soc",
    },
];

pub(super) static VICTORIA_LOGS: &[Key] = &[
    Key {
        path: "sinks.*.victoria_logs.time_field",
        kind: text(TextRule::Any),
        need: Need::Optional("`_time`, which the forwarder writes"),
        doc: "Field with the time of a record. Lines with a time that is neither RFC 3339 nor a number \
              are left out. Not a secret: it is shown.",
        example: "_time",
    },
    Key {
        path: "sinks.*.victoria_logs.message_field",
        kind: text(TextRule::Any),
        need: Need::Optional("`operationName`"),
        doc: "Field that is shown as the message. Not a secret: it is shown.",
        example: "operationName",
    },
    Key {
        path: "sinks.*.victoria_logs.stream_fields",
        kind: text(TextRule::Any),
        need: Need::Optional("`category,tenantId`"),
        doc: "Fields that make a stream, with commas between them: few distinct values each. Not a \
              secret: it is shown.",
        example: "category,tenantId",
    },
];
