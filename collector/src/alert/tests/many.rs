//! Alerts about many PCs at once, and what people have dealt with already.

use super::*;

impl Office {
    async fn keep(&self, finding: Finding) {
        let mut tx = self.sqlite.registry.begin().await.expect("begin");
        finding::open(&mut tx, &finding, finding.opened_ms)
            .await
            .expect("a finding");
        tx.commit().await.expect("commit");
    }

    fn outbreak(&self, id: &str, severity: Severity, hosts: &[HostId]) -> Finding {
        Finding {
            id: id.to_owned(),
            rule: "malware.outbreak".to_owned(),
            category: Category::Outbreak,
            host: hosts[0],
            key: "Eicar".to_owned(),
            opened_pos: hosts.len() as u64,
            opened_ms: now_ms(),
            evidence: json!({
                "threat": "Eicar",
                "pcs": hosts.len(),
                "hosts": hosts.iter().map(|host| host.0).collect::<Vec<_>>(),
            }),
            ..row(severity).finding
        }
    }

    fn not_remediated(&self, id: &str, rises_from: Option<&str>) -> Finding {
        Finding {
            id: id.to_owned(),
            rule: "malware.not_remediated".to_owned(),
            category: Category::Malware,
            host: self.host,
            opened_ms: now_ms(),
            evidence: json!({ "threat": "Eicar", "rises_from": rises_from }),
            ..row(Severity::Critical).finding
        }
    }
}

#[tokio::test]
async fn an_outbreak_is_one_alert_about_the_unit_that_its_pcs_have_in_common() {
    let office = Office::open().await;
    let registry = &office.sqlite.registry;
    let room = a_unit(registry, Some(office.unit), "Phòng Kinh tế", "kt@xadong.example").await;
    let same = a_host(registry, room, "KT-02").await;
    office
        .keep(office.outbreak("o1", Severity::High, &[office.host, same]))
        .await;
    office.look().await;
    let alert = office.alerts().await.remove(0);
    assert_eq!(
        (alert.unit, alert.title_code.as_str()),
        (Some(office.unit), "malware.outbreak")
    );

    let province = unit::by_name(registry, "Tỉnh").await.expect("units").remove(0).id;
    let west = a_unit(registry, Some(province), "Xã Tây", "").await;
    let far = a_host(registry, west, "KT-03").await;
    office.closes("o1").await;
    office
        .keep(office.outbreak("o2", Severity::Critical, &[office.host, same, far]))
        .await;
    office.look().await;
    let alerts = office.alerts().await;
    assert_eq!(alerts.len(), 1, "however many are hit: {alerts:?}");
    assert_eq!(
        (alerts[0].unit, alerts[0].severity),
        (Some(province), Severity::Critical)
    );
    let mails = registry::delivery::of_alert(registry, alerts[0].id)
        .await
        .expect("mails");
    assert!(
        mails.iter().all(|mail| mail.recipient != "kt@xadong.example"),
        "who is below sees only their own"
    );
    let told = &mails.last().expect("a mail").content;
    assert!(told.is_about_a_unit());
    assert_eq!(
        told.pcs,
        ["KT-02 – Phòng Kinh tế", "KT-01 – Xã Đông", "KT-03 – Xã Tây"]
    );

    let scoped = |unit: i64| Scope {
        units: Some(vec![unit]),
    };
    let page = registry::Page {
        after: None,
        limit: 9,
    };
    let seen_by = async |unit| {
        let filter = AlertFilter::default();
        let listed = alert_list::list(registry, &scoped(unit), &filter, &page).await;
        listed.expect("alerts").items.len()
    };
    assert_eq!((seen_by(office.unit).await, seen_by(province).await), (0, 1));
    office
        .change("UPDATE hosts SET status = 'retired' WHERE name = 'KT-01'")
        .await;
    office.look().await;
    assert_eq!(
        office.alerts().await[0].state,
        AlertState::Open,
        "one PC less is no end"
    );
}

#[tokio::test]
async fn another_threat_is_another_alert() {
    let office = Office::open().await;
    office
        .keep(office.outbreak("o1", Severity::High, &[office.host]))
        .await;
    let mut other = office.outbreak("o2", Severity::High, &[office.host]);
    other.key = "Emotet".to_owned();
    office.keep(other).await;
    office.finds("f1", Severity::High).await;
    office.look().await;
    assert_eq!(office.alerts().await.len(), 3);
}

#[tokio::test]
async fn what_people_have_dealt_with_does_not_come_back_only_because_time_passes() {
    let office = Office::open().await;
    office.keep(office.not_remediated("m1", None)).await;
    office.look().await;
    let alert = office.alerts().await.remove(0);
    let mut tx = office.sqlite.registry.begin().await.expect("begin");
    alert::resolve(&mut tx, alert.id, "lan", Verdict::False, "", now_ms())
        .await
        .expect("closed");
    tx.commit().await.expect("commit");
    office.keep(office.not_remediated("m2", Some("m1"))).await;
    office.look().await;
    let alerts = office.alerts().await;
    assert_eq!((alerts.len(), alerts[0].state), (1, AlertState::Resolved));
    office.keep(office.not_remediated("m3", None)).await;
    office.look().await;
    assert!(
        office
            .alerts()
            .await
            .iter()
            .any(|alert| alert.state == AlertState::Open),
        "another one does"
    );
}
