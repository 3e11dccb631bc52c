//! The life of alerts: told purely, and once through a registry.

use proptest::prelude::*;
use serde_json::json;
use vong_proto::event::Severity;

use super::group::{Place, REOPEN_WITHIN_MS, Standing, concerns, place, tells};
use super::state::{BETWEEN_MAILS_MS, LATE_WAIT_MS, REPEAT_AFTER_MS, first_wait_ms};
use super::*;
use crate::entry::HostId;
use crate::finding::{Category, Finding};
use crate::registry::alert::{Action, AlertState, MailKind, Verdict};
use crate::registry::alert_list::{self, AlertFilter};
use crate::registry::harness::{a_host, a_unit, sqlite};
use crate::scope::Scope;

mod many;
mod tripwire;

const NOW_MS: i64 = 1_000_000_000_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

fn row(severity: Severity) -> FindingRow {
    FindingRow {
        finding: Finding {
            id: "f".to_owned(),
            rule: "antivirus.off".to_owned(),
            category: Category::Protection,
            host: HostId(1),
            key: String::new(),
            severity,
            opened_pos: 1,
            opened_ms: NOW_MS,
            evidence: json!({"product": "ClamAV"}),
        },
        judged_ms: NOW_MS,
        closed_ms: None,
        alert_id: None,
    }
}

fn due(alert: &Alert) -> Option<(MailKind, i64)> {
    alert.mail.map(|mail| (mail.kind, mail.due_ms - NOW_MS))
}

fn mail_now(alert: &mut Alert, now_ms: i64) {
    let planned = alert.mail.take().expect("a mail is planned");
    state::mailed(alert, planned.kind, &["a@x".to_owned()], now_ms);
}

#[test]
fn the_graver_the_sooner_is_the_first_mail() {
    let wait = |severity| due(&state::opened(&row(severity), true, NOW_MS).0);
    assert_eq!(wait(Severity::Critical), Some((MailKind::Opened, 0)));
    assert_eq!(wait(Severity::High), Some((MailKind::Opened, 5 * SECOND)));
    assert_eq!(wait(Severity::Medium), Some((MailKind::Opened, 30 * SECOND)));
    assert_eq!(
        due(&state::opened(&row(Severity::Critical), false, NOW_MS).0),
        None
    );
}

#[test]
fn what_gets_graver_while_it_waits_goes_out_sooner() {
    let (mut alert, _) = state::opened(&row(Severity::Medium), true, NOW_MS);
    state::finding_added(&mut alert, &row(Severity::Critical), true, NOW_MS + 3 * SECOND);
    assert_eq!(
        (alert.severity, due(&alert)),
        (Severity::Critical, Some((MailKind::Opened, 3 * SECOND)))
    );
    state::finding_added(&mut alert, &row(Severity::Low), true, NOW_MS + 4 * SECOND);
    assert_eq!(
        due(&alert),
        Some((MailKind::Opened, 3 * SECOND)),
        "what is less grave delays nothing"
    );
    assert_eq!((alert.severity, alert.findings), (Severity::Critical, 3));
}

#[test]
fn updates_keep_their_distance_unless_it_gets_worse() {
    let (mut alert, _) = state::opened(&row(Severity::High), true, NOW_MS);
    mail_now(&mut alert, NOW_MS);
    assert_eq!(due(&alert), Some((MailKind::Reminder, REPEAT_AFTER_MS)));
    state::finding_added(&mut alert, &row(Severity::High), true, NOW_MS + MINUTE);
    state::finding_added(&mut alert, &row(Severity::High), true, NOW_MS + 2 * MINUTE);
    assert_eq!(due(&alert), Some((MailKind::Update, BETWEEN_MAILS_MS)));
    state::finding_added(&mut alert, &row(Severity::Critical), true, NOW_MS + 3 * MINUTE);
    assert_eq!(due(&alert), Some((MailKind::Update, 3 * MINUTE)));
}

#[test]
fn a_title_says_how_much_an_alert_is_about_where_findings_stand_for_more() {
    let mut more = row(Severity::High);
    more.finding.evidence = json!({ "more": 1_303 });
    let (mut alert, _) = state::opened(&row(Severity::High), true, NOW_MS);
    assert_eq!(alert.title_params, json!({ "product": "ClamAV" }));
    state::finding_added(&mut alert, &more, true, NOW_MS);
    assert_eq!(alert.title_params, json!({ "more": 1_303, "total": 1_304 }));
    state::finding_added(&mut alert, &row(Severity::Low), true, NOW_MS);
    assert_eq!(
        alert.title_params["total"], 1_305,
        "what is less grave counts too"
    );
    state::finding_added(&mut alert, &more, true, NOW_MS);
    assert_eq!((alert.findings, &alert.title_params["total"]), (4, &json!(2_608)));
}

#[test]
fn what_is_grave_and_taken_by_nobody_is_repeated() {
    let (mut alert, _) = state::opened(&row(Severity::Critical), true, NOW_MS);
    mail_now(&mut alert, NOW_MS);
    mail_now(&mut alert, NOW_MS + REPEAT_AFTER_MS);
    assert_eq!(due(&alert), Some((MailKind::Reminder, 2 * REPEAT_AFTER_MS)));
    let (mut alert, _) = state::opened(&row(Severity::Medium), true, NOW_MS);
    mail_now(&mut alert, NOW_MS);
    assert_eq!(due(&alert), None);
}

#[test]
fn an_alert_ends_with_its_last_finding() {
    let (mut alert, _) = state::opened(&row(Severity::High), true, NOW_MS);
    state::finding_added(&mut alert, &row(Severity::High), true, NOW_MS);
    mail_now(&mut alert, NOW_MS + 5 * SECOND);
    state::finding_closed(&mut alert, &row(Severity::High), NOW_MS + HOUR);
    assert_eq!(alert.state, AlertState::Open);
    let lines = state::finding_closed(&mut alert, &row(Severity::High), NOW_MS + 2 * HOUR);
    assert_eq!(
        (alert.state, alert.resolved_by.as_deref()),
        (AlertState::Resolved, None)
    );
    assert_eq!(due(&alert), Some((MailKind::Resolved, 2 * HOUR)));
    assert_eq!(
        lines.iter().map(|line| line.action).collect::<Vec<_>>(),
        [Action::FindingClosed, Action::Resolved]
    );
}

#[test]
fn who_was_told_nothing_is_not_told_of_its_end() {
    let (mut alert, _) = state::opened(&row(Severity::Medium), true, NOW_MS);
    state::finding_closed(&mut alert, &row(Severity::Medium), NOW_MS + 10 * SECOND);
    assert_eq!((alert.state, due(&alert)), (AlertState::Resolved, None));
}

#[test]
fn what_comes_back_soon_is_the_same_alert() {
    let (mut alert, _) = state::opened(&row(Severity::Medium), true, NOW_MS);
    assert!(matches!(place(Some(alert.clone()), NOW_MS), Place::Join(_)));
    mail_now(&mut alert, NOW_MS);
    state::finding_closed(&mut alert, &row(Severity::Medium), NOW_MS + SECOND);
    let soon_ms = NOW_MS + SECOND + REOPEN_WITHIN_MS;
    assert!(matches!(place(Some(alert.clone()), soon_ms), Place::Reopen(_)));
    assert_eq!(place(Some(alert.clone()), soon_ms + 1), Place::New);
    state::reopened(&mut alert, &row(Severity::Medium), true, NOW_MS + 2 * SECOND);
    assert_eq!((alert.state, alert.resolved_ms), (AlertState::Open, None));
    assert_eq!(
        due(&alert),
        Some((MailKind::Update, BETWEEN_MAILS_MS)),
        "flapping sends few mails"
    );
}

#[test]
fn flapping_ends_in_silence() {
    let (mut alert, _) = state::opened(&row(Severity::High), true, NOW_MS);
    mail_now(&mut alert, NOW_MS);
    state::finding_closed(&mut alert, &row(Severity::High), NOW_MS + MINUTE);
    mail_now(&mut alert, NOW_MS + MINUTE);
    state::reopened(&mut alert, &row(Severity::High), true, NOW_MS + 2 * MINUTE);
    assert_eq!(due(&alert), Some((MailKind::Update, MINUTE + BETWEEN_MAILS_MS)));
    state::finding_closed(&mut alert, &row(Severity::High), NOW_MS + 3 * MINUTE);
    assert_eq!(due(&alert), None, "its readers take it to be over already");
}

#[test]
fn what_a_person_has_ended_and_goes_on_is_news() {
    let (mut alert, _) = state::opened(&row(Severity::Critical), true, NOW_MS);
    mail_now(&mut alert, NOW_MS);
    alert.state = AlertState::Resolved;
    alert.resolved_by = Some("lan".to_owned());
    alert.open_findings = 0;
    state::reopened(&mut alert, &row(Severity::Critical), true, NOW_MS + MINUTE);
    assert_eq!(due(&alert), Some((MailKind::Opened, MINUTE)));
}

#[test]
fn history_pages_nobody() {
    let fresh = row(Severity::High);
    assert!(tells(&fresh));
    let over = FindingRow {
        closed_ms: Some(NOW_MS),
        ..fresh
    };
    assert!(!tells(&over));
}

#[test]
fn what_goes_on_is_news_however_late_we_hear_of_it() {
    let late = FindingRow {
        judged_ms: NOW_MS + 72 * HOUR,
        ..row(Severity::Critical)
    };
    assert!(tells(&late));
    let now_ms = NOW_MS + 72 * HOUR;
    let (mut alert, _) = state::opened(&late, tells(&late), now_ms);
    assert_eq!(
        due(&alert),
        Some((MailKind::Opened, 72 * HOUR + LATE_WAIT_MS)),
        "the rest of the backlog may say that it is over"
    );
    state::finding_closed(&mut alert, &late, now_ms + SECOND);
    assert_eq!(due(&alert), None, "then nobody is told");
}

#[test]
fn silence_is_an_alert_only_of_what_is_always_on() {
    let mut silent = row(Severity::Low);
    let (workstation, server) = (
        Standing::default(),
        Standing {
            always_on: true,
            ..Standing::default()
        },
    );
    assert!(concerns(&silent, workstation));
    silent.finding.category = Category::Presence;
    assert!(!concerns(&silent, workstation));
    assert!(concerns(&silent, server));
}

#[test]
fn while_two_machines_speak_for_a_host_only_what_is_urgent_is_raised() {
    let cloned = Standing {
        always_on: true,
        cloned: true,
    };
    for (severity, is_raised) in [
        (Severity::Low, false),
        (Severity::Medium, false),
        (Severity::High, true),
        (Severity::Critical, true),
    ] {
        assert_eq!(concerns(&row(severity), cloned), is_raised, "{severity:?}");
    }
    let mut identity = row(Severity::Medium);
    identity.finding.category = Category::Identity;
    assert!(concerns(&identity, cloned), "the reason itself");
}

#[derive(Clone, Debug)]
enum Step {
    Opens(Severity, bool),
    Closes,
    Mails,
}

fn any_step() -> impl Strategy<Value = Step> {
    let severity = prop::sample::select(vec![
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ]);
    prop_oneof![
        (severity, any::<bool>()).prop_map(|(severity, tells)| Step::Opens(severity, tells)),
        Just(Step::Closes),
        Just(Step::Mails),
    ]
}

proptest! {
    #[test]
    fn mails_about_one_alert_are_few_and_ends_are_told_to_whoever_knew(steps in prop::collection::vec((any_step(), 0..10 * MINUTE), 1..40)) {
        let (mut alert, _) = state::opened(&row(Severity::Low), true, NOW_MS);
        let mut now_ms = NOW_MS;
        for (step, later_ms) in steps {
            now_ms += later_ms;
            let before = alert.clone();
            match step {
                Step::Opens(severity, tells) if alert.state == AlertState::Resolved => {
                    state::reopened(&mut alert, &row(severity), tells, now_ms);
                }
                Step::Opens(severity, tells) => {
                    state::finding_added(&mut alert, &row(severity), tells, now_ms);
                }
                Step::Closes if alert.open_findings > 0 => {
                    state::finding_closed(&mut alert, &row(Severity::Low), now_ms);
                }
                Step::Mails if alert.mail.is_some_and(|mail| mail.due_ms <= now_ms) => {
                    let kind = alert.mail.expect("planned").kind;
                    if kind == MailKind::Update && before.mailed_severity == Some(alert.severity) {
                        prop_assert!(now_ms - before.mailed_ms.expect("mailed before") >= BETWEEN_MAILS_MS);
                    }
                    mail_now(&mut alert, now_ms);
                }
                Step::Closes | Step::Mails => {}
            }
            prop_assert_eq!(alert.state == AlertState::Resolved, alert.open_findings == 0);
            prop_assert!(alert.severity >= before.severity);
            let ends = alert.mail.is_some_and(|mail| mail.kind == MailKind::Resolved);
            prop_assert!(!ends || (alert.state == AlertState::Resolved && alert.mailed_severity.is_some()));
            if let Some(mail) = alert.mail.filter(|mail| mail.kind == MailKind::Opened) {
                prop_assert!(mail.due_ms - now_ms <= first_wait_ms(Severity::Low));
            }
        }
    }
}

/// A stage over a registry with a commune below a province; only the province has a contact.
struct Office {
    sqlite: registry::harness::SqliteRegistry,
    stage: Alerts,
    unit: i64,
    host: HostId,
}

impl Office {
    async fn open() -> Self {
        let sqlite = sqlite().await;
        let registry = &sqlite.registry;
        let province = a_unit(registry, None, "Tỉnh", "soc@tinh.example").await;
        let commune = a_unit(registry, Some(province), "Xã Đông", "").await;
        let host = a_host(registry, commune, "KT-01").await;
        let letters = Letters {
            language: "vi".to_owned(),
            duty: vec!["truc@tinh.example".to_owned(), "SOC@tinh.example".to_owned()],
            duty_phone: "113".to_owned(),
            domain: "tinh.example".to_owned(),
        };
        let stage = Alerts {
            registry: registry.clone(),
            letters: Some(letters),
            live: Live::default(),
            metrics: Arc::default(),
            findings_changed: Arc::default(),
            letters_written: Arc::default(),
            stop: watch::channel(false).1,
        };
        Self {
            sqlite,
            stage,
            unit: commune,
            host,
        }
    }

    async fn finds(&self, id: &str, severity: Severity) {
        self.finds_on(self.host, id, severity).await;
    }

    async fn finds_on(&self, host: HostId, id: &str, severity: Severity) {
        let mut tx = self.sqlite.registry.begin().await.expect("begin");
        let now_ms = now_ms();
        let finding = Finding {
            id: id.to_owned(),
            host,
            opened_ms: now_ms,
            ..row(severity).finding
        };
        finding::open(&mut tx, &finding, now_ms).await.expect("a finding");
        tx.commit().await.expect("commit");
    }

    async fn closes(&self, id: &str) {
        let mut tx = self.sqlite.registry.begin().await.expect("begin");
        finding::close(&mut tx, id, now_ms()).await.expect("closed");
        tx.commit().await.expect("commit");
    }

    async fn change(&self, statement: &'static str) {
        let mut tx = self.sqlite.registry.begin().await.expect("begin");
        sqlx::query(statement).execute(&mut *tx).await.expect("changed");
        tx.commit().await.expect("commit");
    }

    async fn look(&self) {
        assert!(!self.stage.look(now_ms()).await.expect("a look"));
    }

    async fn alerts(&self) -> Vec<Alert> {
        let page = registry::Page {
            after: None,
            limit: 50,
        };
        let filter = AlertFilter::default();
        let listed = alert_list::list(&self.sqlite.registry, &Scope::ALL, &filter, &page).await;
        listed
            .expect("alerts")
            .items
            .into_iter()
            .map(|listed| listed.alert)
            .collect()
    }

    async fn mails(&self, alert: i64) -> Vec<(MailKind, String)> {
        let rows = registry::delivery::of_alert(&self.sqlite.registry, alert)
            .await
            .expect("deliveries");
        rows.into_iter().map(|row| (row.kind, row.recipient)).collect()
    }
}

#[tokio::test]
async fn a_critical_finding_is_an_alert_with_its_mails_in_one_look() {
    let office = Office::open().await;
    office.finds("f1", Severity::Critical).await;
    office.look().await;
    let alert = office.alerts().await.remove(0);
    assert_eq!(
        (alert.findings, alert.open_findings, alert.severity),
        (1, 1, Severity::Critical)
    );
    assert_eq!(
        (alert.title_code.as_str(), &alert.title_params),
        ("antivirus.off", &json!({"product": "ClamAV"}))
    );
    let told: Vec<String> = office
        .mails(alert.id)
        .await
        .into_iter()
        .map(|(_, to)| to)
        .collect();
    assert_eq!(
        told,
        ["soc@tinh.example", "truc@tinh.example"],
        "nearest contact and duty, nobody twice"
    );
    let row = registry::delivery::of_alert(&office.sqlite.registry, alert.id)
        .await
        .expect("rows")
        .remove(0);
    assert_eq!(
        (row.content.host.name.as_str(), row.content.host.unit.as_str()),
        ("KT-01", "Xã Đông")
    );
    assert_eq!(
        (row.content.findings.len(), row.content.phone.as_str()),
        (1, "113")
    );
    assert!(row.message_id.ends_with("@tinh.example>"));
    office.look().await;
    assert_eq!(
        office.mails(alert.id).await.len(),
        2,
        "a second look writes nothing twice"
    );
}

#[tokio::test]
async fn an_alert_ends_by_itself_and_comes_back() {
    let office = Office::open().await;
    office.finds("f1", Severity::Critical).await;
    office.look().await;
    office.closes("f1").await;
    office.look().await;
    let alert = office.alerts().await.remove(0);
    assert_eq!(alert.state, AlertState::Resolved);
    let kinds: Vec<MailKind> = office
        .mails(alert.id)
        .await
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(
        kinds,
        [
            MailKind::Opened,
            MailKind::Opened,
            MailKind::Resolved,
            MailKind::Resolved
        ]
    );
    office.finds("f2", Severity::Critical).await;
    office.look().await;
    let alerts = office.alerts().await;
    assert_eq!(
        (alerts.len(), alerts[0].state, alerts[0].findings),
        (1, AlertState::Open, 2)
    );
    let history = alert::history(&office.sqlite.registry, alert.id)
        .await
        .expect("history");
    let actions: Vec<Action> = history.iter().map(|line| line.action).collect();
    let expected = [
        Action::Opened,
        Action::Mailed,
        Action::FindingClosed,
        Action::Resolved,
        Action::Mailed,
        Action::Reopened,
    ];
    assert_eq!(actions, expected);
}

#[tokio::test]
async fn what_was_over_before_we_looked_is_history() {
    let office = Office::open().await;
    office.finds("f1", Severity::Critical).await;
    office.closes("f1").await;
    office.look().await;
    let alert = office.alerts().await.remove(0);
    assert_eq!((alert.state, alert.open_findings), (AlertState::Resolved, 0));
    assert_eq!(office.mails(alert.id).await, []);
}

#[tokio::test]
async fn the_end_that_a_person_gives_is_told_too() {
    let office = Office::open().await;
    office.finds("f1", Severity::Critical).await;
    office.look().await;
    let alert = office.alerts().await.remove(0);
    let mut tx = office.sqlite.registry.begin().await.expect("begin");
    alert::resolve(&mut tx, alert.id, "lan", Verdict::Benign, "bảo trì", now_ms())
        .await
        .expect("resolved");
    tx.commit().await.expect("commit");
    office.look().await;
    let row = registry::delivery::of_alert(&office.sqlite.registry, alert.id)
        .await
        .expect("rows")
        .remove(2);
    assert_eq!(
        (row.kind, row.content.verdict),
        (MailKind::Resolved, Some(Verdict::Benign))
    );
    office.closes("f1").await;
    office.look().await;
    assert_eq!(
        office.alerts().await[0].verdict,
        Some(Verdict::Benign),
        "a late end changes no verdict"
    );
    assert_eq!(office.mails(alert.id).await.len(), 4);
}

#[tokio::test]
async fn nobody_is_reminded_of_a_retired_pc() {
    let office = Office::open().await;
    office.finds("f1", Severity::Critical).await;
    office.look().await;
    let mut tx = office.sqlite.registry.begin().await.expect("begin");
    let retired = host::HostEdit {
        status: Some(host::HostStatus::Retired),
        ..host::HostEdit::default()
    };
    host::edit(&mut tx, office.host, &retired).await.expect("retired");
    tx.commit().await.expect("commit");
    office.look().await;
    let alert = office.alerts().await.remove(0);
    assert_eq!((alert.state, alert.mail), (AlertState::Resolved, None));
    assert_eq!(office.mails(alert.id).await.len(), 2, "only the first mails");
}

#[tokio::test]
async fn rows_that_nobody_can_read_cost_nobody_else_a_mail() {
    let office = Office::open().await;
    office.finds("bad", Severity::Critical).await;
    office.finds("planned", Severity::Critical).await;
    office.look().await;
    let unreadable = office.alerts().await.remove(0).id;
    for statement in [
        "UPDATE alerts SET category = 'later', mail_due_ms = 1",
        "UPDATE findings SET evidence = '{', settled = 0 WHERE id = 'bad'",
    ] {
        office.change(statement).await;
    }
    let other = a_host(&office.sqlite.registry, office.unit, "KT-02").await;
    office.finds_on(other, "good", Severity::Critical).await;
    office.look().await;
    let mut tx = office.sqlite.registry.begin().await.expect("begin");
    let id = alert::latest_of(&mut tx, other, Category::Protection)
        .await
        .expect("an answer");
    drop(tx);
    assert_eq!(office.mails(id.expect("an alert")).await.len(), 2);
    let noted = office.stage.metrics.health.set_aside.list();
    assert_eq!(noted, [format!("alerts {unreadable}"), "findings bad".to_owned()]);
    let pause = office.stage.until_next_letter(now_ms()).await;
    assert!(pause > Duration::from_secs(1), "they do not keep the stage busy");
}

#[tokio::test]
async fn one_unit_that_nobody_can_read_stops_no_mail() {
    let office = Office::open().await;
    let other = a_unit(&office.sqlite.registry, None, "Xã Tây", "tay@tinh.example").await;
    office
        .change("UPDATE units SET kind = 'later' WHERE name = 'Xã Tây'")
        .await;
    office.finds("f1", Severity::Critical).await;
    office.look().await;
    let alert = office.alerts().await.remove(0);
    assert_eq!(office.mails(alert.id).await.len(), 2);
    let noted = office.stage.metrics.health.set_aside.list();
    assert_eq!(noted, [format!("units {other}")]);
}

#[tokio::test]
async fn an_end_waits_for_an_alert_that_cannot_be_read() {
    let office = Office::open().await;
    office.finds("f1", Severity::Critical).await;
    office.look().await;
    office.change("UPDATE alerts SET category = 'later'").await;
    office.closes("f1").await;
    office.look().await;
    let noted = office.stage.metrics.health.set_aside.list();
    assert_eq!(noted, ["findings f1"]);
    office.change("UPDATE alerts SET category = 'protection'").await;
    office.look().await;
    assert_eq!(office.alerts().await[0].state, AlertState::Resolved);
}

#[tokio::test]
async fn without_a_relay_alerts_are_still_raised() {
    let mut office = Office::open().await;
    office.stage.letters = None;
    office.finds("f1", Severity::Critical).await;
    office.look().await;
    let alert = office.alerts().await.remove(0);
    assert_eq!(office.mails(alert.id).await, []);
}
