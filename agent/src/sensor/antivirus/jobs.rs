//! The collector's orders to the antivirus, carried out one at a time on a thread of their own, so that the watch
//! goes on meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::{info, warn};
use vong_proto::event::{Body, CommandResult, Lane, Sensor};

use crate::clock;
use crate::command::{AntivirusOrder, AntivirusTask};
use crate::report::{Report, StateChange};
use crate::sensor::event_now;
use crate::state::{StateError, StateReader};

/// Found and not yet joined with what the logs say; a scan waits when they are so many.
const FOUND_WAITING_MAX: usize = 64;
/// So many ended orders are remembered; the collector repeats only what it has no answer to.
const ENDED_MAX: usize = 64;
/// No order is given more time than this, which is the most that the collector gives.
const LIMIT_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Where ended orders are remembered; the uplink reads it when it starts.
const ENDED_KEY: &[u8] = b"orders_ended";
/// Where it is remembered when our own quick scan ended last.
const QUICK_SCAN_KEY: &[u8] = b"quick_scan_ms";
/// What a scan keeps in memory is a list of folders.
const STACK_BYTES: usize = 512 * 1024;

/// Malware that a scan has found: path and threat.
pub(super) type Found = (Vec<u8>, String);

/// How an order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// Whether it was carried out.
    pub(super) done: bool,
    /// What came of it: a code.
    pub(super) detail: String,
    /// Numbers that belong to it.
    pub(super) counts: BTreeMap<String, u64>,
}

impl Ended {
    /// It was not carried out, and why.
    pub(super) fn refused(reason: &str) -> Self {
        Self {
            done: false,
            detail: reason.to_owned(),
            counts: BTreeMap::new(),
        }
    }
}

/// What runs, and what has ended.
pub(super) struct Jobs {
    running: Option<Job>,
    ended: VecDeque<String>,
    quick_scan_ms: Option<i64>,
}

struct Job {
    order: AntivirusOrder,
    /// Ends with nothing when the agent stops: the order then comes again.
    thread: JoinHandle<Option<Ended>>,
    found: Receiver<Found>,
}

impl Jobs {
    pub(super) fn open(state: &StateReader) -> Result<Self, StateError> {
        let kept = |key: &[u8]| -> Result<Vec<u8>, StateError> {
            Ok(state.get(Sensor::Antivirus, key)?.unwrap_or_default())
        };
        Ok(Self {
            running: None,
            ended: serde_json::from_slice(&kept(ENDED_KEY)?).unwrap_or_default(),
            quick_scan_ms: serde_json::from_slice(&kept(QUICK_SCAN_KEY)?).ok(),
        })
    }

    /// When our own quick scan ended last, milliseconds since 1970.
    pub(super) fn quick_scan_ms(&self) -> Option<i64> {
        self.quick_scan_ms
    }

    /// What the running scan has found since this was last asked.
    pub(super) fn found(&self) -> Vec<Found> {
        let found = self.running.iter().flat_map(|job| job.found.try_iter());
        found.take(FOUND_WAITING_MAX).collect()
    }

    /// Whether the running order has ended; what it has found is complete then.
    pub(super) fn has_ended(&self) -> bool {
        self.running.as_ref().is_some_and(|job| job.thread.is_finished())
    }

    /// The answer to the running order, if it has ended; what it has found must have been taken before.
    pub(super) fn end(&mut self) -> Option<Report> {
        let job = self.running.take()?;
        let ended = match job.thread.join() {
            Ok(ended) => ended?,
            Err(_) => Ended::refused("failed"),
        };
        if job.order.task == AntivirusTask::QuickScan && ended.done {
            self.quick_scan_ms = Some(clock::wall_ms());
        }
        Some(self.answer(job.order, ended))
    }

    /// Begins the next order if none runs; returns the answer to one that is not begun.
    pub(super) fn begin(
        &mut self,
        orders: &Receiver<AntivirusOrder>,
        work: impl FnOnce(AntivirusOrder, SyncSender<Found>) -> Option<Ended> + Send + 'static,
    ) -> Option<Report> {
        if self.running.is_some() {
            return None;
        }
        let mut order = orders.try_recv().ok()?;
        if Instant::now() > order.begin_until {
            return Some(self.answer(order, Ended::refused("expired")));
        }
        order.limit = order.limit.clamp(Duration::from_secs(1), LIMIT_MAX);
        info!(command = %order.id.escape_debug(), task = ?order.task, "order begins");
        let (sender, found) = sync_channel(FOUND_WAITING_MAX);
        let begun = order.clone();
        let thread = thread::Builder::new()
            .name("antivirus order".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || work(begun, sender));
        match thread {
            Ok(thread) => {
                self.running = Some(Job { order, thread, found });
                None
            }
            Err(error) => {
                warn!(%error, "no thread for an order");
                Some(self.answer(order, Ended::refused("busy")))
            }
        }
    }

    fn answer(&mut self, order: AntivirusOrder, ended: Ended) -> Report {
        info!(command = %order.id.escape_debug(), detail = %ended.detail.escape_debug(), "order ended");
        self.ended.push_back(order.id.clone());
        while self.ended.len() > ENDED_MAX {
            self.ended.pop_front();
        }
        let remembered = |key: &[u8], value: Result<Vec<u8>, serde_json::Error>| StateChange {
            sensor: Sensor::Antivirus,
            key: key.to_vec(),
            value: Some(value.expect("texts and numbers can be written as JSON")),
        };
        let result = CommandResult {
            command_id: order.id,
            done: ended.done,
            detail: ended.detail,
            counts: ended.counts,
        };
        let mut state = vec![remembered(ENDED_KEY, serde_json::to_vec(&self.ended))];
        if let Some(quick_scan_ms) = self.quick_scan_ms {
            state.push(remembered(QUICK_SCAN_KEY, serde_json::to_vec(&quick_scan_ms)));
        }
        Report {
            events: vec![event_now(Lane::State, Body::CommandResult(result))],
            state,
            committed: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::orders;

    fn order(id: &str, begin_until: Instant) -> AntivirusOrder {
        AntivirusOrder {
            id: id.to_owned(),
            task: AntivirusTask::QuickScan,
            limit: Duration::from_secs(60),
            begin_until,
        }
    }

    fn idle() -> Jobs {
        Jobs {
            running: None,
            ended: VecDeque::new(),
            quick_scan_ms: None,
        }
    }

    fn scanned() -> Option<Ended> {
        Some(Ended {
            done: true,
            detail: "scanned".to_owned(),
            counts: BTreeMap::from([("files".to_owned(), 3)]),
        })
    }

    fn detail(report: Report) -> String {
        match report.events.into_iter().next().expect("an event").body {
            Body::CommandResult(result) => result.detail,
            other => panic!("unexpected {other:?}"),
        }
    }

    fn wait_for_the_end(jobs: &Jobs) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !jobs.has_ended() {
            assert!(Instant::now() < deadline, "it ends");
            thread::yield_now();
        }
    }

    fn end_of(jobs: &mut Jobs) -> Report {
        wait_for_the_end(jobs);
        jobs.end().expect("an answer")
    }

    #[test]
    fn orders_are_carried_out_one_at_a_time_and_answered_when_they_have_ended() {
        let (desks, inboxes) = orders();
        let mut jobs = idle();
        let soon = Instant::now() + Duration::from_secs(60);
        for id in ["1", "2"] {
            desks.antivirus.send(order(id, soon)).expect("room");
        }
        let (go, wait) = sync_channel::<()>(1);
        let work = move |_, found: SyncSender<Found>| {
            found.send((b"/a".to_vec(), "Eicar".to_owned())).expect("taken");
            let _ = wait.recv();
            scanned()
        };
        assert!(jobs.begin(&inboxes.antivirus, work).is_none());
        let not_yet = |_, _| panic!("one at a time");
        assert!(jobs.begin(&inboxes.antivirus, not_yet).is_none());
        assert!(!jobs.has_ended());
        go.send(()).expect("it waits");
        wait_for_the_end(&jobs);
        assert_eq!(jobs.found(), [(b"/a".to_vec(), "Eicar".to_owned())]);
        let report = end_of(&mut jobs);
        assert_eq!(report.state.len(), 2);
        assert_eq!(detail(report), "scanned");
        assert!(jobs.quick_scan_ms().is_some());
        assert!(
            jobs.begin(&inboxes.antivirus, |_, _| panic!("as a mistake would"))
                .is_none()
        );
        assert_eq!(detail(end_of(&mut jobs)), "failed");
        assert_eq!(jobs.ended, ["1", "2"]);
    }

    #[test]
    fn an_order_has_the_time_that_it_is_given_up_to_a_day() {
        let (desks, inboxes) = orders();
        let soon = Instant::now() + Duration::from_secs(60);
        let check = |limit_s: u64, expected_s: u64| {
            let mut jobs = idle();
            let given = AntivirusOrder {
                limit: Duration::from_secs(limit_s),
                ..order("1", soon)
            };
            desks.antivirus.send(given).expect("room");
            let work = move |order: AntivirusOrder, _| {
                let counts = BTreeMap::from([("limit_s".to_owned(), order.limit.as_secs())]);
                scanned().map(|ended| Ended { counts, ..ended })
            };
            assert!(jobs.begin(&inboxes.antivirus, work).is_none());
            match end_of(&mut jobs).events.swap_remove(0).body {
                Body::CommandResult(result) => assert_eq!(result.counts["limit_s"], expected_s),
                other => panic!("unexpected {other:?}"),
            }
        };
        check(60, 60);
        check(86_400, 86_400);
        check(86_401, 86_400);
    }

    #[test]
    fn an_order_that_has_waited_too_long_is_refused_and_one_cut_short_not_answered() {
        let (desks, inboxes) = orders();
        let mut jobs = idle();
        let past = Instant::now();
        desks.antivirus.send(order("1", past)).expect("room");
        while Instant::now() == past {
            thread::yield_now();
        }
        let refused = jobs
            .begin(&inboxes.antivirus, |_, _| scanned())
            .expect("answered");
        assert_eq!(detail(refused), "expired");
        let soon = Instant::now() + Duration::from_secs(60);
        desks.antivirus.send(order("2", soon)).expect("room");
        assert!(jobs.begin(&inboxes.antivirus, |_, _| None).is_none());
        assert!(jobs.end().is_none());
        assert_eq!(jobs.ended, ["1"]);
    }
}
