//! What became of everything: the list of the world outside against the store and the declared gaps.
//!
//! The store is asked over ClickHouse's HTTP interface alone, the gaps come from the public ledger. Only a gap
//! that an agent declared because its disk was full excuses a file, and only as many as it names.

use std::collections::{HashMap, HashSet};
use std::fmt;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::api::Api;
use crate::clickhouse::ClickHouse;
use crate::world::Written;

/// Every numbered event, in the order in which it was received.
const NUMBERED: &str = "(SELECT lower(hex(stream)) AS stream, lane, seq, pos, i FROM events \
                        UNION ALL SELECT lower(hex(stream)), lane, seq, pos, i FROM samples)";
/// One event under several streams: what a machine says of a moment and a thing is said once.
const AGAIN: &str = "SELECT sum(times - 1) AS n FROM (SELECT uniqExact(stream) AS times FROM events \
                     GROUP BY host, boot, mono_ms, wall, kind, file_action, file_path, file_sha256, detail)";
/// The one reason for a gap that is nobody's fault.
const EXCUSE: &str = "spool_full";

/// The result of a story.
#[derive(Debug, Default)]
pub struct Account {
    /// Files that were written.
    pub expected: usize,
    /// Files whose final content is stored.
    pub stored: usize,
    /// Numbers that are declared missing.
    pub gaps: u64,
    /// Files that are neither stored nor among the declared ones.
    pub lost: u64,
    /// Rows whose number another row has too.
    pub twice: u64,
    /// Events that are there under another stream too.
    pub again: u64,
    /// A PC was set back to a snapshot: what the spool held there unacknowledged may be sent again in a new stream.
    pub set_back: bool,
    /// Rows that were received after a higher number of their lane.
    pub disordered: u64,
    /// Numbers up to a lane's mark that are neither stored nor declared, or both.
    pub unaccounted: u64,
    /// One of the files that are not stored.
    pub example: Option<Written>,
}

impl fmt::Display for Account {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            expected,
            stored,
            gaps,
            lost,
            twice,
            again,
            ..
        } = self;
        write!(
            out,
            "expected {expected}, stored {stored}, declared gaps {gaps}, lost {lost}, twice {twice}, \
             in two streams {again}"
        )
    }
}

impl Account {
    /// Draws it up for these hosts as things stand now.
    ///
    /// # Errors
    /// Store or ledger cannot be asked.
    pub fn of(store: &ClickHouse, api: &Api, hosts: &[u64], written: &[Written]) -> anyhow::Result<Self> {
        let missing = not_stored(store, written)?;
        let mut declared = Declared::default();
        for host in hosts {
            declared.read(&api.get(&format!("/hosts/{host}/ledger"))?)?;
        }
        Ok(Self {
            expected: written.len(),
            stored: written.len() - missing.len(),
            gaps: declared.missing,
            lost: (missing.len() as u64).saturating_sub(declared.files_excused),
            twice: count(
                store,
                &format!(
                    "SELECT sum(times - 1) AS n FROM (SELECT count() AS times FROM {NUMBERED} GROUP BY stream, lane, seq)"
                ),
            )?,
            again: count(store, AGAIN)?,
            set_back: false,
            disordered: count(
                store,
                &format!(
                    "SELECT countIf(seq < before) AS n FROM (SELECT seq, lagInFrame(seq, 1, toUInt64(0)) OVER \
                     (PARTITION BY stream, lane ORDER BY pos, i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before \
                     FROM {NUMBERED})"
                ),
            )?,
            unaccounted: unaccounted(store, &declared)?,
            example: missing.first().map(|one| (*one).clone()),
        })
    }

    /// Fails with what is wrong, if anything is.
    ///
    /// # Errors
    /// Something was lost, is there twice, out of order, or not accounted for.
    pub fn must_be_clean(&self) -> anyhow::Result<()> {
        ensure!(
            self.lost == 0
                && self.twice == 0
                && (self.again == 0 || self.set_back)
                && self.disordered == 0
                && self.unaccounted == 0,
            "{self}; out of order {}, unaccounted numbers {}; not stored is for example {:?}",
            self.disordered,
            self.unaccounted,
            self.example
        );
        Ok(())
    }

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.must_be_clean().is_ok()
    }
}

/// What the ledgers say.
#[derive(Default)]
struct Declared {
    missing: u64,
    files_excused: u64,
    /// Per stream and lane: the mark, and how many numbers up to it are missing.
    lanes: HashMap<(String, u64), (u64, u64)>,
}

impl Declared {
    fn read(&mut self, ledger: &Value) -> anyhow::Result<()> {
        self.missing += number(ledger, "missing")?;
        for stream in list(ledger, "streams")? {
            let name = stream["stream"].as_str().context("a stream has a name")?;
            for lane in list(stream, "lanes")? {
                let key = (name.to_lowercase(), number(lane, "lane")?);
                self.lanes
                    .insert(key, (number(lane, "high_water")?, number(lane, "missing")?));
                for gap in list(lane, "gaps")?.iter().filter(|gap| gap["reason"] == EXCUSE) {
                    self.files_excused += gap["counts"]["file"].as_u64().unwrap_or(0);
                }
            }
        }
        Ok(())
    }
}

fn number(of: &Value, name: &str) -> anyhow::Result<u64> {
    of[name]
        .as_u64()
        .with_context(|| format!("{name} is a number in {of}"))
}

fn list<'a>(of: &'a Value, name: &str) -> anyhow::Result<&'a Vec<Value>> {
    of[name]
        .as_array()
        .with_context(|| format!("{name} is a list in {of}"))
}

/// The files whose final content the store does not know.
fn not_stored<'a>(store: &ClickHouse, written: &'a [Written]) -> anyhow::Result<Vec<&'a Written>> {
    let rows = store.rows(
        "SELECT DISTINCT lower(hex(file_path)) AS path, \
         lower(if(length(file_sha256) = 32, hex(file_sha256), file_sha256)) AS hash FROM events WHERE kind = 'file'",
    )?;
    let stored: HashSet<(&str, &str)> = rows
        .iter()
        .filter_map(|row| Some((row["path"].as_str()?, row["hash"].as_str()?)))
        .collect();
    let is_stored = |one: &&Written| stored.contains(&(one.path_hex.as_str(), one.sha256.as_str()));
    Ok(written.iter().filter(|one| !is_stored(one)).collect())
}

/// Lanes have no holes but the declared ones: mark = rows + missing. Rows beyond a mark are the store's and the
/// journal's only if the ledger was read a moment before, so nobody may be sending.
fn unaccounted(store: &ClickHouse, declared: &Declared) -> anyhow::Result<u64> {
    let rows = store.rows(&format!(
        "SELECT stream, lane, uniqExact(seq) AS present FROM {NUMBERED} GROUP BY stream, lane"
    ))?;
    let mut present: HashMap<(String, u64), u64> = HashMap::new();
    for row in &rows {
        let stream = row["stream"].as_str().context("a stream has a name")?;
        present.insert((stream.to_owned(), number(row, "lane")?), number(row, "present")?);
    }
    let known: HashSet<&(String, u64)> = present.keys().chain(declared.lanes.keys()).collect();
    Ok(known
        .into_iter()
        .map(|lane| {
            let (mark, missing) = declared.lanes.get(lane).copied().unwrap_or_default();
            mark.abs_diff(present.get(lane).copied().unwrap_or(0) + missing)
        })
        .sum())
}

fn count(store: &ClickHouse, sql: &str) -> anyhow::Result<u64> {
    let rows = store.rows(sql)?;
    rows.first()
        .and_then(|row| row["n"].as_u64())
        .with_context(|| format!("{sql} answers with a number: {rows:?}"))
}
