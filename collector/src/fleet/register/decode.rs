//! From bytes to text: UTF-8, UTF-16 with its mark, or Windows' Vietnamese code page.
//!
//! Spreadsheets in Vietnamese offices save in all of these. What is valid UTF-8 is UTF-8; what is not, but is UTF-8 for
//! the most part, is a damaged file and refused, because the code page would make some text of any bytes. In the code
//! page tones are characters of their own, so everything is composed afterwards.

use std::borrow::Cow;

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1258};
use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::FileFault;

/// How characters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without its mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, the low byte first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, the high byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Windows' code page for Vietnamese.
    #[serde(rename = "windows-1258")]
    Windows1258,
}

/// The text of a file, composed, without its mark.
pub(super) fn decode(bytes: &[u8]) -> Result<(Encoding, String), FileFault> {
    let (encoding, text) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (Encoding::Utf8, utf8(rest)?),
        [0xff, 0xfe, rest @ ..] => (Encoding::Utf16Le, utf16(rest, UTF_16LE)?),
        [0xfe, 0xff, rest @ ..] => (Encoding::Utf16Be, utf16(rest, UTF_16BE)?),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => (Encoding::Utf8, text.into()),
            Err(_) if is_damaged_utf8(bytes) => return utf8(bytes).map(|text| (Encoding::Utf8, text.into())),
            Err(_) => (Encoding::Windows1258, windows_1258(bytes)?),
        },
    };
    let text = if is_nfc(&text) {
        text.into_owned()
    } else {
        text.nfc().collect()
    };
    Ok((encoding, text))
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, FileFault> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        FileFault::Undecodable {
            line: 1 + lines_in(before),
        }
    })?;
    Ok(text.into())
}

/// Whether more characters are good UTF-8 of several bytes than there are places that are not.
fn is_damaged_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > bad
}

fn utf16<'a>(bytes: &'a [u8], encoding: &'static encoding_rs::Encoding) -> Result<Cow<'a, str>, FileFault> {
    let decoded = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    decoded.ok_or_else(|| {
        let (text, _) = encoding.decode_without_bom_handling(bytes);
        let before = text.split(char::REPLACEMENT_CHARACTER).next().unwrap_or_default();
        FileFault::Undecodable {
            line: 1 + lines_in(before.as_bytes()),
        }
    })
}

/// The code page maps bytes that mean nothing to control characters; no register holds such.
fn windows_1258(bytes: &[u8]) -> Result<Cow<'_, str>, FileFault> {
    let (text, _) = WINDOWS_1258.decode_without_bom_handling(bytes);
    let means_nothing = |c: char| ('\u{80}'..='\u{9f}').contains(&c) || c == char::REPLACEMENT_CHARACTER;
    match text.find(means_nothing) {
        Some(at) => Err(FileFault::Undecodable {
            line: 1 + lines_in(&text.as_bytes()[..at]),
        }),
        None => Ok(text),
    }
}

fn lines_in(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
