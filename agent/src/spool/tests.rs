//! The spool against a world that remembers everything: whatever happens, each event arrives in its place or
//! is named as dropped.

use std::sync::mpsc::sync_channel;

use proptest::prelude::*;
use vong_proto::event::{Body, Event, Sensor, StreamId, Unsupported};
use vong_proto::session::Batch;
use vong_proto::wire;

use super::keeper::Keeper;
use super::*;
use crate::outbox::{Resumed, outbox};
use crate::report::{NewEvent, Reports, StateChange};
use crate::state::StateReader;

const LIMIT: u64 = 512 * 1024 * 1024;
const NOW: fn() -> Duration = || Duration::ZERO;
/// What a collector says of hashes that it does not know.
const UNKNOWN: [Vec<u8>; 4] = [const { Vec::new() }; 4];

fn event(lane: LaneName, name: &str, padding: usize) -> NewEvent {
    NewEvent {
        lane,
        wall_ms: 1,
        mono_ms: 1,
        body: Body::Unsupported(Unsupported {
            sensor: Sensor::Files,
            what: "test".to_owned(),
            why: format!("{name}{}", " ".repeat(padding)),
            cured: false,
        }),
    }
}

fn report(lane: LaneName, name: &str) -> Report {
    Report {
        events: vec![event(lane, name, 0)],
        ..Report::default()
    }
}

fn name_of(event: &Event) -> String {
    match &event.body {
        Body::Unsupported(unsupported) => unsupported.why.trim_end().to_owned(),
        Body::Blind(blind) => blind.reason.clone(),
        other => panic!("unexpected {other:?}"),
    }
}

/// The names of a batch's events; each must carry the number of its place.
fn names(batch: &Batch) -> Vec<String> {
    let events = wire::unpack_events(batch).unwrap();
    (batch.first..)
        .zip(&events)
        .map(|(seq, bytes)| name_of(&wire::decode_event_or_opaque(batch.lane, seq, bytes)))
        .collect()
}

fn open(folder: &tempfile::TempDir, limit: u64) -> Keeper {
    Keeper::open(&folder.path().join("spool.db"), limit).unwrap().0
}

#[test]
fn what_is_acknowledged_is_erased_and_what_is_not_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = open(&folder, LIMIT);
    for name in ["a", "b", "c"] {
        keeper.take(report(LaneName::Events, name));
    }
    keeper.commit(NOW).unwrap();
    assert_eq!(keeper.resume([0; 4], &UNKNOWN).unwrap(), Resumed::Ready);
    let batch = keeper.next(LaneName::Events, usize::MAX).unwrap().unwrap();
    assert_eq!(
        (batch.first, batch.last, names(&batch)),
        (1, 3, vec!["a".into(), "b".into(), "c".into()])
    );
    assert_eq!(keeper.next(LaneName::Events, usize::MAX).unwrap(), None);
    keeper.acknowledge(LaneName::Events, 2);
    keeper.commit(NOW).unwrap();
    drop(keeper);

    let mut keeper = open(&folder, LIMIT);
    let standing = keeper.standing().unwrap();
    assert_eq!((standing.lanes[2].first_retained, standing.lanes[2].next), (3, 4));
    keeper.resume([0, 0, 2, 0], &UNKNOWN).unwrap();
    let batch = keeper.next(LaneName::Events, usize::MAX).unwrap().unwrap();
    assert_eq!((batch.first, names(&batch)), (3, vec!["c".to_owned()]));
    let last = wire::unpack_events(&batch).unwrap();
    assert_eq!(standing.lanes[2].last_hash, wire::event_hash(&last[0]));
}

#[test]
fn events_and_sensor_memory_commit_together() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = open(&folder, LIMIT);
    let remember = |key: &[u8], value: Option<&[u8]>| StateChange {
        sensor: Sensor::Files,
        key: key.to_vec(),
        value: value.map(<[u8]>::to_vec),
    };
    let (done, committed) = sync_channel(1);
    keeper.take(Report {
        events: vec![event(LaneName::Events, "a", 0)],
        state: vec![
            remember(b"/a", Some(b"1")),
            remember(b"/b", Some(b"2")),
            remember(b"/c", Some(b"3")),
        ],
        committed: Some(done),
    });
    let reader = StateReader::open(&folder.path().join("spool.db")).unwrap();
    assert_eq!(reader.get(Sensor::Files, b"/a").unwrap(), None);
    assert!(committed.try_recv().is_err());

    keeper.commit(NOW).unwrap();

    assert!(committed.try_recv().is_ok());
    assert_eq!(
        reader.get(Sensor::Files, b"/a").unwrap().as_deref(),
        Some(&b"1"[..])
    );
    assert_eq!(reader.get(Sensor::Network, b"/a").unwrap(), None);
    keeper.take(Report {
        state: vec![remember(b"/b", None), remember(b"/c", Some(b"4"))],
        ..Report::default()
    });
    keeper.commit(NOW).unwrap();
    let page = reader.page(Sensor::Files, Some(b"/a"), 10).unwrap();
    assert_eq!(page, [(b"/c".to_vec(), b"4".to_vec())]);
    assert_eq!(reader.page(Sensor::Files, None, 1).unwrap()[0].0, b"/a");
}

#[test]
fn lane_0_commits_at_once_and_nothing_pending_means_no_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = open(&folder, LIMIT);
    assert_eq!(keeper.wait(NOW()), None);
    keeper.take(report(LaneName::Events, "a"));
    keeper.commit(NOW).unwrap();
    assert_eq!(keeper.wait(NOW()), None);
    keeper.take(report(LaneName::Events, "b"));
    assert_eq!(keeper.wait(NOW()), Some(Duration::from_millis(20)));
    keeper.take(report(LaneName::Urgent, "c"));
    assert_eq!(keeper.wait(NOW()), Some(Duration::ZERO));
}

#[test]
fn an_event_that_fits_no_frame_becomes_a_blind_spot() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = open(&folder, LIMIT);
    keeper.take(Report {
        events: vec![event(LaneName::Events, "a", wire::EVENT_BYTES_MAX)],
        ..Report::default()
    });
    keeper.commit(NOW).unwrap();
    keeper.resume([0; 4], &UNKNOWN).unwrap();
    let batch = keeper.next(LaneName::Events, usize::MAX).unwrap().unwrap();
    assert_eq!(names(&batch), ["event_too_large"]);
}

#[test]
fn a_restored_collector_gets_a_gap_for_what_it_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = open(&folder, LIMIT);
    for name in ["a", "b", "c"] {
        keeper.take(report(LaneName::State, name));
    }
    keeper.commit(NOW).unwrap();
    keeper.next(LaneName::State, usize::MAX).unwrap().unwrap();
    keeper.acknowledge(LaneName::State, 2);
    keeper.commit(NOW).unwrap();

    keeper.resume([0, 1, 0, 0], &UNKNOWN).unwrap();

    let batch = keeper.next(LaneName::State, usize::MAX).unwrap().unwrap();
    let gap = &batch.gaps[0];
    assert_eq!(
        (gap.first, gap.last, gap.reason.as_str()),
        (2, 2, "collector_restored")
    );
    assert_eq!((batch.first, names(&batch)), (3, vec!["c".to_owned()]));
    keeper.acknowledge(LaneName::State, 3);
    keeper.commit(NOW).unwrap();
    keeper.resume([0, 3, 0, 0], &UNKNOWN).unwrap();
    assert_eq!(keeper.next(LaneName::State, usize::MAX).unwrap(), None);
}

#[test]
fn a_collector_that_knows_more_than_was_given_ends_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = open(&folder, LIMIT);
    for name in ["a", "b"] {
        keeper.take(report(LaneName::State, name));
    }
    keeper.commit(NOW).unwrap();
    keeper.next(LaneName::State, 0).unwrap().unwrap();
    keeper.acknowledge(LaneName::State, 1);
    keeper.commit(NOW).unwrap();
    let before = keeper.standing().unwrap();
    assert_eq!(keeper.resume([0, 9, 0, 0], &UNKNOWN).unwrap(), Resumed::Behind);

    keeper.begin_stream([0; 4], &UNKNOWN).unwrap();

    let after = keeper.standing().unwrap();
    assert_ne!(after.stream, before.stream);
    assert_eq!((after.lanes[1].first_retained, after.lanes[1].next), (1, 2));
    keeper.resume([0; 4], &UNKNOWN).unwrap();
    let batch = keeper.next(LaneName::State, usize::MAX).unwrap().unwrap();
    assert_eq!((batch.first, names(&batch)), (1, vec!["b".to_owned()]));
    let bytes = wire::unpack_events(&batch).unwrap();
    assert_eq!(after.lanes[1].last_hash, wire::event_hash(&bytes[0]));
}

#[test]
fn a_new_stream_leaves_behind_what_the_collector_is_proven_to_own() {
    let state = LaneName::State.index();
    let begun_anew = |proof: fn(Vec<u8>) -> Vec<u8>| {
        let folder = tempfile::tempdir().unwrap();
        let mut keeper = open(&folder, LIMIT);
        for name in ["a", "b"] {
            keeper.take(report(LaneName::State, name));
        }
        keeper.commit(NOW).unwrap();
        let hash_of_b = keeper.standing().unwrap().lanes[state].last_hash.clone();
        keeper.take(report(LaneName::State, "c"));
        keeper.commit(NOW).unwrap();
        keeper.resume([0; 4], &UNKNOWN).unwrap();
        keeper.next(LaneName::State, usize::MAX).unwrap();
        // The collector has kept a and b; its acknowledgement never came.
        let mut last_hash = UNKNOWN;
        last_hash[state] = proof(hash_of_b);
        keeper.begin_stream([0, 2, 0, 0], &last_hash).unwrap();
        keeper.resume([0; 4], &UNKNOWN).unwrap();
        let batch = keeper.next(LaneName::State, usize::MAX).unwrap().unwrap();
        (batch.first, names(&batch))
    };
    assert_eq!(begun_anew(|hash| hash), (1, vec!["c".to_owned()]));
    let all = (1, ["a", "b", "c"].map(str::to_owned).to_vec());
    assert_eq!(begun_anew(|_| Vec::new()), all, "a mark alone proves nothing");
    assert_eq!(begun_anew(|_| vec![7; 32]), all, "it has another event there");
}

#[test]
fn a_restored_copy_that_has_given_its_numbers_again_ends_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let (snapshot, lived_on) = (folder.path().join("spool.db"), folder.path().join("lived-on.db"));
    let mut keeper = open(&folder, LIMIT);
    keeper.take(report(LaneName::State, "a"));
    keeper.commit(NOW).unwrap();
    drop(keeper);
    std::fs::copy(&snapshot, &lived_on).unwrap();
    let after = |path: &Path, names: &[&str]| {
        let mut keeper = Keeper::open(path, LIMIT).unwrap().0;
        for name in names {
            keeper.take(report(LaneName::State, name));
        }
        keeper.commit(NOW).unwrap();
        keeper
    };
    let owned = after(&lived_on, &["b"]).standing().unwrap();
    let mut hashes = UNKNOWN;
    hashes[1].clone_from(&owned.lanes[1].last_hash);

    let mut same = Keeper::open(&lived_on, LIMIT).unwrap().0;
    assert_eq!(same.resume([0, 2, 0, 0], &hashes).unwrap(), Resumed::Ready);
    let mut restored = after(&snapshot, &["c", "d"]);
    assert_eq!(restored.standing().unwrap().stream, owned.stream);
    assert_eq!(restored.resume([0, 2, 0, 0], &hashes).unwrap(), Resumed::Behind);
}

#[test]
fn a_damaged_file_is_set_aside_and_the_loss_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.db");
    std::fs::write(
        &path,
        "this was a database once, before the disk failed. ".repeat(200),
    )
    .unwrap();

    let mut spool = Spool::open_after(&path, LIMIT, Some(1_700_000_000_000)).unwrap();

    assert!(folder.path().join("spool.damaged").exists());
    spool.keeper.resume([0; 4], &UNKNOWN).unwrap();
    let batch = spool.keeper.next(LaneName::State, usize::MAX).unwrap().unwrap();
    assert_eq!(names(&batch), ["spool_corrupt", "spool_corrupt"]);
    let events = wire::unpack_events(&batch).unwrap();
    let spots: Vec<_> = events
        .iter()
        .filter_map(
            |bytes| match wire::decode_event(LaneName::State, bytes).unwrap().body {
                Body::Blind(blind) => Some((blind.sensor, blind.since_ms, blind.until_ms > blind.since_ms)),
                _ => None,
            },
        )
        .collect();
    let since_ms = 1_700_000_000_000;
    assert_eq!(
        spots,
        [
            (Sensor::Presence, since_ms, true),
            (Sensor::Files, since_ms, true)
        ]
    );
    drop(spool);
    let again = Spool::open(&path, LIMIT).unwrap();
    assert_eq!(
        again.keeper.standing().unwrap().lanes[1].next,
        3,
        "it is said once"
    );
}

#[test]
fn a_file_of_a_newer_agent_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.db");
    drop(Spool::open(&path, LIMIT).unwrap());
    let file = rusqlite::Connection::open(&path).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();

    let error = Spool::open(&path, LIMIT).expect_err("refused");

    assert!(matches!(error, SpoolError::Newer { found: 99, .. }), "{error}");
    assert!(path.exists());
}

#[test]
fn a_full_disk_drops_the_least_important_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = open(&folder, LIMIT);
    keeper.file().pretend_disk_of(1_000);
    let mut taken = 0;
    while taken < 100 {
        taken += 1;
        let events = vec![event(LaneName::Samples, &taken.to_string(), 100_000)];
        keeper.take(Report {
            events,
            ..Report::default()
        });
        keeper.commit(NOW).unwrap();
    }
    keeper.take(report(LaneName::Urgent, "detection"));
    keeper.commit(NOW).unwrap();

    keeper.resume([0; 4], &UNKNOWN).unwrap();
    assert_eq!(
        names(&keeper.next(LaneName::Urgent, usize::MAX).unwrap().unwrap()),
        ["detection"]
    );
    let batch = keeper.next(LaneName::Samples, usize::MAX).unwrap().unwrap();
    let gap = &batch.gaps[0];
    assert_eq!((gap.first, gap.last + 1), (1, batch.first));
    assert_eq!(gap.counts["unsupported"], gap.last);
}

#[test]
fn a_full_disk_with_nothing_to_drop_keeps_everything_pending() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = open(&folder, LIMIT);
    keeper.file().pretend_disk_of(0);
    for _ in 0..4 {
        keeper.take(Report {
            events: vec![event(LaneName::Urgent, "a", 100_000)],
            ..Report::default()
        });
    }
    keeper.file().pretend_disk_of(1);
    assert!(matches!(keeper.commit(NOW), Err(SpoolError::DiskFull(_))));

    keeper.file().pretend_disk_of(1_000_000);
    keeper.commit(NOW).unwrap();

    assert_eq!(keeper.standing().unwrap().lanes[0].next, 5);
}

#[test]
fn a_disk_that_can_only_be_read_is_named_and_what_was_kept_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = open(&folder, LIMIT);
    keeper.take(report(LaneName::State, "kept"));
    keeper.commit(NOW).unwrap();
    keeper.file().pretend_read_only();
    keeper.take(report(LaneName::State, "not kept"));
    assert!(matches!(keeper.commit(NOW), Err(SpoolError::ReadOnly(_))));
    drop(keeper);

    let mut keeper = open(&folder, LIMIT);
    keeper.resume([0; 4], &UNKNOWN).unwrap();
    let batch = keeper.next(LaneName::State, usize::MAX).unwrap().unwrap();
    assert_eq!(names(&batch), ["kept"]);
}

#[test]
fn the_thread_keeps_hands_out_and_ends_with_its_reporters() {
    let folder = tempfile::tempdir().unwrap();
    let (reports, receiver) = Reports::channel();
    let (outbox, desk) = outbox(reports.clone());
    let spool = Spool::open(&folder.path().join("spool.db"), LIMIT).unwrap();
    let thread = spool.start(receiver, desk).unwrap();
    reports
        .commit(report(LaneName::Urgent, "a"), Duration::from_secs(30))
        .unwrap();

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let batch = runtime.block_on(async {
        let mut committed = outbox.committed();
        committed.wait_for(|next| next[0] == 2).await.unwrap();
        assert_eq!(outbox.standing().await.unwrap().lanes[0].next, 2);
        outbox.resume([0; 4], UNKNOWN).await.unwrap();
        outbox.next(LaneName::Urgent, usize::MAX).await.unwrap().unwrap()
    });
    outbox.acknowledge(vong_proto::session::Ack {
        lane: LaneName::Urgent,
        through: 1,
    });
    reports.send(report(LaneName::Samples, "b")).unwrap();
    drop((reports, outbox));
    thread.join().unwrap().unwrap();

    assert_eq!(names(&batch), ["a"]);
    let standing = open(&folder, LIMIT).standing().unwrap();
    assert_eq!((standing.lanes[0].first_retained, standing.lanes[3].next), (2, 2));
}

/// Something that happens to a spool.
#[derive(Clone, Debug)]
enum Step {
    Report {
        lane: LaneName,
        events: usize,
        padding: usize,
    },
    Commit,
    Send {
        lane: LaneName,
        bytes_max: usize,
    },
    Acknowledge {
        lane: LaneName,
    },
    Reconnect,
    NewStream,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let lane = || (0u32..4).prop_map(|index| LaneName::from_index(index).unwrap());
    prop_oneof![
        6 => (lane(), 1usize..4, 0usize..120_000)
            .prop_map(|(lane, events, padding)| Step::Report { lane, events, padding }),
        4 => Just(Step::Commit),
        3 => (lane(), 0usize..300_000).prop_map(|(lane, bytes_max)| Step::Send { lane, bytes_max }),
        2 => lane().prop_map(|lane| Step::Acknowledge { lane }),
        1 => Just(Step::Reconnect),
        1 => Just(Step::NewStream),
        1 => Just(Step::Restart),
    ]
}

/// The world outside: what was reported, and a collector that owns what it received.
#[derive(Default)]
struct World {
    /// Per lane: the committed events' names, in order.
    reported: [Vec<String>; 4],
    /// Per lane: taken, not yet committed.
    pending: [Vec<String>; 4],
    /// Per lane: names, or `None` for a declared loss.
    collected: [Vec<Option<String>>; 4],
    /// Per lane: how much of `collected` belongs to former streams.
    former: [usize; 4],
    /// Per lane: how much of `collected` the spool knows to be owned.
    acknowledged: [usize; 4],
    names_given: u64,
    /// The agent was stopped before it heard what the collector owns: a gap may be owned in part, and then
    /// nobody knows what the rest of it held.
    restarted: bool,
}

impl World {
    fn high_water(&self) -> [u64; 4] {
        [0, 1, 2, 3].map(|lane| (self.collected[lane].len() - self.former[lane]) as u64)
    }

    fn report(&mut self, keeper: &mut Keeper, lane: LaneName, events: usize, padding: usize) {
        let mut report = Report::default();
        for _ in 0..events {
            self.names_given += 1;
            let name = self.names_given.to_string();
            report.events.push(event(lane, &name, padding));
            self.pending[lane.index()].push(name);
        }
        keeper.take(report);
    }

    fn commit(&mut self, keeper: &mut Keeper) {
        keeper.commit(NOW).unwrap();
        for lane in 0..4 {
            self.reported[lane].append(&mut self.pending[lane]);
        }
    }

    /// Receives a batch as the collector does: declared losses, then the events, without a hole.
    fn receive(&mut self, batch: &Batch) -> Result<(), TestCaseError> {
        let lane = batch.lane.index();
        for gap in &batch.gaps {
            prop_assert_eq!(gap.first, self.high_water()[lane] + 1);
            let unknown = self.restarted && gap.counts.is_empty();
            prop_assert!(unknown || gap.counts.values().sum::<u64>() == gap.last + 1 - gap.first);
            self.collected[lane].extend((gap.first..=gap.last).map(|_| None));
        }
        prop_assert_eq!(batch.first, self.high_water()[lane] + 1);
        self.collected[lane].extend(names(batch).into_iter().map(Some));
        prop_assert_eq!(batch.last, self.high_water()[lane]);
        Ok(())
    }

    fn acknowledge(&mut self, keeper: &mut Keeper, lane: LaneName) {
        keeper.acknowledge(lane, self.high_water()[lane.index()]);
        self.acknowledged[lane.index()] = self.collected[lane.index()].len();
    }

    fn reconnect(&mut self, keeper: &mut Keeper) -> Result<(), TestCaseError> {
        prop_assert_eq!(
            keeper.resume(self.high_water(), &UNKNOWN).unwrap(),
            Resumed::Ready
        );
        self.acknowledged = self.collected.each_ref().map(Vec::len);
        Ok(())
    }

    /// What the spool does not know to be owned comes again under new numbers.
    fn begin_stream(&mut self, keeper: &mut Keeper) {
        self.commit(keeper);
        keeper.begin_stream([0; 4], &UNKNOWN).unwrap();
        for lane in 0..4 {
            self.collected[lane].truncate(self.acknowledged[lane]);
        }
        self.former = self.acknowledged;
    }
}

fn drain(keeper: &mut Keeper, world: &mut World) -> Result<(), TestCaseError> {
    world.commit(keeper);
    world.reconnect(keeper)?;
    for lane in LaneName::ALL {
        while let Some(batch) = keeper.next(lane, usize::MAX).unwrap() {
            world.receive(&batch)?;
        }
    }
    Ok(())
}

fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = open(&folder, LIMIT_BYTES_MIN);
    let mut world = World::default();
    // Nothing is handed out or acknowledged before a connection has said what the collector owns.
    let mut connected = true;
    for step in steps {
        match step {
            Step::Report {
                lane,
                events,
                padding,
            } => world.report(&mut keeper, lane, events, padding),
            Step::Commit => world.commit(&mut keeper),
            Step::Send { .. } | Step::Acknowledge { .. } | Step::NewStream if !connected => {}
            Step::Send { lane, bytes_max } => {
                if let Some(batch) = keeper.next(lane, bytes_max).unwrap() {
                    world.receive(&batch)?;
                }
            }
            Step::Acknowledge { lane } => world.acknowledge(&mut keeper, lane),
            Step::Reconnect => {
                world.reconnect(&mut keeper)?;
                connected = true;
            }
            Step::NewStream => world.begin_stream(&mut keeper),
            Step::Restart => {
                drop(keeper);
                world.pending = Default::default();
                world.restarted = true;
                connected = false;
                keeper = open(&folder, LIMIT_BYTES_MIN);
            }
        }
        prop_assert!(keeper.file().used_bytes().unwrap() < 2 * LIMIT_BYTES_MIN);
    }
    drain(&mut keeper, &mut world)?;
    for (reported, collected) in world.reported.iter().zip(&world.collected) {
        prop_assert_eq!(reported.len(), collected.len());
        for (reported, collected) in reported.iter().zip(collected) {
            prop_assert!(collected.as_ref().is_none_or(|name| name == reported));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_event_arrives_in_its_place_or_is_named(steps in proptest::collection::vec(step(), 1..80)) {
        check(steps)?;
    }
}

/// What was in flight while its successors were dropped is dropped itself: its range ends where theirs begins.
#[test]
fn a_drop_stops_at_a_gap_that_is_already_written_down() {
    let report = |lane, events, padding| Step::Report {
        lane,
        events,
        padding,
    };
    let steps = vec![
        report(LaneName::Events, 1, 66_442),
        Step::Commit,
        Step::Send {
            lane: LaneName::Events,
            bytes_max: 0,
        },
        report(LaneName::Urgent, 8, 95_000),
        report(LaneName::Events, 2, 51_005),
        Step::NewStream,
        report(LaneName::Urgent, 3, 96_877),
        report(LaneName::Events, 1, 33_889),
    ];
    check(steps).expect("every event is accounted for");
}

/// Sent and owned there, but killed before it was heard here, and then dropped together with what followed.
#[test]
fn a_gap_that_the_collector_owns_in_part_does_not_stop_its_lane() {
    let report = |lane, events, padding| Step::Report {
        lane,
        events,
        padding,
    };
    let steps = vec![
        report(LaneName::Events, 2, 60_000),
        Step::Commit,
        Step::Send {
            lane: LaneName::Events,
            bytes_max: 0,
        },
        Step::Restart,
        report(LaneName::Urgent, 9, 110_000),
        report(LaneName::Events, 1, 60_000),
        Step::Commit,
    ];
    check(steps).expect("every event is accounted for");
}

/// More gaps than a batch may declare go with the next one: a collector refuses a batch that declares too many.
#[test]
fn no_batch_declares_more_gaps_than_a_collector_takes() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = open(&folder, LIMIT);
    for name in 0..101 {
        keeper.take(report(LaneName::Events, &name.to_string()));
    }
    keeper.commit(NOW).unwrap();
    drop(keeper);
    let connection = rusqlite::Connection::open(folder.path().join("spool.db")).unwrap();
    connection
        .execute_batch(
            "DELETE FROM events WHERE lane = 2 AND position <= 100;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 100)
             INSERT INTO gaps (lane, first, last, reason, counts) SELECT 2, i, i, 'spool_full', '{}' FROM n;",
        )
        .unwrap();
    drop(connection);

    let mut keeper = open(&folder, LIMIT);
    keeper.resume([0; 4], &UNKNOWN).unwrap();
    let first = keeper.next(LaneName::Events, usize::MAX).unwrap().unwrap();
    assert_eq!((first.gaps.len(), first.first, first.last), (64, 65, 64));
    let second = keeper.next(LaneName::Events, usize::MAX).unwrap().unwrap();
    assert_eq!((second.gaps.len(), second.first, second.last), (36, 101, 101));
}

#[test]
fn only_its_owner_may_read_a_spool() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let mut keeper = open(&folder, LIMIT);
    keeper.take(report(LaneName::State, "a"));
    keeper.commit(NOW).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        // The ballast holds nothing.
        if entry.file_name() == "spool.ballast" {
            continue;
        }
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.file_name());
    }
}

#[test]
fn streams_are_random() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let streams: Vec<StreamId> = folders
        .iter()
        .map(|folder| open(folder, LIMIT).standing().unwrap().stream)
        .collect();
    assert_ne!(streams[0], streams[1]);
}
