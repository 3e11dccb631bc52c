//! What a family of rules remembers of each host, and which of it has changed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Remembered, antivirus, files, gaps, probes, silence};
use crate::entry::HostId;
use crate::registry::rule_state::RuleState;

/// A remembered state that this build cannot read.
#[derive(Debug, thiserror::Error)]
#[error("what rule {rule} remembers of {entity} is not of this version")]
pub struct MemoryError {
    /// The family of rules.
    pub rule: String,
    /// The entity, in the family's own spelling.
    pub entity: String,
}

impl MemoryError {
    /// Whose findings nobody will close without this memory, and how the names of their rules begin. `None` of a
    /// family that is none of this build's, and of one whose findings people close.
    pub fn forsakes(&self) -> Option<(HostId, &'static str)> {
        let rules = match self.rule.as_str() {
            antivirus::FAMILY => "antivirus.",
            probes::FAMILY => "probe.",
            silence::FAMILY => "host.",
            _ => return None,
        };
        Some((HostId(self.entity.parse().ok()?), rules))
    }

    /// Whether this build has rules of that family, which will write a memory of their own.
    pub fn is_of_a_known_family(&self) -> bool {
        [
            antivirus::FAMILY,
            files::FAMILY,
            gaps::FAMILY,
            probes::FAMILY,
            silence::FAMILY,
        ]
        .contains(&self.rule.as_str())
    }

    /// Whose memory it is: `rule/entity`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.rule, self.entity)
    }

    pub(super) fn of(state: &RuleState) -> Self {
        Self {
            rule: state.rule.clone(),
            entity: state.entity.clone(),
        }
    }
}

/// States by host. In order, so that what follows from a tick follows in the same order every time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Memory<S> {
    states: BTreeMap<HostId, S>,
    changed: BTreeSet<HostId>,
}

impl<S> Default for Memory<S> {
    fn default() -> Self {
        Self {
            states: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }
}

impl<S: Default + PartialEq + Serialize + DeserializeOwned> Memory<S> {
    pub(super) fn restore(&mut self, remembered: &RuleState) -> Result<(), MemoryError> {
        let host = remembered
            .entity
            .parse()
            .map_err(|_| MemoryError::of(remembered))?;
        let state = serde_json::from_str(&remembered.state).map_err(|_| MemoryError::of(remembered))?;
        self.states.insert(HostId(host), state);
        Ok(())
    }

    pub(super) fn get(&self, host: HostId) -> Option<&S> {
        self.states.get(&host)
    }

    /// The state of a host, which the caller is about to change.
    pub(super) fn change(&mut self, host: HostId) -> &mut S {
        self.changed.insert(host);
        self.states.entry(host).or_default()
    }

    /// The hosts whose state is of a kind.
    pub(super) fn hosts(&self, matching: impl Fn(&S) -> bool) -> Vec<HostId> {
        let found = self.states.iter().filter(|(_, state)| matching(state));
        found.map(|(host, _)| *host).collect()
    }

    /// Hands over what has changed; a state that says nothing is forgotten.
    pub(super) fn remember(&mut self, rule: &'static str, into: &mut Vec<Remembered>) {
        for host in std::mem::take(&mut self.changed) {
            if self.states.get(&host).is_some_and(|state| *state == S::default()) {
                self.states.remove(&host);
            }
            into.push(Remembered {
                rule,
                entity: host.to_string(),
                state: self
                    .states
                    .get(&host)
                    .map(|state| serde_json::to_string(state).expect("states have string keys")),
            });
        }
    }
}
