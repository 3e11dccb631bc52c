//! Microsoft Defender as it tells of itself: `MSFT_MpComputerStatus` in `ROOT\Microsoft\Windows\Defender`, on
//! clients and servers alike.
//!
//! Every field may be missing. The question can hang while another product is active, and fails where Defender is
//! not there: then nothing is known, and why stands in the raw values. Defender says of itself whether it steps back
//! for another product; in passive mode it still calls everything on, so the mode must be read with the switches.

use serde_json::Value;
use vong_proto::event::{AntivirusMode, AntivirusProduct, Definitions, Freshness, Health, Switch};

use super::cell::{self, Age};
use super::rows::Asked;
use super::vendor::MICROSOFT;

pub mod events;

/// How the values are named as raw ones.
const SOURCE: &str = "defender";
/// What is read of the row.
const NAMES: [&str; 21] = [
    "AMRunningMode",
    "AMServiceEnabled",
    "AMProductVersion",
    "AMEngineVersion",
    "AntivirusEnabled",
    "RealTimeProtectionEnabled",
    "OnAccessProtectionEnabled",
    "BehaviorMonitorEnabled",
    "IoavProtectionEnabled",
    "NISEnabled",
    "IsTamperProtected",
    "AntivirusSignatureVersion",
    "AntivirusSignatureAge",
    "AntivirusSignatureLastUpdated",
    "DefenderSignaturesOutOfDate",
    "QuickScanAge",
    "QuickScanEndTime",
    "FullScanAge",
    "FullScanEndTime",
    "RealTimeScanDirection",
    "ComputerState",
];
/// Why its engine is off when Defender says that it has stopped.
pub(super) const NOT_RUNNING: &str = "not_running";
/// The name space does not exist: Windows has no Defender, or has it removed.
const NO_NAMESPACE: &str = "0x8004100E";

/// The product; its state is unknown when Defender could not be asked.
pub(super) fn decode(asked: &Asked, read_ms: i64) -> AntivirusProduct {
    match asked {
        Asked::Rows(rows) => match rows.iter().find(|row| row.is_object()) {
            Some(row) => told(row, read_ms),
            None => unknown("no row"),
        },
        Asked::Failed(reason) => unknown(reason),
    }
}

/// Whether the answer means that there is no Defender at all.
pub(super) fn is_absent(asked: &Asked) -> bool {
    match asked {
        Asked::Failed(reason) => reason.eq_ignore_ascii_case(NO_NAMESPACE),
        Asked::Rows(_) => false,
    }
}

fn unknown(reason: &str) -> AntivirusProduct {
    AntivirusProduct {
        product: MICROSOFT.product.to_owned(),
        vendor: MICROSOFT.name.to_owned(),
        health: Health::InstalledOnly,
        raw: vec![format!("{SOURCE}={}", cell::cut(reason))],
        ..AntivirusProduct::default()
    }
}

fn told(row: &Value, read_ms: i64) -> AntivirusProduct {
    let raw = cell::raw(SOURCE, row, &NAMES);
    if raw.is_empty() {
        return unknown("empty row");
    }
    let running = Running::of(row);
    let (engine, engine_reason) = engine(row, running);
    let has_stopped = running == Running::Not;
    AntivirusProduct {
        product: MICROSOFT.product.to_owned(),
        vendor: MICROSOFT.name.to_owned(),
        version: cell::text(row, "AMProductVersion").unwrap_or_default(),
        engine_version: cell::text(row, "AMEngineVersion").unwrap_or_default(),
        mode: running.mode(),
        engine,
        engine_reason: engine_reason.to_owned(),
        real_time: match cell::switch(row, "RealTimeProtectionEnabled") {
            // What a stopped engine would do is no protection.
            Switch::On if has_stopped => Switch::Off,
            told => told,
        },
        tamper_protection: cell::switch(row, "IsTamperProtected"),
        definitions: definitions(row, read_ms),
        quick_scan_ms: scan_ms(row, "QuickScanEndTime", "QuickScanAge", read_ms),
        full_scan_ms: scan_ms(row, "FullScanEndTime", "FullScanAge", read_ms),
        raw,
        ..AntivirusProduct::default()
    }
}

/// What `AMRunningMode` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Running {
    /// Nothing, or something new.
    Unknown,
    /// It protects.
    Normal,
    /// It steps back: another product protects, and at most what the detection service names is acted on.
    Passive,
    /// The engine has stopped.
    Not,
}

impl Running {
    fn of(row: &Value) -> Self {
        let mode = cell::text(row, "AMRunningMode").unwrap_or_default();
        match mode.to_ascii_lowercase().as_str() {
            "normal" => Self::Normal,
            "passive mode" | "sxs passive mode" | "edr block mode" => Self::Passive,
            "not running" => Self::Not,
            _ => Self::Unknown,
        }
    }

    fn mode(self) -> AntivirusMode {
        match self {
            Self::Normal => AntivirusMode::Active,
            Self::Passive => AntivirusMode::Passive,
            Self::Unknown | Self::Not => AntivirusMode::Unknown,
        }
    }
}

/// It is on when it says so and nothing speaks against it.
fn engine(row: &Value, running: Running) -> (Switch, &'static str) {
    let service = cell::flag(row, "AMServiceEnabled");
    let antivirus = cell::flag(row, "AntivirusEnabled");
    match (running, service, antivirus) {
        (Running::Not, _, _) => (Switch::Off, NOT_RUNNING),
        (_, Some(false), _) => (Switch::Off, "service_disabled"),
        (_, _, Some(false)) => (Switch::Off, "disabled"),
        (_, _, Some(true)) => (Switch::On, ""),
        (_, _, None) => (Switch::Unknown, ""),
    }
}

fn definitions(row: &Value, read_ms: i64) -> Definitions {
    let age = cell::age(row, "AntivirusSignatureAge");
    let version = cell::text(row, "AntivirusSignatureVersion");
    let freshness = match cell::flag(row, "DefenderSignaturesOutOfDate") {
        _ if age == Age::Never => Freshness::Stale,
        Some(true) => Freshness::Stale,
        Some(false) => Freshness::Fresh,
        None => Freshness::Unknown,
    };
    Definitions {
        // Without any it names this version.
        version: version.filter(|version| version != "0.0.0.0").unwrap_or_default(),
        built_ms: None,
        updated_ms: cell::moment_ms(row, "AntivirusSignatureLastUpdated").or_else(|| age.day_ms(read_ms)),
        freshness,
    }
}

fn scan_ms(row: &Value, end: &str, age: &str, read_ms: i64) -> Option<i64> {
    cell::moment_ms(row, end).or_else(|| cell::age(row, age).day_ms(read_ms))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Half past four in the morning in Vietnam, and that time a day later.
    const UPDATED_MS: i64 = 1_795_383_060_000;
    const READ_MS: i64 = UPDATED_MS + 24 * 3_600_000;

    fn healthy() -> Value {
        json!({
            "AMRunningMode": "Normal", "AMServiceEnabled": true, "AntivirusEnabled": true,
            "AMProductVersion": "4.18.26100.5", "AMEngineVersion": "1.1.26100.3",
            "RealTimeProtectionEnabled": true, "IsTamperProtected": true,
            "AntivirusSignatureVersion": "1.451.120.0", "AntivirusSignatureAge": 1,
            "AntivirusSignatureLastUpdated": "20261123043100.000000+420",
            "QuickScanAge": 0, "QuickScanEndTime": "2026-11-22T21:31:00Z",
            "FullScanAge": 4_294_967_295_u32, "FullScanEndTime": null,
        })
    }

    fn with(name: &str, value: Value) -> AntivirusProduct {
        let mut row = healthy();
        row[name] = value;
        decode(&Asked::Rows(vec![row]), READ_MS)
    }

    #[test]
    fn a_healthy_defender_tells_everything() {
        let product = decode(&Asked::Rows(vec![healthy()]), READ_MS);
        assert_eq!(product.product, "Microsoft Defender");
        assert_eq!(
            (product.version.as_str(), product.engine_version.as_str()),
            ("4.18.26100.5", "1.1.26100.3")
        );
        assert_eq!((product.engine, product.real_time), (Switch::On, Switch::On));
        assert_eq!(
            (product.mode, product.health),
            (AntivirusMode::Active, Health::Reported)
        );
        assert_eq!(product.tamper_protection, Switch::On);
        assert_eq!(product.definitions.version, "1.451.120.0");
        assert_eq!(product.definitions.updated_ms, Some(UPDATED_MS));
        assert_eq!(
            (product.quick_scan_ms, product.full_scan_ms),
            (Some(UPDATED_MS), None)
        );
    }

    #[test]
    fn the_running_mode_says_who_protects() {
        let check = |said: &str, mode: AntivirusMode, engine: Switch, real_time: Switch| {
            let product = with("AMRunningMode", json!(said));
            assert_eq!(
                (product.mode, product.engine, product.real_time),
                (mode, engine, real_time),
                "{said}"
            );
        };
        use Switch::{Off, On};
        check("Normal", AntivirusMode::Active, On, On);
        check("Passive Mode", AntivirusMode::Passive, On, On);
        check("SxS Passive Mode", AntivirusMode::Passive, On, On);
        check("EDR Block Mode", AntivirusMode::Passive, On, On);
        check("Not running", AntivirusMode::Unknown, Off, Off);
        check("Chế độ mới", AntivirusMode::Unknown, On, On);
        check("", AntivirusMode::Unknown, On, On);
    }

    #[test]
    fn what_is_off_is_off_and_what_is_missing_is_unknown() {
        let check = |name: &str, value: Value, engine: Switch, reason: &str| {
            let product = with(name, value);
            assert_eq!(
                (product.engine, product.engine_reason.as_str()),
                (engine, reason),
                "{name}"
            );
        };
        check("AMServiceEnabled", json!(false), Switch::Off, "service_disabled");
        check("AMServiceEnabled", json!(null), Switch::On, "");
        check("AntivirusEnabled", json!(false), Switch::Off, "disabled");
        check("AntivirusEnabled", json!("False"), Switch::Off, "disabled");
        check("AntivirusEnabled", json!(null), Switch::Unknown, "");
        check("AntivirusEnabled", json!(7), Switch::Unknown, "");
        assert_eq!(
            with("RealTimeProtectionEnabled", json!(false)).real_time,
            Switch::Off
        );
        assert_eq!(
            with("RealTimeProtectionEnabled", json!(null)).real_time,
            Switch::Unknown
        );
        assert_eq!(
            with("IsTamperProtected", json!(null)).tamper_protection,
            Switch::Unknown
        );
    }

    #[test]
    fn ages_stand_in_for_dates_that_are_missing() {
        let check = |age: Value, updated_ms: Option<i64>, freshness: Freshness| {
            let mut row = healthy();
            row["AntivirusSignatureLastUpdated"] = json!("16010101000000.000000+000");
            row["AntivirusSignatureAge"] = age;
            let definitions = decode(&Asked::Rows(vec![row]), READ_MS).definitions;
            assert_eq!(
                (definitions.updated_ms, definitions.freshness),
                (updated_ms, freshness)
            );
        };
        let day = cell::DAY_MS;
        check(json!(3), Some((READ_MS / day - 3) * day), Freshness::Unknown);
        check(json!(4_294_967_295_u32), None, Freshness::Stale);
        check(json!(-3), None, Freshness::Unknown);
        check(json!(null), None, Freshness::Unknown);
        let product = with("QuickScanEndTime", json!(null));
        assert_eq!(product.quick_scan_ms, Some(READ_MS / day * day));
        let stale = with("DefenderSignaturesOutOfDate", json!(true));
        assert_eq!(stale.definitions.freshness, Freshness::Stale);
    }

    #[test]
    fn a_defender_that_cannot_be_asked_is_unknown_and_says_why() {
        let check = |asked: Asked, raw: &str| {
            let product = decode(&asked, READ_MS);
            assert_eq!(product.health, Health::InstalledOnly);
            assert_eq!(
                (product.engine, product.real_time),
                (Switch::Unknown, Switch::Unknown)
            );
            assert_eq!(product.raw, [raw]);
        };
        check(Asked::Failed("timed_out".to_owned()), "defender=timed_out");
        check(Asked::Failed("0x8004100E".to_owned()), "defender=0x8004100E");
        check(Asked::Rows(Vec::new()), "defender=no row");
        check(Asked::Rows(vec![json!("text")]), "defender=no row");
        check(
            Asked::Rows(vec![json!({ "AMRunningMode": null })]),
            "defender=empty row",
        );
        assert!(is_absent(&Asked::Failed("0x8004100e".to_owned())));
        assert!(!is_absent(&Asked::Failed("timed_out".to_owned())));
    }

    proptest! {
        #[test]
        fn on_needs_a_yes(value in "\\PC*", number in any::<i64>(), read_ms in any::<i64>()) {
            for said in [json!(value), json!(number), json!([value]), json!({ "value": number })] {
                let row: Value = NAMES.iter().map(|name| ((*name).to_owned(), said.clone())).collect();
                let product = decode(&Asked::Rows(vec![row]), read_ms);
                let is_yes = value.eq_ignore_ascii_case("true");
                prop_assert!(is_yes || product.engine != Switch::On);
                prop_assert!(is_yes || product.real_time != Switch::On);
            }
        }
    }
}
