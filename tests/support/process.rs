//! One process of a story: its output in a file, its life ended with the story at the latest.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::poll;

/// A stopping program gets this long to put its things in order.
const GRACE: Duration = Duration::from_secs(30);
/// So much of a program's output helps to understand a failed story.
const TAIL_LINES: usize = 60;

/// A running program in a process group of its own.
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a program; its output is appended to the log.
    ///
    /// # Errors
    /// The log or the program cannot be opened.
    pub fn start(name: &str, mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .context("cannot open the log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}: {:?}", command.get_program()))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        })
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Asks it to stop and waits.
    ///
    /// # Errors
    /// It did not stop in time.
    pub fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM);
        self.wait(GRACE)
    }

    /// Ends it as a power cut would, without a chance to tidy up.
    ///
    /// # Errors
    /// It did not end in time.
    pub fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.wait(GRACE)
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// It did not end in time.
    pub fn wait(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        poll::until(&what, patience, || Ok(self.child.try_wait()?))
    }

    /// Whether it is still there.
    ///
    /// # Errors
    /// The system does not say.
    pub fn is_alive(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Fails, with the end of its output, when it has ended although nobody asked it to.
    ///
    /// # Errors
    /// It has ended.
    pub fn must_live(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}); its output:\n{}", self.name, self.output()),
        }
    }

    /// Stops it in its tracks, all of it; it goes on with [`Signal::CONT`].
    ///
    /// # Errors
    /// It did not stand still in time.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.child.id());
        let stands = |task: &Path| {
            std::fs::read_to_string(task.join("stat")).is_ok_and(|stat| {
                stat.rsplit_once(')')
                    .is_some_and(|(_, rest)| rest.starts_with(" T"))
            })
        };
        poll::until_true("every thread to stand still", GRACE, || {
            let mut all = std::fs::read_dir(&tasks)?;
            Ok(all.all(|task| task.is_ok_and(|task| stands(&task.path()))))
        })
    }

    /// Sends a signal to the process and its group; one that has ended is past it.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Only "no such process" can fail here, and that is what was wanted.
            let _gone = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Running {
    #[expect(
        clippy::print_stdout,
        reason = "the test runner shows it when the story fails"
    )]
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        if self.wait(GRACE).is_err() {
            self.signal(Signal::KILL);
            let _ended = self.child.wait();
        }
        let shown = self.output();
        let skipped = shown.lines().count().saturating_sub(TAIL_LINES);
        let tail: Vec<&str> = shown.lines().skip(skipped).collect();
        println!("--- the last lines of {}:\n{}", self.name, tail.join("\n"));
    }
}
