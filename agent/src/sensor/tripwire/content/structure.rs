//! What formats promise: how they begin, and what can be found where.
//!
//! An encryptor that keeps the head, or skips from block to block, keeps the magic number. It cannot keep what the
//! format says about the places behind it.

use super::{Content, Rest, Verdict, is_random, is_readable};
use crate::sensor::tripwire::kinds::Family;

const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
const SEVEN_ZIP: &[u8] = b"7z\xbc\xaf\x27\x1c";
/// So many entries of a directory are followed.
const ENTRIES_MAX: usize = 12;
/// So many chunks or boxes.
const CHUNKS_MAX: usize = 24;

/// Beginnings of what is not encrypted, whatever its name says.
static OTHERS: &[&[u8]] = &[
    COMPOUND,
    b"%PDF",
    b"{\\rtf",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n",
    b"GIF8",
    b"RIFF",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"8BPS",
    b"ID3",
    b"OggS",
    b"fLaC",
    b"\x1a\x45\xdf\xa3",
    b"SQLite format 3\0",
    b"\0\x01\0\0Standard",
    b"!BDN",
    b"\x7fELF",
    b"\xca\xfe\xba\xbe",
    b"\xcf\xfa\xed\xfe",
    b"wOFF",
    b"wOF2",
    b"\0\x01\0\0\0",
    b"OTTO",
    b"DIRC",
    b"PACK",
    b"\0asm",
    b"AC10",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    b"FWS",
    b"CWS",
    b"ITSF",
    b"\xc5\xd0\xd3\xc6",
    b"!<arch>",
    b"\x1f\x9d",
    b"\xff\x0a",
];

/// Beginnings of archives.
static ARCHIVES: &[&[u8]] = &[
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x07\x08",
    SEVEN_ZIP,
    b"Rar!\x1a\x07",
    b"\x1f\x8b",
    b"\xfd7zXZ\0",
    b"BZh",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"LZIP",
    b"\x5d\0\0",
    b"MSCF",
];

/// Whether the head is one of those that a document of this family has. Endings are used loosely: a `.doc` may be a
/// compound file, a zip file, or rich text, and an encrypted `.docx` of Office is a compound file.
pub(super) fn begins(family: Family, head: &[u8]) -> bool {
    let any = |beginnings: &[&[u8]]| beginnings.iter().any(|beginning| head.starts_with(beginning));
    match family {
        Family::Office => any(&[b"PK\x03\x04", b"PK\x05\x06"]),
        Family::Compound => any(&[COMPOUND]),
        Family::Pdf => head[..head.len().min(1_024)]
            .windows(4)
            .any(|four| four == b"%PDF"),
        Family::Jpeg => any(&[b"\xff\xd8\xff"]),
        Family::Png => any(&[b"\x89PNG\r\n\x1a\n"]),
        Family::Tiff => any(&[b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]),
        Family::Boxes => head.get(4..8).is_some_and(is_box),
        Family::Archive => any(ARCHIVES),
        Family::Text => false,
        Family::Begins(beginnings) => any(beginnings),
    }
}

/// What else the head says; `None` when it is nothing that is known.
pub(super) fn other(head: &[u8], content: &Content<'_>) -> Option<Verdict> {
    if ARCHIVES.iter().any(|beginning| head.starts_with(beginning)) {
        return Some(Verdict::Archive {
            encrypted: is_encrypted_archive(head, content),
        });
    }
    let is_old_program = head.starts_with(b"MZ")
        && head.len() > 64
        && head[..1_024.min(head.len())]
            .windows(2)
            .any(|two| two == b"PE" || two == b"NE");
    let is_other = OTHERS.iter().any(|beginning| head.starts_with(beginning))
        || head.get(4..8) == Some(b"ftyp")
        || (head.get(257..262) == Some(b"ustar"))
        || is_old_program;
    is_other.then_some(Verdict::Sound)
}

/// Whether what the format promises behind its head is there.
pub(super) fn inside(family: Family, head: &[u8], rest: &Rest<'_>) -> Verdict {
    let content = rest.content;
    let is_broken = match family {
        Family::Office => return zip(rest),
        Family::Archive => return archive(head, rest),
        Family::Compound => !compound(head, content) && rest.is_any_random_or_tail(),
        Family::Pdf => pdf(rest),
        Family::Jpeg => jpeg(rest),
        Family::Png => !png(content) && rest.is_any_random_or_tail(),
        Family::Tiff => !tiff(head, content) && rest.is_any_random_or_tail(),
        Family::Boxes => !boxes(content) && rest.is_any_random_or_tail(),
        Family::Begins([beginning]) if *beginning == b"{\\rtf" => rest
            .windows()
            .iter()
            .any(|window| !is_readable(window) && is_random(window)),
        Family::Text | Family::Begins(_) => false,
    };
    if is_broken {
        Verdict::Broken
    } else {
        Verdict::Sound
    }
}

fn archive(head: &[u8], rest: &Rest<'_>) -> Verdict {
    let content = rest.content;
    if head.starts_with(b"PK\x03\x04") && matches!(zip(rest), Verdict::Broken) {
        return Verdict::Broken;
    }
    if head.starts_with(SEVEN_ZIP) {
        let end = u64_at(head, 12).and_then(|offset| offset.checked_add(32));
        let is_whole = end.is_some_and(|end| matches!(content.at(end, 1).first(), Some(0x01 | 0x17)));
        if !is_whole && end.is_some_and(|end| end < content.size) {
            return Verdict::Broken;
        }
    }
    Verdict::Archive {
        encrypted: is_encrypted_archive(head, content),
    }
}

/// A zip file ends with a directory whose entries say where each file begins.
fn zip(rest: &Rest<'_>) -> Verdict {
    let (content, tail) = (rest.content, rest.tail());
    let Some(end) = tail.windows(4).rposition(|four| four == b"PK\x05\x06") else {
        // Without random bytes behind the head it is a download that has stopped.
        return if rest.is_any_random_or_tail() {
            Verdict::Broken
        } else {
            Verdict::Sound
        };
    };
    let directory = u32_at(tail, end + 16).map(u64::from).unwrap_or_default();
    let count = usize::from(u16_at(tail, end + 10).unwrap_or_default());
    if count == 0 || directory == u64::from(u32::MAX) {
        return Verdict::Sound;
    }
    let entries = content.at(directory, 4_096);
    if !entries.starts_with(b"PK\x01\x02") {
        // Something may stand before the archive, and shift it: then the directory ends where the end begins.
        return if rest.is_any_random_or_tail() {
            Verdict::Broken
        } else {
            Verdict::Sound
        };
    }
    let mut at = 0;
    for _ in 0..count.min(ENTRIES_MAX) {
        let (Some(name), Some(extra), Some(comment), Some(offset)) = (
            u16_at(&entries, at + 28),
            u16_at(&entries, at + 30),
            u16_at(&entries, at + 32),
            u32_at(&entries, at + 42),
        ) else {
            break;
        };
        if entries.get(at..at + 4) != Some(b"PK\x01\x02") {
            return Verdict::Broken;
        }
        if offset != u32::MAX && content.at(u64::from(offset), 4) != b"PK\x03\x04" {
            return Verdict::Broken;
        }
        at += 46 + usize::from(name) + usize::from(extra) + usize::from(comment);
        if at + 46 > entries.len() {
            break;
        }
    }
    Verdict::Sound
}

/// The header says in which sector the directory begins, and its first entry is the root's.
fn compound(head: &[u8], content: &Content<'_>) -> bool {
    let (Some(shift), Some(sector)) = (u16_at(head, 30), u32_at(head, 48)) else {
        return true;
    };
    if !matches!(shift, 9 | 12) {
        return false;
    }
    // The first sector of the table of sectors: numbers of sectors, or one of six marks.
    let table = u32_at(head, 76).unwrap_or(u32::MAX);
    let sectors = u32::try_from(content.size >> shift).unwrap_or(u32::MAX);
    let entries = if table < sectors {
        content.at((u64::from(table) + 1) << shift, 64)
    } else {
        Vec::new()
    };
    let is_entry =
        |entry: &[u8]| u32_at(entry, 0).is_some_and(|entry| entry <= sectors || entry >= 0xffff_fffa);
    if !entries.chunks_exact(4).all(is_entry) {
        return false;
    }
    let root: Vec<u8> = "Root Entry".bytes().flat_map(|byte| [byte, 0]).collect();
    let short: Vec<u8> = vec![b'R', 0];
    let entry = content.at((u64::from(sector) + 1) << shift, root.len());
    entry == root || entry.get(..4) == Some(&[short[0], 0, 0, 0]) || entry.is_empty()
}

/// The last line leads to the table of objects. Something may stand behind it.
fn pdf(rest: &Rest<'_>) -> bool {
    let tail = rest.tail();
    if !tail.windows(5).any(|five| five == b"%%EOF") {
        return is_random(tail) && rest.is_any_random_or_tail();
    }
    let Some(start) = tail.windows(9).rposition(|nine| nine == b"startxref") else {
        return false;
    };
    let digits = tail[start + 9..]
        .iter()
        .skip_while(|byte| byte.is_ascii_whitespace());
    let digits: Vec<u8> = digits.take_while(|byte| byte.is_ascii_digit()).copied().collect();
    let Some(place) = std::str::from_utf8(&digits)
        .ok()
        .and_then(|digits| digits.parse::<u64>().ok())
    else {
        return false;
    };
    // Writers err by a few bytes; a table or an object is somewhere near.
    let near = rest.content.at(place.saturating_sub(32), 128);
    let is_there = |word: &[u8]| near.windows(word.len()).any(|found| found == word);
    if place > 0 && near.len() > 24 && !is_there(b"xref") && !is_there(b"obj") {
        return true;
    }
    has_strange_objects(&rest.content.at(place, 2_048), rest.content)
}

/// Whether the table names places where no object begins. Newer files pack their table; of these nothing is known.
fn has_strange_objects(table: &[u8], content: &Content<'_>) -> bool {
    if !table.trim_ascii_start().starts_with(b"xref") {
        return false;
    }
    let place = |line: &[u8]| {
        let line = std::str::from_utf8(line).ok()?;
        let mut fields = line.split_ascii_whitespace();
        let (place, _, kind) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "n" && place.len() == 10)
            .then(|| place.parse::<u64>().ok())
            .flatten()
    };
    let places = table
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .filter_map(place);
    let spread: Vec<u64> = places.collect();
    let step = spread.len().div_ceil(ENTRIES_MAX).max(1);
    spread.iter().step_by(step).any(|place| {
        let object = content.at(place.saturating_sub(4), 40);
        object.len() >= 16 && !object.windows(3).any(|three| three == b"obj")
    })
}

/// In the picture itself a byte FF is followed by 00 or by a mark that starts a part anew. In random bytes it is
/// followed by anything.
fn jpeg(rest: &Rest<'_>) -> bool {
    let is_strange = |window: &[u8]| {
        let (mut marks, mut strange) = (0, 0);
        for pair in window.windows(2).filter(|pair| pair[0] == 0xff) {
            marks += 1;
            strange += usize::from(!matches!(pair[1], 0x00 | 0xd0..=0xd9 | 0xff));
        }
        marks >= 6 && strange * 2 > marks && super::chi_square(window) < 400.0
    };
    rest.windows()
        .iter()
        .any(|window| window.len() >= 2_048 && is_strange(window))
        || (rest.tail().len() >= 2_048 && is_strange(rest.tail()))
}

fn png(content: &Content<'_>) -> bool {
    let mut at = 8;
    for _ in 0..CHUNKS_MAX {
        let chunk = content.at(at, 8);
        let Some(length) = chunk
            .get(..4)
            .and_then(|four| four.try_into().ok())
            .map(u32::from_be_bytes)
        else {
            return true;
        };
        let name = &chunk[4..];
        if name.len() < 4 || !name.iter().all(u8::is_ascii_alphabetic) {
            return name.len() < 4;
        }
        if name == b"IEND" {
            return true;
        }
        at = at.saturating_add(12 + u64::from(length));
    }
    true
}

/// The head says where the first directory lies; it holds some fields with one of a dozen types each.
fn tiff(head: &[u8], content: &Content<'_>) -> bool {
    let is_little = head.starts_with(b"II");
    if head.get(2) == Some(&b'+') || head.get(3) == Some(&b'+') {
        return true;
    }
    let order32 = |bytes: [u8; 4]| {
        if is_little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        }
    };
    let order16 = |bytes: [u8; 2]| {
        if is_little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        }
    };
    let Some(place) = head.get(4..8).and_then(|four| four.try_into().ok()).map(order32) else {
        return true;
    };
    let directory = content.at(u64::from(place), 6);
    let number = |at: usize| {
        directory
            .get(at..at + 2)
            .and_then(|two| two.try_into().ok())
            .map(order16)
    };
    match (number(0), number(4)) {
        (Some(count), Some(field)) => (1..=512).contains(&count) && (1..=18).contains(&field),
        _ => true,
    }
}

fn boxes(content: &Content<'_>) -> bool {
    let mut at = 0_u64;
    for _ in 0..CHUNKS_MAX {
        let head = content.at(at, 16);
        let (Some(length), Some(name)) = (
            head.get(..4)
                .and_then(|four| four.try_into().ok())
                .map(u32::from_be_bytes),
            head.get(4..8),
        ) else {
            return true;
        };
        if !is_box(name) {
            return false;
        }
        let long = head
            .get(8..16)
            .and_then(|eight| eight.try_into().ok())
            .map(u64::from_be_bytes);
        let length = match (length, long) {
            (0, _) => return true,
            (1, Some(long)) => long,
            (length, _) => u64::from(length),
        };
        at = at.saturating_add(length.max(8));
    }
    true
}

fn is_box(name: &[u8]) -> bool {
    const BOXES: &[&[u8]] = &[
        b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"uuid", b"meta", b"pnot", b"udta",
        b"sidx", b"styp", b"mfra", b"emsg",
    ];
    BOXES.contains(&name)
}

/// Whether only a password opens an archive. Zip says so of each file. 7z says so in what is itself packed; but what
/// is packed and not encrypted begins as its method begins.
fn is_encrypted_archive(head: &[u8], content: &Content<'_>) -> bool {
    if head.starts_with(b"PK\x03\x04") {
        return is_encrypted_zip(head);
    }
    if head.starts_with(SEVEN_ZIP) {
        return is_encrypted_7z(head, content);
    }
    if head.starts_with(b"Rar!\x1a\x07\x01\0") {
        // The header that follows the signature is of the kind "encryption".
        return head.get(12..15).is_some_and(|bytes| bytes.contains(&4)) && head.get(13) == Some(&4);
    }
    false
}

/// Folders and empty files have no password: the first entry with a content tells.
fn is_encrypted_zip(head: &[u8]) -> bool {
    const HEADER_BYTES: usize = 30;
    let mut at = 0;
    while head.get(at..at + 4) == Some(b"PK\x03\x04") {
        if head.get(at + 6).is_some_and(|flags| flags & 1 == 1) {
            return true;
        }
        let (Some(packed), Some(name), Some(extra)) = (
            u32_at(head, at + 18),
            u16_at(head, at + 26),
            u16_at(head, at + 28),
        ) else {
            return false;
        };
        if packed > 0 {
            return false;
        }
        at += HEADER_BYTES + usize::from(name) + usize::from(extra);
    }
    false
}

fn is_encrypted_7z(head: &[u8], content: &Content<'_>) -> bool {
    const AES: &[u8] = b"\x06\xf1\x07\x01";
    let end = u64_at(head, 12)
        .and_then(|offset| offset.checked_add(32))
        .unwrap_or(u64::MAX);
    if end >= content.size {
        return false;
    }
    if content.at(end, 512).windows(AES.len()).any(|four| four == AES) {
        return true;
    }
    let data = content.at(32, 1_024.min(usize::try_from(end - 32).unwrap_or(0)));
    let is_lzma = data.first() == Some(&0);
    let is_lzma2 = matches!(data.first(), Some(0xe0..=0xff))
        && data.get(5).is_some_and(|props| *props < 225)
        && data.get(6) == Some(&0);
    let is_stored = matches!(data.first(), Some(1)) || is_readable(&data);
    let is_known = data.starts_with(b"BZh") || other_begins(&data);
    !(is_lzma || is_lzma2 || is_stored || is_known) && is_random(&data)
}

fn other_begins(data: &[u8]) -> bool {
    OTHERS
        .iter()
        .chain(ARCHIVES)
        .any(|beginning| data.starts_with(beginning))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}
