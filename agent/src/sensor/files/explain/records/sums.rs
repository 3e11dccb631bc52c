//! Whether a file's content is the one that a package brings. The sums that packages carry are MD5: no proof against
//! whoever makes both contents, but the package's maker made the one, and would have to want the other.

use std::io::Read;
use std::path::Path;

use md5::{Digest as _, Md5};
use vong_os::file::{Facts, Kind, look_open, open_quietly};

/// Larger files are not read a second time.
const BYTES_MAX: u64 = 256 << 20;
const BUFFER_BYTES: usize = 64 * 1024;

/// How a content compares with a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Fit {
    /// It is that content.
    Same,
    /// It is another one.
    Other,
    /// It could not be read, or is not any more what the question was about.
    Unclear,
}

/// Compares what stands at a path, if that is still what these facts are of.
pub(in super::super) fn fit(path: &Path, facts: &Facts, sum: &[u8; 16]) -> Fit {
    if facts.kind != Kind::File {
        // A package's file became something else.
        return Fit::Other;
    }
    if facts.size > BYTES_MAX {
        return Fit::Unclear;
    }
    match sum_of(path, facts) {
        Some(found) if found == *sum => Fit::Same,
        Some(_) => Fit::Other,
        None => Fit::Unclear,
    }
}

fn sum_of(path: &Path, facts: &Facts) -> Option<[u8; 16]> {
    let mut file = open_quietly(path).ok()?;
    let is_it =
        |found: Facts| (found.inode, found.size, found.mtime_ns) == (facts.inode, facts.size, facts.mtime_ns);
    look_open(&file).ok().filter(|found| is_it(*found))?;
    let mut sum = Md5::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut left = facts.size;
    while left > 0 {
        let read = file.read(&mut buffer).ok().filter(|read| *read > 0)?;
        sum.update(&buffer[..read]);
        left = left.checked_sub(read as u64)?;
    }
    look_open(&file).ok().filter(|found| is_it(*found))?;
    Some(sum.finalize().into())
}

#[cfg(test)]
mod tests {
    use vong_os::file::look;

    use super::*;

    #[test]
    fn a_content_fits_its_sum_as_long_as_it_is_the_one_that_was_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "abc").expect("written");
        let facts = look(&path).expect("there");
        let sum: [u8; 16] = Md5::digest("abc").into();
        assert_eq!(fit(&path, &facts, &sum), Fit::Same);
        assert_eq!(fit(&path, &facts, &[0; 16]), Fit::Other);
        std::fs::write(&path, "longer").expect("written");
        assert_eq!(fit(&path, &facts, &sum), Fit::Unclear);
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(fit(&path, &facts, &sum), Fit::Unclear);
    }
}
