//! A folder, a sensor that watches it, a spool of a few lines, and a shell that changes files.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use vong_proto::event::{FileAction, FileEvent, Severity};
use vong_proto::policy::{Policy, Watch};
use vong_proto::session::PolicyDocument;

use super::super::*;
use crate::command::rescans;
use crate::policy::Policies;
use crate::report::{NewEvent, Report, Reports};

pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// What the spool has been given; everybody waits for it here.
#[derive(Default)]
pub(super) struct Given {
    pub(super) events: Mutex<Vec<NewEvent>>,
    /// The paths of all file events, kept apart because counting them again for each report would take longer
    /// than what is tested.
    pub(super) paths: Mutex<HashSet<Vec<u8>>>,
    pub(super) arrived: Condvar,
    /// How the spool ends at its next report.
    pub(super) end: AtomicU8,
}

/// The spool goes on.
const LIVES: u8 = 0;
/// It keeps one more report and ends before anybody hears of that.
const KEEPS: u8 = 1;
/// It ends without keeping it.
const LOSES: u8 = 2;

/// A spool that keeps memory and hands events to the test. While `gate` is locked it keeps nothing.
pub(super) fn spool(
    file: &Path,
    received: Receiver<Report>,
    given: Arc<Given>,
    gate: Arc<Mutex<()>>,
) -> JoinHandle<()> {
    let mut connection = Connection::open(file).expect("a spool");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
             CREATE TABLE IF NOT EXISTS sensor_state (
                 sensor INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (sensor, key)
             ) WITHOUT ROWID;",
        )
        .expect("a table");
    thread::spawn(move || {
        for report in received {
            let _open = gate.lock().unwrap_or_else(PoisonError::into_inner);
            let end = given.end.swap(LIVES, Ordering::Relaxed);
            if end == LOSES {
                return;
            }
            keep(&mut connection, &report);
            let paths = files_of(&report.events).into_iter().map(|event| event.path);
            given.paths.lock().expect("no panic").extend(paths);
            given.events.lock().expect("no panic").extend(report.events);
            given.arrived.notify_all();
            if end == KEEPS {
                return;
            }
            if let Some(committed) = report.committed {
                let _ = committed.send(());
            }
        }
    })
}

pub(super) fn keep(connection: &mut Connection, report: &Report) {
    let transaction = connection.transaction().expect("a transaction");
    for change in &report.state {
        let sensor = crate::state::number(change.sensor);
        match &change.value {
            Some(value) => transaction.execute(
                "INSERT OR REPLACE INTO sensor_state VALUES (?1, ?2, ?3)",
                params![sensor, change.key, value],
            ),
            None => transaction.execute(
                "DELETE FROM sensor_state WHERE sensor = ?1 AND key = ?2",
                params![sensor, change.key],
            ),
        }
        .expect("kept");
    }
    transaction.commit().expect("committed");
}

/// A shell that does as it is told: a process of its own, so that what it does is not the agent's doing.
pub(super) struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    pub(super) fn new() -> Self {
        let mut child = Command::new("sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        Self {
            input: child.stdin.take().expect("piped"),
            output: BufReader::new(child.stdout.take().expect("piped")),
            child,
        }
    }

    /// Runs a script and returns when it has run.
    pub(super) fn run(&mut self, script: &str) {
        writeln!(self.input, "{script}\necho done").expect("the shell lives");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the shell lives");
        assert_eq!(line, "done\n", "after {script}");
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder, its memory, and the sensor between two calls of `start` and `stop`.
pub(super) struct Stage {
    pub(super) hearing: Hearing,
    pub(super) folder: TempDir,
    pub(super) memory: TempDir,
    pub(super) policy: Policy,
    pub(super) governor: Governor,
    pub(super) places: Places,
    pub(super) given: Arc<Given>,
    pub(super) gate: Arc<Mutex<()>>,
    pub(super) running: Option<Running>,
}

pub(super) struct Running {
    stop: Stop,
    policies: Policies,
    rescans: SyncSender<Rescan>,
    sensor: JoinHandle<()>,
    spool: JoinHandle<()>,
}

impl Stage {
    pub(super) fn new(hearing: Hearing) -> Self {
        // A file system in memory: thousands of files cost little, and no compiler disturbs.
        let place = Path::new("/dev/shm");
        let folder = tempfile::tempdir_in(place).expect("a folder");
        let mut stage = Self {
            hearing,
            policy: Policy::before_any(),
            governor: Governor::flat_out(),
            places: Places::default(),
            memory: tempfile::tempdir().expect("a folder"),
            given: Arc::default(),
            gate: Arc::default(),
            running: None,
            folder,
        };
        stage.policy.files.watches.push(Watch {
            name: "watch".to_owned(),
            path: stage.path(""),
            severity: None,
            exclude: vec!["*.tmp".to_owned()],
        });
        stage
    }

    pub(super) fn path(&self, name: &str) -> String {
        let folder = self.folder.path().to_str().expect("plain");
        format!("{folder}/{name}").trim_end_matches('/').to_owned()
    }

    /// Starts the sensor and waits until it has looked at everything once.
    pub(super) fn start(&mut self) {
        self.begin();
        self.wait_for_first_look();
    }

    /// Starts the sensor.
    pub(super) fn begin(&mut self) {
        let (reports, received) = Reports::channel();
        let file = self.memory.path().join("spool.db");
        let spool = spool(&file, received, Arc::clone(&self.given), Arc::clone(&self.gate));
        let stop = Stop::new();
        let (mut policies, policy) = Policies::open(&self.memory.path().join("policy.json"));
        policies.apply(&document(&self.policy)).expect("a good policy");
        let context = Context {
            reports,
            state: file,
            policy,
            stop: stop.clone(),
            own_folders: vec![self.folder.path().join("own")],
            governor: self.governor.clone(),
            programs: crate::sensor::programs::Programs::default(),
        };
        let (orders, commands) = rescans();
        let (hearing, places) = (self.hearing, self.places.clone());
        let sensor = thread::spawn(move || {
            let mut unseen = Unseen::new(Sensor::Files);
            match run_with(&context, &commands, hearing, &places, &mut unseen) {
                Ok(()) | Err(FilesError::Stopped(_)) => {}
                Err(error) => panic!("{error}"),
            }
        });
        self.running = Some(Running {
            stop,
            policies,
            rescans: orders,
            sensor,
            spool,
        });
    }

    pub(super) fn wait_for_first_look(&self) {
        let reader = StateReader::open(&self.memory.path().join("spool.db")).expect("memory");
        let roots: Vec<Vec<u8>> = self
            .policy
            .files
            .watches
            .iter()
            .map(|watch| root_key(&spelt_by_system(&watch.path, &[])))
            .collect();
        self.wait("first look", |_| {
            roots
                .iter()
                .all(|key| reader.get(Sensor::Files, key).expect("readable").is_some())
                .then_some(())
        });
    }

    /// Ends agent and spool as a loss of power does: nothing is settled, and the report on its way is lost, or kept
    /// without an answer.
    pub(super) fn crash(&mut self, keeps_last: bool) {
        let end = if keeps_last { KEEPS } else { LOSES };
        self.given.end.store(end, Ordering::Relaxed);
        self.stop();
        self.given.end.store(LIVES, Ordering::Relaxed);
    }

    pub(super) fn stop(&mut self) {
        let running = self.running.take().expect("it runs");
        running.stop.request();
        running.sensor.join().expect("no panic");
        running.spool.join().expect("no panic");
    }

    /// Puts the stage's policy into force while the sensor runs.
    pub(super) fn apply_policy(&mut self) {
        let document = document(&self.policy);
        let running = self.running.as_mut().expect("it runs");
        running.policies.apply(&document).expect("a good policy");
    }

    pub(super) fn rescan(&self) {
        let running = self.running.as_ref().expect("it runs");
        let watch = String::new();
        running.rescans.send(Rescan { watch }).expect("it listens");
    }

    /// Waits until what was given satisfies a condition.
    pub(super) fn wait<T>(&self, what: &str, condition: impl Fn(&[NewEvent]) -> Option<T>) -> T {
        let begun = Instant::now();
        let mut events = self.given.events.lock().expect("no panic");
        loop {
            if let Some(found) = condition(&events) {
                return found;
            }
            let left = DEADLINE.checked_sub(begun.elapsed());
            let left = left.unwrap_or_else(|| panic!("no {what} among {}", summary(&events)));
            events = self.given.arrived.wait_timeout(events, left).expect("no panic").0;
        }
    }

    /// Whether a condition that reports bring about becomes true in time.
    pub(super) fn holds_within(&self, patience: Duration, condition: impl Fn() -> bool) -> bool {
        let until = Instant::now() + patience;
        let mut events = self.given.events.lock().expect("no panic");
        loop {
            if condition() {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            events = self.given.arrived.wait_timeout(events, left).expect("no panic").0;
        }
    }

    /// Waits until nothing is remembered below a folder that is not watched any more.
    pub(super) fn wait_for_forgetting(&self, name: &str) {
        let reader = StateReader::open(&self.memory.path().join("spool.db")).expect("memory");
        let root = self.path(name).into_bytes();
        self.wait("forgetting", |_| {
            [root_key(&root), known::key_of(&root)]
                .iter()
                .all(|key| reader.get(Sensor::Files, key).expect("readable").is_none())
                .then_some(())
        });
    }

    /// Waits until so many paths have had an event.
    pub(super) fn wait_for_paths(&self, count: usize) {
        self.wait("so many paths", |_| {
            (self.given.paths.lock().expect("no panic").len() >= count).then_some(())
        });
    }

    /// Waits for an event of a file by its name.
    pub(super) fn wait_for(&self, action: FileAction, name: &str) -> FileEvent {
        let path = self.path(name).into_bytes();
        self.wait(&format!("{action:?} of {name}"), |events| {
            files_of(events)
                .into_iter()
                .find(|event| event.action == action && event.path == path)
        })
    }

    /// Waits until the sensor says that it was blind.
    pub(super) fn wait_for_blind(&self, reason: &str) -> Blind {
        self.wait("blind", |events| {
            events.iter().find_map(|event| match &event.body {
                Body::Blind(blind) if blind.reason == reason => Some(blind.clone()),
                _ => None,
            })
        })
    }

    /// Waits until it is said, or taken back, that something cannot be seen; why.
    pub(super) fn wait_for_limit(&self, what: &str, cured: bool) -> String {
        self.wait(what, |events| {
            events.iter().find_map(|event| match &event.body {
                Body::Unsupported(limit) if limit.what == what && limit.cured == cured => {
                    Some(limit.why.clone())
                }
                _ => None,
            })
        })
    }

    /// Waits until the policy that gives changes a low severity is in force, by changing something again and again.
    pub(super) fn wait_for_severity(&self, shell: &mut Shell) {
        let is_low = |event: &FileEvent| event.severity == Some(Severity::Low);
        for round in 0.. {
            let name = format!("round-{round}");
            shell.run(&format!("printf 1 > {name}"));
            if is_low(&self.wait_for(FileAction::Created, &name)) {
                return;
            }
        }
    }

    pub(super) fn files(&self) -> Vec<FileEvent> {
        files_of(&self.given.events.lock().expect("no panic"))
    }

    pub(super) fn forget(&self) {
        self.given.events.lock().expect("no panic").clear();
    }
}

pub(super) fn document(policy: &Policy) -> PolicyDocument {
    let document = policy.to_json();
    PolicyDocument {
        version: 1,
        hash: hex::encode(Sha256::digest(document.as_bytes())),
        document,
    }
}

pub(super) fn files_of(events: &[NewEvent]) -> Vec<FileEvent> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            Body::File(file) => Some(file.clone()),
            _ => None,
        })
        .collect()
}

/// The last events, for whoever reads why a test failed.
pub(super) fn summary(events: &[NewEvent]) -> String {
    const SHOWN: usize = 40;
    let last = &events[events.len().saturating_sub(SHOWN)..];
    format!("{} events, the last are {last:#?}", events.len())
}

pub(super) fn on_both(story: impl Fn(Hearing)) {
    story(Hearing::Unprivileged);
    if vong_os::host::is_privileged() {
        story(Hearing::Best);
    }
}

/// Whether to go on with a story that needs root's rights. A run without them passes only when it is said that it
/// is one, so that nobody takes it for a run of everything.
pub(super) fn may_act_as_root() -> bool {
    let is_said = std::env::var_os("VONG_TEST_UNPRIVILEGED").is_some();
    let is_root = vong_os::host::is_privileged();
    assert!(
        is_root || is_said,
        "this story needs root with CAP_SYS_ADMIN: run it so, or set VONG_TEST_UNPRIVILEGED=1 to pass it over"
    );
    is_root
}
