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
    /// A symbolic link.
    Link,
    /// A device, pipe or socket: nothing whose content belongs to it.
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
    /// Owning group's id, 0 where the system has none.
    pub group: u32,
}

/// Looks at a path without following a link at its end.
///
/// # Errors
/// The system's; `NotFound` when nothing is there.
pub fn look(path: &Path) -> io::Result<Facts> {
    imp::look(path)
}

/// When what stands at a path was made, nanoseconds since 1970; `None` where the file system does not keep that. A link
/// at the path's end is not followed.
pub fn born_ns(path: &Path) -> Option<i64> {
    imp::born_ns(path)
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

/// What grants rights beside the mode: access control lists, and capabilities that a program gets from its file. The
/// bytes are the system's own, each behind its name; `None` when there is nothing of that kind. A link at the path's
/// end is not followed.
///
/// # Errors
/// The system's.
pub fn rights_beside_mode(path: &Path) -> io::Result<Option<Vec<u8>>> {
    imp::rights_beside_mode(path)
}

/// The text of a symbolic link.
///
/// # Errors
/// The system's; `InvalidInput` when it is no link.
pub fn link_text(path: &Path) -> io::Result<Vec<u8>> {
    imp::link_text(path)
}

/// Hands over every name in a folder, in the order in which the system gives them, with memory for a few hundred
/// only. A link in the folder's place is not followed.
///
/// # Errors
/// The system's; `NotADirectory` when no folder stands there.
pub fn each_name(folder: &Path, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    imp::each_name(folder, each)
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
        assert_eq!(look(&link).expect("there").kind, Kind::Link);
        assert_eq!(link_text(&link).expect("read"), bytes_of(&target));
        assert!(open_quietly(&link).is_err());
        let open = open_quietly(&target).expect("opened");
        assert_eq!(look_open(&open).expect("facts"), look(&target).expect("facts"));
    }

    #[test]
    fn rights_beside_the_mode_are_seen() {
        let folder = tempfile::tempdir_in("/dev/shm").expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "x").expect("written");
        assert_eq!(rights_beside_mode(&path).expect("known"), None);
        // User 7 may read, beside what the mode says.
        let entry = |tag: u16, rights: u16, id: u32| {
            [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
        };
        let nobody = u32::MAX;
        let list = [
            2_u32.to_le_bytes().to_vec(),
            entry(1, 6, nobody),
            entry(2, 4, 7),
            entry(4, 4, nobody),
            entry(16, 4, nobody),
            entry(32, 0, nobody),
        ]
        .concat();
        let set = rustix::fs::setxattr(
            &path,
            "system.posix_acl_access",
            &list,
            rustix::fs::XattrFlags::empty(),
        );
        set.expect("a file system in memory keeps lists");
        let seen = rights_beside_mode(&path).expect("known").expect("a list");
        assert!(seen.windows(list.len()).any(|part| part == list));
    }

    #[test]
    fn every_name_of_a_folder_is_handed_over_and_no_link_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let odd = path_of(b"line\nbreak\xff");
        let mut expected: Vec<Vec<u8>> = (0..1_000)
            .map(|number| format!("{number:0>200}").into_bytes())
            .collect();
        expected.push(bytes_of(&odd).to_vec());
        for name in &expected {
            std::fs::write(folder.path().join(path_of(name)), "").expect("written");
        }
        let mut names = Vec::new();
        each_name(folder.path(), &mut |name| names.push(name.to_vec())).expect("read");
        names.sort();
        expected.sort();
        assert_eq!(names, expected);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).expect("linked");
        assert!(each_name(&link, &mut |_| ()).is_err());
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
