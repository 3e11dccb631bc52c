//! What rules promise: the same journal gives the same findings, twice is once, and each rule's own story.

use std::collections::BTreeMap;

use proptest::prelude::*;
use vong_proto::event::{
    AgentId, AntivirusProduct, AntivirusState, BootId, Definitions, Digest, Event, FileAction, FileEvent,
    FileMeta, Header, Lane, Origin, Outcome, Presence, ProbeKind, ProbeSample, ProbeState, Process,
    Reachability, Sensor, Start, StopReason, StreamId, Switch, TripwireLevel, Unsupported, Who,
};

use serde_json::json;
use vong_proto::session::Gap;

use super::*;
use crate::entry::{Connected, Departure};

mod antivirus;
mod files;
mod malware;

const MINUTE: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// How long a fault of antivirus must last by default.
const HOLD_MS: i64 = 2 * MINUTE;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The tests' present: far enough from 1970 for days to be subtracted.
const NOW_MS: i64 = 1_000 * DAY_MS;

/// A journal that grows, with rules that read it.
#[derive(Default)]
struct Reader {
    rules: Rules,
    /// What people have said.
    lists: Lists,
    pos: u64,
    now_ms: i64,
    /// What a registry would hold: the first opening and the first end of each finding.
    findings: BTreeMap<String, (Finding, Option<i64>)>,
}

impl Reader {
    fn new() -> Self {
        Self {
            now_ms: NOW_MS,
            ..Self::default()
        }
    }

    fn read(&mut self, fact: Fact) -> Judgement {
        self.pos += 1;
        let entry = Entry {
            pos: self.pos,
            received_ms: self.now_ms,
            fact,
        };
        self.judge(&entry)
    }

    fn judge(&mut self, entry: &Entry) -> Judgement {
        let judgement = self.rules.judge(entry, &self.lists);
        keep(&mut self.findings, &judgement);
        judgement
    }

    fn after(&mut self, ms: i64) -> &mut Self {
        self.now_ms += ms;
        self
    }

    fn tick_after(&mut self, ms: i64) -> Judgement {
        self.after(ms).read(Fact::Tick)
    }

    fn event(&mut self, body: Body) -> Judgement {
        let now_ms = self.now_ms;
        self.read(events(HOST, vec![(now_ms, body)]))
    }

    fn gap(&mut self, lane: Lane) -> Judgement {
        let Fact::Events(mut events) = events(HOST, Vec::new()) else {
            unreachable!("events are events")
        };
        let (reason, counts) = ("spool_full".to_owned(), BTreeMap::from([("file".to_owned(), 3)]));
        events.gaps.push(Gap {
            lane,
            first: 1,
            last: 3,
            reason,
            counts,
        });
        self.read(Fact::Events(events))
    }

    fn open_rules(&self) -> Vec<&str> {
        let open = self.findings.values().filter(|(_, closed)| closed.is_none());
        open.map(|(finding, _)| finding.rule.as_str()).collect()
    }
}

/// Applies a judgement as the registry does.
fn keep(findings: &mut BTreeMap<String, (Finding, Option<i64>)>, judgement: &Judgement) {
    for change in &judgement.findings {
        match change {
            FindingChange::Opened(finding) => {
                findings
                    .entry(finding.id.clone())
                    .or_insert_with(|| (finding.clone(), None));
            }
            FindingChange::Closed { id, closed_ms } | FindingChange::Unwatched { id, closed_ms } => {
                let (_, closed) = findings.get_mut(id).expect("only what was opened is closed");
                closed.get_or_insert(*closed_ms);
            }
            FindingChange::Evidence { id, evidence, .. } => {
                let (finding, _) = findings
                    .get_mut(id)
                    .expect("only of what was opened more is known");
                finding.evidence = evidence.clone();
            }
        }
    }
}

const HOST: HostId = HostId(1);

fn events(host: HostId, bodies: Vec<(i64, Body)>) -> Fact {
    let event = |(wall_ms, body)| Event {
        header: Header {
            lane: Lane::State,
            seq: 1,
            wall_ms,
            mono_ms: 1,
            boot: BootId([1; 16]),
        },
        body,
    };
    Fact::Events(Events {
        host,
        agent: AgentId([1; 16]),
        stream: StreamId([1; 16]),
        offset_ms: 0,
        events: bodies.into_iter().map(event).collect(),
        gaps: Vec::new(),
        cloned: false,
    })
}

fn connected(host: HostId) -> Fact {
    Fact::Connected(Connected {
        host,
        agent: AgentId([1; 16]),
        stream: StreamId([1; 16]),
        boot: BootId([1; 16]),
        agent_version: "0.1.0".to_owned(),
        offset_ms: 0,
    })
}

fn disconnected(host: HostId, reason: Departure) -> Fact {
    Fact::Disconnected { host, reason }
}

fn started(new_boot: bool) -> Body {
    Body::Presence(Presence::Started(Start {
        new_boot,
        ..Start::default()
    }))
}

fn product(engine: Switch, built_ms: Option<i64>) -> AntivirusProduct {
    AntivirusProduct {
        product: "ClamAV".to_owned(),
        vendor: "Cisco".to_owned(),
        version: "1.4.3".to_owned(),
        engine,
        real_time: Switch::Unknown,
        updater: Switch::On,
        definitions: Definitions {
            version: "27900".to_owned(),
            built_ms,
            ..Definitions::default()
        },
        ..AntivirusProduct::default()
    }
}

fn antivirus(products: Vec<AntivirusProduct>) -> Body {
    Body::Antivirus(AntivirusState {
        products,
        ..AntivirusState::default()
    })
}

fn fresh() -> Body {
    antivirus(vec![product(Switch::On, Some(NOW_MS - HOUR_MS))])
}

fn stale() -> Body {
    antivirus(vec![product(Switch::On, Some(NOW_MS - 4 * DAY_MS))])
}

fn off() -> Body {
    antivirus(vec![product(Switch::Off, Some(NOW_MS - HOUR_MS))])
}

fn file(path: &[u8], severity: Option<Severity>) -> Body {
    Body::File(FileEvent {
        action: FileAction::Modified,
        path: path.to_owned(),
        old_path: None,
        origin: Origin::RealTime,
        meta: Some(FileMeta::plain(5, 0, 0o644, "0", Digest::Sha256([0xab; 32]))),
        who: Who::Exact(Process {
            pid: 7,
            user: "lan".to_owned(),
            ..Process::default()
        }),
        watch: "records".to_owned(),
        severity,
        changed: Vec::new(),
        count: 1,
        first_ms: None,
        cause: None,
    })
}

fn probe(state: Reachability, severity: Option<Severity>) -> Body {
    Body::ProbeState(ProbeState {
        probe: "portal".to_owned(),
        kind: ProbeKind::Tcp,
        target: "portal.example:443".to_owned(),
        state,
        error: "refused".to_owned(),
        severity,
    })
}

fn sample(name: &str) -> Body {
    Body::ProbeSample(ProbeSample {
        probe: name.to_owned(),
        kind: ProbeKind::Tcp,
        target: "portal.example:443".to_owned(),
        interval_ms: 300_000,
        sent: 10,
        lost: 10,
        latency_min_us: 0,
        latency_mean_us: 0,
        latency_max_us: 0,
    })
}

/// A backlog of days, as it arrives: what got worse is urgent and comes first, what got better after it.
#[test]
fn faults_that_came_and_went_in_a_backlog_of_days_are_over_once_all_of_it_is_heard() {
    let mut reader = Reader::new();
    let away = |body: Body, days: i64| (NOW_MS - days * DAY_MS, body);
    let down = || probe(Reachability::Unreachable, Some(Severity::High));
    let up = || probe(Reachability::Reachable, Some(Severity::High));
    reader.read(events(HOST, vec![away(off(), 4), away(down(), 4)]));
    reader.read(events(HOST, vec![away(off(), 2), away(down(), 2)]));
    reader.tick_after(HOLD_MS);
    assert_eq!(reader.open_rules().len(), 2);
    reader.read(events(HOST, vec![away(fresh(), 3), away(up(), 3)]));
    assert_eq!(reader.open_rules().len(), 2, "an older word ends nothing");
    reader.read(events(HOST, vec![away(fresh(), 1), away(up(), 1)]));
    assert_eq!(reader.open_rules(), [""; 0]);
    let opened_before = NOW_MS - DAY_MS;
    assert!(
        reader
            .findings
            .values()
            .all(|(finding, _)| finding.opened_ms < opened_before)
    );
}

#[test]
fn a_clock_far_ahead_does_not_freeze_the_state() {
    let mut reader = Reader::new();
    reader.read(events(HOST, vec![(NOW_MS + 365 * DAY_MS, fresh())]));
    reader.after(1_000).event(antivirus(vec![]));
    reader.tick_after(HOLD_MS);
    assert_eq!(reader.open_rules(), ["antivirus.missing"]);
}

#[test]
fn a_critical_file_is_a_finding_with_its_facts() {
    let mut reader = Reader::new();
    let path = "/srv/hồ sơ/\u{202e}cod.exe\n".as_bytes();
    reader.event(file(b"/srv/routine", None));
    let judgement = reader.event(file(path, Some(Severity::Critical)));
    let FindingChange::Opened(finding) = &judgement.findings[0] else {
        panic!("opened")
    };
    assert_eq!(
        (finding.rule.as_str(), finding.severity),
        ("file.critical_changed", Severity::Critical)
    );
    assert_eq!(finding.evidence["path_hex"], hex::encode(path));
    assert_eq!(finding.evidence["process"]["user"], "lan");
    assert_eq!(finding.evidence["sha256"], "ab".repeat(32));
    assert_eq!(finding.evidence["event_key"], "2-0");
    reader.event(file(path, Some(Severity::Critical)));
    assert_eq!(reader.findings.len(), 1, "one saving is one finding");
    reader.after(MINUTE).event(file(path, Some(Severity::Critical)));
    assert_eq!(reader.findings.len(), 2);
}

#[test]
fn a_flood_of_files_becomes_a_number() {
    let mut reader = Reader::new();
    for name in 0..250 {
        reader.event(file(format!("/srv/{name}").as_bytes(), Some(Severity::High)));
    }
    assert_eq!(reader.findings.len(), 100);
    let judgement = reader.tick_after(MINUTE);
    let FindingChange::Opened(finding) = &judgement.findings[0] else {
        panic!("opened")
    };
    assert_eq!(
        (finding.severity, &finding.evidence["more"]),
        (Severity::High, &json!(150))
    );
    assert_eq!(reader.tick_after(MINUTE).findings, []);
}

#[test]
fn a_service_is_a_finding_while_it_cannot_be_reached() {
    let mut reader = Reader::new();
    reader.event(probe(Reachability::Unreachable, None));
    assert!(reader.findings.is_empty(), "the policy calls it routine");
    reader.event(probe(Reachability::Unreachable, Some(Severity::High)));
    reader.event(probe(Reachability::Unreachable, Some(Severity::High)));
    reader.event(probe(Reachability::Unknown, Some(Severity::High)));
    assert_eq!(reader.open_rules(), ["probe.unreachable"]);
    let judgement = reader.after(1_000).event(probe(Reachability::Reachable, None));
    assert_eq!(reader.open_rules(), [""; 0]);
    let HostNews::State(state) = &judgement.hosts[0].news else {
        panic!("a state")
    };
    assert_eq!(
        (state.noun, &state.detail["state"]),
        (Noun::Probe, &json!("reachable"))
    );
}

#[test]
fn a_gap_is_told_once_an_hour_unless_it_is_of_samples() {
    let mut reader = Reader::new();
    reader.gap(Lane::Samples);
    assert_eq!(reader.open_rules(), [""; 0], "samples may go");
    reader.gap(Lane::Events);
    reader.gap(Lane::Urgent);
    assert_eq!(reader.open_rules(), ["ledger.gap"]);
    reader.after(HOUR_MS).gap(Lane::Urgent);
    assert_eq!(reader.open_rules(), ["ledger.gap", "ledger.gap"]);
    let severities: Vec<Severity> = reader
        .findings
        .values()
        .map(|(finding, _)| finding.severity)
        .collect();
    assert!(severities.contains(&Severity::High) && severities.contains(&Severity::Medium));
}

#[test]
fn what_can_be_seen_again_is_taken_back() {
    let mut reader = Reader::new();
    reader.read(connected(HOST));
    let says = |cured| {
        Body::Unsupported(Unsupported {
            sensor: Sensor::Files,
            what: "watch:hồ sơ".to_owned(),
            why: String::new(),
            cured,
        })
    };
    let HostNews::State(said) = reader.event(says(false)).hosts.remove(0).news else {
        panic!("a state")
    };
    let gone = reader.event(says(true)).hosts.remove(0).news;
    let expected = HostNews::Gone {
        noun: Noun::Unsupported,
        key: said.key,
    };
    assert_eq!(gone, expected);
}

#[test]
fn a_service_that_nobody_probes_any_more_is_no_finding() {
    let mut reader = Reader::new();
    reader.read(connected(HOST));
    reader.event(probe(Reachability::Unreachable, Some(Severity::High)));
    for _ in 0..24 {
        reader.after(300_000).event(sample("portal"));
        reader.tick_after(15_000);
        assert_eq!(reader.open_rules(), ["probe.unreachable"], "it is still probed");
    }
    reader.event(Body::Presence(Presence::Stopping(StopReason::Shutdown)));
    reader.read(disconnected(HOST, Departure::Closed));
    reader.tick_after(48 * HOUR_MS);
    assert_eq!(
        reader.open_rules(),
        ["probe.unreachable"],
        "a PC that is away says nothing"
    );
    reader.read(connected(HOST));
    reader.after(300_000).event(sample("portal, renamed"));
    reader.tick_after(2 * HOUR_MS);
    assert_eq!(
        reader.open_rules(),
        ["probe.unreachable"],
        "it may be asked once an hour"
    );
    let judgement = reader.tick_after(HOUR_MS / 4);
    assert!(matches!(
        judgement.findings[..],
        [FindingChange::Unwatched { .. }]
    ));
    assert_eq!(
        judgement.hosts[0].news,
        HostNews::Gone {
            noun: Noun::Probe,
            key: "portal".to_owned()
        }
    );
    assert_eq!(reader.open_rules(), [""; 0]);
}

#[test]
fn names_of_former_probes_leave_room_for_new_ones() {
    let mut reader = Reader::new();
    let named = |name: String, state| match probe(state, Some(Severity::High)) {
        Body::ProbeState(probe) => Body::ProbeState(ProbeState { probe: name, ..probe }),
        other => other,
    };
    for number in 0..300 {
        reader
            .after(1_000)
            .event(named(format!("p{number}"), Reachability::Reachable));
    }
    reader.event(named("p300".to_owned(), Reachability::Unreachable));
    assert_eq!(reader.open_rules(), ["probe.unreachable"]);
}

#[test]
fn a_pc_that_goes_without_a_goodbye_is_silent_after_three_minutes() {
    let mut reader = Reader::new();
    reader.read(connected(HOST));
    reader.after(HOUR_MS).read(disconnected(HOST, Departure::Dead));
    reader.tick_after(179_000);
    assert_eq!(reader.open_rules(), [""; 0]);
    reader.tick_after(1_000);
    assert_eq!(reader.open_rules(), ["host.silent"]);
    reader.after(HOUR_MS).read(connected(HOST));
    assert_eq!(reader.open_rules(), [""; 0]);
}

#[test]
fn goodbyes_and_revocations_are_not_silence() {
    let check = |facts: Vec<Fact>| {
        let mut reader = Reader::new();
        for fact in facts {
            reader.read(fact);
        }
        reader.tick_after(HOUR_MS);
        assert!(reader.findings.is_empty());
    };
    let goodbye = || {
        events(
            HOST,
            vec![(NOW_MS, Body::Presence(Presence::Stopping(StopReason::Shutdown)))],
        )
    };
    check(vec![
        connected(HOST),
        goodbye(),
        disconnected(HOST, Departure::Closed),
    ]);
    check(vec![connected(HOST), disconnected(HOST, Departure::Refused)]);
}

fn cloned(agent: u8, machines: &[&str]) -> Fact {
    let machine = |name: &&str| crate::entry::Machine {
        name: (*name).to_owned(),
        address: "10.1.2.3".to_owned(),
    };
    Fact::Cloned(crate::entry::Cloned {
        host: HOST,
        agent: AgentId([agent; 16]),
        how: crate::entry::CloneSign::TakeOvers,
        machines: machines.iter().map(machine).collect(),
    })
}

#[test]
fn two_machines_with_one_key_are_a_finding_until_another_agent_speaks() {
    let mut reader = Reader::new();
    reader.read(connected(HOST));
    reader.read(cloned(1, &["PC-01", "PC-02"]));
    reader.read(cloned(1, &["PC-01", "PC-02"]));
    reader.read(connected(HOST));
    assert_eq!(reader.open_rules(), ["agent.cloned"]);
    let (finding, _) = reader.findings.values().next().expect("one").clone();
    assert_eq!(finding.evidence["machine"], "PC-01");
    assert_eq!(finding.evidence["other_machine"], "PC-02");
    reader.read(Fact::Connected(Connected {
        host: HOST,
        agent: AgentId([9; 16]),
        stream: StreamId([1; 16]),
        boot: BootId([1; 16]),
        agent_version: "0.1.0".to_owned(),
        offset_ms: 0,
    }));
    assert_eq!(reader.open_rules(), [""; 0]);
    reader.read(cloned(9, &["PC-01", "PC-02"]));
    assert_eq!(reader.open_rules(), ["agent.cloned"], "it may happen again");
}

#[test]
fn a_machine_that_comes_back_alone_is_not_named_twice() {
    let mut reader = Reader::new();
    reader.read(connected(HOST));
    reader.read(cloned(1, &["PC-01"]));
    let (finding, _) = reader.findings.values().next().expect("one").clone();
    assert_eq!(
        finding.evidence,
        json!({ "how": "take_overs", "machine": null, "address": null, "other_machine": "PC-01", "other_address": "10.1.2.3" })
    );
}

#[test]
fn what_follows_from_a_cloned_agents_events_says_so() {
    let mut reader = Reader::new();
    let changed = file(b"/srv/a", Some(Severity::Critical));
    let Fact::Events(plain) = events(HOST, vec![(NOW_MS, changed)]) else {
        panic!("events are events")
    };
    reader.read(Fact::Events(Events {
        cloned: true,
        ..plain
    }));
    let (finding, _) = reader.findings.values().next().expect("one");
    assert_eq!(
        (finding.severity, &finding.evidence["cloned"]),
        (Severity::Critical, &json!(true))
    );
}

#[test]
fn a_goodbye_of_an_earlier_run_excuses_nobody() {
    let mut reader = Reader::new();
    reader.read(connected(HOST));
    let late = vec![
        (
            NOW_MS - HOUR_MS,
            Body::Presence(Presence::Stopping(StopReason::Shutdown)),
        ),
        (NOW_MS, started(false)),
    ];
    reader.read(events(HOST, late));
    reader.read(disconnected(HOST, Departure::Dead));
    reader.tick_after(HOUR_MS);
    assert_eq!(reader.open_rules(), ["host.silent"]);
}

#[test]
fn nobody_is_blamed_for_the_collectors_absence() {
    let mut reader = Reader::new();
    reader.read(Fact::Started);
    reader.read(connected(HOST));
    reader.read(connected(HostId(2)));
    reader.after(9 * HOUR_MS).read(Fact::Started);
    reader.tick_after(15_000);
    reader.after(60_000).read(connected(HOST));
    reader.tick_after(100_000);
    assert_eq!(reader.open_rules(), [""; 0]);
    reader.tick_after(10_000);
    assert_eq!(
        reader.findings.values().map(|(f, _)| f.host).collect::<Vec<_>>(),
        [HostId(2)]
    );
}

#[test]
fn what_is_not_ours_is_not_restored() {
    let state = |rule: &str, entity: &str, state: &str| RuleState {
        rule: rule.to_owned(),
        entity: entity.to_owned(),
        state: state.to_owned(),
    };
    for broken in [
        state("later", "1", "{}"),
        state("files", "x", "{}"),
        state("files", "1", "["),
    ] {
        let sound = state("silence", "1", "{\"connected\":true}");
        let (rules, unreadable) = Rules::restore(&[broken, sound.clone()], 0);
        assert_eq!(unreadable.len(), 1);
        assert_eq!(rules, Rules::restore(&[sound], 0).0, "the others go on");
    }
}

fn any_body() -> impl Strategy<Value = Body> {
    prop_oneof![
        Just(fresh()),
        Just(stale()),
        Just(off()),
        Just(antivirus(vec![])),
        Just(antivirus(vec![product(Switch::Unknown, None)])),
        (0..3u8, 0..3usize).prop_map(|(key, outcome)| malware::found(
            &key.to_string(),
            [Outcome::Pending, Outcome::Succeeded, Outcome::Failed][outcome],
        )),
        Just(started(true)),
        Just(started(false)),
        Just(Body::Presence(Presence::Stopping(StopReason::Shutdown))),
        (0..4u8).prop_map(|name| file(&[b'/', name], Some(Severity::High))),
        (0..3u8, any::<bool>(), 0..3u32).prop_map(|(key, alarm, lost)| files::tripwire(
            &key.to_string(),
            if alarm {
                TripwireLevel::Alarm
            } else {
                TripwireLevel::Warning
            },
            lost,
        )),
        Just(probe(Reachability::Reachable, Some(Severity::High))),
        Just(probe(Reachability::Unreachable, Some(Severity::High))),
        Just(probe(Reachability::Unknown, None)),
        Just(sample("portal")),
        Just(sample("other")),
    ]
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let host = || (1..4i64).prop_map(HostId);
    let bodies = prop::collection::vec((NOW_MS - HOUR_MS..NOW_MS + HOUR_MS, any_body()), 1..4);
    let reason = prop::sample::select(Departure::ALL.to_vec());
    prop_oneof![
        4 => (host(), bodies).prop_map(|(host, bodies)| events(host, bodies)),
        2 => host().prop_map(connected),
        2 => (host(), reason).prop_map(|(host, reason)| disconnected(host, reason)),
        4 => Just(Fact::Tick),
        1 => Just(Fact::Started),
    ]
}

/// A journal: facts with growing times and positions with holes.
fn any_journal() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::vec((any_fact(), 1..3u64, 0..2 * HOUR_MS), 1..40).prop_map(|facts| {
        let (mut pos, mut received_ms) = (0, NOW_MS - HOUR_MS);
        let entry = |(fact, step, later_ms)| {
            pos += step;
            received_ms += later_ms / 40;
            Entry {
                pos,
                received_ms,
                fact,
            }
        };
        facts.into_iter().map(entry).collect()
    })
}

/// Rules as they would be after a restart: only what was remembered.
fn restarted(memory: &BTreeMap<(String, String), String>, judged: u64) -> Rules {
    let states: Vec<RuleState> = memory
        .iter()
        .map(|((rule, entity), state)| RuleState {
            rule: rule.clone(),
            entity: entity.clone(),
            state: state.clone(),
        })
        .collect();
    let (rules, unreadable) = Rules::restore(&states, judged);
    assert!(unreadable.is_empty(), "what was remembered can be restored");
    rules
}

proptest! {
    #[test]
    fn twice_is_once_and_a_restart_changes_nothing(journal in any_journal()) {
        let mut once = Reader::new();
        let mut twice = Reader::new();
        let mut memory = BTreeMap::new();
        let mut kept = BTreeMap::new();
        for entry in &journal {
            let judgement = once.judge(entry);
            twice.judge(entry);
            twice.judge(entry);
            // Each entry by rules that know only what was remembered before it.
            let mut fresh = restarted(&memory, entry.pos - 1);
            let replayed = fresh.judge(entry, &Lists::default());
            prop_assert_eq!(&replayed.findings, &judgement.findings);
            keep(&mut kept, &replayed);
            for Remembered { rule, entity, state } in replayed.memory {
                match state {
                    Some(state) => memory.insert((rule.to_owned(), entity), state),
                    None => memory.remove(&(rule.to_owned(), entity)),
                };
            }
        }
        prop_assert_eq!(&once.findings, &twice.findings);
        prop_assert_eq!(&once.findings, &kept);
    }

    #[test]
    fn a_host_has_one_open_finding_of_a_kind(journal in any_journal()) {
        let mut reader = Reader::new();
        for entry in &journal {
            reader.judge(entry);
            for host in [1, 2, 3].map(HostId) {
                for category in [Category::Protection, Category::Network, Category::Presence] {
                    let open = reader.findings.values().filter(|(finding, closed)| {
                        finding.host == host && finding.category == category && closed.is_none()
                    });
                    prop_assert!(open.count() <= 1);
                }
            }
        }
        for (finding, closed_ms) in reader.findings.values() {
            prop_assert!(closed_ms.is_none_or(|closed_ms| closed_ms >= finding.opened_ms));
        }
    }
}
