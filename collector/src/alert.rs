//! Stage 8, raise: many findings become few alerts, and alerts decide who is told what, and when.
//!
//! ```text
//! findings ──unsettled──▶ group ──▶ state ──▶ alerts, history
//!                                     └─due──▶ letter ──▶ deliveries
//! ```
//! [`group`] and [`state`] are pure: an alert, a finding and `now` go in, the changed alert comes out. This
//! file reads rows and writes rows. Everything that follows from one look, deliveries included, commits in
//! one transaction: a finding is either waiting to be seen, or everything that follows from it is there.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tracing::warn;

use crate::clock::now_ms;
use crate::finding::Category;
use crate::health::Stage;
use crate::live::{Live, Topic};
use crate::metrics::Metrics;
use crate::registry::alert::{Alert, MailKind};
use crate::registry::finding::FindingRow;
use crate::registry::unreadable::SetAside;
use crate::registry::{self, Registry, Transaction, alert, detection, finding, host, host_list, unit};
use crate::stop;

mod group;
mod letter;
mod state;

use group::{Place, Standing};
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
            let now_ms = now_ms();
            let pause = match self.look(now_ms).await {
                Ok(more) => {
                    self.metrics.health.well(Stage::Alerts);
                    if more {
                        continue;
                    }
                    self.until_next_letter(now_ms).await
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    warn!(error, "alerts wait: the registry cannot be used");
                    self.metrics.health.failing(Stage::Alerts, error);
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

    /// How long nothing becomes due.
    async fn until_next_letter(&self, now_ms: i64) -> Duration {
        match alert::next_due_ms(&self.registry, now_ms).await {
            Ok(Some(due_ms)) => {
                let wait_ms = u64::try_from(due_ms - crate::clock::now_ms()).unwrap_or(0);
                Duration::from_millis(wait_ms).min(LOOK_INTERVAL)
            }
            _ => LOOK_INTERVAL,
        }
    }

    /// Takes up what has changed and writes what is due; whether there is probably more. A row that
    /// cannot be read costs its own mail, and nobody else's.
    async fn look(&self, now_ms: i64) -> registry::Result<bool> {
        let mut look = Look::default();
        let mut tx = self.registry.begin().await?;
        let limit = FINDINGS_PER_LOOK + self.set_aside().count_of("findings");
        let findings = finding::unsettled(&mut tx, limit).await?;
        self.set_aside().note_all(&findings.unreadable);
        let mut settled = 0;
        for row in &findings.rows {
            let taken_up = self.take_up(&mut tx, row, now_ms, &mut look).await;
            let Some(changed) = self.or_set_aside("findings", &row.finding.id, taken_up)? else {
                continue;
            };
            finding::settle(&mut tx, row, changed).await?;
            look.changed.extend(changed);
            settled += 1;
        }
        look.more = settled >= FINDINGS_PER_LOOK;
        self.end_of_retired(&mut tx, now_ms, &mut look).await?;
        self.write_letters(&mut tx, now_ms, &mut look).await?;
        tx.commit().await?;
        self.tell(&look);
        Ok(look.more)
    }

    fn set_aside(&self) -> &SetAside {
        &self.metrics.health.set_aside
    }

    /// What was read; `None`, noted, when the row is at fault. Rows are read before anything is written,
    /// so what is set aside leaves nothing half done in the transaction.
    fn or_set_aside<T>(
        &self,
        table: &'static str,
        id: &str,
        read: registry::Result<T>,
    ) -> registry::Result<Option<T>> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.is_about_a_row() => {
                self.set_aside().note(table, id, &error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The alert with this number; `None` also when it cannot be read.
    async fn readable(&self, tx: &mut Transaction, id: i64) -> registry::Result<Option<Alert>> {
        let read = alert::locked(tx, id).await;
        Ok(self.or_set_aside("alerts", &id.to_string(), read)?.flatten())
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
    /// Where the latest alert cannot be read, a new one tells of it; where its own cannot, it waits.
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
        if row.alert_id.is_some() && known.is_none() {
            return Ok(row.alert_id);
        }
        if let Some(mut known) = known {
            let lines = match row.closed_ms {
                Some(_) => state::finding_closed(&mut known, row, now_ms),
                None => {
                    let names_it = finding::naming(tx, known.id).await?.as_ref() == Some(&row.finding.id);
                    state::finding_told_again(&mut known, row, names_it, now_ms)
                }
            };
            return written(tx, &known, &lines).await.map(Some);
        }
        if !group::concerns(row, self.standing(row).await?) {
            return Ok(None);
        }
        if self.was_dealt_with(tx, row).await? {
            return Ok(None);
        }
        let tells = group::tells(row);
        let of_many = row.finding.category.is_of_many();
        let latest = match of_many {
            true => alert::latest_with(tx, &row.finding.rule, &row.finding.key).await?,
            false => alert::latest_of(tx, row.finding.host, row.finding.category).await?,
        };
        let latest = match latest {
            Some(id) => self.readable(tx, id).await?,
            None => None,
        };
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
                alert.unit = self.unit_of_many(row, None).await?;
                alert.id = alert::insert(tx, &alert).await?;
                look.opened += 1;
                (alert, lines)
            }
        };
        if of_many {
            alert.unit = self.unit_of_many(row, alert.unit).await?;
        }
        if row.closed_ms.is_some() {
            lines.extend(state::finding_closed(&mut alert, row, now_ms));
        }
        written(tx, &alert, &lines).await.map(Some)
    }

    /// The lowest unit that explains a finding about many hosts, and what its alert was about before.
    async fn unit_of_many(&self, row: &FindingRow, before: Option<i64>) -> registry::Result<Option<i64>> {
        if !row.finding.category.is_of_many() {
            return Ok(None);
        }
        let units = self.units().await?;
        let hosts = host_list::units_of(&self.registry, &group::hosts(row)).await?;
        Ok(unit::common(&units, before.into_iter().chain(hosts)))
    }

    /// Whether people have ended the alert whose fault has only grown graver since.
    async fn was_dealt_with(&self, tx: &mut Transaction, row: &FindingRow) -> registry::Result<bool> {
        // Whoever closed a warning has not seen the alarm.
        if row.finding.category == Category::Ransomware {
            return Ok(false);
        }
        let Some(before) = row.finding.evidence["rises_from"].as_str() else {
            return Ok(false);
        };
        let Some(id) = finding::alert_of(tx, before).await? else {
            return Ok(false);
        };
        let alert = self.readable(tx, id).await?;
        Ok(alert.is_some_and(|alert| alert.resolved_by.is_some()))
    }

    /// All units; those that cannot be read are noted.
    async fn units(&self) -> registry::Result<HashMap<i64, unit::Unit>> {
        let units = unit::readable(&self.registry).await?;
        self.set_aside().note_all(&units.unreadable);
        Ok(units.rows.into_iter().map(|unit| (unit.id, unit)).collect())
    }

    async fn standing(&self, row: &FindingRow) -> registry::Result<Standing> {
        let host = host::by_id(&self.registry, row.finding.host).await?;
        Ok(host.map_or_else(Standing::default, |host| Standing {
            always_on: host.always_on,
            cloned: host.cloned_ms.is_some(),
        }))
    }

    /// Writes the mails that are due.
    async fn write_letters(
        &self,
        tx: &mut Transaction,
        now_ms: i64,
        look: &mut Look,
    ) -> registry::Result<()> {
        let limit = LETTERS_PER_LOOK + self.set_aside().count_of("alerts");
        let mut told = 0;
        for id in alert::due(tx, now_ms, limit).await? {
            let Some(mut alert) = self.readable(tx, id).await? else {
                continue;
            };
            let Some(planned) = alert.mail.take() else {
                continue;
            };
            let written_to = self.write_letter(tx, &alert, planned.kind, now_ms).await;
            let Some(recipients) = self.or_set_aside("alerts", &id.to_string(), written_to)? else {
                continue;
            };
            look.letters += recipients.len();
            look.changed.insert(id);
            let lines = state::mailed(&mut alert, planned.kind, &recipients, now_ms);
            written(tx, &alert, &lines).await?;
            told += 1;
        }
        look.more |= told >= LETTERS_PER_LOOK;
        Ok(())
    }

    async fn write_letter(
        &self,
        tx: &mut Transaction,
        alert: &Alert,
        kind: MailKind,
        now_ms: i64,
    ) -> registry::Result<Vec<String>> {
        let Some(letters) = &self.letters else {
            return Ok(Vec::new());
        };
        let Some(host) = host::by_id(&self.registry, alert.host).await? else {
            return Ok(Vec::new());
        };
        let mut findings = finding::of_alert_within(tx, alert.id, letter::FINDINGS_SHOWN).await?;
        self.set_aside().note_all(&findings.unreadable);
        detection::bring_up_to_date(&self.registry, &mut findings.rows).await?;
        let pcs = match findings.rows.first().filter(|_| alert.unit.is_some()) {
            Some(newest) => {
                host_list::names_of(&self.registry, &group::hosts(newest), letter::PCS_SHOWN).await?
            }
            None => Vec::new(),
        };
        let about = letter::Subject {
            alert,
            host: &host,
            units: &self.units().await?,
            findings: &findings.rows,
            pcs,
        };
        letters.write(tx, &about, kind, now_ms).await
    }

    /// Ends what is going on about hosts that people have retired.
    async fn end_of_retired(
        &self,
        tx: &mut Transaction,
        now_ms: i64,
        look: &mut Look,
    ) -> registry::Result<()> {
        let limit = LETTERS_PER_LOOK + self.set_aside().count_of("alerts");
        for id in alert::of_retired_hosts(tx, limit).await? {
            if let Some(mut alert) = self.readable(tx, id).await? {
                let lines = state::host_retired(&mut alert, now_ms);
                written(tx, &alert, &lines).await?;
                look.changed.insert(id);
            }
        }
        Ok(())
    }
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
