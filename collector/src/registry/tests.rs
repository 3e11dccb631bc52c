//! The registry's promises, each told once and held by both databases.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use serde_json::json;
use sqlx::Row as _;
use vong_proto::event::{AgentId, Severity};
use vong_proto::session::Fingerprint;

use super::alert::{Action, Alert, AlertState, MailKind, PlannedMail, Verdict};
use super::alert_list::AlertFilter;
use super::delivery::{Attempt, Content, DeliveryState, HostCard, NewDelivery, Outcome};
use super::harness::{Postgres, a_host, a_unit, sqlite};
use super::host::{HostEdit, HostStatus, PolicyState, Presented, Protection};
use super::host_list::{Connection, HostFilter, HostSort};
use super::host_state::{HostState, Noun, ProtectionState, Trouble};
use super::token::NewToken;
use super::user::{NewUser, Role};
use super::*;
use crate::entry::{CloneSign, HostId};
use crate::finding::{Category, Finding};
use crate::scope::Scope;

mod coverage;

type Story = fn(Registry) -> Pin<Box<dyn Future<Output = ()>>>;

const SUITE: &[(&str, Story)] = &[
    ("units", |r| Box::pin(units_form_a_tree_with_rolled_up_numbers(r))),
    ("hosts", |r| Box::pin(hosts_are_found_sorted_and_paged(r))),
    ("recognition", |r| Box::pin(a_pc_is_recognised(r))),
    ("late", |r| {
        Box::pin(what_is_older_never_overwrites_what_is_newer(r))
    }),
    ("troubles", |r| {
        Box::pin(troubles_of_an_agent_are_counted_with_their_last_time(r))
    }),
    ("tokens", |r| Box::pin(a_token_is_used_as_often_as_it_says(r))),
    ("certificates", |r| {
        Box::pin(a_certificate_proves_its_host_until_revoked(r))
    }),
    ("approval", |r| Box::pin(of_two_answers_at_once_one_counts(r))),
    ("policies", |r| Box::pin(policies_merge_down_the_tree(r))),
    ("commands", |r| {
        Box::pin(a_command_is_pending_until_its_own_host_answers(r))
    }),
    ("users", |r| Box::pin(users_sign_in_and_out(r))),
    ("findings", |r| {
        Box::pin(a_finding_is_settled_only_as_it_was_seen(r))
    }),
    ("rules", |r| Box::pin(rules_state_and_cursor_move_together(r))),
    ("heard", |r| {
        Box::pin(who_is_heard_is_noted_unless_later_is_known(r))
    }),
    ("detections", |r| {
        Box::pin(detection::tests::what_became_of_malware_is_joined_to_the_first_word_about_it(r))
    }),
    ("hashes", |r| Box::pin(a_hash_is_listed_once_and_bad_stays_bad(r))),
    ("reviews", |r| {
        Box::pin(the_latest_word_about_a_state_counts_where_it_holds(r))
    }),
    ("neighbours", |r| {
        Box::pin(neighbour::tests::a_machine_is_kept_once_and_invented_ones_leave_room(r))
    }),
    ("alerts", |r| Box::pin(people_take_and_end_alerts(r))),
    ("alert_list", |r| Box::pin(alerts_are_scoped_and_paged(r))),
    ("deliveries", |r| {
        Box::pin(deliveries_form_threads_and_keep_attempts(r))
    }),
    ("audit", |r| Box::pin(acts_are_recorded(r))),
    ("hostile", |r| Box::pin(hostile_text_is_kept_and_stops_nothing(r))),
];

#[tokio::test]
async fn the_suite_holds_on_sqlite() {
    for (_, story) in SUITE {
        let sqlite = sqlite().await;
        story(sqlite.registry.clone()).await;
        sqlite.registry.close().await;
    }
}

#[tokio::test]
async fn the_suite_holds_on_postgres() {
    let server = Postgres::start();
    for (name, story) in SUITE {
        let registry = server.registry(name).await;
        story(registry.clone()).await;
        registry.close().await;
    }
}

#[tokio::test]
async fn a_registry_of_another_form_is_refused() {
    let sqlite = sqlite().await;
    let mut tx = sqlite.registry.begin().await.unwrap();
    sqlx::query("INSERT INTO migrations (version, checksum) VALUES (99, 'of a newer program')")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(
        migration::apply(&sqlite.registry).await,
        Err(Error::Migration(99))
    ));
    assert!(matches!(Registry::open("mysql://x").await, Err(Error::Url)));
}

#[tokio::test]
async fn the_findings_of_a_host_are_found_without_reading_all() {
    let sqlite = sqlite().await;
    let explained = format!("EXPLAIN QUERY PLAN {}", finding::LOOK_AGAIN);
    let plan: Vec<String> = sqlx::query(sqlx::AssertSqlSafe(explained))
        .bind(1_i64)
        .fetch_all(sqlite.registry.readers())
        .await
        .unwrap()
        .iter()
        .map(|step| step.get("detail"))
        .collect();
    assert!(plan.concat().contains("findings_by_host"), "{plan:?}");
}

#[tokio::test]
async fn a_folder_may_have_a_vietnamese_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dữ liệu của sở");
    std::fs::create_dir(&path).unwrap();
    let file = path.join("registry.db");
    let registry = Registry::open(&format!("sqlite://{}?mode=rwc", file.display()))
        .await
        .unwrap();
    registry.ping().await.unwrap();
    registry.close().await;
    assert!(file.exists());
}

async fn units_form_a_tree_with_rolled_up_numbers(registry: Registry) {
    let province = a_unit(&registry, None, "Tỉnh", "").await;
    let commune = a_unit(&registry, Some(province), "Xã Đông", "").await;
    let office = a_unit(&registry, Some(commune), "Phòng một cửa", "").await;
    let host = a_host(&registry, office, "PC-01").await;
    connect(&registry, host, 5_000).await;

    let numbers = unit::numbers(&registry, 1_000).await.unwrap();
    assert_eq!((numbers[&province].hosts, numbers[&province].connected), (1, 1));
    assert_eq!(numbers[&province], numbers[&office]);
    assert_eq!(
        unit::subtree(&registry, commune).await.unwrap(),
        [commune, office]
    );
    let chain = unit::chain(&registry, office).await.unwrap();
    assert_eq!(
        chain.iter().map(|u| u.id).collect::<Vec<_>>(),
        [province, commune, office]
    );
    assert_eq!(unit::by_name(&registry, "xa dong").await.unwrap()[0].id, commune);

    let top = unit::by_id(&registry, province).await.unwrap().unwrap();
    let mut tx = registry.begin().await.unwrap();
    let below_itself = unit::UnitDraft {
        parent_id: Some(office),
        name: top.name,
        kind: top.kind,
        contact_name: String::new(),
        contact_email: String::new(),
        phone: String::new(),
    };
    assert!(matches!(
        unit::update(&mut tx, province, &below_itself).await,
        Err(Error::UnitLoop)
    ));
}

async fn connect(registry: &Registry, host: HostId, now_ms: i64) {
    let name = host::by_id(registry, host).await.unwrap().unwrap().name;
    let presented = Presented {
        name,
        os: "Debian 12".to_owned(),
        agent_version: "0.1.0".to_owned(),
        privileged: true,
        boot: "00".repeat(16),
        clock_offset_ms: -7,
    };
    let mut tx = registry.begin().await.unwrap();
    host::set_connected(&mut tx, host, &presented, now_ms)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn hosts_are_found_sorted_and_paged(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã Đông", "").await;
    let other = a_unit(&registry, None, "Xã Tây", "").await;
    let mut hosts = Vec::new();
    for name in ["Văn phòng-3", "Kế toán-1", "một cửa-2"] {
        hosts.push(a_host(&registry, unit, name).await);
    }
    a_host(&registry, other, "Kế toán-9").await;
    connect(&registry, hosts[0], 9_000).await;
    let mut tx = registry.begin().await.unwrap();
    let edit = HostEdit {
        asset_number: Some("TS-0042".to_owned()),
        place: Some("Nhà B, tầng 2".to_owned()),
        ..HostEdit::default()
    };
    assert!(host::edit(&mut tx, hosts[1], &edit).await.unwrap());
    tx.commit().await.unwrap();

    let scope = Scope {
        units: Some(vec![unit]),
    };
    let names = |filter: HostFilter, sort: HostSort| {
        let (registry, scope) = (registry.clone(), scope.clone());
        async move {
            let mut names = Vec::new();
            let mut after = None;
            loop {
                let page = Page { after, limit: 1 };
                let found = host_list::list(&registry, &scope, &filter, sort, &page)
                    .await
                    .unwrap();
                names.extend(found.items.into_iter().map(|listed| listed.host.name));
                after = found.next;
                if after.is_none() {
                    return names;
                }
            }
        }
    };
    let all = HostFilter::default;
    assert_eq!(
        names(all(), HostSort::Name).await,
        ["Kế toán-1", "một cửa-2", "Văn phòng-3"]
    );
    assert_eq!(
        names(all(), HostSort::LastSeen).await,
        ["Văn phòng-3", "một cửa-2", "Kế toán-1"]
    );
    assert_eq!(names(all(), HostSort::Unit).await.len(), 3);
    for (search, expected) in [
        ("KE TOAN", "Kế toán-1"),
        ("tang 2", "Kế toán-1"),
        ("ts-0042", "Kế toán-1"),
    ] {
        let filter = HostFilter {
            search: Some(search.to_owned()),
            ..all()
        };
        assert_eq!(names(filter, HostSort::Name).await, [expected], "{search}");
    }
    let never = HostFilter {
        connection: Some(Connection::Never),
        ..all()
    };
    assert_eq!(host_list::count(&registry, &scope, &never).await.unwrap(), 2);
    let among = HostFilter {
        among: Some(vec![hosts[2]]),
        ..all()
    };
    assert_eq!(names(among, HostSort::Name).await, ["một cửa-2"]);
    let seen = |since_ms| HostFilter {
        status: Some(HostStatus::Active),
        connection: Some(Connection::Seen { since_ms }),
        ..all()
    };
    assert_eq!(names(seen(8_000), HostSort::Name).await, ["Văn phòng-3"]);
    assert!(names(seen(9_001), HostSort::Name).await.is_empty());
    let pending = HostFilter {
        status: Some(HostStatus::Pending),
        ..all()
    };
    assert!(names(pending, HostSort::Name).await.is_empty());

    let numbers = host_list::numbers(&registry, &scope, 8_000).await.unwrap();
    assert_eq!(
        (
            numbers.registered,
            numbers.seen,
            numbers.connected,
            numbers.protected
        ),
        (3, 1, 1, 0)
    );
    assert_eq!(numbers.by_protection, [0, 0, 0, 0, 3]);
    assert!(
        host_list::by_id(
            &registry,
            &Scope {
                units: Some(vec![other])
            },
            hosts[0]
        )
        .await
        .unwrap()
        .is_none()
    );
}

async fn a_pc_is_recognised(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "PC-01").await;
    let fingerprint = |smbios: &str, mac: &str| Fingerprint {
        smbios_uuid: smbios.to_owned(),
        macs: vec![mac.to_owned()],
        ..Fingerprint::default()
    };
    let known = fingerprint("4c4c4544-0051-3510", "aa:bb:cc:00:11:22");
    let mut tx = registry.begin().await.unwrap();
    host::renew_fingerprint(&mut tx, host, &known).await.unwrap();
    tx.commit().await.unwrap();
    let found = |asking: Fingerprint| {
        let registry = registry.clone();
        async move {
            host::by_fingerprint(&registry, &asking)
                .await
                .unwrap()
                .map(|host| host.id)
        }
    };
    assert_eq!(
        found(fingerprint("4C4C4544-0051-3510", "aa:bb:cc:99:99:99")).await,
        Some(host)
    );
    assert_eq!(
        found(fingerprint("4c4c4544-0099-3510", "aa:bb:cc:00:11:22")).await,
        None
    );
    assert_eq!(found(Fingerprint::default()).await, None);
}

async fn what_is_older_never_overwrites_what_is_newer(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "PC-01").await;
    let mut tx = registry.begin().await.unwrap();
    for (protection, at_ms, now) in [(Protection::Protected, 200, true), (Protection::Off, 100, false)] {
        let state = ProtectionState::plain(protection, at_ms, json!({"now": now}));
        host_state::set_protection(&mut tx, host, &state).await.unwrap();
    }
    host_state::set_network(&mut tx, host, 200, &json!({"now": true}))
        .await
        .unwrap();
    host_state::set_network(&mut tx, host, 100, &json!({"now": false}))
        .await
        .unwrap();
    for at_ms in [200, 100] {
        let state = HostState {
            noun: Noun::Probe,
            key: "portal".to_owned(),
            at_ms,
            detail: json!({"at": at_ms}),
        };
        host_state::keep(&mut tx, host, &state).await.unwrap();
        host_state::bound(&mut tx, host, state.noun).await.unwrap();
    }
    tx.commit().await.unwrap();
    let seen = host::by_id(&registry, host).await.unwrap().unwrap();
    assert_eq!(
        (seen.protection, seen.protection_ms),
        (Protection::Protected, Some(200))
    );
    assert_eq!(seen.protection_detail, Some(json!({"now": true})));
    assert_eq!(seen.network_detail, Some(json!({"now": true})));
    let states = host_state::of_host(&registry, host).await.unwrap();
    assert_eq!((states.len(), states[0].at_ms), (1, 200));
}

async fn troubles_of_an_agent_are_counted_with_their_last_time(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "PC-01").await;
    let mut tx = registry.begin().await.unwrap();
    for (trouble, times, at_ms) in [
        (Trouble::Slowed, 1, 100),
        (Trouble::Protocol, 1, 150),
        (Trouble::Slowed, 40, 200),
    ] {
        host_state::note_trouble(&mut tx, host, trouble, times, at_ms)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let states = host_state::of_host(&registry, host).await.unwrap();
    let told: Vec<_> = states
        .iter()
        .map(|state| (state.key.as_str(), state.at_ms, state.detail.clone()))
        .collect();
    assert_eq!(
        told,
        [
            ("protocol", 150, json!({"times": 1})),
            ("slowed", 200, json!({"times": 41}))
        ]
    );
}

async fn a_token_is_used_as_often_as_it_says(registry: Registry) {
    let unit_id = a_unit(&registry, None, "Xã", "").await;
    let mut tx = registry.begin().await.unwrap();
    let new = NewToken {
        secret_hash: "aa".to_owned(),
        unit_id,
        uses: 2,
        expires_ms: 1_000,
        created_by: "admin".to_owned(),
        note: String::new(),
    };
    let id = token::insert(&mut tx, &new, 1).await.unwrap();
    assert_eq!(token::consume(&mut tx, "bb", 10).await.unwrap(), None);
    assert_eq!(token::consume(&mut tx, "aa", 1_000).await.unwrap(), None);
    let used = token::consume(&mut tx, "aa", 10).await.unwrap().unwrap();
    assert_eq!((used.id, used.unit_id, used.uses_left), (id, unit_id, 1));
    assert!(token::revoke(&mut tx, id).await.unwrap());
    assert_eq!(token::consume(&mut tx, "aa", 10).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(token::all(&registry).await.unwrap()[0].uses_left, 0);
}

async fn a_certificate_proves_its_host_until_revoked(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "PC-01").await;
    let agent_id = AgentId([7; 16]);
    let mut tx = registry.begin().await.unwrap();
    agent::insert(&mut tx, agent_id, host, 1).await.unwrap();
    let certificate = agent::Certificate {
        fingerprint: "ff".to_owned(),
        serial: "01".to_owned(),
        agent: agent_id,
        not_before_ms: 0,
        not_after_ms: 90,
        authority: "aa".to_owned(),
    };
    agent::add_certificate(&mut tx, &certificate).await.unwrap();
    tx.commit().await.unwrap();
    let status = agent::certificate_status(&registry, "ff").await.unwrap().unwrap();
    assert_eq!(
        (status.agent, status.host, status.revoked),
        (agent_id, host, false)
    );
    assert_eq!(status.host_status, HostStatus::Active);
    assert_eq!(agent::certificate_status(&registry, "00").await.unwrap(), None);

    let presented = agent::Presented {
        fingerprint: Some(Fingerprint {
            machine_id: "máy\0một".to_owned(),
            ..Fingerprint::default()
        }),
        former_fingerprint: None,
        authority: "aa".to_owned(),
        bundle: "bb".to_owned(),
    };
    assert_eq!(
        agent::behind(&registry, "aa", "bb").await.unwrap().len(),
        1,
        "it never came"
    );
    let mut tx = registry.begin().await.unwrap();
    agent::present(&mut tx, agent_id, &presented).await.unwrap();
    assert!(
        agent::note_cloned(&mut tx, agent_id, CloneSign::TwoContents, 7)
            .await
            .unwrap()
    );
    assert!(
        !agent::note_cloned(&mut tx, agent_id, CloneSign::TakeOvers, 8)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    let status = agent::certificate_status(&registry, "ff").await.unwrap().unwrap();
    assert_eq!((status.authority.as_str(), status.cloned), ("aa", true));
    assert_eq!(status.presented, presented);
    let cloned = host::by_id(&registry, host).await.unwrap().unwrap();
    assert_eq!(
        (cloned.cloned_ms, cloned.cloned_how),
        (Some(7), Some(CloneSign::TwoContents))
    );
    assert_eq!(agent::behind(&registry, "aa", "bb").await.unwrap(), []);
    assert_eq!(
        agent::behind(&registry, "cc", "bb").await.unwrap()[0].name,
        "PC-01"
    );

    let mut tx = registry.begin().await.unwrap();
    assert_eq!(agent::revoke_all_of(&mut tx, host, 5).await.unwrap(), 1);
    assert!(!agent::revoke(&mut tx, agent_id, 6).await.unwrap());
    tx.commit().await.unwrap();
    assert!(
        agent::certificate_status(&registry, "ff")
            .await
            .unwrap()
            .unwrap()
            .revoked
    );
    assert_eq!(
        agent::of_host(&registry, host).await.unwrap()[0].revoked_ms,
        Some(5)
    );
    assert_eq!(
        host::by_id(&registry, host).await.unwrap().unwrap().cloned_ms,
        None
    );
    assert_eq!(
        agent::behind(&registry, "cc", "bb").await.unwrap(),
        [],
        "it has no rights"
    );
}

async fn of_two_answers_at_once_one_counts(registry: Registry) {
    use super::approval::{Decision, decide};

    let unit = a_unit(&registry, None, "Xã", "").await;
    for name in ["PC-01", "PC-02", "PC-03", "PC-04"] {
        let host = a_host(&registry, unit, name).await;
        let waiting = HostEdit {
            status: Some(HostStatus::Pending),
            ..HostEdit::default()
        };
        let mut tx = registry.begin().await.unwrap();
        host::edit(&mut tx, host, &waiting).await.unwrap();
        tx.commit().await.unwrap();
        let answer = |decision| decide(&registry, host, decision, "admin", 5);
        let (approved, rejected) = tokio::join!(answer(Decision::Approve), answer(Decision::Reject));
        let expected = match (approved.unwrap(), rejected.unwrap()) {
            (true, false) => HostStatus::Active,
            (false, true) => HostStatus::Retired,
            both => panic!("one counts: {both:?}"),
        };
        let known = host::by_id(&registry, host).await.unwrap().unwrap();
        assert_eq!(known.status, expected);
        let again = answer(Decision::Approve).await.unwrap();
        assert!(!again, "nobody waits any more");
    }
    let page = Page {
        after: None,
        limit: 9,
    };
    let acts = audit::list(&registry, &page).await.unwrap();
    assert_eq!(acts.items.len(), 4, "one act for each host");
}

async fn policies_merge_down_the_tree(registry: Registry) {
    let province = a_unit(&registry, None, "Tỉnh", "").await;
    let commune = a_unit(&registry, Some(province), "Xã", "").await;
    let host = a_host(&registry, commune, "PC-01").await;
    let before = policy::effective(&registry, host).await.unwrap();
    let mut tx = registry.begin().await.unwrap();
    let watches = json!({"files": {"watches": [{"name": "records", "path": "/srv/records"}]}});
    policy::set(&mut tx, province, &watches, "admin", 1)
        .await
        .unwrap();
    let graver = json!({"files": {"watches": [{"name": "records", "severity": "critical"}]}});
    policy::set(&mut tx, commune, &graver, "admin", 2).await.unwrap();
    host::set_policy_state(&mut tx, host, PolicyState::Refused, 3, "ff", "no such folder")
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let after = policy::effective(&registry, host).await.unwrap();
    assert!(after.version > before.version && after.hash != before.hash);
    let effective = vong_proto::policy::Policy::from_json(&after.document).unwrap();
    let watch = &effective.files.watches[0];
    assert_eq!(
        (watch.path.as_str(), watch.severity),
        ("/srv/records", Some(Severity::Critical))
    );
    assert_eq!(
        policy::of_unit(&registry, commune)
            .await
            .unwrap()
            .unwrap()
            .document,
        graver
    );
    let broken = json!({"files": {"watches": [{"name": "records", "path": "relative"}]}});
    let refused = policy::effective_with(&registry, commune, province, &broken).await;
    assert!(matches!(refused, Err(Error::Policy(_))));
    assert_eq!(
        host::by_id(&registry, host)
            .await
            .unwrap()
            .unwrap()
            .policy_refusal,
        "no such folder"
    );
}

async fn a_command_is_pending_until_its_own_host_answers(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "PC-01").await;
    let stranger = a_host(&registry, unit, "PC-02").await;
    let mut tx = registry.begin().await.unwrap();
    let new = command::NewCommand {
        host,
        kind: "rescan".to_owned(),
        parameters: json!({"watch": "records"}),
        expires_ms: 1_000,
        created_by: "admin".to_owned(),
    };
    let id = command::insert(&mut tx, &new, 1).await.unwrap();
    command::mark_sent(&mut tx, id, 2).await.unwrap();
    let counts = BTreeMap::from([("files".to_owned(), 12)]);
    command::finish(&mut tx, stranger, id, true, "", &counts, 3)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        command::pending_of(&registry, host, 10).await.unwrap()[0].sent_ms,
        Some(2)
    );
    assert_eq!(command::pending_of(&registry, host, 1_000).await.unwrap(), []);

    let mut tx = registry.begin().await.unwrap();
    command::finish(&mut tx, host, id, false, "expired", &counts, 4)
        .await
        .unwrap();
    command::finish(&mut tx, host, id, true, "second answer", &BTreeMap::new(), 5)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let finished = &command::of_host(&registry, host, 10).await.unwrap()[0];
    assert_eq!(
        (finished.done, finished.detail.as_str()),
        (Some(false), "expired")
    );
    assert_eq!(finished.counts, counts);
    assert_eq!(command::pending_of(&registry, host, 10).await.unwrap(), []);
}

async fn users_sign_in_and_out(registry: Registry) {
    let new = NewUser {
        name: "lan".to_owned(),
        password_hash: "$argon2id$…".to_owned(),
        role: Role::UnitStaff,
        unit_id: Some(a_unit(&registry, None, "Xã", "").await),
        must_change_password: true,
        language: "vi".to_owned(),
        email: "lan@xa.example".to_owned(),
    };
    let mut tx = registry.begin().await.unwrap();
    let id = user::insert(&mut tx, &new, 1).await.unwrap().unwrap();
    assert_eq!(user::insert(&mut tx, &new, 1).await.unwrap(), None);
    user::set_password(&mut tx, id, "$argon2id$other", false)
        .await
        .unwrap();
    user::set_language(&mut tx, id, "en").await.unwrap();
    let begun = session::Session {
        token_hash: "aa".to_owned(),
        user_id: id,
        csrf: "bb".to_owned(),
        created_ms: 1,
        expires_ms: 100,
        seen_ms: 1,
        address: "::1".to_owned(),
    };
    session::insert(&mut tx, &begun).await.unwrap();
    session::record_attempt(&mut tx, "lan", "::1", 5, false)
        .await
        .unwrap();
    session::record_attempt(&mut tx, "other", "::1", 6, true)
        .await
        .unwrap();
    session::touch(&mut tx, "aa", 50, 150).await.unwrap();
    tx.commit().await.unwrap();

    let known = user::by_name(&registry, "lan").await.unwrap().unwrap();
    assert_eq!((known.role, known.must_change_password), (Role::UnitStaff, false));
    assert!(!format!("{known:?}").contains("argon2id"));
    assert_eq!(
        session::by_hash(&registry, "aa", 149)
            .await
            .unwrap()
            .unwrap()
            .seen_ms,
        50
    );
    assert_eq!(session::by_hash(&registry, "aa", 150).await.unwrap(), None);
    let attempts = session::attempts(&registry, "lan", "::1", 0).await.unwrap();
    assert_eq!(
        attempts.iter().map(|a| a.success).collect::<Vec<_>>(),
        [true, false]
    );

    let mut tx = registry.begin().await.unwrap();
    user::set_disabled(&mut tx, id, true).await.unwrap();
    session::sweep(&mut tx, 10, 6).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(session::by_hash(&registry, "aa", 10).await.unwrap(), None);
    assert_eq!(
        session::attempts(&registry, "lan", "::1", 0).await.unwrap().len(),
        1
    );
    assert!(user::all(&registry).await.unwrap()[0].disabled);
}

fn a_finding(host: HostId, id: &str) -> Finding {
    Finding {
        id: id.to_owned(),
        rule: "file.critical_changed".to_owned(),
        category: Category::Files,
        host,
        key: "/srv/a".to_owned(),
        severity: Severity::High,
        opened_pos: 7,
        opened_ms: 70,
        evidence: json!({"path": "/srv/a"}),
    }
}

fn an_alert(host: HostId, severity: Severity) -> Alert {
    Alert {
        id: 0,
        category: Category::Files,
        host,
        unit: None,
        severity,
        state: AlertState::Open,
        verdict: None,
        assignee: None,
        opened_ms: 70,
        updated_ms: 70,
        acknowledged_ms: None,
        resolved_ms: None,
        resolved_by: None,
        findings: 1,
        open_findings: 1,
        title_code: "file.critical_changed".to_owned(),
        title_params: json!({"path": "/srv/a"}),
        mail: Some(PlannedMail {
            kind: MailKind::Opened,
            due_ms: 75,
        }),
        mailed_ms: None,
        mailed_severity: None,
    }
}

async fn a_finding_is_settled_only_as_it_was_seen(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "PC-01").await;
    let mut tx = registry.begin().await.unwrap();
    finding::open(&mut tx, &a_finding(host, "f1"), 71).await.unwrap();
    finding::open(&mut tx, &a_finding(host, "f1"), 99).await.unwrap();
    let alert_id = alert::insert(&mut tx, &an_alert(host, Severity::High))
        .await
        .unwrap();
    let seen = finding::unsettled(&mut tx, 10).await.unwrap().rows;
    assert_eq!((seen.len(), seen[0].judged_ms), (1, 71));
    assert_eq!(seen[0].finding, a_finding(host, "f1"));
    finding::close(&mut tx, "f1", 80).await.unwrap();
    finding::close(&mut tx, "f1", 90).await.unwrap();
    finding::settle(&mut tx, &seen[0], Some(alert_id)).await.unwrap();
    let again = finding::unsettled(&mut tx, 10).await.unwrap().rows;
    assert_eq!(
        (again[0].alert_id, again[0].closed_ms),
        (Some(alert_id), Some(80))
    );
    finding::settle(&mut tx, &again[0], Some(alert_id)).await.unwrap();
    assert_eq!(finding::unsettled(&mut tx, 10).await.unwrap().rows, []);
    tx.commit().await.unwrap();
    assert_eq!(finding::of_alert(&registry, alert_id, 10).await.unwrap().len(), 1);
    a_finding_ends_whatever_its_evidence(&registry, host).await;
}

async fn a_finding_ends_whatever_its_evidence(registry: &Registry, host: HostId) {
    let mut tx = registry.begin().await.unwrap();
    for (id, evidence) in [("bad", "{"), ("good", "{}")] {
        finding::open(&mut tx, &a_finding(host, id), 60).await.unwrap();
        sqlx::query("UPDATE findings SET evidence = $2 WHERE id = $1")
            .bind(id)
            .bind(evidence)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    let family = a_finding(host, "bad").rule;
    assert_eq!(
        finding::open_of(&mut tx, host, &family).await.unwrap(),
        ["bad", "good"]
    );
    let unreadable = finding::close_unwatched(&mut tx, "bad", 80).await.unwrap();
    assert_eq!(unreadable.map(|row| row.id).as_deref(), Some("bad"));
    assert!(
        finding::close_unwatched(&mut tx, "good", 80)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(finding::open_of(&mut tx, host, &family).await.unwrap(), [""; 0]);
}

async fn who_is_heard_is_noted_unless_later_is_known(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let (early, late) = (
        a_host(&registry, unit, "PC-01").await,
        a_host(&registry, unit, "PC-02").await,
    );
    for heard in [[(early, 10), (late, 20)], [(early, 9), (late, 21)]] {
        let mut tx = registry.begin().await.unwrap();
        host::touch_seen(&mut tx, &heard).await.unwrap();
        tx.commit().await.unwrap();
    }
    let seen: Vec<i64> = sqlx::query_scalar("SELECT last_seen_ms FROM hosts ORDER BY id")
        .fetch_all(registry.readers())
        .await
        .unwrap();
    assert_eq!(seen, [10, 21]);
}

async fn rules_state_and_cursor_move_together(registry: Registry) {
    assert_eq!(rule_state::cursor(&registry, "rules").await.unwrap(), 0);
    let mut tx = registry.begin().await.unwrap();
    rule_state::keep(&mut tx, "host.silent", "1", Some("{\"a\":1}"))
        .await
        .unwrap();
    rule_state::keep(&mut tx, "host.silent", "2", Some("{}"))
        .await
        .unwrap();
    rule_state::keep(&mut tx, "host.silent", "2", None).await.unwrap();
    rule_state::move_cursor(&mut tx, "rules", 12).await.unwrap();
    rule_state::move_cursor(&mut tx, "rules", 13).await.unwrap();
    drop(tx);
    assert_eq!(rule_state::cursor(&registry, "rules").await.unwrap(), 0);
    let mut tx = registry.begin().await.unwrap();
    rule_state::keep(&mut tx, "host.silent", "1", Some("{\"a\":1}"))
        .await
        .unwrap();
    rule_state::move_cursor(&mut tx, "rules", 13).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rule_state::cursor(&registry, "rules").await.unwrap(), 13);
    assert_eq!(rule_state::all(&registry).await.unwrap()[0].state, "{\"a\":1}");
    for now_ms in [1, 2] {
        let mut tx = registry.begin().await.unwrap();
        rule_state::put_out_of_the_way(&mut tx, "host.silent", "1", now_ms)
            .await
            .unwrap();
        rule_state::keep(&mut tx, "host.silent", "1", Some("{}"))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let current = rule_state::all(&registry).await.unwrap();
    assert_eq!((current.len(), current[0].state.as_str()), (1, "{}"));
    let many: Vec<_> = (0..250)
        .map(|host| rule_state::RuleState {
            rule: "many".to_owned(),
            entity: format!("{host:03}"),
            state: host.to_string(),
        })
        .collect();
    let mut tx = registry.begin().await.unwrap();
    for _ in 0..2 {
        rule_state::keep_all(&mut tx, &many).await.unwrap();
    }
    rule_state::keep_all(&mut tx, &[]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rule_state::all(&registry).await.unwrap()[1..], many);
    let kept: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM rule_state")
        .fetch_one(registry.readers())
        .await
        .unwrap();
    assert_eq!(kept, 253, "what could not be read is kept, each time");
}

async fn people_take_and_end_alerts(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "PC-01").await;
    let mut tx = registry.begin().await.unwrap();
    let id = alert::insert(&mut tx, &an_alert(host, Severity::High))
        .await
        .unwrap();
    finding::open(&mut tx, &a_finding(host, "f1"), 71).await.unwrap();
    let seen = finding::unsettled(&mut tx, 10).await.unwrap().rows;
    finding::settle(&mut tx, &seen[0], Some(id)).await.unwrap();
    assert_eq!(alert::due(&mut tx, 74, 10).await.unwrap(), [0i64; 0]);
    assert_eq!(alert::due(&mut tx, 75, 10).await.unwrap(), [id]);
    assert_eq!(alert::of_retired_hosts(&mut tx, 10).await.unwrap(), [0i64; 0]);
    let latest = alert::latest_of(&mut tx, host, Category::Files).await.unwrap();
    let mut mailed = alert::locked(&mut tx, latest.unwrap()).await.unwrap().unwrap();
    mailed.mail = Some(PlannedMail {
        kind: MailKind::Reminder,
        due_ms: 500,
    });
    mailed.mailed_ms = Some(76);
    mailed.mailed_severity = Some(Severity::High);
    alert::save(&mut tx, &mailed).await.unwrap();

    assert!(alert::acknowledge(&mut tx, id, "lan", 80).await.unwrap());
    assert!(!alert::acknowledge(&mut tx, id, "mai", 81).await.unwrap());
    assert!(alert::comment(&mut tx, id, "lan", "đang xem", 82).await.unwrap());
    assert_eq!(alert::locked(&mut tx, id).await.unwrap().unwrap().mail, None);
    assert!(
        alert::resolve(&mut tx, id, "lan", Verdict::Benign, "cập nhật", 90)
            .await
            .unwrap()
    );
    assert!(
        !alert::resolve(&mut tx, id, "mai", Verdict::True, "", 91)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();

    let ended = alert_list::by_id(&registry, &Scope::ALL, id)
        .await
        .unwrap()
        .unwrap()
        .alert;
    assert_eq!(
        (ended.state, ended.verdict, ended.open_findings),
        (AlertState::Resolved, Some(Verdict::Benign), 0)
    );
    assert_eq!(
        ended.mail,
        Some(PlannedMail {
            kind: MailKind::Resolved,
            due_ms: 90
        })
    );
    assert_eq!(alert::next_due_ms(&registry, 0).await.unwrap(), Some(90));
    assert_eq!(
        finding::of_alert(&registry, id, 1).await.unwrap()[0].closed_ms,
        Some(90)
    );
    let history = alert::history(&registry, id).await.unwrap();
    let actions: Vec<Action> = history.iter().map(|line| line.action).collect();
    assert_eq!(actions, [Action::Acknowledged, Action::Comment, Action::Resolved]);
}

async fn alerts_are_scoped_and_paged(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã Đông", "").await;
    let other = a_unit(&registry, None, "Xã Tây", "").await;
    let host = a_host(&registry, unit, "Kế toán-1").await;
    let stranger = a_host(&registry, other, "Kế toán-2").await;
    let mut tx = registry.begin().await.unwrap();
    let mut ids = Vec::new();
    for (host, severity) in [
        (host, Severity::Low),
        (host, Severity::Critical),
        (stranger, Severity::High),
        (host, Severity::Low),
    ] {
        ids.push(alert::insert(&mut tx, &an_alert(host, severity)).await.unwrap());
    }
    tx.commit().await.unwrap();

    let scope = Scope {
        units: Some(vec![unit]),
    };
    let filter = AlertFilter {
        search: Some("ke toan".to_owned()),
        states: vec![AlertState::Open],
        ..AlertFilter::default()
    };
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = Page { after, limit: 2 };
        let listed = alert_list::list(&registry, &scope, &filter, &page).await.unwrap();
        found.extend(listed.items.into_iter().map(|listed| listed.alert.id));
        after = listed.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, [ids[1], ids[3], ids[0]]);
    assert_eq!(
        alert_list::count(&registry, &Scope::ALL, &filter).await.unwrap(),
        4
    );
    assert_eq!(alert_list::by_id(&registry, &scope, ids[2]).await.unwrap(), None);
    let open = alert_list::open(&registry, &scope).await.unwrap();
    assert_eq!((open.critical, open.high, open.low), (1, 0, 2));
    let high = AlertFilter {
        severities: vec![Severity::High],
        category: Some(Category::Files),
        host: Some(stranger),
        ..AlertFilter::default()
    };
    assert_eq!(alert_list::count(&registry, &Scope::ALL, &high).await.unwrap(), 1);
    let listed = host_list::by_id(&registry, &Scope::ALL, host)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (listed.alerts_open, listed.worst_severity),
        (3, Some(Severity::Critical))
    );
}

async fn deliveries_form_threads_and_keep_attempts(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "PC-01").await;
    let content = Content {
        language: "vi".to_owned(),
        category: Category::Files,
        severity: Severity::High,
        title_code: "file.critical_changed".to_owned(),
        title_params: json!({}),
        host: HostCard::default(),
        pcs: Vec::new(),
        opened_ms: 1,
        resolved_ms: None,
        resolved_by: None,
        verdict: None,
        findings: Vec::new(),
        findings_total: 1,
        findings_open: 1,
        phone: String::new(),
        duty: None,
    };
    let mut tx = registry.begin().await.unwrap();
    let alert_id = alert::insert(&mut tx, &an_alert(host, Severity::High))
        .await
        .unwrap();
    let mut ids = Vec::new();
    for (message, recipient) in [("<1@x>", "a@x"), ("<2@x>", "b@x"), ("<3@x>", "a@x")] {
        let new = NewDelivery {
            alert_id,
            recipient: recipient.to_owned(),
            kind: MailKind::Opened,
            message_id: message.to_owned(),
            content: content.clone(),
        };
        ids.push(delivery::insert(&mut tx, &new, 100).await.unwrap());
    }
    let attempt = |outcome| Attempt {
        at_ms: 110,
        outcome,
        detail: "450 later".to_owned(),
        duration_ms: 12,
    };
    let mut waiting = delivery::due(&registry, 100, 10).await.unwrap().rows;
    assert_eq!(waiting.len(), 0, "nothing is seen before its commit");
    tx.commit().await.unwrap();
    waiting.extend(delivery::due(&registry, 100, 10).await.unwrap().rows);

    let mut tx = registry.begin().await.unwrap();
    let mut begun = Vec::new();
    for row in &waiting[..2] {
        let attempt = delivery::begin_attempt(&mut tx, row, 110, DeliveryState::Due, 160).await;
        begun.push(attempt.unwrap().unwrap());
    }
    let again = delivery::begin_attempt(&mut tx, &waiting[0], 110, DeliveryState::Due, 160).await;
    assert_eq!(again.unwrap(), None, "an attempt is begun once");
    tx.commit().await.unwrap();
    let unknown = &delivery::attempts(&registry, ids[0]).await.unwrap()[0];
    assert_eq!((unknown.outcome, unknown.at_ms), (Outcome::Unknown, 110));

    let mut tx = registry.begin().await.unwrap();
    delivery::end_attempt(
        &mut tx,
        begun[0],
        &attempt(Outcome::Deferred),
        DeliveryState::Due,
        160,
    )
    .await
    .unwrap();
    delivery::end_attempt(
        &mut tx,
        begun[1],
        &attempt(Outcome::Accepted),
        DeliveryState::Sent,
        100,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();

    let rows = delivery::of_alert(&registry, alert_id).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| row.thread.as_str()).collect::<Vec<_>>(),
        ["<1@x>", "<2@x>", "<1@x>"]
    );
    assert_eq!(
        (rows[1].state, rows[1].sent_ms, rows[1].attempts),
        (DeliveryState::Sent, Some(110), 1)
    );
    let due = delivery::due(&registry, 159, 10).await.unwrap().rows;
    assert_eq!(due.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[2]]);
    assert_eq!(due[0].content, content);
    assert_eq!(delivery::next_due_ms(&registry, 99).await.unwrap(), Some(100));
    assert_eq!(delivery::next_due_ms(&registry, 100).await.unwrap(), Some(160));
    assert_eq!(
        delivery::attempts(&registry, ids[0]).await.unwrap(),
        [attempt(Outcome::Deferred)]
    );
}

async fn acts_are_recorded(registry: Registry) {
    let mut tx = registry.begin().await.unwrap();
    for at_ms in 1..=3 {
        audit::record(&mut tx, at_ms, "lan", "host.viewed", "host/1", &json!({}))
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let first = audit::list(
        &registry,
        &Page {
            after: None,
            limit: 2,
        },
    )
    .await
    .unwrap();
    let second = audit::list(
        &registry,
        &Page {
            after: first.next,
            limit: 2,
        },
    )
    .await
    .unwrap();
    assert_eq!(
        first.items.iter().map(|act| act.at_ms).collect::<Vec<_>>(),
        [3, 2]
    );
    assert_eq!((second.items.len(), second.next), (1, None));
}

async fn hostile_text_is_kept_and_stops_nothing(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "'; DROP TABLE hosts; --\0%_!").await;
    let mut tx = registry.begin().await.unwrap();
    let finding = Finding {
        key: "/srv/\0\u{202e}\n".to_owned(),
        evidence: json!({"path": "\0\u{202e}"}),
        ..a_finding(host, "f1")
    };
    finding::open(&mut tx, &finding, 1).await.unwrap();
    finding::open(&mut tx, &a_finding(HostId(999), "of nobody"), 1)
        .await
        .unwrap();
    let state = HostState {
        noun: Noun::Blind,
        key: "k".to_owned(),
        at_ms: 1,
        detail: json!({}),
    };
    host_state::keep(&mut tx, HostId(999), &state).await.unwrap();
    let kept = finding::unsettled(&mut tx, 10).await.unwrap().rows;
    assert_eq!(kept.len(), 1, "unknown hosts stop nothing");
    assert_eq!(kept[0].finding.key, "/srv/\u{fffd}\u{202e}\n");
    assert_eq!(kept[0].finding.evidence, finding.evidence);
    tx.commit().await.unwrap();
    connect(&registry, host, 1).await;
    let filter = HostFilter {
        search: Some("%_!".to_owned()),
        ..HostFilter::default()
    };
    assert_eq!(
        host_list::count(&registry, &Scope::ALL, &filter).await.unwrap(),
        1
    );
    let filter = HostFilter {
        search: Some("x%".to_owned()),
        ..HostFilter::default()
    };
    assert_eq!(
        host_list::count(&registry, &Scope::ALL, &filter).await.unwrap(),
        0
    );
}

#[tokio::test]
async fn a_transaction_that_the_database_has_ended_itself_does_not_end_all_writing() {
    let sqlite = sqlite().await;
    let mut tx = sqlite.registry.begin().await.unwrap();
    // As SQLite does by itself when the disk is full.
    sqlx::query("ROLLBACK").execute(&mut *tx).await.unwrap();
    drop(tx);
    let mut tx = sqlite.registry.begin().await.unwrap();
    next_id(&mut tx, "units").await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_hash_is_listed_once_and_bad_stays_bad(registry: Registry) {
    use super::file_hash::{self, HashFilter, HashVerdict, Listing};
    let listing = |verdict, source: &str| Listing {
        verdict,
        source: source.to_owned(),
        note: "50% \0".to_owned(),
        author: "lan".to_owned(),
    };
    let hashes = |numbers: std::ops::Range<u16>| {
        numbers
            .map(|number| {
                let mut hash = [0; 32];
                hash[..2].copy_from_slice(&number.to_be_bytes());
                hash
            })
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(file_hash::revision(&registry).await.unwrap(), 0);
    let mut tx = registry.begin().await.unwrap();
    let first = file_hash::bring(&mut tx, &hashes(0..1_200), &listing(HashVerdict::Bad, "A"), 1)
        .await
        .unwrap();
    let second = file_hash::bring(
        &mut tx,
        &hashes(1_100..1_300),
        &listing(HashVerdict::Good, "B"),
        2,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!((first.added, first.replaced, first.kept_bad), (1_200, 0, 0));
    assert_eq!((second.added, second.replaced, second.kept_bad), (100, 0, 100));
    assert_eq!(file_hash::revision(&registry).await.unwrap(), 2);

    let known = file_hash::of(&registry, &hashes(1_199..1_202)).await.unwrap();
    let verdicts: Vec<_> = hashes(1_199..1_202)
        .iter()
        .map(|hash| known[hash].verdict)
        .collect();
    assert_eq!(verdicts, [HashVerdict::Bad, HashVerdict::Good, HashVerdict::Good]);

    let filter = HashFilter {
        verdict: Some(HashVerdict::Good),
        search: Some("b".to_owned()),
    };
    assert_eq!(file_hash::count(&registry, &filter).await.unwrap(), 100);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = file_hash::list(&registry, &filter, &Page { after, limit: 30 })
            .await
            .unwrap();
        seen.extend(page.items.into_iter().map(|it| it.sha256));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, hashes(1_200..1_300).into_iter().collect::<Vec<_>>());

    let mut tx = registry.begin().await.unwrap();
    assert_eq!(file_hash::remove(&mut tx, &hashes(0..10)).await.unwrap(), 10);
    assert_eq!(file_hash::remove_source(&mut tx, "A").await.unwrap(), 1_190);
    tx.commit().await.unwrap();
    assert_eq!(
        file_hash::count(&registry, &HashFilter::default()).await.unwrap(),
        100
    );
}

async fn the_latest_word_about_a_state_counts_where_it_holds(registry: Registry) {
    use super::file_review::{self, NewReview, Place, ReviewVerdict};
    let top = a_unit(&registry, None, "Tỉnh", "").await;
    let unit = a_unit(&registry, Some(top), "Xã", "").await;
    let host = a_host(&registry, unit, "PC-1").await;
    let other = a_host(&registry, top, "PC-2").await;
    let say = |place, verdict| NewReview {
        place,
        state_key: "ab".repeat(16),
        path: b"/srv/\xff".to_vec(),
        action: "modified".to_owned(),
        sha256: String::new(),
        verdict,
        reason: "đã kiểm tra".to_owned(),
        author: "lan".to_owned(),
    };
    let words = [
        say(Place::Host(host), ReviewVerdict::Flagged),
        say(Place::Unit(unit), ReviewVerdict::Accepted),
        say(Place::Host(other), ReviewVerdict::Flagged),
    ];
    for (at_ms, word) in (1..).zip(&words) {
        let mut tx = registry.begin().await.unwrap();
        file_review::say(&mut tx, word, at_ms).await.unwrap();
        tx.commit().await.unwrap();
    }
    let key = "ab".repeat(16);
    let said = file_review::of_states(&registry, &[key.clone()].into())
        .await
        .unwrap();
    let of = |host, units: &[i64]| file_review::concerning(&said, host, units)[&key].said.verdict;
    assert_eq!(of(host, &[top, unit]), ReviewVerdict::Accepted);
    assert_eq!(of(other, &[top]), ReviewVerdict::Flagged);

    let mut tx = registry.begin().await.unwrap();
    let id = file_review::say(&mut tx, &words[0], 9).await.unwrap();
    tx.commit().await.unwrap();
    let page = Page {
        after: None,
        limit: 10,
    };
    let listed = file_review::list(&registry, host, &[top, unit], &page)
        .await
        .unwrap()
        .items;
    let ids: Vec<_> = listed
        .iter()
        .map(|review| (review.id == id, review.said.verdict))
        .collect();
    assert_eq!(
        ids,
        [(true, ReviewVerdict::Flagged), (false, ReviewVerdict::Accepted)]
    );
    assert_eq!(listed[0].said.path, b"/srv/\xff");

    let mut tx = registry.begin().await.unwrap();
    assert!(file_review::take_back(&mut tx, id).await.unwrap());
    tx.commit().await.unwrap();
    assert!(file_review::by_id(&registry, id).await.unwrap().is_none());
}
