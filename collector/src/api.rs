//! What the dashboard may ask: sessions, views over registry and store, live changes, and the bundle itself.
//!
//! One file per noun holds its JSON shapes and its handlers; the OpenAPI document is emitted from them.
//! Every handler that shows something takes a viewer, and every query the viewer's scope: what lies
//! outside it does not exist (404, not 403). Rows are turned into JSON by hand, here and nowhere else.

#![allow(unused_qualifications, reason = "utoipa's expansion spells the filters out")]

use utoipa_axum::router::OpenApiRouter;

mod alerts;
mod commands;
mod document;
mod error;
mod events;
mod extract;
mod health;
mod hosts;
mod live;
mod overview;
mod page;
mod policy;
mod session;
mod units;
mod word;

/// What handlers work with.
#[derive(Clone)]
pub struct Api {}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(document::frame())
        .merge(session::routes())
        .merge(overview::routes())
        .merge(units::routes())
        .merge(hosts::routes())
        .merge(events::routes())
        .merge(alerts::routes())
        .merge(policy::routes())
        .merge(commands::routes())
        .merge(live::routes())
        .merge(health::routes())
}

/// The OpenAPI document, as it is committed.
///
/// # Panics
/// Never: the document holds only string keys.
pub fn openapi() -> String {
    let (_, document) = routes().split_for_parts();
    let mut text = document::completed(document)
        .to_pretty_json()
        .expect("the document has only string keys");
    text.push('\n');
    text
}
