//! A thousand PCs at one collector: all get in, each event is there once, and a restart strands nobody.
//!
//! The PCs are the agent's own uplink in one process (bench/swarm.rs), each with an identity of its own; the long form
//! with 19,000 is `make bench NAME=swarm`.

use anyhow::{Context, ensure};
use vong_tests::poll;
use vong_tests::stack::{LONG, Stack, UNIT};
use vong_tests::swarm::Swarm;

const PCS: u64 = 1_000;
/// The mix repeats after ten events.
const EVENTS_OF_A_PC: u64 = 10;

#[test]
fn a_thousand_pcs_are_heard_once_each_and_come_back_after_a_restart() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&[])?;
    stack.start_collector()?;
    stack.seed()?;
    let mut swarm = start(&stack)?;
    swarm.wait_for("welcomed", PCS)?;
    commit_and_wait(&mut swarm, 1)?;

    stack.collector.as_mut().context("it runs")?.stop()?;
    swarm.order("count")?;
    swarm.wait_for("welcomed", 0)?;
    stack.start_collector()?;
    swarm.wait_for("welcomed", PCS)?;
    commit_and_wait(&mut swarm, 2)?;

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

fn start(stack: &Stack) -> anyhow::Result<Swarm> {
    let uses = PCS.to_string();
    let made = stack.admin(&["token", "create", "--unit", UNIT, "--uses", &uses, "--days", "1"])?;
    let mut command = Swarm::command()?;
    command
        .args(["load", "--agents", &uses, "--folder"])
        .arg(stack.path("swarm"))
        .env(
            "VONG_AGENT_TOKEN",
            made["token"].as_str().context("a token is a string")?,
        );
    Swarm::start(command, &stack.path("swarm.jsonl"))
}

/// Lets each PC commit events, and waits until the collector owns those of every round so far.
fn commit_and_wait(swarm: &mut Swarm, rounds: u64) -> anyhow::Result<()> {
    swarm.order(&format!("make {EVENTS_OF_A_PC}"))?;
    swarm.wait_for("acknowledged", PCS * EVENTS_OF_A_PC * rounds)
}
