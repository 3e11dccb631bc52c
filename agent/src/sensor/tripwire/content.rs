//! Whether a document's content can still be what its name says, judged by samples.
//!
//! Four windows of 4 KiB are read at most (the head, and at 25, 50 and 75 %), the last 4 KiB, and some places that
//! the format itself names. A window whose bytes are spread as evenly as those of a random number (χ² over 256
//! values, mean 255, deviation 22.6) is encrypted or compressed. Compressed content is told from encrypted by what
//! its format promises: a magic number at the head, a directory at the end, marks inside. Entropy would tell neither.

use super::kinds::{Family, Type};

mod structure;

/// One window.
const WINDOW_BYTES: usize = 4_096;
/// Evenly spread bytes stay below this in 9,998 of 10,000 windows; measured documents with a lost head stay above.
const CHI_SQUARE_RANDOM: f64 = 340.0;
/// Fewer bytes give each value less than four: the test means nothing.
const CHI_SQUARE_BYTES_MIN: usize = 1_024;
/// Shorter content is not judged at all: a word and a number look like anything.
const BYTES_MIN: usize = 24;
/// A text of fewer letters may be a key or a number, and not a file in another alphabet.
const BASE64_BYTES_MIN: u64 = 512;

/// What the samples say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is what its name says, or something else that is well known.
    Sound,
    /// Too short, gone, or unreadable.
    Unknown,
    /// The head is lost and what is there instead is random.
    Random,
    /// The head is kept, and what the format promises behind it is lost.
    Broken,
    /// It is written in letters that stand for bytes.
    Base64,
    /// It is empty, or one byte repeated.
    Wiped,
    /// It is none of what its name may mean, and not random.
    Lost,
    /// It is an archive.
    Archive {
        /// One that only a password opens.
        encrypted: bool,
    },
}

/// Content to take samples from.
pub(super) struct Content<'a> {
    /// Its size.
    pub(super) size: u64,
    /// Reads at a place as much as there is.
    pub(super) read: &'a dyn Fn(u64, &mut [u8]) -> usize,
}

impl Content<'_> {
    fn at(&self, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let read = (self.read)(offset, &mut bytes);
        bytes.truncate(read);
        bytes
    }

    fn window(&self, quarter: u64) -> Vec<u8> {
        // In units of 4 KiB, so that a window lies inside one block of whoever encrypts block by block.
        let offset = (self.size / 4 * quarter) & !(WINDOW_BYTES as u64 - 1);
        let offset = if self.size < 8 * WINDOW_BYTES as u64 {
            self.size / 4 * quarter
        } else {
            offset
        };
        self.at(offset, WINDOW_BYTES)
    }

    fn tail(&self) -> Vec<u8> {
        self.at(self.size.saturating_sub(WINDOW_BYTES as u64), WINDOW_BYTES)
    }
}

/// Judges the content of a document.
pub(super) fn judge(kind: &Type, content: &Content<'_>) -> Verdict {
    if content.size == 0 && !matches!(kind.family, Family::Text) {
        // Notes and logs are emptied by whoever has read them.
        return Verdict::Wiped;
    }
    if content.size < BYTES_MIN as u64 {
        return Verdict::Unknown;
    }
    let head = content.at(0, WINDOW_BYTES);
    if head.len() < BYTES_MIN {
        return Verdict::Unknown;
    }
    let rest = Rest::new(content);
    if is_repeated(&head) && rest.is_repeated(head[0]) {
        return Verdict::Wiped;
    }
    if matches!(kind.family, Family::Text) {
        return text(&head, &rest);
    }
    if structure::begins(kind.family, &head) {
        return structure::inside(kind.family, &head, &rest);
    }
    if let Some(verdict) = structure::other(&head, content) {
        return verdict;
    }
    if is_encoded(&head, &rest) {
        return Verdict::Base64;
    }
    if is_readable(&head) && !rest.windows().iter().any(|window| is_random(window)) {
        return Verdict::Sound;
    }
    if is_hole(&head) && is_hole(&rest.windows()[1]) {
        // A file that is being made: its room is reserved, its content has not come yet.
        return Verdict::Unknown;
    }
    match is_random(&head) || is_random(&head[..head.len().min(1_024)]) || rest.is_any_random() {
        true => Verdict::Random,
        false => Verdict::Lost,
    }
}

/// Judges content with a name that says nothing: whether it is random and no archive, film or picture.
pub(super) fn judge_stranger(content: &Content<'_>) -> Verdict {
    if content.size < BYTES_MIN as u64 {
        return Verdict::Unknown;
    }
    let head = content.at(0, WINDOW_BYTES);
    if head.len() < BYTES_MIN {
        return Verdict::Unknown;
    }
    if let Some(verdict) = structure::other(&head, content) {
        return verdict;
    }
    let rest = Rest::new(content);
    if is_encoded(&head, &rest) {
        return Verdict::Base64;
    }
    match is_random(&head) || rest.is_any_random() {
        true => Verdict::Random,
        false => Verdict::Sound,
    }
}

/// What lies behind the head, read only when somebody asks.
struct Rest<'a> {
    content: &'a Content<'a>,
    windows: std::cell::OnceCell<[Vec<u8>; 3]>,
    tail: std::cell::OnceCell<Vec<u8>>,
}

impl<'a> Rest<'a> {
    fn new(content: &'a Content<'a>) -> Self {
        Self {
            content,
            windows: std::cell::OnceCell::new(),
            tail: std::cell::OnceCell::new(),
        }
    }

    fn windows(&self) -> &[Vec<u8>; 3] {
        self.windows
            .get_or_init(|| [1, 2, 3].map(|quarter| self.content.window(quarter)))
    }

    fn tail(&self) -> &[u8] {
        self.tail.get_or_init(|| self.content.tail())
    }

    fn is_any_random(&self) -> bool {
        self.windows().iter().any(|window| is_random(window))
    }

    fn is_repeated(&self, byte: u8) -> bool {
        let is_it = |window: &[u8]| window.iter().all(|other| *other == byte);
        is_it(self.tail()) && self.windows().iter().all(|window| is_it(window))
    }

    /// The tail counts too: it is what the end of the format should have been.
    fn is_any_random_or_tail(&self) -> bool {
        is_random(self.tail()) || self.is_any_random()
    }
}

/// A text may be encrypted anywhere: each window must be readable.
fn text(head: &[u8], rest: &Rest<'_>) -> Verdict {
    if let Some(verdict) = structure::other(head, rest.content) {
        return verdict;
    }
    let is_lost = |window: &[u8]| {
        let is_lost = |part: &[u8]| !is_readable(part) && is_random(part);
        window.chunks(CHI_SQUARE_BYTES_MIN).any(is_lost) || is_lost(window)
    };
    if is_lost(head) || rest.windows().iter().any(|window| is_lost(window)) || is_lost(rest.tail()) {
        return Verdict::Random;
    }
    if is_encoded(head, rest) {
        return Verdict::Base64;
    }
    Verdict::Sound
}

/// Whether all windows hold but the letters of base64, base32 or hexadecimal numbers. A first line may say so.
fn is_encoded(head: &[u8], rest: &Rest<'_>) -> bool {
    rest.content.size >= BASE64_BYTES_MIN
        && is_letters(&head[head.len().min(128)..])
        && rest.windows().iter().all(|window| is_letters(window))
}

/// No text is written without a space, nor with so many different letters in 100.
fn is_letters(window: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_\r\n".contains(byte);
    let (letters, digits) = (
        window.iter().filter(|byte| is_letter(byte)).count(),
        digits_of(window),
    );
    window.len() >= 64
        && letters * 1_000 >= window.len() * 985
        && digits * 100 >= window.len() * 5
        && digits * 100 <= window.len() * 80
}

fn digits_of(window: &[u8]) -> usize {
    window.iter().filter(|byte| byte.is_ascii_digit()).count()
}

fn is_hole(window: &[u8]) -> bool {
    window.iter().all(|byte| *byte == 0)
}

fn is_repeated(window: &[u8]) -> bool {
    window.iter().all(|byte| *byte == window[0])
}

/// Whether this is text: in any of the alphabets of a byte or two to a letter.
fn is_readable(window: &[u8]) -> bool {
    let starts_as_utf16 = window.starts_with(b"\xff\xfe") || window.starts_with(b"\xfe\xff");
    let zeros = window.iter().filter(|byte| **byte == 0).count();
    if starts_as_utf16 || (zeros * 100 >= window.len() * 15 && !is_hole(window)) {
        return true;
    }
    let is_control = |byte: &&u8| (**byte < 0x20 && !b"\t\n\r\x0c\x1b".contains(byte)) || **byte == 0x7f;
    let controls = window.iter().filter(is_control).count();
    // Random bytes hold a tenth of them; texts hold none, but for a stray one.
    controls * 50 <= window.len()
}

/// Whether the bytes are spread as evenly as random ones.
fn is_random(window: &[u8]) -> bool {
    if window.len() >= CHI_SQUARE_BYTES_MIN {
        return chi_square(window) < CHI_SQUARE_RANDOM;
    }
    is_random_small(window)
}

/// How far the counts of the 256 values are from equal.
fn chi_square(window: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in window {
        counts[usize::from(*byte)] += 1;
    }
    let expected = window.len() as f64 / 256.0;
    counts
        .iter()
        .map(|count| (f64::from(*count) - expected).powi(2) / expected)
        .sum()
}

/// In a few bytes: nearly as many different values as random ones have, half of them in the upper half.
fn is_random_small(window: &[u8]) -> bool {
    if window.len() < BYTES_MIN {
        return false;
    }
    let mut seen = [false; 256];
    for byte in window {
        seen[usize::from(*byte)] = true;
    }
    let different = seen.iter().filter(|seen| **seen).count() as f64;
    let length = window.len() as f64;
    let expected = 256.0 * (1.0 - (255.0_f64 / 256.0).powf(length));
    let upper = window.iter().filter(|byte| **byte >= 0x80).count() as f64 / length;
    different >= expected * 0.9 && (0.3..=0.7).contains(&upper) && !is_readable(window)
}

#[cfg(test)]
mod tests;
