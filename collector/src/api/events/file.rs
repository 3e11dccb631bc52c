//! What is said of a file's change: what differs, who did it, what explains it, what people said of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::word::{Severity, Text};

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum FileAction {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Origin {
    /// The operating system told while it happened.
    RealTime,
    /// A comparison with the baseline found it afterwards.
    CatchUp,
}

/// Something happened to a file.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct FileReport {
    /// What happened.
    pub(super) action: FileAction,
    /// Its path.
    pub(super) path: Text,
    /// The path's bytes as hexadecimal digits, always.
    pub(super) path_hex: String,
    /// The path before a rename.
    pub(super) old_path: Option<Text>,
    /// How the agent came to know.
    pub(super) origin: Origin,
    /// Size in bytes afterwards; `null` when it is gone.
    pub(super) size: Option<u64>,
    /// Time of the last change of content, nanoseconds since 1970, as digits: more than a JSON number holds.
    pub(super) mtime_ns: Option<String>,
    /// Its mode bits; `null` when it is gone.
    pub(super) mode: Option<u32>,
    /// Its owner.
    pub(super) owner: Option<String>,
    /// Its owning group.
    pub(super) group: Option<String>,
    /// SHA-256 of its access control list, where it has one.
    pub(super) acl_sha256: Option<String>,
    /// Its text and what it leads to, of a symbolic link.
    pub(super) link: Option<LinkReport>,
    /// What differs from before; empty when nothing is known of before.
    pub(super) changed: Vec<FileAspect>,
    /// So many reports of the system became this event.
    pub(super) count: u32,
    /// When the first of them was, where there were several.
    pub(super) first_ms: Option<i64>,
    /// What explains the change.
    pub(super) cause: Option<CauseReport>,
    /// SHA-256 of its content.
    pub(super) sha256: Option<String>,
    /// Why there is none: a code such as `too_large`.
    pub(super) digest_absent: Option<String>,
    /// The watch in the policy that it falls under.
    pub(super) watch: String,
    /// What a change under that watch means; `null` is routine.
    pub(super) severity: Option<Severity>,
    /// Who did it.
    pub(super) who: WhoReport,
    /// What the centre's lists say of its content now; `null` when they do not know it.
    pub(super) known: Option<HashVerdict>,
}

/// How well it is known who changed a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum WhoKind {
    /// The process is known.
    Exact,
    /// Only its number is: it had exited.
    Exited,
    /// Nobody can tell.
    Unavailable,
}

/// Who changed a file.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct WhoReport {
    /// How well it is known.
    pub(super) kind: WhoKind,
    /// Process id.
    pub(super) pid: Option<u32>,
    /// Path of its executable.
    pub(super) executable: Option<Text>,
    /// Its command line.
    pub(super) command_line: Option<Text>,
    /// The user it ran as.
    pub(super) user: Option<String>,
    /// Process id of its parent.
    pub(super) parent_pid: Option<u32>,
    /// Path of its parent's executable.
    pub(super) parent_executable: Option<Text>,
    /// Why nobody can tell: a code such as `unprivileged`.
    pub(super) reason: Option<String>,
}

/// One way in which a file can differ from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum FileAspect {
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

/// What stands where a link leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum LinkTarget {
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

/// A symbolic link.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct LinkReport {
    /// Its own text.
    pub(super) text: Text,
    /// What stands where it leads.
    pub(super) target: LinkTarget,
}

/// What kind of thing explains a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum CauseKind {
    /// A package manager did it.
    Package,
    /// It falls into a window that somebody announced by policy.
    Planned,
}

/// What explains a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::api) struct CauseReport {
    /// What kind of thing.
    pub(super) kind: CauseKind,
    /// The package, or the window's name.
    pub(super) name: String,
    /// The package's version.
    pub(super) version: Option<String>,
    /// The package manager, such as `dpkg`, or who announced the window.
    pub(super) by: String,
}

/// What a list says of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum HashVerdict {
    /// It is known to be bad.
    Bad,
    /// It is known to be good.
    Good,
}

/// What somebody says of the state that a file was left in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum ReviewVerdict {
    /// As it should be: the same state opens no finding any more.
    Accepted,
    /// Not as it should be.
    Flagged,
}

/// What somebody said of the state that a file was left in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::api) struct ReviewReport {
    /// Its number.
    pub(in crate::api) id: i64,
    /// What.
    pub(in crate::api) verdict: ReviewVerdict,
    /// Why, in their own words.
    pub(in crate::api) reason: String,
    /// Who.
    pub(in crate::api) author: String,
    /// When.
    pub(in crate::api) at_ms: i64,
    /// Whether it holds for all hosts of the unit and of those below it.
    pub(in crate::api) for_unit: bool,
}
