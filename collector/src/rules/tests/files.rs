//! Changes of files: what explains them, what the lists say of them, and what looks like ransomware.

use vong_proto::event::{Aspect, Cause, Detection, Strain, Tripwire, TripwireFile, TripwireLevel};

use super::*;
use crate::entry::file_state::FileState;
use crate::finding::{FILE_CHANGED, KNOWN_BAD, RANSOMWARE, SUSPICIOUS};
use crate::registry::file_hash::Listing;
use crate::registry::host_state::Noun;

fn listed(verdict: HashVerdict) -> Lists {
    let listing = Listing {
        verdict,
        source: "trung tâm".to_owned(),
        note: "Emotet".to_owned(),
        author: "lan".to_owned(),
    };
    Lists {
        hashes: [([0xab; 32], listing)].into(),
        ..Lists::default()
    }
}

fn explained(path: &[u8]) -> Body {
    let Body::File(mut file) = file(path, Some(Severity::Critical)) else {
        unreachable!("it is a file")
    };
    file.cause = Some(Cause::Package {
        manager: "dpkg".to_owned(),
        name: "openssl".to_owned(),
        version: "3.0.17".to_owned(),
    });
    Body::File(file)
}

pub(super) fn tripwire(key: &str, level: TripwireLevel, files_lost: u32) -> Body {
    Body::Tripwire(Tripwire {
        key: key.to_owned(),
        level,
        score_milli: 6_500,
        slow_score_milli: 0,
        reasons: Vec::new(),
        files: vec![TripwireFile {
            path: "/home/lan/hồ sơ.docx".into(),
            old_path: None,
            reason: "content_random".to_owned(),
            score_milli: 1_000,
            at_ms: NOW_MS,
        }],
        curve: Vec::new(),
        processes: vec![Process {
            pid: 9,
            executable: b"/tmp/x".to_vec(),
            ..Process::default()
        }],
        user: "lan".to_owned(),
        volume: Vec::new(),
        files_touched: files_lost,
        files_lost,
        canaries_touched: 0,
        first_ms: NOW_MS,
        last_ms: NOW_MS,
        over: false,
    })
}

#[test]
fn what_a_package_explains_is_told_to_nobody() {
    let mut reader = Reader::new();
    reader.event(explained(b"/usr/bin/openssl"));
    assert_eq!(reader.open_rules(), Vec::<&str>::new());
}

#[test]
fn what_is_listed_as_bad_is_told_whatever_explains_it_and_once_a_day() {
    let mut reader = Reader::new();
    reader.lists = listed(HashVerdict::Bad);
    for body in [
        explained(b"/usr/bin/openssl"),
        explained(b"/usr/bin/openssl"),
        file(b"/tmp/routine", None),
    ] {
        reader.event(body);
    }
    assert_eq!(reader.open_rules(), [KNOWN_BAD; 2]);
    let (finding, _) = &reader.findings.values().next().expect("a finding");
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(finding.evidence["list"], "trung tâm");
    reader.after(DAY_MS).event(explained(b"/usr/bin/openssl"));
    assert_eq!(reader.open_rules(), [KNOWN_BAD; 3]);
}

#[test]
fn malware_that_is_listed_as_bad_is_told_as_such_too() {
    let mut reader = Reader::new();
    reader.lists = listed(HashVerdict::Bad);
    let Body::Detection(found) = malware::found("1", Outcome::Pending) else {
        unreachable!("it is malware")
    };
    reader.event(Body::Detection(Detection {
        sha256: Some([0xab; 32]),
        ..found
    }));
    assert!(reader.open_rules().contains(&KNOWN_BAD));
}

#[test]
fn a_flood_of_bad_files_is_a_number_in_the_end() {
    let mut reader = Reader::new();
    reader.lists = listed(HashVerdict::Bad);
    for index in 0..200 {
        reader.event(file(format!("/tmp/{index}").as_bytes(), None));
    }
    assert_eq!(reader.open_rules().len(), 50);
    reader.tick_after(HOUR_MS);
    assert_eq!(reader.open_rules().len(), 51);
    let more = reader
        .findings
        .values()
        .find(|(finding, _)| finding.key.is_empty());
    assert_eq!(more.expect("a finding").0.evidence["more"], 150);
}

#[test]
fn what_is_listed_as_good_or_was_accepted_is_told_to_nobody_and_nothing_else_is() {
    let change = || file(b"/etc/hosts", Some(Severity::High));
    let mut reader = Reader::new();
    reader.lists = listed(HashVerdict::Good);
    reader.event(change());
    let Body::File(state) = change() else {
        unreachable!("it is a file")
    };
    reader.lists = Lists {
        accepted: [(HOST, FileState::of(&state).key())].into(),
        ..Lists::default()
    };
    reader.event(change());
    assert_eq!(reader.open_rules(), Vec::<&str>::new());
    let Body::File(mut other) = change() else {
        unreachable!("it is a file")
    };
    other.meta = None;
    reader.event(Body::File(other));
    assert_eq!(reader.open_rules(), [FILE_CHANGED]);
}

#[test]
fn a_good_content_excuses_no_change_of_rights() {
    let mut reader = Reader::new();
    reader.lists = listed(HashVerdict::Good);
    let mut changed = |path: &str, change: &dyn Fn(&mut FileEvent)| {
        let Body::File(mut of) = file(path.as_bytes(), Some(Severity::Critical)) else {
            unreachable!("it is a file")
        };
        change(&mut of);
        reader.event(Body::File(of)).findings.len()
    };
    fn meta(of: &mut FileEvent) -> &mut FileMeta {
        of.meta.as_mut().expect("it is there")
    }
    let told = [
        changed("/usr/bin/bash", &|of| {
            of.changed = vec![Aspect::Content, Aspect::Times];
        }),
        changed("/usr/bin/new", &|of| of.action = FileAction::Created),
        changed("/usr/bin/touched", &|of| {
            (of.action, of.changed) = (FileAction::Attributes, vec![Aspect::Times]);
        }),
    ];
    assert_eq!(told, [0; 3]);
    let told = [
        changed("/usr/bin/chmod", &|of| {
            of.changed = vec![Aspect::Content, Aspect::Mode];
        }),
        changed("/usr/bin/chown", &|of| of.changed = vec![Aspect::Owner]),
        changed("/usr/bin/unknown", &|of| of.action = FileAction::Attributes),
        changed("/usr/bin/suid", &|of| {
            (of.action, meta(of).mode) = (FileAction::Created, 0o104_755);
        }),
        changed("/usr/bin/everybody", &|of| {
            (of.action, meta(of).mode) = (FileAction::Renamed, 0o100_666);
        }),
        changed("/usr/bin/setcap", &|of| {
            (of.action, meta(of).acl_sha256) = (FileAction::Created, Some([1; 32]));
        }),
    ];
    assert_eq!(told, [1; 6]);
}

#[test]
fn a_state_whose_content_nobody_read_is_accepted_by_no_word() {
    let Body::File(mut of) = file(b"/var/big.iso", Some(Severity::High)) else {
        unreachable!("it is a file")
    };
    of.meta.as_mut().expect("it is there").digest = Digest::Absent("too_large".to_owned());
    let mut reader = Reader::new();
    reader.lists.accepted = [(HOST, FileState::of(&of).key())].into();
    reader.event(Body::File(of));
    assert_eq!(reader.open_rules(), [FILE_CHANGED]);
}

#[test]
fn what_must_be_known_is_what_occurs() {
    let fact = events(
        HOST,
        vec![
            (NOW_MS, file(b"/a", None)),
            (NOW_MS, file(b"/b", Some(Severity::Low))),
            (NOW_MS, explained(b"/c")),
        ],
    );
    let entry = Entry {
        pos: 1,
        received_ms: NOW_MS,
        fact,
    };
    let wanted = Wanted::of(&[entry]);
    assert_eq!(wanted.hashes, [[0xab; 32]].into());
    assert_eq!(
        wanted.states[&HOST].len(),
        1,
        "only what would be told is looked up"
    );
}

#[test]
fn a_warning_that_becomes_an_alarm_is_replaced_and_its_facts_follow() {
    let mut reader = Reader::new();
    reader.event(tripwire("a", TripwireLevel::Warning, 2));
    assert_eq!(reader.open_rules(), [SUSPICIOUS]);
    reader.after(1_000).event(tripwire("a", TripwireLevel::Alarm, 5));
    assert_eq!(reader.open_rules(), [RANSOMWARE]);
    reader.after(1_000).event(tripwire("a", TripwireLevel::Alarm, 40));
    let open = reader.findings.values().find(|(_, closed)| closed.is_none());
    let (finding, _) = open.expect("an open finding");
    assert_eq!(finding.evidence["files_lost"], 40);
    assert_eq!(finding.evidence["process"]["executable"], "/tmp/x");
    assert_eq!(
        (finding.category, finding.severity),
        (Category::Ransomware, Severity::Critical)
    );
    reader.tick_after(3 * DAY_MS);
    assert_eq!(reader.open_rules(), [RANSOMWARE], "time brings no file back");
}

#[test]
fn invented_occurrences_are_counted() {
    let mut reader = Reader::new();
    for key in 0..100 {
        reader.event(tripwire(&key.to_string(), TripwireLevel::Alarm, 1));
    }
    assert_eq!(reader.open_rules().len(), 21);
    let number = reader
        .findings
        .values()
        .find(|(finding, _)| finding.key.is_empty());
    let (number, _) = number.expect("their number");
    assert_eq!(
        (&number.evidence["more"], number.severity),
        (&json!(80), Severity::Critical)
    );
    reader.tick_after(HOUR_MS);
    assert_eq!(reader.open_rules().len(), 21);
}

#[test]
fn no_number_of_warnings_holds_back_an_alarm() {
    let mut reader = Reader::new();
    for key in 0..100 {
        reader.event(tripwire(&key.to_string(), TripwireLevel::Warning, 1));
    }
    assert_eq!(reader.open_rules(), [SUSPICIOUS; 20]);
    reader.event(tripwire("a real one", TripwireLevel::Alarm, 5));
    assert!(reader.open_rules().contains(&RANSOMWARE), "at once");
    reader.tick_after(HOUR_MS);
    let number = reader
        .findings
        .values()
        .find(|(finding, _)| finding.key.is_empty());
    let (number, _) = number.expect("their number");
    assert_eq!(
        (&number.evidence["more"], number.rule.as_str()),
        (&json!(80), SUSPICIOUS)
    );
}

#[test]
fn an_agent_that_slows_itself_down_is_a_state_until_it_does_not() {
    let strain = |over| {
        Body::Strain(Strain {
            budget: "cpu".to_owned(),
            limit: 500,
            measured: 610,
            since_ms: NOW_MS,
            over,
        })
    };
    let mut reader = Reader::new();
    let judged = reader.event(strain(false));
    assert!(judged.findings.is_empty());
    assert!(matches!(&judged.hosts[0].news, HostNews::State(state) if state.noun == Noun::Strain));
    let judged = reader.event(strain(true));
    assert!(matches!(&judged.hosts[0].news, HostNews::Gone { noun: Noun::Strain, key } if key == "cpu"));
}
