//! Watches files: what changed, into what, and who did it.
//!
//! ```text
//!  fanotify reader ─┐                              ┌─ memory (baseline, in the spool's file)
//!  notify callback ─┴─▶ inbox ─▶ look, hash, compare ─▶ report: events + what changed in memory
//!                                     ▲
//!  start, loss, rescan, new folder ───┴─ comparison of a tree with memory, in pieces
//! ```
//!
//! Two sources complete each other. The operating system tells what happens while it happens, and by whom.
//! A comparison with memory finds what happened while nobody listened: before the agent started, while the
//! system's queue overflowed, in a folder that appeared as a whole. Of these only the outcome is known.
//!
//! What the system does not tell is found at the next comparison: writing through a memory map or by
//! `truncate(2)` while a file stays open, and writing through another hard link outside the watches.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tracing::{info, warn};
use vong_os::file::{look, path_of};
use vong_proto::event::{Blind, Body, Lane, Sensor};
use vong_proto::policy::FilesPolicy;

use super::unseen::Unseen;
use super::{Context, event_now};
use crate::clock;
use crate::command::Rescan;
use crate::governor::{Governor, Work};
use crate::policy::PolicyWatch;
use crate::report::SpoolStopped;
use crate::state::{StateError, StateReader};
use crate::stop::Stop;

mod away;
mod complete;
mod digest;
mod explain;
mod foreign;
mod inbox;
mod known;
mod late;
mod leads;
mod limit;
mod listener;
mod look;
mod memory;
mod names;
mod planned;
mod queue;
mod recheck;
mod rehash;
mod remount;
mod root;
mod said;
mod standard;
mod task;
mod upkeep;
mod walk;
pub(super) mod watch;

#[cfg(target_os = "linux")]
#[path = "files/linux.rs"]
mod imp;

#[cfg(test)]
mod tests;

use explain::Explainer;
use foreign::Foreign;
use inbox::{Inbox, Lost};
use known::{ROOT_PREFIX, root_key, root_of};
use limit::Limit;
use look::Looker;
use memory::{Memory, MemoryError};
use root::{Roots, spelt_by_system, stamp};
use task::{Comparison, FORGETTING, Forgetting, Task};
use upkeep::Upkeep;
use watch::{WatchSet, Watched};

/// The sensor looks up this often for a stop, a new policy and orders.
const LOOK_UP: Duration = Duration::from_millis(500);
/// After a loss every tree is compared, but not more often: a storm that fills the queue again and again
/// shall not be answered with a storm of reading.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(5);
/// A tree in which not every change is heard of is compared this often.
const DEAF_INTERVAL: Duration = Duration::from_secs(120);
/// So long the sensor looks at what it has heard when it shall stop.
const LAST_LOOKS: Duration = Duration::from_secs(1);
/// So many changes are looked at before what they gave is handed over.
const CHANGES_AT_ONCE: usize = 128;
/// So many roots of earlier policies are looked up at once.
const ROOTS_PAGE: usize = 1_024;

pub use explain::{DpkgPlaces, Places};

/// How the sensor hears of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hearing {
    /// The best way that the system allows.
    #[default]
    Best,
    /// As a user without privilege, also when there is privilege.
    Unprivileged,
}

/// Why the sensor ended.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Its memory cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The agent stops.
    #[error(transparent)]
    Stopped(#[from] SpoolStopped),
}

impl From<MemoryError> for FilesError {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::State(error) => Self::State(error),
            MemoryError::Stopped(error) => Self::Stopped(error),
        }
    }
}

/// Watches until the agent stops. What earlier runs said that they cannot see stands in `unseen`.
///
/// # Errors
/// When memory cannot be read or the spool has stopped.
pub fn run(
    context: &Context,
    commands: &Receiver<Rescan>,
    hearing: Hearing,
    unseen: &mut Unseen,
) -> Result<(), FilesError> {
    run_with(context, commands, hearing, &Places::default(), unseen)
}

/// Watches as [`run`] does, with the records of package managers elsewhere.
///
/// # Errors
/// As those of [`run`].
pub fn run_with(
    context: &Context,
    commands: &Receiver<Rescan>,
    hearing: Hearing,
    places: &Places,
    unseen: &mut Unseen,
) -> Result<(), FilesError> {
    let inbox = Arc::new(Inbox::default());
    let memory = Memory::new(StateReader::open(&context.state)?, context.reports.clone());
    let mut files = Files {
        policy: context.policy.clone(),
        stop: context.stop.clone(),
        own_folders: context.own_folders.clone(),
        governor: context.governor.clone(),
        looker: Looker::new(memory, Explainer::new(places)),
        source: imp::Source::open(hearing, Arc::clone(&inbox), &context.programs),
        inbox,
        generation: 0,
        in_force: None,
        tasks: VecDeque::new(),
        roots: Roots::new(),
        mounts_seen_ms: clock::wall_ms(),
        recovery_due: Instant::now(),
        deaf: Vec::new(),
        deaf_due: Instant::now() + DEAF_INTERVAL,
        upkeep: Upkeep::new(),
        limits: Vec::new(),
        unreadable: BTreeSet::new(),
        too_deep: BTreeSet::new(),
        foreign: Vec::new(),
        late: Vec::new(),
        unseen,
    };
    Ok(files.watch(commands)?)
}

/// The sensor at work.
struct Files<'a> {
    policy: PolicyWatch,
    stop: Stop,
    own_folders: Vec<PathBuf>,
    governor: Governor,
    looker: Looker,
    inbox: Arc<Inbox>,
    source: imp::Source,
    generation: u64,
    in_force: Option<FilesPolicy>,
    tasks: VecDeque<Task>,
    /// What is to be watched, and what stood there when it was last looked at.
    roots: Roots,
    /// When it was last certain what is mounted below the watches.
    mounts_seen_ms: i64,
    recovery_due: Instant,
    /// Roots in which not every change is heard of.
    deaf: Vec<Vec<u8>>,
    deaf_due: Instant,
    upkeep: Upkeep,
    /// What could not be seen when the watches were last armed.
    limits: Vec<Limit>,
    /// Folders that the last comparison with them could not read.
    unreadable: BTreeSet<Vec<u8>>,
    /// Folders with names that no path can reach.
    too_deep: BTreeSet<Vec<u8>>,
    foreign: Vec<Foreign>,
    /// Watches whose first look should be over.
    late: Vec<Limit>,
    unseen: &'a mut Unseen,
}

impl Files<'_> {
    fn watch(&mut self, commands: &Receiver<Rescan>) -> Result<(), MemoryError> {
        self.recall_completeness()?;
        while !self.stop.requested() {
            self.follow_policy()?;
            self.follow_roots()?;
            self.recover_if_due();
            self.keep_up()?;
            for rescan in commands.try_iter() {
                self.rescan(&rescan);
            }
            let looked = self.look_at_changes()?;
            let pause = if looked { Duration::ZERO } else { self.work()? };
            self.looker.memory.flush()?;
            self.looker.memory.collect(usize::MAX)?;
            self.say_what_is_too_deep();
            self.inbox.wait(pause);
        }
        self.look_for_the_last_time()?;
        self.keep_completeness()?;
        self.looker.memory.settle()
    }

    /// What has been heard is told before the sensor stops, as far as there is time: afterwards nobody would know any
    /// more who did it.
    fn look_for_the_last_time(&mut self) -> Result<(), MemoryError> {
        let until = Instant::now() + LAST_LOOKS;
        self.inbox.hurry_all();
        // Whatever budget there is: what is not looked at now is lost with who did it.
        while self.look_at_some()? && Instant::now() < until {}
        Ok(())
    }

    /// Looks at the changes that are due, as far as the budgets allow; whether there were any.
    fn look_at_changes(&mut self) -> Result<bool, MemoryError> {
        if let Some(wait) = self.governor.may_go_on(Work::Now) {
            self.stop.wait(wait.min(LOOK_UP));
            return Ok(false);
        }
        self.look_at_some()
    }

    fn look_at_some(&mut self) -> Result<bool, MemoryError> {
        let governor = self.governor.clone();
        let mut piece = governor.piece(Work::Now);
        for count in 0..CHANGES_AT_ONCE {
            let Some(change) = self.inbox.pop() else {
                return Ok(count > 0);
            };
            let looked = self.looker.look_into(&change)?;
            if let Some(hold) = looked.hold {
                self.inbox.told(&change.path, hold);
            }
            if let Some(folder) = looked.inside {
                self.compare_appeared(folder);
            }
            piece.read(self.looker.take_bytes_read());
            if self.looker.memory.is_urgent() {
                self.looker.memory.flush()?;
            }
        }
        Ok(true)
    }

    fn follow_policy(&mut self) -> Result<(), MemoryError> {
        let (policy, generation) = self.policy.with_generation();
        if generation == self.generation {
            return Ok(());
        }
        self.generation = generation;
        self.looker.bytes_max = u64::from(policy.files.hash_max_mib) << 20;
        if self.in_force.as_ref() != Some(&policy.files) {
            self.looker.explainer.plan(&policy.files.planned);
            self.in_force = Some(policy.files.clone());
            self.roots.forget();
            self.arm()?;
        }
        Ok(())
    }

    /// Listens to what the policy says, and compares what has not been listened to.
    fn arm(&mut self) -> Result<(), MemoryError> {
        let policy = self.in_force.clone().unwrap_or_default();
        self.foreign = self.source.foreign();
        let points = foreign::points(&self.foreign);
        self.looker.foreign.clone_from(&points);
        self.roots.pass_over(points.clone());
        let wanted = self.roots.want(&policy);
        let watched = wanted
            .iter()
            .map(|(watch, root)| Watched::new(watch, root.clone()))
            .collect();
        let own_folders = self
            .own_folders
            .iter()
            .map(|folder| spelt_by_system(&folder.to_string_lossy(), &points))
            .collect();
        let watches = Arc::new(WatchSet::new(watched, own_folders).without(points.clone()));
        let before = std::mem::replace(&mut self.looker.watches, Arc::clone(&watches));
        let mut limits = self.source.arm(&watches);
        limits.extend(foreign::limits(&self.foreign, &wanted));
        limits.extend(self.roots.limit());
        let heard_since_ns = heard_from_ns(clock::wall_ms());
        self.forget_others(&watches)?;
        let mounted = self.source.mount_points();
        self.looker.away = away::follow(&mut self.looker.memory, &watches, &mounted)?;
        let keys_are_known = self.keys_are_known()?;
        for (watch, root) in &wanted {
            let (is_there, is_same) = self.roots.look_again(watch);
            if watches.find(root).is_none() {
                continue;
            }
            let is_this = |watched: &&Watched| watched.root == *root;
            let was_same = before.iter().find(is_this) == watches.iter().find(is_this);
            let is_in_a_home = standard::first_home_of(&watch.name).is_some();
            if !is_there || (is_in_a_home && keys_are_known) {
                self.remember_missing(root, watch)?;
            }
            if !is_there && !standard::is_standard(&watch.name) {
                limits.push(Limit::missing(&watch.name));
            }
            if is_there && !(is_same && was_same) {
                self.compare_root(root.clone(), stamp(watch), heard_since_ns)?;
            }
        }
        self.deaf = limits.iter().filter_map(|limit| limit.deaf.clone()).collect();
        let own = policy.watches.len();
        info!(watches = own, standard = wanted.len() - own, "watching files");
        // One code for each kind and watch, whatever more there is of it.
        limits.sort_by(|one, other| one.what.cmp(&other.what));
        limits.dedup_by(|later, first| later.what == first.what);
        self.limits = limits;
        self.unreadable.retain(|folder| watches.find(folder).is_some());
        self.too_deep.retain(|folder| watches.find(folder).is_some());
        self.say_limits();
        Ok(())
    }

    fn compare_root(
        &mut self,
        root: Vec<u8>,
        stamp: Vec<u8>,
        heard_since_ns: i64,
    ) -> Result<(), MemoryError> {
        let seen_before = self.looker.memory.value(&root_key(&root))?;
        let comparison = if seen_before.as_ref() == Some(&stamp) {
            Comparison::new(root.clone(), root.clone(), heard_since_ns)
        } else {
            if seen_before.is_none_or(|stamp| stamp == FORGETTING) {
                self.looker.unfinished.push(root.clone());
            }
            let first = Comparison::first(root.clone(), heard_since_ns, stamp);
            first.in_place_of(&self.tasks)
        };
        self.tasks
            .retain(|task| !matches!(task, Task::Compare(waiting) if waiting.top == root));
        self.tasks.push_back(Task::Compare(Box::new(comparison)));
        Ok(())
    }

    fn compare_below(&mut self, top: Vec<u8>, heard_since_ns: i64) {
        self.source.settle();
        self.compare_first(|root| Comparison::new(top.clone(), root, heard_since_ns), &top);
    }

    /// Compares the inside of a folder that appeared: what lay in it before was written where nobody listened, or came
    /// with it. What happens there from now on is heard of, and whoever does it is named.
    fn compare_appeared(&mut self, top: Vec<u8>) {
        self.source.settle();
        let heard_since_ns = heard_from_ns(clock::wall_ms());
        self.compare_first(
            |root| Comparison::new(top.clone(), root, heard_since_ns).after_doubt(),
            &top,
        );
    }

    /// Puts a comparison before the long ones: it is small and new.
    fn compare_first(&mut self, comparison: impl FnOnce(Vec<u8>) -> Comparison, top: &[u8]) {
        if let Some(watched) = self.looker.watches.find(top) {
            let comparison = comparison(watched.root.clone());
            self.tasks.push_front(Task::Compare(Box::new(comparison)));
        }
    }

    fn recover_if_due(&mut self) {
        if Instant::now() < self.recovery_due {
            return;
        }
        if let Some(lost) = self.inbox.take_lost() {
            self.recovery_due = Instant::now() + RECOVERY_INTERVAL;
            self.recover(lost);
        }
    }

    /// Compares every tree after the system has lost events, and says for how long nothing was heard.
    fn recover(&mut self, lost: Lost) {
        warn!(
            since_ms = lost.since_ms,
            "the system has lost file events, comparing"
        );
        let heard_since_ns = heard_from_ns(lost.until_ms);
        self.looker.explainer.incomplete_since(lost.since_ms);
        for (name, root) in self.present_roots() {
            self.looker.memory.report(event_now(
                Lane::Events,
                Body::Blind(Blind {
                    sensor: Sensor::Files,
                    scope: root.clone(),
                    since_ms: lost.since_ms,
                    until_ms: lost.until_ms,
                    reason: lost.reason.to_owned(),
                }),
            ));
            self.compare_again(&name, root, heard_since_ns);
        }
    }

    fn rescan(&mut self, rescan: &Rescan) {
        let now_ns = heard_from_ns(clock::wall_ms());
        for (name, root) in self.present_roots() {
            if rescan.watch.is_empty() || rescan.watch == name {
                self.compare_again(&name, root, now_ns);
            }
        }
    }

    /// Compares a root once more. One such comparison that has not begun gives way: this one sees more.
    fn compare_again(&mut self, name: &str, root: Vec<u8>, heard_since_ns: i64) {
        info!(watch = name, "comparing");
        self.tasks.retain(|task| {
            let Task::Compare(waiting) = task else { return true };
            waiting.has_begun() || waiting.top != root || !waiting.is_repeat()
        });
        let comparison = Comparison::new(root.clone(), root, heard_since_ns);
        self.tasks.push_back(Task::Compare(Box::new(comparison)));
    }

    fn present_roots(&self) -> Vec<(String, Vec<u8>)> {
        self.looker
            .watches
            .iter()
            .filter(|watched| self.looker.watches.find(&watched.root).is_some())
            .filter(|watched| look(&path_of(&watched.root)).is_ok())
            .map(|watched| (watched.name.clone(), watched.root.clone()))
            .collect()
    }

    /// Forgets the roots of earlier policies, so that one that returns is looked at for the first time.
    fn forget_others(&mut self, watches: &WatchSet) -> Result<(), MemoryError> {
        self.looker.memory.settle()?;
        // One that is watched again keeps what is not forgotten yet; the rest begins anew.
        self.tasks.retain(|task| !matches!(task, Task::Forget(_)));
        for (key, _) in self.looker.memory.page(ROOT_PREFIX, ROOTS_PAGE)? {
            let Some(root) = root_of(&key) else { break };
            if !watches.iter().any(|watched| watched.root == root) {
                self.tasks.push_back(Task::Forget(Forgetting::new(root.to_vec())));
            }
        }
        Ok(())
    }
}

/// From when on changes are certainly heard of, when listening had begun by the end of this millisecond.
fn heard_from_ns(ms: i64) -> i64 {
    ms.saturating_add(1).saturating_mul(1_000_000)
}
