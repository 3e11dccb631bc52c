//! Adds evidence up, per tree of processes, and says when it is enough.
//!
//! ```text
//!            shell      6.2   ← the lowest that holds the sum
//!           ╱  │  ╲
//!     openssl openssl rm      1.5 each, and gone
//! ```
//! Each clue counts against the process that gave it and against those that started it. A quick sum forgets half in
//! a minute, so that an honest program's occasional oddity never adds up; a slow one forgets half in a day, and
//! meets whoever spoils a file now and then.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use vong_proto::event::{Tripwire, TripwireFile, TripwireLevel, TripwireReason, TripwireScore};

use super::clue::{Clue, Code, Key, points};

mod shared;

/// The quick sum's.
const HALF_LIFE_MS: f64 = 60_000.0;
/// The slow sum's.
const SLOW_HALF_LIFE_MS: f64 = 86_400_000.0;
/// Two or three documents within a minute, by somebody who may have a reason.
const WARNING: f64 = 3.0;
/// Four or five.
const ALARM: f64 = 6.0;
/// In a day an honest script may spoil a file or two of its own.
const SLOW_WARNING: f64 = 6.0;
const SLOW_ALARM: f64 = 12.0;
/// What packs documents away without a password is never more than strange.
const ARCHIVED_MAX: f64 = 1.5;
/// A weight for each type of document beyond the first.
const FURTHER_TYPE: f64 = 0.25;
const FURTHER_TYPES_MAX: usize = 2;
/// An occurrence that goes on is told again this often.
const FOLLOW_UP_MS: u64 = 10_000;
/// After so long without a clue an occurrence is over.
const SILENCE_MS: u64 = 120_000;
/// So many trees are kept; the one that was quiet longest goes.
const TREES_MAX: usize = 512;
/// So many files of a tree are told apart, lest one that is written twice counts twice.
const COUNTED_MAX: usize = 8_192;
const FIRST_FILES: usize = Tripwire::FILES_MAX / 2;

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

/// A sum that fades.
#[derive(Clone, Copy, Debug, Default)]
struct Fading {
    value: f64,
    at_ms: u64,
}

impl Fading {
    fn at(&self, now_ms: u64, half_life_ms: f64) -> f64 {
        let passed_ms = now_ms.saturating_sub(self.at_ms) as f64;
        self.value * (-passed_ms / half_life_ms).exp2()
    }

    fn add(&mut self, now_ms: u64, half_life_ms: f64, points: f64) -> f64 {
        self.value = self.at(now_ms, half_life_ms) + points;
        self.at_ms = now_ms;
        self.value
    }
}

/// All trees.
#[derive(Debug)]
pub(super) struct Scores {
    trees: HashMap<Key, Tree>,
    /// Makes the names of occurrences unique on this PC.
    run: String,
    occurrences: u64,
}

/// What is known against one process and all that it started.
#[derive(Debug, Default)]
struct Tree {
    /// Itself and those above it.
    chain: Vec<Key>,
    quick: Fading,
    slow: Fading,
    quick_max: f64,
    slow_max: f64,
    archived: f64,
    types: Vec<&'static str>,
    /// What each file has added.
    counted: HashMap<Vec<u8>, f64>,
    lost: HashSet<Vec<u8>>,
    canaries: HashSet<Vec<u8>>,
    reasons: BTreeMap<Code, (u32, f64)>,
    first_files: Vec<TripwireFile>,
    last_files: VecDeque<TripwireFile>,
    curve: Vec<TripwireScore>,
    first_ms: i64,
    last: Moment,
    occurrence: Option<Occurrence>,
    /// What it has added to its user's sum.
    shared: f64,
}

#[derive(Clone, Debug)]
struct Occurrence {
    key: String,
    level: TripwireLevel,
    told_ms: u64,
    is_news: bool,
}

impl Scores {
    /// Nothing is known against anybody. `run` is unique to this run of the agent.
    pub(super) fn new(run: String) -> Self {
        Self {
            trees: HashMap::new(),
            run,
            occurrences: 0,
        }
    }

    /// Counts a clue; what is to be told at once.
    pub(super) fn take(&mut self, now: Moment, clue: &Clue) -> Option<Told> {
        for (depth, key) in clue.chain.iter().enumerate() {
            let tree = self.trees.entry(*key).or_default();
            if tree.chain.is_empty() {
                tree.chain = clue.chain[depth..].to_vec();
                tree.first_ms = now.wall_ms;
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
            if now.mono_ms.saturating_sub(tree.last.mono_ms) >= SILENCE_MS {
                over.push(*key);
            } else if occurrence.is_news && now.mono_ms.saturating_sub(occurrence.told_ms) >= FOLLOW_UP_MS {
                occurrence.told_ms = now.mono_ms;
                occurrence.is_news = false;
                told.extend(tree.tell(false));
            }
        }
        for key in over {
            if let Some(tree) = self.trees.remove(&key) {
                told.extend(tree.tell(true));
                // What was told is settled: it shall not make an occurrence of the next oddity.
                for above in tree.chain.iter().skip(1) {
                    self.trees.remove(above);
                }
                self.trees.retain(|_, other| !other.chain.contains(&key));
            }
        }
        told
    }

    /// How long until something may have to be told.
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
        let tree = self.trees.get_mut(&keeper)?;
        tree.occurrence = Some(Occurrence {
            key,
            level,
            told_ms: if is_raised { now.mono_ms } else { told_ms },
            is_news: !is_raised,
        });
        is_raised.then(|| tree.tell(false)).flatten()
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
        while self.trees.len() > TREES_MAX {
            let quietest = self
                .trees
                .iter()
                .min_by_key(|(_, tree)| (tree.occurrence.is_some(), tree.last.mono_ms));
            let Some(quietest) = quietest.map(|(key, _)| *key) else {
                return;
            };
            self.trees.remove(&quietest);
        }
    }
}

impl Tree {
    fn take(&mut self, now: Moment, clue: &Clue) {
        let added = self.points_of(clue);
        self.last = now;
        if clue.code == Code::Canary {
            self.canaries.insert(clue.path.clone());
        }
        let name = clue.old_path.as_ref().unwrap_or(&clue.path);
        if clue.is_lost && clue.code != Code::Canary && self.lost.len() < COUNTED_MAX {
            self.lost.insert(name.clone());
        }
        if let Some(occurrence) = &mut self.occurrence {
            occurrence.is_news = true;
        }
        if added <= 0.0 {
            return;
        }
        let quick = self.quick.add(now.mono_ms, HALF_LIFE_MS, added);
        self.quick_max = self.quick_max.max(quick);
        if !matches!(clue.code, Code::Extension | Code::Note) {
            let slow = self.slow.add(now.mono_ms, SLOW_HALF_LIFE_MS, added);
            self.slow_max = self.slow_max.max(slow);
        }
        let reason = self.reasons.entry(clue.code).or_default();
        reason.0 = reason.0.saturating_add(1);
        reason.1 += added;
        self.remember(now, clue, added);
        self.draw(now, quick);
    }

    /// What a clue adds: a file counts once, by the weightiest that is known of it, and more if documents of several
    /// types are spoilt.
    fn points_of(&mut self, clue: &Clue) -> f64 {
        if let Some(kind) = clue.kind
            && !self.types.contains(&kind)
            && self.types.len() <= FURTHER_TYPES_MAX
        {
            self.types.push(kind);
        }
        let further = self.types.len().saturating_sub(1).min(FURTHER_TYPES_MAX);
        let mut points = clue.points;
        if clue.code == Code::Canary && points < points::CANARY && !self.canaries.is_empty() {
            points = if clue.is_lost {
                points::CANARY_GONE_FURTHER
            } else {
                points::CANARY_TOUCHED_FURTHER
            };
        }
        if clue.code == Code::ArchivedAndDeleted && points <= points::ARCHIVED {
            points = points.min(ARCHIVED_MAX - self.archived).max(0.0);
            self.archived += points;
        } else if clue.kind.is_some() {
            points *= 1.0 + FURTHER_TYPE * further as f64;
        }
        let mut name = clue.old_path.clone().unwrap_or_else(|| clue.path.clone());
        if clue.code == Code::Extension {
            // Its name and its content are two things.
            name.push(0);
        }
        let before = self.counted.get(&name).copied().unwrap_or_default();
        if self.counted.len() < COUNTED_MAX || self.counted.contains_key(&name) {
            self.counted.insert(name, before.max(points));
        }
        (points - before).max(0.0)
    }

    fn remember(&mut self, now: Moment, clue: &Clue, added: f64) {
        let file = TripwireFile {
            path: clue.path.clone(),
            old_path: clue.old_path.clone(),
            reason: clue.code.name().to_owned(),
            score_milli: milli(added),
            at_ms: now.wall_ms,
        };
        if self.first_files.len() < FIRST_FILES {
            self.first_files.push(file);
            return;
        }
        self.last_files.push_back(file);
        if self.last_files.len() > Tripwire::FILES_MAX - FIRST_FILES {
            self.last_files.pop_front();
        }
    }

    fn draw(&mut self, now: Moment, quick: f64) {
        if self.curve.len() >= Tripwire::CURVE_MAX {
            // Every other point shows the same curve.
            let mut count = 0;
            self.curve.retain(|_| {
                count += 1;
                count % 2 == 0
            });
        }
        self.curve.push(TripwireScore {
            at_ms: now.wall_ms,
            score_milli: milli(quick),
        });
    }

    fn level(&self, now: Moment) -> Option<TripwireLevel> {
        let quick = self.quick.at(now.mono_ms, HALF_LIFE_MS);
        let slow = self.slow.at(now.mono_ms, SLOW_HALF_LIFE_MS);
        if quick >= ALARM || slow >= SLOW_ALARM {
            Some(TripwireLevel::Alarm)
        } else if quick >= WARNING || slow >= SLOW_WARNING {
            Some(TripwireLevel::Warning)
        } else {
            None
        }
    }

    fn tell(&self, over: bool) -> Option<Told> {
        let occurrence = self.occurrence.as_ref()?;
        let mut reasons: Vec<TripwireReason> = self
            .reasons
            .iter()
            .map(|(code, (count, points))| TripwireReason {
                code: code.name().to_owned(),
                count: *count,
                score_milli: milli(*points),
            })
            .collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.score_milli));
        let touched = self
            .counted
            .keys()
            .filter(|name| name.last() != Some(&0))
            .count()
            .max(self.lost.len());
        let tripwire = Tripwire {
            key: occurrence.key.clone(),
            level: occurrence.level,
            score_milli: milli(self.quick_max),
            slow_score_milli: milli(self.slow_max),
            reasons,
            files: self.first_files.iter().chain(&self.last_files).cloned().collect(),
            curve: self.curve.clone(),
            processes: Vec::new(),
            user: String::new(),
            volume: Vec::new(),
            files_touched: count(touched),
            files_lost: count(self.lost.len()),
            canaries_touched: count(self.canaries.len()),
            first_ms: self.first_ms,
            last_ms: self.last.wall_ms,
            over,
        };
        Some(Told {
            tripwire,
            chain: self.chain.clone(),
        })
    }
}

fn milli(points: f64) -> u32 {
    // Never negative, and far below the limit.
    (points * 1_000.0).round() as u32
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
