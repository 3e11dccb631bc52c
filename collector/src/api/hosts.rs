//! The PCs: lists of them, and one host's page with its protection, its network and its ledger.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::{ApiError, ErrorCode};
use super::extract::{Asked, Key};
use super::page::{Count, Page, PageQuery};
use super::units::UnitRef;
use super::word::{HostKind, HostStatus, Protection, Severity, Text};

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_hosts))
        .routes(routes!(count_hosts))
        .routes(routes!(host))
        .routes(routes!(host_ledger))
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

/// Which hosts are wanted; what is absent does not restrict.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HostFilter {
    /// Part of the name, the asset number or the place.
    search: Option<String>,
    /// A unit, with those below it.
    unit: Option<i64>,
    /// Whether it is there.
    connection: Option<Connection>,
    /// The state of its antivirus.
    protection: Option<Protection>,
    /// Whether events of it are missing.
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
    /// The state of its antivirus.
    protection: Protection,
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

/// Antivirus, as reported last.
#[derive(Serialize, ToSchema)]
pub(super) struct AntivirusReport {
    /// When.
    at_ms: i64,
    /// Every product found.
    products: Vec<AntivirusProductReport>,
}

/// A thing that may be on or off, or that nobody could find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Switch {
    /// Could not be found out.
    Unknown,
    /// On.
    On,
    /// Off.
    Off,
    /// Switched off for a while by somebody.
    Snoozed,
    /// Off because the licence has expired.
    Expired,
}

/// One antivirus product.
#[derive(Serialize, ToSchema)]
pub(super) struct AntivirusProductReport {
    /// Its name.
    product: String,
    /// Its vendor.
    vendor: String,
    /// Its version, empty when unknown.
    version: String,
    /// Whether its engine answers.
    engine: Switch,
    /// Whether files are scanned as they are opened.
    real_time: Switch,
    /// Whether definitions are kept up to date.
    updater: Switch,
    /// The definitions' version, empty when unknown.
    definitions_version: String,
    /// When their vendor built them.
    definitions_built_ms: Option<i64>,
    /// Raw values of the source as `name=value`.
    raw: Vec<String>,
}

/// How a host is connected, as reported last.
#[derive(Serialize, ToSchema)]
pub(super) struct NetworkReport {
    /// When.
    at_ms: i64,
    /// Every adapter but loopback.
    adapters: Vec<AdapterReport>,
    /// The default gateways, the preferred one first.
    gateways: Vec<String>,
    /// The name servers in use.
    resolvers: Vec<String>,
}

/// One network adapter.
#[derive(Serialize, ToSchema)]
pub(super) struct AdapterReport {
    /// The system's name for it.
    name: String,
    /// Hardware address, empty when it has none.
    mac: String,
    /// Addresses with prefix length.
    addresses: Vec<String>,
    /// Whether it is up.
    up: bool,
}

/// How a target is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProbeKind {
    /// An echo request.
    Icmp,
    /// A TCP connection.
    Tcp,
    /// A name query.
    Dns,
    /// An HTTPS or HTTP request.
    Https,
}

/// Whether a probed target answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reachability {
    /// Not known.
    Unknown,
    /// It answers.
    Reachable,
    /// It does not.
    Unreachable,
}

/// A probed service, as reported last.
#[derive(Serialize, ToSchema)]
pub(super) struct ProbeReport {
    /// The probe's name in the policy.
    probe: String,
    /// How it is probed.
    kind: ProbeKind,
    /// What is probed.
    target: String,
    /// Whether it answers.
    state: Reachability,
    /// Since when that is so.
    since_ms: i64,
    /// Why it does not: a code such as `timeout`; empty when it does.
    error: String,
}

/// Something that cannot be seen on a host.
#[derive(Serialize, ToSchema)]
pub(super) struct UnsupportedReport {
    /// The sensor that cannot see it.
    sensor: String,
    /// A code of what cannot be seen.
    what: String,
    /// Why, in the system's own words or as a code.
    why: String,
}

/// What of a host's events is known to be there, and what is known to be missing.
#[derive(Serialize, ToSchema)]
pub(super) struct Ledger {
    /// Events that it numbered and that never arrived.
    missing: u64,
    /// Events that could not be understood and are kept as bytes.
    opaque: u64,
    /// Events that the store refused and that were set aside.
    set_aside: u64,
    /// Its streams, the newest first.
    streams: Vec<StreamReport>,
    /// What its sensors know that they could not see, the newest first.
    blind: Vec<BlindReport>,
}

/// One stream of events: what one spool numbered.
#[derive(Serialize, ToSchema)]
pub(super) struct StreamReport {
    /// Its identity.
    stream: String,
    /// Its lanes.
    lanes: Vec<LaneReport>,
}

/// One lane of a stream.
#[derive(Serialize, ToSchema)]
pub(super) struct LaneReport {
    /// Its number, 0 (urgent) to 3 (samples).
    lane: u8,
    /// The last number that is there or declared missing.
    high_water: u64,
    /// How many of them are missing.
    missing: u64,
    /// Which.
    gaps: Vec<GapReport>,
}

/// Numbers that are missing.
#[derive(Serialize, ToSchema)]
pub(super) struct GapReport {
    /// The first.
    first: u64,
    /// The last.
    last: u64,
    /// A code: `spool_full`, `corrupt`, `collector_restored`.
    reason: String,
    /// How many of each kind of event, as far as known.
    counts: std::collections::BTreeMap<String, u64>,
    /// When the collector learned of it.
    at_ms: i64,
}

/// What a sensor could not see.
#[derive(Serialize, ToSchema)]
pub(super) struct BlindReport {
    /// The sensor.
    sensor: String,
    /// What it was blind to, such as a folder.
    scope: Text,
    /// Since when.
    since_ms: i64,
    /// Until when.
    until_ms: i64,
    /// A code, such as `queue_overflow`.
    reason: String,
}

/// The hosts that the asker may see, page by page.
#[utoipa::path(
    get, path = "/api/v1/hosts", tag = "hosts", params(HostFilter, PageQuery),
    responses((status = OK, body = Page<HostRow>), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_hosts(
    State(_api): State<Api>,
    Asked(_filter): Asked<HostFilter>,
    Asked(_page): Asked<PageQuery>,
) -> Result<Json<Page<HostRow>>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// How many hosts a filter matches.
#[utoipa::path(
    get, path = "/api/v1/hosts/count", tag = "hosts", params(HostFilter),
    responses((status = OK, body = Count), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn count_hosts(
    State(_api): State<Api>,
    Asked(_filter): Asked<HostFilter>,
) -> Result<Json<Count>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// One host. Looking at it is audited.
#[utoipa::path(
    get, path = "/api/v1/hosts/{id}", tag = "hosts", params(("id" = i64, Path)),
    responses((status = OK, body = HostDetail), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn host(State(_api): State<Api>, Key(_id): Key<i64>) -> Result<Json<HostDetail>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// One host's ledger: "0 events missing", or the exact list.
#[utoipa::path(
    get, path = "/api/v1/hosts/{id}/ledger", tag = "hosts", params(("id" = i64, Path)),
    responses((status = OK, body = Ledger), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn host_ledger(State(_api): State<Api>, Key(_id): Key<i64>) -> Result<Json<Ledger>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}
