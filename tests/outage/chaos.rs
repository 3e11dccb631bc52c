//! Rounds of faults drawn by a seed, over several PCs whose users go on writing files all the while.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use vong_tests::account::Account;
use vong_tests::api::Api;
use vong_tests::pc::{Disk, Pc};
use vong_tests::poll::{self, PATIENCE};
use vong_tests::stack::{LONG, Stack};
use vong_tests::world::{Writer, Written};

use super::fault::Fault;

/// How many rounds unless `VONG_CHAOS_ROUNDS` says otherwise; `VONG_CHAOS_SEED` says which ones.
const ROUNDS: u64 = 12;
const PCS: [(&str, Disk); 3] = [
    ("pc-1", Disk::Small),
    ("pc-2", Disk::Ordinary),
    ("pc-3", Disk::Ordinary),
];
/// Each PC's user writes a file so often.
const PAUSE_MS: u32 = 150;
/// How long a fault lasts, and how long all is well before the next: shorter than a start at times, so that
/// recovery is hit too.
const FAULT_MS_MAX: u64 = 3_000;
const LULL_MS_MAX: u64 = 1_500;
/// The account asks for all that is stored.
const ACCOUNT_INTERVAL: Duration = Duration::from_secs(1);
/// Clocks of files are coarser than those of programs.
const CLOCK_SLACK_MS: i64 = 50;

/// A collector, several PCs, and what is drawn for them.
pub(crate) struct Chaos {
    // Dropped in this order: who sends before who receives.
    writers: Vec<Writer>,
    pcs: Vec<Pc>,
    stack: Stack,
    chance: Chance,
    /// What even the shortest form plays, the last first.
    promised: Vec<Fault>,
    deck: Vec<Fault>,
    rounds: u64,
}

impl Chaos {
    /// Starts everything, and waits until every PC is watched and written to.
    pub(crate) fn begin() -> anyhow::Result<Self> {
        let rounds = from_environment("VONG_CHAOS_ROUNDS")?.unwrap_or(ROUNDS);
        let chance = Chance::new()?;
        let mut stack = Stack::prepare(&[])?;
        stack.start_collector()?;
        let mut chaos = Self {
            writers: Vec::new(),
            pcs: Vec::new(),
            stack,
            promised: Fault::PROMISED.to_vec(),
            deck: Vec::new(),
            rounds,
            chance,
        };
        chaos.say(&format!("seed {}, {rounds} rounds", chaos.chance.seed));
        for (name, disk) in PCS {
            let mut pc = Pc::join(&chaos.stack, name, disk)?;
            pc.start()?;
            pc.wait_until_watched(&chaos.stack)?;
            let seed = chaos.chance.below(u64::MAX);
            let notes = pc.path("written.jsonl");
            chaos
                .writers
                .push(Writer::endless(&pc.watched(), &notes, PAUSE_MS, seed)?);
            chaos.pcs.push(pc);
        }
        Ok(chaos)
    }

    /// Plays every round.
    pub(crate) fn play(&mut self) -> anyhow::Result<()> {
        for round in 1..=self.rounds {
            let first = self.draw();
            let second = (self.chance.below(2) == 0).then(|| self.draw());
            let faults: Vec<Fault> = [Some(first), second.filter(|second| second.part() != first.part())]
                .into_iter()
                .flatten()
                .collect();
            let written: usize = self
                .writers
                .iter()
                .filter_map(|writer| Some(writer.written().ok()?.len()))
                .sum();
            self.say(&format!(
                "round {round}/{}: {faults:?}; {written} files so far",
                self.rounds
            ));
            self.strike(&faults)
                .with_context(|| format!("seed {}, round {round}: {faults:?}", self.chance.seed))?;
        }
        Ok(())
    }

    /// Lets faults begin one after the other and end in the other order.
    fn strike(&mut self, faults: &[Fault]) -> anyhow::Result<()> {
        let mut struck = Vec::new();
        for fault in faults {
            struck.push((*fault, fault.begin(&mut self.stack, &mut self.pcs)?));
            self.pass(FAULT_MS_MAX)?;
        }
        for (fault, remains) in struck.into_iter().rev() {
            fault.end(&mut self.stack, &mut self.pcs, remains)?;
        }
        self.pass(LULL_MS_MAX)?;
        for pc in &mut self.pcs {
            pc.agent
                .as_mut()
                .context("no agent is missing after a round")?
                .must_live()?;
        }
        self.stack.must_live()
    }

    /// Lets some time pass in which users go on writing.
    fn pass(&mut self, limit_ms: u64) -> anyhow::Result<()> {
        let time = Duration::from_millis(self.chance.below(limit_ms));
        poll::while_true(time, || {
            let all = self.writers.iter_mut().map(Writer::is_writing);
            ensure!(
                all.collect::<anyhow::Result<Vec<_>>>()?
                    .iter()
                    .all(|writes| *writes),
                "a writer has ended"
            );
            Ok(())
        })
    }

    fn draw(&mut self) -> Fault {
        if let Some(promised) = self.promised.pop() {
            return promised;
        }
        if self.deck.is_empty() {
            self.deck = Fault::deck(self.pcs.len());
        }
        let place = self.chance.below(self.deck.len() as u64) as usize;
        self.deck.swap_remove(place)
    }

    /// Ends the writing, waits until everything has arrived (agents come back by themselves), and draws up the account.
    pub(crate) fn settle(&mut self) -> anyhow::Result<Account> {
        let mut written: Vec<Written> = Vec::new();
        for writer in std::mem::take(&mut self.writers) {
            written.extend(writer.stop()?);
        }
        self.say(&format!(
            "{} files were written; waiting until all has arrived",
            written.len()
        ));
        let arrived = |account: &Account| account.lost == 0;
        let api = self.stack.sign_in()?;
        let waited = self.account_until(&api, &written, LONG + PATIENCE, arrived);
        for pc in &mut self.pcs {
            pc.stop()?;
        }
        match waited {
            Ok(_) => self
                .account_until(&api, &written, PATIENCE, Account::is_clean)
                .or_else(|_| self.account(&api, &written)),
            Err(_) => self.account(&api, &written),
        }
    }

    fn account(&self, api: &Api, written: &[Written]) -> anyhow::Result<Account> {
        let hosts: Vec<u64> = self.pcs.iter().map(|pc| pc.host).collect();
        Ok(Account {
            set_back: self.pcs.iter().any(|pc| !pc.restored.is_empty()),
            ..Account::of(&self.stack.store()?, api, &hosts, written)?
        })
    }

    fn account_until(
        &self,
        api: &Api,
        written: &[Written],
        patience: Duration,
        holds: impl Fn(&Account) -> bool,
    ) -> anyhow::Result<Account> {
        poll::until_every(ACCOUNT_INTERVAL, "everything to arrive", patience, || {
            // While the engine starts again a question may fail; only the deadline counts.
            Ok(self.account(api, written).ok().filter(&holds))
        })
    }

    /// What an agent could not know any more after its disk was set back, it has said in time: a blind spot from
    /// before the snapshot until after its return.
    pub(crate) fn every_restored_range_is_named(&self) -> anyhow::Result<()> {
        let blind = self.stack.store()?.rows(
            "SELECT host, JSONExtractInt(detail, 'since_ms') AS since, JSONExtractInt(detail, 'until_ms') AS until \
             FROM events WHERE kind = 'blind'",
        )?;
        for pc in &self.pcs {
            for (taken_ms, restored_ms) in &pc.restored {
                let named = blind.iter().any(|row| {
                    row["host"].as_u64() == Some(pc.host)
                        && row["since"]
                            .as_i64()
                            .is_some_and(|since| since <= taken_ms + CLOCK_SLACK_MS)
                        && row["until"]
                            .as_i64()
                            .is_some_and(|until| until >= restored_ms - CLOCK_SLACK_MS)
                });
                ensure!(
                    named,
                    "host {} was set back from {restored_ms} to {taken_ms} and nothing says so",
                    pc.host
                );
            }
        }
        Ok(())
    }

    /// Tells whoever plays the long form, or reads a failed story.
    #[expect(clippy::print_stdout, reason = "the seed and the progress are for a person")]
    pub(crate) fn say(&self, text: &str) {
        println!("chaos: {text}");
    }
}

/// Chance that can be told again.
struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    fn new() -> anyhow::Result<Self> {
        let seed = match from_environment("VONG_CHAOS_SEED")? {
            Some(seed) => seed,
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)?
                .subsec_nanos()
                .into(),
        };
        // Small seeds differ in few bits; multiplied they differ in many. Zero would stay zero.
        let state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Ok(Self { seed, state })
    }

    /// Xorshift: no more is asked of it than to be different for each seed.
    fn below(&mut self, limit: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % limit
    }
}

fn from_environment(name: &str) -> anyhow::Result<Option<u64>> {
    match std::env::var(name) {
        Ok(text) => Ok(Some(
            text.parse()
                .with_context(|| format!("{name} is not a number: {text:?}"))?,
        )),
        Err(_) => Ok(None),
    }
}
