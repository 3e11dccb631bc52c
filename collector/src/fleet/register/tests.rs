//! Registers as offices save them, and what is made of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use encoding_rs::WINDOWS_1258;
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

use super::line::{Line, Units, checked};
use super::plan::{Known, Plan, plan};
use super::*;
use crate::entry::HostId;
use crate::registry::pc::JoinedBy;
use crate::registry::unit::{Unit, UnitKind};

const REGISTER: &str = "Mã tài sản;Tên máy;Đơn vị;Nơi đặt;Địa chỉ MAC;Số sê-ri;Ghi chú\r\n\
    TS-001;PC-VP-01;Xã Đông Hồ;Phòng 1;AA-BB-CC-00-11-22;S1;máy \"mới\"\r\n\
    ;PC-VP-02;xa dong ho;;aabb.cc00.1133;;\r\n";

fn encoded(text: &str, encoding: Encoding) -> Vec<u8> {
    let utf16 = |to: fn(u16) -> [u8; 2]| {
        std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .flat_map(to)
            .collect()
    };
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Utf16Le => utf16(u16::to_le_bytes),
        Encoding::Utf16Be => utf16(u16::to_be_bytes),
        Encoding::Windows1258 => in_windows_1258(text),
    }
}

/// As Windows writes Vietnamese: letters with circumflex, breve or horn, then the tone.
fn in_windows_1258(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for letter in text.chars() {
        let text = letter.to_string();
        let (whole, _, failed) = WINDOWS_1258.encode(&text);
        if !failed {
            bytes.extend(whole.as_ref());
            continue;
        }
        let parts: Vec<char> = std::iter::once(letter).nfd().collect();
        let tone = parts
            .iter()
            .position(|c| matches!(*c, '\u{300}' | '\u{301}' | '\u{303}' | '\u{309}' | '\u{323}'));
        let tone = tone.expect("a letter with a tone");
        let base: String = parts
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != tone)
            .map(|(_, c)| *c)
            .nfc()
            .collect();
        for part in [base, parts[tone].to_string()] {
            bytes.extend(WINDOWS_1258.encode(&part).0.as_ref());
        }
    }
    bytes
}

fn sheet(text: &str) -> Sheet {
    read(text.as_bytes(), &Mapping::default()).expect("a register")
}

fn units() -> Units {
    let names = [
        (1, "UBND tỉnh"),
        (2, "Xã Đông Hồ"),
        (3, "Xã Tây Hồ"),
        (4, "Văn phòng"),
        (5, "văn  phòng"),
    ];
    Units::new(names.into_iter(), None)
}

#[test]
fn every_encoding_says_the_same() {
    let expected = sheet(REGISTER);
    for encoding in [
        Encoding::Utf8,
        Encoding::Utf16Le,
        Encoding::Utf16Be,
        Encoding::Windows1258,
    ] {
        let found = read(&encoded(REGISTER, encoding), &Mapping::default()).expect("a register");
        assert_eq!(found.encoding, encoding);
        assert_eq!(
            (found.columns, found.lines),
            (expected.columns.clone(), expected.lines.clone())
        );
    }
    let marked = read(
        &[b"\xef\xbb\xbf", REGISTER.as_bytes()].concat(),
        &Mapping::default(),
    );
    assert_eq!(marked, Ok(expected.clone()));
    let decomposed: String = REGISTER.nfd().collect();
    assert_eq!(sheet(&decomposed), expected);
}

#[test]
fn columns_are_known_by_many_names() {
    for (header, fields) in [
        ("Mã tài sản,Tên máy tính,Đơn vị", "asset_number name unit"),
        ("SO TAI SAN\tTEN MAY\tPhòng", "asset_number name place"),
        ("Hostname;MAC Address;S/N;Ghi chú", "name mac serial note"),
        (
            "sep=;\nTên máy;Người sử dụng;Hệ điều hành;Loại",
            "name custodian os kind",
        ),
        ("\"Tên máy\",\"Vị trí\",Khác", "name place -"),
        ("DANH SÁCH MÁY,,\n,,\nSTT,Tên máy,Số sê-ri", "- name serial"),
        ("Tên máy,Tên máy tính", "name -"),
    ] {
        let columns = sheet(&format!("{header}\nx,y,z")).columns;
        let found: Vec<_> = columns
            .iter()
            .map(|column| column.field.map_or("-", Field::name))
            .collect();
        assert_eq!(found.join(" "), fields, "{header}");
    }
}

#[test]
fn a_mapping_says_what_headers_do_not() {
    let mapping = Mapping::parse("asset_number=Số thẻ TS ; name=Cột B").expect("a mapping");
    let sheet = read("cot b;SỐ THẺ TS;Tên máy\nPC;7;khác\n".as_bytes(), &mapping).expect("a register");
    let cells = &sheet.lines[0].cells;
    assert_eq!(
        (cells[&Field::Name].as_str(), cells[&Field::AssetNumber].as_str()),
        ("PC", "7")
    );
    for (text, fault) in [
        ("number=x", FileFault::UnknownField("number=x".to_owned())),
        ("name", FileFault::UnknownField("name".to_owned())),
        ("name=a;name=b", FileFault::FieldTwice("name")),
    ] {
        assert_eq!(Mapping::parse(text), Err(fault), "{text}");
    }
    let missing = read(b"a;b\n1;2\n", &Mapping::parse("name=c").expect("a mapping"));
    assert_eq!(missing, Err(FileFault::UnknownColumn("c".to_owned())));
}

#[test]
fn a_file_that_is_no_register_is_refused_with_its_place() {
    let many = format!("Tên máy\n{}", "x\n".repeat(LINES_MAX + 1));
    let damaged = [REGISTER.as_bytes(), b"a;\xff;b\n"].concat();
    let odd = [0xff, 0xfe, b'a', 0, b'\n', 0, 0x00, 0xd8, b'b', 0];
    for (bytes, fault) in [
        (&b""[..], FileFault::Empty),
        (b" \n\xe2\x80\x82", FileFault::Empty),
        (b"a;b\n1;2", FileFault::NoHeader),
        (many.as_bytes(), FileFault::TooManyLines),
        (
            "Tên máy;Vị trí\nA;24\"\nB;\"mở ngoặc\nC;x\n".as_bytes(),
            FileFault::OpenQuote { line: 3 },
        ),
        (&damaged, FileFault::Undecodable { line: 4 }),
        (&odd, FileFault::Undecodable { line: 2 }),
        (b"T\xean m\xe1y\nx\x81", FileFault::Undecodable { line: 2 }),
        (b"\xef\xbb\xbfa\n\xff", FileFault::Undecodable { line: 2 }),
    ] {
        assert_eq!(read(bytes, &Mapping::default()), Err(fault));
    }
    assert_eq!(
        read(&vec![b'x'; FILE_BYTES_MAX + 1], &Mapping::default()),
        Err(FileFault::TooLarge)
    );
}

#[test]
fn a_bad_line_is_named_and_the_others_are_taken() {
    use LineFaultCode as Code;
    let cases = [
        ("TS-1,PC-1,Xã Đông Hồ,,", None),
        (",,Xã Đông Hồ,,", Some(Code::Unnamed)),
        ("TS-2,PC,,,", Some(Code::NoUnit)),
        ("TS-3,PC,Xã Bắc Hồ,,", Some(Code::UnknownUnit)),
        ("TS-4,PC,VĂN PHÒNG,,", Some(Code::AmbiguousUnit)),
        ("TS-5,PC,Xã Đông Hồ,nope,", Some(Code::BadMac)),
        ("TS-6,PC,Xã Đông Hồ,ff:ff:ff:ff:ff:ff,", Some(Code::BadMac)),
        ("ts - 1,PC,Xã Đông Hồ,,", Some(Code::DuplicateAssetNumber)),
        ("TS-7,PC,Xã Đông Hồ,0011.2233.4455,", None),
        ("TS-8,PC,Xã Đông Hồ,00-11-22-33-44-55,", Some(Code::DuplicateMac)),
        (",pc 9,Xã Đông Hồ,,", None),
        (",PC-9,xã đông hồ,,", Some(Code::DuplicatePc)),
        ("TS-10,a\0b,Xã Đông Hồ,,", Some(Code::Unprintable)),
        ("TS-11,PC,Xã Đông Hồ,,,surplus", Some(Code::TooManyFields)),
        ("=cmd|' /c calc'!A1,PC,Xã Đông Hồ,,", None),
    ];
    let lines: Vec<&str> = cases.iter().map(|(line, _)| *line).collect();
    let long = format!("TS-12,{},Xã Đông Hồ,,", "x".repeat(256));
    let text = format!(
        "Mã tài sản,Tên máy,Đơn vị,MAC,Ghi chú\n{}\n{long}\n",
        lines.join("\n")
    );
    let (taken, faults, bad) = checked(sheet(&text), &units());
    let expected: Vec<(u64, LineFaultCode)> = cases
        .iter()
        .zip(2_u64..)
        .filter_map(|((_, fault), line)| Some((line, (*fault)?)))
        .chain([(17, Code::TooLong)])
        .collect();
    assert_eq!(
        faults.iter().map(|it| (it.line, it.code)).collect::<Vec<_>>(),
        expected
    );
    assert_eq!((taken.len(), bad), (4, expected.len() as u64));
    let first = faults
        .iter()
        .find(|it| it.code == Code::DuplicateAssetNumber)
        .expect("named");
    assert_eq!((first.value.as_str(), first.first_line), ("ts - 1", Some(2)));
    assert_eq!(taken[1].cells[&Field::Mac], "00:11:22:33:44:55");
    assert_eq!(
        taken[3].cells[&Field::AssetNumber],
        "=cmd|' /c calc'!A1",
        "kept as text"
    );
}

#[test]
fn lines_are_counted_however_they_end() {
    let text = "DANH SÁCH MÁY\n\n\"a\nb\"\nTên máy;Đơn vị\nA;Xã Đông Hồ\n\nB;Xã nào\n";
    for end in ["\n", "\r\n", "\r"] {
        let (_, faults, _) = checked(sheet(&text.replace('\n', end)), &units());
        assert_eq!(
            faults.iter().map(|it| it.line).collect::<Vec<_>>(),
            [8],
            "{end:?}"
        );
    }
}

#[test]
fn one_unit_may_stand_for_all_lines() {
    let only = Units::new([(7, "Sở")].into_iter(), Some(7));
    let (lines, faults, _) = checked(sheet("Tên máy,Đơn vị\nA,không có\nB,\n"), &only);
    assert_eq!(faults, []);
    assert!(lines.iter().all(|line| line.unit == 7) && lines.len() == 2);
}

#[test]
fn hardware_addresses_have_one_spelling() {
    for (text, expected) in [
        ("AA-BB-CC-00-11-22", Some("aa:bb:cc:00:11:22")),
        ("aabb.cc00.1122", Some("aa:bb:cc:00:11:22")),
        ("AABBCC001122", Some("aa:bb:cc:00:11:22")),
        ("", Some("")),
        ("aa:bb:cc:00:11", None),
        ("aa:bb:cc:00:11:22 / aa:bb:cc:00:11:23", None),
        ("00:00:00:00:00:00", None),
        ("không rõ", None),
        ("ạạạạạạạạạạạạ", None),
    ] {
        assert_eq!(mac(text).as_deref(), expected, "{text}");
    }
}

/// Carries a plan out, as the registry does.
fn carried_out(known: Vec<Known>, plan: &Plan) -> Vec<Known> {
    let mut entries: BTreeMap<i64, Known> = known.into_iter().map(|entry| (entry.id, entry)).collect();
    for change in &plan.removed {
        entries.remove(&change.before.as_ref().expect("an entry").id);
    }
    for change in plan.changed.iter().chain(&plan.added) {
        let next = entries.keys().last().map_or(1, |last| last + 1);
        let id = change.before.as_ref().map_or(next, |entry| entry.id);
        let (unit, cells) = (change.unit, change.cells.clone());
        entries.insert(id, Known { id, unit, cells });
    }
    entries.into_values().collect()
}

fn brought_in(text: &str, known: Vec<Known>, removing: &[i64]) -> (Plan, Vec<Known>) {
    let (lines, _, _) = checked(sheet(text), &units());
    let plan = plan(lines, known.clone(), &removing.iter().copied().collect());
    let after = carried_out(known, &plan);
    (plan, after)
}

fn tally(plan: &Plan) -> [usize; 4] {
    let unchanged = usize::try_from(plan.unchanged).expect("few");
    [
        plan.added.len(),
        plan.changed.len(),
        unchanged,
        plan.removed.len(),
    ]
}

#[test]
fn a_plan_says_what_changes_and_a_second_run_changes_nothing() {
    let (first, known) = brought_in(REGISTER, Vec::new(), &[]);
    assert_eq!(tally(&first), [2, 0, 0, 0]);
    let (second, known) = brought_in(REGISTER, known, &[2]);
    assert_eq!(tally(&second), [0, 0, 2, 0]);
    // A number for the one that had none, another place for the other, and a third.
    let next = "Mã tài sản,Tên máy,Đơn vị,Nơi đặt\nTS-001,PC-VP-01,Xã Đông Hồ,Phòng 2\n\
                TS-002,PC-VP-02,Xã Đông Hồ,\nTS-003,PC-VP-03,Xã Tây Hồ,\n";
    let (third, known) = brought_in(next, known, &[]);
    assert_eq!(tally(&third), [1, 2, 0, 0]);
    assert_eq!(
        known[0].cells[&Field::Mac],
        "aa:bb:cc:00:11:22",
        "an absent column changes nothing"
    );
    let (fourth, known) = brought_in("Tên máy,Đơn vị\nPC-VP-01,Xã Đông Hồ\n", known, &[2]);
    assert_eq!(tally(&fourth), [0, 0, 1, 1]);
    assert_eq!(
        fourth.removed[0].cells[&Field::AssetNumber],
        "TS-002",
        "only of the units asked for"
    );
    assert_eq!(known.len(), 2);
}

fn unit(id: i64, parent_id: Option<i64>) -> (i64, Unit) {
    let unit = Unit {
        id,
        parent_id,
        name: id.to_string(),
        kind: UnitKind::Commune,
        contact_name: String::new(),
        contact_email: String::new(),
        phone: String::new(),
        created_ms: 0,
    };
    (id, unit)
}

fn asset(id: i64, unit: i64, of: [&str; 4]) -> AssetKeys {
    let [asset_number, mac, serial, name] = of.map(str::to_owned);
    AssetKeys {
        id,
        unit,
        asset_number,
        mac,
        serial,
        name,
    }
}

fn host(id: i64, unit: i64, of: [&str; 4]) -> HostKeys {
    let list = |text: &str| {
        if text.is_empty() {
            Vec::new()
        } else {
            vec![text.to_owned()]
        }
    };
    HostKeys {
        id: HostId(id),
        unit,
        asset_number: of[0].to_owned(),
        macs: list(of[1]),
        serials: list(of[2]),
        name: of[3].to_owned(),
    }
}

#[test]
fn lines_find_their_hosts_by_what_only_one_of_each_has() {
    use JoinedBy::{AssetNumber, Mac, Name, Serial};
    let units: HashMap<i64, Unit> = [unit(1, None), unit(2, Some(1)), unit(3, Some(1))].into();
    let assets = [
        asset(1, 2, ["TS-1", "m9", "", "x"]),
        asset(2, 2, ["", "m2", "", "pc 9"]),
        asset(3, 2, ["", "", "WD-3", ""]),
        asset(4, 1, ["", "", "", "Máy văn thư"]),
        asset(5, 3, ["", "", "", "trùng"]),
        asset(6, 3, ["", "", "", "trùng"]),
        asset(7, 2, ["", "", "", "ở xã khác"]),
        asset(8, 2, ["", "m8", "", ""]),
    ];
    let hosts = [
        host(1, 2, ["ts-1", "m1", "", "y"]),
        host(2, 3, ["", "m2", "", "z"]),
        host(3, 2, ["", "", "wd-3", "w"]),
        host(4, 2, ["", "", "", "MAY VAN THU"]),
        host(5, 3, ["", "", "", "trung"]),
        host(6, 3, ["", "", "", "ở xã khác"]),
        host(7, 2, ["", "m8", "", "a"]),
        host(8, 2, ["", "m8", "", "b"]),
        host(9, 2, ["", "m9", "", "pc-9"]),
    ];
    let joined: Vec<_> = join(&assets, &hosts, &units)
        .into_iter()
        .map(|it| (it.asset, it.host.0, it.by))
        .collect();
    assert_eq!(
        joined,
        [(1, 1, AssetNumber), (2, 2, Mac), (3, 3, Serial), (4, 4, Name)]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, &Mapping::default());
        let with_header = [b"Ten may;MAC;Don vi\n", &bytes[..]].concat();
        if let Ok(sheet) = read(&with_header, &Mapping::default()) {
            let (lines, faults, bad) = checked(sheet.clone(), &units());
            prop_assert_eq!(lines.len() as u64 + bad, sheet.lines.len() as u64);
            prop_assert!(faults.len() as u64 >= bad);
        }
    }

    #[test]
    fn whatever_is_brought_in_twice_changes_nothing(
        first in lines(), second in lines(), columns in 1_usize..7,
    ) {
        let (_, known) = brought_in(&table(&first, 7), Vec::new(), &[]);
        let text = table(&second, columns);
        let (_, known) = brought_in(&text, known, &[]);
        let (again, after) = brought_in(&text, known.clone(), &[]);
        prop_assert_eq!((again.added.len(), again.changed.len()), (0, 0));
        prop_assert_eq!(&after, &known);
        let numbers: Vec<_> = known.iter().filter_map(|it| it.cells.get(&Field::AssetNumber)).collect();
        let distinct: HashSet<_> = numbers.iter().collect();
        prop_assert_eq!(distinct.len(), numbers.len());
    }

    #[test]
    fn nothing_is_joined_twice(assets in keys(), hosts in keys()) {
        let units: HashMap<i64, Unit> = [unit(1, None), unit(2, Some(1)), unit(3, Some(1))].into();
        let assets: Vec<_> = (1..).zip(&assets).map(|(id, (unit, of))| asset(id, *unit, of.each_ref().map(String::as_str))).collect();
        let hosts: Vec<_> = (1..).zip(&hosts).map(|(id, (unit, of))| host(id, *unit, of.each_ref().map(String::as_str))).collect();
        let joined = join(&assets, &hosts, &units);
        let of_assets: HashSet<_> = joined.iter().map(|it| it.asset).collect();
        let of_hosts: HashSet<_> = joined.iter().map(|it| it.host).collect();
        prop_assert_eq!((of_assets.len(), of_hosts.len()), (joined.len(), joined.len()));
    }
}

/// Few values for each cell, so that lines collide.
fn lines() -> impl Strategy<Value = Vec<[String; 6]>> {
    let line = (
        "(|T1|T2|t 1|T3)",
        "(|A|B|b|C)",
        "(Xã Đông Hồ|Xã Tây Hồ)",
        "(|00:11:22:33:44:5[0-3])",
        "(|S1|s1|S2)",
        "(|Phòng 1|Phòng 2)",
    );
    let line =
        line.prop_map(|(number, name, unit, mac, serial, place)| [unit, name, number, mac, serial, place]);
    proptest::collection::vec(line, 0..8)
}

fn table(lines: &[[String; 6]], columns: usize) -> String {
    let headers = ["Đơn vị", "Tên máy", "Mã tài sản", "MAC", "Serial", "Phòng"].map(str::to_owned);
    // The unit and the name are always there; without them a line says nothing.
    let columns = columns.clamp(2, 6);
    let rows = std::iter::once(&headers).chain(lines);
    rows.map(|row| row[..columns].join(";") + "\n").collect()
}

fn keys() -> impl Strategy<Value = Vec<(i64, [String; 4])>> {
    let key = (1_i64..4, "(|T1|T2)", "(|m1|m2|m3)", "(|S1|S2)", "(|A|B|C)");
    let key = key.prop_map(|(unit, number, mac, serial, name)| (unit, [number, mac, serial, name]));
    proptest::collection::vec(key, 0..8)
}

#[test]
fn an_export_is_read_as_what_it_was() {
    let text = "Mã tài sản,Tên máy,Đơn vị\n\"'=1+1\",'+84,Xã Đông Hồ\n'quoted',PC,Xã Đông Hồ\n";
    let (lines, faults, _) = checked(sheet(text), &units());
    let numbers: Vec<&str> = lines
        .iter()
        .map(|line: &Line| line.cell(Field::AssetNumber))
        .collect();
    assert_eq!((numbers, faults), (vec!["=1+1", "'quoted'"], Vec::new()));
    assert_eq!(lines[0].cell(Field::Name), "+84");
}

#[tokio::test]
async fn two_imports_at_once_do_not_both_add_the_same_lines() {
    let sqlite = crate::registry::harness::sqlite().await;
    let registry = &sqlite.registry;
    let unit = crate::registry::harness::a_unit(registry, None, "Xã", "").await;
    let lines: String = (0..2_000).map(|number| format!("PC-{number}\n")).collect();
    let bytes = format!("Tên máy\n{lines}").into_bytes();
    let options = Options {
        unit: Some(unit),
        ..Options::default()
    };
    let (one, other) = tokio::join!(
        import(registry, bytes.clone(), options.clone(), "lan", 1),
        import(registry, bytes.clone(), options.clone(), "minh", 1),
    );
    let overtaken = [&one, &other]
        .into_iter()
        .any(|done| matches!(done, Err(ImportError::Overtaken)));
    assert!(overtaken, "{:?} {:?}", one.is_ok(), other.is_ok());
    import(registry, bytes, options, "lan", 2)
        .await
        .expect("alone it goes on");
    let kept = crate::registry::asset::all(registry).await.expect("lines");
    assert_eq!(kept.len(), 2_000);
}
