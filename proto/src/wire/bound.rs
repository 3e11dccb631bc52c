//! How long what an agent says of itself may be. Texts that people read are cut, because a PC with a strange name
//! must not fall silent; what no agent of ours can have made is malformed.

use super::{EVENT_HASH_BYTES, Malformed};

/// A name: of a PC, its system, its version, a part of its fingerprint, a kind of event. Host names have at most 255
/// bytes.
pub(super) const NAME_BYTES_MAX: usize = 255;

/// A code or a hash.
pub(super) const CODE_BYTES_MAX: usize = 128;

/// A sentence: why a policy was refused.
pub(super) const SENTENCE_BYTES_MAX: usize = 4_096;

/// Hardware addresses of one PC; further ones say nothing more.
pub(super) const MACS_MAX: usize = 64;

/// Numbers in the result of a command; there are a handful.
pub(super) const COUNTS_MAX: usize = 32;

/// A path or a command line.
pub(super) const PATH_BYTES_MAX: usize = 32 * 1024;

/// Kinds of events that a gap counts. There are some dozen.
const KINDS_MAX: usize = 128;

/// The text, cut to so many bytes.
pub(super) fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        let end = (0..=bytes_max).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
    }
    text
}

/// The hash of an event, or none.
pub(super) fn check_hash(place: &'static str, hash: &[u8]) -> Result<(), Malformed> {
    check(place, hash.len(), EVENT_HASH_BYTES)
}

/// The kinds that a gap counts.
pub(super) fn check_kinds<'a>(kinds: impl ExactSizeIterator<Item = &'a String>) -> Result<(), Malformed> {
    check("gap.counts", kinds.len(), KINDS_MAX)?;
    let longest = kinds.map(String::len).max().unwrap_or(0);
    check("gap.counts", longest, NAME_BYTES_MAX)
}

/// So many of something, and not more.
pub(super) fn check(place: &'static str, found: usize, max: usize) -> Result<(), Malformed> {
    if found > max {
        return Err(Malformed::new(
            place,
            format!("{found}, at most {max} are allowed"),
        ));
    }
    Ok(())
}
