//! The ready file: where everything is, written once it can be used. Scripts and tests wait for it.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

/// What the ready file says, as JSON.
#[derive(Serialize)]
pub(super) struct Ready<'a> {
    /// The dashboard's address.
    pub(super) web: String,
    /// Where agents connect.
    pub(super) intake: String,
    /// The store's HTTP interface.
    pub(super) store: StoreAccess<'a>,
    /// The collector's process.
    pub(super) pid: u32,
    /// The engine's process, when it is embedded.
    pub(super) engine_pid: Option<u32>,
}

/// How the store is reached; this is why the file is private.
#[derive(Serialize)]
pub(super) struct StoreAccess<'a> {
    pub(super) url: &'a str,
    pub(super) user: &'a str,
    pub(super) password: &'a str,
}

/// Writes the file privately and as a whole: whoever sees it sees all of it.
pub(super) fn write(path: &Path, ready: &Ready<'_>) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    serde_json::to_writer(&mut file, ready)?;
    file.flush()?;
    std::fs::rename(&new, path)
}
