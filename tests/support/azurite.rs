//! Azurite, Microsoft's storage emulator: one per test process, with a container per test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::tied;

/// Name of the account that every Azurite has.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
/// Its key, which is public.
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// Version of the service that the signatures are made for.
const VERSION: &str = "2021-12-02";
/// What the forwarder needs.
const ALL: &str = "racwl";

/// A running Azurite.
pub(crate) struct Azurite {
    /// Its URL.
    pub(crate) address: String,
    /// Closing its standard input ends it.
    _child: Child,
}

/// Starts Azurite at the first call; gives `http://127.0.0.1:<port>`.
fn address() -> &'static str {
    static AZURITE: OnceLock<Azurite> = OnceLock::new();
    &AZURITE.get_or_init(|| start(&[])).address
}

/// Starts it with more arguments than the usual ones.
pub(crate) fn start(more: &[&str]) -> Azurite {
    // Port 0 is one that is free; data stay in memory, so that nothing is left behind.
    let usual = [
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        "0",
        "--inMemoryPersistence",
        "--silent",
        "--disableTelemetry",
        "--skipApiVersionCheck",
    ];
    let arguments = [&usual, more].concat();
    let mut child = tied::start("node_modules/azurite/dist/src/blob/main.js", &arguments);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| {
            line.split_once("successfully listens on ")
                .map(|(_, url)| url.trim().to_owned())
        })
        .expect("Azurite ended before it listened; its errors are above");
    // A full pipe would stop it.
    std::thread::spawn(move || lines.for_each(drop));
    Azurite {
        address,
        _child: child,
    }
}

/// Makes the container of this URL.
pub(crate) async fn make(client: &reqwest::Client, url: &str) {
    let answer = client
        .put(format!("{url}?restype=container&{}", account_signature()))
        .header("x-ms-version", VERSION)
        .header("content-length", 0)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
}

/// A container of its own for one test.
pub(crate) struct TestContainer {
    name: String,
}

impl TestContainer {
    /// Makes a container.
    pub(crate) async fn create() -> Self {
        let container = Self::missing();
        container.make().await;
        container
    }

    /// Makes it, when it was missing.
    pub(crate) async fn make(&self) {
        make(&client(), &self.plain_url()).await;
    }

    /// A container that does not exist.
    pub(crate) fn missing() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        Self {
            name: format!("test-{}", LAST.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// URL without a signature.
    pub(crate) fn plain_url(&self) -> String {
        format!("{}/{ACCOUNT}/{}", address(), self.name)
    }

    /// URL with a signature that allows everything the forwarder needs.
    pub(crate) fn url(&self) -> String {
        self.url_with(ALL, 3600)
    }

    /// URL with a signature for these permissions that ends so many seconds from now.
    pub(crate) fn url_with(&self, permissions: &str, seconds: i64) -> String {
        let end = moment(seconds);
        let resource = format!("/blob/{ACCOUNT}/{}", self.name);
        let text = [
            permissions,
            "",
            &end,
            &resource,
            "",
            "",
            "",
            VERSION,
            "c",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
        ]
        .join("\n");
        let fields = [
            ("sv", VERSION),
            ("sr", "c"),
            ("sp", permissions),
            ("se", &end),
            ("sig", &sign(&text)),
        ];
        format!("{}?{}", self.plain_url(), query(&fields))
    }

    /// The blobs below a path: by the rest of their names, their version and one field of their
    /// metadata, empty when they have no such field.
    pub(crate) async fn blobs(
        &self,
        path: &str,
        field: &str,
    ) -> BTreeMap<String, (String, String)> {
        let query = format!("?restype=container&comp=list&include=metadata&prefix={path}&");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let asked = client.get(self.url().replacen('?', &query, 1)).send().await;
        let answer = asked.unwrap();
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        assert!(text.contains("<NextMarker/>"), "not all of it: {text}");
        let blobs = text.split("<Blob>").skip(1).map(|blob| {
            let name = element(blob, "Name").unwrap();
            let value = element(blob, field).unwrap_or_default();
            let version = element(blob, "Etag").unwrap();
            (
                name.strip_prefix(path).unwrap().to_owned(),
                (version, value),
            )
        });
        blobs.collect()
    }

    /// URL of a blob, with a signature.
    pub(crate) fn blob_url(&self, path: &str) -> String {
        self.url().replacen('?', &format!("/{path}?"), 1)
    }

    /// Metadata of an empty blob as the service gives it; `None` when there is no such blob.
    pub(crate) async fn metadata(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let answer = client().head(self.blob_url(path)).send().await.unwrap();
        if answer.status() == 404 {
            return None;
        }
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-length"], "0");
        let pairs = answer.headers().iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-ms-meta-")?;
            Some((name.to_owned(), value.to_str().unwrap().to_owned()))
        });
        Some(pairs.collect())
    }
}

fn client() -> reqwest::Client {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The text of the first element of this name; `None` when there is none, or it is empty.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.to_owned())
}

/// A query that allows everything in the account.
pub(crate) fn account_signature() -> String {
    let end = moment(3600);
    let text = [
        ACCOUNT, "racwdl", "b", "sco", "", &end, "", "", VERSION, "", "",
    ]
    .join("\n");
    query(&[
        ("sv", VERSION),
        ("ss", "b"),
        ("srt", "sco"),
        ("sp", "racwdl"),
        ("se", &end),
        ("sig", &sign(&text)),
    ])
}

fn sign(text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&BASE64.decode(KEY).unwrap()).unwrap();
    mac.update(text.as_bytes());
    BASE64.encode(mac.finalize().into_bytes())
}

fn query(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// A moment so many seconds from now, as signatures write it.
fn moment(seconds: i64) -> String {
    let now = SystemTime::now();
    let length = Duration::from_secs(seconds.unsigned_abs());
    let moment = if seconds < 0 {
        now - length
    } else {
        now + length
    };
    let format =
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    time::OffsetDateTime::from(moment).format(&format).unwrap()
}
