//! One threat on several PCs within an hour: somebody's mail, a share, or a worm. One finding for the threat, whoever
//! and however many are hit, beside those of each PC.
//!
//! It is about the PCs together: the alert stage finds the unit that they have in common. It grows graver when many are
//! hit, or when the products had their time and did not make the malware harmless everywhere, and is over when no
//! further PC was hit for hours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use vong_proto::event::{Detection, Outcome, Severity};

use super::memory::{Memory, MemoryError};
use super::{Judgement, Moment, Remembered, Verdict, some_of};
use crate::entry::HostId;
use crate::finding::{Category, FindingChange};
use crate::registry::fold::storable;
use crate::registry::rule_state::RuleState;

pub(super) const FAMILY: &str = "outbreak";
const RULE: &str = "malware.outbreak";

const HOUR_MS: i64 = 3_600_000;
/// The time within which PCs must be hit.
const WITHIN_MS: i64 = HOUR_MS;
/// So many PCs are an outbreak …
const PCS_MIN: usize = 3;
/// … and so many a grave one.
const PCS_GRAVE: usize = 10;
/// Products get this long to make it harmless.
const REMEDY_PATIENCE_MS: i64 = 10 * 60_000;
/// Over when no further PC was hit for so long.
const OVER_AFTER_MS: i64 = 6 * HOUR_MS;
/// More PCs of one outbreak say nothing more.
const PCS_MAX: usize = 1_000;
/// So many threats are watched at a time; each PC contributes a bounded number an hour.
const THREATS_MAX: usize = 10_000;
/// So many PCs are named in the evidence: enough to find the unit that they have in common.
const NAMED_MAX: usize = 200;

/// The family's memory, by threat.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outbreaks {
    threats: Memory<State, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// The PCs that were hit, each with when, and whether the malware was made harmless.
    pcs: BTreeMap<HostId, (i64, bool)>,
    /// When the last further PC was hit, by the collector's clock.
    last_ms: i64,
    /// The finding that is open.
    open: Option<Open>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    id: String,
    severity: Severity,
    opened_ms: i64,
}

impl Outbreaks {
    pub(super) fn restore(&mut self, state: &RuleState) -> Result<(), MemoryError> {
        self.threats.restore(state)
    }

    pub(super) fn remember(&mut self, into: &mut Vec<Remembered>) {
        self.threats.remember(FAMILY, into);
    }

    /// A PC was hit.
    pub(super) fn hit(
        &mut self,
        host: HostId,
        detection: &Detection,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        let threat = storable(&detection.threat);
        let is_new = self.threats.get(&threat).is_none();
        if threat.is_empty() || (is_new && self.threats.iter().count() >= THREATS_MAX) {
            return;
        }
        let known = self.threats.change(threat.clone());
        let harmless = detection.outcome == Outcome::Succeeded;
        if known.pcs.contains_key(&host) || known.pcs.len() < PCS_MAX {
            let is_new = known.pcs.insert(host, (moment.at_ms, harmless)).is_none();
            // A PC that is hit again and again is no further one.
            if is_new || known.open.is_none() {
                known.last_ms = moment.received_ms;
            }
        }
        if known.open.is_none() {
            let newest_ms = known.pcs.values().map(|(at_ms, _)| *at_ms).max().unwrap_or(0);
            known.pcs.retain(|_, (at_ms, _)| newest_ms - *at_ms <= WITHIN_MS);
        }
        known.judge(&threat, host, moment, judgement);
    }

    /// A product has made harmless what hit a PC, if that is what it says.
    pub(super) fn heard(&mut self, host: HostId, detection: &Detection) {
        let threat = storable(&detection.threat);
        let is_hit = |known: &State| known.pcs.get(&host).is_some_and(|(_, harmless)| !harmless);
        if detection.outcome == Outcome::Succeeded && self.threats.get(&threat).is_some_and(is_hit) {
            let known = self.threats.change(threat);
            if let Some((_, harmless)) = known.pcs.get_mut(&host) {
                *harmless = true;
            }
        }
    }

    pub(super) fn tick(&mut self, moment: Moment, judgement: &mut Judgement) {
        let is_over = |known: &State| {
            let after_ms = if known.open.is_some() {
                OVER_AFTER_MS
            } else {
                WITHIN_MS
            };
            moment.received_ms - known.last_ms >= after_ms
        };
        let grows = |known: &State| {
            let severity = known.open.as_ref().map(|open| open.severity);
            severity.is_some() && known.severity(moment) > severity
        };
        for threat in self.threats.keys(grows) {
            let known = self.threats.change(threat.clone());
            if let Some(host) = known.pcs.keys().next().copied() {
                known.judge(&threat, host, moment, judgement);
            }
        }
        for threat in self.threats.keys(is_over) {
            let ended = std::mem::take(self.threats.change(threat));
            if let Some(open) = ended.open {
                judgement.findings.push(FindingChange::Closed {
                    id: open.id,
                    closed_ms: moment.at_ms.max(open.opened_ms),
                });
            }
        }
    }
}

impl State {
    /// How grave it is by now; `None` when it is no outbreak.
    fn severity(&self, moment: Moment) -> Option<Severity> {
        let pcs = self.pcs.len();
        let is_left = self.had_time(moment) && self.not_harmless() > 0;
        match pcs {
            _ if pcs < PCS_MIN => None,
            _ if pcs >= PCS_GRAVE || is_left => Some(Severity::Critical),
            _ => Some(Severity::High),
        }
    }

    /// Whether the products had their time since the last PC was hit.
    fn had_time(&self, moment: Moment) -> bool {
        moment.received_ms - self.last_ms >= REMEDY_PATIENCE_MS
    }

    fn not_harmless(&self) -> usize {
        self.pcs.values().filter(|(_, harmless)| !harmless).count()
    }

    fn judge(&mut self, threat: &str, host: HostId, moment: Moment, judgement: &mut Judgement) {
        let Some(severity) = self.severity(moment) else {
            return;
        };
        if self.open.as_ref().is_some_and(|open| open.severity >= severity) {
            return;
        }
        if let Some(open) = self.open.take() {
            judgement.findings.push(FindingChange::Closed {
                id: open.id,
                closed_ms: moment.at_ms.max(open.opened_ms),
            });
        }
        let named = some_of(self.pcs.keys().copied(), NAMED_MAX);
        let verdict = Verdict {
            rule: RULE,
            category: Category::Outbreak,
            host,
            key: threat,
            severity,
            evidence: json!({
                "threat": threat,
                "pcs": self.pcs.len(),
                "not_harmless": self.had_time(moment).then(|| self.not_harmless()),
                "hosts": named,
                "event_key": moment.event_key(),
            }),
        };
        let finding = verdict.at(moment);
        self.open = Some(Open {
            id: finding.id.clone(),
            severity,
            opened_ms: finding.opened_ms,
        });
        judgement.findings.push(FindingChange::Opened(finding));
    }
}
