//! A place for one fault at a time: first it must last, then it is a finding, and when it is gone the finding ends.
//!
//! A fault counts only while the PC is connected: one that is away cannot mend anything. When a fault becomes
//! another, or graver, its finding ends and the next begins.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vong_proto::event::Severity;

use super::super::{Judgement, Moment, Verdict};
use crate::entry::HostId;
use crate::finding::{Category, Finding, FindingChange};

/// What can be wrong with a PC's antivirus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    Missing,
    Off,
    Crashed,
    NotAnswering,
    Expired,
    RealTimeOff,
    Stale,
    ScanOverdue,
}

impl Fault {
    /// An engine that does not answer is told as one that is off; its evidence says which.
    fn rule(self) -> &'static str {
        match self {
            Fault::Missing => "antivirus.missing",
            Fault::Off | Fault::NotAnswering => "antivirus.off",
            Fault::Crashed => "antivirus.crashed",
            Fault::Expired => "antivirus.expired",
            Fault::RealTimeOff => "antivirus.real_time_off",
            Fault::Stale => "antivirus.stale",
            Fault::ScanOverdue => "antivirus.scan_overdue",
        }
    }
}

/// A fault that is there now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) fault: Fault,
    pub(super) severity: Severity,
    pub(super) evidence: Value,
}

/// At most one finding, and what will be one if it lasts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Slot {
    open: Option<Open>,
    pending: Option<Pending>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    id: String,
    fault: Fault,
    #[serde(default)]
    severity: Option<Severity>,
    opened_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    fault: Fault,
    #[serde(default)]
    severity: Option<Severity>,
    evidence: Value,
    /// When it was seen first.
    #[serde(default)]
    since_ms: Option<i64>,
    #[serde(default)]
    patience_ms: i64,
    /// When it counts; `None` as long as the PC is not connected.
    due_ms: Option<i64>,
}

impl Slot {
    /// A fault is there and must last for so long.
    pub(super) fn fault(
        &mut self,
        host: HostId,
        mut wanted: Wanted,
        patience_ms: i64,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        if let Some(facts) = wanted.evidence.as_object_mut() {
            facts
                .entry("event_key")
                .or_insert_with(|| moment.event_key().into());
        }
        if let Some(open) = self.open.as_ref().filter(|open| open.fault == wanted.fault) {
            self.pending = None;
            if open.severity.is_none_or(|severity| severity < wanted.severity) {
                self.open(host, wanted, moment.at_ms, moment, judgement);
            }
            return;
        }
        if wanted.fault == Fault::Stale && self.open.is_some() {
            // Old definitions are no reason to go on saying that the engine is off.
            self.end(moment, judgement);
        }
        match self
            .pending
            .as_mut()
            .filter(|pending| pending.fault == wanted.fault)
        {
            Some(pending) => {
                pending.severity = Some(wanted.severity);
                pending.evidence = wanted.evidence;
            }
            None if patience_ms <= 0 => self.open(host, wanted, moment.at_ms, moment, judgement),
            None => {
                self.pending = Some(Pending {
                    fault: wanted.fault,
                    severity: Some(wanted.severity),
                    evidence: wanted.evidence,
                    since_ms: Some(moment.at_ms),
                    patience_ms,
                    due_ms: Some(moment.received_ms + patience_ms),
                });
            }
        }
    }

    /// There is no fault any more.
    pub(super) fn end(&mut self, moment: Moment, judgement: &mut Judgement) {
        self.pending = None;
        if let Some(open) = self.open.take() {
            judgement.findings.push(FindingChange::Closed {
                id: open.id,
                // What a tick has opened may end by an event of a moment before.
                closed_ms: moment.at_ms.max(open.opened_ms),
            });
        }
    }

    /// Time has passed: what has lasted long enough counts, unless it is held back for another reason.
    pub(super) fn tick(&mut self, host: HostId, moment: Moment, judgement: &mut Judgement) {
        if let Some(Pending {
            fault,
            severity,
            evidence,
            since_ms,
            ..
        }) = self.pending.take()
        {
            let wanted = Wanted {
                fault,
                severity: severity.unwrap_or(Severity::Medium),
                evidence,
            };
            self.open(host, wanted, since_ms.unwrap_or(moment.at_ms), moment, judgement);
        }
    }

    /// Patience begins anew, at least with `least_ms`: the PC may have slept.
    pub(super) fn connected(&mut self, least_ms: i64, moment: Moment) {
        if let Some(pending) = &mut self.pending {
            pending.due_ms = Some(moment.received_ms + pending.patience_ms.max(least_ms));
        }
    }

    /// A PC that is away cannot mend anything.
    pub(super) fn disconnected(&mut self) {
        if let Some(pending) = &mut self.pending {
            pending.due_ms = None;
        }
    }

    pub(super) fn waits(&self) -> bool {
        self.pending.is_some()
    }

    pub(super) fn is_due(&self, now_ms: i64) -> bool {
        let due_ms = self.pending.as_ref().and_then(|pending| pending.due_ms);
        due_ms.is_some_and(|due_ms| due_ms <= now_ms)
    }

    /// The fault, whether it counts already or must still last.
    pub(super) fn present(&self) -> Option<Fault> {
        let pending = self.pending.as_ref().map(|pending| pending.fault);
        pending.or(self.open.as_ref().map(|open| open.fault))
    }

    /// Opens a finding at a moment, about what has been so since another.
    fn open(
        &mut self,
        host: HostId,
        wanted: Wanted,
        since_ms: i64,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        self.end(moment, judgement);
        let verdict = Verdict {
            rule: wanted.fault.rule(),
            category: Category::Protection,
            host,
            key: "",
            severity: wanted.severity,
            evidence: wanted.evidence,
        };
        let finding = Finding {
            opened_ms: since_ms,
            ..verdict.at(moment)
        };
        self.open = Some(Open {
            id: finding.id.clone(),
            fault: wanted.fault,
            severity: Some(finding.severity),
            opened_ms: finding.opened_ms,
        });
        judgement.findings.push(FindingChange::Opened(finding));
    }
}
