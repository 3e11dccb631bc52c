//! The store against a real ClickHouse and a real journal: each event exactly once, whatever dies in between,
//! and every question answered within its scope.
#![expect(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

mod support {
    pub(crate) mod engine;
    pub(crate) mod server;
}

mod timeline {
    mod explained;
}

use std::path::Path;
use std::sync::Arc;

use support::engine::DEADLINE;
use support::server::Server;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vong_collector::entry::{Fact, HostId};
use vong_collector::journal::{Incoming, InsertPlan, Journal, LIMIT_BYTES_DEFAULT};
use vong_collector::metrics::Metrics;
use vong_collector::scope::Scope;
use vong_collector::store::{Cursor, EventRow, Store, Tail, Timeline};
use vong_proto::event::{
    AgentId, Body, BootId, Event, FileAction, FileEvent, Header, Lane, Origin, ProbeKind, ProbeSample,
    ProbeState, Reachability, Sensor, StreamId, Unsupported, Who,
};
use vong_proto::wire;

const NOW_MS: i64 = 1_795_000_000_000;

/// A ClickHouse, a journal, and the writer between them.
struct World {
    server: Server,
    journal: Journal,
    store: Store,
    metrics: Arc<Metrics>,
    writer: Option<(watch::Sender<bool>, JoinHandle<()>)>,
    next_seq: [u64; 4],
}

impl World {
    async fn new() -> Self {
        let server = Server::start().await;
        let store = Store::new(&server.address());
        store.migrate().await.unwrap();
        let journal = open_journal(server.folder());
        Self {
            server,
            journal,
            store,
            metrics: Arc::default(),
            writer: None,
            next_seq: [1; 4],
        }
    }

    fn start_writer(&mut self) {
        let (stop, stopped) = watch::channel(false);
        let (store, journal, metrics) = (
            self.store.clone(),
            self.journal.clone(),
            Arc::clone(&self.metrics),
        );
        let task = tokio::spawn(async move { store.run(journal, metrics, stopped).await.unwrap() });
        self.writer = Some((stop, task));
    }

    async fn stop_writer(&mut self) {
        let (stop, task) = self.writer.take().unwrap();
        stop.send(true).unwrap();
        task.await.unwrap();
    }

    async fn append(&mut self, host: i64, lane: Lane, bodies: Vec<Body>) {
        let first = self.next_seq[lane.index()];
        let last = first + bodies.len() as u64 - 1;
        self.next_seq[lane.index()] = last + 1;
        let encoded: Vec<_> = (first..)
            .zip(bodies)
            .map(|(seq, body)| {
                let wall_ms = NOW_MS + i64::try_from(seq).unwrap();
                let header = Header {
                    lane,
                    seq,
                    wall_ms,
                    mono_ms: 1,
                    boot: BootId([1; 16]),
                };
                wire::encode_event(&Event { header, body })
            })
            .collect();
        let last_hash = wire::event_hash(encoded.last().unwrap()).to_vec();
        let (raw_bytes, packed) = wire::pack_events(encoded);
        let incoming = Incoming {
            host: HostId(host),
            agent: AgentId([2; 16]),
            stream: StreamId([9; 16]),
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
        };
        self.journal.append(incoming).await.unwrap();
    }

    async fn wait_until_all_is_visible(&self) {
        let last = self.journal.append_fact(Fact::Tick).await.unwrap();
        let mut visible = self.store.visible();
        let all = visible.wait_for(|position| *position >= last);
        tokio::time::timeout(DEADLINE, all)
            .await
            .expect("in time")
            .unwrap();
    }

    async fn number(&self, sql: &str) -> u64 {
        self.server.client().query(sql).fetch_one().await.unwrap()
    }
}

fn open_journal(folder: &Path) -> Journal {
    Journal::open(&folder.join("journal.db"), LIMIT_BYTES_DEFAULT).unwrap()
}

fn file(path: &str, watch: &str) -> Body {
    Body::File(FileEvent {
        action: FileAction::Modified,
        path: path.as_bytes().to_vec(),
        old_path: None,
        origin: Origin::RealTime,
        meta: None,
        who: Who::Exited { pid: 7 },
        watch: watch.to_owned(),
        severity: None,
        changed: Vec::new(),
        count: 1,
        first_ms: None,
        cause: None,
    })
}

fn sample() -> Body {
    Body::ProbeSample(ProbeSample {
        probe: "gateway".to_owned(),
        kind: ProbeKind::Icmp,
        target: "10.0.0.1".to_owned(),
        interval_ms: 300_000,
        sent: 60,
        lost: 1,
        latency_min_us: 1,
        latency_mean_us: 2,
        latency_max_us: 3,
    })
}

fn probe(name: &str, state: Reachability) -> Body {
    Body::ProbeState(ProbeState {
        probe: name.to_owned(),
        kind: ProbeKind::Tcp,
        target: "10.0.0.1:443".to_owned(),
        state,
        error: String::new(),
        severity: None,
    })
}

fn unsupported(why: &str) -> Body {
    Body::Unsupported(Unsupported {
        sensor: Sensor::Files,
        what: "who".to_owned(),
        why: why.to_owned(),
        cured: false,
    })
}

fn paths(rows: &[EventRow]) -> Vec<String> {
    rows.iter()
        .map(|row| String::from_utf8_lossy(&row.file_path.0).into_owned())
        .collect()
}

#[tokio::test]
async fn each_event_is_there_once_however_often_the_engine_dies() {
    let mut world = World::new().await;
    world.start_writer();
    for round in 1..=3 {
        for batch in 0..60 {
            world
                .append(
                    1,
                    Lane::Events,
                    (0..20)
                        .map(|i| file(&format!("/{round}/{batch}/{i}"), "demo"))
                        .collect(),
                )
                .await;
            world
                .append(1, Lane::Samples, (0..5).map(|_| sample()).collect())
                .await;
            if batch == 17 * round {
                world.server.kill();
            }
        }
        world.server.wait_for_restart(round).await;
    }
    world.wait_until_all_is_visible().await;

    assert_eq!(world.number("SELECT count() FROM events").await, 3 * 60 * 20);
    assert_eq!(
        world.number("SELECT uniqExact(seq) FROM events").await,
        3 * 60 * 20
    );
    assert_eq!(world.number("SELECT count() FROM samples").await, 3 * 60 * 5);
    assert_eq!(
        world.number("SELECT uniqExact(seq) FROM samples").await,
        3 * 60 * 5
    );
    world.stop_writer().await;
}

#[tokio::test]
async fn an_insert_whose_answer_was_lost_is_sent_again_without_effect() {
    let mut world = World::new().await;
    for i in 0..30 {
        world
            .append(1, Lane::Events, vec![file(&format!("/{i}"), "demo"), sample()])
            .await;
    }
    let through = world.journal.append_fact(Fact::Tick).await.unwrap();
    let plan = InsertPlan { after: 0, through };
    world.journal.plan_insert(plan).await.unwrap();
    // A collector that dies before it hears of the success: its journal is as it was before.
    let before = tempfile::tempdir().unwrap();
    for name in ["journal.db", "journal.db-wal"] {
        std::fs::copy(world.server.folder().join(name), before.path().join(name)).unwrap();
    }
    world.start_writer();
    world.wait_until_all_is_visible().await;
    world.stop_writer().await;

    world.journal = open_journal(before.path());
    world.store = Store::new(&world.server.address());
    world.append(1, Lane::Events, vec![file("/later", "demo")]).await;
    world.start_writer();
    world.wait_until_all_is_visible().await;
    assert_eq!(world.number("SELECT count() FROM events").await, 31);
    assert_eq!(world.number("SELECT count() FROM samples").await, 30);
    world.stop_writer().await;
}

#[tokio::test]
async fn a_row_that_is_refused_is_set_aside_alone() {
    let mut world = World::new().await;
    let constraint = "ALTER TABLE events ADD CONSTRAINT no_poison CHECK file_watch != 'poison'";
    world.server.client().query(constraint).execute().await.unwrap();
    let watch = |i| if i == 11 { "poison" } else { "demo" };
    world
        .append(
            1,
            Lane::Events,
            (0..20).map(|i| file(&format!("/{i}"), watch(i))).collect(),
        )
        .await;
    world.start_writer();
    world.wait_until_all_is_visible().await;

    assert_eq!(world.number("SELECT count() FROM events").await, 19);
    assert_eq!(world.metrics.store_set_aside.get(), 1);
    let totals = world.journal.ledger_totals().await.unwrap();
    assert_eq!(totals.iter().map(|host| host.set_aside).sum::<u64>(), 1);
    world.stop_writer().await;
}

/// The files of host 1 in [`World::with_story`], the oldest first.
const NAMES: [&str; 4] = [
    "/Báo cáo/một.txt",
    "/Ba\u{301}o ca\u{301}o/hai.txt",
    "/100%_\\'\t\n/ba.txt",
    "/Hồ sơ/bốn.txt",
];

fn files_of_host_1() -> Timeline {
    Timeline {
        host: Some(HostId(1)),
        kind: Some("file".to_owned()),
        ..Timeline::default()
    }
}

impl World {
    /// Some events of two hosts, visible.
    async fn with_story() -> Self {
        let mut world = Self::new().await;
        let files = NAMES.iter().map(|name| file(name, "demo")).collect();
        world.append(1, Lane::Events, files).await;
        world
            .append(2, Lane::Events, vec![file("/khác.txt", "demo")])
            .await;
        let blind = vec![unsupported("first"), unsupported("last")];
        world.append(1, Lane::State, blind).await;
        let probes = vec![
            probe("a", Reachability::Reachable),
            probe("b", Reachability::Unknown),
        ];
        world.append(1, Lane::State, probes).await;
        // Lane 0 is numbered on its own: this one happened before the two above, and came after them.
        world
            .append(1, Lane::Urgent, vec![probe("a", Reachability::Unreachable)])
            .await;
        world.start_writer();
        world.wait_until_all_is_visible().await;
        world
    }

    async fn listed(&self, timeline: &Timeline, limit: u32) -> Vec<EventRow> {
        self.store.timeline(&Scope::ALL, timeline, limit).await.unwrap()
    }
}

#[tokio::test]
async fn a_timeline_is_paged_newest_first() {
    let world = World::with_story().await;
    let first = world.listed(&files_of_host_1(), 3).await;
    assert_eq!(paths(&first), [NAMES[3], NAMES[2], NAMES[1]]);
    let next = Timeline {
        after: first.last().map(Cursor::of),
        ..files_of_host_1()
    };
    assert_eq!(paths(&world.listed(&next, 3).await), [NAMES[0]]);
    let between = Timeline {
        from_ms: Some(NOW_MS + 2),
        to_ms: Some(NOW_MS + 4),
        ..files_of_host_1()
    };
    assert_eq!(paths(&world.listed(&between, 10).await), [NAMES[2], NAMES[1]]);
    let found = world
        .store
        .event(&Scope::ALL, first[0].pos, first[0].i)
        .await
        .unwrap();
    assert_eq!(found.as_ref(), Some(&first[0]));
}

#[tokio::test]
async fn a_search_finds_letters_however_they_are_written() {
    let world = World::with_story().await;
    for (text, expected) in [
        ("BÁO CÁO", vec![NAMES[1], NAMES[0]]),
        ("bao cao/mot", vec![NAMES[0]]),
        ("0%_\\'\t", vec![NAMES[2]]),
        ("%", vec![NAMES[2]]),
        ("nothing like it", vec![]),
    ] {
        let search = Timeline {
            text: Some(text.to_owned()),
            ..files_of_host_1()
        };
        assert_eq!(paths(&world.listed(&search, 10).await), expected, "{text}");
    }
}

#[tokio::test]
async fn the_state_of_a_host_is_what_happened_last() {
    let world = World::with_story().await;
    let probes = world.store.latest_probes(&Scope::ALL, HostId(1)).await.unwrap();
    let states: Vec<_> = probes
        .iter()
        .map(|row| (row.probe_name.as_str(), row.probe_state.as_str()))
        .collect();
    assert_eq!(states, [("a", "reachable"), ("b", "unknown")]);
    let blind = world
        .store
        .latest_unsupported(&Scope::ALL, HostId(1))
        .await
        .unwrap();
    assert!(
        matches!(blind.as_slice(), [row] if row.detail.contains("last")),
        "{blind:?}"
    );
    let latest = world.store.latest(&Scope::ALL, HostId(2), "file").await.unwrap();
    assert_eq!(paths(latest.as_slice()), ["/khác.txt"]);
    assert_eq!(
        world
            .store
            .latest(&Scope::ALL, HostId(2), "antivirus")
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_tail_follows_in_the_order_of_arrival() {
    let world = World::with_story().await;
    let (store, all) = (&world.store, &Scope::ALL);
    let everything = store.tail(all, &Tail::default(), (0, 0), 100).await.unwrap();
    assert_eq!(everything.len(), 10);
    assert!(everything.is_sorted_by_key(|row| (row.pos, row.i)));
    let place = |row: &EventRow| (row.pos, row.i);
    assert_eq!(store.newest().await.unwrap(), place(&everything[9]));
    let later = store
        .tail(all, &Tail::default(), place(&everything[3]), 1)
        .await
        .unwrap();
    assert_eq!(paths(&later), ["/khác.txt"]);
    let of_host_2 = Tail {
        host: Some(HostId(2)),
        ..Tail::default()
    };
    assert_eq!(
        paths(&store.tail(all, &of_host_2, (0, 0), 100).await.unwrap()),
        ["/khác.txt"]
    );
    let before = store
        .before(all, &Tail::default(), place(&everything[9]), 2)
        .await
        .unwrap();
    assert_eq!(
        before.iter().map(place).collect::<Vec<_>>(),
        [place(&everything[8]), place(&everything[7])]
    );
    let hours = store.events_per_hour(all, 0).await.unwrap();
    assert_eq!(hours.iter().map(|hour| hour.events).sum::<u64>(), 10);
}

#[tokio::test]
async fn a_scope_shows_the_hosts_of_its_units_as_they_are_now() {
    let mut world = World::new().await;
    world.append(1, Lane::Events, vec![file("/một", "demo")]).await;
    world.append(2, Lane::Events, vec![file("/hai", "demo")]).await;
    world.start_writer();
    world.wait_until_all_is_visible().await;
    let seen = async |units: &[i64]| {
        let scope = Scope {
            units: Some(units.to_vec()),
        };
        paths(
            &world
                .store
                .timeline(&scope, &Timeline::default(), 10)
                .await
                .unwrap(),
        )
    };
    world
        .store
        .set_units(&[(HostId(1), 10), (HostId(2), 20)], 1)
        .await
        .unwrap();
    assert_eq!(seen(&[10]).await, ["/một"]);
    assert_eq!(seen(&[10, 20]).await, ["/hai", "/một"]);
    assert_eq!(seen(&[]).await, [""; 0]);
    world.store.set_units(&[(HostId(1), 20)], 2).await.unwrap();
    assert_eq!(seen(&[10]).await, [""; 0]);
    assert_eq!(seen(&[20]).await, ["/hai", "/một"]);
    world.stop_writer().await;
}

#[tokio::test]
async fn tables_are_brought_up_to_date_once() {
    let world = World::new().await;
    world.store.migrate().await.unwrap();
    assert_eq!(world.number("SELECT count() FROM schema_steps").await, 5);
    world
        .server
        .client()
        .query("INSERT INTO schema_steps (step) VALUES (99)")
        .execute()
        .await
        .unwrap();
    let error = world.store.migrate().await.unwrap_err().to_string();
    assert!(error.contains("step 99"), "{error}");
}
