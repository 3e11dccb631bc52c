//! Is a PC protected, since when not, and whose fault is it?

use vong_proto::event::{AntivirusMode, Expectations, Freshness, Health};

use super::*;
use crate::registry::host::Protection;

/// What a healthy product says, with changes.
fn on(change: impl FnOnce(&mut AntivirusProduct)) -> AntivirusProduct {
    let mut product = product(Switch::On, Some(NOW_MS - HOUR_MS));
    product.real_time = Switch::On;
    change(&mut product);
    product
}

fn built(age_ms: i64) -> AntivirusProduct {
    product(Switch::On, Some(NOW_MS - age_ms))
}

fn asked(products: Vec<AntivirusProduct>, expectations: Expectations) -> Body {
    Body::Antivirus(AntivirusState {
        products,
        expectations,
    })
}

fn verdict_of(judgement: &Judgement) -> Option<(Protection, String)> {
    judgement.hosts.iter().find_map(|change| match &change.news {
        HostNews::Protection(state) => Some((state.protection, state.reason.clone())),
        _ => None,
    })
}

fn said_ms(judgement: &Judgement) -> Option<i64> {
    judgement.hosts.iter().find_map(|change| match &change.news {
        HostNews::Protection(state) => Some(state.at_ms),
        _ => None,
    })
}

fn opened(judgement: &Judgement) -> Vec<(&str, Severity)> {
    let opened = judgement.findings.iter().filter_map(|change| match change {
        FindingChange::Opened(finding) => Some((finding.rule.as_str(), finding.severity)),
        _ => None,
    });
    opened.collect()
}

#[test]
fn protection_is_never_better_than_what_is_known() {
    use Protection::{Missing, Off, Protected, Stale, Unknown};
    let required = Expectations {
        real_time_required: true,
        ..Expectations::default()
    };
    let check = |products: Vec<AntivirusProduct>, expected: Protection, reason: &str| {
        let judgement = Reader::new().event(asked(products.clone(), required));
        let verdict = verdict_of(&judgement).expect("a verdict");
        assert_eq!(verdict, (expected, reason.to_owned()), "{products:#?}");
    };
    check(vec![], Missing, "missing");
    check(vec![on(|_| {})], Protected, "");
    check(
        vec![on(|it| it.definitions.built_ms = Some(NOW_MS - 3 * DAY_MS))],
        Protected,
        "",
    );
    check(
        vec![on(|it| it.definitions.built_ms = Some(NOW_MS - 3 * DAY_MS - 1))],
        Stale,
        "definitions_old",
    );
    check(
        vec![on(|it| it.definitions.freshness = Freshness::Stale)],
        Stale,
        "definitions_stale",
    );
    let without_age = |freshness| {
        on(|it| {
            it.definitions.built_ms = None;
            it.definitions.freshness = freshness;
        })
    };
    let brought = |freshness, days: i64| {
        let mut product = without_age(freshness);
        product.definitions.updated_ms = Some(NOW_MS - days * DAY_MS);
        product
    };
    check(vec![brought(Freshness::Fresh, 2)], Protected, "");
    check(vec![brought(Freshness::Fresh, 4)], Stale, "definitions_old");
    check(
        vec![brought(Freshness::Unknown, 2)],
        Unknown,
        "definitions_unknown",
    );
    check(vec![without_age(Freshness::Fresh)], Protected, "");
    check(
        vec![without_age(Freshness::Unknown)],
        Unknown,
        "definitions_unknown",
    );
    check(
        vec![on(|it| it.definitions.built_ms = Some(NOW_MS + 30 * DAY_MS))],
        Unknown,
        "definitions_unknown",
    );
    check(
        vec![on(|it| it.engine = Switch::Unknown)],
        Unknown,
        "engine_unknown",
    );
    check(vec![on(|it| it.engine = Switch::Off)], Off, "off");
    check(vec![on(|it| it.engine = Switch::Snoozed)], Off, "snoozed");
    check(vec![on(|it| it.engine = Switch::Expired)], Off, "expired");
    let crashed = on(|it| {
        it.engine = Switch::Off;
        it.engine_reason = "crashed".to_owned();
    });
    check(vec![crashed.clone()], Off, "crashed");
    check(vec![on(|it| it.real_time = Switch::Off)], Off, "real_time_off");
    check(
        vec![on(|it| it.real_time = Switch::Unknown)],
        Unknown,
        "real_time_unknown",
    );
    let passive = on(|it| it.mode = AntivirusMode::Passive);
    check(vec![passive.clone()], Off, "passive");
    let older_and_expired = on(|it| {
        it.engine = Switch::Expired;
        it.definitions.built_ms = Some(NOW_MS - 2 * DAY_MS);
    });
    check(vec![passive, older_and_expired], Off, "expired");
    let installed = on(|it| it.health = Health::InstalledOnly);
    check(vec![installed.clone()], Unknown, "installed_only");
    check(vec![crashed.clone(), on(|_| {})], Protected, "");
    check(vec![crashed, installed], Unknown, "installed_only");
}

#[test]
fn an_engine_that_is_on_again_is_not_called_off_because_its_definitions_are_old() {
    let mut reader = Reader::new();
    reader.event(off());
    reader.tick_after(HOLD_MS);
    assert_eq!(reader.open_rules(), ["antivirus.off"]);
    reader.event(stale());
    assert_eq!(reader.open_rules(), [""; 0]);
    reader.tick_after(2 * HOUR_MS);
    assert_eq!(reader.open_rules(), ["antivirus.stale"]);
    reader.event(off());
    assert_eq!(
        reader.open_rules(),
        ["antivirus.stale"],
        "its definitions are as old as before"
    );
    reader.tick_after(HOLD_MS);
    assert_eq!(reader.open_rules(), ["antivirus.off"]);
}

#[test]
fn what_is_not_asked_for_is_not_missed() {
    let without = on(|it| it.real_time = Switch::Off);
    let judgement = Reader::new().event(antivirus(vec![without]));
    assert_eq!(
        verdict_of(&judgement),
        Some((Protection::Protected, String::new()))
    );
}

#[test]
fn a_pc_without_antivirus_is_a_finding_until_it_has_one() {
    let mut reader = Reader::new();
    reader.event(antivirus(vec![]));
    reader.tick_after(HOLD_MS - 1);
    assert_eq!(reader.open_rules(), [""; 0], "an installation takes its time");
    reader.tick_after(1);
    assert_eq!(reader.open_rules(), ["antivirus.missing"]);
    reader.after(HOUR_MS).event(off());
    reader.tick_after(HOLD_MS);
    assert_eq!(reader.open_rules(), ["antivirus.off"]);
    reader
        .after(HOUR_MS)
        .event(antivirus(vec![product(Switch::Unknown, None)]));
    assert_eq!(reader.open_rules(), ["antivirus.off"], "not knowing ends nothing");
    reader.after(HOUR_MS).event(fresh());
    assert_eq!(reader.open_rules(), [""; 0]);
    assert_eq!(reader.findings.len(), 2);
}

#[test]
fn a_restart_or_an_update_is_no_finding() {
    let mut reader = Reader::new();
    reader.event(fresh());
    reader.event(off());
    reader.tick_after(60_000);
    reader.event(fresh());
    reader.tick_after(HOUR_MS);
    assert!(reader.findings.is_empty());
}

#[test]
fn each_way_of_not_working_has_its_name() {
    let check = |change: fn(&mut AntivirusProduct), after_ms: i64, rule: &str| {
        let required = Expectations {
            real_time_required: true,
            ..Expectations::default()
        };
        let mut reader = Reader::new();
        reader.event(asked(vec![on(change)], required));
        reader.tick_after(after_ms - 1);
        assert_eq!(reader.open_rules(), [""; 0], "{rule}");
        reader.tick_after(1);
        assert_eq!(reader.open_rules(), [rule]);
    };
    let crash = |it: &mut AntivirusProduct| {
        it.engine = Switch::Off;
        it.engine_reason = "crashed".to_owned();
    };
    check(crash, HOLD_MS, "antivirus.crashed");
    check(|it| it.engine = Switch::Expired, HOLD_MS, "antivirus.expired");
    check(|it| it.engine = Switch::Snoozed, HOLD_MS, "antivirus.off");
    check(
        |it| it.real_time = Switch::Off,
        HOLD_MS,
        "antivirus.real_time_off",
    );
    let hang = |it: &mut AntivirusProduct| {
        it.engine = Switch::Unknown;
        it.engine_reason = "not_answering".to_owned();
    };
    check(hang, 15 * MINUTE, "antivirus.off");
    let old = |it: &mut AntivirusProduct| it.definitions.built_ms = Some(NOW_MS - 4 * DAY_MS);
    check(old, 2 * HOUR_MS, "antivirus.stale");
    let unscanned = |it: &mut AntivirusProduct| {
        it.quick_scan_ms = Some(NOW_MS - 40 * DAY_MS);
        it.full_scan_ms = Some(NOW_MS - 31 * DAY_MS);
    };
    check(unscanned, 2 * HOUR_MS, "antivirus.scan_overdue");
}

#[test]
fn the_policy_says_how_long_a_fault_must_last() {
    let at_once = Expectations {
        hold_s: 0,
        ..Expectations::default()
    };
    let mut reader = Reader::new();
    reader.event(asked(vec![on(|it| it.engine = Switch::Off)], at_once));
    assert_eq!(reader.open_rules(), ["antivirus.off"]);
}

#[test]
fn old_definitions_count_when_they_stay_old_while_the_pc_is_there() {
    let mut reader = Reader::new();
    reader.read(connected(HOST));
    let judgement = reader.event(stale());
    assert_eq!(verdict_of(&judgement).expect("a verdict").0, Protection::Stale);
    reader.tick_after(HOUR_MS);
    reader.read(disconnected(HOST, Departure::Closed));
    reader.tick_after(9 * HOUR_MS);
    reader.read(connected(HOST));
    reader.tick_after(2 * HOUR_MS - 1);
    assert!(!reader.open_rules().contains(&"antivirus.stale"));
    let judgement = reader.tick_after(1);
    assert_eq!(opened(&judgement), [("antivirus.stale", Severity::Medium)]);
    reader.event(fresh());
    assert_eq!(reader.open_rules(), [""; 0]);
}

#[test]
fn definitions_updated_in_time_are_no_finding() {
    let mut reader = Reader::new();
    reader.event(stale());
    reader.after(HOUR_MS).event(fresh());
    reader.tick_after(5 * HOUR_MS);
    assert!(reader.findings.is_empty());
}

/// A healthy PC speaks once a day; nobody waits for that.
#[test]
fn definitions_grow_old_and_older_while_a_pc_says_nothing_new() {
    let mut reader = Reader::new();
    reader.read(connected(HOST));
    let at_ms = said_ms(&reader.event(fresh()));
    let judgement = reader.tick_after(3 * DAY_MS);
    assert_eq!(
        verdict_of(&judgement),
        Some((Protection::Stale, "definitions_old".to_owned()))
    );
    assert_eq!(
        said_ms(&judgement),
        at_ms,
        "a newer word that is on its way is not taken for an old one"
    );
    assert_eq!(reader.open_rules(), [""; 0]);
    let judgement = reader.tick_after(2 * HOUR_MS);
    assert_eq!(opened(&judgement), [("antivirus.stale", Severity::Medium)]);
    let judgement = reader.tick_after(4 * DAY_MS);
    assert_eq!(
        opened(&judgement),
        [("antivirus.stale", Severity::High)],
        "after a week"
    );
    assert_eq!(
        reader.open_rules(),
        ["antivirus.stale"],
        "the graver took its place"
    );
    let judgement = reader.tick_after(DAY_MS);
    assert_eq!(judgement.findings, [], "and is told once");
}

#[test]
fn definitions_of_a_pc_that_is_off_do_not_age() {
    let mut reader = Reader::new();
    reader.read(connected(HOST));
    reader.event(fresh());
    reader.event(Body::Presence(Presence::Stopping(StopReason::Shutdown)));
    reader.read(disconnected(HOST, Departure::Closed));
    let judgement = reader.tick_after(30 * DAY_MS);
    assert_eq!((judgement.hosts, reader.findings.len()), (vec![], 0));
}

#[test]
fn an_engine_gets_time_to_come_up_after_boot_but_not_later() {
    let mut reader = Reader::new();
    reader.event(started(true));
    reader.after(10_000).event(off());
    reader.tick_after(280_000);
    assert_eq!(reader.open_rules(), [""; 0]);
    reader.tick_after(10_000);
    assert_eq!(reader.open_rules(), ["antivirus.off"]);
    reader.event(fresh());
    reader.event(off());
    reader.tick_after(HOLD_MS);
    assert_eq!(
        reader.open_rules(),
        ["antivirus.off"],
        "long after boot, only the usual time"
    );
}

#[test]
fn a_late_antivirus_state_overwrites_nothing() {
    let mut reader = Reader::new();
    reader.event(fresh());
    let judgement = reader.read(events(HOST, vec![(NOW_MS - HOUR_MS, off())]));
    assert_eq!(judgement.hosts, []);
    reader.tick_after(HOUR_MS);
    assert!(reader.findings.is_empty());
}

#[test]
fn what_is_passed_over_is_told_when_it_is_added() {
    let passing = |over: &[&str]| {
        let over = over.iter().map(|&text| text.to_owned()).collect();
        antivirus(vec![on(|it| it.exclusions = over)])
    };
    let mut reader = Reader::new();
    reader.event(passing(&["/srv/db"]));
    assert!(
        reader.findings.is_empty(),
        "what is there at first is taken for granted"
    );
    let judgement = reader.event(passing(&["/srv/db", "/tmp", "C:\\Users\\Công khai"]));
    assert_eq!(
        opened(&judgement),
        [("antivirus.exclusions_added", Severity::Medium)]
    );
    let FindingChange::Opened(finding) = &judgement.findings[0] else {
        panic!("opened")
    };
    assert_eq!(finding.evidence["added"], json!(["/tmp", "C:\\Users\\Công khai"]));
    reader.event(passing(&["/srv/db"]));
    let elsewhere = on(|it| {
        it.engine = Switch::Off;
        it.exclusions = vec!["/etc/other".to_owned()];
    });
    assert_eq!(
        reader.event(antivirus(vec![elsewhere])).findings,
        [],
        "an engine that is off passes over everything"
    );
    let flood = reader.event(passing(&["/srv/db", "/tmp"]));
    assert_eq!(flood.findings, [], "not again within minutes");
    let later = reader.after(10 * MINUTE).event(passing(&["/srv/db", "/tmp"]));
    assert_eq!(opened(&later).len(), 1, "but later, if it is still so");
}

/// So many PCs of one product, all there.
fn office(reader: &mut Reader, pcs: i64, body: impl Fn(i64) -> Body) {
    for host in 1..=pcs {
        reader.read(connected(HostId(host)));
        let now_ms = reader.now_ms;
        reader.read(events(HostId(host), vec![(now_ms, body(host))]));
    }
}

#[test]
fn one_product_that_grows_old_everywhere_is_one_finding_about_its_source() {
    let mut reader = Reader::new();
    office(&mut reader, 40, |_| fresh());
    reader.tick_after(3 * DAY_MS);
    reader.tick_after(90 * MINUTE - 1);
    assert_eq!(
        reader.open_rules(),
        [""; 0],
        "after a holiday everybody gets an hour"
    );
    let judgement = reader.tick_after(1);
    assert_eq!(opened(&judgement), [("updates.source_stale", Severity::High)]);
    let FindingChange::Opened(finding) = &judgement.findings[0] else {
        panic!("opened")
    };
    assert_eq!(
        (finding.key.as_str(), &finding.evidence["pcs"]),
        ("ClamAV", &json!(40))
    );
    assert_eq!(finding.evidence["hosts"].as_array().map(Vec::len), Some(40));
    reader.tick_after(DAY_MS);
    assert_eq!(
        reader.open_rules(),
        ["updates.source_stale"],
        "and none about each PC"
    );

    let (built, now_ms) = (reader.now_ms, reader.now_ms);
    let again = || antivirus(vec![product(Switch::On, Some(built))]);
    for host in 1..=36 {
        reader.read(events(HostId(host), vec![(now_ms, again())]));
    }
    reader.tick_after(1);
    let mut rules = reader.open_rules();
    rules.sort_unstable();
    assert_eq!(
        rules, ["antivirus.stale"; 4],
        "those who stayed behind have a fault of their own"
    );
}

/// Units are enrolled one after the other: the alert must not be the first one's alone.
#[test]
fn a_source_of_many_pcs_names_some_from_all_over() {
    let mut reader = Reader::new();
    office(&mut reader, 900, |_| stale());
    reader.tick_after(1);
    let judgement = reader.tick_after(90 * MINUTE);
    let FindingChange::Opened(finding) = &judgement.findings[0] else {
        panic!("opened")
    };
    let named = finding.evidence["hosts"].as_array().expect("hosts");
    assert!(named.len() <= 200, "{}", named.len());
    assert!(named.iter().any(|host| host.as_i64() > Some(890)), "{named:?}");
    assert_eq!(finding.evidence["pcs"], json!(900));
}

#[test]
fn a_few_old_pcs_are_no_source() {
    let mut reader = Reader::new();
    office(&mut reader, 40, |host| if host <= 11 { stale() } else { fresh() });
    reader.tick_after(2 * HOUR_MS);
    assert_eq!(reader.open_rules(), ["antivirus.stale"; 11]);
    let mut reader = Reader::new();
    office(&mut reader, 9, |_| antivirus(vec![built(4 * DAY_MS)]));
    reader.tick_after(2 * HOUR_MS);
    assert_eq!(
        reader.open_rules(),
        ["antivirus.stale"; 9],
        "an office is not a source"
    );
}
