//! The domain's words: what a PC can report, in the shape that all other code speaks.
//!
//! An [`Event`] is a [`Header`] (where and when, and its place in its stream) and a [`Body`] (what).
//! A stream numbers the events of each [`Lane`] contiguously from 1, at the moment they are committed
//! to the agent's spool; the pair (lane, sequence number) is an event's name within its stream.
//! Prost types stop in `wire`; rows and JSON begin at their own borders.
//!
//! Text that came from a PC is hostile, and names of files are bytes, not text: they stay [`Vec<u8>`]
//! until a border that shows them decides how.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod antivirus;
mod catalogue;
mod file;
mod identity;
mod network;
mod presence;
mod tripwire;

pub use antivirus::{
    AntivirusMode, AntivirusProduct, AntivirusState, Definitions, Detection, Expectations, Freshness, Health,
    Outcome, Remedy, Switch,
};
pub use catalogue::{FIELDS, Field, FieldType};
pub use file::{
    Aspect, Cause, Digest, FileAction, FileEvent, FileMeta, Link, LinkTarget, Origin, Process, Severity, Who,
};
pub use identity::{AgentId, BootId, StreamId};
pub use network::{
    Adapter, Neighbour, Neighbours, NetworkState, ProbeKind, ProbeSample, ProbeState, Reachability,
};
pub use presence::{Presence, Start, StopReason};
pub use tripwire::{Tripwire, TripwireFile, TripwireLevel, TripwireReason, TripwireScore};

/// How important an event is on its way: lane 0 is sent first and dropped last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Tripwire, detections, critical files, changes of state to the worse.
    Urgent = 0,
    /// States and presence.
    State = 1,
    /// File and log events.
    Events = 2,
    /// Samples and aggregates.
    Samples = 3,
}

impl Lane {
    /// All lanes, the most important first.
    pub const ALL: [Lane; 4] = [Lane::Urgent, Lane::State, Lane::Events, Lane::Samples];

    /// The lane's number, 0 to 3; also its index in arrays of four.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The lane with this number, or `None` beyond 3.
    pub fn from_index(index: u32) -> Option<Lane> {
        Self::ALL.get(index as usize).copied()
    }
}

/// Where and when an event happened, and its place in its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The lane it travels in.
    pub lane: Lane,
    /// Its number in that lane: contiguous, from 1.
    pub seq: u64,
    /// The PC's wall clock when it happened, milliseconds since 1970; not to be trusted alone.
    pub wall_ms: i64,
    /// Milliseconds since boot (suspend included) when it happened; orders events of one boot.
    pub mono_ms: u64,
    /// The boot that `mono_ms` counts from.
    pub boot: BootId,
}

/// One thing that a sensor saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where and when.
    pub header: Header,
    /// What.
    pub body: Body,
}

/// What can be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A file was created, changed, renamed or deleted.
    File(FileEvent),
    /// Something changes documents as ransomware does.
    Tripwire(Tripwire),
    /// The complete antivirus state of the PC, sent on change and daily.
    Antivirus(AntivirusState),
    /// Antivirus found malware, or did something about it.
    Detection(Detection),
    /// Adapters, gateways and resolvers, sent on change and daily.
    Network(NetworkState),
    /// The machines on the same network, sent when they change.
    Neighbours(Neighbours),
    /// A probed service became reachable, unreachable or of unknown state.
    ProbeState(ProbeState),
    /// Five minutes of probing one target, in one row.
    ProbeSample(ProbeSample),
    /// The agent, or its PC, starts, stops, sleeps or wakes.
    Presence(Presence),
    /// A sensor knows that it has missed something.
    Blind(Blind),
    /// A sensor cannot see something on this PC.
    Unsupported(Unsupported),
    /// The agent uses more of the PC than it may, or does so no longer.
    Strain(Strain),
    /// How a command ended.
    CommandResult(CommandResult),
    /// An event that the receiver cannot understand; made only by the collector.
    Opaque(Opaque),
}

impl Body {
    /// The stable name of the kind, as stored, exported and queried.
    pub fn kind(&self) -> &'static str {
        match self {
            Body::File(_) => "file",
            Body::Tripwire(_) => "tripwire",
            Body::Antivirus(_) => "antivirus",
            Body::Detection(_) => "detection",
            Body::Network(_) => "network",
            Body::Neighbours(_) => "neighbours",
            Body::ProbeState(_) => "probe_state",
            Body::ProbeSample(_) => "probe_sample",
            Body::Presence(_) => "presence",
            Body::Blind(_) => "blind",
            Body::Unsupported(_) => "unsupported",
            Body::Strain(_) => "strain",
            Body::CommandResult(_) => "command_result",
            Body::Opaque(_) => "opaque",
        }
    }
}

/// The parts of the agent that watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensor {
    /// Watches files.
    Files,
    /// Watches antivirus products.
    Antivirus,
    /// Watches the network and probes services.
    Network,
    /// Watches the life of the PC and of the agent itself.
    Presence,
    /// Watches documents for ransomware.
    Tripwire,
}

impl Sensor {
    /// The stable name, as stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Sensor::Files => "files",
            Sensor::Antivirus => "antivirus",
            Sensor::Network => "network",
            Sensor::Presence => "presence",
            Sensor::Tripwire => "tripwire",
        }
    }
}

/// What a sensor knows that it could not see: it never had sequence numbers, so it is said in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blind {
    /// Who was blind.
    pub sensor: Sensor,
    /// What it was blind to, such as a folder.
    pub scope: Vec<u8>,
    /// Since when, wall clock, milliseconds since 1970.
    pub since_ms: i64,
    /// Until when, wall clock, milliseconds since 1970.
    pub until_ms: i64,
    /// A code, such as `queue_overflow`, `agent_stopped`, `watch_limit`.
    pub reason: String,
}

/// Something that cannot be seen on this PC: shown as such, never as "fine".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Who cannot see it.
    pub sensor: Sensor,
    /// A code of what cannot be seen, such as `who` or `icmp`.
    pub what: String,
    /// Why, for an administrator: the system's own words or a code; empty when it is cured.
    pub why: String,
    /// It can be seen now, or nobody wants to see it any more: what was said under this code is over.
    pub cured: bool,
}

/// The agent uses more of the PC than it may, and slows its sensors down for it; or does so no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strain {
    /// A code with its unit: `cpu` in thousandths of a core, `memory` in bytes, `disk` in bytes a second, `spool` in
    /// bytes.
    pub budget: String,
    /// What is allowed.
    pub limit: u64,
    /// What was measured.
    pub measured: u64,
    /// Since when, wall clock, milliseconds since 1970.
    pub since_ms: i64,
    /// It is within the budget again.
    pub over: bool,
}

/// How a command ended. Reported as an event, so that the answer is as durable as everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandResult {
    /// The command's id, as the collector gave it.
    pub command_id: String,
    /// Whether it was carried out.
    pub done: bool,
    /// What happened, or why it was refused (`expired`, `unknown_command`, …): a code.
    pub detail: String,
    /// Numbers that belong to it, such as how many files were scanned.
    pub counts: BTreeMap<String, u64>,
}

/// An event the collector could not understand, kept so that nothing blocks and nothing disappears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque {
    /// The field number of the unknown body on the wire, 0 when not even that was readable.
    pub kind: u32,
    /// The event's bytes as received, cut at [`Opaque::BYTES_MAX`].
    pub bytes: Vec<u8>,
    /// What is malformed, in words for a developer.
    pub reason: String,
}

impl Opaque {
    /// No more than this of an unreadable event is kept: enough to study it, too little to fill a disk.
    pub const BYTES_MAX: usize = 64 * 1024;
}
