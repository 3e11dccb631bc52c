//! Reads a file for its SHA-256, with little memory and without believing that it holds still.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use sha2::{Digest, Sha256};
use vong_os::file::{Facts, Kind, look_open, open_quietly};

use super::known::Mark;

/// Large enough that the system is asked rarely, small enough for the cache next to the processor.
const BUFFER_BYTES: usize = 128 * 1024;
/// A file that changes while it is read is read once more; then it is left to its next change.
const TRIES: u32 = 2;

/// Computes digests, always with the same memory.
#[derive(Debug)]
pub(super) struct Hasher {
    buffer: Box<[u8]>,
    bytes_read: u64,
}

/// What reading a file came to.
#[derive(Debug)]
pub(super) enum Reached {
    /// Nothing is there any more.
    Gone,
    /// The digest, or why there is none, with the facts that it belongs to.
    Done(Facts, Mark),
    /// There is more to read.
    More(Box<Reading>),
}

/// A file on its way to a digest.
#[derive(Debug)]
pub(super) struct Reading {
    file: File,
    facts: Facts,
    hash: Sha256,
    done_bytes: u64,
    bytes_max: u64,
    tries_left: u32,
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            bytes_read: 0,
        }
    }
}

impl Hasher {
    /// The digest of what stands at `path`, with the facts that it belongs to. `None` when nothing is there
    /// any more.
    pub(super) fn digest(&mut self, path: &Path, facts: Facts, bytes_max: u64) -> Option<(Facts, Mark)> {
        let mut read = self.begin(path, facts, bytes_max);
        loop {
            read = match read {
                Reached::Gone => return None,
                Reached::Done(facts, mark) => return Some((facts, mark)),
                Reached::More(reading) => self.go_on(reading, u64::MAX),
            };
        }
    }

    /// Opens what stands at `path`, to be read in pieces.
    pub(super) fn begin(&mut self, path: &Path, facts: Facts, bytes_max: u64) -> Reached {
        if facts.kind != Kind::File {
            return Reached::Done(facts, Mark::NotAFile);
        }
        if facts.size > bytes_max {
            return Reached::Done(facts, Mark::TooLarge);
        }
        let file = match open_quietly(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Reached::Gone,
            Err(_) => return Reached::Done(facts, Mark::Unreadable),
        };
        let reading = Box::new(Reading {
            file,
            facts,
            hash: Sha256::new(),
            done_bytes: 0,
            bytes_max,
            tries_left: TRIES,
        });
        Self::begin_again(reading)
    }

    /// Reads on, about so many bytes at most.
    pub(super) fn go_on(&mut self, mut reading: Box<Reading>, bytes: u64) -> Reached {
        let until = reading.done_bytes.saturating_add(bytes);
        while reading.done_bytes < until {
            match reading.read(&mut self.buffer) {
                Ok(0) => return Self::finish(reading),
                Ok(length) => self.bytes_read += length as u64,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Reached::Done(reading.facts, Mark::Unreadable),
            }
            if reading.has_everything() {
                return Self::finish(reading);
            }
        }
        Reached::More(reading)
    }

    /// How many bytes were read since this was last asked.
    pub(super) fn take_bytes_read(&mut self) -> u64 {
        std::mem::take(&mut self.bytes_read)
    }

    fn begin_again(mut reading: Box<Reading>) -> Reached {
        let Ok(facts) = look_open(&reading.file) else {
            return Reached::Done(reading.facts, Mark::Unreadable);
        };
        reading.facts = facts;
        if facts.kind != Kind::File {
            return Reached::Done(facts, Mark::NotAFile);
        }
        if facts.size > reading.bytes_max {
            return Reached::Done(facts, Mark::TooLarge);
        }
        Reached::More(reading)
    }

    /// A file that grows or shrinks meanwhile is found out by its facts.
    fn finish(mut reading: Box<Reading>) -> Reached {
        if look_open(&reading.file).is_ok_and(|after| after == reading.facts) {
            let hash = std::mem::take(&mut reading.hash).finalize();
            return Reached::Done(reading.facts, Mark::Sha256(hash.into()));
        }
        reading.tries_left -= 1;
        if reading.tries_left == 0 {
            return Reached::Done(reading.facts, Mark::Changing);
        }
        if std::io::Seek::rewind(&mut reading.file).is_err() {
            return Reached::Done(reading.facts, Mark::Unreadable);
        }
        reading.hash = Sha256::new();
        reading.done_bytes = 0;
        Self::begin_again(reading)
    }
}

impl Reading {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // More than is allowed is not read, however the file grows.
        let left = usize::try_from(self.bytes_max - self.done_bytes).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        let length = self.file.read(&mut buffer[..room])?;
        self.hash.update(&buffer[..length]);
        self.done_bytes += length as u64;
        Ok(length)
    }

    /// Whether the end that the system names is reached: asking for more would only tell so. Where it names none, as in
    /// its own file systems, it is asked.
    fn has_everything(&self) -> bool {
        self.facts.size > 0 && self.done_bytes >= self.facts.size
    }
}

#[cfg(test)]
mod tests {
    use vong_os::file::look;

    use super::*;

    fn digest_of(path: &Path, bytes_max: u64) -> Option<Mark> {
        let facts = look(path).expect("it is there");
        Hasher::default()
            .digest(path, facts, bytes_max)
            .map(|(_, mark)| mark)
    }

    #[test]
    fn the_digest_is_that_of_the_whole_content() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("báo cáo.txt");
        std::fs::write(&path, "abc").expect("written");
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            digest_of(&path, 1_000).map(Mark::to_digest),
            Some(vong_proto::event::Digest::Sha256(
                hex::decode(expected).expect("hex").try_into().expect("32 bytes")
            ))
        );
        assert_eq!(digest_of(&path, 2), Some(Mark::TooLarge));
        assert_eq!(digest_of(folder.path(), 1_000), Some(Mark::NotAFile));
    }

    #[test]
    fn what_has_gone_has_no_digest() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "abc").expect("written");
        let facts = look(&path).expect("it is there");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(Hasher::default().digest(&path, facts, 1_000), None);
    }

    #[test]
    fn a_large_file_is_read_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("large");
        let mut content = vec![7_u8; 3 * BUFFER_BYTES + 11];
        std::fs::write(&path, &content).expect("written");
        let first = digest_of(&path, u64::MAX);
        *content.last_mut().expect("not empty") = 8;
        std::fs::write(&path, &content).expect("written");
        assert_ne!(digest_of(&path, u64::MAX), first);
    }

    #[test]
    fn a_file_that_is_read_in_pieces_has_the_same_digest() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("large");
        std::fs::write(&path, vec![7_u8; 5 * BUFFER_BYTES + 3]).expect("written");
        let facts = look(&path).expect("it is there");
        let mut hasher = Hasher::default();
        let mut read = hasher.begin(&path, facts, u64::MAX);
        let mut pieces = 0;
        let mark = loop {
            match read {
                Reached::More(reading) => read = hasher.go_on(reading, BUFFER_BYTES as u64),
                Reached::Done(_, mark) => break mark,
                Reached::Gone => panic!("it is there"),
            }
            pieces += 1;
        };
        assert_eq!(pieces, 6);
        assert_eq!(hasher.take_bytes_read(), facts.size);
        assert_eq!(Some(mark), digest_of(&path, u64::MAX));
    }
}
