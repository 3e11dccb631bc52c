//! Policies: a unit's own partial document, and what a host gets out of all of them.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::{ApiError, ErrorCode};
use super::extract::{Key, Sent};
use super::word::Params;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(unit_policy, set_unit_policy))
        .routes(routes!(host_policy))
}

/// What one unit says about policy; what it does not say it inherits.
#[derive(Serialize, ToSchema)]
pub(super) struct UnitPolicy {
    /// The unit.
    unit: i64,
    /// Grows with each change; 0 when the unit says nothing.
    version: u64,
    /// Its partial document.
    document: Params,
    /// When it was changed last.
    updated_ms: Option<i64>,
    /// By whom.
    updated_by: Option<String>,
}

/// What a host is told.
#[derive(Serialize, ToSchema)]
pub(super) struct EffectivePolicy {
    /// Grows with each change.
    version: u64,
    /// SHA-256 of the document as it is sent.
    hash: String,
    /// All documents from the top of the tree down to the host's unit, merged.
    document: Params,
}

/// One unit's own policy.
#[utoipa::path(
    get, path = "/api/v1/units/{id}/policy", tag = "policy", params(("id" = i64, Path)),
    responses((status = OK, body = UnitPolicy), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn unit_policy(State(_api): State<Api>, Key(_id): Key<i64>) -> Result<Json<UnitPolicy>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// Replaces one unit's own policy; hosts get it over their connections.
#[utoipa::path(
    put, path = "/api/v1/units/{id}/policy", tag = "policy", params(("id" = i64, Path)), request_body = Params,
    responses((status = OK, body = UnitPolicy), (status = UNPROCESSABLE_ENTITY, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn set_unit_policy(
    State(_api): State<Api>,
    Key(_id): Key<i64>,
    Sent(_document): Sent<Params>,
) -> Result<Json<UnitPolicy>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// What one host is told.
#[utoipa::path(
    get, path = "/api/v1/hosts/{id}/policy", tag = "policy", params(("id" = i64, Path)),
    responses((status = OK, body = EffectivePolicy), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn host_policy(State(_api): State<Api>, Key(_id): Key<i64>) -> Result<Json<EffectivePolicy>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}
