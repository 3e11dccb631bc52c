//! How fast the backlog may go: pure. The policy limits each PC, and the collector gives it a share of its unit's line.
//!
//! Lane 0 never waits here, but what it takes is taken from what the other lanes may send. A batch is no larger than
//! what half a second allows, so that what becomes urgent meanwhile does not wait for its end.

use std::time::Duration;

use vong_proto::session::Allowance;

use super::window::BATCH_BYTES;

/// A batch of the backlog takes about so long at the allowed rate.
const BATCH_TIME: Duration = Duration::from_millis(500);

/// …but is not made smaller than this: below it headers and acknowledgements would take more than events.
const BATCH_BYTES_MIN: usize = 1_024;

/// What a batch takes besides its events, as TLS record and packets.
const OVERHEAD_BYTES: usize = 128;

/// Whether the backlog may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Now, so many bytes at most.
    Now(usize),
    /// After so long.
    In(Duration),
    /// Not before the collector says so.
    Held,
}

/// What has been sent, against what may be.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    own_kbit_s: u32,
    allowance: Allowance,
    /// Sent ahead of time.
    debt_bytes: f64,
    at: Duration,
}

impl Pace {
    /// What the policy allows this PC, 0 for no limit.
    pub(super) fn limit(&mut self, own_kbit_s: u32, now: Duration) {
        self.pass(now);
        self.own_kbit_s = own_kbit_s;
    }

    /// What the collector allows it for the time being.
    pub(super) fn allow(&mut self, allowance: Allowance, now: Duration) {
        self.pass(now);
        self.allowance = allowance;
    }

    /// Whether the backlog may be sent now.
    pub(super) fn leave(&mut self, now: Duration) -> Leave {
        self.pass(now);
        if self.allowance.urgent_only {
            return Leave::Held;
        }
        let Some(rate) = self.bytes_per_s() else {
            return Leave::Now(BATCH_BYTES);
        };
        if self.debt_bytes >= 1.0 {
            return Leave::In(Duration::from_secs_f64(self.debt_bytes / rate));
        }
        let bytes = (rate * BATCH_TIME.as_secs_f64()) as usize;
        Leave::Now(bytes.clamp(BATCH_BYTES_MIN, BATCH_BYTES))
    }

    /// Something was sent.
    pub(super) fn sent(&mut self, bytes: usize, now: Duration) {
        self.pass(now);
        if self.bytes_per_s().is_some() {
            self.debt_bytes += (bytes + OVERHEAD_BYTES) as f64;
        }
    }

    fn pass(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.at);
        self.at = now;
        let paid = self
            .bytes_per_s()
            .map_or(f64::INFINITY, |rate| rate * elapsed.as_secs_f64());
        self.debt_bytes = (self.debt_bytes - paid).max(0.0);
    }

    fn bytes_per_s(&self) -> Option<f64> {
        let limits = [self.own_kbit_s, self.allowance.kbit_s];
        let tightest = limits.into_iter().filter(|kbit_s| *kbit_s > 0).min();
        tightest.map(|kbit_s| f64::from(kbit_s) * 125.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(kbit_s: u32) -> Allowance {
        Allowance {
            kbit_s,
            urgent_only: false,
            slowed: false,
        }
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn without_limits_nothing_waits() {
        let mut pace = Pace::default();
        pace.sent(10_000_000, at(0));
        assert_eq!(pace.leave(at(0)), Leave::Now(BATCH_BYTES));
    }

    #[test]
    fn the_tighter_limit_sets_the_size_of_batches_and_their_pause() {
        let mut pace = Pace::default();
        pace.limit(800, at(0));
        assert_eq!(pace.leave(at(0)), Leave::Now(50_000));
        pace.allow(share(80), at(0));
        assert_eq!(pace.leave(at(0)), Leave::Now(5_000));
        pace.sent(5_000 - OVERHEAD_BYTES, at(0));
        assert_eq!(pace.leave(at(100)), Leave::In(at(400)));
        assert_eq!(pace.leave(at(500)), Leave::Now(5_000));
    }

    #[test]
    fn a_larger_share_shortens_the_wait_and_no_limit_ends_it() {
        let mut pace = Pace::default();
        pace.allow(share(8), at(0));
        pace.sent(100_000 - OVERHEAD_BYTES, at(0));
        pace.allow(share(800), at(0));
        assert_eq!(pace.leave(at(0)), Leave::In(at(1_000)));
        pace.allow(share(0), at(0));
        assert_eq!(pace.leave(at(0)), Leave::Now(BATCH_BYTES));
    }

    #[test]
    fn who_is_held_waits_for_the_word() {
        let mut pace = Pace::default();
        let held = Allowance {
            kbit_s: 0,
            urgent_only: true,
            slowed: false,
        };
        pace.allow(held, at(0));
        assert_eq!(pace.leave(at(3_600_000)), Leave::Held);
        pace.allow(share(0), at(3_600_000));
        assert_eq!(pace.leave(at(3_600_000)), Leave::Now(BATCH_BYTES));
    }

    proptest! {
        /// Whoever sends when allowed keeps to the rate, apart from the last batch.
        #[test]
        fn the_rate_holds(kbit_s in 8u32..100_000, sizes in proptest::collection::vec(1usize..130_000, 1..50)) {
            let mut pace = Pace::default();
            pace.limit(kbit_s, Duration::ZERO);
            let (mut now, mut sent, mut last) = (Duration::ZERO, 0, 0);
            for size in sizes {
                while let Leave::In(wait) = pace.leave(now) {
                    now += wait + Duration::from_micros(1);
                }
                pace.sent(size, now);
                (sent, last) = (sent + size, size);
            }
            let allowed = f64::from(kbit_s) * 125.0 * now.as_secs_f64();
            prop_assert!((sent - last) as f64 <= allowed + 1.0);
        }
    }
}
