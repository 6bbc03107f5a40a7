//! How a sink is reached, and by whose right: what fits together.

use super::super::{
    ClientAuthentication, Digits, HttpVersion, KeyEncoding, SinkAuth, SinkConnection, SinkProxy,
};
use super::{BASE, base_with, right, wrong};

/// A sink with these lines.
fn sink(lines: &str) -> String {
    let endpoint = "endpoint = \"https://siem.example.com/ingest\"\n";
    BASE.replace(endpoint, &format!("{endpoint}{lines}\n"))
}

fn connection(lines: &str) -> SinkConnection {
    right(&sink(lines), &[]).config.sinks["siem"]
        .connection
        .clone()
}

#[test]
fn without_a_word_nothing_is_added_but_an_id() {
    let found = connection("");
    let expected = SinkConnection {
        request_id_header: Some("x-request-id".to_owned()),
        ..SinkConnection::default()
    };
    assert_eq!(found, expected);
}

#[test]
fn every_type_is_read() {
    let found = connection("auth = { type = \"bearer\", token = \"t\" }").auth;
    assert!(matches!(found, SinkAuth::Token { token, .. } if token.expose() == "t"));
    let found = connection("auth = { type = \"basic\", user = \"u\" }").auth;
    assert!(matches!(found, SinkAuth::Basic { user, password }
        if user.expose() == "u" && password.expose().is_empty()));
    let found = connection(
        "auth = { type = \"oauth2\", token_url = \"https://login.example.com/\", client_id = \"c\", \
         client_secret = \"s\", client_authentication = \"body\", audience = \"a\", scope = \"\", \
         parameters = { Some_Name = \"v\" } }",
    );
    let SinkAuth::OAuth2(found) = found.auth else {
        panic!("{found:?}");
    };
    assert_eq!(found.client_authentication, ClientAuthentication::Body);
    assert_eq!((found.scope, found.audience.as_deref()), (None, Some("a")));
    assert_eq!(found.parameters["Some_Name"].expose(), "v");
    let found = connection(
        "auth = { type = \"entra\", scope = \"https://x/.default\", credential = \"identity\" }",
    );
    assert!(matches!(found.auth, SinkAuth::Entra { credential, .. }
        if credential.as_deref() == Some("identity")));
    let found = connection("auth = { type = \"hmac\", key = \"k\" }").auth;
    let SinkAuth::Hmac(found) = found else {
        panic!("{found:?}");
    };
    assert_eq!(found.header, "x-signature-256");
    assert_eq!(
        (found.prefix.as_str(), found.encoding),
        ("sha256=", Digits::Hex)
    );
    let found = connection(
        "auth = { type = \"hmac\", key = \"AAA=\", key_encoding = \"base64\", header = \"X-Sign\", \
         prefix = \"\", encoding = \"base64\" }",
    );
    let SinkAuth::Hmac(found) = found.auth else {
        panic!("{found:?}");
    };
    assert_eq!(
        (found.header.as_str(), found.prefix.as_str()),
        ("x-sign", "")
    );
    assert_eq!(found.key_encoding, KeyEncoding::Base64);
    assert_eq!(found.encoding, Digits::Base64);
}

#[test]
fn the_way_is_read() {
    let found = connection(
        "query = { Token = \"t\" }\nproxy = \"none\"\nhttp_version = \"1.1\"\n\
         request_id_header = \"off\"",
    );
    assert_eq!(found.query["Token"].expose(), "t");
    assert_eq!(found.proxy, Some(SinkProxy::None));
    assert_eq!(found.http_version, HttpVersion::Http1);
    assert_eq!(found.request_id_header, None);
    let variable = ("ENTRA_FORWARDER__SINKS__SIEM__QUERY", "{Key = \"v\"}");
    let loaded = right(BASE, &[variable]);
    assert_eq!(
        loaded.config.sinks["siem"].connection.query["Key"].expose(),
        "v"
    );
}

/// Lines of a sink, and what is said of them.
const UNFIT: &[(&str, &str)] = &[
    (
        "auth = { type = \"bearer\" }",
        "sinks.siem.auth.token is missing",
    ),
    (
        "auth = { type = \"bearer\", token = \"Bearer MARK\" }",
        "give the token alone",
    ),
    (
        "auth = { token = \"MARK\" }",
        "sinks.siem.auth.token is not a key of this type",
    ),
    (
        "auth = { type = \"bearer\", token = \"t\", parameters = { a = \"MARK\" } }",
        "sinks.siem.auth.parameters is not a key of this type",
    ),
    (
        "auth = { type = \"basic\", password = \"MARK\" }",
        "sinks.siem.auth.user is missing",
    ),
    (
        "auth = { type = \"oauth2\" }",
        "sinks.siem.auth.token_url is missing",
    ),
    (
        "auth = { type = \"oauth2\", token_url = \"ftp://MARK\", client_id = \"c\", \
             client_secret = \"s\" }",
        "sinks.siem.auth.token_url is something else (not shown)",
    ),
    (
        "auth = { type = \"entra\" }",
        "sinks.siem.auth.scope is missing",
    ),
    (
        "auth = { type = \"entra\", scope = \"s\", credential = \"other\" }",
        "one of the names in [credentials]: identity",
    ),
    (
        "auth = { type = \"hmac\", key = \"MARK-\", key_encoding = \"hex\" }",
        "a key that is written as key_encoding says",
    ),
    (
        "auth = { type = \"hmac\", key = \"k\", header = \"Host\" }",
        "a header that the forwarder sets itself",
    ),
    (
        "auth = { type = \"bearer\", token = \"t\" }\nheaders.Authorization = \"MARK\"",
        "sinks.siem.headers.authorization is a header that is set by auth as well",
    ),
    (
        "auth = { type = \"hmac\", key = \"k\" }\nheaders.X-Signature-256 = \"MARK\"",
        "sinks.siem.headers.x-signature-256 is a header that is set by auth as well",
    ),
    (
        "auth = { type = \"hmac\", key = \"k\", header = \"Content-Type\" }",
        "sinks.siem.auth.header is \"content-type\", expected a header of its own",
    ),
    (
        "auth = { type = \"hmac\", key = \"k\", header = \"X-Request-Id\" }",
        "sinks.siem.request_id_header is a header that is set to something else",
    ),
    (
        "request_id_header = \"Content-Type\"",
        "sinks.siem.request_id_header is a header that is set to something else",
    ),
    (
        "proxy = \"MARK:3128\"",
        "a URL of the form http://host:port",
    ),
    (
        "proxy = \"http://proxy/MARK\"",
        "a URL of the form http://host:port",
    ),
    (
        "http_version = \"3\"",
        "expected \"auto\", \"1.1\" or \"2\"",
    ),
    (
        "request_id_header = \"a b\"",
        "expected the name of a header",
    ),
    ("tls.ca = \"MARK\"", "certificates as PEM text"),
    ("tls.key = \"MARK\"", "a private key as PEM text"),
    ("query = { \"\" = \"MARK\" }", "an empty name"),
    ("auth = { type = \"magic\" }", "\"entra\" or \"hmac\""),
];

#[test]
fn what_does_not_fit_is_refused() {
    for (lines, expected) in UNFIT {
        let found = wrong(&sink(lines), &[]).to_string();
        assert!(found.contains(expected), "{lines}: {found}");
        assert!(!found.contains("MARK"), "{found}");
    }
    let certificate = crate::config::keys::by_pattern("sinks.*.tls.certificate");
    let line = format!("tls.certificate = {:?}", certificate.unwrap().example);
    let found = wrong(&sink(&line), &[]).to_string();
    assert!(found.contains("sinks.siem.tls.key is missing"), "{found}");
}

#[test]
fn what_travels_in_the_clear_is_said() {
    let clear = base_with("sinks.siem", "endpoint = \"http://siem.example.com\"");
    let entra = clear.replace(
        "endpoint = \"http",
        "auth = { type = \"entra\", scope = \"s\" }\nendpoint = \"http",
    );
    let found = wrong(&entra, &[]).to_string();
    assert!(
        found.contains("the identity's token is sent there"),
        "{found}"
    );
    let text = sink(
        "auth = { type = \"oauth2\", token_url = \"http://login.example.com/\", client_id = \"c\", \
         client_secret = \"s\" }",
    );
    let warnings = right(&text, &[]).warnings.join("\n");
    assert!(
        warnings.contains("sinks.siem.auth.token_url starts with http://"),
        "{warnings}"
    );
}

#[test]
fn what_the_memory_does_not_allow_is_said() {
    let warnings = |text: &str| right(text, &[]).warnings.join("\n");
    let large = sink("batch.bytes = \"8MiB\"");
    assert!(!warnings(&large).contains("memory_budget"));
    let found = warnings(&sink("compression = \"zstd\"\nzstd_level = 19"));
    assert!(
        found.contains("compressing one batch takes about"),
        "{found}"
    );
    let other = "[sinks.other]\ntype = \"http\"\nendpoint = \"https://other.example.com\"\n";
    let found = warnings(&format!("{large}\n{other}"));
    let expected = "this sink's part of limits.memory_budget for bodies is 8MiB";
    assert!(found.contains(expected), "{found}");
    let other = "[sinks.other]\ntype = \"null\"\n";
    assert!(!warnings(&format!("{large}\n{other}")).contains("memory_budget"));
}
