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
use super::guard::Insider;
use crate::clock::now_ms;
use crate::health::Trouble;
use crate::journal::Cursor;
use crate::registry::unreadable::told;

/// A part that takes longer to answer is not ready.
const PATIENCE: Duration = Duration::from_secs(3);

/// So many unreadable rows are named; their number and the log tell of the others.
const ROWS_NAMED_MAX: usize = 20;

const REGISTRY_REMEDY: &str = "check that its disk has room, or that the server of registry.url answers";
const JOURNAL_REMEDY: &str = "check that the disk of the data folder has room and can be written";
const STORE_REMEDY: &str =
    "check the ClickHouse server of store.url, or the embedded engine's last words in the collector's log";
const ROWS_REMEDY: &str =
    "look up the reasons in the log; a newer version may have written them, then run that one";

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
    /// Its name: `registry`, `journal`, `store`, a stage such as `rules`, or `rows`.
    part: String,
    /// Whether it does its work.
    ready: bool,
    /// Why not, in words, for whoever is signed in or asks from the machine itself.
    reason: Option<String>,
    /// What to do first.
    remedy: Option<String>,
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = OK, body = String)))]
async fn healthz() -> &'static str {
    "ok\n"
}

// Rows that cannot be read cost only themselves: the collector stays ready with them.
/// Every part can do its work, or which cannot.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses((status = OK, body = Readiness), (status = SERVICE_UNAVAILABLE, body = Readiness))
)]
async fn readyz(State(api): State<Api>, Insider(is_inside): Insider) -> (StatusCode, Json<Readiness>) {
    let (registry, journal, store) = tokio::join!(
        tried("registry", REGISTRY_REMEDY, api.registry.ping()),
        tried("journal", JOURNAL_REMEDY, api.journal.backlog()),
        tried("store", STORE_REMEDY, api.store.ping()),
    );
    let mut parts = vec![registry, journal, store];
    let now_ms = now_ms();
    let stages = api.metrics.health.stages().into_iter();
    parts.extend(stages.map(|(stage, pulse)| part(stage.name(), pulse.trouble(stage, now_ms))));
    let ready = parts.iter().all(|part| part.ready);
    parts.extend(rows(&api.metrics.health.set_aside.list()));
    if !is_inside {
        parts.iter_mut().for_each(|part| part.reason = None);
    }
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Readiness { ready, parts }))
}

async fn tried<T, E: std::error::Error + 'static>(
    name: &'static str,
    remedy: &'static str,
    asked: impl Future<Output = Result<T, E>>,
) -> PartReadiness {
    let reason = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => return part(name, None),
        Ok(Err(error)) => told(&error),
        Err(_) => format!("it did not answer within {} s", PATIENCE.as_secs()),
    };
    part(name, Some(Trouble { reason, remedy }))
}

fn part(name: &str, trouble: Option<Trouble>) -> PartReadiness {
    PartReadiness {
        part: name.to_owned(),
        ready: trouble.is_none(),
        reason: trouble.as_ref().map(|trouble| trouble.reason.clone()),
        remedy: trouble.map(|trouble| trouble.remedy.to_owned()),
    }
}

fn rows(set_aside: &[String]) -> Option<PartReadiness> {
    let named = set_aside.get(..ROWS_NAMED_MAX).unwrap_or(set_aside).join(", ");
    (!set_aside.is_empty()).then(|| {
        let reason = format!("{} rows cannot be read and wait: {named}", set_aside.len());
        part(
            "rows",
            Some(Trouble {
                reason,
                remedy: ROWS_REMEDY,
            }),
        )
    })
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
        "rows_set_aside",
        "rows of the registry that cannot be read",
        api.metrics.health.set_aside.list().len() as u64,
    );
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
