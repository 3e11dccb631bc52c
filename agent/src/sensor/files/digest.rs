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
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
        }
    }
}

impl Hasher {
    /// The digest of what stands at `path`, with the facts that it belongs to. `None` when nothing is there
    /// any more.
    pub(super) fn digest(&mut self, path: &Path, facts: Facts, bytes_max: u64) -> Option<(Facts, Mark)> {
        if facts.kind != Kind::File {
            return Some((facts, Mark::NotAFile));
        }
        if facts.size > bytes_max {
            return Some((facts, Mark::TooLarge));
        }
        match open_quietly(path) {
            Ok(mut file) => Some(self.digest_open(&mut file, facts, bytes_max)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => Some((facts, Mark::Unreadable)),
        }
    }

    fn digest_open(&mut self, file: &mut File, mut facts: Facts, bytes_max: u64) -> (Facts, Mark) {
        for _ in 0..TRIES {
            let Ok(before) = look_open(file) else {
                return (facts, Mark::Unreadable);
            };
            facts = before;
            if facts.kind != Kind::File {
                return (facts, Mark::NotAFile);
            }
            if facts.size > bytes_max {
                return (facts, Mark::TooLarge);
            }
            let Ok(hash) = self.read(file, bytes_max) else {
                return (facts, Mark::Unreadable);
            };
            if look_open(file).is_ok_and(|after| after == before) {
                return (facts, Mark::Sha256(hash));
            }
            if std::io::Seek::rewind(file).is_err() {
                return (facts, Mark::Unreadable);
            }
        }
        (facts, Mark::Changing)
    }

    /// Hashes to the end, or as far as is allowed: a file that grows meanwhile is found out by its facts.
    fn read(&mut self, file: &mut File, bytes_max: u64) -> std::io::Result<[u8; 32]> {
        let mut hash = Sha256::new();
        let mut limited = file.take(bytes_max);
        loop {
            match limited.read(&mut self.buffer) {
                Ok(0) => return Ok(hash.finalize().into()),
                Ok(length) => hash.update(&self.buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
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
}
