//! Looks at what may have changed, compares it with what is remembered, and reports what did.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use vong_os::file::{Facts, Kind, look, path_of};
use vong_proto::event::{Aspect, Body, FileAction, Lane};

use super::digest::{Hasher, Reached, Reading};
use super::explain::Explainer;
use super::known::{Known, Mark, comparable, path_of as path_of_key, prefix_below};
use super::memory::{Memory, MemoryError};
use super::queue::{Change, Touch, What};
use super::watch::{WatchSet, is_within};

#[path = "look/inspect.rs"]
mod inspect;
#[path = "look/told.rs"]
mod told;

use inspect::{Look, Trust};
use told::{News, Seen, event, lane};

/// So many remembered entries move at once with their renamed folder.
const RENAME_PAGE: usize = 256;
/// So many names are expected to be reported as removed next; beyond, all are taken to be known as such.
const FLEETING_MAX: usize = 1_024;
/// After a change of a path was told, further ones are gathered for so long: a log that is written a thousand times
/// a second is one event a second.
const ROUTINE_HOLD: Duration = Duration::from_secs(1);
/// Where a change is grave, further ones are told sooner.
const GRAVE_HOLD: Duration = Duration::from_millis(200);

/// The one who looks.
pub(super) struct Looker {
    pub(super) memory: Memory,
    pub(super) watches: Arc<WatchSet>,
    /// Where something was mounted that is not there now: what is not met there is not deleted.
    pub(super) away: Vec<Vec<u8>>,
    /// Where nobody shall look, because looking may never end.
    pub(super) foreign: Vec<Vec<u8>>,
    /// What has been found that is too deep to be asked for by its path.
    pub(super) too_deep: Vec<Vec<u8>>,
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

/// What came of a look at a change.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// A folder whose inside must be compared too.
    pub(super) inside: Option<Vec<u8>>,
    /// The change was told, and further ones of the same path are to be gathered for so long.
    pub(super) hold: Option<Duration>,
}

impl Looked {
    fn into(inside: Option<Vec<u8>>) -> Self {
        Self { inside, hold: None }
    }
}

impl Looker {
    pub(super) fn new(memory: Memory, explainer: Explainer) -> Self {
        Self {
            memory,
            watches: Arc::default(),
            away: Vec::new(),
            foreign: Vec::new(),
            too_deep: Vec::new(),
            bytes_max: 0,
            unfinished: Vec::new(),
            fleeting: HashSet::new(),
            hasher: Hasher::default(),
            explainer,
        }
    }

    /// Looks into what the system said.
    pub(super) fn look_into(&mut self, change: &Change) -> Result<Looked, MemoryError> {
        match &change.what {
            What::Touched(_) | What::Gone if self.is_passing(change, &change.path)? => Ok(Looked::default()),
            What::Renamed { from } if self.is_passing(change, from)? => {
                let complete = Touch {
                    created: true,
                    written: true,
                    look_inside: change.folder,
                    ..Touch::default()
                };
                self.touched(change, complete)
            }
            What::Touched(touch) => self.touched(change, *touch),
            What::Gone => self.gone(change, &change.path).map(Looked::into),
            What::Renamed { from } => self.renamed(change, from).map(Looked::into),
        }
    }

    /// Whether a path is one that a package manager uses for a moment, and the manager's own doing. What is left under
    /// such a name all the same is found by the next comparison, and then it is known.
    fn is_passing(&self, change: &Change, path: &[u8]) -> Result<bool, MemoryError> {
        let is_passing = change
            .under
            .is_some_and(|manager| manager.uses_for_a_moment(path));
        Ok(is_passing && self.memory.known(path)?.is_none())
    }

    fn touched(&mut self, change: &Change, touch: Touch) -> Result<Looked, MemoryError> {
        let path = &change.path;
        let Some(severity) = self.watches.find(path).map(|watched| watched.severity) else {
            return Ok(Looked::default());
        };
        let before = self.memory.known(path)?;
        let is_grave = lane(severity) == Lane::Urgent;
        let trust = match touch.written {
            true => Trust::Written { is_grave },
            false => Trust::Touched { is_grave },
        };
        let (action, now) = match (self.inspect(path, before.as_ref(), trust), &before) {
            (Look::Unchanged, _) => return Ok(Looked::default()),
            (Look::Nothing, Some(_)) if touch.may_be_gone => (FileAction::Deleted, None),
            // It came and went; its removal is said next.
            (Look::Nothing, None) if touch.created => {
                self.expect_removal(path);
                (FileAction::Created, None)
            }
            (Look::Nothing, _) => return Ok(Looked::default()),
            (Look::Something(now), None) => (self.action_of_unknown(path, touch), Some(now)),
            (Look::Something(now), Some(before)) => match before.compare(&now) {
                Some(action) => (action, Some(now)),
                None => {
                    self.memory.remember(path, Some(&now))?;
                    return Ok(Looked::default());
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
        let changed = changed(before.as_ref(), now.as_ref());
        let seen = |(action, changed), news| Seen {
            action,
            path,
            old_path: None,
            known: now.as_ref(),
            changed,
            news,
        };
        self.conclude(seen((action, changed.clone()), News::of(change)))?;
        for deed in &change.others {
            if let Some(part) = deed.part_of(action, &changed) {
                self.conclude(seen(part, News::of_other(change, deed)))?;
            }
        }
        // What was made and is not closed yet is not complete: that is told as soon as it is.
        let is_complete = touch.written || !touch.created;
        Ok(Looked {
            inside: look_inside.then(|| path.clone()),
            hold: is_complete.then(|| match lane(severity) {
                Lane::Urgent => GRAVE_HOLD,
                _ => ROUTINE_HOLD,
            }),
        })
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
            changed: Vec::new(),
            news: News::of(change),
        })?;
        Ok(folder.then(|| path.to_vec()))
    }

    fn renamed(&mut self, change: &Change, from: &[u8]) -> Result<Option<Vec<u8>>, MemoryError> {
        let to = &change.path;
        let from_watched = self.watches.find(from).is_some();
        let Some(severity) = self.watches.find(to).map(|watched| watched.severity) else {
            return self.gone(change, from);
        };
        let is_grave = lane(severity) == Lane::Urgent;
        let before = if from_watched {
            self.memory.known(from)?
        } else {
            None
        };
        let now = match self.inspect(to, before.as_ref(), Trust::Renamed { is_grave }) {
            Look::Nothing => {
                self.expect_removal(to);
                None
            }
            Look::Unchanged => before.clone(),
            Look::Something(now) => Some(now),
        };
        // What took another's place differs from what stood there; else nothing but the name is expected to differ.
        let replaced = self.memory.known(to)?;
        let mut changed = changed(replaced.as_ref().or(before.as_ref()), now.as_ref());
        changed.retain(|aspect| *aspect != Aspect::Times);
        if from_watched {
            self.fleeting.remove(from);
            self.memory.remember(from, None)?;
        }
        self.conclude(Seen {
            action: FileAction::Renamed,
            path: to,
            old_path: Some(from),
            known: now.as_ref(),
            changed,
            news: News::of(change),
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
        match self.inspect(path, before.as_ref(), Trust::Facts) {
            Look::Something(now) => self.found(path, before.as_ref(), now, absorb),
            Look::Nothing | Look::Unchanged => Ok(()),
        }
    }

    fn found(
        &mut self,
        path: &[u8],
        before: Option<&Known>,
        now: Known,
        absorb: bool,
    ) -> Result<(), MemoryError> {
        let action = match before {
            None if absorb => return self.memory.remember(path, Some(&now)),
            None => FileAction::Created,
            Some(before) => match before.compare(&now) {
                Some(action) => action,
                None => return self.memory.remember(path, Some(&now)),
            },
        };
        self.catch_up(action, path, before, Some(&now))
    }

    /// Begins to read a large file that a walk met.
    pub(super) fn begin_reading(&mut self, path: &[u8], facts: Facts) -> Reached {
        self.hasher.begin(&path_of(path), facts, self.bytes_max)
    }

    /// Reads on.
    pub(super) fn read_on(&mut self, reading: Box<Reading>, bytes: u64) -> Reached {
        self.hasher.go_on(reading, bytes)
    }

    /// How many bytes of files were read since this was last asked.
    pub(super) fn take_bytes_read(&mut self) -> u64 {
        self.hasher.take_bytes_read()
    }

    /// As [`met`](Self::met), of a file that was read beginning at `began_ms`. One that has changed since is read anew.
    pub(super) fn met_read(
        &mut self,
        path: &[u8],
        (facts, mark): (Facts, Mark),
        began_ms: i64,
        absorb: bool,
    ) -> Result<(), MemoryError> {
        let facts = comparable(facts);
        if !look(&path_of(path)).is_ok_and(|now| comparable(now) == facts) {
            return self.met(path, absorb);
        }
        let before = self.memory.known(path)?;
        let now = self.known(path, facts, mark, began_ms);
        self.found(path, before.as_ref(), now, absorb)
    }

    /// Reports what a walk did not meet, if it is really gone.
    pub(super) fn not_met(&mut self, path: &[u8]) -> Result<(), MemoryError> {
        if self.away.iter().any(|point| is_within(point, path)) {
            return Ok(());
        }
        let is_gone = look(&path_of(path)).is_err_and(|error| is_absence(error.kind()));
        if is_gone && self.memory.known(path)?.is_some() {
            self.catch_up(FileAction::Deleted, path, None, None)?;
        }
        Ok(())
    }

    fn catch_up(
        &mut self,
        action: FileAction,
        path: &[u8],
        before: Option<&Known>,
        known: Option<&Known>,
    ) -> Result<(), MemoryError> {
        self.conclude(Seen {
            action,
            path,
            old_path: None,
            known,
            changed: changed(before, known),
            news: News::found(),
        })
    }

    fn conclude(&mut self, seen: Seen<'_>) -> Result<(), MemoryError> {
        let Some(watched) = self.watches.find(seen.path) else {
            return Ok(());
        };
        let mut event = event(&seen, watched);
        if let Body::File(file) = &mut event.body {
            let now = seen.known.map(|known| &known.facts);
            let (wall_ms, under) = seen.news.when_and_under();
            file.cause = self.explainer.cause(file, wall_ms, under, now);
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

fn changed(before: Option<&Known>, now: Option<&Known>) -> Vec<Aspect> {
    match (before, now) {
        (Some(before), Some(now)) => before.differences(now),
        _ => Vec::new(),
    }
}

/// A path below something that is no folder any more is as absent as one without an entry.
fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The facts that a comparison needs of a walk's entry.
pub(super) fn is_unchanged(known: Option<&Known>, facts: &Facts) -> bool {
    known.is_some_and(|known| known.is_still(facts))
}
