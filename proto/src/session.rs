//! What the two ends of a connection say to each other, in the domain's words.

use std::collections::BTreeMap;

use crate::event::{BootId, Lane, StreamId};

/// The protocol version this build speaks, oldest and newest.
pub const VERSION_MIN: u32 = 1;
/// The newest protocol version this build speaks.
pub const VERSION_MAX: u32 = 1;

/// The name in every collector certificate. Agents pin the authority, not the address: a collector may
/// move or be reached under several names without new certificates.
pub const COLLECTOR_NAME: &str = "collector.vong.internal";

/// A frame from agent to collector.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentFrame {
    /// The first frame of an enrolled agent.
    Hello(Box<Hello>),
    /// Events of one lane.
    Batch(Batch),
    /// A sign of life.
    Heartbeat(Heartbeat),
    /// What became of a policy.
    PolicyStatus(PolicyStatus),
    /// The first and only frame of a PC without a certificate.
    Enrol(EnrolRequest),
    /// A request for the next certificate.
    Renew {
        /// Certificate signing request, DER.
        csr_der: Vec<u8>,
    },
}

/// A frame from collector to agent.
#[derive(Clone, Debug, PartialEq)]
pub enum CollectorFrame {
    /// The answer to a hello.
    Welcome(Welcome),
    /// Events are durable here.
    Ack(Ack),
    /// A sign of life.
    Heartbeat(Heartbeat),
    /// The effective policy.
    Policy(PolicyDocument),
    /// Something to do.
    Command(Command),
    /// The collector is about to go: come back later.
    GoAway(GoAway),
    /// The collector will not talk, and why; the connection ends.
    Refusal(Refusal),
    /// The answer to an enrolment.
    Enrolled(EnrolAnswer),
    /// The next certificate.
    Renewed(Credentials),
}

/// Who an agent is and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// Oldest protocol version the agent speaks.
    pub version_min: u32,
    /// Newest protocol version the agent speaks.
    pub version_max: u32,
    /// The stream of its spool.
    pub stream: StreamId,
    /// Where each lane stands.
    pub lanes: [LaneState; 4],
    /// The running boot.
    pub boot: BootId,
    /// What tells this PC from another.
    pub fingerprint: Fingerprint,
    /// The agent's version.
    pub agent_version: String,
    /// The operating system's name and version.
    pub os: String,
    /// The PC's name.
    pub hostname: String,
    /// The PC's wall clock, milliseconds since 1970.
    pub wall_ms: i64,
    /// The applied policy's version, 0 for none.
    pub policy_version: u64,
    /// The applied policy's hash.
    pub policy_hash: String,
    /// Whether the agent may see everything.
    pub privileged: bool,
    /// SHA-256 over the authorities that the agent trusts, in the order of its file; empty when it does not say.
    pub authorities: Vec<u8>,
}

/// Where a lane of a spool stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneState {
    /// Number of the oldest event still kept; equals `next` when none is.
    pub first_retained: u64,
    /// The number that the next event will get; 1 in a new stream.
    pub next: u64,
    /// [`event_hash`](crate::wire::event_hash) of event `next - 1`; empty when unknown.
    pub last_hash: Vec<u8>,
}

/// What tells one PC from another; any part may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fingerprint {
    /// The firmware's UUID.
    pub smbios_uuid: String,
    /// The operating system's own id for this installation.
    pub machine_id: String,
    /// Serial number of the system disk.
    pub disk_serial: String,
    /// Hardware addresses of physical adapters.
    pub macs: Vec<String>,
}

/// The collector's answer to a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The protocol version of this connection.
    pub version: u32,
    /// Per lane, the last number that the collector owns.
    pub high_water: [u64; 4],
    /// Per lane, the hash of that event as the collector has it; empty when unknown.
    pub last_hash: [Vec<u8>; 4],
    /// Bytes of unacknowledged batches (as compressed) that may be in flight.
    pub credit_bytes: u32,
    /// The collector's clock, milliseconds since 1970.
    pub wall_ms: i64,
    /// A heartbeat is due after this much silence; two missed ones are the end.
    pub heartbeat_s: u32,
    /// The agent is behind the collector (restored snapshot, cloned image): it must begin a new stream.
    pub new_stream: bool,
    /// The host this agent speaks for.
    pub host: u64,
    /// The authorities to trust from now on, DER; none when the agent has them already.
    pub ca_der: Vec<Vec<u8>>,
    /// The certificate is to be renewed within this time, in seconds, at a random moment.
    pub renew_within_s: Option<u32>,
    /// How much it may send.
    pub allowance: Allowance,
}

/// How much an agent may send for the time being; the default is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Its share of its unit's line, in kbit/s; 0 for no limit.
    pub kbit_s: u32,
    /// Only lane 0 may be sent: the collector has no room for the others.
    pub urgent_only: bool,
    /// The agent sends more than one agent may, and is read with pauses: for its log.
    pub slowed: bool,
}

/// Numbers that were dropped, and what stood behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The lane.
    pub lane: Lane,
    /// First missing number.
    pub first: u64,
    /// Last missing number.
    pub last: u64,
    /// A code: `spool_full`, `corrupt`, `collector_restored`.
    pub reason: String,
    /// How many of each kind, as far as known.
    pub counts: BTreeMap<String, u64>,
}

/// Contiguous events of one lane, still encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The lane.
    pub lane: Lane,
    /// First number; `last + 1` when the batch carries only gaps.
    pub first: u64,
    /// Last number.
    pub last: u64,
    /// Size of the events before compression.
    pub raw_bytes: u32,
    /// The events: zstd of an `EventList`; see [`wire`](crate::wire).
    pub events: Vec<u8>,
    /// What was dropped before `first` and not yet acknowledged.
    pub gaps: Vec<Gap>,
}

/// Everything of a lane up to a number is durable at the collector, or declared missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The lane.
    pub lane: Lane,
    /// Up to and including this number.
    pub through: u64,
}

/// A sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The sender's wall clock, milliseconds since 1970.
    pub wall_ms: i64,
    /// Comes back unchanged in the answer.
    pub echo: u64,
    /// Whether this is an answer.
    pub answer: bool,
    /// How much the agent may send from now on; agents leave it empty.
    pub allowance: Allowance,
}

/// The effective policy of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDocument {
    /// Grows with each change.
    pub version: u64,
    /// SHA-256 of `document`, hexadecimal.
    pub hash: String,
    /// [`Policy`](crate::policy::Policy) as JSON.
    pub document: String,
}

/// What became of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyStatus {
    /// The policy's version.
    pub version: u64,
    /// Its hash.
    pub hash: String,
    /// Whether it is in force.
    pub applied: bool,
    /// Why not, naming the fault; empty when applied.
    pub refusal: String,
}

/// Something an agent is told to do. Typed, never a shell; carrying it out twice is harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its id; the result names it.
    pub id: String,
    /// After this moment (collector's clock, milliseconds since 1970) it must not be carried out.
    pub expires_ms: i64,
    /// What to do.
    pub kind: CommandKind,
}

/// What agents can be told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandKind {
    /// Look again at everything below one watch, or below all when `watch` is empty.
    Rescan {
        /// The watch's name in the policy.
        watch: String,
    },
    /// Let the antivirus bring its definitions up to date.
    UpdateSignatures {
        /// Given up after this time, in seconds.
        limit_s: u32,
    },
    /// Let the antivirus look at where malware usually lands.
    QuickScan {
        /// Given up after this time, in seconds.
        limit_s: u32,
    },
    /// A command this build does not know; it is answered as refused.
    Unknown,
}

/// The collector is about to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoAway {
    /// Come back after this time, already jittered by the collector.
    pub retry_after_ms: u32,
    /// A code: `restart`, `draining`, `taken_over`.
    pub reason: String,
}

/// Why a connection is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it is.
    pub code: RefusalCode,
    /// For the agent's log; names the remedy.
    pub message: String,
}

/// The reasons for a refusal; the numbers stand in PROTOCOL.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// No protocol version in common.
    Version = 1,
    /// A frame was not what this moment of the conversation calls for.
    Protocol = 2,
    /// The enrolment token is wrong, used up, expired, or not for this network.
    Token = 3,
    /// The certificate has been revoked.
    Revoked = 4,
    /// The certificate has expired: only renewing is possible.
    Expired = 5,
    /// The host is retired or unknown.
    UnknownHost = 6,
    /// The PC waits for approval.
    Pending = 7,
    /// A limit was exceeded.
    Limit = 8,
    /// The collector cannot keep anything at the moment, such as with a full disk.
    Unavailable = 9,
    /// A reason that this build does not know.
    Other = 0,
}

/// A PC asks to be enrolled.
#[derive(Clone, Debug, PartialEq)]
pub struct EnrolRequest {
    /// Oldest protocol version the agent speaks.
    pub version_min: u32,
    /// Newest protocol version the agent speaks.
    pub version_max: u32,
    /// The token's secret part.
    pub token: String,
    /// Certificate signing request, DER.
    pub csr_der: Vec<u8>,
    /// What tells this PC from another.
    pub fingerprint: Fingerprint,
    /// The PC's name.
    pub hostname: String,
    /// The operating system's name and version.
    pub os: String,
}

/// The answer to an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolAnswer {
    /// The certificate, and whom to trust.
    pub credentials: Credentials,
    /// Sessions are refused until somebody has approved this PC.
    pub pending: bool,
}

/// A certificate and the authorities to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The agent's certificate, DER.
    pub certificate_der: Vec<u8>,
    /// The bundle of authorities, DER.
    pub ca_der: Vec<Vec<u8>>,
}
