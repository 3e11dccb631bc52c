//! What dpkg did when, from the lines of its log.
//!
//! ```text
//! 2026-11-30 17:03:02 upgrade nginx:amd64 1.22.0 1.22.1      an action begins, with the version before and after
//! 2026-11-30 17:03:03 status unpacked nginx:amd64 1.22.1     it goes on
//! 2026-11-30 17:03:04 configure nginx:amd64 1.22.1 <none>    the next one begins
//! 2026-11-30 17:03:09 status installed nginx:amd64 1.22.1    it is done
//! ```
//!
//! Nothing is said when dpkg ends. So an action is over when the next one begins, and at the latest some time after the
//! log's last word about it: what is done days after the last upgrade is not that upgrade's doing.
//!
//! Whoever can write the log is the administrator; it is read like anything else from outside all the same.

use std::collections::VecDeque;

use time::{Date, Month, PrimitiveDateTime, Time};

/// So many actions are remembered, some 150 bytes each: a new release of the system is a few thousand.
const ACTIONS_MAX: usize = 4_096;
/// After the word that a package is done, what was changed before may still come in, from queues that are full.
const DONE_S: i64 = 60;
/// Without that word a script is at work, or dpkg was interrupted. Few scripts take longer: a kernel's modules, built
/// on a slow PC, some ten minutes.
const UNDONE_S: i64 = 30 * 60;
/// Longer names and versions are none.
const WORD_MAX: usize = 200;

/// What was done with one package. Times are the log's seconds, as if it were written in Greenwich.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    /// The package, without its architecture.
    pub(super) package: String,
    /// The architecture, empty when the log does not say it.
    pub(super) architecture: String,
    /// The version that is there afterwards, or was there before the package went.
    pub(super) version: String,
    /// When it began.
    pub(super) begun_s: i64,
    /// When the log last spoke of it.
    pub(super) last_s: i64,
    /// When something else began.
    over_s: Option<i64>,
    /// The log's last word is that nothing more is to be done.
    done: bool,
}

impl Action {
    /// Until when something may have been this action's doing.
    fn until_s(&self) -> i64 {
        let patience_s = if self.done { DONE_S } else { UNDONE_S };
        let until_s = self.last_s.saturating_add(patience_s);
        self.over_s.map_or(until_s, |over_s| over_s.min(until_s))
    }
}

/// The actions of late.
#[derive(Debug, Default)]
pub(super) struct History {
    actions: VecDeque<Action>,
}

impl History {
    /// Takes one more line; its time. What is no line of dpkg's is passed over.
    pub(super) fn read(&mut self, line: &[u8]) -> Option<i64> {
        let (at_s, words) = split(std::str::from_utf8(line).ok()?)?;
        self.take(at_s, words);
        Some(at_s)
    }

    fn take(&mut self, at_s: i64, words: &str) {
        let mut words = words.split(' ');
        let version_at = match words.next() {
            Some("install" | "upgrade") => 1,
            Some("configure" | "trigproc" | "remove" | "purge" | "disappear") => 0,
            Some("startup") => {
                self.end(at_s);
                return;
            }
            Some("status") => {
                let state = words.next().unwrap_or_default();
                self.continue_with(at_s, state, words.next().unwrap_or_default());
                return;
            }
            _ => return,
        };
        self.end(at_s);
        let action = words
            .next()
            .and_then(package)
            .and_then(|(package, architecture)| {
                Some(Action {
                    package: package.to_owned(),
                    architecture: architecture.to_owned(),
                    version: words.nth(version_at).filter(|word| is_version(word))?.to_owned(),
                    begun_s: at_s,
                    last_s: at_s,
                    over_s: None,
                    done: false,
                })
            });
        if let Some(action) = action {
            if self.actions.len() >= ACTIONS_MAX {
                self.actions.pop_front();
            }
            self.actions.push_back(action);
        }
    }

    /// The actions of this time, the latest first: those that had begun by its end and were not over at its begin.
    pub(super) fn during(&self, from_s: i64, until_s: i64) -> impl Iterator<Item = &Action> {
        let is_over = move |action: &&Action| action.until_s() < from_s;
        let begun = self
            .actions
            .iter()
            .rev()
            .filter(move |action| action.begun_s <= until_s);
        begun.take_while(move |action| !is_over(action))
    }

    fn end(&mut self, at_s: i64) {
        if let Some(action) = self.actions.back_mut()
            && action.over_s.is_none()
        {
            action.over_s = Some(at_s);
        }
    }

    fn continue_with(&mut self, at_s: i64, state: &str, word: &str) {
        let named = package(word);
        if let Some(action) = self.actions.back_mut()
            && action.over_s.is_none()
            && named.is_some_and(|(package, _)| package == action.package)
        {
            action.last_s = at_s;
            action.done = matches!(state, "installed" | "not-installed");
        }
    }
}

/// The time of a line, and what follows it.
fn split(line: &str) -> Option<(i64, &str)> {
    let (stamp, rest) = line.split_at_checked("2026-11-30 17:03:02".len())?;
    let number = |from: usize, to: usize| stamp.get(from..to)?.parse::<u16>().ok();
    let month = Month::try_from(u8::try_from(number(5, 7)?).ok()?).ok()?;
    let date = Date::from_calendar_date(number(0, 4)?.into(), month, small(number(8, 10)?)?).ok()?;
    let time = Time::from_hms(
        small(number(11, 13)?)?,
        small(number(14, 16)?)?,
        small(number(17, 19)?)?,
    )
    .ok()?;
    let seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
    Some((seconds, rest.strip_prefix(' ')?))
}

fn small(number: u16) -> Option<u8> {
    u8::try_from(number).ok()
}

/// A package's name and its architecture. Names become those of files, so they are what dpkg allows.
fn package(word: &str) -> Option<(&str, &str)> {
    let (name, architecture) = word.split_once(':').unwrap_or((word, ""));
    let is_plain = |text: &str| {
        let mut bytes = text.bytes();
        text.len() <= WORD_MAX
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte))
    };
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    (begins_well && is_plain(name) && is_plain(architecture)).then_some((name, architecture))
}

fn is_version(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= WORD_MAX
        && word != "<none>"
        && word.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOG: &str = "\
2026-11-30 17:03:02 startup archives unpack
2026-11-30 17:03:02 upgrade nginx:amd64 1.22.0-1 1.22.1-9
2026-11-30 17:03:02 status half-configured nginx:amd64 1.22.0-1
2026-11-30 17:03:04 status unpacked nginx:amd64 1.22.1-9
2026-11-30 17:03:05 install libnew:all <none> 2:3.0~rc1+b1
2026-11-30 17:03:06 status unpacked libnew:all 2:3.0~rc1+b1
2026-11-30 17:03:07 startup packages configure
2026-11-30 17:03:07 configure nginx:amd64 1.22.1-9 <none>
2026-11-30 17:03:20 status installed nginx:amd64 1.22.1-9
2026-11-30 17:05:00 remove old:amd64 0.1 <none>
";

    fn history(log: &str) -> History {
        let mut history = History::default();
        for line in log.lines() {
            history.read(line.as_bytes());
        }
        history
    }

    /// Seconds of that minute.
    fn at(second: i64) -> i64 {
        1_796_058_180 + second
    }

    #[test]
    fn an_action_lasts_until_another_one_begins_or_it_is_long_past() {
        let history = history(LOG);
        let check = |from: i64, until: i64, expected: &[&str]| {
            let found: Vec<String> = history
                .during(at(from), at(until))
                .map(|action| format!("{} {}", action.package, action.version))
                .collect();
            assert_eq!(found, expected, "{from} {until}");
        };
        check(0, 1, &[]);
        check(3, 3, &["nginx 1.22.1-9"]);
        check(4, 6, &["libnew 2:3.0~rc1+b1", "nginx 1.22.1-9"]);
        check(10, 100, &["nginx 1.22.1-9"]);
        check(20 + DONE_S, 20 + DONE_S, &["nginx 1.22.1-9"]);
        check(21 + DONE_S, 22 + DONE_S, &[]);
        check(200, 300, &["old 0.1"]);
        check(120 + UNDONE_S, 9_999, &["old 0.1"]);
        check(121 + UNDONE_S, 9_999, &[]);
        assert_eq!(history.actions[2].last_s, at(20));
        assert_eq!(history.actions[0].architecture, "amd64");
    }

    #[test]
    fn what_is_no_line_of_dpkgs_is_passed_over() {
        for line in [
            "",
            "2026-11-30 17:03:02",
            "2026-13-30 17:03:02 install a <none> 1",
            "2026-11-30 25:03:02 install a <none> 1",
            "2026-11-30 17:03:02 install ../../etc/passwd <none> 1",
            "2026-11-30 17:03:02 install a/b <none> 1",
            "2026-11-30 17:03:02 install .. <none> 1",
            "2026-11-30 17:03:02 install a <none> <none>",
            "2026-11-30 17:03:02 install a",
            "2026-11-30 17:03:02 conffile /etc/x install",
            "tối qua install a <none> 1",
        ] {
            assert!(history(line).actions.is_empty(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it_and_no_name_leaves_its_folder(
            lines in prop::collection::vec(
                prop_oneof![
                    "\\PC{0,60}",
                    "20[0-9]{2}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9] (install|upgrade|status|remove) [a-z./:\\-]{0,12} [a-z0-9<>]{0,8} [0-9./]{0,6}",
                ],
                0..40,
            ),
        ) {
            let history = history(&lines.join("\n"));
            for action in &history.actions {
                prop_assert!(!action.package.contains('/') && !action.architecture.contains('/'));
                prop_assert!(!action.package.is_empty() && !action.package.starts_with('.'));
                prop_assert!(!action.version.is_empty());
            }
        }

        /// Whatever the clock does between two lines, at most one action is not over, and it is the last.
        #[test]
        fn one_thing_is_done_at_a_time(seconds in prop::collection::vec(0_i64..60, 1..30)) {
            let line = |second: &i64| format!("2026-11-30 17:03:{second:02} configure p{second} 1 <none>\n");
            let history = history(&seconds.iter().map(line).collect::<String>());
            let open = history.actions.iter().rev().position(|action| action.over_s.is_none());
            prop_assert_eq!(open, Some(0));
            prop_assert_eq!(history.actions.iter().filter(|action| action.over_s.is_none()).count(), 1);
        }

        /// Whatever the log says, long after its last word nothing is under work.
        #[test]
        fn no_action_lasts_for_ever(
            lines in prop::collection::vec((0_i64..60, "(install|upgrade|configure|remove|status installed|status unpacked)"), 1..30),
        ) {
            let line = |(second, action): &(i64, String)| {
                format!("2026-11-30 17:03:{second:02} {action} nginx:amd64 1.22.1-9 1.22.1-10\n")
            };
            let history = history(&lines.iter().map(line).collect::<String>());
            let later_s = at(60 + UNDONE_S);
            prop_assert_eq!(history.during(later_s, later_s).count(), 0);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let line = |number: usize| format!("2026-11-30 17:03:02 install p{number} <none> 1\n");
        let history = history(&(0..ACTIONS_MAX + 10).map(line).collect::<String>());
        assert_eq!(history.actions.len(), ACTIONS_MAX);
    }
}
