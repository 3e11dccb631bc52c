//! What the spool has confirmed is there after kill -9, whenever that comes.
//!
//! The writer is this test program itself, started as a process of its own. It says on its output which events
//! are confirmed; the story outside believes only that.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use vong_agent::outbox::{Outbox, outbox};
use vong_agent::report::{NewEvent, Report, Reports};
use vong_agent::spool::Spool;
use vong_proto::event::{Body, Lane, Sensor, Unsupported};
use vong_proto::session::Ack;
use vong_proto::wire;

const FOLDER: &str = "VONG_DURABLE_FOLDER";
const FIRST: &str = "VONG_DURABLE_FIRST";
const LIMIT: u64 = 64 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);

fn open(folder: &Path) -> (Reports, Outbox) {
    let (reports, received) = Reports::channel();
    let (outbox, desk) = outbox(reports.clone());
    let spool = Spool::open(&folder.join("spool.db"), LIMIT).expect("opened");
    spool.start(received, desk).expect("started");
    (reports, outbox)
}

/// Does nothing unless it is the process that gets killed.
#[test]
fn writer() {
    let (Ok(folder), Ok(first)) = (std::env::var(FOLDER), std::env::var(FIRST)) else {
        return;
    };
    let (reports, _outbox) = open(Path::new(&folder));
    for number in first.parse::<u64>().expect("a number").. {
        let lane = if number.is_multiple_of(3) {
            Lane::Urgent
        } else {
            Lane::Events
        };
        let what = Unsupported {
            sensor: Sensor::Files,
            what: number.to_string(),
            why: "x".repeat(500),
            cured: false,
        };
        let event = NewEvent {
            lane,
            wall_ms: 1,
            mono_ms: 1,
            body: Body::Unsupported(what),
        };
        let report = Report {
            events: vec![event],
            ..Report::default()
        };
        reports.commit(report, PATIENCE).expect("durable");
        writeln!(std::io::stdout(), "confirmed {number}").expect("heard");
    }
}

fn start_writer(folder: &Path, first: u64) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "writer", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("started")
}

/// Runs a writer, kills it after so many confirmations, and returns the last one that was heard.
fn killed_after(folder: &Path, first: u64, confirmations: usize) -> u64 {
    let mut writer = start_writer(folder, first);
    let output = BufReader::new(writer.stdout.take().expect("piped"));
    let mut heard = output
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.rsplit_once("confirmed ")?.1.parse::<u64>().ok());
    let last = heard
        .nth(confirmations)
        .expect("the writer lives until it is killed");
    writer.kill().expect("killed");
    // What it had still said before it died counts too.
    let last = heard.last().unwrap_or(last);
    writer.wait().expect("dead");
    last
}

/// Everything in a lane, by what was reported, and acknowledged on the way.
async fn drain(outbox: &Outbox, lane: Lane) -> Vec<u64> {
    let mut found = Vec::new();
    while let Some(batch) = outbox.next(lane, usize::MAX).await.expect("the spool lives") {
        assert!(batch.gaps.is_empty(), "nothing was dropped: {:?}", batch.gaps);
        for (seq, bytes) in (batch.first..).zip(wire::unpack_events(&batch).expect("readable")) {
            let body = wire::decode_event_or_opaque(lane, seq, &bytes).body;
            if let Body::Unsupported(unsupported) = body {
                found.push(unsupported.what.parse().expect("a number"));
            }
        }
        let through = batch.last;
        outbox.acknowledge(Ack { lane, through });
    }
    found
}

#[test]
fn what_is_confirmed_survives_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().to_owned();
    let mut confirmed = 0;
    for confirmations in [3, 40, 0, 17] {
        confirmed = killed_after(&path, confirmed + 1, confirmations);
    }

    let (_reports, outbox) = open(&path);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let found = runtime.block_on(async {
        outbox
            .resume([0; 4], Default::default())
            .await
            .expect("the spool lives");
        let mut found = drain(&outbox, Lane::Urgent).await;
        found.extend(drain(&outbox, Lane::Events).await);
        found
    });

    for number in 1..=confirmed {
        assert!(found.contains(&number), "{number} was confirmed and is gone");
    }
}
