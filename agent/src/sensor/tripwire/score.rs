//! Adds evidence up, per tree of processes, and says when it is enough.
//!
//! ```text
//!            shell      6.2   ← the lowest that holds the sum
//!           ╱  │  ╲
//!     openssl openssl rm      1.6 each, and gone
//! ```
//! Each clue counts against the process that gave it and against those that started it. A quick sum forgets half in
//! a minute, so that an honest program's occasional oddity never adds up; a slow one forgets half in a day, and
//! meets whoever spoils a file now and then.

use std::collections::HashMap;
use std::time::Duration;

use vong_proto::event::{Tripwire, TripwireLevel};

use super::clue::{Clue, Key};

mod kept;
mod shared;
mod tree;

pub(super) use kept::is_told;
use tree::{Occurrence, Tree};

/// A warning is told a moment later than it could be: an alarm that follows must not wait until the disk has taken it.
const WARNING_HELD_MS: u64 = 100;
/// An occurrence that goes on is told again this often.
const FOLLOW_UP_MS: u64 = 10_000;
/// After so long without a clue an occurrence is over.
const SILENCE_MS: u64 = 120_000;
/// So many trees are kept, in so much memory; the one that was quiet longest goes.
const TREES_MAX: usize = 512;
const BYTES_MAX: usize = 8 << 20;

/// A moment by both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) wall_ms: i64,
    pub(super) mono_ms: u64,
}

/// An occurrence that is to be told, and the processes that it is about, the lowest first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) tripwire: Tripwire,
    pub(super) chain: Vec<Key>,
}

/// All trees.
#[derive(Debug)]
pub(super) struct Scores {
    trees: HashMap<Key, Tree>,
    /// Makes the names of occurrences unique on this PC.
    run: String,
    occurrences: u64,
    /// Trees that were kept for the next run of the agent, and are no more.
    dropped: Vec<Key>,
}

impl Scores {
    /// Nothing is known against anybody. `run` is unique to this run of the agent.
    pub(super) fn new(run: String) -> Self {
        Self {
            trees: HashMap::new(),
            run,
            occurrences: 0,
            dropped: Vec::new(),
        }
    }

    /// Counts a clue; what is to be told at once.
    pub(super) fn take(&mut self, now: Moment, clue: &Clue) -> Option<Told> {
        for (depth, key) in clue.chain.iter().enumerate() {
            let tree = self.trees.entry(*key).or_default();
            if tree.chain.is_empty() {
                tree.chain = clue.chain[depth..].to_vec();
            }
            tree.take(now, clue);
        }
        self.forget_quietest();
        self.judge(now, &clue.chain)
    }

    /// What is to be told because time has passed.
    pub(super) fn tick(&mut self, now: Moment) -> Vec<Told> {
        let mut told = Vec::new();
        let mut over = Vec::new();
        for (key, tree) in &mut self.trees {
            let Some(occurrence) = &mut tree.occurrence else {
                continue;
            };
            if occurrence.due_ms.is_some_and(|due_ms| now.mono_ms >= due_ms) {
                occurrence.due_ms = None;
                occurrence.told_ms = now.mono_ms;
                occurrence.is_news = false;
                told.extend(tree.tell(false));
            } else if now.mono_ms.saturating_sub(tree.last.mono_ms) >= SILENCE_MS {
                over.push(*key);
            } else if occurrence.is_news && now.mono_ms.saturating_sub(occurrence.told_ms) >= FOLLOW_UP_MS {
                occurrence.told_ms = now.mono_ms;
                occurrence.is_news = false;
                told.extend(tree.tell(false));
            }
        }
        for key in over {
            let Some(tree) = self.trees.get_mut(&key) else {
                continue;
            };
            told.extend(tree.tell(true));
            let (level, chain) = (tree.level_told(), tree.chain.clone());
            // What was told is settled: it shall not make an occurrence of the next oddity, neither here nor above nor
            // below. Whoever goes on slowly is not forgotten.
            for (other, tree) in &mut self.trees {
                if chain.contains(other) || tree.chain.contains(&key) {
                    tree.settle(now, level);
                }
            }
        }
        told
    }

    /// How long until something is to be told, if it is known.
    pub(super) fn due_in(&self, now_ms: u64) -> Option<Duration> {
        let occurrences = self.trees.values().filter_map(|tree| tree.occurrence.as_ref());
        let due_ms = occurrences.filter_map(|occurrence| occurrence.due_ms).min()?;
        Some(Duration::from_millis(due_ms.saturating_sub(now_ms)))
    }

    /// Whether something goes on.
    pub(super) fn is_watching(&self) -> bool {
        self.trees.values().any(|tree| tree.occurrence.is_some())
    }

    /// Raises or begins an occurrence at the lowest of the chain that holds the highest level.
    fn judge(&mut self, now: Moment, chain: &[Key]) -> Option<Told> {
        let level_of = |key: &Key| self.trees.get(key).and_then(|tree| tree.level(now));
        let level = chain.iter().filter_map(level_of).max()?;
        let holder = *chain.iter().find(|key| level_of(key) == Some(level))?;
        let known = self.occurrence_of(chain);
        let before = known.and_then(|key| self.trees.get_mut(&key)?.occurrence.take());
        let keeper = match (&before, known) {
            // What has been told about somebody stays with him while it grows no worse.
            (Some(before), Some(known)) if chain.contains(&known) && before.level >= level => known,
            // Somebody else of the same kin: it is about who has started both.
            (Some(_), Some(known)) if !chain.contains(&known) => {
                let kin = self
                    .trees
                    .get(&known)
                    .map(|tree| tree.chain.clone())
                    .unwrap_or_default();
                chain
                    .iter()
                    .find(|key| kin.contains(key))
                    .copied()
                    .unwrap_or(holder)
            }
            _ => holder,
        };
        let is_raised = before.as_ref().is_none_or(|before| before.level < level);
        let key = match &before {
            Some(before) => before.key.clone(),
            None => {
                self.occurrences += 1;
                format!("{}-{}", self.run, self.occurrences)
            }
        };
        let level = before.as_ref().map_or(level, |before| before.level.max(level));
        let told_ms = before.as_ref().map_or(now.mono_ms, |before| before.told_ms);
        let held_ms = now.mono_ms + WARNING_HELD_MS;
        let due_ms = match (&before, level) {
            (_, TripwireLevel::Alarm) => None,
            (Some(before), _) => before.due_ms,
            (None, _) => Some(held_ms),
        };
        let is_told = is_raised && due_ms.is_none();
        let tree = self.trees.get_mut(&keeper)?;
        tree.occurrence = Some(Occurrence {
            key,
            level,
            told_ms: if is_raised { now.mono_ms } else { told_ms },
            is_news: !is_raised,
            due_ms,
        });
        is_told.then(|| tree.tell(false)).flatten()
    }

    /// The tree whose occurrence this is a part of: one of the chain, or one with somebody of the chain above it.
    fn occurrence_of(&self, chain: &[Key]) -> Option<Key> {
        let is_open = |key: &&Key| self.trees.get(key).is_some_and(|tree| tree.occurrence.is_some());
        chain.iter().find(is_open).copied().or_else(|| {
            let is_kin = |(_, tree): &(&Key, &Tree)| {
                tree.occurrence.is_some() && tree.chain.iter().any(|key| chain.contains(key))
            };
            self.trees.iter().find(is_kin).map(|(key, _)| *key)
        })
    }

    fn forget_quietest(&mut self) {
        while self.trees.len() > TREES_MAX
            || (self.trees.len() > 1 && self.trees.values().map(|tree| tree.bytes).sum::<usize>() > BYTES_MAX)
        {
            let quietest = self
                .trees
                .iter()
                .min_by_key(|(_, tree)| (tree.occurrence.is_some(), tree.last.mono_ms));
            let Some(quietest) = quietest.map(|(key, _)| *key) else {
                return;
            };
            self.remove(quietest);
        }
    }

    fn remove(&mut self, key: Key) -> Option<Tree> {
        let tree = self.trees.remove(&key)?;
        if tree.kept.is_some() {
            self.dropped.push(key);
        }
        Some(tree)
    }
}

#[cfg(test)]
mod tests;
