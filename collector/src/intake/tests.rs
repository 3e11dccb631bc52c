//! Conversations with the intake over real TLS, from the other side: what an honest agent may expect, and
//! what a broken or hostile one gets.

use std::net::SocketAddr;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use vong_proto::event::{AgentId, Body, BootId, Event, Header, Lane, Presence, StopReason, StreamId};
use vong_proto::frame;
use vong_proto::session::*;
use vong_proto::wire;

use super::*;
use crate::clock::now_ms;
use crate::fleet::{Authority, token};
use crate::journal::{Cursor, Incoming, LIMIT_BYTES_DEFAULT};
use crate::registry::unit::{UnitDraft, UnitKind};
use crate::registry::{agent, policy, token as tokens, unit};

mod identity;

/// A collector's front half: intake, journal, registry.
struct Front {
    address: SocketAddr,
    authority: Arc<Authority>,
    journal: Journal,
    registry: Registry,
    unit: i64,
    revision: watch::Sender<i64>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Front {
    async fn start() -> Front {
        Self::start_with(EventRate::default(), LIMIT_BYTES_DEFAULT).await
    }

    async fn start_with(event_rate: EventRate, journal_bytes: u64) -> Front {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        let registry = Registry::open(&format!(
            "sqlite://{}?mode=rwc",
            path.join("registry.db").display()
        ))
        .await
        .expect("a registry");
        let journal = Journal::open(&path.join("journal.db"), journal_bytes).expect("a journal");
        let authority = Arc::new(Authority::open(&path.join("ca")).expect("an authority"));
        let mut tx = registry.begin().await.expect("begun");
        let unit = unit::insert(&mut tx, &department(), now_ms())
            .await
            .expect("a unit");
        tx.commit().await.expect("committed");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let tls = server_config(&authority, now_ms()).expect("TLS");
        let (revision, revised) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let intake = Intake {
            fleet: Fleet::new(registry.clone(), Arc::clone(&authority)),
            registry: registry.clone(),
            journal: journal.clone(),
            metrics: Arc::default(),
            event_rate,
            revision: revised,
            stop: stopped,
        };
        let serving = tokio::spawn(intake.serve(listener, TlsAcceptor::from(Arc::new(tls))));
        Front {
            address,
            authority,
            journal,
            registry,
            unit,
            revision,
            stop,
            serving,
            _folder: folder,
        }
    }

    async fn token(&self, uses: i64, expires_ms: i64) -> String {
        let new = token::create("collector:7443", &self.authority.fingerprint());
        let mut tx = self.registry.begin().await.expect("begun");
        let row = tokens::NewToken {
            secret_hash: new.secret_hash,
            unit_id: self.unit,
            uses,
            expires_ms,
            created_by: "test".to_owned(),
            note: String::new(),
        };
        tokens::insert(&mut tx, &row, now_ms()).await.expect("a token");
        tx.commit().await.expect("committed");
        secret_of(&new.text)
    }

    async fn enrol(&self, secret: &str, machine: &str) -> Result<Pc, Refusal> {
        let key = rcgen::KeyPair::generate().expect("a key");
        let request = EnrolRequest {
            version_min: VERSION_MIN,
            version_max: VERSION_MAX,
            token: secret.to_owned(),
            csr_der: rcgen::CertificateParams::default()
                .serialize_request(&key)
                .expect("a request")
                .der()
                .to_vec(),
            fingerprint: Fingerprint {
                machine_id: machine.to_owned(),
                ..Fingerprint::default()
            },
            hostname: "PC-KẾ-TOÁN".to_owned(),
            os: "Debian 12".to_owned(),
        };
        let mut line = self.connect(None).await.expect("connected");
        frame::write_agent_frame(&mut line, AgentFrame::Enrol(request))
            .await
            .expect("sent");
        match frame::read_collector_frame(&mut line).await.expect("an answer") {
            CollectorFrame::Enrolled(answer) => Ok(Pc {
                certificate: answer.credentials.certificate_der,
                key: key.serialize_der(),
            }),
            CollectorFrame::Refusal(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    async fn enrolled(&self) -> Pc {
        let secret = self.token(1, i64::MAX).await;
        self.enrol(&secret, "0123456789abcdef0123456789abcdef")
            .await
            .expect("enrolled")
    }

    async fn connect(&self, pc: Option<&Pc>) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_root_certificates(roots);
        let config = match pc {
            None => builder.with_no_client_auth(),
            Some(pc) => builder
                .with_client_auth_cert(vec![pc.chain()], pc.key())
                .expect("a certificate"),
        };
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(COLLECTOR_NAME).expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// A second agent of a PC's host, as nobody should be able to enrol one.
    async fn second_agent_of(&self, pc: &Pc) -> Pc {
        let identified = Fleet::new(self.registry.clone(), Arc::clone(&self.authority))
            .identify(&pc.certificate, now_ms())
            .await
            .expect("known");
        let (key, id) = (rcgen::KeyPair::generate().expect("a key"), AgentId([77; 16]));
        let signed = self.authority.sign_agent(id, &key, now_ms()).expect("signed");
        let certificate = agent::Certificate {
            fingerprint: crate::fleet::certificate_fingerprint(&signed.der),
            serial: signed.serial,
            agent: id,
            not_before_ms: signed.not_before_ms,
            not_after_ms: signed.not_after_ms,
            authority: signed.authority,
        };
        let mut tx = self.registry.begin().await.expect("begun");
        agent::insert(&mut tx, id, identified.host, now_ms())
            .await
            .expect("an agent");
        agent::add_certificate(&mut tx, &certificate)
            .await
            .expect("a certificate");
        tx.commit().await.expect("committed");
        Pc {
            certificate: signed.der,
            key: key.serialize_der(),
        }
    }

    /// Stops, waits for the end of every session, and says in which order hosts came and went.
    async fn comings_and_goings(self) -> Vec<&'static str> {
        self.stop.send(true).expect("heard");
        self.serving.await.expect("served");
        let entries = self.journal.read(0, 1_000, 1 << 20).await.expect("read");
        let said = entries.into_iter().filter_map(|entry| match entry.fact {
            crate::entry::Fact::Connected(_) => Some("connected"),
            crate::entry::Fact::Disconnected { .. } => Some("disconnected"),
            _ => None,
        });
        said.collect()
    }

    /// Says hello and returns the line with the first answer.
    async fn greet(&self, pc: &Pc, hello: Hello) -> (TlsStream<TcpStream>, CollectorFrame) {
        let mut line = self.connect(Some(pc)).await.expect("connected");
        frame::write_agent_frame(&mut line, AgentFrame::Hello(Box::new(hello)))
            .await
            .expect("sent");
        let answer = frame::read_collector_frame(&mut line).await.expect("an answer");
        (line, answer)
    }
}

fn department() -> UnitDraft {
    UnitDraft {
        parent_id: None,
        name: "Sở Tài chính".to_owned(),
        kind: UnitKind::Department,
        contact_name: String::new(),
        contact_email: String::new(),
        phone: String::new(),
    }
}

struct Pc {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Pc {
    fn chain(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.certificate.clone())
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }

    fn agent(&self) -> AgentId {
        use x509_parser::prelude::{FromDer, X509Certificate};
        let (_, parsed) = X509Certificate::from_der(&self.certificate).expect("a certificate");
        let name = parsed.subject().to_string();
        AgentId::from_hex(name.strip_prefix("CN=").expect("a name")).expect("an id")
    }
}

fn secret_of(token_text: &str) -> String {
    use base64::Engine;
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(token_text.strip_prefix(token::PREFIX).expect("prefix"))
        .expect("base64");
    let content: serde_json::Value = serde_json::from_slice(&json).expect("json");
    content["s"].as_str().expect("a secret").to_owned()
}

fn hello(next: u64) -> Hello {
    let lane = LaneState {
        first_retained: 1,
        next,
        last_hash: Vec::new(),
    };
    Hello {
        version_min: VERSION_MIN,
        version_max: VERSION_MAX,
        stream: StreamId([4; 16]),
        lanes: std::array::from_fn(|_| lane.clone()),
        boot: BootId([5; 16]),
        fingerprint: Fingerprint::default(),
        agent_version: "0.1.0".to_owned(),
        os: "Debian 12".to_owned(),
        hostname: "PC-KẾ-TOÁN".to_owned(),
        wall_ms: now_ms(),
        policy_version: 0,
        policy_hash: String::new(),
        privileged: true,
        authorities: Vec::new(),
    }
}

fn batch(first: u64, last: u64) -> Batch {
    let event = |seq| Event {
        header: Header {
            lane: Lane::State,
            seq,
            wall_ms: 1,
            mono_ms: 1,
            boot: BootId([5; 16]),
        },
        body: Body::Presence(Presence::Stopping(StopReason::Shutdown)),
    };
    let (raw_bytes, events) = wire::pack_events(
        (first..=last)
            .map(|seq| wire::encode_event(&event(seq)))
            .collect(),
    );
    Batch {
        lane: Lane::State,
        first,
        last,
        raw_bytes,
        events,
        gaps: Vec::new(),
    }
}

/// The next frame that is not a policy or a command.
async fn answer(line: &mut TlsStream<TcpStream>) -> CollectorFrame {
    loop {
        match frame::read_collector_frame(line).await.expect("an answer") {
            CollectorFrame::Policy(_) | CollectorFrame::Command(_) => {}
            other => return other,
        }
    }
}

fn refusal_of(frame: CollectorFrame) -> Refusal {
    match frame {
        CollectorFrame::Refusal(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_acknowledgement_means_that_the_events_are_in_the_journal() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut line, welcome) = front.greet(&pc, hello(1)).await;
    let CollectorFrame::Welcome(welcome) = welcome else {
        panic!("{welcome:?}")
    };
    assert_eq!((welcome.high_water, welcome.new_stream), ([0; 4], false));

    for (first, last, through) in [(1, 3, 3), (2, 5, 5)] {
        frame::write_agent_frame(&mut line, AgentFrame::Batch(batch(first, last)))
            .await
            .expect("sent");
        assert_eq!(
            answer(&mut line).await,
            CollectorFrame::Ack(Ack {
                lane: Lane::State,
                through
            })
        );
    }
    drop(line);
    let (_line, welcome) = front.greet(&pc, hello(6)).await;
    let CollectorFrame::Welcome(welcome) = welcome else {
        panic!("{welcome:?}")
    };
    assert_eq!(
        welcome.high_water,
        [0, 5, 0, 0],
        "what was acknowledged is known after reconnecting"
    );
    assert_eq!(
        front.journal.marks(StreamId([4; 16])).await.expect("marks")[1].high_water,
        5
    );
}

#[tokio::test]
async fn tokens_admit_as_often_as_they_say_and_wrong_ones_never() {
    let front = Front::start().await;
    let secret = front.token(1, i64::MAX).await;
    front.enrol(&secret, "machine-a").await.expect("the first use");
    for secret in [secret.as_str(), "wrong", &front.token(5, 1_000).await] {
        let refusal = front.enrol(secret, "machine-b").await.err().expect("refused");
        assert_eq!(refusal.code, RefusalCode::Token);
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_does_not_get_in() {
    let front = Front::start().await;
    let other = Front::start().await;
    let stranger = other.enrolled().await;
    let mut line = match front.connect(Some(&stranger)).await {
        Err(_) => return,
        Ok(line) => line,
    };
    // In TLS 1.3 the client learns of the refusal with its first read.
    let _ = frame::write_agent_frame(&mut line, AgentFrame::Hello(Box::new(hello(1)))).await;
    frame::read_collector_frame(&mut line).await.expect_err("refused");
}

#[tokio::test]
async fn revocation_ends_a_live_session_and_bars_the_next() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut line, _) = front.greet(&pc, hello(1)).await;
    let mut tx = front.registry.begin().await.expect("begun");
    assert!(
        agent::revoke(&mut tx, pc.agent(), now_ms())
            .await
            .expect("revoked")
    );
    tx.commit().await.expect("committed");
    front.revision.send(1).expect("heard");
    assert_eq!(refusal_of(answer(&mut line).await).code, RefusalCode::Revoked);
    let (_, again) = front.greet(&pc, hello(1)).await;
    assert_eq!(refusal_of(again).code, RefusalCode::Revoked);
}

#[tokio::test]
async fn revocation_ends_a_session_that_is_slowed() {
    let hardly_any = EventRate {
        per_s: 0.001,
        burst: 1.0,
    };
    let front = Front::start_with(hardly_any, LIMIT_BYTES_DEFAULT).await;
    let pc = front.enrolled().await;
    let (mut line, _) = front.greet(&pc, hello(1)).await;
    frame::write_agent_frame(&mut line, AgentFrame::Batch(batch(1, 5)))
        .await
        .expect("sent");
    assert!(matches!(answer(&mut line).await, CollectorFrame::Ack(_)));
    let slowed = Allowance {
        slowed: true,
        ..Allowance::default()
    };
    told(&mut line, slowed).await;
    let mut tx = front.registry.begin().await.expect("begun");
    agent::revoke(&mut tx, pc.agent(), now_ms())
        .await
        .expect("revoked");
    tx.commit().await.expect("committed");
    front.revision.send(1).expect("heard");
    let refused = tokio::time::timeout(PATIENCE, answer(&mut line)).await;
    assert_eq!(refusal_of(refused.expect("at once")).code, RefusalCode::Revoked);
}

#[tokio::test]
async fn a_version_from_the_future_is_refused_with_both_ranges() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let future = Hello {
        version_min: 7,
        version_max: 9,
        ..hello(1)
    };
    let refusal = refusal_of(front.greet(&pc, future).await.1);
    assert_eq!(refusal.code, RefusalCode::Version);
    assert!(refusal.message.contains("7 to 9"), "{}", refusal.message);
}

#[tokio::test]
async fn an_oversized_frame_ends_the_session_with_a_reason() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut line, _) = front.greet(&pc, hello(1)).await;
    line.write_all(&u32::MAX.to_be_bytes()).await.expect("sent");
    line.flush().await.expect("flushed");
    assert_eq!(refusal_of(answer(&mut line).await).code, RefusalCode::Limit);
}

#[tokio::test]
async fn a_batch_that_lies_ends_the_session_and_keeps_nothing() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut line, _) = front.greet(&pc, hello(1)).await;
    let lie = Batch {
        last: 9,
        ..batch(1, 3)
    };
    frame::write_agent_frame(&mut line, AgentFrame::Batch(lie))
        .await
        .expect("sent");
    assert_eq!(refusal_of(answer(&mut line).await).code, RefusalCode::Protocol);
    assert_eq!(
        front.journal.marks(StreamId([4; 16])).await.expect("marks")[1].high_water,
        0
    );
}

#[tokio::test]
async fn a_first_frame_is_short_and_one_that_is_not_is_refused_with_a_reason() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let mut line = front.connect(Some(&pc)).await.expect("connected");
    line.write_all(&1_000_000u32.to_be_bytes()).await.expect("sent");
    line.flush().await.expect("flushed");
    assert_eq!(refusal_of(answer(&mut line).await).code, RefusalCode::Limit);
}

#[tokio::test]
async fn the_stream_of_another_pc_is_nobody_elses_business() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut line, _) = front.greet(&pc, hello(1)).await;
    frame::write_agent_frame(&mut line, AgentFrame::Batch(batch(1, 5)))
        .await
        .expect("sent");
    answer(&mut line).await;
    let secret = front.token(1, i64::MAX).await;
    let other = front.enrol(&secret, "another machine").await.expect("enrolled");

    let (_, welcome) = front.greet(&other, hello(9)).await;
    let CollectorFrame::Welcome(welcome) = welcome else {
        panic!("{welcome:?}")
    };
    assert_eq!((welcome.high_water, welcome.new_stream), ([0; 4], true));

    drop(line);
    let (_line, welcome) = front.greet(&pc, hello(6)).await;
    let CollectorFrame::Welcome(welcome) = welcome else {
        panic!("{welcome:?}")
    };
    assert_eq!((welcome.high_water[1], welcome.new_stream), (5, false));
}

#[tokio::test]
async fn of_two_pcs_that_bring_one_stream_the_first_keeps_it() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let secret = front.token(1, i64::MAX).await;
    let other = front.enrol(&secret, "another machine").await.expect("enrolled");
    let (mut line, _) = front.greet(&pc, hello(1)).await;
    let (mut other_line, _) = front.greet(&other, hello(1)).await;
    // Both were greeted before either owned the stream; the first batch decides.
    for (line, keeps_it) in [(&mut line, true), (&mut other_line, false)] {
        frame::write_agent_frame(line, AgentFrame::Batch(batch(1, 5)))
            .await
            .expect("sent");
        let answer = answer(line).await;
        match keeps_it {
            true => assert!(matches!(answer, CollectorFrame::Ack(_)), "{answer:?}"),
            false => assert!(matches!(answer, CollectorFrame::GoAway(_)), "{answer:?}"),
        }
    }
}

#[tokio::test]
async fn an_agent_behind_the_collector_is_told_to_begin_anew() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut line, _) = front.greet(&pc, hello(1)).await;
    frame::write_agent_frame(&mut line, AgentFrame::Batch(batch(1, 5)))
        .await
        .expect("sent");
    answer(&mut line).await;
    drop(line);
    let (_, welcome) = front.greet(&pc, hello(3)).await;
    let CollectorFrame::Welcome(welcome) = welcome else {
        panic!("{welcome:?}")
    };
    assert!(welcome.new_stream);
}

#[tokio::test]
async fn an_agent_hears_the_hash_of_the_last_event_that_is_owned() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut line, _) = front.greet(&pc, hello(1)).await;
    let sent = batch(1, 5);
    let events = wire::unpack_events(&sent).expect("events");
    frame::write_agent_frame(&mut line, AgentFrame::Batch(sent))
        .await
        .expect("sent");
    answer(&mut line).await;
    drop(line);
    let (_, welcome) = front.greet(&pc, hello(9)).await;
    let CollectorFrame::Welcome(welcome) = welcome else {
        panic!("{welcome:?}")
    };
    let hash = wire::event_hash(&events[4]).to_vec();
    assert_eq!((welcome.new_stream, &welcome.last_hash[1]), (false, &hash));
    assert!(welcome.last_hash[0].is_empty());
}

#[tokio::test]
async fn a_second_connection_of_an_agent_takes_over() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut first, _) = front.greet(&pc, hello(1)).await;
    let (_second, welcome) = front.greet(&pc, hello(1)).await;
    assert!(matches!(welcome, CollectorFrame::Welcome(_)));
    let CollectorFrame::GoAway(go) = answer(&mut first).await else {
        panic!("no goodbye")
    };
    assert_eq!(go.reason, "taken_over");
}

/// Waits until the agent is told so.
async fn told(line: &mut TlsStream<TcpStream>, allowance: Allowance) {
    while !matches!(answer(line).await, CollectorFrame::Heartbeat(beat) if beat.allowance == allowance) {}
}

fn share(kbit_s: u32) -> Allowance {
    Allowance {
        kbit_s,
        urgent_only: false,
        slowed: false,
    }
}

#[tokio::test]
async fn an_office_shares_its_line_and_each_agent_hears_its_share() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let other = front.second_agent_of(&pc).await;
    let (mut line, _) = front.greet(&pc, hello(1)).await;
    let mut tx = front.registry.begin().await.expect("begun");
    let budget = serde_json::json!({ "uplink": { "unit_kbit_s": 800 } });
    policy::set(&mut tx, front.unit, &budget, "an", 1)
        .await
        .expect("set");
    tx.commit().await.expect("committed");
    front.revision.send(1).expect("heard");
    told(&mut line, share(100)).await;

    let (mut other_line, _) = front.greet(&other, hello(1)).await;
    told(&mut other_line, share(50)).await;
    told(&mut line, share(50)).await;
    frame::write_agent_frame(&mut line, AgentFrame::Batch(batch(1, 3)))
        .await
        .expect("sent");
    told(&mut line, share(650)).await;

    let beat = Heartbeat {
        wall_ms: 1,
        echo: 7,
        answer: false,
        allowance: Allowance::default(),
    };
    frame::write_agent_frame(&mut other_line, AgentFrame::Heartbeat(beat))
        .await
        .expect("sent");
    told(&mut other_line, share(50)).await;
}

/// Many events of somebody else.
fn bulk(last: u64) -> Incoming {
    Incoming {
        host: HostId(99),
        agent: AgentId([99; 16]),
        stream: StreamId([99; 16]),
        offset_ms: 0,
        lane: Lane::Events,
        first: last,
        last,
        raw_bytes: 100_000,
        packed: vec![7; 100_000],
        last_hash: vec![1; 16],
        opaque: Vec::new(),
        gaps: Vec::new(),
        cloned: false,
    }
}

#[tokio::test]
async fn while_the_journal_is_nearly_full_agents_stay_with_what_is_urgent() {
    let front = Front::start_with(EventRate::default(), 4 << 20).await;
    let pc = front.enrolled().await;
    let (mut line, welcome) = front.greet(&pc, hello(1)).await;
    let CollectorFrame::Welcome(welcome) = welcome else {
        panic!("{welcome:?}")
    };
    assert_eq!(welcome.allowance, Allowance::default());
    let urgent_only = Allowance {
        kbit_s: 0,
        urgent_only: true,
        slowed: false,
    };

    let room = front.journal.room();
    let mut last = 0;
    while *room.borrow() {
        last += 1;
        front.journal.append(bulk(last)).await.expect("room");
    }
    told(&mut line, urgent_only).await;
    let (mut line, welcome) = front.greet(&pc, hello(1)).await;
    assert!(matches!(welcome, CollectorFrame::Welcome(welcome) if welcome.allowance == urgent_only));

    let through = *front.journal.durable_position().borrow();
    for cursor in [Cursor::Store, Cursor::Rules] {
        front.journal.pass(cursor, through).await.expect("passed");
    }
    told(&mut line, Allowance::default()).await;
}

#[tokio::test]
async fn stopping_says_when_to_come_back() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut line, _) = front.greet(&pc, hello(1)).await;
    front.stop.send(true).expect("heard");
    let CollectorFrame::GoAway(go) = answer(&mut line).await else {
        panic!("no goodbye")
    };
    assert_eq!(go.reason, "restart");
}

#[tokio::test]
async fn a_host_is_gone_once_when_the_last_of_its_agents_is() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let other = front.second_agent_of(&pc).await;
    let (_line, _) = front.greet(&pc, hello(1)).await;
    let (_other_line, _) = front.greet(&other, hello(1)).await;
    assert_eq!(
        front.comings_and_goings().await,
        ["connected", "connected", "disconnected"]
    );
}

#[tokio::test]
async fn a_session_that_takes_over_and_fails_still_says_that_the_host_is_gone() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut line, _) = front.greet(&pc, hello(1)).await;
    frame::write_agent_frame(&mut line, AgentFrame::Batch(batch(1, 5)))
        .await
        .expect("sent");
    answer(&mut line).await;
    let (_, welcome) = front.greet(&pc, hello(3)).await;
    assert!(matches!(welcome, CollectorFrame::Welcome(welcome) if welcome.new_stream));
    assert_eq!(front.comings_and_goings().await, ["connected", "disconnected"]);
}

#[tokio::test]
async fn connections_that_say_nothing_keep_nobody_out() {
    let front = Front::start().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(front.address).await.expect("connected"));
    }
    let enrolled = tokio::time::timeout(PATIENCE / 2, front.enrolled()).await;
    assert!(
        enrolled.is_ok(),
        "handshakes wait for connections that say nothing"
    );
}

#[tokio::test]
async fn who_shows_a_certificate_and_says_nothing_is_still_at_the_door() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let _identified = front.connect(Some(&pc)).await.expect("connected");
    let mut silent = Vec::new();
    for _ in 1..door::OF_ONE_ADDRESS_MAX {
        silent.push(TcpStream::connect(front.address).await.expect("connected"));
    }
    let mut one_too_many = TcpStream::connect(front.address).await.expect("connected");
    let closed = tokio::time::timeout(PATIENCE / 2, one_too_many.read(&mut [0])).await;
    assert!(
        matches!(closed, Ok(Ok(0) | Err(_))),
        "a certificate alone frees no place: {closed:?}"
    );
}
