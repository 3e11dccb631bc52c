//! Registers as offices send them: every encoding, every spreadsheet's habit, damaged, doubled, hostile, too long.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization as _;
use vong_tests::api::Api;
use vong_tests::stack::{Stack, UNIT};

/// The most lines that one file may have.
const LINES_MAX: usize = 100_000;

const HEADER: [&str; 6] = [
    "Mã tài sản",
    "Tên máy",
    "Đơn vị",
    "Vị trí",
    "Địa chỉ MAC",
    "Ghi chú",
];

/// What stands in a line; the unit is the story's.
struct Line(&'static str, &'static str, &'static str, &'static str);

const LINES: [Line; 3] = [
    Line(
        "TS-01",
        "Máy Kế toán 1",
        "52-54-00-AA-00-01",
        "máy cũ, chờ thanh lý",
    ),
    Line(
        "TS-02",
        "Máy Một cửa",
        "5254.00aa.0002",
        "phòng \"Một cửa\"; tầng 2",
    ),
    Line("TS-03", "Máy Văn thư – Lưu trữ", "", "=cmd|' /C calc'!A0"),
];

#[test]
fn a_register_is_read_in_any_form_and_refused_with_its_place() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&[])?;
    stack.start_collector()?;
    stack.seed()?;
    let api = stack.sign_in()?;

    // One register in many forms: the first brings it in, each other one is the same again.
    let forms = [
        ("utf-8", ",", table(',').into_bytes()),
        ("utf-8", ";", ["\u{feff}", &table(';')].concat().into_bytes()),
        ("utf-16le", "\t", utf16(&table('\t'), u16::to_le_bytes)),
        ("utf-16be", ",", utf16(&table(','), u16::to_be_bytes)),
        ("utf-8", ",", table(',').nfd().collect::<String>().into_bytes()),
        ("windows-1258", ";", windows_1258(&table(';'))),
    ];
    for (number, (encoding, separator, file)) in forms.into_iter().enumerate() {
        let report = taken(&api, file)?;
        let (added, unchanged) = if number == 0 { (3, 0) } else { (0, 3) };
        let expected = json!([encoding, separator, 3, added, 0, unchanged, 0]);
        let said = of(
            &report,
            &[
                "encoding",
                "separator",
                "lines",
                "added",
                "changed",
                "unchanged",
                "bad_lines",
            ],
        );
        ensure!(
            said == expected,
            "form {number}: {said} instead of {expected}: {report}"
        );
    }
    refused_as_a_whole(&api)?;
    bad_lines_are_named(&api)?;
    formulas_leave_as_text(&api)?;
    long_files(&api)
}

fn table(separator: char) -> String {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let header = HEADER.map(quoted).join(&separator.to_string());
    let lines = LINES.map(|Line(number, name, mac, note)| {
        [number, name, UNIT, "Tầng 2", mac, note]
            .map(quoted)
            .join(&separator.to_string())
    });
    format!("{header}\r\n{}\r\n", lines.join("\r\n"))
}

/// A file that cannot be read is refused with the line where that shows.
fn refused_as_a_whole(api: &Api) -> anyhow::Result<()> {
    let mut damaged = table(',').into_bytes();
    let end = damaged.len() - 4;
    damaged[end] = 0xff;
    let mut torn = utf16(&table(','), u16::to_le_bytes);
    torn.pop();
    let cases: [(&[u8], &str); 5] = [
        (b"", "empty"),
        (&damaged, "undecodable"),
        (&torn, "undecodable"),
        (b"\x8a\x8d\x8e\x9e,\x9d\n1,2\n", "undecodable"),
        ("Màu,Giá\r\nđỏ,1\r\n".as_bytes(), "no_header"),
    ];
    for (file, problem) in cases {
        let answer = api.send_file("/assets/import?dry_run=false", file.to_vec())?;
        let text = answer.body.to_string();
        ensure!(
            answer.status == 422 && text.contains(problem),
            "{problem}: {answer:?}"
        );
    }
    Ok(())
}

/// What is wrong with a line is said with its number, and the others are taken.
fn bad_lines_are_named(api: &Api) -> anyhow::Result<()> {
    let long = "a".repeat(300);
    let lines = [
        format!("TS-11,Máy 11,{UNIT},,52:54:00:aa:00:11"),
        format!("TS-11,Máy 11 bis,{UNIT},,"),
        format!("TS-12,Máy 12,{UNIT},,5254.00aa.0011"),
        format!("TS-13,Máy 13,{UNIT},,không có"),
        "TS-14,Máy 14,UBND xã Không Có,,".to_owned(),
        "TS-15,Máy 15,,,".to_owned(),
        format!(",,{UNIT},Tầng 1,"),
        format!("TS-16,{long},{UNIT},,"),
        format!("TS-17,Máy\0 17,{UNIT},,"),
        format!("TS-18,Máy 18,{UNIT},,,thừa"),
        format!("TS-19,Máy 19,{},,52:54:00:aa:00:19", UNIT.to_uppercase()),
    ];
    let file = format!(
        "Mã tài sản,Tên máy,Đơn vị,Vị trí,Địa chỉ MAC\n{}\n",
        lines.join("\n")
    );
    let report = taken(api, file.into_bytes())?;
    let faults = report["faults"].as_array().context("faults are a list")?;
    let said: Vec<Value> = faults
        .iter()
        .map(|fault| of(fault, &["line", "code", "first_line"]))
        .collect();
    let expected = json!([
        [3, "duplicate_asset_number", 2],
        [4, "duplicate_mac", 2],
        [5, "bad_mac", null],
        [6, "unknown_unit", null],
        [7, "no_unit", null],
        [8, "unnamed", null],
        [9, "too_long", null],
        [10, "unprintable", null],
        [11, "too_many_fields", null],
    ]);
    ensure!(json!(said) == expected, "{said:?}");
    let numbers = of(&report, &["lines", "added", "bad_lines", "faults_count"]);
    ensure!(numbers == json!([11, 2, 9, 9]), "{report}");
    Ok(())
}

/// A cell that a spreadsheet would carry out is kept as text, and leaves with a mark that it is.
fn formulas_leave_as_text(api: &Api) -> anyhow::Result<()> {
    let rows = api.list("/coverage/pcs?search=TS-03")?;
    let note = rows.first().map(|row| row["note"].clone());
    ensure!(note == Some(json!(LINES[2].3)), "kept as it was: {rows:?}");
    let answer = api.get("/coverage/pcs.csv")?;
    let text = answer.as_str().context("a table is text")?;
    let harmless = format!("'{}", LINES[2].3);
    ensure!(text.contains(&harmless), "it does not leave as text:\n{text}");
    Ok(())
}

/// A province's whole register, one line more, and more bytes than anybody's register has.
fn long_files(api: &Api) -> anyhow::Result<()> {
    let file = |count: usize| {
        let lines = (0..count).map(|number| {
            format!(
                "TS-L-{number:06},Máy {number},{UNIT},,52:54:01:{:02x}:{:02x}:{:02x}\n",
                number >> 16,
                number >> 8 & 0xff,
                number & 0xff
            )
        });
        let lines: String = lines.collect();
        format!("Mã tài sản,Tên máy,Đơn vị,Vị trí,Địa chỉ MAC\n{lines}").into_bytes()
    };
    let dry = api.send_file("/assets/import?dry_run=true", file(LINES_MAX))?;
    ensure!(dry.status == 200, "100,000 lines: {dry:?}");
    let numbers = of(&dry.body, &["lines", "added", "bad_lines"]);
    ensure!(numbers == json!([LINES_MAX, LINES_MAX, 0]), "{numbers}");
    let answer = api.send_file("/assets/import?dry_run=true", file(LINES_MAX + 1))?;
    ensure!(
        answer.status == 422 && answer.body.to_string().contains("too_many_lines"),
        "{answer:?}"
    );
    let answer = api.send_file("/assets/import?dry_run=true", vec![b'a'; 33 << 20])?;
    ensure!(answer.status == 413, "{answer:?}");
    Ok(())
}

/// Brings a register in; the dry run before says the same.
fn taken(api: &Api, file: Vec<u8>) -> anyhow::Result<Value> {
    let dry = api.send_file("/assets/import?dry_run=true", file.clone())?;
    let real = api.send_file("/assets/import?dry_run=false", file)?;
    ensure!(dry.status == 200 && real.status == 200, "{dry:?}, then {real:?}");
    let (mut said, mut done) = (dry.body, real.body);
    for report in [&mut said, &mut done] {
        report["dry_run"] = Value::Null;
        report["joined"] = Value::Null;
    }
    ensure!(said == done, "what was said: {said}\nwhat was done: {done}");
    Ok(done)
}

/// Some values of an object, in this order.
fn of(object: &Value, names: &[&str]) -> Value {
    names.iter().map(|name| object[name].clone()).collect()
}

fn utf16(text: &str, bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    let mark = std::iter::once(0xfeff);
    mark.chain(text.encode_utf16()).flat_map(bytes).collect()
}

/// Windows' code page for Vietnamese, in which tones are characters of their own.
fn windows_1258(text: &str) -> Vec<u8> {
    const LETTERS: [(char, u8); 24] = [
        ('Ă', 0xc3),
        ('ă', 0xe3),
        ('Â', 0xc2),
        ('â', 0xe2),
        ('Đ', 0xd0),
        ('đ', 0xf0),
        ('Ê', 0xca),
        ('ê', 0xea),
        ('Ô', 0xd4),
        ('ô', 0xf4),
        ('Ơ', 0xd5),
        ('ơ', 0xf5),
        ('Ư', 0xdd),
        ('ư', 0xfd),
        ('\u{300}', 0xcc),
        ('\u{309}', 0xd2),
        ('\u{303}', 0xde),
        ('\u{301}', 0xec),
        ('\u{323}', 0xf2),
        ('–', 0x96),
        ('“', 0x93),
        ('”', 0x94),
        ('…', 0x85),
        ('\u{a0}', 0xa0),
    ];
    let mut bytes = Vec::new();
    for letter in text.chars() {
        let (base, tones) = without_tone(letter);
        for part in std::iter::once(base).chain(tones) {
            let byte = LETTERS.iter().find(|(known, _)| *known == part);
            bytes.push(byte.map_or(part as u8, |(_, byte)| *byte));
        }
    }
    bytes
}

/// A letter and its tone; the marks that make a vowel another vowel belong to the letter.
fn without_tone(letter: char) -> (char, Option<char>) {
    const TONES: [char; 5] = ['\u{300}', '\u{301}', '\u{303}', '\u{309}', '\u{323}'];
    let parts: Vec<char> = letter.to_string().nfd().collect();
    let tone = parts.iter().copied().find(|part| TONES.contains(part));
    let rest = parts.into_iter().filter(|part| !TONES.contains(part));
    let base = rest.nfc().next().unwrap_or(letter);
    (base, tone)
}
