//! dpkg: what it did when stands in its log, what belongs to which package in its lists.
//!
//! The log names the package under work before any of its files changes. While a package is unpacked its description
//! and sums lie in `tmp.ci`; afterwards in `info`. A package's sums do not name everything (its settings, what its
//! scripts make), but of what they name they tell the only content that is the package's.

use std::path::PathBuf;

use vong_os::file::{Facts, Kind, path_of};
use vong_proto::event::Cause;

use super::records::follow::Followed;
use super::records::sums::{self, Fit};
use super::{Doer, Question};

mod history;
mod lists;

use history::{Action, History};
use lists::{Listed, Lists};

/// Of a list of packages that work at once in the log's seconds, so many are asked whether the path is theirs.
const ASKED_MAX: usize = 16;
/// An entry of the log has whole seconds, and what it names may happen a moment later.
const SLACK_S: i64 = 2;
/// Bits of a mode that let others act as the owner, or anybody write.
const GRAVE_MODE: u32 = 0o6002;

/// Where dpkg keeps its records.
#[derive(Clone, Debug)]
pub struct Places {
    /// Its log.
    pub log: PathBuf,
    /// Its folder with lists and states.
    pub admin: PathBuf,
    /// Where the packages' files are: paths in lists begin there.
    pub root: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            log: PathBuf::from("/var/log/dpkg.log"),
            admin: PathBuf::from("/var/lib/dpkg"),
            root: PathBuf::from("/"),
        }
    }
}

/// Explains what dpkg did.
#[derive(Debug)]
pub(super) struct Dpkg {
    log: Followed,
    history: History,
    lists: Lists,
}

impl Dpkg {
    pub(super) fn new(places: Places) -> Self {
        Self {
            log: Followed::new(places.log.clone()),
            history: History::default(),
            lists: Lists::new(places),
        }
    }

    /// The package that explains a change by dpkg, by what it has started, or by nobody known.
    pub(super) fn explain(&mut self, question: &Question<'_>) -> Option<Cause> {
        self.read_log();
        let (from_s, until_s) = (
            self.log.local_seconds(question.span.from_ms)?,
            self.log.local_seconds(question.span.until_ms)?,
        );
        match question.doer {
            Doer::Under(_) => self.explain_own(question, from_s, until_s),
            Doer::Unknown => self.explain_unknown(question, from_s, until_s),
            Doer::Stranger => None,
        }
    }

    fn read_log(&mut self) {
        let (history, mut last_s) = (&mut self.history, None);
        self.log.read(|line| last_s = history.read(line).or(last_s));
        // A log that has just been turned is empty, and its time is not that of the last line of the one before.
        if let Some(last_s) = last_s {
            self.log.ends_at(last_s);
        }
    }

    /// dpkg was it: the package that says the path is its own, else the one under work.
    fn explain_own(&mut self, question: &Question<'_>, from_s: i64, until_s: i64) -> Option<Cause> {
        let mut under_work = None;
        for action in self
            .history
            .during(from_s.saturating_sub(SLACK_S), until_s.saturating_add(SLACK_S))
            .take(ASKED_MAX)
        {
            match self.lists.find(action, question.path) {
                Listed::Sum(sum) => {
                    return (fit(question, &sum) != Fit::Other).then(|| cause(action));
                }
                Listed::Plain => return Some(cause(action)),
                Listed::No => {}
            }
            // No package brings what lies in somebody's home, and no script has to change whom an SSH server lets in.
            if action.begun_s <= until_s && !question.is_personal {
                under_work = under_work.or(Some(action));
            }
        }
        under_work.map(cause)
    }

    /// Nobody knows who it was: only what is the package's own beyond doubt.
    fn explain_unknown(&mut self, question: &Question<'_>, from_s: i64, until_s: i64) -> Option<Cause> {
        let now = question.now.filter(|now| is_harmless(now) && !question.has_acl)?;
        let worked =
            |action: &&Action| action.begun_s <= until_s && from_s <= action.last_s.saturating_add(SLACK_S);
        let mut actions = self
            .history
            .during(from_s.saturating_sub(SLACK_S), until_s)
            .filter(worked)
            .take(ASKED_MAX);
        let explains = |action: &&Action| match (self.lists.find(action, question.path), now.kind) {
            (Listed::Sum(sum), Kind::File) => sums::fit(&path_of(question.path), now, &sum) == Fit::Same,
            (Listed::Plain, Kind::Folder | Kind::Other) => true,
            _ => false,
        };
        actions.find(explains).map(cause)
    }
}

fn fit(question: &Question<'_>, sum: &[u8; 16]) -> Fit {
    match question.now.filter(|_| question.content) {
        Some(now) => sums::fit(&path_of(question.path), now, sum),
        // It is gone, or only its rights changed: there is no content that could be another's.
        None => Fit::Unclear,
    }
}

/// Rights as nearly every file of a package has them. What runs as its owner whoever calls it, belongs to a user or can
/// be written by anybody is worth telling even if its content is the package's.
fn is_harmless(facts: &Facts) -> bool {
    let is_link = facts.kind == Kind::Other;
    facts.owner == 0 && (is_link || facts.mode & GRAVE_MODE == 0)
}

fn cause(action: &Action) -> Cause {
    Cause::Package {
        manager: "dpkg".to_owned(),
        name: action.package.clone(),
        version: action.version.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::planned::Span;
    use super::super::Manager;
    use super::*;

    #[test]
    fn a_log_that_was_turned_does_not_move_the_clock() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = Places {
            log: folder.path().join("log"),
            admin: folder.path().join("admin"),
            root: PathBuf::from("/"),
        };
        let line = "2026-11-30 17:03:02 install nginx:amd64 <none> 1.22.1-9\n";
        let written_s = 1_796_058_182 - 7 * 3_600;
        let file = std::fs::File::create(&places.log).expect("made");
        std::fs::write(&places.log, line).expect("written");
        let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(written_s);
        file.set_modified(written).expect("set");
        let mut dpkg = Dpkg::new(places.clone());
        let at_ms = i64::try_from(written_s).expect("small") * 1_000;
        let question = Question {
            path: b"/usr/sbin/nginx",
            doer: Doer::Under(Manager::Dpkg),
            span: Span {
                from_ms: at_ms,
                until_ms: at_ms,
            },
            now: None,
            content: true,
            has_acl: false,
            is_personal: false,
        };
        assert!(dpkg.explain(&question).is_some());
        std::fs::rename(&places.log, folder.path().join("log.1")).expect("turned");
        std::fs::write(&places.log, "").expect("written");
        assert!(dpkg.explain(&question).is_some());
        let an_hour_before = Span {
            from_ms: at_ms - 3_600_000,
            until_ms: at_ms - 3_600_000,
        };
        let question = Question {
            span: an_hour_before,
            ..question
        };
        assert!(dpkg.explain(&question).is_none());
    }
}
