//! Words for the network: how a PC is connected, and whether its user can reach what they need.

use serde::{Deserialize, Serialize};

/// How the PC is connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkState {
    /// Every adapter but loopback.
    pub adapters: Vec<Adapter>,
    /// Addresses of the default gateways, the preferred one first.
    pub gateways: Vec<String>,
    /// Addresses of the name servers in use.
    pub resolvers: Vec<String>,
}

/// One network adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// The system's name for it.
    pub name: String,
    /// Hardware address as `aa:bb:cc:dd:ee:ff`, empty when it has none.
    pub mac: String,
    /// Addresses with prefix length.
    pub addresses: Vec<String>,
    /// Whether it is up and has a carrier.
    pub up: bool,
}

/// The machines that a PC has lately spoken with on its own network. They stand in the system's tables; nobody is
/// asked for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// At most [`Self::MAX`], sorted by hardware address.
    pub neighbours: Vec<Neighbour>,
}

impl Neighbours {
    /// More machines than this are told in part: an office's network is smaller.
    pub const MAX: usize = 512;
}

/// A machine on the same network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Neighbour {
    /// Hardware address as `aa:bb:cc:dd:ee:ff`.
    pub mac: String,
    /// Its address.
    pub address: String,
    /// The adapter behind which it is.
    pub adapter: String,
}

/// How a target is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// An echo request.
    Icmp,
    /// A TCP connection.
    Tcp,
    /// A name query.
    Dns,
    /// An HTTPS (or plain HTTP) request that must be answered with a status below 500.
    Https,
}

/// Whether a probed target answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reachability {
    /// Not known yet, or the probe itself could not run.
    Unknown,
    /// It answers.
    Reachable,
    /// It does not answer.
    Unreachable,
}

/// A probed target changed its reachability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeState {
    /// The probe's name in the policy.
    pub probe: String,
    /// How it is probed.
    pub kind: ProbeKind,
    /// What is probed: address, name or URL.
    pub target: String,
    /// The new state.
    pub state: Reachability,
    /// Why, when it is not reachable: a code such as `timeout`, `refused`, `no_such_name`, `tls`, `status_502`.
    pub error: String,
    /// What a failure means, as the policy says; `None` is routine.
    pub severity: Option<super::Severity>,
}

/// Probing one target over one interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSample {
    /// The probe's name in the policy.
    pub probe: String,
    /// How it is probed.
    pub kind: ProbeKind,
    /// What is probed.
    pub target: String,
    /// Length of the interval in milliseconds.
    pub interval_ms: u32,
    /// Probes sent.
    pub sent: u32,
    /// Probes without an answer in time.
    pub lost: u32,
    /// Smallest latency in microseconds, 0 when none was answered.
    pub latency_min_us: u32,
    /// Mean latency in microseconds, 0 when none was answered.
    pub latency_mean_us: u32,
    /// Largest latency in microseconds, 0 when none was answered.
    pub latency_max_us: u32,
}
