//! What the dashboard may ask: sessions, views over registry and store, live changes, and the bundle itself.
//!
//! One file per noun holds its JSON shapes and its handlers; the OpenAPI document is emitted from them.
//! Every handler that shows something takes a viewer, and every query the viewer's scope: what lies
//! outside it does not exist (404, not 403). Rows are turned into JSON by hand, here and nowhere else.

#![allow(unused_qualifications, reason = "utoipa's expansion spells the filters out")]

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use self::events::shown_event;
use crate::config::Config;
use crate::journal::Journal;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::store::Store;

mod alerts;
mod assets;
mod commands;
mod coverage;
mod detections;
mod document;
pub mod draft;
mod error;
mod events;
mod extract;
mod guard;
mod hashes;
mod health;
mod hosts;
mod ledger;
mod live;
mod overview;
mod page;
pub mod password;
mod policy;
mod protection;
mod reviews;
mod rim;
mod session;
mod table;
mod throttle;
mod trail;
mod units;
mod word;

#[cfg(test)]
mod tests;

/// What the API shows.
pub struct Sources {
    /// Units, hosts, users, alerts.
    pub registry: Registry,
    /// The ledger.
    pub journal: Journal,
    /// Events.
    pub store: Store,
    /// What changes.
    pub live: Live,
    /// What the collector counts of itself.
    pub metrics: Arc<Metrics>,
}

/// What handlers work with; clones share it.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

/// The one [`Inner`] behind all clones of an [`Api`].
pub struct Inner {
    registry: Registry,
    journal: Journal,
    store: Store,
    live: Live,
    metrics: Arc<Metrics>,
    passwords: password::Passwords,
    trail: trail::Trail,
    streams: live::Streams,
    /// Cookies travel over TLS only.
    secure_cookies: bool,
    /// Scheme, name and port of the dashboard, as browsers name them in `Origin`.
    web_origin: String,
    /// Whether mails name a duty telephone.
    has_duty_phone: bool,
    stop: watch::Receiver<bool>,
}

impl Deref for Api {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Api {
    /// An API over these sources. Live streams end when `stop` is raised.
    pub fn new(sources: Sources, config: &Config, stop: watch::Receiver<bool>) -> Self {
        let web_url = config.web_url();
        let insecure = config.web.insecure_cookies && web_url.starts_with("http://");
        Self(Arc::new(Inner {
            registry: sources.registry,
            journal: sources.journal,
            store: sources.store,
            live: sources.live,
            metrics: sources.metrics,
            passwords: password::Passwords::default(),
            trail: trail::Trail::default(),
            streams: live::Streams::default(),
            secure_cookies: !insecure,
            web_origin: origin_of(&web_url),
            has_duty_phone: !config.mail.duty_phone.is_empty(),
            stop,
        }))
    }

    /// Serves the API and the dashboard until `stop` is raised.
    pub async fn serve(self, listener: TcpListener) {
        let stop = self.stop.clone();
        rim::serve(listener, self.router(), stop).await;
    }

    fn router(self) -> Router {
        let (router, _) = routes().split_for_parts();
        router
            .fallback(assets::serve)
            .method_not_allowed_fallback(async || error::ApiError::not_found())
            .layer(DefaultBodyLimit::max(extract::BODY_BYTES_MAX))
            .layer(middleware::from_fn(rim::within_time))
            .layer(middleware::from_fn(rim::with_headers))
            .with_state(self)
    }
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(document::frame())
        .merge(session::routes())
        .merge(overview::routes())
        .merge(units::routes())
        .merge(hosts::routes())
        .merge(ledger::routes())
        .merge(events::routes())
        .merge(alerts::routes())
        .merge(protection::routes())
        .merge(coverage::routes())
        .merge(detections::routes())
        .merge(reviews::routes())
        .merge(hashes::routes())
        .merge(policy::routes())
        .merge(commands::routes())
        .merge(live::routes())
        .merge(health::routes())
        .merge(document::routes())
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

/// Everything of a URL up to its path.
fn origin_of(url: &str) -> String {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url[after_scheme..]
        .find('/')
        .map_or(url.len(), |at| after_scheme + at);
    url[..end].to_owned()
}
