//! From a journaled fact to a mail that a real server has accepted, and the same once more after a restart.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use vong_proto::event::{
    AgentId, Body, BootId, Digest, Event, FileAction, FileEvent, FileMeta, Header, Lane, Origin, Severity,
    StreamId, Who,
};
use vong_proto::wire;

use super::*;
use crate::clock::now_ms;
use crate::config::MailTls;
use crate::delivery::sink::Sink;
use crate::entry::HostId;
use crate::journal::{Cursor, Incoming, Journal, LIMIT_BYTES_DEFAULT};
use crate::live::Live;
use crate::registry::alert_list::{self, AlertFilter};
use crate::registry::harness::{SqliteRegistry, a_host, a_unit, sqlite};
use crate::registry::{Page, delivery};
use crate::scope::Scope;

const PATIENCE: Duration = Duration::from_secs(20);

fn a_critical_change(seq: u64, path: &str) -> Event {
    Event {
        header: Header {
            lane: Lane::Urgent,
            seq,
            wall_ms: now_ms(),
            mono_ms: 1,
            boot: BootId([1; 16]),
        },
        body: Body::File(FileEvent {
            action: FileAction::Modified,
            path: path.as_bytes().to_owned(),
            old_path: None,
            origin: Origin::RealTime,
            meta: Some(FileMeta::plain(1, 0, 0o644, "0", Digest::Sha256([1; 32]))),
            who: Who::Exited { pid: 7 },
            watch: "records".to_owned(),
            severity: Some(Severity::Critical),
            changed: Vec::new(),
            count: 1,
            first_ms: None,
            cause: None,
        }),
    }
}

fn batch(host: HostId, event: &Event) -> Incoming {
    let encoded = wire::encode_event(event);
    let last_hash = wire::event_hash(&encoded).to_vec();
    let (raw_bytes, packed) = wire::pack_events(vec![encoded]);
    Incoming {
        host,
        agent: AgentId([2; 16]),
        stream: StreamId([3; 16]),
        offset_ms: 0,
        lane: Lane::Urgent,
        first: event.header.seq,
        last: event.header.seq,
        raw_bytes,
        packed,
        last_hash,
        opaque: Vec::new(),
        gaps: Vec::new(),
        cloned: false,
    }
}

/// The three stages over a journal and a registry, as the pipeline starts them.
struct Stages {
    running: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Stages {
    fn start(journal: &Journal, sqlite: &SqliteRegistry, sink: &Sink) -> Self {
        let (stop, stopped) = watch::channel(false);
        let sender = Sender::new("canhbao@soc.example", "SOC", "https://soc.example").expect("an address");
        let letters = letters_of(&sink.config(MailTls::Starttls), &sender);
        let (findings_changed, letters_written) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let live = Live::default();
        let metrics = Arc::default();
        let mut running = JoinSet::new();
        let deliveries = Deliveries {
            registry: sqlite.registry.clone(),
            relay: sink.relay(MailTls::Starttls),
            sender,
            live: live.clone(),
            metrics: Arc::clone(&metrics),
            letters_written: Arc::clone(&letters_written),
            stop: stopped.clone(),
        };
        running.spawn(deliveries.run());
        let alerts = Alerts {
            registry: sqlite.registry.clone(),
            letters: Some(letters),
            live: live.clone(),
            metrics: Arc::clone(&metrics),
            findings_changed: Arc::clone(&findings_changed),
            letters_written,
            stop: stopped.clone(),
        };
        running.spawn(alerts.run());
        let judge = Judge {
            journal: journal.clone(),
            registry: sqlite.registry.clone(),
            live,
            metrics,
            findings_changed,
            stop: stopped,
        };
        running.spawn(judge.run());
        Self { running, stop }
    }

    async fn end(mut self) {
        self.stop.send(true).expect("stages listen");
        while let Some(ended) = self.running.join_next().await {
            ended.expect("no stage panics");
        }
    }
}

/// Waits until something holds.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(
            Instant::now() < deadline,
            "{what} did not happen within {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_critical_change_is_a_mail_at_once_and_only_once() {
    let sqlite = sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Journal::open(&folder.path().join("journal.db"), LIMIT_BYTES_DEFAULT).expect("a journal");
    let sink = Sink::start(&[]);
    let unit = a_unit(&sqlite.registry, None, "UBND xã Đông", "it@xadong.example").await;
    let host = a_host(&sqlite.registry, unit, "KT-01").await;

    let stages = Stages::start(&journal, &sqlite, &sink);
    let event = a_critical_change(1, "/srv/hồ sơ/báo cáo.docx");
    let began = Instant::now();
    journal.append(batch(host, &event)).await.expect("kept");
    until("a mail", async || !sink.mails().is_empty()).await;
    println!("journaled -> accepted: {} ms", began.elapsed().as_millis());
    until("the journal to be passed", async || {
        journal.cursor(Cursor::Rules).await.expect("a cursor") > 0
    })
    .await;
    stages.end().await;

    let stages = Stages::start(&journal, &sqlite, &sink);
    let event = a_critical_change(2, "/srv/hồ sơ/khác.docx");
    journal.append(batch(host, &event)).await.expect("kept");
    let page = Page {
        after: None,
        limit: 10,
    };
    let filter = AlertFilter::default();
    let alerts = async || {
        let listed = alert_list::list(&sqlite.registry, &Scope::ALL, &filter, &page).await;
        listed.expect("alerts").items
    };
    until("the second finding", async || {
        alerts().await[0].alert.findings == 2
    })
    .await;
    stages.end().await;
    let alerts = alerts().await;
    assert_eq!(alerts.len(), 1, "both changes belong together");
    let deliveries = delivery::of_alert(&sqlite.registry, alerts[0].alert.id)
        .await
        .expect("deliveries");
    assert_eq!(deliveries.len(), 1, "an update keeps its distance");
    assert_eq!(sink.mails().len(), 1);
}
