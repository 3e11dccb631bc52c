//! What the registry promises about coverage, each told once and held by both databases.

use sha2::{Digest as _, Sha256};

use super::*;
use crate::fleet::register::{self, Options};
use crate::registry::asset::Asset;
use crate::registry::day::Day;
use crate::registry::exception::{ExceptionFilter, ExceptionKind, NewException, Subject};
use crate::registry::pc::{JoinedBy, Moment, PcFilter, PcList, PcNumbers};

mod register_again;
mod sights;

const SUITE: &[(&str, Story)] = &[
    ("pcs", |r| {
        Box::pin(each_pc_is_known_once_and_every_number_has_its_list(r))
    }),
    ("import", |r| {
        Box::pin(a_register_is_brought_in_joined_and_brought_in_again(r))
    }),
    ("following", |r| {
        Box::pin(register_again::a_host_follows_its_line_until_somebody_notes_something_else(r))
    }),
    ("revival", |r| {
        Box::pin(register_again::a_line_comes_back_with_its_exceptions(r))
    }),
    ("exceptions", |r| Box::pin(an_exception_holds_until_its_end(r))),
    ("machines", |r| {
        Box::pin(sights::machines_nobody_knows_are_unmanaged(r))
    }),
    ("days", |r| {
        Box::pin(sights::days_are_noted_and_a_period_is_summed_up(r))
    }),
    ("detections", |r| {
        Box::pin(sights::detections_are_listed_and_summed_up(r))
    }),
    ("protection", |r| {
        Box::pin(sights::hosts_are_counted_by_product_and_age(r))
    }),
    ("orders", |r| {
        Box::pin(sights::a_unit_is_told_with_those_below_it(r))
    }),
];

const DAY_MS: i64 = 24 * 3_600_000;

#[tokio::test]
async fn coverage_holds_on_sqlite() {
    for (_, story) in SUITE {
        let sqlite = sqlite().await;
        story(sqlite.registry.clone()).await;
        sqlite.registry.close().await;
    }
}

#[tokio::test]
async fn coverage_holds_on_postgres() {
    let server = Postgres::start();
    for (name, story) in SUITE {
        let registry = server.registry(&format!("coverage_{name}")).await;
        story(registry.clone()).await;
        registry.close().await;
    }
}

/// Noon of a day in Vietnam.
fn noon(day: &str) -> i64 {
    Day::parse(day).unwrap().begin_ms() + DAY_MS / 2
}

async fn run(registry: &Registry, sql: &str) {
    let mut tx = registry.begin().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// A host as it was heard last, with its antivirus.
async fn heard(registry: &Registry, host: HostId, seen_ms: i64, protection: &str, definitions_ms: i64) {
    let sql = format!(
        "UPDATE hosts SET last_seen_ms = {seen_ms}, protection = '{protection}', definitions_ms = {definitions_ms} \
         WHERE id = {host}"
    );
    run(registry, &sql).await;
}

async fn an_asset(registry: &Registry, unit_id: i64, number: &str, name: &str, host: Option<HostId>) -> i64 {
    let asset = Asset {
        unit_id,
        asset_number: number.to_owned(),
        number_key: number.to_lowercase(),
        name: name.to_owned(),
        ..Asset::default()
    };
    let mut tx = registry.begin().await.unwrap();
    asset::write(&mut tx, &[asset], 1).await.unwrap();
    tx.commit().await.unwrap();
    let id = asset::all(registry).await.unwrap().last().unwrap().id;
    if let Some(host) = host {
        run(
            registry,
            &format!("UPDATE assets SET host_id = {host}, joined_by = 'name' WHERE id = {id}"),
        )
        .await;
    }
    id
}

fn page(after: Option<String>, limit: u32) -> Page {
    Page { after, limit }
}

async fn names(registry: &Registry, of: PcList, moment: Moment) -> Vec<String> {
    let filter = PcFilter {
        of,
        ..PcFilter::default()
    };
    let counted = pc::count(registry, &Scope::ALL, &filter, moment).await.unwrap();
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let found = pc::list(registry, &Scope::ALL, &filter, moment, &page(after, 2))
            .await
            .unwrap();
        names.extend(found.items.into_iter().map(|pc| pc.name));
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(counted, i64::try_from(names.len()).unwrap(), "{of:?}");
    names
}

async fn each_pc_is_known_once_and_every_number_has_its_list(registry: Registry) {
    let top = a_unit(&registry, None, "Tỉnh", "").await;
    let unit = a_unit(&registry, Some(top), "Xã", "").await;
    let now_ms = noon("2026-11-30");
    let old = now_ms - 16 * DAY_MS;
    let mut hosts = Vec::new();
    for name in [
        "a-protected",
        "b-off",
        "c-away",
        "d-elsewhere",
        "e-pending",
        "f-retired",
    ] {
        hosts.push(a_host(&registry, unit, name).await);
    }
    heard(&registry, hosts[0], now_ms - DAY_MS, "protected", now_ms).await;
    heard(&registry, hosts[1], now_ms - 7 * DAY_MS, "off", old).await;
    heard(&registry, hosts[2], now_ms - 7 * DAY_MS - 1, "protected", old).await;
    heard(&registry, hosts[3], 1, "protected", now_ms).await;
    run(
        &registry,
        &format!("UPDATE hosts SET connected = 1 WHERE id = {}", hosts[3]),
    )
    .await;
    run(
        &registry,
        &format!("UPDATE hosts SET status = 'pending' WHERE id = {}", hosts[4]),
    )
    .await;
    run(
        &registry,
        &format!("UPDATE hosts SET status = 'retired' WHERE id = {}", hosts[5]),
    )
    .await;
    an_asset(&registry, unit, "TS-1", "of a", Some(hosts[0])).await;
    an_asset(&registry, top, "TS-4", "of d", Some(hosts[3])).await;
    an_asset(&registry, top, "TS-5", "of e", Some(hosts[4])).await;
    let paper = an_asset(&registry, unit, "TS-6", "g-paper", Some(hosts[5])).await;
    let mut tx = registry.begin().await.unwrap();
    for subject in [Subject::Host(hosts[0]), Subject::Asset(paper)] {
        exception::insert(&mut tx, &an_exception(subject, now_ms + DAY_MS), now_ms - 1)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();

    let moment = Moment::of(now_ms, 7);
    let numbers = pc::numbers(&registry, &Scope::ALL, moment).await.unwrap();
    let expected = PcNumbers {
        registered: 5,
        seen: 3,
        protected: 2,
        excepted: 2,
        protected_not_excepted: 1,
        outdated: 1,
        not_enrolled: 1,
        not_in_register: 2,
        mismatch: 1,
    };
    assert_eq!(numbers[&unit], expected);
    assert_eq!((numbers[&top].registered, numbers[&top].not_enrolled), (1, 1));
    assert_eq!(
        host_list::pending(&registry, &Scope::ALL).await.unwrap()[&unit],
        1
    );
    let below = Scope {
        units: Some(vec![top]),
    };
    assert_eq!(pc::numbers(&registry, &below, moment).await.unwrap().len(), 1);
    for (of, expected) in [
        (
            PcList::Registered,
            "a-protected b-off c-away d-elsewhere g-paper of e",
        ),
        (PcList::Seen, "a-protected b-off d-elsewhere"),
        (PcList::Protected, "a-protected d-elsewhere"),
        (PcList::NotSeen, "c-away g-paper of e"),
        (PcList::Unprotected, "b-off"),
        (PcList::NotEnrolled, "g-paper of e"),
        (PcList::NotInRegister, "b-off c-away"),
        (PcList::Excepted, "a-protected g-paper"),
        (PcList::Outdated, "b-off"),
        (PcList::Mismatch, "d-elsewhere"),
    ] {
        assert_eq!(names(&registry, of, moment).await.join(" "), expected, "{of:?}");
    }
    what_is_searched_is_shown_whole(&registry, top, moment).await;
}

async fn what_is_searched_is_shown_whole(registry: &Registry, top: i64, moment: Moment) {
    let search = PcFilter {
        search: Some("ts-4".to_owned()),
        ..PcFilter::default()
    };
    let found = pc::first(registry, &Scope::ALL, &search, moment, 10)
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (
            found[0].asset_number.as_str(),
            found[0].line.clone().map(|line| line.unit),
            found[0].joined_by
        ),
        ("TS-4", Some((top, "Tỉnh".to_owned())), Some(JoinedBy::Name))
    );
    assert_eq!(found[0].exception, None);
    let of_a = PcFilter {
        search: Some("of a".to_owned()),
        ..PcFilter::default()
    };
    let found = pc::first(registry, &Scope::ALL, &of_a, moment, 10).await.unwrap();
    assert_eq!(
        found[0].exception.map(|it| it.1),
        Some(ExceptionKind::OfflineRule)
    );
}

async fn a_register_is_brought_in_joined_and_brought_in_again(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã Đông Hồ", "").await;
    let host = a_host(&registry, unit, "MAY-01").await;
    let other = a_host(&registry, unit, "PC-02").await;
    run(
        &registry,
        &format!("INSERT INTO host_adapters (mac, host_id) VALUES ('aa:bb:cc:00:11:22', {host})"),
    )
    .await;
    let file = "Mã tài sản,Tên máy,Đơn vị,Nơi đặt,MAC\nTS-1,VP-01,xa dong ho,Phòng 1,AA-BB-CC-00-11-22\n\
                TS-2,pc 02,Xã Đông Hồ,,\nTS-3,PC-03,Xã Đông Hồ,,\nTS-4,PC-04,Xã nào,,\n";
    let import = async |file: &str, dry_run, remove_missing| {
        let options = Options {
            dry_run,
            remove_missing,
            ..Options::default()
        };
        let report = register::import(&registry, file.into(), options, "admin", 5)
            .await
            .unwrap();
        let plan = &report.plan;
        let counts = [plan.added.len(), plan.changed.len(), plan.removed.len()];
        (counts, plan.unchanged, report.joined, report.bad_lines)
    };
    assert_eq!(import(file, true, false).await, ([3, 0, 0], 0, 2, 1));
    assert_eq!(
        asset::all(&registry).await.unwrap(),
        [],
        "a dry run writes nothing"
    );
    assert_eq!(import(file, false, false).await, ([3, 0, 0], 0, 2, 1));
    assert_eq!(import(file, false, true).await, ([0, 0, 0], 3, 0, 1));
    let joined: Vec<_> = asset::all(&registry)
        .await
        .unwrap()
        .into_iter()
        .map(|it| it.host_id)
        .collect();
    assert_eq!(joined, [Some(host), Some(other), None]);
    let taken_over = host::by_id(&registry, host).await.unwrap().unwrap();
    assert_eq!(
        (taken_over.asset_number.as_str(), taken_over.place.as_str()),
        ("TS-1", "Phòng 1")
    );

    let shorter = "Mã tài sản,Tên máy,Đơn vị,Nơi đặt\nTS-1,VP-01,xa dong ho,Phòng 2\n";
    assert_eq!(import(shorter, false, true).await, ([0, 1, 2], 0, 0, 0));
    assert_eq!(import(shorter, false, true).await, ([0, 0, 0], 1, 0, 0));
    // The host of a line is retired; its PC comes back as another host, and is found again.
    run(
        &registry,
        &format!("UPDATE hosts SET status = 'retired' WHERE id = {host}"),
    )
    .await;
    let again = a_host(&registry, unit, "vp_01").await;
    assert_eq!(register::join_all(&registry, 6).await.unwrap(), 1);
    assert_eq!(asset::all(&registry).await.unwrap()[0].host_id, Some(again));
    let acts = audit::list(&registry, &page(None, 50)).await.unwrap();
    let imports = acts
        .items
        .iter()
        .filter(|act| act.object == "register")
        .map(|act| (act.action.as_str(), &act.detail["sha256"], &act.detail["added"]));
    let imports: Vec<_> = imports.collect();
    assert_eq!(imports.len(), 8, "{imports:?}");
    let first = hex::encode(Sha256::digest(file));
    assert_eq!(
        imports[6..],
        [
            ("register.imported", &json!(first), &json!(3)),
            ("register.import_begun", &json!(first), &json!(3))
        ]
    );
}

fn an_exception(subject: Subject, ends_ms: i64) -> NewException {
    NewException {
        subject,
        kind: ExceptionKind::OfflineRule,
        reason: "máy soạn thảo mật".to_owned(),
        created_by: "admin".to_owned(),
        ends_ms,
    }
}

async fn an_exception_holds_until_its_end(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "PC-01").await;
    let asset = an_asset(&registry, unit, "TS-1", "PC-01", Some(host)).await;
    let mut tx = registry.begin().await.unwrap();
    let first = exception::insert(&mut tx, &an_exception(Subject::Asset(asset), 100), 10)
        .await
        .unwrap();
    let second = exception::insert(&mut tx, &an_exception(Subject::Host(host), 200), 20)
        .await
        .unwrap();
    for subject in [Subject::Asset(asset), Subject::Host(host)] {
        assert!(
            exception::holds(&mut tx, subject, 50).await.unwrap(),
            "{subject:?}"
        );
        assert!(
            !exception::holds(&mut tx, subject, 200).await.unwrap(),
            "{subject:?}"
        );
    }
    tx.commit().await.unwrap();
    one_pc_is_excepted_once(&registry, unit, second).await;
    let mut tx = registry.begin().await.unwrap();
    assert!(exception::end(&mut tx, second, "admin", 30).await.unwrap());
    assert!(
        !exception::end(&mut tx, second, "admin", 31).await.unwrap(),
        "once"
    );
    tx.commit().await.unwrap();
    let ids = async |current, now_ms| {
        let filter = ExceptionFilter {
            current,
            ..ExceptionFilter::default()
        };
        let found = exception::list(&registry, &Scope::ALL, &filter, now_ms, &page(None, 10))
            .await
            .unwrap();
        let counted = exception::count(&registry, &Scope::ALL, &filter, now_ms)
            .await
            .unwrap();
        assert_eq!(counted, i64::try_from(found.items.len()).unwrap());
        found
            .items
            .into_iter()
            .map(|it| (it.id, it.current))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(Some(true), 40).await, [(first, true)]);
    assert_eq!(ids(Some(false), 40).await, [(second, false)]);
    assert_eq!(ids(None, 100).await, [(second, false), (first, false)]);
    let elsewhere = Scope {
        units: Some(vec![unit + 1]),
    };
    let all = ExceptionFilter::default();
    assert_eq!(
        exception::count(&registry, &elsewhere, &all, 40).await.unwrap(),
        0
    );
    assert_eq!(exception::unit_of(&registry, first).await.unwrap(), Some(unit));
    assert_eq!(exception::unit_of(&registry, 99).await.unwrap(), None);
}

/// A PC whose line and whose host have an exception each is one PC in the numbers and in the certificate's list.
async fn one_pc_is_excepted_once(registry: &Registry, unit: i64, newest: i64) {
    let numbers = pc::numbers(registry, &Scope::ALL, Moment::of(50, 7))
        .await
        .unwrap();
    assert_eq!((numbers[&unit].registered, numbers[&unit].excepted), (1, 1));
    for (one_per_pc, expected) in [(false, vec![newest, newest - 1]), (true, vec![newest])] {
        let filter = ExceptionFilter {
            current: Some(true),
            one_per_pc,
            ..ExceptionFilter::default()
        };
        let found = exception::list(registry, &Scope::ALL, &filter, 50, &page(None, 10))
            .await
            .unwrap();
        let ids: Vec<_> = found.items.iter().map(|it| it.id).collect();
        assert_eq!(ids, expected);
        let counted = exception::count(registry, &Scope::ALL, &filter, 50)
            .await
            .unwrap();
        assert_eq!(counted, i64::try_from(expected.len()).unwrap());
    }
}
