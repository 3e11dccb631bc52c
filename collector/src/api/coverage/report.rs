//! The report of a period: what the province has to hand in every month.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::pcs::LanguageQuery;
use crate::api::Api;
use crate::api::detections::ThreatRow;
use crate::api::error::ApiError;
use crate::api::extract::Asked;
use crate::api::guard::Viewer;
use crate::api::table::Table;
use crate::api::units::UnitRef;
use crate::api::word::UnitKind;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(report))
        .routes(routes!(export_report))
}

/// Which period, and whose.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct ReportQuery {
    /// A unit, with those below it; all that the asker may see when absent.
    unit: Option<i64>,
    /// The first day, as `2026-11-01`.
    from: String,
    /// The last day; at most 366 days after the first.
    to: String,
}

/// The numbers of a period.
///
/// Days begin at midnight in Vietnam (UTC+7); the period is from the beginning of its first day to the end of its
/// last. A host's day is noted while the collector runs: `seen` when it was heard of on that day, `protected` and
/// `outdated` as its antivirus stood when that day was last looked at. Every PC counts at the unit where it stands
/// now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub(in crate::api) struct PeriodNumbers {
    /// PCs known at the period's end: lines of the register added by then and not taken out by then, and active hosts
    /// enrolled by then that no such line is joined to.
    registered: u64,
    /// Of these, those whose host was seen on any day of the period.
    seen: u64,
    /// Of the seen, those whose host was protected on the last day of the period on which it was seen.
    protected: u64,
    /// Of the seen, those whose host had definitions older than 15 days on the last day of the period on which it was
    /// seen.
    outdated: u64,
    /// Hosts, none of them retired, on which malware was found in the period.
    infected: u64,
    /// `infected` of `registered`, in per cent and not rounded; `null` when there are none.
    infected_percent: Option<f64>,
    /// Malware found on those hosts in the period, each detection once.
    files_found: u64,
    /// Of these, those made harmless: their outcome is `succeeded`.
    files_handled: u64,
}

/// One unit's numbers of a period.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct UnitReport {
    /// The unit.
    unit: UnitRef,
    /// The unit above it; `null` at the top, and at the top of what was asked for.
    parent_id: Option<i64>,
    /// What kind of office it is.
    kind: UnitKind,
    /// Its own PCs.
    own: PeriodNumbers,
    /// Its own and those of the units below it.
    total: PeriodNumbers,
}

/// The report of a period.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct CoverageReport {
    /// The first day.
    from: String,
    /// The last day.
    to: String,
    /// Every asked unit, in the order they were added: parents may come after children.
    units: Vec<UnitReport>,
    /// The 20 threats found most often in the period on hosts of these units.
    threats: Vec<ThreatRow>,
}

/// The numbers of a period, for every unit.
#[utoipa::path(
    get, path = "/api/v1/coverage/report", tag = "coverage", params(ReportQuery),
    responses((status = OK, body = CoverageReport), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn report(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(asked): Asked<ReportQuery>,
) -> Result<Json<CoverageReport>, ApiError> {
    Ok(Json(CoverageReport {
        from: asked.from,
        to: asked.to,
        units: Vec::new(),
        threats: Vec::new(),
    }))
}

/// The report as a file for spreadsheets: a line for each unit, then the threats. Audited.
#[utoipa::path(
    get, path = "/api/v1/coverage/report.csv", tag = "coverage", params(ReportQuery, LanguageQuery),
    responses((status = OK, body = String, content_type = "text/csv"), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn export_report(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<ReportQuery>,
    Asked(_lang): Asked<LanguageQuery>,
) -> Result<Table, ApiError> {
    Ok(Table::default())
}
