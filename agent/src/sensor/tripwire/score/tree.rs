//! What is known against one process and all that it has started.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use vong_proto::event::{Process, Tripwire, TripwireFile, TripwireLevel, TripwireReason, TripwireScore};

use super::{Moment, Told};
use crate::sensor::tripwire::clue::{Clue, Code, Key, points};

/// The quick sum's.
pub(super) const HALF_LIFE_MS: f64 = 60_000.0;
/// The slow sum's.
pub(super) const SLOW_HALF_LIFE_MS: f64 = 86_400_000.0;
/// Two or three documents within a minute, by somebody who may have a reason.
const WARNING: f64 = 3.0;
/// Three to five.
const ALARM: f64 = 6.0;
/// In a day an honest script may spoil a file or two of its own.
const SLOW_WARNING: f64 = 8.0;
const SLOW_ALARM: f64 = 16.0;
/// What packs documents away without a password is never more than strange.
const ARCHIVED_MAX: f64 = 1.5;
/// A weight for each type of document beyond the first.
const FURTHER_TYPE: f64 = 0.25;
const FURTHER_TYPES_MAX: usize = 2;
/// So many files of a tree are told apart, lest one that is written twice counts twice.
pub(super) const COUNTED_MAX: usize = 8_192;
/// What telling one apart takes.
const COUNTED_BYTES: usize = 64;
pub(super) const FIRST_FILES: usize = Tripwire::FILES_MAX / 2;

/// A sum that fades.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fading {
    pub(super) value: f64,
    pub(super) at_ms: u64,
}

impl Fading {
    pub(super) fn at(&self, now_ms: u64, half_life_ms: f64) -> f64 {
        let passed_ms = now_ms.saturating_sub(self.at_ms) as f64;
        self.value * (-passed_ms / half_life_ms).exp2()
    }

    pub(super) fn add(&mut self, now_ms: u64, half_life_ms: f64, points: f64) -> f64 {
        self.value = self.at(now_ms, half_life_ms) + points;
        self.at_ms = now_ms;
        self.value
    }
}

/// A file's name, as far as files have to be told apart.
pub(super) type File = u64;

/// What is known against one process and all that it started.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Itself and those above it.
    pub(super) chain: Vec<Key>,
    pub(super) quick: Fading,
    pub(super) slow: Fading,
    pub(super) quick_max: f64,
    pub(super) slow_max: f64,
    pub(super) archived: f64,
    pub(super) types: Vec<&'static str>,
    /// What each file has added, by its content and by its name.
    pub(super) counted: HashMap<File, f64>,
    pub(super) renamed: HashMap<File, f64>,
    pub(super) touched: HashSet<File>,
    pub(super) lost: HashSet<File>,
    pub(super) canaries: HashSet<File>,
    pub(super) reasons: BTreeMap<Code, (u32, f64)>,
    pub(super) first_files: Vec<TripwireFile>,
    pub(super) last_files: VecDeque<TripwireFile>,
    pub(super) curve: Vec<TripwireScore>,
    pub(super) first_ms: i64,
    /// What it takes in memory, roughly.
    pub(super) bytes: usize,
    pub(super) last: Moment,
    pub(super) occurrence: Option<Occurrence>,
    /// The slow sum, as far as an alarm has been told of it and is over.
    pub(super) settled: Fading,
    /// A warning has been told and is over.
    pub(super) is_warned: bool,
    /// What was told of it by an earlier run of the agent, whose sets and sums are lost.
    pub(super) earlier: Earlier,
    /// What it has added to its user's sum.
    pub(super) shared: f64,
    /// The slow sum, and the occurrence's level, that the next run of the agent would find.
    pub(super) kept: Option<(f64, Option<TripwireLevel>)>,
}

/// What an earlier run of the agent has counted.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    pub(super) touched: u32,
    pub(super) lost: u32,
    pub(super) canaries: u32,
    pub(super) processes: Vec<Process>,
}

#[derive(Clone, Debug)]
pub(super) struct Occurrence {
    pub(super) key: String,
    pub(super) level: TripwireLevel,
    pub(super) told_ms: u64,
    pub(super) is_news: bool,
    /// It has not been told yet, and is to be then.
    pub(super) due_ms: Option<u64>,
}

impl Tree {
    pub(super) fn take(&mut self, now: Moment, clue: &Clue) {
        let added = self.points_of(clue);
        self.last = now;
        if self.first_ms == 0 {
            self.first_ms = now.wall_ms;
        }
        if clue.code == Code::Canary && self.canaries.len() < COUNTED_MAX {
            self.canaries.insert(file(&clue.path));
        }
        let name = clue.old_path.as_ref().unwrap_or(&clue.path);
        if clue.is_lost
            && clue.code != Code::Canary
            && self.lost.len() < COUNTED_MAX
            && self.lost.insert(file(name))
        {
            self.bytes += COUNTED_BYTES;
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
    pub(super) fn points_of(&mut self, clue: &Clue) -> f64 {
        if let Some(kind) = clue.kind
            && !self.types.contains(&kind)
            && self.types.len() <= FURTHER_TYPES_MAX
        {
            self.types.push(kind);
        }
        let further = self.types.len().saturating_sub(1).min(FURTHER_TYPES_MAX);
        let mut points = clue.points;
        let is_further = !self.canaries.is_empty() || self.earlier.canaries > 0;
        if clue.code == Code::Canary && points < points::CANARY && is_further {
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
        let file = file(clue.old_path.as_ref().unwrap_or(&clue.path));
        if clue.code != Code::Canary && self.touched.len() < COUNTED_MAX {
            self.touched.insert(file);
        }
        // Its name and its content are two things.
        let counted = match clue.code {
            Code::Extension => &mut self.renamed,
            _ => &mut self.counted,
        };
        let before = counted.get(&file).copied();
        if counted.len() < COUNTED_MAX || before.is_some() {
            counted.insert(file, before.unwrap_or_default().max(points));
            self.bytes += if before.is_none() { COUNTED_BYTES } else { 0 };
        }
        (points - before.unwrap_or_default()).max(0.0)
    }

    pub(super) fn remember(&mut self, now: Moment, clue: &Clue, added: f64) {
        let file = TripwireFile {
            path: clue.path.clone(),
            old_path: clue.old_path.clone(),
            reason: clue.code.name().to_owned(),
            score_milli: milli(added),
            at_ms: now.wall_ms,
        };
        self.bytes += bytes_of(&file);
        if self.first_files.len() < FIRST_FILES {
            self.first_files.push(file);
            return;
        }
        self.last_files.push_back(file);
        if self.last_files.len() > Tripwire::FILES_MAX - FIRST_FILES
            && let Some(oldest) = self.last_files.pop_front()
        {
            self.bytes -= bytes_of(&oldest);
        }
    }

    pub(super) fn draw(&mut self, now: Moment, quick: f64) {
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

    pub(super) fn level(&self, now: Moment) -> Option<TripwireLevel> {
        let quick = self.quick.at(now.mono_ms, HALF_LIFE_MS);
        let settled = self.settled.at(now.mono_ms, SLOW_HALF_LIFE_MS);
        let slow = self.slow.at(now.mono_ms, SLOW_HALF_LIFE_MS) - settled;
        if quick >= ALARM || slow >= SLOW_ALARM {
            Some(TripwireLevel::Alarm)
        } else if quick >= WARNING || (slow >= SLOW_WARNING && !self.is_warned) {
            Some(TripwireLevel::Warning)
        } else {
            None
        }
    }

    pub(super) fn level_told(&self) -> Option<TripwireLevel> {
        self.occurrence.as_ref().map(|occurrence| occurrence.level)
    }

    /// What has been told is over. A warning about somebody slow is told once, and its evidence kept for the alarm;
    /// after an alarm as much again has to come.
    pub(super) fn settle(&mut self, now: Moment, level: Option<TripwireLevel>) {
        self.occurrence = None;
        self.quick = Fading::default();
        if level != Some(TripwireLevel::Alarm) {
            self.is_warned = true;
            return;
        }
        let slow = self.slow.at(now.mono_ms, SLOW_HALF_LIFE_MS);
        *self = Tree {
            chain: std::mem::take(&mut self.chain),
            slow: self.slow,
            settled: Fading {
                value: slow,
                at_ms: now.mono_ms,
            },
            archived: self.archived,
            bytes: COUNTED_BYTES * (self.counted.len() + self.renamed.len()),
            counted: std::mem::take(&mut self.counted),
            renamed: std::mem::take(&mut self.renamed),
            last: self.last,
            kept: self.kept,
            ..Tree::default()
        };
    }

    pub(super) fn touched(&self) -> u32 {
        let touched = self.touched.len().max(self.lost.len());
        self.earlier.touched.saturating_add(count(touched))
    }

    pub(super) fn tell(&self, over: bool) -> Option<Told> {
        let occurrence = self.occurrence.as_ref()?;
        Some(Told {
            tripwire: self.as_event(&occurrence.key, occurrence.level, over),
            chain: self.chain.clone(),
        })
    }

    pub(super) fn as_event(&self, key: &str, level: TripwireLevel, over: bool) -> Tripwire {
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
        Tripwire {
            key: key.to_owned(),
            level,
            score_milli: milli(self.quick_max),
            slow_score_milli: milli(self.slow_max),
            reasons,
            files: self.first_files.iter().chain(&self.last_files).cloned().collect(),
            curve: self.curve.clone(),
            processes: self.earlier.processes.clone(),
            user: self
                .earlier
                .processes
                .first()
                .map(|process| process.user.clone())
                .unwrap_or_default(),
            volume: Vec::new(),
            files_touched: self.touched(),
            files_lost: self.earlier.lost.saturating_add(count(self.lost.len())),
            canaries_touched: self.earlier.canaries.saturating_add(count(self.canaries.len())),
            first_ms: self.first_ms,
            last_ms: self.last.wall_ms,
            over,
        }
    }
}

pub(super) fn file(name: &[u8]) -> File {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn bytes_of(file: &TripwireFile) -> usize {
    size_of::<TripwireFile>() + file.path.len() + file.old_path.as_ref().map_or(0, Vec::len)
}

pub(super) fn milli(points: f64) -> u32 {
    // Never negative, and far below the limit.
    (points * 1_000.0).round() as u32
}

pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
