//! Follows a log as its writers write, rotate and cut it, from where it was left when the agent last ran.
//!
//! A bookmark names a place in a file by the file's number and by the bytes before the place: a path alone says
//! nothing about which log stands there now. A log that was moved away is followed for a while longer, because its
//! writer goes on writing to it until told of the move.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use vong_os::file::{Facts, Kind, look, look_open, open_quietly};

/// Two paths fit into a line, and paths have at most 4 KiB. Of a longer line nothing is kept.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// Read at once; what is beyond waits for the next turn.
const READ_BYTES_MAX: u64 = 256 * 1024;
/// So many bytes before a place tell it from the same place in other content.
const BEFORE_BYTES: u64 = 64;
/// A writer is told of a rotation within seconds, and the next log gets its rights.
const LINGER: Duration = Duration::from_secs(60);
/// Among so many files of the folder a log that was moved away is looked for.
const BESIDE_MAX: usize = 1_000;

/// Cuts what is read into lines.
#[derive(Debug, Default)]
struct Splitter {
    partial: Vec<u8>,
    is_skipping: bool,
}

/// What was read from a log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// Whole lines, without their ends.
    pub(super) lines: Vec<Vec<u8>>,
    /// Lines that were too long to be kept.
    pub(super) too_long: u64,
    /// A part of the log has gone before it was read.
    pub(super) is_cut: bool,
}

impl Splitter {
    fn take(&mut self, mut bytes: &[u8], into: &mut Lines) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..end], into);
            if !self.is_skipping {
                into.lines.push(std::mem::take(&mut self.partial));
            }
            self.is_skipping = false;
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes, into);
    }

    fn extend(&mut self, bytes: &[u8], into: &mut Lines) {
        if self.is_skipping {
            return;
        }
        if self.partial.len() + bytes.len() > LINE_BYTES_MAX {
            self.partial = Vec::new();
            self.is_skipping = true;
            into.too_long += 1;
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }
}

/// Where a log, and one that was moved away from its path, have been read to; empty while there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bookmark(Vec<Mark>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    inode: u64,
    offset: u64,
    /// SHA-256 of the bytes before `offset`, hexadecimal.
    before: String,
    /// It lies within a line that is too long.
    is_skipping: bool,
}

/// Whose file may be a log.
pub(super) type IsLog = Box<dyn Fn(&Facts) -> bool + Send>;

/// Follows the log at one path.
pub(super) struct Follower {
    path: PathBuf,
    is_log: IsLog,
    current: Option<Tail>,
    former: Option<(Tail, Instant)>,
    is_cut: bool,
    /// Since when another file stands at the path than the one that is read, and cannot be read itself.
    apart_since: Option<Instant>,
}

/// One file, read to somewhere.
#[derive(Debug)]
struct Tail {
    file: File,
    inode: u64,
    read: u64,
    before: Vec<u8>,
    splitter: Splitter,
}

impl Follower {
    /// Begins at the bookmark; without one at the end of what is there.
    pub(super) fn new(path: PathBuf, bookmark: Option<Bookmark>, is_log: IsLog, now: Instant) -> Self {
        let mut follower = Self {
            path,
            is_log,
            current: None,
            former: None,
            is_cut: false,
            apart_since: None,
        };
        match bookmark {
            None => follower.current = follower.open(&follower.path).and_then(|tail| tail.at_end().ok()),
            Some(Bookmark(marks)) => marks.iter().for_each(|mark| follower.resume(mark, now)),
        }
        follower
    }

    fn resume(&mut self, mark: &Mark, now: Instant) {
        let is_meant = |facts: &Facts| facts.inode == mark.inode;
        if look(&self.path).is_ok_and(|facts| is_meant(&facts)) {
            let tail = self.open(&self.path).and_then(|tail| tail.at(mark));
            self.is_cut |= tail.is_none();
            self.current = tail.or_else(|| self.open(&self.path));
            return;
        }
        let beside = self.path.parent().and_then(|folder| fs::read_dir(folder).ok());
        let mut beside = beside.into_iter().flatten().flatten().take(BESIDE_MAX);
        let moved = beside.find(|entry| look(&entry.path()).is_ok_and(|facts| is_meant(&facts)));
        let tail = moved.and_then(|entry| self.open(&entry.path())?.at(mark));
        self.is_cut |= tail.is_none();
        self.former = tail.map(|tail| (tail, now + LINGER)).or(self.former.take());
    }

    fn open(&self, path: &Path) -> Option<Tail> {
        let file = open_quietly(path).ok()?;
        let facts = look_open(&file).ok()?;
        (facts.kind == Kind::File && (self.is_log)(&facts)).then(|| Tail {
            file,
            inode: facts.inode,
            read: 0,
            before: Vec::new(),
            splitter: Splitter::default(),
        })
    }

    /// What is new, oldest first; a part of it when there is much.
    pub(super) fn read(&mut self, now: Instant) -> Lines {
        let mut lines = Lines {
            is_cut: std::mem::take(&mut self.is_cut),
            ..Lines::default()
        };
        if let Some((mut tail, until)) = self.former.take() {
            let is_read = tail.read(&mut lines).unwrap_or(true);
            if is_read && now >= until {
                lines.lines.extend(tail.rest());
            } else {
                self.former = Some((tail, until));
            }
        }
        self.read_current(now, &mut lines);
        lines
    }

    fn read_current(&mut self, now: Instant, lines: &mut Lines) {
        let is_read = match &mut self.current {
            Some(tail) => tail.read(lines).unwrap_or(true),
            None => true,
        };
        // One that has been moved away is read to its end, and left in peace for a while, before the next is begun.
        if !is_read || (self.former.is_some() && self.current.is_some()) {
            return;
        }
        let at_path = look(&self.path);
        let reads = self.current.as_ref().map(|tail| tail.inode);
        let is_next = match &at_path {
            Ok(facts) => reads != Some(facts.inode),
            // Between a move and the first word into the next log, nothing is there.
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        if !is_next {
            self.apart_since = None;
            return;
        }
        let Some(mut next) = self.open(&self.path) else {
            self.apart_since.get_or_insert(now);
            return;
        };
        self.apart_since = None;
        self.is_cut |= next.read(lines).is_err();
        if let Some(former) = self.current.replace(next) {
            self.former = Some((former, now + LINGER));
        }
    }

    /// Whether the log at the path has gone unread for longer than its rotation takes.
    pub(super) fn is_apart(&self, now: Instant) -> bool {
        self.apart_since
            .is_some_and(|since| now.saturating_duration_since(since) >= LINGER)
    }

    /// Which files are being read; it changes when the log is rotated.
    pub(super) fn files(&self) -> [Option<u64>; 2] {
        let former = self.former.as_ref().map(|(tail, _)| tail.inode);
        [former, self.current.as_ref().map(|tail| tail.inode)]
    }

    /// Where reading goes on after a restart.
    pub(super) fn bookmark(&mut self) -> Bookmark {
        let former = self.former.as_mut().map(|(tail, _)| tail);
        let tails = former.into_iter().chain(self.current.as_mut());
        Bookmark(tails.filter_map(|tail| tail.mark().ok()).collect())
    }
}

impl Tail {
    fn at_end(mut self) -> io::Result<Self> {
        let end = look_open(&self.file)?.size;
        self.before = self.bytes_before(end)?;
        self.read = end;
        // The line that is being written now began in the past.
        self.splitter.is_skipping = self.before.last().is_some_and(|byte| *byte != b'\n');
        Ok(self)
    }

    /// At the mark, if it is the same content.
    fn at(mut self, mark: &Mark) -> Option<Self> {
        self.before = self.bytes_before(mark.offset).ok()?;
        self.read = mark.offset;
        self.splitter.is_skipping = mark.is_skipping;
        (hash(&self.before) == mark.before).then_some(self)
    }

    fn mark(&mut self) -> io::Result<Mark> {
        let offset = self.read - self.splitter.partial.len() as u64;
        Ok(Mark {
            inode: self.inode,
            offset,
            before: hash(&self.bytes_before(offset)?),
            is_skipping: self.splitter.is_skipping,
        })
    }

    fn bytes_before(&mut self, offset: u64) -> io::Result<Vec<u8>> {
        let length = offset.min(BEFORE_BYTES);
        self.file.seek(SeekFrom::Start(offset - length))?;
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads on; says whether it has come to the end.
    fn read(&mut self, into: &mut Lines) -> io::Result<bool> {
        let size = look_open(&self.file)?.size;
        if size == self.read {
            return Ok(true);
        }
        if size < self.read || self.bytes_before(self.read)? != self.before {
            // Copied and cut: it begins anew.
            self.read = 0;
            self.before.clear();
            self.splitter = Splitter::default();
        }
        self.file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::new();
        (&mut self.file).take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
        self.read += bytes.len() as u64;
        self.splitter.take(&bytes, into);
        self.before.extend_from_slice(&bytes);
        let surplus = self.before.len().saturating_sub(BEFORE_BYTES as usize);
        self.before.drain(..surplus);
        Ok((bytes.len() as u64) < READ_BYTES_MAX)
    }

    /// The last line of a file that nobody writes to any more has no end.
    fn rest(self) -> Option<Vec<u8>> {
        let is_line = !self.splitter.is_skipping && !self.splitter.partial.is_empty();
        is_line.then_some(self.splitter.partial)
    }
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests;
