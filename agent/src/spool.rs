//! Stage 2, keep: what the sensors saw lies here, durably, until the collector owns it.
//!
//! One thread owns one SQLite file. Reports come in through a bounded queue, and each is committed in one
//! transaction, events and sensor memory together; events get their numbers there. Batches go out as the
//! uplink asks for them, and what is acknowledged is erased. An idle spool sleeps and syncs nothing.
//!
//! * `lane`: where a lane stands, in pure arithmetic.
//! * `room`: what must go when the spool is full.
//! * `tempo`: when to commit.
//! * `keeper`: the spool at work, without its thread.
//! * `file`, `ballast`, `quarantine`: the rim; `fault`: what can be wrong with it.
//! * `look`: how it looks from outside.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::{error, info, warn};
use vong_proto::event::Lane as LaneName;

use crate::governor::Fill;
use crate::outbox::{OutboxDesk, Request};
use crate::report::Report;

mod ballast;
#[cfg(any(test, fuzzing))]
pub mod examine;
mod fault;
mod file;
mod keeper;
mod lane;
mod look;
mod quarantine;
mod room;
mod tempo;

pub use fault::SpoolError;
pub use look::{Contents, Unseen, look};
pub use room::LIMIT_BYTES_MIN;

use keeper::Keeper;

/// A full disk is tried again after this time, doubling up to the second.
const FULL_RETRY_MIN: Duration = Duration::from_secs(1);
const FULL_RETRY_MAX: Duration = Duration::from_secs(30);

/// SQLite and the encoding of events need far less.
const STACK_BYTES: usize = 512 * 1024;

/// An open spool that waits for its thread.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    keeper: Keeper,
    limit_bytes: u64,
    fill: Fill,
    started: Instant,
}

impl Spool {
    /// Opens the spool at `path`, bounded to `limit_bytes` and to its part of the disk. A damaged file is set aside and
    /// a new one made, which begins by saying that something was lost.
    ///
    /// # Errors
    /// When not even a new file can be made, or a newer agent made this one.
    pub fn open(path: &Path, limit_bytes: u64) -> Result<Self, SpoolError> {
        Self::open_after(path, limit_bytes, None)
    }

    /// As [`open`](Self::open); what is lost with a damaged file may be anything since `owned_ms`, when the collector
    /// acknowledged something for the last time.
    ///
    /// # Errors
    /// As those of [`open`](Self::open).
    pub fn open_after(path: &Path, limit_bytes: u64, owned_ms: Option<i64>) -> Result<Self, SpoolError> {
        let limit_bytes = bounded_by_disk(path, limit_bytes);
        let (mut keeper, new) = match Keeper::open(path, limit_bytes) {
            Err(SpoolError::Damaged(cause)) => {
                error!(path = %path.display(), %cause, "the spool is damaged; it is set aside and a new one begins");
                quarantine::set_aside(path)?;
                Keeper::open(path, limit_bytes)?
            }
            opened => opened?,
        };
        let started = Instant::now();
        if new && quarantine::is_waiting(path) {
            keeper.take(Report {
                events: quarantine::lost_with_the_file(owned_ms),
                ..Report::default()
            });
            keeper.commit(|| started.elapsed())?;
        }
        Ok(Self {
            path: path.to_owned(),
            keeper,
            limit_bytes: limit_bytes.max(LIMIT_BYTES_MIN),
            fill: Fill::default(),
            started,
        })
    }

    /// How full it is; stays true while the spool works.
    pub fn fill(&self) -> Fill {
        self.fill.clone()
    }

    /// Starts the thread. It ends when every end of `reports` is gone and everything is durable.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        self,
        reports: Receiver<Report>,
        desk: OutboxDesk,
    ) -> Result<JoinHandle<Result<(), SpoolError>>, SpoolError> {
        std::thread::Builder::new()
            .name("spool".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || self.run(&reports, &desk))
            .map_err(SpoolError::Thread)
    }

    fn run(mut self, reports: &Receiver<Report>, desk: &OutboxDesk) -> Result<(), SpoolError> {
        let ended = self.serve(reports, desk);
        if let Err(SpoolError::Damaged(cause)) = &ended {
            error!(path = %self.path.display(), %cause, "the spool is damaged; it is set aside, the next start makes a new one");
            quarantine::set_aside(&self.path)?;
        }
        ended
    }

    /// Takes reports and requests until all reporters are gone.
    fn serve(&mut self, reports: &Receiver<Report>, desk: &OutboxDesk) -> Result<(), SpoolError> {
        desk.tell_committed(self.keeper.committed());
        let (mut rank, mut is_urgent) = (Rank::default(), false);
        loop {
            self.attend(desk)?;
            let wait = self.keeper.wait(self.started.elapsed());
            rank.set(is_urgent || wait.is_none());
            let next = match wait {
                Some(Duration::ZERO) => {
                    self.commit(desk)?;
                    is_urgent = false;
                    continue;
                }
                Some(wait) => reports.recv_timeout(wait),
                None => reports.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match next {
                Ok(report) => {
                    is_urgent |= report.events.iter().any(|event| event.lane == LaneName::Urgent);
                    self.keeper.take(report);
                }
                Err(RecvTimeoutError::Timeout) => self.commit(desk)?,
                Err(RecvTimeoutError::Disconnected) => {
                    self.attend(desk)?;
                    return self.commit(desk);
                }
            }
        }
    }

    /// Sees to what the uplink has left on the desk.
    fn attend(&mut self, desk: &OutboxDesk) -> Result<(), SpoolError> {
        for (lane, through) in LaneName::ALL.into_iter().zip(desk.take_acknowledged()) {
            if through > 0 {
                self.keeper.acknowledge(lane, through);
            }
        }
        while let Some(request) = desk.request() {
            self.answer(request)?;
        }
        Ok(())
    }

    /// Answers the uplink. One that no longer waits for its answer is no fault.
    fn answer(&mut self, request: Request) -> Result<(), SpoolError> {
        match request {
            Request::Standing(reply) => drop(reply.send(self.keeper.standing()?)),
            Request::Resume(high_water, last_hash, reply) => {
                let _ = reply.send(self.keeper.resume(high_water, &last_hash)?);
            }
            Request::BeginStream(high_water, last_hash, reply) => {
                let _ = reply.send(self.keeper.begin_stream(high_water, &last_hash)?);
            }
            Request::Next(lane, bytes_max, reply) => drop(reply.send(self.keeper.next(lane, bytes_max)?)),
        }
        Ok(())
    }

    /// Commits what is pending, for as long as that takes. While the disk is full no report is taken: the
    /// sensors' own sources overflow, and say so. The uplink is served, because what it gets acknowledged
    /// makes room.
    fn commit(&mut self, desk: &OutboxDesk) -> Result<(), SpoolError> {
        let mut retry = FULL_RETRY_MIN;
        loop {
            match self.keeper.commit(|| self.started.elapsed()) {
                Err(SpoolError::DiskFull(cause)) => {
                    error!(path = %self.path.display(), %cause, retry_s = retry.as_secs(), "the disk is full: nothing more can be kept; free some space");
                }
                committed => {
                    if retry > FULL_RETRY_MIN {
                        info!("the disk has room again");
                    }
                    committed?;
                    self.fill.note(self.keeper.file().used_bytes()?, self.limit_bytes);
                    desk.tell_committed(self.keeper.committed());
                    return Ok(());
                }
            }
            if let Some(request) = desk.wait(retry) {
                self.attempt_answer(request)?;
            }
            self.attend(desk).or_else(tolerate_full_disk)?;
            retry = (retry * 2).min(FULL_RETRY_MAX);
        }
    }

    fn attempt_answer(&mut self, request: Request) -> Result<(), SpoolError> {
        self.answer(request).or_else(tolerate_full_disk)
    }
}

/// Whoever waits for what is urgent must not wait for a processor, and least when somebody else keeps them all busy. What
/// is not urgent takes its turn. While nothing is pending nobody knows what comes, so the thread wakes up in a hurry.
#[derive(Debug, Default)]
struct Rank {
    is_urgent: bool,
    is_refused: bool,
}

impl Rank {
    fn set(&mut self, is_urgent: bool) {
        if self.is_refused || self.is_urgent == is_urgent {
            return;
        }
        self.is_urgent = is_urgent;
        // Without privilege everything takes its turn.
        self.is_refused = vong_os::process::real_time(is_urgent).is_err();
    }
}

/// A disk that does not tell its size bounds nothing; whatever is wrong with it, opening the file will say.
fn bounded_by_disk(path: &Path, limit_bytes: u64) -> u64 {
    let folder = path.parent().unwrap_or(Path::new("."));
    let Ok(disk_bytes) = vong_os::disk::total_bytes(folder) else {
        return limit_bytes;
    };
    let share = room::share(limit_bytes, disk_bytes);
    if share < limit_bytes {
        info!(
            limit_mib = share >> 20,
            disk_mib = disk_bytes >> 20,
            "the spool keeps to its part of a small disk"
        );
    }
    share
}

/// A request that needs the disk is not answered while it is full; the uplink asks again later.
fn tolerate_full_disk(error: SpoolError) -> Result<(), SpoolError> {
    match error {
        SpoolError::DiskFull(_) => {
            warn!("a request of the uplink has to wait for room on the disk");
            Ok(())
        }
        other => Err(other),
    }
}

#[cfg(test)]
mod tests;
