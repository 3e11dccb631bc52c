//! Stage 8, raise: many findings become few alerts, and alerts decide who is told what, and when.
//!
//! ```text
//! findings ──unsettled──▶ group ──▶ state ──▶ alerts, history
//!                                     └─due──▶ letter ──▶ deliveries
//! ```
//! [`group`] and [`state`] are pure: an alert, a finding and `now` go in, the changed alert comes out. This
//! file reads rows and writes rows. Everything that follows from one look, deliveries included, commits in
//! one transaction: a finding is either waiting to be seen, or everything that follows from it is there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tracing::warn;

use crate::clock::now_ms;
use crate::live::{Live, Topic};
use crate::metrics::Metrics;
use crate::registry::alert::Alert;
use crate::registry::finding::FindingRow;
use crate::registry::{self, Registry, Transaction, alert, finding, host};
use crate::stop;

mod group;
mod letter;
mod state;

use group::Place;
pub use letter::Letters;

/// So many findings are taken up in one transaction: enough for a storm, short enough for the registry's
/// other writers.
const FINDINGS_PER_LOOK: i64 = 200;
/// So many alerts get their mails, or their ends, in one transaction.
const LETTERS_PER_LOOK: i64 = 50;
/// Looked for work at least this often. What is urgent wakes the stage; this finds what others changed,
/// such as an alert that somebody has ended in the dashboard.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// After a failure of the registry, the next look waits this long.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// The alert stage.
#[derive(Debug)]
pub struct Alerts {
    /// Where findings are and alerts go.
    pub registry: Registry,
    /// Who is written to, in which language; `None` writes to nobody.
    pub letters: Option<Letters>,
    /// Who watches.
    pub live: Live,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Told by the rules' task when findings have changed.
    pub findings_changed: Arc<Notify>,
    /// Tells the delivery stage that there are mails.
    pub letters_written: Arc<Notify>,
    /// Raised when the collector stops.
    pub stop: watch::Receiver<bool>,
}

/// What one look has done.
#[derive(Debug, Default)]
struct Look {
    changed: BTreeSet<i64>,
    opened: u64,
    letters: usize,
    /// Whether there is probably more to do.
    more: bool,
}

impl Alerts {
    /// Raises alerts until told to stop.
    pub async fn run(mut self) {
        loop {
            let pause = match self.look().await {
                Ok(true) => continue,
                Ok(false) => self.until_next_letter().await,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    warn!(error, "alerts wait: the registry cannot be used");
                    FAILURE_PAUSE
                }
            };
            tokio::select! {
                () = self.findings_changed.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = stop::raised(&mut self.stop) => return,
            }
        }
    }

    /// How long nothing is due.
    async fn until_next_letter(&self) -> Duration {
        match alert::next_due_ms(&self.registry).await {
            Ok(Some(due_ms)) => {
                let wait_ms = u64::try_from(due_ms - now_ms()).unwrap_or(0);
                Duration::from_millis(wait_ms).min(LOOK_INTERVAL)
            }
            _ => LOOK_INTERVAL,
        }
    }

    /// Takes up what has changed and writes what is due; whether there is probably more.
    async fn look(&self) -> registry::Result<bool> {
        let now_ms = now_ms();
        let mut look = Look::default();
        let mut tx = self.registry.begin().await?;
        let findings = finding::unsettled(&mut tx, FINDINGS_PER_LOOK).await?;
        look.more = findings.len() as i64 == FINDINGS_PER_LOOK;
        for row in &findings {
            let changed = self.take_up(&mut tx, row, now_ms, &mut look).await?;
            finding::settle(&mut tx, row, changed).await?;
            look.changed.extend(changed);
        }
        end_of_retired(&mut tx, now_ms, &mut look).await?;
        self.write_letters(&mut tx, now_ms, &mut look).await?;
        tx.commit().await?;
        self.tell(&look);
        Ok(look.more)
    }

    fn tell(&self, look: &Look) {
        self.metrics.alerts_opened.inc_by(look.opened);
        if look.letters > 0 {
            self.letters_written.notify_one();
        }
        for id in &look.changed {
            self.live.publish(Topic::Alert(*id));
        }
        if !look.changed.is_empty() {
            self.live.publish(Topic::Overview);
        }
    }

    /// Lets one finding have its effect; returns the alert that it belongs to, if it is an alert's business.
    async fn take_up(
        &self,
        tx: &mut Transaction,
        row: &FindingRow,
        now_ms: i64,
        look: &mut Look,
    ) -> registry::Result<Option<i64>> {
        let known = match row.alert_id {
            Some(id) => alert::locked(tx, id).await?,
            None => None,
        };
        if let Some(mut known) = known {
            let lines = state::finding_closed(&mut known, row, now_ms);
            return written(tx, &known, &lines).await.map(Some);
        }
        if !group::concerns(row, self.is_always_on(row).await?) {
            return Ok(None);
        }
        let tells = group::tells(row);
        let latest = alert::latest_of(tx, row.finding.host, row.finding.category).await?;
        let (mut alert, mut lines) = match group::place(latest, now_ms) {
            Place::Join(mut alert) => {
                let lines = state::finding_added(&mut alert, row, tells, now_ms);
                (*alert, lines)
            }
            Place::Reopen(mut alert) => {
                let lines = state::reopened(&mut alert, row, tells, now_ms);
                (*alert, lines)
            }
            Place::New => {
                let (mut alert, lines) = state::opened(row, tells, now_ms);
                alert.id = alert::insert(tx, &alert).await?;
                look.opened += 1;
                (alert, lines)
            }
        };
        if row.closed_ms.is_some() {
            lines.extend(state::finding_closed(&mut alert, row, now_ms));
        }
        written(tx, &alert, &lines).await.map(Some)
    }

    async fn is_always_on(&self, row: &FindingRow) -> registry::Result<bool> {
        let host = host::by_id(&self.registry, row.finding.host).await?;
        Ok(host.is_some_and(|host| host.always_on))
    }

    /// Writes the mails that are due.
    async fn write_letters(
        &self,
        tx: &mut Transaction,
        now_ms: i64,
        look: &mut Look,
    ) -> registry::Result<()> {
        let due = alert::due(tx, now_ms, LETTERS_PER_LOOK).await?;
        look.more |= due.len() as i64 == LETTERS_PER_LOOK;
        for id in due {
            let Some(mut alert) = alert::locked(tx, id).await? else {
                continue;
            };
            let Some(planned) = alert.mail.take() else {
                continue;
            };
            let recipients = match &self.letters {
                Some(letters) => {
                    letters
                        .write(&self.registry, tx, &alert, planned.kind, now_ms)
                        .await?
                }
                None => Vec::new(),
            };
            look.letters += recipients.len();
            look.changed.insert(id);
            let lines = state::mailed(&mut alert, planned.kind, &recipients, now_ms);
            written(tx, &alert, &lines).await?;
        }
        Ok(())
    }
}

/// Ends what is going on about hosts that people have retired.
async fn end_of_retired(tx: &mut Transaction, now_ms: i64, look: &mut Look) -> registry::Result<()> {
    for id in alert::of_retired_hosts(tx, LETTERS_PER_LOOK).await? {
        if let Some(mut alert) = alert::locked(tx, id).await? {
            let lines = state::host_retired(&mut alert, now_ms);
            written(tx, &alert, &lines).await?;
            look.changed.insert(id);
        }
    }
    Ok(())
}

/// Writes an alert and the lines of its history.
async fn written(tx: &mut Transaction, alert: &Alert, lines: &[alert::HistoryLine]) -> registry::Result<i64> {
    alert::save(tx, alert).await?;
    for line in lines {
        alert::record(tx, alert.id, line).await?;
    }
    Ok(alert.id)
}

#[cfg(test)]
mod tests;
