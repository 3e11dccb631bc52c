//! What is done though nothing happens, and in which order: comparisons at intervals, reading again, long work in pieces.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tracing::info;

use super::known::REHASH_KEY;
use super::memory::MemoryError;
use super::rehash::{self, Place, Rehash};
use super::task::{Blanks, Comparison, Met, Progress, Task};
use super::{DEAF_INTERVAL, Files, LOOK_UP, heard_from_ns};
use crate::clock;
use crate::governor::Work;
use crate::state::{FIRST_LOOK_KEY, FirstLook};

/// Long work says how far it has come this often.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(60);
/// An interval is shortened by up to one part in so many, so that PCs that were switched on together do not compare
/// together ever after.
const JITTER_PARTS: u64 = 8;

/// When what is due.
#[derive(Debug)]
pub(super) struct Upkeep {
    /// When the last comparison of everything began: the one at start counts.
    compared: Instant,
    /// 0 to 255, this run's place in the jitter.
    place: u8,
    rehash_due: Instant,
    progress_due: Instant,
    first_look_said: bool,
    /// What each root held when it was last compared.
    held: HashMap<Vec<u8>, Met>,
}

impl Upkeep {
    /// Everything begins now.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            compared: now,
            place: clock::random_id()[0],
            rehash_due: now,
            progress_due: now + PROGRESS_INTERVAL,
            first_look_said: false,
            held: HashMap::new(),
        }
    }

    fn interval(&self, hours: u32) -> Duration {
        let whole = Duration::from_secs(u64::from(hours) * 3_600);
        whole - whole / u32::try_from(JITTER_PARTS).unwrap_or(1) * u32::from(self.place) / 256
    }
}

impl Files<'_> {
    /// Does a piece of the long work; how long to wait before the next.
    pub(super) fn work(&mut self) -> Result<Duration, MemoryError> {
        // What somebody may be waiting for goes before what nobody waits for.
        let is_now = |task: &Task| task.work() == Work::Now;
        let Some(at) = self.tasks.iter().position(is_now).or(match self.tasks.len() {
            0 => None,
            _ => Some(0),
        }) else {
            self.looker.explainer.complete_at(clock::wall_ms());
            return Ok(LOOK_UP);
        };
        let work = self.tasks[at].work();
        if let Some(wait) = self.governor.may_go_on(work) {
            return Ok(wait.min(LOOK_UP));
        }
        let governor = self.governor.clone();
        let mut piece = governor.piece(work);
        let progress = match &mut self.tasks[at] {
            Task::Forget(forgetting) => more(forgetting.advance(&mut self.looker)?),
            Task::Rehash(rehash) => more(rehash.advance(&mut self.looker, &self.inbox)?),
            Task::Compare(comparison) => comparison.advance(&mut self.looker, &self.inbox, &self.source)?,
        };
        piece.read(self.looker.take_bytes_read());
        drop(piece);
        match progress {
            Progress::More => Ok(Duration::ZERO),
            Progress::Later(pause) => Ok(pause.min(LOOK_UP)),
            Progress::Done(blanks) => {
                if let Some(Task::Compare(comparison)) = self.tasks.remove(at) {
                    self.compared(&comparison, blanks)?;
                }
                Ok(Duration::ZERO)
            }
        }
    }

    fn compared(&mut self, comparison: &Comparison, blanks: Blanks) -> Result<(), MemoryError> {
        let (top, met) = (&comparison.top, comparison.met());
        if comparison.is_whole() {
            self.upkeep.held.insert(top.clone(), met);
            let (root, mib) = (String::from_utf8_lossy(top), met.bytes >> 20);
            info!(%root, files = met.files, mib, first = comparison.is_first(), "compared");
        }
        if self.tasks.is_empty() {
            self.say_first_look(None)?;
            vong_os::usage::release_memory();
        }
        self.take_blanks(top, blanks);
        if comparison.is_first() {
            self.say_what_is_not_learnt();
        }
        Ok(())
    }

    /// Begins what is due, and says how far the first look has come.
    pub(super) fn keep_up(&mut self) -> Result<(), MemoryError> {
        self.compare_deaf_if_due();
        let now = Instant::now();
        if !self.tasks.is_empty() {
            if now >= self.upkeep.progress_due {
                self.upkeep.progress_due = now + PROGRESS_INTERVAL;
                self.say_what_is_not_learnt();
                self.say_progress()?;
            }
            return Ok(());
        }
        let Some((hours, days)) = self
            .in_force
            .as_ref()
            .map(|policy| (policy.recheck_hours, policy.rehash_days))
        else {
            return Ok(());
        };
        if hours > 0 && now >= self.upkeep.compared + self.upkeep.interval(hours) {
            self.upkeep.compared = now;
            let heard_since_ns = heard_from_ns(clock::wall_ms());
            for (_, root) in self.present_roots() {
                let comparison = Comparison::new(root.clone(), root, heard_since_ns).in_background();
                self.tasks.push_back(Task::Compare(Box::new(comparison)));
            }
        } else if days > 0 && now >= self.upkeep.rehash_due {
            self.upkeep.rehash_due = now + rehash::TURN;
            self.read_again(days)?;
        }
        Ok(())
    }

    fn read_again(&mut self, days: u32) -> Result<(), MemoryError> {
        let all = self.upkeep.held.values().map(|met| met.effort).sum();
        let kept = self.looker.memory.value(REHASH_KEY)?;
        let place = kept.as_deref().and_then(Place::decode);
        let Some(place) = place else {
            // Everything was read just now, or will be when it is met.
            let now = Place {
                turn_ms: clock::wall_ms(),
                ..Place::default()
            };
            return self.looker.memory.set(REHASH_KEY.to_vec(), Some(now.encode()));
        };
        let bytes = rehash::quantum(all, days, place.turn_ms, clock::wall_ms());
        if bytes > 0 && all > 0 {
            self.tasks
                .push_back(Task::Rehash(Box::new(Rehash::new(place, bytes))));
        }
        Ok(())
    }

    /// Where the system cannot tell everything, changes are found all the same, only later.
    fn compare_deaf_if_due(&mut self) {
        if self.deaf.is_empty() || !self.tasks.is_empty() || Instant::now() < self.deaf_due {
            return;
        }
        self.deaf_due = Instant::now() + DEAF_INTERVAL;
        let last_ms = clock::wall_ms().saturating_sub(DEAF_INTERVAL.as_millis() as i64);
        self.looker.explainer.incomplete_since(last_ms);
        for root in self.deaf.clone() {
            self.compare_below(root, i64::MAX);
        }
    }

    fn say_progress(&mut self) -> Result<(), MemoryError> {
        let first = self.tasks.iter().find_map(|task| match task {
            Task::Compare(comparison) if comparison.is_first() && comparison.has_begun() => {
                Some((comparison.top.clone(), comparison.met()))
            }
            _ => None,
        });
        let Some((root, met)) = first else {
            return Ok(());
        };
        let root = String::from_utf8_lossy(&root).into_owned();
        info!(
            root,
            files = met.files,
            mib = met.bytes >> 20,
            "first look goes on"
        );
        self.say_first_look(Some(FirstLook {
            root,
            files: met.files,
            bytes: met.bytes,
        }))
    }

    fn say_first_look(&mut self, look: Option<FirstLook>) -> Result<(), MemoryError> {
        if look.is_none() && !std::mem::take(&mut self.upkeep.first_look_said) {
            return Ok(());
        }
        self.upkeep.first_look_said = look.is_some();
        let value = look.map(|look| look.encode());
        self.looker.memory.set(FIRST_LOOK_KEY.to_vec(), value)
    }
}

fn more(is_more: bool) -> Progress {
    match is_more {
        true => Progress::More,
        false => Progress::Done(Blanks::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_differ_by_an_eighth_at_most() {
        let mut upkeep = Upkeep::new();
        upkeep.place = 0;
        assert_eq!(upkeep.interval(24), Duration::from_secs(24 * 3_600));
        upkeep.place = 255;
        let shortest = upkeep.interval(24);
        assert!(shortest > Duration::from_secs(21 * 3_600) && shortest < Duration::from_secs(22 * 3_600));
    }
}
