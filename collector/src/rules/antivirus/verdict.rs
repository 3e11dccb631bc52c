//! Is a PC protected? One verdict over all its products, in which nothing that is not known counts as fine.
//!
//! A product protects when its engine is on, files are scanned as they are opened where the policy asks for that, and
//! its definitions are young enough. A running updater does not stand in for a known age: a machine without
//! Internet has one too. One protecting product is enough: the others are usually the system's own, which steps
//! back. A product that steps back protects nothing.

use serde_json::{Value, json};
use vong_proto::event::{
    AntivirusMode, AntivirusProduct, AntivirusState, Expectations, Freshness, Health, Severity, Switch,
};

use super::DAY_MS;
use super::slot::{Fault, Wanted};
use crate::registry::host::Protection;

/// Definitions cannot be from the future; a clock may be wrong by this much.
const FUTURE_MAX_MS: i64 = 2 * DAY_MS;

/// What follows from a state at a moment.
pub(super) struct Verdict<'a> {
    pub(super) protection: Protection,
    /// Why it does not protect, or why nobody knows: a code; empty when it protects.
    pub(super) reason: &'a str,
    /// The product that the verdict rests on.
    pub(super) product: Option<&'a AntivirusProduct>,
}

/// Judges a state at a moment.
pub(super) fn verdict(state: &AntivirusState, now_ms: i64) -> Verdict<'_> {
    let verdicts = state.products.iter().map(|product| {
        let (protection, reason) = of_product(product, &state.expectations, now_ms);
        Verdict {
            protection,
            reason,
            product: Some(product),
        }
    });
    // Of two that are off, the one that is to protect is told of, not the one that has stepped back for it.
    let tie = |verdict: &Verdict<'_>| {
        let is_passive = verdict.reason == "passive";
        let built_ms = verdict.product.and_then(definitions_ms);
        (is_passive, std::cmp::Reverse(built_ms))
    };
    verdicts
        .min_by_key(|verdict| (order(verdict.protection), tie(verdict)))
        .unwrap_or(Verdict {
            protection: Protection::Missing,
            reason: "missing",
            product: None,
        })
}

/// The best comes first. Not knowing is no fault.
fn order(protection: Protection) -> u8 {
    match protection {
        Protection::Protected => 0,
        Protection::Unknown => 1,
        Protection::Stale => 2,
        Protection::Off => 3,
        Protection::Missing => 4,
    }
}

fn of_product<'a>(product: &'a AntivirusProduct, asked: &Expectations, now_ms: i64) -> (Protection, &'a str) {
    if product.health == Health::InstalledOnly {
        return (Protection::Unknown, "installed_only");
    }
    let or = |reason: &'a str, otherwise| if reason.is_empty() { otherwise } else { reason };
    match product.engine {
        Switch::Off => return (Protection::Off, or(&product.engine_reason, "off")),
        Switch::Snoozed => return (Protection::Off, "snoozed"),
        Switch::Expired => return (Protection::Off, "expired"),
        Switch::Unknown => return (Protection::Unknown, or(&product.engine_reason, "engine_unknown")),
        Switch::On if product.mode == AntivirusMode::Passive => return (Protection::Off, "passive"),
        Switch::On => {}
    }
    match product.real_time {
        Switch::On => {}
        Switch::Unknown if asked.real_time_required => return (Protection::Unknown, "real_time_unknown"),
        Switch::Off | Switch::Snoozed | Switch::Expired if asked.real_time_required => {
            return (Protection::Off, "real_time_off");
        }
        _ => {}
    }
    of_definitions(product, asked, now_ms)
}

fn of_definitions(
    product: &AntivirusProduct,
    asked: &Expectations,
    now_ms: i64,
) -> (Protection, &'static str) {
    let definitions = &product.definitions;
    match (age_ms(product, now_ms), definitions.freshness) {
        (_, Freshness::Stale) => (Protection::Stale, "definitions_stale"),
        (Some(age_ms), _) if age_ms > days(asked.definitions_warn_days) => {
            (Protection::Stale, "definitions_old")
        }
        (_, Freshness::Fresh) => (Protection::Protected, ""),
        // That they were brought here lately does not say that they were new.
        (Some(_), Freshness::Unknown) if definitions.built_ms.is_some() => (Protection::Protected, ""),
        (_, Freshness::Unknown) => (Protection::Unknown, "definitions_unknown"),
    }
}

/// When a product's definitions were built, or else brought here: they are at least as old as that.
pub(super) fn definitions_ms(product: &AntivirusProduct) -> Option<i64> {
    product.definitions.built_ms.or(product.definitions.updated_ms)
}

/// How old a product's definitions are at least; `None` when nobody knows, or when they claim to be from the future.
fn age_ms(product: &AntivirusProduct, now_ms: i64) -> Option<i64> {
    let age_ms = now_ms.saturating_sub(definitions_ms(product)?);
    (age_ms >= -FUTURE_MAX_MS).then_some(age_ms)
}

pub(super) fn days(days: u32) -> i64 {
    i64::from(days) * DAY_MS
}

impl Verdict<'_> {
    /// The fault that the verdict is, how grave it is, and its facts.
    pub(super) fn fault(&self, asked: &Expectations, now_ms: i64) -> Option<Wanted> {
        let (fault, severity) = match (self.protection, self.reason) {
            (Protection::Missing, _) => (Fault::Missing, Severity::High),
            (Protection::Off, "crashed") => (Fault::Crashed, Severity::High),
            (Protection::Off, "expired") => (Fault::Expired, Severity::High),
            (Protection::Off, "real_time_off") => (Fault::RealTimeOff, Severity::High),
            (Protection::Off, _) => (Fault::Off, Severity::High),
            (Protection::Unknown, "not_answering") => (Fault::NotAnswering, Severity::High),
            (Protection::Stale, _) => {
                let age_ms = self.product.and_then(|product| age_ms(product, now_ms));
                (Fault::Stale, stale_severity(age_ms.unwrap_or(0), asked))
            }
            (Protection::Protected | Protection::Unknown, _) => return None,
        };
        Some(Wanted {
            fault,
            severity,
            evidence: self.evidence(now_ms),
        })
    }

    fn evidence(&self, now_ms: i64) -> Value {
        let product = self.product;
        json!({
            "product": product.map(|product| &product.product),
            "reason": self.reason,
            "definitions_version": product.map(|product| &product.definitions.version),
            "definitions_built_ms": product.and_then(|product| product.definitions.built_ms),
            "days": product.and_then(|product| age_ms(product, now_ms)).map(|age_ms| (age_ms / DAY_MS).max(0)),
            "engine": product.map(|product| product.engine),
            "real_time": product.map(|product| product.real_time),
        })
    }
}

/// How grave definitions of this age are.
pub(super) fn stale_severity(age_ms: i64, asked: &Expectations) -> Severity {
    if age_ms > days(asked.definitions_high_days) {
        Severity::High
    } else {
        Severity::Medium
    }
}

/// The overdue scan of the product that protects, if its policy asks for scans and the product remembers any.
pub(super) fn overdue_scan(state: &AntivirusState, verdict: &Verdict<'_>, now_ms: i64) -> Option<Wanted> {
    let asked = &state.expectations;
    let product = verdict.product?;
    let last_ms = product.quick_scan_ms.max(product.full_scan_ms)?;
    let since_ms = now_ms.saturating_sub(last_ms);
    if asked.scan_days == 0 || since_ms <= days(asked.scan_days) {
        return None;
    }
    Some(Wanted {
        fault: Fault::ScanOverdue,
        severity: Severity::Low,
        evidence: json!({
            "product": product.product,
            "last_scan_ms": last_ms,
            "days": since_ms / DAY_MS,
        }),
    })
}
