//! Setting a damaged spool aside: its bytes stay for whoever wants to study them, one such file at a time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::fault::SpoolError;

/// SQLite's own files beside the database; they belong to the damaged one.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Renames the file, in place of one that was set aside before.
pub(super) fn set_aside(spool: &Path) -> Result<(), SpoolError> {
    let aside = aside(spool);
    fs::rename(spool, &aside).map_err(|source| SpoolError::File {
        path: spool.to_owned(),
        source,
    })?;
    for companion in COMPANIONS {
        let path = beside(spool, companion);
        match fs::rename(&path, beside(&aside, companion)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(SpoolError::File { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a file has been set aside.
pub(super) fn is_waiting(spool: &Path) -> bool {
    aside(spool).exists()
}

fn aside(spool: &Path) -> PathBuf {
    spool.with_extension("damaged")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
