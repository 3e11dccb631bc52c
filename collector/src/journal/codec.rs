//! How facts rest in an entry: events as they came, packed; everything else as JSON.

use serde::{Deserialize, Serialize};
use vong_proto::event::{Event, Lane};
use vong_proto::session::Batch;
use vong_proto::wire;

use super::JournalError;
use crate::entry::{Cloned, Connected, Departure, Fact, HostId};

/// Facts that are not events.
#[derive(Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
enum Plain {
    Connected(Connected),
    Disconnected { host: HostId, reason: Departure },
    Cloned(Cloned),
    Tick,
    Started,
}

pub(super) const KIND_PLAIN: i64 = 0;
pub(super) const KIND_EVENTS: i64 = 1;

/// Encodes a fact that is not events; events never come this way.
pub(super) fn encode(fact: &Fact) -> Option<Vec<u8>> {
    let plain = match fact {
        Fact::Events(_) => return None,
        Fact::Connected(connected) => Plain::Connected(connected.clone()),
        Fact::Disconnected { host, reason } => Plain::Disconnected {
            host: *host,
            reason: *reason,
        },
        Fact::Cloned(cloned) => Plain::Cloned(cloned.clone()),
        Fact::Tick => Plain::Tick,
        Fact::Started => Plain::Started,
    };
    Some(serde_json::to_vec(&plain).expect("plain facts have only string keys"))
}

pub(super) fn decode(payload: &[u8]) -> Result<Fact, JournalError> {
    let plain = serde_json::from_slice(payload)
        .map_err(|error| JournalError::Sqlite(format!("an entry is damaged: {error}")))?;
    Ok(match plain {
        Plain::Connected(connected) => Fact::Connected(connected),
        Plain::Disconnected { host, reason } => Fact::Disconnected { host, reason },
        Plain::Cloned(cloned) => Fact::Cloned(cloned),
        Plain::Tick => Fact::Tick,
        Plain::Started => Fact::Started,
    })
}

/// Unpacks the events `first..=last` and leaves out the first `skip`.
pub(super) fn events(batch: &Batch, skip: u64) -> Result<Vec<Event>, JournalError> {
    let lane: Lane = batch.lane;
    let encoded = wire::unpack_events(batch)
        .map_err(|malformed| JournalError::Sqlite(format!("an entry is damaged: {malformed}")))?;
    let numbered = (batch.first..)
        .zip(encoded)
        .skip(usize::try_from(skip).unwrap_or(usize::MAX));
    Ok(numbered
        .map(|(seq, bytes)| wire::decode_event_or_opaque(lane, seq, &bytes))
        .collect())
}
