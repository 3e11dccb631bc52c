//! Decides which entries go into one insert. Pure, so that its promises can be tried on any journal.
//!
//! An insert holds rows of one UTC day of receipt (ClickHouse makes one part per partition, and only one
//! part is all or nothing) and not more than one block's worth of them.

use crate::entry::{Entry, Fact};

/// Rows of both tables in one insert: well within the block size of servers, so that an insert is one part.
pub(super) const MAX_ROWS: usize = 100_000;
const DAY_MS: i64 = 86_400_000;

/// How many of the leading `entries` belong together, at least one of any; entries without rows join any.
pub(super) fn together(entries: &[Entry]) -> usize {
    let mut rows = 0;
    let mut day = None;
    let fits = |entry: &&Entry| {
        let own_rows = row_count(entry);
        if own_rows == 0 {
            return true;
        }
        let is_first = rows == 0;
        rows += own_rows;
        let own_day = entry.received_ms.div_euclid(DAY_MS);
        *day.get_or_insert(own_day) == own_day && (is_first || rows <= MAX_ROWS)
    };
    entries.iter().take_while(fits).count()
}

fn row_count(entry: &Entry) -> usize {
    match &entry.fact {
        Fact::Events(events) => events.events.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vong_proto::event::{AgentId, Body, BootId, Event, Header, Lane, Presence, StopReason, StreamId};

    use super::*;
    use crate::entry::{Events, HostId};

    fn entry(pos: u64, received_ms: i64, rows: usize) -> Entry {
        let event = Event {
            header: Header {
                lane: Lane::State,
                seq: 1,
                wall_ms: 0,
                mono_ms: 0,
                boot: BootId([0; 16]),
            },
            body: Body::Presence(Presence::Stopping(StopReason::Upgrade)),
        };
        let events = Events {
            host: HostId(1),
            agent: AgentId([0; 16]),
            stream: StreamId([0; 16]),
            offset_ms: 0,
            events: vec![event; rows],
            gaps: Vec::new(),
            cloned: false,
        };
        Entry {
            pos,
            received_ms,
            fact: if rows == 0 {
                Fact::Tick
            } else {
                Fact::Events(events)
            },
        }
    }

    #[test]
    fn a_day_ends_an_insert() {
        let entries = [
            entry(1, 0, 0),
            entry(2, DAY_MS - 1, 3),
            entry(3, DAY_MS, 0),
            entry(4, DAY_MS, 1),
        ];
        assert_eq!(together(&entries), 3);
    }

    #[test]
    fn a_block_ends_an_insert_but_one_entry_always_goes() {
        assert_eq!(
            together(&[entry(1, 0, MAX_ROWS - 1), entry(2, 0, 1), entry(3, 0, 1)]),
            2
        );
        assert_eq!(
            together(&[entry(1, 0, MAX_ROWS + 1), entry(2, 0, 0), entry(3, 0, 1)]),
            2
        );
        assert_eq!(together(&[]), 0);
    }

    proptest! {
        #[test]
        fn any_journal_is_cut_into_inserts_of_one_day(
            steps in proptest::collection::vec((0_i64..DAY_MS / 2, prop_oneof![Just(0_usize), 1_usize..40_000]), 1..12)
        ) {
            let mut received_ms = 0;
            let entries: Vec<_> = (1..).zip(steps).map(|(pos, (pause_ms, rows))| {
                received_ms += pause_ms;
                entry(pos, received_ms, rows)
            }).collect();
            let mut rest = entries.as_slice();
            while !rest.is_empty() {
                let (insert, later) = rest.split_at(together(rest));
                let with_rows: Vec<_> = insert.iter().filter(|entry| row_count(entry) > 0).collect();
                prop_assert!(!insert.is_empty());
                prop_assert!(with_rows.iter().map(|entry| row_count(entry)).sum::<usize>() <= MAX_ROWS || with_rows.len() == 1);
                prop_assert!(with_rows.windows(2).all(|pair| pair[0].received_ms / DAY_MS == pair[1].received_ms / DAY_MS));
                rest = later;
            }
        }
    }
}
