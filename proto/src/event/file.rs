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
    /// What differs from before; empty when nothing is known of before.
    pub changed: Vec<Aspect>,
    /// So many reports of the system became this event, at least 1.
    pub count: u32,
    /// The PC's wall clock at the first of them, milliseconds since 1970; `None` when there was one.
    pub first_ms: Option<i64>,
    /// What explains the change, as far as the agent can tell.
    pub cause: Option<Cause>,
}

/// One way in which a file can differ from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// Its content.
    Content,
    /// Its mode bits.
    Mode,
    /// Its owner or group.
    Owner,
    /// Its access control list.
    Acl,
    /// Its times, and nothing else that is known of.
    Times,
    /// What it is: a file became a link, a folder became a file.
    Kind,
    /// The text of a link, or what stands where it leads.
    Link,
}

impl FileEvent {
    /// An event of which nothing is known but what happened, where, how that came to be known, and by whom.
    pub fn new(action: FileAction, path: Vec<u8>, origin: Origin, who: Who) -> Self {
        Self {
            action,
            path,
            old_path: None,
            origin,
            meta: None,
            who,
            watch: String::new(),
            severity: None,
            changed: Vec::new(),
            count: 1,
            first_ms: None,
            cause: None,
        }
    }
}

impl Aspect {
    /// All of them.
    pub const ALL: [Aspect; 7] = [
        Aspect::Content,
        Aspect::Mode,
        Aspect::Owner,
        Aspect::Acl,
        Aspect::Times,
        Aspect::Kind,
        Aspect::Link,
    ];

    /// The stable name, as stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Aspect::Content => "content",
            Aspect::Mode => "mode",
            Aspect::Owner => "owner",
            Aspect::Acl => "acl",
            Aspect::Times => "times",
            Aspect::Kind => "kind",
            Aspect::Link => "link",
        }
    }
}

/// What explains a change: it is recorded like any other, and tells nobody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A package manager did it.
    Package {
        /// `dpkg`, `rpm`, `msi`, `windows_update`.
        manager: String,
        /// The package.
        name: String,
        /// Its version, as the manager writes it.
        version: String,
    },
    /// It falls into a window that somebody announced by policy.
    Planned {
        /// The window's name.
        name: String,
        /// Who announced it.
        author: String,
    },
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
    /// Owning group as the system names it; empty where there is none.
    pub group: String,
    /// SHA-256 of the access control list as the system gives it; `None` when rights are only those of the mode.
    pub acl_sha256: Option<[u8; 32]>,
    /// Of a symbolic link: its text and its target.
    pub link: Option<Link>,
}

impl FileMeta {
    /// What is known of a plain file without access control list.
    pub fn plain(size: u64, mtime_ns: i64, mode: u32, owner: &str, digest: Digest) -> Self {
        Self {
            size,
            mtime_ns,
            mode,
            owner: owner.to_owned(),
            digest,
            group: String::new(),
            acl_sha256: None,
            link: None,
        }
    }
}

/// A symbolic link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its own text.
    pub text: Vec<u8>,
    /// What stands where it leads.
    pub target: LinkTarget,
}

/// What stands where a link leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkTarget {
    /// Nobody could look.
    Unknown,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A device, pipe or socket.
    Other,
    /// Nothing.
    Missing,
    /// It leads to itself in the end.
    Loop,
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
    /// Nobody can tell; a code: `unprivileged`, `catch_up`, `network_mount`, `not_reported`, `several`.
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
