//! What has changed, as it changes: topics with ids, upon which pages ask again for what they show.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::{ApiError, ErrorCode};

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(live))
}

/// What something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LiveTopic {
    /// An alert; `id` is its number.
    Alert,
    /// A host; `id` is its number.
    Host,
    /// New events of a host; `id` is the host's number.
    Event,
    /// Figures of the overview.
    Overview,
    /// Anything: too much has happened to say it one by one.
    Reload,
}

/// The `data` of a server-sent event named `change`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Change {
    /// What it is about.
    topic: LiveTopic,
    /// Of which.
    id: Option<i64>,
}

/// Changes as server-sent events `change`, each with an id that `Last-Event-ID` resumes after.
#[utoipa::path(
    get, path = "/api/v1/live", tag = "live",
    responses((status = OK, body = Change, content_type = "text/event-stream"), (status = TOO_MANY_REQUESTS, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn live(State(_api): State<Api>) -> Result<(), ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}
