//! The sensor with the real clamd and the real freshclam.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::thread::{self, JoinHandle};

use tempfile::TempDir;
use vong_proto::event::{AntivirusProduct, CommandResult, Detection, Outcome, Remedy};
use vong_proto::policy::Policy;

use super::*;
use crate::clock;
use crate::command::{Desks, orders};
use crate::policy::PolicyWatch;
use crate::report::Reports;
use crate::stop::Stop;

const CLAMD: &str = "/usr/sbin/clamd";
/// A file that consists of these bytes is called "Vong.Test".
const SIGNATURE: &str = "Vong.Test:0:*:766f6e672d73656e736f722d74657374\n";
const INFECTED: &str = "vong-sensor-test";
const DEADLINE: Duration = Duration::from_secs(60);

/// The sensor, a folder for everything it deals with, and what it has reported.
struct Scene {
    folder: TempDir,
    places: Places,
    desks: Desks,
    stop: Stop,
    reports: Receiver<Report>,
    sensor: Option<JoinHandle<()>>,
}

/// Killed when it is dropped.
struct Clamd(Child);

impl Drop for Clamd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Scene {
    fn new(change: impl FnOnce(&mut Places)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["databases", "files", "agent", "run"] {
            fs::create_dir(at(name)).expect("made");
        }
        fs::write(at("databases/test.ndb"), SIGNATURE).expect("written");
        let lines = [
            "Foreground yes".to_owned(),
            "LogTime yes".to_owned(),
            "ExtendedDetectionInfo yes".to_owned(),
            format!("LocalSocket {}", at("run/socket").display()),
            format!("LogFile {}", at("run/clamd.log").display()),
            format!("DatabaseDirectory {}", at("databases").display()),
        ];
        fs::write(at("clamd.conf"), lines.join("\n")).expect("written");
        let mut places = Places {
            conf: at("clamd.conf"),
            freshclam_conf: at("freshclam.conf"),
            on_access_log: at("clamonacc.log"),
            configured_below: vec![folder.path().to_owned()],
            ..Places::default()
        };
        change(&mut places);
        let spool = at("agent/spool.db");
        let connection = rusqlite::Connection::open(&spool).expect("a spool");
        let table =
            "CREATE TABLE sensor_state (sensor INTEGER, key BLOB, value BLOB, PRIMARY KEY (sensor, key))";
        connection.execute_batch(table).expect("a table");
        let (sender, reports) = Reports::channel();
        let (desks, inboxes) = orders();
        let mut policy = Policy::default();
        policy.antivirus.interval_s = 1;
        policy.antivirus.quick_scan_paths = vec![at("files").display().to_string()];
        let stop = Stop::new();
        let context = Context {
            reports: sender,
            state: spool,
            policy: PolicyWatch::fixed(policy),
            stop: stop.clone(),
            own_folders: Vec::new(),
            governor: crate::governor::Governor::flat_out(),
            programs: crate::sensor::programs::Programs::default(),
        };
        let given = places.clone();
        let sensor = thread::spawn(move || {
            let mut unseen = Unseen::new(Sensor::Antivirus);
            run(&context, &given, &inboxes.antivirus, &mut unseen).expect("it runs");
        });
        Self {
            folder,
            places,
            desks,
            stop,
            reports,
            sensor: Some(sensor),
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn socket(&self) -> PathBuf {
        self.at("run/socket")
    }

    /// Lets the daemon run as its own user, as a system's service does, and look at `files` as they are opened.
    fn watch_files(&self, prevents: bool) {
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.folder.path(), open).expect("ours");
        let prevention = if prevents { "yes" } else { "no" };
        let lines = [
            fs::read_to_string(&self.places.conf).expect("written"),
            "User clamav\nOnAccessExcludeUname clamav".to_owned(),
            format!("OnAccessIncludePath {}", self.at("files").display()),
            format!("OnAccessPrevention {prevention}\n"),
        ];
        fs::write(&self.places.conf, lines.join("\n")).expect("written");
        let owned = Command::new("chown")
            .arg("clamav")
            .arg(self.at("run"))
            .arg(self.at("databases"))
            .status();
        assert!(owned.expect("chown").success());
    }

    fn start_clamonacc(&self, arguments: &[&str]) -> Clamd {
        let log = self.at("clamonacc.log");
        let mut command = Command::new("/usr/sbin/clamonacc");
        command.arg(format!("--config-file={}", self.places.conf.display()));
        command.arg(format!("--log={}", log.display()));
        command.arg("--foreground").args(arguments);
        let started = command.stdout(Stdio::null()).spawn();
        let clamonacc = Clamd(started.expect("clamav-daemon is installed"));
        let deadline = Instant::now() + DEADLINE;
        while !fs::read_to_string(&log).is_ok_and(|text| text.contains("ClamInotif: watching")) {
            assert!(Instant::now() < deadline, "clamonacc watches");
            thread::yield_now();
        }
        clamonacc
    }

    fn start_clamd(&self) -> Clamd {
        let mut command = Command::new(CLAMD);
        command.arg(format!("--config-file={}", self.places.conf.display()));
        let started = command.stdout(Stdio::null()).spawn();
        let clamd = Clamd(started.expect("clamav-daemon is installed"));
        let deadline = Instant::now() + DEADLINE;
        while UnixStream::connect(self.socket()).is_err() {
            assert!(Instant::now() < deadline, "clamd listens");
            thread::yield_now();
        }
        clamd
    }

    fn order(&self, id: &str, task: AntivirusTask, limit: Duration) {
        let order = AntivirusOrder {
            id: id.to_owned(),
            task,
            limit,
            begin_until: Instant::now() + DEADLINE,
        };
        self.desks.antivirus.send(order).expect("room");
    }

    /// The next thing reported that is wanted; detections up to then are added to `seen`.
    fn next<T>(&self, what: &str, seen: &mut Vec<Detection>, wanted: impl Fn(&Body) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let report = match self.reports.recv_timeout(left) {
                Ok(report) => report,
                Err(RecvTimeoutError::Timeout) => panic!("no {what}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the sensor has ended"),
            };
            let mut found = None;
            for event in report.events {
                found = found.or_else(|| wanted(&event.body));
                if let Body::Detection(detection) = event.body {
                    seen.push(detection);
                }
            }
            if let Some(found) = found {
                return found;
            }
        }
    }

    fn state(&self, is_wanted: impl Fn(&AntivirusProduct) -> bool) -> AntivirusProduct {
        self.next("such a state", &mut Vec::new(), |body| match body {
            Body::Antivirus(state) => state.products.iter().find(|product| is_wanted(product)).cloned(),
            _ => None,
        })
    }

    fn result(&self, seen: &mut Vec<Detection>) -> CommandResult {
        self.next("result", seen, |body| match body {
            Body::CommandResult(result) => Some(result.clone()),
            _ => None,
        })
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(sensor) = self.sensor.take() {
            let _ = sensor.join();
        }
    }
}

/// Lets clamd look at a path, as another program would; what it finds stands in its log.
fn scan_by_path(socket: &Path, path: &Path) {
    use std::io::{Read as _, Write as _};
    let mut line = UnixStream::connect(socket).expect("clamd listens");
    line.write_all(format!("zSCAN {}\0", path.display()).as_bytes())
        .expect("asked");
    line.read_to_end(&mut Vec::new()).expect("answered");
}

#[test]
fn what_a_real_clamd_is_and_finds_is_told() {
    let scene = Scene::new(|_| {});
    let clamd = scene.start_clamd();
    let healthy = scene.state(|product| product.engine == Switch::On);
    assert_eq!(healthy.engine_reason, "");
    assert!(
        healthy
            .raw
            .iter()
            .any(|line| line.starts_with("stats.state=VALID"))
    );
    assert!(healthy.definitions.updated_ms.is_some());

    let mut seen = Vec::new();
    fs::write(scene.at("files/a: b.txt"), INFECTED).expect("written");
    fs::write(scene.at("files/clean"), "clean").expect("written");
    std::os::unix::fs::symlink("/etc/passwd", scene.at("files/link")).expect("linked");
    scene.order("scan", AntivirusTask::QuickScan, DEADLINE);
    let result = scene.result(&mut seen);
    assert_eq!((result.detail.as_str(), result.done), ("scanned", true));
    let counts = |name: &str| result.counts[name];
    assert_eq!(
        (counts("files"), counts("infected"), counts("skipped")),
        (2, 1, 1)
    );
    scene.state(|product| product.quick_scan_ms.is_some());

    fs::write(scene.at("later"), INFECTED).expect("written");
    scan_by_path(&scene.socket(), &scene.at("files/a: b.txt"));
    scan_by_path(&scene.socket(), &scene.at("later"));
    let later = scene.next("detection", &mut seen, |body| match body {
        Body::Detection(detection) if detection.path.ends_with(b"later") => Some(detection.clone()),
        _ => None,
    });
    assert_eq!(
        (later.source.as_str(), later.threat.as_str()),
        ("clamd", "Vong.Test.UNOFFICIAL")
    );
    assert_eq!((later.action, later.outcome), (Remedy::None, Outcome::Pending));
    assert!(later.sha256.is_some());
    assert!(
        later
            .found_ms
            .is_some_and(|found_ms| (clock::wall_ms() - found_ms).abs() < 60_000)
    );
    let scanned = seen
        .iter()
        .filter(|detection| detection.path.ends_with(b"a: b.txt"));
    assert_eq!(
        scanned.count(),
        1,
        "once, though the scan and the log say it: {seen:?}"
    );

    drop(clamd);
    let crashed = scene.state(|product| product.engine != Switch::On);
    // Other tests may have a clamd of their own at the same moment.
    let expected = ["crashed", "starting"];
    assert!(expected.contains(&crashed.engine_reason.as_str()), "{crashed:?}");
    scene.order("again", AntivirusTask::QuickScan, DEADLINE);
    assert_eq!(scene.result(&mut seen).detail, "not_possible");
}

/// clamd writes a line's end in a name as it is.
#[test]
fn a_line_that_a_name_forges_accuses_no_file_and_hides_none() {
    let scene = Scene::new(|_| {});
    let _clamd = scene.start_clamd();
    scene.state(|product| product.engine == Switch::On);
    let (innocent, missing) = (scene.at("innocent"), scene.at("missing"));
    fs::write(&innocent, "clean").expect("written");
    let forge = |name: &str, accused: &Path| {
        let mut path = scene.at(name).into_os_string();
        path.push("\n");
        path.push(accused);
        let path = PathBuf::from(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, INFECTED).expect("written");
        scan_by_path(&scene.socket(), &path);
        path.into_os_string().into_encoded_bytes()
    };
    let mut seen = Vec::new();
    let first = forge("first", &innocent);
    scene.next("blindness", &mut seen, |body| match body {
        Body::Blind(blind) => (blind.reason == "log_line_denied").then_some(()),
        _ => None,
    });
    let second = forge("second", &missing);
    let third = forge("third", Path::new("plain"));
    let told_of = |path: &[u8]| {
        let path = path.to_vec();
        move |body: &Body| match body {
            Body::Detection(detection) if detection.path == path => Some(detection.clone()),
            _ => None,
        }
    };
    scene.next("third", &mut seen, told_of(&third));
    let missing = missing.as_os_str().as_encoded_bytes().to_vec();
    let told: Vec<_> = seen
        .into_iter()
        .map(|detection| (detection.path, detection.outcome, detection.code))
        .collect();
    let pending = |path| (path, Outcome::Pending, String::new());
    let expected = [
        pending(first),
        pending(second),
        (missing, Outcome::Unknown, "unconfirmed".to_owned()),
        pending(third),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_real_freshclam_brings_definitions_or_says_why_not() {
    let scene = Scene::new(|_| {});
    let owner = Command::new("id").arg("-un").output().expect("a name").stdout;
    let source = scene.at("new.ndb");
    let lines = [
        format!("DatabaseDirectory {}", scene.at("databases").display()),
        format!("DatabaseOwner {}", String::from_utf8_lossy(&owner).trim()),
        "DNSDatabaseInfo no".to_owned(),
        "DatabaseMirror 127.0.0.1".to_owned(),
        "ExcludeDatabase main\nExcludeDatabase daily\nExcludeDatabase bytecode".to_owned(),
        format!("DatabaseCustomURL file://{}", source.display()),
    ];
    fs::write(scene.at("freshclam.conf"), lines.join("\n")).expect("written");
    let update = |id: &str| {
        scene.order(id, AntivirusTask::UpdateSignatures, DEADLINE);
        let result = scene.result(&mut Vec::new());
        assert_eq!(result.command_id, id);
        result
    };
    fs::write(&source, SIGNATURE).expect("written");
    assert_eq!(update("1").detail, "updated");
    assert_eq!(update("2").detail, "up_to_date");
    fs::remove_file(&source).expect("removed");
    let failed = update("3");
    assert!(
        failed
            .detail
            .starts_with("failed: Database update process failed"),
        "{failed:?}"
    );
    assert!(failed.counts.contains_key("exit_code"));
    assert!(!failed.done);
}

#[test]
fn an_update_that_takes_too_long_is_ended_with_all_that_it_has_started() {
    let place = tempfile::tempdir().expect("a folder");
    let program = place.path().join("freshclam");
    let note = place.path().join("pid");
    let script = format!("#!/bin/sh\necho $$ >{}\nsleep 600 & wait\n", note.display());
    fs::write(&program, script).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("the owner may");
    let scene = Scene::new(|places| places.freshclam = vec![program]);
    scene.order("1", AntivirusTask::UpdateSignatures, Duration::from_secs(1));
    let result = scene.result(&mut Vec::new());
    assert_eq!((result.detail.as_str(), result.done), ("timed_out", false));
    assert_eq!(result.counts.get("files_changed"), Some(&0));
    let pid = fs::read_to_string(&note).expect("it ran");
    let deadline = Instant::now() + DEADLINE;
    while Path::new("/proc").join(pid.trim()).exists() {
        assert!(Instant::now() < deadline, "nothing is left of it");
        thread::yield_now();
    }
}

#[test]
fn without_an_updater_there_is_nothing_to_update() {
    let scene = Scene::new(|places| places.freshclam = Vec::new());
    scene.order("1", AntivirusTask::UpdateSignatures, DEADLINE);
    let result = scene.result(&mut Vec::new());
    assert_eq!(
        (result.detail.as_str(), result.counts),
        ("not_possible", BTreeMap::new())
    );
}

/// A detection of a file of this name that has come to this.
fn of(name: &'static str, outcome: Outcome, action: Remedy) -> impl Fn(&Body) -> Option<Detection> {
    move |body| match body {
        Body::Detection(detection) if detection.path.ends_with(name.as_bytes()) => {
            ((detection.outcome, detection.action) == (outcome, action)).then(|| detection.clone())
        }
        _ => None,
    }
}

/// Only root is told of files that are opened.
#[test]
fn what_a_real_clamonacc_blocks_is_still_there() {
    if !vong_os::host::is_privileged() {
        return;
    }
    let scene = Scene::new(|_| {});
    scene.watch_files(true);
    let _clamd = scene.start_clamd();
    let _clamonacc = scene.start_clamonacc(&[]);
    let state = scene.state(|product| product.real_time == Switch::On && product.engine == Switch::On);
    assert_eq!(state.exclusions, ["OnAccessExcludeUname clamav"]);
    let path = scene.at("files/blocked");
    fs::write(&path, INFECTED).expect("written");
    assert!(fs::read(&path).is_err(), "it cannot be opened");
    scene.next(
        "block",
        &mut Vec::new(),
        of("blocked", Outcome::Pending, Remedy::Blocked),
    );
}

#[test]
fn what_a_real_clamonacc_moves_is_joined_with_what_it_found() {
    if !vong_os::host::is_privileged() {
        return;
    }
    let scene = Scene::new(|_| {});
    scene.watch_files(false);
    let _clamd = scene.start_clamd();
    let quarantine = tempfile::tempdir().expect("a folder");
    let moving = format!("--move={}", quarantine.path().display());
    let _clamonacc = scene.start_clamonacc(&[&moving]);
    scene.state(|product| product.real_time == Switch::On && product.engine == Switch::On);
    let mut seen = Vec::new();
    fs::write(scene.at("files/moved"), INFECTED).expect("written");
    let moved = scene.next(
        "move",
        &mut seen,
        of("moved", Outcome::Succeeded, Remedy::Quarantined),
    );
    let first = seen.iter().find(|detection| detection.path == moved.path);
    let first = first.expect("found before");
    // It may have gone before it could be asked about.
    assert!(
        [Outcome::Pending, Outcome::Unknown].contains(&first.outcome),
        "{first:?}"
    );
    assert_eq!(first.key, moved.key);
}
