//! Keeps the agent within its part of the PC, and says when it is not.
//!
//! ```text
//!  looks ─┐ may I go on? ◀── pace ──┐
//!  walks ─┼─▶ governor ◀── samples: CPU, memory, bytes read, the spool's fill
//!  trip-  ┘ so much was used        └──▶ strain: begins, ends
//!  wire
//! ```
//! Long work that nobody waits for (a first look at a tree, a periodic comparison) rests after each piece until it has
//! kept to its share; on a battery it waits, and when others wait for the processor it takes half. Above all work stand
//! budgets over ten seconds: when one is exceeded, long work stops first, and if that is not enough, looks at what
//! happens now are spaced out. Then the system's own queues overflow, visibly.
//!
//! Nobody samples while nothing is going on: the agent's main thread looks every other second, as it does anyway, and that
//! costs a question for CPU time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};
use vong_os::{process, usage};
use vong_proto::event::{Body, Lane, Strain};
use vong_proto::policy::{BudgetPolicy, Policy};

use crate::clock;
use crate::policy::PolicyWatch;
use crate::report::{NewEvent, Report, Reports};

mod budgets;
mod gauge;
mod pacer;

use budgets::{Budgets, Pace, Sample};
use pacer::{Pacer, Share};

/// Memory is asked for this often: it changes slowly, and the question is a file of /proc.
const MEMORY_INTERVAL: Duration = Duration::from_secs(10);
/// Battery and load are asked for this often, while there is long work.
const CONDITIONS_INTERVAL: Duration = Duration::from_secs(5);
/// Long work that may not go on asks again after this time.
const HELD: Duration = Duration::from_secs(1);
/// Others wait for the processor when they did so in this part of the last ten seconds…
const CROWDED_PART: f64 = 0.25;
/// …or, where the system does not say, when so many programs want each processor.
const CROWDED_LOAD: f64 = 1.5;
/// What spaced-out looks may take of their budget, in percent: with all of it the average would never fall below.
const SPACED_OUT_PERCENT: u32 = 75;
/// Words that nobody has taken yet; a spool that is stuck for so long has more to tell than these.
const UNSAID_MAX: usize = 64;

/// Kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Somebody may be waiting for it: a look at what has just happened.
    Now,
    /// Long work that nobody waits for.
    Background,
}

/// What a spool uses of what it may use.
#[derive(Clone, Debug, Default)]
pub struct Fill(Arc<(AtomicU64, AtomicU64)>);

impl Fill {
    /// Notes both, in bytes.
    pub fn note(&self, used: u64, limit: u64) {
        self.0.0.store(used, Ordering::Relaxed);
        self.0.1.store(limit, Ordering::Relaxed);
    }

    fn get(&self) -> (u64, u64) {
        (self.0.0.load(Ordering::Relaxed), self.0.1.load(Ordering::Relaxed))
    }
}

/// The agent's governor; every part of it that works holds one and the same.
#[derive(Clone, Debug)]
pub struct Governor(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    policy: PolicyWatch,
    spool: Fill,
    started: Instant,
    read_bytes: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    budgets: Budgets,
    pace: Pace,
    background: Pacer,
    spaced_out: Pacer,
    memory: Option<(Duration, u64)>,
    conditions: Option<(Duration, Conditions)>,
    unsaid: Vec<NewEvent>,
}

/// What of the PC decides about long work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Conditions {
    on_battery: bool,
    crowded: bool,
}

/// A piece of work, from its beginning; what it used is charged when it is dropped.
#[derive(Debug)]
#[must_use = "a piece is charged when it ends"]
pub struct Piece<'a> {
    governor: &'a Governor,
    work: Work,
    began: Duration,
    cpu_before: Duration,
    bytes: u64,
}

impl Governor {
    /// Governs by the policy in force; `spool` tells how full the spool is.
    pub fn new(policy: PolicyWatch, spool: Fill) -> Self {
        Self(Arc::new(Shared {
            policy,
            spool,
            started: Instant::now(),
            read_bytes: AtomicU64::new(0),
            state: Mutex::default(),
        }))
    }

    /// One that lets everything go as fast as it can, for a sensor on its own.
    pub fn flat_out() -> Self {
        let policy = Policy {
            budget: BudgetPolicy::flat_out(),
            ..Policy::before_any()
        };
        Self::new(PolicyWatch::fixed(policy), Fill::default())
    }

    /// One that is far above its budgets: looks at what happens now wait for an hour.
    #[cfg(test)]
    pub fn space_out(&self) {
        let mut state = self.lock();
        state.pace = Pace::SpacedOut;
        let share = Share {
            cpu_percent: 100,
            ..Share::default()
        };
        let hour = Duration::from_secs(3_600);
        state.spaced_out.spent(self.now(), hour, 0, share);
    }

    /// Why long work may not go on, where that can last; a code.
    pub fn holds_background(&self) -> Option<&'static str> {
        let now = self.now();
        let policy = self.policy();
        let mut state = self.lock();
        if state.pace != Pace::Free {
            return Some("over_budget");
        }
        (!policy.background_on_battery && state.conditions(now).on_battery).then_some("on_battery")
    }

    /// How long work has to wait before its next piece; `None` when it may go on.
    pub fn may_go_on(&self, work: Work) -> Option<Duration> {
        let now = self.now();
        let mut state = self.lock();
        if work == Work::Now {
            return match state.pace {
                Pace::SpacedOut => state.spaced_out.wait(now),
                Pace::Free | Pace::NoBackground => None,
            };
        }
        if state.pace != Pace::Free {
            return Some(HELD);
        }
        let policy = self.policy();
        if !policy.background_on_battery && state.conditions(now).on_battery {
            return Some(CONDITIONS_INTERVAL);
        }
        state.background.wait(now)
    }

    /// Begins a piece of work.
    pub fn piece(&self, work: Work) -> Piece<'_> {
        if work == Work::Background {
            usage::yield_disk(true);
        }
        Piece {
            governor: self,
            work,
            began: self.now(),
            cpu_before: usage::thread_cpu(),
            bytes: 0,
        }
    }

    /// How many bytes were read for hashing since the agent's start.
    pub fn bytes_read(&self) -> u64 {
        self.0.read_bytes.load(Ordering::Relaxed)
    }

    /// Looks at what the agent uses; to be called every second or two. What has to be said goes to the spool as soon
    /// as that takes it.
    pub fn look(&self, reports: &Reports) {
        let sample = self.sample();
        let policy = self.policy();
        let mut state = self.lock();
        let (pace, strains) = state.budgets.take(&sample, &policy);
        state.pace = pace;
        for strain in strains {
            log(&strain);
            if strain.budget == "memory" && !strain.over {
                usage::release_memory();
            }
            if state.unsaid.len() < UNSAID_MAX {
                state.unsaid.push(NewEvent {
                    lane: Lane::State,
                    wall_ms: sample.wall_ms,
                    mono_ms: clock::mono_ms(),
                    body: Body::Strain(strain),
                });
            }
        }
        if !state.unsaid.is_empty() {
            let report = Report {
                events: state.unsaid.clone(),
                ..Report::default()
            };
            if reports.offer(report) {
                state.unsaid.clear();
            }
        }
    }

    fn sample(&self) -> Sample {
        let now = self.now();
        let (spool_bytes, spool_limit_bytes) = self.0.spool.get();
        Sample {
            now,
            wall_ms: clock::wall_ms(),
            cpu: usage::process_cpu(),
            read_bytes: self.bytes_read(),
            memory_bytes: self.lock().memory_bytes(now),
            spool_bytes,
            spool_limit_bytes,
        }
    }

    fn charge(&self, piece: &Piece<'_>) {
        self.0.read_bytes.fetch_add(piece.bytes, Ordering::Relaxed);
        let cpu = usage::thread_cpu().saturating_sub(piece.cpu_before);
        let policy = self.policy();
        let mut state = self.lock();
        match piece.work {
            Work::Background => {
                let whole = Share {
                    cpu_percent: policy.background_cpu_percent,
                    disk_mib_s: policy.background_disk_mib_s,
                };
                let is_crowded = whole != Share::default() && state.conditions(self.now()).crowded;
                let share = if is_crowded { whole.halved() } else { whole };
                state.background.spent(piece.began, cpu, piece.bytes, share);
            }
            Work::Now if state.pace == Pace::SpacedOut => {
                let part = |budget: u32| (budget * SPACED_OUT_PERCENT / 100).max(1);
                let share = Share {
                    cpu_percent: part(policy.cpu_percent),
                    disk_mib_s: part(policy.disk_mib_s),
                };
                state.spaced_out.spent(piece.began, cpu, piece.bytes, share);
            }
            Work::Now => {}
        }
    }

    fn policy(&self) -> BudgetPolicy {
        self.0.policy.current().budget.clone()
    }

    fn now(&self) -> Duration {
        self.0.started.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn memory_bytes(&mut self, now: Duration) -> u64 {
        match self.memory {
            Some((then, bytes)) if now < then + MEMORY_INTERVAL => bytes,
            _ => {
                let bytes = usage::resident_bytes().unwrap_or(0);
                self.memory = Some((now, bytes));
                bytes
            }
        }
    }

    fn conditions(&mut self, now: Duration) -> Conditions {
        match self.conditions {
            Some((then, conditions)) if now < then + CONDITIONS_INTERVAL => conditions,
            _ => {
                let conditions = Conditions {
                    on_battery: usage::is_on_battery(),
                    crowded: is_crowded(),
                };
                self.conditions = Some((now, conditions));
                conditions
            }
        }
    }
}

impl Piece<'_> {
    /// So many bytes were read from disk in it.
    pub fn read(&mut self, bytes: u64) {
        self.bytes += bytes;
    }
}

impl Drop for Piece<'_> {
    fn drop(&mut self) {
        if self.work == Work::Background {
            usage::yield_disk(false);
        }
        self.governor.charge(self);
    }
}

fn is_crowded() -> bool {
    match usage::waiting_for_cpu() {
        Some(part) => part > CROWDED_PART,
        None => process::load().is_some_and(|load| load > CROWDED_LOAD),
    }
}

fn log(strain: &Strain) {
    let Strain {
        budget,
        limit,
        measured,
        over,
        ..
    } = strain;
    match over {
        false => warn!(
            budget,
            limit, measured, "the agent uses more of this PC than it may, and slows down"
        ),
        true => info!(budget, limit, measured, "the agent keeps to its budget again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn governor(budget: BudgetPolicy) -> Governor {
        let policy = Policy {
            budget,
            ..Policy::before_any()
        };
        Governor::new(PolicyWatch::fixed(policy), Fill::default())
    }

    #[test]
    fn long_work_rests_after_a_piece_and_what_happens_now_does_not_wait() {
        let governor = governor(BudgetPolicy {
            background_on_battery: true,
            ..BudgetPolicy::default()
        });
        assert_eq!(governor.may_go_on(Work::Background), None);
        let mut piece = governor.piece(Work::Background);
        piece.read(200 << 20);
        drop(piece);
        let wait = governor.may_go_on(Work::Background).expect("a rest");
        assert!(wait > Duration::from_secs(5), "{wait:?}");
        assert_eq!(governor.may_go_on(Work::Now), None);
    }

    #[test]
    fn flat_out_never_rests() {
        let governor = Governor::flat_out();
        let mut piece = governor.piece(Work::Background);
        piece.read(1 << 40);
        drop(piece);
        assert_eq!(governor.may_go_on(Work::Background), None);
    }

    #[test]
    fn a_full_spool_is_said_once_it_has_been_full_for_a_while() {
        let (reports, received) = Reports::channel();
        let fill = Fill::default();
        let governor = Governor::new(PolicyWatch::fixed(Policy::before_any()), fill.clone());
        fill.note(95, 100);
        let mut budgets = Budgets::default();
        let mut said = Vec::new();
        for second in 0..5 {
            let sample = Sample {
                now: Duration::from_secs(second),
                ..governor.sample()
            };
            said.extend(budgets.take(&sample, &governor.policy()).1);
        }
        assert_eq!((said[0].budget.as_str(), said[0].measured), ("spool", 95));
        governor.look(&reports);
        assert!(received.try_recv().is_err(), "one look says nothing yet");
    }
}
