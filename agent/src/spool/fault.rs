//! Why the spool cannot do its work, and which of SQLite's complaints mean that the file is damaged.
//!
//! A damaged file is set aside, and the agent goes on with a new one; any other fault ends the agent, and the next start
//! meets the same file again. So whatever lies in the file's content must be told from what lies around it.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why the spool cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk is full, and nothing could be dropped that would help.
    #[error("the disk is full")]
    DiskFull(#[source] rusqlite::Error),
    /// The disk takes no writing. It is not waited for: a PC whose agent cannot keep anything must be seen as one
    /// without an agent.
    #[error("the spool's disk can only be read; make it writable and start the agent again")]
    ReadOnly(#[source] rusqlite::Error),
    /// The file is damaged, or no spool at all.
    #[error("the spool file is damaged")]
    Damaged(#[source] rusqlite::Error),
    /// The file was made by a newer agent.
    #[error("the spool file has version {found}, this agent knows {known}; install the newer agent again")]
    Newer {
        /// The file's version.
        found: usize,
        /// The newest this build knows.
        known: usize,
    },
    /// SQLite failed otherwise.
    #[error("the spool file cannot be used")]
    Sqlite(#[source] rusqlite::Error),
    /// The file system failed.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The thread could not be started.
    #[error("cannot start the spool's thread")]
    Thread(#[source] std::io::Error),
}

impl From<rusqlite::Error> for SpoolError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull(error),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(error),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation) => {
                Self::Damaged(error)
            }
            _ if is_misread(&error) || is_cut_short(&error) => Self::Damaged(error),
            _ => Self::Sqlite(error),
        }
    }
}

/// Whether a row is missing, or holds what was never written: SQLite finds the file in order, and it is not.
fn is_misread(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::QueryReturnedNoRows
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

/// Whether the file ends before a page that it says it has. Other faults in reading are the disk's.
fn is_cut_short(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_IOERR_SHORT_READ)
}

impl SpoolError {
    /// While a file is opened, a statement of ours fails only over what the file says of itself, its format or its
    /// tables: no word of ours is wrong, the file is.
    pub(super) fn while_opening(self) -> Self {
        match self {
            Self::Sqlite(error) if is_about_a_statement(&error) => Self::Damaged(error),
            other => other,
        }
    }
}

fn is_about_a_statement(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::Unknown)
        || matches!(error, rusqlite::Error::SqlInputError { .. })
}
