//! What ClamAV's programs write about malware into their logs, line by line: pure functions.
//!
//! ```text
//! Mon Nov 30 13:59:06 2026 -> /tmp/a: Eicar.UNOFFICIAL(44d88612fea8a8f36de82e1278abb02f:68) FOUND     clamd
//! /tmp/a: Eicar.UNOFFICIAL FOUND                                                                      clamonacc
//! /tmp/a: moved to '/var/quarantine/a'
//! /tmp/a: Removed.
//! ERROR: Can't unlink '/tmp/a' after copy: No such file or directory
//! ```
//! Paths are whatever bytes their makers like, and both programs write a line's end in a name as it is: who names a
//! file so can write lines of their own. What a line says is therefore a claim. That something was found is told when
//! the engine says so too; that something was done is believed only of a file that has gone, and of a clamonacc that
//! was started to do it.

use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Such as `Mon Nov 30 13:59:06 2026`; days under ten have a space before them.
const STAMP: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
);
/// A stamp has this length, and an arrow behind it.
const STAMP_BYTES: usize = 24;
const ARROW: &[u8] = b" -> ";
/// Names of threats are shorter by far; the wire takes no longer ones.
const THREAT_BYTES_MAX: usize = 255;

/// A line that says something about malware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// When it was written, by the PC's own zone, if it says so.
    pub(super) at: Option<PrimitiveDateTime>,
    /// The file.
    pub(super) path: Vec<u8>,
    /// What of it.
    pub(super) what: What,
}

/// What a line says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// This threat is in it.
    Found(String),
    /// It was moved into quarantine.
    Moved,
    /// It was removed.
    Removed,
    /// It could not be moved.
    NotMoved,
    /// It could not be removed.
    NotRemoved,
}

/// Reads a line without its end; `None` when it says nothing about malware in a file that has a path.
pub(super) fn parse(line: &[u8]) -> Option<Line> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (at, text) = stamp(line);
    let (path, what) = found(text)
        .or_else(|| done(text))
        .or_else(|| failed(text))
        .filter(|(path, _)| path.starts_with(b"/"))?;
    Some(Line {
        at,
        path: path.to_vec(),
        what,
    })
}

/// A line without its stamp, and whether it had one.
pub(super) fn unstamped(line: &[u8]) -> (&[u8], bool) {
    let (at, text) = stamp(line);
    (text, at.is_some())
}

/// What clamd answers about a file that it was handed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Nothing is in it.
    Clean,
    /// This threat is.
    Infected(String),
    /// It could not be looked at.
    Failed,
}

/// Reads `fd[11]: OK`, `fd[11]: THREAT FOUND` or `fd[11]: … ERROR`; `None` when it is no answer.
pub(super) fn parse_reply(answer: &[u8]) -> Option<Reply> {
    let text = answer.strip_suffix(b"\0").unwrap_or(answer).trim_ascii();
    match found(text) {
        Some((_, What::Found(threat))) => Some(Reply::Infected(threat)),
        _ if text.ends_with(b": OK") => Some(Reply::Clean),
        _ if text.ends_with(b"ERROR") => Some(Reply::Failed),
        _ => None,
    }
}

/// Whether a path is what clamonacc leaves for a moment when it takes a file away: a look that was on its way finds
/// the malware there again.
pub(super) fn is_remains(path: &[u8]) -> bool {
    path.ends_with(b" (deleted)") && position(path, b"/.clamav-unlink-").is_some()
}

fn stamp(line: &[u8]) -> (Option<PrimitiveDateTime>, &[u8]) {
    let parsed = line.split_at_checked(STAMP_BYTES).and_then(|(stamp, rest)| {
        let text = std::str::from_utf8(stamp).ok()?;
        let at = PrimitiveDateTime::parse(text, STAMP).ok()?;
        Some((Some(at), rest.strip_prefix(ARROW)?))
    });
    parsed.unwrap_or((None, line))
}

/// `PATH: THREAT FOUND` or `PATH: THREAT(MD5:SIZE) FOUND`; names of threats have no spaces, paths may.
fn found(text: &[u8]) -> Option<(&[u8], What)> {
    let (path, threat) = split_last(text.strip_suffix(b" FOUND")?, b": ")?;
    let threat = std::str::from_utf8(threat).ok()?;
    let threat = match threat.rsplit_once('(') {
        Some((name, extra)) if is_hash_and_size(extra) => name,
        _ => threat,
    };
    let is_name = !threat.is_empty() && threat.len() <= THREAT_BYTES_MAX;
    let is_one_word = !threat.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    (is_name && is_one_word).then(|| (path, What::Found(threat.to_owned())))
}

fn is_hash_and_size(extra: &str) -> bool {
    let parts = extra.strip_suffix(')').and_then(|extra| extra.split_once(':'));
    parts.is_some_and(|(hash, size)| {
        hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && size.parse::<u64>().is_ok()
    })
}

/// `PATH: Removed.` or `PATH: moved to 'PLACE'`; a copy changes nothing.
fn done(text: &[u8]) -> Option<(&[u8], What)> {
    let (path, what) = match text.strip_suffix(b": Removed.") {
        Some(path) => (path, What::Removed),
        None => (
            split_last(text.strip_suffix(b"'")?, b": moved to '")?.0,
            What::Moved,
        ),
    };
    let plain = split_last(path, b" (real path: '").map_or(path, |(plain, _)| plain);
    Some((plain, what))
}

/// `Can't move file 'PATH'…` and the like, with what went wrong behind it.
fn failed(text: &[u8]) -> Option<(&[u8], What)> {
    let text = text.strip_prefix(b"ERROR: ").unwrap_or(text);
    let starts: [(&[u8], What); 4] = [
        (b"Can't move file '", What::NotMoved),
        (b"Can't copy file '", What::NotMoved),
        (b"Can't remove file '", What::NotRemoved),
        (b"Can't unlink '", What::NotRemoved),
    ];
    let (rest, what) = starts
        .into_iter()
        .find_map(|(start, what)| Some((text.strip_prefix(start)?, what)))?;
    let ends: [&[u8]; 4] = [b"' (real path: '", b"' to '", b"': ", b"' after "];
    let end = ends.iter().filter_map(|end| position(rest, end)).min();
    let path = match end {
        Some(end) => &rest[..end],
        None => rest.strip_suffix(b"'")?,
    };
    Some((path, what))
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn split_last<'a>(text: &'a [u8], part: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(part.len()).rposition(|window| window == part)?;
    Some((&text[..at], &text[at + part.len()..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn check(line: &str, path: &str, what: What) {
        let parsed = parse(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(
            (parsed.path.as_slice(), parsed.what),
            (path.as_bytes(), what),
            "{line}"
        );
    }

    fn eicar() -> What {
        What::Found("Test.Eicar.Hash.UNOFFICIAL".to_owned())
    }

    /// As clamd 1.4.6 and clamonacc 1.4.6 of Debian 12 wrote them.
    #[test]
    fn what_was_found_has_a_path_and_a_threat() {
        let line = "Mon Nov 30 13:59:06 2026 -> /tmp/ce/eicar.com: \
            Test.Eicar.Hash.UNOFFICIAL(44d88612fea8a8f36de82e1278abb02f:68) FOUND";
        check(line, "/tmp/ce/eicar.com", eicar());
        let at = parse(line.as_bytes()).and_then(|line| line.at);
        assert_eq!(at, Some(datetime!(2026-11-30 13:59:06)));
        let single_digit = "Tue Dec  1 03:59:06 2026 -> /a: Eicar FOUND";
        let at = parse(single_digit.as_bytes()).and_then(|line| line.at);
        assert_eq!(at, Some(datetime!(2026-12-01 03:59:06)));
        check(
            "/tmp/ce/watch/a b.com: Test.Eicar.Hash.UNOFFICIAL FOUND",
            "/tmp/ce/watch/a b.com",
            eicar(),
        );
        check(
            "/tmp/ce/watch/x: y FOUND: Test.Eicar.Hash.UNOFFICIAL FOUND",
            "/tmp/ce/watch/x: y FOUND",
            eicar(),
        );
        let bytes = b"/tmp/\xff\xfe: Eicar FOUND";
        assert_eq!(
            parse(bytes).map(|line| line.path),
            Some(b"/tmp/\xff\xfe".to_vec())
        );
    }

    /// As clamonacc 1.4.6 wrote them, and in the forms that stand in its program.
    #[test]
    fn what_became_of_it_has_the_path() {
        check(
            "/tmp/ce/watch/m1.com: moved to '/tmp/ce/q/m1.com'",
            "/tmp/ce/watch/m1.com",
            What::Moved,
        );
        check(
            "/tmp/ce/watch/r1.com: Removed.",
            "/tmp/ce/watch/r1.com",
            What::Removed,
        );
        check("/a (real path: '/b'): Removed.", "/a", What::Removed);
        check("/a (real path: '/b'): moved to '/q/a'", "/a", What::Moved);
        check(
            "ERROR: Can't unlink '/tmp/ce/watch/m1.com' (real path: '/tmp/ce/watch/.clamav-unlink-3250-15300815-0/m1.com \
            (deleted)') after copy: No such file or directory",
            "/tmp/ce/watch/m1.com",
            What::NotRemoved,
        );
        check("ERROR: Can't unlink '/a' after copy: x", "/a", What::NotRemoved);
        check("ERROR: Can't move file '/a' to '/q/a'", "/a", What::NotMoved);
        check(
            "Can't move file '/a': quarantine destination '/q' is unavailable",
            "/a",
            What::NotMoved,
        );
        check("ERROR: Can't remove file '/a b'", "/a b", What::NotRemoved);
    }

    /// As clamd 1.4.6 answered.
    #[test]
    fn an_answer_about_a_file_is_read() {
        let infected = Reply::Infected("Test.Eicar.Hash.UNOFFICIAL".to_owned());
        let check = |answer: &[u8], expected: Option<Reply>| assert_eq!(parse_reply(answer), expected);
        check(b"fd[11]: Test.Eicar.Hash.UNOFFICIAL FOUND\0", Some(infected));
        check(b"fd[11]: OK\0", Some(Reply::Clean));
        check(b"fd[11]: Can't allocate memory ERROR\0", Some(Reply::Failed));
        check(b"", None);
        check(b"PONG\0", None);
    }

    /// As clamd 1.4.6 and clamonacc 1.4.6 wrote about `/tmp/nl/watch/y\n/tmp/nl/evil: Removed.\n/z/z`.
    #[test]
    fn a_name_with_a_lines_end_writes_lines_of_its_own() {
        let log = "Mon Nov 30 15:23:34 2026 -> /tmp/nl/watch/y\n/tmp/nl/evil: Removed.\n\
            /z/z: Vong.Test.UNOFFICIAL(9d43013ee842bbdc35ed52daf67af15c:16) FOUND";
        let said: Vec<Line> = log
            .split('\n')
            .filter_map(|line| parse(line.as_bytes()))
            .collect();
        let said: Vec<(&[u8], &What)> = said
            .iter()
            .map(|line| (line.path.as_slice(), &line.what))
            .collect();
        let found = What::Found("Vong.Test.UNOFFICIAL".to_owned());
        let expected: [(&[u8], &What); 2] = [(b"/tmp/nl/evil", &What::Removed), (b"/z/z", &found)];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_is_not_about_a_file_is_passed_over() {
        for line in [
            "Mon Nov 30 13:59:06 2026 -> fd[12]: Eicar FOUND",
            "instream(127.0.0.1@40000): Eicar FOUND",
            "Mon Nov 30 13:58:49 2026 -> SelfCheck: Database status OK.",
            "Mon Nov 30 13:48:49 2026 -> LOCAL: Unix socket file /tmp/ce/run/clamd.ctl",
            "/tmp/a: copied to '/tmp/ce/q/c1.com'",
            "/tmp/a: OK",
            "/tmp/a: two words FOUND",
            "ClamInotif: watching '/tmp/ce/watch' (and all sub-directories)",
            "traverse_to: Failed open .clamav-unlink-3250-15300815-0",
            " FOUND",
            "",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_line_nothing_panics(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&line);
            let _ = parse_reply(&line);
        }

        #[test]
        fn a_path_of_any_bytes_comes_back(path in prop::collection::vec(any::<u8>(), 0..100)) {
            let path = [b"/", path.as_slice()].concat();
            let line = [path.as_slice(), b": Eicar FOUND"].concat();
            prop_assert_eq!(parse(&line).map(|line| line.path), Some(path));
        }
    }
}
