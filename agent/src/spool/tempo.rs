//! When to commit: a pure decision between latency and wear.
//!
//! An fsync takes a quarter of a millisecond on a good disk and thirty on an office PC's. Lane 0 never waits;
//! the rest waits until ten times the last fsync has passed since its end, so that a spool under load spends
//! at most a tenth of its time there, and a single event on an idle PC is durable at once.

use std::time::Duration;

/// Commits of anything but lane 0 are at least this far apart.
const INTERVAL_MIN: Duration = Duration::from_millis(20);

/// A commit that only erases what the collector owns can wait for company: made at once, it would hold up the next
/// event, which often comes just then.
const ERASING_INTERVAL: Duration = Duration::from_millis(500);

/// Between two commits pass at least so many times the last one's duration.
const FSYNCS_APART: u32 = 10;

/// The times of the last commit; all times count from the spool's start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tempo {
    ended: Option<Duration>,
    took: Duration,
}

impl Tempo {
    /// A commit has ended.
    pub(super) fn committed(&mut self, began: Duration, ended: Duration) {
        self.ended = Some(ended);
        self.took = ended.saturating_sub(began);
    }

    /// How long what is pending should still wait; `erases` when it is nothing but erasing.
    pub(super) fn wait(&self, urgent: bool, erases: bool, now: Duration) -> Duration {
        match self.ended {
            Some(ended) if !urgent => {
                let least = if erases { ERASING_INTERVAL } else { INTERVAL_MIN };
                let interval = least.max(self.took * FSYNCS_APART);
                (ended + interval).saturating_sub(now)
            }
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn lane_0_and_an_idle_spool_never_wait() {
        let mut tempo = Tempo::default();
        assert_eq!(tempo.wait(false, false, MS), Duration::ZERO);
        tempo.committed(MS, 2 * MS);
        assert_eq!(tempo.wait(true, false, 2 * MS), Duration::ZERO);
        assert_eq!(tempo.wait(false, false, 500 * MS), Duration::ZERO);
        assert_eq!(
            tempo.wait(false, true, 100 * MS),
            402 * MS,
            "erasing waits for company"
        );
    }

    #[test]
    fn a_slow_disk_gets_rest() {
        let mut tempo = Tempo::default();
        tempo.committed(MS, 2 * MS);
        assert_eq!(tempo.wait(false, false, 2 * MS), 20 * MS);
        tempo.committed(100 * MS, 130 * MS);
        assert_eq!(tempo.wait(false, false, 130 * MS), 300 * MS);
    }
}
