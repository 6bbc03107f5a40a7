//! The status page: three files and an icon, which need nothing from anywhere else.

use axum::Router;
use axum::routing::get;

use super::text;

const FILES: [(&str, &str, &str); 4] = [
    (
        "/",
        "text/html; charset=utf-8",
        include_str!("page/index.html"),
    ),
    (
        "/page.css",
        "text/css; charset=utf-8",
        include_str!("page/page.css"),
    ),
    (
        "/page.js",
        "text/javascript; charset=utf-8",
        include_str!("page/page.js"),
    ),
    (
        "/icon.svg",
        "image/svg+xml",
        include_str!("page/icon.svg"),
    ),
];

/// The files by their paths.
pub(super) fn routes() -> Router {
    FILES
        .into_iter()
        .fold(Router::new(), |app, (path, kind, body)| {
            app.route(path, get(async move || text(kind, body)))
        })
}
