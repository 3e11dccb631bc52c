//! Thousands of PCs in one process: the agent's own uplink for each, over a spool in memory.
//!
//! Each PC has its own identity, gained by a real enrolment, and its own name, marks and address. No disk is measured:
//! what its spool would hold is computed from numbers ([`mix`]), or follows from the plan of a whole province
//! ([`fleet`]). Orders come by standard input, one a line, and twice a second a line of JSON says how far everybody is:
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
use clap::{Args, Parser, Subcommand};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};
use vong_agent::uplink::enrol::Token;

#[path = "swarm/dice.rs"]
mod dice;
#[path = "swarm/enrolment.rs"]
mod enrolment;
#[path = "swarm/fleet.rs"]
mod fleet;
#[path = "swarm/member.rs"]
mod member;
#[path = "swarm/mix.rs"]
mod mix;
#[path = "swarm/spool.rs"]
mod spool;

use enrolment::{Enrolled, Member};
use mix::Mix;
use spool::{Content, Counts, Spools};

/// How often it says how far everybody is.
const SAY_INTERVAL: Duration = Duration::from_millis(500);

/// PCs are switched on one after the other: so many at once wait for their first welcome.
const STARTING_MAX: usize = 64;

/// The look at who has been welcomed meanwhile.
const START_INTERVAL: Duration = Duration::from_millis(10);

#[derive(Debug, Parser)]
#[command(about = "Pretends to be many PCs, for measurements and stories")]
struct Arguments {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// PCs that all send the same fixed mix
    Load(Load),
    /// Plan a province: what its PCs are and say, and its register
    Plan(fleet::Plan),
    /// The PCs of a planned province on one of its days
    Day(fleet::Day),
}

/// Which PCs, and of whom.
#[derive(Debug, Args)]
struct Load {
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
    let order = Arguments::parse().order;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = match order {
        Order::Load(plan) => runtime.block_on(load(&plan)),
        Order::Plan(plan) => plan.write(),
        Order::Day(day) => runtime.block_on(day.pass()),
    };
    // Thousands of connections: the system closes them faster than they say goodbye.
    runtime.shutdown_background();
    ended
}

async fn load(plan: &Load) -> anyhow::Result<()> {
    let counts = Arc::new(Counts::default());
    let token = Token::parse(&plan.token)?;
    let members = (plan.first..plan.first + plan.agents).map(|number| Member {
        number,
        pc: enrolment::pc(number),
        token: token.clone(),
    });
    let enrolled = enrolment::enrol(&plan.folder, members.collect(), &counts).await?;
    let told = enrolled.into_iter().map(|pc| (pc, Mix(Arc::clone(&counts))));
    swarm(told.collect(), &counts).await
}

/// Switches PCs on, each with what it has to tell, and lets them live until there are no more orders.
async fn swarm(pcs: Vec<(Enrolled, impl Content)>, counts: &Arc<Counts>) -> anyhow::Result<()> {
    let agents = pcs.len();
    let (enrolled, contents): (Vec<_>, Vec<_>) = pcs.into_iter().unzip();
    let spools = Spools::start(contents, counts)?;
    for bell in &spools.bells {
        bell.send(vong_agent::report::Report::default())?;
    }
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
                Some(order) => obey(&order, counts, &spools.bells)?,
                None => return Ok(()),
            },
            _ = starts.tick(), if started < agents => {
                let room = STARTING_MAX.saturating_sub(started - counts.welcomed.load(Relaxed).min(started));
                for (pc, outbox) in waiting.by_ref().take(room) {
                    tokio::spawn(member::uplink(pc, outbox, counts)?.work()?);
                    started += 1;
                }
            }
            _ = says.tick() => say(agents, started, counts)?,
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

fn say(agents: usize, started: usize, counts: &Counts) -> anyhow::Result<()> {
    let line = json!({
        "agents": agents,
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
