//! The sum of a user, beneath all the trees that count against him.
//!
//! ```text
//!                user      3.0 and it is told about the user
//!       ╭──────────┼─────────╮
//!     openssl   openssl   openssl      one point each at most, however much it has done
//!       ┆          ┆         ┆         started by the system for the user
//! ```
//! Whoever has each file spoilt by another program that the system starts for him (a timer, a message to it) has no
//! tree. Somebody's honest programs are many, and each may have its oddity: so each adds little, the slow sum grows by
//! half of that, and nothing counts twice that has been told of its tree.

use super::tree::SLOW_HALF_LIFE_MS;
use super::{Moment, Scores, Told};
use crate::sensor::tripwire::clue::{Clue, Code, Key};

/// What one tree adds at most: an alarm needs more than six of them in about a minute.
const SHARE_MAX: f64 = 1.0;

impl Scores {
    /// Counts a clue against its chain, and against the user beneath it, if there is one; what is to be told at once.
    pub(in super::super) fn take_with_user(
        &mut self,
        now: Moment,
        clue: &Clue,
        user: Option<Key>,
    ) -> Option<Told> {
        let told = self.take(now, clue);
        let has_tripped = |key: &Key| self.trees.get(key).is_some_and(|tree| tree.occurrence.is_some());
        if told.is_some()
            || clue.chain.iter().any(has_tripped)
            || !(clue.is_lost || clue.code == Code::Canary)
        {
            return told;
        }
        let user = user?;
        let top = self.trees.get_mut(clue.chain.last()?)?;
        let points = clue.points.min(SHARE_MAX - top.shared);
        if points <= 0.0 {
            return None;
        }
        top.shared += points;
        let share = Clue {
            points,
            // Different programs of a user have to do with different types.
            kind: None,
            chain: vec![user],
            ..clue.clone()
        };
        let tree = self.trees.entry(user).or_default();
        let (slow, slow_max) = (tree.slow.at(now.mono_ms, SLOW_HALF_LIFE_MS), tree.slow_max);
        let told = self.take(now, &share);
        let tree = self.trees.get_mut(&user)?;
        tree.slow.value = f64::midpoint(slow, tree.slow.at(now.mono_ms, SLOW_HALF_LIFE_MS));
        tree.slow_max = slow_max.max(tree.slow.value);
        told
    }
}

#[cfg(test)]
mod tests {
    use vong_proto::event::TripwireLevel;

    use super::*;
    use crate::sensor::tripwire::clue::{USERS, points};

    const USER: Key = USERS + 5;

    fn at(mono_ms: u64) -> Moment {
        Moment {
            wall_ms: mono_ms as i64,
            mono_ms,
        }
    }

    fn spoilt(number: u64, chain: &[Key]) -> Clue {
        Clue {
            code: Code::ContentRandom,
            points: points::RANDOM,
            path: format!("/h/{number}.docx").into_bytes(),
            old_path: None,
            kind: Some("docx"),
            is_lost: true,
            chain: chain.to_vec(),
        }
    }

    /// A file after the other, each by a process that has nobody above it; what was told, and after how many files.
    fn one_process_per_file(interval_ms: u64, files: u64) -> Vec<(u64, Told)> {
        let mut scores = Scores::new("run".to_owned());
        let mut all = Vec::new();
        for number in 1..=files {
            let now = at(number * interval_ms);
            let told = scores.take_with_user(now, &spoilt(number, &[number]), Some(USER));
            all.extend(told.map(|told| (number, told)));
            all.extend(scores.tick(now).into_iter().map(|told| (number, told)));
        }
        all
    }

    fn alarm(told: &[(u64, Told)]) -> Option<u64> {
        let is_alarm = |(_, told): &&(u64, Told)| told.tripwire.level == TripwireLevel::Alarm;
        told.iter().find(is_alarm).map(|(number, _)| *number)
    }

    #[test]
    fn one_process_per_file_adds_up_under_the_user() {
        let told = one_process_per_file(1_000, 20);
        assert!(alarm(&told).is_some_and(|files| files <= 8), "{told:?}");
        assert!(told.iter().all(|(_, told)| told.chain == [USER]));
        // As a job that runs each minute.
        assert!(alarm(&one_process_per_file(60_000, 60)).is_some_and(|files| files <= 36));
    }

    #[test]
    fn a_users_honest_programs_may_each_have_an_oddity() {
        // Two programs in a minute, and ten in a day.
        assert_eq!(one_process_per_file(10_000, 2), []);
        assert_eq!(one_process_per_file(8_640_000, 10), []);
    }

    #[test]
    fn who_spoils_many_is_told_of_himself_and_once() {
        let mut scores = Scores::new("run".to_owned());
        let mut told = Vec::new();
        for number in 1..=50 {
            let now = at(number * 100);
            told.extend(scores.take_with_user(now, &spoilt(number, &[7, 8]), Some(USER)));
            told.extend(scores.tick(now));
        }
        assert!(
            told.iter()
                .any(|told| told.tripwire.level == TripwireLevel::Alarm)
        );
        assert!(told.iter().all(|told| told.chain == [7, 8]), "{told:?}");
        let other = scores.take_with_user(at(6_000), &spoilt(99, &[9]), Some(USER));
        assert_eq!(other, None, "an oddity of another program is nothing");
        assert!(scores.trees[&USER].quick.value <= 2.0 * SHARE_MAX);
    }

    #[test]
    fn what_is_no_loss_does_not_count_against_the_user() {
        let mut scores = Scores::new("run".to_owned());
        for number in 1..=100 {
            let renamed = Clue {
                code: Code::Extension,
                points: points::EXTENSION,
                is_lost: false,
                ..spoilt(number, &[number])
            };
            assert_eq!(
                scores.take_with_user(at(number * 100), &renamed, Some(USER)),
                None
            );
        }
        assert!(!scores.trees.contains_key(&USER));
    }
}
