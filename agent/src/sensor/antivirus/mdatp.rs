//! Microsoft Defender on Linux, told by what `mdatp health --output json` says.
//!
//! Settings that somebody may manage come wrapped, as `{"isManaged":false,"value":true}`, states as
//! `{"$type":"upToDate"}`, and moments as milliseconds since 1970 in a text.

use serde_json::Value;
use vong_proto::event::{AntivirusMode, AntivirusProduct, Definitions, Freshness, Health, Switch};

use super::cell;
use super::rows::Asked;
use super::vendor::MICROSOFT;

/// How the values are named as raw ones.
const SOURCE: &str = "mdatp";
/// What it calls itself on Linux.
const PRODUCT: &str = "Microsoft Defender for Endpoint";
/// What is read of the answer.
const NAMES: [&str; 18] = [
    "healthy",
    "healthIssues",
    "licensed",
    "engineLoadStatus",
    "engineVersion",
    "appVersion",
    "passiveModeEnabled",
    "realTimeProtectionEnabled",
    "realTimeProtectionAvailable",
    "realTimeProtectionSubsystem",
    "behaviorMonitoring",
    "tamperProtection",
    "automaticDefinitionUpdateEnabled",
    "definitionsStatus",
    "definitionsVersion",
    "definitionsUpdated",
    "productExpiration",
    "conflictingApplications",
];

/// The product; its state is unknown when it gave no answer.
pub(super) fn decode(asked: &Asked) -> AntivirusProduct {
    let row = match asked {
        Asked::Rows(rows) => rows.iter().find(|row| row.is_object()),
        Asked::Failed(reason) => return unknown(reason),
    };
    match row.map(|row| (row, cell::raw(SOURCE, row, &NAMES))) {
        Some((row, raw)) if !raw.is_empty() => told(row, raw),
        Some(_) | None => unknown("no answer"),
    }
}

fn unknown(reason: &str) -> AntivirusProduct {
    AntivirusProduct {
        product: PRODUCT.to_owned(),
        vendor: MICROSOFT.name.to_owned(),
        health: Health::InstalledOnly,
        raw: vec![format!("{SOURCE}={}", cell::cut(reason))],
        ..AntivirusProduct::default()
    }
}

fn told(row: &Value, raw: Vec<String>) -> AntivirusProduct {
    let (engine, engine_reason) = engine(row);
    AntivirusProduct {
        product: PRODUCT.to_owned(),
        vendor: MICROSOFT.name.to_owned(),
        version: cell::text(row, "appVersion").unwrap_or_default(),
        engine_version: cell::text(row, "engineVersion").unwrap_or_default(),
        mode: match cell::flag(row, "passiveModeEnabled") {
            Some(true) => AntivirusMode::Passive,
            Some(false) => AntivirusMode::Active,
            None => AntivirusMode::Unknown,
        },
        engine,
        engine_reason: engine_reason.to_owned(),
        real_time: real_time(row),
        updater: cell::switch(row, "automaticDefinitionUpdateEnabled"),
        tamper_protection: tamper_protection(row),
        definitions: Definitions {
            version: cell::text(row, "definitionsVersion").unwrap_or_default(),
            built_ms: None,
            updated_ms: cell::moment_ms(row, "definitionsUpdated"),
            freshness: freshness(row),
        },
        raw,
        ..AntivirusProduct::default()
    }
}

/// Newer versions say whether the engine is loaded; others only whether all is well. Without a licence it may run
/// and protects nobody.
fn engine(row: &Value) -> (Switch, &'static str) {
    let loaded = word(row, "engineLoadStatus");
    match (
        loaded.as_str(),
        cell::flag(row, "licensed"),
        cell::flag(row, "healthy"),
    ) {
        ("enginenotloaded", _, _) => (Switch::Off, "not_loaded"),
        (_, Some(false), _) => (Switch::Unknown, "not_licensed"),
        ("engineloadsucceeded", _, _) | ("", _, Some(true)) => (Switch::On, ""),
        (_, _, Some(false)) => (Switch::Unknown, "not_healthy"),
        _ => (Switch::Unknown, ""),
    }
}

/// It may be switched on and not work, for want of what the kernel offers.
fn real_time(row: &Value) -> Switch {
    match cell::switch(row, "realTimeProtectionEnabled") {
        Switch::On if cell::flag(row, "realTimeProtectionAvailable") == Some(false) => Switch::Off,
        told => told,
    }
}

/// To write down who tampers is no protection.
fn tamper_protection(row: &Value) -> Switch {
    match word(row, "tamperProtection").as_str() {
        "block" => Switch::On,
        "audit" | "disabled" => Switch::Off,
        _ => Switch::Unknown,
    }
}

/// That an update failed does not say how old they are.
fn freshness(row: &Value) -> Freshness {
    match word(row, "definitionsStatus").as_str() {
        "uptodate" => Freshness::Fresh,
        "unavailable" => Freshness::Stale,
        _ => Freshness::Unknown,
    }
}

/// A code in small letters without what its spellings differ in: `upToDate`, `up_to_date`, `Engine not loaded`.
fn word(row: &Value, name: &str) -> String {
    let text = cell::text(row, name).unwrap_or_default();
    let letters = text.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn wrapped(value: Value) -> Value {
        json!({ "displayValue": true, "isManaged": false, "value": value })
    }

    fn healthy() -> Value {
        json!({
            "$type": "getHealthAllResult", "appVersion": "101.25062.0003", "engineVersion": "1.1.25070.1",
            "automaticDefinitionUpdateEnabled": wrapped(json!(true)), "conflictingApplications": [],
            "definitionsStatus": { "$type": "upToDate" }, "definitionsUpdated": "1795383060000",
            "definitionsVersion": "1.451.120.0", "healthIssues": [], "healthy": true, "licensed": true,
            "passiveModeEnabled": wrapped(json!(false)), "productExpiration": "1812756068000",
            "realTimeProtectionAvailable": true, "realTimeProtectionEnabled": wrapped(json!(true)),
            "tamperProtection": wrapped(json!("block")),
        })
    }

    fn with(name: &str, value: Value) -> AntivirusProduct {
        let mut row = healthy();
        row[name] = value;
        decode(&Asked::Rows(vec![row]))
    }

    #[test]
    fn a_healthy_one_tells_everything() {
        let product = decode(&Asked::Rows(vec![healthy()]));
        assert_eq!((product.engine, product.real_time), (Switch::On, Switch::On));
        assert_eq!(
            (product.updater, product.tamper_protection),
            (Switch::On, Switch::On)
        );
        assert_eq!(
            (product.mode, product.health),
            (AntivirusMode::Active, Health::Reported)
        );
        assert_eq!(product.version, "101.25062.0003");
        assert_eq!(product.engine_version, "1.1.25070.1");
        let expected = Definitions {
            version: "1.451.120.0".to_owned(),
            built_ms: None,
            updated_ms: Some(1_795_383_060_000),
            freshness: Freshness::Fresh,
        };
        assert_eq!(product.definitions, expected);
        assert!(
            product
                .raw
                .contains(&"mdatp.definitionsStatus=upToDate".to_owned())
        );
    }

    #[test]
    fn settings_are_understood_plain_and_wrapped() {
        for value in [json!(true), wrapped(json!(true)), json!("true")] {
            assert_eq!(with("passiveModeEnabled", value).mode, AntivirusMode::Passive);
        }
        for value in [json!("up_to_date"), json!({ "$type": "upToDate" })] {
            assert_eq!(
                with("definitionsStatus", value).definitions.freshness,
                Freshness::Fresh
            );
        }
    }

    #[test]
    fn an_engine_is_on_only_if_it_is_loaded_licensed_and_well() {
        let check = |name: &str, value: Value, engine: Switch, reason: &str| {
            let product = with(name, value);
            assert_eq!(
                (product.engine, product.engine_reason.as_str()),
                (engine, reason),
                "{name}"
            );
        };
        check("engineLoadStatus", json!("Engine load succeeded"), Switch::On, "");
        check(
            "engineLoadStatus",
            json!("Engine not loaded"),
            Switch::Off,
            "not_loaded",
        );
        check("engineLoadStatus", json!("Engine waits"), Switch::Unknown, "");
        check("licensed", json!(false), Switch::Unknown, "not_licensed");
        check("healthy", json!(false), Switch::Unknown, "not_healthy");
        check("healthy", json!(null), Switch::Unknown, "");
    }

    #[test]
    fn what_is_on_and_does_not_work_is_off() {
        assert_eq!(
            with("realTimeProtectionAvailable", json!(false)).real_time,
            Switch::Off
        );
        assert_eq!(
            with("realTimeProtectionEnabled", wrapped(json!(false))).real_time,
            Switch::Off
        );
        assert_eq!(
            with("realTimeProtectionEnabled", json!(null)).real_time,
            Switch::Unknown
        );
        assert_eq!(
            with("tamperProtection", json!("audit")).tamper_protection,
            Switch::Off
        );
        assert_eq!(
            with("tamperProtection", json!("?")).tamper_protection,
            Switch::Unknown
        );
        let check = |status: &str, expected: Freshness| {
            let found = with("definitionsStatus", json!({ "$type": status })).definitions;
            assert_eq!(found.freshness, expected, "{status}");
        };
        check("unavailable", Freshness::Stale);
        check("updateFailed", Freshness::Unknown);
        check("updating", Freshness::Unknown);
    }

    #[test]
    fn one_that_gives_no_answer_is_unknown_and_says_why() {
        let check = |asked: Asked, raw: &str| {
            let product = decode(&asked);
            assert_eq!(product.health, Health::InstalledOnly);
            assert_eq!(
                (product.engine, product.raw),
                (Switch::Unknown, vec![raw.to_owned()])
            );
        };
        check(Asked::Failed("timed out".to_owned()), "mdatp=timed out");
        check(Asked::Rows(Vec::new()), "mdatp=no answer");
        check(Asked::Rows(vec![json!([1])]), "mdatp=no answer");
        check(Asked::Rows(vec![json!({})]), "mdatp=no answer");
    }

    proptest! {
        #[test]
        fn on_needs_a_yes(value in "\\PC*", number in any::<i64>()) {
            for said in [json!(value), json!(number), json!([value]), wrapped(json!(number))] {
                let row: Value = NAMES.iter().map(|name| ((*name).to_owned(), said.clone())).collect();
                let product = decode(&Asked::Rows(vec![row]));
                let is_yes = value.eq_ignore_ascii_case("true");
                prop_assert!(is_yes || product.engine != Switch::On);
                prop_assert!(is_yes || product.real_time != Switch::On);
                prop_assert!(product.tamper_protection != Switch::On || value == "block");
            }
        }
    }
}
