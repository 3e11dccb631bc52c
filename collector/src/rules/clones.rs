//! Two machines use one agent's key: an image was copied with its agent, or somebody has stolen the key.
//!
//! It is over when another agent speaks for the host: one of the two has enrolled again, and the other is refused
//! until it does so too.

use serde::{Deserialize, Serialize};
use serde_json::json;
use vong_proto::event::{AgentId, Severity};

use super::memory::{Memory, MemoryError};
use super::{Judgement, Moment, Remembered, Verdict};
use crate::entry::{Cloned, HostId};
use crate::finding::{Category, FindingChange};
use crate::registry::rule_state::RuleState;

pub(super) const FAMILY: &str = "clones";
const RULE: &str = "agent.cloned";

/// The family's memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Clones {
    hosts: Memory<State>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// The agent whose key it is.
    agent: String,
    /// The finding that is open.
    open: Option<String>,
}

impl Clones {
    pub(super) fn restore(&mut self, state: &RuleState) -> Result<(), MemoryError> {
        self.hosts.restore(state)
    }

    pub(super) fn remember(&mut self, into: &mut Vec<Remembered>) {
        self.hosts.remember(FAMILY, into);
    }

    pub(super) fn seen(&mut self, cloned: &Cloned, moment: Moment, judgement: &mut Judgement) {
        if self
            .hosts
            .get(&cloned.host)
            .is_some_and(|known| known.open.is_some())
        {
            return;
        }
        let (former, latest) = match cloned.machines.as_slice() {
            // The former machine came back while nobody was connected: of the other one only its fingerprint is known.
            [latest] => (None, Some(latest)),
            machines => (machines.first(), machines.last()),
        };
        let verdict = Verdict {
            rule: RULE,
            category: Category::Identity,
            host: cloned.host,
            key: "",
            severity: Severity::High,
            evidence: json!({
                "how": cloned.how,
                "machine": former.map(|machine| &machine.name),
                "address": former.map(|machine| &machine.address),
                "other_machine": latest.map(|machine| &machine.name),
                "other_address": latest.map(|machine| &machine.address),
            }),
        };
        let finding = verdict.at(moment);
        *self.hosts.change(cloned.host) = State {
            agent: cloned.agent.to_string(),
            open: Some(finding.id.clone()),
        };
        judgement.findings.push(FindingChange::Opened(finding));
    }

    pub(super) fn connected(
        &mut self,
        host: HostId,
        agent: AgentId,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        if self
            .hosts
            .get(&host)
            .is_none_or(|known| known.agent == agent.to_string())
        {
            return;
        }
        if let Some(id) = std::mem::take(self.hosts.change(host)).open {
            judgement.findings.push(FindingChange::Closed {
                id,
                closed_ms: moment.received_ms,
            });
        }
    }
}
