//! Lists of SHA-256 as people get them: one hash a line, what `sha256sum` prints, or a table with a column of hashes.
//!
//! A list is read line by line, so its length costs no memory. A line that cannot be understood ends the reading and is
//! named: half a list of bad hashes must not look like a whole one. Empty lines and comments (`#`, `;`, `//`) are passed
//! over. Of a table (`,`, `;` or tabs) the column counts that its first line calls `sha256`; without such a line, each
//! row must hold exactly one field that is a SHA-256.

use std::io::BufRead;

/// A longer line is none of any list.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// How a column of hashes is called, in lower case without anything but letters and digits.
const HEADERS: [&str; 4] = ["sha256", "sha256hash", "hashsha256", "filesha256"];

/// Why a list cannot be read, and at which line.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// There is no hash in it.
    #[error("there is no hash in it")]
    Empty,
    /// A line holds no SHA-256.
    #[error("line {0}: no SHA-256 (64 hexadecimal digits) stands there")]
    NoHash(u64),
    /// A row holds several, and no header says which is meant.
    #[error("line {0}: several SHA-256 stand there, and no first line names the column: call it sha256")]
    SeveralHashes(u64),
    /// The row has no such column.
    #[error("line {0}: the row has no field in the column of hashes")]
    NoColumn(u64),
    /// A line is too long.
    #[error("line {0}: longer than any list's line")]
    TooLong(u64),
    /// A line is no UTF-8.
    #[error("line {0}: not UTF-8; save the list as UTF-8")]
    Undecodable(u64),
    /// It cannot be read at all.
    #[error("cannot read the list")]
    Read(#[from] std::io::Error),
}

impl ListError {
    /// A code for it, and the line.
    pub fn code(&self) -> (&'static str, Option<u64>) {
        match self {
            Self::Empty => ("empty", None),
            Self::NoHash(line) => ("no_hash", Some(*line)),
            Self::SeveralHashes(line) => ("several_hashes", Some(*line)),
            Self::NoColumn(line) => ("no_column", Some(*line)),
            Self::TooLong(line) => ("too_long", Some(*line)),
            Self::Undecodable(line) => ("undecodable", Some(*line)),
            Self::Read(_) => ("unreadable", None),
        }
    }
}

/// Hands over every hash of a list; how many there were.
///
/// # Errors
/// Names the first line that cannot be understood.
pub fn read<E: From<ListError>>(
    mut list: impl BufRead,
    mut take: impl FnMut([u8; 32]) -> Result<(), E>,
) -> Result<u64, E> {
    let mut reader = Reader::default();
    let mut bytes = Vec::new();
    let mut count = 0;
    loop {
        bytes.clear();
        let mut line = std::io::Read::take(&mut list, LINE_BYTES_MAX + 1);
        let read = line.read_until(b'\n', &mut bytes).map_err(ListError::Read)?;
        if read == 0 {
            break;
        }
        if let Some(hash) = reader.line(&bytes)? {
            take(hash)?;
            count += 1;
        }
    }
    if count == 0 {
        return Err(ListError::Empty.into());
    }
    Ok(count)
}

/// What is known of a list so far.
#[derive(Debug, Default)]
struct Reader {
    line: u64,
    /// Whether a line with content was seen.
    begun: bool,
    /// The column of hashes, where a first line names it.
    column: Option<usize>,
}

impl Reader {
    fn line(&mut self, bytes: &[u8]) -> Result<Option<[u8; 32]>, ListError> {
        self.line += 1;
        let number = self.line;
        if bytes.len() as u64 > LINE_BYTES_MAX {
            return Err(ListError::TooLong(number));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ListError::Undecodable(number))?;
        let text = match number {
            1 => text.trim_start_matches('\u{feff}'),
            _ => text,
        };
        let text = text.trim();
        if text.is_empty() || ["#", ";", "//"].iter().any(|mark| text.starts_with(mark)) {
            return Ok(None);
        }
        let is_first = !std::mem::replace(&mut self.begun, true);
        if let Some(column) = self.column {
            let found = fields(text).nth(column).ok_or(ListError::NoColumn(number))?;
            return hash(found).map(Some).ok_or(ListError::NoHash(number));
        }
        if let Some(hash) = summed(text) {
            return Ok(Some(hash));
        }
        let mut hashes = fields(text).filter_map(hash);
        match (hashes.next(), hashes.next()) {
            (Some(_), Some(_)) => Err(ListError::SeveralHashes(number)),
            (Some(hash), None) => Ok(Some(hash)),
            (None, _) if is_first => {
                self.column = fields(text).position(is_header);
                self.column.map(|_| None).ok_or(ListError::NoHash(number))
            }
            (None, _) => Err(ListError::NoHash(number)),
        }
    }
}

/// A bare hash, `hash  name`, `\hash *name` or `SHA256 (name) = hash`.
fn summed(text: &str) -> Option<[u8; 32]> {
    if let Some(rest) = text.strip_prefix("SHA256 (") {
        return hash(rest.rsplit_once(") = ")?.1);
    }
    let text = text.strip_prefix('\\').unwrap_or(text);
    let (first, rest) = text.split_at_checked(64)?;
    let is_named = rest.is_empty() || rest.starts_with("  ") || rest.starts_with(" *");
    hash(first).filter(|_| is_named)
}

/// The fields of a row, without their quotes; a separator within quotes separates nothing.
fn fields(text: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let separates = move |c: char| {
        is_quoted ^= c == '"';
        !is_quoted && matches!(c, ',' | ';' | '\t')
    };
    text.split(separates)
        .map(|field| field.trim().trim_matches('"').trim())
}

fn is_header(field: &str) -> bool {
    let plain: String = field.chars().filter(char::is_ascii_alphanumeric).collect();
    HEADERS.contains(&plain.to_ascii_lowercase().as_str())
}

/// A SHA-256 in hexadecimal digits of either case.
pub fn hash(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.trim(), &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

    fn read_all(list: &[u8]) -> Result<Vec<[u8; 32]>, ListError> {
        let mut all = Vec::new();
        read(list, |hash| {
            all.push(hash);
            Ok::<_, ListError>(())
        })?;
        Ok(all)
    }

    #[test]
    fn lists_of_every_make_are_read() {
        let lists = [
            format!("{A}\n{B}\n"),
            format!("\u{feff}# from the centre\r\n{A}\r\n\r\n; more\r\n{B}"),
            format!("{A}  /srv/hồ sơ/a.exe\n{B} *b.exe"),
            format!("\\{A}  a\\nb\nSHA256 (b (1).exe) = {B}"),
            format!("name,MD5,SHA-256\n\"a, b.exe\",x,{A}\nb.exe,y,\"{B}\"\n"),
            format!("# \"first_seen\",\"sha256_hash\"\n\"2026\", \"{A}\", \"x\"\n\"2026\", \"{B}\", \"y\"\n"),
            format!("tên;sha256\na;{A}\nb;{B}"),
        ];
        for list in lists {
            assert_eq!(
                read_all(list.as_bytes()).expect("read"),
                [[0xaa; 32], [0xbb; 32]],
                "{list}"
            );
        }
    }

    #[test]
    fn a_fault_is_named_by_its_line() {
        let cases = [
            (String::new(), "there is no hash in it"),
            ("# nothing\n".to_owned(), "there is no hash in it"),
            (
                format!("{A}\n\nd41d8cd98f00b204e9800998ecf8427e\n"),
                "line 3: no SHA-256",
            ),
            (format!("{A},{B}\n"), "line 1: several"),
            (format!("a,sha256\nx,{A}\ny\n"), "line 3: the row has no field"),
            (format!("{A}x\n"), "line 1: no SHA-256"),
            (format!("{A}\n{}\n", "x".repeat(70_000)), "line 2: longer"),
        ];
        for (list, fault) in cases {
            let error = read_all(list.as_bytes()).expect_err("a fault");
            assert!(error.to_string().starts_with(fault), "{error}");
        }
        let error = read_all(b"\xff\xfea\0").expect_err("a fault");
        assert!(error.to_string().starts_with("line 1: not UTF-8"), "{error}");
    }

    proptest! {
        #[test]
        fn no_list_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = read_all(&bytes);
        }

        #[test]
        fn what_was_written_is_read(hashes in proptest::collection::vec(any::<[u8; 32]>(), 1..50), upper: bool) {
            let lines: Vec<String> = hashes
                .iter()
                .map(|hash| if upper { hex::encode_upper(hash) } else { hex::encode(hash) })
                .collect();
            prop_assert_eq!(read_all(lines.join("\n").as_bytes()).expect("read"), hashes);
        }
    }
}
