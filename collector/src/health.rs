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
}

impl Stage {
    /// Its name, as logs and answers spell it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Rules => "rules",
            Stage::Alerts => "alerts",
            Stage::Deliveries => "deliveries",
            Stage::Store => "store_writer",
            Stage::Clock => "clock",
            Stage::Intake => "intake",
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
