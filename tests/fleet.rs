//! A province of some hundred PCs over five weeks: what the collector says of its coverage is what is true.
//!
//! PCs of many vendors are planned with all that they will say (bench/swarm/fleet.rs); real uplinks say it, on four days
//! of the past that all programs take for the present; people bring in the register and make exceptions
//! (fleet/people.py). Then everything is counted again from the plan (fleet/recount.py), for every unit. The long form
//! with 5,000 PCs is `make bench NAME=coverage`.

#[path = "fleet/register.rs"]
mod register;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use vong_tests::clock::Clock;
use vong_tests::poll::{self, PATIENCE};
use vong_tests::stack::{Stack, binary};
use vong_tests::swarm::Swarm;

const PCS: &str = "300";

#[test]
fn what_is_said_of_coverage_is_true_of_every_unit() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&[])?;
    // The mail server's certificate is of today, and no day of the past believes it.
    stack.write_collector_config(&json!({ "mail": null }))?;
    let mut province = Province::plan(&stack)?;
    let last = province.days_ms.len() - 1;
    for day in 0..=last {
        province.day = day;
        province.start_collector(&mut stack)?;
        if day == 0 {
            province.script("people", &["found"], &[])?;
        }
        let mut pcs = province.switch_on(&[])?;
        pcs.wait_until_heard()?;
        wait_until_judged(&stack)?;
        drop(pcs);
        province.script("people", &["act", &day.to_string()], &[&stack.web()])?;
        // A day's numbers are noted when the collector starts, and every few minutes.
        stop(&mut stack)?;
        province.start_collector(&mut stack)?;
        province.script("recount", &["noted", &day.to_string()], &[&stack.web()])?;
        if day < last {
            stop(&mut stack)?;
        }
    }
    let mut pcs = province.switch_on(&["--quiet"])?;
    pcs.wait_until_heard()?;
    province.script("recount", &["all"], &[&stack.web()])
}

fn stop(stack: &mut Stack) -> anyhow::Result<()> {
    stack.collector.take().context("it runs")?.stop()?;
    Ok(())
}

/// Waits until the rules have passed what the journal holds now.
fn wait_until_judged(stack: &Stack) -> anyhow::Result<()> {
    let owned = figure(stack, "vong_journal_position")?;
    poll::until_true("all that was said to be judged", PATIENCE, || {
        Ok(figure(stack, "vong_rules_position")? >= owned)
    })
}

fn figure(stack: &Stack, name: &str) -> anyhow::Result<u64> {
    let text = reqwest::blocking::get(format!("{}/metrics", stack.web()))?.text()?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(value.with_context(|| format!("{name} is no figure"))?.parse()?)
}

/// A planned province, and the day that it lives.
struct Province {
    clock: Clock,
    folder: PathBuf,
    config: PathBuf,
    days_ms: Vec<i64>,
    day: usize,
}

impl Province {
    fn plan(stack: &Stack) -> anyhow::Result<Self> {
        let clock = Clock::prepare(&stack.path("clock"))?;
        let mut province = Self {
            days_ms: vec![clock.this_morning_ms()?],
            clock,
            folder: stack.path("province"),
            config: stack.path("collector.toml"),
            day: 0,
        };
        succeed(&mut province.swarm("plan")?)?;
        let truth: Value = serde_json::from_slice(&std::fs::read(province.folder.join("truth.json"))?)?;
        province.days_ms = serde_json::from_value(truth["days_ms"].clone())?;
        Ok(province)
    }

    /// The swarm's program with the words that say which province it is.
    fn swarm(&self, order: &str) -> anyhow::Result<Command> {
        let now_ms = self.days_ms.last().context("there is a last day")?.to_string();
        let mut command = Swarm::command()?;
        command
            .args([order, "--pcs", PCS, "--now-ms", &now_ms, "--folder"])
            .arg(&self.folder);
        Ok(command)
    }

    fn today(&self) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
        self.clock.at(self.days_ms[self.day])
    }

    fn start_collector(&self, stack: &mut Stack) -> anyhow::Result<()> {
        stack.collector_environment = self.today()?;
        stack.start_collector()?;
        Ok(())
    }

    /// The PCs that are heard on this day.
    fn switch_on(&self, further: &[&str]) -> anyhow::Result<Swarm> {
        let mut command = self.swarm("day")?;
        command
            .args(["--day", &self.day.to_string()])
            .args(further)
            .arg("--tokens")
            .arg(self.folder.join("tokens.json"))
            .envs(self.today()?);
        Swarm::start(command, &self.folder.join(format!("day-{}.jsonl", self.day)))
    }

    /// Runs one of the scripts in fleet/ on this day.
    fn script(&self, name: &str, before: &[&str], after: &[&str]) -> anyhow::Result<()> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("fleet");
        let mut command = Command::new("python3");
        command
            .arg("-B")
            .arg(scripts.join(name).with_extension("py"))
            .args(before)
            .arg(&self.folder)
            .arg(binary("vong-collector")?)
            .arg(&self.config)
            .args(after)
            .envs(self.today()?);
        succeed(&mut command)
    }
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let said = command.output()?;
    let (out, error) = (
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr),
    );
    ensure!(said.status.success(), "{command:?}:\n{out}{error}");
    Ok(())
}
