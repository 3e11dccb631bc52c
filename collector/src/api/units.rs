//! The offices, as a tree, each with the health of what lies below it.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::{ApiError, ErrorCode};
use super::page::Page;
use super::word::UnitKind;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_units))
}

/// A unit, as it is named elsewhere.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct UnitRef {
    /// Its number.
    pub(super) id: i64,
    /// Its name.
    pub(super) name: String,
}

/// A unit.
#[derive(Serialize, ToSchema)]
pub(super) struct Unit {
    /// Its number.
    id: i64,
    /// The unit above it; `null` at the top, and at the top of what the asker may see.
    parent_id: Option<i64>,
    /// Its name.
    name: String,
    /// What kind of office it is.
    kind: UnitKind,
    /// Whom its alerts go to.
    contact_name: Option<String>,
    /// Where they are mailed.
    contact_email: Option<String>,
    /// The duty telephone.
    phone: Option<String>,
    /// Active hosts of this unit itself; those of units below it are counted there.
    hosts: u64,
    /// Of these, protected ones that were seen within the last 24 hours.
    protected: u64,
    /// Of these, connected ones.
    connected: u64,
    /// Alerts of this unit itself that are not resolved.
    alerts_open: u64,
}

/// Every unit that the asker may see.
#[utoipa::path(
    get, path = "/api/v1/units", tag = "units",
    responses((status = OK, body = Page<Unit>), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_units(State(_api): State<Api>) -> Result<Json<Page<Unit>>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}
