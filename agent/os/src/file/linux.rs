//! `lstat`, `fstat` and an `open` with the flags of a quiet reader.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Facts, Kind};

pub(super) fn look(path: &Path) -> io::Result<Facts> {
    std::fs::symlink_metadata(path).map(|metadata| facts(&metadata))
}

pub(super) fn look_through(path: &Path) -> io::Result<Facts> {
    std::fs::metadata(path).map(|metadata| facts(&metadata))
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
    }
}

fn kind(metadata: &Metadata) -> Kind {
    let file_type = metadata.file_type();
    if file_type.is_file() {
        Kind::File
    } else if file_type.is_dir() {
        Kind::Folder
    } else {
        Kind::Other
    }
}

/// A file may carry any time its writer likes, also one beyond what nanoseconds can count.
fn nanoseconds(seconds: i64, nanos: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}
