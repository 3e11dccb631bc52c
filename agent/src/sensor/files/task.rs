//! Long work that is done in short pieces between two changes: comparing a tree, forgetting one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use vong_os::file::{Facts, Kind, born_ns, look, path_of};

use super::digest::{Reached, Reading};
use super::imp::Source;
use super::inbox::Inbox;
use super::known::{Mark, root_key};
use super::look::{Looker, is_unchanged};
use super::memory::MemoryError;
use super::recheck::{Found, Recheck};
use super::rehash::{FILE_BYTES_MIN, Rehash};
use super::watch::folder_of;
use crate::clock;
use crate::governor::Work;

/// A piece takes about so long; a change waits no longer for its look.
const PIECE: Duration = Duration::from_millis(10);
/// What a walk did not meet may have been removed just now, and its event be on its way, with who did it.
const DOUBT: Duration = Duration::from_millis(60);
/// So many doubts are held; then the walk waits for them.
const DOUBTS_MAX: usize = 1_024;
/// A larger file is read in parts of so much, a few milliseconds each.
pub(super) const PART_BYTES: u64 = 4 * 1024 * 1024;
/// Under a root's key in place of its stamp; no stamp contains a zero, because no name does.
pub(super) const FORGETTING: &[u8] = b"\0forgetting";
/// The clock that stamps files ticks this coarsely behind the one that is read here.
const CLOCK_TICK_NS: i64 = 10_000_000;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Task {
    /// Compare a tree with what is remembered of it.
    Compare(Box<Comparison>),
    /// Forget a root that is no longer watched.
    Forget(Forgetting),
    /// Read some files again though nothing shows that they have changed.
    Rehash(Box<Rehash>),
}

impl Task {
    /// What kind of work it is.
    pub(super) fn work(&self) -> Work {
        match self {
            Task::Compare(comparison) => comparison.work,
            Task::Forget(_) => Work::Now,
            Task::Rehash(_) => Work::Background,
        }
    }
}

/// The forgetting of a root on its way.
#[derive(Debug)]
pub(super) struct Forgetting {
    /// The root.
    pub(super) root: Vec<u8>,
    /// How far it has come; `None` before it has begun.
    after: Option<Vec<u8>>,
}

impl Forgetting {
    /// Nothing is forgotten yet.
    pub(super) fn new(root: Vec<u8>) -> Self {
        Self { root, after: None }
    }

    /// Forgets one page; whether there is more to do. From the first page on the root counts as never looked at
    /// completely, so that one that is watched again meanwhile is learnt anew.
    pub(super) fn advance(&mut self, looker: &mut Looker) -> Result<bool, MemoryError> {
        let Some(after) = &self.after else {
            looker
                .memory
                .set(root_key(&self.root), Some(FORGETTING.to_vec()))?;
            self.after = Some(Vec::new());
            return Ok(true);
        };
        if let Some(next) = looker.forget(&self.root, after)? {
            self.after = Some(next);
            return Ok(true);
        }
        if looker.watches.find(&self.root).is_none() {
            looker.memory.remember(&self.root, None)?;
        }
        looker.memory.set(root_key(&self.root), None)?;
        Ok(false)
    }
}

/// A comparison on its way.
#[derive(Debug)]
pub(super) struct Comparison {
    /// The tree.
    pub(super) top: Vec<u8>,
    /// Of which watch's root.
    root: Vec<u8>,
    /// What is new there always was there: a first look, or a part that was excluded before.
    absorb: bool,
    /// Written under the root's key when the comparison is over.
    finish: Option<Vec<u8>>,
    /// The system reports what changed since then, with who did it.
    heard_since_ns: i64,
    /// When it was asked for.
    pub(super) asked: Instant,
    /// It does not begin earlier.
    not_before: Instant,
    work: Work,
    begun: bool,
    /// What was met so far.
    met: Met,
    recheck: Recheck,
    /// A large file that is being read.
    reading: Option<LargeFile>,
    doubts: VecDeque<Doubt>,
    walked: bool,
    unseen: Blanks,
}

/// Folders of which nothing can be said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Blanks {
    /// They may not be read.
    pub(super) unreadable: Vec<Vec<u8>>,
    /// They lie deeper than a path can say.
    pub(super) too_deep: Vec<Vec<u8>>,
}

/// So many are kept of each kind; a watch with more says the number of these.
const BLANKS_MAX: usize = 1_024;

/// Something that is looked at once more when its event, if there is one, must have come.
#[derive(Debug)]
struct Doubt {
    due: Instant,
    path: Vec<u8>,
    /// Whether the walk met it.
    met: bool,
}

/// How many files a walk has met, and how large they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Met {
    /// Files.
    pub(super) files: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Their bytes, small files counted as [`FILE_BYTES_MIN`].
    pub(super) effort: u64,
}

/// A large file on its way to a digest.
#[derive(Debug)]
pub(super) struct LargeFile {
    path: Vec<u8>,
    reading: Box<Reading>,
    began_ms: i64,
}

/// What a part of a large file came to.
#[derive(Debug)]
pub(super) enum Part {
    /// There is more to read.
    More(LargeFile),
    /// This was read at this path, beginning then.
    Done(Vec<u8>, (Facts, Mark), i64),
    /// Nothing is there any more.
    Gone,
}

impl LargeFile {
    /// Begins to read.
    pub(super) fn begin(path: Vec<u8>, facts: Facts, looker: &mut Looker) -> Part {
        let reached = looker.begin_reading(&path, facts);
        Self::part(path, clock::wall_ms(), reached)
    }

    /// Reads a part.
    pub(super) fn go_on(self, looker: &mut Looker) -> Part {
        let reached = looker.read_on(self.reading, PART_BYTES);
        Self::part(self.path, self.began_ms, reached)
    }

    fn part(path: Vec<u8>, began_ms: i64, reached: Reached) -> Part {
        match reached {
            Reached::More(reading) => Part::More(LargeFile {
                path,
                reading,
                began_ms,
            }),
            Reached::Done(facts, mark) => Part::Done(path, (facts, mark), began_ms),
            Reached::Gone => Part::Gone,
        }
    }
}

/// How a piece of work ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is more to do at once.
    More,
    /// There is more to do after a while.
    Later(Duration),
    /// It is done; nothing can be said of these folders.
    Done(Blanks),
}

impl Blanks {
    fn add(&mut self, folder: Vec<u8>, too_deep: bool) {
        let (list, folder) = match too_deep {
            true => (&mut self.too_deep, folder_of(&folder).to_vec()),
            false => (&mut self.unreadable, folder),
        };
        if list.len() < BLANKS_MAX && list.last() != Some(&folder) {
            list.push(folder);
        }
    }
}

impl Comparison {
    /// A comparison of `top`, which belongs to `root`, with changes since `heard_since_ns` left to the system.
    pub(super) fn new(top: Vec<u8>, root: Vec<u8>, heard_since_ns: i64) -> Self {
        Self {
            recheck: Recheck::new(top.clone()),
            top,
            root,
            absorb: false,
            finish: None,
            heard_since_ns,
            asked: Instant::now(),
            not_before: Instant::now(),
            work: Work::Now,
            begun: false,
            met: Met::default(),
            reading: None,
            doubts: VecDeque::new(),
            walked: false,
            unseen: Blanks::default(),
        }
    }

    /// The first comparison of a whole root, which learns what is there. `stamp` is kept when it is over.
    pub(super) fn first(root: Vec<u8>, heard_since_ns: i64, stamp: Vec<u8>) -> Self {
        Self {
            absorb: true,
            finish: Some(stamp),
            work: Work::Background,
            ..Self::new(root.clone(), root, heard_since_ns)
        }
    }

    /// The same comparison, asked for when the one was that it takes the place of, if there is one.
    pub(super) fn in_place_of(self, tasks: &VecDeque<Task>) -> Self {
        let asked = tasks.iter().find_map(|task| match task {
            Task::Compare(waiting) if waiting.top == self.top && waiting.is_first() => Some(waiting.asked),
            _ => None,
        });
        Self {
            asked: asked.unwrap_or(self.asked),
            ..self
        }
    }

    /// The same comparison, begun when the events of what has happened until now must have come.
    pub(super) fn after_doubt(self) -> Self {
        Self {
            not_before: Instant::now() + DOUBT,
            ..self
        }
    }

    /// The same comparison, which nobody waits for.
    pub(super) fn in_background(self) -> Self {
        Self {
            work: Work::Background,
            ..self
        }
    }

    /// Whether this is not the first look at its root.
    pub(super) fn is_repeat(&self) -> bool {
        self.finish.is_none()
    }

    /// Whether it learns what is there.
    pub(super) fn is_first(&self) -> bool {
        self.absorb
    }

    /// Whether a part of it is done.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether it is about its root as a whole.
    pub(super) fn is_whole(&self) -> bool {
        self.top == self.root
    }

    /// What was met so far.
    pub(super) fn met(&self) -> Met {
        self.met
    }

    /// Does one piece.
    pub(super) fn advance(
        &mut self,
        looker: &mut Looker,
        inbox: &Inbox,
        source: &Source,
    ) -> Result<Progress, MemoryError> {
        let early = self.not_before.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            return Ok(Progress::Later(early));
        }
        self.begun = true;
        let until = Instant::now() + PIECE;
        while !self.walked && self.doubts.len() < DOUBTS_MAX && Instant::now() < until {
            self.step(looker, inbox, source)?;
        }
        self.settle_doubts(looker, inbox)?;
        match self.doubts.front() {
            Some(doubt) if self.walked || self.doubts.len() >= DOUBTS_MAX => Ok(Progress::Later(
                doubt.due.saturating_duration_since(Instant::now()),
            )),
            _ if !self.walked => Ok(Progress::More),
            _ => {
                if let Some(stamp) = self.finish.take() {
                    looker.memory.set(root_key(&self.root), Some(stamp))?;
                    looker.unfinished.retain(|root| *root != self.root);
                }
                Ok(Progress::Done(std::mem::take(&mut self.unseen)))
            }
        }
    }

    fn step(&mut self, looker: &mut Looker, inbox: &Inbox, source: &Source) -> Result<(), MemoryError> {
        if let Some(large) = self.reading.take() {
            let part = large.go_on(looker);
            return self.take_part(part, looker, inbox);
        }
        let watches = &looker.watches;
        let root = &self.root;
        let admits = |path: &[u8]| watches.find(path).is_some_and(|watched| watched.root == *root);
        match self.recheck.next(&looker.memory, admits)? {
            Some(Found::Present { path, facts, known }) => {
                match facts.kind {
                    Kind::Folder => source.learn(&path),
                    Kind::File => {
                        self.met.files += 1;
                        self.met.bytes += facts.size;
                        self.met.effort += facts.size.max(FILE_BYTES_MIN);
                    }
                    Kind::Link | Kind::Other => {}
                }
                if is_unchanged(known.as_ref(), &facts) {
                    return Ok(());
                }
                if self.is_heard(facts.ctime_ns) || inbox.holds(&path) {
                    // The system says what changed it, but not everything that gives it another time: an entry of a
                    // folder does, and another name of a file.
                    self.doubt(path, true);
                    return Ok(());
                }
                let has_same_content = known.is_some_and(|known| known.has_certainly_content_of(&facts));
                if facts.kind == Kind::File && facts.size > PART_BYTES && !has_same_content {
                    let part = LargeFile::begin(path, facts, looker);
                    return self.take_part(part, looker, inbox);
                }
                looker.met(&path, self.absorb)?;
            }
            Some(Found::Absent { path }) => match looker.watches.find(&path) {
                Some(watched) if watched.root == self.root => self.doubt(path, false),
                Some(_) => {}
                None => looker.memory.remember(&path, None)?,
            },
            Some(Found::Unreadable { folder, too_deep }) => self.unseen.add(folder, too_deep),
            None => self.walked = true,
        }
        Ok(())
    }

    /// A large file is read between looks at what happens now; what happened to it meanwhile is left to those.
    fn take_part(&mut self, part: Part, looker: &mut Looker, inbox: &Inbox) -> Result<(), MemoryError> {
        match part {
            Part::More(large) => self.reading = Some(large),
            Part::Done(path, read, _) if inbox.holds(&path) || self.is_heard(read.0.ctime_ns) => {
                self.doubt(path, true);
            }
            Part::Done(path, read, began_ms) => looker.met_read(&path, read, began_ms, self.absorb)?,
            Part::Gone => {}
        }
        Ok(())
    }

    /// Whether a change at this time is for the system to report. A time in the future is a clock that was
    /// set back, and nobody's promise.
    fn is_heard(&self, ctime_ns: i64) -> bool {
        let now_ns = clock::wall_ms().saturating_mul(1_000_000);
        ctime_ns >= self.heard_since_ns && ctime_ns <= now_ns.saturating_add(CLOCK_TICK_NS)
    }

    fn doubt(&mut self, path: Vec<u8>, met: bool) {
        let due = Instant::now() + DOUBT;
        self.doubts.push_back(Doubt { due, path, met });
    }

    fn settle_doubts(&mut self, looker: &mut Looker, inbox: &Inbox) -> Result<(), MemoryError> {
        let now = Instant::now();
        while self.doubts.front().is_some_and(|doubt| doubt.due <= now) {
            let Some(doubt) = self.doubts.pop_front() else {
                break;
            };
            if inbox.holds(&doubt.path) {
                continue;
            }
            match doubt.met {
                true if self.absorb => self.absorb_old(looker, &doubt.path)?,
                true => looker.met(&doubt.path, false)?,
                false => looker.not_met(&doubt.path)?,
            }
        }
        Ok(())
    }

    /// Learns in a first look what was there before anybody listened. What is newer is new, and reported even if the
    /// system has not said so yet; what does not tell how old it is is left to the system, but for folders.
    fn absorb_old(&self, looker: &mut Looker, path: &[u8]) -> Result<(), MemoryError> {
        let place = path_of(path);
        match born_ns(&place) {
            Some(born_ns) => looker.met(path, born_ns < self.heard_since_ns),
            None if look(&place).is_ok_and(|facts| facts.kind == Kind::Folder) => looker.met(path, true),
            None => Ok(()),
        }
    }
}
