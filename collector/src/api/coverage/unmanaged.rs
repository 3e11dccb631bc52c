//! Machines that PCs see on their networks and that nobody has enrolled or registered.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::pcs::LanguageQuery;
use crate::api::Api;
use crate::api::error::ApiError;
use crate::api::extract::{Asked, Key, Sent};
use crate::api::guard::{Right, Viewer};
use crate::api::page::{Count, Page, PageQuery};
use crate::api::table::Table;
use crate::api::units::UnitRef;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_unmanaged))
        .routes(routes!(count_unmanaged))
        .routes(routes!(export_unmanaged))
        .routes(routes!(mark_machine))
        .routes(routes!(unmark_machine))
}

/// Which machines are wanted, of those seen within 30 days that are neither enrolled nor registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum MachineList {
    /// Those that may be PCs: no gateways and not marked.
    #[default]
    Unmanaged,
    /// Gateways of the PCs that see them, unless marked.
    Gateway,
    /// Those that somebody marked as something else than a PC.
    Marked,
    /// All of them.
    All,
}

/// What a machine that is no PC is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum DeviceKind {
    /// A printer, scanner or copier.
    Printer,
    /// A switch.
    Switch,
    /// A router or firewall.
    Router,
    /// A wireless access point.
    AccessPoint,
    /// A camera or its recorder.
    Camera,
    /// A telephone or tablet.
    Phone,
    /// A television, a conference system, a clock for attendance and the like.
    Appliance,
    /// Something else that is no PC.
    Other,
}

/// Which machines are wanted; what is absent does not restrict.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct MachineFilter {
    /// Seen by PCs of a unit, with those below it.
    unit: Option<i64>,
    /// Which: `unmanaged` when absent.
    of: Option<MachineList>,
    /// Part of the hardware address, the address, or the name of the PC that sees it.
    search: Option<String>,
}

/// Who sees a machine.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct SeenBy {
    /// The host's number.
    host_id: i64,
    /// Its name.
    name: String,
}

/// That somebody said what a machine is.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct MachineMark {
    /// What.
    kind: DeviceKind,
    /// What was noted about it.
    note: Option<String>,
    /// By whom.
    marked_by: String,
    /// When.
    marked_ms: i64,
}

/// A machine on an office's network.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct MachineRow {
    /// Its hardware address, six pairs of lower-case hexadecimal digits with colons.
    mac: String,
    /// Who made its network adapter, where that is certain.
    vendor: Option<String>,
    /// Whether the hardware address is random: telephones and virtual machines make them up.
    random: bool,
    /// Its address.
    address: String,
    /// Whether that is a gateway of the PC that sees it.
    gateway: bool,
    /// The PC that saw it last.
    seen_by: SeenBy,
    /// That PC's adapter.
    adapter: String,
    /// That PC's office.
    unit: UnitRef,
    /// When it was seen first.
    first_ms: i64,
    /// When it was seen last.
    last_ms: i64,
    /// What somebody said that it is.
    mark: Option<MachineMark>,
}

/// What a machine is.
#[derive(Deserialize, ToSchema)]
pub(in crate::api) struct MachineMarkRequest {
    /// What.
    kind: DeviceKind,
    /// What is to be noted about it; at most 200 characters.
    note: Option<String>,
}

/// Machines that are neither enrolled nor registered, those seen last first.
#[utoipa::path(
    get, path = "/api/v1/coverage/unmanaged", tag = "coverage", params(MachineFilter, PageQuery),
    responses((status = OK, body = Page<MachineRow>), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_unmanaged(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<MachineFilter>,
    Asked(_page): Asked<PageQuery>,
) -> Result<Json<Page<MachineRow>>, ApiError> {
    Ok(Json(Page::whole(Vec::new())))
}

/// How many machines a filter matches.
#[utoipa::path(
    get, path = "/api/v1/coverage/unmanaged/count", tag = "coverage", params(MachineFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_unmanaged(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<MachineFilter>,
) -> Result<Json<Count>, ApiError> {
    Ok(Json(Count { count: 0 }))
}

/// The machines as a file for spreadsheets. Audited.
#[utoipa::path(
    get, path = "/api/v1/coverage/unmanaged.csv", tag = "coverage", params(MachineFilter, LanguageQuery),
    responses((status = OK, body = String, content_type = "text/csv"), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn export_unmanaged(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<MachineFilter>,
    Asked(_lang): Asked<LanguageQuery>,
) -> Result<Table, ApiError> {
    Ok(Table::default())
}

/// Says that a machine is no PC. Audited; for administrators and analysts.
#[utoipa::path(
    post, path = "/api/v1/coverage/unmanaged/{mac}/mark", tag = "coverage", params(("mac" = String, Path)), request_body = MachineMarkRequest,
    responses((status = NO_CONTENT), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn mark_machine(
    State(_api): State<Api>,
    viewer: Viewer,
    Key(_key): Key<String>,
    Sent(_sent): Sent<MachineMarkRequest>,
) -> Result<StatusCode, ApiError> {
    viewer.require(Right::MarkMachines)?;
    Err(ApiError::not_found())
}

/// Takes back that a machine is no PC. Audited; for administrators and analysts.
#[utoipa::path(
    post, path = "/api/v1/coverage/unmanaged/{mac}/unmark", tag = "coverage", params(("mac" = String, Path)),
    responses((status = NO_CONTENT), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn unmark_machine(
    State(_api): State<Api>,
    viewer: Viewer,
    Key(_key): Key<String>,
) -> Result<StatusCode, ApiError> {
    viewer.require(Right::MarkMachines)?;
    Err(ApiError::not_found())
}
