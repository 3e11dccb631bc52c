//! Long work: what it reads, what it finds, and that a stop costs nothing.

use std::thread;

use rusqlite::{Connection, params};
use vong_proto::event::{FileAction, Origin, Who};
use vong_proto::policy::{BudgetPolicy, Policy};

use super::super::known::REHASH_KEY;
use super::super::rehash::Place;
use super::super::*;
use super::stage::Stage;
use crate::governor::Fill;

/// So many files, and bytes in each.
const FILES: usize = 300;
const FILE_BYTES: usize = 64 * 1024;
/// Content that is read so soon after its change is read once more; so the tests wait for longer.
const SOON_NS: i64 = 100_000_000;

impl Stage {
    /// Long work reads so many MiB a second from now on.
    fn slow_down(&mut self, mib_s: u32) {
        let policy = Policy {
            budget: BudgetPolicy {
                background_disk_mib_s: mib_s,
                ..BudgetPolicy::flat_out()
            },
            ..Policy::before_any()
        };
        self.governor = Governor::new(PolicyWatch::fixed(policy), Fill::default());
    }

    fn is_looked_at(&self) -> bool {
        let root = spelt_by_system(&self.path(""), &[]);
        self.remembers(&root_key(&root))
    }

    fn remembers(&self, key: &[u8]) -> bool {
        let reader = StateReader::open(&self.memory.path().join("spool.db")).expect("memory");
        reader.get(Sensor::Files, key).expect("readable").is_some()
    }

    fn change_memory(&self, statement: &str, values: impl rusqlite::Params) {
        let spool = Connection::open(self.memory.path().join("spool.db")).expect("memory");
        assert_eq!(spool.execute(statement, values).expect("changed"), 1);
    }
}

/// Returns when what was written before is not new any more.
fn let_files_age() {
    let begun_ns = clock::wall_ms() * 1_000_000;
    while clock::wall_ms() * 1_000_000 < begun_ns + SOON_NS {
        thread::yield_now();
    }
}

#[test]
fn a_first_look_that_is_stopped_again_and_again_reads_no_file_twice() {
    let mut stage = Stage::new(Hearing::Unprivileged);
    for number in 0..FILES {
        let content = [number.to_le_bytes().as_slice(), &[7; FILE_BYTES - 8]].concat();
        std::fs::write(stage.path(&number.to_string()), content).expect("written");
    }
    let_files_age();
    stage.slow_down(8);
    let mut stops = 0;
    while !(stops > 0 && stage.is_looked_at()) {
        let before = stage.governor.bytes_read();
        stage.begin();
        stage.wait("a piece of the first look", |_| {
            (stage.governor.bytes_read() > before).then_some(())
        });
        stage.stop();
        stops += 1;
    }
    assert!(stops > 1, "it was not stopped in between");
    assert_eq!(stage.governor.bytes_read(), (FILES * FILE_BYTES) as u64);
    for number in 0..FILES {
        let key = known::key_of(stage.path(&number.to_string()).as_bytes());
        assert!(stage.remembers(&key), "{number}");
    }
    assert_eq!(stage.files(), [], "nothing of it is news");
}

#[test]
fn content_that_changed_behind_everybodys_back_is_found_by_reading_again() {
    let mut stage = Stage::new(Hearing::Unprivileged);
    for name in ["a tampered one", "same"] {
        std::fs::write(stage.path(name), "12345").expect("written");
    }
    let_files_age();
    stage.start();
    stage.stop();
    // To change content and keep all times takes a disk that is written to below its file system; to the sensor it is
    // the same when it remembers another content.
    let key = known::key_of(stage.path("a tampered one").as_bytes());
    let flip =
        "UPDATE sensor_state SET value = CAST(substr(value, 1, 48) || randomblob(32) AS BLOB) WHERE key = ?1";
    stage.change_memory(flip, params![key]);
    let long_ago = Place {
        turn_ms: 1,
        ..Place::default()
    };
    let again = "INSERT OR REPLACE INTO sensor_state VALUES (?1, ?2, ?3)";
    let sensor = crate::state::number(Sensor::Files);
    stage.change_memory(again, params![sensor, REHASH_KEY, long_ago.encode()]);

    stage.start();

    let found = stage.wait_for(FileAction::Modified, "a tampered one");
    let nobody = Who::Unavailable("catch_up".to_owned());
    assert_eq!((found.origin, found.who), (Origin::CatchUp, nobody));
    stage.stop();
    assert_eq!(stage.files().len(), 1);
}
