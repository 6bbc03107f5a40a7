//! The table of keys. Longer than other files because it is data: one entry per key.

use super::Need::{Default, Optional, Required};
use super::{Key, Section};
use crate::config::cloud;
use crate::config::kind::{Kind, SecretRule, TextRule};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// The sections, in the order in which they are shown.
pub(in crate::config) static SECTIONS: &[Section] = &[
    Section {
        path: "",
        doc: "Keys outside of any section. In a file they stand before the first section.",
    },
    Section {
        path: "sources.*",
        doc: "Event Hubs to read, by a name of your choice; at least one. Azure makes one hub per \
              log category unless told otherwise, so several are usual.",
    },
    Section {
        path: "sinks.*",
        doc: "HTTP endpoints to deliver to, by a name of your choice; at least one. Every record \
              goes to every sink.",
    },
    Section {
        path: "credentials.*",
        doc: "Microsoft Entra identities that sources and the checkpoint store refer to, by a name \
              of your choice.",
    },
    Section {
        path: "checkpoints",
        doc: "Where it is kept which events are done, and which replica owns which partition.",
    },
    Section {
        path: "ownership",
        doc: "How the replicas of one consumer group share its partitions. The same in all of them.",
    },
    Section {
        path: "dead_letters",
        doc: "Where records are kept that an endpoint refuses for good.",
    },
    Section {
        path: "health",
        doc: "The listener for the platform's probes.",
    },
    Section {
        path: "limits",
        doc: "Bounds on memory, and on what is repeated after a crash.",
    },
];

const fn text(rule: TextRule) -> Kind {
    Kind::Text(rule)
}

/// Every key, in the order in which it is shown.
pub(in crate::config) static KEYS: &[Key] = &[
    Key {
        path: "shutdown_grace",
        kind: Kind::Duration {
            min_ms: 1_000,
            max_ms: HOUR,
        },
        need: Default("25s"),
        doc: "Time from the signal to stop until the process ends, whatever is left. Keep it below \
              the time after which the platform kills the process.",
        example: "25s",
    },
    Key {
        path: "cloud",
        kind: Kind::Word(cloud::WORDS),
        need: Default("public"),
        doc: "The cloud of Azure: `public` (also `commercial`, `gcc`), `usgov` (also `gcc_high`, \
              `dod`) or `china`. It completes namespaces without dots, and says where Microsoft \
              Entra ID is asked for tokens, unless `AZURE_AUTHORITY_HOST` does.",
        example: "public",
    },
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
        path: "sinks.*.type",
        kind: Kind::Word(&["http"]),
        need: Required,
        doc: "Kind of the sink: `http` posts batches to a URL.",
        example: "http",
    },
    Key {
        path: "sinks.*.endpoint",
        kind: Kind::Secret(SecretRule::HttpUrl),
        need: Required,
        doc: "URL that batches are posted to. Treated as a secret, since it may carry a token.",
        example: "https://siem.example.com/ingest",
    },
    Key {
        path: "sinks.*.encoding",
        kind: Kind::Word(&["ndjson", "json_array"]),
        need: Default("ndjson"),
        doc: "How the records of a batch become one body: `ndjson` (one record per line) or \
              `json_array`.",
        example: "ndjson",
    },
    Key {
        path: "sinks.*.prefix",
        kind: text(TextRule::Any),
        need: Default(""),
        doc: "Text before the body, inside the compression. Not a secret: it is shown.",
        example: "",
    },
    Key {
        path: "sinks.*.suffix",
        kind: text(TextRule::Any),
        need: Default(""),
        doc: "Text after the body, inside the compression. Not a secret: it is shown.",
        example: "",
    },
    Key {
        path: "sinks.*.headers.*",
        kind: Kind::Secret(SecretRule::HeaderValue),
        need: Optional("none"),
        doc: "Request headers, by name. Every value is a secret. `Content-Encoding`, \
              `Content-Length`, `Host` and `Transfer-Encoding` are set by the forwarder; \
              `Content-Type` may be replaced.",
        example: "Bearer <token>",
    },
    Key {
        path: "sinks.*.gzip_level",
        kind: Kind::Integer { min: 1, max: 9 },
        need: Default("6"),
        doc: "Effort of the compression, from 1 (fast) to 9 (small).",
        example: "6",
    },
    Key {
        path: "sinks.*.batch.records",
        kind: Kind::Integer {
            min: 1,
            max: 1_000_000,
        },
        need: Default("5000"),
        doc: "A batch is closed at this number of records.",
        example: "5000",
    },
    Key {
        path: "sinks.*.batch.bytes",
        kind: Kind::Bytes {
            min: KIB,
            max: 64 * MIB,
        },
        need: Default("1MiB"),
        doc: "A batch is closed at this size before compression; a single larger record goes alone. \
              At most an eighth of `limits.memory_budget`.",
        example: "1MiB",
    },
    Key {
        path: "sinks.*.batch.age",
        kind: Kind::Duration {
            min_ms: 10,
            max_ms: 10 * MINUTE,
        },
        need: Default("5s"),
        doc: "A batch is closed this long after its first record.",
        example: "5s",
    },
    Key {
        path: "sinks.*.concurrency",
        kind: Kind::Integer { min: 1, max: 64 },
        need: Default("4"),
        doc: "Requests in flight at the same time.",
        example: "4",
    },
    Key {
        path: "sinks.*.connect_timeout",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: 5 * MINUTE,
        },
        need: Default("10s"),
        doc: "Longest wait for a connection; at most `timeout`.",
        example: "10s",
    },
    Key {
        path: "sinks.*.timeout",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: HOUR,
        },
        need: Default("60s"),
        doc: "Longest wait for a whole answer.",
        example: "60s",
    },
    Key {
        path: "sinks.*.retry.initial",
        kind: Kind::Duration {
            min_ms: 10,
            max_ms: 10 * MINUTE,
        },
        need: Default("1s"),
        doc: "Upper bound of the wait before the first repetition; it doubles from there. The wait \
              is random below the bound.",
        example: "1s",
    },
    Key {
        path: "sinks.*.retry.max",
        kind: Kind::Duration {
            min_ms: 10,
            max_ms: HOUR,
        },
        need: Default("60s"),
        doc: "Upper bound of every wait between repetitions. Repetitions never end.",
        example: "60s",
    },
    Key {
        path: "sinks.*.retry.retry_after_max",
        kind: Kind::Duration {
            min_ms: 1_000,
            max_ms: 24 * HOUR,
        },
        need: Default("5min"),
        doc: "Longest `Retry-After` of an endpoint that is honoured.",
        example: "5min",
    },
    Key {
        path: "credentials.*.type",
        kind: Kind::Word(&[
            "auto",
            "managed_identity",
            "workload_identity",
            "client_secret",
            "client_certificate",
            "azure_cli",
        ]),
        need: Required,
        doc: "Kind of the identity. `auto` takes the first that is there of workload identity, managed \
              identity and the Azure CLI; the others are what their names say. See \
              `docs/credentials.md`.",
        example: "auto",
    },
    Key {
        path: "credentials.*.client_id",
        kind: text(TextRule::ClientId),
        need: Optional(
            "required by `client_secret` and `client_certificate`; not for `azure_cli`; else \
             `AZURE_CLIENT_ID` if that is set",
        ),
        doc: "Client (application) id: of the user-assigned identity, or of the service principal.",
        example: "11111111-2222-3333-4444-555555555555",
    },
    Key {
        path: "credentials.*.tenant_id",
        kind: text(TextRule::Tenant),
        need: Optional(
            "required by `client_secret` and `client_certificate`; else only for \
             `workload_identity`",
        ),
        doc: "Tenant: its id or one of its domain names.",
        example: "66666666-7777-8888-9999-000000000000",
    },
    Key {
        path: "credentials.*.client_secret",
        kind: Kind::Secret(SecretRule::Any),
        need: Optional("required by `client_secret`, only for it"),
        doc: "Secret of the service principal.",
        example: "<client secret>",
    },
    Key {
        path: "credentials.*.certificate",
        kind: Kind::Secret(SecretRule::Certificate),
        need: Optional("required by `client_certificate`, only for it"),
        doc: "Certificate of the service principal with its RSA private key: PEM text, or PKCS#12 \
              (`.pfx`) in base64. A file may hold PEM text or PKCS#12 as it is.",
        example: "MIIJqQIBAzCCCW8G",
    },
    Key {
        path: "credentials.*.certificate_password",
        kind: Kind::Secret(SecretRule::Any),
        need: Optional("the PKCS#12 file has no password"),
        doc: "Password of the PKCS#12 file.",
        example: "<password>",
    },
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
    Key {
        path: "ownership.balance_interval",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: MINUTE,
        },
        need: Default("2s"),
        doc: "How often the owners are listed. A partition that was released is taken over within \
              this time. A replica that owns everything and sees nobody else lists up to five times \
              less often.",
        example: "2s",
    },
    Key {
        path: "ownership.renew_interval",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: 10 * MINUTE,
        },
        need: Default("20s"),
        doc: "How often a claim is renewed; at most a third of `expiry`.",
        example: "20s",
    },
    Key {
        path: "ownership.expiry",
        kind: Kind::Duration {
            min_ms: 1_000,
            max_ms: HOUR,
        },
        need: Default("60s"),
        doc: "A claim that was not renewed for this time is free for others. Use `2m` as long as \
              programs on an Azure SDK share the consumer group: they renew more slowly.",
        example: "60s",
    },
    Key {
        path: "ownership.steal_after",
        kind: Kind::Duration {
            min_ms: 0,
            max_ms: HOUR,
        },
        need: Default("60s"),
        doc: "Partitions are taken from a replica that has more than its share only after the \
              imbalance has lasted this long, so that a rolling update moves nothing twice.",
        example: "60s",
    },
    Key {
        path: "ownership.give_up_after",
        kind: Kind::Duration {
            min_ms: 1_000,
            max_ms: 24 * HOUR,
        },
        need: Default("2m"),
        doc: "A replica whose endpoint refuses it (wrong address or credentials) for this time gives \
              its partitions up, if another replica is there.",
        example: "2m",
    },
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
    Key {
        path: "health.listen",
        kind: Kind::Listen,
        need: Default("0.0.0.0:8080"),
        doc: "Address of `/livez`, `/readyz` and `/startupz`, or `off`.",
        example: "0.0.0.0:8080",
    },
    Key {
        path: "limits.memory_budget",
        kind: Kind::Bytes {
            min: 16 * MIB,
            max: 1024 * 1024 * MIB,
        },
        need: Default("128MiB"),
        doc: "Everything that grows with data stays below this size together.",
        example: "128MiB",
    },
    Key {
        path: "limits.open_events_max",
        kind: Kind::Integer {
            min: 1,
            max: 1_000_000_000,
        },
        need: Default("10000"),
        doc: "Most events of a partition that are read and not yet settled; at this number its reader \
              pauses.",
        example: "10000",
    },
    Key {
        path: "limits.uncommitted_max",
        kind: Kind::Integer {
            min: 1,
            max: 1_000_000_000,
        },
        need: Default("100000"),
        doc: "Most events of a partition that are read beyond its stored checkpoint, when the store \
              fails; at this number its reader pauses. With `open_events_max` it bounds what a crash \
              repeats.",
        example: "100000",
    },
];
