//! What a probe's outcomes say together: pure, without a clock.
//!
//! An answer is certain at once; a loss is not, so it takes `threshold` of them in a row before a target is
//! called unreachable, and as many answers before it is called reachable again. Until then the first state
//! stands, which is "unknown" before anything has been learnt.

use vong_proto::event::Reachability;

use super::attempt::Outcome;

/// The state of one probe, and the sample in the making.
#[derive(Debug)]
pub(super) struct Tracker {
    threshold: u32,
    state: Reachability,
    /// Whether the state has been said.
    said: bool,
    /// Outcomes in a row that contradict the state.
    against: u32,
    sample: Sample,
}

/// A change of state to report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The new state.
    pub(super) state: Reachability,
    /// Why, when it is not reachable.
    pub(super) error: String,
}

/// Outcomes summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) sent: u32,
    pub(super) lost: u32,
    pub(super) latency_min_us: u32,
    pub(super) latency_max_us: u32,
    latency_sum_us: u64,
}

impl Sample {
    /// The mean over what was answered, 0 when nothing was.
    pub(super) fn latency_mean_us(&self) -> u32 {
        let answered = u64::from(self.sent - self.lost);
        let mean = self.latency_sum_us.checked_div(answered).unwrap_or(0);
        u32::try_from(mean).unwrap_or(u32::MAX)
    }

    fn add(&mut self, latency_us: Option<u32>) {
        self.sent += 1;
        match latency_us {
            Some(latency_us) => {
                let is_first = self.sent - self.lost == 1;
                self.latency_min_us = if is_first {
                    latency_us
                } else {
                    self.latency_min_us.min(latency_us)
                };
                self.latency_max_us = self.latency_max_us.max(latency_us);
                self.latency_sum_us += u64::from(latency_us);
            }
            None => self.lost += 1,
        }
    }
}

impl Tracker {
    /// A probe of which nothing is known.
    pub(super) fn new(threshold: u32) -> Self {
        Self {
            threshold,
            state: Reachability::Unknown,
            said: false,
            against: 0,
            sample: Sample::default(),
        }
    }

    /// Takes an outcome in; the change of state that follows, if any.
    pub(super) fn take(&mut self, outcome: &Outcome) -> Option<Change> {
        let (state, error) = match outcome {
            Outcome::Answered { latency_us } => {
                self.sample.add(Some(*latency_us));
                (Reachability::Reachable, String::new())
            }
            Outcome::Lost { error } => {
                self.sample.add(None);
                (Reachability::Unreachable, error.clone())
            }
            Outcome::Impossible { .. } => (Reachability::Unknown, "unsupported".to_owned()),
        };
        if state == self.state {
            self.against = 0;
            return (!std::mem::replace(&mut self.said, true)).then_some(Change { state, error });
        }
        self.against += 1;
        let is_certain = match (self.state, state) {
            (Reachability::Unknown, Reachability::Reachable) | (_, Reachability::Unknown) => true,
            _ => self.against >= self.threshold,
        };
        if !is_certain {
            return None;
        }
        self.state = state;
        self.said = true;
        self.against = 0;
        Some(Change { state, error })
    }

    /// Takes the sample, if there is anything in it.
    pub(super) fn take_sample(&mut self) -> Option<Sample> {
        let sample = std::mem::take(&mut self.sample);
        (sample.sent > 0).then_some(sample)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answered(latency_us: u32) -> Outcome {
        Outcome::Answered { latency_us }
    }

    fn lost() -> Outcome {
        Outcome::Lost {
            error: "timeout".to_owned(),
        }
    }

    fn states(threshold: u32, outcomes: &[Outcome]) -> Vec<Option<Reachability>> {
        let mut tracker = Tracker::new(threshold);
        outcomes
            .iter()
            .map(|outcome| tracker.take(outcome).map(|change| change.state))
            .collect()
    }

    #[test]
    fn the_first_answer_counts_and_the_first_loss_does_not() {
        use Reachability::{Reachable, Unreachable};
        assert_eq!(states(3, &[answered(1)]), [Some(Reachable)]);
        assert_eq!(
            states(3, &[lost(), lost(), lost(), lost()]),
            [None, None, Some(Unreachable), None]
        );
        assert_eq!(states(1, &[lost()]), [Some(Unreachable)]);
        assert_eq!(
            states(
                2,
                &[
                    answered(1),
                    lost(),
                    answered(1),
                    lost(),
                    lost(),
                    answered(1),
                    answered(1)
                ]
            ),
            [
                Some(Reachable),
                None,
                None,
                None,
                Some(Unreachable),
                None,
                Some(Reachable)
            ]
        );
    }

    #[test]
    fn what_cannot_be_asked_is_unknown_and_said_once() {
        let impossible = Outcome::Impossible {
            what: "icmp".to_owned(),
            why: "unprivileged".to_owned(),
        };
        let mut tracker = Tracker::new(3);
        let change = tracker.take(&impossible).expect("it is said");
        assert_eq!(
            (change.state, change.error.as_str()),
            (Reachability::Unknown, "unsupported")
        );
        assert_eq!(tracker.take(&impossible), None);
        assert_eq!(tracker.take_sample(), None);
    }

    #[test]
    fn a_sample_sums_up_and_begins_anew() {
        let mut tracker = Tracker::new(3);
        for outcome in [answered(300), lost(), answered(100), answered(200)] {
            tracker.take(&outcome);
        }
        let sample = tracker.take_sample().expect("four outcomes");
        assert_eq!((sample.sent, sample.lost), (4, 1));
        assert_eq!(
            (
                sample.latency_min_us,
                sample.latency_mean_us(),
                sample.latency_max_us
            ),
            (100, 200, 300)
        );
        assert_eq!(tracker.take_sample(), None);
    }

    proptest! {
        /// Against the definition: a state changes when the last `threshold` outcomes all say the other, and
        /// never without saying so.
        #[test]
        fn states_follow_the_definition(threshold in 1_u32..5, outcomes in prop::collection::vec(any::<bool>(), 0..60)) {
            let mut tracker = Tracker::new(threshold);
            let mut expected = Reachability::Unknown;
            for (index, &good) in outcomes.iter().enumerate() {
                let change = tracker.take(&if good { answered(1) } else { lost() });
                let streak = outcomes[..=index].iter().rev().take_while(|&&other| other == good).count();
                let said = if good { Reachability::Reachable } else { Reachability::Unreachable };
                let first_answer = good && expected == Reachability::Unknown;
                let turns = said != expected && (first_answer || streak >= threshold as usize);
                prop_assert_eq!(change.as_ref().map(|change| change.state), turns.then_some(said));
                if turns {
                    expected = said;
                }
            }
        }

        #[test]
        fn a_sample_stays_within_its_outcomes(latencies in prop::collection::vec(prop::option::of(any::<u32>()), 1..50)) {
            let mut sample = Sample::default();
            for latency in &latencies {
                sample.add(*latency);
            }
            let answered: Vec<u32> = latencies.iter().flatten().copied().collect();
            prop_assert_eq!(sample.sent as usize, latencies.len());
            prop_assert_eq!(sample.lost as usize, latencies.len() - answered.len());
            prop_assert_eq!(sample.latency_min_us, answered.iter().min().copied().unwrap_or(0));
            prop_assert_eq!(sample.latency_max_us, answered.iter().max().copied().unwrap_or(0));
            prop_assert!(sample.latency_mean_us() <= sample.latency_max_us);
            prop_assert!(sample.latency_mean_us() >= sample.latency_min_us);
        }
    }
}
