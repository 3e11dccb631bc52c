//! Who is written to, and what stands in the mail: put together from rows, fixed as a delivery.

use std::collections::{HashMap, HashSet};

use vong_proto::event::Severity;

use crate::registry::alert::{Alert, MailKind};
use crate::registry::delivery::{Content, DutyCard, HostCard, NewDelivery, SeenFinding};
use crate::registry::finding::FindingRow;
use crate::registry::unit::{Unit, ancestry};
use crate::registry::{self, Transaction, delivery, host};

/// A mail shows this many findings, the newest; it says how many there are.
pub(super) const FINDINGS_SHOWN: i64 = 10;

/// A mail names this many PCs of those that an alert about a unit is about.
pub(super) const PCS_SHOWN: usize = 12;

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

/// What a mail is about.
pub(super) struct Subject<'a> {
    pub(super) alert: &'a Alert,
    pub(super) host: &'a host::Host,
    pub(super) units: &'a HashMap<i64, Unit>,
    pub(super) findings: &'a [FindingRow],
    /// Some of the PCs, by name, when it is about many.
    pub(super) pcs: Vec<String>,
}

impl Letters {
    /// Writes a mail about an alert to everyone concerned; returns who that is.
    pub(super) async fn write(
        &self,
        tx: &mut Transaction,
        about: &Subject<'_>,
        kind: MailKind,
        now_ms: i64,
    ) -> registry::Result<Vec<String>> {
        let content = self.content(about);
        let unit = about.alert.unit.unwrap_or(about.host.unit_id);
        let chain: Vec<&Unit> = ancestry(about.units, unit).collect();
        let recipients = recipients(&chain, about.alert.severity, &self.duty);
        let card = duty_card(&chain, &self.duty);
        for Recipient { address, is_duty } in &recipients {
            let new = NewDelivery {
                alert_id: about.alert.id,
                recipient: address.clone(),
                kind,
                message_id: self.message_id(),
                content: Content {
                    duty: is_duty.then(|| card.clone()),
                    ..content.clone()
                },
            };
            delivery::insert(tx, &new, now_ms).await?;
        }
        Ok(recipients
            .into_iter()
            .map(|recipient| recipient.address)
            .collect())
    }

    fn content(&self, about: &Subject<'_>) -> Content {
        let Subject { alert, host, .. } = about;
        let unit = about.units.get(&alert.unit.unwrap_or(host.unit_id));
        let unit_name = unit.map(|unit| unit.name.clone()).unwrap_or_default();
        Content {
            language: self.language.clone(),
            category: alert.category,
            severity: alert.severity,
            title_code: alert.title_code.clone(),
            title_params: alert.title_params.clone(),
            host: match alert.unit {
                // The PC that happened to open it is one of many.
                Some(_) => HostCard {
                    unit: unit_name,
                    ..HostCard::default()
                },
                None => HostCard {
                    id: host.id.0,
                    name: host.name.clone(),
                    asset_number: host.asset_number.clone(),
                    place: host.place.clone(),
                    unit: unit_name,
                },
            },
            pcs: about.pcs.clone(),
            opened_ms: alert.opened_ms,
            resolved_ms: alert.resolved_ms,
            resolved_by: alert.resolved_by.clone(),
            verdict: alert.verdict,
            findings: told(about.findings).map(seen).collect(),
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

/// The findings without those that a graver one has taken the place of: "ended" beside such a one would read as if it
/// were over.
fn told(findings: &[FindingRow]) -> impl Iterator<Item = &FindingRow> {
    let replaced: HashSet<&str> = findings
        .iter()
        .filter_map(|row| row.finding.evidence["rises_from"].as_str())
        .collect();
    findings
        .iter()
        .filter(move |row| !replaced.contains(row.finding.id.as_str()))
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

/// Somebody who is written to about an alert.
#[derive(Debug, PartialEq, Eq)]
struct Recipient {
    address: String,
    /// Whether it is the duty office, which gets a letter of its own.
    is_duty: bool,
}

/// The contact of the unit, or of the nearest unit above that has one; for what is critical also the
/// duty analysts, and they alone where no unit names anybody. Nobody is written to twice.
fn recipients(chain: &[&Unit], severity: Severity, duty: &[String]) -> Vec<Recipient> {
    let contact = mailed(chain).map(|unit| unit.contact_email.trim().to_owned());
    let with_duty = severity == Severity::Critical || contact.is_none();
    let mut recipients: Vec<Recipient> = Vec::new();
    for address in contact.iter().chain(duty.iter().filter(|_| with_duty)) {
        let is_known = |known: &Recipient| known.address.eq_ignore_ascii_case(address);
        if !recipients.iter().any(is_known) {
            recipients.push(Recipient {
                address: address.clone(),
                is_duty: is_one_of(duty, address),
            });
        }
    }
    recipients
}

/// What the duty office must know: which unit was written to and whom to call there. Where no unit was, the
/// nearest one that can be called, short of the duty office's own.
fn duty_card(chain: &[&Unit], duty: &[String]) -> DutyCard {
    let of_duty = |unit: &Unit| is_one_of(duty, unit.contact_email.trim());
    let told = mailed(chain).filter(|unit| !of_duty(unit));
    let others = chain.iter().copied().take_while(|unit| !of_duty(unit));
    let mut reachable =
        others.filter(|unit| !unit.phone.trim().is_empty() || !unit.contact_name.trim().is_empty());
    let Some(unit) = told.or_else(|| reachable.next()) else {
        return DutyCard::default();
    };
    DutyCard {
        told: told
            .map(|unit| unit.contact_email.trim().to_owned())
            .unwrap_or_default(),
        unit: unit.name.clone(),
        contact_name: unit.contact_name.trim().to_owned(),
        contact_phone: unit.phone.trim().to_owned(),
    }
}

/// The nearest unit that has an address.
fn mailed<'a>(chain: &[&'a Unit]) -> Option<&'a Unit> {
    chain
        .iter()
        .copied()
        .find(|unit| !unit.contact_email.trim().is_empty())
}

fn is_one_of(duty: &[String], address: &str) -> bool {
    duty.iter().any(|analyst| analyst.eq_ignore_ascii_case(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::unit::UnitKind;

    const DUTY: &str = "truc@tinh.example";

    fn unit(name: &str, contact_email: &str, contact_name: &str, phone: &str) -> Unit {
        Unit {
            id: 1,
            parent_id: None,
            name: name.to_owned(),
            kind: UnitKind::Commune,
            contact_name: contact_name.to_owned(),
            contact_email: contact_email.to_owned(),
            phone: phone.to_owned(),
            created_ms: 1,
        }
    }

    fn card(chain: &[&Unit]) -> [String; 4] {
        let card = duty_card(chain, &[DUTY.to_owned()]);
        [card.told, card.unit, card.contact_name, card.contact_phone]
    }

    #[test]
    fn a_contact_that_is_the_duty_office_gets_the_duty_letter() {
        let commune = unit("Xã Đông", "", "Lan", "0256");
        let province = unit("Tỉnh", "Truc@tinh.example", "Hùng", "113");
        let chain = [&commune, &province];
        for severity in [Severity::Medium, Severity::Critical] {
            let expected = Recipient {
                address: "Truc@tinh.example".to_owned(),
                is_duty: true,
            };
            assert_eq!(recipients(&chain, severity, &[DUTY.to_owned()]), [expected]);
        }
        assert_eq!(
            card(&chain),
            ["", "Xã Đông", "Lan", "0256"],
            "it is told to call others"
        );
        assert_eq!(card(&[&province]), [""; 4]);
    }

    #[test]
    fn the_duty_letter_names_the_unit_that_was_mailed_and_nobody_of_another() {
        let office = unit("Văn phòng", "", "Lan", "");
        let commune = unit("Xã Đông", " it@dong.example ", "", "0256");
        let province = unit("Tỉnh", "soc@tinh.example", "Hùng", "113");
        let chain = [&office, &commune, &province];
        assert_eq!(card(&chain), ["it@dong.example", "Xã Đông", "", "0256"]);
        let told: Vec<_> = recipients(&chain, Severity::Critical, &[DUTY.to_owned()])
            .into_iter()
            .map(|recipient| (recipient.address, recipient.is_duty))
            .collect();
        assert_eq!(
            told,
            [("it@dong.example".to_owned(), false), (DUTY.to_owned(), true)]
        );
    }
}
