//! First looks that are not over though nobody would expect them to take so long: what was there before is not learnt
//! yet, and so it is said. A laptop that is always on its battery may never come to the end of one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::Files;
use super::limit::Limit;
use super::task::Task;
use super::watch::WatchSet;

/// A first look at a whole PC takes minutes, on an old one with a full disk half an hour.
const EXPECTED: Duration = Duration::from_secs(60 * 60);
/// Nothing holds it up but the share of the PC that it may take.
const SLOW: &str = "slow";

impl Files<'_> {
    /// Says which watches are still not learnt, and why, and takes it back when they are.
    pub(super) fn say_what_is_not_learnt(&mut self) {
        let why = self.governor.holds_background().unwrap_or(SLOW);
        let tasks = self.tasks.iter();
        let late = late(tasks, &self.looker.watches, why, Instant::now());
        if late != self.late {
            self.late = late;
            self.say_limits();
        }
    }
}

/// One limit for each watch with a first look that should be over.
fn late<'a>(
    tasks: impl Iterator<Item = &'a Task>,
    watches: &WatchSet,
    why: &str,
    now: Instant,
) -> Vec<Limit> {
    let names: BTreeSet<&str> = tasks
        .filter_map(|task| match task {
            Task::Compare(comparison) if comparison.is_first() => Some(comparison),
            _ => None,
        })
        .filter(|first| now.saturating_duration_since(first.asked) >= EXPECTED)
        .filter_map(|first| watches.find(&first.top))
        .map(|watched| watched.name.as_str())
        .collect();
    names
        .into_iter()
        .map(|watch| Limit::not_learnt(watch, why))
        .collect()
}

#[cfg(test)]
mod tests {
    use vong_proto::policy::Watch;

    use super::super::task::Comparison;
    use super::super::watch::Watched;
    use super::*;

    #[test]
    fn a_first_look_that_is_not_over_after_an_hour_is_said_once_for_its_watch() {
        let watch = |name: &str, path: &str| {
            let watch = Watch {
                name: name.to_owned(),
                path: path.to_owned(),
                severity: None,
                exclude: Vec::new(),
            };
            Watched::new(&watch, path.as_bytes().to_vec())
        };
        let watched = vec![
            watch("boot", "/boot"),
            watch("boot", "/etc/grub.d"),
            watch("keys", "/k"),
        ];
        let watches = WatchSet::new(watched, Vec::new());
        let first = |root: &str| Comparison::first(root.as_bytes().to_vec(), 0, Vec::new());
        let again = Comparison::new(b"/k".to_vec(), b"/k".to_vec(), 0);
        let tasks: Vec<Task> = [first("/boot"), first("/etc/grub.d"), first("/gone"), again]
            .into_iter()
            .map(|comparison| Task::Compare(Box::new(comparison)))
            .collect();
        let begun = Instant::now();
        let late = |after: Duration| late(tasks.iter(), &watches, "on_battery", begun + after);
        assert_eq!(late(EXPECTED / 2), []);
        assert_eq!(late(EXPECTED), [Limit::not_learnt("boot", "on_battery")]);
    }
}
