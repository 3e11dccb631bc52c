//! Reads the rows about other products than ClamAV on Linux: Defender's own answer, and traces of the rest.
//!
//! A program is asked only when it is out of everybody's reach but the administrator's: what anybody can exchange
//! says what anybody wants, with this agent's rights.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use vong_os::process::{self, Origin};
use vong_os::{program, rights};

use super::super::installed::{Kind, Sign};
use super::super::rows::Asked;
use super::super::vendor::VENDORS;

/// Where its package puts the program.
pub(super) const MDATP: &str = "/usr/bin/mdatp";
/// It asks its daemon, which takes some seconds after a start.
const MDATP_DEADLINE: Duration = Duration::from_secs(10);
/// Each question starts a program, and what it says changes rarely.
const MDATP_PAUSE: Duration = Duration::from_secs(10 * 60);
/// An answer is about 2 KiB.
const MDATP_BYTES_MAX: usize = 256 * 1024;

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub(in crate::sensor::antivirus) struct Memory {
    /// What Defender has answered, and when it was asked.
    mdatp: Option<(Value, Instant)>,
}

/// The answer of Defender, if its program is there; it is asked when there is none, or only an old one.
pub(super) fn mdatp(path: &Path, memory: &mut Memory, now: Instant) -> Option<Asked> {
    let path = match fs::canonicalize(path) {
        Ok(path) => path,
        Err(error) => {
            memory.mdatp = None;
            let is_absent = error.kind() == ErrorKind::NotFound;
            return (!is_absent).then(|| Asked::Failed(code(error.kind())));
        }
    };
    if let Some((row, asked)) = &memory.mdatp
        && now.saturating_duration_since(*asked) < MDATP_PAUSE
    {
        return Some(Asked::Rows(vec![row.clone()]));
    }
    memory.mdatp = None;
    let answer = ask(&path, MDATP_DEADLINE);
    Some(
        match answer.map(|answer| serde_json::from_slice::<Value>(&answer)) {
            Ok(Ok(row)) => {
                memory.mdatp = Some((row.clone(), now));
                Asked::Rows(vec![row])
            }
            Ok(Err(_)) => Asked::Failed("garbage".to_owned()),
            Err(error) => Asked::Failed(code(error.kind())),
        },
    )
}

fn ask(path: &Path, deadline: Duration) -> io::Result<Vec<u8>> {
    if !rights::is_out_of_reach(path)? {
        return Err(ErrorKind::PermissionDenied.into());
    }
    program::answer(path, &["health", "--output", "json"], deadline, MDATP_BYTES_MAX)
}

fn code(kind: ErrorKind) -> String {
    let code = match kind {
        ErrorKind::TimedOut => "timed_out",
        ErrorKind::PermissionDenied => "no_permission",
        ErrorKind::FileTooLarge => "garbage",
        _ => "failed",
    };
    code.to_owned()
}

/// Traces of installed products, in the order of the table.
pub(super) fn installed() -> Vec<Sign> {
    let names: Vec<&str> = VENDORS
        .iter()
        .flat_map(|vendor| vendor.processes)
        .copied()
        .collect();
    let running = process::running(&names);
    // Anybody may call a program of theirs like one of these.
    let runs = |name: &str| {
        let mut running = running.iter().filter(|running| running.origin != Origin::Anybody);
        running.any(|running| running.name == name)
    };
    let processes = names
        .iter()
        .filter(|name| runs(name))
        .map(|name| sign(Kind::Process, name));
    let paths = VENDORS.iter().flat_map(|vendor| vendor.paths);
    let paths = paths.filter(|path| PathBuf::from(path).exists());
    processes
        .chain(paths.map(|path| sign(Kind::Path, path)))
        .collect()
}

fn sign(kind: Kind, name: &str) -> Sign {
    Sign {
        kind,
        name: name.to_owned(),
        version: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A program of the test's with this mode, in a folder that lives as long as it shall.
    fn program_of(script: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mdatp");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        (folder, path)
    }

    fn asked(script: &str, mode: u32) -> Option<Asked> {
        let (_folder, path) = program_of(script, mode);
        asked_at(&path)
    }

    fn asked_at(path: &Path) -> Option<Asked> {
        mdatp(path, &mut Memory::default(), Instant::now())
    }

    fn failed(reason: &str) -> Option<Asked> {
        Some(Asked::Failed(reason.to_owned()))
    }

    #[test]
    fn the_answer_is_a_row_and_anything_else_a_reason() {
        let script = r#"[ "$*" = "health --output json" ] && echo '{"healthy":true}'"#;
        let row = serde_json::json!({ "healthy": true });
        assert_eq!(asked(script, 0o755), Some(Asked::Rows(vec![row])));
        assert_eq!(asked("echo 'Error: no daemon'", 0o755), failed("garbage"));
        assert_eq!(asked("yes", 0o755), failed("garbage"));
        assert_eq!(asked("exit 1", 0o755), failed("garbage"));
        assert_eq!(asked_at(Path::new("/no/such/mdatp")), None);
    }

    #[test]
    fn a_program_that_others_can_write_to_is_not_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let proof = folder.path().join("ran");
        let script = format!("touch {}; echo '{{\"healthy\":true}}'", proof.display());
        assert_eq!(asked(&script, 0o777), failed("no_permission"));
        assert!(!proof.exists());
    }

    #[test]
    fn an_answer_is_good_for_ten_minutes_and_a_failure_for_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let count = folder.path().join("count");
        let script = format!(
            r#"echo >>{0}; [ $(wc -l <{0}) = 1 ] && exit 1; echo "{{\"asked\":$(wc -l <{0})}}""#,
            count.display()
        );
        let script = format!("PATH=/usr/bin:/bin\n{script}");
        let (_folder, path) = program_of(&script, 0o755);
        let (mut memory, begun) = (Memory::default(), Instant::now());
        let mut ask_after = |after: Duration| mdatp(&path, &mut memory, begun + after);
        let row = |asked: u64| Some(Asked::Rows(vec![serde_json::json!({ "asked": asked })]));
        let second = Duration::from_secs(1);
        assert_eq!(ask_after(Duration::ZERO), failed("garbage"));
        assert_eq!(ask_after(second), row(2));
        assert_eq!(ask_after(MDATP_PAUSE), row(2));
        assert_eq!(ask_after(MDATP_PAUSE + second), row(3));
        fs::remove_file(&path).expect("removed");
        assert_eq!(mdatp(&path, &mut memory, begun), None, "it has been uninstalled");
    }

    #[test]
    fn a_program_that_hangs_is_given_up() {
        let (_folder, path) = program_of("while :; do :; done", 0o755);
        let hung = ask(&path, Duration::from_millis(100)).expect_err("too late");
        assert_eq!(code(hung.kind()), "timed_out");
    }
}
