//! Keys of a source.

use super::{HOUR, KIB, MIB, text};
use crate::config::keys::Key;
use crate::config::keys::Need::{Default, Optional, Required};
use crate::config::kind::{Kind, SecretRule, TextRule};

pub(super) static KEYS: &[Key] = &[
    Key {
        path: "sources.*.namespace",
        kind: text(TextRule::Namespace),
        need: Optional("taken from `connection_string` if there is one, else required"),
        doc: "The Event Hubs namespace: its name or its full host name. A name without dots gets \
              `.servicebus.windows.net`, or what the `cloud` has in its place. Behind a private \
              endpoint it is still this name.",
        example: "contoso-logs.servicebus.windows.net",
    },
    Key {
        path: "sources.*.event_hub",
        kind: text(TextRule::EventHub),
        need: Optional(
            "taken from the `EntityPath` of `connection_string` if there is one, else required",
        ),
        doc: "Name of the Event Hub.",
        example: "insights-logs-signinlogs",
    },
    Key {
        path: "sources.*.consumer_group",
        kind: text(TextRule::ConsumerGroup),
        need: Required,
        doc: "The consumer group to read with, made for this purpose. `$Default` is refused unless \
              `allow_default_group` is true.",
        example: "entra-forwarder",
    },
    Key {
        path: "sources.*.tools_consumer_group",
        kind: text(TextRule::ConsumerGroup),
        need: Optional(
            "`<consumer_group>-tools`; `$Default` when the hub has no such group and no source reads \
             with it",
        ),
        doc: "The consumer group with which `tail`, `estimate` and `replay` read beside a running \
              forwarder: another one than any that is forwarded with, since those are read \
              exclusively.",
        example: "entra-forwarder-tools",
    },
    Key {
        path: "sources.*.allow_default_group",
        kind: Kind::Bool,
        need: Default("false"),
        doc: "Allows `consumer_group = \"$Default\"`. A partition is read by an exclusive (epoch) \
              receiver, which throws every other reader of the same group off.",
        example: "false",
    },
    Key {
        path: "sources.*.credential",
        kind: text(TextRule::Credential),
        need: Optional("an identity of type `auto` is used, unless there is a `connection_string`"),
        doc: "Name of the identity in `[credentials.<name>]` to read with. It needs the role \"Azure \
              Event Hubs Data Receiver\".",
        example: "identity",
    },
    Key {
        path: "sources.*.connection_string",
        kind: Kind::Secret(SecretRule::ConnectionString),
        need: Optional("an identity is used; at most one of this and `credential`"),
        doc: "Connection string with the right to listen: `Endpoint` and either `SharedAccessKeyName` \
              with `SharedAccessKey` or `SharedAccessSignature`. With `UseDevelopmentEmulator=true` \
              the connection is plain AMQP.",
        example: "Endpoint=sb://contoso-logs.servicebus.windows.net/;SharedAccessKeyName=listen;SharedAccessKey=<key>;EntityPath=insights-logs-auditlogs",
    },
    Key {
        path: "sources.*.transport",
        kind: Kind::Word(&["amqp", "websocket"]),
        need: Default("amqp"),
        doc: "What carries AMQP: `amqp` is TLS over TCP, port 5671; `websocket` is a WebSocket over \
              TLS, port 443, for networks that let nothing else out.",
        example: "amqp",
    },
    Key {
        path: "sources.*.custom_endpoint",
        kind: text(TextRule::AmqpUrl),
        need: Optional("the namespace itself is used"),
        doc: "Connects to this host and port instead of the namespace's own, for a gateway or an \
              emulator: `amqps://host:port`, without TLS `amqp://host:port`, or with `transport = \
              \"websocket\"` `wss://host:port`. Its certificate must be for this host. Tokens, \
              addresses and checkpoints keep the name of the namespace.",
        example: "amqps://eventhubs-proxy.internal:5671",
    },
    Key {
        path: "sources.*.start",
        kind: Kind::Start,
        need: Default("earliest"),
        doc: "Where to start when the consumer group has no checkpoint at all: `earliest` (the first \
              retained event), `latest`, an RFC 3339 time, or a sequence number.",
        example: "earliest",
    },
    Key {
        path: "sources.*.start_partitions.*",
        kind: Kind::Start,
        need: Optional("every partition starts at `start`"),
        doc: "The same for single partitions, by partition id.",
        example: "1042",
    },
    Key {
        path: "sources.*.on_stale_checkpoint",
        kind: Kind::Word(&["time", "fail", "earliest", "latest"]),
        need: Default("time"),
        doc: "What happens when a position does not belong to the hub that is there: the hub was made \
              again under its name, or failed over. `time` goes on at the time of the position minus \
              `stale_margin` (repeats, loses nothing), `earliest` at the first retained event, \
              `latest` behind the last one (skips what is there); `fail` waits for \
              `checkpoints set`.",
        example: "time",
    },
    Key {
        path: "sources.*.stale_margin",
        kind: Kind::Duration {
            min_ms: 0,
            max_ms: 7 * 24 * HOUR,
        },
        need: Default("15m"),
        doc: "How far before the time of a stale position reading goes on, with \
              `on_stale_checkpoint = \"time\"`.",
        example: "15m",
    },
    Key {
        path: "sources.*.retention",
        kind: Kind::Duration {
            min_ms: HOUR,
            max_ms: 90 * 24 * HOUR,
        },
        need: Optional("nobody is told what share of it is used"),
        doc: "How long the hub keeps events, as it is set there (the service does not tell). What is \
              not delivered by then is lost: from half of it on, that is said.",
        example: "7d",
    },
    Key {
        path: "sources.*.stall_timeout",
        kind: Kind::Duration {
            min_ms: 1_000,
            max_ms: HOUR,
        },
        need: Default("60s"),
        doc: "A partition that has newer events, wants them and receives nothing for this time is \
              opened again.",
        example: "60s",
    },
    Key {
        path: "sources.*.max_event_size",
        kind: Kind::Bytes {
            min: 64 * KIB,
            max: 32 * MIB,
        },
        need: Default("1MiB"),
        doc: "Largest event that the hub takes (1 MiB, up to 20 MiB on dedicated tiers). Counted \
              against `limits.memory_budget` for every event that is read ahead.",
        example: "1MiB",
    },
    Key {
        path: "sources.*.on_undecodable",
        kind: Kind::Word(&["stall", "skip"]),
        need: Default("stall"),
        doc: "What happens to a message that is not valid AMQP: `stall` lets the partition wait and \
              says so; `skip` passes over it and leaves a dead letter that says where it was.",
        example: "stall",
    },
    Key {
        path: "sources.*.on_unparsable",
        kind: Kind::Word(&["wrap", "dead_letter"]),
        need: Default("wrap"),
        doc: "What happens to what is no JSON and cannot be made JSON: plain text, a record that was \
              cut off. `wrap` forwards it as `{\"message\": \"<text>\"}`, `dead_letter` keeps it as a \
              dead letter.",
        example: "wrap",
    },
];
