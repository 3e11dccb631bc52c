//! Exceptions: PCs that may lawfully be without antivirus or connection, with author, reason and end.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::error::ApiError;
use crate::api::extract::{Asked, Key, Sent};
use crate::api::guard::{Right, Viewer};
use crate::api::page::{Count, Page, PageQuery};
use crate::api::units::UnitRef;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_exceptions, add_exception))
        .routes(routes!(count_exceptions))
        .routes(routes!(end_exception))
}

/// What allows a PC to be an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum ExceptionKind {
    /// A rule forbids it any network, such as one for state secrets.
    OfflineRule,
    /// It is a tablet or a kiosk.
    TabletKiosk,
    /// No agent or antivirus exists for its system.
    Unsupported,
    /// It is out of use and waits to be taken from the register.
    Retired,
}

/// Which exceptions are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum ExceptionState {
    /// Those that hold now.
    #[default]
    Current,
    /// Those that are over, or were ended early.
    Over,
    /// All.
    All,
}

/// Which exceptions are wanted; what is absent does not restrict.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct ExceptionFilter {
    /// Of PCs of a unit, with those below it.
    unit: Option<i64>,
    /// Whether they hold: `current` when absent.
    state: Option<ExceptionState>,
    /// Part of the PC's name, asset number or place.
    search: Option<String>,
}

/// A PC that may lawfully be uncovered for a while.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct ExceptionRow {
    /// Its number.
    id: i64,
    /// The register's line that it is for, if it is for one.
    asset_id: Option<i64>,
    /// The host that it is for, or that its line is joined to.
    host_id: Option<i64>,
    /// The PC's name.
    name: String,
    /// The office's own number for it.
    asset_number: Option<String>,
    /// Where it stands.
    place: Option<String>,
    /// The office it counts at.
    unit: UnitRef,
    /// What allows it.
    kind: ExceptionKind,
    /// Why, in its author's words.
    reason: String,
    /// Its author.
    created_by: String,
    /// When it was made.
    created_ms: i64,
    /// When it ends.
    ends_ms: i64,
    /// When it was ended early.
    ended_ms: Option<i64>,
    /// By whom.
    ended_by: Option<String>,
    /// Whether it holds now.
    current: bool,
}

/// A new exception.
#[derive(Deserialize, ToSchema)]
pub(in crate::api) struct ExceptionRequest {
    /// The register's line; either this or `host_id`.
    asset_id: Option<i64>,
    /// The host; either this or `asset_id`.
    host_id: Option<i64>,
    /// What allows it.
    kind: ExceptionKind,
    /// Why: 3 to 500 characters.
    reason: String,
    /// When it ends: later than now, and within 366 days.
    ends_ms: i64,
}

/// An exception that was made.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct ExceptionMade {
    /// Its number.
    id: i64,
}

/// The exceptions, the newest first.
#[utoipa::path(
    get, path = "/api/v1/coverage/exceptions", tag = "coverage", params(ExceptionFilter, PageQuery),
    responses((status = OK, body = Page<ExceptionRow>), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_exceptions(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<ExceptionFilter>,
    Asked(_page): Asked<PageQuery>,
) -> Result<Json<Page<ExceptionRow>>, ApiError> {
    Ok(Json(Page::whole(Vec::new())))
}

/// How many exceptions a filter matches.
#[utoipa::path(
    get, path = "/api/v1/coverage/exceptions/count", tag = "coverage", params(ExceptionFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_exceptions(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<ExceptionFilter>,
) -> Result<Json<Count>, ApiError> {
    Ok(Json(Count { count: 0 }))
}

/// Makes an exception. Audited; for administrators.
#[utoipa::path(
    post, path = "/api/v1/coverage/exceptions", tag = "coverage", request_body = ExceptionRequest,
    responses((status = OK, body = ExceptionMade), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = CONFLICT, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn add_exception(
    State(_api): State<Api>,
    viewer: Viewer,
    Sent(_sent): Sent<ExceptionRequest>,
) -> Result<Json<ExceptionMade>, ApiError> {
    viewer.require(Right::KeepRegister)?;
    Err(ApiError::not_found())
}

/// Ends an exception before its time. Audited; for administrators.
#[utoipa::path(
    post, path = "/api/v1/coverage/exceptions/{id}/end", tag = "coverage", params(("id" = i64, Path)),
    responses((status = NO_CONTENT), (status = NOT_FOUND, body = ApiError), (status = CONFLICT, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn end_exception(
    State(_api): State<Api>,
    viewer: Viewer,
    Key(_key): Key<i64>,
) -> Result<StatusCode, ApiError> {
    viewer.require(Right::KeepRegister)?;
    Err(ApiError::not_found())
}
