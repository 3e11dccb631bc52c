//! Descriptors of folders, and calls relative to them.
//!
//! What is done to a folder is done with its owner's rights, as the owner could have done it himself: whatever he moves
//! into the way meanwhile, he gains nothing, and what is made is his without being given.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, ResolveFlags, fchmod, fstat, mkdirat, openat,
    openat2, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

/// Of the rights of the folder above, those to pass on: whoever may write there may write here.
const FOLDER_RIGHTS: u32 = 0o777;
const FILE_RIGHTS: u32 = 0o666;
/// Its owner may in any case.
const FOLDER_RIGHTS_LEAST: u32 = 0o700;
const FILE_RIGHTS_LEAST: u32 = 0o600;
/// Until it is complete, nobody else looks at it.
const HALF_MODE: Mode = Mode::from_raw_mode(FILE_RIGHTS_LEAST);

#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    owner: Owner,
    /// The mode of the folder above.
    rights: u32,
}

impl Folder {
    pub(super) fn open(above: &Path, name: &str, make: bool) -> io::Result<Self> {
        let above = folder(above)?;
        let facts = fstat(&above)?;
        let owner = Owner {
            user: facts.st_uid,
            group: facts.st_gid,
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = if make {
            let _acting = owner.act()?;
            let mode = Mode::from_raw_mode(facts.st_mode & FOLDER_RIGHTS | FOLDER_RIGHTS_LEAST);
            let made = mkdirat(&above, name, mode).is_ok();
            let fd = openat(&above, name, flags, Mode::empty())?;
            // The process's mask has taken rights away. Another folder of the owner may stand here by now; opening an
            // empty one to others shows nothing.
            if made && is_empty(&fd)? {
                fchmod(&fd, mode)?;
            }
            fd
        } else {
            openat(&above, name, flags, Mode::empty())?
        };
        if fstat(&fd)?.st_uid != owner.user {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(Self {
            fd,
            owner,
            rights: facts.st_mode,
        })
    }

    pub(super) fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match openat(&self.fd, name, flags, Mode::empty()) {
            // A link, or a socket.
            Err(Errno::LOOP | Errno::NXIO) => return Err(io::ErrorKind::InvalidData.into()),
            other => other?,
        };
        if FileType::from_raw_mode(fstat(&fd)?.st_mode) != FileType::RegularFile {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut content = Vec::new();
        File::from(fd).take(bytes_max).read_to_end(&mut content)?;
        Ok(content)
    }

    pub(super) fn put(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let _acting = self.owner.act()?;
        let half = half(name);
        let _ = unlinkat(&self.fd, &half, AtFlags::empty());
        let placed = self
            .write(&half, content)
            .and_then(|()| self.rename_where_nothing_is(&half, name));
        if placed.is_err() {
            let _ = unlinkat(&self.fd, &half, AtFlags::empty());
        }
        placed
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.fd, name, flags, HALF_MODE)?);
        file.write_all(content)?;
        let rights = self.rights & FILE_RIGHTS | FILE_RIGHTS_LEAST;
        fchmod(&file, Mode::from_raw_mode(rights))?;
        // Its name must not reach the disk before its content.
        file.sync_all()
    }

    fn rename_where_nothing_is(&self, from: &str, to: &str) -> io::Result<()> {
        match renameat_with(&self.fd, from, &self.fd, to, RenameFlags::NOREPLACE) {
            // This file system cannot do both at once.
            Err(Errno::INVAL | Errno::NOSYS) => match statat(&self.fd, to, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => Ok(renameat(&self.fd, from, &self.fd, to)?),
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                Err(error) => Err(error.into()),
            },
            other => Ok(other?),
        }
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let _acting = self.owner.act()?;
        Ok(renameat(&self.fd, from, &self.fd, to)?)
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let _acting = self.owner.act()?;
        Ok(unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    pub(super) fn sweep(&self, name: &str) -> io::Result<()> {
        match self.remove(&half(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

pub(super) fn remove_empty(above: &Path, name: &str) -> io::Result<()> {
    let above = folder(above)?;
    let facts = fstat(&above)?;
    let owner = Owner {
        user: facts.st_uid,
        group: facts.st_gid,
    };
    let _acting = owner.act()?;
    Ok(unlinkat(&above, name, AtFlags::REMOVEDIR)?)
}

/// A folder whose path has no link in it: whoever may write above it could lead the administrator anywhere by one.
fn folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat2(
        CWD,
        path,
        flags,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS,
    )?)
}

/// The name that a file has until it is complete.
fn half(name: &str) -> String {
    format!(".{name}.vong~")
}

fn is_empty(fd: &OwnedFd) -> io::Result<bool> {
    for entry in Dir::read_from(fd)? {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// Lets this thread do to files what the owner may do and nothing else, until the answer is dropped.
    fn act(self) -> io::Result<Acting> {
        let before = Owner::acting();
        let acting = Acting { before };
        // The group first: only an administrator may change it.
        set_group(self.group);
        set_user(self.user);
        if Owner::acting() == self || before.user == self.user {
            Ok(acting)
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }

    fn acting() -> Self {
        // No such id can be set, and the answer is the one in force.
        Self {
            user: set_user(u32::MAX),
            group: set_group(u32::MAX),
        }
    }
}

/// This thread acts for somebody else.
#[derive(Debug)]
struct Acting {
    before: Owner,
}

impl Drop for Acting {
    fn drop(&mut self) {
        set_user(self.before.user);
        set_group(self.before.group);
    }
}

fn set_user(id: u32) -> u32 {
    // SAFETY: takes a number, and changes nothing but this thread's rights to files.
    unsafe { libc::setfsuid(id) }.cast_unsigned()
}

fn set_group(id: u32) -> u32 {
    // SAFETY: as above.
    unsafe { libc::setfsgid(id) }.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

    use super::*;

    const LAN: u32 = 61_234;

    /// A home; `None` without the privilege to give it to somebody.
    fn home_of_lan(mode: u32) -> Option<tempfile::TempDir> {
        let home = tempfile::tempdir().expect("a folder");
        fs::set_permissions(home.path(), fs::Permissions::from_mode(mode)).expect("ours");
        chown(home.path(), Some(LAN), Some(LAN)).ok().map(|()| home)
    }

    #[test]
    fn what_is_made_is_the_owners_with_the_rights_of_the_folder_above_whatever_the_mask() {
        for (mode, expected) in [(0o700, 0o600), (0o755, 0o644), (0o2775, 0o664)] {
            let Some(home) = home_of_lan(mode) else { return };
            let before = rustix::process::umask(Mode::from_raw_mode(0o077));
            let folder = Folder::open(home.path(), "gác", true).expect("made");
            folder.put("tệp.txt", b"content").expect("placed");
            rustix::process::umask(before);
            let facts = |path: &str| {
                let facts = fs::metadata(home.path().join(path)).expect("there");
                (facts.uid(), facts.gid(), facts.mode() & 0o7777)
            };
            assert_eq!(facts("gác/tệp.txt"), (LAN, LAN, expected));
            assert_eq!(facts("gác"), (LAN, LAN, mode & 0o777));
        }
        assert_eq!(Owner::acting().user, rustix::process::geteuid().as_raw());
    }

    #[test]
    fn nothing_of_others_is_given_to_the_owner() {
        let Some(home) = home_of_lan(0o755) else { return };
        let of_root = home.path().join("gác");
        fs::create_dir(&of_root).expect("made");
        fs::set_permissions(&of_root, fs::Permissions::from_mode(0o700)).expect("ours");
        assert!(Folder::open(home.path(), "gác", true).is_err());
        let facts = fs::metadata(&of_root).expect("there");
        assert_eq!((facts.uid(), facts.mode() & 0o777), (0, 0o700));
        // The owner's rights, not an administrator's: his folder is closed to himself.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o555)).expect("ours");
        assert!(Folder::open(home.path(), "other", true).is_err());
        assert_eq!(Owner::acting(), Owner { user: 0, group: 0 });
    }

    #[test]
    fn what_was_cut_short_is_swept_up() {
        let above = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(above.path(), "gác", true).expect("made");
        folder.write(&half("a"), b"con").expect("written");
        folder.write(&half("b"), b"con").expect("written");
        folder.put("a", b"content").expect("placed");
        folder.sweep("b").expect("swept");
        folder.sweep("b").expect("nothing to do");
        let names = fs::read_dir(above.path().join("gác")).expect("there");
        assert_eq!(names.count(), 1);
    }
}
