//! What the journal holds: the facts that store and rules read, in one order, each at its position.
//!
//! Everything that a judgement may depend on is a fact here, the passing of time included ([`Fact::Tick`]):
//! the same journal in, the same findings out.

use serde::{Deserialize, Serialize};
use vong_proto::event::{AgentId, BootId, Event, StreamId};
use vong_proto::session::Gap;

/// The registry's number of a host. The host outlives its agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostId(pub i64);

impl std::fmt::Display for HostId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A fact at its position.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its position: growing, never used twice, with holes.
    pub pos: u64,
    /// When the collector received it, milliseconds since 1970; never goes backwards along positions.
    pub received_ms: i64,
    /// What it is.
    pub fact: Fact,
}

/// What can stand in the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// Events of an agent, each exactly once: what an agent sent again is not in here.
    Events(Events),
    /// An agent has connected.
    Connected(Connected),
    /// An agent's connection has ended.
    Disconnected {
        /// Whose.
        host: HostId,
        /// A code: `closed`, `dead`, `taken_over`, `revoked`, `collector_stopping`.
        reason: String,
    },
    /// Time passes: `received_ms` is now.
    Tick,
    /// The collector has started: what happened before, unheard, nobody may be blamed for.
    Started,
}

/// Events of one lane of one stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// The host.
    pub host: HostId,
    /// The agent, as its certificate proves.
    pub agent: AgentId,
    /// The stream.
    pub stream: StreamId,
    /// Measured clock difference, collector minus agent, in milliseconds.
    pub offset_ms: i64,
    /// The events, in the order of their numbers; unreadable ones are `Opaque`.
    pub events: Vec<Event>,
    /// What the agent declared missing.
    pub gaps: Vec<Gap>,
}

/// Who has connected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connected {
    /// The host.
    pub host: HostId,
    /// The agent, as its certificate proves.
    pub agent: AgentId,
    /// Its stream.
    pub stream: StreamId,
    /// The PC's running boot.
    pub boot: BootId,
    /// The agent's version.
    pub agent_version: String,
    /// Measured clock difference, collector minus agent, in milliseconds.
    pub offset_ms: i64,
}
