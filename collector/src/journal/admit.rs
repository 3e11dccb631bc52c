//! What of an arriving batch is new: a pure function of the lane's mark and the batch's header.
//!
//! Agents send again whatever was not acknowledged, so a batch may lie before, across or beyond the mark.
//! Numbers that neither came nor were declared are never waited for: they become a gap with a reason of
//! their own, because a refusal would stop a PC from reporting for ever.

use std::collections::BTreeMap;

use vong_proto::event::Lane;
use vong_proto::session::Gap;

/// The reason of a gap that the agent does not know of: this collector was restored from a backup, so that
/// events it had acknowledged are gone here and there.
pub(super) const COLLECTOR_RESTORED: &str = "collector_restored";

/// What to do with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Admission {
    /// Gaps to write down, already cut to what is new.
    pub(super) gaps: Vec<Gap>,
    /// So many events at the batch's beginning were here before.
    pub(super) skip: u64,
    /// So many events are new.
    pub(super) fresh: u64,
    /// The lane's mark afterwards.
    pub(super) high_water: u64,
}

/// Decides about the batch `first..=last` with its declared `gaps` in a lane that stands at `high_water`.
pub(super) fn admit(lane: Lane, high_water: u64, first: u64, last: u64, mut gaps: Vec<Gap>) -> Admission {
    let mut mark = high_water;
    let mut kept = Vec::new();
    gaps.sort_by_key(|gap| gap.first);
    // A gap beyond the batch would claim numbers that the batch itself carries or that are still to come.
    for gap in gaps
        .into_iter()
        .filter(|gap| gap.last < first && gap.lane == lane)
    {
        if gap.last <= mark {
            continue;
        }
        kept.extend(hole(lane, mark + 1, gap.first));
        let fresh_from = gap.first.max(mark + 1);
        mark = gap.last;
        kept.push(Gap {
            first: fresh_from,
            ..gap
        });
    }
    kept.extend(hole(lane, mark + 1, first));
    mark = mark.max(first - 1);
    let end = last.max(mark);
    let fresh = end - mark;
    Admission {
        gaps: kept,
        skip: last + 1 - first - fresh,
        fresh,
        high_water: end,
    }
}

/// The undeclared numbers from `from` up to, not including, `until`.
fn hole(lane: Lane, from: u64, until: u64) -> Option<Gap> {
    (from < until).then(|| Gap {
        lane,
        first: from,
        last: until - 1,
        reason: COLLECTOR_RESTORED.to_owned(),
        counts: BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gap(first: u64, last: u64) -> Gap {
        Gap {
            lane: Lane::Events,
            first,
            last,
            reason: "spool_full".to_owned(),
            counts: BTreeMap::new(),
        }
    }

    fn check(high_water: u64, batch: (u64, u64), gaps: &[(u64, u64)], expected: (&[(u64, u64)], u64, u64)) {
        let gaps = gaps.iter().map(|(first, last)| gap(*first, *last)).collect();
        let admission = admit(Lane::Events, high_water, batch.0, batch.1, gaps);
        let kept: Vec<_> = admission.gaps.iter().map(|g| (g.first, g.last)).collect();
        assert_eq!((kept.as_slice(), admission.skip, admission.fresh), expected);
    }

    #[test]
    fn what_follows_the_mark_is_new_and_what_lies_before_it_is_not() {
        check(10, (11, 20), &[], (&[], 0, 10));
        check(10, (6, 10), &[], (&[], 5, 0));
        check(10, (6, 12), &[], (&[], 5, 2));
    }

    #[test]
    fn declared_gaps_advance_the_mark_once() {
        check(10, (15, 16), &[(11, 14)], (&[(11, 14)], 0, 2));
        check(12, (15, 16), &[(11, 14)], (&[(13, 14)], 0, 2));
        check(20, (15, 16), &[(11, 14)], (&[], 2, 0));
        check(10, (15, 14), &[(11, 14)], (&[(11, 14)], 0, 0));
    }

    #[test]
    fn a_hole_that_nobody_declared_is_named_and_refuses_nothing() {
        let admission = admit(Lane::Events, 10, 15, 15, Vec::new());
        assert_eq!(admission.gaps[0].reason, COLLECTOR_RESTORED);
        check(10, (20, 20), &[(13, 14)], (&[(11, 12), (13, 14), (15, 19)], 0, 1));
    }

    proptest! {
        /// Whatever agents claim, every number up to the new mark is owned exactly once.
        #[test]
        fn every_number_is_accounted_for_once(
            steps in proptest::collection::vec((1u64..40, 0u64..10, proptest::collection::vec((1u64..40, 0u64..6), 0..4)), 1..30)
        ) {
            let mut mark = 0;
            let mut owned = Vec::new();
            for (first, length, gaps) in steps {
                let last = first + length - 1;
                let gaps = gaps.into_iter().map(|(first, more)| gap(first, first + more)).collect();
                let admission = admit(Lane::Events, mark, first, last, gaps);
                prop_assert!(admission.high_water >= mark);
                owned.extend(admission.gaps.iter().flat_map(|g| g.first..=g.last));
                owned.extend(first + admission.skip..first + admission.skip + admission.fresh);
                mark = admission.high_water;
            }
            prop_assert_eq!(owned, (1..=mark).collect::<Vec<_>>());
        }
    }
}
