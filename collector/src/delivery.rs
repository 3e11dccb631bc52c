//! Stage 9, tell: mails are sent from rows, and every attempt becomes a row.
//!
//! ```text
//! deliveries ──due──▶ letter (words of a language) ──▶ email (MIME) ──▶ relay (SMTP) ──▶ attempts
//! ```
//! What a mail says, its date and its Message-ID were fixed when its row was committed, so a repeated
//! attempt sends the same mail, and a reader's program shows it once. A relay that does not want it now is
//! asked again with growing pauses; one that refuses it for good is not.
//!
//! An attempt is committed before it is made, with its outcome unknown and the next try a pause away. So a
//! registry that can be read but not written, a crash or a panic costs a pause, and never a mail a second.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::clock::now_ms;
use crate::health::Stage;
use crate::live::{Live, Topic};
use crate::metrics::Metrics;
use crate::registry::delivery::{Attempt, Delivery, DeliveryState, Outcome};
use crate::registry::{self, Registry, delivery};
use crate::stop;

mod email;
mod english;
mod letter;
mod relay;
mod retry;
mod shown;
#[cfg(test)]
pub(crate) mod sink;
mod vietnamese;

pub use email::{Sender, SenderError};
pub use relay::{Relay, RelayError};

/// So many mails are on their way at once: a relay answers in tens of milliseconds, and sees one of us.
const SENDING_MAX: usize = relay::CONNECTIONS_MAX as usize;
/// Looked for work at least this often, whatever woke us or did not.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// After a failure of the registry, the next look waits this long.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// The delivery stage.
#[derive(Debug)]
pub struct Deliveries {
    /// Where deliveries are and attempts go.
    pub registry: Registry,
    /// Who takes the mails.
    pub relay: Relay,
    /// Who they come from.
    pub sender: Sender,
    /// Who watches.
    pub live: Live,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Told by the alert stage when there are mails.
    pub letters_written: Arc<Notify>,
    /// Raised when the collector stops.
    pub stop: watch::Receiver<bool>,
}

/// One mail that is on its way.
struct Sending {
    row: Delivery,
    /// The attempt's row, whose outcome is unknown so far.
    attempt_id: i64,
}

impl Deliveries {
    /// Sends mails until told to stop; those on their way then are waited for.
    pub async fn run(mut self) {
        loop {
            let now_ms = now_ms();
            let pause = match self.look(now_ms).await {
                Ok(sent) => {
                    self.metrics.health.well(Stage::Deliveries);
                    if sent > 0 && !*self.stop.borrow() {
                        continue;
                    }
                    self.until_next(now_ms).await
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    warn!(error, "mails wait: the registry cannot be used");
                    self.metrics.health.failing(Stage::Deliveries, error);
                    FAILURE_PAUSE
                }
            };
            tokio::select! {
                () = self.letters_written.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = stop::raised(&mut self.stop) => return,
            }
        }
    }

    /// How long nothing becomes due.
    async fn until_next(&self, now_ms: i64) -> Duration {
        match delivery::next_due_ms(&self.registry, now_ms).await {
            Ok(Some(due_ms)) => {
                let wait_ms = u64::try_from(due_ms - crate::clock::now_ms()).unwrap_or(0);
                Duration::from_millis(wait_ms).min(LOOK_INTERVAL)
            }
            _ => LOOK_INTERVAL,
        }
    }

    /// Sends what is due, a few at a time, and keeps how each ended; returns how many there were.
    async fn look(&self, now_ms: i64) -> registry::Result<usize> {
        let set_aside = &self.metrics.health.set_aside;
        let limit = SENDING_MAX as i64 + set_aside.count_of("deliveries");
        let due = delivery::due(&self.registry, now_ms, limit).await?;
        set_aside.note_all(&due.unreadable);
        let taken = self.take(due.rows, now_ms).await?;
        let count = taken.len();
        let mut alerts = BTreeSet::new();
        let mut running = JoinSet::new();
        for sending in taken {
            alerts.insert(sending.row.alert_id);
            let (relay, sender) = (self.relay.clone(), self.sender.clone());
            running.spawn(async move {
                let attempt = attempt(&relay, &sender, &sending.row).await;
                (sending, attempt)
            });
        }
        while let Some(sent) = running.join_next().await {
            match sent {
                Ok((sending, attempt)) => self.keep(&sending, &attempt).await,
                Err(error) => error!(%error, "a mail's sending broke off; its outcome is unknown"),
            }
        }
        for alert in alerts {
            self.live.publish(Topic::Alert(alert));
        }
        Ok(count)
    }

    /// Notes that these mails are about to be sent. Whatever happens from here on (the disk is full, the
    /// process is killed, the sending panics), each is tried again only after a pause, and the attempt
    /// whose outcome nobody could note stands there as unknown.
    async fn take(&self, due: Vec<Delivery>, now_ms: i64) -> registry::Result<Vec<Sending>> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let mut taken = Vec::new();
        let mut tx = self.registry.begin().await?;
        for row in due.into_iter().take(SENDING_MAX) {
            let (state, due_ms) = retry::next(&row, Outcome::Unknown, now_ms);
            let begun = delivery::begin_attempt(&mut tx, &row, now_ms, state, due_ms).await?;
            taken.extend(begun.map(|attempt_id| Sending { row, attempt_id }));
        }
        tx.commit().await?;
        Ok(taken)
    }

    /// Keeps how an attempt ended. If that cannot be written, the pause that [`Self::take`] has committed
    /// holds, and the attempt stays unknown.
    async fn keep(&self, sending: &Sending, attempt: &Attempt) {
        let (state, due_ms) = retry::next(&sending.row, attempt.outcome, attempt.at_ms);
        let (delivery, alert, outcome) = (sending.row.id, sending.row.alert_id, attempt.outcome);
        if let Err(error) = self.write_outcome(sending, attempt, state, due_ms).await {
            let error: &dyn std::error::Error = &error;
            error!(
                delivery,
                alert,
                ?outcome,
                error,
                "how the sending of a mail ended cannot be noted; it may be sent again"
            );
            self.metrics.deliveries_unknown.inc();
            return;
        }
        let detail = attempt.detail.as_str();
        match state {
            DeliveryState::Sent => {
                self.metrics.deliveries_accepted.inc();
                let duration_ms = attempt.duration_ms;
                info!(delivery, alert, duration_ms, "mail accepted");
            }
            DeliveryState::Due => {
                self.metrics.deliveries_deferred.inc();
                warn!(
                    delivery,
                    alert,
                    ?outcome,
                    detail,
                    "mail not accepted; it is tried again"
                );
            }
            DeliveryState::Failed => {
                self.metrics.deliveries_failed.inc();
                warn!(delivery, alert, ?outcome, detail, "mail given up");
            }
        }
    }

    async fn write_outcome(
        &self,
        sending: &Sending,
        attempt: &Attempt,
        state: DeliveryState,
        due_ms: i64,
    ) -> registry::Result<()> {
        let mut tx = self.registry.begin().await?;
        delivery::end_attempt(&mut tx, sending.attempt_id, attempt, state, due_ms).await?;
        Ok(tx.commit().await?)
    }
}

/// Tries to hand one mail over.
async fn attempt(relay: &Relay, sender: &Sender, row: &Delivery) -> Attempt {
    let at_ms = now_ms();
    let began = Instant::now();
    let (outcome, detail) = match email::compose(row, sender) {
        Ok(message) => relay.send(message).await,
        // An address that cannot be written to never will be.
        Err(error) => (Outcome::Bounced, error.to_string()),
    };
    Attempt {
        at_ms,
        outcome,
        detail,
        duration_ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests;
