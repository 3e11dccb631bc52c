//! Where everything comes together: an act on a file, its samples, its clues, their sum, the report.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use tracing::warn;
use vong_os::file::{Kind, look_open, open_quietly, path_of};
use vong_proto::event::{Body, Lane, Sensor};

use super::canary::{Canaries, News};
use super::clue::{Clue, Code, Key, USERS, VOLUMES, points};
use super::clues::{self, Act, Clues, Deed, Question};
use super::content::{Content, Verdict, judge, judge_stranger};
use super::imp;
use super::score::{Moment, Scores, Told, is_told};
use crate::clock;
use crate::report::{Report, Reports, SpoolStopped, StateChange};
use crate::sensor::event_now;
use crate::sensor::files::watch::is_within;
use crate::sensor::programs::Programs;

/// A note is short.
const NOTE_BYTES_MAX: u64 = 64 * 1024;
/// Under this the sums are kept for the next run of the agent: of a process of this boot, of a volume, or of what has
/// been told and is not over.
pub(super) const SUM_PREFIX: &[u8] = b"sum:";
/// Whatever goes on is over when nothing is heard of it for so long.
const SURELY_OVER_MS: u64 = 86_400_000;

/// What is known, and where it is told.
pub(super) struct Desk {
    pub(super) reports: Reports,
    clues: Clues,
    pub(super) scores: Scores,
    pub(super) canaries: Canaries,
    kin: imp::Kin,
    pub(super) roots: Vec<Vec<u8>>,
    volumes: Vec<Vec<u8>>,
    /// Under which names sums are kept.
    kept: HashMap<Key, Vec<u8>>,
    /// Something has changed that may have to be kept.
    pub(super) has_news: bool,
    pub(super) failure: Option<SpoolStopped>,
}

impl Desk {
    /// Nothing is known yet.
    pub(super) fn new(reports: Reports, programs: &Programs) -> Self {
        Self {
            reports,
            clues: Clues::default(),
            scores: nothing_known(),
            canaries: Canaries::default(),
            kin: imp::Kin::open(programs),
            roots: Vec::new(),
            volumes: Vec::new(),
            kept: HashMap::new(),
            has_news: false,
            failure: None,
        }
    }

    /// Takes over what an earlier run has kept.
    pub(super) fn restore(&mut self, kept: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), SpoolStopped> {
        let mut forgotten = Vec::new();
        for (name, bytes) in kept {
            let chain = match Kept::parse(&name) {
                Some(Kept::Process { pid, start }) if self.kin.is(pid, start) => self.kin.chain(pid),
                Some(Kept::User(key)) => vec![key],
                Some(Kept::Volume(volume)) => vec![self.volume(volume.to_vec())],
                // Whoever it was is gone; that it is over is still to be told.
                _ if is_told(&bytes) => vec![self.kin.new_key()],
                _ => Vec::new(),
            };
            let key = chain.first().copied();
            match key.filter(|_| self.scores.restore(now(), chain, &bytes)) {
                Some(key) => drop(self.kept.insert(key, name)),
                None => forgotten.push(change(name, None)),
            }
        }
        self.send_state(forgotten)
    }

    /// Has what is known kept for the next run, as far as it is news; all of it when the agent stops.
    pub(super) fn keep(&mut self, all: bool) -> Result<(), SpoolStopped> {
        let mut changes = Vec::new();
        for (key, value) in self.scores.unkept(now(), all) {
            if value.is_none() {
                changes.extend(self.kept.remove(&key).map(|name| change(name, None)));
                continue;
            }
            let name = self.kept.get(&key).cloned().or_else(|| self.name_of(key));
            if let Some(name) = name {
                self.kept.insert(key, name.clone());
                changes.push(change(name, value));
            }
        }
        self.send_state(changes)
    }

    fn name_of(&self, key: Key) -> Option<Vec<u8>> {
        if key >= VOLUMES {
            let number = usize::try_from(key - VOLUMES).ok()?;
            return Some(Kept::Volume(self.volumes.get(number)?).name());
        }
        if key >= USERS {
            return Some(Kept::User(key).name());
        }
        let (pid, start) = self.kin.identity(key)?;
        Some(Kept::Process { pid, start }.name())
    }

    fn send_state(&self, state: Vec<StateChange>) -> Result<(), SpoolStopped> {
        if state.is_empty() {
            return Ok(());
        }
        self.reports.send(Report {
            state,
            ..Report::default()
        })
    }

    /// Weighs what has happened to a file.
    pub(super) fn take(&mut self, heard: &imp::Heard) {
        let is_canary = self.canaries.holds(&heard.path)
            || heard.from.as_ref().is_some_and(|from| self.canaries.holds(from));
        // A program that the agent starts while it places one holds it open until it runs itself, and then closes it.
        if is_canary && matches!(heard.act, Act::Written { .. }) && self.canaries.is_as_placed(&heard.path) {
            return;
        }
        if is_canary && heard.act != Act::Made {
            self.canaries.forget(&heard.path);
            if let Some(from) = &heard.from {
                self.canaries.forget(from);
            }
        }
        if heard.folder {
            if is_canary {
                let chain = self.chain(heard.pid, &heard.path);
                self.count(&canary_clue(&heard.path, points::CANARY_TOUCHED, true, chain));
            }
            return;
        }
        let (from, at_ms) = (heard.from.as_deref(), clock::mono_ms());
        let is_hidden = self.is_hidden(&heard.path);
        let Some(question) = self
            .clues
            .question(heard.act, &heard.path, from, is_hidden, at_ms)
        else {
            return;
        };
        let chain = self.chain(heard.pid, &heard.path);
        let (verdict, digest) = sample(&path_of(&heard.path), question);
        let deed = Deed {
            act: heard.act,
            path: &heard.path,
            from,
            chain: &chain,
            at_ms,
        };
        let clues = self.clues.take(&deed, verdict, digest);
        if is_canary && heard.act != Act::Made {
            self.count(&of_canary(heard, verdict, &clues, chain));
            return;
        }
        for clue in clues {
            self.count(&clue);
        }
    }

    fn is_hidden(&self, path: &[u8]) -> bool {
        let root = self.roots.iter().find(|root| is_within(root, path));
        clues::is_hidden(&path[root.map_or(0, Vec::len)..])
    }

    /// What somebody unknown has done to canaries.
    pub(super) fn found(&mut self, news: &News) {
        for path in &news.changed {
            let chain = self.chain(0, path);
            self.count(&canary_clue(path, points::CANARY, false, chain));
        }
        for path in &news.gone {
            let chain = self.chain(0, path);
            self.count(&canary_clue(path, points::CANARY_TOUCHED, true, chain));
        }
    }

    /// Nobody watches any more: nothing further will be told of what goes on, and nothing of it counts later.
    pub(super) fn end(&mut self) {
        let now = now();
        let later = Moment {
            mono_ms: now.mono_ms + SURELY_OVER_MS,
            ..now
        };
        // A warning that was held back is told first.
        for told in [self.scores.tick(later), self.scores.tick(later)].concat() {
            self.tell(told);
        }
        self.scores = nothing_known();
        let forgotten = self.kept.drain().map(|(_, name)| change(name, None)).collect();
        if let Err(stopped) = self.send_state(forgotten) {
            self.failure = Some(stopped);
        }
        self.clues = Clues::default();
    }

    /// The process and its ancestors; where nobody knows them, the volume.
    fn chain(&mut self, pid: u32, path: &[u8]) -> Vec<Key> {
        let chain = self.kin.chain(pid);
        if !chain.is_empty() {
            return chain;
        }
        vec![self.volume(imp::volume_of(path))]
    }

    fn volume(&mut self, volume: Vec<u8>) -> Key {
        let known = self.volumes.iter().position(|known| *known == volume);
        let number = known.unwrap_or_else(|| {
            self.volumes.push(volume);
            self.volumes.len() - 1
        });
        VOLUMES + number as u64
    }

    fn count(&mut self, clue: &Clue) {
        self.has_news = true;
        let user = clue.chain.first().and_then(|key| self.kin.user_of(*key));
        if let Some(told) = self.scores.take_with_user(now(), clue, user) {
            self.tell(told);
        }
    }

    pub(super) fn tell(&mut self, told: Told) {
        self.has_news = true;
        let mut tripwire = told.tripwire;
        let processes = self.kin.processes(&told.chain);
        if let Some(process) = processes.first() {
            tripwire.user.clone_from(&process.user);
            tripwire.processes = processes;
        }
        if let Some(key) = told.chain.first().filter(|key| **key >= VOLUMES) {
            let number = usize::try_from(key - VOLUMES).unwrap_or(usize::MAX);
            tripwire.volume = self.volumes.get(number).cloned().unwrap_or_default();
        }
        warn!(
            key = tripwire.key,
            level = ?tripwire.level,
            score_milli = tripwire.score_milli,
            lost = tripwire.files_lost,
            over = tripwire.over,
            "the tripwire has tripped"
        );
        let report = Report {
            events: vec![event_now(Lane::Urgent, Body::Tripwire(tripwire))],
            ..Report::default()
        };
        if let Err(stopped) = self.reports.send(report) {
            self.failure = Some(stopped);
        }
    }
}

/// Whose sums are kept.
#[derive(Debug, PartialEq, Eq)]
enum Kept<'a> {
    Process { pid: u32, start: u64 },
    User(Key),
    Volume(&'a [u8]),
}

impl Kept<'_> {
    /// The same process has the same name in every run of the agent; after a boot there is none of that name.
    fn name(&self) -> Vec<u8> {
        match self {
            Kept::Process { pid, start } => {
                let boot = clock::boot_id().0;
                [
                    SUM_PREFIX,
                    b"p",
                    &boot[..],
                    &pid.to_be_bytes()[..],
                    &start.to_be_bytes()[..],
                ]
                .concat()
            }
            Kept::User(key) => [SUM_PREFIX, b"u", &key.to_be_bytes()[..]].concat(),
            Kept::Volume(volume) => [SUM_PREFIX, b"v", volume].concat(),
        }
    }

    fn parse(name: &[u8]) -> Option<Kept<'_>> {
        let (kind, rest) = name.strip_prefix(SUM_PREFIX)?.split_first()?;
        if *kind == b'v' {
            return Some(Kept::Volume(rest));
        }
        if *kind == b'u' {
            let key = Key::from_be_bytes(rest.try_into().ok()?);
            return (USERS..VOLUMES).contains(&key).then_some(Kept::User(key));
        }
        let rest = rest.strip_prefix(&clock::boot_id().0[..])?;
        let (pid, start) = rest.split_first_chunk()?;
        Some(Kept::Process {
            pid: u32::from_be_bytes(*pid),
            start: u64::from_be_bytes(start.try_into().ok()?),
        })
    }
}

fn change(key: Vec<u8>, value: Option<Vec<u8>>) -> StateChange {
    StateChange {
        sensor: Sensor::Tripwire,
        key,
        value,
    }
}

fn nothing_known() -> Scores {
    Scores::new(hex::encode(&clock::random_id()[..6]))
}

/// What the touch of a canary weighs. An honest program that goes through all pictures, or packs all old texts, meets
/// canaries too, and leaves behind what can be read.
fn of_canary(heard: &imp::Heard, verdict: Verdict, clues: &[Clue], chain: Vec<Key>) -> Clue {
    let is_clue = |clue: &Clue| clue.code == Code::Extension || clue.points > points::ARCHIVED;
    let is_spoilt = !matches!(
        verdict,
        Verdict::Sound | Verdict::Unknown | Verdict::Archive { encrypted: false }
    );
    if clues.iter().any(is_clue) || is_spoilt {
        return canary_clue(&heard.path, points::CANARY, false, chain);
    }
    canary_clue(
        &heard.path,
        points::CANARY_TOUCHED,
        heard.act == Act::Removed,
        chain,
    )
}

fn canary_clue(path: &[u8], points: f64, is_gone: bool, chain: Vec<Key>) -> Clue {
    Clue {
        code: Code::Canary,
        points,
        path: path.to_vec(),
        old_path: None,
        kind: None,
        is_lost: is_gone,
        chain,
    }
}

/// Reads as much of a file as the question needs; the answer, and a digest of what may be a note.
fn sample(path: &Path, question: Question) -> (Verdict, Option<u64>) {
    if question == Question::Nothing {
        return (Verdict::Unknown, None);
    }
    let Some((file, size)) = open(path) else {
        return (Verdict::Unknown, None);
    };
    let read = |offset: u64, buffer: &mut [u8]| read_at(&file, offset, buffer);
    let content = Content { size, read: &read };
    let verdict = match question {
        Question::Document(kind) => judge(kind, &content),
        Question::Stranger => judge_stranger(&content),
        Question::Nothing => Verdict::Unknown,
    };
    let name = path
        .file_name()
        .map(|name| name.as_encoded_bytes())
        .unwrap_or_default();
    let digest = (size <= NOTE_BYTES_MAX && clues::is_note(name)).then(|| {
        let mut head = [0; 4_096];
        let length = read(0, &mut head);
        let mut hasher = DefaultHasher::new();
        (size, &head[..length]).hash(&mut hasher);
        hasher.finish()
    });
    (verdict, digest)
}

fn open(path: &Path) -> Option<(File, u64)> {
    let file = open_quietly(path).ok()?;
    let facts = look_open(&file).ok()?;
    (facts.kind == Kind::File).then_some((file, facts.size))
}

fn read_at(mut file: &File, offset: u64, buffer: &mut [u8]) -> usize {
    if file.seek(SeekFrom::Start(offset)).is_err() {
        return 0;
    }
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) | Err(_) => break,
            Ok(length) => filled += length,
        }
    }
    filled
}

pub(super) fn now() -> Moment {
    Moment {
        wall_ms: clock::wall_ms(),
        mono_ms: clock::mono_ms(),
    }
}
