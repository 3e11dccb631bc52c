//! A PC's disk is copied into another machine, and both are switched on.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use vong_tests::api::Api;
use vong_tests::machine::Machine;
use vong_tests::poll::{self, PATIENCE};
use vong_tests::process::Running;
use vong_tests::stack::{CONTACT, Stack, WATCH, binary};
use vong_tests::world::{Writer, Written};

const FILES: u32 = 5;
/// The watch whose changes wait until it is clear whom they are about.
const ROUTINE: &str = "Nháp";

/// The machine with the copied disk.
struct Copy {
    machine: Machine,
    config: PathBuf,
    log: PathBuf,
    agent: Option<Running>,
}

pub(crate) fn two_machines_with_one_key() -> anyhow::Result<()> {
    let mut stack = Stack::start()?;
    fs::create_dir(stack.path("drafts"))?;
    stack.set_policy(&json!({ "files": { "watches": [
        { "name": WATCH, "path": stack.watched(), "severity": "critical" },
        { "name": ROUTINE, "path": stack.path("drafts"), "severity": "medium" },
    ] } }))?;
    wait_for_words(stack.agent.as_ref(), "watches=2")?;
    let api = stack.sign_in()?;
    let mut copy = Copy::of(&stack)?;
    copy.start()?;

    let is_quarantined = || Ok(api.get("/hosts/1")?["clone"]["how"] == "two_fingerprints");
    poll::until_true("the host's page to say so", PATIENCE, is_quarantined)?;
    stack.sink.wait_for("the mail about two machines", |mail| {
        mail.to.iter().any(|to| to == CONTACT) && mail.subject.contains("máy dùng chung một định danh")
    })?;
    wait_for_words(copy.agent.as_ref(), "watches=2")?;

    // Both watch the folders, so that each file is told by both.
    let written = write(&stack, "drafts", "routine")?;
    let urgent = write(&stack, "watched", "urgent")?;
    for file in written.iter().chain(&urgent) {
        told_by_both(&stack, file)?;
    }
    stack
        .sink
        .wait_for("the urgent mail that says whose it may be", |mail| {
            mail.subject.contains("có thể là máy khác")
        })?;
    ensure!(!is_told(&api)?, "what is routine is held");

    stack.agent.take().context("it was started")?.stop()?;
    force(&mut stack.enrol_command(&stack.token()?)?)?;
    stack.start_agent()?;
    poll::until_true("the quarantine to be over", PATIENCE, || {
        Ok(api.get("/hosts/1")?["clone"].is_null() && is_told(&api)?)
    })?;
    wait_for_words(copy.agent.as_ref(), "revoked")?;
    copy.agent.take().context("it was started")?.stop()?;
    force(
        &mut copy
            .machine
            .runs(copy.command("enrol")?.env("VONG_AGENT_TOKEN", stack.token()?)),
    )?;
    copy.start()?;
    poll::until_true("both to be PCs of their own", PATIENCE, || {
        let hosts = api.list("/hosts")?;
        Ok(hosts.len() == 2 && hosts.iter().all(|host| host["connected"] == true))
    })?;
    let unmarked = write(&stack, "drafts", "after")?;
    poll::until_true("what they say to be marked no more", PATIENCE, || {
        Ok(rows(&stack, &unmarked[0])?
            .iter()
            .filter(|row| row["cloned"] == false)
            .count()
            == 2)
    })
}

impl Copy {
    /// Copies the disk of the story's PC as it is at one moment.
    fn of(stack: &Stack) -> anyhow::Result<Self> {
        let data = stack.path("copied");
        let agent = stack.agent.as_ref().context("it was started")?;
        agent.freeze()?;
        let copied = Command::new("cp")
            .arg("-a")
            .arg(stack.path("agent"))
            .arg(&data)
            .status();
        agent.signal(rustix::process::Signal::CONT);
        ensure!(copied?.success(), "the disk can be copied");
        let config = stack.path("copied.toml");
        fs::write(&config, format!("data = {}\n", json!(data)))?;
        Ok(Self {
            machine: Machine::other(&stack.path(""), "may-ban-sao")?,
            config,
            log: stack.path("copied.log"),
            agent: None,
        })
    }

    fn command(&self, verb: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(binary("vong-agent")?);
        command.arg(verb).arg("--config").arg(&self.config);
        Ok(command)
    }

    fn start(&mut self) -> anyhow::Result<()> {
        let command = self.machine.runs(&self.command("run")?);
        self.agent = Some(Running::start("copied agent", command, &self.log)?);
        Ok(())
    }
}

fn force(enrol: &mut Command) -> anyhow::Result<()> {
    let said = enrol.arg("--force").output()?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    Ok(())
}

fn wait_for_words(agent: Option<&Running>, words: &str) -> anyhow::Result<()> {
    let agent = agent.context("it was started")?;
    poll::until_true(words, PATIENCE, || Ok(agent.output().contains(words)))
}

fn write(stack: &Stack, folder: &str, name: &str) -> anyhow::Result<Vec<Written>> {
    let notes = stack.path(&format!("{name}.jsonl"));
    Writer::start(&stack.path(folder), &notes, FILES, 0)?.finish(PATIENCE)
}

/// Each of the two machines has told of it, in a stream of its own, and both are marked.
fn told_by_both(stack: &Stack, file: &Written) -> anyhow::Result<()> {
    poll::until_true("a file to be told by both, and marked", PATIENCE, || {
        let told = rows(stack, file)?;
        Ok(told.len() == 2 && told.iter().all(|row| row["cloned"] == true))
    })
}

/// Who told of a file: stream by stream.
fn rows(stack: &Stack, file: &Written) -> anyhow::Result<Vec<Value>> {
    stack.store()?.rows(&format!(
        "SELECT hex(stream) AS stream, min(cloned) AS cloned FROM events WHERE kind = 'file' AND lower(hex(file_path)) = '{}' \
         GROUP BY stream",
        file.path_hex
    ))
}

/// Whether an alert names something in the folder of what is routine.
fn is_told(api: &Api) -> anyhow::Result<bool> {
    for alert in api.list("/alerts")? {
        if api
            .get(&format!("/alerts/{}", alert["id"]))?
            .to_string()
            .contains("/drafts/")
        {
            return Ok(true);
        }
    }
    Ok(false)
}
