//! The status page: a few files, which need nothing from anywhere else.

use axum::Router;
use axum::routing::get;

use super::text;

const SCRIPT: &str = "text/javascript; charset=utf-8";

const FILES: [(&str, &str, &str); 7] = [
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
    ("/page.js", SCRIPT, include_str!("page/page.js")),
    ("/parts.js", SCRIPT, include_str!("page/parts.js")),
    ("/chart.js", SCRIPT, include_str!("page/chart.js")),
    ("/render.js", SCRIPT, include_str!("page/render.js")),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// The files by their paths.
pub(super) fn routes() -> Router {
    FILES
        .into_iter()
        .fold(Router::new(), |app, (path, kind, body)| {
            app.route(path, get(async move || text(kind, body)))
        })
}
