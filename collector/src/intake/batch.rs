//! Unpacking a batch far enough to keep it: its bounds are checked, unreadable events are counted, and answers
//! to commands are noticed. It is kept as it came.

use vong_proto::event::{Body, CommandResult};
use vong_proto::session::Batch;
use vong_proto::wire::{self, Malformed};

use crate::fleet::Identity;
use crate::journal::Incoming;
use vong_proto::event::StreamId;

/// A batch ready to be kept, and what was noticed on the way.
pub(super) struct Unpacked {
    pub(super) incoming: Incoming,
    pub(super) results: Vec<CommandResult>,
}

/// Looks through a batch.
///
/// # Errors
/// When it is not what its header says; the connection must end.
pub(super) fn unpack(
    identity: &Identity,
    stream: StreamId,
    offset_ms: i64,
    batch: Batch,
) -> Result<Unpacked, Malformed> {
    let encoded = wire::unpack_events(&batch)?;
    let mut opaque = Vec::new();
    let mut results = Vec::new();
    for (seq, bytes) in (batch.first..).zip(&encoded) {
        match wire::decode_event_or_opaque(batch.lane, seq, bytes).body {
            Body::Opaque(_) => opaque.push(seq),
            Body::CommandResult(result) => results.push(result),
            _ => {}
        }
    }
    // A batch of nothing but gaps has no events; whatever stands in their place is not kept.
    let (raw_bytes, packed) = match encoded.is_empty() {
        true => (0, Vec::new()),
        false => (batch.raw_bytes, batch.events),
    };
    let incoming = Incoming {
        host: identity.host,
        agent: identity.agent,
        stream,
        offset_ms,
        lane: batch.lane,
        first: batch.first,
        last: batch.last,
        raw_bytes,
        last_hash: encoded
            .last()
            .map(|bytes| wire::event_hash(bytes).to_vec())
            .unwrap_or_default(),
        packed,
        opaque,
        gaps: batch.gaps,
        cloned: identity.cloned,
    };
    Ok(Unpacked { incoming, results })
}
