//! How many streams a host may begin: what is remembered of each stays for ever, if only as a sum.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;
use vong_proto::event::StreamId;

use crate::entry::HostId;

/// So many new streams of one host within [`PERIOD`]; with further ones it is refused until the next. An honest host
/// begins one when it is installed anew and one when it was restored from a snapshot.
const NEW_STREAMS_MAX: usize = 16;

/// What was begun is counted for this long.
const PERIOD: Duration = Duration::from_secs(3_600);

/// The streams that were begun lately.
pub(super) struct NewStreams {
    since: Instant,
    of_host: HashMap<HostId, HashSet<StreamId>>,
}

impl NewStreams {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            of_host: HashMap::new(),
        }
    }

    /// Whether a host may begin a stream; the same one counts once, however often its agent has to come back.
    pub(super) fn begins(&mut self, host: HostId, stream: StreamId, now: Instant) -> bool {
        if now >= self.since + PERIOD {
            *self = Self::new(now);
        }
        let begun = self.of_host.entry(host).or_default();
        if begun.len() >= NEW_STREAMS_MAX {
            return begun.contains(&stream);
        }
        begun.insert(stream);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_begins_few_streams_and_delays_no_other() {
        let now = Instant::now();
        let mut streams = NewStreams::new(now);
        for number in 0..NEW_STREAMS_MAX as u8 {
            assert!(streams.begins(HostId(1), StreamId([number; 16]), now));
        }
        assert!(!streams.begins(HostId(1), StreamId([99; 16]), now));
        assert!(streams.begins(HostId(1), StreamId([3; 16]), now), "it is not new");
        assert!(streams.begins(HostId(2), StreamId([99; 16]), now));
        assert!(streams.begins(HostId(1), StreamId([99; 16]), now + PERIOD));
    }
}
