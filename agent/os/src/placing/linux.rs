//! Descriptors of folders, and calls relative to them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid, fchown, fstat, mkdirat, open, openat, unlinkat};

/// Everybody may look, the owner may write: as the owner's own files.
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o755);

#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    owner: (u32, u32),
}

impl Folder {
    pub(super) fn open(above: &Path, name: &str, make: bool) -> io::Result<Self> {
        let above = folder(above)?;
        let facts = fstat(&above)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let owner = (facts.st_uid, facts.st_gid);
        let made = make && mkdirat(&above, name, FOLDER_MODE).is_ok();
        let fd = openat(&above, name, flags, Mode::empty())?;
        if made {
            give(&fd, owner)?;
        }
        if fstat(&fd)?.st_uid != owner.0 {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(Self { fd, owner })
    }

    pub(super) fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.fd, name, flags, Mode::empty())?);
        let mut content = Vec::new();
        file.take(bytes_max).read_to_end(&mut content)?;
        Ok(content)
    }

    pub(super) fn put(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&self.fd, name, flags, FILE_MODE)?;
        give(&fd, self.owner)?;
        File::from(fd).write_all(content)
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.fd, name, AtFlags::empty())?)
    }
}

pub(super) fn remove_empty(above: &Path, name: &str) -> io::Result<()> {
    Ok(unlinkat(folder(above)?, name, AtFlags::REMOVEDIR)?)
}

fn folder(path: &Path) -> io::Result<OwnedFd> {
    Ok(open(
        path,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// Only an administrator can give, and has to.
fn give(fd: &OwnedFd, (user, group): (u32, u32)) -> io::Result<()> {
    let facts = fstat(fd)?;
    if (facts.st_uid, facts.st_gid) == (user, group) {
        return Ok(());
    }
    Ok(fchown(fd, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))?)
}
