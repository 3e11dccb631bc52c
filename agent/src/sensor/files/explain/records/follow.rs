//! A log that is read on as it grows, and again from its beginning when there is another one.
//!
//! Its lines tell the time as clocks on the wall do there, without saying which zone. The file's own time does: it was
//! changed when its last line was written.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use vong_os::file::{Facts, Kind, look_open, open_quietly};

/// Of a log that is met for the first time, so much is read, from its end: some ten thousand actions.
const TAIL_BYTES: u64 = 1 << 20;
/// So much is read at once.
const CHUNK_BYTES: u64 = 64 * 1024;
/// Zones differ by quarters of an hour.
const ZONE_STEP_S: i64 = 900;
/// No zone is further from Greenwich.
const ZONE_MAX_S: i64 = 14 * 3_600;
/// A longer line is none of a package manager's.
const LINE_MAX: usize = 4_096;

/// A log that is followed.
#[derive(Debug)]
pub(in super::super) struct Followed {
    path: PathBuf,
    read: Option<Position>,
    changed_s: i64,
    zone_s: Option<i64>,
}

#[derive(Debug)]
struct Position {
    device: u64,
    inode: u64,
    offset: u64,
}

impl Followed {
    pub(in super::super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            read: None,
            changed_s: 0,
            zone_s: None,
        }
    }

    /// Hands over the lines that have come since the last time.
    pub(in super::super) fn read(&mut self, mut each: impl FnMut(&[u8])) {
        let Ok(mut file) = open_quietly(&self.path) else {
            return;
        };
        let Ok(facts) = look_open(&file) else { return };
        if facts.kind != Kind::File {
            return;
        }
        let mut offset = self.begin(&facts);
        while offset < facts.size {
            let mut chunk = Vec::new();
            let bytes = CHUNK_BYTES.min(facts.size - offset);
            if read_at(&mut file, offset, bytes, &mut chunk).is_err() || chunk.is_empty() {
                break;
            }
            let whole = match chunk.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                // A line that has not ended yet, or one that never will.
                None if chunk.len() < LINE_MAX => break,
                None => chunk.len(),
            };
            let lines = chunk[..whole].split(|byte| *byte == b'\n');
            lines.filter(|line| line.len() <= LINE_MAX).for_each(&mut each);
            offset += whole as u64;
        }
        self.changed_s = facts.mtime_ns.div_euclid(1_000_000_000);
        self.read = Some(Position {
            device: facts.device,
            inode: facts.inode,
            offset,
        });
    }

    /// Where to read on.
    fn begin(&self, facts: &Facts) -> u64 {
        match &self.read {
            Some(at) if (at.device, at.inode) == (facts.device, facts.inode) && at.offset <= facts.size => {
                at.offset
            }
            // After a turn of logs, or one that was cut: all of the new one.
            _ => facts.size.saturating_sub(TAIL_BYTES),
        }
    }

    /// Says which time stands in the last line, as seconds since 1970 if the zone were that of Greenwich.
    pub(in super::super) fn ends_at(&mut self, last_s: i64) {
        let zone_s = (last_s - self.changed_s + ZONE_STEP_S / 2).div_euclid(ZONE_STEP_S) * ZONE_STEP_S;
        // A file that was copied or touched has another time than its last line.
        if zone_s.abs() <= ZONE_MAX_S {
            self.zone_s = Some(zone_s);
        }
    }

    /// A time of the wall clock as the log would write it; `None` before there is a line.
    pub(in super::super) fn local_seconds(&self, wall_ms: i64) -> Option<i64> {
        Some(wall_ms.div_euclid(1_000).saturating_add(self.zone_s?))
    }
}

fn read_at(file: &mut File, offset: u64, bytes: u64, into: &mut Vec<u8>) -> std::io::Result<usize> {
    file.seek(SeekFrom::Start(offset))?;
    file.take(bytes).read_to_end(into)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn lines(followed: &mut Followed) -> Vec<String> {
        let mut lines = Vec::new();
        followed.read(|line| {
            if !line.is_empty() {
                lines.push(String::from_utf8_lossy(line).into_owned());
            }
        });
        lines
    }

    #[test]
    fn each_line_is_handed_over_once_when_it_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut followed = Followed::new(path.clone());
        assert!(lines(&mut followed).is_empty());
        let mut file = File::create(&path).expect("made");
        file.write_all(b"one\ntwo\nthr").expect("written");
        assert_eq!(lines(&mut followed), ["one", "two"]);
        file.write_all(b"ee\n").expect("written");
        assert_eq!(lines(&mut followed), ["three"]);
        assert!(lines(&mut followed).is_empty());
    }

    #[test]
    fn another_log_begins_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut followed = Followed::new(path.clone());
        std::fs::write(&path, "one\n").expect("written");
        assert_eq!(lines(&mut followed), ["one"]);
        std::fs::rename(&path, folder.path().join("log.1")).expect("turned");
        std::fs::write(&path, "two\n").expect("written");
        assert_eq!(lines(&mut followed), ["two"]);
        std::fs::write(&path, "3\n").expect("cut");
        assert_eq!(lines(&mut followed), ["3"]);
    }

    #[test]
    fn a_long_log_is_read_from_near_its_end_and_a_line_without_end_is_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let long = "x".repeat(3 * CHUNK_BYTES as usize);
        let text = format!("first\n{}{long}\nlast\n", "line\n".repeat(1 << 18));
        std::fs::write(&path, text).expect("written");
        let lines = lines(&mut Followed::new(path));
        assert!(!lines.contains(&"first".to_owned()));
        assert_eq!(lines.last().map(String::as_str), Some("last"));
    }

    #[test]
    fn the_zone_is_told_by_the_files_own_time() {
        let check = |last_s: i64, changed_s: i64, expected_s: i64| {
            let mut followed = Followed::new(PathBuf::new());
            followed.changed_s = changed_s;
            followed.ends_at(last_s);
            assert_eq!(
                followed.local_seconds(0),
                Some(expected_s),
                "{last_s} {changed_s}"
            );
        };
        check(1_000_000, 1_000_003, 0);
        check(1_025_200, 1_000_000, 25_200);
        check(1_025_200 - 4, 1_000_000, 25_200);
        check(1_000_000 - 12_600, 1_000_001, -12_600);
        let mut touched = Followed::new(PathBuf::new());
        touched.changed_s = 1_000_000;
        touched.ends_at(0);
        assert_eq!(touched.local_seconds(0), None);
    }
}
