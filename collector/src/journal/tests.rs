//! What the journal promises to its stages, on real files.

use std::collections::BTreeMap;

use vong_proto::event::{Body, BootId, Event, Header, Presence, StopReason};
use vong_proto::wire;

use super::*;

const STREAM: StreamId = StreamId([9; 16]);
const HOST: HostId = HostId(7);

fn event(lane: Lane, seq: u64, wall_ms: i64) -> Event {
    let header = Header {
        lane,
        seq,
        wall_ms,
        mono_ms: 1,
        boot: BootId([1; 16]),
    };
    Event {
        header,
        body: Body::Presence(Presence::Stopping(StopReason::Shutdown)),
    }
}

fn batch(lane: Lane, first: u64, last: u64) -> Incoming {
    let encoded: Vec<_> = (first..=last)
        .map(|seq| wire::encode_event(&event(lane, seq, 5)))
        .collect();
    let last_hash = encoded
        .last()
        .map(|bytes| wire::event_hash(bytes).to_vec())
        .unwrap_or_default();
    let (raw_bytes, packed) = wire::pack_events(encoded);
    Incoming {
        host: HOST,
        agent: AgentId([2; 16]),
        stream: STREAM,
        offset_ms: 0,
        lane,
        first,
        last,
        raw_bytes,
        packed,
        last_hash,
        opaque: Vec::new(),
        gaps: Vec::new(),
        cloned: false,
    }
}

fn numbers(entries: &[Entry]) -> Vec<u64> {
    let mut numbers = Vec::new();
    for entry in entries {
        if let Fact::Events(events) = &entry.fact {
            numbers.extend(events.events.iter().map(|event| event.header.seq));
        }
    }
    numbers
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn open(&self) -> Journal {
        self.open_limited(LIMIT_BYTES_DEFAULT)
    }

    fn open_limited(&self, limit_bytes: u64) -> Journal {
        Journal::open(&self.0.path().join("journal.db"), limit_bytes).expect("a journal")
    }
}

#[tokio::test]
async fn what_came_from_a_cloned_agent_stays_marked() {
    let folder = Folder::new();
    let journal = folder.open();
    for (first, cloned) in [(1, false), (2, true)] {
        let incoming = Incoming {
            cloned,
            ..batch(Lane::Events, first, first)
        };
        journal.append(incoming).await.expect("kept");
    }
    let entries = journal.read(0, 10, 1 << 20).await.expect("read");
    let marked = entries.iter().map(|entry| match &entry.fact {
        Fact::Events(events) => events.cloned,
        _ => panic!("only events were kept"),
    });
    assert_eq!(marked.collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn what_is_sent_twice_is_read_once_and_survives_reopening() {
    let folder = Folder::new();
    let journal = folder.open();
    journal.append(batch(Lane::Events, 1, 3)).await.expect("kept");
    let again = journal.append(batch(Lane::Events, 2, 5)).await.expect("kept");
    assert_eq!(
        again,
        Appended {
            through: 5,
            fresh: 2,
            duplicates: 2,
            conflict: false,
        }
    );
    let id = journal.id().to_owned();
    drop(journal);

    let journal = folder.open();
    assert_eq!(journal.id(), id);
    assert_eq!(
        numbers(&journal.read(0, 100, 1 << 20).await.expect("read")),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(journal.marks(STREAM).await.expect("marks")[2].high_water, 5);
}

#[tokio::test]
async fn an_entry_is_erased_only_when_both_readers_have_passed_it() {
    let folder = Folder::new();
    let journal = folder.open();
    journal.append(batch(Lane::State, 1, 1)).await.expect("kept");
    let last = journal.append_fact(Fact::Tick).await.expect("kept");

    journal.pass(Cursor::Store, last).await.expect("passed");
    assert_eq!(journal.read(0, 100, 1 << 20).await.expect("read").len(), 2);
    journal.pass(Cursor::Rules, last).await.expect("passed");
    assert_eq!(journal.read(0, 100, 1 << 20).await.expect("read").len(), 0);

    drop(journal);
    let journal = folder.open();
    let next = journal.append_fact(Fact::Tick).await.expect("kept");
    assert!(next > last, "positions are never used twice");
    assert_eq!(journal.cursor(Cursor::Store).await.expect("cursor"), last);
}

#[tokio::test]
async fn gaps_and_opaque_events_stand_in_the_ledger() {
    let folder = Folder::new();
    let journal = folder.open();
    let counts = BTreeMap::from([("file".to_owned(), 4)]);
    let gap = Gap {
        lane: Lane::Events,
        first: 1,
        last: 4,
        reason: "spool_full".to_owned(),
        counts,
    };
    let incoming = Incoming {
        gaps: vec![gap],
        opaque: vec![6],
        ..batch(Lane::Events, 5, 6)
    };
    journal.append(incoming).await.expect("kept");

    let ledger = journal.ledger(HOST).await.expect("ledger");
    let lane = &ledger.streams[0].lanes[0];
    assert_eq!((lane.high_water, lane.opaque, lane.gaps[0].missing()), (6, 1, 4));
    let totals = journal.ledger_totals().await.expect("totals");
    assert_eq!(
        totals,
        [HostTotals {
            host: HOST,
            missing: 4,
            opaque: 1,
            set_aside: 0
        }]
    );
    assert_eq!(journal.ledger(HostId(8)).await.expect("ledger").streams, []);
}

#[tokio::test]
async fn another_content_under_the_same_number_is_evidence_of_a_clone() {
    let folder = Folder::new();
    let journal = folder.open();
    journal.append(batch(Lane::Events, 1, 2)).await.expect("kept");
    let mut other = batch(Lane::Events, 1, 2);
    other.last_hash = vec![0; 16];
    assert!(journal.append(other).await.expect("answered").conflict);
    assert!(
        !journal
            .append(batch(Lane::Events, 1, 2))
            .await
            .expect("answered")
            .conflict
    );
}

#[tokio::test]
async fn a_stream_is_the_agents_that_first_brought_it_and_nobody_elses() {
    let folder = Folder::new();
    let journal = folder.open();
    journal.append(batch(Lane::Events, 1, 2)).await.expect("kept");
    drop(journal);
    let journal = folder.open();
    let (copy, other) = (AgentId([3; 16]), HostId(8));
    for lane in [Lane::Events, Lane::Urgent] {
        let claim = Incoming {
            host: other,
            agent: copy,
            ..batch(lane, 1, 9)
        };
        let refused = journal.append(claim).await.expect_err("another's");
        assert!(
            matches!(refused, JournalError::Foreign { owner: HOST }),
            "{refused}"
        );
    }
    let again = Incoming {
        agent: copy,
        ..batch(Lane::Events, 3, 3)
    };
    journal
        .append(again)
        .await
        .expect_err("a new agent of the same PC has another spool, or a copy");

    let goes_on = journal.append(batch(Lane::Events, 3, 4)).await.expect("kept");
    assert_eq!((goes_on.through, goes_on.fresh), (4, 2));
    assert_eq!(journal.ledger(other).await.expect("ledger").streams, []);
}

#[tokio::test]
async fn a_stream_from_before_owners_were_known_is_its_hosts() {
    let folder = Folder::new();
    let journal = folder.open();
    journal.append(batch(Lane::Events, 1, 2)).await.expect("kept");
    drop(journal);
    let path = folder.0.path().join("journal.db");
    let file = Connection::open(path).expect("a file");
    file.execute("UPDATE streams SET agent = NULL", [])
        .expect("forgotten");
    drop(file);

    let journal = folder.open();
    let claim = Incoming {
        host: HostId(8),
        ..batch(Lane::Events, 3, 3)
    };
    journal.append(claim).await.expect_err("another PC's");
    journal.append(batch(Lane::Events, 3, 3)).await.expect("kept");
    let owner = journal.owner(STREAM).await.expect("read").expect("bound");
    assert!(!owner.is(HOST, AgentId([3; 16])), "now its agent is known");
}

#[tokio::test]
async fn whatever_an_agent_says_it_misses_the_sums_of_all_can_be_read() {
    let folder = Folder::new();
    let path = folder.0.path().join("journal.db");
    drop(folder.open());
    let mut file = Connection::open(&path).expect("a file");
    let tx = file.transaction().expect("begun");
    for _ in 0..3 {
        bound::remember(&tx, HOST, i64::MAX / 2, 0, 0).expect("noted");
    }
    tx.commit().expect("committed");

    let journal = folder.open();
    journal
        .append(batch(Lane::Events, 1 << 48, 1 << 48))
        .await
        .expect("kept");
    let totals = journal.ledger_totals().await.expect("totals");
    assert!(totals[0].missing >= 1 << 53, "{totals:?}");
}

#[tokio::test]
async fn a_plan_stands_until_the_store_has_passed_it() {
    let folder = Folder::new();
    let journal = folder.open();
    let through = journal.append_fact(Fact::Tick).await.expect("kept");
    let plan = InsertPlan { after: 0, through };
    journal.plan_insert(plan).await.expect("planned");
    drop(journal);

    let journal = folder.open();
    assert_eq!(journal.planned_insert().await.expect("plan"), Some(plan));
    journal.pass(Cursor::Store, through).await.expect("passed");
    assert_eq!(journal.planned_insert().await.expect("plan"), None);
}

#[tokio::test]
async fn what_the_ledger_remembers_of_a_host_is_bounded_and_its_sums_stay_exact() {
    let folder = Folder::new();
    let journal = folder.open();
    let mut missing = 0;
    for number in 1..=1_500 {
        let gap = Gap {
            lane: Lane::Events,
            first: 3 * number - 2,
            last: 3 * number - 1,
            reason: "spool_full".to_owned(),
            counts: BTreeMap::new(),
        };
        missing += 2;
        let incoming = Incoming {
            gaps: vec![gap],
            ..batch(Lane::Events, 3 * number, 3 * number)
        };
        journal.append(incoming).await.expect("kept");
    }
    for stream in 0..100 {
        let incoming = Incoming {
            stream: StreamId([stream; 16]),
            opaque: vec![1],
            ..batch(Lane::State, 1, 1)
        };
        journal.append(incoming).await.expect("kept");
    }
    let ledger = journal.ledger(HOST).await.expect("ledger");
    let gaps = ledger.streams.iter().flat_map(|stream| &stream.lanes);
    assert!(gaps.map(|lane| lane.gaps.len()).sum::<usize>() <= 1_000);
    assert!(ledger.streams.len() <= 64, "{}", ledger.streams.len());
    let totals = journal.ledger_totals().await.expect("totals");
    assert_eq!((totals[0].missing, totals[0].opaque), (missing, 100));
}

#[tokio::test]
async fn a_refused_insert_goes_on_where_it_was_after_a_restart() {
    let folder = Folder::new();
    let journal = folder.open();
    journal.append(batch(Lane::Events, 1, 9)).await.expect("kept");
    let through = 1;
    let plan = InsertPlan { after: 0, through };
    journal.plan_insert(plan).await.expect("planned");
    let part = InsertPart { from: 4, rows: 1 };
    let aside = SetAside {
        pos: through,
        host: HOST,
        stream: STREAM,
        lane: Lane::Events,
        seq: 4,
        reason: "Code: 27".to_owned(),
    };
    journal
        .plan_part("events", part, Some(aside))
        .await
        .expect("planned");
    drop(journal);

    let journal = folder.open();
    assert_eq!(journal.insert_part("events").await.expect("a part"), Some(part));
    assert_eq!(journal.insert_part("samples").await.expect("none"), None);
    assert_eq!(journal.ledger_totals().await.expect("totals")[0].set_aside, 1);
    journal.pass(Cursor::Store, through).await.expect("passed");
    assert_eq!(journal.insert_part("events").await.expect("none"), None);
}

#[tokio::test]
async fn other_entries_under_the_same_positions_are_another_composition() {
    let plan = InsertPlan { after: 0, through: 1 };
    let (first, second) = (Folder::new(), Folder::new());
    let (one, other) = (first.open(), second.open());
    one.append(batch(Lane::Events, 1, 2)).await.expect("kept");
    other.append(batch(Lane::Events, 3, 4)).await.expect("kept");
    let name = one.composition(plan).await.expect("a name");
    assert_eq!(name.len(), 16);
    assert_eq!(one.composition(plan).await.expect("a name"), name);
    assert_ne!(other.composition(plan).await.expect("a name"), name);
}

#[tokio::test]
async fn a_restored_journal_goes_on_above_what_others_know() {
    let folder = Folder::new();
    let journal = folder.open();
    journal.go_on_above(1_000).await.expect("noted");
    let next = journal.append_fact(Fact::Tick).await.expect("kept");
    assert_eq!(next, 1_001);
    journal.go_on_above(7).await.expect("noted");
    assert_eq!(journal.append_fact(Fact::Tick).await.expect("kept"), 1_002);
}

#[tokio::test]
async fn what_packs_well_is_not_read_without_bounds() {
    let folder = Folder::new();
    let journal = folder.open();
    for first in [1, 501, 1_001, 1_501] {
        journal
            .append(batch(Lane::Events, first, first + 499))
            .await
            .expect("kept");
    }
    let entries = journal.read(0, 100, 50_000).await.expect("read");
    assert_eq!(entries.len(), 1, "five hundred events are more than 50,000 bytes");
}

#[tokio::test]
async fn a_full_journal_refuses_all_but_the_urgent() {
    let folder = Folder::new();
    let journal = folder.open();
    let bytes = journal.backlog().await.expect("backlog").bytes;
    drop(journal);
    let journal = folder.open_limited(bytes + bytes / 20);
    let refused = journal.append(batch(Lane::Events, 1, 1)).await.expect_err("full");
    assert!(matches!(refused, JournalError::Full { .. }), "{refused}");
    journal
        .append(batch(Lane::Urgent, 1, 1))
        .await
        .expect("lane 0 has the last tenth");
}

#[tokio::test]
async fn a_failed_commit_keeps_nothing_of_what_it_did_not_acknowledge() {
    let folder = Folder::new();
    let path = folder.0.path().join("journal.db");
    let mut writer = writer::Writer::open(&path, LIMIT_BYTES_DEFAULT).expect("a writer");
    writer.limit_pages(40);
    let mut waiting = Vec::new();
    let mut requests = Vec::new();
    for seq in 1..=400 {
        let (reply, answer) = oneshot::channel();
        let padded = Incoming {
            packed: vec![7; 2_000],
            ..batch(Lane::Events, seq, seq)
        };
        requests.push(Request::Events(Box::new(padded), reply));
        waiting.push(answer);
    }
    writer.commit(requests);
    for answer in waiting {
        answer.await.expect("answered").expect_err("the disk is full");
    }
    drop(writer);
    let journal = folder.open();
    assert_eq!(journal.marks(STREAM).await.expect("marks")[2].high_water, 0);
}

#[tokio::test]
async fn a_file_of_a_newer_collector_is_left_alone() {
    let folder = Folder::new();
    drop(folder.open());
    let path = folder.0.path().join("journal.db");
    let connection = Connection::open(&path).expect("a file");
    connection
        .pragma_update(None, "user_version", 99)
        .expect("written");
    let error = Journal::open(&path, LIMIT_BYTES_DEFAULT).err().expect("refused");
    assert!(error.to_string().contains("schema version 99"), "{error}");
}
