//! An agent's tripwire and spool over one folder, without a collector: says when it trips, once that is durable.
//!
//! ```text
//! stdin    freeze GROUP    stop this process group the moment an alarm is durable; the end ends the program
//! stdout   one JSON object for each report of the tripwire, for each time that it missed something, and for the
//!          highest sum at the end
//! ```
//! Freezing is done here and not by whoever reads the output: what is encrypted while that one wakes up would count.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use vong_agent::policy::PolicyWatch;
use vong_agent::report::{Report, Reports};
use vong_agent::sensor::unseen::Unseen;
use vong_agent::sensor::{Context, tripwire};
use vong_agent::spool::Spool;
use vong_agent::stop::Stop;
use vong_agent::{clock, outbox};
use vong_proto::event::{Blind, Body, Sensor, Tripwire, TripwireLevel, Unsupported};
use vong_proto::policy::{Policy, TripwirePolicy};

/// Far more than a run needs.
const LIMIT_BYTES: u64 = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

/// What is watched, and where the spool lies.
#[derive(Debug, Parser)]
#[command(about = "Watches a folder as the agent's tripwire does")]
struct Plan {
    /// The folder with documents.
    folder: PathBuf,
    /// The agent's data folder.
    data: PathBuf,
    /// Place no canaries.
    #[arg(long)]
    without_canaries: bool,
}

/// The process group that is stopped when an alarm comes.
type Target = Arc<Mutex<Option<Pid>>>;

fn main() -> anyhow::Result<()> {
    let plan = Plan::parse();
    let file = plan.data.join("spool.db");
    let (to_spool, received) = Reports::channel();
    let (_outbox, desk) = outbox::outbox(to_spool.clone());
    let spool = Spool::open(&file, LIMIT_BYTES)?.start(received, desk)?;
    let (reports, said) = Reports::channel();
    let folder = plan.folder.to_str().context("the folder's name is no text")?;
    let policy = Policy {
        tripwire: TripwirePolicy {
            enabled: true,
            paths: vec![folder.to_owned()],
            exclude: Vec::new(),
            canaries: !plan.without_canaries,
        },
        ..Policy::before_any()
    };
    let context = Context {
        reports,
        state: file,
        policy: PolicyWatch::fixed(policy),
        stop: Stop::new(),
        own_folders: vec![plan.data.clone()],
        governor: vong_agent::governor::Governor::flat_out(),
        programs: vong_agent::sensor::programs::Programs::default(),
    };
    let target = Target::default();
    let listener = {
        let (stop, policy, target) = (context.stop.clone(), context.policy.clone(), Arc::clone(&target));
        thread::spawn(move || {
            listen(&target);
            stop.request();
            policy.wake_all();
        })
    };
    let sensor = thread::spawn(move || tripwire::watch(&context, &mut Unseen::new(Sensor::Tripwire)));
    // The threads of the agent have what they take for themselves; this one only hands over, and must not add to it.
    let _ = vong_os::process::hurry();
    pass_on(&said, &to_spool, &target)?;
    let highest = sensor
        .join()
        .map_err(|_| anyhow::anyhow!("the tripwire panicked"))??;
    if let Some(highest) = highest {
        writeln!(
            std::io::stdout(),
            "{}",
            json!({ "highest": occurrence(&highest) })
        )?;
    }
    listener
        .join()
        .map_err(|_| anyhow::anyhow!("the listener panicked"))?;
    drop((to_spool, _outbox));
    spool
        .join()
        .map_err(|_| anyhow::anyhow!("the spool panicked"))??;
    Ok(())
}

/// Until the end of the input.
fn listen(target: &Target) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        if let Some(group) = line
            .strip_prefix("freeze ")
            .and_then(|group| group.trim().parse().ok())
        {
            *target.lock().unwrap_or_else(PoisonError::into_inner) = Pid::from_raw(group);
        }
    }
}

/// Makes each report durable, then says it, until the sensor has ended.
fn pass_on(said: &Receiver<Report>, spool: &Reports, target: &Target) -> anyhow::Result<()> {
    for report in said {
        let news: Vec<Body> = report.events.iter().map(|event| event.body.clone()).collect();
        spool.commit(report, PATIENCE)?;
        for body in news {
            if let Body::Tripwire(tripwire) = &body
                && tripwire.level == TripwireLevel::Alarm
                && let Some(group) = target.lock().unwrap_or_else(PoisonError::into_inner).take()
            {
                // Nothing to stop is as good.
                let _ = kill_process_group(group, Signal::STOP);
            }
            if let Some(line) = line(&body) {
                let mut out = std::io::stdout().lock();
                writeln!(out, "{line}")?;
                out.flush()?;
            }
        }
    }
    Ok(())
}

fn line(body: &Body) -> Option<Value> {
    let mut line = match body {
        Body::Tripwire(tripwire) => json!({ "tripwire": occurrence(tripwire) }),
        Body::Blind(Blind { reason, .. }) => json!({ "blind": reason }),
        Body::Unsupported(Unsupported {
            why, cured: false, ..
        }) => json!({ "unsupported": why }),
        _ => return None,
    };
    line["at_ms"] = clock::wall_ms().into();
    Some(line)
}

fn occurrence(tripwire: &Tripwire) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let points = |milli: u32| f64::from(milli) / 1_000.0;
    let reasons = tripwire.reasons.iter();
    let files = tripwire.files.iter();
    let processes = tripwire.processes.iter();
    json!({
        "key": tripwire.key,
        "level": tripwire.level,
        "score": points(tripwire.score_milli),
        "slow_score": points(tripwire.slow_score_milli),
        "reasons": reasons.map(|reason| json!({
            "code": reason.code, "count": reason.count, "score": points(reason.score_milli),
        })).collect::<Vec<_>>(),
        "files": files.map(|file| json!({
            "path": text(&file.path), "old_path": file.old_path.as_deref().map(text), "reason": file.reason,
            "score": points(file.score_milli), "at_ms": file.at_ms,
        })).collect::<Vec<_>>(),
        "processes": processes.map(|process| json!({
            "pid": process.pid, "executable": text(&process.executable), "command_line": text(&process.command_line),
            "user": process.user,
        })).collect::<Vec<_>>(),
        "volume": text(&tripwire.volume),
        "files_touched": tripwire.files_touched,
        "files_lost": tripwire.files_lost,
        "canaries_touched": tripwire.canaries_touched,
        "first_ms": tripwire.first_ms,
        "last_ms": tripwire.last_ms,
        "over": tripwire.over,
    })
}
