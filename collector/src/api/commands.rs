//! Commands: what a host is told to do, and how it ended. Typed, never a shell.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::{ApiError, ErrorCode};
use super::extract::{Key, Sent};
use super::page::Page;
use super::word::Params;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_commands, order_command))
}

/// What hosts can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CommandKind {
    /// Look again at everything below one watch, or below all.
    Rescan,
}

/// Something a host shall do.
#[derive(Deserialize, ToSchema)]
pub(super) struct CommandRequest {
    /// What.
    kind: CommandKind,
    /// The watch's name in the policy; all watches when absent.
    watch: Option<String>,
}

/// An ordered command.
#[derive(Serialize, ToSchema)]
pub(super) struct CommandOrdered {
    /// Its id.
    id: String,
}

/// A command and what became of it.
#[derive(Serialize, ToSchema)]
pub(super) struct CommandReport {
    /// Its id.
    id: String,
    /// What is to be done.
    kind: CommandKind,
    /// With what.
    parameters: Params,
    /// When it was ordered.
    created_ms: i64,
    /// When it lapses.
    expires_ms: i64,
    /// By whom it was ordered.
    created_by: String,
    /// When it was sent.
    sent_ms: Option<i64>,
    /// When it was answered.
    finished_ms: Option<i64>,
    /// Whether it was carried out; `null` while nobody knows.
    done: Option<bool>,
    /// What happened, in the agent's words.
    detail: Option<String>,
}

/// The commands that a host was given, the newest first.
#[utoipa::path(
    get, path = "/api/v1/hosts/{id}/commands", tag = "commands", params(("id" = i64, Path)),
    responses((status = OK, body = Page<CommandReport>), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_commands(
    State(_api): State<Api>,
    Key(_id): Key<i64>,
) -> Result<Json<Page<CommandReport>>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// Tells a host to do something.
#[utoipa::path(
    post, path = "/api/v1/hosts/{id}/commands", tag = "commands", params(("id" = i64, Path)), request_body = CommandRequest,
    responses((status = OK, body = CommandOrdered), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn order_command(
    State(_api): State<Api>,
    Key(_id): Key<i64>,
    Sent(_request): Sent<CommandRequest>,
) -> Result<Json<CommandOrdered>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}
