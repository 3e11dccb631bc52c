//! One more PC at a story's collector: a unit, a line, a watched folder, a data folder and an agent of its own.
//!
//! All PCs of a story run on one machine and so look like one PC: from the second on a person has to approve
//! them, and the story's administrator does.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::disk::SmallDisk;
use crate::policy;
use crate::poll::{self, PATIENCE};
use crate::power::Power;
use crate::process::Running;
use crate::programs::binary;
use crate::proxy::Proxy;
use crate::stack::{Stack, WATCH};

/// A full-size spool has room here, with its log and its ballast.
const SMALL_DISK_MIB: u32 = 64;

/// What `vong-agent enrol` answers when somebody has to approve the PC first.
const EXIT_PENDING: i32 = 3;

/// What lies under a PC's data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// This machine's.
    Ordinary,
    /// One that the story can fill.
    Small,
    /// One that forgets what was not synced when the power is cut.
    Forgetful,
}

/// A PC.
pub struct Pc {
    /// Its agent, while it should be running.
    pub agent: Option<Running>,
    /// Its line to the collector.
    pub line: Proxy,
    /// Its number in the collector's register.
    pub host: u64,
    /// Its small disk, if that is what it has.
    pub small: Option<SmallDisk>,
    /// Its forgetful disk, if that is what it has.
    pub power: Option<Power>,
    /// Every time its data folder was put back: from when it was, and when that was.
    pub restored: Vec<(i64, i64)>,
    /// How many folders its policy watches.
    watches: usize,
    folder: PathBuf,
}

/// An older copy of a PC's data folder.
pub struct Snapshot {
    folder: PathBuf,
    taken_ms: i64,
}

impl Pc {
    /// Makes a PC known to the running collector, with a policy that watches its folder. Its agent does not run.
    ///
    /// # Errors
    /// A command was refused, or the disk cannot be had.
    pub fn join(stack: &Stack, name: &str, disk: Disk) -> anyhow::Result<Self> {
        let pc = Self::enrolled(stack, name, disk)?;
        let own = hosts(stack)?
            .into_iter()
            .find(|host| host["id"].as_u64() == Some(pc.host));
        if own.is_some_and(|host| host["status"] == "pending") {
            stack.admin(&["host", "approve", &pc.host.to_string()])?;
        }
        Ok(pc)
    }

    /// As [`join`](Self::join), but whether it may come in is still to be decided.
    ///
    /// # Errors
    /// As there.
    pub fn enrolled(stack: &Stack, name: &str, disk: Disk) -> anyhow::Result<Self> {
        let folder = stack.path(name);
        for part in ["data", "watched"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let data = folder.join("data");
        fs::write(folder.join("agent.toml"), format!("data = {}\n", json!(data)))?;
        let line = Proxy::to(SocketAddr::from(([127, 0, 0, 1], stack.intake_port())))?;
        let mut pc = Self {
            agent: None,
            line,
            host: 0,
            small: (disk == Disk::Small)
                .then(|| SmallDisk::over(&data, SMALL_DISK_MIB))
                .transpose()?,
            power: (disk == Disk::Forgetful)
                .then(|| Power::under(&data, None))
                .transpose()?,
            restored: Vec::new(),
            watches: 0,
            folder,
        };
        let known: Vec<u64> = hosts(stack)?
            .iter()
            .filter_map(|host| host["id"].as_u64())
            .collect();
        pc.enrol(stack, name)?;
        let new = hosts(stack)?
            .into_iter()
            .find(|host| host["id"].as_u64().is_some_and(|id| !known.contains(&id)));
        let new = new.context("the enrolled PC is listed")?;
        pc.host = new["id"].as_u64().context("a host has a number")?;
        Ok(pc)
    }

    /// Enrols it in a unit of its own, over its own line.
    fn enrol(&mut self, stack: &Stack, unit: &str) -> anyhow::Result<()> {
        stack.admin(&["unit", "add", "--name", unit, "--kind", "commune"])?;
        let policy = json!({
            "files": { "watches": [{ "name": WATCH, "path": self.watched(), "severity": "low" }] },
        });
        self.set_policy(stack, unit, &policy)?;
        let address = self.line.address().to_string();
        let token = stack.admin(&["token", "create", "--unit", unit, "--address", &address])?;
        let token = token["token"].as_str().context("a token is a string")?.to_owned();
        let mut command = self.command("enrol")?;
        let said = command.env("VONG_AGENT_TOKEN", token).output()?;
        ensure!(
            matches!(said.status.code(), Some(0 | EXIT_PENDING)),
            "enrol: {}",
            String::from_utf8_lossy(&said.stderr)
        );
        Ok(())
    }

    /// Replaces the policy of its unit.
    ///
    /// # Errors
    /// It was refused.
    pub fn set_policy(&mut self, stack: &Stack, unit: &str, policy: &Value) -> anyhow::Result<()> {
        self.watches = policy["files"]["watches"].as_array().map_or(0, Vec::len);
        let file = self.folder.join("policy.json");
        fs::write(&file, policy::of_this_story_alone(policy).to_string())?;
        let file = file.to_str().context("the story's folder has a plain name")?;
        stack.admin(&["policy", "set", "--unit", unit, file])?;
        Ok(())
    }

    fn command(&self, verb: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(binary("vong-agent")?);
        command
            .arg(verb)
            .arg("--config")
            .arg(self.folder.join("agent.toml"));
        command.envs(self.power.iter().flat_map(Power::environment));
        Ok(command)
    }

    /// The folder that its policy watches.
    pub fn watched(&self) -> PathBuf {
        self.folder.join("watched")
    }

    /// A place beside its folders.
    pub fn path(&self, part: &str) -> PathBuf {
        self.folder.join(part)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts its agent, unless it runs.
    ///
    /// # Errors
    /// The program is missing.
    pub fn start(&mut self) -> anyhow::Result<()> {
        if self.agent.is_none() {
            let log = self.folder.join("agent.log");
            self.agent = Some(Running::start("agent", self.command("run")?, &log)?);
        }
        Ok(())
    }

    /// Kills its agent, if it runs.
    ///
    /// # Errors
    /// It did not end.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        match self.agent.take() {
            Some(mut agent) => agent.kill().map(drop),
            None => Ok(()),
        }
    }

    /// Stops its agent in order, if it runs.
    ///
    /// # Errors
    /// It did not end.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        match self.agent.take() {
            Some(mut agent) => agent.stop().map(drop),
            None => Ok(()),
        }
    }

    /// Starts the agent again if it has ended by itself, as the system's service manager would; says whether it had.
    ///
    /// # Errors
    /// The program is missing.
    pub fn revive(&mut self) -> anyhow::Result<bool> {
        let ended = match &mut self.agent {
            Some(agent) => !agent.is_alive()?,
            None => true,
        };
        if ended {
            self.agent = None;
            self.start()?;
        }
        Ok(ended)
    }

    /// Waits until it is connected and its policy in force.
    ///
    /// # Errors
    /// That did not come to pass.
    pub fn wait_until_watched(&mut self, stack: &Stack) -> anyhow::Result<()> {
        let host = self.host;
        let watched = format!("watches={}", self.watches);
        let agent = self.agent.as_mut().context("the agent was started")?;
        poll::until_true("the PC to be watched", PATIENCE, || {
            agent.must_live()?;
            let all = hosts(stack)?;
            let own = all.iter().find(|one| one["id"].as_u64() == Some(host));
            // A policy is applied before its folders have been looked at for the first time.
            Ok(agent.output().contains(&watched)
                && own.is_some_and(|own| own["connected"] == true && own["policy_state"] == "applied"))
        })
    }

    /// How many events of the lane for files its spool holds that the collector does not own yet.
    ///
    /// # Errors
    /// Its agent's program does not say.
    pub fn waiting(&self) -> anyhow::Result<u64> {
        let mut command = Command::new(binary("vong-agent")?);
        let said = command
            .arg("status")
            .arg("--json")
            .arg("--config")
            .arg(self.folder.join("agent.toml"))
            .output()?;
        let said: Value = serde_json::from_slice(&said.stdout).context("the agent's status is JSON")?;
        said["spool"]["waiting"][2]
            .as_u64()
            .context("a lane has a number of events")
    }

    /// Copies its data folder at one moment, as a snapshot of its disk would.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn snapshot(&mut self) -> anyhow::Result<Snapshot> {
        let taken = self.folder.join(format!("snapshot-{}", self.restored.len()));
        if let Some(agent) = &self.agent {
            agent.freeze()?;
        }
        let taken_ms = now_ms()?;
        let copied = copy(&self.data(), &taken);
        if let Some(agent) = &self.agent {
            agent.signal(Signal::CONT);
        }
        copied?;
        Ok(Snapshot {
            folder: taken,
            taken_ms,
        })
    }

    /// Puts an older copy of its data folder back, with the agent killed and then started.
    ///
    /// # Errors
    /// The folder cannot be replaced.
    pub fn restore(&mut self, snapshot: Snapshot) -> anyhow::Result<()> {
        self.kill()?;
        for entry in fs::read_dir(self.data())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        copy(&snapshot.folder, &self.data())?;
        fs::remove_dir_all(&snapshot.folder)?;
        self.restored.push((snapshot.taken_ms, now_ms()?));
        self.start()
    }
}

/// Copies a folder's content with its times and rights, as a disk keeps them.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    let copied = Command::new("cp")
        .arg("-a")
        .arg(from.join("."))
        .arg(to)
        .status()?;
    ensure!(copied.success(), "cannot copy {}", from.display());
    Ok(())
}

fn hosts(stack: &Stack) -> anyhow::Result<Vec<Value>> {
    let said = stack.admin(&["host", "list"])?;
    let items = said.get("items").unwrap_or(&said);
    Ok(items.as_array().context("hosts are a list")?.clone())
}

fn now_ms() -> anyhow::Result<i64> {
    Ok(i64::try_from(
        SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis(),
    )?)
}
