//! The list of PCs behind each number of the coverage.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::exceptions::ExceptionKind;
use crate::api::Api;
use crate::api::error::ApiError;
use crate::api::extract::Asked;
use crate::api::guard::Viewer;
use crate::api::page::{Count, Page, PageQuery};
use crate::api::table::{Language, Table};
use crate::api::units::UnitRef;
use crate::api::word::Protection;

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
    lang: Option<Language>,
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
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<PcFilter>,
    Asked(_page): Asked<PageQuery>,
) -> Result<Json<Page<PcRow>>, ApiError> {
    Ok(Json(Page::whole(Vec::new())))
}

/// How many PCs a filter matches.
#[utoipa::path(
    get, path = "/api/v1/coverage/pcs/count", tag = "coverage", params(PcFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_pcs(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<PcFilter>,
) -> Result<Json<Count>, ApiError> {
    Ok(Json(Count { count: 0 }))
}

/// The PCs behind a number as a file for spreadsheets. Audited.
#[utoipa::path(
    get, path = "/api/v1/coverage/pcs.csv", tag = "coverage", params(PcFilter, LanguageQuery),
    responses((status = OK, body = String, content_type = "text/csv"), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn export_pcs(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<PcFilter>,
    Asked(_lang): Asked<LanguageQuery>,
) -> Result<Table, ApiError> {
    Ok(Table::default())
}
