//! Brings ClamAV's definitions up to date: runs freshclam once, as its own service would.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tracing::warn;
use vong_os::file::{look, read_plain};
use vong_os::process;
use vong_os::rights;

use super::{FILES_MAX, PROGRAMS, Places, conf, is_signatures};
use crate::sensor::Context;
use crate::sensor::antivirus::jobs::Ended;
use crate::stop::Stop;

/// Whether it has ended is looked at this often.
const LOOK: Duration = Duration::from_millis(200);
/// So much of a database tells it from the one before: signed ones say their version in the first bytes.
const HEAD_BYTES: u64 = 1024 * 1024;
/// Whoever waits needs next to nothing.
const REAPER_STACK_BYTES: usize = 64 * 1024;
/// Its errors of one run are a few lines.
const ERRORS_BYTES_MAX: u64 = 64 * 1024;
/// Its last word is cut here.
const WORD_CHARS_MAX: usize = 200;
/// Where system programs lie.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How the PC's administrator says that the way out is through a proxy.
const KEPT: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "CURL_CA_BUNDLE",
    "TZ",
];

/// What we start it with, and nobody else does.
const OURS: [&str; 2] = ["--quiet", "--log=/dev/null"];

/// Each file of signatures, by size and beginning.
type Files = BTreeMap<PathBuf, (u64, [u8; 32])>;

/// Runs freshclam, at most `limit`; nothing when the agent stops meanwhile.
pub(in crate::sensor::antivirus) fn update_signatures(
    places: &Places,
    context: &Context,
    limit: Duration,
) -> Option<Ended> {
    let program = places.freshclam.iter().find(|path| path.exists());
    let Some(program) = program.filter(|path| rights::is_out_of_reach(path).unwrap_or(false)) else {
        return Some(Ended::refused("not_possible"));
    };
    let folder = context.state.parent()?;
    let errors = folder.join("freshclam.log");
    let databases = conf(places, &process::running(&PROGRAMS)).0.databases;
    let before = files(&databases);
    let begun = Instant::now();
    let child = command(program, places, &errors).and_then(|mut command| process::spawn_group(&mut command));
    let child = match child {
        Ok(child) => child,
        Err(error) => {
            warn!(%error, program = %program.display(), "freshclam does not start");
            return Some(Ended::refused("not_possible"));
        }
    };
    let exit = wait(child, begun + limit, &context.stop);
    if context.stop.requested() && exit.is_none() {
        return None;
    }
    let after = files(&databases);
    let changed = after
        .iter()
        .filter(|(path, file)| before.get(*path) != Some(file))
        .count();
    let mut counts = BTreeMap::from([
        ("files_changed".to_owned(), changed as u64),
        ("seconds".to_owned(), begun.elapsed().as_secs()),
    ]);
    let (done, detail) = match exit {
        None => (false, "timed_out".to_owned()),
        Some(exit) => {
            let code = exit.code().and_then(|code| u64::try_from(code).ok());
            counts.extend(code.map(|code| ("exit_code".to_owned(), code)));
            match (exit.success(), changed) {
                (true, 0) => (true, "up_to_date".to_owned()),
                (true, _) => (true, "updated".to_owned()),
                (false, _) => (false, failure(&errors)),
            }
        }
    };
    Some(Ended { done, detail, counts })
}

/// A freshclam that runs as a service holds its log, so this run keeps none. It could not open one in our folder
/// either, having given up root's rights before: its errors go to a file that we have opened for it.
fn command(program: &Path, places: &Places, errors: &Path) -> io::Result<Command> {
    let errors = File::create(errors)?;
    let mut command = Command::new(program);
    command.env_clear().env("PATH", PATH);
    command.envs(
        KEPT.iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?))),
    );
    if places.freshclam_conf.exists() {
        command.arg(argument("--config-file=", &places.freshclam_conf));
    }
    command.args(OURS).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
    Ok(command)
}

/// Whether these are the arguments of a run of ours, which says nothing about who keeps this PC up to date.
pub(super) fn is_ours(arguments: &[Vec<u8>]) -> bool {
    arguments.ends_with(&OURS.map(|argument| argument.as_bytes().to_vec()))
}

fn argument(name: &str, value: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(name);
    argument.push(value);
    argument
}

/// How it ended; `None` when it had to be ended with all that it had started.
fn wait(mut child: Child, until: Instant, stop: &Stop) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(exit)) => return Some(exit),
            Ok(None) if Instant::now() < until && !stop.wait(LOOK) => {}
            _ => break,
        }
    }
    if let Err(error) = process::kill_group(&child) {
        warn!(%error, "freshclam cannot be ended");
    }
    // It is dead or about to be, and somebody must wait for it; one that hangs in the system must not hold the order.
    let reaper = thread::Builder::new()
        .name("freshclam reaper".to_owned())
        .stack_size(REAPER_STACK_BYTES);
    if let Err(error) = reaper.spawn(move || child.wait()) {
        warn!(%error, "no thread to wait for freshclam's end");
    }
    None
}

/// What is there of signatures.
fn files(folder: &Path) -> Files {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .take(FILES_MAX);
    let paths = entries
        .map(|entry| entry.path())
        .filter(|path| is_signatures(path));
    paths
        .filter_map(|path| {
            let size = look(&path).ok()?.size;
            let head = read_plain(&path, HEAD_BYTES).ok()?;
            Some((path, (size, Sha256::digest(head).into())))
        })
        .collect()
}

/// `failed`, with what freshclam said last.
fn failure(errors: &Path) -> String {
    let text = read_plain(errors, ERRORS_BYTES_MAX).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    match reason(&text) {
        Some(reason) => format!("failed: {reason}"),
        None => "failed".to_owned(),
    }
}

/// The last error but for the word that there was one.
fn reason(said: &str) -> Option<String> {
    let last = said.lines().rev().find_map(|line| {
        let (_, error) = line.split_once("ERROR: ")?;
        let error = error.split_once(" -> ").map_or(error, |(_, error)| error);
        Some(error.trim()).filter(|error| !error.is_empty() && *error != "Update failed.")
    })?;
    let plain = last.chars().filter(|letter| !letter.is_control());
    Some(plain.take(WORD_CHARS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As freshclam 1.4.6 wrote it.
    #[test]
    fn the_reason_of_a_failure_is_the_last_error_that_says_more() {
        let said = "WARNING: Mon Nov 30 14:00:23 2026 -> Can't query current.cvd.clamav.net\n\
            ERROR: Mon Nov 30 14:00:23 2026 -> Database update process failed: Failed to update database\n\
            ERROR: Mon Nov 30 14:00:23 2026 -> Update failed.\n";
        assert_eq!(
            reason(said).as_deref(),
            Some("Database update process failed: Failed to update database")
        );
        assert_eq!(reason(""), None);
        assert_eq!(reason("ERROR: Update failed.\n"), None);
    }

    #[test]
    fn a_run_of_ours_is_told_from_a_service() {
        let arguments = |text: &str| {
            text.split(' ')
                .map(|argument| argument.into())
                .collect::<Vec<Vec<u8>>>()
        };
        assert!(is_ours(&arguments(
            "/usr/bin/freshclam --config-file=/etc/clamav/freshclam.conf --quiet --log=/dev/null"
        )));
        assert!(!is_ours(&arguments("/usr/bin/freshclam -d --foreground=true")));
        assert!(!is_ours(&arguments("/usr/bin/freshclam -d --quiet")));
    }
}
