//! A PC went away without a goodbye and stays away.
//!
//! Nobody is blamed for the collector's own absence: everyone who was connected when it ended gets the
//! full time again from its start. Whether silence matters (a server) or not (a laptop asleep) is not
//! known here; the finding is of low severity, and the alert stage raises it for hosts that are always on.

use serde::{Deserialize, Serialize};
use serde_json::json;
use vong_proto::event::{Presence, Severity};

use super::memory::{Memory, MemoryError};
use super::{Judgement, Moment, Remembered, Verdict};
use crate::entry::{Departure, HostId};
use crate::finding::{Category, FindingChange};
use crate::registry::rule_state::RuleState;

pub(super) const FAMILY: &str = "silence";
/// The entity under which the collector's own start is remembered.
const COLLECTOR: &str = "collector";

/// Away for this long is silent: a reboot without a goodbye is shorter.
const SILENT_AFTER_MS: i64 = 180_000;
/// After the collector's own start nobody is judged for this long: agents come back with jitter.
const START_PATIENCE_MS: i64 = 150_000;

/// The family's memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Silence {
    hosts: Memory<State>,
    /// When the collector started.
    started_ms: i64,
    /// Whether that is yet to be remembered.
    started_now: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// Whether it is connected.
    connected: bool,
    /// Whether it has said that it is about to go.
    goodbye: bool,
    /// Since when it is away without a goodbye.
    lost_ms: Option<i64>,
    /// When it was last there.
    last_seen_ms: i64,
    /// Why its connection ended.
    reason: String,
    /// The finding that is open.
    open: Option<String>,
}

impl Silence {
    pub(super) fn restore(&mut self, state: &RuleState) -> Result<(), MemoryError> {
        if state.entity == COLLECTOR {
            self.started_ms = state.state.parse().map_err(|_| MemoryError::of(state))?;
            return Ok(());
        }
        self.hosts.restore(state)
    }

    pub(super) fn remember(&mut self, into: &mut Vec<Remembered>) {
        if std::mem::take(&mut self.started_now) {
            into.push(Remembered {
                rule: FAMILY,
                entity: COLLECTOR.to_owned(),
                state: Some(self.started_ms.to_string()),
            });
        }
        self.hosts.remember(FAMILY, into);
    }

    /// Whether a PC is there.
    pub(super) fn is_connected(&self, host: HostId) -> bool {
        self.hosts.get(&host).is_some_and(|known| known.connected)
    }

    pub(super) fn connected(&mut self, host: HostId, moment: Moment, judgement: &mut Judgement) {
        let known = self.hosts.change(host);
        if let Some(id) = known.open.take() {
            judgement.findings.push(FindingChange::Closed {
                id,
                closed_ms: moment.received_ms,
            });
        }
        *known = State {
            connected: true,
            last_seen_ms: moment.received_ms,
            ..State::default()
        };
    }

    pub(super) fn disconnected(&mut self, host: HostId, reason: Departure, moment: Moment) {
        let known = self.hosts.change(host);
        known.connected = false;
        known.last_seen_ms = moment.received_ms;
        known.reason = reason.code().to_owned();
        known.lost_ms = (!known.goodbye && reason != Departure::Refused).then_some(moment.received_ms);
    }

    pub(super) fn presence(&mut self, host: HostId, presence: &Presence) {
        // A goodbye that arrives late belongs to an earlier run: that run's successor follows it.
        self.hosts.change(host).goodbye = matches!(presence, Presence::Stopping(_));
    }

    pub(super) fn collector_started(&mut self, moment: Moment) {
        self.started_ms = moment.received_ms;
        self.started_now = true;
        for host in self
            .hosts
            .keys(|known| known.connected || known.lost_ms.is_some())
        {
            let known = self.hosts.change(host);
            known.connected = false;
            known.lost_ms = (!known.goodbye).then_some(moment.received_ms);
        }
    }

    pub(super) fn tick(&mut self, moment: Moment, judgement: &mut Judgement) {
        let now_ms = moment.received_ms;
        if now_ms - self.started_ms < START_PATIENCE_MS {
            return;
        }
        let silent = |lost_ms: i64| now_ms - lost_ms >= SILENT_AFTER_MS;
        for host in self
            .hosts
            .keys(|known| known.open.is_none() && known.lost_ms.is_some_and(silent))
        {
            let known = self.hosts.change(host);
            let verdict = Verdict {
                rule: "host.silent",
                category: Category::Presence,
                host,
                key: "",
                severity: Severity::Low,
                evidence: json!({ "last_seen_ms": known.last_seen_ms, "reason": known.reason }),
            };
            let finding = verdict.at(moment);
            known.open = Some(finding.id.clone());
            judgement.findings.push(FindingChange::Opened(finding));
        }
    }
}
