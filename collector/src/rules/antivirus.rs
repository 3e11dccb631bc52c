//! A PC's antivirus: whether it protects, and the findings that follow when it does not.
//!
//! * [`mod@verdict`] — one word over all products: `antivirus.missing`, `.off`, `.crashed`, `.expired`, `.real_time_off`,
//!   `.stale`; beside it `antivirus.scan_overdue`
//! * [`slot`] — a fault must last before it is a finding, and ends it when it is gone
//! * [`exclusions`] — something is no longer looked at: `antivirus.exclusions_added`
//! * [`source`] — one product's definitions are old on many PCs at once: `updates.source_stale`, one finding about the
//!   source instead of one about each PC
//!
//! A product whose age or engine nobody can tell makes the PC *unknown*: never fine, but no finding either, because
//! nothing wrong was seen. What lasts is judged only while the PC is connected: definitions that age while it is
//! switched off are nobody's fault. How long it must last, and how old is old, the PC's policy says; the agent sends
//! that with each state, so that a judgement needs nothing but the journal. A healthy PC speaks once a day, so its
//! definitions are also judged as time passes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vong_proto::event::{AntivirusProduct, AntivirusState, Expectations, Presence};

use super::memory::{Memory, MemoryError};
use super::{HostChange, HostNews, Judgement, Moment, Remembered};
use crate::entry::HostId;
use crate::registry::host::Protection;
use crate::registry::host_state::ProtectionState;
use crate::registry::rule_state::RuleState;

mod exclusions;
mod slot;
mod source;
mod verdict;

use exclusions::Exclusions;
use slot::{Fault, Slot, Wanted};
pub(super) use source::{FAMILY as SOURCE_FAMILY, Sources};
use verdict::{Verdict, days, definitions_ms, overdue_scan, stale_severity, verdict};

pub(super) const FAMILY: &str = "antivirus";

const DAY_MS: i64 = 24 * 3_600_000;
/// After boot, an engine gets this long to come up.
const BOOT_PATIENCE_MS: i64 = 5 * 60_000;
/// An engine that runs and does not answer may be loading its definitions: on an old PC that takes minutes.
const ANSWER_PATIENCE_MS: i64 = 15 * 60_000;

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
    /// What keeps the PC from being protected.
    #[serde(flatten)]
    fault: Slot,
    /// That it was not scanned for too long.
    scan: Slot,
    /// What its products pass over.
    exclusions: Exclusions,
    /// The product that the verdict rests on; empty when there is none.
    product: String,
    /// How its definitions age.
    aging: Option<Aging>,
}

/// A product that protects, or did until its definitions grew old: what is needed to judge it as time passes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Aging {
    version: String,
    definitions_version: String,
    built_ms: i64,
    asked: Expectations,
    /// When the next judgement is due; `None` when nothing can become worse any more.
    next_ms: Option<i64>,
}

impl Aging {
    fn of(product: &AntivirusProduct, asked: Expectations, now_ms: i64) -> Option<Self> {
        let built_ms = definitions_ms(product)?;
        let mut aging = Self {
            version: product.version.clone(),
            definitions_version: product.definitions.version.clone(),
            built_ms,
            asked,
            next_ms: None,
        };
        aging.plan(now_ms);
        Some(aging)
    }

    fn plan(&mut self, now_ms: i64) {
        let ages = [self.asked.definitions_warn_days, self.asked.definitions_high_days];
        let turns = ages
            .into_iter()
            .map(|age| self.built_ms.saturating_add(days(age)));
        self.next_ms = turns.filter(|turn_ms| *turn_ms >= now_ms).min();
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
        let is_late = |known: &State| moment.at_ms < known.seen_ms;
        if self.hosts.get(&host).is_some_and(is_late) {
            return;
        }
        let verdict = verdict(state, moment.at_ms);
        let known = self.hosts.change(host);
        known.seen_ms = moment.at_ms;
        let product = verdict.product;
        known.product = product.map(|product| product.product.clone()).unwrap_or_default();
        let ages = matches!(verdict.protection, Protection::Protected | Protection::Stale);
        known.aging = product
            .filter(|_| ages)
            .and_then(|product| Aging::of(product, state.expectations, moment.at_ms));
        judgement.hosts.push(news(host, &verdict, state, moment));
        known.judge(host, &verdict, &state.expectations, moment, judgement);
        known.judge_scan(host, &verdict, state, moment, judgement);
        known.exclusions.seen(host, state, moment, judgement);
    }

    pub(super) fn presence(&mut self, host: HostId, presence: &Presence, moment: Moment) {
        if let Presence::Started(start) = presence
            && start.new_boot
        {
            self.hosts.change(host).booted_ms = Some(moment.at_ms);
        }
    }

    pub(super) fn connected(&mut self, host: HostId, moment: Moment) {
        if self.hosts.get(&host).is_some_and(State::waits) {
            let known = self.hosts.change(host);
            let after_boot_ms = known.after_boot_ms(moment);
            known.fault.connected(after_boot_ms, moment);
            known.scan.connected(0, moment);
        }
    }

    pub(super) fn disconnected(&mut self, host: HostId) {
        if self.hosts.get(&host).is_some_and(State::waits) {
            let known = self.hosts.change(host);
            known.fault.disconnected();
            known.scan.disconnected();
        }
    }

    /// Nobody was heard while the collector was away: patience waits for each to connect again.
    pub(super) fn collector_started(&mut self) {
        for host in self.hosts.keys(State::waits) {
            self.disconnected(host);
        }
    }

    /// Time has passed. Old definitions of a product whose source stands still are told of the source alone.
    pub(super) fn tick(
        &mut self,
        sources: &mut Sources,
        is_connected: impl Fn(HostId) -> bool,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        let now_ms = moment.received_ms;
        let ages = |known: &State| {
            let next_ms = known.aging.as_ref().and_then(|aging| aging.next_ms);
            next_ms.is_some_and(|next_ms| next_ms < now_ms)
        };
        for host in self.hosts.keys(ages) {
            if is_connected(host) {
                self.hosts.change(host).age(host, moment, judgement);
            }
        }
        let told_of = |(host, known): (&HostId, &State)| {
            (is_connected(*host) && !known.product.is_empty()).then(|| {
                let is_stale = known.fault.present() == Some(Fault::Stale);
                (*host, known.product.clone(), is_stale)
            })
        };
        sources.tick(self.hosts.iter().filter_map(told_of), moment, judgement);
        let due = |known: &State| {
            let is_told = known.fault.present() == Some(Fault::Stale) && sources.stands_still(&known.product);
            (known.fault.is_due(now_ms) && !is_told) || known.scan.is_due(now_ms)
        };
        for host in self.hosts.keys(due) {
            let known = self.hosts.change(host);
            let is_told = known.fault.present() == Some(Fault::Stale) && sources.stands_still(&known.product);
            if known.fault.is_due(now_ms) && !is_told {
                known.fault.tick(host, moment, judgement);
            }
            if known.scan.is_due(now_ms) {
                known.scan.tick(host, moment, judgement);
            }
        }
    }
}

impl State {
    fn waits(&self) -> bool {
        self.fault.waits() || self.scan.waits()
    }

    /// How much of the time that an engine gets after boot is left.
    fn after_boot_ms(&self, moment: Moment) -> i64 {
        self.booted_ms.map_or(0, |booted_ms| {
            (booted_ms + BOOT_PATIENCE_MS - moment.at_ms).clamp(0, BOOT_PATIENCE_MS)
        })
    }

    fn judge(
        &mut self,
        host: HostId,
        verdict: &Verdict<'_>,
        asked: &Expectations,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        match verdict.fault(asked, moment.at_ms) {
            Some(wanted) => {
                let patience_ms = self.patience_ms(wanted.fault, asked, moment);
                self.fault.fault(host, wanted, patience_ms, moment, judgement);
            }
            // What nobody can tell is neither a new fault nor the end of an old one.
            None if verdict.protection == Protection::Unknown => {}
            None => self.fault.end(moment, judgement),
        }
    }

    fn judge_scan(
        &mut self,
        host: HostId,
        verdict: &Verdict<'_>,
        state: &AntivirusState,
        moment: Moment,
        judgement: &mut Judgement,
    ) {
        match overdue_scan(state, verdict, moment.at_ms) {
            Some(wanted) => {
                let patience_ms = seconds(state.expectations.stale_hold_s);
                self.scan.fault(host, wanted, patience_ms, moment, judgement);
            }
            None => self.scan.end(moment, judgement),
        }
    }

    /// How long a fault must last.
    fn patience_ms(&self, fault: Fault, asked: &Expectations, moment: Moment) -> i64 {
        match fault {
            Fault::Stale | Fault::ScanOverdue => seconds(asked.stale_hold_s),
            Fault::NotAnswering => ANSWER_PATIENCE_MS,
            Fault::Missing | Fault::Off | Fault::Crashed | Fault::Expired | Fault::RealTimeOff => {
                seconds(asked.hold_s).max(self.after_boot_ms(moment))
            }
        }
    }

    /// Definitions have grown old, or older, since the PC spoke last.
    fn age(&mut self, host: HostId, moment: Moment, judgement: &mut Judgement) {
        let now_ms = moment.received_ms;
        let Some(aging) = &mut self.aging else { return };
        aging.plan(now_ms);
        let age_ms = now_ms.saturating_sub(aging.built_ms);
        if age_ms <= days(aging.asked.definitions_warn_days) {
            return;
        }
        let (asked, product) = (aging.asked, &self.product);
        judgement.hosts.push(HostChange {
            host,
            news: HostNews::Protection(ProtectionState {
                protection: Protection::Stale,
                reason: "definitions_old".to_owned(),
                product: product.clone(),
                product_version: aging.version.clone(),
                definitions_ms: Some(aging.built_ms),
                // Of the state that it follows from: what the PC has said since may still be on its way.
                at_ms: self.seen_ms,
                detail: None,
            }),
        });
        let wanted = Wanted {
            fault: Fault::Stale,
            severity: stale_severity(age_ms, &asked),
            evidence: json!({
                "product": product,
                "reason": "definitions_old",
                "definitions_version": aging.definitions_version,
                "definitions_built_ms": aging.built_ms,
                "days": age_ms / DAY_MS,
            }),
        };
        let patience_ms = seconds(asked.stale_hold_s);
        self.fault.fault(host, wanted, patience_ms, moment, judgement);
    }
}

fn seconds(seconds: u32) -> i64 {
    i64::from(seconds) * 1_000
}

fn news(host: HostId, verdict: &Verdict<'_>, state: &AntivirusState, moment: Moment) -> HostChange {
    let product = verdict.product;
    HostChange {
        host,
        news: HostNews::Protection(ProtectionState {
            protection: verdict.protection,
            reason: verdict.reason.to_owned(),
            product: product.map(|product| product.product.clone()).unwrap_or_default(),
            product_version: product.map(|product| product.version.clone()).unwrap_or_default(),
            definitions_ms: product.and_then(definitions_ms),
            at_ms: moment.at_ms,
            detail: Some(detail(state)),
        }),
    }
}

/// The products as the host's page shows them.
fn detail(state: &AntivirusState) -> Value {
    let products = state.products.iter().map(|product| {
        json!({
            "product": product.product,
            "vendor": product.vendor,
            "version": product.version,
            "engine_version": product.engine_version,
            "health": product.health,
            "mode": product.mode,
            "engine": product.engine,
            "engine_reason": product.engine_reason,
            "real_time": product.real_time,
            "updater": product.updater,
            "tamper_protection": product.tamper_protection,
            "definitions_version": product.definitions.version,
            "definitions_built_ms": product.definitions.built_ms,
            "definitions_updated_ms": product.definitions.updated_ms,
            "definitions_freshness": product.definitions.freshness,
            "quick_scan_ms": product.quick_scan_ms,
            "full_scan_ms": product.full_scan_ms,
            "licence_expires_ms": product.licence_expires_ms,
            "exclusions": product.exclusions,
            "raw": product.raw,
        })
    });
    json!({ "products": products.collect::<Vec<_>>(), "expectations": state.expectations })
}
