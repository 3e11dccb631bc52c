//! A whole province: offices, PCs with antivirus of many vendors, malware, and the register of assets beside them.
//!
//! Everything follows from a seed and a moment. `plan` writes down what every PC is, and what it says on each of the
//! province's days (`truth.json`), and what people believe they own (`register.csv`); `day` then lets the PCs live one
//! of these days as real agents do. The truth comes from the plan alone, never from what a collector answers, so that
//! the two can be compared.
//!
//! * `province`: the offices.
//! * `household`: the PCs of an office, how they came there and when they are on.
//! * `products`: what antivirus they have, and how it is.
//! * `malware`: what it found.
//! * `register`: the list of assets as a file.
//! * `told`: all that as events.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use vong_agent::uplink::enrol::Token;

use crate::enrolment::{self, Member};
use crate::spool::Counts;

#[path = "fleet/household.rs"]
mod household;
#[path = "fleet/malware.rs"]
mod malware;
#[path = "fleet/products.rs"]
mod products;
#[path = "fleet/province.rs"]
mod province;
#[path = "fleet/register.rs"]
mod register;
#[path = "fleet/told.rs"]
mod told;

use household::Pc;
use province::Unit;
use told::Told;

/// A day.
const DAY_MS: i64 = 24 * 3_600_000;

/// The days on which PCs are heard, counted back from the last: from before a month's report to the present.
const DAYS_AGO: [i64; 4] = [38, 20, 6, 0];

/// Which province.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// So many PCs, the ones that are only in the register included.
    #[arg(long)]
    pcs: usize,
    /// Another seed, another province.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The last day's time, in milliseconds since 1970.
    #[arg(long)]
    now_ms: i64,
    /// Where its files lie.
    #[arg(long)]
    folder: PathBuf,
}

/// What to write down.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    which: Which,
}

/// Which day to live.
#[derive(Debug, Args)]
pub(crate) struct Day {
    #[command(flatten)]
    which: Which,
    /// Its number, from 0; this process's clock must show it.
    #[arg(long)]
    day: usize,
    /// Be connected, and tell nothing.
    #[arg(long)]
    quiet: bool,
    /// A file with an enrolment token for each unit, as a JSON object by the unit's number.
    #[arg(long)]
    tokens: PathBuf,
}

/// The truth.
#[derive(Debug, Serialize)]
pub(crate) struct Province {
    /// When each day's PCs are heard; the last one is the present.
    days_ms: Vec<i64>,
    units: Vec<Unit>,
    pcs: Vec<Pc>,
}

impl Province {
    fn of(which: &Which) -> Self {
        let days_ms = DAYS_AGO.iter().map(|ago| which.now_ms - ago * DAY_MS);
        let days_ms: Vec<i64> = days_ms.collect();
        let units = province::units(which.pcs);
        let pcs = household::pcs(which.pcs, which.seed, &units, &days_ms);
        Self { days_ms, units, pcs }
    }
}

impl Plan {
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        let folder = &self.which.folder;
        fs::create_dir_all(folder)?;
        let province = Province::of(&self.which);
        let truth = serde_json::to_string(&province)?;
        fs::write(folder.join("truth.json"), truth).context("cannot write the truth")?;
        register::write(folder, &province.units, &province.pcs).context("cannot write the register")
    }
}

impl Day {
    pub(crate) async fn pass(&self) -> anyhow::Result<()> {
        let province = Province::of(&self.which);
        let tokens: BTreeMap<usize, String> = serde_json::from_slice(&fs::read(&self.tokens)?)?;
        let counts = Arc::new(Counts::default());
        let here = |pc: &&Pc| pc.enrolled == Some(self.day) || pc.is_on(self.day);
        let members = province.pcs.iter().filter(here).map(|pc| {
            let token = tokens.get(&pc.unit).context("a unit has no token")?;
            Ok(Member {
                number: pc.number,
                pc: pc.said_of_itself(),
                token: Token::parse(token)?,
            })
        });
        let folder = self.which.folder.join("pcs");
        let enrolled = enrolment::enrol(&folder, members.collect::<anyhow::Result<_>>()?, &counts).await?;
        let told = enrolled.into_iter().filter_map(|one| {
            let pc = &province.pcs[one.number];
            let told = || match self.quiet {
                true => Told::nothing(),
                false => Told::on(self.day, pc),
            };
            // Who is retired on the last day is let in no more.
            let is_let_in = pc.is_on(self.day) && !(self.quiet && pc.retired);
            is_let_in.then(|| (one, told()))
        });
        crate::swarm(told.collect(), &counts).await
    }
}
