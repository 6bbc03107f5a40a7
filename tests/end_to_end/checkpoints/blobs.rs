//! Blobs as other programs write them.

use serde_json::Value;

use crate::azurite::TestContainer;

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Writes a blob with metadata and a body.
pub(super) async fn put(
    container: &TestContainer,
    path: &str,
    metadata: &[(&str, &str)],
    body: String,
) {
    let mut request = client()
        .put(container.blob_url(path))
        .header("x-ms-blob-type", "BlockBlob")
        .header("content-length", body.len())
        .body(body);
    for (name, value) in metadata {
        request = request.header(format!("x-ms-meta-{name}"), *value);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
}

/// Writes a position as an Azure SDK does, under names in its own case.
pub(super) async fn position(container: &TestContainer, path: &str, metadata: &[(&str, &str)]) {
    put(container, path, metadata, String::new()).await;
}

/// Writes a JSON lease.
pub(super) async fn lease(container: &TestContainer, path: &str, lease: &Value) {
    put(container, path, &[], lease.to_string()).await;
}

/// Takes the storage lease on a blob, or gives it up.
pub(super) async fn hold(container: &TestContainer, path: &str, id: &str, action: &str) {
    let url = container.blob_url(path).replacen('?', "?comp=lease&", 1);
    let mut request = client()
        .put(url)
        .header("x-ms-lease-action", action)
        .header("content-length", 0);
    request = match action {
        "acquire" => request
            .header("x-ms-lease-duration", "60")
            .header("x-ms-proposed-lease-id", id),
        _ => request.header("x-ms-lease-id", id),
    };
    let answer = request.send().await.unwrap();
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.unwrap()
    );
}
