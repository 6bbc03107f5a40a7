//! Checked settings to [`SinkConnection`].

use std::collections::BTreeMap;

use crate::config::kind::Typed;
use crate::config::view::View;
use crate::config::{
    ClientAuthentication, Digits, HttpVersion, KeyEncoding, OAuth2Config, Secret, SignatureConfig,
    SinkAuth, SinkConnection, SinkProxy, TlsConfig,
};

/// Header with the signature when none is named.
pub(in crate::config) const SIGNATURE_HEADER: &str = "x-signature-256";
/// What stands before a signature when nothing else is given.
const SIGNATURE_PREFIX: &str = "sha256=";

pub(super) fn build(view: &View<'_>) -> Option<SinkConnection> {
    let proxy = view.secret("proxy").map(|proxy| match proxy.expose() {
        // What stands in a file may change.
        "none" if proxy.file().is_none() => SinkProxy::None,
        _ => SinkProxy::At(proxy),
    });
    let id_header = view.text("request_id_header")?;
    Some(SinkConnection {
        auth: auth(view)?,
        tls: TlsConfig {
            ca: view.secret("tls.ca"),
            identity: view.secret("tls.certificate").zip(view.secret("tls.key")),
        },
        proxy,
        query: secrets(view, "query"),
        http_version: match view.word("http_version")? {
            "1.1" => HttpVersion::Http1,
            "2" => HttpVersion::Http2,
            _ => HttpVersion::Auto,
        },
        request_id_header: (id_header != "off").then_some(id_header),
    })
}

/// The secrets of a table, by name.
pub(super) fn secrets(view: &View<'_>, table: &str) -> BTreeMap<String, Secret> {
    let all = view.below(table);
    all.filter_map(|(name, setting)| match &setting.typed {
        Typed::Secret(value) => Some((name.to_owned(), value.clone())),
        _ => None,
    })
    .collect()
}

fn auth(view: &View<'_>) -> Option<SinkAuth> {
    let text = |key: &str| view.text(key).filter(|text| !text.is_empty());
    Some(match view.word("auth.type")? {
        "bearer" => SinkAuth::Token {
            scheme: "Bearer",
            token: view.secret("auth.token")?,
        },
        "basic" => SinkAuth::Basic {
            user: view.secret("auth.user")?,
            password: view
                .secret("auth.password")
                .unwrap_or_else(|| Secret::new("")),
        },
        "oauth2" => SinkAuth::OAuth2(OAuth2Config {
            token_url: view.secret("auth.token_url")?,
            client_id: view.text("auth.client_id")?,
            client_secret: view.secret("auth.client_secret")?,
            client_authentication: match view.word("auth.client_authentication") {
                Some("body") => ClientAuthentication::Body,
                _ => ClientAuthentication::Basic,
            },
            scope: text("auth.scope"),
            audience: text("auth.audience"),
            parameters: secrets(view, "auth.parameters"),
        }),
        "entra" => SinkAuth::Entra {
            credential: view.text("auth.credential"),
            scope: view.text("auth.scope")?,
        },
        "hmac" => SinkAuth::Hmac(SignatureConfig {
            key: view.secret("auth.key")?,
            key_encoding: key_encoding(view),
            header: text("auth.header").unwrap_or_else(|| SIGNATURE_HEADER.to_owned()),
            encoding: match view.word("auth.encoding") {
                Some("base64") => Digits::Base64,
                _ => Digits::Hex,
            },
            prefix: view
                .text("auth.prefix")
                .unwrap_or_else(|| SIGNATURE_PREFIX.to_owned()),
        }),
        _ => SinkAuth::None,
    })
}

/// How the key of a signature is written.
pub(in crate::config) fn key_encoding(view: &View<'_>) -> KeyEncoding {
    match view.word("auth.key_encoding") {
        Some("base64") => KeyEncoding::Base64,
        Some("hex") => KeyEncoding::Hex,
        _ => KeyEncoding::Text,
    }
}
