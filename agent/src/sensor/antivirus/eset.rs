//! What ESET's products for Windows keep under `SOFTWARE\ESET\ESET Security\CurrentVersion\Info`.
//!
//! The definitions' version carries the day on which they were made; when they were last brought stands beside the
//! settings of the updater, as seconds since 1970. Whether the product is on does not stand there.

use serde_json::Value;
use time::Date;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use vong_proto::event::{AntivirusProduct, Definitions};

use super::cell;
use super::vendor::ESET;

/// How the values are named as raw ones.
const SOURCE: &str = "eset";
/// What is read of a row.
const NAMES: [&str; 4] = [
    "ProductName",
    "ProductVersion",
    "ScannerVersion",
    "LastSuccessfulUpdate",
];
/// Such as `20261122`.
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");

/// The product of the key's values.
pub(super) fn decode(row: &Value) -> Option<AntivirusProduct> {
    let raw = cell::raw(SOURCE, row, &NAMES);
    if raw.is_empty() {
        return None;
    }
    let (version, built_ms) = match cell::text(row, "ScannerVersion") {
        Some(text) => scanner(&text),
        None => Default::default(),
    };
    Some(AntivirusProduct {
        product: cell::text(row, "ProductName").unwrap_or_default(),
        vendor: ESET.name.to_owned(),
        version: cell::text(row, "ProductVersion").unwrap_or_default(),
        definitions: Definitions {
            version,
            built_ms,
            updated_ms: cell::seconds_ms(row, "LastSuccessfulUpdate"),
            ..Definitions::default()
        },
        raw,
        ..AntivirusProduct::default()
    })
}

/// `30251 (20261122)`: version, and day of the making.
fn scanner(text: &str) -> (String, Option<i64>) {
    let Some((version, rest)) = text.split_once('(') else {
        return (text.to_owned(), None);
    };
    let day = rest.split(')').next().unwrap_or_default().trim();
    let day = Date::parse(day, DAY).ok();
    let built_ms = day.and_then(|day| cell::ms_of(day.midnight().assume_utc()));
    (version.trim().to_owned(), built_ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use vong_proto::event::Switch;

    use super::*;

    #[test]
    fn the_version_of_the_definitions_carries_their_day() {
        let check = |text: &str, version: &str, built_ms: Option<i64>| {
            let row = json!({ "ProductName": "ESET Endpoint Security", "ScannerVersion": text });
            let product = decode(&row).expect("there");
            assert_eq!(product.product, "ESET Endpoint Security");
            assert_eq!(product.definitions.version, version, "{text}");
            assert_eq!(product.definitions.built_ms, built_ms, "{text}");
            assert_eq!(
                (product.engine, product.real_time),
                (Switch::Unknown, Switch::Unknown)
            );
        };
        check("30251 (20261122)", "30251", Some(1_795_305_600_000));
        check("30251", "30251", None);
        check("30251 (22/11/2026)", "30251", None);
        check("30251 (20261399)", "30251", None);
        check("30251 (16010101", "30251", None);
        check("(", "", None);
    }

    #[test]
    fn an_update_that_never_was_leaves_an_empty_text() {
        let updated = |value: Value| {
            let row = json!({ "ProductVersion": "12.1", "LastSuccessfulUpdate": value });
            decode(&row).expect("there").definitions.updated_ms
        };
        assert_eq!(updated(json!(1_795_383_060)), Some(1_795_383_060_000));
        assert_eq!(updated(json!("0x6b035f14")), Some(1_795_383_060_000));
        assert_eq!(updated(json!("")), None);
    }

    #[test]
    fn a_key_without_values_is_no_product() {
        assert_eq!(decode(&json!({})), None);
        assert_eq!(decode(&json!({ "ScannerVersion": null })), None);
        assert_eq!(decode(&json!([])), None);
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_row_nothing_panics(text in ".*") {
            let _ = decode(&json!({ "ScannerVersion": text, "ProductVersion": text, "ProductName": text }));
        }
    }
}
