//! What a family of rules remembers of each host (or product, or threat), and which of it has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Remembered, antivirus, files, gaps, known_bad, malware, outbreak, probes, silence, tripwire};
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
    /// family that is none of this build's, of one whose findings people close, and of one that is about no host.
    pub fn forsakes(&self) -> Option<(HostId, &'static str)> {
        let rules = match self.rule.as_str() {
            antivirus::FAMILY => "antivirus.",
            probes::FAMILY => "probe.",
            silence::FAMILY => "host.",
            malware::FAMILY => "malware.",
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
            known_bad::FAMILY,
            tripwire::FAMILY,
            malware::FAMILY,
            outbreak::FAMILY,
            probes::FAMILY,
            silence::FAMILY,
            antivirus::SOURCE_FAMILY,
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

/// States by host, or by another key. In order, so that what follows from a tick follows in the same order every time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Memory<S, K: Ord = HostId> {
    states: BTreeMap<K, S>,
    changed: BTreeSet<K>,
}

impl<S, K: Ord> Default for Memory<S, K> {
    fn default() -> Self {
        Self {
            states: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }
}

impl<S, K> Memory<S, K>
where
    S: Default + PartialEq + Serialize + DeserializeOwned,
    K: Ord + Clone + Display + FromStr,
{
    pub(super) fn restore(&mut self, remembered: &RuleState) -> Result<(), MemoryError> {
        let of = |_| MemoryError::of(remembered);
        let key = remembered
            .entity
            .parse()
            .map_err(|_| MemoryError::of(remembered))?;
        let state = serde_json::from_str(&remembered.state).map_err(of)?;
        self.states.insert(key, state);
        Ok(())
    }

    pub(super) fn get(&self, key: &K) -> Option<&S> {
        self.states.get(key)
    }

    /// The state of a key, which the caller is about to change.
    pub(super) fn change(&mut self, key: K) -> &mut S {
        self.changed.insert(key.clone());
        self.states.entry(key).or_default()
    }

    /// The keys whose state is of a kind.
    pub(super) fn keys(&self, matching: impl Fn(&S) -> bool) -> Vec<K> {
        let found = self.states.iter().filter(|(_, state)| matching(state));
        found.map(|(key, _)| key.clone()).collect()
    }

    /// All states.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &S)> {
        self.states.iter()
    }

    /// Hands over what has changed; a state that says nothing is forgotten.
    pub(super) fn remember(&mut self, rule: &'static str, into: &mut Vec<Remembered>) {
        for key in std::mem::take(&mut self.changed) {
            if self.states.get(&key).is_some_and(|state| *state == S::default()) {
                self.states.remove(&key);
            }
            into.push(Remembered {
                rule,
                entity: key.to_string(),
                state: self
                    .states
                    .get(&key)
                    .map(|state| serde_json::to_string(state).expect("states have string keys")),
            });
        }
    }
}
