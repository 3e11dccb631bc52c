//! A quick scan: clamd looks at each file where malware usually lands.
//!
//! Links are not followed, and other file systems than that of a root are not entered: removable media are roots of
//! their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use vong_os::file::{Kind, bytes_of, look, path_of};
use vong_os::process;

use super::engine::{Engine, Trouble};
use super::{PROGRAMS, Places, ask, conf};
use crate::sensor::Context;
use crate::sensor::antivirus::clamav::Answer;
use crate::sensor::antivirus::jobs::{Ended, Found};
use crate::sensor::antivirus::log::Reply;

/// Where malware usually lands on such a PC.
const USUAL: [&str; 6] = ["/home", "/root", "/tmp", "/var/tmp", "/var/www", "/srv"];
/// Below these, removable media are mounted.
const MEDIA: [&str; 3] = ["/media", "/mnt", "/run/media"];
/// A look at one file takes no longer; clamd's own limit is two minutes.
const FILE_LIMIT: Duration = Duration::from_secs(150);
/// So many files are enough; a PC that has more there is none to be scanned quickly.
const FILES_MAX: u64 = 2_000_000;
/// So many folders may wait.
const FOLDERS_MAX: usize = 100_000;
/// An engine that so many times in a row takes no file has gone.
const FAILURES_MAX: u32 = 5;
/// After each file there is a pause as long as the look, at most this.
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// A PC on which so many programs wait for each processor is busy, and pauses are longer.
const LOAD_MAX: f64 = 1.0;
const BUSY_FACTOR: u32 = 4;
/// The load is looked at after so many files.
const LOAD_FILES: u64 = 64;

/// Scans `paths`, or where malware usually lands; nothing when the agent stops meanwhile.
pub(in crate::sensor::antivirus) fn quick_scan(
    places: &Places,
    context: &Context,
    paths: &[PathBuf],
    limit: Duration,
    found: &SyncSender<Found>,
) -> Option<Ended> {
    let (conf, trouble) = conf(places, &process::running(&PROGRAMS));
    let engine = Engine::of(&conf);
    let answers = matches!(ask(&conf, "PING", &engine.trusted), Answer::Said(text) if text == "PONG");
    if trouble.is_some() || !answers || !engine.takes_files() {
        return Some(Ended::refused("not_possible"));
    }
    let begun = Instant::now();
    let mut scan = Scan {
        context,
        engine,
        found,
        until: begun + limit,
        counts: Counts::default(),
        failures: 0,
        is_busy: false,
    };
    let roots = if paths.is_empty() { usual() } else { paths.to_vec() };
    let end = roots.iter().try_for_each(|root| scan.walk(root));
    // An engine that answers nothing sensible to any file has scanned nothing.
    let is_vain = scan.counts.files == 0 && scan.counts.errors > 0;
    let detail = match end {
        Ok(()) if is_vain => "failed",
        Ok(()) => "scanned",
        Err(End::Stopped) => return None,
        Err(End::TimedOut) => "timed_out",
        Err(End::NoEngine) => "failed",
    };
    Some(Ended {
        done: end.is_ok() && !is_vain,
        detail: detail.to_owned(),
        counts: scan.counts.named(begun.elapsed()),
    })
}

fn usual() -> Vec<PathBuf> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    USUAL.iter().map(PathBuf::from).chain(media(&table)).collect()
}

/// What is mounted from a device below a folder for media. The fifth field is where; behind the dash stand kind and
/// device.
fn media(table: &[u8]) -> Vec<PathBuf> {
    let mounted = table.split(|byte| *byte == b'\n').filter_map(|line| {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let place = path_of(&unescaped(fields.get(4)?));
        let dash = fields.iter().position(|field| *field == b"-")?;
        let is_device = fields.get(dash + 2)?.starts_with(b"/dev/");
        (is_device && MEDIA.iter().any(|folder| place.starts_with(folder))).then_some(place)
    });
    mounted.collect()
}

/// Spaces and the like are written as a backslash and three octal digits.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match code
            .and_then(|code| u8::from_str_radix(code, 8).ok())
            .filter(|_| first == b'\\')
        {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

/// Why a scan ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Stopped,
    TimedOut,
    NoEngine,
}

#[derive(Debug, Default)]
struct Counts {
    files: u64,
    bytes: u64,
    infected: u64,
    errors: u64,
    skipped: u64,
}

impl Counts {
    fn named(&self, took: Duration) -> BTreeMap<String, u64> {
        let counts = [
            ("files", self.files),
            ("bytes", self.bytes),
            ("infected", self.infected),
            ("errors", self.errors),
            ("skipped", self.skipped),
            ("seconds", took.as_secs()),
        ];
        counts.map(|(name, count)| (name.to_owned(), count)).into()
    }
}

struct Scan<'a> {
    context: &'a Context,
    engine: Engine,
    found: &'a SyncSender<Found>,
    until: Instant,
    counts: Counts,
    failures: u32,
    is_busy: bool,
}

impl Scan<'_> {
    fn walk(&mut self, root: &Path) -> Result<(), End> {
        let Ok(at_root) = look(root) else {
            return Ok(());
        };
        if at_root.kind == Kind::File {
            return self.file(root, at_root.size);
        }
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            if self.context.own_folders.contains(&folder) {
                continue;
            }
            let Ok(entries) = fs::read_dir(&folder) else {
                self.counts.errors += 1;
                continue;
            };
            for entry in entries.flatten() {
                let path = entry.path();
                match look(&path) {
                    Ok(facts) if facts.kind == Kind::File => self.file(&path, facts.size)?,
                    Ok(facts) if facts.kind == Kind::Folder && facts.device == at_root.device => {
                        if folders.len() < FOLDERS_MAX {
                            folders.push(path);
                        } else {
                            self.counts.skipped += 1;
                        }
                    }
                    _ => self.counts.skipped += 1,
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, size: u64) -> Result<(), End> {
        let begun = Instant::now();
        if begun >= self.until || self.counts.files >= FILES_MAX {
            return Err(End::TimedOut);
        }
        let left = self.until.saturating_duration_since(begun);
        match self.engine.ask_about(path, FILE_LIMIT.min(left)) {
            Ok(reply) => {
                self.failures = 0;
                self.counts.files += 1;
                self.counts.bytes += size;
                self.take(path, reply);
            }
            Err(Trouble::File(_)) => self.counts.errors += 1,
            Err(Trouble::Engine) => {
                self.counts.errors += 1;
                self.failures += 1;
                if self.failures >= FAILURES_MAX {
                    return Err(End::NoEngine);
                }
            }
        }
        if self.counts.files.is_multiple_of(LOAD_FILES) {
            self.is_busy = process::load().is_some_and(|load| load > LOAD_MAX);
        }
        let factor = if self.is_busy { BUSY_FACTOR } else { 1 };
        let pause = (begun.elapsed() * factor).min(PAUSE_MAX);
        match self.context.stop.wait(pause) {
            true => Err(End::Stopped),
            false => Ok(()),
        }
    }

    fn take(&mut self, path: &Path, reply: Reply) {
        match reply {
            Reply::Clean => {}
            Reply::Infected(threat) => {
                self.counts.infected += 1;
                // Nobody takes it any more when the sensor has ended.
                let _ = self.found.send((bytes_of(path).to_vec(), threat));
            }
            Reply::Failed => self.counts.errors += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_are_what_is_mounted_from_a_device_where_media_are() {
        let table = b"36 25 8:17 / /media/lan/USB\\040\xe1\xba\xa3nh rw shared:1 - vfat /dev/sdb1 rw\n\
            37 25 0:50 / /mnt/chung rw - cifs //may-chu/chung rw\n\
            38 25 8:1 / /home rw - ext4 /dev/sda1 rw\n\
            bad line\n";
        let expected = path_of("/media/lan/USB \u{1ea3}nh".as_bytes());
        assert_eq!(media(table), [expected]);
    }
}
