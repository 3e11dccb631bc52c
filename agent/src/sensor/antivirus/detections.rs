//! What ClamAV finds, from its logs and from our own scans: each occurrence once, in one transaction with the place
//! that has been read to.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use time::PrimitiveDateTime;
use vong_os::clock::{Local, unix_ms};
use vong_os::file::{Facts, Kind, bytes_of, look, look_open, open_quietly, path_of};
use vong_proto::event::{Blind, Body, Detection, Lane, Sensor};

use super::follower::{Bookmark, Follower, Lines};
use super::joiner::{self, Files, Finding, Joiner, Occurrence};
use super::log::{self, What};
use crate::clock;
use crate::report::{NewEvent, Report, StateChange};
use crate::sensor::event_now;
use crate::state::{StateError, StateReader};

/// Larger files are not read for their digest: what is found is mostly small.
const DIGEST_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Read at once for a digest.
const BUFFER_BYTES: usize = 64 * 1024;
/// A stamp further off than this is not when it was found: the zone or the clock was changed.
const STAMP_AGE_MAX_MS: i64 = 90 * 24 * 3_600_000;
/// Before the path of a log, where its bookmark is remembered.
const LOG_KEY: &[u8] = b"log\0";
/// Before the key of an occurrence that is open.
const OPEN_KEY: &[u8] = b"open\0";
/// Group and others may write.
const WRITABLE: u32 = 0o022;

/// A log that is to be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogPlace {
    /// Where it lies.
    pub(super) path: PathBuf,
    /// Who writes it: `clamd` or `clamonacc`.
    pub(super) source: &'static str,
    /// What its writer finds cannot be opened.
    pub(super) is_blocked: bool,
    /// Whose file it must be to be believed.
    pub(super) owners: Vec<u32>,
}

/// Follows the logs and joins what they say.
pub(super) struct Detections {
    logs: BTreeMap<PathBuf, Log>,
    joiner: Joiner,
    state: StateReader,
}

struct Log {
    place: LogPlace,
    follower: Follower,
    /// The files of the last bookmark; `None` before the first.
    kept: Option<[Option<u64>; 2]>,
}

/// The files of this PC.
const HERE: Files<'_> = Files {
    is_there: &is_there,
    digest: &digest,
};

impl Detections {
    pub(super) fn open(state: StateReader) -> Result<Self, StateError> {
        let pairs = state.page(Sensor::Antivirus, Some(OPEN_KEY), joiner::OPEN_MAX)?;
        let open = pairs.into_iter().filter(|(key, _)| key.starts_with(OPEN_KEY));
        let open: Vec<Occurrence> = open
            .filter_map(|(_, value)| serde_json::from_slice(&value).ok())
            .collect();
        Ok(Self {
            logs: BTreeMap::new(),
            joiner: Joiner::new(open),
            state,
        })
    }

    /// From now on these logs count. One that is not named any more, as when its writer has stopped, is followed to
    /// what was its end.
    pub(super) fn follow(&mut self, places: Vec<LogPlace>, now: Instant) -> Result<(), StateError> {
        for place in places {
            if let Some(log) = self.logs.get_mut(&place.path)
                && log.place.owners == place.owners
            {
                log.place = place;
                continue;
            }
            let kept = self.state.get(Sensor::Antivirus, &log_key(&place.path))?;
            let bookmark: Option<Bookmark> = kept.and_then(|value| serde_json::from_slice(&value).ok());
            let owners = place.owners.clone();
            let is_log = move |facts: &Facts| owners.contains(&facts.owner) && facts.mode & WRITABLE == 0;
            let follower = Follower::new(place.path.clone(), bookmark, Box::new(is_log), now);
            let log = Log {
                place,
                follower,
                kept: None,
            };
            self.logs.insert(log.place.path.clone(), log);
        }
        Ok(())
    }

    /// Why not all that is found can be seen, if so: a code and a place.
    pub(super) fn unseen(&self) -> Option<String> {
        let is_closed = |log: &&Log| log.follower.files()[1].is_none() && look(&log.place.path).is_ok();
        let closed = self.logs.values().find(is_closed)?;
        Some(format!("not_readable {}", closed.place.path.display()))
    }

    /// Reads on and looks after open occurrences; nothing when there is nothing to say or to remember.
    pub(super) fn turn(&mut self, now: Instant, interval: Duration) -> Option<Report> {
        let now_ms = clock::wall_ms();
        let mut report = Report::default();
        for log in self.logs.values_mut() {
            let lines = log.follower.read(now);
            report.events.extend(log.lost(&lines, now_ms));
            let before = report.events.len();
            let said = lines
                .lines
                .iter()
                .filter_map(|line| log.take(line, &mut self.joiner, now_ms));
            report.events.extend(said.map(event));
            let files = log.follower.files();
            if report.events.len() > before || log.kept != Some(files) {
                report.state.push(log.remember());
                log.kept = Some(files);
            }
        }
        let interval_ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        let gone = self.joiner.check(now_ms, interval_ms, &HERE);
        report.events.extend(gone.into_iter().map(event));
        self.finish(report)
    }

    /// Takes what a scan of ours has found.
    pub(super) fn scanned(&mut self, path: Vec<u8>, threat: String) -> Option<Report> {
        let now_ms = clock::wall_ms();
        let finding = Finding {
            path,
            threat,
            found_ms: now_ms,
            source: "quick_scan",
            is_blocked: false,
        };
        let said = self.joiner.found(&finding, now_ms, &HERE);
        self.finish(Report {
            events: said.map(event).into_iter().collect(),
            ..Report::default()
        })
    }

    fn finish(&mut self, mut report: Report) -> Option<Report> {
        let changes = self
            .joiner
            .take_changes()
            .into_iter()
            .map(|(key, known)| StateChange {
                sensor: Sensor::Antivirus,
                key: [OPEN_KEY, key.as_bytes()].concat(),
                value: known
                    .map(|known| serde_json::to_vec(known).expect("texts and bytes can be written as JSON")),
            });
        report.state.extend(changes);
        (!report.events.is_empty() || !report.state.is_empty()).then_some(report)
    }
}

impl Log {
    fn take(&self, line: &[u8], joiner: &mut Joiner, now_ms: i64) -> Option<Detection> {
        let line = log::parse(line)?;
        let What::Found(threat) = line.what else {
            return joiner.handled(&line.path, &line.what, now_ms, &HERE);
        };
        let finding = Finding {
            path: line.path,
            threat,
            found_ms: line.at.and_then(|at| stamp_ms(at, now_ms)).unwrap_or(now_ms),
            source: self.place.source,
            is_blocked: self.place.is_blocked,
        };
        joiner.found(&finding, now_ms, &HERE)
    }

    /// What the log has said and nobody could read.
    fn lost(&self, lines: &Lines, now_ms: i64) -> Vec<NewEvent> {
        let reasons = [
            (lines.is_cut, "log_rotated"),
            (lines.too_long > 0, "log_line_too_long"),
        ];
        let lost = reasons.into_iter().filter(|(is_lost, _)| *is_lost);
        lost.map(|(_, reason)| {
            let blind = Blind {
                sensor: Sensor::Antivirus,
                scope: bytes_of(&self.place.path).to_vec(),
                since_ms: now_ms,
                until_ms: now_ms,
                reason: reason.to_owned(),
            };
            event_now(Lane::State, Body::Blind(blind))
        })
        .collect()
    }

    fn remember(&mut self) -> StateChange {
        let bookmark = serde_json::to_vec(&self.follower.bookmark());
        StateChange {
            sensor: Sensor::Antivirus,
            key: log_key(&self.place.path),
            value: Some(bookmark.expect("numbers and texts can be written as JSON")),
        }
    }
}

/// Whoever may not look does not know that a file has gone.
fn is_there(path: &[u8]) -> bool {
    let gone = [ErrorKind::NotFound, ErrorKind::NotADirectory];
    look(&path_of(path)).map_or_else(|error| !gone.contains(&error.kind()), |_| true)
}

fn digest(path: &[u8]) -> Option<[u8; 32]> {
    let mut file = open_quietly(&path_of(path)).ok()?;
    let facts = look_open(&file).ok()?;
    if facts.kind != Kind::File || facts.size > DIGEST_BYTES_MAX {
        return None;
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut left = DIGEST_BYTES_MAX;
    loop {
        match file.read(&mut buffer).ok()? {
            0 => break,
            length => {
                left = left.checked_sub(length as u64)?;
                hash.update(&buffer[..length]);
            }
        }
    }
    // What has changed meanwhile has no digest.
    (look_open(&file).ok()? == facts).then(|| hash.finalize().into())
}

fn event(detection: Detection) -> NewEvent {
    event_now(Lane::Urgent, Body::Detection(detection))
}

fn log_key(path: &Path) -> Vec<u8> {
    [LOG_KEY, bytes_of(path)].concat()
}

/// When a line was written, if that is a time at which it can have been.
fn stamp_ms(at: PrimitiveDateTime, now_ms: i64) -> Option<i64> {
    let stamp_ms = unix_ms(Local {
        year: at.year(),
        month: at.month().into(),
        day: at.day(),
        hour: at.hour(),
        minute: at.minute(),
        second: at.second(),
    })?;
    let age_ms = now_ms.saturating_sub(stamp_ms);
    (0..=STAMP_AGE_MAX_MS).contains(&age_ms).then_some(stamp_ms)
}
