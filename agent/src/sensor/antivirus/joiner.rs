//! Joins what is said about one piece of malware into one occurrence: found by clamd, by clamonacc and by a scan,
//! found again, moved, removed, or simply gone. Pure: the time and the state of the files come from outside.
//!
//! ```text
//!                ┌─ moved, removed and gone ──▶ succeeded, ended
//! found ─▶ open ─┼─ gone, nobody says why ────▶ unknown, ended (`file_gone`)
//!                └─ could not be moved ───────▶ failed, still open
//! ```
//! A log says what anybody wants who names a file so. What it says was found is told when the engine says so too of
//! the file that is there; when the engine cannot say, it is told as `unconfirmed`, and when it denies it, not at all.
//!
//! A file that is gone may have been removed, or only renamed, or its medium pulled out: that malware is harmless is
//! said only when whoever took it away says so.
//!
//! An occurrence stays open as long as its file is there. Found again within ten minutes is the same word; later it
//! is said again, under the same key. What was found and has gone is often told twice, by a second look that was
//! already on its way: that is no new occurrence as long as the file is not back.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use vong_proto::event::{Detection, Outcome, Remedy};

use super::log::{What, is_remains};

/// Within this time the same word about the same file is one.
const REPEAT_MS: i64 = 10 * 60_000;
/// So many open occurrences are remembered; of further ones the oldest is not followed any more.
pub(super) const OPEN_MAX: usize = 200;
/// So many that have ended are remembered, against echoes.
const ENDED_MAX: usize = 200;
/// A file that was found is looked for this often in the first hour.
const CHECK_MS: i64 = 60_000;
/// After this time it is looked for with the state of the product.
const CHECKS_OFTEN_MS: i64 = 60 * 60_000;
/// Said by a log, and by nobody who has looked at the file since.
const UNCONFIRMED: &str = "unconfirmed";
const PRODUCT: &str = "ClamAV";
const VENDOR: &str = "Cisco";

/// One word that malware is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The file.
    pub(super) path: Vec<u8>,
    /// What is in it.
    pub(super) threat: String,
    /// When it was found, milliseconds since 1970.
    pub(super) found_ms: i64,
    /// Who says so.
    pub(super) source: &'static str,
    /// Whoever found it keeps it from being opened.
    pub(super) is_blocked: bool,
    /// The engine itself has said it of this very file.
    pub(super) is_certain: bool,
}

/// What the engine says of the file that stands at a path now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Malware is in it.
    Infected,
    /// Nothing is.
    Clean,
    /// It could not be asked.
    Unknown,
}

/// Malware in a file, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Occurrence {
    key: String,
    path: Vec<u8>,
    threat: String,
    found_ms: i64,
    source: String,
    action: Remedy,
    outcome: Outcome,
    code: String,
    sha256: Option<[u8; 32]>,
    said_ms: i64,
    check_ms: i64,
}

/// What can be seen of files.
pub(super) struct Files<'a> {
    /// Whether something stands at a path.
    pub(super) is_there: &'a dyn Fn(&[u8]) -> bool,
    /// SHA-256 of what stands there, if that is easily had.
    pub(super) digest: &'a dyn Fn(&[u8]) -> Option<[u8; 32]>,
    /// What the engine says of what stands there; with whether its own watch keeps it from being opened.
    pub(super) ask: &'a dyn Fn(&[u8], bool) -> Word,
}

/// The occurrences that are open, and those that have just ended.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    open: Vec<Occurrence>,
    ended: VecDeque<Occurrence>,
    changed: BTreeSet<String>,
}

impl Joiner {
    /// With what was open when the agent last ran.
    pub(super) fn new(open: Vec<Occurrence>) -> Self {
        Self {
            open,
            ..Self::default()
        }
    }

    /// Takes word of malware; returns what is to be said of it, if anything.
    pub(super) fn found(&mut self, finding: &Finding, now_ms: i64, files: &Files<'_>) -> Option<Detection> {
        if let Some(at) = self.open.iter().position(|known| known.is_about(finding)) {
            return self.found_again(at, finding, now_ms, files);
        }
        let is_echo = self
            .ended
            .iter()
            .any(|known| known.is_about(finding) && now_ms.saturating_sub(known.said_ms) < REPEAT_MS);
        if (is_echo || is_remains(&finding.path)) && !(files.is_there)(&finding.path) {
            return None;
        }
        let word = finding.ask(files);
        if word == Word::Clean {
            return None;
        }
        let mut begun = Occurrence::begin(finding, now_ms, (files.digest)(&finding.path));
        if word == Word::Unknown {
            begun.outcome = Outcome::Unknown;
            UNCONFIRMED.clone_into(&mut begun.code);
        }
        let detection = begun.detection();
        if word == Word::Unknown && !(files.is_there)(&finding.path) {
            self.remember_ended(begun);
            return Some(detection);
        }
        self.changed.insert(begun.key.clone());
        self.open.push(begun);
        if self.open.len() > OPEN_MAX {
            let dropped = self.open.remove(0);
            self.changed.insert(dropped.key);
        }
        Some(detection)
    }

    fn found_again(
        &mut self,
        at: usize,
        finding: &Finding,
        now_ms: i64,
        files: &Files<'_>,
    ) -> Option<Detection> {
        let known = &mut self.open[at];
        let is_blocked_now = finding.is_blocked && known.action == Remedy::None;
        let is_confirmed_now = finding.is_certain && known.is_unconfirmed();
        let is_news = is_blocked_now || is_confirmed_now;
        if !is_news && now_ms.saturating_sub(known.said_ms) < REPEAT_MS {
            return None;
        }
        if is_blocked_now {
            known.action = Remedy::Blocked;
        }
        if known.is_unconfirmed() && finding.ask(files) == Word::Infected {
            known.confirm();
        }
        known.said_ms = now_ms;
        self.changed.insert(known.key.clone());
        Some(known.detection())
    }

    /// Takes word of what was done. That malware is harmless is believed when its file has gone, that it is not
    /// when the file is there.
    pub(super) fn handled(
        &mut self,
        path: &[u8],
        what: &What,
        now_ms: i64,
        files: &Files<'_>,
    ) -> Option<Detection> {
        let (action, failed_as) = match what {
            What::Found(_) => return None,
            What::Moved => (Remedy::Quarantined, None),
            What::Removed => (Remedy::Removed, None),
            What::NotMoved => (Remedy::Quarantined, Some("not_moved")),
            What::NotRemoved => (Remedy::Removed, Some("not_removed")),
        };
        if (files.is_there)(path) != failed_as.is_some() {
            return None;
        }
        let Some(at) = self.open.iter().rposition(|known| known.path == path) else {
            return self.explained(path, action, failed_as, now_ms);
        };
        match failed_as {
            None => Some(self.end(at, action, Outcome::Succeeded, "", now_ms)),
            Some(code) => {
                let known = &mut self.open[at];
                if known.outcome == Outcome::Failed || known.is_unconfirmed() {
                    return None;
                }
                known.action = action;
                known.outcome = Outcome::Failed;
                code.clone_into(&mut known.code);
                self.changed.insert(known.key.clone());
                Some(known.detection())
            }
        }
    }

    /// Takes word of why a file has gone that was just missed: the look may fall between the deed and its line.
    fn explained(
        &mut self,
        path: &[u8],
        action: Remedy,
        failed_as: Option<&str>,
        now_ms: i64,
    ) -> Option<Detection> {
        let known = self.ended.iter_mut().rev().find(|known| known.path == path)?;
        let is_late = now_ms.saturating_sub(known.said_ms) >= REPEAT_MS;
        if known.outcome != Outcome::Unknown || is_late || failed_as.is_some() {
            return None;
        }
        known.action = action;
        known.outcome = Outcome::Succeeded;
        known.code.clear();
        known.said_ms = now_ms;
        Some(known.detection())
    }

    /// Looks for the files whose turn it is, and asks again about young ones that are unconfirmed; `interval_ms` is how
    /// often the old ones are looked for.
    pub(super) fn check(&mut self, now_ms: i64, interval_ms: i64, files: &Files<'_>) -> Vec<Detection> {
        let mut said = Vec::new();
        for at in (0..self.open.len()).rev() {
            let known = &mut self.open[at];
            // A clock that was set back must not stop the looking.
            let is_due = now_ms >= known.check_ms || known.check_ms - now_ms > CHECK_MS.max(interval_ms);
            if !is_due {
                continue;
            }
            let is_young = now_ms.saturating_sub(known.found_ms) < CHECKS_OFTEN_MS;
            let pause_ms = if is_young {
                CHECK_MS
            } else {
                interval_ms.max(CHECK_MS)
            };
            known.check_ms = now_ms.saturating_add(pause_ms);
            let is_there = (files.is_there)(&known.path);
            if is_there && is_young && known.is_unconfirmed() {
                if (files.ask)(&known.path, known.action == Remedy::Blocked) == Word::Infected {
                    known.confirm();
                    self.changed.insert(known.key.clone());
                    said.push(known.detection());
                }
            } else if !is_there {
                said.push(self.end(at, Remedy::None, Outcome::Unknown, "file_gone", now_ms));
            }
        }
        said
    }

    fn end(&mut self, at: usize, action: Remedy, outcome: Outcome, code: &str, now_ms: i64) -> Detection {
        let mut known = self.open.remove(at);
        known.action = action;
        known.outcome = outcome;
        code.clone_into(&mut known.code);
        known.said_ms = now_ms;
        self.changed.insert(known.key.clone());
        let detection = known.detection();
        self.remember_ended(known);
        detection
    }

    fn remember_ended(&mut self, known: Occurrence) {
        self.ended.push_back(known);
        while self.ended.len() > ENDED_MAX {
            self.ended.pop_front();
        }
    }

    /// What has changed since this was last asked: keys, and what is to be remembered under them.
    pub(super) fn take_changes(&mut self) -> Vec<(String, Option<&Occurrence>)> {
        let open = &self.open;
        std::mem::take(&mut self.changed)
            .into_iter()
            .map(|key| {
                let known = open.iter().find(|known| known.key == key);
                (key, known)
            })
            .collect()
    }
}

impl Finding {
    fn ask(&self, files: &Files<'_>) -> Word {
        match self.is_certain {
            true => Word::Infected,
            false => (files.ask)(&self.path, self.is_blocked),
        }
    }
}

impl Occurrence {
    fn begin(finding: &Finding, now_ms: i64, sha256: Option<[u8; 32]>) -> Self {
        Self {
            key: key(finding),
            path: finding.path.clone(),
            threat: finding.threat.clone(),
            found_ms: finding.found_ms,
            source: finding.source.to_owned(),
            action: if finding.is_blocked {
                Remedy::Blocked
            } else {
                Remedy::None
            },
            outcome: Outcome::Pending,
            code: String::new(),
            sha256,
            said_ms: now_ms,
            check_ms: now_ms.saturating_add(CHECK_MS),
        }
    }

    fn is_unconfirmed(&self) -> bool {
        self.code == UNCONFIRMED
    }

    fn confirm(&mut self) {
        self.outcome = Outcome::Pending;
        self.code.clear();
    }

    fn is_about(&self, finding: &Finding) -> bool {
        self.path == finding.path && self.threat == finding.threat
    }

    fn detection(&self) -> Detection {
        Detection {
            key: self.key.clone(),
            product: PRODUCT.to_owned(),
            vendor: VENDOR.to_owned(),
            threat: self.threat.clone(),
            path: self.path.clone(),
            action: self.action,
            outcome: self.outcome,
            code: self.code.clone(),
            source: self.source.clone(),
            found_ms: Some(self.found_ms),
            sha256: self.sha256,
            ..Detection::default()
        }
    }
}

/// The first 16 bytes of SHA-256 over product, threat, path and time, hexadecimal.
fn key(finding: &Finding) -> String {
    let mut hash = Sha256::new();
    for part in [PRODUCT.as_bytes(), finding.threat.as_bytes(), &finding.path] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(finding.found_ms.to_string());
    hex::encode(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A world in which some files are there, and the engine says this of each.
    struct World {
        files: BTreeSet<Vec<u8>>,
        word: Word,
    }

    impl Default for World {
        fn default() -> Self {
            Self {
                files: BTreeSet::new(),
                word: Word::Infected,
            }
        }
    }

    impl World {
        fn with(path: &str) -> Self {
            let mut world = Self::default();
            world.put(path);
            world
        }

        fn put(&mut self, path: &str) {
            self.files.insert(path.into());
        }

        fn take(&mut self, path: &str) {
            self.files.remove(path.as_bytes());
        }

        fn found(&self, joiner: &mut Joiner, finding: &Finding, now_ms: i64) -> Option<Detection> {
            self.show(|files| joiner.found(finding, now_ms, files))
        }

        fn handled(&self, joiner: &mut Joiner, what: &What, now_ms: i64) -> Option<Detection> {
            self.show(|files| joiner.handled(b"/a", what, now_ms, files))
        }

        fn check(&self, joiner: &mut Joiner, now_ms: i64) -> Vec<Detection> {
            self.show(|files| joiner.check(now_ms, 5_000, files))
        }

        fn show<T>(&self, look: impl FnOnce(&Files<'_>) -> T) -> T {
            let is_there = |path: &[u8]| self.files.contains(path);
            look(&Files {
                is_there: &is_there,
                digest: &|path| is_there(path).then_some([7; 32]),
                ask: &|path, _| if is_there(path) { self.word } else { Word::Unknown },
            })
        }
    }

    fn finding(found_ms: i64) -> Finding {
        Finding {
            path: b"/a".to_vec(),
            threat: "Eicar".to_owned(),
            found_ms,
            source: "clamonacc",
            is_blocked: false,
            is_certain: false,
        }
    }

    fn end(detection: &Detection) -> (Remedy, Outcome, &str) {
        (detection.action, detection.outcome, detection.code.as_str())
    }

    #[test]
    fn what_is_said_again_within_ten_minutes_is_said_once() {
        let (mut joiner, world) = (Joiner::default(), World::with("/a"));
        let first = world.found(&mut joiner, &finding(1_000), 1_000).expect("said");
        assert_eq!(end(&first), (Remedy::None, Outcome::Pending, ""));
        assert_eq!((first.found_ms, first.sha256), (Some(1_000), Some([7; 32])));
        assert_eq!(first.key.len(), 32);
        assert_eq!(world.found(&mut joiner, &finding(2_000), 2_000), None);
        let later = 1_000 + REPEAT_MS;
        let again = world
            .found(&mut joiner, &finding(later), later)
            .expect("said again");
        assert_eq!(again.key, first.key);
        let other = Finding {
            threat: "Other".to_owned(),
            ..finding(later)
        };
        let other = world.found(&mut joiner, &other, later).expect("another threat");
        assert_ne!(other.key, first.key);
    }

    /// As clamonacc with `--move` tells it: found, moved, found by a second look, which then fails to move it.
    #[test]
    fn an_echo_of_what_has_gone_is_no_new_occurrence() {
        let (mut joiner, mut world) = (Joiner::default(), World::with("/a"));
        let first = world.found(&mut joiner, &finding(1_000), 1_000).expect("said");
        world.take("/a");
        let moved = world.handled(&mut joiner, &What::Moved, 1_001).expect("said");
        assert_eq!(end(&moved), (Remedy::Quarantined, Outcome::Succeeded, ""));
        assert_eq!(moved.key, first.key);
        assert_eq!(world.found(&mut joiner, &finding(1_002), 1_002), None);
        assert_eq!(world.handled(&mut joiner, &What::NotRemoved, 1_003), None);

        // As clamd 1.4.6 wrote it meanwhile.
        let remains = Finding {
            path: b"/tmp/ce/watch/.clamav-unlink-3250-7674055-0/m1.com (deleted)".to_vec(),
            ..finding(1_003)
        };
        assert_eq!(world.found(&mut joiner, &remains, 1_003), None);

        world.put("/a");
        let back = world
            .found(&mut joiner, &finding(1_004), 1_004)
            .expect("it is back");
        assert_ne!(back.key, first.key);
    }

    /// Whoever names a file `x`, a line's end and the rest can write this line into the log.
    #[test]
    fn what_the_engine_denies_is_not_told() {
        let (mut joiner, mut world) = (Joiner::default(), World::with("/a"));
        world.word = Word::Clean;
        assert_eq!(world.found(&mut joiner, &finding(0), 0), None);
        let certain = Finding {
            is_certain: true,
            ..finding(1)
        };
        let said = world.found(&mut joiner, &certain, 1).expect("it has been asked");
        assert_eq!(end(&said), (Remedy::None, Outcome::Pending, ""));
    }

    #[test]
    fn what_cannot_be_asked_about_is_told_as_unconfirmed_until_it_can() {
        let (mut joiner, mut world) = (Joiner::default(), World::with("/a"));
        world.word = Word::Unknown;
        let first = world.found(&mut joiner, &finding(0), 0).expect("said");
        assert_eq!(end(&first), (Remedy::None, Outcome::Unknown, "unconfirmed"));
        assert_eq!(world.handled(&mut joiner, &What::NotMoved, 1), None);
        assert!(world.check(&mut joiner, CHECK_MS).is_empty());
        world.word = Word::Infected;
        let asked = world.check(&mut joiner, 2 * CHECK_MS);
        assert_eq!(end(&asked[0]), (Remedy::None, Outcome::Pending, ""));
        assert_eq!(asked[0].key, first.key);
        assert!(world.check(&mut joiner, 3 * CHECK_MS).is_empty());
    }

    #[test]
    fn what_has_gone_before_it_could_be_asked_about_is_joined_with_the_word_of_its_removal() {
        let (mut joiner, world) = (Joiner::default(), World::default());
        let first = world.found(&mut joiner, &finding(0), 0).expect("said");
        assert_eq!(end(&first), (Remedy::None, Outcome::Unknown, "unconfirmed"));
        assert!(joiner.take_changes().is_empty(), "nothing to be followed");
        let removed = world.handled(&mut joiner, &What::Removed, 1).expect("said");
        assert_eq!(end(&removed), (Remedy::Removed, Outcome::Succeeded, ""));
        assert_eq!(removed.key, first.key);
        assert_eq!(world.found(&mut joiner, &finding(2), 2), None, "an echo");
    }

    #[test]
    fn a_word_that_the_file_denies_is_not_believed() {
        let (mut joiner, world) = (Joiner::default(), World::with("/a"));
        world.found(&mut joiner, &finding(1_000), 1_000).expect("said");
        for done in [What::Moved, What::Removed] {
            assert_eq!(world.handled(&mut joiner, &done, 1_001), None, "{done:?}");
        }
        let failed = world.handled(&mut joiner, &What::NotMoved, 1_002).expect("said");
        assert_eq!(end(&failed), (Remedy::Quarantined, Outcome::Failed, "not_moved"));
        assert_eq!(world.handled(&mut joiner, &What::NotRemoved, 1_003), None, "once");
        let stranger = world.show(|files| joiner.handled(b"/unknown", &What::Removed, 1_003, files));
        assert_eq!(stranger, None);
    }

    #[test]
    fn what_is_blocked_is_still_there() {
        let (mut joiner, world) = (Joiner::default(), World::with("/a"));
        world.found(&mut joiner, &finding(1_000), 1_000).expect("said");
        let blocked = Finding {
            is_blocked: true,
            ..finding(1_001)
        };
        let said = world.found(&mut joiner, &blocked, 1_001).expect("news");
        assert_eq!(end(&said), (Remedy::Blocked, Outcome::Pending, ""));
        assert_eq!(world.found(&mut joiner, &blocked, 1_002), None);
    }

    #[test]
    fn a_file_that_goes_by_itself_ends_its_occurrence_and_nobody_knows_why() {
        let (mut joiner, mut world) = (Joiner::default(), World::with("/a"));
        let first = world.found(&mut joiner, &finding(0), 0).expect("said");
        assert!(world.check(&mut joiner, CHECK_MS).is_empty());
        world.take("/a");
        assert!(
            world.check(&mut joiner, CHECK_MS + 1).is_empty(),
            "not yet its turn"
        );
        let gone = world.check(&mut joiner, 2 * CHECK_MS);
        assert_eq!(end(&gone[0]), (Remedy::None, Outcome::Unknown, "file_gone"));
        assert_eq!(gone[0].key, first.key);
        assert!(world.check(&mut joiner, 9 * CHECK_MS).is_empty());
        let late = world.handled(&mut joiner, &What::Removed, 2 * CHECK_MS + REPEAT_MS);
        assert_eq!(late, None, "it is not followed any more");
    }

    /// Whoever takes a file away says so a moment later, and the look may fall between.
    #[test]
    fn a_word_that_comes_just_after_the_look_says_why_a_file_has_gone() {
        let (mut joiner, mut world) = (Joiner::default(), World::with("/a"));
        let first = world.found(&mut joiner, &finding(0), 0).expect("said");
        world.take("/a");
        world.check(&mut joiner, CHECK_MS);
        assert_eq!(world.handled(&mut joiner, &What::NotMoved, CHECK_MS + 1), None);
        let moved = world
            .handled(&mut joiner, &What::Moved, CHECK_MS + 2)
            .expect("said");
        assert_eq!(end(&moved), (Remedy::Quarantined, Outcome::Succeeded, ""));
        assert_eq!(moved.key, first.key);
        assert_eq!(
            world.handled(&mut joiner, &What::Removed, CHECK_MS + 3),
            None,
            "once"
        );
    }

    #[test]
    fn what_is_remembered_goes_on_after_a_restart_and_has_a_limit() {
        let mut world = World::default();
        let mut joiner = Joiner::default();
        let mut memory = std::collections::BTreeMap::new();
        for number in 0..OPEN_MAX + 5 {
            let path = format!("/{number}");
            world.put(&path);
            let finding = Finding {
                path: path.into_bytes(),
                ..finding(0)
            };
            world.found(&mut joiner, &finding, 0).expect("said");
            for (key, known) in joiner.take_changes() {
                match known {
                    Some(known) => memory.insert(key, serde_json::to_vec(known).expect("written")),
                    None => memory.remove(&key),
                };
            }
        }
        assert_eq!(memory.len(), OPEN_MAX);
        let read = |value: &Vec<u8>| serde_json::from_slice(value).expect("read");
        let mut restarted = Joiner::new(memory.values().map(read).collect());
        assert!(World::default().check(&mut restarted, CHECK_MS).len() == OPEN_MAX);
    }
}
