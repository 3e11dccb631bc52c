//! The report of a period: what the province has to hand in every month.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::history::period;
use super::pcs::LanguageQuery;
use super::{percent, rounded_down};
use crate::api::detections::{THREATS_MAX, ThreatRow};
use crate::api::error::ApiError;
use crate::api::extract::Asked;
use crate::api::guard::Viewer;
use crate::api::table::Table;
use crate::api::units::{UnitRef, Units};
use crate::api::word::{UnitKind, count};
use crate::api::{Api, trail};
use crate::registry::detection_list::{self, DetectionFilter};
use crate::registry::period;

/// Days after the first that a period may last: a leap year.
const DAYS_MAX: i64 = 366;

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
    /// Active hosts on which malware was found in the period.
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
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<ReportQuery>,
) -> Result<Json<CoverageReport>, ApiError> {
    Ok(Json(made(&api, &viewer, &asked).await?))
}

/// The report as a file for spreadsheets: a line for each unit, then the threats. Audited.
#[utoipa::path(
    get, path = "/api/v1/coverage/report.csv", tag = "coverage", params(ReportQuery, LanguageQuery),
    responses((status = OK, body = String, content_type = "text/csv"), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn export_report(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<ReportQuery>,
    Asked(lang): Asked<LanguageQuery>,
) -> Result<Table, ApiError> {
    let report = made(&api, &viewer, &asked).await?;
    let object = asked
        .unit
        .map_or_else(|| "register".to_owned(), |unit| format!("unit/{unit}"));
    let detail = json!({ "from": report.from, "to": report.to });
    trail::exported(&api, &viewer, "coverage.report_exported", &object, &detail).await?;
    let language = lang.lang.unwrap_or_default();
    let mut table = Table::new("report", language, &HEADERS);
    for unit in report.units {
        table.row(unit.cells());
    }
    table.row([]);
    table.row(THREAT_HEADERS.map(|(vi, en)| language.pick(vi, en).to_owned()));
    for threat in report.threats {
        table.row(threat.cells());
    }
    Ok(table)
}

async fn made(api: &Api, viewer: &Viewer, asked: &ReportQuery) -> Result<CoverageReport, ApiError> {
    let period = period(&asked.from, &asked.to, DAYS_MAX)?;
    let units = Units::asked(api, &viewer.scope, asked.unit).await?;
    let own = period::numbers(&api.registry, &viewer.scope, period).await?;
    let filter = DetectionFilter {
        units: Some(units.ids().to_vec()),
        active_only: true,
        from_ms: Some(period.from.begin_ms()),
        to_ms: Some(period.to.end_ms()),
        ..DetectionFilter::default()
    };
    let threats = detection_list::threats(&api.registry, &viewer.scope, &filter, THREATS_MAX).await?;
    let units = units.with(&own).map(|(unit, own, total)| UnitReport {
        unit: unit.named(),
        parent_id: unit.parent_id,
        kind: unit.kind,
        own: PeriodNumbers::of(own),
        total: PeriodNumbers::of(total),
    });
    Ok(CoverageReport {
        from: period.from.to_string(),
        to: period.to.to_string(),
        units: units.collect(),
        threats: threats.into_iter().map(ThreatRow::of).collect(),
    })
}

/// The file's headers; a unit's numbers include the units below it.
const HEADERS: [(&str, &str); 9] = [
    ("Đơn vị (gồm đơn vị trực thuộc)", "Unit (with those below it)"),
    ("Đã đăng ký", "Registered"),
    ("Có kết nối trong kỳ", "Seen in the period"),
    ("Được bảo vệ", "Protected"),
    ("Quá 15 ngày không cập nhật", "Not updated for more than 15 days"),
    ("Máy nhiễm mã độc", "Infected PCs"),
    ("Tỷ lệ nhiễm (%)", "Infection rate (%)"),
    ("Tệp mã độc phát hiện", "Malware files found"),
    ("Đã xử lý", "Handled"),
];

const THREAT_HEADERS: [(&str, &str); 3] = [("Mã độc", "Threat"), ("Số tệp", "Files"), ("Số máy", "PCs")];

impl UnitReport {
    fn cells(self) -> [String; 9] {
        let numbers = self.total;
        [
            self.unit.name,
            numbers.registered.to_string(),
            numbers.seen.to_string(),
            numbers.protected.to_string(),
            numbers.outdated.to_string(),
            numbers.infected.to_string(),
            numbers.infected_percent.map_or_else(String::new, rounded_down),
            numbers.files_found.to_string(),
            numbers.files_handled.to_string(),
        ]
    }
}

impl PeriodNumbers {
    fn of(numbers: period::PeriodNumbers) -> Self {
        Self {
            registered: count(numbers.registered),
            seen: count(numbers.seen),
            protected: count(numbers.protected),
            outdated: count(numbers.outdated),
            infected: count(numbers.infected),
            infected_percent: percent(numbers.infected, numbers.registered),
            files_found: count(numbers.files_found),
            files_handled: count(numbers.files_handled),
        }
    }
}
