//! For machines that look after the collector: does it live, can it work, how is it doing.

use std::fmt::Write as _;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use serde::Serialize;
use tracing::debug;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use crate::journal::Cursor;

/// A part that takes longer to answer is not ready.
const PATIENCE: Duration = Duration::from_secs(3);

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
}

/// Whether the collector can do its work.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether every part answers.
    ready: bool,
    /// The parts.
    parts: Vec<PartReadiness>,
}

/// Whether one part can do its work.
#[derive(Serialize, ToSchema)]
pub(super) struct PartReadiness {
    /// Its name: `registry`, `journal`, `store`.
    part: String,
    /// Whether it answers.
    ready: bool,
    /// Why not: a code.
    reason: Option<String>,
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = OK, body = String)))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Every part can do its work, or which cannot.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses((status = OK, body = Readiness), (status = SERVICE_UNAVAILABLE, body = Readiness))
)]
async fn readyz(State(api): State<Api>) -> (StatusCode, Json<Readiness>) {
    let (registry, journal, store) = tokio::join!(
        tried("registry", api.registry.ping()),
        tried("journal", api.journal.backlog()),
        tried("store", api.store.ping()),
    );
    let parts = vec![registry, journal, store];
    let ready = parts.iter().all(|part| part.ready);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Readiness { ready, parts }))
}

async fn tried<T, E: std::fmt::Display>(
    part: &'static str,
    asked: impl Future<Output = Result<T, E>>,
) -> PartReadiness {
    let reason = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => {
            debug!(part, %error, "not ready");
            Some("failed")
        }
        Err(_) => Some("timeout"),
    };
    PartReadiness {
        part: part.to_owned(),
        ready: reason.is_none(),
        reason: reason.map(str::to_owned),
    }
}

/// Figures in Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((status = OK, body = String, content_type = "text/plain; version=0.0.4"))
)]
async fn metrics(State(api): State<Api>) -> ([(HeaderName, &'static str); 1], String) {
    let mut text = api.metrics.text();
    match api.journal.backlog().await {
        Ok(backlog) => {
            gauge(
                &mut text,
                "journal_bytes",
                "bytes of the journal in use",
                backlog.bytes,
            );
            gauge(
                &mut text,
                "journal_entries",
                "entries that store or rules have not passed",
                backlog.entries,
            );
        }
        Err(error) => debug!(%error, "the journal's figures are missing"),
    }
    let durable = *api.journal.durable_position().borrow();
    gauge(
        &mut text,
        "journal_position",
        "last durable position of the journal",
        durable,
    );
    for (cursor, name) in [
        (Cursor::Store, "store_position"),
        (Cursor::Rules, "rules_position"),
    ] {
        if let Ok(position) = api.journal.cursor(cursor).await {
            gauge(
                &mut text,
                name,
                "position up to which this reader is done",
                position,
            );
        }
    }
    gauge(
        &mut text,
        "live_streams",
        "open live streams of dashboards",
        api.streams.open() as u64,
    );
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

fn gauge(text: &mut String, name: &str, help: &str, value: u64) {
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "# HELP vong_{name} {help}\n# TYPE vong_{name} gauge\nvong_{name} {value}\n"
    );
}
