//! For machines that look after the collector: does it live, can it work, how is it doing.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

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
async fn readyz(State(_api): State<Api>) -> (StatusCode, Json<Readiness>) {
    let readiness = Readiness {
        ready: true,
        parts: Vec::new(),
    };
    (StatusCode::OK, Json(readiness))
}

/// Figures in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = OK, body = String, content_type = "application/openmetrics-text")))]
async fn metrics(State(_api): State<Api>) -> String {
    String::new()
}
