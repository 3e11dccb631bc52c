//! Watches: what happens on this PC, in the domain's words.
//!
//! Each sensor is a thread of its own that reads the policy, watches its part of the world, and hands over
//! reports. A sensor that panics or fails is started again; for the time between, it says that it was blind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::{error, info};
use vong_proto::event::{Blind, Body, Lane, Sensor};

use crate::cause;
use crate::clock;
use crate::command::Inboxes;
use crate::governor::Governor;
use crate::policy::PolicyWatch;
use crate::report::{NewEvent, Report, Reports};
use crate::stop::Stop;

pub mod antivirus;
pub mod files;
pub mod network;
pub mod presence;
pub mod programs;
pub mod tripwire;
pub mod unseen;

use programs::Programs;
use unseen::Unseen;

/// The first pause before a failed sensor starts again; it doubles with every failure in a row.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause: a sensor that fails for an hour is tried every five minutes, at no noticeable cost.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// A sensor that has worked for so long failed for a new reason.
const HEALTHY_AFTER: Duration = Duration::from_secs(600);

/// What every sensor is given.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where reports go.
    pub reports: Reports,
    /// The spool's file, from which a sensor reads what it remembers.
    pub state: PathBuf,
    /// The policy in force.
    pub policy: PolicyWatch,
    /// The request to stop.
    pub stop: Stop,
    /// Folders of the agent itself, whose changes are its own.
    pub own_folders: Vec<PathBuf>,
    /// What the agent may use of the PC: whoever works for long asks it.
    pub governor: Governor,
    /// Which programs start.
    pub programs: Programs,
}

/// Starts every sensor that runs by itself, each on its own thread. `orders` are the collector's.
pub fn start(context: &Context, orders: Inboxes) -> Vec<JoinHandle<()>> {
    let Inboxes {
        rescans,
        antivirus: orders,
    } = orders;
    let files = {
        let context = context.clone();
        let mut unseen = Unseen::new(Sensor::Files);
        move || files::run(&context, &rescans, files::Hearing::Best, &mut unseen)
    };
    let antivirus = {
        let context = context.clone();
        let mut unseen = Unseen::new(Sensor::Antivirus);
        move || antivirus::run(&context, &antivirus::Places::default(), &orders, &mut unseen)
    };
    let network = {
        let context = context.clone();
        let mut unseen = Unseen::new(Sensor::Network);
        move || network::run(&context, &mut unseen)
    };
    let tripwire = {
        let context = context.clone();
        let mut unseen = Unseen::new(Sensor::Tripwire);
        move || tripwire::run(&context, &mut unseen)
    };
    vec![
        spawn(Sensor::Files, context, files),
        spawn(Sensor::Antivirus, context, antivirus),
        spawn(Sensor::Network, context, network),
        spawn(Sensor::Tripwire, context, tripwire),
    ]
}

/// Runs a sensor on its own thread, again and again until the agent stops.
fn spawn<E>(
    sensor: Sensor,
    context: &Context,
    run: impl FnMut() -> Result<(), E> + Send + 'static,
) -> JoinHandle<()>
where
    E: std::error::Error,
{
    let context = context.clone();
    thread::Builder::new()
        .name(sensor.name().to_owned())
        .spawn(move || supervise(sensor, &context, run))
        .expect("a thread can be made while the agent starts")
}

fn supervise<E>(sensor: Sensor, context: &Context, mut run: impl FnMut() -> Result<(), E>)
where
    E: std::error::Error,
{
    let mut pause = PAUSE_MIN;
    loop {
        let started = Instant::now();
        info!(sensor = sensor.name(), "sensor starts");
        // What a sensor shares with others is channels and locks that survive a panic; its own state is dropped.
        let reason = match catch_unwind(AssertUnwindSafe(&mut run)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                error!(sensor = sensor.name(), error = %cause::chain(&error), "sensor failed");
                "failed"
            }
            Err(_) => {
                error!(sensor = sensor.name(), "sensor panicked");
                "panicked"
            }
        };
        if started.elapsed() >= HEALTHY_AFTER {
            pause = PAUSE_MIN;
        }
        let since_ms = clock::wall_ms();
        if context.stop.wait(pause) || !say_blind(sensor, context, since_ms, reason) {
            return;
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Whether there was anybody to say it to.
fn say_blind(sensor: Sensor, context: &Context, since_ms: i64, reason: &str) -> bool {
    let blind = Blind {
        sensor,
        scope: Vec::new(),
        since_ms,
        until_ms: clock::wall_ms(),
        reason: reason.to_owned(),
    };
    let report = Report {
        events: vec![event_now(Lane::State, Body::Blind(blind))],
        ..Report::default()
    };
    context.reports.send(report).is_ok()
}

/// An event of this moment.
fn event_now(lane: Lane, body: Body) -> NewEvent {
    NewEvent {
        lane,
        wall_ms: clock::wall_ms(),
        mono_ms: clock::mono_ms(),
        body,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use vong_proto::policy::Policy;

    use super::*;

    #[test]
    fn a_sensor_that_panics_says_so_and_is_started_again() {
        let (reports, received) = Reports::channel();
        let context = Context {
            reports,
            state: PathBuf::new(),
            policy: PolicyWatch::fixed(Policy::before_any()),
            stop: Stop::new(),
            own_folders: Vec::new(),
            governor: Governor::flat_out(),
            programs: Programs::default(),
        };
        let mut runs = 0;
        let thread = spawn(Sensor::Network, &context, move || {
            runs += 1;
            assert!(runs > 1, "the first run fails");
            Ok::<(), Infallible>(())
        });
        thread.join().expect("the panic is contained");
        let report = received.recv().expect("a report");
        let Body::Blind(blind) = &report.events[0].body else {
            panic!("{report:?}")
        };
        assert_eq!(
            (blind.sensor, blind.reason.as_str()),
            (Sensor::Network, "panicked")
        );
        context.stop.request();
    }
}
