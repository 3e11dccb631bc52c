//! What became known of hosts, reduced to what is worth a write: an agent may say the same thing a thousand times in
//! one batch, and while it is written nobody else writes to the registry.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::entry::HostId;
use crate::registry::host_state::{Noun, STATES_MAX};
use crate::rules::{HostChange, HostNews};

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Protection(HostId),
    Network(HostId),
    Neighbours(HostId),
    Thing(HostId, Noun, String),
}

/// Changes in their order, without those that later ones make void.
#[derive(Debug, Default)]
pub(super) struct News {
    changes: BTreeMap<usize, HostChange>,
    /// The place of the last change about each subject.
    last: HashMap<Subject, usize>,
    /// States by time, each with its place: of one kind a host keeps only the newest.
    states: HashMap<(HostId, Noun), BTreeSet<(i64, usize)>>,
    /// The place of the last [`HostNews::Outdated`] of each kind: what stands before it may be void already.
    outdated: HashMap<(HostId, Noun), usize>,
    places: usize,
}

impl News {
    /// Adds what came after everything before.
    pub(super) fn push(&mut self, change: HostChange) {
        self.places += 1;
        let place = self.places;
        if let Some(subject) = subject(&change) {
            if let Some(before) = self.last_about(&subject) {
                if is_older(&change, &self.changes[&before]) {
                    return;
                }
                if makes_void(&change, &self.changes[&before]) {
                    self.forget(before);
                }
            }
            self.last.insert(subject, place);
        } else if let HostNews::Outdated { noun, .. } = &change.news {
            self.outdated.insert((change.host, *noun), place);
        }
        self.note_state(&change, place);
        self.changes.insert(place, change);
    }

    /// So many writes.
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// The changes in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &HostChange> {
        self.changes.values()
    }

    /// The hosts and kinds of which a state is written.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (HostId, Noun)> {
        self.states.keys().copied()
    }

    /// The change that the next one about a subject may take the place of.
    fn last_about(&self, subject: &Subject) -> Option<usize> {
        let place = *self.last.get(subject)?;
        let cut = match subject {
            Subject::Thing(host, noun, _) => self.outdated.get(&(*host, *noun)).copied(),
            Subject::Protection(_) | Subject::Network(_) | Subject::Neighbours(_) => None,
        };
        cut.is_none_or(|cut| cut < place).then_some(place)
    }

    fn note_state(&mut self, change: &HostChange, place: usize) {
        let HostNews::State(state) = &change.news else {
            return;
        };
        let states = self.states.entry((change.host, state.noun)).or_default();
        states.insert((state.at_ms, place));
        if states.len() > STATES_MAX
            && let Some((_, oldest)) = states.pop_first()
            && let Some(gone) = self.changes.remove(&oldest)
            && let Some(subject) = subject(&gone)
        {
            self.last.remove(&subject);
        }
    }

    fn forget(&mut self, place: usize) {
        if let Some(HostChange { host, news }) = self.changes.remove(&place)
            && let HostNews::State(state) = news
            && let Some(states) = self.states.get_mut(&(host, state.noun))
        {
            states.remove(&(state.at_ms, place));
        }
    }
}

fn subject(change: &HostChange) -> Option<Subject> {
    let host = change.host;
    match &change.news {
        HostNews::Protection(_) => Some(Subject::Protection(host)),
        HostNews::Network { .. } => Some(Subject::Network(host)),
        HostNews::Neighbours { .. } => Some(Subject::Neighbours(host)),
        HostNews::State(state) => Some(Subject::Thing(host, state.noun, state.key.clone())),
        HostNews::Gone { noun, key } => Some(Subject::Thing(host, *noun, key.clone())),
        // What is said of one occurrence at several times is joined, not replaced; rules bound how many there are.
        HostNews::Detection { .. } | HostNews::Outdated { .. } => None,
    }
}

/// When it was seen; what carries no time is about everything before it.
fn at_ms(change: &HostChange) -> Option<i64> {
    match &change.news {
        HostNews::Protection(state) => Some(state.at_ms),
        HostNews::Network { at_ms, .. }
        | HostNews::Neighbours { at_ms, .. }
        | HostNews::Detection { at_ms, .. } => Some(*at_ms),
        HostNews::State(state) => Some(state.at_ms),
        HostNews::Gone { .. } | HostNews::Outdated { .. } => None,
    }
}

/// An older sight never overwrites a newer one.
fn is_older(change: &HostChange, before: &HostChange) -> bool {
    at_ms(change)
        .zip(at_ms(before))
        .is_some_and(|(now, then)| now < then)
}

/// A state after the end of another of the same name does not replace that end: the registry may know a newer one. A
/// verdict that only time has changed does not replace what was told of the products.
fn makes_void(change: &HostChange, before: &HostChange) -> bool {
    if let (HostNews::Protection(now), HostNews::Protection(then)) = (&change.news, &before.news) {
        return now.detail.is_some() || then.detail.is_none();
    }
    let is_end = |change: &HostChange| matches!(change.news, HostNews::Gone { .. });
    is_end(change) || !is_end(before)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::registry::host_state::HostState;

    const HOST: HostId = HostId(1);

    fn state(key: &str, at_ms: i64) -> HostNews {
        HostNews::State(HostState {
            noun: Noun::Blind,
            key: key.to_owned(),
            at_ms,
            detail: json!(at_ms),
        })
    }

    fn gone(key: &str) -> HostNews {
        HostNews::Gone {
            noun: Noun::Blind,
            key: key.to_owned(),
        }
    }

    fn of(all: impl IntoIterator<Item = HostNews>) -> News {
        let mut news = News::default();
        for one in all {
            news.push(HostChange {
                host: HOST,
                news: one,
            });
        }
        news
    }

    #[test]
    fn what_is_said_a_thousand_times_is_one_write() {
        let network = |at_ms| HostNews::Network {
            at_ms,
            detail: json!({}),
        };
        let news = of((0..1_000).flat_map(|at_ms| [state("a", at_ms), network(at_ms)]));
        assert_eq!(news.len(), 2);
        assert_eq!(news.kinds().collect::<Vec<_>>(), [(HOST, Noun::Blind)]);
    }

    #[test]
    fn invented_names_are_written_only_as_far_as_they_are_kept() {
        let news = of((0..2_000).map(|at_ms| state(&at_ms.to_string(), at_ms)));
        assert_eq!(news.len(), STATES_MAX);
        let oldest = news.iter().next().map(|change| change.news.clone());
        assert_eq!(oldest, Some(state("1800", 1_800)));
    }

    /// What the registry does, in short.
    fn apply<'a>(known: &mut BTreeMap<String, i64>, changes: impl Iterator<Item = &'a HostChange>) {
        for change in changes {
            match &change.news {
                HostNews::State(state) => {
                    let seen = known.entry(state.key.clone()).or_insert(state.at_ms);
                    *seen = state.at_ms.max(*seen);
                }
                HostNews::Gone { key, .. } => _ = known.remove(key),
                HostNews::Outdated { before_ms, .. } => known.retain(|_, at_ms| *at_ms >= *before_ms),
                HostNews::Protection(_)
                | HostNews::Detection { .. }
                | HostNews::Network { .. }
                | HostNews::Neighbours { .. } => {}
            }
        }
    }

    fn any_news() -> impl Strategy<Value = HostNews> {
        let key = || prop::sample::select(vec!["a", "b"]);
        prop_oneof![
            4 => (key(), 0..9i64).prop_map(|(key, at_ms)| state(key, at_ms)),
            2 => key().prop_map(gone),
            1 => (0..9i64).prop_map(|before_ms| HostNews::Outdated { noun: Noun::Blind, before_ms }),
        ]
    }

    proptest! {
        #[test]
        fn fewer_writes_say_the_same(
            all in prop::collection::vec(any_news(), 0..12),
            known in prop::collection::btree_map("[ab]", 0..9i64, 0..3),
        ) {
            let changes: Vec<_> = all.iter().map(|news| HostChange { host: HOST, news: news.clone() }).collect();
            let (mut every, mut reduced) = (known.clone(), known);
            apply(&mut every, changes.iter());
            apply(&mut reduced, of(all).iter());
            prop_assert_eq!(every, reduced);
        }
    }
}
