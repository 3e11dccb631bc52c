//! Something changes documents as ransomware does: the agent's tripwire says so, this rule makes it a finding.
//!
//! An occurrence is told again while it goes on: its finding's facts follow. One that began as a warning and became an
//! alarm is a new, graver finding in place of the first. Both are moments for people: that nothing more was seen of an
//! occurrence does not bring the files back, so no rule ever closes an alarm, and nothing silences one.
//!
//! An agent could invent occurrences: at most [`TOLD_MAX`] warnings and as many alarms of a PC become findings in an hour,
//! and one names the number of the others: of alarms at once, and of warnings at the hour's end. So no number of warnings
//! holds back an alarm. They are one alert anyway.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vong_proto::event::{Severity, Tripwire, TripwireLevel};

use super::memory::{Memory, MemoryError};
use super::{Judgement, Moment, Remembered, Verdict};
use crate::entry::{HostId, tripwire};
use crate::finding::{Category, FindingChange, RANSOMWARE, SUSPICIOUS};
use crate::registry::rule_state::RuleState;

pub(super) const FAMILY: &str = "tripwire";

const HOUR_MS: i64 = 3_600_000;
/// More occurrences of one level in an hour tell a person nothing that their number does not.
const TOLD_MAX: usize = 20;
/// So many occurrences of a PC are followed; of more, alarms, and those that were heard of last.
const FOLLOWED_MAX: usize = 2 * TOLD_MAX;
/// What was not heard of for so long is followed no longer.
const FOLLOWED_MS: i64 = 24 * HOUR_MS;
/// Evidence shows no more of a path; the event has all of it.
const PATH_BYTES_SHOWN: usize = 1_024;

/// The family's memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tripwires {
    hosts: Memory<State>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    hour: Hour,
    /// The occurrences that have a finding, by the agent's key.
    followed: BTreeMap<String, Followed>,
}

/// What was told in an hour that begins with the first occurrence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Hour {
    began_ms: i64,
    /// The warnings of it.
    told: usize,
    held_back: u64,
    alarms_told: usize,
    alarms_held_back: u64,
    /// The finding that names the number of those.
    more: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Followed {
    finding: String,
    opened_ms: i64,
    level: TripwireLevel,
    heard_ms: i64,
}

impl Tripwires {
    pub(super) fn restore(&mut self, state: &RuleState) -> Result<(), MemoryError> {
        self.hosts.restore(state)
    }

    pub(super) fn remember(&mut self, into: &mut Vec<Remembered>) {
        self.hosts.remember(FAMILY, into);
    }

    /// An agent tells of an occurrence, for the first time or again.
    pub(super) fn told(
        &mut self,
        host: HostId,
        tripwire: &Tripwire,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        let state = self.hosts.change(host);
        if state.hour.is_over(moment) {
            state.end_hour(host, moment, judgement);
            state.hour.began_ms = moment.received_ms;
        }
        match state.followed.get_mut(&tripwire.key) {
            Some(followed) if followed.level >= tripwire.level => {
                followed.heard_ms = moment.received_ms;
                judgement.findings.push(FindingChange::Evidence {
                    id: followed.finding.clone(),
                    pos: moment.pos,
                    at_ms: moment.at_ms,
                    evidence: evidence(tripwire, moment),
                });
            }
            Some(_) => state.rise(host, tripwire, moment, judgement),
            None if state.hour.has_room(tripwire.level) => {
                state.open(host, tripwire, evidence(tripwire, moment), moment, judgement);
            }
            None => state.hold_back(host, tripwire.level, moment, judgement),
        }
    }

    pub(super) fn tick(&mut self, moment: Moment, judgement: &mut Judgement) {
        let due = |state: &State| {
            (state.hour != Hour::default() && state.hour.is_over(moment))
                || state.followed.values().any(|followed| followed.is_old(moment))
        };
        for host in self.hosts.keys(due) {
            let state = self.hosts.change(host);
            if state.hour.is_over(moment) {
                state.end_hour(host, moment, judgement);
            }
            state.followed.retain(|_, followed| !followed.is_old(moment));
        }
    }
}

impl Hour {
    fn is_over(&self, moment: Moment) -> bool {
        moment.received_ms - self.began_ms >= HOUR_MS
    }

    /// Whether one more of a level is told by itself; it is counted.
    fn has_room(&mut self, level: TripwireLevel) -> bool {
        let told = match level {
            TripwireLevel::Warning => &mut self.told,
            TripwireLevel::Alarm => &mut self.alarms_told,
        };
        let has_room = *told < TOLD_MAX;
        *told += usize::from(has_room);
        has_room
    }
}

impl Followed {
    fn is_old(&self, moment: Moment) -> bool {
        moment.received_ms - self.heard_ms >= FOLLOWED_MS
    }
}

impl State {
    /// Puts the graver finding in the place of the one before.
    fn rise(&mut self, host: HostId, tripwire: &Tripwire, moment: Moment, judgement: &mut Judgement) {
        let mut evidence = evidence(tripwire, moment);
        if let Some(before) = self.followed.remove(&tripwire.key) {
            if let Some(facts) = evidence.as_object_mut() {
                facts.insert("rises_from".to_owned(), before.finding.as_str().into());
            }
            judgement.findings.push(FindingChange::Closed {
                id: before.finding,
                closed_ms: moment.at_ms.max(before.opened_ms),
            });
        }
        self.open(host, tripwire, evidence, moment, judgement);
    }

    fn open(
        &mut self,
        host: HostId,
        tripwire: &Tripwire,
        evidence: Value,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        let verdict = Verdict {
            rule: rule(tripwire.level),
            category: Category::Ransomware,
            host,
            key: &tripwire.key,
            severity: severity(tripwire.level),
            evidence,
        };
        let finding = verdict.at(moment);
        if self.followed.len() >= FOLLOWED_MAX {
            let oldest = self
                .followed
                .iter()
                .min_by_key(|(_, followed)| (followed.level, followed.heard_ms));
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                self.followed.remove(&key);
            }
        }
        let followed = Followed {
            finding: finding.id.clone(),
            opened_ms: finding.opened_ms,
            level: tripwire.level,
            heard_ms: moment.received_ms,
        };
        self.followed.insert(tripwire.key.clone(), followed);
        judgement.findings.push(FindingChange::Opened(finding));
    }

    /// Counts what is not told by itself. Nobody waits for the number of alarms: the first one opens its finding.
    fn hold_back(&mut self, host: HostId, level: TripwireLevel, moment: Moment, judgement: &mut Judgement) {
        if level == TripwireLevel::Warning {
            self.hour.held_back += 1;
            return;
        }
        self.hour.alarms_held_back += 1;
        let evidence = more(self.hour.alarms_held_back, self.hour.began_ms);
        match &self.hour.more {
            Some(id) => judgement.findings.push(FindingChange::Evidence {
                id: id.clone(),
                pos: moment.pos,
                at_ms: moment.at_ms,
                evidence,
            }),
            None => {
                let finding = number_of(host, level, evidence).at(moment);
                self.hour.more = Some(finding.id.clone());
                judgement.findings.push(FindingChange::Opened(finding));
            }
        }
    }

    /// Forgets an hour, and says what was held back in it.
    fn end_hour(&mut self, host: HostId, moment: Moment, judgement: &mut Judgement) {
        let ended = std::mem::take(&mut self.hour);
        if ended.held_back > 0 {
            let evidence = more(ended.held_back, ended.began_ms);
            let verdict = number_of(host, TripwireLevel::Warning, evidence);
            judgement.findings.push(FindingChange::Opened(verdict.at(moment)));
        }
    }
}

fn more(held_back: u64, since_ms: i64) -> Value {
    json!({ "more": held_back, "since_ms": since_ms })
}

/// The finding that stands for occurrences which have none.
fn number_of(host: HostId, level: TripwireLevel, evidence: Value) -> Verdict<'static> {
    Verdict {
        rule: rule(level),
        category: Category::Ransomware,
        host,
        key: "",
        severity: severity(level),
        evidence,
    }
}

fn rule(level: TripwireLevel) -> &'static str {
    match level {
        TripwireLevel::Warning => SUSPICIOUS,
        TripwireLevel::Alarm => RANSOMWARE,
    }
}

fn severity(level: TripwireLevel) -> Severity {
    match level {
        TripwireLevel::Warning => Severity::Medium,
        TripwireLevel::Alarm => Severity::Critical,
    }
}

/// Everything that the agent says, with the process that began it where titles look for it.
fn evidence(tripwire: &Tripwire, moment: Moment) -> Value {
    let mut shown = tripwire.clone();
    for file in &mut shown.files {
        file.path.truncate(PATH_BYTES_SHOWN);
        if let Some(path) = &mut file.old_path {
            path.truncate(PATH_BYTES_SHOWN);
        }
    }
    let mut evidence = tripwire::json(&shown);
    if let Some(facts) = evidence.as_object_mut() {
        let process = facts["processes"].get(0).cloned().unwrap_or(Value::Null);
        facts.insert("process".to_owned(), process);
        facts.insert("event_key".to_owned(), moment.event_key().into());
        facts.insert("time_ms".to_owned(), moment.at_ms.into());
    }
    evidence
}
