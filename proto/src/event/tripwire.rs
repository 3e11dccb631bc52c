//! Words for the ransomware tripwire: something changes documents as ransomware does.

use serde::{Deserialize, Serialize};

use super::Process;

/// An occurrence as far as it has come. It is told again while it goes on, with all figures anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tripwire {
    /// The occurrence's name, the same as long as it goes on; unique on its PC.
    pub key: String,
    /// How far it has come.
    pub level: TripwireLevel,
    /// The highest score that was reached in the quick sum, in thousandths of a point.
    pub score_milli: u32,
    /// The highest score that was reached in the slow sum, in thousandths of a point.
    pub slow_score_milli: u32,
    /// What the scores are made of, the weightiest first; at most [`Tripwire::REASONS_MAX`].
    pub reasons: Vec<TripwireReason>,
    /// Some of the files: the first and the last; at most [`Tripwire::FILES_MAX`].
    pub files: Vec<TripwireFile>,
    /// The quick sum over time, in order; at most [`Tripwire::CURVE_MAX`].
    pub curve: Vec<TripwireScore>,
    /// Whoever did it first, then its ancestors; empty when nobody can tell. At most [`Tripwire::PROCESSES_MAX`].
    pub processes: Vec<Process>,
    /// The user, as far as known.
    pub user: String,
    /// The mount point or drive that it happened on, when nobody can tell the process.
    pub volume: Vec<u8>,
    /// So many documents were written, renamed or removed by it.
    pub files_touched: u32,
    /// So many of those seem to be lost: their content cannot be what their name says, or they are gone.
    pub files_lost: u32,
    /// So many canaries were touched.
    pub canaries_touched: u32,
    /// When it began, by the PC's wall clock, milliseconds since 1970.
    pub first_ms: i64,
    /// When the last of it was seen.
    pub last_ms: i64,
    /// Nothing has been seen of it for a while.
    pub over: bool,
}

impl Tripwire {
    /// No more reasons than there are codes.
    pub const REASONS_MAX: usize = 32;
    /// More files tell nobody anything.
    pub const FILES_MAX: usize = 48;
    /// Enough for a picture.
    pub const CURVE_MAX: usize = 120;
    /// A process and its ancestors.
    pub const PROCESSES_MAX: usize = 8;
}

/// How far an occurrence has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TripwireLevel {
    /// Strange; may be an unusual but honest program.
    Warning,
    /// Act at once.
    Alarm,
}

/// One kind of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TripwireReason {
    /// A code: `canary`, `content_random`, `tail_random`, `base64`, `extension`, `rewritten_and_deleted`, `note`,
    /// `archived_and_deleted`.
    pub code: String,
    /// How often.
    pub count: u32,
    /// What it has added, in thousandths of a point, before anything faded.
    pub score_milli: u32,
}

/// One file that counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TripwireFile {
    /// Its path.
    pub path: Vec<u8>,
    /// Its path before, when it was renamed or written anew under another name.
    pub old_path: Option<Vec<u8>>,
    /// The code of what counted most.
    pub reason: String,
    /// What it added, in thousandths of a point.
    pub score_milli: u32,
    /// When, by the PC's wall clock, milliseconds since 1970.
    pub at_ms: i64,
}

/// The score at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TripwireScore {
    /// When, by the PC's wall clock, milliseconds since 1970.
    pub at_ms: i64,
    /// The quick sum, in thousandths of a point.
    pub score_milli: u32,
}
