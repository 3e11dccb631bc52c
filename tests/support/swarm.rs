//! Many PCs in one process: the agent's own uplink for each (bench/swarm.rs), ordered about, and asked how far they are.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::poll;
use crate::programs::binary;
use crate::stack::LONG;

/// The process that is all of them.
pub struct Swarm {
    process: Child,
    said: PathBuf,
}

impl Swarm {
    /// Its command line, to be completed by what its PCs shall do.
    ///
    /// # Errors
    /// The program is missing.
    pub fn command() -> anyhow::Result<Command> {
        Ok(Command::new(binary("vong-swarm")?))
    }

    /// Starts it; what it says is kept in a file.
    ///
    /// # Errors
    /// The file or the program cannot be opened.
    pub fn start(mut command: Command, said: &Path) -> anyhow::Result<Self> {
        let process = command
            .stdin(Stdio::piped())
            .stdout(File::create(said)?)
            .spawn()?;
        Ok(Self {
            process,
            said: said.to_owned(),
        })
    }

    /// Gives an order.
    ///
    /// # Errors
    /// It has ended.
    pub fn order(&mut self, order: &str) -> anyhow::Result<()> {
        let orders = self.process.stdin.as_mut().context("it takes orders")?;
        Ok(writeln!(orders, "{order}")?)
    }

    /// Waits until it says so many of something, no matter what it has said before.
    ///
    /// # Errors
    /// It ended, or that did not come to pass.
    pub fn wait_for(&mut self, what: &str, count: u64) -> anyhow::Result<()> {
        self.wait_until(&format!("{count} {what}"), |said| said[what] == count)
    }

    /// Waits until all PCs are connected, and the collector owns all that they have to tell.
    ///
    /// # Errors
    /// It ended, or that did not come to pass.
    pub fn wait_until_heard(&mut self) -> anyhow::Result<()> {
        self.wait_until("all PCs to be heard", |said| {
            said["welcomed"] == said["agents"] && said["acknowledged"] == said["committed"]
        })
    }

    fn wait_until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> anyhow::Result<()> {
        poll::until_true(what, LONG, || {
            let ended = self.process.try_wait()?;
            ensure!(ended.is_none(), "the swarm ended: {ended:?}");
            let said = std::fs::read_to_string(&self.said)?;
            let Some(last) = said.lines().next_back().filter(|_| said.ends_with('\n')) else {
                return Ok(false);
            };
            Ok(holds(&serde_json::from_str(last)?))
        })
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
