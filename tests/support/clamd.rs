//! ClamAV's real daemon, for one story: its own socket and signatures in the story's folder, and a configuration
//! where only root writes.
//!
//! The agent finds a running clamd by its process and reads the configuration that it was started with. The
//! engine and its one signature are real. The dated head of the database file is written here, after the
//! format that `sigtool --info` documents, because only ClamAV's makers can sign a whole one: clamd must not
//! see it, so it comes once clamd has loaded, and clamd looks at its folder only at start.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::poll::{self, PATIENCE};
use crate::process::Running;

/// Debian's, which is not in every user's path.
const PROGRAM: &str = "/usr/sbin/clamd";
/// Where programs that are not the system's own are configured. The agent believes no configuration elsewhere.
const CONFIGURED_IN: &str = "/usr/local/etc";
/// A signature of nobody's: a file that consists of these bytes is called "Vong.Story".
const SIGNATURE: &str = "Vong.Story:0:*:766f6e672d73746f7279\n";

/// A clamd that can be started and stopped.
pub struct Clamd {
    running: Option<Running>,
    folder: PathBuf,
    settings: TempDir,
}

impl Clamd {
    /// Lays its folder; nothing runs yet.
    ///
    /// # Errors
    /// The machine already has a clamd of its own, which the agent would see; or a folder cannot be made, as by
    /// anybody but root.
    pub fn prepare(folder: &Path) -> anyhow::Result<Self> {
        let others = Command::new("pgrep").args(["-x", "clamd"]).output()?;
        ensure!(
            !others.status.success(),
            "a clamd runs on this machine already, and the story's agent would see it: stop it for the test"
        );
        fs::create_dir_all(folder)?;
        let settings = tempfile::Builder::new()
            .prefix("vong-story-")
            .tempdir_in(CONFIGURED_IN)
            .with_context(|| format!("{CONFIGURED_IN} cannot be written: run this story as root"))?;
        let clamd = Self {
            running: None,
            folder: folder.to_owned(),
            settings,
        };
        let settings = format!(
            "Foreground yes\nLocalSocket {}\nDatabaseDirectory {}\nSelfCheck 0\n",
            clamd.socket().display(),
            folder.display()
        );
        fs::write(clamd.settings(), settings)?;
        fs::write(folder.join("story.ndb"), SIGNATURE)?;
        Ok(clamd)
    }

    /// Starts it, waits until it listens, and dates its definitions.
    ///
    /// # Errors
    /// It did not come up.
    pub fn start(&mut self, definitions_built: &str) -> anyhow::Result<()> {
        let head = self.folder.join("daily.cvd");
        if head.exists() {
            fs::remove_file(&head)?;
        }
        let mut command = Command::new(PROGRAM);
        command.arg(format!("--config-file={}", self.settings().display()));
        let log = self.folder.join("clamd.log");
        let mut running = Running::start("clamd", command, &log)?;
        poll::until_true("clamd to listen", PATIENCE, || {
            running.must_live()?;
            Ok(UnixStream::connect(self.socket()).is_ok())
        })?;
        self.running = Some(running);
        self.date_definitions(definitions_built)
    }

    /// Says when the definitions were made, such as `23 Nov 2026 04-31 +0000`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn date_definitions(&self, built: &str) -> anyhow::Result<()> {
        let head = format!("ClamAV-VDB:{built}:27460:2076845:90:md5:signature:vong:0");
        fs::write(self.folder.join("daily.cvd"), format!("{head:<512}"))?;
        Ok(())
    }

    /// Stops it, as an administrator would.
    ///
    /// # Errors
    /// It does not end.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(mut running) = self.running.take() {
            running.stop()?;
        }
        Ok(())
    }

    fn settings(&self) -> PathBuf {
        self.settings.path().join("clamd.conf")
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }
}

/// A moment this long ago, in the words of a database's head.
///
/// # Errors
/// `date` is missing.
pub fn built_before(age: Duration) -> anyhow::Result<String> {
    let said = Command::new("date")
        .args(["--utc", "+%d %b %Y %H-%M +0000", "--date"])
        .arg(format!("{} seconds ago", age.as_secs()))
        .env("LC_ALL", "C")
        .output()?;
    ensure!(
        said.status.success(),
        "date: {}",
        String::from_utf8_lossy(&said.stderr)
    );
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}
