//! One connection, from hello to goodbye.
//!
//! Frames are read by a task of their own, because reading may not be cut off in the middle of a frame; one
//! loop decides about everything else, in this order: what the collector says, what is new in the spool, what
//! may be sent, and who has been silent for too long.

use std::time::{Duration, Instant};

use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tracing::{debug, info, warn};
use vong_proto::event::Lane;
use vong_proto::frame::{self, FrameError};
use vong_proto::session::{
    Ack, AgentFrame, Allowance, CollectorFrame, Command, GoAway, Heartbeat, Hello, PolicyDocument, Refusal,
    RefusalCode, VERSION_MAX, VERSION_MIN, Welcome,
};

use super::credentials::{self, Credentials, CredentialsError};
use super::outlet::{Next, Outlet};
use super::pulse::{Pulse, Silence};
use super::retry::End;
use super::tls::{self, ConnectError};
use super::{ANSWER_LIMIT, Pc, Worker, rotation};
use crate::clock;
use crate::outbox::Resumed;
use crate::report::SpoolStopped;

mod wrong_clock;

/// Frames read and not yet looked at; when they are this many, reading waits and TCP slows the collector.
const FRAMES_WAITING_MAX: usize = 16;

/// When the agent stops, it takes at most this long to send what is committed and see it acknowledged.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);

/// Closing takes no longer than handing a few bytes to the system, unless the peer stands still.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// How a connection ended that did not break.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// There will be another one.
    Retry(End),
    /// The agent stops.
    Finished,
}

/// Why a connection broke.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("the connection to the collector ended")]
    Frame(#[from] FrameError),
    #[error("the collector is silent")]
    Silent,
    #[error("the collector said something that does not belong here: {0}")]
    Unexpected(&'static str),
    #[error(transparent)]
    SpoolStopped(#[from] SpoolStopped),
}

type Connection = TlsStream<TcpStream>;
type Incoming = Result<CollectorFrame, FrameError>;

/// A connection whose hello has been answered.
pub(super) struct Session<'a> {
    worker: &'a mut Worker,
    reader: Option<ReadHalf<Connection>>,
    writer: WriteHalf<Connection>,
    began: Instant,
    pulse: Pulse,
    outlet: Outlet,
    allowance: Allowance,
    /// How far each lane was committed when last looked at.
    committed: [u64; 4],
    /// By how much this PC's clock is behind the collector's.
    behind_ms: i64,
    /// When flushing ends, once the agent stops.
    deadline: Option<Duration>,
}

/// Connects and says hello; `Err` within `Ok` when the collector wants none, or another, conversation.
pub(super) async fn open(worker: &mut Worker) -> Result<Result<Session<'_>, End>, SessionError> {
    let credentials = Credentials::load(&worker.uplink.data)?;
    note_certificate(worker, &credentials);
    let authorities = credentials.authorities_hash();
    let config = tls::for_session(credentials, worker.clock.clone())?;
    let pc = (worker.uplink.pc)();
    let mut connection = tls::connect(&worker.uplink.address, pc.from, config).await?;
    if worker.renew_first {
        return Ok(Err(renew_expired(worker, &mut connection).await?));
    }
    let hello = hello(worker, pc, authorities).await?;
    let answer = ask(&mut connection, AgentFrame::Hello(Box::new(hello))).await?;
    let welcome = match answer {
        CollectorFrame::Welcome(welcome) => welcome,
        CollectorFrame::GoAway(go_away) => return Ok(Err(sent_away(worker, &go_away))),
        CollectorFrame::Refusal(refusal) => return Ok(Err(refused(worker, &refusal))),
        _ => return Err(SessionError::Unexpected("no answer to a hello")),
    };
    rotation::follow(worker, &welcome)?;
    if begins_new_stream(worker, &welcome).await? {
        return Ok(Err(End::Again));
    }
    Ok(Ok(Session::new(worker, connection, &welcome)))
}

fn note_certificate(worker: &mut Worker, credentials: &Credentials) {
    let validity_ms = credentials.validity_ms();
    worker.renewal.follow(validity_ms);
    worker
        .uplink
        .status
        .note(|status| status.certificate_end_ms = validity_ms.map(|(_, end_ms)| end_ms));
}

async fn hello(worker: &Worker, pc: Pc, authorities: Vec<u8>) -> Result<Hello, SessionError> {
    let standing = worker.uplink.outbox.standing().await?;
    let policy = worker.uplink.policies.in_force();
    Ok(Hello {
        version_min: VERSION_MIN,
        version_max: VERSION_MAX,
        stream: standing.stream,
        lanes: standing.lanes,
        boot: clock::boot_id(),
        fingerprint: pc.fingerprint,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        os: pc.os,
        hostname: pc.hostname,
        wall_ms: clock::wall_ms(),
        policy_version: policy.version,
        policy_hash: policy.hash.clone(),
        privileged: pc.privileged,
        authorities,
    })
}

async fn ask(connection: &mut Connection, question: AgentFrame) -> Result<CollectorFrame, SessionError> {
    let exchange = async {
        frame::write_agent_frame(connection, question).await?;
        frame::read_collector_frame(connection).await
    };
    let answer = timeout(ANSWER_LIMIT, exchange).await;
    Ok(answer.map_err(|_| SessionError::Silent)??)
}

/// Whether this spool has to begin a new stream, which it then has: the collector knows more of it than it
/// does itself, or another content, because it was restored from a snapshot or copied.
async fn begins_new_stream(worker: &Worker, welcome: &Welcome) -> Result<bool, SessionError> {
    let outbox = &worker.uplink.outbox;
    let (high_water, last_hash) = (welcome.high_water, || welcome.last_hash.clone());
    if welcome.new_stream || outbox.resume(high_water, last_hash()).await? == Resumed::Behind {
        outbox.begin_stream(high_water, last_hash()).await?;
        return Ok(true);
    }
    Ok(false)
}

/// Why this PC's events may be late, for whoever reads its log.
fn log_allowance(before: Allowance, now: Allowance) {
    if now.slowed && !before.slowed {
        warn!("this PC sends more than one PC may; the collector takes it with pauses, and nothing is lost");
    }
    match (before.urgent_only, now.urgent_only) {
        (false, true) => warn!("the collector has hardly any room; all but urgent events wait in the spool"),
        (true, false) => info!("the collector has room again"),
        _ => {}
    }
}

/// An expired certificate may do one thing: be renewed.
async fn renew_expired(worker: &mut Worker, connection: &mut Connection) -> Result<End, SessionError> {
    worker.renew_first = false;
    let csr_der = credentials::signing_request(&worker.uplink.data)?;
    match ask(connection, AgentFrame::Renew { csr_der }).await? {
        CollectorFrame::Renewed(given) => {
            credentials::install(&worker.uplink.data, &given)?;
            info!("the expired certificate was renewed");
            Ok(End::Again)
        }
        CollectorFrame::Refusal(refusal) => {
            worker.note_refusal(&refusal.message);
            Ok(End::Refused)
        }
        CollectorFrame::GoAway(go_away) => Ok(sent_away(worker, &go_away)),
        _ => Err(SessionError::Unexpected("no answer to a renewal")),
    }
}

fn refused(worker: &mut Worker, refusal: &Refusal) -> End {
    match refusal.code {
        RefusalCode::Expired => {
            info!("the certificate has expired; it is renewed first");
            worker.renew_first = true;
            End::Again
        }
        RefusalCode::Limit | RefusalCode::Unavailable | RefusalCode::Other => {
            worker.note_problem(format!("the collector says: {}", refusal.message.escape_debug()));
            End::Lost
        }
        RefusalCode::Version
        | RefusalCode::Protocol
        | RefusalCode::Token
        | RefusalCode::Revoked
        | RefusalCode::UnknownHost
        | RefusalCode::Pending => {
            worker.note_refusal(&refusal.message);
            End::Refused
        }
    }
}

fn sent_away(worker: &mut Worker, go_away: &GoAway) -> End {
    let reason = go_away.reason.escape_debug().to_string();
    worker.note_problem(format!("the collector sent the agent away: {reason}"));
    // Whoever took over is not this connection's successor, which would have ended it: another machine speaks
    // with our certificate. To come back at once would be to take turns for ever.
    if go_away.reason == "taken_over" {
        return End::Lost;
    }
    End::SentAway(Duration::from_millis(go_away.retry_after_ms.into()))
}

impl<'a> Session<'a> {
    fn new(worker: &'a mut Worker, connection: Connection, welcome: &Welcome) -> Self {
        let (reader, writer) = tokio::io::split(connection);
        let behind_ms = welcome.wall_ms - clock::wall_ms();
        info!(collector = %worker.uplink.address, host = welcome.host, "connected");
        let policy_version = worker.uplink.policies.in_force().version;
        worker.uplink.status.note(|status| {
            status.connected_since_ms = Some(clock::wall_ms());
            status.host = Some(welcome.host);
            status.problem = None;
            status.refused = false;
            status.clock_behind_ms = Some(behind_ms);
            status.policy_version = policy_version;
        });
        worker.uplink.status.write();
        let mut outlet = Outlet::new(welcome.credit_bytes);
        outlet.limit(
            worker.uplink.policies.policy().uplink.agent_kbit_s,
            Duration::ZERO,
        );
        outlet.allow(welcome.allowance, Duration::ZERO);
        log_allowance(Allowance::default(), welcome.allowance);
        Self {
            worker,
            reader: Some(reader),
            writer,
            began: Instant::now(),
            pulse: Pulse::new(welcome.heartbeat_s, Duration::ZERO),
            outlet,
            allowance: welcome.allowance,
            committed: [0; 4],
            behind_ms,
            deadline: None,
        }
    }

    /// Serves the connection until it ends.
    pub(super) async fn run(mut self) -> Result<Ended, SessionError> {
        let (sender, mut frames) = mpsc::channel(FRAMES_WAITING_MAX);
        // Dropping the set ends the task.
        let mut tasks = JoinSet::new();
        if let Some(reader) = self.reader.take() {
            tasks.spawn(read_frames(reader, sender));
        }
        self.tell_wrong_clock();
        let ended = self.serve(&mut frames).await;
        // A clean end tells the collector that nothing was cut off; a peer that does not take it is gone.
        let _ = timeout(CLOSE_LIMIT, self.writer.shutdown()).await;
        self.worker.uplink.status.write();
        ended
    }

    async fn serve(&mut self, frames: &mut mpsc::Receiver<Incoming>) -> Result<Ended, SessionError> {
        let mut committed = self.worker.uplink.outbox.committed();
        let finish = self.worker.uplink.finish.clone();
        loop {
            if self.is_flushed() {
                return Ok(Ended::Finished);
            }
            let Some(wait) = self.keep_pulse().await? else {
                continue;
            };
            self.ask_renewal().await?;
            let next = self.outlet.next(self.now());
            let wait = if let Next::In(time) = next {
                wait.min(time)
            } else {
                wait
            };
            tokio::select! {
                biased;
                frame = frames.recv() => {
                    let frame = frame.unwrap_or(Err(FrameError::Closed))?;
                    if let Some(end) = self.take(frame).await? {
                        return Ok(Ended::Retry(end));
                    }
                }
                () = finish.made(), if self.deadline.is_none() => {
                    self.deadline = Some(self.now() + FLUSH_LIMIT);
                    // The goodbye is committed, but the word of it may still be on its way.
                    Lane::ALL.into_iter().for_each(|lane| self.outlet.wake(lane));
                }
                changed = committed.changed() => {
                    changed.map_err(|_| SpoolStopped)?;
                    let next = *committed.borrow_and_update();
                    self.note_committed(next);
                }
                () = std::future::ready(()), if matches!(next, Next::Send(..)) => {
                    if let Next::Send(lane, room) = next {
                        self.send_next(lane, room).await?;
                    }
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The collector's clock, milliseconds since 1970.
    fn collector_ms(&self) -> i64 {
        clock::wall_ms() + self.behind_ms
    }

    /// Whether the agent stops and there is nothing left to send, or no time.
    fn is_flushed(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| self.outlet.is_idle() || self.now() >= deadline)
    }

    /// Looks after the signs of life; returns how long nothing has to be done, or `None` when something was.
    async fn keep_pulse(&mut self) -> Result<Option<Duration>, SessionError> {
        let now = self.now();
        match self.pulse.silence(now) {
            Silence::Dead => Err(SessionError::Silent),
            Silence::Normal(wait) => {
                let until_deadline = self.deadline.map(|deadline| deadline.saturating_sub(now));
                Ok(Some(until_deadline.map_or(wait, |until| until.min(wait))))
            }
            Silence::Beat => {
                self.beat(0, false).await?;
                self.worker.uplink.status.write();
                Ok(None)
            }
        }
    }

    fn note_committed(&mut self, next: [u64; 4]) {
        for lane in Lane::ALL {
            if next[lane.index()] != self.committed[lane.index()] {
                self.outlet.wake(lane);
            }
        }
        self.committed = next;
    }

    async fn send_next(&mut self, lane: Lane, room: usize) -> Result<(), SessionError> {
        let Some(batch) = self.worker.uplink.outbox.next(lane, room).await? else {
            self.outlet.empty(lane);
            return Ok(());
        };
        let bytes = batch.events.len();
        debug!(?lane, first = batch.first, last = batch.last, bytes, "sending");
        self.outlet.sent(lane, batch.last, bytes, self.now());
        self.write(AgentFrame::Batch(batch)).await
    }

    async fn write(&mut self, frame: AgentFrame) -> Result<(), SessionError> {
        let written = timeout(
            self.pulse.patience(),
            frame::write_agent_frame(&mut self.writer, frame),
        );
        written.await.map_err(|_| SessionError::Silent)??;
        self.pulse.sent(self.now());
        Ok(())
    }

    async fn beat(&mut self, echo: u64, answer: bool) -> Result<(), SessionError> {
        let beat = Heartbeat {
            wall_ms: clock::wall_ms(),
            echo,
            answer,
            allowance: Allowance::default(),
        };
        self.write(AgentFrame::Heartbeat(beat)).await
    }

    /// Takes one frame; returns how the connection ends, if it does.
    async fn take(&mut self, frame: CollectorFrame) -> Result<Option<End>, SessionError> {
        self.pulse.received(self.now());
        match frame {
            CollectorFrame::Ack(ack) => self.take_ack(ack),
            CollectorFrame::Heartbeat(beat) => self.take_beat(beat).await?,
            CollectorFrame::Policy(document) => self.take_policy(&document).await?,
            CollectorFrame::Command(command) => self.take_command(&command),
            CollectorFrame::Renewed(given) => {
                credentials::install(&self.worker.uplink.data, &given)?;
                let hastened = self.worker.renewal.is_hastened();
                let renewed = Credentials::load(&self.worker.uplink.data)?;
                note_certificate(self.worker, &renewed);
                info!("the certificate was renewed");
                // Only a connection with it shows that the former one is needed no more.
                return Ok(hastened.then_some(End::Again));
            }
            CollectorFrame::GoAway(go_away) => return Ok(Some(sent_away(self.worker, &go_away))),
            CollectorFrame::Refusal(refusal) => return Ok(Some(refused(self.worker, &refusal))),
            CollectorFrame::Welcome(_) | CollectorFrame::Enrolled(_) => {
                return Err(SessionError::Unexpected("an answer to nothing"));
            }
        }
        Ok(None)
    }

    fn take_ack(&mut self, ack: Ack) {
        self.outlet.acknowledged(ack, self.now());
        self.worker.uplink.outbox.acknowledge(ack);
        self.worker
            .uplink
            .status
            .note(|status| status.last_ack_ms = Some(clock::wall_ms()));
    }

    async fn take_beat(&mut self, beat: Heartbeat) -> Result<(), SessionError> {
        self.behind_ms = beat.wall_ms - clock::wall_ms();
        self.outlet.allow(beat.allowance, self.now());
        log_allowance(self.allowance, beat.allowance);
        self.allowance = beat.allowance;
        if beat.answer {
            return Ok(());
        }
        self.beat(beat.echo, true).await
    }

    async fn take_policy(&mut self, document: &PolicyDocument) -> Result<(), SessionError> {
        let outcome = self.worker.uplink.policies.offer(document);
        let own_kbit_s = self.worker.uplink.policies.policy().uplink.agent_kbit_s;
        self.outlet.limit(own_kbit_s, self.now());
        let version = self.worker.uplink.policies.in_force().version;
        self.worker.uplink.status.note(|status| {
            status.policy_version = version;
            status.policy_refusal = (!outcome.applied).then(|| outcome.refusal.clone());
        });
        self.worker.uplink.status.write();
        self.write(AgentFrame::PolicyStatus(outcome)).await
    }

    /// A spool that cannot take the answer now (its disk is full) will get the command again.
    fn take_command(&mut self, command: &Command) {
        let now_ms = self.collector_ms();
        let Some(answer) = self.worker.orders.take(command, now_ms) else {
            return;
        };
        if !self.worker.uplink.reports.offer(answer) {
            warn!(command = %command.id.escape_debug(), "the answer to a command cannot be kept now");
            self.worker.orders.forget(command);
        }
    }

    async fn ask_renewal(&mut self) -> Result<(), SessionError> {
        let now_ms = self.collector_ms();
        if !self.worker.renewal.ask(now_ms) {
            return Ok(());
        }
        let csr_der = credentials::signing_request(&self.worker.uplink.data)?;
        self.write(AgentFrame::Renew { csr_der }).await
    }
}

/// Reads frames until the connection ends or nobody wants them.
async fn read_frames(mut reader: ReadHalf<Connection>, frames: mpsc::Sender<Incoming>) {
    loop {
        let frame = frame::read_collector_frame(&mut reader).await;
        let ends = frame.is_err();
        if frames.send(frame).await.is_err() || ends {
            return;
        }
    }
}
