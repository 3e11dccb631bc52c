//! The list of PCs behind each number of the coverage.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::days;
use super::exceptions::ExceptionKind;
use crate::api::error::ApiError;
use crate::api::extract::Asked;
use crate::api::guard::Viewer;
use crate::api::page::{Count, Page, PageQuery};
use crate::api::table::{Language, ROWS_MAX, Table, moment};
use crate::api::units::{UnitRef, sees, visible_units};
use crate::api::word::{Protection, count, said, searched};
use crate::api::{Api, trail};
use crate::clock::now_ms;
use crate::registry::pc::{self, Moment};
use crate::scope::Scope;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_pcs))
        .routes(routes!(count_pcs))
        .routes(routes!(export_pcs))
}

/// A number of the coverage whose PCs are wanted; each is defined where the number is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum PcList {
    /// All known PCs.
    #[default]
    Registered,
    /// Those heard of lately.
    Seen,
    /// The seen whose antivirus protects.
    Protected,
    /// All known PCs but the seen: switched off for long, or not enrolled.
    NotSeen,
    /// The seen but the protected.
    Unprotected,
    /// Lines of the register without an active host.
    NotEnrolled,
    /// Active hosts without a line of the register.
    NotInRegister,
    /// Those with a current exception.
    Excepted,
    /// The seen whose definitions are older than 15 days.
    Outdated,
    /// Those whose line names another unit than their host's.
    Mismatch,
}

/// Which PCs are wanted; what is absent does not restrict.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct PcFilter {
    /// A unit, with those below it.
    unit: Option<i64>,
    /// Behind which number: `registered` when absent.
    of: Option<PcList>,
    /// Part of the name, the asset number, the place or the custodian.
    search: Option<String>,
    /// A PC counts as seen when it was heard of within so many days: 1 to 90, 7 when absent.
    #[param(minimum = 1, maximum = 90)]
    days: Option<u32>,
}

/// The language of a file to download.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct LanguageQuery {
    /// The language of the headers; Vietnamese when absent.
    pub(in crate::api) lang: Option<Language>,
}

/// A PC's current exception.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct PcException {
    /// Its number.
    id: i64,
    /// What allows it.
    kind: ExceptionKind,
    /// When it ends.
    ends_ms: i64,
}

/// What a line of the register was joined to its host by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum JoinedBy {
    /// The asset number.
    AssetNumber,
    /// A hardware address.
    Mac,
    /// The serial number.
    Serial,
    /// The name, which only one PC of the unit has.
    Name,
}

/// A known PC: a line of the register, a host, or both.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct PcRow {
    /// Its number in this list: of the line and host together.
    id: i64,
    /// The register's line.
    asset_id: Option<i64>,
    /// The host.
    host_id: Option<i64>,
    /// The host's name, or the register's where there is no host.
    name: String,
    /// The office it counts at.
    unit: UnitRef,
    /// The office that the register names, where that is another one.
    register_unit: Option<UnitRef>,
    /// The office's own number for it.
    asset_number: Option<String>,
    /// Where it stands.
    place: Option<String>,
    /// Who uses it.
    custodian: Option<String>,
    /// What it is, in the register's words.
    kind: Option<String>,
    /// The operating system, as the host says, or else the register.
    os: Option<String>,
    /// The register's hardware address.
    mac: Option<String>,
    /// The register's serial number.
    serial: Option<String>,
    /// What the register notes.
    note: Option<String>,
    /// What the line was joined to its host by.
    joined_by: Option<JoinedBy>,
    /// Whether it counts as seen.
    seen: bool,
    /// Whether it is connected at this moment.
    connected: bool,
    /// When it was heard of last.
    last_seen_ms: Option<i64>,
    /// The state of its antivirus; `null` without a host.
    protection: Option<Protection>,
    /// A code of why it does not protect.
    protection_reason: Option<String>,
    /// The product that this rests on.
    product: Option<String>,
    /// Its version.
    product_version: Option<String>,
    /// When its definitions were built.
    definitions_ms: Option<i64>,
    /// Its current exception.
    exception: Option<PcException>,
}

/// The PCs behind a number, by name, page by page. Looking at them is audited: they name who uses them.
#[utoipa::path(
    get, path = "/api/v1/coverage/pcs", tag = "coverage", params(PcFilter, PageQuery),
    responses((status = OK, body = Page<PcRow>), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_pcs(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<PcFilter>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<PcRow>>, ApiError> {
    let question = Question::of(&api, &viewer, asked).await?;
    let object = question.object();
    trail::seen(&api, &viewer, "coverage.pcs_viewed", &object, json!({})).await?;
    let page = pc::list(
        &api.registry,
        &viewer.scope,
        &question.filter,
        question.moment,
        &page.of_registry(),
    )
    .await?;
    Ok(Json(Page::of_registry(page, |pc| PcRow::of(pc, &viewer.scope))))
}

/// How many PCs a filter matches.
#[utoipa::path(
    get, path = "/api/v1/coverage/pcs/count", tag = "coverage", params(PcFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_pcs(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<PcFilter>,
) -> Result<Json<Count>, ApiError> {
    let question = Question::of(&api, &viewer, asked).await?;
    let number = pc::count(&api.registry, &viewer.scope, &question.filter, question.moment).await?;
    Ok(Json(Count { count: count(number) }))
}

/// The PCs behind a number as a file for spreadsheets. Audited.
#[utoipa::path(
    get, path = "/api/v1/coverage/pcs.csv", tag = "coverage", params(PcFilter, LanguageQuery),
    responses((status = OK, body = String, content_type = "text/csv"), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn export_pcs(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<PcFilter>,
    Asked(lang): Asked<LanguageQuery>,
) -> Result<Table, ApiError> {
    let question = Question::of(&api, &viewer, asked).await?;
    let pcs = pc::first(
        &api.registry,
        &viewer.scope,
        &question.filter,
        question.moment,
        ROWS_MAX,
    )
    .await?;
    let detail = json!({ "rows": pcs.len() });
    trail::exported(
        &api,
        &viewer,
        "coverage.pcs_exported",
        &question.object(),
        &detail,
    )
    .await?;
    let language = lang.lang.unwrap_or_default();
    let mut table = Table::new("pcs", language, &HEADERS);
    for pc in pcs {
        table.row(cells(pc, &viewer.scope, language));
    }
    Ok(table)
}

/// What is asked, in the registry's words.
struct Question {
    unit: Option<i64>,
    filter: pc::PcFilter,
    moment: Moment,
}

impl Question {
    async fn of(api: &Api, viewer: &Viewer, asked: PcFilter) -> Result<Self, ApiError> {
        let units = match asked.unit {
            Some(unit) => Some(visible_units(api, &viewer.scope, unit).await?),
            None => None,
        };
        Ok(Self {
            unit: asked.unit,
            filter: pc::PcFilter {
                of: asked.of.unwrap_or_default().into(),
                units,
                search: searched(asked.search),
            },
            moment: Moment::of(now_ms(), days(asked.days)?),
        })
    }

    fn object(&self) -> String {
        self.unit
            .map_or_else(|| "register".to_owned(), |unit| format!("unit/{unit}"))
    }
}

impl From<PcList> for pc::PcList {
    fn from(list: PcList) -> Self {
        match list {
            PcList::Registered => Self::Registered,
            PcList::Seen => Self::Seen,
            PcList::Protected => Self::Protected,
            PcList::NotSeen => Self::NotSeen,
            PcList::Unprotected => Self::Unprotected,
            PcList::NotEnrolled => Self::NotEnrolled,
            PcList::NotInRegister => Self::NotInRegister,
            PcList::Excepted => Self::Excepted,
            PcList::Outdated => Self::Outdated,
            PcList::Mismatch => Self::Mismatch,
        }
    }
}

impl From<pc::JoinedBy> for JoinedBy {
    fn from(by: pc::JoinedBy) -> Self {
        match by {
            pc::JoinedBy::AssetNumber => Self::AssetNumber,
            pc::JoinedBy::Mac => Self::Mac,
            pc::JoinedBy::Serial => Self::Serial,
            pc::JoinedBy::Name => Self::Name,
        }
    }
}

/// An export's headers. The first ten are the register's, which an import knows again; what an agent says otherwise
/// stands apart.
const HEADERS: [(&str, &str); 21] = [
    ("Số tài sản", "Asset number"),
    ("Tên máy", "Computer name"),
    ("Đơn vị", "Unit"),
    ("Vị trí", "Place"),
    ("Người sử dụng", "Custodian"),
    ("Loại", "Kind"),
    ("Hệ điều hành", "Operating system"),
    ("Địa chỉ MAC", "MAC address"),
    ("Số sê-ri", "Serial number"),
    ("Ghi chú", "Note"),
    ("Tên máy theo phần mềm giám sát", "Computer name by its agent"),
    ("Đơn vị theo phần mềm giám sát", "Unit of its agent"),
    (
        "Hệ điều hành theo phần mềm giám sát",
        "Operating system by its agent",
    ),
    ("Đã cài phần mềm giám sát", "Has an agent"),
    ("Có trong danh mục tài sản", "In the register"),
    ("Lần cuối có tin", "Last heard"),
    ("Bảo vệ", "Protection"),
    ("Phần mềm phòng, chống mã độc", "Product"),
    ("Phiên bản", "Version"),
    ("Mẫu nhận diện", "Definitions"),
    ("Ngoại lệ đến", "Exception until"),
];

impl PcRow {
    pub(super) fn of(pc: pc::Pc, scope: &Scope) -> Self {
        let asset_id = pc.line.as_ref().map(|line| line.id);
        let register_unit = pc.line.map(|line| line.unit);
        let register_unit = register_unit.filter(|(id, _)| *id != pc.unit_id && sees(scope, *id));
        Self {
            id: pc.id,
            asset_id,
            host_id: pc.host_id.map(|host| host.0),
            name: pc.name,
            unit: UnitRef {
                id: pc.unit_id,
                name: pc.unit_name,
            },
            register_unit: register_unit.map(|(id, name)| UnitRef { id, name }),
            asset_number: said(pc.asset_number),
            place: said(pc.place),
            custodian: said(pc.custodian),
            kind: said(pc.kind),
            os: said(pc.os),
            mac: said(pc.mac),
            serial: said(pc.serial),
            note: said(pc.note),
            joined_by: pc.joined_by.map(Into::into),
            seen: pc.seen,
            connected: pc.connected,
            last_seen_ms: pc.last_seen_ms,
            protection: pc.protection.map(Into::into),
            protection_reason: said(pc.protection_reason),
            product: said(pc.product),
            product_version: said(pc.product_version),
            definitions_ms: pc.definitions_ms,
            exception: pc.exception.map(|(id, kind, ends_ms)| PcException {
                id,
                kind: kind.into(),
                ends_ms,
            }),
        }
    }
}

/// A PC's row of an export. Of a line of the register it is the line that stands there, so that the file, brought in
/// again, changes nothing; a unit that the viewer may not see is not named.
fn cells(mut pc: pc::Pc, scope: &Scope, language: Language) -> [String; 21] {
    let line = pc.line.clone();
    let mut of_agent = [(); 3].map(|()| String::new());
    if let Some(line) = line {
        let own_unit = if sees(scope, line.unit.0) {
            line.unit.1
        } else {
            pc.unit_name.clone()
        };
        pc.asset_number = line.asset_number;
        pc.place = line.place;
        let replaced = [
            (&mut pc.name, line.name),
            (&mut pc.unit_name, own_unit),
            (&mut pc.os, line.os),
        ];
        of_agent = replaced.map(|(shown, own)| {
            let of_agent = std::mem::replace(shown, own);
            if of_agent == *shown {
                String::new()
            } else {
                of_agent
            }
        });
    }
    let row = PcRow::of(pc, scope);
    let [name, unit, os] = of_agent;
    let yes_no = |truth| {
        language.pick(
            if truth { "có" } else { "không" },
            if truth { "yes" } else { "no" },
        )
    };
    let text = Option::unwrap_or_default;
    let protection = row.protection.map_or("", |protection| protection.named(language));
    [
        text(row.asset_number),
        row.name,
        row.unit.name,
        text(row.place),
        text(row.custodian),
        text(row.kind),
        text(row.os),
        text(row.mac),
        text(row.serial),
        text(row.note),
        name,
        unit,
        os,
        yes_no(row.host_id.is_some()).to_owned(),
        yes_no(row.asset_id.is_some()).to_owned(),
        moment(row.last_seen_ms),
        protection.to_owned(),
        text(row.product),
        text(row.product_version),
        moment(row.definitions_ms),
        moment(row.exception.map(|exception| exception.ends_ms)),
    ]
}

impl Protection {
    fn named(self, language: Language) -> &'static str {
        let (vietnamese, english) = match self {
            Self::Protected => ("Đang được bảo vệ", "Protected"),
            Self::Stale => ("Chậm cập nhật", "Out of date"),
            Self::Off => ("Đang tắt", "Off"),
            Self::Missing => ("Không có", "Missing"),
            Self::Unknown => ("Không rõ", "Unknown"),
        };
        language.pick(vietnamese, english)
    }
}
