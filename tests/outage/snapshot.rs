//! A PC that is set back to an older snapshot, and lives on for a while before it reaches its collector again.

use anyhow::ensure;
use vong_tests::account::Account;
use vong_tests::pc::{Disk, Pc};
use vong_tests::poll::{self, PATIENCE};
use vong_tests::proxy::Line;
use vong_tests::stack::Stack;
use vong_tests::world::{Writer, Written};

use super::power;

/// What the collector owns after the snapshot, and what the PC numbers again afterwards: more than that.
const FILES_BEFORE: u32 = 20;
const FILES_AFTER: u32 = 60;
const PAUSE_MS: u32 = 5;

/// The numbers that were given twice must not be taken for the same events: the later files would be lost.
pub(crate) fn numbers_given_again() -> anyhow::Result<Account> {
    let mut stack = Stack::prepare(&[])?;
    stack.start_collector()?;
    let mut pc = Pc::join(&stack, "pc-1", Disk::Ordinary)?;
    pc.start()?;
    pc.wait_until_watched(&stack)?;
    let mut written = write(&pc, "first", 1)?;
    let api = stack.sign_in()?;
    power::wait_until_owned(&api, &pc, written.len())?;

    let snapshot = pc.snapshot()?;
    written.extend(write(&pc, "owned", FILES_BEFORE)?);
    power::wait_until_owned(&api, &pc, written.len())?;
    pc.line.set(Line::Cut);
    pc.restore(snapshot)?;
    let after = write(&pc, "again", FILES_AFTER)?;
    poll::until_true("the spool to hold what came after", PATIENCE, || {
        Ok(power::spool_holds(&pc, &after)? == after.len())
    })?;
    // Only the spool knows them now.
    power::remove(&after)?;
    written.extend(after);
    pc.line.set(Line::Whole);
    power::reconnect(&mut pc, &stack)?;
    let account = power::draw_up(&stack, &mut pc, &written)?;
    let streams = stack
        .store()?
        .rows("SELECT DISTINCT hex(stream) AS stream FROM events")?;
    ensure!(streams.len() == 2, "a new stream begins: {streams:?}");
    Ok(account)
}

fn write(pc: &Pc, name: &str, count: u32) -> anyhow::Result<Vec<Written>> {
    let notes = pc.path(&format!("{name}.jsonl"));
    Writer::start(&pc.watched(), &notes, count, PAUSE_MS)?.finish(PATIENCE)
}
