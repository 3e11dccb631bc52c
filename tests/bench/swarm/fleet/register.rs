//! The register of assets: what people believe they own, as a file with Vietnamese headers.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::household::Pc;
use super::province::Unit;
use crate::dice::Dice;

const HEADER: &str =
    "Mã tài sản,Tên máy,Đơn vị,Vị trí,Người sử dụng,Loại,Hệ điều hành,Địa chỉ MAC,Số sê-ri,Ghi chú";

const CUSTODIANS: [&str; 6] = [
    "Nguyễn Thị Lan",
    "Phạm Văn Hùng",
    "Trần Quang Minh",
    "Lê Thị Hoà",
    "Vũ Đình Dũng",
    "Đặng Thị Nguyệt",
];
/// What people write there: with the separator, with quotes, with what a spreadsheet takes for a formula.
const NOTES: [&str; 6] = [
    "",
    "",
    "",
    "máy cũ, chờ thanh lý",
    "phòng \"Một cửa\"",
    "=HYPERLINK(\"http://tinh.example\")",
];

/// A line of the register.
#[derive(Debug, Serialize)]
pub(crate) struct Asset {
    pub(crate) asset_number: String,
    /// The unit that it is listed under.
    pub(crate) unit: usize,
    pub(crate) name: String,
    pub(crate) place: String,
    pub(crate) custodian: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) os: &'static str,
    pub(crate) mac: String,
    pub(crate) serial: String,
    pub(crate) note: &'static str,
    /// What tells that this line is the PC that is enrolled; `None` when nothing does, although it is.
    pub(crate) joins: Option<Joins>,
}

/// What a line and a PC have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Joins {
    AssetNumber,
    Mac,
    Serial,
    Name,
}

/// Lists the PCs of all units, but for some that nobody has thought of.
pub(crate) fn list(pcs: &mut [Pc], units: &[Unit], seed: u64) {
    for pc in pcs.iter_mut() {
        let mut dice = Dice::of(seed << 32 | 1 << 30 | pc.number as u64);
        if pc.like.is_none() && (pc.enrolled.is_none() || dice.percent(93)) {
            let asset = asset(pc, units, &mut dice);
            pc.numbered = asset.joins == Some(Joins::AssetNumber);
            pc.asset = Some(asset);
        }
    }
    for number in 1..pcs.len() {
        namesakes(pcs, number);
    }
}

fn asset(pc: &Pc, units: &[Unit], dice: &mut Dice) -> Asset {
    let mut asset = Asset {
        asset_number: format!("TS-{:02}-{:05}", pc.unit, pc.number),
        unit: pc.unit,
        name: pc.name.clone(),
        place: format!("Tầng {}, phòng {}", 1 + dice.below(4), 100 + dice.below(30)),
        custodian: dice.of_all(&CUSTODIANS),
        kind: "Máy tính để bàn",
        os: pc.os,
        mac: String::new(),
        serial: String::new(),
        note: dice.of_all(&NOTES),
        joins: None,
    };
    let joins = dice.weighed(&[
        (70, Joins::Mac),
        (10, Joins::Serial),
        (17, Joins::Name),
        (3, Joins::AssetNumber),
    ]);
    match joins {
        Joins::Mac => asset.mac = spelt(&pc.mac, dice),
        Joins::Serial => asset.serial = pc.disk_serial.clone(),
        // Somebody typed it.
        Joins::Name => asset.name = pc.name.to_uppercase(),
        Joins::AssetNumber => {}
    }
    if joins != Joins::Name {
        asset.name = format!("Máy {} {}", pc.number, asset.custodian);
    }
    asset.joins = pc.enrolled.map(|_| joins);
    if joins == Joins::Mac && dice.percent(3) {
        asset.unit = (pc.unit + 1) % units.len();
    }
    asset
}

/// As labels, switches and spreadsheets write hardware addresses.
fn spelt(mac: &str, dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => mac.to_uppercase().replace(':', "-"),
        1 => mac.replace(':', ""),
        2 => {
            let digits = mac.replace(':', "");
            format!("{}.{}.{}", &digits[..4], &digits[4..8], &digits[8..])
        }
        _ => mac.to_owned(),
    }
}

/// Now and then two PCs of an office have one name, and the register knows nothing else of them.
fn namesakes(pcs: &mut [Pc], number: usize) {
    let (before, rest) = pcs.split_at_mut(number);
    let Some(pc) = rest.first_mut() else { return };
    if pc.asset.as_ref().and_then(|asset| asset.joins) != Some(Joins::Name) {
        return;
    }
    let is_alike = |other: &&mut Pc| {
        other.unit == pc.unit && other.asset.as_ref().and_then(|asset| asset.joins) == Some(Joins::Name)
    };
    if let (Some(other), true) = (before.iter_mut().rev().find(is_alike), number.is_multiple_of(5)) {
        pc.name.clone_from(&other.name);
        for asset in [&mut pc.asset, &mut other.asset].into_iter().flatten() {
            asset.name.clone_from(&pc.name);
            asset.joins = None;
        }
    }
}

/// Writes `register.csv`, and `register-N.csv` for each unit N whose name another unit has too.
pub(crate) fn write(folder: &Path, units: &[Unit], pcs: &[Pc]) -> io::Result<()> {
    let lines = |unit: Option<usize>| {
        let assets = pcs.iter().filter_map(|pc| pc.asset.as_ref());
        let of = assets.filter(|asset| match unit {
            Some(unit) => asset.unit == unit,
            None => !units[asset.unit].ambiguous,
        });
        let lines = of.map(|asset| line(asset, &units[asset.unit].name));
        let all: Vec<String> = std::iter::once(HEADER.to_owned()).chain(lines).collect();
        all.join("\r\n") + "\r\n"
    };
    fs::write(folder.join("register.csv"), lines(None))?;
    for unit in units.iter().filter(|unit| unit.ambiguous) {
        let file = folder.join(format!("register-{}.csv", unit.number));
        fs::write(file, lines(Some(unit.number)))?;
    }
    Ok(())
}

fn line(asset: &Asset, unit: &str) -> String {
    let fields = [
        &asset.asset_number,
        &asset.name,
        unit,
        &asset.place,
        asset.custodian,
        asset.kind,
        asset.os,
        &asset.mac,
        &asset.serial,
        asset.note,
    ];
    fields.map(quoted).join(",")
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
