//! The offices of a province: departments with what stands under them, communes and wards.

use serde::Serialize;

/// From so many PCs on, the province has all its communes; a small one has a few of each kind.
const WHOLE_FROM_PCS: usize = 2_000;
const COMMUNES: usize = 160;
const COMMUNES_OF_FEW: usize = 12;
const DEPARTMENTS_OF_FEW: usize = 4;

const DEPARTMENTS: [&str; 12] = [
    "Sở Khoa học và Công nghệ",
    "Sở Y tế",
    "Sở Văn hoá, Thể thao và Du lịch",
    "Sở Tài chính",
    "Sở Nội vụ",
    "Sở Giáo dục và Đào tạo",
    "Sở Nông nghiệp và Môi trường",
    "Sở Xây dựng",
    "Sở Công Thương",
    "Sở Tư pháp",
    "Sở Dân tộc và Tôn giáo",
    "Thanh tra tỉnh",
];

/// Stands under the first two departments: one name, two offices.
const TWIN: &str = "Trung tâm Công nghệ thông tin";

const FIRST: [&str; 16] = [
    "Bình", "Tân", "Phú", "Đông", "Hoà", "Vĩnh", "Yên", "Thạnh", "Lộc", "Mỹ", "Nghĩa", "Quảng", "Xuân", "Kỳ",
    "Đắk", "Hưng",
];
const SECOND: [&str; 10] = [
    "Minh", "Lợi", "Thuận", "Hưng", "Sơn", "Giang", "Phước", "Đức", "Thịnh", "Khánh",
];

/// An office.
#[derive(Debug, Serialize)]
pub(crate) struct Unit {
    pub(crate) number: usize,
    pub(crate) name: String,
    /// The collector's word for it.
    pub(crate) kind: &'static str,
    /// The number of the one above.
    pub(crate) parent: Option<usize>,
    /// Another unit has this name too: a line of the register that names it could mean either.
    pub(crate) ambiguous: bool,
    /// How many PCs stand there beside others; 0 for none at all.
    pub(crate) size: Size,
}

/// How many PCs an office has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Size {
    Empty,
    One,
    /// As chance will have it.
    Ordinary,
    /// Many times as many as an ordinary one.
    Large,
}

/// All offices; those above come first.
pub(crate) fn units(pcs: usize) -> Vec<Unit> {
    let whole = pcs >= WHOLE_FROM_PCS;
    let mut units = Vec::new();
    add(&mut units, "UBND tỉnh Bình Đông", "province", None);
    for name in DEPARTMENTS
        .iter()
        .take(if whole { usize::MAX } else { DEPARTMENTS_OF_FEW })
    {
        add(&mut units, name, "department", Some(0));
    }
    for department in [1, 2] {
        let twin = add(&mut units, TWIN, "office", Some(department));
        units[twin].ambiguous = true;
    }
    units[3].size = Size::Large;
    let first_commune = units.len();
    let names = SECOND
        .iter()
        .flat_map(|second| FIRST.iter().map(move |first| format!("{first} {second}")));
    for (number, name) in names
        .take(if whole { COMMUNES } else { COMMUNES_OF_FEW })
        .enumerate()
    {
        let (prefix, kind) = match number % 4 {
            0 => ("UBND phường", "ward"),
            _ => ("UBND xã", "commune"),
        };
        add(&mut units, &format!("{prefix} {name}"), kind, Some(0));
    }
    units[first_commune].size = Size::Empty;
    units[first_commune + 1].size = Size::One;
    units
}

fn add(units: &mut Vec<Unit>, name: &str, kind: &'static str, parent: Option<usize>) -> usize {
    let number = units.len();
    units.push(Unit {
        number,
        name: name.to_owned(),
        kind,
        parent,
        ambiguous: false,
        size: Size::Ordinary,
    });
    number
}
