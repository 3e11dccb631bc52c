//! The collector's commands: each is carried out once, however often it arrives, and its end is an event.
//!
//! What a sensor needs time for is handed to it, and the sensor answers; until then the collector goes on asking.
//!
//! What has been answered is remembered in the same transaction as the answer, so a crash in between leaves
//! neither, and the command is simply sent again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::TrySendError;
use std::time::{Duration, Instant};

use tracing::{info, warn};
use vong_proto::event::{Body, CommandResult, Lane, Sensor};
use vong_proto::session::{Command, CommandKind};

use crate::clock;
use crate::command::{AntivirusOrder, AntivirusTask, Desks, Rescan};
use crate::report::{NewEvent, Report, StateChange};
use crate::state::{StateError, StateReader};

/// So many answered commands are remembered; the collector repeats only what it has no answer to.
const REMEMBERED_MAX: usize = 64;

/// However long the collector lets a command wait, here it waits no longer.
const VALID_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Where they are remembered, in the memory of the agent's own life.
const MEMORY: (Sensor, &[u8]) = (Sensor::Presence, b"commands_answered");

/// Where the antivirus sensor remembers what it has answered itself.
const ANTIVIRUS_MEMORY: (Sensor, &[u8]) = (Sensor::Antivirus, b"orders_ended");

/// Takes commands.
#[derive(Debug)]
pub(super) struct Orders {
    desks: Desks,
    answered: VecDeque<String>,
    /// Handed to a sensor, which answers; not remembered beyond this run, so that what a restart has cut short is
    /// begun again.
    handed_over: VecDeque<String>,
}

/// What is known of a command at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// It has been carried out, or its end is not waited for.
    Begun,
    /// A sensor answers when it has ended.
    HandedOver,
}

impl Orders {
    pub(super) fn open(desks: Desks, state: &StateReader) -> Result<Self, StateError> {
        let kept = |memory: (Sensor, &[u8])| -> Result<VecDeque<String>, StateError> {
            let kept = state.get(memory.0, memory.1)?.unwrap_or_default();
            Ok(serde_json::from_slice(&kept).unwrap_or_default())
        };
        Ok(Self {
            desks,
            answered: kept(MEMORY)?,
            handed_over: kept(ANTIVIRUS_MEMORY)?,
        })
    }

    /// Carries a command out and reports its end; `None` when that has happened before, or a sensor answers.
    /// `now_ms` is the collector's clock.
    pub(super) fn take(&mut self, command: &Command, now_ms: i64) -> Option<Report> {
        if self.answered.contains(&command.id) || self.handed_over.contains(&command.id) {
            return None;
        }
        let outcome = if now_ms > command.expires_ms {
            Err("expired")
        } else {
            self.carry_out(command, now_ms)
        };
        match outcome {
            Ok(Taken::HandedOver) => {
                info!(command = %command.id.escape_debug(), "command handed over");
                remember(&mut self.handed_over, &command.id);
                return None;
            }
            Ok(Taken::Begun) => info!(command = %command.id.escape_debug(), "command carried out"),
            Err(reason) => warn!(command = %command.id.escape_debug(), reason, "command refused"),
        }
        remember(&mut self.answered, &command.id);
        Some(self.answer(command, outcome))
    }

    /// The answer could not be handed over: the command will come again.
    pub(super) fn forget(&mut self, command: &Command) {
        self.answered.retain(|id| id != &command.id);
    }

    fn carry_out(&self, command: &Command, now_ms: i64) -> Result<Taken, &'static str> {
        let (task, limit_s) = match &command.kind {
            CommandKind::Rescan { watch } => {
                let rescan = Rescan { watch: watch.clone() };
                let sent = self.desks.rescans.try_send(rescan);
                return sent.map(|()| Taken::Begun).map_err(refusal);
            }
            CommandKind::UpdateSignatures { limit_s } => (AntivirusTask::UpdateSignatures, *limit_s),
            CommandKind::QuickScan { limit_s } => (AntivirusTask::QuickScan, *limit_s),
            CommandKind::Unknown => return Err("unknown_command"),
        };
        let valid_ms = u64::try_from(command.expires_ms.saturating_sub(now_ms)).unwrap_or(0);
        let order = AntivirusOrder {
            id: command.id.clone(),
            task,
            limit: Duration::from_secs(limit_s.into()),
            begin_until: Instant::now() + Duration::from_millis(valid_ms).min(VALID_MAX),
        };
        let sent = self.desks.antivirus.try_send(order);
        sent.map(|()| Taken::HandedOver).map_err(refusal)
    }

    fn answer(&self, command: &Command, outcome: Result<Taken, &'static str>) -> Report {
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

fn remember(ids: &mut VecDeque<String>, id: &str) {
    ids.push_back(id.to_owned());
    while ids.len() > REMEMBERED_MAX {
        ids.pop_front();
    }
}

fn refusal<T>(error: TrySendError<T>) -> &'static str {
    match error {
        TrySendError::Full(_) => "busy",
        TrySendError::Disconnected(_) => "stopping",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{ANTIVIRUS_ORDERS_WAITING_MAX, Inboxes, orders};

    fn fresh() -> (Orders, Inboxes) {
        let (desks, inboxes) = orders();
        let orders = Orders {
            desks,
            answered: VecDeque::new(),
            handed_over: VecDeque::new(),
        };
        (orders, inboxes)
    }

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
        let (mut orders, inboxes) = fresh();
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

        assert_eq!(inboxes.rescans.try_iter().count(), 1);
        drop(inboxes);
        assert_eq!(
            detail(orders.take(&rescan("4"), 50)),
            (false, "stopping".to_owned())
        );
    }

    #[test]
    fn what_a_sensor_does_is_handed_over_once_and_not_answered_here() {
        let (mut orders, inboxes) = fresh();
        let scan = |id: &str| command(id, 100, CommandKind::QuickScan { limit_s: 60 });
        for _ in 0..3 {
            assert!(orders.take(&scan("1"), 50).is_none());
        }
        let order = inboxes.antivirus.try_recv().expect("handed over");
        assert_eq!((order.id.as_str(), order.task), ("1", AntivirusTask::QuickScan));
        assert_eq!(order.limit, Duration::from_secs(60));
        assert!(inboxes.antivirus.try_recv().is_err(), "only once");
        assert!(
            orders.take(&scan("1"), 101).is_none(),
            "it may end after it would expire"
        );

        let late = scan("2");
        assert_eq!(detail(orders.take(&late, 101)), (false, "expired".to_owned()));
        for id in 0..ANTIVIRUS_ORDERS_WAITING_MAX {
            assert!(orders.take(&scan(&format!("w{id}")), 50).is_none());
        }
        assert_eq!(detail(orders.take(&scan("3"), 50)), (false, "busy".to_owned()));
        drop(inboxes);
        assert_eq!(
            detail(orders.take(&scan("4"), 50)),
            (false, "stopping".to_owned())
        );
    }

    #[test]
    fn memory_is_bounded_and_what_was_not_answered_comes_again() {
        let (mut orders, _inboxes) = fresh();
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
