//! The dashboard's bundle, inside the program: one file to install, and never a page of another version.
//!
//! A debug build reads `dashboard/dist` from disk, so that a new bundle needs no new program; without one it
//! shows a page that says how to make it. A release build without a bundle does not come about (`build.rs`).

use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::ApiError;

#[derive(RustEmbed)]
#[folder = "../dashboard/dist"]
#[allow_missing = true]
struct Bundle;

const PAGE: &str = "index.html";
/// Names with a content hash: what they name never changes.
const HASHED: &str = "assets/";
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

const NO_BUNDLE: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Vọng</title>\
    <h1>Vọng</h1><p>The collector runs, but this build holds no dashboard. Make it with \
    <code>npm ci &amp;&amp; npm run build</code> in <code>dashboard/</code>, then reload.</p></html>";

/// A file of the bundle; any other path is a page of the dashboard, which finds its way by itself.
pub(super) async fn serve(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return ApiError::not_found().into_response();
    }
    if let Some(file) = Bundle::get(path) {
        return answer(file, path.starts_with(HASHED));
    }
    if path.starts_with(HASHED) {
        return ApiError::not_found().into_response();
    }
    match Bundle::get(PAGE) {
        Some(page) => answer(page, false),
        None => (
            StatusCode::OK,
            [(header::CACHE_CONTROL, ASK_AGAIN)],
            Html(NO_BUNDLE),
        )
            .into_response(),
    }
}

fn answer(file: EmbeddedFile, hashed: bool) -> Response {
    let kind = HeaderValue::from_str(file.metadata.mimetype());
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let caching = if hashed { FOR_EVER } else { ASK_AGAIN };
    (
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, caching)],
        file.data,
    )
        .into_response()
}
