//! The collector's authority is replaced by another one, as an administrator does it, while a PC works.

use anyhow::{Context, ensure};
use serde_json::Value;
use vong_tests::pc::{Disk, Pc};
use vong_tests::poll;
use vong_tests::stack::{LONG, Stack};
use vong_tests::world::Writer;

use super::backup;

const PAUSE_MS: u32 = 50;
const SEED: u64 = 7;

/// Rotates, waits until the agent has come over, and retires the old authority. The agent is never touched.
pub(crate) fn replaced_with_an_overlap() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&[])?;
    stack.start_collector()?;
    stack.seed()?;
    let mut pc = Pc::join(&stack, "pc-1", Disk::Ordinary)?;
    pc.start()?;
    pc.wait_until_watched(&stack)?;
    let old_token = stack.token()?;
    let writer = Writer::endless(&pc.watched(), &pc.path("written.jsonl"), PAUSE_MS, SEED)?;

    let rotating = stack.admin(&["ca", "rotate", "--renew-within-minutes", "0"])?;
    ensure!(rotating["behind"] == 1, "the PC has not come over: {rotating}");
    let early = stack.admin_command(&["ca", "retire"])?.output()?;
    let said = String::from_utf8_lossy(&early.stderr);
    ensure!(
        !early.status.success() && said.contains(": 1: "),
        "too early, and so many depend on the old one: {said}"
    );
    restart(&mut stack)?;
    poll::until_true("the PC to come over", LONG, || {
        Ok(stack.admin(&["ca", "show"])?["behind"] == 0)
    })?;
    let retired = stack.admin(&["ca", "retire"])?;
    ensure!(retired["serving"] == rotating["signing"], "{retired}");
    restart(&mut stack)?;
    let old = stack.enrol_command(&old_token)?.output()?;
    ensure!(
        !old.status.success(),
        "a token names the authority that it was made under"
    );
    poll::until_true(
        "the PC to be back, and to trust the new authority alone",
        LONG,
        || Ok(is_connected(&stack, pc.host)? && trusted(&pc)? == 1),
    )?;
    let mut newcomer = Pc::join(&stack, "pc-2", Disk::Ordinary)?;
    newcomer.start()?;
    newcomer.wait_until_watched(&stack)?;

    let written = writer.stop()?;
    ensure!(
        pc.agent.as_mut().context("it was started")?.is_alive()?,
        "the agent was never touched"
    );
    backup::account(&stack, &mut [&mut pc, &mut newcomer], &written)?.must_be_clean()
}

fn restart(stack: &mut Stack) -> anyhow::Result<()> {
    stack.collector.take().context("the collector runs")?.stop()?;
    stack.start_collector().map(drop)
}

fn is_connected(stack: &Stack, host: u64) -> anyhow::Result<bool> {
    let hosts: Value = stack.admin(&["host", "list"])?;
    let hosts = hosts
        .get("items")
        .unwrap_or(&hosts)
        .as_array()
        .context("hosts are a list")?;
    Ok(hosts
        .iter()
        .any(|one| one["id"].as_u64() == Some(host) && one["connected"] == true))
}

/// How many authorities a PC's agent trusts.
fn trusted(pc: &Pc) -> anyhow::Result<usize> {
    let bundle = std::fs::read_to_string(pc.path("data/ca.crt"))?;
    Ok(bundle.matches("BEGIN CERTIFICATE").count())
}
