//! A service that matters cannot be reached from a PC: a finding until it can again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use vong_proto::event::{ProbeState, Reachability};

use super::memory::{Memory, MemoryError};
use super::{HostChange, HostNews, Judgement, Moment, Remembered, Verdict};
use crate::entry::HostId;
use crate::finding::{Category, FindingChange};
use crate::registry::fold::storable;
use crate::registry::host_state::{HostState, Noun};
use crate::registry::rule_state::RuleState;

pub(super) const FAMILY: &str = "probes";

/// More probes of one PC are not followed: four times what a policy may ask for leaves room for renamed
/// ones, and stops an agent that invents names.
const PROBES_MAX: usize = 4 * vong_proto::policy::Policy::PROBES_MAX;

/// The family's memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Probes {
    hosts: Memory<State>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct State(BTreeMap<String, Known>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    /// When the newest state was seen.
    seen_ms: i64,
    /// The finding that is open.
    open: Option<String>,
}

impl Probes {
    pub(super) fn restore(&mut self, state: &RuleState) -> Result<(), MemoryError> {
        self.hosts.restore(state)
    }

    pub(super) fn remember(&mut self, into: &mut Vec<Remembered>) {
        self.hosts.remember(FAMILY, into);
    }

    pub(super) fn turned(
        &mut self,
        host: HostId,
        probe: &ProbeState,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        let name = storable(&probe.probe);
        let State(probes) = self.hosts.change(host);
        if probes.len() >= PROBES_MAX && !probes.contains_key(&name) {
            return;
        }
        let known = probes.entry(name.clone()).or_insert(Known {
            seen_ms: moment.at_ms,
            open: None,
        });
        if moment.at_ms < known.seen_ms {
            return;
        }
        known.seen_ms = moment.at_ms;
        judgement.hosts.push(news(host, &name, probe, moment));
        match (probe.state, known.open.take(), probe.severity) {
            (Reachability::Unreachable, None, Some(severity)) => {
                let verdict = Verdict {
                    rule: "probe.unreachable",
                    category: Category::Network,
                    host,
                    key: &name,
                    severity,
                    evidence: evidence(probe, moment),
                };
                let finding = verdict.at(moment);
                known.open = Some(finding.id.clone());
                judgement.findings.push(FindingChange::Opened(finding));
            }
            (Reachability::Reachable, Some(id), _) => judgement.findings.push(FindingChange::Closed {
                id,
                closed_ms: moment.at_ms,
            }),
            (_, open, _) => known.open = open,
        }
    }
}

fn evidence(probe: &ProbeState, moment: Moment) -> serde_json::Value {
    json!({
        "probe": probe.probe,
        "kind": probe.kind,
        "target": probe.target,
        "error": probe.error,
        "since_ms": moment.at_ms,
        "event_key": moment.event_key(),
    })
}

fn news(host: HostId, name: &str, probe: &ProbeState, moment: Moment) -> HostChange {
    HostChange {
        host,
        news: HostNews::State(HostState {
            noun: Noun::Probe,
            key: name.to_owned(),
            at_ms: moment.at_ms,
            detail: json!({
                "probe": name,
                "kind": probe.kind,
                "target": probe.target,
                "state": probe.state,
                "since_ms": moment.at_ms,
                "error": probe.error,
            }),
        }),
    }
}
