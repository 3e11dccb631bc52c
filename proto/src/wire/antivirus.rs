//! Antivirus: state and detections.

use super::bound::{CODE_BYTES_MAX, NAME_BYTES_MAX, PATH_BYTES_MAX, SENTENCE_BYTES_MAX, check, cut};
use super::file::{severity_from_wire, severity_to_wire};
use super::{Malformed, array, pb, word};
use crate::event::{
    AntivirusMode, AntivirusProduct, AntivirusState, Definitions, Detection, Expectations, Freshness, Health,
    Outcome, Remedy, Switch,
};

impl From<&AntivirusState> for pb::AntivirusState {
    fn from(state: &AntivirusState) -> Self {
        Self {
            products: state.products.iter().map(Into::into).collect(),
            expectations: Some(state.expectations.into()),
        }
    }
}

impl TryFrom<pb::AntivirusState> for AntivirusState {
    type Error = Malformed;

    fn try_from(wire: pb::AntivirusState) -> Result<Self, Malformed> {
        let products = wire
            .products
            .into_iter()
            .map(TryInto::try_into)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            products,
            expectations: wire.expectations.map(Into::into).unwrap_or_default(),
        })
    }
}

impl From<Expectations> for pb::AntivirusExpectations {
    fn from(asked: Expectations) -> Self {
        Self {
            definitions_warn_days: asked.definitions_warn_days,
            definitions_high_days: asked.definitions_high_days,
            scan_days: asked.scan_days,
            real_time_required: asked.real_time_required,
            hold_s: asked.hold_s,
            stale_hold_s: asked.stale_hold_s,
        }
    }
}

impl From<pb::AntivirusExpectations> for Expectations {
    fn from(wire: pb::AntivirusExpectations) -> Self {
        Self {
            definitions_warn_days: wire.definitions_warn_days,
            definitions_high_days: wire.definitions_high_days,
            scan_days: wire.scan_days,
            real_time_required: wire.real_time_required,
            hold_s: wire.hold_s,
            stale_hold_s: wire.stale_hold_s,
        }
    }
}

impl From<&AntivirusProduct> for pb::AntivirusProduct {
    fn from(product: &AntivirusProduct) -> Self {
        let product = product.clone();
        Self {
            product: product.product,
            vendor: product.vendor,
            version: product.version,
            engine: switch_to_wire(product.engine),
            real_time: switch_to_wire(product.real_time),
            updater: switch_to_wire(product.updater),
            definitions_version: product.definitions.version,
            definitions_built_ms: product.definitions.built_ms,
            raw: product.raw,
            engine_version: product.engine_version,
            engine_reason: product.engine_reason,
            tamper_protection: switch_to_wire(product.tamper_protection),
            mode: mode_to_wire(product.mode),
            health: health_to_wire(product.health),
            definitions_freshness: freshness_to_wire(product.definitions.freshness),
            definitions_updated_ms: product.definitions.updated_ms,
            quick_scan_ms: product.quick_scan_ms,
            full_scan_ms: product.full_scan_ms,
            licence_expires_ms: product.licence_expires_ms,
            exclusions: product.exclusions,
        }
    }
}

impl TryFrom<pb::AntivirusProduct> for AntivirusProduct {
    type Error = Malformed;

    fn try_from(wire: pb::AntivirusProduct) -> Result<Self, Malformed> {
        check(
            "antivirus.exclusions",
            wire.exclusions.len(),
            AntivirusProduct::EXCLUSIONS_MAX,
        )?;
        let exclusions = wire.exclusions.into_iter();
        Ok(Self {
            product: cut(wire.product, NAME_BYTES_MAX),
            vendor: cut(wire.vendor, NAME_BYTES_MAX),
            version: cut(wire.version, NAME_BYTES_MAX),
            engine_version: cut(wire.engine_version, NAME_BYTES_MAX),
            health: health_from_wire(wire.health)?,
            mode: mode_from_wire(wire.mode)?,
            engine: switch_from_wire("antivirus.engine", wire.engine)?,
            engine_reason: cut(wire.engine_reason, CODE_BYTES_MAX),
            real_time: switch_from_wire("antivirus.real_time", wire.real_time)?,
            updater: switch_from_wire("antivirus.updater", wire.updater)?,
            tamper_protection: switch_from_wire("antivirus.tamper_protection", wire.tamper_protection)?,
            definitions: Definitions {
                version: cut(wire.definitions_version, NAME_BYTES_MAX),
                built_ms: wire.definitions_built_ms,
                updated_ms: wire.definitions_updated_ms,
                freshness: freshness_from_wire(wire.definitions_freshness)?,
            },
            quick_scan_ms: wire.quick_scan_ms,
            full_scan_ms: wire.full_scan_ms,
            licence_expires_ms: wire.licence_expires_ms,
            exclusions: exclusions.map(|text| cut(text, SENTENCE_BYTES_MAX)).collect(),
            raw: wire.raw,
        })
    }
}

impl From<&Detection> for pb::Detection {
    fn from(detection: &Detection) -> Self {
        let detection = detection.clone();
        Self {
            key: detection.key,
            product: detection.product,
            vendor: detection.vendor,
            threat: detection.threat,
            category: detection.category,
            severity: severity_to_wire(detection.severity),
            path: detection.path,
            process: detection.process,
            user: detection.user,
            action: remedy_to_wire(detection.action),
            outcome: outcome_to_wire(detection.outcome),
            code: detection.code,
            source: detection.source,
            found_ms: detection.found_ms,
            sha256: detection.sha256.map(Vec::from),
        }
    }
}

impl TryFrom<pb::Detection> for Detection {
    type Error = Malformed;

    fn try_from(wire: pb::Detection) -> Result<Self, Malformed> {
        if wire.key.is_empty() {
            return Err(Malformed::new("detection.key", "absent"));
        }
        check("detection.key", wire.key.len(), CODE_BYTES_MAX)?;
        check("detection.path", wire.path.len(), PATH_BYTES_MAX)?;
        check("detection.process", wire.process.len(), PATH_BYTES_MAX)?;
        let sha256 = wire.sha256.map(|hash| array("detection.sha256", &hash));
        Ok(Self {
            key: wire.key,
            product: cut(wire.product, NAME_BYTES_MAX),
            vendor: cut(wire.vendor, NAME_BYTES_MAX),
            threat: cut(wire.threat, NAME_BYTES_MAX),
            category: cut(wire.category, NAME_BYTES_MAX),
            severity: severity_from_wire("detection.severity", wire.severity)?,
            path: wire.path,
            process: wire.process,
            user: cut(wire.user, NAME_BYTES_MAX),
            action: remedy_from_wire(wire.action)?,
            outcome: outcome_from_wire(wire.outcome)?,
            code: cut(wire.code, CODE_BYTES_MAX),
            source: cut(wire.source, CODE_BYTES_MAX),
            found_ms: wire.found_ms,
            sha256: sha256.transpose()?,
        })
    }
}

fn switch_to_wire(switch: Switch) -> i32 {
    let wire = match switch {
        Switch::Unknown => pb::Switch::Unknown,
        Switch::On => pb::Switch::On,
        Switch::Off => pb::Switch::Off,
        Switch::Snoozed => pb::Switch::Snoozed,
        Switch::Expired => pb::Switch::Expired,
    };
    wire.into()
}

fn switch_from_wire(place: &'static str, value: i32) -> Result<Switch, Malformed> {
    Ok(match word(place, value)? {
        pb::Switch::Unknown => Switch::Unknown,
        pb::Switch::On => Switch::On,
        pb::Switch::Off => Switch::Off,
        pb::Switch::Snoozed => Switch::Snoozed,
        pb::Switch::Expired => Switch::Expired,
    })
}

fn mode_to_wire(mode: AntivirusMode) -> i32 {
    let wire = match mode {
        AntivirusMode::Unknown => pb::AntivirusMode::ModeUnknown,
        AntivirusMode::Active => pb::AntivirusMode::ModeActive,
        AntivirusMode::Passive => pb::AntivirusMode::ModePassive,
    };
    wire.into()
}

fn mode_from_wire(value: i32) -> Result<AntivirusMode, Malformed> {
    Ok(match word("antivirus.mode", value)? {
        pb::AntivirusMode::ModeUnknown => AntivirusMode::Unknown,
        pb::AntivirusMode::ModeActive => AntivirusMode::Active,
        pb::AntivirusMode::ModePassive => AntivirusMode::Passive,
    })
}

fn health_to_wire(health: Health) -> i32 {
    let wire = match health {
        Health::Reported => pb::Health::Reported,
        Health::InstalledOnly => pb::Health::InstalledOnly,
    };
    wire.into()
}

fn health_from_wire(value: i32) -> Result<Health, Malformed> {
    Ok(match word("antivirus.health", value)? {
        pb::Health::Reported => Health::Reported,
        pb::Health::InstalledOnly => Health::InstalledOnly,
    })
}

fn freshness_to_wire(freshness: Freshness) -> i32 {
    let wire = match freshness {
        Freshness::Unknown => pb::Freshness::Unknown,
        Freshness::Fresh => pb::Freshness::Fresh,
        Freshness::Stale => pb::Freshness::Stale,
    };
    wire.into()
}

fn freshness_from_wire(value: i32) -> Result<Freshness, Malformed> {
    Ok(match word("antivirus.definitions_freshness", value)? {
        pb::Freshness::Unknown => Freshness::Unknown,
        pb::Freshness::Fresh => Freshness::Fresh,
        pb::Freshness::Stale => Freshness::Stale,
    })
}

fn remedy_to_wire(remedy: Remedy) -> i32 {
    use pb::detection::Action;
    let wire = match remedy {
        Remedy::Unknown => Action::Unknown,
        Remedy::None => Action::None,
        Remedy::Quarantined => Action::Quarantined,
        Remedy::Removed => Action::Removed,
        Remedy::Cleaned => Action::Cleaned,
        Remedy::Blocked => Action::Blocked,
        Remedy::Allowed => Action::Allowed,
    };
    wire.into()
}

fn remedy_from_wire(value: i32) -> Result<Remedy, Malformed> {
    use pb::detection::Action;
    Ok(match word("detection.action", value)? {
        Action::Unknown => Remedy::Unknown,
        Action::None => Remedy::None,
        Action::Quarantined => Remedy::Quarantined,
        Action::Removed => Remedy::Removed,
        Action::Cleaned => Remedy::Cleaned,
        Action::Blocked => Remedy::Blocked,
        Action::Allowed => Remedy::Allowed,
    })
}

fn outcome_to_wire(outcome: Outcome) -> i32 {
    use pb::detection::Outcome as Wire;
    let wire = match outcome {
        Outcome::Unknown => Wire::Unknown,
        Outcome::Pending => Wire::Pending,
        Outcome::Succeeded => Wire::Succeeded,
        Outcome::Failed => Wire::Failed,
    };
    wire.into()
}

fn outcome_from_wire(value: i32) -> Result<Outcome, Malformed> {
    use pb::detection::Outcome as Wire;
    Ok(match word("detection.outcome", value)? {
        Wire::Unknown => Outcome::Unknown,
        Wire::Pending => Outcome::Pending,
        Wire::Succeeded => Outcome::Succeeded,
        Wire::Failed => Outcome::Failed,
    })
}
