//! Vọng's agent: the stages of an event's life on a PC, in reading order.
//!
//! ```text
//! sensor ──reports──▶ spool ──outbox──▶ uplink ══TLS══▶ collector
//!    ▲                                    │
//!    └───────── policy, orders ───────────┘
//! ```
//! `sensor` watches, `spool` keeps, `uplink` sends. They know nothing of each other and meet only here,
//! joined by bounded channels. What they hand over has modules of its own: `report` (a sensor to the spool),
//! `state` (back again), `outbox` (the spool to the uplink), `policy` and `command` (the uplink to sensors).
//! `governor` keeps all of them within their part of the PC.

use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::{error, info, warn};
use vong_proto::event::StopReason;

pub mod cause;
pub mod clock;
pub mod command;
pub mod config;
pub mod governor;
pub mod outbox;
pub mod paths;
pub mod policy;
pub mod report;
pub mod selftest;
pub mod sensor;
pub mod service;
pub mod spool;
pub mod state;
pub mod status;
pub mod stop;
pub mod uplink;

use config::Config;
use governor::Governor;
use policy::{Policies, PolicyWatch};
use report::Reports;
use spool::{Spool, SpoolError};
use status::{Status, StatusFile};
use stop::Stop;
use uplink::enrol::{EnrolError, Identity};
use uplink::{Pc, Uplink, UplinkError};

/// Sensors that have not ended by then are left behind: what they have not handed over was never promised.
const SENSORS_LIMIT: Duration = Duration::from_secs(2);

/// The uplink's own limit for its last events is 3 s.
const UPLINK_LIMIT: Duration = Duration::from_secs(4);

/// The last commit.
const SPOOL_LIMIT: Duration = Duration::from_secs(3);

/// The stages, and what the agent uses, are looked at this often; one that has ended is noticed no later.
const STAGES_INTERVAL: Duration = Duration::from_secs(2);

/// An agent at work.
#[derive(Debug)]
pub struct Agent {
    stop: Stop,
    finish: Stop,
    policy: PolicyWatch,
    reports: Reports,
    governor: Governor,
    sensors: Vec<JoinHandle<()>>,
    uplink: JoinHandle<()>,
    spool: JoinHandle<Result<(), SpoolError>>,
    /// Held as long as the agent runs.
    _lock: File,
}

/// Why an agent could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no identity.
    #[error("this PC is not enrolled; run vong-agent enrol with a token from the collector's administrator")]
    NotEnrolled,
    /// The identity cannot be read.
    #[error(transparent)]
    Identity(#[from] EnrolError),
    /// Another agent runs here.
    #[error(
        "another vong-agent already runs on {folder}; stop it first, or give this one its own data folder"
    )]
    Running {
        /// The data folder.
        folder: PathBuf,
    },
    /// The data folder cannot be used.
    #[error("cannot use {path}")]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The spool cannot be opened.
    #[error("cannot open the spool at {path}")]
    Spool {
        /// Its file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: SpoolError,
    },
    /// The presence sensor cannot say hello.
    #[error("the agent's start cannot be kept")]
    Hello(#[from] sensor::presence::PresenceError),
    /// The uplink cannot start.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
}

/// A stage has ended though nobody asked it to: it has panicked, or the spool can no longer keep anything.
/// Whatever goes on without it would only look like an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {0} has ended by itself; the agent cannot go on without it")]
pub struct Broken(pub &'static str);

impl Agent {
    /// Starts every stage: the spool, then the hello, the sensors, the uplink.
    ///
    /// # Errors
    /// See [`StartError`]; whatever had started ends by itself.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let lock = lock(config)?;
        uplink::enrol::complete(&config.data)?;
        let identity = Identity::load(&config.data)?.ok_or(StartError::NotEnrolled)?;
        let address = config.collector.clone().unwrap_or(identity.collector);
        let (reports, received) = Reports::channel();
        let (outbox, desk) = outbox::outbox(reports.clone());
        let last_sign_ms = sensor::presence::last_sign_ms(&config.data.spool());
        let spool = open_spool(config)?;
        let (policies, policy) = Policies::open(&config.data.policy());
        let governor = Governor::new(policy.clone(), spool.fill());
        let spool = spool.start(received, desk).map_err(spool_error(config))?;
        let (orders, inboxes) = command::orders();
        let stop = Stop::new();
        let finish = Stop::new();
        sensor::presence::started(&reports, &config.data.spool(), last_sign_ms)?;
        let context = sensor::Context {
            reports: reports.clone(),
            state: config.data.spool(),
            policy: policy.clone(),
            stop: stop.clone(),
            own_folders: vec![config.data.path().to_owned()],
            governor: governor.clone(),
            programs: sensor::programs::Programs::default(),
        };
        let sensors = sensor::start(&context, inboxes);
        let uplink = Uplink {
            status: StatusFile::new(config.data.status(), first_status(&address)),
            address,
            pc: Box::new(Pc::here),
            data: config.data.clone(),
            outbox,
            reports: reports.clone(),
            policies,
            orders,
            finish: finish.clone(),
        };
        let uplink = uplink.start()?;
        Ok(Self {
            stop,
            finish,
            policy,
            reports,
            governor,
            sensors,
            uplink,
            spool,
            _lock: lock,
        })
    }

    /// Waits until a stage has ended by itself, and looks meanwhile at what the agent uses of the PC.
    pub async fn broken(&self) -> Broken {
        let mut looks = tokio::time::interval(STAGES_INTERVAL);
        loop {
            looks.tick().await;
            self.governor.look(&self.reports);
            if let Some(stage) = self.ended_stage() {
                return Broken(stage);
            }
        }
    }

    /// The first in the order of an event's life comes last: when the spool ends, so do those who hang on it.
    fn ended_stage(&self) -> Option<&'static str> {
        if self.spool.is_finished() {
            return Some("spool");
        }
        if self.uplink.is_finished() {
            return Some("uplink");
        }
        self.sensors
            .iter()
            .any(JoinHandle::is_finished)
            .then_some("sensor")
    }

    /// Stops every stage in the order of an event's life, so that the goodbye is the last to be sent. Without a
    /// reason there is no goodbye, and the next run says that this one has crashed.
    ///
    /// # Errors
    /// When the spool had failed.
    pub fn stop(self, reason: Option<StopReason>) -> Result<(), SpoolError> {
        info!(?reason, "stopping");
        self.stop.request();
        self.policy.wake_all();
        if !ended_within(SENSORS_LIMIT, self.sensors) {
            warn!("a sensor does not end; it is left behind");
        }
        if let Some(reason) = reason
            && let Err(error) = sensor::presence::stopping(&self.reports, reason)
        {
            warn!(%error, "the goodbye cannot be kept");
        }
        self.finish.request();
        if !ended_within(UPLINK_LIMIT, vec![self.uplink]) {
            warn!("the uplink does not end; what it has not sent is sent after the next start");
        }
        drop(self.reports);
        result_within(SPOOL_LIMIT, self.spool)
    }
}

/// Makes the data folder if need be, and holds it for this process as long as the returned file lives.
///
/// # Errors
/// [`StartError::Running`] when another process holds it.
pub fn lock(config: &Config) -> Result<File, StartError> {
    let folder_error = |path: PathBuf| move |source| StartError::Folder { path, source };
    let folder = config.data.path().to_owned();
    config.data.make().map_err(folder_error(folder.clone()))?;
    let path = config.data.lock();
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.map_err(folder_error(path.clone()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::Running { folder }),
        Err(TryLockError::Error(source)) => Err(StartError::Folder { path, source }),
    }
}

/// Whether an agent runs on this data folder.
pub fn is_running(config: &Config) -> bool {
    File::open(config.data.lock())
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn open_spool(config: &Config) -> Result<Spool, StartError> {
    let owned_ms = status::read(&config.data.status()).and_then(|status| status.last_ack_ms);
    Spool::open_after(&config.data.spool(), config.spool_limit_bytes, owned_ms).map_err(spool_error(config))
}

fn spool_error(config: &Config) -> impl Fn(SpoolError) -> StartError {
    let path = config.data.spool();
    move |source| StartError::Spool {
        path: path.clone(),
        source,
    }
}

fn first_status(address: &str) -> Status {
    Status {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_ms: clock::wall_ms(),
        collector: address.to_owned(),
        ..Status::default()
    }
}

/// Whether all threads end in time.
fn ended_within(limit: Duration, threads: Vec<JoinHandle<()>>) -> bool {
    let (done, ended) = sync_channel(1);
    thread::spawn(move || {
        for thread in threads {
            if thread.join().is_err() {
                error!("a thread panicked");
            }
        }
        // Whoever has given up waiting does not want to know.
        let _ = done.try_send(());
    });
    !matches!(ended.recv_timeout(limit), Err(RecvTimeoutError::Timeout))
}

/// What the spool's thread ended with; one that does not end has everything durable that it ever will.
fn result_within(limit: Duration, spool: JoinHandle<Result<(), SpoolError>>) -> Result<(), SpoolError> {
    let (done, ended) = sync_channel(1);
    thread::spawn(move || {
        let _ = done.try_send(spool.join());
    });
    match ended.recv_timeout(limit) {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => {
            error!("the spool's thread panicked");
            Ok(())
        }
        Err(_) => {
            warn!("the spool does not end");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use vong_proto::policy::Policy;

    use super::*;

    /// An agent whose sensor and uplink do this; its spool ends when its reports do.
    fn agent(
        sensor: impl FnOnce(Stop) + Send + 'static,
        uplink: impl FnOnce(Stop) + Send + 'static,
    ) -> Agent {
        let (reports, received) = Reports::channel();
        let (stop, finish) = (Stop::new(), Stop::new());
        let of_sensor = stop.clone();
        let of_uplink = finish.clone();
        Agent {
            stop,
            finish,
            policy: PolicyWatch::fixed(Policy::before_any()),
            reports,
            governor: Governor::flat_out(),
            sensors: vec![thread::spawn(move || sensor(of_sensor))],
            uplink: thread::spawn(move || uplink(of_uplink)),
            spool: thread::spawn(move || {
                received.iter().for_each(drop);
                Ok(())
            }),
            _lock: tempfile::tempfile().expect("a file"),
        }
    }

    fn works(stop: Stop) {
        stop.wait(Duration::MAX);
    }

    fn fails(_: Stop) {
        panic!("as a mistake in the code would");
    }

    #[tokio::test]
    async fn a_stage_that_panics_breaks_the_agent() {
        let broken = async |agent: Agent| {
            let broken = tokio::time::timeout(SENSORS_LIMIT * 10, agent.broken()).await;
            agent.stop(None).expect("the spool has not failed");
            broken.expect("noticed")
        };
        assert_eq!(broken(agent(works, fails)).await, Broken("uplink"));
        assert_eq!(broken(agent(fails, works)).await, Broken("sensor"));
    }

    #[tokio::test]
    async fn an_agent_at_work_is_not_broken() {
        let agent = agent(works, works);
        let broken = tokio::time::timeout(STAGES_INTERVAL * 2, agent.broken()).await;
        assert!(broken.is_err());
        agent.stop(None).expect("the spool has not failed");
    }
}
