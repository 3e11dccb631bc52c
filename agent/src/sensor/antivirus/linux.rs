//! Reads the rows about ClamAV on Linux: programs, processes, database files, and clamd's own answers.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use vong_os::file::path_of;
use vong_os::{local, process};
use vong_proto::event::AntivirusProduct;

use super::clamav::{self, Answer, Conf, HEAD_BYTES, Rows, Socket};

/// A clamd that needs longer is no protection at this moment.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// No answer that is asked for here is longer.
const ANSWER_BYTES_MAX: u64 = 1_024;
/// A configuration is some kilobytes.
const CONF_BYTES_MAX: u64 = 256 * 1024;

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
    /// Whether the configuration that a running clamd was started with goes first.
    pub follow_running: bool,
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
            follow_running: true,
        }
    }
}

pub(super) fn products(places: &Places) -> Vec<AntivirusProduct> {
    clamav::decode(&rows(places)).into_iter().collect()
}

fn rows(places: &Places) -> Rows {
    let any_exists = |paths: &[PathBuf]| paths.iter().any(|path| path.exists());
    let running = process::running(&["clamd", "freshclam", "clamonacc"]);
    let conf = conf(places);
    let ping = ask(&conf, "PING");
    // Whoever does not answer the first question would keep the second waiting as long.
    let version = match &ping {
        Answer::Said(_) => ask(&conf, "VERSION"),
        Answer::NotAsked | Answer::Silent(_) => Answer::NotAsked,
    };
    Rows {
        clamd_installed: any_exists(&places.clamd),
        freshclam_installed: any_exists(&places.freshclam),
        freshclam_scheduled: any_exists(&places.schedules),
        running: running.into_iter().map(str::to_owned).collect(),
        ping,
        version,
        heads: heads(&conf.databases),
    }
}

fn conf(places: &Places) -> Conf {
    let named = places.follow_running.then(running_conf).flatten();
    let mut text = Vec::new();
    // Without a configuration there is no socket, and the databases lie where they usually do.
    let _ = File::open(named.as_ref().unwrap_or(&places.conf))
        .and_then(|file| file.take(CONF_BYTES_MAX).read_to_end(&mut text));
    clamav::parse_conf(&String::from_utf8_lossy(&text))
}

/// The configuration that a running clamd was started with, if it names one.
fn running_conf() -> Option<PathBuf> {
    let arguments = process::arguments_of("clamd")?;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if let Some(path) = argument.strip_prefix(b"--config-file=") {
            return Some(path_of(path));
        }
        if matches!(argument.as_slice(), b"--config-file" | b"-c") {
            return rest.next().map(|path| path_of(path));
        }
    }
    None
}

fn ask(conf: &Conf, command: &str) -> Answer {
    let answer = match &conf.socket {
        Some(Socket::Local(path)) => {
            local::connect(path, ANSWER_DEADLINE).and_then(|stream| converse(stream, command))
        }
        Some(Socket::Tcp(address)) => connect(address).and_then(|stream| converse(stream, command)),
        None => return Answer::NotAsked,
    };
    match answer {
        Ok(text) => Answer::Said(text),
        Err(error) => Answer::Silent(error.kind().to_string()),
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let address = address
        .to_socket_addrs()?
        .next()
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
    let stream = TcpStream::connect_timeout(&address, ANSWER_DEADLINE)?;
    stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
    stream.set_write_timeout(Some(ANSWER_DEADLINE))?;
    Ok(stream)
}

/// In clamd's newer form, command and answer end in a zero byte.
fn converse(mut stream: impl Read + Write, command: &str) -> io::Result<String> {
    stream.write_all(format!("z{command}\0").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.trim_end_matches(['\0', '\n']).to_owned())
}

/// The heads of the signed databases; private ones have none.
fn heads(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut heads: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            [".cvd", ".cld"].iter().any(|end| name.ends_with(end))
                && ["daily", "main"].iter().any(|start| name.starts_with(start))
        })
        .filter_map(|name| {
            let head = head(&folder.join(&name)).ok()?;
            Some((name, head))
        })
        .collect();
    heads.sort();
    heads
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use vong_proto::event::Switch;

    use super::*;

    /// Programs of nobody's; the configuration in a folder of the test.
    fn places(conf: PathBuf) -> Places {
        Places {
            clamd: vec![PathBuf::from("/bin/sh")],
            freshclam: Vec::new(),
            schedules: Vec::new(),
            conf,
            follow_running: false,
        }
    }

    #[test]
    fn an_installed_engine_that_nobody_can_reach_is_not_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let found = products(&places(folder.path().join("clamd.conf")));
        assert_eq!(found.len(), 1);
        assert_ne!(found[0].engine, Switch::On);
    }

    #[test]
    fn a_clamd_that_hangs_is_given_up_and_the_database_is_read_all_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let _hanging = std::os::unix::net::UnixListener::bind(at("socket")).expect("bound");
        let conf = format!(
            "LocalSocket {}\nDatabaseDirectory {}\n",
            at("socket").display(),
            folder.path().display()
        );
        fs::write(at("clamd.conf"), conf).expect("written");
        fs::write(
            at("daily.cvd"),
            "ClamAV-VDB:02 Mar 2023 04-26 -0500:26828:2022401:90:m:s:raynman:1677749186",
        )
        .expect("written");
        let begun = Instant::now();
        let found = products(&places(at("clamd.conf")));
        assert!(begun.elapsed() < ANSWER_DEADLINE * 2);
        assert_ne!(found[0].engine, Switch::On);
        assert_eq!(found[0].definitions.version, "26828");
    }
}
