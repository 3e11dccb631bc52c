//! How much each agent sends, over all its connections: who comes back goes on with what is left, not anew.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vong_proto::event::AgentId;

use super::limit::{Bucket, EventRate};

/// An agent's first words, each of which asks the registry and the journal many things. An honest agent comes a few
/// times an hour, a machine that restarts again and again a few times a minute.
const HELLOS: EventRate = EventRate {
    per_s: 1.0,
    burst: 30.0,
};

/// From so many agents on, those that have been quiet are forgotten.
const FORGET_FROM: usize = 1_024;

/// The meters of all agents that have sent something lately.
pub(super) struct Meters {
    began: Instant,
    rate: EventRate,
    agents: Mutex<Agents>,
}

struct Agents {
    of: HashMap<AgentId, Meter>,
    forget_from: usize,
}

struct Meter {
    events: Bucket,
    hellos: Bucket,
}

impl Meters {
    /// Meters that let each agent send so much.
    pub(super) fn new(rate: EventRate) -> Self {
        Self {
            began: Instant::now(),
            rate,
            agents: Mutex::new(Agents {
                of: HashMap::new(),
                forget_from: FORGET_FROM,
            }),
        }
    }

    /// An agent has sent something that costs so many events; how long it must be left waiting.
    pub(super) fn events(&self, agent: AgentId, cost: u64) -> Duration {
        let now_ms = self.now_ms();
        self.agents(|agents| agents.meter(agent, self.rate, now_ms).events.take(cost, now_ms))
    }

    /// An agent has begun a conversation; how long it must be left waiting.
    pub(super) fn hello(&self, agent: AgentId) -> Duration {
        let now_ms = self.now_ms();
        self.agents(|agents| agents.meter(agent, self.rate, now_ms).hellos.take(1, now_ms))
    }

    fn agents<T>(&self, with: impl FnOnce(&mut Agents) -> T) -> T {
        with(&mut self.agents.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Agents {
    fn meter(&mut self, agent: AgentId, rate: EventRate, now_ms: u64) -> &mut Meter {
        if self.of.len() >= self.forget_from {
            self.of
                .retain(|_, meter| !(meter.events.is_full(now_ms) && meter.hellos.is_full(now_ms)));
            self.forget_from = (2 * self.of.len()).max(FORGET_FROM);
        }
        self.of.entry(agent).or_insert_with(|| Meter {
            events: Bucket::new(rate, now_ms),
            hellos: Bucket::new(HELLOS, now_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: EventRate = EventRate {
        per_s: 10.0,
        burst: 100.0,
    };

    fn agent(number: u16) -> AgentId {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        AgentId(id)
    }

    #[test]
    fn what_an_agent_has_sent_counts_in_its_next_connection() {
        let meters = Meters::new(RATE);
        assert_eq!(meters.events(agent(1), 100), Duration::ZERO);
        assert!(meters.events(agent(1), 100) > Duration::from_secs(5));
        assert_eq!(
            meters.events(agent(2), 100),
            Duration::ZERO,
            "another's is its own"
        );
    }

    #[test]
    fn who_comes_again_and_again_has_to_wait() {
        let meters = Meters::new(RATE);
        let waits: Vec<_> = (0..40).map(|_| meters.hello(agent(1))).collect();
        assert_eq!(waits[29], Duration::ZERO);
        assert!(waits[39] > Duration::from_secs(5), "{waits:?}");
    }

    #[test]
    fn agents_that_are_quiet_are_forgotten_and_busy_ones_are_not() {
        let mut agents = Agents {
            of: HashMap::new(),
            forget_from: FORGET_FROM,
        };
        agents.meter(agent(0), RATE, 0).events.take(1_000_000, 0);
        for number in 1..5_000 {
            agents.meter(agent(number), RATE, u64::from(number));
        }
        assert!(agents.of.len() <= FORGET_FROM, "{} are kept", agents.of.len());
        assert!(agents.of.contains_key(&agent(0)));
    }
}
