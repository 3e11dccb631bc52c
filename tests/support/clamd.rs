//! ClamAV's real daemon and its on-access scanner, for one story: their own socket, signatures and logs in a folder of
//! the story, and a configuration where only root writes.
//!
//! The agent finds a running clamd by its process and reads the configuration that it was started with. Engine and
//! signatures are real: EICAR's test file by its hash, made by `sigtool`, and by its body. The dated head of the
//! database file is written here, after the format that `sigtool --info` documents, because only ClamAV's makers can
//! sign a whole one: clamd must not see it, so it comes once clamd has loaded, and clamd looks at its folder only at
//! start.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::eicar;
use crate::poll::{self, PATIENCE};
use crate::process::Running;

/// Debian's, which is not in every user's path.
const PROGRAM: &str = "/usr/sbin/clamd";
const ON_ACCESS: &str = "/usr/sbin/clamonacc";
/// Where programs that are not the system's own are configured. The agent believes no configuration elsewhere.
const CONFIGURED_IN: &str = "/usr/local/etc";
/// The user that Debian's clamd runs as. The on-access scanner must not wake for what clamd itself opens.
const USER: &str = "clamav";
/// How the signatures call EICAR's test file.
pub const THREAT: &str = "Vong.Eicar";

/// A clamd that can be started and stopped, and what it looks at as it is opened.
pub struct Clamd {
    on_access: Option<Running>,
    running: Option<Running>,
    folder: TempDir,
    settings: TempDir,
}

impl Clamd {
    /// Lays its folders; nothing runs yet.
    ///
    /// # Errors
    /// The machine already has a clamd of its own, which the agent would see; or a folder cannot be made, as by
    /// anybody but root.
    pub fn prepare() -> anyhow::Result<Self> {
        let others = Command::new("pgrep").args(["-x", "clamd"]).output()?;
        ensure!(
            !others.status.success(),
            "a clamd runs on this machine already, and the story's agent would see it: stop it for the test"
        );
        let settings = tempfile::Builder::new()
            .prefix("vong-story-")
            .tempdir_in(CONFIGURED_IN)
            .with_context(|| format!("{CONFIGURED_IN} cannot be written: run this story as root"))?;
        let folder = tempfile::Builder::new().prefix("vong-story-clamav-").tempdir()?;
        // Both hold nothing that clamd's own user must not read.
        for open in [settings.path(), folder.path()] {
            fs::set_permissions(open, fs::Permissions::from_mode(0o755))?;
        }
        let clamd = Self {
            on_access: None,
            running: None,
            folder,
            settings,
        };
        for name in ["databases", "downloads", "scanned", "quarantine", "run"] {
            fs::create_dir(clamd.at(name))?;
        }
        let (user, group) = (id("-u")?, id("-g")?);
        chown(clamd.at("run"), Some(user), Some(group))?;
        clamd.configure()?;
        clamd.sign()?;
        Ok(clamd)
    }

    fn configure(&self) -> anyhow::Result<()> {
        let settings = [
            "Foreground yes".to_owned(),
            "SelfCheck 0".to_owned(),
            "LogTime yes".to_owned(),
            "ExtendedDetectionInfo yes".to_owned(),
            format!("User {USER}"),
            format!("LocalSocket {}", self.socket().display()),
            format!("LogFile {}", self.at("run/clamd.log").display()),
            format!("DatabaseDirectory {}", self.at("databases").display()),
            format!("OnAccessIncludePath {}", self.downloads().display()),
            format!("OnAccessExcludeUname {USER}"),
            "OnAccessPrevention no".to_owned(),
        ];
        Ok(fs::write(self.settings(), settings.join("\n") + "\n")?)
    }

    /// Signatures of EICAR's test file: its hash and its body.
    fn sign(&self) -> anyhow::Result<()> {
        let sample = self.at("run/sample");
        fs::write(&sample, eicar::bytes())?;
        let said = Command::new("sigtool").arg("--sha256").arg(&sample).output()?;
        fs::remove_file(&sample)?;
        let line = String::from_utf8(said.stdout)?;
        let mut parts = line.trim().split(':');
        let (hash, size) = (parts.next(), parts.next());
        let (hash, size) = hash.zip(size).context("sigtool says hash, size and name")?;
        fs::write(
            self.at("databases/story.hsb"),
            format!("{hash}:{size}:{THREAT}:73\n"),
        )?;
        let body: String = eicar::bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(fs::write(
            self.at("databases/story.ndb"),
            format!("{THREAT}:0:*:{body}\n"),
        )?)
    }

    /// Starts it, waits until it listens, and dates its definitions.
    ///
    /// # Errors
    /// It did not come up.
    pub fn start(&mut self, definitions_built: &str) -> anyhow::Result<()> {
        let head = self.at("databases/daily.cvd");
        if head.exists() {
            fs::remove_file(&head)?;
        }
        let mut command = Command::new(PROGRAM);
        command.arg(format!("--config-file={}", self.settings().display()));
        let log = self.at("clamd.out");
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
        fs::write(self.at("databases/daily.cvd"), format!("{head:<512}"))?;
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

    /// Looks at the watched folder as files there are opened, and puts malware into quarantine. clamd must run.
    ///
    /// # Errors
    /// It did not come up.
    pub fn watch_downloads(&mut self) -> anyhow::Result<()> {
        let log = self.at("run/clamonacc.log");
        let mut command = Command::new(ON_ACCESS);
        command
            .arg("--foreground")
            .arg(format!("--config-file={}", self.settings().display()));
        command.arg(format!("--log={}", log.display()));
        command.arg(format!("--move={}", self.at("quarantine").display()));
        let mut running = Running::start("clamonacc", command, &self.at("clamonacc.out"))?;
        poll::until_true("clamonacc to watch", PATIENCE, || {
            running.must_live()?;
            Ok(fs::read_to_string(&log).is_ok_and(|said| said.contains("ClamInotif: watching")))
        })?;
        self.on_access = Some(running);
        Ok(())
    }

    /// The folder that the on-access scanner looks at.
    pub fn downloads(&self) -> PathBuf {
        self.at("downloads")
    }

    /// A folder that nobody looks at unasked.
    pub fn scanned(&self) -> PathBuf {
        self.at("scanned")
    }

    fn settings(&self) -> PathBuf {
        self.settings.path().join("clamd.conf")
    }

    fn socket(&self) -> PathBuf {
        self.at("run/socket")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The number of clamd's user or group.
fn id(which: &str) -> anyhow::Result<u32> {
    let said = Command::new("id").args([which, USER]).output()?;
    ensure!(
        said.status.success(),
        "there is no user {USER}: install clamav-daemon"
    );
    Ok(String::from_utf8(said.stdout)?.trim().parse()?)
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
