//! Is a PC protected? One verdict over all its products, and the findings that follow from it.
//!
//! A product protects when its engine is on and its definitions are at most [`DEFINITIONS_AGE_MAX_MS`] old.
//! A running updater does not stand in for a known age: a machine without Internet has one too. So a
//! product whose age or engine nobody can tell makes the PC *unknown*: never fine, but no finding either,
//! because nothing wrong was seen. One protecting product is enough; the others are usually the
//! system's own, switched off in its favour.
//!
//! Judged is only what a PC says, when it says it: definitions that age while a PC is switched off
//! are nobody's fault. For the same reason some verdicts must last before they count: after a holiday
//! every PC wakes with old definitions and updates within the hour, and an engine needs minutes after
//! boot to load them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vong_proto::event::{AntivirusProduct, AntivirusState, Presence, Severity, Switch};

use super::memory::{Memory, MemoryError};
use super::{HostChange, HostNews, Judgement, Moment, Remembered, Verdict};
use crate::entry::HostId;
use crate::finding::{Category, FindingChange};
use crate::registry::host::Protection;
use crate::registry::rule_state::RuleState;

pub(super) const FAMILY: &str = "antivirus";

/// Older definitions do not know this week's malware. Vendors publish several times a day; three days
/// are a weekend.
const DEFINITIONS_AGE_MAX_MS: i64 = 3 * 24 * 3_600_000;
/// Old definitions must stay old for this long while the PC is connected.
const STALE_PATIENCE_MS: i64 = 2 * 3_600_000;
/// After boot, an engine gets this long to come up.
const BOOT_PATIENCE_MS: i64 = 5 * 60_000;

/// The family's memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Antivirus {
    hosts: Memory<State>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// When the newest judged state was seen.
    seen_ms: i64,
    /// When the PC last booted.
    booted_ms: Option<i64>,
    /// The finding that is open.
    open: Option<Open>,
    /// What will be one if it lasts.
    pending: Option<Pending>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    id: String,
    fault: Fault,
    opened_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    fault: Fault,
    evidence: Value,
    /// When it counts; `None` as long as the PC is not connected.
    due_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    Missing,
    Off,
    Stale,
}

impl Fault {
    fn of(protection: Protection) -> Option<Fault> {
        match protection {
            Protection::Missing => Some(Fault::Missing),
            Protection::Off => Some(Fault::Off),
            Protection::Stale => Some(Fault::Stale),
            Protection::Protected | Protection::Unknown => None,
        }
    }

    fn rule(self) -> &'static str {
        match self {
            Fault::Missing => "antivirus.missing",
            Fault::Off => "antivirus.off",
            Fault::Stale => "antivirus.stale",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Fault::Missing | Fault::Off => Severity::High,
            Fault::Stale => Severity::Medium,
        }
    }

    /// How long it must last, given how long ago the PC booted.
    fn patience_ms(self, since_boot_ms: Option<i64>) -> i64 {
        match self {
            Fault::Missing => 0,
            Fault::Off => since_boot_ms.map_or(0, |since| (BOOT_PATIENCE_MS - since).max(0)),
            Fault::Stale => STALE_PATIENCE_MS,
        }
    }
}

impl Antivirus {
    pub(super) fn restore(&mut self, state: &RuleState) -> Result<(), MemoryError> {
        self.hosts.restore(state)
    }

    pub(super) fn remember(&mut self, into: &mut Vec<Remembered>) {
        self.hosts.remember(FAMILY, into);
    }

    /// A PC has said how it is protected.
    pub(super) fn seen(
        &mut self,
        host: HostId,
        state: &AntivirusState,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        if self
            .hosts
            .get(host)
            .is_some_and(|known| moment.at_ms < known.seen_ms)
        {
            return;
        }
        let (protection, product) = protection(state, moment.at_ms);
        let known = self.hosts.change(host);
        known.seen_ms = moment.at_ms;
        judgement.hosts.push(HostChange {
            host,
            news: HostNews::Protection {
                protection,
                at_ms: moment.at_ms,
                detail: detail(state),
            },
        });
        match Fault::of(protection) {
            Some(fault) => known.fault(host, fault, evidence(product, moment), moment, judgement),
            // What nobody can tell is neither a new fault nor the end of an old one.
            None if protection == Protection::Unknown => {}
            None => known.end(moment, judgement),
        }
    }

    pub(super) fn presence(&mut self, host: HostId, presence: &Presence, moment: Moment) {
        if let Presence::Started(start) = presence
            && start.new_boot
        {
            self.hosts.change(host).booted_ms = Some(moment.at_ms);
        }
    }

    /// Patience begins anew: the PC may have slept.
    pub(super) fn connected(&mut self, host: HostId, moment: Moment) {
        if self.hosts.get(host).is_some_and(|known| known.pending.is_some()) {
            let known = self.hosts.change(host);
            let since_boot = known.since_boot_ms(moment);
            if let Some(pending) = &mut known.pending {
                pending.due_ms = Some(moment.received_ms + pending.fault.patience_ms(since_boot));
            }
        }
    }

    /// A PC that is away cannot mend anything.
    pub(super) fn disconnected(&mut self, host: HostId) {
        if self.hosts.get(host).is_some_and(|known| known.pending.is_some())
            && let Some(pending) = &mut self.hosts.change(host).pending
        {
            pending.due_ms = None;
        }
    }

    /// Nobody was heard while the collector was away: patience waits for each to connect again.
    pub(super) fn collector_started(&mut self) {
        for host in self.hosts.hosts(|known| known.pending.is_some()) {
            self.disconnected(host);
        }
    }

    pub(super) fn tick(&mut self, moment: Moment, judgement: &mut Judgement) {
        for host in self.hosts.hosts(|known| known.is_due(moment.received_ms)) {
            let known = self.hosts.change(host);
            if let Some(Pending { fault, evidence, .. }) = known.pending.take() {
                known.open(host, fault, evidence, moment, judgement);
            }
        }
    }
}

impl State {
    fn is_due(&self, now_ms: i64) -> bool {
        let due_ms = self.pending.as_ref().and_then(|pending| pending.due_ms);
        due_ms.is_some_and(|due_ms| due_ms <= now_ms)
    }

    fn since_boot_ms(&self, moment: Moment) -> Option<i64> {
        self.booted_ms.map(|booted_ms| moment.at_ms - booted_ms)
    }

    fn fault(
        &mut self,
        host: HostId,
        fault: Fault,
        evidence: Value,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        if self.open.as_ref().is_some_and(|open| open.fault == fault) {
            self.pending = None;
            return;
        }
        let waiting = self
            .pending
            .as_ref()
            .is_some_and(|pending| pending.fault == fault);
        let patience_ms = fault.patience_ms(self.since_boot_ms(moment));
        if patience_ms == 0 {
            self.open(host, fault, evidence, moment, judgement);
        } else if !waiting {
            let due_ms = Some(moment.received_ms + patience_ms);
            self.pending = Some(Pending {
                fault,
                evidence,
                due_ms,
            });
        }
    }

    fn open(
        &mut self,
        host: HostId,
        fault: Fault,
        evidence: Value,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        self.end(moment, judgement);
        let verdict = Verdict {
            rule: fault.rule(),
            category: Category::Protection,
            host,
            key: "",
            severity: fault.severity(),
            evidence,
        };
        let finding = verdict.at(moment);
        self.open = Some(Open {
            id: finding.id.clone(),
            fault,
            opened_ms: finding.opened_ms,
        });
        judgement.findings.push(FindingChange::Opened(finding));
    }

    fn end(&mut self, moment: Moment, judgement: &mut Judgement) {
        self.pending = None;
        if let Some(open) = self.open.take() {
            judgement.findings.push(FindingChange::Closed {
                id: open.id,
                // What a tick has opened may end by an event of a moment before.
                closed_ms: moment.at_ms.max(open.opened_ms),
            });
        }
    }
}

/// The verdict over all products, with the product that it rests on.
fn protection(state: &AntivirusState, now_ms: i64) -> (Protection, Option<&AntivirusProduct>) {
    let order = |protection| match protection {
        Protection::Protected => 0,
        Protection::Unknown => 1,
        Protection::Stale => 2,
        Protection::Off => 3,
        Protection::Missing => 4,
    };
    let verdicts = state
        .products
        .iter()
        .map(|product| (protects(product, now_ms), Some(product)));
    verdicts
        .min_by_key(|(protection, _)| order(*protection))
        .unwrap_or((Protection::Missing, None))
}

fn protects(product: &AntivirusProduct, now_ms: i64) -> Protection {
    match (product.engine, product.definitions.built_ms) {
        (Switch::Off | Switch::Snoozed | Switch::Expired, _) => Protection::Off,
        (Switch::Unknown, _) | (Switch::On, None) => Protection::Unknown,
        (Switch::On, Some(built_ms)) if now_ms.saturating_sub(built_ms) > DEFINITIONS_AGE_MAX_MS => {
            Protection::Stale
        }
        (Switch::On, Some(_)) => Protection::Protected,
    }
}

fn evidence(product: Option<&AntivirusProduct>, moment: Moment) -> Value {
    let built_ms = product.and_then(|product| product.definitions.built_ms);
    let age_ms = built_ms.map(|built_ms| moment.at_ms.saturating_sub(built_ms));
    json!({
        "product": product.map(|product| &product.product),
        "definitions_version": product.map(|product| &product.definitions.version),
        "definitions_built_ms": built_ms,
        "days": age_ms.map(|age_ms| age_ms / (24 * 3_600_000)),
        "engine": product.map(|product| product.engine),
        "real_time": product.map(|product| product.real_time),
        "event_key": moment.event_key(),
    })
}

/// The products as the host's page shows them.
fn detail(state: &AntivirusState) -> Value {
    let products = state.products.iter().map(|product| {
        json!({
            "product": product.product,
            "vendor": product.vendor,
            "version": product.version,
            "engine": product.engine,
            "real_time": product.real_time,
            "updater": product.updater,
            "definitions_version": product.definitions.version,
            "definitions_built_ms": product.definitions.built_ms,
            "raw": product.raw,
        })
    });
    json!({ "products": products.collect::<Vec<_>>() })
}
