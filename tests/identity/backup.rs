//! A collector that is set back to its backup, while its PCs have gone on.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use vong_tests::account::Account;
use vong_tests::pc::{Disk, Pc};
use vong_tests::poll::{self, PATIENCE};
use vong_tests::stack::Stack;
use vong_tests::world::{Writer, Written};

const FILES: u32 = 20;
const PAUSE_MS: u32 = 5;
const ASK_INTERVAL: Duration = Duration::from_millis(100);

/// What was acknowledged after the backup is gone from the PC and from the collector: that is a gap with a name. The
/// PC has renewed its certificate meanwhile, which the collector does not remember either: nobody is called for it.
pub(crate) fn put_back() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&[])?;
    stack.start_collector()?;
    let mut pc = Pc::join(&stack, "pc-1", Disk::Ordinary)?;
    let kept = work(&stack, &mut pc, "before")?;
    stack.collector.take().context("the collector runs")?.stop()?;
    stack.admin(&["ca", "rotate", "--renew-within-minutes", "0"])?;
    copy(&stack, "collector", "backup")?;
    let former = fs::read(pc.path("data/agent.crt"))?;
    stack.start_collector()?;
    let lost = work(&stack, &mut pc, "lost")?;
    renew(&mut pc, &former)?;
    stack.collector.take().context("the collector runs")?.stop()?;
    fs::remove_dir_all(stack.path("collector"))?;
    copy(&stack, "backup", "collector")?;
    stack.start_collector()?;
    let after = work(&stack, &mut pc, "after")?;

    let written: Vec<Written> = kept.into_iter().chain(after).collect();
    account(&stack, &mut [&mut pc], &written)?.must_be_clean()?;
    let ledger = stack.sign_in()?.get(&format!("/hosts/{}/ledger", pc.host))?;
    let missing = restored_gaps(&ledger)?;
    ensure!(
        missing >= lost.len() as u64,
        "{} files were lost with the backup, {missing} numbers are named: {ledger}",
        lost.len()
    );
    let log = fs::read_to_string(pc.path("agent.log"))?;
    ensure!(!log.contains("refuse"), "nobody is refused for it: {log}");
    Ok(())
}

/// Its agent runs while files are written, and until the collector owns them.
fn work(stack: &Stack, pc: &mut Pc, name: &str) -> anyhow::Result<Vec<Written>> {
    pc.start()?;
    pc.wait_until_watched(stack)?;
    let folder = pc.watched().join(name);
    fs::create_dir(&folder)?;
    let written =
        Writer::start(&folder, &pc.path(&format!("{name}.jsonl")), FILES, PAUSE_MS)?.finish(PATIENCE)?;
    let stored = format!(
        "SELECT count() AS n FROM events WHERE kind = 'file' AND position(file_path, '/{name}/') > 0"
    );
    let store = stack.store()?;
    poll::until_every(ASK_INTERVAL, "the files to be stored", PATIENCE, || {
        let rows = store.rows(&stored)?;
        let all = rows[0]["n"].as_u64() >= Some(u64::from(FILES)) && pc.waiting()? == 0;
        Ok(all.then_some(()))
    })?;
    pc.stop()?;
    Ok(written)
}

/// Lets its agent run until it has another certificate than this one.
fn renew(pc: &mut Pc, former: &[u8]) -> anyhow::Result<()> {
    pc.start()?;
    poll::until_true("the PC to renew its certificate", PATIENCE, || {
        Ok(fs::read(pc.path("data/agent.crt"))? != former)
    })?;
    pc.stop()
}

fn copy(stack: &Stack, from: &str, to: &str) -> anyhow::Result<()> {
    let copied = Command::new("cp")
        .arg("-a")
        .args([stack.path(from), stack.path(to)])
        .status()?;
    ensure!(copied.success(), "cannot copy {from} to {to}");
    Ok(())
}

/// The numbers that the ledger says a restored collector lacks.
fn restored_gaps(ledger: &Value) -> anyhow::Result<u64> {
    let mut missing = 0;
    for stream in ledger["streams"].as_array().context("streams are a list")? {
        for lane in stream["lanes"].as_array().context("lanes are a list")? {
            for gap in lane["gaps"].as_array().context("gaps are a list")? {
                if gap["reason"] == "collector_restored" {
                    missing +=
                        gap["last"].as_u64().context("last")? + 1 - gap["first"].as_u64().context("first")?;
                }
            }
        }
    }
    Ok(missing)
}

/// Stops PCs once everything has left them, and draws up what became of their files.
pub(crate) fn account(stack: &Stack, pcs: &mut [&mut Pc], written: &[Written]) -> anyhow::Result<Account> {
    for pc in &mut *pcs {
        poll::until_every(ASK_INTERVAL, "nothing to wait in the spool", PATIENCE, || {
            Ok((pc.waiting()? == 0).then_some(()))
        })?;
        pc.stop()?;
    }
    let hosts: Vec<u64> = pcs.iter().map(|pc| pc.host).collect();
    let (api, store) = (stack.sign_in()?, stack.store()?);
    let drawn_up = || Account::of(&store, &api, &hosts, written);
    let clean = poll::until_every(ASK_INTERVAL, "a clean account", PATIENCE / 6, || {
        Ok(drawn_up().ok().filter(Account::is_clean))
    });
    clean.or_else(|_| drawn_up())
}
