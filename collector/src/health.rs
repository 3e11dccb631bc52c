//! How each stage is doing: told by the stage itself after every turn of its loop, read by `/readyz`.
//!
//! A stage that fails says why, in the words of its error; one that has returned or panicked is noted by
//! whoever started it. What nobody says anything about any more is stuck.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::clock::now_ms;
use crate::registry::unreadable::{SetAside, told};

/// A part of the collector that works by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Judges facts.
    Rules,
    /// Raises alerts.
    Alerts,
    /// Sends mails.
    Deliveries,
    /// Writes to ClickHouse.
    Store,
    /// Journals the passing of time.
    Clock,
    /// Receives events.
    Intake,
    /// Watches the registry for changes that connected agents must hear of, revocations among them.
    Revision,
    /// Joins the asset register to hosts, and notes every day.
    Coverage,
}

/// A stage that works looks around at least every minute; one that has not for so long is stuck.
const STUCK_AFTER_MS: i64 = 180_000;
/// Of a stage that does not say when a failure is over, one older than this is.
const FAILURE_IS_NEWS_FOR_MS: i64 = 60_000;

impl Stage {
    /// Whether it says at least every minute that it is well; the others have nothing to do for hours.
    fn beats(self) -> bool {
        !matches!(self, Stage::Store | Stage::Intake)
    }

    /// Whether it says when a failure is over; an insert that fails may take minutes to fail again.
    fn recovers_aloud(self) -> bool {
        self != Stage::Intake
    }

    /// Its name, as logs and answers spell it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Rules => "rules",
            Stage::Alerts => "alerts",
            Stage::Deliveries => "deliveries",
            Stage::Store => "store_writer",
            Stage::Clock => "clock",
            Stage::Intake => "intake",
            Stage::Revision => "revision",
            Stage::Coverage => "coverage",
        }
    }
}

/// How a stage is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Its last turn went well.
    Well,
    /// Its turns fail.
    Failing {
        /// Since when, milliseconds since 1970.
        since_ms: i64,
        /// Why, with causes.
        reason: String,
    },
    /// It returned or panicked while the collector runs.
    Ended,
}

/// What is known of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// When it last finished a turn.
    pub turned_ms: i64,
    /// How that turn went.
    pub condition: Condition,
}

/// What is wrong with a stage, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Why it does not do its work.
    pub reason: String,
    /// What to do first.
    pub remedy: &'static str,
}

impl Pulse {
    /// What is wrong, if anything is.
    pub fn trouble(&self, stage: Stage, now_ms: i64) -> Option<Trouble> {
        let silent_ms = now_ms - self.turned_ms;
        match &self.condition {
            Condition::Ended => Some(Trouble {
                reason: "it has ended while the collector runs".to_owned(),
                remedy: "restart the collector, and report the error in its log",
            }),
            Condition::Failing { since_ms, reason }
                if silent_ms <= FAILURE_IS_NEWS_FOR_MS || stage.recovers_aloud() =>
            {
                Some(Trouble {
                    reason: format!("it has failed for {} s: {reason}", (now_ms - since_ms) / 1_000),
                    remedy: "mend the cause named here, often a full disk; it then goes on by itself",
                })
            }
            Condition::Well if stage.beats() && silent_ms > STUCK_AFTER_MS => Some(Trouble {
                reason: format!("it has not moved for {} s", silent_ms / 1_000),
                remedy: "look at the disk and the registry's database; if it stays so, restart the collector",
            }),
            Condition::Well | Condition::Failing { .. } => None,
        }
    }
}

/// The health of everything that runs.
#[derive(Debug, Default)]
pub struct Health {
    stages: Mutex<BTreeMap<Stage, Pulse>>,
    /// Rows of the registry that nobody can read.
    pub set_aside: SetAside,
}

impl Health {
    /// A turn went well.
    pub fn well(&self, stage: Stage) {
        self.turned(stage, |_| Condition::Well);
    }

    /// A turn failed.
    pub fn failing(&self, stage: Stage, error: &dyn std::error::Error) {
        let reason = told(error);
        self.turned(stage, |before| Condition::Failing {
            since_ms: match before {
                Some(Condition::Failing { since_ms, .. }) => *since_ms,
                _ => now_ms(),
            },
            reason,
        });
    }

    /// It runs no more.
    pub fn ended(&self, stage: Stage) {
        self.turned(stage, |_| Condition::Ended);
    }

    /// What is known of every stage that has said anything.
    pub fn stages(&self) -> Vec<(Stage, Pulse)> {
        let stages = self.stages.lock().expect("no holder of this lock can panic");
        stages
            .iter()
            .map(|(stage, pulse)| (*stage, pulse.clone()))
            .collect()
    }

    fn turned(&self, stage: Stage, condition: impl FnOnce(Option<&Condition>) -> Condition) {
        let mut stages = self.stages.lock().expect("no holder of this lock can panic");
        let condition = condition(stages.get(&stage).map(|pulse| &pulse.condition));
        let turned_ms = now_ms();
        stages.insert(stage, Pulse { turned_ms, condition });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(health: &Health) -> Pulse {
        health.stages().remove(0).1
    }

    #[test]
    fn a_stage_that_fails_says_why_until_it_works_again() {
        let health = Health::default();
        let full = std::io::Error::other("disk is full");
        health.failing(Stage::Rules, &full);
        let trouble = pulse(&health).trouble(Stage::Rules, now_ms()).expect("trouble");
        assert!(trouble.reason.contains("disk is full"), "{trouble:?}");
        health.well(Stage::Rules);
        assert_eq!(pulse(&health).trouble(Stage::Rules, now_ms()), None);
    }

    #[test]
    fn a_store_that_refuses_fails_until_it_has_accepted_something() {
        let health = Health::default();
        health.failing(Stage::Store, &std::io::Error::other("no space left"));
        let later_ms = now_ms() + 2 * FAILURE_IS_NEWS_FOR_MS;
        assert!(pulse(&health).trouble(Stage::Store, later_ms).is_some());
        health.well(Stage::Store);
        let idle_ms = now_ms() + 2 * STUCK_AFTER_MS;
        assert_eq!(pulse(&health).trouble(Stage::Store, idle_ms), None);
    }

    #[test]
    fn a_stage_that_says_nothing_any_more_is_stuck() {
        let health = Health::default();
        health.well(Stage::Alerts);
        let later_ms = now_ms() + 10 * 60_000;
        assert!(pulse(&health).trouble(Stage::Alerts, later_ms).is_some());
    }

    #[test]
    fn a_stage_that_has_ended_stays_so() {
        let health = Health::default();
        health.well(Stage::Deliveries);
        health.ended(Stage::Deliveries);
        let trouble = pulse(&health)
            .trouble(Stage::Deliveries, now_ms())
            .expect("trouble");
        assert!(trouble.remedy.contains("restart"), "{trouble:?}");
    }
}
