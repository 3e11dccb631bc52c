//! What ClamAV finds, from its logs and from our own scans: each occurrence once, in one transaction with the place
//! that has been read to.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use time::PrimitiveDateTime;
use vong_os::clock::{Local, unix_ms};
use vong_os::file::{Facts, Kind, bytes_of, look, look_open, open_quietly, path_of};
use vong_os::host::is_privileged;
use vong_proto::event::{Blind, Body, Detection, Lane, Sensor};

use super::follower::{Bookmark, Follower, Lines};
use super::imp::{Engine, Trouble};
use super::joiner::{self, Files, Finding, Joiner, Occurrence, Word};
use super::log::{self, Line, Reply, What};
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
/// The engine is asked about so many files in a turn, and for so long: further ones are told as unconfirmed, and asked
/// about again while they are young.
const ASKED_MAX: u32 = 16;
const ASKING: Duration = Duration::from_secs(5);
/// A name may have so many lines' ends; of one with more, only the engine itself can tell.
const NAME_LINES_MAX: usize = 8;
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
    /// Its writer was started to move or remove what it finds; one that was not never says that it did.
    pub(super) is_handled: bool,
}

/// Follows the logs and joins what they say.
pub(super) struct Detections {
    logs: BTreeMap<PathBuf, Log>,
    engine: Engine,
    joiner: Joiner,
    state: StateReader,
}

struct Log {
    place: LogPlace,
    follower: Follower,
    /// The files of the last bookmark; `None` before the first.
    kept: Option<[Option<u64>; 2]>,
    /// The last lines, without stamps: a name with lines' ends began in one of them.
    before: VecDeque<Vec<u8>>,
}

/// The files of this PC, and what the engine says of them within one turn.
struct Here<'a> {
    engine: &'a Engine,
    left: Cell<u32>,
    until: Instant,
    denied: Cell<u64>,
}

impl<'a> Here<'a> {
    fn new(engine: &'a Engine) -> Self {
        Self {
            engine,
            left: Cell::new(ASKED_MAX),
            until: Instant::now() + ASKING,
            denied: Cell::new(0),
        }
    }

    fn show<T>(&self, look: impl FnOnce(&Files<'_>) -> T) -> T {
        look(&Files {
            is_there: &is_there,
            digest: &digest,
            ask: &|path, is_blocked| self.ask(path, is_blocked),
        })
    }

    fn ask(&self, path: &[u8], is_blocked: bool) -> Word {
        let limit = self.until.saturating_duration_since(Instant::now());
        let left = self.left.get();
        if left == 0 || limit.is_zero() || !is_there(path) {
            return Word::Unknown;
        }
        self.left.set(left - 1);
        match self.engine.ask_about(&path_of(path), limit) {
            Ok(Reply::Infected(_)) => Word::Infected,
            Ok(Reply::Clean) => {
                self.denied.set(self.denied.get() + 1);
                Word::Clean
            }
            // Root may open everything but what the engine's own watch keeps from it.
            Err(Trouble::File(ErrorKind::PermissionDenied)) if is_blocked && is_privileged() => {
                Word::Infected
            }
            Ok(Reply::Failed) | Err(Trouble::File(_) | Trouble::Engine) => Word::Unknown,
        }
    }
}

impl Detections {
    pub(super) fn open(state: StateReader) -> Result<Self, StateError> {
        let pairs = state.page(Sensor::Antivirus, Some(OPEN_KEY), joiner::OPEN_MAX)?;
        let open = pairs.into_iter().filter(|(key, _)| key.starts_with(OPEN_KEY));
        let open: Vec<Occurrence> = open
            .filter_map(|(_, value)| serde_json::from_slice(&value).ok())
            .collect();
        Ok(Self {
            logs: BTreeMap::new(),
            engine: Engine::default(),
            joiner: Joiner::new(open),
            state,
        })
    }

    /// From now on these logs count, and what they say is asked of this engine. One that is not named any more, as when its writer has stopped, is followed to
    /// what was its end.
    pub(super) fn follow(
        &mut self,
        places: Vec<LogPlace>,
        engine: Engine,
        now: Instant,
    ) -> Result<(), StateError> {
        self.engine = engine;
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
                before: VecDeque::new(),
            };
            self.logs.insert(log.place.path.clone(), log);
        }
        Ok(())
    }

    /// Why not all that is found can be seen, if so: a code and a place.
    pub(super) fn unseen(&self, now: Instant) -> Option<String> {
        let is_closed = |log: &Log| log.follower.files()[1].is_none() && is_there(bytes_of(&log.place.path));
        let mut logs = self.logs.values();
        let closed = logs.find(|log| is_closed(log) || log.follower.is_apart(now))?;
        Some(format!("not_readable {}", closed.place.path.display()))
    }

    /// Reads on and looks after open occurrences; nothing when there is nothing to say or to remember.
    pub(super) fn turn(&mut self, now: Instant, interval: Duration) -> Option<Report> {
        let now_ms = clock::wall_ms();
        let mut report = Report::default();
        let here = Here::new(&self.engine);
        for log in self.logs.values_mut() {
            let lines = log.follower.read(now);
            report.events.extend(log.lost(&lines, now_ms));
            let before = report.events.len();
            let said = lines
                .lines
                .iter()
                .flat_map(|line| here.show(|files| log.take(line, &mut self.joiner, now_ms, files)));
            report.events.extend(said.map(event));
            if here.denied.take() > 0 {
                report.events.push(log.blind("log_line_denied", now_ms));
            }
            let files = log.follower.files();
            if report.events.len() > before || log.kept != Some(files) {
                report.state.push(log.remember());
                log.kept = Some(files);
            }
        }
        let interval_ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        let said = here.show(|files| self.joiner.check(now_ms, interval_ms, files));
        report.events.extend(said.into_iter().map(event));
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
            is_certain: true,
        };
        let said = Here::new(&self.engine).show(|files| self.joiner.found(&finding, now_ms, files));
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
    /// A line is taken for what it says, and also for the last of several that name a file which is there: the
    /// engine knows which of the two is true.
    fn take(&mut self, line: &[u8], joiner: &mut Joiner, now_ms: i64, files: &Files<'_>) -> Vec<Detection> {
        let (text, is_stamped) = log::unstamped(line);
        if is_stamped {
            self.before.clear();
        }
        let said = [self.of_several_lines(text), log::parse(line)];
        self.before.push_back(text.to_vec());
        if self.before.len() > NAME_LINES_MAX {
            self.before.pop_front();
        }
        let said = said.into_iter().flatten();
        said.filter_map(|line| self.tell(line, joiner, now_ms, files))
            .collect()
    }

    fn of_several_lines(&self, text: &[u8]) -> Option<Line> {
        if !text.ends_with(b" FOUND") {
            return None;
        }
        (0..self.before.len()).find_map(|first| {
            let lines = self.before.range(first..).map(Vec::as_slice);
            let lines: Vec<&[u8]> = lines.chain([text]).collect();
            let whole = log::parse(&lines.join(&b'\n'))?;
            let is_found = matches!(whole.what, What::Found(_));
            let is_file = look(&path_of(&whole.path)).is_ok_and(|facts| facts.kind == Kind::File);
            (is_found && is_file).then_some(whole)
        })
    }

    fn tell(&self, line: Line, joiner: &mut Joiner, now_ms: i64, files: &Files<'_>) -> Option<Detection> {
        let What::Found(threat) = line.what else {
            let is_believed = self.place.is_handled;
            return is_believed.then(|| joiner.handled(&line.path, &line.what, now_ms, files))?;
        };
        let finding = Finding {
            path: line.path,
            threat,
            found_ms: line.at.and_then(|at| stamp_ms(at, now_ms)).unwrap_or(now_ms),
            source: self.place.source,
            is_blocked: self.place.is_blocked,
            is_certain: false,
        };
        joiner.found(&finding, now_ms, files)
    }

    /// What the log has said and nobody could read.
    fn lost(&self, lines: &Lines, now_ms: i64) -> Vec<NewEvent> {
        let reasons = [
            (lines.is_cut, "log_rotated"),
            (lines.too_long > 0, "log_line_too_long"),
        ];
        let lost = reasons.into_iter().filter(|(is_lost, _)| *is_lost);
        lost.map(|(_, reason)| self.blind(reason, now_ms)).collect()
    }

    fn blind(&self, reason: &str, now_ms: i64) -> NewEvent {
        let blind = Blind {
            sensor: Sensor::Antivirus,
            scope: bytes_of(&self.place.path).to_vec(),
            since_ms: now_ms,
            until_ms: now_ms,
            reason: reason.to_owned(),
        };
        event_now(Lane::State, Body::Blind(blind))
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
