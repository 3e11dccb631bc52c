//! Malware that was found, and what became of it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vong_proto::event;

use super::coverage::LanguageQuery;
use super::error::ApiError;
use super::extract::Asked;
use super::guard::Viewer;
use super::page::{Count, Page, PageQuery};
use super::table::{Language, ROWS_MAX, Table, moment};
use super::units::{UnitRef, subtree};
use super::word::{Severity, Text, count, said, searched};
use super::{Api, trail};
use crate::entry::HostId;
use crate::registry::detection_list::{self, ListedDetection};

/// Threats that are named, those found most often.
pub(super) const THREATS_MAX: i64 = 20;

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
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<DetectionFilter>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<DetectionRow>>, ApiError> {
    let object = object(&asked);
    let filter = filter(&api, asked).await?;
    trail::seen(&api, &viewer, "detections.viewed", &object, json!({})).await?;
    let page = detection_list::list(&api.registry, &viewer.scope, &filter, &page.of_registry()).await?;
    Ok(Json(Page::of_registry(page, DetectionRow::of)))
}

/// How many detections a filter matches.
#[utoipa::path(
    get, path = "/api/v1/detections/count", tag = "detections", params(DetectionFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_detections(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<DetectionFilter>,
) -> Result<Json<Count>, ApiError> {
    let filter = filter(&api, asked).await?;
    let number = detection_list::count(&api.registry, &viewer.scope, &filter).await?;
    Ok(Json(Count { count: count(number) }))
}

/// The detections as a file for spreadsheets; at most 100,000, the newest. Audited.
#[utoipa::path(
    get, path = "/api/v1/detections.csv", tag = "detections", params(DetectionFilter, LanguageQuery),
    responses((status = OK, body = String, content_type = "text/csv"), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn export_detections(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<DetectionFilter>,
    Asked(lang): Asked<LanguageQuery>,
) -> Result<Table, ApiError> {
    let object = object(&asked);
    let filter = filter(&api, asked).await?;
    let detections = detection_list::first(&api.registry, &viewer.scope, &filter, ROWS_MAX).await?;
    let detail = json!({ "rows": detections.len() });
    trail::exported(&api, &viewer, "detections.exported", &object, &detail).await?;
    let language = lang.lang.unwrap_or_default();
    let mut table = Table::new("detections", language, &HEADERS);
    for detection in detections {
        table.row(DetectionRow::of(detection).cells(language));
    }
    Ok(table)
}

/// The 20 threats found most often among the detections that a filter matches.
#[utoipa::path(
    get, path = "/api/v1/detections/threats", tag = "detections", params(DetectionFilter),
    responses((status = OK, body = Page<ThreatRow>), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn threats(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<DetectionFilter>,
) -> Result<Json<Page<ThreatRow>>, ApiError> {
    let filter = filter(&api, asked).await?;
    let threats = detection_list::threats(&api.registry, &viewer.scope, &filter, THREATS_MAX).await?;
    Ok(Json(Page::whole(
        threats.into_iter().map(ThreatRow::of).collect(),
    )))
}

async fn filter(api: &Api, asked: DetectionFilter) -> Result<detection_list::DetectionFilter, ApiError> {
    Ok(detection_list::DetectionFilter {
        units: subtree(api, asked.unit).await?,
        host: asked.host.map(HostId),
        active_only: false,
        outcome: asked.outcome.map(Into::into),
        threat: asked.threat,
        search: searched(asked.search),
        from_ms: asked.from_ms,
        to_ms: asked.to_ms,
    })
}

/// What a look at these is a look at.
fn object(asked: &DetectionFilter) -> String {
    match (asked.host, asked.unit) {
        (Some(host), _) => format!("host/{host}"),
        (None, Some(unit)) => format!("unit/{unit}"),
        (None, None) => "detections".to_owned(),
    }
}

/// An export's headers.
const HEADERS: [(&str, &str); 13] = [
    ("Phát hiện lúc", "Found"),
    ("Đơn vị", "Unit"),
    ("Máy tính", "Computer name"),
    ("Mã độc", "Threat"),
    ("Loại mã độc", "Category"),
    ("Tệp", "File"),
    ("Người dùng", "User"),
    ("Chương trình", "Process"),
    ("Phần mềm phát hiện", "Product"),
    ("Biện pháp", "Action"),
    ("Kết quả xử lý", "Outcome"),
    ("Xử lý xong lúc", "Handled"),
    ("SHA-256", "SHA-256"),
];

impl DetectionRow {
    fn of(row: ListedDetection) -> Self {
        let path = hex::decode(&row.path_hex).ok().filter(|bytes| !bytes.is_empty());
        Self {
            id: row.id,
            host: DetectionHost {
                id: row.host.0,
                name: row.host_name,
            },
            unit: UnitRef {
                id: row.unit_id,
                name: row.unit_name,
            },
            product: row.product,
            vendor: row.vendor,
            threat: row.threat,
            category: said(row.category),
            severity: row.severity.map(Into::into),
            path: match path {
                Some(bytes) => Some(Text::of(&bytes)),
                None => said(row.path).map(|path| Text::of(path.as_bytes())),
            },
            process: said(row.process),
            user: said(row.user),
            sha256: said(row.sha256),
            action: row.action.into(),
            outcome: row.outcome.into(),
            code: said(row.code),
            source: row.source,
            found_ms: row.found_ms,
            updated_ms: row.updated_ms,
            handled_ms: row.handled_ms,
            event_key: said(row.event_key),
        }
    }

    fn cells(self, language: Language) -> [String; 13] {
        let text = Option::unwrap_or_default;
        [
            moment(Some(self.found_ms)),
            self.unit.name,
            self.host.name,
            self.threat,
            text(self.category),
            self.path.map_or_else(String::new, |path| path.text),
            text(self.user),
            text(self.process),
            self.product,
            self.action.named(language).to_owned(),
            self.outcome.named(language).to_owned(),
            moment(self.handled_ms),
            text(self.sha256),
        ]
    }
}

impl Remedy {
    fn named(self, language: Language) -> &'static str {
        let (vietnamese, english) = match self {
            Self::Unknown => ("Không rõ đã làm gì", "Unknown"),
            Self::None => ("Chỉ ghi nhận", "Only noted"),
            Self::Quarantined => ("Cách ly tệp", "File quarantined"),
            Self::Removed => ("Xóa tệp", "File deleted"),
            Self::Cleaned => ("Làm sạch tệp", "File cleaned"),
            Self::Blocked => ("Chặn mở tệp", "Opening blocked"),
            Self::Allowed => ("Có người cho phép giữ lại", "Somebody allowed it"),
        };
        language.pick(vietnamese, english)
    }
}

impl Outcome {
    fn named(self, language: Language) -> &'static str {
        let (vietnamese, english) = match self {
            Self::Unknown => ("Không rõ kết quả", "Outcome unknown"),
            Self::Pending => ("Chưa xử lý", "Not handled yet"),
            Self::Succeeded => ("Đã xử lý xong", "Handled"),
            Self::Failed => ("Xử lý không thành công", "Handling failed"),
        };
        language.pick(vietnamese, english)
    }
}

impl ThreatRow {
    pub(super) fn of(row: detection_list::ThreatCount) -> Self {
        Self {
            threat: row.threat,
            files: count(row.files),
            handled: count(row.handled),
            hosts: count(row.hosts),
            last_ms: row.last_ms,
        }
    }

    pub(super) fn cells(self) -> [String; 3] {
        [self.threat, self.files.to_string(), self.hosts.to_string()]
    }
}

impl From<event::Remedy> for Remedy {
    fn from(remedy: event::Remedy) -> Self {
        match remedy {
            event::Remedy::Unknown => Self::Unknown,
            event::Remedy::None => Self::None,
            event::Remedy::Quarantined => Self::Quarantined,
            event::Remedy::Removed => Self::Removed,
            event::Remedy::Cleaned => Self::Cleaned,
            event::Remedy::Blocked => Self::Blocked,
            event::Remedy::Allowed => Self::Allowed,
        }
    }
}

impl From<event::Outcome> for Outcome {
    fn from(outcome: event::Outcome) -> Self {
        match outcome {
            event::Outcome::Unknown => Self::Unknown,
            event::Outcome::Pending => Self::Pending,
            event::Outcome::Succeeded => Self::Succeeded,
            event::Outcome::Failed => Self::Failed,
        }
    }
}

impl From<Outcome> for event::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Unknown => Self::Unknown,
            Outcome::Pending => Self::Pending,
            Outcome::Succeeded => Self::Succeeded,
            Outcome::Failed => Self::Failed,
        }
    }
}
