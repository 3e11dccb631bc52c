//! Recordings of PCs are replayed unchanged: what the decoders say of them stands here, written by hand.
//!
//! They have the form that `vong-agent selftest --record` writes, and their values come from documented facts. A
//! recording from a real PC that is read wrongly belongs beside them, with what it should say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use vong_agent::sensor::antivirus::defender::events::{Change, DefenderEvent, Exclusion};
use vong_agent::sensor::antivirus::rows::{Decoded, Rows, decode};
use vong_proto::event::{AntivirusMode, Freshness, Health, Outcome, Remedy, Switch};

use AntivirusMode::{Active, Passive};
use Switch::{Expired, Off, On};

/// 21:31 in universal time of the day before the recordings.
const UPDATED_MS: i64 = 1_795_383_060_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/antivirus")
}

fn replay(name: &str) -> Decoded {
    let json = std::fs::read(folder().join(name).with_extension("json")).expect("a recording");
    let rows = Rows::from_json(&json).expect("it can be read");
    let again = Rows::from_json(&rows.to_json()).expect("it can be written");
    assert_eq!(again, rows, "{name} is the same after it was written again");
    decode(&rows)
}

/// What is compared of a product besides what a test names by itself.
type Told<'a> = (&'a str, &'a str, Health, AntivirusMode, Switch, Switch);

fn products(decoded: &Decoded) -> Vec<Told<'_>> {
    let products = decoded.products.iter();
    products
        .map(|product| {
            let (name, vendor) = (product.product.as_str(), product.vendor.as_str());
            let (engine, real_time) = (product.engine, product.real_time);
            (name, vendor, product.health, product.mode, engine, real_time)
        })
        .collect()
}

fn unread(decoded: &Decoded) -> Vec<(&str, &str)> {
    let unread = decoded.unread.iter();
    unread
        .map(|unread| (unread.source, unread.reason.as_str()))
        .collect()
}

#[test]
fn a_client_with_defender_and_what_it_found() {
    let decoded = replay("client_defender");
    assert_eq!(
        products(&decoded),
        [(
            "Microsoft Defender",
            "Microsoft",
            Health::Reported,
            Active,
            On,
            On
        )]
    );
    let product = &decoded.products[0];
    assert_eq!(product.version, "4.18.26100.5");
    assert_eq!(product.engine_version, "1.1.26100.3");
    assert_eq!(product.tamper_protection, On);
    assert_eq!(product.definitions.version, "1.451.120.0");
    assert_eq!(product.definitions.updated_ms, Some(UPDATED_MS));
    assert_eq!(product.definitions.freshness, Freshness::Fresh);
    assert_eq!(
        (product.quick_scan_ms, product.full_scan_ms),
        (Some(1_795_410_000_000), None)
    );
    assert!(
        product
            .raw
            .contains(&"security_center.productState=397568".to_owned())
    );

    let [
        DefenderEvent::Detection(found),
        DefenderEvent::Detection(acted),
        setting,
        unknown,
    ] = &decoded.events[..]
    else {
        panic!("{:?}", decoded.events)
    };
    assert_eq!(found.key, "{26C3583A-98B2-4E88-9B8A-0E9BDEBEB9B4}");
    assert_eq!(
        found.path,
        "C:\\Users\\lan\\Tải về\\mẫu.zip->eicar.com".as_bytes()
    );
    assert_eq!((found.action, found.outcome), (Remedy::None, Outcome::Pending));
    assert_eq!(acted.key, found.key);
    assert_eq!(
        (acted.action, acted.outcome),
        (Remedy::Quarantined, Outcome::Succeeded)
    );
    assert_eq!(acted.found_ms, Some(1_795_399_209_000));
    let added = Some(Exclusion {
        kind: "Paths".to_owned(),
        value: "C:\\Phần mềm kế toán".to_owned(),
    });
    assert!(
        matches!(setting, DefenderEvent::Configuration(Change { exclusion_added, .. }) if *exclusion_added == added)
    );
    assert_eq!(*unknown, DefenderEvent::Unknown { id: Some(9_001) });
}

#[test]
fn kaspersky_protects_and_defender_steps_back() {
    let decoded = replay("client_kaspersky_beside_defender");
    let kaspersky = "Kaspersky Endpoint Security for Windows";
    assert_eq!(
        products(&decoded),
        [
            (kaspersky, "Kaspersky", Health::Reported, Active, On, On),
            (
                "Microsoft Defender",
                "Microsoft",
                Health::Reported,
                Passive,
                On,
                On
            ),
        ]
    );
    let product = &decoded.products[0];
    assert_eq!(product.version, "12.5.0.539");
    assert_eq!(product.definitions.updated_ms, Some(1_795_160_064_000));
    assert_eq!(product.definitions.freshness, Freshness::Stale);
    assert_eq!(product.licence_expires_ms, Some(1_797_984_000_000));
}

#[test]
fn an_expired_licence_leaves_nobody_who_protects() {
    let decoded = replay("client_eset_expired");
    let unknown = AntivirusMode::Unknown;
    assert_eq!(
        products(&decoded),
        [
            (
                "ESET Endpoint Antivirus",
                "ESET",
                Health::Reported,
                unknown,
                Expired,
                Expired
            ),
            (
                "Microsoft Defender",
                "Microsoft",
                Health::Reported,
                unknown,
                Off,
                Off
            ),
        ]
    );
    assert_eq!(decoded.products[0].definitions.version, "30251");
    assert_eq!(decoded.products[0].definitions.built_ms, Some(1_795_132_800_000));
}

#[test]
fn bkav_is_installed_and_nobody_knows_how_it_is() {
    let decoded = replay("client_bkav_unknown");
    let (unknown, nothing) = (AntivirusMode::Unknown, Switch::Unknown);
    assert_eq!(
        products(&decoded),
        [
            (
                "Microsoft Defender",
                "Microsoft",
                Health::InstalledOnly,
                unknown,
                nothing,
                nothing
            ),
            (
                "Bkav Pro Internet Security",
                "Bkav",
                Health::InstalledOnly,
                unknown,
                nothing,
                nothing
            ),
        ]
    );
    assert_eq!(decoded.products[1].version, "8.6.2");
    assert_eq!(decoded.products[0].raw, ["defender=timed_out"]);
    assert_eq!(
        unread(&decoded),
        [("defender", "timed_out"), ("defender_events", "no_permission")]
    );
}

#[test]
fn a_server_is_told_by_defender_itself() {
    let decoded = replay("server_defender");
    assert_eq!(
        products(&decoded),
        [(
            "Microsoft Defender",
            "Microsoft",
            Health::Reported,
            Active,
            On,
            Off
        )]
    );
    let twelve_days_before_ms = 1_795_392_000_000 - 12 * 86_400_000;
    assert_eq!(
        decoded.products[0].definitions.updated_ms,
        Some(twelve_days_before_ms)
    );
    assert_eq!(unread(&decoded), [("security_center", "0x8004100E")]);
}

#[test]
fn a_server_without_any_is_unknown_and_not_clean() {
    let decoded = replay("server_without_any");
    let (unknown, nothing) = (AntivirusMode::Unknown, Switch::Unknown);
    assert_eq!(
        products(&decoded),
        [(
            "Microsoft Defender",
            "Microsoft",
            Health::InstalledOnly,
            unknown,
            nothing,
            nothing
        )]
    );
    assert_eq!(decoded.products[0].raw, ["defender=0x8004100E"]);
}

#[test]
fn defender_on_linux_steps_back_beside_a_product_that_is_only_there() {
    let decoded = replay("linux_mdatp_passive");
    let (unknown, nothing) = (AntivirusMode::Unknown, Switch::Unknown);
    let kaspersky = "Kaspersky Endpoint Security";
    assert_eq!(
        products(&decoded),
        [
            (
                kaspersky,
                "Kaspersky",
                Health::InstalledOnly,
                unknown,
                nothing,
                nothing
            ),
            (
                "Microsoft Defender for Endpoint",
                "Microsoft",
                Health::Reported,
                Passive,
                On,
                Off
            ),
        ]
    );
    let product = &decoded.products[1];
    assert_eq!((product.updater, product.tamper_protection), (On, Off));
    assert_eq!(product.definitions.updated_ms, Some(UPDATED_MS));
    assert_eq!(product.definitions.freshness, Freshness::Fresh);
}

#[test]
fn clamav_works_beside_two_that_say_nothing() {
    let decoded = replay("linux_clamav");
    let (unknown, nothing) = (AntivirusMode::Unknown, Switch::Unknown);
    let defender = "Microsoft Defender for Endpoint";
    assert_eq!(
        products(&decoded),
        [
            ("ClamAV", "Cisco", Health::Reported, unknown, On, Off),
            (
                defender,
                "Microsoft",
                Health::InstalledOnly,
                unknown,
                nothing,
                nothing
            ),
            (
                "CrowdStrike Falcon",
                "CrowdStrike",
                Health::InstalledOnly,
                unknown,
                nothing,
                nothing
            ),
        ]
    );
    assert_eq!(decoded.products[0].version, "1.4.3");
    assert_eq!(decoded.products[0].definitions.version, "27690");
    assert_eq!(unread(&decoded), [("mdatp", "timed_out")]);
}

#[test]
fn absurd_values_are_unknown() {
    let decoded = replay("absurd");
    let names: Vec<&str> = decoded
        .products
        .iter()
        .map(|product| product.product.as_str())
        .collect();
    let expected = [
        "Diệt virus lạ",
        "Quá to",
        "Bằng chữ",
        "Kaspersky Endpoint Security",
        "Microsoft Defender",
    ];
    assert_eq!(names, expected);
    for product in &decoded.products {
        let switches = [
            product.engine,
            product.real_time,
            product.updater,
            product.tamper_protection,
        ];
        assert_eq!(switches, [Switch::Unknown; 4], "{product:?}");
        let moments = [
            product.definitions.built_ms,
            product.definitions.updated_ms,
            product.quick_scan_ms,
            product.licence_expires_ms,
        ];
        assert_eq!(moments, [None; 4], "{product:?}");
        assert_eq!(product.definitions.freshness, Freshness::Unknown);
        assert_eq!(product.mode, AntivirusMode::Unknown);
    }
    assert_eq!(
        decoded.events,
        [(); 3].map(|()| DefenderEvent::Unknown { id: None })
    );
}

#[test]
fn every_recording_has_its_test() {
    let entries = std::fs::read_dir(folder()).expect("recordings");
    let recordings: BTreeSet<String> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    let own_text = include_str!("antivirus.rs");
    for name in recordings {
        assert!(
            own_text.contains(&format!("replay(\"{name}\")")),
            "{name} is replayed nowhere"
        );
    }
}
