//! Which alert a finding belongs to, and whether it is news.
//!
//! Findings of one category on one host belong together. An alert that ended a moment ago is taken up
//! again, so that a fault which comes and goes is one story and not twenty.

use vong_proto::event::Severity;

use crate::entry::HostId;
use crate::finding::Category;
use crate::registry::alert::{Alert, AlertState};
use crate::registry::finding::FindingRow;

/// A finding within this time of an alert's end continues it.
pub(super) const REOPEN_WITHIN_MS: i64 = 30 * 60_000;
/// Where a finding belongs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// To an alert that is going on.
    Join(Box<Alert>),
    /// To one that has just ended.
    Reopen(Box<Alert>),
    /// To a new one.
    New,
}

/// Finds a finding's place, given the latest alert of its host and category.
pub(super) fn place(latest: Option<Alert>, now_ms: i64) -> Place {
    match latest {
        Some(alert) if alert.state != AlertState::Resolved => Place::Join(Box::new(alert)),
        Some(alert) if ended_within(&alert, now_ms) => Place::Reopen(Box::new(alert)),
        _ => Place::New,
    }
}

fn ended_within(alert: &Alert, now_ms: i64) -> bool {
    alert
        .resolved_ms
        .is_some_and(|resolved_ms| now_ms - resolved_ms <= REOPEN_WITHIN_MS)
}

/// What must be known of a host to judge a finding about it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// Whether its silence is a fault.
    pub(super) always_on: bool,
    /// Whether two machines use its agent's key.
    pub(super) cloned: bool,
}

/// Whether a finding is an alert's business. The silence of a PC that people switch off is not: every
/// evening would raise thousands. It stays a finding, and the list of hosts shows who is silent. While two machines
/// speak for a host, only what is urgent is: the rest is held back until it is clear whom it is about.
pub(super) fn concerns(row: &FindingRow, host: Standing) -> bool {
    let finding = &row.finding;
    let is_held = host.cloned && finding.category != Category::Identity && finding.severity < Severity::High;
    !is_held && (finding.category != Category::Presence || host.always_on)
}

/// The hosts that a finding about many of them names.
pub(super) fn hosts(row: &FindingRow) -> Vec<HostId> {
    let named = row.finding.evidence["hosts"].as_array();
    let hosts = named
        .into_iter()
        .flatten()
        .filter_map(|id| id.as_i64().map(HostId));
    hosts.collect()
}

/// Whether somebody is to be told of a finding. What is already over is history, and pages nobody; what
/// goes on is news, however late we hear of it.
pub(super) fn tells(row: &FindingRow) -> bool {
    row.closed_ms.is_none()
}
