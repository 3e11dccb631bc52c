//! An alarm of the tripwire: told at once, with figures that follow, and again when it goes on after somebody closed it.

use serde_json::Value;

use super::*;
use crate::finding::{RANSOMWARE, SUSPICIOUS};

impl Office {
    async fn occurs(&self, id: &str, rule: &str, pos: u64, evidence: Value) {
        let severity = if rule == RANSOMWARE {
            Severity::Critical
        } else {
            Severity::Medium
        };
        let finding = Finding {
            id: id.to_owned(),
            rule: rule.to_owned(),
            category: Category::Ransomware,
            host: self.host,
            key: "k".to_owned(),
            opened_pos: pos,
            opened_ms: now_ms(),
            evidence,
            ..row(severity).finding
        };
        let mut tx = self.sqlite.registry.begin().await.expect("begin");
        finding::open(&mut tx, &finding, now_ms())
            .await
            .expect("a finding");
        tx.commit().await.expect("commit");
    }

    async fn goes_on(&self, id: &str, pos: u64, evidence: Value) {
        let mut tx = self.sqlite.registry.begin().await.expect("begin");
        let news = finding::News {
            id,
            evidence: &evidence,
            pos,
            at_ms: now_ms(),
        };
        finding::follow_up(&mut tx, news, now_ms()).await.expect("kept");
        tx.commit().await.expect("commit");
    }

    /// What was mailed to the contact of the unit.
    async fn kinds(&self, alert: i64) -> Vec<MailKind> {
        let office = self.mails(alert).await.into_iter();
        office
            .filter(|(_, to)| to == "soc@tinh.example")
            .map(|(kind, _)| kind)
            .collect()
    }
}

fn lost(files: u32) -> Value {
    json!({ "files_touched": files, "files_lost": files, "user": "lan" })
}

#[tokio::test]
async fn a_warning_that_rises_to_an_alarm_is_mailed_as_critical_at_once() {
    // Whether the warning was mailed before (it waits 30 s for what belongs with it), or not.
    for was_mailed in [true, false] {
        let office = Office::open().await;
        office.occurs("w", SUSPICIOUS, 1, lost(2)).await;
        office.look().await;
        let alert = office.alerts().await.remove(0);
        if was_mailed {
            office.change("UPDATE alerts SET mail_due_ms = 1").await;
            office.look().await;
            assert_eq!(office.kinds(alert.id).await, [MailKind::Opened]);
        }
        office.closes("w").await;
        office.occurs("a", RANSOMWARE, 2, lost(5)).await;
        office.look().await;
        let told = office.kinds(alert.id).await;
        let expected = [MailKind::Opened, MailKind::Update];
        assert_eq!(told, if was_mailed { &expected[..] } else { &expected[..1] });
        let mails = registry::delivery::of_alert(&office.sqlite.registry, alert.id).await;
        let last = mails.expect("deliveries").pop().expect("a mail");
        assert_eq!(
            (last.content.severity, last.content.findings[0].rule.as_str()),
            (Severity::Critical, RANSOMWARE)
        );
        let duty = (told[told.len() - 1], "truc@tinh.example".to_owned());
        assert!(
            office.mails(alert.id).await.contains(&duty),
            "critical is for the duty, too"
        );
        let alert = office.alerts().await.remove(0);
        assert_eq!(
            (alert.title_code.as_str(), alert.severity),
            (RANSOMWARE, Severity::Critical)
        );
    }
}

#[tokio::test]
async fn an_alarm_whose_warning_was_told_to_be_over_waits_for_nobody() {
    let office = Office::open().await;
    office.occurs("w", SUSPICIOUS, 1, lost(2)).await;
    office.look().await;
    office.change("UPDATE alerts SET mail_due_ms = 1").await;
    office.look().await;
    office.closes("w").await;
    office.look().await;
    let alert = registry_alert(&office).await;
    assert_eq!(office.kinds(alert).await, [MailKind::Opened, MailKind::Resolved]);
    office.occurs("a", RANSOMWARE, 2, lost(5)).await;
    office.look().await;
    let expected = [MailKind::Opened, MailKind::Resolved, MailKind::Update];
    assert_eq!(office.kinds(alert).await, expected);
}

#[tokio::test]
async fn a_title_follows_the_figures_of_the_finding_that_names_it() {
    let office = Office::open().await;
    office.occurs("a", RANSOMWARE, 1, lost(5)).await;
    office.occurs("b", RANSOMWARE, 2, lost(7)).await;
    office.look().await;
    for (id, files) in [("b", 60), ("a", 90)] {
        office.goes_on(id, 3, lost(files)).await;
        office.look().await;
    }
    let alert = office.alerts().await.remove(0);
    assert_eq!(
        alert.title_params["files_lost"], 60,
        "of the last one, and not of the other"
    );
    assert_eq!(
        (alert.findings, alert.open_findings),
        (2, 2),
        "no finding has ended"
    );
    assert_eq!(
        office.kinds(alert.id).await,
        [MailKind::Opened],
        "figures alone are no mail"
    );
}

#[tokio::test]
async fn an_alarm_that_somebody_closed_and_that_goes_on_is_told_again() {
    let office = Office::open().await;
    office.occurs("a", RANSOMWARE, 1, lost(5)).await;
    office.look().await;
    let alert = office.alerts().await.remove(0).id;
    let mut tx = office.sqlite.registry.begin().await.expect("begin");
    alert::resolve(&mut tx, alert, "lan", Verdict::False, "nhầm", now_ms())
        .await
        .expect("resolved");
    tx.commit().await.expect("commit");
    office.goes_on("a", 2, lost(60)).await;
    office.look().await;
    let now = office.alerts().await.remove(0);
    assert_eq!((now.id, now.state), (alert, AlertState::Open));
    assert_eq!(now.title_params["files_lost"], 60);
    let told = office.kinds(alert).await;
    assert_eq!(told.last(), Some(&MailKind::Opened), "{told:?}");
}

async fn registry_alert(office: &Office) -> i64 {
    let mut tx = office.sqlite.registry.begin().await.expect("begin");
    let id = alert::latest_of(&mut tx, office.host, Category::Ransomware).await;
    id.expect("an answer").expect("an alert")
}
