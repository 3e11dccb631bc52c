//! The data folder: made when it is not there, private, and used by one collector at a time.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made, or its lock cannot be opened.
    #[error("cannot use the data folder {}; check owner, rights and free space", .path.display())]
    Use {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// Another collector is running on it.
    #[error("the data folder {} is in use by another collector (process {process}); stop that one, or give this one another folder", .path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The other's process id.
        process: String,
    },
}

/// Holds the data folder until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Hold(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

/// Makes the folder if need be, and takes it.
pub(super) fn hold(path: &Path) -> Result<Hold, FolderError> {
    let failed = |source| FolderError::Use {
        path: path.to_owned(),
        source,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed)?;
    let mut open = File::options();
    open.read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let mut lock = open.open(path.join("collector.lock")).map_err(failed)?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut process = String::new();
        // An unreadable process id only makes the message poorer.
        let _ = lock.read_to_string(&mut process);
        return Err(FolderError::InUse {
            path: path.to_owned(),
            process: process.trim().to_owned(),
        });
    }
    let written = lock
        .rewind()
        .and_then(|()| lock.set_len(0))
        .and_then(|()| write!(lock, "{}", std::process::id()));
    written.map_err(failed)?;
    Ok(Hold(lock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_collector_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dữ liệu");
        let held = hold(&path).expect("held");
        let error = hold(&path).expect_err("in use").to_string();
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        drop(held);
        hold(&path).expect("free again");
    }
}
