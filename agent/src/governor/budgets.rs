//! The four budgets together: samples in, what has to be said and how fast to go on out. Pure.

use std::time::Duration;

use vong_proto::event::Strain;
use vong_proto::policy::BudgetPolicy;

use super::gauge::{Gauge, Rate, Turn};

const MIB: u64 = 1 << 20;

/// The part of its bound at which the spool counts as strained, in tenths: before the first event has to be dropped,
/// which happens at nine.
const SPOOL_TENTHS: u64 = 8;

/// What was measured. All that grows counts from the agent's start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// When, since the same moment as all others.
    pub(super) now: Duration,
    /// When, by the wall clock.
    pub(super) wall_ms: i64,
    /// CPU time.
    pub(super) cpu: Duration,
    /// Bytes read for hashing.
    pub(super) read_bytes: u64,
    /// Resident memory.
    pub(super) memory_bytes: u64,
    /// What the spool uses.
    pub(super) spool_bytes: u64,
    /// What it may use; 0 while that is not known.
    pub(super) spool_limit_bytes: u64,
}

/// How fast to go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pace {
    /// As the shares allow.
    #[default]
    Free,
    /// Long work waits.
    NoBackground,
    /// That was not enough: looks at what happens now are spaced out, too.
    SpacedOut,
}

/// The budgets over time.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    cpu: Rate,
    disk: Rate,
    gauges: [(Gauge, i64); 4],
}

impl Budgets {
    /// Takes a sample: how fast to go on, and what begins or ends with it.
    pub(super) fn take(&mut self, sample: &Sample, policy: &BudgetPolicy) -> (Pace, Vec<Strain>) {
        let cpu_micros = u64::try_from(sample.cpu.as_micros()).unwrap_or(u64::MAX);
        let measured = [
            self.cpu.take(sample.now, cpu_micros) / 1_000,
            self.disk.take(sample.now, sample.read_bytes),
            sample.memory_bytes,
            sample.spool_bytes,
        ];
        let limits = [
            u64::from(policy.cpu_percent) * 10,
            u64::from(policy.disk_mib_s) * MIB,
            u64::from(policy.memory_mib) * MIB,
            match sample.spool_limit_bytes / 10 * SPOOL_TENTHS {
                0 => u64::MAX,
                limit => limit,
            },
        ];
        let mut said = Vec::new();
        for (place, budget) in ["cpu", "disk", "memory", "spool"].into_iter().enumerate() {
            let (limit, measured) = (limits[place], measured[place]);
            let (gauge, since_ms) = &mut self.gauges[place];
            if measured > limit && !gauge.is_above() && !gauge.is_strained() {
                *since_ms = sample.wall_ms;
            }
            let turn = gauge.take(sample.now, measured > limit);
            if turn != Turn::None {
                said.push(Strain {
                    budget: budget.to_owned(),
                    limit,
                    measured,
                    since_ms: *since_ms,
                    over: turn == Turn::Ends,
                });
            }
        }
        (self.pace(), said)
    }

    /// Memory and spool do not grow by work of their own: to stop for them would be to stop for good.
    fn pace(&self) -> Pace {
        let of = |(gauge, _): &(Gauge, i64)| match (gauge.is_above(), gauge.is_strained()) {
            (true, true) => Pace::SpacedOut,
            (true, false) => Pace::NoBackground,
            (false, _) => Pace::Free,
        };
        of(&self.gauges[0]).max(of(&self.gauges[1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said and the paces over seconds, each of which takes so many thousandths of a core.
    fn run(mille: impl Iterator<Item = u64>, policy: &BudgetPolicy) -> (Vec<(u64, Strain)>, Vec<Pace>) {
        let (mut budgets, mut cpu) = (Budgets::default(), Duration::ZERO);
        let (mut said, mut paces) = (Vec::new(), Vec::new());
        for (second, mille) in (0..).zip(mille) {
            cpu += Duration::from_millis(mille);
            let sample = Sample {
                now: Duration::from_secs(second),
                wall_ms: second as i64 * 1_000,
                cpu,
                ..Sample::default()
            };
            let (pace, strains) = budgets.take(&sample, policy);
            said.extend(strains.into_iter().map(|strain| (second, strain)));
            paces.push(pace);
        }
        (said, paces)
    }

    #[test]
    fn a_whole_core_for_a_while_is_a_strain_that_begins_and_ends() {
        let load = (0..100).map(|second| if second < 20 { 1_000 } else { 10 });
        let (said, paces) = run(load, &BudgetPolicy::default());
        let [(_, begins), (ended, ends)] = &said[..] else {
            panic!("{said:?}")
        };
        assert_eq!(
            (begins.budget.as_str(), begins.limit, begins.over),
            ("cpu", 500, false)
        );
        assert!(begins.measured > 500 && ends.measured <= 500);
        assert!(ends.over && ends.since_ms == begins.since_ms && *ended >= 54);
        assert!(paces.is_sorted_by(|a, b| a <= b || *b == Pace::Free), "{paces:?}");
        assert!(paces.contains(&Pace::NoBackground) && paces.contains(&Pace::SpacedOut));
    }

    #[test]
    fn a_short_burst_is_none() {
        let load = (0..100).map(|second| if second % 20 < 4 { 1_000 } else { 0 });
        assert_eq!(run(load, &BudgetPolicy::default()).0, []);
    }

    #[test]
    fn memory_is_said_and_stops_nothing() {
        let mut budgets = Budgets::default();
        let mut said = Vec::new();
        for second in 0..10 {
            let sample = Sample {
                now: Duration::from_secs(second),
                memory_bytes: 65 * MIB,
                spool_bytes: 90,
                spool_limit_bytes: 100,
                ..Sample::default()
            };
            let (pace, strains) = budgets.take(&sample, &BudgetPolicy::default());
            assert_eq!(pace, Pace::Free);
            said.extend(strains.into_iter().map(|strain| (strain.budget, strain.limit)));
        }
        assert_eq!(said, [("memory".to_owned(), 64 * MIB), ("spool".to_owned(), 80)]);
    }
}
