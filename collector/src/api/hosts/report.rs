//! One host's page, out of what the registry keeps of it.
//!
//! What the rules keep as JSON came from a PC. A part that cannot be read is left out and logged: the page
//! says "unknown" there instead of failing as a whole.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::warn;
use utoipa::ToSchema;

use super::{CloneReport, Contact, HostDetail, HostPolicyState, HostRow, PolicyState};
use crate::api::ledger::Missing;
use crate::api::units::UnitRef;
use crate::api::word::{Trouble, count, said};
use crate::entry::HostId;
use crate::registry::host::{self, Host};
use crate::registry::host_list::ListedHost;
use crate::registry::host_state::{self, HostState, Noun};

/// Antivirus, as reported last.
#[derive(Serialize, Deserialize, ToSchema)]
pub(in crate::api) struct AntivirusReport {
    /// When.
    at_ms: i64,
    /// Every product found.
    products: Vec<AntivirusProductReport>,
}

/// A thing that may be on or off, or that nobody could find out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Switch {
    /// Could not be found out.
    #[default]
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

/// Whether more than the presence of a product is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Health {
    /// Its own state was read.
    #[default]
    Reported,
    /// It is installed; how it is, nobody can tell.
    InstalledOnly,
}

/// Whether a product is the one that protects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum AntivirusMode {
    /// Nobody said.
    #[default]
    Unknown,
    /// It protects.
    Active,
    /// It steps back for another product.
    Passive,
}

/// What a source says of definitions without giving their age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Freshness {
    /// Nothing.
    #[default]
    Unknown,
    /// They are up to date.
    Fresh,
    /// They are not.
    Stale,
}

/// One antivirus product. What agents before this form did not say is read as unknown.
#[derive(Serialize, Deserialize, ToSchema)]
pub(in crate::api) struct AntivirusProductReport {
    /// Its name.
    product: String,
    /// Its vendor.
    vendor: String,
    /// Its version, empty when unknown.
    version: String,
    /// Version of the scanning engine where it has one of its own, empty when unknown.
    #[serde(default)]
    engine_version: String,
    /// Whether more than its presence is known.
    #[serde(default)]
    health: Health,
    /// Whether it is the one that protects, where two are installed.
    #[serde(default)]
    mode: AntivirusMode,
    /// Whether its engine answers.
    engine: Switch,
    /// A code of why its engine is not on, such as `stopped`; empty when it is, or nobody knows.
    #[serde(default)]
    engine_reason: String,
    /// Whether files are scanned as they are opened.
    real_time: Switch,
    /// Whether definitions are kept up to date.
    updater: Switch,
    /// Whether it guards its own settings.
    #[serde(default)]
    tamper_protection: Switch,
    /// The definitions' version, empty when unknown.
    definitions_version: String,
    /// When their vendor built them.
    definitions_built_ms: Option<i64>,
    /// When they were last brought here successfully.
    definitions_updated_ms: Option<i64>,
    /// What the source says of their age without naming it.
    #[serde(default)]
    definitions_freshness: Freshness,
    /// When the last quick scan ended.
    quick_scan_ms: Option<i64>,
    /// When the last full scan ended.
    full_scan_ms: Option<i64>,
    /// When the licence ends.
    licence_expires_ms: Option<i64>,
    /// What it does not look at, in the product's own words.
    #[serde(default)]
    exclusions: Vec<String>,
    /// Raw values of the source as `name=value`.
    raw: Vec<String>,
}

/// Something that an antivirus lacks whose engine answers and whose definitions may be fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum ProtectionGap {
    /// Files are not scanned as they are opened.
    RealTimeOff,
    /// Nothing keeps its definitions up to date.
    UpdaterOff,
}

/// How a host is connected, as reported last.
#[derive(Serialize, Deserialize, ToSchema)]
pub(in crate::api) struct NetworkReport {
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
#[derive(Serialize, Deserialize, ToSchema)]
pub(in crate::api) struct AdapterReport {
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
pub(in crate::api) enum ProbeKind {
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
pub(in crate::api) enum Reachability {
    /// Not known.
    Unknown,
    /// It answers.
    Reachable,
    /// It does not.
    Unreachable,
}

/// A probed service, as reported last.
#[derive(Serialize, Deserialize, ToSchema)]
pub(in crate::api) struct ProbeReport {
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
#[derive(Serialize, Deserialize, ToSchema)]
pub(in crate::api) struct UnsupportedReport {
    /// The sensor that cannot see it.
    sensor: String,
    /// A code of what cannot be seen.
    what: String,
    /// Why, in the system's own words or as a code.
    why: String,
}

/// A budget that a host's agent exceeds: it slows its sensors down for it.
#[derive(Serialize, Deserialize, ToSchema)]
pub(in crate::api) struct StrainReport {
    /// Which, with its unit: `cpu` in thousandths of a core, `memory` in bytes, `disk` in bytes a second, `spool` in
    /// bytes.
    budget: String,
    /// What is allowed.
    limit: u64,
    /// What was measured.
    measured: u64,
    /// Since when.
    since_ms: i64,
}

/// What the intake had to hold against a host's agent.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct TroubleReport {
    /// What.
    trouble: Trouble,
    /// How often.
    times: u64,
    /// When the last time was.
    at_ms: i64,
}

impl HostRow {
    pub(in crate::api) fn of(listed: ListedHost, missing: &Missing) -> Self {
        let host = listed.host;
        Self {
            protection_gaps: antivirus(&host).map_or_else(Vec::new, |report| gaps(&report.products)),
            revoked: listed.revoked,
            id: host.id.0,
            name: host.name,
            unit: UnitRef {
                id: host.unit_id,
                name: listed.unit_name,
            },
            kind: host.kind.into(),
            os: host.os,
            connected: host.connected,
            connected_since_ms: host.connected_since_ms.filter(|_| host.connected),
            last_seen_ms: host.last_seen_ms,
            protection: host.protection.into(),
            protection_ms: host.protection_ms,
            protection_reason: said(host.protection_reason),
            product: said(host.product),
            product_version: said(host.product_version),
            definitions_ms: host.definitions_ms,
            alerts_open: count(listed.alerts_open),
            worst_severity: listed.worst_severity.map(Into::into),
            events_missing: missing.of(host.id),
            agent_version: host.agent_version,
            always_on: host.always_on,
            asset_number: said(host.asset_number),
            place: said(host.place),
        }
    }
}

impl HostDetail {
    pub(super) fn of(
        listed: ListedHost,
        missing: &Missing,
        states: Vec<HostState>,
        contact: Contact,
    ) -> Self {
        let host = &listed.host;
        let heard = host.last_seen_ms.is_some();
        Self {
            status: host.status.into(),
            created_ms: host.created_ms,
            privileged: heard.then_some(host.privileged),
            clock_offset_ms: heard.then_some(host.clock_offset_ms),
            contact,
            policy: policy_state(host),
            antivirus: antivirus(host),
            network: network(host),
            probes: known(host.id, &states, Noun::Probe, probe),
            unsupported: known(host.id, &states, Noun::Unsupported, |state| read(&state.detail)),
            strain: known(host.id, &states, Noun::Strain, |state| read(&state.detail)),
            troubles: known(host.id, &states, Noun::Intake, trouble),
            clone: clone(host),
            row: HostRow::of(listed, missing),
        }
    }
}

fn policy_state(host: &Host) -> HostPolicyState {
    let offered = host.policy_state != host::PolicyState::None;
    HostPolicyState {
        state: match host.policy_state {
            host::PolicyState::None => PolicyState::None,
            host::PolicyState::Sent => PolicyState::Sent,
            host::PolicyState::Applied => PolicyState::Applied,
            host::PolicyState::Refused => PolicyState::Refused,
        },
        version: offered.then(|| count(host.policy_version)),
        hash: said(host.policy_hash.clone()),
        refusal: said(host.policy_refusal.clone()),
    }
}

fn antivirus(host: &Host) -> Option<AntivirusReport> {
    let detail = with_time(host.protection_detail.as_ref()?, host.protection_ms?);
    readable(host.id, "antivirus", read(&detail))
}

/// What is said to be off in every product whose engine runs; one product's gap may be closed by another's.
fn gaps(products: &[AntivirusProductReport]) -> Vec<ProtectionGap> {
    let running = || products.iter().filter(|product| product.engine == Switch::On);
    let off = |of: fn(&AntivirusProductReport) -> Switch| {
        running().next().is_some()
            && running().all(|product| !matches!(of(product), Switch::On | Switch::Unknown))
    };
    let gaps = [
        (off(|product| product.real_time), ProtectionGap::RealTimeOff),
        (off(|product| product.updater), ProtectionGap::UpdaterOff),
    ];
    gaps.into_iter()
        .filter_map(|(off, gap)| off.then_some(gap))
        .collect()
}

fn network(host: &Host) -> Option<NetworkReport> {
    let detail = with_time(host.network_detail.as_ref()?, host.network_ms?);
    readable(host.id, "network", read(&detail))
}

fn with_time(detail: &Value, at_ms: i64) -> Value {
    let mut detail = detail.clone();
    if let Value::Object(members) = &mut detail {
        members.insert("at_ms".to_owned(), at_ms.into());
    }
    detail
}

fn probe(state: &HostState) -> serde_json::Result<ProbeReport> {
    let mut detail = state.detail.clone();
    if let Value::Object(members) = &mut detail {
        members.insert("probe".to_owned(), state.key.clone().into());
        members.entry("since_ms").or_insert(state.at_ms.into());
    }
    read(&detail)
}

fn trouble(state: &HostState) -> serde_json::Result<TroubleReport> {
    Ok(TroubleReport {
        trouble: serde_json::from_value::<host_state::Trouble>(state.key.clone().into())?.into(),
        times: read::<host_state::Tally>(&state.detail)?.times,
        at_ms: state.at_ms,
    })
}

fn known<T>(
    host: HostId,
    states: &[HostState],
    noun: Noun,
    read: impl Fn(&HostState) -> serde_json::Result<T>,
) -> Vec<T> {
    let states = states.iter().filter(|state| state.noun == noun);
    states
        .filter_map(|state| readable(host, "state", read(state)))
        .collect()
}

fn read<T: DeserializeOwned>(detail: &Value) -> serde_json::Result<T> {
    T::deserialize(detail)
}

fn clone(host: &Host) -> Option<CloneReport> {
    Some(CloneReport {
        since_ms: host.cloned_ms?,
        how: host.cloned_how?.into(),
    })
}

fn readable<T>(host: HostId, part: &'static str, read: serde_json::Result<T>) -> Option<T> {
    read.inspect_err(|error| warn!(%host, part, %error, "what is known of a host cannot be read"))
        .ok()
}
