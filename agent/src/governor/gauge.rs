//! Whether a budget holds: pure arithmetic over samples.
//!
//! ```text
//!            ┌ above for BEGIN_AFTER              ┌ below for the calm
//!   within ──┴──────────────▶ strained ───────────┴──▶ within
//! ```
//! Beginning and end are said; what lies between is not. Each beginning within an hour doubles the calm that is asked
//! for before the end is believed, so that a load that comes and goes is said a few times and then is one strain.

use std::collections::VecDeque;
use std::time::Duration;

/// Budgets of rates hold on average over so long.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
/// So long a budget must be exceeded before it is said.
const BEGIN_AFTER: Duration = Duration::from_secs(3);
/// So long it must hold again, for the first time in an hour.
const CALM: Duration = Duration::from_secs(30);
/// Beginnings count for so long.
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// The calm doubles at most so often: to some sixteen minutes.
const DOUBLINGS_MAX: u32 = 5;

/// What a sample makes of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing that has to be said.
    None,
    /// It has been exceeded for a while.
    Begins,
    /// It holds again, and has done so for a while.
    Ends,
}

/// One budget over time. All times count from the same moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Gauge {
    above_since: Option<Duration>,
    below_since: Option<Duration>,
    begun: VecDeque<Duration>,
    strained: bool,
}

impl Gauge {
    /// Takes a sample.
    pub(super) fn take(&mut self, now: Duration, is_above: bool) -> Turn {
        while self.begun.front().is_some_and(|then| *then + REMEMBERED < now) {
            self.begun.pop_front();
        }
        let (since, other) = match is_above {
            true => (&mut self.above_since, &mut self.below_since),
            false => (&mut self.below_since, &mut self.above_since),
        };
        *other = None;
        let lasted = now.saturating_sub(*since.get_or_insert(now));
        if is_above && !self.strained && lasted >= BEGIN_AFTER {
            self.strained = true;
            self.begun.push_back(now);
            return Turn::Begins;
        }
        if !is_above && self.strained && lasted >= self.calm() {
            self.strained = false;
            return Turn::Ends;
        }
        Turn::None
    }

    /// Whether it was exceeded at the last sample.
    pub(super) fn is_above(&self) -> bool {
        self.above_since.is_some()
    }

    /// Whether it was said to be exceeded, and is no longer said to hold.
    pub(super) fn is_strained(&self) -> bool {
        self.strained
    }

    fn calm(&self) -> Duration {
        let repeated = u32::try_from(self.begun.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(1);
        CALM * 2_u32.pow(repeated.min(DOUBLINGS_MAX))
    }
}

/// The rate of a figure that only grows, averaged over [`WINDOW`].
#[derive(Clone, Debug, Default)]
pub(super) struct Rate {
    samples: VecDeque<(Duration, u64)>,
}

impl Rate {
    /// Takes the figure's present value; its growth in a second. Before a whole window has passed, the time before the
    /// first sample counts as one in which nothing happened.
    pub(super) fn take(&mut self, now: Duration, value: u64) -> u64 {
        let is_old = |samples: &VecDeque<(Duration, u64)>| {
            samples.get(1).is_some_and(|(then, _)| *then + WINDOW <= now)
        };
        while is_old(&self.samples) {
            self.samples.pop_front();
        }
        self.samples.push_back((now, value));
        let (then, before) = self.samples[0];
        let passed = now.saturating_sub(then).max(WINDOW).as_millis();
        let grown = u128::from(value.saturating_sub(before));
        u64::try_from(grown * 1_000 / passed).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_strain_begins_after_three_seconds_and_ends_after_thirty() {
        let mut gauge = Gauge::default();
        let mut said = Vec::new();
        for second in 0..60 {
            let turn = gauge.take(second * SECOND, (10..20).contains(&second));
            if turn != Turn::None {
                said.push((second, turn));
            }
        }
        assert_eq!(said, [(13, Turn::Begins), (50, Turn::Ends)]);
    }

    #[test]
    fn a_rate_is_an_average_over_the_window() {
        let mut rate = Rate::default();
        assert_eq!(rate.take(SECOND, 5_000), 0);
        assert_eq!(rate.take(2 * SECOND, 15_000), 1_000);
        // A second in which nothing happened for long before.
        for second in 3..=11 {
            rate.take(second * SECOND, 15_000);
        }
        assert_eq!(rate.take(12 * SECOND, 15_000), 0);
    }

    proptest! {
        /// Whatever the load does, an hour brings few words, beginnings and ends take turns, and a load that stays
        /// for long enough is said.
        #[test]
        fn words_are_few_and_in_order(runs in prop::collection::vec((any::<bool>(), 1_u32..400), 1..200)) {
            let mut gauge = Gauge::default();
            let (mut now, mut said) = (Duration::ZERO, Vec::new());
            for (is_above, seconds) in runs {
                for _ in 0..seconds {
                    now += SECOND;
                    let turn = gauge.take(now, is_above);
                    if turn != Turn::None {
                        said.push((now, turn));
                    }
                }
                if is_above && seconds > 4 {
                    prop_assert!(gauge.is_strained());
                }
            }
            for pair in said.windows(2) {
                prop_assert_ne!(pair[0].1, pair[1].1);
            }
            for (begin, _) in &said {
                let within_an_hour = said.iter().filter(|(then, turn)| {
                    *turn == Turn::Begins && *then >= *begin && *then < *begin + REMEMBERED
                });
                prop_assert!(within_an_hour.count() <= 10);
            }
        }
    }
}
