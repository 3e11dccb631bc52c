//! What explains a change: the real dpkg installs, upgrades and removes a package below a watched folder, with
//! records of its own, and others write the same files while it works and while nobody watches.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vong_proto::event::{Cause, FileAction, FileEvent, Severity, Who};
use vong_proto::policy::PlannedWindow;

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use super::super::*;
use super::stage::*;

/// What the package's script does last: it waits until it is told to go on.
const HELD: &str = "read line < \"$HOLD\"";

/// A dpkg whose packages lie below the stage's folder and whose records lie beside its memory.
struct Packages {
    /// Where packages are made, and the records.
    folder: PathBuf,
    /// Where they are installed.
    root: String,
}

impl Packages {
    fn new(stage: &mut Stage) -> Self {
        let folder = stage.memory.path().join("packages");
        let packages = Self {
            root: stage.path(""),
            folder,
        };
        for part in ["admin/info", "admin/updates"] {
            fs::create_dir_all(packages.folder.join(part)).expect("made");
        }
        fs::write(packages.folder.join("admin/status"), "").expect("written");
        let made = Command::new("mkfifo").arg(packages.folder.join("hold")).status();
        assert!(made.expect("a pipe").success());
        stage.places = Places {
            dpkg: DpkgPlaces {
                log: packages.folder.join("log"),
                admin: packages.folder.join("admin"),
                root: packages.root.clone().into(),
            },
        };
        stage.policy.files.watches[0]
            .exclude
            .push("*.dpkg-new".to_owned());
        stage.policy.files.watches[0]
            .exclude
            .push("*.dpkg-tmp".to_owned());
        packages
    }

    /// Builds a version of the package: a program with that version in it, and a script that makes another file.
    fn build(&self, version: &str, script: &str) -> PathBuf {
        let tree = self.folder.join("tree");
        let _ = fs::remove_dir_all(&tree);
        for part in ["DEBIAN", "bin", "hồ sơ"] {
            fs::create_dir_all(tree.join(part)).expect("made");
        }
        let write = |name: &str, text: String| fs::write(tree.join(name), text).expect("written");
        let description = "Architecture: all\nMaintainer: Lan <lan@example.vn>\nDescription: test\n";
        write(
            "DEBIAN/control",
            format!("Package: vong-test\nVersion: {version}\n{description}"),
        );
        write("bin/tool", format!("#!/bin/sh\necho {version}\n"));
        write("bin/other", format!("other {version}"));
        write("hồ sơ/mẫu", version.to_owned());
        let sums = Command::new("md5sum")
            .args(["bin/tool", "bin/other", "hồ sơ/mẫu"])
            .current_dir(&tree)
            .output()
            .expect("sums");
        fs::write(tree.join("DEBIAN/md5sums"), sums.stdout).expect("written");
        let made = format!("cp \"{0}/bin/tool\" \"{0}/made\"", self.root);
        write("DEBIAN/postinst", format!("#!/bin/sh\n{made}\n{script}\n"));
        let script = Permissions::from_mode(0o755);
        fs::set_permissions(tree.join("DEBIAN/postinst"), script).expect("set");
        let package = self.folder.join(format!("{version}.deb"));
        let built = Command::new("dpkg-deb")
            .arg("--build")
            .arg(&tree)
            .arg(&package)
            .output();
        assert!(built.expect("dpkg-deb").status.success());
        package
    }

    fn dpkg(&self, action: &str, what: &Path) -> Child {
        Command::new("dpkg")
            .arg(format!("--instdir={}", self.root))
            .arg(format!("--admindir={}", self.folder.join("admin").display()))
            .arg(format!("--log={}", self.folder.join("log").display()))
            .args(["--force-script-chrootless", "--force-unsafe-io", action])
            .arg(what)
            .env("HOLD", self.folder.join("hold"))
            .stdout(Stdio::null())
            .spawn()
            .expect("dpkg")
    }

    fn release(&self) {
        fs::write(self.folder.join("hold"), "on\n").expect("it waits");
    }
}

fn finish(mut dpkg: Child) {
    assert!(dpkg.wait().expect("it ends").success());
}

fn package(version: &str) -> Option<Cause> {
    Some(Cause::Package {
        manager: "dpkg".to_owned(),
        name: "vong-test".to_owned(),
        version: version.to_owned(),
    })
}

impl Stage {
    /// Waits for an event of a file that fits, and forgets all that came until then.
    fn wait_for_cause(&self, name: &str, fits: impl Fn(&FileEvent) -> bool) -> Option<Cause> {
        let path = self.path(name).into_bytes();
        let event = self.wait(name, |events| {
            files_of(events)
                .into_iter()
                .find(|event| event.path == path && fits(event))
        });
        event.cause
    }
}

/// Every test here needs the rights that installing a package needs.
fn as_administrator(story: impl Fn(Hearing)) {
    if vong_os::host::is_privileged() {
        on_both(story);
    }
}

fn is_there(event: &FileEvent) -> bool {
    event.meta.is_some()
}

#[test]
fn what_dpkg_does_is_explained_and_what_others_do_meanwhile_is_not() {
    as_administrator(|hearing| {
        let mut stage = Stage::new(hearing);
        let packages = Packages::new(&mut stage);
        let mut shell = Shell::new();
        stage.start();

        let dpkg = packages.dpkg("--install", &packages.build("1.0", HELD));
        assert_eq!(stage.wait_for_cause("bin/tool", is_there), package("1.0"));
        assert_eq!(stage.wait_for_cause("hồ sơ/mẫu", is_there), package("1.0"));
        // Nothing but its doer says whose the file is that the script makes.
        let expected = package("1.0").filter(|_| hearing == Hearing::Best);
        assert_eq!(stage.wait_for_cause("made", is_there), expected);
        // The content's own event may still come from a comparison of the new folder.
        stage.wait_for_cause("bin/other", is_there);
        stage.forget();
        shell.run(&format!(
            "cd '{}'; echo evil > bin/other; echo evil > new",
            stage.path("")
        ));
        assert_eq!(stage.wait_for_cause("bin/other", is_there), None);
        assert_eq!(stage.wait_for_cause("new", is_there), None);
        packages.release();
        finish(dpkg);

        stage.forget();
        finish(packages.dpkg("--install", &packages.build("2.0", "")));
        assert_eq!(stage.wait_for_cause("bin/tool", is_there), package("2.0"));
        stage.forget();
        finish(packages.dpkg("--remove", Path::new("vong-test")));
        let gone = stage.wait_for_cause("bin/tool", |event| event.action == FileAction::Deleted);
        // Nobody can tell who removed it, and there is no content to tell by.
        assert_eq!(gone, package("2.0").filter(|_| hearing == Hearing::Best));
        stage.stop();
    });
}

#[test]
fn what_dpkg_uses_for_a_moment_is_no_news_and_what_it_becomes_is() {
    as_administrator(|hearing| {
        if hearing == Hearing::Unprivileged {
            return;
        }
        let mut stage = Stage::new(hearing);
        let packages = Packages::new(&mut stage);
        stage.policy.files.watches[0].exclude.clear();
        finish(packages.dpkg("--install", &packages.build("1.0", "")));
        stage.start();
        finish(packages.dpkg("--install", &packages.build("2.0", "")));
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'; : > theirs.dpkg-new", stage.path("")));
        stage.wait_for(FileAction::Created, "theirs.dpkg-new");
        for name in ["bin/tool", "bin/other", "hồ sơ/mẫu"] {
            assert_eq!(stage.wait_for(FileAction::Modified, name).cause, package("2.0"));
        }
        stage.stop();
        let is_passing =
            |event: &FileEvent| event.path.ends_with(b".dpkg-new") || event.path.ends_with(b".dpkg-tmp");
        let passing = stage.files().into_iter().filter(is_passing);
        let paths: Vec<Vec<u8>> = passing.map(|event| event.path).collect();
        assert_eq!(paths, [stage.path("theirs.dpkg-new").into_bytes()]);
    });
}

#[test]
fn an_upgrade_while_the_agent_was_away_is_explained_by_its_content_alone() {
    as_administrator(|hearing| {
        let mut stage = Stage::new(hearing);
        let packages = Packages::new(&mut stage);
        let mut shell = Shell::new();
        finish(packages.dpkg("--install", &packages.build("1.0", "")));
        stage.start();
        stage.stop();

        finish(packages.dpkg("--install", &packages.build("2.0", "")));
        shell.run(&format!(
            "cd '{}'; echo evil > bin/other; echo evil > made; chmod u+s 'hồ sơ/mẫu'",
            stage.path("")
        ));
        stage.start();
        assert_eq!(stage.wait_for_cause("bin/tool", is_there), package("2.0"));
        for name in ["bin/other", "made", "hồ sơ/mẫu"] {
            assert_eq!(stage.wait_for_cause(name, is_there), None, "{name}");
        }
        stage.stop();
    });
}

#[test]
fn a_process_that_calls_itself_dpkg_explains_nothing() {
    as_administrator(|hearing| {
        let mut stage = Stage::new(hearing);
        let packages = Packages::new(&mut stage);
        stage.start();
        let dpkg = packages.dpkg("--install", &packages.build("1.0", HELD));
        stage.wait_for_cause("made", is_there);

        let false_dpkg = packages.folder.join("dpkg");
        fs::copy("/bin/sh", &false_dpkg).expect("copied");
        let wrote = Command::new(&false_dpkg)
            .args([
                "-c",
                &format!(
                    "echo evil > '{0}/evil'; cp /bin/true '{0}/bin/tool'",
                    packages.root
                ),
            ])
            .status();
        assert!(wrote.expect("it runs").success());
        assert_eq!(stage.wait_for_cause("evil", is_there), None);
        packages.release();
        finish(dpkg);
        stage.stop();
        let path = stage.path("bin/tool").into_bytes();
        let mut events = stage.files().into_iter().filter(|event| event.path == path);
        assert_eq!(events.next_back().expect("it was replaced").cause, None);
    });
}

/// Empties a file that the very program of dpkg closes after writing, whoever it runs as.
fn close_by_dpkg(path: &str, user_id: u32) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec dpkg --print-architecture > \"$0\"", path]);
    let closed = shell.uid(user_id).status();
    assert!(closed.expect("it runs").success());
}

/// Whether an event names dpkg, where somebody is named.
fn is_dpkgs(event: &FileEvent, hearing: Hearing) -> bool {
    match &event.who {
        Who::Exact(process) => process.executable == b"/usr/bin/dpkg",
        _ => hearing == Hearing::Unprivileged,
    }
}

#[test]
fn a_dpkg_that_works_for_somebody_else_explains_nothing() {
    as_administrator(|hearing| {
        let mut stage = Stage::new(hearing);
        let packages = Packages::new(&mut stage);
        let path = stage.path("anybody's");
        fs::write(&path, "1").expect("written");
        for path in [&path, &stage.path("")] {
            fs::set_permissions(path, Permissions::from_mode(0o777)).expect("set");
        }
        stage.start();
        let dpkg = packages.dpkg("--install", &packages.build("1.0", HELD));
        stage.wait_for_cause("made", is_there);
        close_by_dpkg(&path, 65_534);
        let cause = stage.wait_for_cause("anybody's", |event| is_dpkgs(event, hearing));
        assert_eq!(cause, None);
        packages.release();
        finish(dpkg);
        stage.stop();
    });
}

#[test]
fn what_dpkg_does_long_after_its_last_word_is_not_that_packages_doing() {
    as_administrator(|hearing| {
        let mut stage = Stage::new(hearing);
        let packages = Packages::new(&mut stage);
        let say = |then: SystemTime| {
            let at = OffsetDateTime::from(then).format(&Rfc3339).expect("a time");
            let at = at.get(..19).expect("a time").replace('T', " ");
            let log = fs::File::options()
                .create(true)
                .append(true)
                .open(packages.folder.join("log"));
            let mut log = log.expect("a log");
            writeln!(log, "{at} configure vong-test:all 1.0 <none>").expect("written");
            log.set_modified(then).expect("set");
        };
        let now = SystemTime::now();
        say(now - Duration::from_secs(3_600));
        for name in ["late", "in time"] {
            fs::write(stage.path(name), "1").expect("written");
        }
        stage.start();
        close_by_dpkg(&stage.path("late"), 0);
        let cause = stage.wait_for_cause("late", |event| is_dpkgs(event, hearing));
        assert_eq!(cause, None);
        say(now);
        close_by_dpkg(&stage.path("in time"), 0);
        let cause = stage.wait_for_cause("in time", |event| is_dpkgs(event, hearing));
        assert_eq!(cause, package("1.0").filter(|_| hearing == Hearing::Best));
        stage.stop();
    });
}

fn at(seconds_from_now: i64) -> String {
    let time = OffsetDateTime::now_utc() + time::Duration::seconds(seconds_from_now);
    time.format(&Rfc3339).expect("a time")
}

fn window(from_s: i64) -> PlannedWindow {
    PlannedWindow {
        name: "Bảo trì".to_owned(),
        author: "lan".to_owned(),
        from: at(from_s),
        until: at(3_600),
        watches: vec!["watch".to_owned()],
        reason: String::new(),
    }
}

fn planned() -> Option<Cause> {
    Some(Cause::Planned {
        name: "Bảo trì".to_owned(),
        author: "lan".to_owned(),
    })
}

#[test]
fn a_change_in_an_announced_window_is_planned() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'", stage.path("")));
        stage.policy.files.planned.push(window(-3_600));
        stage.start();
        shell.run("echo 1 > a");
        assert_eq!(stage.wait_for_cause("a", is_there), planned());

        stage.policy.files.planned.clear();
        stage.policy.files.watches[0].severity = Some(Severity::Low);
        stage.apply_policy();
        stage.wait_for_severity(&mut shell);
        shell.run("echo 1 > b");
        assert_eq!(stage.wait_for_cause("b", is_there), None);
        stage.stop();
    });
}

#[test]
fn what_happened_while_the_agent_was_away_is_planned_only_if_all_that_time_was() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'; echo 1 > a; echo 1 > b", stage.path("")));
        stage.policy.files.planned.push(window(-3_600));
        stage.start();
        stage.stop();
        shell.run("echo 2 > a; rm b");
        stage.start();
        assert_eq!(stage.wait_for_cause("a", is_there), planned());
        assert_eq!(stage.wait_for_cause("b", |_| true), planned());
        stage.stop();

        // One that was opened afterwards says nothing of what was done before.
        stage.forget();
        shell.run("echo 3 > a; echo 3 > c; rm a");
        stage.policy.files.planned = vec![window(0)];
        stage.start();
        assert_eq!(stage.wait_for_cause("a", |_| true), None);
        assert_eq!(stage.wait_for_cause("c", |_| true), None);
        stage.stop();
    });
}
