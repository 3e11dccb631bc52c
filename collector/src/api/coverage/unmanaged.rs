//! Machines that PCs see on their networks and that nobody has enrolled or registered.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::pcs::LanguageQuery;
use crate::api::error::ApiError;
use crate::api::extract::{Asked, Key, Sent};
use crate::api::guard::{Right, Viewer};
use crate::api::page::{Count, Page, PageQuery};
use crate::api::table::{Language, ROWS_MAX, Table, moment};
use crate::api::units::{UnitRef, subtree};
use crate::api::word::{count, said, searched};
use crate::api::{Api, trail};
use crate::clock::now_ms;
use crate::registry::audit;
use crate::registry::fold::storable;
use crate::registry::machine::{self, Mark};

mod oui;

/// A note is a line on a label.
const NOTE_CHARS_MAX: usize = 200;

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
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<MachineFilter>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<MachineRow>>, ApiError> {
    let filter = filter(&api, asked).await?;
    let page = machine::list(
        &api.registry,
        &viewer.scope,
        &filter,
        now_ms(),
        &page.of_registry(),
    )
    .await?;
    Ok(Json(Page::of_registry(page, MachineRow::of)))
}

/// How many machines a filter matches.
#[utoipa::path(
    get, path = "/api/v1/coverage/unmanaged/count", tag = "coverage", params(MachineFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_unmanaged(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<MachineFilter>,
) -> Result<Json<Count>, ApiError> {
    let filter = filter(&api, asked).await?;
    let number = machine::count(&api.registry, &viewer.scope, &filter, now_ms()).await?;
    Ok(Json(Count { count: count(number) }))
}

/// The machines as a file for spreadsheets. Audited.
#[utoipa::path(
    get, path = "/api/v1/coverage/unmanaged.csv", tag = "coverage", params(MachineFilter, LanguageQuery),
    responses((status = OK, body = String, content_type = "text/csv"), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn export_unmanaged(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<MachineFilter>,
    Asked(lang): Asked<LanguageQuery>,
) -> Result<Table, ApiError> {
    let filter = filter(&api, asked).await?;
    let machines = machine::first(&api.registry, &viewer.scope, &filter, now_ms(), ROWS_MAX).await?;
    let detail = json!({ "rows": machines.len() });
    trail::exported(&api, &viewer, "coverage.machines_exported", "machines", &detail).await?;
    let language = lang.lang.unwrap_or_default();
    let mut table = Table::new("machines", language, &HEADERS);
    for machine in machines {
        table.row(MachineRow::of(machine).cells(language));
    }
    Ok(table)
}

/// Says that a machine is no PC. Audited; for administrators and analysts.
#[utoipa::path(
    post, path = "/api/v1/coverage/unmanaged/{mac}/mark", tag = "coverage", params(("mac" = String, Path)), request_body = MachineMarkRequest,
    responses((status = NO_CONTENT), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn mark_machine(
    State(api): State<Api>,
    viewer: Viewer,
    Key(mac): Key<String>,
    Sent(request): Sent<MachineMarkRequest>,
) -> Result<StatusCode, ApiError> {
    visible_machine(&api, &viewer, &mac).await?;
    viewer.require(Right::MarkMachines)?;
    let note = request.note.unwrap_or_default().trim().to_owned();
    if note.chars().count() > NOTE_CHARS_MAX {
        return Err(ApiError::bad_request(
            "note",
            format!("more than {NOTE_CHARS_MAX} characters"),
        ));
    }
    let now_ms = now_ms();
    let mark = Mark {
        kind: request.kind.into(),
        note,
        marked_by: viewer.user.name.clone(),
        marked_ms: now_ms,
    };
    let mut tx = api.registry.begin().await?;
    machine::mark(&mut tx, &mac, &mark).await?;
    let detail = json!({ "kind": mark.kind, "note": mark.note });
    let object = format!("machine/{mac}");
    audit::record(
        &mut tx,
        now_ms,
        &mark.marked_by,
        "machine.marked",
        &object,
        &detail,
    )
    .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes back that a machine is no PC. Audited; for administrators and analysts.
#[utoipa::path(
    post, path = "/api/v1/coverage/unmanaged/{mac}/unmark", tag = "coverage", params(("mac" = String, Path)),
    responses((status = NO_CONTENT), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn unmark_machine(
    State(api): State<Api>,
    viewer: Viewer,
    Key(mac): Key<String>,
) -> Result<StatusCode, ApiError> {
    visible_machine(&api, &viewer, &mac).await?;
    viewer.require(Right::MarkMachines)?;
    let mut tx = api.registry.begin().await?;
    if machine::unmark(&mut tx, &mac).await? {
        let (object, by) = (format!("machine/{mac}"), &viewer.user.name);
        audit::record(&mut tx, now_ms(), by, "machine.unmarked", &object, &json!({})).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses a machine that the viewer's hosts do not see.
async fn visible_machine(api: &Api, viewer: &Viewer, mac: &str) -> Result<(), ApiError> {
    let filter = machine::MachineFilter {
        of: machine::MachineList::All,
        mac: Some(storable(mac)),
        ..machine::MachineFilter::default()
    };
    match machine::count(&api.registry, &viewer.scope, &filter, now_ms()).await? {
        0 => Err(ApiError::not_found()),
        _ => Ok(()),
    }
}

async fn filter(api: &Api, asked: MachineFilter) -> Result<machine::MachineFilter, ApiError> {
    Ok(machine::MachineFilter {
        units: subtree(api, asked.unit).await?,
        of: match asked.of.unwrap_or_default() {
            MachineList::Unmanaged => machine::MachineList::Unmanaged,
            MachineList::Gateway => machine::MachineList::Gateway,
            MachineList::Marked => machine::MachineList::Marked,
            MachineList::All => machine::MachineList::All,
        },
        search: searched(asked.search),
        mac: None,
    })
}

/// An export's headers.
const HEADERS: [(&str, &str); 10] = [
    ("Địa chỉ MAC", "MAC address"),
    ("Hãng sản xuất", "Vendor"),
    ("Địa chỉ", "Address"),
    ("Cổng mặc định", "Default gateway"),
    ("Máy nhìn thấy", "Seen by"),
    ("Đơn vị", "Unit"),
    ("Thấy lần đầu", "First seen"),
    ("Thấy lần cuối", "Last seen"),
    ("Thiết bị", "Device"),
    ("Ghi chú", "Note"),
];

impl MachineRow {
    fn of(machine: machine::Machine) -> Self {
        Self {
            vendor: oui::vendor(&machine.mac).map(str::to_owned),
            random: oui::is_made_up(&machine.mac),
            mac: machine.mac,
            address: machine.address,
            gateway: machine.gateway,
            seen_by: SeenBy {
                host_id: machine.host.0,
                name: machine.host_name,
            },
            adapter: machine.adapter,
            unit: UnitRef {
                id: machine.unit_id,
                name: machine.unit_name,
            },
            first_ms: machine.first_ms,
            last_ms: machine.last_ms,
            mark: machine.mark.map(|mark| MachineMark {
                kind: mark.kind.into(),
                note: said(mark.note),
                marked_by: mark.marked_by,
                marked_ms: mark.marked_ms,
            }),
        }
    }

    fn cells(self, language: Language) -> [String; 10] {
        let vendor = match self.vendor {
            None if self.random => language.pick("Địa chỉ ngẫu nhiên", "Random address").to_owned(),
            vendor => vendor.unwrap_or_default(),
        };
        let gateway = language.pick("có", "yes");
        let kind = self.mark.as_ref().map_or("", |mark| mark.kind.named(language));
        [
            self.mac,
            vendor,
            self.address,
            if self.gateway { gateway } else { "" }.to_owned(),
            self.seen_by.name,
            self.unit.name,
            moment(Some(self.first_ms)),
            moment(Some(self.last_ms)),
            kind.to_owned(),
            self.mark.and_then(|mark| mark.note).unwrap_or_default(),
        ]
    }
}

impl DeviceKind {
    fn named(self, language: Language) -> &'static str {
        let (vietnamese, english) = match self {
            Self::Printer => ("Máy in, máy quét, máy photo", "Printer, scanner, copier"),
            Self::Switch => ("Bộ chuyển mạch", "Switch"),
            Self::Router => ("Bộ định tuyến, tường lửa", "Router, firewall"),
            Self::AccessPoint => ("Bộ phát Wi-Fi", "Wireless access point"),
            Self::Camera => ("Camera, đầu ghi", "Camera, recorder"),
            Self::Phone => ("Điện thoại, máy tính bảng", "Telephone, tablet"),
            Self::Appliance => (
                "Ti vi, thiết bị họp, máy chấm công",
                "Television, conference system, attendance clock",
            ),
            Self::Other => ("Thiết bị khác", "Something else"),
        };
        language.pick(vietnamese, english)
    }
}

impl From<machine::DeviceKind> for DeviceKind {
    fn from(kind: machine::DeviceKind) -> Self {
        match kind {
            machine::DeviceKind::Printer => Self::Printer,
            machine::DeviceKind::Switch => Self::Switch,
            machine::DeviceKind::Router => Self::Router,
            machine::DeviceKind::AccessPoint => Self::AccessPoint,
            machine::DeviceKind::Camera => Self::Camera,
            machine::DeviceKind::Phone => Self::Phone,
            machine::DeviceKind::Appliance => Self::Appliance,
            machine::DeviceKind::Other => Self::Other,
        }
    }
}

impl From<DeviceKind> for machine::DeviceKind {
    fn from(kind: DeviceKind) -> Self {
        match kind {
            DeviceKind::Printer => Self::Printer,
            DeviceKind::Switch => Self::Switch,
            DeviceKind::Router => Self::Router,
            DeviceKind::AccessPoint => Self::AccessPoint,
            DeviceKind::Camera => Self::Camera,
            DeviceKind::Phone => Self::Phone,
            DeviceKind::Appliance => Self::Appliance,
            DeviceKind::Other => Self::Other,
        }
    }
}
