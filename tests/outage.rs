//! Whatever is killed, what was written to the disk is in the store, exactly once, or declared missing.
//!
//! A script outside our crates writes files and keeps its own list, while agent, collector and engine are
//! killed at random moments. Afterwards the list, the store (asked over its own HTTP interface) and the
//! declared gaps must agree.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use vong_tests::clickhouse::ClickHouse;
use vong_tests::poll::{self, PATIENCE};
use vong_tests::stack::{LONG, Stack};
use vong_tests::world::{Writer, Written};

/// Enough files to be in every stage at every kill.
const FILES: u32 = 400;
const PAUSE_MS: u32 = 50;
/// Each of the three is killed about twice.
const KILLS: u32 = 6;
/// The time between two kills, at most: shorter than a start at times, so that recovery is killed too.
const LULL_MS_MAX: u64 = 4_000;

#[test]
fn nothing_is_lost_and_nothing_twice_whatever_is_killed() -> anyhow::Result<()> {
    let mut stack = Stack::start()?;
    let mut writer = Writer::start(&stack.watched(), &stack.path("written.jsonl"), FILES, PAUSE_MS)?;
    let mut chance = Chance::from_clock()?;

    for _ in 0..KILLS {
        let lull = Duration::from_millis(chance.below(LULL_MS_MAX));
        let pause = poll::until_true("the writer's end", lull, || Ok(!writer.is_writing()?));
        if pause.is_ok() {
            break;
        }
        kill_one(&mut stack, chance.below(3))?;
    }
    let written = writer.finish(LONG)?;
    wait_until_all_visible(&stack, &written)?;

    let missing = api_missing(&stack)?;
    let store = stack.store()?;
    each_content_is_stored(&store, &written)?;
    nothing_is_stored_twice(&store)?;
    numbers_agree_with_the_ledger(&store, missing)
}

/// Chance that can be told again: the seed is in the output of a failed story.
struct Chance(u64);

impl Chance {
    #[expect(clippy::print_stdout, reason = "the seed helps to understand a failed story")]
    fn from_clock() -> anyhow::Result<Self> {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos();
        let seed = u64::from(nanos) | 1;
        println!("seed: {seed}");
        Ok(Self(seed))
    }

    /// Xorshift: no more is asked of it than to be different each time.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Kills agent, collector or engine; what is not supervised by somebody of ours is started again.
fn kill_one(stack: &mut Stack, which: u64) -> anyhow::Result<()> {
    match which {
        0 => {
            stack.agent.as_mut().context("the agent runs")?.kill()?;
            stack.start_agent()
        }
        1 => {
            stack.collector.as_mut().context("the collector runs")?.kill()?;
            stack.start_collector()?;
            Ok(())
        }
        _ => {
            let collector = stack.collector.as_ref().context("the collector runs")?;
            // None while the collector is still starting it: then nobody is killed this time.
            if let Some(engine) = child_of(collector.pid())? {
                kill_process(engine, Signal::KILL)?;
            }
            Ok(())
        }
    }
}

/// The one child of a process: the collector's engine.
fn child_of(parent: u32) -> anyhow::Result<Option<Pid>> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
    let tasks = fs::read_dir(format!("/proc/{parent}/task"))?;
    let all = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    let first = std::iter::once(children)
        .chain(all)
        .find_map(|list| list.split_whitespace().next()?.parse().ok());
    Ok(first.and_then(Pid::from_raw))
}

/// Polls the public API until every file's final content can be queried.
fn wait_until_all_visible(stack: &Stack, written: &[Written]) -> anyhow::Result<()> {
    let mut open: Vec<&Written> = written.iter().collect();
    let patience = LONG + PATIENCE;
    let done = poll::until_true("every file to be visible", patience, || {
        // While the engine starts again a question may fail; only the deadline counts.
        if let Ok(seen) = visible(stack) {
            open.retain(|one| {
                seen.get(&one.path_hex)
                    .is_none_or(|hashes| !hashes.contains(&one.sha256))
            });
        }
        Ok(open.is_empty())
    });
    done.with_context(|| {
        format!(
            "{} of {} files are not visible, such as {:?}",
            open.len(),
            written.len(),
            open.first()
        )
    })
}

/// What can be queried now: for each path the hashes of its contents.
fn visible(stack: &Stack) -> anyhow::Result<HashMap<String, Vec<String>>> {
    let said = stack
        .admin_command(&["events", "--kind", "file", "--limit", "100000"])?
        .output()?;
    let mut seen: HashMap<String, Vec<String>> = HashMap::new();
    for line in String::from_utf8(said.stdout)?.lines() {
        let event: Value = serde_json::from_str(line)?;
        let path = event["file"]["path_hex"].as_str();
        let (Some(path), Some(hash)) = (path, event["file"]["sha256"].as_str()) else {
            continue;
        };
        seen.entry(path.to_owned()).or_default().push(hash.to_owned());
    }
    Ok(seen)
}

/// How many events the ledger declares missing.
fn api_missing(stack: &Stack) -> anyhow::Result<u64> {
    let api = stack.sign_in()?;
    let ledger = api.get(&format!("/hosts/{}/ledger", stack.host()?["id"]))?;
    ledger["missing"]
        .as_u64()
        .with_context(|| format!("the ledger counts what is missing: {ledger}"))
}

fn each_content_is_stored(store: &ClickHouse, written: &[Written]) -> anyhow::Result<()> {
    let rows = store.rows(
        "SELECT DISTINCT lower(hex(file_path)) AS path, \
         lower(if(length(file_sha256) = 32, hex(file_sha256), file_sha256)) AS hash FROM events WHERE kind = 'file'",
    )?;
    let stored: Vec<(&str, &str)> = rows
        .iter()
        .filter_map(|row| Some((row["path"].as_str()?, row["hash"].as_str()?)))
        .collect();
    let lost: Vec<&Written> = written
        .iter()
        .filter(|one| !stored.contains(&(one.path_hex.as_str(), one.sha256.as_str())))
        .collect();
    ensure!(
        lost.is_empty(),
        "{} of {} files are lost, such as {:?}",
        lost.len(),
        written.len(),
        lost.first()
    );
    Ok(())
}

fn nothing_is_stored_twice(store: &ClickHouse) -> anyhow::Result<()> {
    let twice = store.rows(
        "SELECT hex(stream) AS stream, lane, seq, count() AS times FROM \
         (SELECT stream, lane, seq FROM events UNION ALL SELECT stream, lane, seq FROM samples) \
         GROUP BY stream, lane, seq HAVING times > 1",
    )?;
    ensure!(
        twice.is_empty(),
        "{} events are stored twice, such as {:?}",
        twice.len(),
        twice.first()
    );
    Ok(())
}

/// Lanes have no holes but the declared ones: highest number = rows + missing.
fn numbers_agree_with_the_ledger(store: &ClickHouse, missing: u64) -> anyhow::Result<()> {
    let rows = store.rows(
        "SELECT sum(top) AS numbered, sum(present) AS present FROM \
         (SELECT max(seq) AS top, count() AS present FROM \
         (SELECT stream, lane, seq FROM events UNION ALL SELECT stream, lane, seq FROM samples) GROUP BY stream, lane)",
    )?;
    let count = |name: &str| {
        rows.first()
            .and_then(|row| row[name].as_u64())
            .context("a sum is a number")
    };
    let (numbered, present) = (count("numbered")?, count("present")?);
    ensure!(
        numbered == present + missing,
        "{numbered} were numbered, {present} are stored, {missing} declared missing"
    );
    Ok(())
}
