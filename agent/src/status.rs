//! What the running agent says about itself in `status.json`, for `vong-agent status`.
//!
//! Only what the connection knows stands in the file; how much waits in the spool is read from the spool. It
//! is written when something changes and is worth no fsync: after a crash it is written anew.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::debug;

/// The state of the agent, as far as its connection knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The process.
    pub pid: u32,
    /// The agent's version.
    pub version: String,
    /// When it started, milliseconds since 1970.
    pub started_ms: i64,
    /// The collector's address.
    pub collector: String,
    /// Since when it is connected, milliseconds since 1970; absent when it is not.
    pub connected_since_ms: Option<i64>,
    /// The host that the collector takes this PC for.
    pub host: Option<u64>,
    /// When the collector last acknowledged something, milliseconds since 1970.
    pub last_ack_ms: Option<i64>,
    /// Why there is no connection, in words.
    pub problem: Option<String>,
    /// Whether the collector refuses this agent until a person does something.
    pub refused: bool,
    /// By how much the PC's clock is behind the collector's, in milliseconds.
    pub clock_behind_ms: Option<i64>,
    /// When the agent's certificate ends, milliseconds since 1970.
    pub certificate_end_ms: Option<i64>,
    /// The policy in force; 0 for none.
    pub policy_version: u64,
    /// Why the last policy was refused; absent when it was not.
    pub policy_refusal: Option<String>,
}

/// The file and what stands in it.
#[derive(Debug)]
pub struct StatusFile {
    path: PathBuf,
    status: Status,
    written: Option<Status>,
}

impl StatusFile {
    /// A file that will be written with the first change.
    pub fn new(path: PathBuf, status: Status) -> Self {
        Self {
            path,
            status,
            written: None,
        }
    }

    /// Changes what the next [`write`](Self::write) writes.
    pub fn note(&mut self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status);
    }

    /// When the collector last acknowledged something in this run.
    pub fn last_ack_ms(&self) -> Option<i64> {
        self.status.last_ack_ms
    }

    /// Writes what has changed. A status that cannot be written harms nobody but its reader.
    pub fn write(&mut self) {
        if self.written.as_ref() == Some(&self.status) {
            return;
        }
        let json = serde_json::to_vec_pretty(&self.status).expect("a status has only string keys");
        let beside = self.path.with_extension("json.new");
        let written = fs::write(&beside, json).and_then(|()| fs::rename(&beside, &self.path));
        match written {
            Ok(()) => self.written = Some(self.status.clone()),
            Err(error) => debug!(path = %self.path.display(), %error, "cannot write the status"),
        }
    }
}

/// What stands in the file; `None` when no agent has ever run here, or the file is not readable as a status.
pub fn read(path: &Path) -> Option<Status> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_can_be_read_after_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");
        let mut file = StatusFile::new(path.clone(), Status::default());
        file.note(|status| status.host = Some(7));
        assert_eq!(read(&path), None);
        file.write();
        assert_eq!(read(&path).unwrap().host, Some(7));
    }
}
