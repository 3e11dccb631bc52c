//! The world outside: a script that writes files and remembers what it did, as nobody of ours does.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use serde::Deserialize;

use crate::process::Running;

/// A file that was written, as the script remembers it.
#[derive(Debug, Clone, Deserialize)]
pub struct Written {
    /// The path's bytes, hexadecimal.
    pub path_hex: String,
    /// The content's SHA-256, hexadecimal.
    pub sha256: String,
    /// Who wrote it.
    pub pid: u32,
    /// When the write was over, milliseconds since 1970.
    pub written_ms: f64,
}

/// A script at work.
pub struct Writer {
    running: Running,
    notes: PathBuf,
}

impl Writer {
    /// Starts writing `count` files into a folder, with a pause after each.
    ///
    /// # Errors
    /// The script cannot be started.
    pub fn start(folder: &Path, notes: &Path, count: u32, pause_ms: u32) -> anyhow::Result<Self> {
        Self::start_with(folder, notes, count, pause_ms, None)
    }

    /// Starts writing without an end, until [`stop`](Self::stop); the same seed gives the same names and contents.
    ///
    /// # Errors
    /// The script cannot be started.
    pub fn endless(folder: &Path, notes: &Path, pause_ms: u32, seed: u64) -> anyhow::Result<Self> {
        Self::start_with(folder, notes, u32::MAX, pause_ms, Some(seed))
    }

    fn start_with(
        folder: &Path,
        notes: &Path,
        count: u32,
        pause_ms: u32,
        seed: Option<u64>,
    ) -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("support/writer.py");
        let mut command = Command::new("python3");
        command
            .arg(script)
            .arg(folder)
            .arg(notes)
            .args([count.to_string(), pause_ms.to_string()])
            .args(seed.map(|seed| seed.to_string()));
        let running = Running::start("writer", command, &notes.with_extension("log"))?;
        Ok(Self {
            running,
            notes: notes.to_owned(),
        })
    }

    /// Whether it is still writing.
    ///
    /// # Errors
    /// Its process cannot be looked at.
    pub fn is_writing(&mut self) -> anyhow::Result<bool> {
        self.running.is_alive()
    }

    /// Waits for the end; the answer is all it wrote.
    ///
    /// # Errors
    /// It failed, or did not end in time.
    pub fn finish(mut self, patience: std::time::Duration) -> anyhow::Result<Vec<Written>> {
        let status = self.running.wait(patience)?;
        ensure!(status.success(), "the writer failed: {}", self.running.output());
        self.written()
    }

    /// Ends it wherever it stands; the answer is all it wrote and noted.
    ///
    /// # Errors
    /// It had ended before, or its list cannot be read.
    pub fn stop(mut self) -> anyhow::Result<Vec<Written>> {
        self.running.must_live()?;
        self.running.kill()?;
        self.written()
    }

    /// What it has written so far.
    ///
    /// # Errors
    /// Its list cannot be read.
    pub fn written(&self) -> anyhow::Result<Vec<Written>> {
        let text = std::fs::read_to_string(&self.notes).unwrap_or_default();
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        complete
            .lines()
            .map(|line| Ok(serde_json::from_str(line)?))
            .collect()
    }
}
