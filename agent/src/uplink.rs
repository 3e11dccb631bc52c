//! Stage 3, send: the connection to the collector, and whatever it takes to have one.
//!
//! One thread with one small runtime. It connects, says hello, sends what the spool hands out, and gives the
//! spool back what is acknowledged; when the connection ends it waits and tries again. No sensor ever waits
//! for it.
//!
//! * `pc`, `credentials`, `tls`, `enrol`: who we are, whom we trust, and how that began.
//! * `session`: one connection from hello to goodbye.
//! * `rotation`: following the collector to a new authority.
//! * `outlet`: what may leave next, a pure decision, of `schedule` (whose turn it is), `window` (how much may be in
//!   flight) and `pace` (how fast).
//! * `pulse`, `retry`, `renewal`: more of them: who is still alive, when to try again, when to ask for the next
//!   certificate.
//! * `orders`: the collector's commands.

use std::io;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use crate::cause::chain;
use crate::command::Desks;
use crate::outbox::Outbox;
use crate::paths::DataFolder;
use crate::policy::Policies;
use crate::report::Reports;
use crate::state::StateReader;
use crate::status::StatusFile;
use crate::stop::Stop;

pub mod enrol;

mod credentials;
mod orders;
mod outlet;
mod pace;
mod pc;
mod pulse;
mod renewal;
mod retry;
mod rotation;
mod schedule;
mod session;
mod tls;
mod window;

pub use credentials::CredentialsError;
pub use pc::Pc;
pub use tls::ConnectError;

use orders::Orders;
use renewal::Renewal;
use retry::Retry;
use session::{Ended, SessionError};
use tls::ClockWrong;

/// A collector that has been reached answers a request within this time, or it is not working.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// TLS and the encoding of frames need far less.
const STACK_BYTES: usize = 1024 * 1024;

/// What the uplink works with.
pub struct Uplink {
    /// The collector's address, `host:port`.
    pub address: String,
    /// The PC it speaks for; asked before each connection, because names and adapters change.
    pub pc: Box<dyn Fn() -> Pc + Send + Sync>,
    /// Where key and certificates lie.
    pub data: DataFolder,
    /// The spool's way out.
    pub outbox: Outbox,
    /// The way into the spool, for answers to commands.
    pub reports: Reports,
    /// Where policies come into force.
    pub policies: Policies,
    /// Where orders for sensors are left.
    pub orders: Desks,
    /// What others may know.
    pub status: StatusFile,
    /// Once made: send what is committed, then end.
    pub finish: Stop,
}

/// The uplink at work.
struct Worker {
    uplink: Uplink,
    orders: Orders,
    clock: ClockWrong,
    clock_told: bool,
    renewal: Renewal,
    /// The collector has said that the certificate has expired.
    renew_first: bool,
}

/// Why an uplink could not start.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// The thread or its runtime could not be made.
    #[error("cannot start the uplink")]
    Thread(#[source] io::Error),
    /// The memory of answered commands could not be read.
    #[error("cannot read {path}")]
    State {
        /// The spool's file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: crate::state::StateError,
    },
}

impl Uplink {
    /// Starts the thread. It ends soon after `finish` is requested, or when the spool has stopped.
    ///
    /// # Errors
    /// See [`UplinkError`].
    pub fn start(self) -> Result<JoinHandle<()>, UplinkError> {
        let work = self.work()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // Looking up the collector's name is the only thing that blocks.
            .max_blocking_threads(1)
            .thread_stack_size(STACK_BYTES)
            .build()
            .map_err(UplinkError::Thread)?;
        std::thread::Builder::new()
            .name("uplink".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                runtime.block_on(work);
                // A look-up of the collector's name may still hang; it has nothing to lose.
                runtime.shutdown_background();
            })
            .map_err(UplinkError::Thread)
    }

    /// What the thread does, for a runtime that serves many.
    ///
    /// # Errors
    /// [`UplinkError::State`].
    pub fn work(self) -> Result<impl Future<Output = ()> + Send, UplinkError> {
        let path = self.data.spool();
        let orders = StateReader::open(&path)
            .and_then(|state| Orders::open(self.orders.clone(), &state))
            .map_err(|source| UplinkError::State { path, source })?;
        let worker = Worker {
            uplink: self,
            orders,
            clock: ClockWrong::default(),
            clock_told: false,
            renewal: Renewal::default(),
            renew_first: false,
        };
        Ok(worker.run())
    }
}

impl Worker {
    /// Connects again and again until told to finish.
    async fn run(mut self) {
        let mut retry = Retry::default();
        loop {
            let began = Instant::now();
            let ended = self.converse().await;
            self.uplink.status.note(|status| status.connected_since_ms = None);
            let end = match ended {
                Ok(Ended::Finished) | Err(SessionError::SpoolStopped(_)) => break,
                Ok(Ended::Retry(end)) => end,
                Err(error) => {
                    self.note_problem(chain(&error));
                    retry::End::Lost
                }
            };
            self.uplink.status.write();
            let wait = retry.wait(end, began.elapsed(), random());
            info!(seconds = wait.as_secs(), "connecting again");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.uplink.finish.made() => break,
            }
        }
        self.uplink.status.write();
    }

    /// One connection; an attempt is given up at once when the agent stops before there is a session.
    async fn converse(&mut self) -> Result<Ended, SessionError> {
        let finish = self.uplink.finish.clone();
        let session = tokio::select! {
            session = session::open(self) => session?,
            () = finish.made() => return Ok(Ended::Finished),
        };
        match session {
            Ok(session) => session.run().await,
            Err(end) => Ok(Ended::Retry(end)),
        }
    }

    fn note_problem(&mut self, problem: String) {
        warn!(collector = %self.uplink.address, problem, "no connection");
        self.uplink.status.note(|status| status.problem = Some(problem));
    }

    fn note_refusal(&mut self, message: &str) {
        let message = message.escape_debug().to_string();
        error!(collector = %self.uplink.address, reason = message, "the collector refuses this agent");
        self.uplink.status.note(|status| {
            status.problem = Some(message);
            status.refused = true;
        });
    }
}

/// Uniform in 0..1.
fn random() -> f64 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes after boot");
    f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}
