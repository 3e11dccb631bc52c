//! Which antivirus a PC has, and how it is from day to day.

use serde::Serialize;
use vong_proto::event::{AntivirusMode, Expectations, Freshness, Health, Switch};

use super::DAY_MS;
use crate::dice::Dice;

const HOUR_MS: i64 = DAY_MS / 24;

/// What a PC says of its antivirus on a day.
#[derive(Debug, Serialize)]
pub(crate) struct Said {
    pub(crate) day: usize,
    /// What its policy asks.
    pub(crate) expectations: Expectations,
    pub(crate) products: Vec<Product>,
}

/// One product on one day.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Product {
    pub(crate) product: &'static str,
    pub(crate) vendor: &'static str,
    pub(crate) version: &'static str,
    pub(crate) health: Health,
    pub(crate) mode: AntivirusMode,
    pub(crate) engine: Switch,
    pub(crate) real_time: Switch,
    pub(crate) built_ms: Option<i64>,
    pub(crate) freshness: Freshness,
}

/// A product that can be had, with its versions in use.
#[derive(Clone, Copy)]
struct Offer(&'static str, &'static str, [&'static str; 2]);

const DEFENDER: Offer = Offer(
    "Microsoft Defender",
    "Microsoft",
    ["4.18.25090.3009", "4.18.24090.11"],
);
const KASPERSKY: Offer = Offer(
    "Kaspersky Endpoint Security",
    "Kaspersky",
    ["12.8.0.505", "11.10.0.399"],
);
const ESET: Offer = Offer("ESET Endpoint Antivirus", "ESET", ["12.0.2045.0", "10.1.2058.0"]);
const BKAV: Offer = Offer("Bkav Pro", "Bkav", ["", ""]);
const CMC: Offer = Offer("CMC Antivirus", "CMC", ["", ""]);
const CLAMAV: Offer = Offer("ClamAV", "Cisco", ["1.4.3", "1.0.9"]);
const MDATP: Offer = Offer(
    "Microsoft Defender for Linux",
    "Microsoft",
    ["101.25082.0003", "101.24072.0001"],
);

/// How a PC came by its products.
#[derive(Clone, Copy)]
enum Outfit {
    None,
    /// One product that tells of itself.
    One(Offer),
    /// One of which only its presence is known.
    Installed(Offer),
    /// One that protects, and Defender, which has stepped back for it.
    Beside(Offer),
    /// One of which only its presence is known, and Defender, which protects.
    InstalledBeside(Offer),
    /// Defender has stepped back, and the other is gone.
    Orphaned,
    /// A sensor that never got to look.
    Mute,
}

/// How a product is on a day.
#[derive(Clone, Copy)]
enum Condition {
    Well,
    Old,
    Without(Switch),
    RealTimeOff,
    /// The source says this of the definitions, and not their age.
    AgeUnknown(Freshness),
}

/// What a PC says, on each of its days.
pub(super) fn said(windows: bool, online: &[usize], days_ms: &[i64], dice: &mut Dice) -> Vec<Said> {
    let outfit = outfit(windows, dice);
    let mut condition = condition(dice);
    let version = dice.below(2) as usize;
    let warn_days = dice.weighed(&[(9, 3), (1, 5)]);
    let expectations = Expectations {
        definitions_warn_days: warn_days,
        real_time_required: windows,
        ..Expectations::default()
    };
    let mut said = Vec::new();
    for &day in online {
        if dice.percent(30) {
            condition = self::condition(dice);
        }
        if let Some(products) = products(outfit, condition, version, days_ms[day], dice) {
            said.push(Said {
                day,
                expectations,
                products,
            });
        }
    }
    said
}

fn outfit(windows: bool, dice: &mut Dice) -> Outfit {
    if windows {
        dice.weighed(&[
            (38, Outfit::One(DEFENDER)),
            (12, Outfit::One(KASPERSKY)),
            (12, Outfit::Beside(KASPERSKY)),
            (8, Outfit::Beside(ESET)),
            (4, Outfit::One(ESET)),
            (9, Outfit::Installed(BKAV)),
            (6, Outfit::InstalledBeside(BKAV)),
            (3, Outfit::Installed(CMC)),
            (5, Outfit::None),
            (2, Outfit::Orphaned),
            (1, Outfit::Mute),
        ])
    } else {
        dice.weighed(&[
            (80, Outfit::One(CLAMAV)),
            (6, Outfit::One(MDATP)),
            (13, Outfit::None),
            (1, Outfit::Mute),
        ])
    }
}

fn condition(dice: &mut Dice) -> Condition {
    dice.weighed(&[
        (66, Condition::Well),
        (10, Condition::Old),
        (5, Condition::Without(Switch::Off)),
        (2, Condition::Without(Switch::Snoozed)),
        (3, Condition::Without(Switch::Expired)),
        (3, Condition::Without(Switch::Unknown)),
        (5, Condition::RealTimeOff),
        (3, Condition::AgeUnknown(Freshness::Fresh)),
        (2, Condition::AgeUnknown(Freshness::Stale)),
        (1, Condition::AgeUnknown(Freshness::Unknown)),
    ])
}

fn products(
    outfit: Outfit,
    condition: Condition,
    version: usize,
    at_ms: i64,
    dice: &mut Dice,
) -> Option<Vec<Product>> {
    let mut reported = |offer| reported(offer, condition, version, at_ms, dice);
    Some(match outfit {
        Outfit::None => Vec::new(),
        Outfit::One(offer) => vec![reported(offer)],
        Outfit::Installed(offer) => vec![installed(offer)],
        Outfit::Beside(offer) => {
            let mut active = reported(offer);
            active.mode = AntivirusMode::Active;
            vec![stepped_back(version, at_ms), active]
        }
        Outfit::InstalledBeside(offer) => vec![installed(offer), reported(DEFENDER)],
        Outfit::Orphaned => vec![stepped_back(version, at_ms)],
        Outfit::Mute => return None,
    })
}

/// Ages lie hours away from whole days, so that it does not matter at which minute they are judged.
fn reported(
    Offer(product, vendor, versions): Offer,
    condition: Condition,
    version: usize,
    at_ms: i64,
    dice: &mut Dice,
) -> Product {
    let days = match condition {
        Condition::Old => 2 + dice.below(39),
        _ => dice.below(3),
    };
    let hours = 1 + dice.below(22);
    let built_ms = at_ms - days.cast_signed() * DAY_MS - hours.cast_signed() * HOUR_MS;
    let mut product = Product {
        product,
        vendor,
        version: versions[version],
        health: Health::Reported,
        mode: AntivirusMode::Unknown,
        engine: Switch::On,
        real_time: Switch::On,
        built_ms: Some(built_ms),
        freshness: Freshness::Unknown,
    };
    match condition {
        Condition::Well | Condition::Old => {}
        Condition::Without(engine) => (product.engine, product.real_time) = (engine, engine),
        Condition::RealTimeOff => product.real_time = Switch::Off,
        Condition::AgeUnknown(freshness) => (product.built_ms, product.freshness) = (None, freshness),
    }
    product
}

fn installed(Offer(product, vendor, versions): Offer) -> Product {
    Product {
        product,
        vendor,
        version: versions[0],
        health: Health::InstalledOnly,
        mode: AntivirusMode::Unknown,
        engine: Switch::Unknown,
        real_time: Switch::Unknown,
        built_ms: None,
        freshness: Freshness::Unknown,
    }
}

/// Defender beside another product: it runs, is up to date, and does not look at files.
fn stepped_back(version: usize, at_ms: i64) -> Product {
    let Offer(product, vendor, versions) = DEFENDER;
    Product {
        product,
        vendor,
        version: versions[version],
        health: Health::Reported,
        mode: AntivirusMode::Passive,
        engine: Switch::On,
        real_time: Switch::Off,
        built_ms: Some(at_ms - 5 * HOUR_MS),
        freshness: Freshness::Fresh,
    }
}
