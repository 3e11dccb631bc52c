//! Watches the life of the agent itself: it says hello with what happened meanwhile, and goodbye with a
//! reason.
//!
//! A mark in memory says whether the previous run ended with a goodbye. The mark for "runs" and the hello
//! commit together, and so do the goodbye and its mark.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tracing::warn;
use vong_proto::event::{Blind, Body, Lane, Presence, Sensor, Start, StopReason};

use super::event_now;
use crate::clock;
use crate::report::{NotDurable, Report, Reports, StateChange};
use crate::state::{StateError, StateReader};

/// The only key.
const KEY: &[u8] = b"run";
/// A goodbye that is not durable after this is given up: the PC may be shutting down. A hello is left to a spool
/// that is slow: it stands before everything that the sensors will say, and becomes durable with it.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is remembered of the last run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// The boot that it ran in.
    boot: String,
    /// When it ended with a goodbye; `None` while it runs, and after a crash.
    ended_ms: Option<i64>,
}

/// Why there was no hello.
#[derive(Debug, thiserror::Error)]
pub enum PresenceError {
    /// What was remembered cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The spool does not keep it.
    #[error(transparent)]
    Spool(#[from] NotDurable),
}

/// When a run that ended without a goodbye was certainly still alive: its spool was written to. To be asked
/// before the spool is opened again, which writes to it.
pub fn last_sign_ms(spool: &Path) -> Option<i64> {
    let mut log = spool.as_os_str().to_owned();
    log.push("-wal");
    [spool, Path::new(&log)]
        .into_iter()
        .filter_map(|file| std::fs::metadata(file).ok()?.modified().ok())
        .filter_map(|time| time.duration_since(UNIX_EPOCH).ok())
        .filter_map(|time| i64::try_from(time.as_millis()).ok())
        .max()
}

/// Says hello, and since when nothing was watched. To be called once, before any other sensor starts;
/// `spool` is the file that memory is in, `last_sign_ms` the [`last_sign_ms`] before it was opened.
///
/// # Errors
/// When memory cannot be read, or the spool has stopped.
pub fn started(reports: &Reports, spool: &Path, last_sign_ms: Option<i64>) -> Result<(), PresenceError> {
    let last = StateReader::open(spool)?
        .get(Sensor::Presence, KEY)?
        .and_then(|value| serde_json::from_slice::<Run>(&value).ok());
    let boot = clock::boot_id().to_string();
    let start = Start {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        os: vong_os::host::os_name(),
        hostname: vong_os::host::hostname(),
        privileged: vong_os::host::is_privileged(),
        ..since_last(last.as_ref(), &boot)
    };
    let mut events = vec![event_now(Lane::State, Body::Presence(Presence::Started(start)))];
    if let Some(since_ms) = last.and_then(|last| last.ended_ms.or(last_sign_ms)) {
        events.push(event_now(Lane::State, Body::Blind(stopped_since(since_ms))));
    }
    let run = Run { boot, ended_ms: None };
    match reports.commit(report(events, &run), PATIENCE) {
        Err(NotDurable::Late) => {
            warn!("the agent's start is not kept yet: the spool is slow");
            Ok(())
        }
        committed => Ok(committed?),
    }
}

/// Says goodbye. To be called after the other sensors have ended.
///
/// # Errors
/// When the goodbye is not durable in time.
pub fn stopping(reports: &Reports, reason: StopReason) -> Result<(), NotDurable> {
    let run = Run {
        boot: clock::boot_id().to_string(),
        ended_ms: Some(clock::wall_ms()),
    };
    let goodbye = event_now(Lane::State, Body::Presence(Presence::Stopping(reason)));
    reports.commit(report(vec![goodbye], &run), PATIENCE)
}

fn since_last(last: Option<&Run>, boot: &str) -> Start {
    Start {
        after_crash: last.is_some_and(|last| last.ended_ms.is_none()),
        new_boot: last.is_some_and(|last| last.boot != boot),
        ..Start::default()
    }
}

fn stopped_since(since_ms: i64) -> Blind {
    let until_ms = clock::wall_ms();
    Blind {
        sensor: Sensor::Files,
        scope: Vec::new(),
        // A clock that was set back must not make an interval that ends before it begins.
        since_ms: since_ms.min(until_ms),
        until_ms,
        reason: "agent_stopped".to_owned(),
    }
}

fn report(events: Vec<crate::report::NewEvent>, run: &Run) -> Report {
    let value = serde_json::to_vec(run).expect("text and numbers can be written as JSON");
    Report {
        events,
        state: vec![StateChange {
            sensor: Sensor::Presence,
            key: KEY.to_vec(),
            value: Some(value),
        }],
        committed: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_a_goodbye_has_crashed() {
        let run = |boot: &str, ended_ms| Run {
            boot: boot.to_owned(),
            ended_ms,
        };
        let check = |last: Option<Run>, expected: (bool, bool)| {
            let start = since_last(last.as_ref(), "now");
            assert_eq!((start.after_crash, start.new_boot), expected, "{last:?}");
        };
        check(None, (false, false));
        check(Some(run("now", Some(5))), (false, false));
        check(Some(run("now", None)), (true, false));
        check(Some(run("before", Some(5))), (false, true));
        check(Some(run("before", None)), (true, true));
    }

    #[test]
    fn a_slow_spool_does_not_keep_the_agent_from_watching() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("spool.db");
        let rows = "CREATE TABLE sensor_state (sensor INTEGER, key BLOB, value BLOB)";
        rusqlite::Connection::open(&file)
            .and_then(|spool| spool.execute_batch(rows))
            .expect("a spool");
        let (reports, received) = Reports::channel();
        started(&reports, &file, None).expect("it goes on");
        let waiting = received.recv().expect("the hello is not lost");
        assert!(matches!(
            waiting.events[0].body,
            Body::Presence(Presence::Started(_))
        ));
        drop(received);
        assert!(
            started(&reports, &file, None).is_err(),
            "a spool that has stopped is another matter"
        );
    }

    #[test]
    fn an_interval_never_ends_before_it_begins() {
        let blind = stopped_since(i64::MAX);
        assert!(blind.since_ms <= blind.until_ms);
    }
}
