//! Where clamd and clamonacc write what they find: only where root's configuration or the arguments of a clamonacc
//! that root started say, and only files of users who may speak for them.

use vong_os::file::path_of;
use vong_os::process::{self, Origin, Running};
use vong_os::rights;

use std::path::PathBuf;

use super::super::clamav::Conf;
use super::{Places, Trusted, followed_conf, named_after};
pub(in crate::sensor::antivirus) use crate::sensor::antivirus::detections::LogPlace;

pub(super) fn places(places: &Places, programs: &[Running<'_>], conf: &Conf) -> Vec<LogPlace> {
    let on_access = programs.iter().find(|program| is_on_access(program));
    let own_conf = on_access.and_then(|program| followed_conf(places, program.pid));
    let clamd = conf
        .log
        .clone()
        .filter(|path| path.is_absolute())
        .map(|path| LogPlace {
            path,
            source: "clamd",
            is_blocked: false,
            owners: Trusted::of(conf).all(),
            is_handled: false,
        });
    // The log of one that has stopped since is read to its end.
    let clamonacc = LogPlace {
        path: on_access
            .and_then(|program| named_log(program.pid))
            .unwrap_or_else(|| places.on_access_log.clone()),
        source: "clamonacc",
        is_blocked: own_conf.as_ref().unwrap_or(conf).prevents,
        owners: rights::administrator_and_own(),
        is_handled: on_access.is_some_and(|program| handles(program.pid)),
    };
    let is_written_twice = clamd.as_ref().is_some_and(|clamd| clamd.path == clamonacc.path);
    let clamd = clamd.map(|clamd| LogPlace {
        is_handled: is_written_twice && clamonacc.is_handled,
        ..clamd
    });
    clamd
        .into_iter()
        .chain((!is_written_twice).then_some(clamonacc))
        .collect()
}

/// Only root can have the kernel tell of files that are opened.
fn is_on_access(program: &Running<'_>) -> bool {
    program.name == "clamonacc"
        && program.origin == Origin::Administrator
        && rights::is_administrator_or_own(program.user_id)
}

/// Whether it was started to move or remove what it finds.
fn handles(pid: u32) -> bool {
    process::arguments_of(pid).is_some_and(|arguments| are_of_a_handler(&arguments))
}

/// Options may be cut short, as `--mov`.
fn are_of_a_handler(arguments: &[Vec<u8>]) -> bool {
    let starts: [&[u8]; 2] = [b"--mo", b"--rem"];
    let mut arguments = arguments.iter();
    arguments.any(|argument| starts.iter().any(|start| argument.starts_with(start)))
}

fn named_log(pid: u32) -> Option<PathBuf> {
    let path = named_after(&process::arguments_of(pid)?, "--log", "-l")?;
    Some(path_of(&path)).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clamonacc_that_is_told_to_moves_or_removes_files() {
        let check = |arguments: &str, expected: bool| {
            let words: Vec<Vec<u8>> = arguments.split(' ').map(Into::into).collect();
            assert_eq!(are_of_a_handler(&words), expected, "{arguments}");
        };
        check("/usr/sbin/clamonacc --foreground --move=/var/quarantine", true);
        check("/usr/sbin/clamonacc --move /var/quarantine", true);
        check("/usr/sbin/clamonacc --remove", true);
        check(
            "/usr/sbin/clamonacc --foreground --log=/var/log/clamav/clamonacc.log",
            false,
        );
    }
}
