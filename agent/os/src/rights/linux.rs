//! Mode bits.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

/// What its owner alone may do anything with.
const PRIVATE: u32 = 0o700;
/// What group and others may do.
const OTHERS: u32 = 0o077;
/// The bits that can be set.
const MODE: u32 = 0o7777;
/// Why a folder is not closed, and what to do.
const IN_USE: &str = "others may enter this folder and it is in use for something else; name one of its own, which need not exist";
/// Group and others may write.
const WRITABLE: u32 = 0o022;
/// In such a folder only the owner of an entry may remove it.
const STICKY: u32 = 0o1000;

pub(super) fn readable_by(options: &mut OpenOptions, everybody: bool) {
    options.mode(if everybody { 0o644 } else { 0o600 });
}

pub(super) fn make_private_folder(path: &Path, signs: &[PathBuf]) -> io::Result<()> {
    if let Some(above) = path.parent() {
        std::fs::create_dir_all(above)?;
    }
    match DirBuilder::new().mode(PRIVATE).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => close(path, signs),
        made => made,
    }
}

fn close(path: &Path, signs: &[PathBuf]) -> io::Result<()> {
    let mode = std::fs::metadata(path)?.mode();
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let is_ours = signs.iter().any(|sign| sign.exists()) || std::fs::read_dir(path)?.next().is_none();
    if mode & STICKY != 0 || !is_ours {
        return Err(io::Error::new(io::ErrorKind::DirectoryNotEmpty, IN_USE));
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS & MODE))
}

pub(super) fn is_out_of_reach(path: &Path) -> io::Result<bool> {
    let path = std::fs::canonicalize(path)?;
    for (depth, place) in path.ancestors().enumerate() {
        let metadata = std::fs::metadata(place)?;
        let keeps_entries = depth > 0 && metadata.mode() & STICKY != 0;
        if !is_administrator_or_own(metadata.uid()) || (metadata.mode() & WRITABLE != 0 && !keeps_entries) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn is_administrator_or_own(user_id: u32) -> bool {
    user_id == 0 || user_id == geteuid().as_raw()
}

pub(super) fn administrator_and_own() -> Vec<u32> {
    vec![0, geteuid().as_raw()]
}
