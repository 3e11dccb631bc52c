//! Words for files: what happened to one, and who did it.

use serde::{Deserialize, Serialize};

/// Something happened to a file in a watched folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEvent {
    /// What happened.
    pub action: FileAction,
    /// The file's path, as the system spells it: bytes, NFC or NFD as they are.
    pub path: Vec<u8>,
    /// The path before a rename.
    pub old_path: Option<Vec<u8>>,
    /// How the agent came to know.
    pub origin: Origin,
    /// Size, times, rights and content hash after the event; `None` when the file is gone.
    pub meta: Option<FileMeta>,
    /// Who did it.
    pub who: Who,
    /// The name of the watch in the policy that this file falls under.
    pub watch: String,
    /// What a change under that watch means, as the policy says; `None` is routine.
    pub severity: Option<Severity>,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileAction {
    /// It is new.
    Created,
    /// Its content changed.
    Modified,
    /// It is gone.
    Deleted,
    /// It has another name.
    Renamed,
    /// Only its rights, owner or times changed.
    Attributes,
}

/// How the agent came to know of a file event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The operating system told while it happened.
    RealTime,
    /// A comparison with the baseline found it afterwards: only the final state is known.
    CatchUp,
}

/// How grave a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a line in a digest.
    Low,
    /// Worth an alert.
    Medium,
    /// Worth a mail in working hours.
    High,
    /// Worth waking somebody.
    Critical,
}

/// What is known of a file after an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMeta {
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change of content, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Unix mode bits, 0 where the system has none.
    pub mode: u32,
    /// Owner as the system names it: a user id on Linux, a SID on Windows.
    pub owner: String,
    /// The content's digest.
    pub digest: Digest,
}

/// The SHA-256 of a file's content, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// The hash of the whole content.
    Sha256([u8; 32]),
    /// Not computed; a code: `too_large`, `unreadable`, `changing`, `not_a_file`.
    Absent(String),
}

/// Who changed a file. "Unknown" is an answer of its own and says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The system named the process, and it was still there to be asked.
    Exact(Process),
    /// The system named the process, but it had exited before it could be asked.
    Exited {
        /// Its process id.
        pid: u32,
    },
    /// Nobody can tell; a code: `unprivileged`, `catch_up`, `network_mount`, `not_reported`.
    Unavailable(String),
}

/// A process as it was when it touched a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Path of its executable.
    pub executable: Vec<u8>,
    /// Its command line, cut at 1,024 bytes.
    pub command_line: Vec<u8>,
    /// The user it ran as: a name where one is known, else the id.
    pub user: String,
    /// Process id of its parent, 0 when unknown.
    pub parent_pid: u32,
    /// Path of its parent's executable, empty when unknown.
    pub parent_executable: Vec<u8>,
}
