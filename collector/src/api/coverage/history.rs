//! The three numbers of every day.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::error::ApiError;
use crate::api::extract::Asked;
use crate::api::guard::Viewer;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(history))
}

/// Which days, and whose.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct HistoryQuery {
    /// A unit, with those below it; all that the asker may see when absent.
    unit: Option<i64>,
    /// The first day, as `2026-11-30`.
    from: String,
    /// The last day; at most 800 days after the first.
    to: String,
}

/// One day's numbers, as they stood when it was last looked at. Days begin at midnight in Vietnam (UTC+7).
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct HistoryDay {
    /// The day, as `2026-11-30`.
    day: String,
    /// All known PCs.
    registered: u64,
    /// Of these, those heard of within 7 days.
    seen: u64,
    /// Of the seen, the protected.
    protected: u64,
    /// Of the registered, those with a current exception.
    excepted: u64,
    /// Of the protected, those without one.
    protected_not_excepted: u64,
    /// Of the seen, those with definitions older than 15 days.
    outdated: u64,
}

/// What became of the three numbers.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct CoverageHistory {
    /// The days that were counted, oldest first; days on which the collector did not run are missing.
    days: Vec<HistoryDay>,
}

/// The numbers of every day.
#[utoipa::path(
    get, path = "/api/v1/coverage/history", tag = "coverage", params(HistoryQuery),
    responses((status = OK, body = CoverageHistory), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn history(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<HistoryQuery>,
) -> Result<Json<CoverageHistory>, ApiError> {
    Ok(Json(CoverageHistory { days: Vec::new() }))
}
