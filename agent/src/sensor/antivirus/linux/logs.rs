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
        });
    // The log of one that has stopped since is read to its end.
    let clamonacc = LogPlace {
        path: on_access
            .and_then(|program| named_log(program.pid))
            .unwrap_or_else(|| places.on_access_log.clone()),
        source: "clamonacc",
        is_blocked: own_conf.as_ref().unwrap_or(conf).prevents,
        owners: rights::administrator_and_own(),
    };
    let is_written_twice = clamd.as_ref().is_some_and(|clamd| clamd.path == clamonacc.path);
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

fn named_log(pid: u32) -> Option<PathBuf> {
    let path = named_after(&process::arguments_of(pid)?, "--log", "-l")?;
    Some(path_of(&path)).filter(|path| path.is_absolute())
}
