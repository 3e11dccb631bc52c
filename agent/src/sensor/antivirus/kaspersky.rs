//! What Kaspersky's products for Windows keep under `SOFTWARE\KasperskyLab\protected\*\Data`.
//!
//! It is known there when definitions were last brought and when the licence ends. Whether the product is on
//! is not: that is Security Center's to say, and on a server nobody's.

use serde_json::Value;
use vong_proto::event::{AntivirusProduct, Definitions};

use super::cell::{self, DAY_MS};
use super::vendor::KASPERSKY;

/// How the values are named as raw ones.
const SOURCE: &str = "kaspersky";
/// What is read of a row.
const NAMES: [&str; 5] = [
    "ProductName",
    "ProductVersion",
    "LastSuccessfulUpdate",
    "LicKeyType",
    "LicDaysTillExpiration",
];
/// No licence is longer.
const LICENCE_DAYS_MAX: i64 = 36_500;

/// The product of a row: the values of one key `Data`, with its product's name and version where they were found.
pub(super) fn decode(row: &Value, read_ms: i64) -> Option<AntivirusProduct> {
    let raw = cell::raw(SOURCE, row, &NAMES);
    if raw.is_empty() {
        return None;
    }
    Some(AntivirusProduct {
        product: cell::text(row, "ProductName").unwrap_or_default(),
        vendor: KASPERSKY.name.to_owned(),
        version: cell::text(row, "ProductVersion").unwrap_or_default(),
        definitions: Definitions {
            updated_ms: cell::seconds_ms(row, "LastSuccessfulUpdate"),
            ..Definitions::default()
        },
        licence_expires_ms: licence_expires_ms(row, read_ms),
        raw,
        ..AntivirusProduct::default()
    })
}

/// Days are counted from the day of the reading; without a kind of key there is no licence to speak of.
fn licence_expires_ms(row: &Value, read_ms: i64) -> Option<i64> {
    cell::number(row, "LicKeyType").filter(|kind| *kind != 0)?;
    let days = cell::number(row, "LicDaysTillExpiration")?;
    let is_plausible = read_ms > 0 && (0..=LICENCE_DAYS_MAX).contains(&days);
    is_plausible.then(|| (read_ms.div_euclid(DAY_MS) + days) * DAY_MS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use vong_proto::event::Switch;

    use super::*;

    const READ_MS: i64 = 1_795_383_060_000;

    #[test]
    fn the_last_update_and_the_licence_are_read() {
        let row = json!({
            "LastSuccessfulUpdate": "0x6b032b80", "LicKeyType": "0x00000002", "LicDaysTillExpiration": "0x0000001e",
        });
        let product = decode(&row, READ_MS).expect("there");
        assert_eq!(product.definitions.updated_ms, Some(1_795_369_856_000));
        let day = READ_MS / DAY_MS;
        assert_eq!(product.licence_expires_ms, Some((day + 30) * DAY_MS));
        assert_eq!(product.engine, Switch::Unknown);
    }

    #[test]
    fn what_never_was_or_cannot_be_is_unknown() {
        let check = |row: Value| {
            let product = decode(&row, READ_MS).expect("there");
            assert_eq!(
                (product.definitions.updated_ms, product.licence_expires_ms),
                (None, None),
                "{row}"
            );
        };
        check(json!({ "LastSuccessfulUpdate": 4_294_967_295_u32, "LicDaysTillExpiration": 30 }));
        check(json!({ "LastSuccessfulUpdate": 0, "LicKeyType": 0, "LicDaysTillExpiration": 30 }));
        check(json!({ "LastSuccessfulUpdate": -5, "LicKeyType": 1, "LicDaysTillExpiration": -1 }));
        check(json!({ "LastSuccessfulUpdate": "?", "LicKeyType": 1, "LicDaysTillExpiration": i64::MAX }));
        assert_eq!(decode(&json!({}), READ_MS), None);
        assert_eq!(decode(&json!({ "ProductVersion": null }), READ_MS), None);
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_row_nothing_panics_and_nothing_is_on(
            update in any::<i64>(), days in any::<i64>(), read_ms in any::<i64>(), text in ".*",
        ) {
            let row = json!({
                "LastSuccessfulUpdate": update, "LicKeyType": text, "LicDaysTillExpiration": days,
                "ProductName": text,
            });
            let product = decode(&row, read_ms).expect("there");
            prop_assert_eq!(product.engine, Switch::Unknown);
            let row = json!({ "LicKeyType": 1, "LicDaysTillExpiration": days });
            let _ = decode(&row, read_ms);
        }
    }
}
