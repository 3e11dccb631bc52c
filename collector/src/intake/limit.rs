//! Limits of one agent: what exceeds them is slowed, so that a broken or hostile agent hurts only itself.

use std::time::Duration;

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

    /// Takes `count` events out and says how long the agent must be left waiting. The events themselves are
    /// never refused: they have been read, and waiting pushes back on the connection.
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
