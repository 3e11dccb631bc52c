//! Windows Security Center: one row for each antivirus product that has registered there.
//!
//! `productState` has no official description; its digits are read one by one as they have been seen:
//!
//! ```text
//! 0x0006 1 1 1 0
//!        │ │ └─── definitions: 0 up to date, 1 not
//!        │ └───── 1: Microsoft's own
//!        └─────── 0 off, 1 on, 2 snoozed, 3 licence expired
//! ```
//! A digit that has not been seen means nothing. Security Center exists on clients only, not on Windows Server.

use serde_json::Value;
use vong_proto::event::{AntivirusProduct, Definitions, Freshness, Health, Switch};

use super::cell;
use super::vendor::{MICROSOFT, Vendor};

/// How the values are named as raw ones.
const SOURCE: &str = "security_center";
/// What is read of a row.
const NAMES: [&str; 5] = [
    "displayName",
    "productState",
    "pathToSignedProductExe",
    "pathToSignedReportingExe",
    "timestamp",
];
/// Its own product in the words of Security Center, when a row does not name it.
const DEFENDER: &str = "Windows Defender";

/// The product of a row, if it speaks of one.
pub(super) fn decode(row: &Value) -> Option<AntivirusProduct> {
    let state = cell::number(row, "productState").map(State);
    let is_microsofts = state.is_some_and(State::is_microsofts);
    let product = cell::text(row, "displayName")
        .or_else(|| is_microsofts.then(|| DEFENDER.to_owned()))
        .or_else(|| program(row))?;
    let vendor = if is_microsofts {
        MICROSOFT.name
    } else {
        Vendor::of(&product).map_or("", |vendor| vendor.name)
    };
    let switch = state.map_or(Switch::Unknown, State::switch);
    let freshness = state.map_or(Freshness::Unknown, State::freshness);
    let is_told = switch != Switch::Unknown || freshness != Freshness::Unknown;
    Some(AntivirusProduct {
        product,
        vendor: vendor.to_owned(),
        health: if is_told {
            Health::Reported
        } else {
            Health::InstalledOnly
        },
        engine: switch,
        engine_reason: reason(switch).to_owned(),
        // What products register there is whether they protect as files are opened.
        real_time: switch,
        definitions: Definitions {
            freshness,
            ..Definitions::default()
        },
        raw: cell::raw(SOURCE, row, &NAMES),
        ..AntivirusProduct::default()
    })
}

/// The name of the program, which is better than none.
fn program(row: &Value) -> Option<String> {
    let path = cell::text(row, "pathToSignedProductExe")?;
    let name = path.rsplit(['\\', '/']).next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

fn reason(switch: Switch) -> &'static str {
    match switch {
        Switch::On | Switch::Unknown => "",
        Switch::Off => "off",
        Switch::Snoozed => "snoozed",
        Switch::Expired => "expired",
    }
}

/// The number of a row.
#[derive(Clone, Copy)]
struct State(i64);

impl State {
    /// One hexadecimal digit, counted from the right; `None` when the number cannot be one of Security Center's.
    fn digit(self, place: u32) -> Option<u32> {
        let number = u32::try_from(self.0).ok()?;
        Some(number >> (4 * place) & 0xF)
    }

    fn switch(self) -> Switch {
        match self.digit(3) {
            Some(0) => Switch::Off,
            Some(1) => Switch::On,
            Some(2) => Switch::Snoozed,
            Some(3) => Switch::Expired,
            Some(_) | None => Switch::Unknown,
        }
    }

    fn freshness(self) -> Freshness {
        match self.digit(1) {
            Some(0) => Freshness::Fresh,
            Some(1) => Freshness::Stale,
            Some(_) | None => Freshness::Unknown,
        }
    }

    fn is_microsofts(self) -> bool {
        self.digit(2) == Some(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn state_of(state: Value) -> (Switch, Freshness, String) {
        let row = json!({ "displayName": "Antivirus", "productState": state });
        let product = decode(&row).expect("it has a name");
        assert_eq!(product.engine, product.real_time);
        (product.engine, product.definitions.freshness, product.vendor)
    }

    #[test]
    fn every_known_state_is_read_digit_by_digit() {
        use Freshness::{Fresh, Stale};
        let check = |state: u32, switch: Switch, freshness: Freshness, vendor: &str| {
            let expected = (switch, freshness, vendor.to_owned());
            assert_eq!(state_of(json!(state)), expected, "{state} = {state:#x}");
            assert_eq!(state_of(json!(state.to_string())), expected, "{state} as text");
        };
        check(262_144, Switch::Off, Fresh, "");
        check(266_240, Switch::On, Fresh, "");
        check(266_256, Switch::On, Stale, "");
        check(270_336, Switch::Snoozed, Fresh, "");
        check(393_472, Switch::Off, Fresh, "Microsoft");
        check(397_312, Switch::On, Fresh, "");
        check(397_328, Switch::On, Stale, "");
        check(397_568, Switch::On, Fresh, "Microsoft");
        check(397_584, Switch::On, Stale, "Microsoft");
        check(0x43000, Switch::Expired, Fresh, "");
    }

    #[test]
    fn digits_and_numbers_that_nobody_has_seen_are_unknown() {
        let check = |state: Value, switch: Switch, freshness: Freshness| {
            let (engine, definitions, _) = state_of(state.clone());
            assert_eq!((engine, definitions), (switch, freshness), "{state}");
        };
        check(json!(0x44000), Switch::Unknown, Freshness::Fresh);
        check(json!(0x4F0F0), Switch::Unknown, Freshness::Unknown);
        check(json!(0x41020), Switch::On, Freshness::Unknown);
        for nonsense in [
            json!(null),
            json!(-266_240),
            json!(0x1_0004_1000_u64),
            json!(u64::MAX),
            json!(1.5),
            json!("on"),
            json!([266_240]),
            json!({}),
        ] {
            check(nonsense, Switch::Unknown, Freshness::Unknown);
        }
    }

    #[test]
    fn a_row_needs_something_to_be_called_by() {
        let named = |row: Value| decode(&row).map(|product| product.product);
        assert_eq!(named(json!({ "productState": 266_240 })), None);
        assert_eq!(named(json!({ "displayName": "  " })), None);
        assert_eq!(named(json!(null)), None);
        assert_eq!(
            named(json!({ "productState": 397_568 })),
            Some("Windows Defender".to_owned())
        );
        let path = "C:\\Program Files\\Bkav\\BkavHome.exe";
        assert_eq!(
            named(json!({ "displayName": null, "pathToSignedProductExe": path })),
            Some("BkavHome.exe".to_owned())
        );
    }

    #[test]
    fn a_registered_product_whose_state_cannot_be_read_is_installed_and_no_more() {
        let row = json!({ "displayName": "Kaspersky Endpoint Security", "productState": "?" });
        let product = decode(&row).expect("named");
        assert_eq!(product.health, Health::InstalledOnly);
        assert_eq!(product.vendor, "Kaspersky");
        assert!(product.raw.contains(&"security_center.productState=?".to_owned()));
    }

    proptest! {
        #[test]
        fn only_the_digit_of_on_is_on(state in any::<i64>(), name in ".*") {
            let row = json!({ "displayName": name, "productState": state });
            if let Some(product) = decode(&row) {
                let is_on = (0..=i64::from(u32::MAX)).contains(&state) && state & 0xF000 == 0x1000;
                prop_assert_eq!(product.engine == Switch::On, is_on);
                prop_assert_eq!(product.real_time == Switch::On, is_on);
            }
        }
    }
}
