//! Setting a damaged spool aside: its bytes stay for whoever wants to study them, one such file at a time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use vong_proto::event::{Body, Lane as LaneName, Sensor};

use super::fault::SpoolError;
use super::keeper;
use crate::report::NewEvent;

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

/// What a damaged file took with it: what waited in it, and what the file sensor compared with.
pub(super) fn lost_with_the_file(owned_ms: Option<i64>) -> Vec<NewEvent> {
    let lost = [(Sensor::Presence, "spool"), (Sensor::Files, "")];
    let lost = lost.map(|(sensor, scope)| {
        let mut lost = keeper::blind(LaneName::State, sensor, scope, "spool_corrupt");
        if let (Body::Blind(blind), Some(owned_ms)) = (&mut lost.body, owned_ms) {
            blind.since_ms = owned_ms.min(blind.until_ms);
        }
        lost
    });
    lost.into()
}

fn aside(spool: &Path) -> PathBuf {
    spool.with_extension("damaged")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
