//! Files as the system knows them: paths as bytes, marks that tell whether one has changed, and reading
//! that disturbs nobody.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
#[path = "file/linux.rs"]
mod imp;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file with content.
    File,
    /// A folder.
    Folder,
    /// A link, device, pipe or socket: nothing whose content belongs to it.
    Other,
}

/// What the system knows of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What it is.
    pub kind: Kind,
    /// Size in bytes.
    pub size: u64,
    /// Last change of content, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Last change of anything, nanoseconds since 1970; no program can set it back.
    pub ctime_ns: i64,
    /// The file system that it stands on.
    pub device: u64,
    /// Its number in that file system.
    pub inode: u64,
    /// Unix mode bits, 0 where the system has none.
    pub mode: u32,
    /// Owner's user id.
    pub owner: u32,
}

/// Looks at a path without following a link at its end.
///
/// # Errors
/// The system's; `NotFound` when nothing is there.
pub fn look(path: &Path) -> io::Result<Facts> {
    imp::look(path)
}

/// Looks at what a path leads to, through links.
///
/// # Errors
/// The system's; `NotFound` when nothing is there.
pub fn look_through(path: &Path) -> io::Result<Facts> {
    imp::look_through(path)
}

/// The facts of an open file.
///
/// # Errors
/// The system's.
pub fn look_open(file: &File) -> io::Result<Facts> {
    imp::look_open(file)
}

/// Opens a file for reading: never through a link, never waiting for a pipe, and without changing the
/// time of its last access where the system allows that.
///
/// # Errors
/// The system's.
pub fn open_quietly(path: &Path) -> io::Result<File> {
    imp::open_quietly(path)
}

/// What stands at the beginning of a file with content, at most `bytes_max` bytes of it. Links are followed;
/// a pipe or a device is neither opened nor waited for.
///
/// # Errors
/// The system's; `InvalidInput` when it is no file with content.
pub fn read_plain(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    imp::read_plain(path, bytes_max)
}

/// A path as the system spells it.
pub fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// The path that [`bytes_of`] came from.
pub fn path_of(bytes: &[u8]) -> PathBuf {
    imp::path_of(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_the_bytes_that_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["hồ sơ", "ho\u{302}\u{300} so\u{31b}"] {
            let path = folder.path().join(name);
            std::fs::write(&path, "x").expect("written");
            assert_eq!(path_of(bytes_of(&path)), path);
            assert_eq!(look(&path).expect("there").size, 1);
        }
        let odd = path_of(b"/tmp/\xff\xfe");
        assert_eq!(bytes_of(&odd), b"/tmp/\xff\xfe");
    }

    #[test]
    fn a_link_is_looked_at_and_never_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("target");
        let link = folder.path().join("link");
        std::fs::write(&target, "secret").expect("written");
        std::os::unix::fs::symlink(&target, &link).expect("linked");
        assert_eq!(look(&link).expect("there").kind, Kind::Other);
        assert!(open_quietly(&link).is_err());
        let open = open_quietly(&target).expect("opened");
        assert_eq!(look_open(&open).expect("facts"), look(&target).expect("facts"));
    }

    #[test]
    fn only_files_with_content_are_read_and_no_more_than_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "content").expect("written");
        std::os::unix::fs::symlink(at("file"), at("link")).expect("linked");
        let pipe = std::process::Command::new("mkfifo").arg(at("pipe")).status();
        assert!(pipe.expect("a pipe").success());
        assert_eq!(read_plain(&at("link"), 4).expect("read"), b"cont");
        for other in [at("pipe"), folder.path().to_owned(), PathBuf::from("/dev/zero")] {
            let refused = read_plain(&other, 4).expect_err("no content of its own");
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{other:?}");
        }
    }
}
