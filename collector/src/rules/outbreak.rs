//! One threat on several PCs within an hour: somebody's mail, a share, or a worm. One finding for the threat, whoever
//! and however many are hit, beside those of each PC.
//!
//! It is about the PCs together: the alert stage finds the unit that they have in common. It grows graver when many are
//! hit or the malware is not made harmless, and is over when no further PC was hit for hours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use vong_proto::event::{Detection, Outcome, Severity};

use super::memory::{Memory, MemoryError};
use super::{Judgement, Moment, Remembered, Verdict};
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
        if !known.pcs.contains_key(&host) && known.pcs.len() < PCS_MAX {
            known.last_ms = moment.received_ms;
            known.pcs.insert(host, (moment.at_ms, harmless));
        }
        if known.open.is_none() {
            let newest_ms = known.pcs.values().map(|(at_ms, _)| *at_ms).max().unwrap_or(0);
            known.pcs.retain(|_, (at_ms, _)| newest_ms - *at_ms <= WITHIN_MS);
        }
        known.judge(&threat, host, moment, judgement);
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
    fn judge(&mut self, threat: &str, host: HostId, moment: Moment, judgement: &mut Judgement) {
        let pcs = self.pcs.len();
        if pcs < PCS_MIN {
            return;
        }
        let harmless = self.pcs.values().all(|(_, harmless)| *harmless);
        let severity = if pcs >= PCS_GRAVE || !harmless {
            Severity::Critical
        } else {
            Severity::High
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
        let named: Vec<i64> = self.pcs.keys().take(NAMED_MAX).map(|host| host.0).collect();
        let verdict = Verdict {
            rule: RULE,
            category: Category::Outbreak,
            host,
            key: threat,
            severity,
            evidence: json!({
                "threat": threat,
                "pcs": pcs,
                "harmless": harmless,
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
