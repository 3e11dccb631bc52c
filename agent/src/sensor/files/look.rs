//! Looks at what may have changed, compares it with what is remembered, and reports what did.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use vong_os::file::{Facts, Kind, look, path_of};
use vong_proto::event::{Body, FileAction, FileEvent, Lane, Origin, Severity, Who};

use super::digest::Hasher;
use super::explain::{Explainer, Manager};
use super::known::{Known, Mark, comparable, path_of as path_of_key, prefix_below};
use super::memory::{Memory, MemoryError};
use super::queue::{Change, Touch, What};
use super::watch::{WatchSet, Watched, is_within};
use crate::clock;
use crate::report::NewEvent;

const SECOND_NS: i64 = 1_000_000_000;
/// The clock that stamps files ticks every 10 ms at the slowest, and so much it may be behind the one read here.
const TICK_NS: i64 = 20_000_000;
/// FAT counts in two seconds.
const COARSE_TICK_NS: i64 = 2 * SECOND_NS;
/// So many remembered entries move at once with their renamed folder.
const RENAME_PAGE: usize = 256;
/// So many names are expected to be reported as removed next; beyond, all are taken to be known as such.
const FLEETING_MAX: usize = 1_024;

/// The one who looks.
pub(super) struct Looker {
    pub(super) memory: Memory,
    pub(super) watches: Arc<WatchSet>,
    /// Where something was mounted that is not there now: what is not met there is not deleted.
    pub(super) away: Vec<Vec<u8>>,
    /// Larger files are not read.
    pub(super) bytes_max: u64,
    /// Roots whose first look is not over: what is not remembered there may be old.
    pub(super) unfinished: Vec<Vec<u8>>,
    /// Names that came and went before anybody looked: reported as made, and not yet as removed.
    fleeting: HashSet<Vec<u8>>,
    hasher: Hasher,
    /// Knows what explains a change.
    pub(super) explainer: Explainer,
}

/// When something happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    wall_ms: i64,
    mono_ms: u64,
}

impl Moment {
    /// This moment.
    pub(super) fn now() -> Self {
        Self {
            wall_ms: clock::wall_ms(),
            mono_ms: clock::mono_ms(),
        }
    }

    fn of(change: &Change) -> Self {
        Self {
            wall_ms: change.wall_ms,
            mono_ms: change.mono_ms,
        }
    }
}

/// An event in the making.
struct Seen<'a> {
    action: FileAction,
    path: &'a [u8],
    old_path: Option<&'a [u8]>,
    known: Option<&'a Known>,
    origin: Origin,
    who: &'a Who,
    under: Option<Manager>,
    moment: Moment,
}

/// What a look at a path found.
enum Look {
    Nothing,
    Unchanged,
    Something(Known),
}

impl Looker {
    pub(super) fn new(memory: Memory, explainer: Explainer) -> Self {
        Self {
            memory,
            watches: Arc::default(),
            away: Vec::new(),
            bytes_max: 0,
            unfinished: Vec::new(),
            fleeting: HashSet::new(),
            hasher: Hasher::default(),
            explainer,
        }
    }

    /// Looks into what the system said. The answer is a folder whose inside must be compared too.
    pub(super) fn look_into(&mut self, change: &Change) -> Result<Option<Vec<u8>>, MemoryError> {
        match &change.what {
            What::Touched(touch) => self.touched(change, *touch),
            What::Gone => self.gone(change, &change.path),
            What::Renamed { from } => self.renamed(change, from),
        }
    }

    fn touched(&mut self, change: &Change, touch: Touch) -> Result<Option<Vec<u8>>, MemoryError> {
        let path = &change.path;
        if self.watches.find(path).is_none() {
            return Ok(None);
        }
        let before = self.memory.known(path)?;
        let (action, now) = match (self.inspect(path, before.as_ref(), touch.written), &before) {
            (Look::Unchanged, _) => return Ok(None),
            (Look::Nothing, Some(_)) if touch.may_be_gone => (FileAction::Deleted, None),
            // It came and went; its removal is said next.
            (Look::Nothing, None) if touch.created => {
                self.expect_removal(path);
                (FileAction::Created, None)
            }
            (Look::Nothing, _) => return Ok(None),
            (Look::Something(now), None) => (self.action_of_unknown(path, touch), Some(now)),
            (Look::Something(now), Some(before)) => match before.compare(&now) {
                Some(action) => (action, Some(now)),
                None => {
                    self.memory.remember(path, Some(&now))?;
                    return Ok(None);
                }
            },
        };
        let is_folder = |known: &Option<Known>| {
            known
                .as_ref()
                .is_some_and(|known| known.facts.kind == Kind::Folder)
        };
        let look_inside = match action {
            FileAction::Deleted => is_folder(&before),
            _ => touch.look_inside && is_folder(&now),
        };
        self.conclude(Seen {
            action,
            path,
            old_path: None,
            known: now.as_ref(),
            origin: Origin::RealTime,
            who: &change.who,
            under: change.under,
            moment: Moment::of(change),
        })?;
        Ok(look_inside.then(|| path.clone()))
    }

    fn action_of_unknown(&self, path: &[u8], touch: Touch) -> FileAction {
        if self.is_unfinished(path) && !touch.created {
            FileAction::Modified
        } else {
            FileAction::Created
        }
    }

    /// Whether the first look at the path's root is not over, so that what is not remembered may be old.
    fn is_unfinished(&self, path: &[u8]) -> bool {
        self.watches
            .find(path)
            .is_some_and(|watched| self.unfinished.contains(&watched.root))
    }

    fn expect_removal(&mut self, path: &[u8]) {
        if self.fleeting.len() >= FLEETING_MAX {
            self.fleeting.clear();
        }
        self.fleeting.insert(path.to_vec());
    }

    fn gone(&mut self, change: &Change, path: &[u8]) -> Result<Option<Vec<u8>>, MemoryError> {
        if self.watches.find(path).is_none() {
            return Ok(None);
        }
        let before = self.memory.known(path)?;
        // What is neither remembered nor reported as made has been reported as removed already, or was made
        // again before anybody looked, and then what made it reports it.
        if before.is_none() && !self.fleeting.remove(path) && !self.is_unfinished(path) {
            return Ok(None);
        }
        let folder = change.folder || before.is_some_and(|before| before.facts.kind == Kind::Folder);
        self.conclude(Seen {
            action: FileAction::Deleted,
            path,
            old_path: None,
            known: None,
            origin: Origin::RealTime,
            who: &change.who,
            under: change.under,
            moment: Moment::of(change),
        })?;
        Ok(folder.then(|| path.to_vec()))
    }

    fn renamed(&mut self, change: &Change, from: &[u8]) -> Result<Option<Vec<u8>>, MemoryError> {
        let to = &change.path;
        let from_watched = self.watches.find(from).is_some();
        if self.watches.find(to).is_none() {
            return self.gone(change, from);
        }
        let before = if from_watched {
            self.memory.known(from)?
        } else {
            None
        };
        let now = match self.inspect(to, before.as_ref(), false) {
            Look::Nothing => {
                self.expect_removal(to);
                None
            }
            Look::Unchanged => before,
            Look::Something(now) => Some(now),
        };
        if from_watched {
            self.fleeting.remove(from);
            self.memory.remember(from, None)?;
        }
        self.conclude(Seen {
            action: FileAction::Renamed,
            path: to,
            old_path: Some(from),
            known: now.as_ref(),
            origin: Origin::RealTime,
            who: &change.who,
            under: change.under,
            moment: Moment::of(change),
        })?;
        if change.folder && from_watched {
            self.move_memory(from, to)?;
        }
        Ok(change.folder.then(|| to.clone()))
    }

    /// What is remembered below a renamed folder is remembered below its new name: nothing happened to it.
    fn move_memory(&mut self, from: &[u8], to: &[u8]) -> Result<(), MemoryError> {
        self.memory.settle()?;
        let (old_prefix, new_prefix) = (prefix_below(from), prefix_below(to));
        let mut after = old_prefix.clone();
        loop {
            let page = self.memory.page(&after, RENAME_PAGE)?;
            let mut moved = 0;
            for (key, value) in page {
                let Some(rest) = key.strip_prefix(old_prefix.as_slice()) else {
                    break;
                };
                let new_key = [&new_prefix, rest].concat();
                after.clone_from(&key);
                moved += 1;
                self.memory.set(new_key, Some(value))?;
                self.memory.set(key, None)?;
            }
            if moved < RENAME_PAGE {
                return Ok(());
            }
        }
    }

    /// Compares what a walk met with what is remembered. `absorb` takes what is new for what always was.
    pub(super) fn met(&mut self, path: &[u8], absorb: bool) -> Result<(), MemoryError> {
        let before = self.memory.known(path)?;
        let Look::Something(now) = self.inspect(path, before.as_ref(), true) else {
            return Ok(());
        };
        let action = match &before {
            None if absorb => return self.memory.remember(path, Some(&now)),
            None => FileAction::Created,
            Some(before) => match before.compare(&now) {
                Some(action) => action,
                None => return self.memory.remember(path, Some(&now)),
            },
        };
        self.catch_up(action, path, Some(&now))
    }

    /// Reports what a walk did not meet, if it is really gone.
    pub(super) fn not_met(&mut self, path: &[u8]) -> Result<(), MemoryError> {
        if self.away.iter().any(|point| is_within(point, path)) {
            return Ok(());
        }
        let is_gone = look(&path_of(path)).is_err_and(|error| is_absence(error.kind()));
        if is_gone && self.memory.known(path)?.is_some() {
            self.catch_up(FileAction::Deleted, path, None)?;
        }
        Ok(())
    }

    fn catch_up(
        &mut self,
        action: FileAction,
        path: &[u8],
        known: Option<&Known>,
    ) -> Result<(), MemoryError> {
        self.conclude(Seen {
            action,
            path,
            old_path: None,
            known,
            origin: Origin::CatchUp,
            who: &Who::Unavailable("catch_up".to_owned()),
            under: None,
            moment: Moment::now(),
        })
    }

    fn inspect(&mut self, path: &[u8], before: Option<&Known>, written: bool) -> Look {
        let path = path_of(path);
        let facts = match look(&path) {
            Ok(facts) => facts,
            Err(error) if is_absence(error.kind()) => return Look::Nothing,
            // Nothing can be said; a walk that meets it says so.
            Err(_) => return Look::Unchanged,
        };
        let same = comparable(facts);
        match before {
            Some(before) if before.is_still(&same) => Look::Unchanged,
            Some(before) if !written && before.has_content_of(&same) => Look::Something(Known {
                facts: same,
                mark: before.mark,
                too_soon: false,
            }),
            _ => self.read(&path, facts),
        }
    }

    fn read(&mut self, path: &Path, facts: Facts) -> Look {
        let read_ns = clock::wall_ms().saturating_mul(1_000_000);
        match self.hasher.digest(path, facts, self.bytes_max) {
            Some((facts, mark)) => Look::Something(Known {
                too_soon: matches!(mark, Mark::Sha256(_)) && is_too_soon(facts.ctime_ns, read_ns),
                facts: comparable(facts),
                mark,
            }),
            None => Look::Nothing,
        }
    }

    fn conclude(&mut self, seen: Seen<'_>) -> Result<(), MemoryError> {
        let Some(watched) = self.watches.find(seen.path) else {
            return Ok(());
        };
        let mut event = event(&seen, watched);
        if let Body::File(file) = &mut event.body {
            let now = seen.known.map(|known| &known.facts);
            file.cause = self.explainer.cause(file, seen.moment.wall_ms, seen.under, now);
        }
        self.memory.remember(seen.path, seen.known)?;
        self.memory.report(event);
        Ok(())
    }

    /// Forgets a page of what lies below a root that is no longer watched, beginning behind `after`; where the
    /// next page begins, if there is one.
    pub(super) fn forget(&mut self, root: &[u8], after: &[u8]) -> Result<Option<Vec<u8>>, MemoryError> {
        self.memory.settle()?;
        let prefix = prefix_below(root);
        let page = self.memory.page(after.max(&prefix), RENAME_PAGE)?;
        let is_full = page.len() == RENAME_PAGE;
        let mut last = None;
        for (key, _) in page {
            if !key.starts_with(&prefix) {
                return Ok(None);
            }
            last = Some(key.clone());
            if path_of_key(&key).is_some_and(|path| self.watches.find(&path).is_none()) {
                self.memory.set(key, None)?;
            }
        }
        Ok(last.filter(|_| is_full))
    }
}

fn event(seen: &Seen<'_>, watched: &Watched) -> NewEvent {
    NewEvent {
        lane: lane(watched.severity),
        wall_ms: seen.moment.wall_ms,
        mono_ms: seen.moment.mono_ms,
        body: Body::File(FileEvent {
            old_path: seen.old_path.map(<[u8]>::to_vec),
            meta: seen.known.map(Known::to_meta),
            watch: watched.name.clone(),
            severity: watched.severity,
            ..FileEvent::new(seen.action, seen.path.to_vec(), seen.origin, seen.who.clone())
        }),
    }
}

/// Grave changes overtake routine ones.
fn lane(severity: Option<Severity>) -> Lane {
    match severity {
        Some(Severity::High | Severity::Critical) => Lane::Urgent,
        Some(Severity::Low | Severity::Medium) | None => Lane::Events,
    }
}

/// Whether a file that was changed then may change once more with the same time after it is read now. A time of
/// whole seconds comes from a file system that counts no finer.
fn is_too_soon(changed_ns: i64, read_ns: i64) -> bool {
    let tick_ns = if changed_ns % SECOND_NS == 0 {
        COARSE_TICK_NS
    } else {
        TICK_NS
    };
    changed_ns.saturating_add(tick_ns) >= read_ns
}

/// A path below something that is no folder any more is as absent as one without an entry.
fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The facts that a comparison needs of a walk's entry.
pub(super) fn is_unchanged(known: Option<&Known>, facts: &Facts) -> bool {
    known.is_some_and(|known| known.is_still(facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_may_come_again_is_too_soon() {
        let now_ns = 1_700_000_000 * SECOND_NS;
        let check = |changed_ns: i64, expected: bool| {
            assert_eq!(is_too_soon(changed_ns, now_ns), expected, "{changed_ns}");
        };
        check(now_ns - 1, true);
        check(now_ns - TICK_NS - 1, false);
        check(now_ns - 2 * SECOND_NS, true);
        check(now_ns - 3 * SECOND_NS, false);
        // Whatever stands in the future may come again as well.
        check(now_ns + SECOND_NS + 1, true);
        check(i64::MAX, true);
    }
}
