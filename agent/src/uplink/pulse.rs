//! Signs of life, in pure arithmetic: heartbeats both ways are the only thing that notices a collector that
//! stands still. Kernels swallow megabytes for a stopped process, and even a new connection succeeds.

use std::time::Duration;

/// What a peer may ask for; beyond it the agent would wake too often, or notice too late.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
const INTERVAL_MAX: Duration = Duration::from_secs(300);

/// The last signs of life; times count from the connection's beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    interval: Duration,
    sent: Duration,
    received: Duration,
}

/// What the silence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing yet; look again after this time.
    Normal(Duration),
    /// It is time to say something.
    Beat,
    /// The peer has missed two heartbeats.
    Dead,
}

impl Pulse {
    pub(super) fn new(heartbeat_s: u32, now: Duration) -> Self {
        let interval = Duration::from_secs(heartbeat_s.into()).clamp(INTERVAL_MIN, INTERVAL_MAX);
        Self {
            interval,
            sent: now,
            received: now,
        }
    }

    pub(super) fn sent(&mut self, now: Duration) {
        self.sent = now;
    }

    pub(super) fn received(&mut self, now: Duration) {
        self.received = now;
    }

    /// After so much silence a peer is dead.
    pub(super) fn patience(&self) -> Duration {
        self.interval * 2
    }

    pub(super) fn silence(&self, now: Duration) -> Silence {
        let dead = self.received + self.patience();
        let beat = self.sent + self.interval;
        if now >= dead {
            Silence::Dead
        } else if now >= beat {
            Silence::Beat
        } else {
            Silence::Normal(dead.min(beat) - now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_is_broken_and_then_ends_the_connection() {
        let mut pulse = Pulse::new(30, Duration::ZERO);
        assert_eq!(pulse.silence(10 * SECOND), Silence::Normal(20 * SECOND));
        assert_eq!(pulse.silence(30 * SECOND), Silence::Beat);
        pulse.sent(30 * SECOND);
        assert_eq!(pulse.silence(31 * SECOND), Silence::Normal(29 * SECOND));
        assert_eq!(pulse.silence(60 * SECOND), Silence::Dead);
        pulse.received(59 * SECOND);
        assert_eq!(pulse.silence(60 * SECOND), Silence::Beat);
    }

    #[test]
    fn a_strange_interval_is_brought_into_bounds() {
        assert_eq!(Pulse::new(0, Duration::ZERO).patience(), 2 * SECOND);
        assert_eq!(Pulse::new(u32::MAX, Duration::ZERO).patience(), 600 * SECOND);
    }
}
