//! How often to insert: at once when little comes, in larger blocks when much does.
//!
//! Each insert makes a part and costs fsyncs and merges, whatever it holds: at fifty events a second, one
//! insert each 100 ms would keep the engine busy for a tenth of a core. So the pause grows with what has been
//! coming lately. One changed file on a quiet morning is visible after the shortest pause; a province at
//! work is stored in one-second blocks. Alerts do not wait for any of this: rules read the journal.

use std::time::Duration;

/// Between two inserts lies at least this.
const SHORTEST: Duration = Duration::from_millis(100);
/// …and at most this.
const LONGEST: Duration = Duration::from_secs(1);
/// Up to so many rows a second, the shortest pause is kept.
const QUIET_ROWS_PER_S: f64 = 10.0;
/// From so many rows a second on, the longest.
const BUSY_ROWS_PER_S: f64 = 50.0;
/// A slow disk gets fewer, larger inserts: the pause is at least this many times the last insert's duration.
const REST_RATIO: u32 = 2;
/// The rate is an average over about this long, so that one burst does not slow the next lone event for minutes.
const MEMORY: Duration = Duration::from_secs(5);
/// An insert of so many rows has earned its part: the next may follow at once, as after an outage.
const NO_REST_ROWS: usize = 20_000;

/// What has been coming lately.
#[derive(Debug, Default)]
pub(super) struct Tempo {
    rows_per_s: f64,
}

impl Tempo {
    /// How long to rest, counted from the end of an insert of `rows` rows that took `took`, when `since` has
    /// passed since the one before ended.
    pub(super) fn rest(&mut self, rows: usize, since: Duration, took: Duration) -> Duration {
        self.remember(rows, since);
        if rows >= NO_REST_ROWS {
            return Duration::ZERO;
        }
        let busy = (self.rows_per_s - QUIET_ROWS_PER_S) / (BUSY_ROWS_PER_S - QUIET_ROWS_PER_S);
        let by_rate = SHORTEST + (LONGEST - SHORTEST).mul_f64(busy.clamp(0.0, 1.0));
        by_rate.max(took * REST_RATIO).min(LONGEST)
    }

    /// An average that forgets exponentially: after [`MEMORY`], a third of what was is left.
    fn remember(&mut self, rows: usize, since: Duration) {
        let kept = (-since.as_secs_f64() / MEMORY.as_secs_f64()).exp();
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        self.rows_per_s = self.rows_per_s * kept + f64::from(rows) / MEMORY.as_secs_f64();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSERT: Duration = Duration::from_millis(20);

    /// The rest after a minute of so many rows a second.
    fn settled(rows_per_s: f64) -> Duration {
        let mut tempo = Tempo::default();
        let (mut passed, mut rest, mut due) = (Duration::ZERO, SHORTEST, 0.0);
        while passed < Duration::from_secs(60) {
            let since = rest + INSERT;
            passed += since;
            due += rows_per_s * since.as_secs_f64();
            rest = tempo.rest(due as usize, since, INSERT);
            due -= due.floor();
        }
        rest
    }

    #[test]
    fn a_quiet_store_is_quick_and_a_busy_one_makes_large_blocks() {
        assert_eq!(settled(1.0), SHORTEST);
        assert_eq!(settled(5.0), SHORTEST);
        let between = settled(30.0);
        assert!(SHORTEST < between && between < LONGEST, "{between:?}");
        assert_eq!(settled(60.0), LONGEST);
        assert_eq!(settled(5_000.0), LONGEST);
    }

    #[test]
    fn after_a_burst_it_is_soon_quick_again() {
        let mut tempo = Tempo::default();
        let busy = tempo.rest(5_000, Duration::from_secs(1), INSERT);
        assert_eq!(busy, LONGEST);
        let quiet = tempo.rest(1, MEMORY * 10, INSERT);
        assert_eq!(quiet, SHORTEST);
    }

    #[test]
    fn a_slow_disk_rests_longer_and_a_backlog_not_at_all() {
        let mut tempo = Tempo::default();
        let slow = tempo.rest(1, LONGEST, Duration::from_millis(200));
        assert_eq!(slow, Duration::from_millis(400));
        assert_eq!(tempo.rest(NO_REST_ROWS, LONGEST, INSERT), Duration::ZERO);
    }
}
