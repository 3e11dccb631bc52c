//! Documents as programs write them, and what becomes of them.

use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::sensor::tripwire::kinds::{Named, TYPES, named};

fn kind(extension: &str) -> &'static Type {
    TYPES
        .iter()
        .find(|kind| kind.extension == extension)
        .expect("a type")
}

fn judged(extension: &str, bytes: &[u8]) -> Verdict {
    let read_in_all = Cell::new(0);
    let read = |offset: u64, buffer: &mut [u8]| {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| bytes.get(offset..))
            .unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        read_in_all.set(read_in_all.get() + length);
        length
    };
    let size = bytes.len() as u64;
    let verdict = judge(kind(extension), &Content { size, read: &read });
    // Four windows, the tail, and what the format names.
    assert!(
        read_in_all.get() <= 6 * WINDOW_BYTES + 2_048,
        "{} bytes",
        read_in_all.get()
    );
    verdict
}

/// Bytes like random ones, the same always.
fn random(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn prose(length: usize) -> Vec<u8> {
    "Ủy ban nhân dân xã báo cáo kết quả thực hiện nhiệm vụ quý III năm 2026.\r\n"
        .bytes()
        .cycle()
        .take(length)
        .collect()
}

/// A zip file with stored parts that are as random as packed ones.
fn office(parts: usize, part_bytes: usize) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for number in 0..parts {
        let name = format!("word/part{number}.xml");
        let offset = file.len() as u32;
        let mut facts = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        facts.extend((part_bytes as u32).to_le_bytes());
        facts.extend((part_bytes as u32).to_le_bytes());
        facts.extend((name.len() as u16).to_le_bytes());
        facts.extend([0; 2]);
        file.extend(b"PK\x03\x04");
        file.extend(&facts);
        file.extend(name.as_bytes());
        file.extend(random(part_bytes, number as u64 + 1));
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&facts);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = file.len() as u32;
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend((parts as u16).to_le_bytes());
    file.extend((parts as u16).to_le_bytes());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    file
}

fn jpeg(length: usize) -> Vec<u8> {
    let mut file =
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xda\0\x08\x01\x01\0\0\x3f\0".to_vec();
    for byte in random(length, 7) {
        file.push(byte);
        if byte == 0xff {
            file.push(0);
        }
    }
    file.extend(b"\xff\xd9");
    file
}

fn pdf(length: usize) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut table = "xref\n0 9\n0000000000 65535 f \n".to_owned();
    for number in 1..=8_usize {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{number} 0 obj\n<< /Length {} >>\nstream\n", length / 8).as_bytes());
        file.extend(random(length / 8, number as u64));
        file.extend(b"\nendstream\nendobj\n");
    }
    let start = file.len();
    file.extend(table.as_bytes());
    file.extend(format!("trailer\n<< /Size 9 >>\nstartxref\n{start}\n%%EOF\n").as_bytes());
    file
}

fn compound(sectors: usize) -> Vec<u8> {
    let mut file = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    file.resize(512, 0);
    file[30] = 9;
    file[48] = 2;
    file[76] = 60;
    file.extend(random(512 * sectors, 5));
    let root: Vec<u8> = "Root Entry".bytes().flat_map(|byte| [byte, 0]).collect();
    file[3 * 512..3 * 512 + root.len()].copy_from_slice(&root);
    if let Some(table) = file.get_mut(61 * 512..62 * 512) {
        table.fill(0xff);
    }
    file
}

/// Documents of every structure that is tested.
fn documents() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("docx", office(12, 6_000)),
        ("xlsx", office(3, 900)),
        ("jpg", jpeg(60_000)),
        ("pdf", pdf(50_000)),
        ("doc", compound(100)),
        ("xls", compound(200)),
        ("txt", prose(30_000)),
        ("csv", prose(700)),
    ]
}

fn encrypted(length: usize) -> Vec<u8> {
    random(length, 99)
}

#[test]
fn documents_are_sound() {
    for (extension, document) in documents() {
        assert_eq!(judged(extension, &document), Verdict::Sound, "{extension}");
    }
}

#[test]
fn encrypted_as_a_whole_they_are_random() {
    for (extension, document) in documents() {
        assert_eq!(
            judged(extension, &encrypted(document.len())),
            Verdict::Random,
            "{extension}"
        );
    }
    for length in [48, 200, 600, 1_500] {
        assert_eq!(judged("txt", &encrypted(length)), Verdict::Random, "{length}");
        assert_eq!(judged("docx", &encrypted(length)), Verdict::Random, "{length}");
    }
}

#[test]
fn with_the_head_alone_encrypted_they_are_lost() {
    for (extension, mut document) in documents() {
        for length in [1_024, 4_096] {
            let length = length.min(document.len());
            document[..length].copy_from_slice(&encrypted(length));
            let verdict = judged(extension, &document);
            assert!(
                matches!(verdict, Verdict::Random | Verdict::Lost),
                "{extension}: {verdict:?}"
            );
        }
    }
}

#[test]
fn with_the_head_kept_they_are_broken() {
    for (extension, mut document) in documents() {
        let kept = 512.min(document.len() / 2);
        let rest = encrypted(document.len() - kept);
        document[kept..].copy_from_slice(&rest);
        let verdict = judged(extension, &document);
        assert!(
            matches!(verdict, Verdict::Broken | Verdict::Random),
            "{extension}: {verdict:?}"
        );
    }
}

#[test]
fn every_other_block_is_enough() {
    for (extension, mut document) in documents()
        .into_iter()
        .filter(|(_, document)| document.len() > 40_000)
    {
        for (number, block) in document
            .chunks_mut(4_096)
            .enumerate()
            .filter(|(number, _)| number % 2 == 1)
        {
            block.copy_from_slice(&random(block.len(), number as u64 + 500));
        }
        assert_eq!(judged(extension, &document), Verdict::Broken, "{extension}");
    }
}

#[test]
fn what_is_known_by_another_beginning_is_not_lost() {
    let check = |extension: &str, bytes: &[u8], expected: Verdict| {
        assert_eq!(judged(extension, bytes), expected, "{extension}");
    };
    // Programs are loose with endings.
    check("doc", &prose(5_000), Verdict::Sound);
    check(
        "xls",
        b"<html><table><tr><td>1</td></tr></table></html>   ",
        Verdict::Sound,
    );
    check("doc", b"{\\rtf1\\ansi v\\u259\\'3f b\\u7843?n}", Verdict::Sound);
    check("docx", &compound(20), Verdict::Sound);
    check(
        "jpg",
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\x02",
        Verdict::Sound,
    );
    check(
        "pdf",
        b"<!DOCTYPE html><html>404 Not Found</html>",
        Verdict::Sound,
    );
    check("docx", &[], Verdict::Wiped);
    check("txt", &[], Verdict::Unknown);
    check("docx", b"short", Verdict::Unknown);
    check("docx", &vec![0; 50_000], Verdict::Wiped);
    check("txt", &vec![b'x'; 50_000], Verdict::Wiped);
    let mut utf16 = b"\xff\xfe".to_vec();
    utf16.extend(
        "Kế hoạch công tác tuần"
            .encode_utf16()
            .cycle()
            .take(900)
            .flat_map(u16::to_le_bytes),
    );
    check("txt", &utf16, Verdict::Sound);
    // Windows-1258, as old programs wrote it.
    check(
        "txt",
        b"K\xea\xec ho\xf2ach c\xf4ng t\xe1c n\xe3m 1999, \xd0\xe0 N\xe3\xfeng, ng\xe0y 3 th\xe1ng 2",
        Verdict::Sound,
    );
}

#[test]
fn letters_that_stand_for_bytes_are_seen() {
    use base64::Engine as _;
    for (extension, document) in documents() {
        let letters = base64::engine::general_purpose::STANDARD.encode(&document);
        let lines: Vec<u8> = letters
            .as_bytes()
            .chunks(76)
            .flat_map(|line| [line, b"\n"].concat())
            .collect();
        assert_eq!(judged(extension, &lines), Verdict::Base64, "{extension}");
    }
    assert_eq!(judged("txt", &prose(4_000)), Verdict::Sound);
    assert_eq!(judged("csv", &b"2026;10;27;318;0\n".repeat(200)), Verdict::Sound);
}

#[test]
fn archives_tell_whether_they_need_a_password() {
    let mut zip = office(2, 4_000);
    assert_eq!(judged("zip", &zip), Verdict::Archive { encrypted: false });
    zip[6] |= 1;
    assert_eq!(judged("zip", &zip), Verdict::Archive { encrypted: true });
    // A folder has no password.
    let folder = [&b"PK\x03\x04\x0a\0\0\0\0\0"[..], &[0; 16], b"\x03\0\0\0", b"AB/"].concat();
    for encrypted in [true, false] {
        zip[6] = u8::from(encrypted);
        let packed = [&folder[..], &zip].concat();
        let content = Content {
            size: packed.len() as u64,
            read: &|offset, buffer| {
                let rest = &packed[packed.len().min(offset as usize)..];
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                length
            },
        };
        assert_eq!(judge_stranger(&content), Verdict::Archive { encrypted });
    }
    let mut seven = b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0".to_vec();
    seven.extend(9_968_u64.to_le_bytes());
    seven.resize(32, 0);
    seven.extend(random(9_968, 2));
    seven.extend(b"\x17\x06\x01\x02\x03");
    seven[32] = 0x77;
    assert_eq!(judged("7z", &seven), Verdict::Archive { encrypted: true });
    seven[32..39].copy_from_slice(b"\xe0\xff\xff\x20\x00\x5d\x00");
    assert_eq!(judged("7z", &seven), Verdict::Archive { encrypted: false });
    assert_eq!(
        judged("gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03 and so on, and so on"),
        Verdict::Archive { encrypted: false }
    );
}

proptest! {
    #[test]
    fn nothing_that_is_written_breaks_the_judge(
        which in 0..TYPES.len(),
        head in prop::sample::select(vec![&b""[..], b"PK\x03\x04", b"%PDF", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"7z\xbc\xaf\x27\x1c", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"]),
        tail in prop::sample::select(vec![&b""[..], b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xf0\xff\xff\xff", b"startxref\n99999999999999999999\n%%EOF"]),
        bytes in prop::collection::vec(any::<u8>(), 0..3_000),
    ) {
        let document = [head, &bytes, tail].concat();
        judged(TYPES[which].extension, &document);
    }

    #[test]
    fn random_bytes_are_found_in_every_type(seed in 1_u64.., length in 2_000_usize..40_000, which in 0..TYPES.len()) {
        let bytes = random(length, seed);
        let verdict = judged(TYPES[which].extension, &bytes);
        // Two bytes suffice for some beginnings: once in thousands.
        let is_named_by_chance = matches!(verdict, Verdict::Sound | Verdict::Archive { .. }) && bytes[0] != bytes[1];
        prop_assert!(verdict == Verdict::Random || (is_named_by_chance && TYPES[which].extension.len() < 5), "{verdict:?}");
    }

    #[test]
    fn names_of_all_kinds_are_read(name in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Named::Strange(ending) = named(&name) {
            prop_assert!(name.ends_with(ending));
        }
    }
}
