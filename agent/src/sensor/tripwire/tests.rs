//! The sensor on a real folder: what programs do there, and what it makes of it. Without privilege it says that there
//! is none, which is all that can be tested then.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};

use tempfile::TempDir;
use vong_proto::event::{Tripwire as Occurrence, TripwireLevel, Unsupported};
use vong_proto::policy::Policy;

use super::*;
use crate::policy::PolicyWatch;
use crate::report::Reports;
use crate::stop::Stop;

mod rounds;

const PATIENCE: Duration = Duration::from_secs(20);

/// A sensor at work over a folder of its own.
struct Sensing {
    home: TempDir,
    data: TempDir,
    said: Receiver<Report>,
    context: Context,
    thread: Option<JoinHandle<()>>,
}

impl Sensing {
    fn start(canaries: bool) -> Self {
        let (home, data) = (
            tempfile::tempdir().expect("a folder"),
            tempfile::tempdir().expect("a folder"),
        );
        empty_state(data.path());
        let path = home.path().to_owned();
        Self::start_over(home, data, vec![path], canaries)
    }

    fn start_over(home: TempDir, data: TempDir, roots: Vec<PathBuf>, canaries: bool) -> Self {
        let state = data.path().join("spool.db");
        let (reports, said) = Reports::channel();
        let tripwire = TripwirePolicy {
            paths: roots
                .iter()
                .map(|root| root.to_string_lossy().into_owned())
                .collect(),
            canaries,
            ..TripwirePolicy::default()
        };
        let context = Context {
            reports,
            state,
            policy: PolicyWatch::fixed(Policy {
                tripwire,
                ..Policy::before_any()
            }),
            stop: Stop::new(),
            own_folders: vec![data.path().to_owned()],
            governor: crate::governor::Governor::flat_out(),
            programs: crate::sensor::programs::Programs::default(),
        };
        let of_thread = context.clone();
        let thread = thread::spawn(move || {
            run(&of_thread, &mut Unseen::new(Sensor::Tripwire)).expect("it runs until it is stopped");
        });
        let sensing = Self {
            home,
            data,
            said,
            context,
            thread: Some(thread),
        };
        sensing.wait_until_armed();
        sensing
    }

    /// A canary of another kind: a document that a process spoils until somebody notices.
    fn wait_until_armed(&self) {
        let begun = Instant::now();
        while vong_os::host::is_privileged() && begun.elapsed() < PATIENCE {
            let marked = fs::read_dir("/proc/self/fdinfo")
                .expect("there")
                .flatten()
                .any(|entry| {
                    fs::read_to_string(entry.path()).is_ok_and(|info| info.contains("fanotify sdev:"))
                });
            // Half of one has another name.
            let placed = fs::read_dir(self.home.path())
                .expect("there")
                .flatten()
                .filter_map(|folder| fs::read_dir(folder.path()).ok())
                .flat_map(Iterator::flatten)
                .filter(|file| !file.file_name().as_encoded_bytes().starts_with(b"."))
                .count();
            let placed = placed
                == if self.context.policy.current().tripwire.canaries {
                    10
                } else {
                    0
                };
            if marked && placed {
                return;
            }
            thread::yield_now();
        }
    }

    /// Ends the run, keeps what it wanted to be kept, and begins another.
    fn restart(mut self) -> Self {
        self.end();
        let connection = rusqlite::Connection::open(self.data.path().join("spool.db")).expect("a spool");
        for change in self.said.try_iter().flat_map(|report| report.state) {
            let key = rusqlite::params![crate::state::number(change.sensor), change.key, change.value];
            let sql = match change.value {
                Some(_) => "INSERT OR REPLACE INTO sensor_state VALUES (?1, ?2, ?3)",
                None => "DELETE FROM sensor_state WHERE sensor = ?1 AND key = ?2 AND ?3 IS NULL",
            };
            connection.execute(sql, key).expect("kept");
        }
        let other = |_| tempfile::tempdir().expect("a folder");
        let home = std::mem::replace(&mut self.home, other(()));
        let data = std::mem::replace(&mut self.data, other(()));
        let path = home.path().to_owned();
        Self::start_over(home, data, vec![path], false)
    }

    fn end(&mut self) {
        self.context.stop.request();
        self.context.policy.wake_all();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic");
        }
    }

    fn sh(&self, script: &str) {
        let done = Command::new("bash")
            .args(["-c", script])
            .current_dir(self.home.path())
            .status();
        assert!(done.expect("a shell").success(), "{script}");
    }

    /// The first alarm; `None` when the sensor says that there can be no tripwire.
    fn tripped(&self) -> Option<Occurrence> {
        self.told(TripwireLevel::Alarm)
    }

    fn told(&self, level: TripwireLevel) -> Option<Occurrence> {
        let until = Instant::now() + PATIENCE;
        while let Ok(report) = self
            .said
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            for event in report.events {
                match event.body {
                    Body::Tripwire(occurrence) if occurrence.level == level => {
                        return Some(occurrence);
                    }
                    Body::Unsupported(Unsupported { .. }) if !vong_os::host::is_privileged() => return None,
                    _ => {}
                }
            }
        }
        panic!("nothing was said")
    }

    /// Nothing has been said until now.
    fn must_be_quiet(&self) {
        for event in self.said.try_iter().flat_map(|report| report.events) {
            if let Body::Tripwire(occurrence) = event.body {
                panic!("{occurrence:?}");
            }
        }
    }
}

impl Drop for Sensing {
    fn drop(&mut self) {
        self.end();
    }
}

/// A spool that remembers nothing.
fn empty_state(data: &Path) -> PathBuf {
    let state = data.join("spool.db");
    let connection = rusqlite::Connection::open(&state).expect("a spool");
    let table = "CREATE TABLE sensor_state (sensor INTEGER, key BLOB, value BLOB, PRIMARY KEY (sensor, key))";
    connection.execute(table, []).expect("a table");
    state
}

const DOCUMENTS: &str = "for n in $(seq 40); do yes 'Báo cáo tháng của ủy ban nhân dân xã' | head -n 400 > \"hồ sơ $n.txt\"; done";

#[test]
fn a_loop_of_short_lived_programs_adds_up_under_the_shell() {
    let sensing = Sensing::start(false);
    sensing.sh(DOCUMENTS);
    sensing.sh("for f in *.txt; do openssl enc -aes-256-ctr -pass pass:x -nosalt -in \"$f\" -out \"$f.enc\" 2>/dev/null && rm \"$f\"; done");
    let Some(tripped) = sensing.tripped() else { return };
    assert!(tripped.files_lost <= 8, "{tripped:?}");
    assert!(tripped.processes[0].executable.ends_with(b"bash"), "{tripped:?}");
    assert_eq!(tripped.reasons[0].code, "rewritten_and_deleted");
}

#[test]
fn a_program_for_each_file_below_a_host_adds_up_under_the_user() {
    if !vong_os::host::is_privileged() {
        return; // Nobody else may start programs as another without a password.
    }
    let sensing = Sensing::start(false);
    sensing.sh(DOCUMENTS);
    sensing.sh("for f in *.txt; do su -c \"head -c 8000 /dev/urandom > '$f'\" < /dev/null; done");
    let Some(tripped) = sensing.tripped() else { return };
    assert!(tripped.files_lost <= 10, "{tripped:?}");
    assert_eq!(tripped.user, "root");
    let parent = &tripped.processes[0].parent_executable;
    assert!(parent.ends_with(b"/su"), "{tripped:?}");
}

#[test]
fn reading_a_canary_means_nothing_and_writing_to_one_trips() {
    let sensing = Sensing::start(true);
    sensing.sh("cat */* > /dev/null; cp -r . ../copy-$$ && rm -r ../copy-$$");
    sensing.must_be_quiet();
    sensing.sh("printf x >> \"$(ls -d '~'*)/Báo cáo.docx\"");
    let Some(warned) = sensing.told(TripwireLevel::Warning) else {
        return;
    };
    assert_eq!(warned.canaries_touched, 1, "{warned:?}");
    sensing.sh("head -c 6000 /dev/urandom > \"$(ls -d !*)/Danh sách.xlsx\"");
    let tripped = sensing.told(TripwireLevel::Alarm).expect("there is a tripwire");
    assert_eq!(tripped.reasons[0].code, "canary", "{tripped:?}");
}

#[test]
fn strange_files_are_no_danger_to_the_sensor() {
    let sensing = Sensing::start(false);
    sensing.sh("mkfifo a.docx; truncate -s 100G b.docx; ln -s c.docx c.docx; printf x > \"$(printf 'd\\xff\\n.docx')\"; mkdir e.docx; mv b.docx f.pdf");
    assert!(
        fs::symlink_metadata(sensing.home.path().join("a.docx"))
            .expect("there")
            .file_type()
            .is_fifo()
    );
    sensing.sh(DOCUMENTS);
    sensing.must_be_quiet();
    sensing.sh("for f in *.txt; do head -c 8000 /dev/urandom > \"$f\"; done");
    let Some(tripped) = sensing.tripped() else { return };
    assert_eq!(tripped.reasons[0].code, "content_random");
}

#[test]
fn who_has_begun_before_a_restart_of_the_agent_is_known_after_it() {
    let sensing = Sensing::start(false);
    sensing.sh(DOCUMENTS);
    // Spoils a document whenever it is told to.
    let mut shell = Command::new("bash")
        .args([
            "-c",
            "while read n; do head -c 8000 /dev/urandom > \"hồ sơ $n.txt\"; echo; done",
        ])
        .current_dir(sensing.home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let (mut tell, mut hear) = (
        shell.stdin.take().expect("piped"),
        BufReader::new(shell.stdout.take().expect("piped")).lines(),
    );
    let mut spoil = |number: u32| {
        writeln!(tell, "{number}").expect("it reads");
        hear.next().expect("it answers").expect("it answers");
    };
    spoil(1);
    spoil(2);
    let warned = sensing.told(TripwireLevel::Warning);
    let sensing = sensing.restart();
    spoil(3);
    let tripped = warned.and_then(|warned| Some((warned, sensing.tripped()?)));
    drop(tell);
    shell.wait().expect("it ends");
    let Some((warned, tripped)) = tripped else { return };
    assert_eq!(tripped.key, warned.key, "the same occurrence");
    assert_eq!(tripped.files_lost, 3, "{tripped:?}");
    assert_eq!(tripped.processes[0].pid, shell.id());
}
