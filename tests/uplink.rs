//! An office comes back after an outage: what is urgent goes before the backlog, and all of it arrives, once.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use vong_tests::account::Account;
use vong_tests::clickhouse::ClickHouse;
use vong_tests::pc::{Disk, Pc};
use vong_tests::poll::{self, PATIENCE};
use vong_tests::proxy::{Bottleneck, Line};
use vong_tests::stack::{Stack, WATCH};
use vong_tests::world::{Writer, Written};

/// So many PCs share a line, each with so many files changed while it was cut: what they send takes that line some
/// twenty seconds.
const PCS: [&str; 3] = ["pc-1", "pc-2", "pc-3"];
const FILES: u32 = 700;
const LINE_KBIT_S: u32 = 160;
/// What is urgent has to be visible within this time.
const URGENT_MAX: Duration = Duration::from_secs(10);
/// Where a change is urgent.
const URGENT: &str = "Mật";
const ASK_INTERVAL: Duration = Duration::from_millis(100);

/// An office whose PCs have changed files while its line was cut, and know it.
struct Office {
    pcs: Vec<Pc>,
    written: Vec<Written>,
    stack: Stack,
}

impl Office {
    fn after_an_outage() -> anyhow::Result<Self> {
        let mut stack = Stack::prepare(&[])?;
        stack.start_collector()?;
        let mut pcs = Vec::new();
        for name in PCS {
            let mut pc = Pc::join(&stack, name, Disk::Ordinary)?;
            fs::create_dir(pc.path(URGENT))?;
            pc.set_policy(
                &stack,
                name,
                &json!({
                    "files": { "watches": [
                        { "name": WATCH, "path": pc.watched() },
                        { "name": URGENT, "path": pc.path(URGENT), "severity": "critical" },
                    ] },
                }),
            )?;
            pc.start()?;
            pc.wait_until_watched(&stack)?;
            pcs.push(pc);
        }
        let mut office = Self {
            pcs,
            written: Vec::new(),
            stack,
        };
        office.cut_and_work()?;
        Ok(office)
    }

    fn cut_and_work(&mut self) -> anyhow::Result<()> {
        let mut writers = Vec::new();
        for pc in &self.pcs {
            pc.line.set(Line::Cut);
            writers.push(Writer::start(&pc.watched(), &pc.path("written.jsonl"), FILES, 0)?);
        }
        for writer in writers {
            self.written.extend(writer.finish(PATIENCE)?);
        }
        for pc in &mut self.pcs {
            poll::until_every(ASK_INTERVAL, "the spool to hold the backlog", PATIENCE, || {
                Ok((pc.waiting()? >= u64::from(FILES)).then_some(()))
            })?;
            // It may have decided to wait for two minutes.
            pc.stop()?;
        }
        Ok(())
    }

    /// The line is back, for all at once.
    fn comes_back(&mut self) -> anyhow::Result<()> {
        let line = Bottleneck::of(LINE_KBIT_S);
        for pc in &mut self.pcs {
            pc.line.narrow(Some(line.clone()));
            pc.line.set(Line::Whole);
            pc.start()?;
        }
        Ok(())
    }

    fn stored(&self, store: &ClickHouse) -> anyhow::Result<u64> {
        let rows = store.rows("SELECT count() AS n FROM events WHERE kind = 'file'")?;
        rows.first()
            .and_then(|row| row["n"].as_u64())
            .context("the store counts")
    }

    /// Waits until so many files of the backlog are stored.
    fn wait_for_backlog(&self, store: &ClickHouse, files: u64) -> anyhow::Result<()> {
        poll::until_every(ASK_INTERVAL, "the backlog to arrive", PATIENCE, || {
            Ok((self.stored(store)? >= files).then_some(()))
        })
    }

    /// Changes something urgent on one PC; the answer is how long that took to be visible.
    fn urgent(&mut self, pc: usize, store: &ClickHouse) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let pc = &self.pcs[pc];
        let writer = Writer::start(&pc.path(URGENT), &pc.path("urgent.jsonl"), 1, 0)?;
        let urgent = writer.finish(PATIENCE)?;
        let path = &urgent.first().context("one file was written")?.path_hex;
        let asked = format!("SELECT count() AS n FROM events WHERE lower(hex(file_path)) = '{path}'");
        poll::until_every(ASK_INTERVAL, "what is urgent to be visible", PATIENCE, || {
            let rows = store.rows(&asked)?;
            Ok(rows.iter().any(|row| row["n"] != 0).then_some(()))
        })?;
        self.written.extend(urgent);
        Ok(began.elapsed())
    }

    /// The account, once nothing is on its way any more.
    fn settle(mut self, store: &ClickHouse) -> anyhow::Result<Account> {
        for pc in &self.pcs {
            poll::until_every(ASK_INTERVAL, "nothing to wait in the spool", PATIENCE, || {
                Ok((pc.waiting()? == 0).then_some(()))
            })?;
        }
        self.pcs.iter_mut().try_for_each(Pc::stop)?;
        let hosts: Vec<u64> = self.pcs.iter().map(|pc| pc.host).collect();
        let api = self.stack.sign_in()?;
        poll::until_every(ASK_INTERVAL, "a clean account", PATIENCE, || {
            Ok(Account::of(store, &api, &hosts, &self.written)
                .ok()
                .filter(Account::is_clean))
        })
    }
}

#[test]
fn what_is_urgent_goes_before_the_backlog_of_a_whole_office() -> anyhow::Result<()> {
    let mut office = Office::after_an_outage()?;
    let store = office.stack.store()?;
    let before = office.stored(&store)?;
    office.comes_back()?;
    let all = PCS.len() as u64 * u64::from(FILES);
    office.wait_for_backlog(&store, before + all / 10)?;

    let took = office.urgent(1, &store)?;
    let stored = office.stored(&store)? - before;
    say(&format!(
        "urgent after {took:?}, with {stored} of {all} files of the backlog stored"
    ));
    ensure!(
        stored < all,
        "the backlog was through before it could be in the way: {stored}"
    );
    ensure!(took < URGENT_MAX, "it took {took:?}");
    office.settle(&store)?.must_be_clean()
}

/// Tells a figure to whoever reads the story.
#[expect(clippy::print_stdout, reason = "the figure is for a person")]
fn say(text: &str) {
    println!("{text}");
}
