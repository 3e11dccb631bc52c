//! Malware that was found, and what became of it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::coverage::LanguageQuery;
use super::error::ApiError;
use super::extract::Asked;
use super::guard::Viewer;
use super::page::{Count, Page, PageQuery};
use super::table::Table;
use super::units::UnitRef;
use super::word::{Severity, Text};

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_detections))
        .routes(routes!(count_detections))
        .routes(routes!(export_detections))
        .routes(routes!(threats))
}

/// What a product did about malware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Remedy {
    /// It does not say.
    Unknown,
    /// Nothing: it only tells.
    None,
    /// Put it where it can do no harm.
    Quarantined,
    /// Deleted it.
    Removed,
    /// Took the malware out of the file.
    Cleaned,
    /// Kept it from being opened; it is still there.
    Blocked,
    /// Let it be, because somebody said so.
    Allowed,
}

/// Whether what was done about malware worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// Nobody said.
    Unknown,
    /// Nothing has been done yet.
    Pending,
    /// It worked: the malware is harmless.
    Succeeded,
    /// It did not.
    Failed,
}

/// Which detections are wanted; what is absent does not restrict.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DetectionFilter {
    /// On hosts of a unit, with those below it.
    unit: Option<i64>,
    /// On this host.
    host: Option<i64>,
    /// With this outcome.
    outcome: Option<Outcome>,
    /// Of exactly this threat.
    threat: Option<String>,
    /// Part of the threat's, the file's, the user's, the product's or the host's name.
    search: Option<String>,
    /// Found not before.
    from_ms: Option<i64>,
    /// Found before.
    to_ms: Option<i64>,
}

/// The host that a thing is about.
#[derive(Serialize, ToSchema)]
pub(super) struct DetectionHost {
    /// Its number.
    id: i64,
    /// Its name.
    name: String,
}

/// Malware that was found once.
#[derive(Serialize, ToSchema)]
pub(super) struct DetectionRow {
    /// Its number.
    id: i64,
    /// Where.
    host: DetectionHost,
    /// The office of that host.
    unit: UnitRef,
    /// By which product.
    product: String,
    /// Of which vendor.
    vendor: String,
    /// The threat, as the vendor names it.
    threat: String,
    /// The vendor's category.
    category: Option<String>,
    /// How grave the vendor says it is.
    severity: Option<Severity>,
    /// The file.
    path: Option<Text>,
    /// The program that touched it.
    process: Option<String>,
    /// The user it was found under.
    user: Option<String>,
    /// SHA-256 of the file.
    sha256: Option<String>,
    /// What was done.
    action: Remedy,
    /// Whether that worked.
    outcome: Outcome,
    /// The vendor's own code.
    code: Option<String>,
    /// Where it was read.
    source: String,
    /// When it was found.
    found_ms: i64,
    /// When something was said of it last.
    updated_ms: i64,
    /// When it became harmless.
    handled_ms: Option<i64>,
    /// The event that told of it first, as the timeline names it.
    event_key: Option<String>,
}

/// A threat and how much of it there was.
#[derive(Serialize, ToSchema)]
pub(super) struct ThreatRow {
    /// The threat, as vendors name it.
    threat: String,
    /// Detections of it.
    files: u64,
    /// Of these, those made harmless.
    handled: u64,
    /// Hosts on which it was found.
    hosts: u64,
    /// When it was found last.
    last_ms: i64,
}

/// The detections, the newest first. Looking at them is audited: they name users.
#[utoipa::path(
    get, path = "/api/v1/detections", tag = "detections", params(DetectionFilter, PageQuery),
    responses((status = OK, body = Page<DetectionRow>), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_detections(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<DetectionFilter>,
    Asked(_page): Asked<PageQuery>,
) -> Result<Json<Page<DetectionRow>>, ApiError> {
    Ok(Json(Page::whole(Vec::new())))
}

/// How many detections a filter matches.
#[utoipa::path(
    get, path = "/api/v1/detections/count", tag = "detections", params(DetectionFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_detections(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<DetectionFilter>,
) -> Result<Json<Count>, ApiError> {
    Ok(Json(Count { count: 0 }))
}

/// The detections as a file for spreadsheets; at most 100,000, the newest. Audited.
#[utoipa::path(
    get, path = "/api/v1/detections.csv", tag = "detections", params(DetectionFilter, LanguageQuery),
    responses((status = OK, body = String, content_type = "text/csv"), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn export_detections(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<DetectionFilter>,
    Asked(_lang): Asked<LanguageQuery>,
) -> Result<Table, ApiError> {
    Ok(Table::default())
}

/// The 20 threats found most often among the detections that a filter matches.
#[utoipa::path(
    get, path = "/api/v1/detections/threats", tag = "detections", params(DetectionFilter),
    responses((status = OK, body = Page<ThreatRow>), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn threats(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<DetectionFilter>,
) -> Result<Json<Page<ThreatRow>>, ApiError> {
    Ok(Json(Page::whole(Vec::new())))
}
