//! What is found by looking round, without a word from the system: these need no privilege.

use std::fs;
use std::sync::mpsc::Receiver;

use tempfile::TempDir;
use vong_proto::event::{Tripwire as Occurrence, TripwireLevel};
use vong_proto::policy::Policy;

use super::*;
use crate::policy::PolicyWatch;
use crate::report::Reports;
use crate::stop::Stop;

/// A sensor that nobody drives but the test, with canaries in a home.
struct Rounds {
    home: TempDir,
    _data: TempDir,
    said: Receiver<Report>,
    sensor: Tripwire,
}

impl Rounds {
    fn begin() -> Self {
        let (home, data) = (
            tempfile::tempdir().expect("a folder"),
            tempfile::tempdir().expect("a folder"),
        );
        let (reports, said) = Reports::channel();
        let context = Context {
            reports,
            state: empty_state(data.path()),
            policy: PolicyWatch::fixed(Policy::before_any()),
            stop: Stop::new(),
            own_folders: Vec::new(),
            governor: crate::governor::Governor::flat_out(),
            programs: crate::sensor::programs::Programs::default(),
        };
        let mut sensor = Tripwire::new(&context).expect("begun");
        sensor
            .keep_canaries(&[vong_os::file::bytes_of(home.path()).to_vec()])
            .expect("placed");
        Self {
            home,
            _data: data,
            said,
            sensor,
        }
    }

    /// One of the folders of canaries.
    fn canaries(&self) -> PathBuf {
        let mut all = fs::read_dir(self.home.path()).expect("there").flatten();
        all.next().expect("placed").path()
    }

    fn time_for_a_look(&mut self) {
        self.sensor.canaries_due = Instant::now();
        self.sensor.pass_time().expect("looked");
    }

    fn told(&mut self) -> Vec<Occurrence> {
        // A warning is held back for a moment.
        while self.sensor.desk.scores.due_in(clock::mono_ms()).is_some() {
            self.sensor.pass_time().expect("time passes");
            thread::yield_now();
        }
        let events = self.said.try_iter().flat_map(|report| report.events);
        let occurrences = events.filter_map(|event| match event.body {
            Body::Tripwire(occurrence) => Some(occurrence),
            _ => None,
        });
        occurrences.collect()
    }
}

#[test]
fn one_that_is_spoilt_under_another_name_is_told_before_it_is_put_back() {
    let mut rounds = Rounds::begin();
    let canary = rounds.canaries().join("Báo cáo.docx");
    let elsewhere = tempfile::tempdir_in(rounds.home.path().parent().expect("a folder")).expect("a folder");
    let other_name = elsewhere.path().join("x");
    fs::hard_link(&canary, &other_name).expect("linked");
    fs::write(&other_name, [0xa5; 6_000]).expect("written");
    rounds.time_for_a_look();
    let told = rounds.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0].level, told[0].canaries_touched),
        (TripwireLevel::Alarm, 1)
    );
    assert_eq!(fs::read(&canary).expect("there"), [0xa5; 6_000]);
    rounds.time_for_a_look();
    assert!(rounds.told().is_empty(), "once");
}

#[test]
fn one_that_is_closed_as_it_was_means_nothing() {
    let mut rounds = Rounds::begin();
    let canary = rounds.canaries().join("Ảnh.jpg");
    let closed = || imp::Heard {
        act: clues::Act::Written { made: true },
        path: vong_os::file::bytes_of(&canary).to_vec(),
        from: None,
        folder: false,
        pid: std::process::id(),
    };
    rounds.sensor.desk.take(&closed());
    assert!(rounds.told().is_empty());
    fs::write(&canary, [0xa5; 6_000]).expect("written");
    rounds.sensor.desk.take(&closed());
    assert_eq!(rounds.told().len(), 1);
}

#[test]
fn a_folder_that_went_unheard_is_a_warning_and_only_once() {
    let mut rounds = Rounds::begin();
    fs::remove_dir_all(rounds.canaries()).expect("removed");
    rounds.sensor.look_round();
    let told = rounds.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].level, TripwireLevel::Warning);
    rounds.sensor.look_round();
    assert!(rounds.told().is_empty());
}

#[test]
fn whoever_turns_it_off_hears_that_nothing_more_is_told() {
    let mut rounds = Rounds::begin();
    fs::write(rounds.canaries().join("Ảnh.jpg"), [0xa5; 6_000]).expect("written");
    rounds.sensor.look_round();
    let told = rounds.told();
    let mut unseen = Unseen::new(Sensor::Tripwire);
    rounds.sensor.rest(&mut unseen).expect("rests");
    let over = rounds.told();
    assert_eq!(over.len(), 1, "{over:?}");
    assert!(over[0].over && over[0].key == told[0].key);
    rounds.sensor.rest(&mut unseen).expect("rests");
    assert!(rounds.told().is_empty());
}

#[test]
fn what_the_system_cannot_give_now_is_asked_for_again() {
    let too_many = io::Error::from_raw_os_error(24);
    assert_eq!(patience_after(too_many.kind()), Some(RETRY_INTERVAL));
    assert_eq!(patience_after(ErrorKind::OutOfMemory), Some(RETRY_INTERVAL));
    assert_eq!(patience_after(ErrorKind::PermissionDenied), None);
    assert_eq!(patience_after(ErrorKind::Unsupported), None);
}
