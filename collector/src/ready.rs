//! The ready file: where everything is, written once it can be used.
//!
//! It always lies in the data folder, where the commands beside a running collector find the embedded engine;
//! scripts and tests may ask for another one and wait for it. It holds a password, so it is private.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What the ready file says, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ready {
    /// The dashboard's address.
    pub web: String,
    /// Where agents connect.
    pub intake: String,
    /// How the store is reached.
    pub store: StoreAccess,
    /// The collector's process.
    pub pid: u32,
}

/// How the store is reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoreAccess {
    /// Its HTTP interface.
    pub url: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Where a running collector's own ready file is.
pub fn path_in(data: &Path) -> PathBuf {
    data.join("ready.json")
}

/// Writes the file privately and as a whole: whoever sees it sees all of it.
///
/// # Errors
/// When the system refuses.
pub fn write(path: &Path, ready: &Ready) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    serde_json::to_writer(&mut file, ready)?;
    file.flush()?;
    std::fs::rename(&new, path)
}

/// Reads it; `None` when no collector is running here, or it is not ready yet.
pub fn read(path: &Path) -> Option<Ready> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
