//! Limits of one agent: what exceeds them is slowed, so that a broken or hostile agent hurts only itself.

use std::time::Duration;

use vong_proto::session::{AgentFrame, Batch};

/// A batch costs as many events as it holds, or as it would hold if they were of this size: twice that of an
/// ordinary one.
const EVENT_BYTES: u64 = 512;

/// A declared gap costs this many events: it is kept for ever, an event is not.
const GAP_COST: u64 = 10;

/// A frame that makes the registry write costs this many events: an agent sends a few of them in a day.
const WRITE_COST: u64 = 1_000;

/// What a frame costs, in events; nothing is free, because each frame takes time.
pub(super) fn cost(frame: &AgentFrame) -> u64 {
    match frame {
        AgentFrame::Batch(batch) => 1 + batch_cost(batch),
        AgentFrame::PolicyStatus(_) | AgentFrame::Renew { .. } => WRITE_COST,
        AgentFrame::Heartbeat(_) | AgentFrame::Hello(_) | AgentFrame::Enrol(_) => 1,
    }
}

fn batch_cost(batch: &Batch) -> u64 {
    let events = (batch.last + 1).saturating_sub(batch.first);
    let bytes = u64::from(batch.raw_bytes).max(batch.events.len() as u64);
    events.max(bytes / EVENT_BYTES) + GAP_COST * batch.gaps.len() as u64
}

/// How many events an agent may send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventRate {
    /// Sustained, events per second.
    pub per_s: f64,
    /// At once after a quiet time, events.
    pub burst: f64,
}

impl Default for EventRate {
    /// A PC under a compiler or an unpacker makes some thousand file events a second for a while; a day's
    /// backlog of an ordinary PC is gone in seconds.
    fn default() -> Self {
        Self {
            per_s: 5_000.0,
            burst: 100_000.0,
        }
    }
}

/// A token bucket: pure, told the time by its caller.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    rate: EventRate,
    tokens: f64,
    at_ms: u64,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(rate: EventRate, now_ms: u64) -> Self {
        Self {
            rate,
            tokens: rate.burst,
            at_ms: now_ms,
        }
    }

    /// Whether nothing has been taken lately.
    pub(super) fn is_full(&self, now_ms: u64) -> bool {
        let elapsed_s = now_ms.saturating_sub(self.at_ms) as f64 / 1_000.0;
        self.tokens + elapsed_s * self.rate.per_s >= self.rate.burst
    }

    /// Takes so many events' worth out and says how long the agent must be left waiting. What was sent is never
    /// refused: it has been read, and waiting pushes back on the connection.
    pub(super) fn take(&mut self, count: u64, now_ms: u64) -> Duration {
        let elapsed_s = now_ms.saturating_sub(self.at_ms) as f64 / 1_000.0;
        self.at_ms = now_ms;
        self.tokens = (self.tokens + elapsed_s * self.rate.per_s).min(self.rate.burst) - count as f64;
        Duration::from_secs_f64((-self.tokens / self.rate.per_s).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_gaps_and_frames_cost_as_events_do() {
        use std::collections::BTreeMap;
        use vong_proto::event::Lane;
        use vong_proto::session::Gap;

        let batch = |events: u64, raw_bytes: u32, gaps: usize| {
            let gap = Gap {
                lane: Lane::Events,
                first: 1,
                last: 1,
                reason: String::new(),
                counts: BTreeMap::new(),
            };
            AgentFrame::Batch(Batch {
                lane: Lane::Events,
                first: 10,
                last: 9 + events,
                raw_bytes,
                events: Vec::new(),
                gaps: vec![gap; gaps],
            })
        };
        assert_eq!(
            cost(&batch(100, 20_000, 0)),
            101,
            "ordinary events cost what they are"
        );
        assert_eq!(cost(&batch(1, 1_000_000, 0)), 1 + 1_000_000 / EVENT_BYTES);
        assert_eq!(cost(&batch(0, 0, 64)), 1 + 64 * GAP_COST);
        let renewal = AgentFrame::Renew { csr_der: Vec::new() };
        assert_eq!(cost(&renewal), WRITE_COST);
    }

    #[test]
    fn a_burst_passes_and_what_follows_waits() {
        let mut bucket = Bucket::new(
            EventRate {
                per_s: 100.0,
                burst: 1_000.0,
            },
            0,
        );
        assert_eq!(bucket.take(1_000, 0), Duration::ZERO);
        assert_eq!(bucket.take(50, 0), Duration::from_millis(500));
        assert_eq!(bucket.take(0, 500), Duration::ZERO);
    }

    proptest! {
        /// An agent that waits as told never exceeds the sustained rate by more than one burst.
        #[test]
        fn the_rate_holds(counts in proptest::collection::vec(0u64..3_000, 1..200)) {
            let rate = EventRate { per_s: 1_000.0, burst: 5_000.0 };
            let (mut bucket, mut now_ms, mut sent) = (Bucket::new(rate, 0), 0u64, 0u64);
            for count in counts {
                sent += count;
                now_ms += bucket.take(count, now_ms).as_millis() as u64 + 1;
                prop_assert!(sent as f64 <= rate.burst + rate.per_s * (now_ms as f64 / 1_000.0) + 1.0);
            }
        }
    }
}
