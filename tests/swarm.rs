//! A thousand PCs at one collector: all get in, each event is there once, and a restart strands nobody.
//!
//! The PCs are the agent's own uplink in one process (bench/swarm.rs), each with an identity of its own; the long form
//! with 19,000 is `make bench NAME=swarm`.

use std::fs::File;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;
use vong_tests::poll;
use vong_tests::stack::{LONG, Stack, UNIT};

const PCS: u64 = 1_000;
/// The mix repeats after ten events.
const EVENTS_OF_A_PC: u64 = 10;

#[test]
fn a_thousand_pcs_are_heard_once_each_and_come_back_after_a_restart() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&[])?;
    stack.start_collector()?;
    stack.seed()?;
    let mut swarm = Swarm::start(&stack)?;
    swarm.wait_for("welcomed", PCS)?;
    swarm.commit_and_wait(1)?;

    stack.collector.as_mut().context("it runs")?.stop()?;
    swarm.order("count")?;
    swarm.wait_for("welcomed", 0)?;
    stack.start_collector()?;
    swarm.wait_for("welcomed", PCS)?;
    swarm.commit_and_wait(2)?;

    let store = stack.store()?;
    for (table, of_ten) in [("samples", 6), ("events", 4)] {
        let question = format!(
            "SELECT count() AS stored, uniqExact(stream, lane, seq) AS named, uniqExact(host) AS hosts FROM {table}"
        );
        let expected = PCS * 2 * of_ten;
        poll::until_true("everything to be stored", LONG, || {
            let answer = store.rows(&question)?;
            let stored = answer[0]["stored"].as_u64();
            ensure!(stored <= Some(expected), "more than was sent: {answer:?}");
            Ok(stored == Some(expected))
        })?;
        let answer = store.rows(&question)?;
        let (named, hosts) = (&answer[0]["named"], &answer[0]["hosts"]);
        ensure!(*named == expected && *hosts == PCS, "{table}: {answer:?}");
    }
    Ok(())
}

/// The process that is all of them.
struct Swarm {
    process: Child,
    said: std::path::PathBuf,
}

impl Swarm {
    fn start(stack: &Stack) -> anyhow::Result<Self> {
        let uses = PCS.to_string();
        let made = stack.admin(&["token", "create", "--unit", UNIT, "--uses", &uses, "--days", "1"])?;
        let said = stack.path("swarm.jsonl");
        let process = Command::new(env!("CARGO_BIN_EXE_vong-swarm"))
            .args(["load", "--agents", &uses, "--folder"])
            .arg(stack.path("swarm"))
            .env(
                "VONG_AGENT_TOKEN",
                made["token"].as_str().context("a token is a string")?,
            )
            .stdin(Stdio::piped())
            .stdout(File::create(&said)?)
            .spawn()?;
        Ok(Self { process, said })
    }

    fn order(&mut self, order: &str) -> anyhow::Result<()> {
        let orders = self.process.stdin.as_mut().context("it takes orders")?;
        Ok(writeln!(orders, "{order}")?)
    }

    /// Lets each PC commit events, and waits until the collector owns those of every round so far.
    fn commit_and_wait(&mut self, rounds: u64) -> anyhow::Result<()> {
        self.order(&format!("make {EVENTS_OF_A_PC}"))?;
        self.wait_for("acknowledged", PCS * EVENTS_OF_A_PC * rounds)
    }

    /// Waits until it says so many of something, no matter what it has said before.
    fn wait_for(&mut self, what: &str, count: u64) -> anyhow::Result<()> {
        poll::until_true(&format!("{count} {what}"), LONG, || {
            let ended = self.process.try_wait()?;
            ensure!(ended.is_none(), "the swarm ended: {ended:?}");
            let said = std::fs::read_to_string(&self.said)?;
            let Some(last) = said.lines().next_back().filter(|_| said.ends_with('\n')) else {
                return Ok(false);
            };
            Ok(serde_json::from_str::<Value>(last)?[what] == count)
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
