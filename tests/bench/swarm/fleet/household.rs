//! The PCs of the offices: how they came there, on which days they are on, and what people know of them.

use serde::Serialize;
use vong_agent::uplink::Pc as Speaker;
use vong_proto::session::Fingerprint;

use super::malware::{self, Detection};
use super::products::{self, Said};
use super::province::{Size, Unit};
use super::register::{self, Asset};
use super::{DAY_MS, DAYS_AGO};
use crate::dice::Dice;
use crate::enrolment;

const TODAY: usize = DAYS_AGO.len() - 1;

/// A large office stands for so many ordinary ones.
const LARGE_WEIGHT: u64 = 8;

const ROOMS: [&str; 8] = [
    "Kế-toán",
    "Văn-phòng",
    "Một-cửa",
    "Địa-chính",
    "Tư-pháp",
    "Văn-thư",
    "Lãnh-đạo",
    "Hộ-tịch",
];
const WINDOWS: [&str; 3] = [
    "Windows 10 Pro 22H2",
    "Windows 11 Pro 23H2",
    "Windows 7 Professional",
];
const LINUX: [&str; 2] = ["Debian GNU/Linux 12 (bookworm)", "Ubuntu 24.04.3 LTS"];

/// A PC.
#[derive(Debug, Serialize)]
pub(crate) struct Pc {
    pub(crate) number: usize,
    pub(crate) name: String,
    /// The unit whose token it is enrolled with.
    pub(crate) unit: usize,
    pub(crate) os: &'static str,
    pub(crate) windows: bool,
    pub(crate) mac: String,
    pub(crate) disk_serial: String,
    /// The day of its enrolment; `None` for a PC that only the register knows.
    pub(crate) enrolled: Option<usize>,
    /// The days on which it is heard.
    pub(crate) online: Vec<usize>,
    /// It was enrolled with the marks of this PC by another unit's token, so it waits for a person to approve it.
    pub(crate) like: Option<usize>,
    /// On the last day people say that it is managed no more.
    pub(crate) retired: bool,
    /// On the last day people note the register's number at the host.
    pub(crate) numbered: bool,
    /// What the register says of it.
    pub(crate) asset: Option<Asset>,
    /// What it says of its antivirus, on each day on which it is heard.
    pub(crate) said: Vec<Said>,
    pub(crate) detections: Vec<Detection>,
    pub(crate) exceptions: Vec<Exception>,
    /// Hardware addresses that it sees on its network on the last day.
    pub(crate) neighbours: Vec<String>,
}

/// That it may be without protection, and until when.
#[derive(Debug, Serialize)]
pub(crate) struct Exception {
    pub(crate) kind: &'static str,
    /// The day on which it is made.
    pub(crate) made: usize,
    pub(crate) ends_ms: i64,
    /// The day on which somebody ends it early.
    pub(crate) ended: Option<usize>,
}

impl Pc {
    pub(crate) fn is_on(&self, day: usize) -> bool {
        self.online.contains(&day)
    }

    /// What its agent says of the machine.
    pub(crate) fn said_of_itself(&self) -> Speaker {
        // A PC that looks like another has its marks, and a name of its own.
        let plain = enrolment::pc(self.like.unwrap_or(self.number));
        Speaker {
            fingerprint: Fingerprint {
                disk_serial: self.disk_serial.clone(),
                ..plain.fingerprint
            },
            hostname: self.name.clone(),
            os: self.os.to_owned(),
            ..plain
        }
    }
}

/// All PCs, each from dice of its own.
pub(crate) fn pcs(count: usize, seed: u64, units: &[Unit], days_ms: &[i64]) -> Vec<Pc> {
    let weights: Vec<(u64, usize)> = units
        .iter()
        .map(|unit| match unit.size {
            Size::Empty | Size::One => (0, unit.number),
            Size::Ordinary => (1, unit.number),
            Size::Large => (LARGE_WEIGHT, unit.number),
        })
        .collect();
    let lonely = units.iter().find(|unit| unit.size == Size::One);
    let mut pcs: Vec<Pc> = (0..count)
        .map(|number| {
            let mut dice = Dice::of(seed << 32 | number as u64);
            let unit = match lonely {
                Some(lonely) if number == 0 => lonely.number,
                _ => dice.weighed(&weights),
            };
            pc(number, unit, days_ms, &mut dice)
        })
        .collect();
    for number in 1..count {
        doubt(&mut pcs, number, units.len());
    }
    register::list(&mut pcs, units, seed);
    for pc in &mut pcs {
        let mut dice = Dice::of(seed << 32 | 1 << 31 | pc.number as u64);
        pc.exceptions = exceptions(pc, days_ms, &mut dice);
        pc.neighbours = neighbours(pc, count, &mut dice);
    }
    pcs
}

fn pc(number: usize, unit: usize, days_ms: &[i64], dice: &mut Dice) -> Pc {
    let windows = dice.percent(85);
    let os = dice.of_all(if windows { &WINDOWS[..] } else { &LINUX[..] });
    let enrolled = dice.weighed(&[
        (64, Some(0)),
        (18, Some(1)),
        (7, Some(2)),
        (3, Some(3)),
        (8, None),
    ]);
    let online = enrolled.map_or_else(Vec::new, |enrolled| online(enrolled, dice));
    let said = products::said(windows, &online, days_ms, dice);
    let detections = malware::detections(windows, &online, days_ms, dice);
    Pc {
        number,
        name: format!("PC-{}-{number:05}", dice.of_all(&ROOMS)),
        unit,
        os,
        windows,
        mac: enrolment::mac(number),
        disk_serial: format!("WD-WX{number:08}"),
        enrolled,
        retired: online.len() > 1 && dice.percent(1),
        numbered: false,
        online,
        like: None,
        asset: None,
        said,
        detections,
        exceptions: Vec::new(),
        neighbours: Vec::new(),
    }
}

/// Most PCs are on every day; some never after their enrolment, some went away, some were away in between.
fn online(enrolled: usize, dice: &mut Dice) -> Vec<usize> {
    let all = enrolled..=TODAY;
    match dice.below(100) {
        0..2 => Vec::new(),
        2..14 => {
            let last = enrolled + dice.below((TODAY - enrolled + 1) as u64) as usize;
            (enrolled..=last).collect()
        }
        14..24 => all.filter(|day| *day == TODAY || dice.percent(50)).collect(),
        _ => all.collect(),
    }
}

/// Now and then a PC has the marks of the one before it and the token of another unit.
fn doubt(pcs: &mut [Pc], number: usize, units: usize) {
    let (before, rest) = pcs.split_at_mut(number);
    let (Some(known), Some(pc)) = (before.last(), rest.first_mut()) else {
        return;
    };
    let is_known = known.like.is_none() && known.enrolled == Some(0);
    if number % 97 == 13 && is_known && pc.enrolled.is_some_and(|day| day > 0) && known.unit + 1 < units {
        pc.unit = known.unit + 1;
        pc.like = Some(known.number);
        (pc.mac, pc.disk_serial) = (known.mac.clone(), known.disk_serial.clone());
        pc.online.clear();
        pc.said.clear();
        pc.detections.clear();
        pc.retired = false;
    }
}

/// Few PCs have one, and of these some have one that is over.
fn exceptions(pc: &Pc, days_ms: &[i64], dice: &mut Dice) -> Vec<Exception> {
    let is_known = pc.like.is_none() && !pc.retired && (pc.asset.is_some() || pc.enrolled.is_some());
    // PCs that never say a word are what exceptions are for.
    let percent = if pc.online.is_empty() { 40 } else { 4 };
    if !is_known || !dice.percent(percent) {
        return Vec::new();
    }
    let kind = dice.of_all(&["offline_rule", "tablet_kiosk", "unsupported", "retired"]);
    let today_ms = days_ms[TODAY];
    let one = |made, ends_ms, ended| Exception {
        kind,
        made,
        ends_ms,
        ended,
    };
    let far_ms = today_ms + (30 + dice.below(300).cast_signed()) * DAY_MS;
    let early = pc.enrolled.is_none_or(|enrolled| enrolled <= 1);
    match dice.below(4) {
        0 if early => vec![one(1, today_ms - 3 * DAY_MS, None)],
        1 if early => vec![one(1, far_ms, Some(2))],
        2 if early => vec![one(1, today_ms - 3 * DAY_MS, None), one(TODAY, far_ms, None)],
        _ => vec![one(TODAY, far_ms, None)],
    }
}

/// One PC of ten tells whom it sees: its own colleagues, and machines that nobody knows.
fn neighbours(pc: &Pc, count: usize, dice: &mut Dice) -> Vec<String> {
    if pc.retired || !pc.is_on(TODAY) || !dice.percent(10) {
        return Vec::new();
    }
    let mut seen: Vec<String> = (0..2)
        .map(|_| enrolment::mac(dice.below(count as u64) as usize))
        .collect();
    let strangers = (0..dice.below(3)).map(|number| {
        format!(
            "00:1b:a9:{:02x}:{:02x}:{number:02x}",
            pc.number >> 8,
            pc.number & 0xff
        )
    });
    seen.extend(strangers);
    seen.retain(|mac| *mac != pc.mac);
    seen.sort_unstable();
    seen.dedup();
    seen
}
