//! What the journal holds: the facts that store and rules read, in one order, each at its position.
//!
//! Everything that a judgement may depend on is a fact here, the passing of time included ([`Fact::Tick`]):
//! the same journal in, the same findings out.

use serde::{Deserialize, Serialize};
use vong_proto::event::{AgentId, BootId, Event, StreamId};
use vong_proto::session::Gap;

pub mod file_state;
pub mod tripwire;

/// The registry's number of a host. The host outlives its agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostId(pub i64);

impl std::fmt::Display for HostId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for HostId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(HostId)
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
        /// Why.
        reason: Departure,
    },
    /// It was found out that two machines use one agent's key.
    Cloned(Cloned),
    /// Time passes: `received_ms` is now.
    Tick,
    /// The collector has started: what happened before, unheard, nobody may be blamed for.
    Started,
}

/// Why a host is gone. Whose connection was taken over by another is not gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Departure {
    /// The agent has closed the connection.
    Closed,
    /// Nothing was heard of it for too long.
    Dead,
    /// The collector has turned it away: its certificate was revoked, or its host retired.
    #[serde(alias = "revoked")]
    Refused,
    /// It has left to begin a new stream.
    NewStream,
    /// The collector stops.
    CollectorStopping,
    /// The connection broke, or was ended for an error; also what an older journal says in other words.
    #[serde(other)]
    Broken,
}

impl Departure {
    /// Every one.
    pub const ALL: [Departure; 6] = [
        Departure::Closed,
        Departure::Dead,
        Departure::Refused,
        Departure::NewStream,
        Departure::CollectorStopping,
        Departure::Broken,
    ];

    /// Its code in journals, evidence and logs.
    pub fn code(self) -> &'static str {
        match self {
            Departure::Closed => "closed",
            Departure::Dead => "dead",
            Departure::Refused => "refused",
            Departure::NewStream => "new_stream",
            Departure::CollectorStopping => "collector_stopping",
            Departure::Broken => "broken",
        }
    }
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
    /// Whether it was known on arrival that two machines use the agent's key.
    pub cloned: bool,
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

/// Two machines that use one agent's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cloned {
    /// The host that the agent speaks for.
    pub host: HostId,
    /// The agent.
    pub agent: AgentId,
    /// How it was found out.
    pub how: CloneSign,
    /// The machine that was there before, as far as it is known, and the one that came.
    pub machines: Vec<Machine>,
}

/// What shows that two machines use one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloneSign {
    /// One key with two fingerprints.
    TwoFingerprints,
    /// Connections that keep taking over from each other, both alive.
    TakeOvers,
    /// One range of numbers with two contents.
    TwoContents,
}

/// A machine, as it presents itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// The address that it came from.
    pub address: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn departures_are_read_as_they_were_written() {
        let read = |code: &str| serde_json::from_str::<Departure>(&format!("\"{code}\"")).expect("read");
        for departure in Departure::ALL {
            assert_eq!(read(departure.code()), departure);
        }
        assert_eq!(read("revoked"), Departure::Refused, "as older journals say");
        assert_eq!(read("taken_over"), Departure::Broken);
    }
}
