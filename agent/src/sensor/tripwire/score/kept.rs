//! What the next run of the agent finds of the sums and of what is going on.
//!
//! Somebody who spoils a file a minute would otherwise only have to wait for an update of the agent. What is kept of a
//! tree is small, and written when its slow sum has risen noticeably or its occurrence has become worse: not per file.

use serde::{Deserialize, Serialize};
use vong_proto::event::{Body, Event, Header, Lane, Tripwire, TripwireLevel};
use vong_proto::wire;

use super::tree::{Earlier, FIRST_FILES, Fading, HALF_LIFE_MS, Occurrence, SLOW_HALF_LIFE_MS, Tree, file};
use super::{Key, Moment, Scores};
use crate::clock;
use crate::sensor::tripwire::clue::Code;
use crate::sensor::tripwire::kinds::TYPES;

/// Less than this is an oddity, and many short-lived processes have one.
const KEPT_MIN: f64 = 2.0;
/// A slow sum that has risen by so much, and by so large a part of itself, is written again.
const STEP: f64 = 2.0;
const STEP_PART: f64 = 0.25;
/// Of a tree about which nothing was told only the first files are kept, and the last scores.
const FILES: usize = 8;
const SCORES: usize = 8;

/// Stands before the event in what is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Sums {
    wall_ms: i64,
    quick: f64,
    slow: f64,
    settled: f64,
    is_warned: bool,
    archived: f64,
    types: Vec<String>,
    is_told: bool,
}

impl Scores {
    /// What is to be kept from now on, or no longer (`None`), by the lowest process of each tree. With `all`, because
    /// the agent stops, also what has risen but a little.
    pub(in super::super) fn unkept(&mut self, now: Moment, all: bool) -> Vec<(Key, Option<Vec<u8>>)> {
        let mut changes: Vec<_> = self.dropped.drain(..).map(|key| (key, None)).collect();
        for (key, tree) in &mut self.trees {
            let slow = tree.slow.at(now.mono_ms, SLOW_HALF_LIFE_MS);
            let level = tree.told_level();
            // Of a process that has spoilt one file the one that has started it knows, too.
            let is_of_interest =
                level.is_some() || (slow >= KEPT_MIN && (tree.touched() >= 2 || tree.settled.value > 0.0));
            let is_news = tree.kept.is_none_or(|(before, before_level)| {
                let step = if all { 0.0 } else { STEP.max(before * STEP_PART) };
                slow > before + step || level != before_level
            });
            if !is_of_interest && tree.kept.take().is_some() {
                changes.push((*key, None));
            }
            if is_of_interest && is_news {
                tree.kept = Some((slow, level));
                changes.push((*key, Some(tree.to_bytes(now))));
            }
        }
        changes
    }

    /// Takes over what an earlier run has kept of the tree whose processes these are now. Whether it was readable.
    pub(in super::super) fn restore(&mut self, now: Moment, chain: Vec<Key>, bytes: &[u8]) -> bool {
        let (Some(key), Some(mut tree)) = (chain.first().copied(), Tree::from_bytes(now, bytes)) else {
            return false;
        };
        tree.chain = chain;
        self.trees.insert(key, tree);
        true
    }
}

/// Whether it is about something that has been told and was not over.
pub(in super::super) fn is_told(bytes: &[u8]) -> bool {
    split(bytes).is_some_and(|(sums, _)| sums.is_told)
}

impl Tree {
    /// That of what has been told; a warning that is held back has not.
    fn told_level(&self) -> Option<TripwireLevel> {
        let occurrence = self.occurrence.as_ref()?;
        occurrence.due_ms.is_none().then_some(occurrence.level)
    }

    fn to_bytes(&self, now: Moment) -> Vec<u8> {
        let sums = Sums {
            wall_ms: now.wall_ms,
            quick: self.quick.at(now.mono_ms, HALF_LIFE_MS),
            slow: self.slow.at(now.mono_ms, SLOW_HALF_LIFE_MS),
            settled: self.settled.at(now.mono_ms, SLOW_HALF_LIFE_MS),
            is_warned: self.is_warned,
            archived: self.archived,
            types: self.types.iter().map(|kind| (*kind).to_owned()).collect(),
            is_told: self.told_level().is_some(),
        };
        let (key, level) = match &self.occurrence {
            Some(occurrence) => (occurrence.key.as_str(), occurrence.level),
            None => ("-", TripwireLevel::Warning),
        };
        let mut event = self.as_event(key, level, false);
        if self.occurrence.is_none() {
            event.files.truncate(FILES);
            event.curve.drain(..event.curve.len().saturating_sub(SCORES));
        }
        let event = wire::encode_event(&Event {
            header: Header {
                lane: Lane::Urgent,
                seq: 0,
                wall_ms: now.wall_ms,
                mono_ms: now.mono_ms,
                boot: clock::boot_id(),
            },
            body: Body::Tripwire(event),
        });
        let sums = serde_json::to_vec(&sums).unwrap_or_default();
        let length = u32::try_from(sums.len()).unwrap_or_default();
        [&length.to_be_bytes()[..], &sums, &event].concat()
    }

    fn from_bytes(now: Moment, bytes: &[u8]) -> Option<Tree> {
        let (sums, event) = split(bytes)?;
        let Body::Tripwire(event) = wire::decode_event(Lane::Urgent, event).ok()?.body else {
            return None;
        };
        let numbers = [sums.quick, sums.slow, sums.settled, sums.archived];
        if !numbers.iter().all(|number| number.is_finite() && *number >= 0.0) {
            return None;
        }
        // A clock that was set back ages nothing.
        let age = |then_ms: i64| u64::try_from(now.wall_ms.saturating_sub(then_ms)).unwrap_or(0);
        let faded = |value: f64, half_life_ms: f64| {
            let then = Fading { value, at_ms: 0 };
            Fading {
                value: then.at(age(sums.wall_ms), half_life_ms),
                at_ms: now.mono_ms,
            }
        };
        let slow = faded(sums.slow, SLOW_HALF_LIFE_MS);
        let occurrence = sums.is_told.then(|| Occurrence {
            key: event.key.clone(),
            level: event.level,
            told_ms: now.mono_ms,
            is_news: false,
            due_ms: None,
        });
        let kind = |name: &String| {
            TYPES
                .iter()
                .find(|kind| kind.extension == name)
                .map(|kind| kind.extension)
        };
        let mut tree = Tree {
            quick: faded(sums.quick, HALF_LIFE_MS),
            slow,
            settled: faded(sums.settled, SLOW_HALF_LIFE_MS),
            is_warned: sums.is_warned,
            archived: sums.archived,
            types: sums.types.iter().filter_map(kind).collect(),
            kept: Some((slow.value, occurrence.as_ref().map(|occurrence| occurrence.level))),
            occurrence,
            last: Moment {
                wall_ms: event.last_ms,
                mono_ms: now.mono_ms.saturating_sub(age(event.last_ms)),
            },
            ..Tree::default()
        };
        tree.take_over(event);
        Some(tree)
    }

    /// What can be seen in the event.
    fn take_over(&mut self, event: Tripwire) {
        self.quick_max = f64::from(event.score_milli) / 1_000.0;
        self.slow_max = f64::from(event.slow_score_milli) / 1_000.0;
        self.first_ms = event.first_ms;
        self.curve = event.curve;
        for reason in event.reasons {
            if let Some(code) = Code::ALL.iter().find(|code| code.name() == reason.code) {
                let points = f64::from(reason.score_milli) / 1_000.0;
                self.reasons.insert(*code, (reason.count, points));
            }
        }
        for known in &event.files {
            // One that is spoilt again adds nothing, as if nothing had happened in between.
            let name = file(known.old_path.as_ref().unwrap_or(&known.path));
            self.touched.insert(name);
            self.counted.insert(name, f64::from(known.score_milli) / 1_000.0);
        }
        let mut files = event.files;
        self.last_files = files.split_off(files.len().min(FIRST_FILES)).into();
        self.first_files = files;
        self.earlier = Earlier {
            touched: event
                .files_touched
                .saturating_sub(u32::try_from(self.touched.len()).unwrap_or(0)),
            lost: event.files_lost,
            canaries: event.canaries_touched,
            processes: event.processes,
        };
    }
}

fn split(bytes: &[u8]) -> Option<(Sums, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (sums, event) = rest.split_at_checked(length)?;
    Some((serde_json::from_slice(sums).ok()?, event))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sensor::tripwire::clue::{Clue, points};
    use crate::sensor::tripwire::score::Told;

    const MINUTE_MS: u64 = 60_000;

    fn at(mono_ms: u64) -> Moment {
        Moment {
            wall_ms: 1_000_000 + mono_ms as i64,
            mono_ms,
        }
    }

    fn spoilt(number: u64, shell: Key) -> Clue {
        Clue {
            code: Code::RewrittenAndDeleted,
            points: points::REWRITTEN,
            path: format!("/h/{number}.docx.enc").into_bytes(),
            old_path: Some(format!("/h/{number}.docx").into_bytes()),
            kind: Some("docx"),
            is_lost: true,
            chain: vec![shell],
        }
    }

    /// Applies what is to be kept to what is kept.
    fn keep(scores: &mut Scores, now: Moment, all: bool, kept: &mut Option<Vec<u8>>) -> usize {
        let changes = scores.unkept(now, all);
        let count = changes.len();
        for (_, change) in changes {
            *kept = change;
        }
        count
    }

    #[test]
    fn a_knowna_minute_is_met_although_the_agent_is_restarted_in_between() {
        for restart_after in 2..9 {
            // Killed or stopped, the next run finds what was kept.
            for is_killed in [true, false] {
                let mut scores = Scores::new("one".to_owned());
                let (mut kept, mut alarm) = (None, None);
                for number in 1..=20 {
                    let now = at(number * MINUTE_MS);
                    let told = scores.take(now, &spoilt(number, 5));
                    if told.is_some_and(|told| told.tripwire.level == TripwireLevel::Alarm) {
                        alarm = Some(number);
                        break;
                    }
                    scores.tick(at(number * MINUTE_MS + 200));
                    keep(&mut scores, at(number * MINUTE_MS + 1_000), false, &mut kept);
                    if number == restart_after {
                        if !is_killed {
                            keep(&mut scores, at(number * MINUTE_MS + 2_000), true, &mut kept);
                        }
                        scores = Scores::new("two".to_owned());
                        let kept = kept.as_ref().expect("something is kept");
                        // The clock since boot begins anew, and so do the keys.
                        assert!(scores.restore(at(number * MINUTE_MS + 30_000), vec![5], kept));
                    }
                }
                assert!(
                    alarm.is_some_and(|alarm| alarm <= 12),
                    "after {restart_after}, {is_killed}: {alarm:?}"
                );
            }
        }
    }

    #[test]
    fn what_goes_on_goes_on_under_its_name_and_ends() {
        let mut scores = Scores::new("one".to_owned());
        let mut told: Vec<Told> = Vec::new();
        for number in 0..10 {
            told.extend(scores.take(at(number), &spoilt(number, 5)));
        }
        let before = &told.last().expect("an alarm").tripwire;
        let changes = scores.unkept(at(1_000), false);
        let [(5, Some(bytes))] = &changes[..] else {
            panic!("{changes:?}")
        };
        assert!(is_told(bytes) && bytes.len() < 4_096, "{}", bytes.len());
        assert_eq!(scores.unkept(at(2_000), false), [], "nothing new");

        let mut scores = Scores::new("two".to_owned());
        assert!(scores.restore(at(5_000), vec![7], bytes));
        assert!(scores.is_watching());
        assert_eq!(scores.take(at(6_000), &spoilt(3, 7)), None, "counted before");
        scores.take(at(7_000), &spoilt(11, 7));
        let followed = scores.tick(at(16_000));
        assert_eq!(followed.len(), 1);
        assert_eq!(followed[0].tripwire.key, before.key);
        assert_eq!(followed[0].tripwire.files_touched, 11);
        assert_eq!(followed[0].tripwire.first_ms, before.first_ms);
        let over = scores.tick(at(200_000));
        assert!(over.len() == 1 && over[0].tripwire.over && over[0].tripwire.key == before.key);
        let changes = scores.unkept(at(200_000), false);
        assert!(
            matches!(&changes[..], [(7, Some(bytes))] if !is_told(bytes)),
            "it is over: {changes:?}"
        );
    }

    #[test]
    fn a_thousand_files_are_written_a_few_times() {
        let mut scores = Scores::new("one".to_owned());
        let (mut kept, mut writes) = (None, 0);
        for number in 0..1_000 {
            scores.take(at(number * 1_000), &spoilt(number, 5));
            writes += keep(&mut scores, at(number * 1_000), false, &mut kept);
        }
        assert!((1..40).contains(&writes), "{writes}");
        assert!(kept.is_some_and(|kept| kept.len() < 16_384));
    }

    #[test]
    fn one_knownof_a_short_lived_process_is_not_kept() {
        let mut scores = Scores::new("one".to_owned());
        scores.take(at(0), &spoilt(0, 5));
        assert_eq!(scores.unkept(at(1), true), []);
    }

    proptest! {
        #[test]
        fn whatever_is_kept_is_restored_and_whatever_else_is_not(
            clues in prop::collection::vec((0_u64..100, 0_u64..100_000, 0.0_f64..3.0), 2..60),
            noise in prop::collection::vec(any::<u8>(), 0..200),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut scores = Scores::new("one".to_owned());
            let mut now_ms = 0;
            for (file, passed_ms, points) in clues {
                now_ms += passed_ms;
                let clue = Clue { points, ..spoilt(file, 5) };
                scores.take(at(now_ms), &clue);
            }
            let now = at(now_ms);
            for (_, bytes) in scores.unkept(now, true) {
                let bytes = bytes.expect("kept");
                let mut other = Scores::new("two".to_owned());
                prop_assert!(other.restore(now, vec![5], &bytes));
                let slow = |scores: &Scores| scores.trees[&5].slow.at(now.mono_ms, SLOW_HALF_LIFE_MS);
                prop_assert!((slow(&scores) - slow(&other)).abs() < 1e-6);
                other.restore(now, vec![5], &bytes[..cut.index(bytes.len())]);
            }
            scores.restore(now, vec![6], &noise);
        }
    }
}
