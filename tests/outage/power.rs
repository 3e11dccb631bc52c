//! The power is cut: what a program had not synced is gone, and what it had promised must not be.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Signal, kill_process};
use vong_tests::account::Account;
use vong_tests::api::Api;
use vong_tests::pc::{Disk, Pc};
use vong_tests::poll::{self, PATIENCE};
use vong_tests::power::Power;
use vong_tests::proxy::Line;
use vong_tests::stack::Stack;
use vong_tests::world::{Writer, Written};

use super::fault;

/// The part of the collector's folder that lies on another disk here: ClickHouse may be another machine's, and its
/// durability is not ours to play.
const ENGINE_FOLDER: &str = "engine";
const FILES: u32 = 100;
const PAUSE_MS: u32 = 10;
/// Cuts in the middle of everything, before the one that is aimed.
const CUTS_WHILE_WRITING: u32 = 2;
const BEFORE_A_CUT: Duration = Duration::from_millis(700);
const ASK_INTERVAL: Duration = Duration::from_millis(200);
/// What has not arrived when nothing waits any more will not arrive.
const LAST_PATIENCE: Duration = Duration::from_secs(10);

/// How the collector's journal treats its promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journal {
    Honest,
    /// With the fault that debug builds have for this test.
    AcknowledgesFirst,
}

/// How the PC's disk treats a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    Honest,
    /// It says that it has synced, and has not.
    Lying,
}

/// Cuts the collector's power while files are written, and once while nothing but its journal has them.
pub(crate) fn cut_at_the_collector(journal: Journal) -> anyhow::Result<Account> {
    let mut stack = Stack::prepare(&[])?;
    let power = Power::under(&stack.path("collector"), Some(ENGINE_FOLDER))?;
    stack.collector_environment = power.environment();
    if journal == Journal::AcknowledgesFirst {
        stack
            .collector_environment
            .push(("VONG_FAULT", "ack_before_fsync".into()));
    }
    stack.start_collector()?;
    let mut pc = Pc::join(&stack, "pc-1", Disk::Ordinary)?;
    pc.start()?;
    pc.wait_until_watched(&stack)?;

    let mut written = Vec::new();
    if journal == Journal::Honest {
        let notes = pc.path("written-early.jsonl");
        let writer = Writer::endless(&pc.watched(), &notes, PAUSE_MS, 1)?;
        for _ in 0..CUTS_WHILE_WRITING {
            poll::while_true(BEFORE_A_CUT, || stack.must_live())?;
            cut_and_start(&mut stack, &power)?;
            reconnect(&mut pc, &stack)?;
        }
        written.extend(writer.stop()?);
    }
    // The engine stands still, so that what is acknowledged now is nowhere but in the journal.
    let engine = fault::engine(&stack)?.context("the engine runs")?;
    kill_process(engine, Signal::STOP)?;
    written.extend(write_some(&pc)?);
    let api = stack.sign_in()?;
    wait_until_owned(&api, &pc, written.len())?;
    cut_and_start(&mut stack, &power)?;

    reconnect(&mut pc, &stack)?;
    draw_up(&stack, &mut pc, &written)
}

/// Cuts a PC's power while nothing but its spool has what its user wrote, and lets the files be gone afterwards.
pub(crate) fn cut_at_the_pc(medium: Medium) -> anyhow::Result<Account> {
    let mut stack = Stack::prepare(&[])?;
    stack.start_collector()?;
    let mut pc = Pc::join(&stack, "pc-1", Disk::Forgetful)?;
    pc.start()?;
    pc.wait_until_watched(&stack)?;
    if medium == Medium::Lying {
        pc.power.as_ref().context("its disk is forgetful")?.lie()?;
    }

    // Not a collector that hangs: the buffers of its connection would still take a batch.
    pc.line.set(Line::Cut);
    let written = write_some(&pc)?;
    poll::until_every(ASK_INTERVAL, "the spool to hold everything", PATIENCE, || {
        Ok((spool_holds(&pc, &written)? == written.len()).then_some(()))
    })?;
    pc.kill()?;
    pc.power.as_ref().context("its disk is forgetful")?.cut()?;
    remove(&written)?;
    pc.line.set(Line::Whole);

    reconnect(&mut pc, &stack)?;
    draw_up(&stack, &mut pc, &written)
}

/// The power of the whole server fails and comes back.
fn cut_and_start(stack: &mut Stack, power: &Power) -> anyhow::Result<()> {
    let engine = fault::engine(stack)?;
    stack.collector.take().context("the collector runs")?.kill()?;
    if let Some(engine) = engine {
        // It may have followed its parent.
        let _gone = kill_process(engine, Signal::KILL);
    }
    power.cut()?;
    stack.start_collector()?;
    Ok(())
}

fn write_some(pc: &Pc) -> anyhow::Result<Vec<Written>> {
    let notes = pc.path("written.jsonl");
    Writer::start(&pc.watched(), &notes, FILES, PAUSE_MS)?.finish(PATIENCE)
}

/// Starts the agent again, because it may have decided to wait for two minutes, and waits until it is connected.
pub(crate) fn reconnect(pc: &mut Pc, stack: &Stack) -> anyhow::Result<()> {
    pc.stop()?;
    pc.start()?;
    pc.wait_until_watched(stack)
}

/// The account, once nothing is on its way any more.
pub(crate) fn draw_up(stack: &Stack, pc: &mut Pc, written: &[Written]) -> anyhow::Result<Account> {
    poll::until_every(ASK_INTERVAL, "nothing to wait in the spool", PATIENCE, || {
        Ok((pc.waiting()? == 0).then_some(()))
    })?;
    pc.stop()?;
    let (api, store) = (stack.sign_in()?, stack.store()?);
    let account = || Account::of(&store, &api, &[pc.host], written);
    let clean = poll::until_every(ASK_INTERVAL, "a clean account", LAST_PATIENCE, || {
        Ok(account().ok().filter(Account::is_clean))
    });
    let drawn_up = clean.or_else(|_| account())?;
    say(&drawn_up);
    Ok(drawn_up)
}

/// Waits until the collector owns what so many files made, and says so to the agent.
pub(crate) fn wait_until_owned(api: &Api, pc: &Pc, files: usize) -> anyhow::Result<()> {
    poll::until_every(ASK_INTERVAL, "all to be acknowledged", PATIENCE, || {
        let all = owned(api, pc)? >= files as u64 && pc.waiting()? == 0;
        Ok(all.then_some(()))
    })
}

/// How many events of the lane for files the collector says it owns: each file makes at least one.
fn owned(api: &Api, pc: &Pc) -> anyhow::Result<u64> {
    let ledger = api.get(&format!("/hosts/{}/ledger", pc.host))?;
    let streams = ledger["streams"].as_array().context("streams are a list")?;
    let lanes = streams
        .iter()
        .filter_map(|stream| stream["lanes"].as_array())
        .flatten();
    let files = lanes
        .filter(|lane| lane["lane"] == 2)
        .filter_map(|lane| lane["high_water"].as_u64());
    Ok(files.sum())
}

/// How many of the files stand in the spool with their content, as SQLite shows it to a stranger.
pub(crate) fn spool_holds(pc: &Pc, written: &[Written]) -> anyhow::Result<usize> {
    let found = Command::new("python3")
        .args(["-c", COUNT_IN_SPOOL])
        .arg(pc.path("data/spool.db"))
        .args(
            written
                .iter()
                .map(|one| format!("{}:{}", one.path_hex, one.sha256)),
        )
        .output()?;
    ensure!(
        found.status.success(),
        "the spool: {}",
        String::from_utf8_lossy(&found.stderr)
    );
    Ok(String::from_utf8(found.stdout)?.trim().parse()?)
}

const COUNT_IN_SPOOL: &str = "
import sqlite3, sys
spool = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)
events = [row[0] for row in spool.execute('SELECT bytes FROM events')]
wanted = [tuple(bytes.fromhex(part) for part in one.split(':')) for one in sys.argv[2:]]
print(sum(any(path in event and digest in event for event in events) for path, digest in wanted))
";

/// Removes the files: from now on only those who saw them know what was in them.
pub(crate) fn remove(written: &[Written]) -> anyhow::Result<()> {
    for one in written {
        fs::remove_file(path_of(one)?)?;
    }
    Ok(())
}

fn path_of(one: &Written) -> anyhow::Result<PathBuf> {
    let bytes = hex::decode(&one.path_hex).context("the list is hexadecimal")?;
    Ok(Path::new(OsStr::from_bytes(&bytes)).to_owned())
}

/// Tells the result to whoever reads the story.
#[expect(clippy::print_stdout, reason = "the sum of the story is for a person")]
fn say(account: &Account) {
    println!("the sum: {account}");
}
