//! Sums over trees of processes.

use proptest::prelude::*;

use super::*;
use crate::sensor::tripwire::clue::{Code, points};
use crate::sensor::tripwire::score::tree::HALF_LIFE_MS;

const SHELL: Key = 1;
const ABOVE: Key = 2;

fn at(mono_ms: u64) -> Moment {
    Moment {
        wall_ms: mono_ms as i64,
        mono_ms,
    }
}

fn spoilt(number: u64, chain: &[Key]) -> Clue {
    Clue {
        code: Code::ContentRandom,
        points: points::RANDOM,
        path: format!("/h/{number}.docx").into_bytes(),
        old_path: None,
        kind: Some("docx"),
        is_lost: true,
        chain: chain.to_vec(),
    }
}

fn scores() -> Scores {
    Scores::new("run".to_owned())
}

/// Files one after the other, each by a child of the shell; after how many the alarm came.
fn files_to_alarm(scores: &mut Scores, interval_ms: u64, files_max: u64) -> Option<u64> {
    for number in 1..=files_max {
        let told = scores.take(
            at(number * interval_ms),
            &spoilt(number, &[100 + number, SHELL, ABOVE]),
        );
        if told.is_some_and(|told| told.tripwire.level == TripwireLevel::Alarm) {
            return Some(number);
        }
        // Time passes in the sensor, too: what is over is told, and must not be forgotten.
        for second in 1..interval_ms / 1_000 {
            scores.tick(at(number * interval_ms + second * 1_000));
        }
    }
    None
}

#[test]
fn children_add_up_under_who_started_them() {
    let mut scores = scores();
    let mut told = Vec::new();
    for number in 1..=3 {
        told.extend(scores.take(at(number * 200), &spoilt(number, &[100 + number, SHELL, ABOVE])));
        told.extend(scores.tick(at(number * 200 + 150)));
    }
    let levels: Vec<_> = told.iter().map(|told| told.tripwire.level).collect();
    assert_eq!(levels, [TripwireLevel::Warning, TripwireLevel::Alarm]);
    assert!(told.iter().all(|told| told.chain == [SHELL, ABOVE]), "{told:?}");
    assert_eq!(told[0].tripwire.key, told[1].tripwire.key);
    assert!(told[1].tripwire.files_lost == 3);
}

#[test]
fn a_warning_that_becomes_an_alarm_at_once_is_not_told_before_it() {
    let mut scores = scores();
    let mut told = Vec::new();
    for number in 1..=3 {
        told.extend(scores.take(at(number), &spoilt(number, &[5])));
        told.extend(scores.tick(at(number)));
    }
    let levels: Vec<_> = told.iter().map(|told| told.tripwire.level).collect();
    assert_eq!(levels, [TripwireLevel::Alarm]);
    assert_eq!(scores.due_in(4), None);
    // One that stays a warning is told in a moment, once.
    assert_eq!(scores.take(at(5), &spoilt(1, &[6])), None);
    assert_eq!(scores.take(at(6), &spoilt(2, &[6])), None);
    assert_eq!(scores.due_in(6), Some(Duration::from_millis(WARNING_HELD_MS)));
    assert_eq!(scores.tick(at(6 + WARNING_HELD_MS)).len(), 1);
    assert_eq!(scores.tick(at(6 + WARNING_HELD_MS)), []);
    assert_eq!(scores.due_in(7), None);
}

/// What counts against one shell, a second apart, after how many of them the alarm comes.
fn alarm_after(clues: &[(Code, f64, &'static str)]) -> Option<usize> {
    let mut scores = scores();
    let alarm = |number: usize, (code, points, kind): (Code, f64, &'static str)| {
        let clue = Clue {
            code,
            points,
            kind: Some(kind),
            ..spoilt(number as u64 / 2, &[SHELL])
        };
        let told = scores.take(at(number as u64 * 1_000), &clue);
        told.is_some_and(|told| told.tripwire.level == TripwireLevel::Alarm)
    };
    let mut alarm = alarm;
    (0..clues.len())
        .find(|number| alarm(*number, clues[*number]))
        .map(|number| number + 1)
}

#[test]
fn three_documents_or_two_types_with_new_endings_are_enough_and_less_is_not() {
    let random = |kind| (Code::ContentRandom, points::RANDOM, kind);
    let ending = |kind| (Code::Extension, points::EXTENSION, kind);
    let apart = |clue| [clue, other_note()];
    let each: Vec<_> = ["docx"; 4]
        .into_iter()
        .flat_map(|kind| apart(random(kind)))
        .collect();
    assert_eq!(alarm_after(&each), Some(5), "the third");
    let renamed = [ending("docx"), random("docx"), ending("pdf"), random("pdf")];
    assert_eq!(alarm_after(&renamed), Some(4));
    assert_eq!(
        alarm_after(&[random("docx"), other_note(), random("pdf"), other_note()]),
        None
    );
    let broken = |kind| (Code::TailRandom, points::BROKEN, kind);
    let mixed: Vec<_> = ["docx", "pdf", "jpg"]
        .into_iter()
        .flat_map(|kind| apart(broken(kind)))
        .collect();
    assert_eq!(alarm_after(&mixed), Some(5));
    let same: Vec<_> = ["docx"; 4]
        .into_iter()
        .flat_map(|kind| apart(broken(kind)))
        .collect();
    assert_eq!(alarm_after(&same), Some(5));
    // A person who encrypts two or three files and removes them is left in peace.
    let pair = |kind| (Code::RewrittenAndDeleted, points::REWRITTEN, kind);
    let few: Vec<_> = ["docx", "pdf", "xlsx"]
        .into_iter()
        .flat_map(|kind| apart(pair(kind)))
        .collect();
    assert_eq!(alarm_after(&few[..5]), None);
}

fn other_note() -> (Code, f64, &'static str) {
    (Code::Note, 0.0, "docx")
}

#[test]
fn a_slow_one_is_met_too() {
    assert!(files_to_alarm(&mut scores(), 60_000, 60).is_some_and(|files| files <= 12));
    assert!(files_to_alarm(&mut scores(), 600_000, 60).is_some_and(|files| files <= 8));
    assert!(files_to_alarm(&mut scores(), 3_600_000, 60).is_some_and(|files| files <= 10));
    // One a day is no ransomware.
    assert_eq!(files_to_alarm(&mut scores(), 86_400_000, 60), None);
}

#[test]
fn a_slow_one_is_warned_of_once_and_told_again_after_an_alarm_when_as_much_again_has_come() {
    let mut scores = scores();
    let (mut told, mut lost) = (Vec::new(), Vec::new());
    for number in 1..=24 {
        let now = number * 600_000;
        told.extend(scores.take(at(now), &spoilt(number, &[100 + number, SHELL])));
        for second in 1..600 {
            told.extend(scores.tick(at(now + second * 1_000)));
        }
    }
    told.retain(|told| !told.tripwire.over);
    let levels: Vec<_> = told.iter().map(|told| told.tripwire.level).collect();
    let both = [TripwireLevel::Warning, TripwireLevel::Alarm];
    assert_eq!(levels[..4], [both, both].concat(), "{levels:?}");
    lost.extend(told.iter().map(|told| told.tripwire.files_lost));
    assert!(
        lost[1] > lost[0] && lost[1] <= 8,
        "the alarm shows what the warning showed, and more: {lost:?}"
    );
    assert!(
        lost[3] <= lost[1] + 1,
        "the next one shows what has come since: {lost:?}"
    );
}

#[test]
fn memory_is_bounded_whatever_is_spoilt() {
    let mut scores = scores();
    let long = vec![b'x'; 4_000];
    for number in 0..3_000 {
        let path = [&long[..], number.to_string().as_bytes()].concat();
        let clue = Clue {
            path,
            points: 0.01,
            ..spoilt(0, &[number, 5_000 + number % 7])
        };
        scores.take(at(number), &clue);
    }
    let bytes: usize = scores.trees.values().map(|tree| tree.bytes).sum();
    assert!(
        (1..=BYTES_MAX).contains(&bytes) && scores.trees.len() <= TREES_MAX,
        "{bytes}"
    );
}

#[test]
fn a_file_counts_once() {
    let mut scores = scores();
    for moment in 0..100 {
        assert_eq!(scores.take(at(moment), &spoilt(1, &[5])), None);
    }
}

#[test]
fn further_types_make_it_worse_up_to_a_point() {
    let sum = |kinds: &[&'static str]| {
        let mut tree = Tree::default();
        for (number, kind) in kinds.iter().enumerate() {
            let clue = Clue {
                kind: Some(kind),
                ..spoilt(number as u64, &[1])
            };
            tree.take(at(0), &clue);
        }
        tree.quick.at(0, HALF_LIFE_MS)
    };
    assert!(sum(&["docx", "xlsx", "pdf"]) > sum(&["docx", "docx", "docx"]));
    let five = sum(&["docx", "xlsx", "pdf", "jpg", "png"]) - sum(&["docx", "xlsx", "pdf", "jpg"]);
    let six =
        sum(&["docx", "xlsx", "pdf", "jpg", "png", "txt"]) - sum(&["docx", "xlsx", "pdf", "jpg", "png"]);
    assert!((five - six).abs() < 1e-9);
}

#[test]
fn packing_without_a_password_never_even_warns() {
    let mut scores = scores();
    for number in 0..1_000 {
        let clue = Clue {
            code: Code::ArchivedAndDeleted,
            points: points::ARCHIVED,
            ..spoilt(number, &[5])
        };
        assert_eq!(scores.take(at(number), &clue), None);
    }
}

#[test]
fn an_occurrence_is_followed_and_ends() {
    let mut scores = scores();
    let canary = |number: u64, chain: &[Key]| Clue {
        code: Code::Canary,
        points: points::CANARY,
        kind: None,
        is_lost: false,
        ..spoilt(number, chain)
    };
    let first = scores
        .take(at(0), &canary(0, &[100, SHELL]))
        .expect("told")
        .tripwire;
    assert_eq!((first.level, first.canaries_touched), (TripwireLevel::Alarm, 1));
    // What the shell's other children do belongs to the same.
    assert_eq!(scores.take(at(1_000), &canary(1, &[101, SHELL])), None);
    assert_eq!(scores.tick(at(5_000)), []);
    let followed = scores.tick(at(FOLLOW_UP_MS + 1_000));
    assert_eq!(followed.len(), 1, "{followed:?}");
    assert_eq!(
        (&followed[0].tripwire.key, followed[0].tripwire.canaries_touched),
        (&first.key, 2)
    );
    assert_eq!(followed[0].chain, [SHELL], "it has moved to who is behind both");
    assert_eq!(scores.tick(at(60_000)), []);
    let over = scores.tick(at(1_000 + SILENCE_MS));
    assert!(over.len() == 1 && over[0].tripwire.over && over[0].tripwire.key == first.key);
    assert!(!scores.is_watching());
    // What was settled does not count again.
    assert_eq!(
        scores.take(at(SILENCE_MS + 2_000), &spoilt(9, &[102, SHELL])),
        None
    );
}

proptest! {
    #[test]
    fn whatever_happens_everything_stays_bounded_and_the_levels_true(
        clues in prop::collection::vec((0_u64..40, 0_u64..30_000, 0_u64..2_000, 0.0_f64..3.0), 1..300),
    ) {
        let mut scores = scores();
        let mut now = 0;
        let mut told = Vec::new();
        for (process, passed_ms, file, points) in clues {
            now += passed_ms;
            let clue = Clue { points, ..spoilt(file, &[process + 10, process % 4, ABOVE]) };
            told.extend(scores.take(at(now), &clue));
            told.extend(scores.tick(at(now)));
            told.extend(scores.tick(at(now + WARNING_HELD_MS)));
        }
        for Told { tripwire, chain } in told {
            prop_assert!(!chain.is_empty());
            prop_assert!(tripwire.files.len() <= Tripwire::FILES_MAX && tripwire.curve.len() <= Tripwire::CURVE_MAX);
            prop_assert!(tripwire.score_milli >= 3_000 || tripwire.slow_score_milli >= 8_000);
            prop_assert!(tripwire.curve.is_sorted_by_key(|score| score.at_ms));
        }
        prop_assert!(scores.trees.len() <= TREES_MAX);
    }
}
