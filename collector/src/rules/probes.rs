//! A service that matters cannot be reached from a PC: a finding until it can again, or until nobody asks.
//!
//! A probe that a policy has removed or renamed says nothing any more, not even goodbye. But whatever is
//! probed sends samples: a PC that is connected and has sent none of an unreachable service for
//! [`QUIET_MAX_MS`] no longer watches it, and the finding ends for that reason.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use vong_proto::event::{ProbeSample, ProbeState, Reachability};

use super::memory::{Memory, MemoryError};
use super::{HostChange, HostNews, Judgement, Moment, Remembered, Verdict};
use crate::entry::HostId;
use crate::finding::{Category, FindingChange};
use crate::registry::fold::storable;
use crate::registry::host_state::{HostState, Noun};
use crate::registry::rule_state::RuleState;

pub(super) const FAMILY: &str = "probes";

/// More probes of one PC are not followed at once: four times what a policy may ask for leaves room for
/// renamed ones, and stops an agent that invents names. Beyond, the one that has been quiet for longest
/// and is not unreachable makes room; when all are, the new one is passed over.
const PROBES_MAX: usize = 4 * vong_proto::policy::Policy::PROBES_MAX;
/// A policy may ask a service once an hour and sum up over an hour: longer than both together, and some time
/// for a slow line, nothing that is still watched is quiet.
const QUIET_MAX_MS: i64 = (2 * 60 + 15) * 60_000;

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
    /// Since when nothing was heard of it, by the collector's clock; `None` while its PC is away, and of
    /// services that can be reached.
    #[serde(default)]
    quiet_ms: Option<i64>,
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
        if !probes.contains_key(&name) && !has_room(probes) {
            return;
        }
        let known = probes.entry(name.clone()).or_insert(Known {
            seen_ms: moment.at_ms,
            open: None,
            quiet_ms: None,
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
        known.quiet_ms = known.open.is_some().then_some(moment.received_ms);
    }

    /// A service was probed, with whatever outcome.
    pub(super) fn sampled(&mut self, host: HostId, sample: &ProbeSample, moment: Moment) {
        let name = storable(&sample.probe);
        let is_open = |State(probes): &State| probes.get(&name).is_some_and(|known| known.open.is_some());
        if self.hosts.get(&host).is_some_and(is_open)
            && let Some(known) = self.hosts.change(host).0.get_mut(&name)
        {
            known.quiet_ms = Some(moment.received_ms);
        }
    }

    /// The silence of a PC's probes counts from here.
    pub(super) fn connected(&mut self, host: HostId, moment: Moment) {
        self.quiet_since(host, Some(moment.received_ms));
    }

    /// A PC that is away says nothing of its probes.
    pub(super) fn disconnected(&mut self, host: HostId) {
        self.quiet_since(host, None);
    }

    /// Nobody was heard while the collector was away.
    pub(super) fn collector_started(&mut self) {
        for host in self.hosts.keys(State::has_open) {
            self.quiet_since(host, None);
        }
    }

    /// Ends what nobody watches any more.
    pub(super) fn tick(&mut self, moment: Moment, judgement: &mut Judgement) {
        let unwatched = |known: &Known| known.is_unwatched(moment.received_ms);
        for host in self.hosts.keys(|State(probes)| probes.values().any(unwatched)) {
            let State(probes) = self.hosts.change(host);
            for (name, known) in probes.extract_if(.., |_, known| known.is_unwatched(moment.received_ms)) {
                judgement
                    .findings
                    .extend(known.open.map(|id| FindingChange::Unwatched {
                        id,
                        closed_ms: moment.received_ms,
                    }));
                judgement.hosts.push(HostChange {
                    host,
                    news: HostNews::Gone {
                        noun: Noun::Probe,
                        key: name,
                    },
                });
            }
        }
    }

    fn quiet_since(&mut self, host: HostId, quiet_ms: Option<i64>) {
        if self.hosts.get(&host).is_some_and(State::has_open) {
            let probes = self.hosts.change(host).0.values_mut();
            for known in probes.filter(|known| known.open.is_some()) {
                known.quiet_ms = quiet_ms;
            }
        }
    }
}

impl State {
    fn has_open(&self) -> bool {
        self.0.values().any(|known| known.open.is_some())
    }
}

impl Known {
    fn is_unwatched(&self, now_ms: i64) -> bool {
        self.open.is_some()
            && self
                .quiet_ms
                .is_some_and(|quiet_ms| now_ms - quiet_ms > QUIET_MAX_MS)
    }
}

/// Whether one more can be followed, after making room for it if need be.
fn has_room(probes: &mut BTreeMap<String, Known>) -> bool {
    if probes.len() < PROBES_MAX {
        return true;
    }
    let reachable = probes.iter().filter(|(_, known)| known.open.is_none());
    let quietest = reachable.min_by_key(|(_, known)| known.seen_ms);
    let name = quietest.map(|(name, _)| name.clone());
    name.is_some_and(|name| probes.remove(&name).is_some())
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
