//! The ransomware tripwire: is something spoiling the documents on this PC?
//!
//! ```text
//! fanotify ─▶ below a root? ─▶ a document's name? ─▶ samples ─▶ clues ─▶ scores, per tree of processes ─▶ report
//!  imp          imp              kinds                content    clues    score
//!                                                     canary ──────▲
//! ```
//! Documents are looked at for one reason only. At most 16 KiB of one are read, and the end of it, when somebody has
//! written it; of that nothing is kept but a verdict, and nothing is reported unless the tripwire trips. What trips
//! it is told as it goes on, and when it is over. Nothing is done against it: that is for people to decide.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::{info, warn};
use vong_proto::event::{Blind, Body, Lane, Sensor};
use vong_proto::policy::{TripwirePolicy, Watch};

use super::files::watch::{WatchSet, Watched};
use super::unseen::Unseen;
use super::{Context, event_now};
use crate::clock;
use crate::report::{NewEvent, Report, SpoolStopped, StateChange};
use crate::state::{StateError, StateReader};

mod canary;
mod clue;
mod clues;
mod content;
mod desk;
mod kinds;
mod memory;
mod score;

#[cfg(target_os = "linux")]
#[path = "tripwire/linux.rs"]
mod imp;

use canary::Record;
use desk::{Desk, now};

/// What separates the names in a path.
const SEPARATOR: u8 = std::path::MAIN_SEPARATOR as u8;
/// While something goes on, time may bring something to tell this often. Otherwise it is waited for what happens, a new
/// policy, or the roots to be looked for.
const LOOK_UP: Duration = Duration::from_millis(1_000);
/// Roots appear and go when users do.
const ROOTS_INTERVAL: Duration = Duration::from_secs(10);
/// Canaries are looked at this often, whatever the system tells of them.
const CANARIES_INTERVAL: Duration = Duration::from_secs(300);
/// After a loss they are looked at, but not more often than this.
const LOSS_INTERVAL: Duration = Duration::from_secs(5);
/// What is new is kept for the next run of the agent after this time: an alarm must not wait until that is written.
const KEEP_INTERVAL: Duration = Duration::from_secs(1);
/// More sums than this are not taken over.
const SUMS_MAX: usize = 1_024;
/// Under this code it is said that there is no tripwire.
const WHAT: &str = "tripwire";
/// Under this one, that it has to wait for a processor as others do.
const TARDY: &str = "tripwire_tardy";
/// What the system does not give for want of files or memory it may give later.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);
/// What is remembered of each root that canaries were placed in: see [`Record`].
const ROOT_PREFIX: &[u8] = b"root:";
const ROOTS_PAGE: usize = 1_024;

/// Why the sensor ended.
#[derive(Debug, thiserror::Error)]
pub enum TripwireError {
    /// Its memory cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The agent stops.
    #[error(transparent)]
    Stopped(#[from] SpoolStopped),
    /// The system no longer tells.
    #[error("cannot read what happens to documents")]
    Deaf(#[from] io::Error),
}

/// Watches until the agent stops. What earlier runs said that they cannot see stands in `unseen`.
///
/// # Errors
/// See [`TripwireError`].
pub fn run(context: &Context, unseen: &mut Unseen) -> Result<(), TripwireError> {
    // An encryptor takes all the processors there are; what shall notice it, and the threads that it starts, must not
    // wait for one.
    let hurried = vong_os::process::hurry();
    let mut tripwire = Tripwire::new(context)?;
    if let Err(error) = hurried {
        warn!(%error, "the tripwire has no more right to a processor than others");
        tripwire.tardy = Some(why(&error));
    }
    while !context.stop.requested() {
        let (policy, generation) = context.policy.with_generation();
        if !policy.tripwire.enabled {
            tripwire.rest(unseen)?;
            context.policy.wait_change(generation, Duration::MAX);
            continue;
        }
        if tripwire.source.is_none() {
            match imp::Source::open() {
                Ok(source) => tripwire.source = Some(source),
                Err(error) => {
                    let patience = patience_after(error.kind());
                    tripwire.say_cannot(unseen, &error, patience.is_some())?;
                    let patience = patience.unwrap_or(Duration::MAX);
                    context.policy.wait_change(generation, patience);
                    continue;
                }
            }
        }
        if let Some(source) = &mut tripwire.source {
            source.wake_after(&context.policy, generation)?;
        }
        tripwire.follow(&policy.tripwire, unseen)?;
        tripwire.hear()?;
        tripwire.pass_time()?;
    }
    tripwire.desk.keep(true)?;
    Ok(())
}

/// The sensor at work.
struct Tripwire {
    source: Option<imp::Source>,
    desk: Desk,
    own_folders: Vec<Vec<u8>>,
    in_force: Option<(TripwirePolicy, Vec<Vec<u8>>)>,
    /// Roots in which this or an earlier run has placed canaries.
    placed: HashMap<Vec<u8>, Record>,
    /// Why it has no more right to a processor than others.
    tardy: Option<String>,
    roots_due: Instant,
    canaries_due: Instant,
    loss_due: Instant,
    keep_due: Option<Instant>,
    complete_ms: i64,
}

impl Tripwire {
    fn new(context: &Context) -> Result<Self, TripwireError> {
        let state = StateReader::open(&context.state)?;
        let kept = state.page(Sensor::Tripwire, Some(ROOT_PREFIX), ROOTS_PAGE)?;
        let placed = kept
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(ROOT_PREFIX)?.to_vec(), Record::read(value))))
            .collect();
        let mut desk = Desk::new(context.reports.clone(), &context.programs);
        let sums = state.page(Sensor::Tripwire, Some(desk::SUM_PREFIX), SUMS_MAX)?;
        let is_sum = |(key, _): &(Vec<u8>, Vec<u8>)| key.starts_with(desk::SUM_PREFIX);
        desk.restore(sums.into_iter().filter(is_sum).collect())?;
        let now = Instant::now();
        Ok(Self {
            source: None,
            desk,
            own_folders: context
                .own_folders
                .iter()
                .map(|folder| spelt_by_system(&folder.to_string_lossy()))
                .collect(),
            in_force: None,
            placed,
            tardy: None,
            roots_due: now,
            canaries_due: now,
            loss_due: now,
            keep_due: None,
            complete_ms: clock::wall_ms(),
        })
    }

    /// Nothing is asked for.
    fn rest(&mut self, unseen: &mut Unseen) -> Result<(), TripwireError> {
        self.source = None;
        self.in_force = None;
        self.desk.end();
        self.check_told()?;
        self.keep_canaries(&[])?;
        Ok(self.say(unseen.cure_others(|_| false))?)
    }

    /// Something is asked for that this system does not give; canaries stay when it may give it later.
    fn say_cannot(
        &mut self,
        unseen: &mut Unseen,
        error: &io::Error,
        is_passing: bool,
    ) -> Result<(), SpoolStopped> {
        warn!(%error, is_passing, "there can be no tripwire");
        if !is_passing {
            self.keep_canaries(&[])?;
        }
        self.say(unseen.say(WHAT, &why(error)).into_iter().collect())
    }

    /// Whether everything could be told.
    fn check_told(&mut self) -> Result<(), SpoolStopped> {
        self.desk.failure.take().map_or(Ok(()), Err)
    }

    fn say(&self, events: Vec<NewEvent>) -> Result<(), SpoolStopped> {
        if events.is_empty() {
            return Ok(());
        }
        self.desk.reports.send(Report {
            events,
            ..Report::default()
        })
    }

    fn follow(&mut self, policy: &TripwirePolicy, unseen: &mut Unseen) -> Result<(), TripwireError> {
        let is_same = self
            .in_force
            .as_ref()
            .is_some_and(|(in_force, _)| in_force == policy);
        let is_remounted = self.source.as_ref().is_some_and(imp::Source::is_remounted);
        if is_same && !is_remounted && Instant::now() < self.roots_due {
            return Ok(());
        }
        self.roots_due = Instant::now() + ROOTS_INTERVAL;
        let roots = roots(policy);
        if !is_remounted
            && self
                .in_force
                .as_ref()
                .is_some_and(|(in_force, before)| in_force == policy && *before == roots)
        {
            return Ok(());
        }
        let Some(source) = &mut self.source else {
            return Ok(());
        };
        let watched = roots.iter().map(|root| watched(root, &policy.exclude)).collect();
        let refused = source.arm(WatchSet::new(watched, self.own_folders.clone()), &roots);
        info!(roots = roots.len(), refused = refused.len(), "tripwire armed");
        self.desk.roots.clone_from(&roots);
        let code = |root: &[u8]| format!("{WHAT}:{}", String::from_utf8_lossy(root));
        let mut news: Vec<NewEvent> = refused
            .iter()
            .filter_map(|(root, why)| unseen.say(&code(root), why))
            .collect();
        news.extend(self.tardy.as_ref().and_then(|why| unseen.say(TARDY, why)));
        let is_tardy = self.tardy.is_some();
        news.extend(unseen.cure_others(|what| {
            is_tardy && what == TARDY || refused.iter().any(|(root, _)| code(root) == what)
        }));
        self.say(news)?;
        let with_canaries = |root: &&Vec<u8>| {
            policy.canaries
                && imp::is_local_and_writable(root)
                && !refused.iter().any(|(other, _)| other == *root)
        };
        let with_canaries: Vec<Vec<u8>> = roots.iter().filter(with_canaries).cloned().collect();
        self.keep_canaries(&with_canaries)?;
        self.in_force = Some((policy.clone(), roots));
        Ok(())
    }

    /// Has canaries in these roots and nowhere else.
    fn keep_canaries(&mut self, roots: &[Vec<u8>]) -> Result<(), SpoolStopped> {
        let key = |root: &[u8]| [ROOT_PREFIX, root].concat();
        let change = |root: &[u8], value| StateChange {
            sensor: Sensor::Tripwire,
            key: key(root),
            value,
        };
        let mut state = Vec::new();
        for (root, record) in std::mem::take(&mut self.placed) {
            if roots.contains(&root) {
                self.placed.insert(root, record);
            } else {
                self.desk.canaries.remove(&root, &record);
                state.push(change(&root, None));
            }
        }
        let before = self.placed.clone();
        for root in roots {
            let record = self.placed.entry(root.clone()).or_default();
            if record.add_current() {
                state.push(change(root, Some(record.bytes())));
            }
        }
        if !state.is_empty() {
            self.desk.reports.send(Report {
                state,
                ..Report::default()
            })?;
        }
        if self.desk.canaries.are_in(roots) {
            return Ok(());
        }
        self.desk.canaries.place(roots, &before);
        // What was changed before anybody watched was changed all the same.
        let look = self.desk.canaries.look();
        self.desk.found(&look.news);
        self.canaries_due = Instant::now() + CANARIES_INTERVAL;
        Ok(())
    }

    /// How long nothing is to be done unless something happens.
    fn patience(&self) -> Duration {
        let is_busy = self.desk.scores.is_watching() || self.keep_due.is_some();
        let patience = match is_busy {
            true => LOOK_UP,
            false => self.roots_due.saturating_duration_since(Instant::now()),
        };
        let due_in = self.desk.scores.due_in(clock::mono_ms());
        due_in.map_or(patience, |due_in| due_in.min(patience))
    }

    fn hear(&mut self) -> Result<(), TripwireError> {
        let patience = self.patience();
        let Some(source) = &mut self.source else {
            return Ok(());
        };
        let desk = &mut self.desk;
        let is_complete = source.hear(patience, |heard| desk.take(&heard))?;
        self.check_told()?;
        let now_ms = clock::wall_ms();
        if is_complete {
            self.complete_ms = now_ms;
        } else if Instant::now() >= self.loss_due {
            self.loss_due = Instant::now() + LOSS_INTERVAL;
            self.say_blind(now_ms)?;
            self.look_round();
        }
        Ok(())
    }

    fn say_blind(&mut self, until_ms: i64) -> Result<(), SpoolStopped> {
        let since_ms = std::mem::replace(&mut self.complete_ms, until_ms);
        let blind = Blind {
            sensor: Sensor::Tripwire,
            scope: Vec::new(),
            since_ms: since_ms.min(until_ms),
            until_ms,
            reason: "queue_overflow".to_owned(),
        };
        self.say(vec![event_now(Lane::State, Body::Blind(blind))])
    }

    fn pass_time(&mut self) -> Result<(), TripwireError> {
        for told in self.desk.scores.tick(now()) {
            self.desk.tell(told);
        }
        if std::mem::take(&mut self.desk.has_news) {
            self.keep_due
                .get_or_insert_with(|| Instant::now() + KEEP_INTERVAL);
        }
        if self.keep_due.is_some_and(|due| Instant::now() >= due) {
            self.keep_due = None;
            self.desk.keep(false)?;
        }
        if Instant::now() >= self.canaries_due {
            self.canaries_due = Instant::now() + CANARIES_INTERVAL;
            let look = self.desk.canaries.look();
            self.desk.found(&look.news);
            // Never against somebody, nor before anybody has heard of it.
            if look.news.is_empty() && !self.desk.scores.is_watching() {
                self.desk.canaries.heal(&look, clock::mono_ms());
            }
        }
        Ok(self.check_told()?)
    }

    /// Events were lost: among them may be what happened to a canary.
    fn look_round(&mut self) {
        let look = self.desk.canaries.look();
        self.desk.found(&look.news);
    }
}

/// After which time to ask again for what the system has not given; `None` when it never will.
fn patience_after(kind: ErrorKind) -> Option<Duration> {
    match kind {
        ErrorKind::PermissionDenied | ErrorKind::Unsupported => None,
        _ => Some(RETRY_INTERVAL),
    }
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "unprivileged".to_owned(),
        _ => error.to_string(),
    }
}

/// Where documents lie: what the policy says, or where the users of such a PC keep them.
fn roots(policy: &TripwirePolicy) -> Vec<Vec<u8>> {
    if policy.paths.is_empty() {
        return imp::homes();
    }
    let is_there = |path: &&String| Path::new(path).is_dir();
    let mut roots: Vec<Vec<u8>> = policy
        .paths
        .iter()
        .filter(is_there)
        .map(|path| spelt_by_system(path))
        .collect();
    roots.sort();
    roots.dedup();
    roots
}

fn watched(root: &[u8], exclude: &[String]) -> Watched {
    let watch = Watch {
        name: WHAT.to_owned(),
        path: String::new(),
        severity: None,
        exclude: exclude.to_vec(),
    };
    Watched::new(&watch, root.to_vec())
}

fn spelt_by_system(path: &str) -> Vec<u8> {
    let found = std::fs::canonicalize(path);
    found.map_or_else(
        |_| path.as_bytes().to_vec(),
        |path| vong_os::file::bytes_of(&path).to_vec(),
    )
}

#[cfg(test)]
mod tests;
