//! Stage 9, tell: mails are sent from rows, and every attempt becomes a row.
//!
//! ```text
//! deliveries ──due──▶ letter (words of a language) ──▶ email (MIME) ──▶ relay (SMTP) ──▶ attempts
//! ```
//! What a mail says, its date and its Message-ID were fixed when its row was committed, so a repeated
//! attempt sends the same mail, and a reader's program shows it once. A relay that does not want it now is
//! asked again with growing pauses; one that refuses it for good is not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::clock::now_ms;
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

impl Deliveries {
    /// Sends mails until told to stop.
    pub async fn run(mut self) {
        loop {
            let pause = match self.look().await {
                Ok(0) => self.until_next().await,
                Ok(_) => continue,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    warn!(error, "mails wait: the registry cannot be used");
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

    /// How long nothing is due.
    async fn until_next(&self) -> Duration {
        match delivery::next_due_ms(&self.registry).await {
            Ok(Some(due_ms)) => {
                let wait_ms = u64::try_from(due_ms - now_ms()).unwrap_or(0);
                Duration::from_millis(wait_ms).min(LOOK_INTERVAL)
            }
            _ => LOOK_INTERVAL,
        }
    }

    /// Sends what is due, a few at a time, and keeps how each ended; returns how many there were.
    async fn look(&self) -> registry::Result<usize> {
        let due = delivery::due(&self.registry, now_ms(), SENDING_MAX as i64).await?;
        let count = due.len();
        let mut sending = JoinSet::new();
        for row in due {
            let (relay, sender) = (self.relay.clone(), self.sender.clone());
            sending.spawn(async move {
                let attempt = attempt(&relay, &sender, &row).await;
                (row, attempt)
            });
        }
        let mut alerts = BTreeSet::new();
        while let Some(sent) = sending.join_next().await {
            // A panic in there was already logged; the row is still due and is tried again.
            if let Ok((row, attempt)) = sent {
                self.keep(&row, &attempt).await?;
                alerts.insert(row.alert_id);
            }
        }
        for alert in alerts {
            self.live.publish(Topic::Alert(alert));
        }
        Ok(count)
    }

    async fn keep(&self, row: &Delivery, attempt: &Attempt) -> registry::Result<()> {
        let (state, due_ms) = retry::next(row, attempt);
        let mut tx = self.registry.begin().await?;
        delivery::record_attempt(&mut tx, row.id, attempt, state, due_ms).await?;
        tx.commit().await?;
        let (delivery, alert, outcome) = (row.id, row.alert_id, attempt.outcome);
        let detail = attempt.detail.as_str();
        match state {
            DeliveryState::Sent => {
                self.metrics.deliveries_accepted.inc();
                info!(
                    delivery,
                    alert,
                    duration_ms = attempt.duration_ms,
                    "mail accepted"
                );
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
        Ok(())
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
