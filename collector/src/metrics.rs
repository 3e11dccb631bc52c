//! What the collector counts of itself, for `/metrics`.
//!
//! One struct that every stage shares. Counters only ever grow; what is a state (backlog, connections,
//! cursors) is asked for when somebody looks.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::health::Health;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// So many more.
    pub fn inc_by(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Every counter of the collector.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Connections that came to the intake.
    pub connections_accepted: Counter,
    /// Connections closed at once because too many were open.
    pub connections_refused: Counter,
    /// Connections whose TLS handshake failed or took too long.
    pub handshakes_failed: Counter,
    /// PCs that were enrolled.
    pub enrolments: Counter,
    /// Conversations ended by a refusal.
    pub sessions_refused: Counter,
    /// Conversations that broke off, or in which the peer fell silent.
    pub sessions_broken: Counter,
    /// Times an agent was made to wait because it sent too many events.
    pub sessions_slowed: Counter,
    /// Agents told to begin a new stream because they were behind the collector.
    pub streams_forked: Counter,
    /// Agents that brought the stream of another PC: copied disks, or lies.
    pub streams_claimed: Counter,
    /// Numbers that came with two contents: cloned agents.
    pub stream_conflicts: Counter,
    /// Agents of which it was found out that two machines use their key.
    pub agents_cloned: Counter,
    /// Events that were new.
    pub events_received: Counter,
    /// Events that had come before and were trimmed.
    pub events_duplicate: Counter,
    /// Events that this collector keeps but cannot read.
    pub events_opaque: Counter,
    /// Rows accepted by the store.
    pub store_rows: Counter,
    /// Inserts that had to be tried again.
    pub store_retries: Counter,
    /// Events that the store refused for good.
    pub store_set_aside: Counter,
    /// Findings opened.
    pub findings_opened: Counter,
    /// Findings closed.
    pub findings_closed: Counter,
    /// Alerts opened.
    pub alerts_opened: Counter,
    /// Mails accepted by the relay.
    pub deliveries_accepted: Counter,
    /// Attempts that will be made again.
    pub deliveries_deferred: Counter,
    /// Mails given up.
    pub deliveries_failed: Counter,
    /// Attempts whose outcome could not be noted.
    pub deliveries_unknown: Counter,
    /// How each stage is doing, which no counter tells.
    pub health: Health,
}

impl Metrics {
    /// All counters in the text format of Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, help, counter) in self.table() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# HELP vong_{name}_total {help}");
            let _ = writeln!(text, "# TYPE vong_{name}_total counter");
            let _ = writeln!(text, "vong_{name}_total {}", counter.get());
        }
        text
    }

    fn table(&self) -> [(&'static str, &'static str, &Counter); 24] {
        [
            (
                "connections_accepted",
                "connections that came to the intake",
                &self.connections_accepted,
            ),
            (
                "connections_refused",
                "connections closed because too many were open",
                &self.connections_refused,
            ),
            (
                "handshakes_failed",
                "TLS handshakes that failed",
                &self.handshakes_failed,
            ),
            ("enrolments", "PCs that were enrolled", &self.enrolments),
            (
                "sessions_refused",
                "conversations ended by a refusal",
                &self.sessions_refused,
            ),
            ("sessions_broken", "talks broken off", &self.sessions_broken),
            ("sessions_slowed", "times an agent waited", &self.sessions_slowed),
            (
                "streams_forked",
                "agents told to begin a new stream",
                &self.streams_forked,
            ),
            ("streams_claimed", "another PC's streams", &self.streams_claimed),
            (
                "stream_conflicts",
                "numbers that came with two contents",
                &self.stream_conflicts,
            ),
            (
                "agents_cloned",
                "agents whose key two machines use",
                &self.agents_cloned,
            ),
            ("events_received", "events that were new", &self.events_received),
            ("events_duplicate", "events come again", &self.events_duplicate),
            ("events_opaque", "events that cannot be read", &self.events_opaque),
            ("store_rows", "rows accepted by the store", &self.store_rows),
            ("store_retries", "inserts tried again", &self.store_retries),
            (
                "store_set_aside",
                "events refused by the store for good",
                &self.store_set_aside,
            ),
            ("findings_opened", "findings opened", &self.findings_opened),
            ("findings_closed", "findings closed", &self.findings_closed),
            ("alerts_opened", "alerts opened", &self.alerts_opened),
            (
                "deliveries_accepted",
                "mails accepted by the relay",
                &self.deliveries_accepted,
            ),
            (
                "deliveries_deferred",
                "attempts that will be made again",
                &self.deliveries_deferred,
            ),
            ("deliveries_failed", "mails given up", &self.deliveries_failed),
            ("deliveries_unknown", "unknown outcomes", &self.deliveries_unknown),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_shown_once_under_its_own_name() {
        let metrics = Metrics::default();
        metrics.deliveries_failed.inc_by(3);
        let text = metrics.text();
        assert!(text.contains("\nvong_deliveries_failed_total 3\n"), "{text}");
        let mut names: Vec<_> = metrics.table().iter().map(|(name, ..)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), metrics.table().len());
    }
}
