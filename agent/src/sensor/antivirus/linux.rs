//! Reads the rows about ClamAV on Linux: programs, processes, database files, and clamd's own answers.
//!
//! Any user may start a program of the name clamd and let it answer "PONG". What counts is therefore the
//! configuration that only root can write: it names the socket, and the user who may answer there. Where a
//! running clamd says that it lies is only a hint, because root owns files whose words are a user's: a print
//! job in its queue, the command line of a `su` in `/proc`. Root's own words stand where programs are configured.

use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use vong_os::file::{Kind, look, path_of, read_plain};
use vong_os::local::{self, Line};
use vong_os::process::{self, Origin, Running};
use vong_os::rights;

use super::clamav::{self, Answer, Conf, HEAD_BYTES, Rows, Socket};
use super::rows::Sources;
use crate::clock;

#[path = "linux/engine.rs"]
mod engine;
#[path = "linux/logs.rs"]
mod logs;
#[path = "linux/others.rs"]
mod others;
#[path = "linux/scan.rs"]
mod scan;
#[path = "linux/update.rs"]
mod update;

pub(super) use engine::{Engine, Trouble};
pub(super) use logs::LogPlace;
pub(super) use others::Memory;
pub(super) use scan::quick_scan;
pub(super) use update::update_signatures;

/// A clamd that needs longer is no protection at this moment.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// No answer that is asked for here is longer.
const ANSWER_BYTES_MAX: u64 = 4_096;
/// A configuration is some kilobytes.
const CONF_BYTES_MAX: u64 = 256 * 1024;
/// The signed databases that age, as they are downloaded and as they are after updates.
const DATABASES: [&str; 4] = ["daily.cld", "daily.cvd", "main.cld", "main.cvd"];

/// A folder of databases holds a dozen files.
const FILES_MAX: usize = 1_000;
/// The parts of ClamAV that run.
const PROGRAMS: [&str; 3] = ["clamd", "freshclam", "clamonacc"];

/// Where the parts of ClamAV are looked for.
#[derive(Clone, Debug)]
pub struct Places {
    /// Programs of which one is enough to call the engine installed.
    pub clamd: Vec<PathBuf>,
    /// Programs of which one is enough to call the updater installed.
    pub freshclam: Vec<PathBuf>,
    /// Files whose presence means that the updater is started from time to time.
    pub schedules: Vec<PathBuf>,
    /// The configuration when no clamd runs that names another.
    pub conf: PathBuf,
    /// The updater's configuration.
    pub freshclam_conf: PathBuf,
    /// What is found as files are opened stands here when no clamonacc runs that names another log.
    pub on_access_log: PathBuf,
    /// A configuration below one of these goes first when a running clamd was started with it.
    pub configured_below: Vec<PathBuf>,
}

impl Default for Places {
    fn default() -> Self {
        let paths = |texts: &[&str]| texts.iter().map(PathBuf::from).collect();
        Self {
            clamd: paths(&["/usr/sbin/clamd", "/usr/local/sbin/clamd"]),
            freshclam: paths(&["/usr/bin/freshclam", "/usr/local/bin/freshclam"]),
            schedules: paths(&[
                "/etc/systemd/system/timers.target.wants/clamav-freshclam-once.timer",
                "/etc/cron.d/clamav-freshclam",
            ]),
            conf: PathBuf::from("/etc/clamav/clamd.conf"),
            freshclam_conf: PathBuf::from("/etc/clamav/freshclam.conf"),
            on_access_log: PathBuf::from("/var/log/clamav/clamonacc.log"),
            configured_below: paths(&["/etc", "/usr/local/etc"]),
        }
    }
}

/// What a look at this PC shows.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// What tells of products.
    pub(super) sources: Sources,
    /// Where they write what they find.
    pub(super) logs: Vec<LogPlace>,
    /// Who can be asked whether it is true.
    pub(super) engine: Engine,
}

pub(super) fn look_around(places: &Places, memory: &mut Memory) -> Look {
    let mut programs = process::running(&PROGRAMS);
    programs.retain(|program| !is_our_update(program));
    let (conf, conf_trouble) = conf(places, &programs);
    let sources = Sources {
        clamav: Some(rows(places, &programs, &conf, conf_trouble)),
        mdatp: others::mdatp(Path::new(others::MDATP), memory, Instant::now()),
        installed: others::installed(),
        ..Sources::default()
    };
    Look {
        sources,
        logs: logs::places(places, &programs, &conf),
        engine: Engine::of(&conf),
    }
}

fn is_our_update(program: &Running<'_>) -> bool {
    program.name == "freshclam"
        && process::arguments_of(program.pid).is_some_and(|arguments| update::is_ours(&arguments))
}

fn rows(places: &Places, programs: &[Running<'_>], conf: &Conf, conf_trouble: Option<String>) -> Rows {
    let any_exists = |paths: &[PathBuf]| paths.iter().any(|path| path.exists());
    let trusted = Trusted::of(conf);
    let ping = match conf_trouble {
        Some(trouble) => Answer::Unsure(trouble),
        None => ask(conf, "PING", &trusted),
    };
    // Whoever does not answer the first question would keep the others waiting as long.
    let and_then = |before: &Answer, question: &str| match before {
        Answer::Said(_) => ask(conf, question, &trusted),
        Answer::NotAsked | Answer::Silent(_) | Answer::Unsure(_) => Answer::NotAsked,
    };
    let version = and_then(&ping, "VERSION");
    let stats = and_then(&version, "STATS");
    let names = |origin: Origin| {
        let of_origin = programs
            .iter()
            .filter(|program| program.origin == origin && trusted.includes(program.user_id));
        let mut names: Vec<String> = of_origin.map(|program| program.name.to_owned()).collect();
        names.sort();
        names.dedup();
        names
    };
    let (running, hidden) = (names(Origin::Administrator), names(Origin::Hidden));
    Rows {
        clamd_installed: any_exists(&places.clamd),
        freshclam_installed: any_exists(&places.freshclam),
        freshclam_scheduled: any_exists(&places.schedules),
        processes_unseen: !process::sees_others(),
        left_behind: match running.iter().chain(&hidden).any(|name| name == "clamd") {
            true => Vec::new(),
            false => left_behind(conf, &ping),
        },
        running,
        hidden,
        ping,
        version,
        stats,
        heads: heads(&conf.databases),
        written_ms: written_ms(&conf.databases),
        scope: conf.scope.clone(),
    }
}

/// A clean stop removes both; when the PC starts, nothing is left of either.
fn left_behind(conf: &Conf, ping: &Answer) -> Vec<String> {
    let mut left = Vec::new();
    let is_refused = *ping == Answer::Silent(ErrorKind::ConnectionRefused.to_string());
    if is_refused && matches!(conf.socket, Some(Socket::Local(_))) {
        left.push("socket".to_owned());
    }
    if conf.pid_file.as_deref().is_some_and(Path::exists) {
        left.push("pid_file".to_owned());
    }
    left
}

/// When the newest file of signatures was written. Files that say they are of the future say nothing.
fn written_ms(folder: &Path) -> Option<i64> {
    let now_ms = clock::wall_ms();
    let entries = fs::read_dir(folder).ok()?.flatten().take(FILES_MAX);
    let signatures = entries.filter(|entry| is_signatures(&entry.path()));
    let written = signatures.filter_map(|entry| Some(look(&entry.path()).ok()?.mtime_ns / 1_000_000));
    written.filter(|written| *written <= now_ms).max()
}

/// What freshclam keeps beside them for itself is none.
fn is_signatures(path: &Path) -> bool {
    let is_file = look(path).is_ok_and(|facts| facts.kind == Kind::File);
    is_file
        && path
            .extension()
            .is_some_and(|extension| extension != "dat" && extension != "tmp")
}

/// Whose word counts: root's, the user's that clamd gives up its rights for, and whoever the databases belong
/// to, which is freshclam's. All others may call themselves clamd as they like.
#[derive(Debug, Default)]
struct Trusted(Vec<u32>);

impl Trusted {
    fn of(conf: &Conf) -> Self {
        let named = conf.user.as_deref().and_then(process::user_id_of);
        let keeper = look(&conf.databases).ok().map(|facts| facts.owner);
        Self(named.into_iter().chain(keeper).collect())
    }

    fn all(&self) -> Vec<u32> {
        let mut all = rights::administrator_and_own();
        all.extend(&self.0);
        all
    }

    fn includes(&self, user_id: u32) -> bool {
        rights::is_administrator_or_own(user_id) || self.0.contains(&user_id)
    }
}

/// The configuration, and why it says nothing if it should.
fn conf(places: &Places, programs: &[Running<'_>]) -> (Conf, Option<String>) {
    let clamds = programs.iter().filter(|program| program.name == "clamd");
    // Anybody may start a clamd with a configuration of their own; one that lies elsewhere, that others than root
    // can write to, or that does not name the user of this clamd, is nobody's word.
    let followed = clamds
        .filter_map(|clamd| Some((clamd.user_id, followed_conf(places, clamd.pid)?)))
        .find(|(user_id, conf)| Trusted::of(conf).includes(*user_id));
    if let Some((_, conf)) = followed {
        return (conf, None);
    }
    match read_conf(&places.conf) {
        Ok(conf) => (conf, None),
        // Without a configuration there is no socket, and the databases lie where they usually do.
        Err(error) if error.kind() == ErrorKind::NotFound => (clamav::parse_conf(""), None),
        Err(error) => (
            clamav::parse_conf(""),
            Some(format!("configuration: {}", error.kind())),
        ),
    }
}

/// The configuration of a running clamd, if it lies where root configures programs.
fn followed_conf(places: &Places, pid: u32) -> Option<Conf> {
    let path = fs::canonicalize(named_conf(pid)?).ok()?;
    let mut folders = places.configured_below.iter();
    if !folders.any(|folder| path.starts_with(folder)) {
        return None;
    }
    read_conf(&path).ok()
}

/// What is read is what was looked at: a path without links, which nobody else can exchange. A link of `/proc`
/// would lead the look and the reading to different files.
fn read_conf(path: &Path) -> io::Result<Conf> {
    let path = fs::canonicalize(path)?;
    if !rights::is_out_of_reach(&path)? {
        return Err(ErrorKind::InvalidData.into());
    }
    let text = read_plain(&path, CONF_BYTES_MAX)?;
    Ok(clamav::parse_conf(&String::from_utf8_lossy(&text)))
}

/// The configuration that a running clamd was started with, if it names one.
fn named_conf(pid: u32) -> Option<PathBuf> {
    let arguments = process::arguments_of(pid)?;
    named_after(&arguments, "--config-file", "-c").map(|path| path_of(&path))
}

/// The value of an option among a program's arguments.
fn named_after(arguments: &[Vec<u8>], long: &str, short: &str) -> Option<Vec<u8>> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if let Some(value) = argument.strip_prefix(format!("{long}=").as_bytes()) {
            return Some(value.to_vec());
        }
        if argument == long.as_bytes() || argument == short.as_bytes() {
            return rest.next().cloned();
        }
    }
    None
}

fn ask(conf: &Conf, command: &str, trusted: &Trusted) -> Answer {
    let line = match &conf.socket {
        Some(Socket::Local(path)) => local::connect(path, ANSWER_DEADLINE),
        Some(Socket::Tcp(address)) => match loopback(address) {
            Some(address) => local::connect_port(address, ANSWER_DEADLINE),
            None => return Answer::Unsure("not_on_this_pc".to_owned()),
        },
        None => return Answer::NotAsked,
    };
    match line.and_then(|line| converse(line, command, trusted)) {
        Ok(answer) => answer,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Answer::Unsure(error.kind().to_string()),
        Err(error) => Answer::Silent(error.kind().to_string()),
    }
}

/// An address of this PC, whose owner can be found out; no name is looked up for it.
fn loopback(address: &str) -> Option<SocketAddr> {
    let address = match address.strip_prefix("localhost:") {
        Some(port) => SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)),
        None => address.parse().ok()?,
    };
    address.ip().is_loopback().then_some(address)
}

/// In clamd's newer form, command and answer end in a zero byte.
fn converse(mut line: Line, command: &str, trusted: &Trusted) -> io::Result<Answer> {
    let users = line.peer_users()?;
    if users.is_empty() {
        return Ok(Answer::Unsure("unknown_peer".to_owned()));
    }
    if let Some(stranger) = users.into_iter().find(|user_id| !trusted.includes(*user_id)) {
        return Ok(Answer::Unsure(format!("answered_by_user_{stranger}")));
    }
    line.write_all(format!("z{command}\0").as_bytes())?;
    let mut answer = Vec::new();
    line.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    if answer.is_empty() {
        return Ok(Answer::Silent("closed".to_owned()));
    }
    let text = String::from_utf8_lossy(&answer);
    Ok(Answer::Said(text.trim_end_matches(['\0', '\n']).to_owned()))
}

/// The heads of the signed databases; private ones have none.
fn heads(folder: &Path) -> Vec<(String, Vec<u8>)> {
    DATABASES
        .into_iter()
        .filter_map(|name| {
            let head = read_plain(&folder.join(name), HEAD_BYTES as u64).ok()?;
            Some((name.to_owned(), head))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::process::{Child, Command, Stdio};
    use std::thread;

    use vong_proto::event::{AntivirusProduct, Switch};

    use super::*;

    fn products(places: &Places) -> Vec<AntivirusProduct> {
        let rows = look_around(places, &mut Memory::default())
            .sources
            .clamav
            .expect("always asked");
        clamav::decode(&rows).into_iter().collect()
    }

    /// Programs of nobody's; the configuration in a folder of the test.
    fn places(conf: PathBuf) -> Places {
        Places {
            clamd: vec![PathBuf::from("/bin/sh")],
            freshclam: Vec::new(),
            schedules: Vec::new(),
            conf,
            freshclam_conf: PathBuf::new(),
            on_access_log: PathBuf::new(),
            configured_below: Vec::new(),
        }
    }

    #[test]
    fn an_installed_engine_that_nobody_can_reach_is_not_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let found = products(&places(folder.path().join("clamd.conf")));
        assert_eq!(found.len(), 1);
        assert_ne!(found[0].engine, Switch::On);
    }

    /// A folder with a configuration that names a socket in it, its mode, and a caller of the sensor.
    struct Stage(tempfile::TempDir);

    impl Stage {
        fn new(conf_mode: u32) -> Self {
            let stage = Self(tempfile::tempdir().expect("a folder"));
            let conf = format!(
                "LocalSocket {}\nDatabaseDirectory {}\n",
                stage.at("socket").display(),
                stage.0.path().display()
            );
            fs::write(stage.at("clamd.conf"), conf).expect("written");
            let mode = fs::Permissions::from_mode(conf_mode);
            fs::set_permissions(stage.at("clamd.conf"), mode).expect("the owner may");
            stage
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// Serves callers with `answer` until there is one that is not accepted any more.
        fn serve(&self, answer: impl Fn(UnixStream) + Send + 'static) {
            let listener = UnixListener::bind(self.at("socket")).expect("bound");
            thread::spawn(move || listener.incoming().flatten().for_each(answer));
        }

        fn product(&self) -> AntivirusProduct {
            products(&places(self.at("clamd.conf"))).swap_remove(0)
        }
    }

    /// What a healthy engine answers to everything.
    fn pong(mut caller: UnixStream) {
        let mut question = [0; 64];
        let _ = caller.read(&mut question);
        let _ = caller.write_all(b"PONG\0");
    }

    #[test]
    fn an_engine_that_answers_where_root_says_is_on() {
        let stage = Stage::new(0o644);
        stage.serve(pong);
        assert_eq!(stage.product().engine, Switch::On);
    }

    #[test]
    fn whoever_answers_where_anybody_could_say_is_not_believed() {
        let stage = Stage::new(0o666);
        stage.serve(pong);
        assert_eq!(stage.product().engine, Switch::Unknown);
    }

    /// A process that lives until it is dropped, with an argument.
    struct Idle(Child);

    impl Idle {
        fn with(argument: &str) -> Self {
            let mut command = Command::new("sh");
            command.args(["-s", "--", argument]).stdin(Stdio::piped());
            let idle = Self(command.spawn().expect("a shell"));
            idle.wait_until_it_shows(argument);
            idle
        }

        /// The kernel lets the parent go on a moment before the child's arguments can be read.
        fn wait_until_it_shows(&self, argument: &str) {
            let path = format!("/proc/{}/cmdline", self.0.id());
            let deadline = Instant::now() + Duration::from_secs(20);
            while !fs::read_to_string(&path).is_ok_and(|shown| shown.contains(argument)) {
                assert!(Instant::now() < deadline, "a shell shows its arguments");
                thread::yield_now();
            }
        }

        fn as_clamd(&self) -> Running<'static> {
            Running {
                name: "clamd",
                pid: self.0.id(),
                user_id: 0,
                origin: Origin::Administrator,
            }
        }
    }

    impl Drop for Idle {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn a_file_of_roots_with_the_words_of_a_user_is_no_configuration() {
        let stage = Stage::new(0o644);
        let words = fs::read_to_string(stage.at("clamd.conf")).expect("written");
        // As `su` does, waiting for a password: a process of root's, and everybody may choose its arguments.
        let victim = Idle::with(&format!("\n{words}"));
        let command_line = PathBuf::from(format!("/proc/{}/cmdline", victim.0.id()));
        let clamd_with = |conf: &Path| Idle::with(&format!("--config-file={}", conf.display()));
        let followed = |clamd: &Idle, folder: &Path| {
            let mut places = places(stage.at("none"));
            places.configured_below.push(folder.to_owned());
            conf(&places, &[clamd.as_clamd()]).0.socket
        };
        let expected = Some(Socket::Local(stage.at("socket")));

        let plain = clamd_with(&stage.at("clamd.conf"));
        assert_eq!(followed(&plain, stage.0.path()), expected, "what root wrote");
        assert_eq!(followed(&plain, Path::new("/etc")), None, "what lies elsewhere");
        let forged = clamd_with(&command_line);
        assert_eq!(followed(&forged, Path::new("/etc")), None, "what somebody said");
        std::os::unix::fs::symlink(&command_line, stage.at("link")).expect("linked");
        let linked = clamd_with(&stage.at("link"));
        assert_eq!(followed(&linked, stage.0.path()), None, "what a link leads to");
    }

    #[test]
    fn the_user_of_the_socket_is_believed_only_if_the_configuration_means_them() {
        let stage = Stage::new(0o644);
        stage.serve(pong);
        let line = local::connect(&stage.at("socket"), ANSWER_DEADLINE).expect("connected");
        assert_eq!(
            converse(line, "PING", &Trusted(Vec::new())).expect("answered"),
            Answer::Said("PONG".to_owned())
        );
        assert!(Trusted(vec![4_711]).includes(4_711));
        assert!(!Trusted(vec![4_711]).includes(4_712));
    }

    #[test]
    fn a_clamd_that_trickles_is_given_up() {
        let stage = Stage::new(0o644);
        stage.serve(|mut caller| {
            let pause = Some(ANSWER_DEADLINE / 10);
            caller.set_read_timeout(pause).expect("a pause");
            while caller.write_all(b"P").is_ok() {
                let _ = caller.read(&mut [0]);
            }
        });
        let begun = Instant::now();
        assert_ne!(stage.product().engine, Switch::On);
        assert!(begun.elapsed() < ANSWER_DEADLINE * 2);
    }

    #[test]
    fn pipes_in_place_of_files_are_not_waited_for() {
        let stage = Stage::new(0o644);
        for name in ["daily.cvd", "main.cvd", "pipe.conf"] {
            let made = Command::new("mkfifo").arg(stage.at(name)).status();
            assert!(made.expect("mkfifo").success());
        }
        assert_eq!(stage.product().definitions.version, "");
        let found = products(&places(stage.at("pipe.conf"))).swap_remove(0);
        assert_eq!(found.engine, Switch::Unknown);
    }

    #[test]
    fn a_clamd_on_another_machine_cannot_be_vouched_for() {
        let stage = Stage::new(0o644);
        fs::write(stage.at("clamd.conf"), "TCPSocket 3310\nTCPAddr 192.0.2.7\n").expect("written");
        assert_eq!(stage.product().engine, Switch::Unknown);
        assert_eq!(loopback("localhost:3310"), "127.0.0.1:3310".parse().ok());
        assert_eq!(loopback("clamd.tinh.gov.vn:3310"), None);
    }

    #[test]
    fn a_clamd_that_hangs_is_given_up_and_the_database_is_read_all_the_same() {
        let stage = Stage::new(0o644);
        let _hanging = UnixListener::bind(stage.at("socket")).expect("bound");
        fs::write(
            stage.at("daily.cvd"),
            "ClamAV-VDB:02 Mar 2023 04-26 -0500:26828:2022401:90:m:s:raynman:1677749186",
        )
        .expect("written");
        let begun = Instant::now();
        let found = stage.product();
        assert!(begun.elapsed() < ANSWER_DEADLINE * 2);
        assert_ne!(found.engine, Switch::On);
        assert_eq!(found.definitions.version, "26828");
    }
}
