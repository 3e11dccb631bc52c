//! `lstat`, `fstat` and an `open` with the flags of a quiet reader.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, RawDir, lgetxattr, llistxattr};
use rustix::io::Errno;

use super::{Facts, Kind};

/// The attributes that grant rights beside the mode.
const RIGHTS: [&str; 3] = [
    "security.capability",
    "system.posix_acl_access",
    "system.posix_acl_default",
];
/// The kernel keeps no longer attribute, and no longer list of their names.
const ATTRIBUTE_BYTES_MAX: usize = 64 * 1024;
/// The names of a file's attributes hardly ever take more.
const LIST_BYTES: usize = 1024;
/// So much of a folder is read at once: some 800 names.
const NAMES_BYTES: usize = 32 * 1024;

pub(super) fn look(path: &Path) -> io::Result<Facts> {
    std::fs::symlink_metadata(path).map(|metadata| facts(&metadata))
}

pub(super) fn born_ns(path: &Path) -> Option<i64> {
    let born = std::fs::symlink_metadata(path).ok()?.created().ok()?;
    let since = born.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok()
}

pub(super) fn look_open(file: &File) -> io::Result<Facts> {
    file.metadata().map(|metadata| facts(&metadata))
}

pub(super) fn open_quietly(path: &Path) -> io::Result<File> {
    let quiet = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let open = |flags| OpenOptions::new().read(true).custom_flags(flags).open(path);
    match open(quiet | libc::O_NOATIME) {
        // Only the owner and root may read without a trace.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => open(quiet),
        result => result,
    }
}

pub(super) fn read_plain(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let plain = |metadata: Metadata| match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    };
    // Looked at before, because opening a device may set it to work, and after, because it may be another one.
    plain(std::fs::metadata(path)?)?;
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    plain(file.metadata()?)?;
    let mut content = Vec::new();
    file.take(bytes_max).read_to_end(&mut content)?;
    Ok(content)
}

pub(super) fn rights_beside_mode(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // One call for the many files that have none of them.
    let mut list = [0; LIST_BYTES];
    let listed = match llistxattr(path, &mut list[..]) {
        Ok(length) => Some(&list[..length]),
        Err(Errno::RANGE) => None,
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut rights = Vec::new();
    for name in RIGHTS {
        let is_there = |list: &[u8]| {
            list.split(|byte| *byte == 0)
                .any(|other| other == name.as_bytes())
        };
        if listed.is_none_or(is_there)
            && let Some(value) = attribute(path, name)?
        {
            rights.extend(name.as_bytes());
            rights.push(0);
            rights.extend((value.len() as u64).to_be_bytes());
            rights.extend(value);
        }
    }
    Ok((!rights.is_empty()).then_some(rights))
}

fn attribute(path: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    let mut value = vec![0; LIST_BYTES];
    loop {
        match lgetxattr(path, name, &mut value[..]) {
            Ok(length) => {
                value.truncate(length);
                return Ok(Some(value));
            }
            Err(Errno::RANGE) if value.len() < ATTRIBUTE_BYTES_MAX => value.resize(ATTRIBUTE_BYTES_MAX, 0),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

pub(super) fn link_text(path: &Path) -> io::Result<Vec<u8>> {
    Ok(rustix::fs::readlink(path, Vec::new())?.into_bytes())
}

pub(super) fn each_name(folder: &Path, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let quiet = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let folder = match rustix::fs::open(folder, quiet | OFlags::NOATIME, Mode::empty()) {
        // Only the owner and root may read without a trace.
        Err(Errno::PERM) => rustix::fs::open(folder, quiet, Mode::empty())?,
        opened => opened?,
    };
    let mut buffer = Vec::with_capacity(NAMES_BYTES);
    let mut entries = RawDir::new(folder, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Err(Errno::INTR) => continue,
            entry => entry?,
        };
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            each(name);
        }
    }
    Ok(())
}

pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

fn facts(metadata: &Metadata) -> Facts {
    Facts {
        kind: kind(metadata),
        size: metadata.size(),
        mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        ctime_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        device: metadata.dev(),
        inode: metadata.ino(),
        mode: metadata.mode(),
        owner: metadata.uid(),
        group: metadata.gid(),
    }
}

fn kind(metadata: &Metadata) -> Kind {
    let file_type = metadata.file_type();
    if file_type.is_file() {
        Kind::File
    } else if file_type.is_dir() {
        Kind::Folder
    } else if file_type.is_symlink() {
        Kind::Link
    } else {
        Kind::Other
    }
}

/// A file may carry any time its writer likes, also one beyond what nanoseconds can count.
fn nanoseconds(seconds: i64, nanos: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}
