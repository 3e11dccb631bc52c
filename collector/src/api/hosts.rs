//! The PCs: lists of them, and one host's page with its protection, its network and its ledger.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ErrorCode};
use super::extract::{Asked, Key};
use super::guard::{Right, Viewer};
use super::ledger::Missing;
use super::overview::SEEN_MS;
use super::page::{Count, Page, PageQuery};
use super::units::{UnitRef, subtree};
use super::word::{CloneSign, HostKind, HostStatus, Protection, Severity, count, said, searched};
use super::{Api, trail};
use crate::clock::now_ms;
use crate::entry::HostId;
use crate::registry::fold::storable;
use crate::registry::host_list::{self, ListedHost};
use crate::registry::{approval, host_state, unit};

mod report;

use report::{
    AntivirusReport, NetworkReport, ProbeReport, ProtectionGap, StrainReport, TroubleReport,
    UnsupportedReport,
};
pub(super) use report::{ProbeKind, Reachability};

const DAY_MS: i64 = 24 * 3_600_000;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_hosts))
        .routes(routes!(count_hosts))
        .routes(routes!(host))
        .routes(routes!(approve_host))
        .routes(routes!(reject_host))
}

/// Whether a host is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Connection {
    /// Connected at this moment.
    Connected,
    /// Was connected before, and is not.
    Silent,
    /// Has never been connected.
    Never,
    /// Was heard of within the last 24 hours, as the overview counts it.
    Seen,
}

/// The order of a list of hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HostSort {
    /// By name.
    #[default]
    Name,
    /// The one heard of last comes first.
    LastSeen,
    /// By the unit's name, then by name.
    Unit,
}

impl Connection {
    fn at(self, now_ms: i64) -> host_list::Connection {
        match self {
            Self::Connected => host_list::Connection::Connected,
            Self::Silent => host_list::Connection::Silent,
            Self::Never => host_list::Connection::Never,
            Self::Seen => host_list::Connection::Seen {
                since_ms: now_ms - SEEN_MS,
            },
        }
    }
}

impl From<HostSort> for host_list::HostSort {
    fn from(sort: HostSort) -> Self {
        match sort {
            HostSort::Name => Self::Name,
            HostSort::LastSeen => Self::LastSeen,
            HostSort::Unit => Self::Unit,
        }
    }
}

/// Which hosts are wanted; what is absent does not restrict.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HostFilter {
    /// Part of the name, the asset number or the place.
    search: Option<String>,
    /// A unit, with those below it.
    unit: Option<i64>,
    /// Where it stands in its life; retired ones are never listed.
    status: Option<HostStatus>,
    /// Whether it is there.
    connection: Option<Connection>,
    /// The state of its antivirus.
    protection: Option<Protection>,
    /// Whose protection rests on exactly this product.
    product: Option<String>,
    /// Whose antivirus does not protect for this reason: a code such as `engine_off`.
    reason: Option<String>,
    /// Whose definitions are older than so many days.
    definitions_older_than_days: Option<u32>,
    /// Only those that miss events.
    missing: Option<bool>,
    /// The order.
    sort: Option<HostSort>,
}

/// A host, as it stands in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct HostRow {
    /// Its number.
    id: i64,
    /// The PC's name.
    name: String,
    /// The office it belongs to.
    unit: UnitRef,
    /// What it is for.
    kind: HostKind,
    /// The operating system's name and version.
    os: String,
    /// Whether it is connected at this moment.
    connected: bool,
    /// Since when it is.
    connected_since_ms: Option<i64>,
    /// When it was heard of last.
    last_seen_ms: Option<i64>,
    /// Whether its agent has lost its rights: it cannot connect before it is enrolled again.
    revoked: bool,
    /// The state of its antivirus.
    protection: Protection,
    /// A code of why it does not protect; `null` when it does, or nobody knows.
    protection_reason: Option<String>,
    /// The product that this rests on.
    product: Option<String>,
    /// That product's version.
    product_version: Option<String>,
    /// When its definitions were built.
    definitions_ms: Option<i64>,
    /// What is off although its antivirus runs.
    protection_gaps: Vec<ProtectionGap>,
    /// When that was reported last.
    protection_ms: Option<i64>,
    /// Alerts that are not resolved.
    alerts_open: u64,
    /// The gravest of them.
    worst_severity: Option<Severity>,
    /// Events that it numbered and that never arrived.
    events_missing: u64,
    /// The agent's version.
    agent_version: String,
    /// Whether its silence is worth a mail.
    always_on: bool,
    /// The office's own number for it.
    asset_number: Option<String>,
    /// Where it stands.
    place: Option<String>,
}

/// Everything known of one host.
#[derive(Serialize, ToSchema)]
pub(super) struct HostDetail {
    /// What stands in lists.
    #[serde(flatten)]
    row: HostRow,
    /// Where it stands in its life.
    status: HostStatus,
    /// When it was enrolled first.
    created_ms: i64,
    /// Whether its agent may see everything; `null` when it never said.
    privileged: Option<bool>,
    /// Collector's clock minus the PC's, in milliseconds; `null` when never measured.
    clock_offset_ms: Option<i64>,
    /// Who is called about it.
    contact: Contact,
    /// What became of its policy.
    policy: HostPolicyState,
    /// Its antivirus, as reported last; `null` when it never was.
    antivirus: Option<AntivirusReport>,
    /// How it is connected, as reported last; `null` when it never was.
    network: Option<NetworkReport>,
    /// The probed services and whether they answer.
    probes: Vec<ProbeReport>,
    /// What its agent cannot see.
    unsupported: Vec<UnsupportedReport>,
    /// The budgets that its agent exceeds, and slows itself down for.
    strain: Vec<StrainReport>,
    /// What the intake had to hold against its agent.
    troubles: Vec<TroubleReport>,
    /// That two machines use its agent's key; `null` when that is not known.
    clone: Option<CloneReport>,
}

/// Two machines use a host's agent's key. Both are quarantined until each has enrolled again: what they report is kept
/// and marked, and only what is urgent is raised.
#[derive(Serialize, ToSchema)]
pub(super) struct CloneReport {
    /// Since when that is known.
    since_ms: i64,
    /// How it was found out.
    how: CloneSign,
}

/// Who is called about a host: the contact of its unit, or of the nearest unit above that has one.
#[derive(Serialize, ToSchema)]
pub(super) struct Contact {
    /// Their name.
    name: Option<String>,
    /// Their address.
    email: Option<String>,
    /// Their telephone.
    phone: Option<String>,
}

/// How far a policy has come on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PolicyState {
    /// It never got one.
    None,
    /// Sent, not answered.
    Sent,
    /// In force.
    Applied,
    /// Refused; the one before stays in force.
    Refused,
}

/// What became of a host's policy.
#[derive(Serialize, ToSchema)]
pub(super) struct HostPolicyState {
    /// How far it has come.
    state: PolicyState,
    /// Its version.
    version: Option<u64>,
    /// SHA-256 of its document.
    hash: Option<String>,
    /// Why it was refused, in the agent's words.
    refusal: Option<String>,
}

/// The hosts that the asker may see, page by page.
#[utoipa::path(
    get, path = "/api/v1/hosts", tag = "hosts", params(HostFilter, PageQuery),
    responses((status = OK, body = Page<HostRow>), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_hosts(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(filter): Asked<HostFilter>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<HostRow>>, ApiError> {
    let missing = Missing::everywhere(&api).await?;
    let sort = filter.sort.unwrap_or_default().into();
    let filter = asked(&api, filter, &missing).await?;
    let page = host_list::list(&api.registry, &viewer.scope, &filter, sort, &page.of_registry()).await?;
    Ok(Json(Page::of_registry(page, |listed| {
        HostRow::of(listed, &missing)
    })))
}

/// How many hosts a filter matches.
#[utoipa::path(
    get, path = "/api/v1/hosts/count", tag = "hosts", params(HostFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_hosts(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(filter): Asked<HostFilter>,
) -> Result<Json<Count>, ApiError> {
    let missing = Missing::everywhere(&api).await?;
    let filter = asked(&api, filter, &missing).await?;
    let number = host_list::count(&api.registry, &viewer.scope, &filter).await?;
    Ok(Json(Count { count: count(number) }))
}

/// One host. Looking at it is audited.
#[utoipa::path(
    get, path = "/api/v1/hosts/{id}", tag = "hosts", params(("id" = i64, Path)),
    responses((status = OK, body = HostDetail), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn host(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
) -> Result<Json<HostDetail>, ApiError> {
    let listed = visible_host(&api, &viewer, id).await?;
    trail::seen(&api, &viewer, "host.viewed", &format!("host/{id}"), json!({})).await?;
    let missing = Missing::everywhere(&api).await?;
    let states = host_state::of_host(&api.registry, listed.host.id).await?;
    let contact = contact_of(&api, listed.host.unit_id).await?;
    Ok(Json(HostDetail::of(listed, &missing, states, contact)))
}

/// Lets a host in that waits for approval.
#[utoipa::path(
    post, path = "/api/v1/hosts/{id}/approve", tag = "hosts", params(("id" = i64, Path)),
    responses((status = NO_CONTENT), (status = NOT_FOUND, body = ApiError), (status = CONFLICT, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn approve_host(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
) -> Result<StatusCode, ApiError> {
    decide(&api, &viewer, id, approval::Decision::Approve).await
}

/// Turns a host away that waits for approval; its certificates are revoked.
#[utoipa::path(
    post, path = "/api/v1/hosts/{id}/reject", tag = "hosts", params(("id" = i64, Path)),
    responses((status = NO_CONTENT), (status = NOT_FOUND, body = ApiError), (status = CONFLICT, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn reject_host(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
) -> Result<StatusCode, ApiError> {
    decide(&api, &viewer, id, approval::Decision::Reject).await
}

async fn decide(
    api: &Api,
    viewer: &Viewer,
    id: i64,
    decision: approval::Decision,
) -> Result<StatusCode, ApiError> {
    let host = visible_host(api, viewer, id).await?.host.id;
    viewer.require(Right::ManageHosts)?;
    let by = &viewer.user.name;
    match approval::decide(&api.registry, host, decision, by, now_ms()).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::new(ErrorCode::Conflict)),
    }
}

/// A host that the viewer may see, or nothing that exists.
pub(super) async fn visible_host(api: &Api, viewer: &Viewer, id: i64) -> Result<ListedHost, ApiError> {
    let host = host_list::by_id(&api.registry, &viewer.scope, HostId(id)).await?;
    host.ok_or_else(ApiError::not_found)
}

async fn asked(api: &Api, filter: HostFilter, missing: &Missing) -> Result<host_list::HostFilter, ApiError> {
    Ok(host_list::HostFilter {
        search: searched(filter.search),
        units: subtree(api, filter.unit).await?,
        status: filter.status.map(Into::into),
        connection: filter.connection.map(|connection| connection.at(now_ms())),
        protection: filter.protection.map(Into::into),
        product: filter.product.map(|product| storable(&product)),
        reason: filter.reason.map(|reason| storable(&reason)),
        definitions_before_ms: filter
            .definitions_older_than_days
            .map(|days| now_ms() - i64::from(days) * DAY_MS),
        among: (filter.missing == Some(true)).then(|| missing.hosts_with_missing()),
    })
}

/// The contact of the unit, or of the nearest unit above it that has one.
async fn contact_of(api: &Api, unit: i64) -> Result<Contact, ApiError> {
    let chain = unit::chain(&api.registry, unit).await?;
    let named = chain
        .into_iter()
        .rev()
        .find(|unit| !unit.contact_email.is_empty() || !unit.phone.is_empty());
    let (name, email, phone) = named
        .map(|unit| (unit.contact_name, unit.contact_email, unit.phone))
        .unwrap_or_default();
    Ok(Contact {
        name: said(name),
        email: said(email),
        phone: said(phone),
    })
}
