//! The far end of every delivery: a mail server that keeps what it accepts.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use crate::poll;

/// A running mail server of `packaging/dev/smtp_sink.py`.
pub struct Sink {
    child: Child,
    access: Access,
}

/// How to reach it, as it says itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Access {
    /// Its name, which its certificate bears.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The one user it knows.
    pub user: String,
    /// That user's password.
    pub password: String,
    /// The authority of its certificate; none without TLS.
    pub ca: Option<PathBuf>,
    /// Where the mails are.
    pub mails: PathBuf,
}

/// One line of the sink's index: a mail that it accepted.
#[derive(Debug, Clone, Deserialize)]
pub struct Mail {
    /// The file with its raw bytes.
    pub file: String,
    /// When it was accepted, milliseconds since 1970.
    pub received_ms: i64,
    /// Recipients, as the envelope names them.
    pub to: Vec<String>,
    /// The decoded subject.
    pub subject: String,
}

impl Sink {
    /// Starts one in a folder; started again there with the same port, it keeps its password.
    ///
    /// # Errors
    /// It cannot be started, or says nothing sensible.
    pub fn start(folder: &Path, port: u16, switches: &[&str]) -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/dev/smtp_sink.py");
        let mut child = Command::new(python()?)
            .arg(script)
            .arg("--directory")
            .arg(folder)
            .args(["--port", &port.to_string()])
            .args(switches)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("cannot start the mail sink")?;
        let mut line = String::new();
        let output = child.stdout.take().context("the sink's output is piped")?;
        BufReader::new(output).read_line(&mut line)?;
        let access = serde_json::from_str(&line).with_context(|| format!("the sink said {line:?}"))?;
        Ok(Self { child, access })
    }

    /// How to reach it.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// All mails it has accepted, oldest first.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn mails(&self) -> anyhow::Result<Vec<Mail>> {
        let index = self.access.mails.join("index.jsonl");
        if !index.exists() {
            return Ok(Vec::new());
        }
        let text = std::fs::read_to_string(index)?;
        // A line without its end is still being written.
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        complete
            .lines()
            .map(|line| Ok(serde_json::from_str(line)?))
            .collect()
    }

    /// Waits for a mail that is wanted.
    ///
    /// # Errors
    /// None came in time.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Mail) -> bool) -> anyhow::Result<Mail> {
        poll::until(what, poll::PATIENCE, || {
            Ok(self.mails()?.into_iter().find(&wanted))
        })
    }

    /// A mail's raw bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn raw(&self, mail: &Mail) -> anyhow::Result<Vec<u8>> {
        Ok(std::fs::read(self.access.mails.join(&mail.file))?)
    }

    /// A mail as its reader sees it: headers, and the decoded plain text.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn text(&self, mail: &Mail) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(
            self.access.mails.join(mail.file.replace(".eml", ".txt")),
        )?)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _gone = kill_process(pid, Signal::TERM);
        }
        let ended = poll::until("the sink to end", Duration::from_secs(5), || {
            Ok(self.child.try_wait()?)
        });
        if ended.is_err() {
            let _killed = self.child.kill();
            let _ended = self.child.wait();
        }
    }
}

/// The Python that has aiosmtpd: made by `packaging/dev/test`, which also sets the variable.
fn python() -> anyhow::Result<PathBuf> {
    let chosen = std::env::var_os("VONG_SINK_PYTHON").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let path = chosen
        .or_else(|| Some(cache?.join("vong/venv/bin/python")))
        .context("neither VONG_SINK_PYTHON nor HOME is set")?;
    ensure!(
        path.exists(),
        "{} is missing: run `packaging/dev/test stories`, which makes it",
        path.display()
    );
    Ok(path)
}
