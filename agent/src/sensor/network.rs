//! Watches the network: how the PC is connected, and whether its user can reach what they need.
//!
//! ```text
//! policy ─▶ plan (what is due when) ─▶ attempt (one question, with a deadline) ─▶ tracker (pure) ─▶ report
//! ```
//!
//! Everything runs on this sensor's thread; only what blocks in the system (name lookups, ICMP) borrows
//! one of a few others. All changes of one probe's state travel in one lane, because their order matters.
//! Who else is on the same network stands in the system's own table, which is read and said (`neighbours`).

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::warn;
use vong_proto::event::{
    Adapter, Body, Lane, Neighbour, NetworkState, ProbeKind, ProbeSample, ProbeState, Severity,
};
use vong_proto::policy::{NetworkPolicy, Probe};

use super::unseen::Unseen;
use super::{Context, event_now};
use crate::report::{NewEvent, Report, SpoolStopped};

mod attempt;
mod neighbours;
mod tracker;

use attempt::{Attempts, LOOKUPS_MAX, Outcome};
use tracker::Tracker;

/// Connections are looked at this often: some hundred microseconds each time.
const LINKS_INTERVAL: Duration = Duration::from_secs(10);
/// How the PC is connected is said again after this time, though nothing has changed.
const REPEAT: Duration = Duration::from_secs(24 * 3_600);
/// With nothing to do the sensor looks up this often.
const LOOK_UP: Duration = LINKS_INTERVAL;
/// First attempts are spread over this time at most, so that PCs that start together do not ask together.
const SPREAD_MAX: Duration = Duration::from_secs(10);
/// So many echoes may wait in the system at once; more wait for their turn within their deadline.
const ECHOES_MAX: usize = 8;
/// A thread that has nothing to ask ends after this time.
const BLOCKING_IDLE: Duration = Duration::from_secs(2);

/// Why the sensor ended.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The thread cannot wait for sockets.
    #[error("cannot start the network sensor's runtime")]
    Runtime(#[source] io::Error),
    /// The agent stops.
    #[error(transparent)]
    Spool(#[from] SpoolStopped),
}

/// Watches until the agent stops.
///
/// # Errors
/// When the thread cannot wait for sockets, or the spool has stopped.
pub fn run(context: &Context, unseen: &mut Unseen) -> Result<(), NetworkError> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(ECHOES_MAX + LOOKUPS_MAX)
        .thread_keep_alive(BLOCKING_IDLE)
        .build()
        .map_err(NetworkError::Runtime)?;
    let result = runtime.block_on(Network::new(context, unseen).watch());
    // A name lookup that still hangs is not waited for.
    runtime.shutdown_background();
    Ok(result?)
}

/// The sensor at work.
struct Network<'a> {
    context: &'a Context,
    generation: u64,
    in_force: NetworkPolicy,
    attempts: Arc<Attempts>,
    probes: HashMap<String, Probing>,
    running: JoinSet<(Arc<Probe>, Outcome)>,
    aggregate_due: Instant,
    links: Links,
    neighbours: neighbours::Watch,
    unseen: &'a mut Unseen,
}

/// One probe of the policy on its way.
struct Probing {
    probe: Arc<Probe>,
    tracker: Tracker,
    due: Instant,
    asking: bool,
}

/// How the PC was connected when that was last said.
#[derive(Default)]
struct Links {
    said: Option<(NetworkState, Instant)>,
    due: Option<Instant>,
}

impl<'a> Network<'a> {
    fn new(context: &'a Context, unseen: &'a mut Unseen) -> Self {
        Self {
            context,
            generation: 0,
            in_force: NetworkPolicy::default(),
            attempts: Arc::new(Attempts::default()),
            probes: HashMap::new(),
            running: JoinSet::new(),
            aggregate_due: Instant::now(),
            links: Links::default(),
            neighbours: neighbours::Watch::default(),
            unseen,
        }
    }

    async fn watch(mut self) -> Result<(), SpoolStopped> {
        let stop = self.context.stop.clone();
        let stopped = stop.made();
        tokio::pin!(stopped);
        loop {
            self.follow_policy()?;
            self.look_at_links()?;
            self.ask_what_is_due();
            if Instant::now() >= self.aggregate_due {
                self.say_samples()?;
            }
            let due = self.next_due();
            tokio::select! {
                () = &mut stopped => return self.say_samples(),
                Some(answered) = self.running.join_next() => match answered {
                    Ok((probe, outcome)) => self.answered(&probe, &outcome)?,
                    Err(error) => warn!(%error, "an attempt panicked"),
                },
                () = self.context.policy.changed(self.generation) => {}
                () = sleep_until(due) => {}
            }
        }
    }

    fn next_due(&self) -> Instant {
        let now = Instant::now();
        self.probes
            .values()
            .filter(|probing| !probing.asking)
            .map(|probing| probing.due)
            .chain([now + LOOK_UP, self.aggregate_due])
            .min()
            .unwrap_or(now + LOOK_UP)
    }

    /// Takes up a new policy; a probe that is the same in both goes on.
    fn follow_policy(&mut self) -> Result<(), SpoolStopped> {
        let (policy, generation) = self.context.policy.with_generation();
        if generation == self.generation {
            return Ok(());
        }
        self.generation = generation;
        if policy.network == self.in_force && !self.probes.is_empty() {
            return Ok(());
        }
        self.say_samples()?;
        self.in_force = policy.network.clone();
        self.aggregate_due = Instant::now() + self.aggregate();
        let mut before = std::mem::take(&mut self.probes);
        for probe in &self.in_force.probes {
            let probing = match before.remove(&probe.name) {
                Some(probing) if *probing.probe == *probe => probing,
                _ => Probing {
                    due: Instant::now() + spread(probe),
                    tracker: Tracker::new(probe.threshold),
                    probe: Arc::new(probe.clone()),
                    asking: false,
                },
            };
            self.probes.insert(probe.name.clone(), probing);
        }
        let mut probes = self.in_force.probes.iter();
        if probes.any(|probe| probe.kind == ProbeKind::Icmp) {
            return Ok(());
        }
        // Nobody asks for echoes any more, so that they are impossible is no news.
        let cured = self.unseen.cure_others(|_| false);
        self.send(cured)
    }

    fn aggregate(&self) -> Duration {
        Duration::from_secs(self.in_force.aggregate_s.into())
    }

    fn ask_what_is_due(&mut self) {
        let now = Instant::now();
        for probing in self.probes.values_mut() {
            if probing.asking || probing.due > now {
                continue;
            }
            probing.asking = true;
            probing.due = now + Duration::from_secs(probing.probe.interval_s.into());
            let (attempts, probe) = (Arc::clone(&self.attempts), Arc::clone(&probing.probe));
            self.running.spawn(async move {
                let outcome = attempts.ask(&probe).await;
                (probe, outcome)
            });
        }
    }

    fn answered(&mut self, probe: &Arc<Probe>, outcome: &Outcome) -> Result<(), SpoolStopped> {
        // An answer to a question of an earlier policy is nobody's.
        let Some(probing) = self
            .probes
            .get_mut(&probe.name)
            .filter(|probing| Arc::ptr_eq(&probing.probe, probe))
        else {
            return Ok(());
        };
        probing.asking = false;
        let mut events = Vec::new();
        if let Some(change) = probing.tracker.take(outcome) {
            events.push(event_now(
                lane(probe.severity),
                Body::ProbeState(ProbeState {
                    probe: probe.name.clone(),
                    kind: probe.kind,
                    target: probe.target.clone(),
                    state: change.state,
                    error: change.error,
                    severity: probe.severity,
                }),
            ));
        }
        match outcome {
            Outcome::Impossible { what, why } => events.extend(self.unseen.say(what, why)),
            Outcome::Answered { .. } if probe.kind == ProbeKind::Icmp => {
                events.extend(self.unseen.cure_others(|_| false));
            }
            Outcome::Answered { .. } | Outcome::Lost { .. } => {}
        }
        self.send(events)
    }

    fn say_samples(&mut self) -> Result<(), SpoolStopped> {
        let aggregate = self.aggregate();
        let left = self.aggregate_due.saturating_duration_since(Instant::now());
        let interval_ms = u32::try_from(aggregate.saturating_sub(left).as_millis()).unwrap_or(u32::MAX);
        self.aggregate_due = Instant::now() + aggregate;
        let mut events = Vec::new();
        for Probing { probe, tracker, .. } in self.probes.values_mut() {
            let Some(sample) = tracker.take_sample() else {
                continue;
            };
            events.push(event_now(
                Lane::Samples,
                Body::ProbeSample(ProbeSample {
                    probe: probe.name.clone(),
                    kind: probe.kind,
                    target: probe.target.clone(),
                    interval_ms,
                    sent: sample.sent,
                    lost: sample.lost,
                    latency_min_us: sample.latency_min_us,
                    latency_mean_us: sample.latency_mean_us(),
                    latency_max_us: sample.latency_max_us,
                }),
            ));
        }
        self.send(events)
    }

    fn look_at_links(&mut self) -> Result<(), SpoolStopped> {
        let now = Instant::now();
        if self.links.due.is_some_and(|due| due > now) {
            return Ok(());
        }
        self.links.due = Some(now + LINKS_INTERVAL);
        let state = network_state();
        let neighbours = neighbours_of(&state);
        self.say_links(state, now)?;
        self.say_neighbours(neighbours, now)
    }

    fn say_links(&mut self, state: NetworkState, now: Instant) -> Result<(), SpoolStopped> {
        let is_news = self
            .links
            .said
            .as_ref()
            .is_none_or(|(before, at)| *before != state || now.duration_since(*at) >= REPEAT);
        if !is_news {
            return Ok(());
        }
        self.links.said = Some((state.clone(), now));
        self.send(vec![event_now(Lane::State, Body::Network(state))])
    }

    fn say_neighbours(&mut self, neighbours: Vec<Neighbour>, now: Instant) -> Result<(), SpoolStopped> {
        let said = self.neighbours.look(neighbours, now);
        let event = said.map(|neighbours| event_now(Lane::State, Body::Neighbours(neighbours)));
        self.send(event.into_iter().collect())
    }

    fn send(&self, events: Vec<NewEvent>) -> Result<(), SpoolStopped> {
        if events.is_empty() {
            return Ok(());
        }
        self.context.reports.send(Report {
            events,
            ..Report::default()
        })
    }
}

/// The machines on the same network, for a PC that is connected so.
pub fn neighbours_of(state: &NetworkState) -> Vec<Neighbour> {
    let own: Vec<String> = state.adapters.iter().map(|adapter| adapter.mac.clone()).collect();
    let table = vong_os::network::neighbours().into_iter();
    let table = table.map(|neighbour| Neighbour {
        mac: neighbour.mac,
        address: neighbour.address.to_string(),
        adapter: neighbour.adapter,
    });
    neighbours::worth_telling(table.collect(), &own)
}

/// How the PC is connected now.
pub fn network_state() -> NetworkState {
    let adapters = vong_os::network::adapters()
        .into_iter()
        .map(|adapter| Adapter {
            name: adapter.name,
            mac: adapter.mac,
            addresses: adapter.addresses,
            up: adapter.up,
        })
        .collect();
    let texts = |addresses: Vec<std::net::IpAddr>| addresses.iter().map(ToString::to_string).collect();
    NetworkState {
        adapters,
        gateways: texts(vong_os::network::gateways()),
        resolvers: texts(vong_os::network::resolvers()),
    }
}

/// Grave probes overtake, in both directions: an end that is overtaken by the next beginning would be lost.
fn lane(severity: Option<Severity>) -> Lane {
    match severity {
        Some(Severity::High | Severity::Critical) => Lane::Urgent,
        Some(Severity::Low | Severity::Medium) | None => Lane::State,
    }
}

/// When a probe asks for the first time.
fn spread(probe: &Probe) -> Duration {
    let interval = Duration::from_secs(probe.interval_s.into()).min(SPREAD_MAX);
    let mut random = [0; 4];
    // Without random bytes everybody asks at once, as if the spread were nothing.
    let _ = getrandom::fill(&mut random);
    interval.mul_f64(f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests;
