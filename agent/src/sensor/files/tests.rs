//! The whole sensor on real folders, with a spool of a few lines: a shell changes files, the oracle is what
//! the shell was told to do.
//!
//! Every story runs twice: through inotify as everybody, and with fanotify where there is privilege.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use proptest::prelude::*;
use rusqlite::{Connection, params};
use sha2::Digest as _;
use sha2::Sha256;
use tempfile::TempDir;
use vong_proto::event::{Digest, FileAction, FileEvent, Origin, Process, Severity, Who};
use vong_proto::policy::{Policy, Watch};
use vong_proto::session::PolicyDocument;

use vong_os::file::bytes_of;

use super::*;
use crate::command::rescans;
use crate::policy::Policies;
use crate::report::{NewEvent, Report, Reports};

mod explained;

const DEADLINE: Duration = Duration::from_secs(60);

/// What the spool has been given; everybody waits for it here.
#[derive(Default)]
struct Given {
    events: Mutex<Vec<NewEvent>>,
    /// The paths of all file events, kept apart because counting them again for each report would take longer
    /// than what is tested.
    paths: Mutex<HashSet<Vec<u8>>>,
    arrived: Condvar,
}

/// A spool that keeps memory and hands events to the test. While `gate` is locked it keeps nothing.
fn spool(file: &Path, received: Receiver<Report>, given: Arc<Given>, gate: Arc<Mutex<()>>) -> JoinHandle<()> {
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
            keep(&mut connection, &report);
            let paths = files_of(&report.events).into_iter().map(|event| event.path);
            given.paths.lock().expect("no panic").extend(paths);
            given.events.lock().expect("no panic").extend(report.events);
            given.arrived.notify_all();
            if let Some(committed) = report.committed {
                let _ = committed.send(());
            }
        }
    })
}

fn keep(connection: &mut Connection, report: &Report) {
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
struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    fn new() -> Self {
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
    fn run(&mut self, script: &str) {
        writeln!(self.input, "{script}\necho done").expect("the shell lives");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the shell lives");
        assert_eq!(line, "done\n", "after {script}");
    }

    fn pid(&self) -> u32 {
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
struct Stage {
    hearing: Hearing,
    folder: TempDir,
    memory: TempDir,
    policy: Policy,
    places: Places,
    given: Arc<Given>,
    gate: Arc<Mutex<()>>,
    running: Option<Running>,
}

struct Running {
    stop: Stop,
    policies: Policies,
    rescans: SyncSender<Rescan>,
    sensor: JoinHandle<()>,
    spool: JoinHandle<()>,
}

impl Stage {
    fn new(hearing: Hearing) -> Self {
        // A file system in memory: thousands of files cost little, and no compiler disturbs.
        let place = Path::new("/dev/shm");
        let folder = tempfile::tempdir_in(place).expect("a folder");
        let mut stage = Self {
            hearing,
            policy: Policy::before_any(),
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

    fn path(&self, name: &str) -> String {
        let folder = self.folder.path().to_str().expect("plain");
        format!("{folder}/{name}").trim_end_matches('/').to_owned()
    }

    /// Starts the sensor and waits until it has looked at everything once.
    fn start(&mut self) {
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
        };
        let (orders, commands) = rescans();
        let (hearing, places) = (self.hearing, self.places.clone());
        let sensor = thread::spawn(move || {
            let mut unseen = Unseen::new(Sensor::Files);
            run_with(&context, &commands, hearing, &places, &mut unseen).expect("it runs");
        });
        self.running = Some(Running {
            stop,
            policies,
            rescans: orders,
            sensor,
            spool,
        });
        self.wait_for_first_look();
    }

    fn wait_for_first_look(&self) {
        let reader = StateReader::open(&self.memory.path().join("spool.db")).expect("memory");
        let roots: Vec<Vec<u8>> = self
            .policy
            .files
            .watches
            .iter()
            .map(|watch| root_key(&spelt_by_system(&watch.path)))
            .collect();
        self.wait("first look", |_| {
            roots
                .iter()
                .all(|key| reader.get(Sensor::Files, key).expect("readable").is_some())
                .then_some(())
        });
    }

    fn stop(&mut self) {
        let running = self.running.take().expect("it runs");
        running.stop.request();
        running.sensor.join().expect("no panic");
        running.spool.join().expect("no panic");
    }

    /// Puts the stage's policy into force while the sensor runs.
    fn apply_policy(&mut self) {
        let document = document(&self.policy);
        let running = self.running.as_mut().expect("it runs");
        running.policies.apply(&document).expect("a good policy");
    }

    fn rescan(&self) {
        let running = self.running.as_ref().expect("it runs");
        let watch = String::new();
        running.rescans.send(Rescan { watch }).expect("it listens");
    }

    /// Waits until what was given satisfies a condition.
    fn wait<T>(&self, what: &str, condition: impl Fn(&[NewEvent]) -> Option<T>) -> T {
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

    /// Waits until nothing is remembered below a folder that is not watched any more.
    fn wait_for_forgetting(&self, name: &str) {
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
    fn wait_for_paths(&self, count: usize) {
        self.wait("so many paths", |_| {
            (self.given.paths.lock().expect("no panic").len() >= count).then_some(())
        });
    }

    /// Waits for an event of a file by its name.
    fn wait_for(&self, action: FileAction, name: &str) -> FileEvent {
        let path = self.path(name).into_bytes();
        self.wait(&format!("{action:?} of {name}"), |events| {
            files_of(events)
                .into_iter()
                .find(|event| event.action == action && event.path == path)
        })
    }

    /// Waits until the sensor says that it was blind.
    fn wait_for_blind(&self, reason: &str) -> Blind {
        self.wait("blind", |events| {
            events.iter().find_map(|event| match &event.body {
                Body::Blind(blind) if blind.reason == reason => Some(blind.clone()),
                _ => None,
            })
        })
    }

    /// Waits until it is said, or taken back, that something cannot be seen; why.
    fn wait_for_limit(&self, what: &str, cured: bool) -> String {
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
    fn wait_for_severity(&self, shell: &mut Shell) {
        let is_low = |event: &FileEvent| event.severity == Some(Severity::Low);
        for round in 0.. {
            let name = format!("round-{round}");
            shell.run(&format!("printf 1 > {name}"));
            if is_low(&self.wait_for(FileAction::Created, &name)) {
                return;
            }
        }
    }

    fn files(&self) -> Vec<FileEvent> {
        files_of(&self.given.events.lock().expect("no panic"))
    }

    fn forget(&self) {
        self.given.events.lock().expect("no panic").clear();
    }
}

fn document(policy: &Policy) -> PolicyDocument {
    let document = policy.to_json();
    PolicyDocument {
        version: 1,
        hash: hex::encode(Sha256::digest(document.as_bytes())),
        document,
    }
}

fn files_of(events: &[NewEvent]) -> Vec<FileEvent> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            Body::File(file) => Some(file.clone()),
            _ => None,
        })
        .collect()
}

/// The last events, for whoever reads why a test failed.
fn summary(events: &[NewEvent]) -> String {
    const SHOWN: usize = 40;
    let last = &events[events.len().saturating_sub(SHOWN)..];
    format!("{} events, the last are {last:#?}", events.len())
}

fn on_both(story: impl Fn(Hearing)) {
    story(Hearing::Unprivileged);
    if vong_os::host::is_privileged() {
        story(Hearing::Best);
    }
}

/// The only event of a path.
fn single<'a>(events: &'a [FileEvent], path: &str) -> &'a FileEvent {
    let of_path: Vec<_> = events
        .iter()
        .filter(|event| event.path == path.as_bytes())
        .collect();
    assert_eq!(of_path.len(), 1, "{path}: {of_path:#?}");
    of_path[0]
}

#[test]
fn what_a_program_does_is_reported_with_its_bytes_and_its_name() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        let [nfc, nfd] = ["báo cáo.txt", "ba\u{301}o ca\u{301}o.txt"];
        stage.start();

        shell.run(&format!(
            "cd '{}'; printf abc > '{nfc}'; printf abd > '{nfd}'",
            stage.path("")
        ));
        let first = stage.wait_for(FileAction::Created, nfc);
        let second = stage.wait_for(FileAction::Created, nfd);

        for event in [&first, &second] {
            assert_eq!(event.origin, Origin::RealTime);
            assert_eq!(event.watch, "watch");
            match (&event.who, hearing) {
                (Who::Exact(process), Hearing::Best) => {
                    assert_eq!(process.pid, shell.pid());
                    assert_eq!(process.parent_pid, std::process::id());
                    assert!(!process.user.is_empty());
                }
                (Who::Unavailable(why), Hearing::Unprivileged) => assert_eq!(why, "unprivileged"),
                (who, _) => panic!("{who:?}"),
            }
        }
        let digest = |event: &FileEvent| event.meta.clone().expect("it is there").digest;
        assert!(matches!(digest(&first), Digest::Sha256(_)));
        assert_ne!(digest(&first), digest(&second));

        shell.run(&format!(
            "printf more >> '{nfc}'; chmod 600 '{nfd}'; mv '{nfd}' renamed; rm '{nfc}'"
        ));
        let renamed = stage.wait_for(FileAction::Renamed, "renamed");
        assert_eq!(renamed.old_path, Some(stage.path(nfd).into_bytes()));
        assert_eq!(digest(&renamed), digest(&second));
        let deleted = stage.wait_for(FileAction::Deleted, nfc);
        assert_eq!(deleted.meta, None);
        stage.stop();
    });
}

#[test]
fn each_change_is_told_apart_when_there_is_time_to_look() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'; printf one > a; mkdir own", stage.path("")));
        stage.start();
        assert_eq!(stage.files(), [], "what was there before is not news");

        shell.run("printf two > a");
        stage.wait_for(FileAction::Modified, "a");
        shell.run("chmod 600 a");
        let rights = stage.wait_for(FileAction::Attributes, "a");
        assert_eq!(rights.meta.expect("it is there").mode & 0o777, 0o600);
        shell.run("printf x > b.tmp; printf x > own/c; ln -s a link");
        let link = stage.wait_for(FileAction::Created, "link");
        assert_eq!(
            link.meta.expect("it is there").digest,
            Digest::Absent("not_a_file".to_owned())
        );
        shell.run("rm a");
        stage.wait_for(FileAction::Deleted, "a");
        let paths: HashSet<Vec<u8>> = stage.files().into_iter().map(|event| event.path).collect();
        let expected = ["a", "link"].map(|name| stage.path(name).into_bytes());
        assert_eq!(
            paths,
            HashSet::from(expected),
            "excluded and own files are nobody's business"
        );
        stage.stop();
    });
}

#[test]
fn what_happened_while_the_agent_was_away_is_found_once() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!(
            "cd '{}'; mkdir deep; printf 1 > deep/changed; printf 2 > deleted; printf 3 > same; printf 4 > rights",
            stage.path("")
        ));
        stage.start();
        stage.stop();

        shell.run("printf x > deep/changed; rm deleted; printf 5 > 'thư mới'; chmod 611 rights");
        stage.start();
        stage.wait_for(FileAction::Deleted, "deleted");
        stage.wait_for(FileAction::Created, "thư mới");
        stage.wait_for(FileAction::Modified, "deep/changed");
        stage.wait_for(FileAction::Attributes, "rights");
        stage.stop();
        let found = stage.files();
        assert_eq!(found.len(), 4, "{found:#?}");
        for event in found {
            assert_eq!(event.origin, Origin::CatchUp);
            assert_eq!(event.who, Who::Unavailable("catch_up".to_owned()));
        }

        stage.forget();
        stage.start();
        stage.rescan();
        shell.run("printf y > last");
        stage.wait_for(FileAction::Created, "last");
        assert_eq!(stage.files().len(), 1, "it is not found again");
        stage.stop();
    });
}

#[test]
fn a_renamed_folder_keeps_what_is_known_of_its_inside() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!(
            "cd '{}'; mkdir -p old/deep; printf 1 > old/deep/file; mkdir ../outside.$$; printf 2 > ../outside.$$/new",
            stage.path("")
        ));
        stage.start();
        shell.run("mv old 'mới'");
        let renamed = stage.wait_for(FileAction::Renamed, "mới");
        assert_eq!(renamed.old_path, Some(stage.path("old").into_bytes()));

        shell.run("printf 3 > 'mới/deep/file'");
        stage.wait_for(FileAction::Modified, "mới/deep/file");
        shell.run("mv ../outside.$$ arrived");
        stage.wait_for(FileAction::Created, "arrived/new");
        shell.run("mv 'mới' ../outside.$$; rm -r ../outside.$$");
        stage.wait_for(FileAction::Deleted, "mới/deep/file");
        let files = stage.files();
        single(&files, &stage.path("arrived/new"));
        assert!(
            !files.iter().any(|event| event.path.ends_with(b"old/deep/file")),
            "{files:#?}"
        );
        stage.stop();
    });
}

/// A copy ends before its event is read. Not every one is caught when it starts, but most are.
#[test]
fn a_program_that_ends_at_once_is_named_all_the_same() {
    const COPIES: usize = 50;
    if !may_act_as_root() {
        return;
    }
    let mut stage = Stage::new(Hearing::Best);
    let mut shell = Shell::new();
    stage.start();
    shell.run(&format!("cd '{}'; printf 1 > original", stage.path("")));
    for copy in 0..COPIES {
        shell.run(&format!("cp original copy{copy}"));
        stage.wait_for(FileAction::Created, &format!("copy{copy}"));
    }
    stage.stop();
    let copied_by_cp = |event: &&FileEvent| {
        let by_cp =
            |process: &Process| process.executable.ends_with(b"/cp") && process.parent_pid == shell.pid();
        matches!(&event.who, Who::Exact(process) if by_cp(process))
    };
    let named = stage.files().iter().filter(copied_by_cp).count();
    assert!(named > COPIES / 4, "only {named} of {COPIES} were named");
}

#[test]
fn whoever_removes_a_whole_tree_is_named() {
    if !may_act_as_root() {
        return;
    }
    let mut stage = Stage::new(Hearing::Best);
    let mut shell = Shell::new();
    shell.run(&format!(
        "cd '{}'; mkdir -p before/deep; printf 1 > before/deep/file",
        stage.path("")
    ));
    stage.start();
    shell.run("mkdir -p after/deep; printf 1 > after/deep/file");
    stage.wait_for(FileAction::Created, "after/deep/file");
    shell.run("rm -r before after");
    for name in ["before/deep/file", "after/deep/file", "before", "after"] {
        let deleted = stage.wait_for(FileAction::Deleted, name);
        assert_eq!(deleted.origin, Origin::RealTime, "{deleted:#?}");
        assert!(
            matches!(deleted.who, Who::Exact(_) | Who::Exited { .. }),
            "{deleted:#?}"
        );
    }
    stage.stop();
}

#[test]
fn a_folder_that_appears_later_is_watched_from_then_on() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        stage.policy.files.watches[0].path = stage.path("later");
        stage.start();
        let why = stage.wait("missing", |events| {
            events.iter().find_map(|event| match &event.body {
                Body::Unsupported(limit) if limit.what == "watch:watch" => Some(limit.why.clone()),
                _ => None,
            })
        });
        assert_eq!(why, "missing");
        shell.run(&format!(
            "cd '{}'; mkdir later; printf 1 > later/early",
            stage.path("")
        ));
        let early = stage.wait_for(FileAction::Created, "later/early");
        stage.wait("cured", |events| {
            let is_cured = |body: &Body| {
                matches!(body, Body::Unsupported(limit) if limit.what == "watch:watch" && limit.cured)
            };
            events.iter().find(|event| is_cured(&event.body)).map(|_| ())
        });
        assert_eq!(early.origin, Origin::CatchUp);
        shell.run("printf 2 > later/live");
        let live = stage.wait_for(FileAction::Created, "later/live");
        assert_eq!(live.origin, Origin::RealTime);
        shell.run("mv later gone; mkdir later; printf 3 > later/other");
        stage.wait_for(FileAction::Created, "later/other");
        stage.wait_for(FileAction::Deleted, "later/early");
        stage.stop();
    });
}

#[test]
fn a_new_policy_takes_over_without_a_gap_and_without_false_news() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!(
            "cd '{}'; mkdir one two; printf 1 > one/a; printf 2 > two/b",
            stage.path("")
        ));
        stage.policy.files.watches[0].path = stage.path("one");
        stage.policy.files.watches[0].exclude = vec!["a".to_owned()];
        stage.start();

        stage.policy.files.watches[0].exclude.clear();
        stage.policy.files.watches.push(Watch {
            name: "second".to_owned(),
            path: stage.path("two"),
            severity: None,
            exclude: Vec::new(),
        });
        stage.apply_policy();
        shell.run("printf 3 > one/during");
        stage.wait_for_first_look();
        shell.run("printf 4 > two/b");
        assert_eq!(stage.wait_for(FileAction::Modified, "two/b").watch, "second");
        stage.wait_for(FileAction::Created, "one/during");
        shell.run("printf 5 > one/a");
        stage.wait_for(FileAction::Modified, "one/a");

        stage.policy.files.watches.pop();
        stage.apply_policy();
        stage.wait_for_forgetting("two");
        shell.run("printf 6 > two/c; printf 7 > one/last");
        stage.wait_for(FileAction::Created, "one/last");
        assert_eq!(stage.files().len(), 4, "{:#?}", stage.files());
        stage.stop();
    });
}

#[test]
fn a_folder_that_is_watched_again_while_it_is_being_forgotten_is_not_taken_for_new() {
    on_both(|hearing| {
        const FILES: usize = 2_000;
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!(
            "cd '{}'; mkdir one two; for n in $(seq {FILES}); do printf 1 > two/$n; done",
            stage.path("")
        ));
        let watch = |name: &str, path: String| Watch {
            name: name.to_owned(),
            path,
            severity: None,
            exclude: Vec::new(),
        };
        let two = watch("two", stage.path("two"));
        stage.policy.files.watches = vec![watch("one", stage.path("one")), two.clone()];
        stage.start();

        stage.policy.files.watches[1] = watch("absent", stage.path("absent"));
        stage.apply_policy();
        stage.wait("a policy in force", |events| {
            events
                .iter()
                .any(|event| matches!(&event.body, Body::Unsupported(limit) if limit.what == "watch:absent"))
                .then_some(())
        });
        stage.policy.files.watches = vec![two];
        stage.apply_policy();
        let reader = StateReader::open(&stage.memory.path().join("spool.db")).expect("memory");
        let root = stage.path("two").into_bytes();
        stage.wait("a complete look", |_| {
            let stamp = reader.get(Sensor::Files, &root_key(&root)).expect("readable");
            stamp.filter(|stamp| stamp.as_slice() != FORGETTING)
        });
        shell.run("printf 2 > two/after");
        stage.wait_for(FileAction::Created, "two/after");
        stage.stop();
        assert_eq!(stage.files().len(), 1, "nothing else is new");

        shell.run(&format!("printf 3 > two/{FILES}"));
        stage.start();
        stage.wait_for(FileAction::Modified, &format!("two/{FILES}"));
        stage.stop();
    });
}

#[test]
fn a_folder_is_heard_whatever_its_name_ends_with() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'; mkdir 'in (deleted)'", stage.path("")));
        stage.start();
        // What was learnt about folders is forgotten with a new policy.
        stage.policy.files.watches[0].severity = Some(Severity::Low);
        stage.apply_policy();
        stage.wait_for_severity(&mut shell);
        shell.run("printf 1 > 'in (deleted)/file'");
        stage.wait_for(FileAction::Created, "in (deleted)/file");
        stage.stop();
    });
}

#[test]
fn two_contents_of_one_size_are_two_changes_however_fast() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'", stage.path("")));
        stage.start();
        for round in 0..20 {
            shell.run(&format!("printf {round:03} > file"));
            let expected = Digest::Sha256(Sha256::digest(format!("{round:03}")).into());
            stage.wait("the newest content", |events| {
                let files = files_of(events);
                let last = files.last()?.meta.as_ref()?;
                (last.digest == expected).then_some(())
            });
        }
        stage.stop();
    });
}

/// Whether to go on with a story that needs root's rights. A run without them passes only when it is said that it
/// is one, so that nobody takes it for a run of everything.
fn may_act_as_root() -> bool {
    let is_said = std::env::var_os("VONG_TEST_UNPRIVILEGED").is_some();
    let is_root = vong_os::host::is_privileged();
    assert!(
        is_root || is_said,
        "this story needs root with CAP_SYS_ADMIN: run it so, or set VONG_TEST_UNPRIVILEGED=1 to pass it over"
    );
    is_root
}

#[test]
fn what_is_mounted_below_a_watch_is_heard_from_then_on() {
    if !may_act_as_root() {
        return;
    }
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!(
            "cd '{}'; mkdir point; printf 1 > point/below",
            stage.path("")
        ));
        stage.start();

        shell.run("mount -t tmpfs none point; printf 2 > point/above");
        let blind = stage.wait_for_blind("remounted");
        assert_eq!(blind.scope, stage.path("point").into_bytes());
        stage.wait_for(FileAction::Created, "point/above");
        stage.wait_for(FileAction::Deleted, "point/below");
        shell.run("printf 3 > point/later");
        let later = stage.wait_for(FileAction::Created, "point/later");
        assert_eq!(later.origin, Origin::RealTime);
        stage.forget();

        shell.run("umount point && printf 4 > unmounted");
        stage.wait_for(FileAction::Created, "unmounted");
        let blind = stage.wait_for_blind("remounted");
        assert_eq!(blind.scope, stage.path("point").into_bytes());
        stage.wait_for(FileAction::Created, "point/below");
        shell.run("printf 5 >> point/below");
        let below = stage.wait_for(FileAction::Modified, "point/below");
        assert_eq!(below.origin, Origin::RealTime);
        stage.stop();
    });
}

/// A disk that holds `kept` and `lost`, to be mounted at a point below the watch or at the watch itself.
fn pull_out_and_back(hearing: Hearing, point: &str, while_running: bool) {
    let mut stage = Stage::new(hearing);
    let mut shell = Shell::new();
    let disk = stage.memory.path().join("disk").display().to_string();
    let at = stage.path(point);
    let file = |name: &str| format!("{point}/{name}").trim_start_matches('/').to_owned();
    let mount = format!("mount --bind '{disk}' '{at}'");
    shell.run(&format!(
        "mkdir -p '{disk}' '{at}'; printf 1 > '{disk}/kept'; printf 2 > '{disk}/lost'; {mount}"
    ));
    stage.start();

    if !while_running {
        stage.stop();
    }
    shell.run(&format!("umount '{at}'"));
    if !while_running {
        stage.start();
    }
    assert_eq!(stage.wait_for_limit("unmounted:watch", false), at);
    shell.run(&format!("rm '{disk}/lost'"));
    stage.rescan();
    shell.run(&mount);
    stage.wait_for_limit("unmounted:watch", true);

    stage.wait_for(FileAction::Deleted, &file("lost"));
    let kept = stage.path(&file("kept"));
    let events = stage.files();
    assert!(
        !events.iter().any(|event| event.path == kept.as_bytes()),
        "{events:#?}"
    );
    shell.run(&format!("rm '{at}/kept'"));
    stage.wait_for(FileAction::Deleted, &file("kept"));
    stage.stop();
    shell.run(&format!("umount '{at}'"));
}

#[test]
fn a_disk_that_is_pulled_out_has_not_lost_its_files() {
    if !may_act_as_root() {
        return;
    }
    on_both(|hearing| {
        for point in ["point", ""] {
            pull_out_and_back(hearing, point, true);
            pull_out_and_back(hearing, point, false);
        }
    });
}

/// Only somebody without privilege can be kept out of a folder.
#[test]
fn a_folder_that_may_not_be_read_is_named_and_all_others_are_watched() {
    if vong_os::host::is_privileged() {
        return;
    }
    let mut stage = Stage::new(Hearing::Unprivileged);
    let mut shell = Shell::new();
    shell.run(&format!(
        "cd '{}'; mkdir -p a closed/in z/deep z/closed; chmod 0 closed z/closed",
        stage.path("")
    ));
    stage.start();
    let both = [stage.path("closed"), stage.path("z/closed")].join(", ");
    assert_eq!(stage.wait_for_limit("unreadable:watch", false), both);
    shell.run("printf 1 > a/file; printf 2 > z/deep/file");
    stage.wait_for(FileAction::Created, "a/file");
    stage.wait_for(FileAction::Created, "z/deep/file");
    shell.run("chmod 700 closed z/closed");
    stage.rescan();
    stage.wait_for_limit("unreadable:watch", true);
    stage.stop();
}

#[test]
fn a_grave_change_takes_the_urgent_lane() {
    let mut stage = Stage::new(Hearing::Unprivileged);
    stage.policy.files.watches[0].severity = Some(Severity::Critical);
    let mut shell = Shell::new();
    stage.start();
    shell.run(&format!("printf 1 > '{}'", stage.path("a")));
    let lane = stage.wait("event", |events| {
        let file = |event: &&NewEvent| matches!(event.body, Body::File(_));
        events.iter().find(file).map(|event| event.lane)
    });
    assert_eq!(lane, Lane::Urgent);
    stage.stop();
}

#[test]
fn twenty_thousand_changes_at_once_are_all_accounted_for() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        stage.start();
        let begun = Instant::now();
        shell.run(&format!(
            "cd '{}'; i=0; while [ $i -lt 20000 ]; do echo $i > f$i; i=$((i+1)); done",
            stage.path("")
        ));
        let written = begun.elapsed();
        stage.wait_for_paths(20_000);
        println!(
            "{hearing:?}: written in {written:?}, reported in {:?}",
            begun.elapsed()
        );
        stage.stop();
    });
}

#[test]
fn an_overflow_is_said_and_what_it_swallowed_is_found() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        stage.start();
        let closed = Arc::clone(&stage.gate);
        let closed = closed.lock().expect("no panic");
        // More than everything between the kernel and the closed spool can hold.
        shell.run(&format!(
            "cd '{}'; i=0; while [ $i -lt 40000 ]; do echo $i > f$i; i=$((i+1)); done",
            stage.path("")
        ));
        drop(closed);
        stage.wait("overflow", |events| {
            events
                .iter()
                .any(|event| matches!(&event.body, Body::Blind(blind) if blind.reason == "queue_overflow"))
                .then_some(())
        });
        stage.wait_for_paths(40_000);
        stage.stop();
        let caught_up = stage
            .files()
            .iter()
            .filter(|event| event.origin == Origin::CatchUp)
            .count();
        assert!(caught_up > 0, "nothing was swallowed");
    });
}

/// A tree of a few files: names from which some are folders of others, contents of one byte.
fn any_tree() -> impl Strategy<Value = BTreeMap<String, u8>> {
    let name = prop_oneof![
        Just("a"),
        Just("a-b"),
        Just("a.c"),
        Just("hồ"),
        Just("ho\u{302}\u{300}")
    ];
    let path = (name.clone(), name).prop_map(|(folder, file)| format!("{folder}/{file}"));
    prop::collection::btree_map(path, 0_u8..3, 0..12)
}

fn plant(folder: &Path, tree: &BTreeMap<String, u8>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        std::fs::remove_dir_all(entry.expect("an entry").path()).expect("removed");
    }
    for (path, content) in tree {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, [*content]).expect("written");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a tree was and is, a comparison reports exactly the files that differ.
    #[test]
    fn a_comparison_finds_the_difference(before in any_tree(), after in any_tree()) {
        let folder = tempfile::tempdir_in("/dev/shm").expect("a folder");
        let root = bytes_of(folder.path()).to_vec();
        let memory = tempfile::tempdir_in("/dev/shm").expect("a folder");
        let file = memory.path().join("spool.db");
        let (reports, received) = Reports::channel();
        let given = Arc::new(Given::default());
        let spool = spool(&file, received, Arc::clone(&given), Arc::default());
        let mut looker = Looker::new(
            Memory::new(StateReader::open(&file).expect("memory"), reports),
            Explainer::new(&Places::default()),
        );
        let watch = Watch { name: "watch".to_owned(), path: String::new(), severity: None, exclude: Vec::new() };
        looker.watches = Arc::new(WatchSet::new(vec![Watched::new(&watch, root.clone())], Vec::new()));
        looker.bytes_max = 1 << 20;

        plant(folder.path(), &before);
        compare_all(&mut looker, Comparison::first(root.clone(), i64::MAX, Vec::new()));
        plant(folder.path(), &after);
        compare_all(&mut looker, Comparison::new(root, Vec::from(bytes_of(folder.path())), i64::MAX));
        drop(looker);
        spool.join().expect("no panic");

        let found: HashSet<(FileAction, Vec<u8>)> = files_of(&given.events.lock().expect("no panic"))
            .into_iter()
            .filter(|event| event.meta.as_ref().is_none_or(|meta| matches!(meta.digest, Digest::Sha256(_))))
            .filter(|event| depth(&event.path) == depth(bytes_of(folder.path())) + 2)
            .map(|event| (event.action, event.path))
            .collect();
        let expected = difference(folder.path(), &before, &after);
        prop_assert_eq!(found, expected);
    }
}

fn depth(path: &[u8]) -> usize {
    path.iter().filter(|byte| **byte == b'/').count()
}

fn compare_all(looker: &mut Looker, mut comparison: Comparison) {
    let inbox = Arc::new(Inbox::default());
    let source = imp::Source::open(Hearing::Unprivileged, Arc::clone(&inbox));
    loop {
        match comparison.advance(looker, &inbox, &source).expect("readable") {
            Progress::Done(unreadable) => break assert!(unreadable.is_empty()),
            Progress::More => {}
            Progress::Later(pause) => inbox.wait(pause),
        }
    }
    looker.memory.settle().expect("kept");
}

/// A rewritten file has new times even where its content is the same.
fn difference(
    folder: &Path,
    before: &BTreeMap<String, u8>,
    after: &BTreeMap<String, u8>,
) -> HashSet<(FileAction, Vec<u8>)> {
    let path = |name: &String| bytes_of(&folder.join(name)).to_vec();
    let gone = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .map(|name| (FileAction::Deleted, path(name)));
    let there = after.iter().map(|(name, content)| {
        let action = match before.get(name) {
            None => FileAction::Created,
            Some(earlier) if earlier == content => FileAction::Attributes,
            Some(_) => FileAction::Modified,
        };
        (action, path(name))
    });
    gone.chain(there).collect()
}
