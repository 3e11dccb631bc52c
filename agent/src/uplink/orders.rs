//! The collector's commands: each is carried out once, however often it arrives, and its end is an event.
//!
//! What has been answered is remembered in the same transaction as the answer, so a crash in between leaves
//! neither, and the command is simply sent again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{SyncSender, TrySendError};

use tracing::{info, warn};
use vong_proto::event::{Body, CommandResult, Lane, Sensor};
use vong_proto::session::{Command, CommandKind};

use crate::clock;
use crate::command::Rescan;
use crate::report::{NewEvent, Report, StateChange};
use crate::state::{StateError, StateReader};

/// So many answered commands are remembered; the collector repeats only what it has no answer to.
const REMEMBERED_MAX: usize = 64;

/// Where they are remembered, in the memory of the agent's own life.
const MEMORY: (Sensor, &[u8]) = (Sensor::Presence, b"commands_answered");

/// Takes commands.
#[derive(Debug)]
pub(super) struct Orders {
    rescans: SyncSender<Rescan>,
    answered: VecDeque<String>,
}

impl Orders {
    pub(super) fn open(rescans: SyncSender<Rescan>, state: &StateReader) -> Result<Self, StateError> {
        let kept = state.get(MEMORY.0, MEMORY.1)?.unwrap_or_default();
        Ok(Self {
            rescans,
            answered: serde_json::from_slice(&kept).unwrap_or_default(),
        })
    }

    /// Carries a command out and reports its end; `None` when that has happened before. `now_ms` is the
    /// collector's clock.
    pub(super) fn take(&mut self, command: &Command, now_ms: i64) -> Option<Report> {
        if self.answered.contains(&command.id) {
            return None;
        }
        let outcome = if now_ms > command.expires_ms {
            Err("expired")
        } else {
            self.carry_out(&command.kind)
        };
        match outcome {
            Ok(()) => info!(command = %command.id.escape_debug(), "command carried out"),
            Err(reason) => warn!(command = %command.id.escape_debug(), reason, "command refused"),
        }
        self.answered.push_back(command.id.clone());
        while self.answered.len() > REMEMBERED_MAX {
            self.answered.pop_front();
        }
        Some(self.answer(command, outcome))
    }

    /// The answer could not be handed over: the command will come again.
    pub(super) fn forget(&mut self, command: &Command) {
        self.answered.retain(|id| id != &command.id);
    }

    fn carry_out(&self, kind: &CommandKind) -> Result<(), &'static str> {
        match kind {
            CommandKind::Rescan { watch } => {
                let rescan = Rescan { watch: watch.clone() };
                self.rescans.try_send(rescan).map_err(|error| match error {
                    TrySendError::Full(_) => "busy",
                    TrySendError::Disconnected(_) => "stopping",
                })
            }
            CommandKind::UpdateSignatures { .. } | CommandKind::QuickScan { .. } => Err("not_possible"),
            CommandKind::Unknown => Err("unknown_command"),
        }
    }

    fn answer(&self, command: &Command, outcome: Result<(), &'static str>) -> Report {
        let result = CommandResult {
            command_id: command.id.clone(),
            done: outcome.is_ok(),
            detail: outcome.err().unwrap_or("begun").to_owned(),
            counts: BTreeMap::new(),
        };
        let remembered = serde_json::to_vec(&self.answered).expect("texts can be written as JSON");
        Report {
            events: vec![NewEvent {
                lane: Lane::State,
                wall_ms: clock::wall_ms(),
                mono_ms: clock::mono_ms(),
                body: Body::CommandResult(result),
            }],
            state: vec![StateChange {
                sensor: MEMORY.0,
                key: MEMORY.1.to_vec(),
                value: Some(remembered),
            }],
            committed: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::rescans;

    fn command(id: &str, expires_ms: i64, kind: CommandKind) -> Command {
        Command {
            id: id.to_owned(),
            expires_ms,
            kind,
        }
    }

    fn detail(report: Option<Report>) -> (bool, String) {
        match report.expect("an answer").events.remove(0).body {
            Body::CommandResult(result) => (result.done, result.detail),
            other => panic!("unexpected {other:?}"),
        }
    }

    #[test]
    fn a_command_is_carried_out_once_and_refusals_say_why() {
        let (sender, receiver) = rescans();
        let mut orders = Orders {
            rescans: sender,
            answered: VecDeque::new(),
        };
        let rescan = |id: &str| {
            command(
                id,
                100,
                CommandKind::Rescan {
                    watch: "w".to_owned(),
                },
            )
        };

        assert_eq!(detail(orders.take(&rescan("1"), 50)), (true, "begun".to_owned()));
        assert!(orders.take(&rescan("1"), 50).is_none());
        assert_eq!(
            detail(orders.take(&rescan("2"), 101)),
            (false, "expired".to_owned())
        );
        let unknown = command("3", 100, CommandKind::Unknown);
        assert_eq!(
            detail(orders.take(&unknown, 50)),
            (false, "unknown_command".to_owned())
        );

        assert_eq!(receiver.try_iter().count(), 1);
        drop(receiver);
        assert_eq!(
            detail(orders.take(&rescan("4"), 50)),
            (false, "stopping".to_owned())
        );
    }

    #[test]
    fn memory_is_bounded_and_what_was_not_answered_comes_again() {
        let (sender, _receiver) = rescans();
        let mut orders = Orders {
            rescans: sender,
            answered: VecDeque::new(),
        };
        for id in 0..REMEMBERED_MAX + 5 {
            orders.take(&command(&id.to_string(), 0, CommandKind::Unknown), 1);
        }
        assert_eq!(orders.answered.len(), REMEMBERED_MAX);
        let last = command("68", 0, CommandKind::Unknown);
        assert!(orders.take(&last, 1).is_none());
        orders.forget(&last);
        assert!(orders.take(&last, 1).is_some());
    }
}
