//! Thousands of PCs in one process: the agent's own uplink for each, over a spool in memory.
//!
//! Each PC has its own identity, gained by a real enrolment, and its own name, marks and address; no disk is
//! measured, because what its spool would hold is computed from numbers ([`mix`]). Orders come by standard input, one
//! a line, and twice a second a line of JSON says how far everybody is:
//!
//! ```text
//! make N     each PC commits N further events, of the fixed mix
//! count      count connections and attempts from here on
//! ```
//! It ends with its standard input.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};

#[path = "swarm/enrolment.rs"]
mod enrolment;
#[path = "swarm/member.rs"]
mod member;
#[path = "swarm/mix.rs"]
mod mix;
#[path = "swarm/spool.rs"]
mod spool;

use enrolment::Enrolled;
use spool::{Counts, Spools};

/// How often it says how far everybody is.
const SAY_INTERVAL: Duration = Duration::from_millis(500);

/// PCs are switched on one after the other: so many at once wait for their first welcome.
const STARTING_MAX: usize = 64;

/// The look at who has been welcomed meanwhile.
const START_INTERVAL: Duration = Duration::from_millis(10);

/// Which PCs, and of whom.
#[derive(Debug, Parser)]
#[command(about = "Pretends to be many PCs, for measurements and stories")]
struct Plan {
    /// So many PCs.
    #[arg(long)]
    agents: usize,
    /// The number of the first; names, marks and addresses follow from the numbers.
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// Where identities are kept; PCs that are enrolled there already are not enrolled again.
    #[arg(long)]
    folder: PathBuf,
    /// An enrolment token for that many PCs.
    #[arg(long, env = "VONG_AGENT_TOKEN", hide_env_values = true)]
    token: String,
}

fn main() -> anyhow::Result<()> {
    let plan = Plan::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(swarm(&plan));
    // Thousands of connections: the system closes them faster than they say goodbye.
    runtime.shutdown_background();
    ended
}

async fn swarm(plan: &Plan) -> anyhow::Result<()> {
    let counts = Arc::new(Counts::default());
    let enrolled = enrolment::enrol(plan, &counts).await?;
    let spools = Spools::start(enrolled.len(), &counts)?;
    let mut waiting = enrolled
        .into_iter()
        .zip(spools.outboxes)
        .collect::<Vec<_>>()
        .into_iter();
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut starts = tokio::time::interval(START_INTERVAL);
    let mut says = tokio::time::interval(SAY_INTERVAL);
    let mut started = 0;
    loop {
        tokio::select! {
            order = next_order(&mut orders) => match order? {
                Some(order) => obey(&order, &counts, &spools.bells)?,
                None => return Ok(()),
            },
            _ = starts.tick(), if started < plan.agents => {
                let room = STARTING_MAX.saturating_sub(started - counts.welcomed.load(Relaxed).min(started));
                for (pc, outbox) in waiting.by_ref().take(room) {
                    tokio::spawn(member::uplink(pc, outbox, &counts)?.work()?);
                    started += 1;
                }
            }
            _ = says.tick() => say(plan, started, &counts)?,
        }
    }
}

async fn next_order(orders: &mut Lines<BufReader<Stdin>>) -> anyhow::Result<Option<String>> {
    orders.next_line().await.context("cannot read orders")
}

fn obey(order: &str, counts: &Counts, bells: &[vong_agent::report::Reports]) -> anyhow::Result<()> {
    match order.split_whitespace().collect::<Vec<_>>()[..] {
        ["make", events] => {
            counts.ordered.fetch_add(events.parse()?, Relaxed);
            for bell in bells {
                bell.send(vong_agent::report::Report::default())?;
            }
        }
        ["count"] => counts.restart(),
        _ => anyhow::bail!("no such order: {order}"),
    }
    Ok(())
}

fn say(plan: &Plan, started: usize, counts: &Counts) -> anyhow::Result<()> {
    let line = json!({
        "agents": plan.agents,
        "enrolled": counts.enrolled.load(Relaxed),
        "started": started,
        "welcomed": counts.welcomed.load(Relaxed),
        "attempts": counts.attempts.load(Relaxed),
        "committed": counts.committed.load(Relaxed),
        "acknowledged": counts.acknowledged.load(Relaxed),
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush().context("nobody listens")
}

impl Enrolled {
    /// The address this PC speaks from: a loopback network holds many, and each office stands behind one.
    fn address(number: usize) -> std::net::IpAddr {
        let office = number / enrolment::PCS_OF_AN_OFFICE;
        let [_, _, high, low] = u32::try_from(office + 2).unwrap_or(u32::MAX).to_be_bytes();
        std::net::Ipv4Addr::new(127, 1, high, low).into()
    }
}
