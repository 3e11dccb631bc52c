//! Fills an agent's own spool on a real disk as its sensors do, and says how fast that went.
//!
//! Each report is what the files sensor hands over: an event and what it remembers of the file. The time ends when the
//! last one is durable.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use vong_agent::report::{NewEvent, Report, Reports, StateChange};
use vong_agent::spool::Spool;
use vong_agent::{clock, outbox};
use vong_proto::event::{Body, Digest, FileAction, FileEvent, FileMeta, Lane, Origin, Sensor, Who};

/// The agent's own default.
const LIMIT_BYTES: u64 = 512 << 20;

/// A disk of 30 ms needs less by far.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where, and how many.
#[derive(Debug, Parser)]
#[command(about = "Measures an agent's spool")]
struct Plan {
    /// The spool's file.
    file: PathBuf,
    /// So many events.
    events: u32,
}

fn main() -> anyhow::Result<()> {
    let plan = Plan::parse();
    let (reports, received) = Reports::channel();
    let (_outbox, desk) = outbox::outbox(reports.clone());
    let spool = Spool::open(&plan.file, LIMIT_BYTES)?.start(received, desk)?;
    let began = Instant::now();
    for number in 0..plan.events {
        reports.send(report(number))?;
    }
    reports.commit(Report::default(), PATIENCE)?;
    let seconds = began.elapsed().as_secs_f64();
    writeln!(std::io::stdout(), "{}", f64::from(plan.events) / seconds)?;
    drop((reports, _outbox));
    spool
        .join()
        .map_err(|_| anyhow::anyhow!("the spool panicked"))??;
    Ok(())
}

fn report(number: u32) -> Report {
    let path = format!("/srv/hồ sơ/kế hoạch số {number}.odt").into_bytes();
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&number.to_be_bytes());
    let file = FileEvent {
        action: FileAction::Modified,
        path: path.clone(),
        old_path: None,
        origin: Origin::RealTime,
        meta: Some(FileMeta::plain(
            40_000 + u64::from(number),
            clock::wall_ms() * 1_000_000,
            0o100_644,
            "1000",
            Digest::Sha256(digest),
        )),
        who: Who::Exited { pid: number },
        watch: "Hồ sơ".to_owned(),
        severity: None,
        changed: Vec::new(),
        count: 1,
        first_ms: None,
        cause: None,
    };
    Report {
        events: vec![NewEvent {
            lane: Lane::Events,
            wall_ms: clock::wall_ms(),
            mono_ms: clock::mono_ms(),
            body: Body::File(file),
        }],
        state: vec![StateChange {
            sensor: Sensor::Files,
            key: path,
            value: Some(digest.to_vec()),
        }],
        committed: None,
    }
}
