//! The task that joins journal, rules and registry: reads facts, lets them be judged, keeps what follows.
//!
//! The registry's cursor, the rules' memory, findings and what is known of hosts commit in one
//! transaction; only then may the journal erase what was read. Whatever fails, the task starts again from
//! what was committed, and judges the same facts to the same findings.
//!
//! While it writes, no other writer of the registry does: connecting agents, people at the dashboard and the alert
//! stage wait. So rules judge before a transaction begins, one that would become long ends early ([`WRITES_MAX`]), and
//! what was said twice is written once ([`news`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::warn;

use crate::clock::now_ms;
use crate::entry::{Entry, Fact, HostId};
use crate::finding::FindingChange;
use crate::health::Stage;
use crate::journal::{Cursor, Journal, JournalError};
use crate::live::{Live, Topic};
use crate::metrics::Metrics;
use crate::registry::detection::{self, Sighting};
use crate::registry::rule_state::RuleState;
use crate::registry::{self, Registry, Transaction, finding, host_state, neighbour, rule_state};
use crate::rules::{HostChange, HostNews, Judgement, Lists, MemoryError, Remembered, Rules};
use crate::stop;

mod lists;
mod news;

use lists::Known;
use news::News;

/// The name of the registry's cursor.
pub(super) const CURSOR: &str = "rules";
/// Read at once: enough to catch up quickly, little enough to commit within milliseconds.
const ENTRIES_MAX: usize = 500;
/// Read at once, as the events were before packing.
const BYTES_MAX: usize = 8 << 20;
/// The cursor may lag by this much behind facts from which nothing followed: judging them again is
/// harmless, and an idle fleet costs no write per fact.
const CURSOR_LAG: Duration = Duration::from_secs(1);
/// A transaction that has so many writes to do is committed before the next entry is judged: some tens of milliseconds.
/// Only a single entry can exceed it, within what rules and registry keep of one host, or of all hosts at a tick.
const WRITES_MAX: usize = 500;
/// After a failure the task starts again this much later.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// What the task works with.
pub(super) struct Judge {
    pub(super) journal: Journal,
    pub(super) registry: Registry,
    pub(super) live: Live,
    pub(super) metrics: Arc<Metrics>,
    /// Tells the alert stage that findings have changed.
    pub(super) findings_changed: Arc<Notify>,
    pub(super) stop: watch::Receiver<bool>,
}

#[derive(Debug, thiserror::Error)]
enum JudgeError {
    #[error("the journal cannot be read")]
    Journal(#[from] JournalError),
    #[error("the registry cannot be used")]
    Registry(#[from] registry::Error),
}

/// What follows from some entries.
#[derive(Default)]
struct Results {
    findings: Vec<(FindingChange, i64)>,
    memory: BTreeMap<(&'static str, String), Option<String>>,
    hosts: News,
    /// Hosts that have come or gone: the dashboard is told, and nothing else follows from it here.
    moved: BTreeSet<HostId>,
}

impl Judge {
    /// Judges until told to stop.
    pub(super) async fn run(mut self) {
        loop {
            match self.follow().await {
                Ok(()) => return,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    warn!(error, "facts wait to be judged");
                    self.metrics.health.failing(Stage::Rules, error);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(FAILURE_PAUSE) => {}
                () = stop::raised(&mut self.stop) => return,
            }
        }
    }

    /// Follows the journal from the committed cursor; returns when told to stop.
    async fn follow(&mut self) -> Result<(), JudgeError> {
        let mut committed = rule_state::cursor(&self.registry, CURSOR).await?;
        let mut read = committed;
        let mut committed_at = Instant::now();
        let (mut rules, unreadable) = Rules::restore(&rule_state::all(&self.registry).await?, committed);
        self.forget(&unreadable).await?;
        let mut durable = self.journal.durable_position();
        let mut known = Known::default();
        loop {
            durable.mark_unchanged();
            let entries = self.journal.read(read, ENTRIES_MAX, BYTES_MAX).await?;
            let lists = known.look_up(&self.registry, &entries).await?;
            let mut waiting = &entries[..];
            while let Some((results, judged_pos, rest)) = judged(&mut rules, &lists, waiting) {
                (read, waiting) = (judged_pos, rest);
                if !results.is_empty() {
                    self.keep(&results, read).await?;
                    (committed, committed_at) = (read, Instant::now());
                }
            }
            if read > committed && committed_at.elapsed() >= CURSOR_LAG {
                self.keep(&Results::default(), read).await?;
                (committed, committed_at) = (read, Instant::now());
            }
            self.metrics.health.well(Stage::Rules);
            if !entries.is_empty() {
                continue;
            }
            tokio::select! {
                _ = durable.changed() => {}
                () = tokio::time::sleep(CURSOR_LAG), if read > committed => {}
                () = stop::raised(&mut self.stop) => return Ok(()),
            }
        }
    }

    /// Puts memories that cannot be read out of the way, and ends what only they could have ended.
    async fn forget(&self, unreadable: &[MemoryError]) -> Result<(), registry::Error> {
        if unreadable.is_empty() {
            return Ok(());
        }
        let (mut tx, now_ms) = (self.registry.begin().await?, now_ms());
        for error in unreadable {
            self.metrics
                .health
                .set_aside
                .note("rule_state", &error.key(), error);
            if let Some((host, rules)) = error.forsakes() {
                for id in finding::open_of(&mut tx, host, rules).await? {
                    self.close_unwatched(&mut tx, &id, now_ms).await?;
                }
            }
            if error.is_of_a_known_family() {
                rule_state::put_out_of_the_way(&mut tx, &error.rule, &error.entity, now_ms).await?;
            }
        }
        tx.commit().await?;
        self.findings_changed.notify_one();
        Ok(())
    }

    async fn close_unwatched(
        &self,
        tx: &mut Transaction,
        id: &str,
        closed_ms: i64,
    ) -> Result<(), registry::Error> {
        let unreadable = finding::close_unwatched(tx, id, closed_ms).await?;
        self.metrics.health.set_aside.note_all(unreadable.as_slice());
        Ok(())
    }

    /// Commits what follows, and tells everybody.
    async fn keep(&self, results: &Results, pos: u64) -> Result<(), JudgeError> {
        let alerts = self.commit(results, pos).await?;
        self.tell(results, &alerts);
        self.journal.pass(Cursor::Rules, pos).await?;
        Ok(())
    }

    /// Keeps what follows, and how far the rules have read, together; the alerts of whose findings more is known.
    async fn commit(&self, results: &Results, pos: u64) -> Result<BTreeSet<i64>, registry::Error> {
        let mut tx = self.registry.begin().await?;
        let mut alerts = BTreeSet::new();
        for (change, judged_ms) in &results.findings {
            match change {
                FindingChange::Opened(opened) => finding::open(&mut tx, opened, *judged_ms).await?,
                FindingChange::Closed { id, closed_ms } => finding::close(&mut tx, id, *closed_ms).await?,
                FindingChange::Evidence {
                    id,
                    pos,
                    at_ms,
                    evidence,
                } => {
                    let news = finding::News {
                        id,
                        evidence,
                        pos: *pos,
                        at_ms: *at_ms,
                    };
                    alerts.extend(finding::follow_up(&mut tx, news, *judged_ms).await?);
                }
                FindingChange::Unwatched { id, closed_ms } => {
                    self.close_unwatched(&mut tx, id, *closed_ms).await?;
                }
            }
        }
        self.commit_memory(&mut tx, results).await?;
        for change in results.hosts.iter() {
            keep_news(&mut tx, change).await?;
        }
        for (host, noun) in results.hosts.kinds() {
            host_state::bound(&mut tx, host, noun).await?;
        }
        rule_state::move_cursor(&mut tx, CURSOR, pos).await?;
        tx.commit().await?;
        Ok(alerts)
    }

    async fn commit_memory(&self, tx: &mut Transaction, results: &Results) -> Result<(), registry::Error> {
        let mut kept = Vec::new();
        for ((rule, entity), state) in &results.memory {
            match state {
                Some(state) => kept.push(RuleState {
                    rule: (*rule).to_owned(),
                    entity: entity.clone(),
                    state: state.clone(),
                }),
                None => rule_state::keep(tx, rule, entity, None).await?,
            }
        }
        rule_state::keep_all(tx, &kept).await
    }

    fn tell(&self, results: &Results, alerts: &BTreeSet<i64>) {
        for alert in alerts {
            self.live.publish(Topic::Alert(*alert));
        }
        for (change, _) in &results.findings {
            match change {
                FindingChange::Opened(_) => self.metrics.findings_opened.inc(),
                FindingChange::Evidence { .. } => {}
                FindingChange::Closed { .. } | FindingChange::Unwatched { .. } => {
                    self.metrics.findings_closed.inc();
                }
            }
        }
        if !results.findings.is_empty() {
            self.findings_changed.notify_one();
        }
        let changed = results.hosts.iter().map(|change| change.host);
        let hosts: BTreeSet<HostId> = changed.chain(results.moved.iter().copied()).collect();
        for host in &hosts {
            self.live.publish(Topic::Host(*host));
        }
        if !hosts.is_empty() {
            self.live.publish(Topic::Overview);
        }
    }
}

impl Results {
    fn is_empty(&self) -> bool {
        self.writes() == 0 && self.moved.is_empty()
    }

    fn writes(&self) -> usize {
        self.findings.len() + self.memory.len() + self.hosts.len()
    }

    /// Adds one change; facts that follow each other on a finding are the last ones.
    fn add_finding(&mut self, change: FindingChange, judged_ms: i64) {
        if let FindingChange::Evidence { id, .. } = &change {
            let is_about = |(known, _): &&mut (FindingChange, i64)| match known {
                FindingChange::Evidence { id: known, .. } => known == id,
                _ => false,
            };
            if let Some(known) = self.findings.iter_mut().find(is_about) {
                *known = (change, judged_ms);
                return;
            }
        }
        self.findings.push((change, judged_ms));
    }

    /// Adds what follows from one more entry.
    fn add(&mut self, entry: &Entry, judgement: Judgement) {
        for change in judgement.findings {
            self.add_finding(change, entry.received_ms);
        }
        for Remembered { rule, entity, state } in judgement.memory {
            self.memory.insert((rule, entity), state);
        }
        for change in judgement.hosts {
            self.hosts.push(change);
        }
        match &entry.fact {
            Fact::Connected(connected) => _ = self.moved.insert(connected.host),
            Fact::Disconnected { host, .. } => _ = self.moved.insert(*host),
            Fact::Cloned(cloned) => _ = self.moved.insert(cloned.host),
            Fact::Events(_) | Fact::Tick | Fact::Started => {}
        }
    }
}

/// Judges entries until enough follows for one transaction, or none is left: what follows, the position of the last
/// that was judged, and the rest.
fn judged<'a>(rules: &mut Rules, lists: &Lists, entries: &'a [Entry]) -> Option<(Results, u64, &'a [Entry])> {
    let (mut results, mut pos, mut rest) = (Results::default(), None, entries);
    while results.writes() < WRITES_MAX
        && let Some((entry, others)) = rest.split_first()
    {
        results.add(entry, rules.judge(entry, lists));
        (pos, rest) = (Some(entry.pos), others);
    }
    Some((results, pos?, rest))
}

async fn keep_news(tx: &mut Transaction, change: &HostChange) -> Result<(), registry::Error> {
    let host = change.host;
    match &change.news {
        HostNews::Protection(state) => host_state::set_protection(tx, host, state).await,
        HostNews::Detection {
            detection,
            found_ms,
            at_ms,
            event_key,
        } => {
            let sighting = Sighting {
                host,
                detection,
                found_ms: *found_ms,
                at_ms: *at_ms,
                event_key,
            };
            detection::keep(tx, &sighting).await
        }
        HostNews::Neighbours { at_ms, neighbours } => neighbour::keep(tx, host, neighbours, *at_ms).await,
        HostNews::Network { at_ms, detail } => host_state::set_network(tx, host, *at_ms, detail).await,
        HostNews::State(state) => host_state::keep(tx, host, state).await,
        HostNews::Gone { noun, key } => host_state::forget(tx, host, *noun, key).await,
        HostNews::Outdated { noun, before_ms } => {
            host_state::forget_before(tx, host, *noun, *before_ms).await
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vong_proto::event::{AgentId, Blind, Body, BootId, Event, Header, Lane, Sensor, Severity, StreamId};

    use super::*;
    use crate::entry::Events;
    use crate::finding::{Category, Finding};
    use crate::journal::LIMIT_BYTES_DEFAULT;
    use crate::registry::harness::{a_host, a_unit, sqlite};
    use crate::registry::host_state::STATES_MAX;

    /// What an agent can say in one batch: as many blind spots as it likes to invent.
    fn a_batch(pos: u64, host: i64, events: usize) -> Entry {
        let blind = |index| Event {
            header: Header {
                lane: Lane::State,
                seq: 1,
                wall_ms: 1,
                mono_ms: 1,
                boot: BootId([0; 16]),
            },
            body: Body::Blind(Blind {
                sensor: Sensor::Files,
                scope: format!("{pos}/{index}").into_bytes(),
                since_ms: 0,
                until_ms: 1,
                reason: "queue_overflow".to_owned(),
            }),
        };
        Entry {
            pos,
            received_ms: 1,
            fact: Fact::Events(Events {
                host: HostId(host),
                agent: AgentId([0; 16]),
                stream: StreamId([0; 16]),
                offset_ms: 0,
                events: (0..events).map(blind).collect(),
                gaps: Vec::new(),
                cloned: false,
            }),
        }
    }

    #[test]
    fn no_flood_makes_one_long_transaction() {
        let of_one: Vec<Entry> = (1..=20).map(|pos| a_batch(pos, 1, 2_000)).collect();
        let (results, pos, rest) = judged(&mut Rules::default(), &Lists::default(), &of_one).expect("judged");
        assert!(results.writes() <= STATES_MAX, "{}", results.writes());
        assert_eq!((pos, rest.len()), (20, 0));

        let of_many: Vec<Entry> = (1..=20).map(|pos| a_batch(pos, pos as i64, 2_000)).collect();
        let (mut rules, mut waiting, mut positions) = (Rules::default(), &of_many[..], Vec::new());
        while let Some((results, pos, rest)) = judged(&mut rules, &Lists::default(), waiting) {
            assert!(results.writes() < WRITES_MAX + STATES_MAX, "{}", results.writes());
            (waiting, positions) = (rest, [&positions[..], &[pos]].concat());
        }
        assert_eq!(
            positions,
            [3, 6, 9, 12, 15, 18, 20],
            "each goes on behind the one before"
        );
    }

    #[tokio::test]
    async fn a_memory_that_cannot_be_read_leaves_no_finding_open_and_is_kept() {
        let (sqlite, folder) = (sqlite().await, tempfile::TempDir::new().expect("a folder"));
        let registry = &sqlite.registry;
        let unit = a_unit(registry, None, "Xã", "").await;
        let host = a_host(registry, unit, "KT-01").await;
        let mut tx = registry.begin().await.expect("begin");
        for (id, rule) in [("off", "antivirus.off"), ("silent", "host.silent")] {
            let finding = Finding {
                id: id.to_owned(),
                rule: rule.to_owned(),
                category: Category::Protection,
                host,
                key: String::new(),
                severity: Severity::High,
                opened_pos: 1,
                opened_ms: 1,
                evidence: json!({}),
            };
            finding::open(&mut tx, &finding, 1).await.expect("a finding");
        }
        for rule in ["antivirus", "later"] {
            rule_state::keep(&mut tx, rule, &host.to_string(), Some("{"))
                .await
                .expect("kept");
        }
        tx.commit().await.expect("commit");
        let path = folder.path().join("journal.db");
        let mut judge = Judge {
            journal: Journal::open(&path, LIMIT_BYTES_DEFAULT).expect("a journal"),
            registry: registry.clone(),
            live: Live::default(),
            metrics: Arc::default(),
            findings_changed: Arc::default(),
            stop: watch::channel(true).1,
        };
        judge.follow().await.expect("it was told to stop");
        let mut tx = registry.begin().await.expect("begin");
        for (rules, open) in [("antivirus.", 0), ("host.", 1)] {
            let found = finding::open_of(&mut tx, host, rules).await.expect("findings");
            assert_eq!(found.len(), open, "{rules}");
        }
        drop(tx);
        let left = rule_state::all(registry).await.expect("memory");
        let rules: Vec<_> = left.iter().map(|state| state.rule.as_str()).collect();
        assert_eq!(
            rules,
            ["later"],
            "what a newer version has written stays in its place"
        );
    }
}
