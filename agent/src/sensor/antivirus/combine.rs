//! All products of one PC, from what several sources say of them.
//!
//! ```text
//! Security Center ─┐
//! own sources ─────┼─▶ one product each, with the richer facts ─▶ who protects, where two are on
//! installed ───────┘
//! ```
//! A vendor's own source knows its product best; what it does not know, Security Center may. That something is
//! installed is worth telling only when nothing else is known of it.

use vong_proto::event::{AntivirusMode, AntivirusProduct, Definitions, Freshness, Health, Switch};

use super::vendor::{MICROSOFT, VENDORS};

/// More products than this are told in part: no PC has so many, but a row is quickly written.
pub(super) const PRODUCTS_MAX: usize = 16;

/// What the sources say.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Products that registered in Security Center.
    pub(super) registered: Vec<AntivirusProduct>,
    /// What products say of themselves; some do not say how they are called.
    pub(super) own: Vec<AntivirusProduct>,
    /// Products of which traces were found.
    pub(super) installed: Vec<AntivirusProduct>,
}

/// One entry for each product, the one that protects first.
pub(super) fn combine(told: Told) -> Vec<AntivirusProduct> {
    let mut products = told.registered;
    for own in told.own {
        match place(&products, &own) {
            Some(place) => {
                let registered = products.remove(place);
                products.insert(place, richer(own, registered));
            }
            None => products.push(named(own)),
        }
    }
    for installed in told.installed {
        // Which of a vendor's products a trace belongs to cannot be said; it is not a further one.
        if !products.iter().any(|product| is_same_vendor(product, &installed)) {
            products.push(installed);
        }
    }
    decide_modes(&mut products);
    products.sort_by_key(|product| rank(product.mode));
    products.truncate(PRODUCTS_MAX);
    products
}

fn is_same_vendor(one: &AntivirusProduct, other: &AntivirusProduct) -> bool {
    !one.vendor.is_empty() && one.vendor == other.vendor
}

/// Where the product stands already. A registration of an earlier version may have stayed behind, so that one
/// which is on goes first.
fn place(products: &[AntivirusProduct], own: &AntivirusProduct) -> Option<usize> {
    let of_vendor = |product: &AntivirusProduct| is_same_vendor(product, own);
    let is_on = |product: &AntivirusProduct| of_vendor(product) && product.engine == Switch::On;
    products
        .iter()
        .position(is_on)
        .or_else(|| products.iter().position(of_vendor))
}

/// The first's facts, and the second's where the first has none.
fn richer(first: AntivirusProduct, second: AntivirusProduct) -> AntivirusProduct {
    let text = |first: String, second: String| if first.is_empty() { second } else { first };
    let switch = |first: Switch, second: Switch| if first == Switch::Unknown { second } else { first };
    let (engine, engine_reason) = match first.engine {
        Switch::Unknown => (second.engine, text(second.engine_reason, first.engine_reason)),
        known => (known, first.engine_reason),
    };
    let exclusions = if first.exclusions.is_empty() {
        second.exclusions
    } else {
        first.exclusions
    };
    AntivirusProduct {
        product: text(first.product, second.product),
        vendor: text(first.vendor, second.vendor),
        version: text(first.version, second.version),
        engine_version: text(first.engine_version, second.engine_version),
        health: match (first.health, second.health) {
            (Health::InstalledOnly, Health::InstalledOnly) => Health::InstalledOnly,
            (Health::Reported, _) | (_, Health::Reported) => Health::Reported,
        },
        mode: if first.mode == AntivirusMode::Unknown {
            second.mode
        } else {
            first.mode
        },
        engine,
        engine_reason,
        real_time: switch(first.real_time, second.real_time),
        updater: switch(first.updater, second.updater),
        tamper_protection: switch(first.tamper_protection, second.tamper_protection),
        definitions: richer_definitions(first.definitions, second.definitions),
        quick_scan_ms: first.quick_scan_ms.or(second.quick_scan_ms),
        full_scan_ms: first.full_scan_ms.or(second.full_scan_ms),
        licence_expires_ms: first.licence_expires_ms.or(second.licence_expires_ms),
        exclusions,
        raw: second.raw.into_iter().chain(first.raw).collect(),
    }
}

fn richer_definitions(first: Definitions, second: Definitions) -> Definitions {
    Definitions {
        version: if first.version.is_empty() {
            second.version
        } else {
            first.version
        },
        built_ms: first.built_ms.or(second.built_ms),
        updated_ms: first.updated_ms.or(second.updated_ms),
        freshness: if first.freshness == Freshness::Unknown {
            second.freshness
        } else {
            first.freshness
        },
    }
}

/// A product that nobody calls by its full name is called as its vendor's usually is.
fn named(product: AntivirusProduct) -> AntivirusProduct {
    let mut vendors = VENDORS.iter();
    match vendors.find(|vendor| product.product.is_empty() && vendor.name == product.vendor) {
        Some(vendor) => AntivirusProduct {
            product: vendor.product.to_owned(),
            ..product
        },
        None => product,
    }
}

/// Only Defender says of itself whether it steps back. What it says decides about the others that are on; without
/// it nobody knows which of two protects.
fn decide_modes(products: &mut [AntivirusProduct]) {
    let is_defender = |product: &AntivirusProduct| product.vendor == MICROSOFT.name;
    let Some(place) = products.iter().position(is_defender) else {
        return;
    };
    let (mode, has_stopped) = (
        products[place].mode,
        products[place].engine_reason == super::defender::NOT_RUNNING,
    );
    let mut others_on = 0;
    for other in products.iter_mut().filter(|product| !is_defender(product)) {
        if other.engine != Switch::On {
            continue;
        }
        others_on += 1;
        if other.mode == AntivirusMode::Unknown && (mode == AntivirusMode::Passive || has_stopped) {
            other.mode = AntivirusMode::Active;
        }
    }
    // Windows stops it where another product has taken over; alone, it has just stopped.
    if has_stopped && others_on > 0 {
        products[place].mode = AntivirusMode::Passive;
    }
}

fn rank(mode: AntivirusMode) -> u8 {
    match mode {
        AntivirusMode::Active => 0,
        AntivirusMode::Unknown => 1,
        AntivirusMode::Passive => 2,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::rows::Asked;
    use super::super::{defender, security_center};
    use super::*;

    const ON: u32 = 266_240;
    const OFF: u32 = 262_144;
    const DEFENDER_ON: u32 = 397_568;
    const DEFENDER_OFF: u32 = 393_472;

    fn registered(name: &str, state: u32) -> AntivirusProduct {
        security_center::decode(&json!({ "displayName": name, "productState": state })).expect("named")
    }

    fn defender(mode: &str) -> AntivirusProduct {
        let row = json!({
            "AMRunningMode": mode, "AMServiceEnabled": true, "AntivirusEnabled": true,
            "RealTimeProtectionEnabled": true, "AMProductVersion": "4.18",
        });
        defender::decode(&Asked::Rows(vec![row]), 0)
    }

    fn silent() -> AntivirusProduct {
        defender::decode(&Asked::Failed("timed_out".to_owned()), 0)
    }

    /// Names, modes and engines of what comes out.
    fn check(told: Told, expected: &[(&str, AntivirusMode, Switch)]) {
        let products = combine(told);
        let found: Vec<(&str, AntivirusMode, Switch)> = products
            .iter()
            .map(|product| (product.product.as_str(), product.mode, product.engine))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn defender_told_twice_is_one_with_the_richer_facts() {
        let told = Told {
            registered: vec![registered("Windows Defender", DEFENDER_ON)],
            own: vec![defender("Normal")],
            installed: Vec::new(),
        };
        let products = combine(told);
        assert_eq!(products.len(), 1);
        assert_eq!(products[0].product, "Microsoft Defender");
        assert_eq!(products[0].version, "4.18");
        assert_eq!(products[0].definitions.freshness, Freshness::Fresh);
        let sources = ["security_center.", "defender."];
        for source in sources {
            assert!(
                products[0].raw.iter().any(|raw| raw.starts_with(source)),
                "{source}"
            );
        }
    }

    #[test]
    fn what_defender_cannot_say_security_center_says() {
        let told = Told {
            registered: vec![registered("Windows Defender", DEFENDER_OFF)],
            own: vec![silent()],
            installed: Vec::new(),
        };
        check(
            told,
            &[("Microsoft Defender", AntivirusMode::Unknown, Switch::Off)],
        );
    }

    #[test]
    fn of_two_that_are_on_defender_says_who_protects() {
        use AntivirusMode::{Active, Passive, Unknown};
        use Switch::{Off, On};
        let two = |mode: &str, kaspersky: u32| Told {
            registered: vec![
                registered("Windows Defender", DEFENDER_ON),
                registered("Kaspersky Endpoint Security", kaspersky),
            ],
            own: vec![defender(mode)],
            installed: Vec::new(),
        };
        let (microsoft, kaspersky) = ("Microsoft Defender", "Kaspersky Endpoint Security");
        for mode in ["Passive Mode", "SxS Passive Mode", "EDR Block Mode"] {
            check(
                two(mode, ON),
                &[(kaspersky, Active, On), (microsoft, Passive, On)],
            );
        }
        check(
            two("Normal", ON),
            &[(microsoft, Active, On), (kaspersky, Unknown, On)],
        );
        check(
            two("Not running", ON),
            &[(kaspersky, Active, On), (microsoft, Passive, Off)],
        );
        check(
            two("Not running", OFF),
            &[(microsoft, Unknown, Off), (kaspersky, Unknown, Off)],
        );
        check(
            two("Passive Mode", OFF),
            &[(kaspersky, Unknown, Off), (microsoft, Passive, On)],
        );
        check(
            two("Mới", ON),
            &[(microsoft, Unknown, On), (kaspersky, Unknown, On)],
        );
    }

    #[test]
    fn without_its_word_nobody_knows_which_of_two_protects() {
        use AntivirusMode::Unknown;
        let told = Told {
            registered: vec![
                registered("Windows Defender", DEFENDER_ON),
                registered("Bkav Pro", ON),
            ],
            own: vec![silent()],
            installed: Vec::new(),
        };
        check(
            told,
            &[
                ("Microsoft Defender", Unknown, Switch::On),
                ("Bkav Pro", Unknown, Switch::On),
            ],
        );
    }

    #[test]
    fn a_product_is_called_by_its_own_word_then_by_security_centers_then_by_its_vendors() {
        let own = |product: &str| AntivirusProduct {
            product: product.to_owned(),
            vendor: "ESET".to_owned(),
            ..AntivirusProduct::default()
        };
        let check = |own: AntivirusProduct, registered: Vec<AntivirusProduct>, expected: &str| {
            let told = Told {
                registered,
                own: vec![own],
                installed: Vec::new(),
            };
            assert_eq!(combine(told)[0].product, expected);
        };
        let row = || vec![registered("ESET Security", ON)];
        check(own("ESET Endpoint Antivirus"), row(), "ESET Endpoint Antivirus");
        check(own(""), row(), "ESET Security");
        check(own(""), Vec::new(), "ESET Endpoint Security");
    }

    #[test]
    fn a_server_has_no_security_center() {
        let told = Told {
            own: vec![defender("Normal")],
            ..Told::default()
        };
        check(told, &[("Microsoft Defender", AntivirusMode::Active, Switch::On)]);
    }

    #[test]
    fn traces_are_told_only_where_nothing_else_is() {
        let trace = |vendor: &str| AntivirusProduct {
            product: format!("{vendor} trace"),
            vendor: vendor.to_owned(),
            health: Health::InstalledOnly,
            ..AntivirusProduct::default()
        };
        let told = Told {
            registered: vec![registered("Bkav Pro", ON)],
            own: vec![defender("Normal")],
            installed: vec![trace("Microsoft"), trace("Bkav"), trace("CMC")],
        };
        check(
            told,
            &[
                ("Microsoft Defender", AntivirusMode::Active, Switch::On),
                ("Bkav Pro", AntivirusMode::Unknown, Switch::On),
                ("CMC trace", AntivirusMode::Unknown, Switch::Unknown),
            ],
        );
    }

    #[test]
    fn a_registration_left_behind_does_not_take_the_facts_of_the_living() {
        let own = AntivirusProduct {
            vendor: "Kaspersky".to_owned(),
            version: "12.5".to_owned(),
            ..AntivirusProduct::default()
        };
        let told = Told {
            registered: vec![
                registered("Kaspersky Endpoint Security 10", OFF),
                registered("Kaspersky Endpoint Security 12", ON),
            ],
            own: vec![own],
            installed: Vec::new(),
        };
        let products = combine(told);
        let versions: Vec<(&str, &str)> = products
            .iter()
            .map(|product| (product.product.as_str(), product.version.as_str()))
            .collect();
        assert_eq!(
            versions,
            [
                ("Kaspersky Endpoint Security 10", ""),
                ("Kaspersky Endpoint Security 12", "12.5"),
            ]
        );
    }

    #[test]
    fn products_without_a_known_vendor_stay_apart_and_few() {
        let rows: Vec<Value> = (0..100)
            .map(|number| json!({ "displayName": format!("Lạ {number}"), "productState": ON }))
            .collect();
        let told = Told {
            registered: rows.iter().filter_map(security_center::decode).collect(),
            ..Told::default()
        };
        assert_eq!(combine(told).len(), PRODUCTS_MAX);
    }
}
