//! Who is written to, and what stands in the mail: put together from rows, fixed as a delivery.

use std::collections::HashMap;

use vong_proto::event::Severity;

use crate::registry::alert::{Alert, MailKind};
use crate::registry::delivery::{Content, DutyCard, HostCard, NewDelivery, SeenFinding};
use crate::registry::finding::FindingRow;
use crate::registry::unit::{Unit, ancestry};
use crate::registry::{self, Registry, Transaction, delivery, host, unit};

/// A mail shows this many findings, the newest; it says how many there are.
pub(super) const FINDINGS_SHOWN: i64 = 10;

/// How mails are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letters {
    /// `vi` or `en`.
    pub language: String,
    /// The duty analysts: they get every critical alert.
    pub duty: Vec<String>,
    /// The duty telephone.
    pub duty_phone: String,
    /// What stands behind the @ of a Message-ID.
    pub domain: String,
}

impl Letters {
    /// Writes a mail about an alert to everyone concerned; returns who that is.
    pub(super) async fn write(
        &self,
        registry: &Registry,
        tx: &mut Transaction,
        alert: &Alert,
        findings: &[FindingRow],
        kind: MailKind,
        now_ms: i64,
    ) -> registry::Result<Vec<String>> {
        let Some(host) = host::by_id(registry, alert.host).await? else {
            return Ok(Vec::new());
        };
        let units: HashMap<i64, Unit> = unit::all(registry)
            .await?
            .into_iter()
            .map(|u| (u.id, u))
            .collect();
        let content = self.content(alert, &host, units.get(&host.unit_id), findings);
        let recipients = recipients(&units, host.unit_id, alert.severity, &self.duty);
        let card = duty_card(&units, host.unit_id, recipients.unit.as_deref());
        for (recipient, duty) in recipients.each() {
            let new = NewDelivery {
                alert_id: alert.id,
                recipient: recipient.clone(),
                kind,
                message_id: self.message_id(),
                content: Content {
                    duty: duty.then(|| card.clone()),
                    ..content.clone()
                },
            };
            delivery::insert(tx, &new, now_ms).await?;
        }
        Ok(recipients
            .each()
            .map(|(recipient, _)| recipient.clone())
            .collect())
    }

    fn content(
        &self,
        alert: &Alert,
        host: &host::Host,
        unit: Option<&Unit>,
        findings: &[FindingRow],
    ) -> Content {
        Content {
            language: self.language.clone(),
            category: alert.category,
            severity: alert.severity,
            title_code: alert.title_code.clone(),
            title_params: alert.title_params.clone(),
            host: HostCard {
                id: host.id.0,
                name: host.name.clone(),
                asset_number: host.asset_number.clone(),
                place: host.place.clone(),
                unit: unit.map(|unit| unit.name.clone()).unwrap_or_default(),
            },
            opened_ms: alert.opened_ms,
            resolved_ms: alert.resolved_ms,
            resolved_by: alert.resolved_by.clone(),
            verdict: alert.verdict,
            findings: findings.iter().map(seen).collect(),
            findings_total: alert.findings,
            findings_open: alert.open_findings,
            phone: self.duty_phone.clone(),
            duty: None,
        }
    }

    /// Random, so that two registries with one sender never name two mails alike.
    fn message_id(&self) -> String {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system's random source works");
        format!("<{}@{}>", hex::encode(bytes), self.domain)
    }
}

fn seen(row: &FindingRow) -> SeenFinding {
    SeenFinding {
        rule: row.finding.rule.clone(),
        severity: row.finding.severity,
        opened_ms: row.finding.opened_ms,
        closed_ms: row.closed_ms,
        evidence: row.finding.evidence.clone(),
    }
}

/// Who is written to about an alert.
struct Recipients {
    /// The unit's contact.
    unit: Option<String>,
    /// The duty analysts, without the contact.
    duty: Vec<String>,
}

impl Recipients {
    /// Each address, and whether it is the duty office's.
    fn each(&self) -> impl Iterator<Item = (&String, bool)> {
        let unit = self.unit.iter().map(|address| (address, false));
        unit.chain(self.duty.iter().map(|address| (address, true)))
    }
}

/// The contact of the unit, or of the nearest unit above that has one; for what is critical also the
/// duty analysts, and they alone where no unit names anybody. Nobody is written to twice.
fn recipients(units: &HashMap<i64, Unit>, unit: i64, severity: Severity, duty: &[String]) -> Recipients {
    let mut recipients = Recipients {
        unit: nearest(units, unit, |unit| &unit.contact_email),
        duty: Vec::new(),
    };
    if severity == Severity::Critical || recipients.unit.is_none() {
        for analyst in duty {
            if !recipients
                .each()
                .any(|(known, _)| known.eq_ignore_ascii_case(analyst))
            {
                recipients.duty.push(analyst.clone());
            }
        }
    }
    recipients
}

fn duty_card(units: &HashMap<i64, Unit>, unit: i64, told: Option<&str>) -> DutyCard {
    DutyCard {
        told: told.unwrap_or_default().to_owned(),
        contact_name: nearest(units, unit, |unit| &unit.contact_name).unwrap_or_default(),
        contact_phone: nearest(units, unit, |unit| &unit.phone).unwrap_or_default(),
    }
}

/// A text of the unit, or of the nearest unit above that has it.
fn nearest(units: &HashMap<i64, Unit>, unit: i64, text: impl Fn(&Unit) -> &String) -> Option<String> {
    let texts = ancestry(units, unit).map(|unit| text(unit).trim());
    texts.into_iter().find(|text| !text.is_empty()).map(str::to_owned)
}
