//! What PCs see and report, counted and summed up over days and units.

use vong_proto::event::Outcome;

use super::*;
use crate::registry::detection_list::DetectionFilter;
use crate::registry::machine::{DeviceKind, MachineFilter, MachineList, Mark};
use crate::registry::period::Period;

pub(super) async fn machines_nobody_knows_are_unmanaged(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "PC-01").await;
    let now_ms = noon("2026-11-30");
    let network = json!({
        "adapters": [{ "name": "eth0", "mac": "AA:BB:CC:00:00:01", "addresses": ["192.168.1.5/24"], "up": true }],
        "gateways": ["192.168.1.1"], "resolvers": ["192.168.1.2"],
    });
    let mut tx = registry.begin().await.unwrap();
    host_state::set_network(&mut tx, host, 7, &network).await.unwrap();
    tx.commit().await.unwrap();
    let unread = machine::unread_networks(&registry, 10).await.unwrap();
    assert_eq!(unread, [(host, 7, network)]);
    let mut tx = registry.begin().await.unwrap();
    machine::set_adapters(&mut tx, host, 7, &["aa:bb:cc:00:00:01".to_owned()])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(machine::unread_networks(&registry, 10).await.unwrap(), []);

    let asset = Asset {
        unit_id: unit,
        name: "x".to_owned(),
        mac: "aa:bb:cc:00:00:06".to_owned(),
        ..Asset::default()
    };
    let mut tx = registry.begin().await.unwrap();
    asset::write(&mut tx, &[asset], 1).await.unwrap();
    tx.commit().await.unwrap();
    for (last, address, last_ms) in [
        (1, "192.168.1.5", now_ms),
        (2, "192.168.1.1", now_ms),
        (3, "192.168.1.2", now_ms - 1),
        (4, "192.168.1.10", now_ms - 30 * DAY_MS),
        (5, "192.168.1.11", now_ms - 30 * DAY_MS - 1),
        (6, "192.168.1.12", now_ms),
    ] {
        let sql = format!(
            "INSERT INTO neighbours (mac, host_id, address, adapter, first_ms, last_ms) \
             VALUES ('aa:bb:cc:00:00:0{last}', {host}, '{address}', 'eth0', 1, {last_ms})"
        );
        run(&registry, &sql).await;
    }
    let listed = async |of| {
        let filter = MachineFilter {
            of,
            ..MachineFilter::default()
        };
        let mut macs = Vec::new();
        let mut after = None;
        loop {
            let found = machine::list(&registry, &Scope::ALL, &filter, now_ms, &page(after, 1))
                .await
                .unwrap();
            macs.extend(found.items.into_iter().map(|it| it.mac[16..].to_owned()));
            after = found.next;
            if after.is_none() {
                break;
            }
        }
        let counted = machine::count(&registry, &Scope::ALL, &filter, now_ms)
            .await
            .unwrap();
        assert_eq!(counted, i64::try_from(macs.len()).unwrap());
        macs.join(" ")
    };
    assert_eq!(listed(MachineList::Unmanaged).await, "3 4");
    assert_eq!(listed(MachineList::Gateway).await, "2");
    assert_eq!(
        machine::numbers(&registry, &Scope::ALL, now_ms).await.unwrap()[&unit],
        2
    );
    let mark = Mark {
        kind: DeviceKind::Printer,
        note: "máy in tầng 2".to_owned(),
        marked_by: "admin".to_owned(),
        marked_ms: 9,
    };
    let mut tx = registry.begin().await.unwrap();
    machine::mark(&mut tx, "aa:bb:cc:00:00:03", &mark).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(listed(MachineList::Unmanaged).await, "4");
    assert_eq!(listed(MachineList::Marked).await, "3");
    assert_eq!(listed(MachineList::All).await, "2 3 4");
    let search = MachineFilter {
        of: MachineList::All,
        search: Some("168.1.2".to_owned()),
        ..MachineFilter::default()
    };
    let found = machine::first(&registry, &Scope::ALL, &search, now_ms, 10)
        .await
        .unwrap();
    assert_eq!(
        found.iter().map(|it| it.mark.clone()).collect::<Vec<_>>(),
        [Some(mark)]
    );
    // A host that is retired is no PC of ours any more, and what it saw is nobody's.
    run(&registry, "UPDATE hosts SET status = 'retired'").await;
    assert_eq!(listed(MachineList::All).await, "");
}

pub(super) async fn days_are_noted_and_a_period_is_summed_up(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let (one, two) = (
        a_host(&registry, unit, "PC-01").await,
        a_host(&registry, unit, "PC-02").await,
    );
    an_asset(&registry, unit, "TS-9", "paper", None).await;
    let first = noon("2026-10-30");
    heard(&registry, one, first, "protected", first).await;
    heard(&registry, two, first - DAY_MS, "protected", first - 16 * DAY_MS).await;
    day::note(&registry, first).await.unwrap();
    // The second was heard yesterday after the last look, the first today; then its antivirus goes off.
    heard(&registry, one, first + 2 * DAY_MS, "off", first).await;
    day::note(&registry, first + 2 * DAY_MS).await.unwrap();
    day::note(&registry, first + 2 * DAY_MS).await.unwrap();
    let (from, to) = (
        Day::parse("2026-10-01").unwrap(),
        Day::parse("2026-11-30").unwrap(),
    );
    let history = day::history(&registry, &Scope::ALL, None, from, to)
        .await
        .unwrap();
    let history: Vec<_> = history
        .iter()
        .map(|(day, it)| (day.to_string(), it.registered, it.seen, it.protected, it.outdated))
        .collect();
    assert_eq!(
        history,
        [
            ("2026-10-30".to_owned(), 3, 2, 2, 1),
            ("2026-11-01".to_owned(), 3, 2, 1, 1)
        ]
    );
    assert_eq!(
        day::history(&registry, &Scope::ALL, Some(&[unit + 1]), from, to)
            .await
            .unwrap(),
        []
    );
    for (from, to, expected) in [
        ("2026-10-01", "2026-10-28", (3, 0, 0, 0)),
        ("2026-10-29", "2026-10-29", (3, 1, 1, 1)),
        ("2026-10-01", "2026-10-31", (3, 2, 2, 1)),
        ("2026-10-30", "2026-11-30", (3, 1, 0, 0)),
        ("2025-11-02", "2026-11-02", (3, 2, 1, 1)),
        ("1970-01-02", "1970-01-03", (0, 0, 0, 0)),
    ] {
        let period = Period {
            from: Day::parse(from).unwrap(),
            to: Day::parse(to).unwrap(),
        };
        // Everything was made in the first second of 1970, which is still the first day in Vietnam.
        if from.starts_with("1970") {
            run(&registry, &format!("UPDATE hosts SET created_ms = {first}")).await;
            run(&registry, &format!("UPDATE assets SET created_ms = {first}")).await;
        }
        let numbers = period::numbers(&registry, &Scope::ALL, period).await.unwrap();
        let own = numbers.get(&unit).copied().unwrap_or_default();
        assert_eq!(
            (own.registered, own.seen, own.protected, own.outdated),
            expected,
            "{from} to {to}"
        );
    }
    // What was taken out later stood in the register then.
    run(
        &registry,
        &format!("UPDATE assets SET removed_ms = {}", noon("2026-11-02")),
    )
    .await;
    for (to, expected) in [("2026-11-01", 3), ("2026-11-02", 2)] {
        let period = Period {
            from,
            to: Day::parse(to).unwrap(),
        };
        let numbers = period::numbers(&registry, &Scope::ALL, period).await.unwrap();
        assert_eq!(numbers[&unit].registered, expected, "{to}");
    }
}

async fn a_detection(
    registry: &Registry,
    host: HostId,
    key: &str,
    threat: &str,
    outcome: &str,
    found_ms: i64,
) {
    let sql = format!(
        "INSERT INTO detections (id, host_id, key, product, vendor, threat, category, path, path_hex, process, \
         user_name, sha256, action, outcome, code, source, found_ms, updated_ms, event_key) VALUES \
         ((SELECT COUNT(*) + 1 FROM detections), {host}, '{key}', 'ClamAV', 'Cisco', '{threat}', '', '/srv/{key}', '', \
         '', 'lan', '', 'quarantined', '{outcome}', '', 'clamd', {found_ms}, {found_ms}, '1-0')"
    );
    run(registry, &sql).await;
}

pub(super) async fn detections_are_listed_and_summed_up(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let (one, two) = (
        a_host(&registry, unit, "PC-01").await,
        a_host(&registry, unit, "PC-02").await,
    );
    let at = noon("2026-11-30");
    a_detection(&registry, one, "a", "Eicar", "succeeded", at).await;
    a_detection(&registry, one, "b", "Eicar", "failed", at).await;
    a_detection(&registry, two, "c", "Eicar", "succeeded", at + DAY_MS).await;
    a_detection(&registry, two, "d", "Worm", "pending", at).await;
    let keys = async |filter: DetectionFilter| {
        let mut paths = Vec::new();
        let mut after = None;
        loop {
            let found = detection_list::list(&registry, &Scope::ALL, &filter, &page(after, 1))
                .await
                .unwrap();
            paths.extend(found.items.into_iter().map(|it| it.path.replace("/srv/", "")));
            after = found.next;
            if after.is_none() {
                break;
            }
        }
        let counted = detection_list::count(&registry, &Scope::ALL, &filter)
            .await
            .unwrap();
        assert_eq!(counted, i64::try_from(paths.len()).unwrap());
        paths.join(" ")
    };
    let all = DetectionFilter::default;
    assert_eq!(keys(all()).await, "c d b a");
    assert_eq!(
        keys(DetectionFilter {
            host: Some(one),
            ..all()
        })
        .await,
        "b a"
    );
    assert_eq!(
        keys(DetectionFilter {
            outcome: Some(Outcome::Failed),
            ..all()
        })
        .await,
        "b"
    );
    assert_eq!(
        keys(DetectionFilter {
            threat: Some("Worm".to_owned()),
            ..all()
        })
        .await,
        "d"
    );
    assert_eq!(
        keys(DetectionFilter {
            search: Some("pc-02".to_owned()),
            ..all()
        })
        .await,
        "c d"
    );
    assert_eq!(
        keys(DetectionFilter {
            search: Some("SRV/A".to_owned()),
            ..all()
        })
        .await,
        "a"
    );
    assert_eq!(
        keys(DetectionFilter {
            from_ms: Some(at),
            to_ms: Some(at + 1),
            ..all()
        })
        .await,
        "d b a"
    );
    let threats = detection_list::threats(&registry, &Scope::ALL, &all(), 1)
        .await
        .unwrap();
    assert_eq!(threats.len(), 1);
    let top = &threats[0];
    assert_eq!(
        (top.threat.as_str(), top.files, top.handled, top.hosts),
        ("Eicar", 3, 2, 2)
    );
    let day = Day::parse("2026-11-30").unwrap();
    let numbers = period::numbers(&registry, &Scope::ALL, Period { from: day, to: day })
        .await
        .unwrap();
    let own = numbers[&unit];
    assert_eq!((own.infected, own.files_found, own.files_handled), (2, 3, 1));
    let nobody = Scope {
        units: Some(Vec::new()),
    };
    assert_eq!(
        detection_list::count(&registry, &nobody, &all()).await.unwrap(),
        0
    );
}

pub(super) async fn hosts_are_counted_by_product_and_age(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let now_ms = noon("2026-11-30");
    let ages = [
        -1,
        0,
        DAY_MS - 1,
        DAY_MS,
        3 * DAY_MS,
        4 * DAY_MS,
        8 * DAY_MS - 1,
        8 * DAY_MS,
        15 * DAY_MS,
    ];
    for (at, age) in ages.into_iter().chain([15 * DAY_MS + 1]).enumerate() {
        let host = a_host(&registry, unit, &format!("PC-{at}")).await;
        heard(
            &registry,
            host,
            1,
            if at == 0 { "protected" } else { "stale" },
            now_ms - age,
        )
        .await;
    }
    a_host(&registry, unit, "PC-x").await;
    run(
        &registry,
        "UPDATE hosts SET product = 'ClamAV', product_version = '1.4' WHERE definitions_ms IS NOT NULL",
    )
    .await;
    let found = protection::ages(&registry, &Scope::ALL, None, now_ms)
        .await
        .unwrap();
    assert_eq!(found, [3, 1, 0, 1, 2, 2, 1, 1]);
    let products = protection::products(&registry, &Scope::ALL, Some(&[unit]), 10)
        .await
        .unwrap();
    let products: Vec<_> = products
        .iter()
        .map(|it| (it.product.as_str(), it.hosts, it.protected))
        .collect();
    assert_eq!(products, [("ClamAV", 10, 1), ("", 1, 0)]);
    let units = protection::by_unit(&registry, &Scope::ALL).await.unwrap();
    assert_eq!(units[&unit].0, [1, 9, 0, 0, 1]);
    let old = HostFilter {
        definitions_before_ms: Some(now_ms - 15 * DAY_MS),
        ..HostFilter::default()
    };
    assert_eq!(host_list::count(&registry, &Scope::ALL, &old).await.unwrap(), 1);
    let product = HostFilter {
        product: Some("ClamAV".to_owned()),
        ..HostFilter::default()
    };
    assert_eq!(
        host_list::count(&registry, &Scope::ALL, &product).await.unwrap(),
        10
    );
}

pub(super) async fn a_unit_is_told_with_those_below_it(registry: Registry) {
    let top = a_unit(&registry, None, "Tỉnh", "").await;
    let below = a_unit(&registry, Some(top), "Xã", "").await;
    let hosts = [
        a_host(&registry, top, "PC-01").await,
        a_host(&registry, below, "PC-02").await,
    ];
    let retired = a_host(&registry, below, "PC-03").await;
    run(
        &registry,
        &format!("UPDATE hosts SET status = 'retired' WHERE id = {retired}"),
    )
    .await;
    let order = command::Order::QuickScan { limit_s: 60 };
    let mut tx = registry.begin().await.unwrap();
    let refused = command::insert_for_units(&mut tx, &[top, below], &order, "admin", 5, 1)
        .await
        .unwrap();
    let told = command::insert_for_units(&mut tx, &[top, below], &order, "admin", 5, 2)
        .await
        .unwrap();
    let nobody = command::insert_for_units(&mut tx, &[99], &order, "admin", 5, 2)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!((refused, told, nobody), (2, 2, 0));
    for (host, expected) in hosts.into_iter().chain([retired]).zip([1, 1, 0]) {
        let commands = command::of_host(&registry, host, 10).await.unwrap();
        assert_eq!(commands.len(), expected);
        for command in commands {
            assert_eq!(
                (command.kind.as_str(), command.parameters),
                ("quick_scan", json!({ "limit_s": 60 }))
            );
        }
    }
    let mut tx = registry.begin().await.unwrap();
    let next = command::insert(&mut tx, &order.to(hosts[0], "admin", 6), 6)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(next, 3, "numbers go on behind those of the unit");
}
