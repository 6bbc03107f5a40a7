//! An archive in Azure Blob Storage: objects of NDJSON under a path that a template makes.
//!
//! The name of an object says which records are in it. A batch that is repeated after a crash is
//! written over itself; another one never is, not even when a hub was deleted and made anew, so
//! that its sequence numbers come again.
//!
//! **Sources**: names: <https://learn.microsoft.com/en-us/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata>.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};

use super::Destination;
use crate::clock::SystemClock;
use crate::compress::Compression;
use crate::config::declare::{Key, Kind, Need, SecretRule, Section, TextRule, View, text};
use crate::config::{SinkConfig, SinkKind};
use crate::event_hub::Timestamp;
use crate::format::{Format, Plain, Unfit};
use crate::record::Record;
use crate::template::Template;

pub(super) const AZURE_BLOB: Destination = Destination {
    name: super::AZURE_BLOB,
    section: Section {
        path: "sinks.*.azure_blob",
        doc: "Keys of `type = \"azure_blob\"`: docs/sinks/azure_blob.md.",
        keys: KEYS,
    },
    needs: &[&["azure_blob.container_url"]],
    takes_zstd: true,
    is_plain: false,
    complete,
};

/// The path when nothing is set.
const PATH: &str = "{{ tenant || \"no-tenant\" | slug }}/{{ category || \"none\" | lower | slug }}/\
                    {{ time || enqueued | date(\"YYYY/MM/DD/HH\") }}";

static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.azure_blob.container_url",
        kind: Kind::Secret(SecretRule::ContainerUrl),
        need: Need::Optional("**required** for `azure_blob`"),
        doc: "URL of the container, which must exist. May carry a shared-access signature \
              (`?...sig=...`) with the permissions `cw`.",
        example: "https://contosologs.blob.core.windows.net/entra-archive",
    },
    Key {
        path: "sinks.*.azure_blob.credential",
        kind: text(TextRule::Credential),
        need: Need::Optional(
            "an identity of type `auto` is used, unless `container_url` has a signature",
        ),
        doc: "Name of the identity in `[credentials.<name>]` to use for the container. It needs the \
              role \"Storage Blob Data Contributor\".",
        example: "identity",
    },
    Key {
        path: "sinks.*.azure_blob.path",
        kind: text(TextRule::Template),
        need: Need::Optional("tenant, category, and the hour of the record's time"),
        doc: "Folders of an object, as a template (docs/templates.md). Not a secret: it is shown.",
        example: "{{ category | lower | slug }}/{{ time | date(\"YYYY/MM/DD\") }}",
    },
];

/// When an object is closed, unless it is set: objects are paid for one by one.
const RECORDS: usize = 10_000;
const BYTES: u64 = 8 << 20;
const AGE: Duration = Duration::from_secs(60);

fn complete(view: &View<'_>, sink: &mut SinkConfig) -> Option<()> {
    sink.kind = SinkKind::Blob {
        container_url: view.secret("azure_blob.container_url")?,
        credential: view.text("azure_blob.credential"),
    };
    let batch = &mut sink.batch;
    if !view.is_set("batch.records") {
        batch.records = RECORDS;
    }
    if !view.is_set("batch.bytes") {
        batch.bytes = BYTES;
    }
    if !view.is_set("batch.age") {
        batch.age = AGE;
    }
    let path = view.text("azure_blob.path").unwrap_or(PATH.to_owned());
    sink.format = Some(Arc::new(AzureBlob {
        path: Template::compile(&path).ok()?,
        extension: match sink.compression {
            Compression::Gzip { .. } => "ndjson.gz",
            Compression::Zstd { .. } => "ndjson.zst",
            Compression::None => "ndjson",
        },
        lines: Plain::of(&of_lines(sink), Arc::new(SystemClock)),
    }));
    Some(())
}

/// Of what says how records are written, only their limits count.
fn of_lines(sink: &SinkConfig) -> SinkConfig {
    SinkConfig {
        record: sink.record,
        ..SinkConfig::default()
    }
}

/// The wire format: a record on each line, as it came.
#[derive(Debug)]
struct AzureBlob {
    path: Template,
    extension: &'static str,
    lines: Plain,
}

/// Characters and folders of a rendered path that are used at most; a name may have 1,024 and 254.
const PATH_CHARS: usize = 512;
const FOLDERS: usize = 64;

impl AzureBlob {
    /// The rendered path, and below it the hub.
    fn folder(&self, record: &Record<'_>) -> String {
        let mut path = String::new();
        self.path.render(record, &mut path);
        let hub = &record.origin().hub;
        let mut folder = String::with_capacity(path.len() + 64);
        let short: String = path.chars().take(PATH_CHARS).collect();
        let segments = short.split('/').filter(|it| !it.is_empty()).take(FOLDERS);
        for segment in segments.chain([hub.namespace.as_str(), hub.event_hub.as_str()]) {
            push_safe(segment, &mut folder);
            folder.push('/');
        }
        folder
    }
}

/// Adds a folder that leads nowhere else, and that every tool can write in a URL: `_` stands for
/// what is neither letter nor digit nor one of `-_.=@,+`, and for dots at its ends.
fn push_safe(segment: &str, out: &mut String) {
    let inner = segment.trim_matches('.');
    let first = segment.len() - segment.trim_start_matches('.').len();
    let last = segment.len() - first - inner.len();
    out.extend(std::iter::repeat_n('_', first));
    let safe = |c: char| c.is_alphanumeric() || "-_.=@,+".contains(c);
    out.extend(inner.chars().map(|c| if safe(c) { c } else { '_' }));
    out.extend(std::iter::repeat_n('_', last));
}

/// Of all records of an object where they stand and how long they are, as 8 hexadecimal digits: a
/// range alone does not say which of its records were wanted.
struct Contents {
    context: Context,
    sequence: Option<i64>,
}

impl Contents {
    fn new() -> Self {
        Self {
            context: Context::new(&SHA256),
            sequence: None,
        }
    }

    fn add(&mut self, record: &Record<'_>) {
        let position = &record.origin().position;
        let sequence = position.sequence.0;
        if self.sequence.replace(sequence) != Some(sequence) {
            self.context.update(&sequence.to_be_bytes());
            // Those of a hub of the same name that was there before were enqueued before.
            let enqueued = position.enqueued_at.map_or(i64::MIN, |it| it.0);
            self.context.update(&enqueued.to_be_bytes());
        }
        self.context.update(&record.index().to_be_bytes());
        let length = record.original().len() as u64;
        self.context.update(&length.to_be_bytes());
    }

    fn finish(self) -> String {
        let digest = self.context.finish();
        let bytes = digest.as_ref().iter().take(4);
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Format for AzureBlob {
    fn content_type(&self) -> &'static str {
        self.lines.content_type()
    }

    fn frame_bytes(&self) -> u64 {
        self.lines.frame_bytes()
    }

    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        self.lines.record_bytes_max(record)
    }

    fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        self.lines.check(record, now)
    }

    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>) {
        self.lines.write(records, out);
    }

    /// One folder and one partition.
    fn group(&self, record: &Record<'_>) -> Option<String> {
        let mut group = self.folder(record);
        push_safe(record.origin().partition.as_str(), &mut group);
        Some(group)
    }

    /// `<folder>/<partition>-<first>-<last>-<contents>.<extension>`, with sequence number and index
    /// of the first and the last record.
    fn target(&self, records: &mut dyn Iterator<Item = Record<'_>>) -> Option<String> {
        let one = records.next()?;
        let place = |record: &Record<'_>| (record.origin().position.sequence.0, record.index());
        let mut contents = Contents::new();
        contents.add(&one);
        let (mut first, mut last) = (place(&one), place(&one));
        for record in records {
            contents.add(&record);
            first = first.min(place(&record));
            last = last.max(place(&record));
        }
        let range = format!("{}.{}-{}.{}", first.0, first.1, last.0, last.1);
        let (group, extension) = (self.group(&one)?, self.extension);
        Some(format!("{group}-{range}-{}.{extension}", contents.finish()))
    }
}
