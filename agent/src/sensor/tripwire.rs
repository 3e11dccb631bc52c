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

use std::path::Path;
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};
use vong_proto::event::{Blind, Body, Lane, Sensor};
use vong_proto::policy::{TripwirePolicy, Watch};

use super::files::watch::{WatchSet, Watched, is_within};
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
/// What is remembered of each root that canaries were placed in.
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
    Deaf(#[from] std::io::Error),
}

/// Watches until the agent stops. What earlier runs said that they cannot see stands in `unseen`.
///
/// # Errors
/// See [`TripwireError`].
pub fn run(context: &Context, unseen: &mut Unseen) -> Result<(), TripwireError> {
    // An encryptor takes all the processors there are; what shall notice it must not wait for one.
    if let Err(error) = vong_os::process::hurry() {
        debug!(%error, "the tripwire has no more right to a processor than others");
    }
    let mut tripwire = Tripwire::new(context)?;
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
                    tripwire.rest_but_say(unseen, &error)?;
                    context.policy.wait_change(generation, Duration::MAX);
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
    placed: Vec<Vec<u8>>,
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
            .filter_map(|(key, _)| key.strip_prefix(ROOT_PREFIX).map(<[u8]>::to_vec))
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
            roots_due: now,
            canaries_due: now,
            loss_due: now,
            keep_due: None,
            complete_ms: clock::wall_ms(),
        })
    }

    /// Nothing is asked for.
    fn rest(&mut self, unseen: &mut Unseen) -> Result<(), SpoolStopped> {
        self.source = None;
        self.in_force = None;
        self.keep_canaries(&[])?;
        self.say(unseen.cure_others(|_| false))
    }

    /// Something is asked for that this system does not give.
    fn rest_but_say(&mut self, unseen: &mut Unseen, error: &std::io::Error) -> Result<(), SpoolStopped> {
        let why = match error.kind() {
            std::io::ErrorKind::PermissionDenied => "unprivileged".to_owned(),
            _ => error.to_string(),
        };
        warn!(%error, "there can be no tripwire");
        self.keep_canaries(&[])?;
        self.say(unseen.say(WHAT, &why).into_iter().collect())
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
        news.extend(unseen.cure_others(|what| refused.iter().any(|(root, _)| code(root) == what)));
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
        for root in std::mem::take(&mut self.placed) {
            if roots.contains(&root) {
                self.placed.push(root);
            } else {
                self.desk.canaries.remove(&root);
                state.push(change(&root, None));
            }
        }
        let known = self.placed.clone();
        for root in roots.iter().filter(|root| !known.contains(root)) {
            self.placed.push(root.clone());
            state.push(change(root, Some(vec![1])));
        }
        if !state.is_empty() {
            self.desk.reports.send(Report {
                state,
                ..Report::default()
            })?;
        }
        if self.desk.canaries.roots() == roots {
            return Ok(());
        }
        let before = self.desk.canaries.roots().to_vec();
        self.desk.canaries.place(roots);
        // What was changed before anybody watched was changed all the same.
        let new_here = |path: &Vec<u8>| !before.iter().any(|root| is_within(root, path));
        let changed: Vec<Vec<u8>> = self
            .desk
            .canaries
            .look()
            .changed
            .into_iter()
            .filter(new_here)
            .collect();
        self.desk.found_spoilt(&changed);
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
        if let Some(failure) = self.desk.failure.take() {
            return Err(failure.into());
        }
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
            if !self.desk.scores.is_watching() {
                let look = self.desk.canaries.look();
                self.desk.canaries.heal(&look, clock::mono_ms());
            }
        }
        match self.desk.failure.take() {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }

    /// Events were lost: among them may be what happened to a canary.
    fn look_round(&mut self) {
        let look = self.desk.canaries.look();
        let spoilt: Vec<Vec<u8>> = look.changed.into_iter().chain(look.gone).collect();
        self.desk.found_spoilt(&spoilt);
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
