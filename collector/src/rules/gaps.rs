//! Events of a PC are gone: what its agent, or a restored collector, declares missing is told, not only listed.
//!
//! Samples may go, they are the first to be dropped on purpose; a hole among urgent events, states or file
//! events means that something may have happened unseen. Such a finding is a single moment, and only people
//! can close it. The ledger on the PC's page names every gap; here one an hour is enough, because a full
//! spool declares many, and a hostile agent as many as it likes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use vong_proto::event::{Lane, Severity};
use vong_proto::session::Gap;

use super::memory::{Memory, MemoryError};
use super::{Judgement, Moment, Remembered, Verdict};
use crate::entry::HostId;
use crate::finding::{Category, FindingChange};
use crate::registry::rule_state::RuleState;

pub(super) const FAMILY: &str = "gaps";
const RULE: &str = "ledger.gap";

/// A PC's next gap is told after this time.
const PAUSE_MS: i64 = 3_600_000;

/// The family's memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gaps {
    hosts: Memory<State>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// When one was last told, by the collector's clock.
    told_ms: Option<i64>,
}

impl Gaps {
    pub(super) fn restore(&mut self, state: &RuleState) -> Result<(), MemoryError> {
        self.hosts.restore(state)
    }

    pub(super) fn remember(&mut self, into: &mut Vec<Remembered>) {
        self.hosts.remember(FAMILY, into);
    }

    /// What a batch declares missing.
    pub(super) fn declared(&mut self, host: HostId, gaps: &[Gap], moment: Moment, judgement: &mut Judgement) {
        let gravest = gaps.iter().filter_map(|gap| Some((severity(gap.lane)?, gap)));
        let Some((severity, gap)) = gravest.max_by_key(|(severity, _)| *severity) else {
            return;
        };
        let is_told = |known: &State| {
            known
                .told_ms
                .is_some_and(|told_ms| moment.received_ms - told_ms < PAUSE_MS)
        };
        if self.hosts.get(&host).is_some_and(is_told) {
            return;
        }
        self.hosts.change(host).told_ms = Some(moment.received_ms);
        let verdict = Verdict {
            rule: RULE,
            category: Category::Ledger,
            host,
            key: "",
            severity,
            evidence: json!({
                "lane": gap.lane.index(),
                "first": gap.first,
                "last": gap.last,
                "missing": gap.last - gap.first + 1,
                "reason": gap.reason,
                "kinds": kinds(&gap.counts),
            }),
        };
        judgement.findings.push(FindingChange::Opened(verdict.at(moment)));
    }
}

/// What a hole in a lane means; nothing where it was expected.
fn severity(lane: Lane) -> Option<Severity> {
    match lane {
        Lane::Urgent => Some(Severity::High),
        Lane::State | Lane::Events => Some(Severity::Medium),
        Lane::Samples => None,
    }
}

/// The kinds of which most are missing; their names come from an agent.
fn kinds(counts: &BTreeMap<String, u64>) -> serde_json::Value {
    const SHOWN_MAX: usize = 5;
    let mut sorted: Vec<(&String, &u64)> = counts.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    sorted
        .into_iter()
        .take(SHOWN_MAX)
        .map(|(kind, count)| (kind.clone(), json!(count)))
        .collect()
}
