//! The end of a session: the peer hears why, and everybody else that the host is gone.

use std::fmt::Display;
use std::time::Duration;

use tracing::{debug, info, warn};
use vong_proto::session::{CollectorFrame, GoAway, Refusal};

use super::hello::fault;
use super::trouble::trouble_of;
use super::{Reader, Session, SessionError, clones, send};
use crate::clock::{jitter_ms, now_ms};
use crate::entry::{Departure, Fact, HostId};
use crate::intake::live::{Place, TakenOver};
use crate::intake::register;

/// When the journal cannot keep anything, agents come back after about this long.
const UNAVAILABLE_RETRY_MS: u32 = 15_000;

/// On a restart all agents come back within this time, not all at once.
const RESTART_SPREAD_MS: u32 = 10_000;

/// So often it is tried to note that a host is gone; then it is given up and logged, and the host stands as connected
/// until it comes back.
const ATTEMPTS_MAX: u32 = 6;

/// The pause after the first attempt; each further one is twice as long, some seconds in all: less than a stopping
/// collector waits for its sessions.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Why a session ends without anything having broken.
pub(super) enum End {
    Closed,
    NewStream,
    TakenOver(TakenOver),
    Stopping,
    Refused(Refusal),
}

impl Session<'_> {
    /// Says goodbye and notes that the host is gone, unless an agent of it is still or already here.
    pub(super) async fn finish(
        mut self,
        place: &Place,
        reader: &mut Reader,
        ended: Result<End, SessionError>,
    ) -> Result<(), SessionError> {
        let reason = match &ended {
            Ok(End::Closed) => Departure::Closed,
            Ok(End::NewStream) => Departure::NewStream,
            Ok(End::Stopping) => Departure::CollectorStopping,
            Ok(End::Refused(_)) => Departure::Refused,
            Err(SessionError::Silent) => Departure::Dead,
            Ok(End::TakenOver(_)) | Err(_) => Departure::Broken,
        };
        self.say_goodbye(&ended).await;
        info!(host = %self.identity.host, reason = reason.code(), "agent disconnected");
        let host = self.identity.host;
        let turn = self.shared.live.turn(host).await;
        if place.leave() {
            self.tell_gone(host, reason).await?;
        }
        drop(turn);
        if let Ok(End::TakenOver(by)) = ended {
            let machines = [self.machine, by.machine];
            return clones::suspect(self.shared, &self.identity, reader, machines, by.forked).await;
        }
        ended.map(|_| ())
    }

    /// Notes that a host is gone. Nobody else would: until it came back it would stand as connected.
    async fn tell_gone(&self, host: HostId, reason: Departure) -> Result<(), SessionError> {
        let intake = &self.shared.intake;
        let fact = Fact::Disconnected { host, reason };
        insist(FIRST_PAUSE, || intake.journal.append_fact(fact.clone())).await?;
        insist(FIRST_PAUSE, || {
            register::disconnected(&intake.registry, host, reason == Departure::Closed, now_ms())
        })
        .await?;
        Ok(())
    }

    /// What the agent did wrong is told to it and to whoever reads the log, and counted.
    fn told_its_fault(&self, no: Refusal) -> CollectorFrame {
        self.shared.intake.metrics.sessions_refused.inc();
        let reason = no.message.escape_debug();
        warn!(host = %self.identity.host, code = ?no.code, %reason, "session ended: the agent does not keep to the protocol");
        self.note_trouble(trouble_of(no.code));
        CollectorFrame::Refusal(no)
    }

    async fn say_goodbye(&mut self, ended: &Result<End, SessionError>) {
        let go_away = |retry_after_ms, reason: &str| {
            CollectorFrame::GoAway(GoAway {
                retry_after_ms,
                reason: reason.to_owned(),
            })
        };
        let last = match ended {
            Ok(End::Stopping) => go_away(jitter_ms(RESTART_SPREAD_MS), "restart"),
            Ok(End::TakenOver(_)) => go_away(0, "taken_over"),
            Ok(End::Refused(no)) => CollectorFrame::Refusal(no.clone()),
            Err(SessionError::Journal(_) | SessionError::Registry(_)) => go_away(
                UNAVAILABLE_RETRY_MS + jitter_ms(UNAVAILABLE_RETRY_MS),
                "unavailable",
            ),
            Err(SessionError::Frame(error)) => match fault(error) {
                Some(no) => self.told_its_fault(no),
                None => return,
            },
            Ok(End::Closed | End::NewStream) | Err(_) => return,
        };
        if let Err(error) = send(&mut self.writer, last).await {
            debug!(%error, "cannot say goodbye");
        }
    }
}

/// Tries something again after growing pauses, a bounded number of times.
async fn insist<T, E: Display, F: Future<Output = Result<T, E>>>(
    first_pause: Duration,
    attempt: impl Fn() -> F,
) -> Result<T, E> {
    let mut pause = first_pause;
    for _ in 1..ATTEMPTS_MAX {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) => warn!(%error, "cannot note that a host is gone; trying again"),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    attempt().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn attempts_with(failing: u32) -> (Result<(), &'static str>, u32) {
        let made = Cell::new(0);
        let done = insist(Duration::ZERO, || {
            made.set(made.get() + 1);
            let fails = made.get() <= failing;
            async move { if fails { Err("locked") } else { Ok(()) } }
        });
        (done.await, made.get())
    }

    #[tokio::test]
    async fn one_failure_leaves_no_host_connected_and_an_endless_one_no_session() {
        assert_eq!(attempts_with(0).await, (Ok(()), 1));
        assert_eq!(attempts_with(1).await, (Ok(()), 2));
        assert_eq!(attempts_with(u32::MAX).await, (Err("locked"), ATTEMPTS_MAX));
    }
}
