//! Watches antivirus: which products are there, whether they are on and up to date.
//!
//! The full state is reported at start, whenever something of it changes, and daily, so that the collector
//! never has to add up differences. A change to the worse takes the urgent lane, and so does malware.
//!
//! * `clamav`: rows about ClamAV to the domain's words; `log`: lines of its logs.
//! * `follower`: logs as they are written and rotated; `joiner`: what is said of one piece of malware; `detections`
//!   joins the two with the spool.
//! * `jobs`: the collector's orders.
//! * `rows`: the raw rows of every source, decoded by a module for each and put together by `combine`.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use vong_proto::event::{AntivirusState, Body, Lane, Sensor, Switch};
use vong_proto::policy::AntivirusPolicy;

use super::unseen::Unseen;
use super::{Context, event_now};
use crate::clock;
use crate::command::{AntivirusOrder, AntivirusTask};
use crate::report::{Report, SpoolStopped, StateChange};
use crate::state::{StateError, StateReader};

mod cell;
mod clamav;
mod combine;
pub mod defender;
mod detections;
mod eset;
mod follower;
pub mod installed;
mod jobs;
mod joiner;
mod kaspersky;
mod log;
mod mdatp;
pub mod rows;
mod security_center;
mod vendor;

#[cfg(target_os = "linux")]
#[path = "antivirus/linux.rs"]
mod imp;

pub use imp::Places;

use detections::Detections;
use jobs::Jobs;
use rows::Rows;

/// The state is said again after this time, though nothing has changed.
const REPEAT: Duration = Duration::from_secs(24 * 3_600);
/// Logs and orders are looked at this often: malware that is found is told within this time.
const TURN: Duration = Duration::from_secs(1);
/// The product whose scans are ours.
const CLAMAV: &str = "ClamAV";
/// What cannot be seen when a log cannot be read.
const LOG_UNSEEN: &str = "antivirus_log";
/// Where the last state is remembered, in short.
const KEY: &[u8] = b"last";

/// Why the sensor ended.
#[derive(Debug, thiserror::Error)]
pub enum AntivirusError {
    /// Its memory cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The agent stops.
    #[error(transparent)]
    Spool(#[from] SpoolStopped),
}

/// Looks once at everything that tells of a product.
pub fn look(places: &Places) -> Rows {
    let look = imp::look_around(places, &mut imp::Memory::default());
    Rows::new(clock::wall_ms(), look.sources)
}

/// Watches until the agent stops, and carries out `orders`.
///
/// # Errors
/// When memory cannot be read or the spool has stopped.
pub fn run(
    context: &Context,
    places: &Places,
    orders: &Receiver<AntivirusOrder>,
    unseen: &mut Unseen,
) -> Result<(), AntivirusError> {
    let mut watch = Watch::open(context, places)?;
    while !context.stop.requested() {
        let (policy, generation) = context.policy.with_generation();
        let interval = Duration::from_secs(policy.antivirus.interval_s.into());
        let looked = Instant::now();
        watch.look(&policy.antivirus)?;
        loop {
            watch.follow(interval, unseen)?;
            watch.work(orders, &policy.antivirus)?;
            let left = interval.saturating_sub(looked.elapsed());
            let is_changed = context.policy.wait_change(generation, left.min(TURN)) != generation;
            if is_changed || looked.elapsed() >= interval || context.stop.requested() {
                break;
            }
        }
    }
    Ok(())
}

/// The sensor at work.
struct Watch<'a> {
    context: &'a Context,
    places: &'a Places,
    memory: imp::Memory,
    detections: Detections,
    jobs: Jobs,
    remembered: Option<Summary>,
    said: Option<(AntivirusState, Instant)>,
}

impl<'a> Watch<'a> {
    fn open(context: &'a Context, places: &'a Places) -> Result<Self, AntivirusError> {
        let state = StateReader::open(&context.state)?;
        let remembered = state
            .get(Sensor::Antivirus, KEY)?
            .and_then(|value| serde_json::from_slice::<Summary>(&value).ok());
        Ok(Self {
            context,
            places,
            memory: imp::Memory::default(),
            jobs: Jobs::open(&state)?,
            detections: Detections::open(state)?,
            remembered,
            said: None,
        })
    }

    /// Looks at the products, and says what has changed.
    fn look(&mut self, policy: &AntivirusPolicy) -> Result<(), AntivirusError> {
        let look = imp::look_around(self.places, &mut self.memory);
        self.detections.follow(look.logs, look.engine, Instant::now())?;
        let rows = Rows::new(clock::wall_ms(), look.sources);
        let mut products = rows::decode(&rows).products;
        for product in &mut products {
            // Ours is of ClamAV; other products count their own.
            if product.product == CLAMAV {
                product.quick_scan_ms = self.jobs.quick_scan_ms();
            }
        }
        let state = AntivirusState {
            products,
            expectations: policy.expectations(false),
        };
        let is_due = self
            .said
            .as_ref()
            .is_none_or(|(before, at)| !is_same(before, &state) || at.elapsed() >= REPEAT);
        if is_due {
            let summary = Summary::of(&state);
            let worse = self
                .remembered
                .as_ref()
                .is_some_and(|before| summary.is_worse_than(before));
            self.context.reports.send(report(&state, &summary, worse))?;
            self.remembered = Some(summary);
            self.said = Some((state, Instant::now()));
        }
        Ok(())
    }

    /// Hands over what was found since the last turn.
    fn follow(&mut self, interval: Duration, unseen: &mut Unseen) -> Result<(), SpoolStopped> {
        let read = self.detections.turn(Instant::now(), interval);
        let mut reports: Vec<Report> = read.into_iter().collect();
        for (path, threat) in self.jobs.found() {
            reports.extend(self.detections.scanned(path, threat));
        }
        let why = self.detections.unseen(Instant::now());
        let mut words = unseen.cure_others(|_| why.is_some());
        words.extend(why.and_then(|why| unseen.say(LOG_UNSEEN, &why)));
        if !words.is_empty() {
            reports.push(Report {
                events: words,
                ..Report::default()
            });
        }
        reports
            .into_iter()
            .try_for_each(|report| self.context.reports.send(report))
    }

    /// Ends and begins orders.
    fn work(
        &mut self,
        orders: &Receiver<AntivirusOrder>,
        policy: &AntivirusPolicy,
    ) -> Result<(), SpoolStopped> {
        let mut ended = Vec::new();
        if self.jobs.has_ended() {
            for (path, threat) in self.jobs.found() {
                ended.extend(self.detections.scanned(path, threat));
            }
            ended.extend(self.jobs.end());
        }
        let (places, context) = (self.places.clone(), self.context.clone());
        let paths: Vec<PathBuf> = policy.quick_scan_paths.iter().map(PathBuf::from).collect();
        let refused = self.jobs.begin(orders, move |order, found| match order.task {
            AntivirusTask::UpdateSignatures => imp::update_signatures(&places, &context, order.limit),
            AntivirusTask::QuickScan => imp::quick_scan(&places, &context, &paths, order.limit, &found),
        });
        ended
            .into_iter()
            .chain(refused)
            .try_for_each(|report| self.context.reports.send(report))
    }
}

/// Whether a state says the same: figures that change from one moment to the next are no news.
fn is_same(before: &AntivirusState, now: &AntivirusState) -> bool {
    let lasting = |state: &AntivirusState| {
        let mut state = state.clone();
        for product in &mut state.products {
            product.raw.retain(|line| !line.starts_with(clamav::STATS_PREFIX));
        }
        state
    };
    before == now || lasting(before) == lasting(now)
}

fn report(state: &AntivirusState, summary: &Summary, worse: bool) -> Report {
    let lane = if worse { Lane::Urgent } else { Lane::State };
    Report {
        events: vec![event_now(lane, Body::Antivirus(state.clone()))],
        state: vec![StateChange {
            sensor: Sensor::Antivirus,
            key: KEY.to_vec(),
            value: Some(serde_json::to_vec(summary).expect("names and words can be written as JSON")),
        }],
        committed: None,
    }
}

/// What of a state can become worse; remembered, so that a change while the agent was away counts too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Summary {
    products: Vec<ProductSummary>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ProductSummary {
    product: String,
    engine: Switch,
    real_time: Switch,
    updater: Switch,
}

impl Summary {
    fn of(state: &AntivirusState) -> Self {
        let products = state
            .products
            .iter()
            .map(|product| ProductSummary {
                product: product.product.clone(),
                engine: product.engine,
                real_time: product.real_time,
                updater: product.updater,
            })
            .collect();
        Self { products }
    }

    /// Whether anything that was on is not on any more.
    fn is_worse_than(&self, before: &Summary) -> bool {
        let lost = |before: Switch, now: Switch| before == Switch::On && now != Switch::On;
        before.products.iter().any(|before| {
            match self.products.iter().find(|now| now.product == before.product) {
                None => true,
                Some(now) => {
                    lost(before.engine, now.engine)
                        || lost(before.real_time, now.real_time)
                        || lost(before.updater, now.updater)
                }
            }
        })
    }
}

#[cfg(test)]
mod real;

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(switches: &[[Switch; 3]]) -> Summary {
        let products = switches
            .iter()
            .map(|[engine, real_time, updater]| ProductSummary {
                product: "ClamAV".to_owned(),
                engine: *engine,
                real_time: *real_time,
                updater: *updater,
            })
            .collect();
        Summary { products }
    }

    #[test]
    fn only_what_was_on_can_become_worse() {
        use Switch::{Off, On, Unknown};
        let check = |before: &[[Switch; 3]], now: &[[Switch; 3]], worse: bool| {
            let (before, now) = (summary(before), summary(now));
            assert_eq!(now.is_worse_than(&before), worse, "{before:?} -> {now:?}");
        };
        check(&[], &[[On, Off, On]], false);
        check(&[[On, Off, On]], &[[On, On, On]], false);
        check(&[[On, Off, On]], &[[Off, Off, On]], true);
        check(&[[On, Off, On]], &[[Unknown, Off, On]], true);
        check(&[[Off, Off, On]], &[[Off, Off, Off]], true);
        check(&[[Off, Off, Unknown]], &[[Off, Off, Off]], false);
        check(&[[Off, Off, Off]], &[], true);
    }
}
