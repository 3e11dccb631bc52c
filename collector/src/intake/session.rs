//! One connection, from its first frame to its last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_rustls::server::TlsStream;
use tracing::{debug, info, warn};
use vong_proto::event::StreamId;
use vong_proto::frame::{self, ENROL_FRAME_BYTES_MAX, FIRST_FRAME_BYTES_MAX, FRAME_BYTES_MAX, FrameError};
use vong_proto::session::{
    Ack, AgentFrame, Allowance, Batch, CollectorFrame, Heartbeat, Hello, PolicyStatus, Refusal, RefusalCode,
};

use super::batch::{self, Unpacked};
use super::door::Stranger;
use super::limit;
use super::live::{Guest, Pen, Place, TakenOver};
use super::share::Seat;
use super::{PATIENCE, Shared, register};
use crate::clock::now_ms;
use crate::entry::{Connected, Fact, Machine};
use crate::fleet::{Identity, refusal};
use crate::stop;

mod allowance;
mod clones;
mod error;
mod goodbye;
mod hello;
mod trouble;
mod welcome;

use clones::Recognised;
pub(super) use error::SessionError;
use goodbye::End;
use hello::{choose_version, common_version, fault};
use trouble::trouble_of;

/// A heartbeat is due after this much silence, in seconds; after two the connection is dead.
const HEARTBEAT_S: u32 = 30;

/// So many bytes of batches an agent may have in flight: two large batches keep a line busy.
const CREDIT_BYTES: u32 = 2_000_000;

/// A frame must be taken off our hands within this time: an agent that never reads ends its own session.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// An agent that begins conversations again and again waits at the door for at most this long.
const HELLO_WAIT_MAX: Duration = Duration::from_secs(30);

type Reader = ReadHalf<TlsStream<TcpStream>>;
type Writer = WriteHalf<TlsStream<TcpStream>>;

/// Talks with a peer until one of the two has enough.
pub(super) async fn converse(
    shared: &Shared,
    tls: TlsStream<TcpStream>,
    peer: SocketAddr,
    stranger: Stranger,
) -> Result<(), SessionError> {
    let certificate = tls
        .get_ref()
        .1
        .peer_certificates()
        .and_then(|chain| chain.first())
        .map(|c| c.to_vec());
    let (mut reader, mut writer) = tokio::io::split(tls);
    let Some(certificate) = certificate else {
        return enrol(shared, &mut reader, &mut writer, peer, stranger).await;
    };
    let identity = match shared.intake.fleet.identify(&certificate, now_ms()).await {
        Ok(identity) => identity,
        Err(no) => return refuse(shared, &mut writer, peer, no).await,
    };
    let said = match first_frame(&mut reader, FIRST_FRAME_BYTES_MAX).await? {
        Ok(said) => said,
        Err(no) => {
            shared.troubles.note(identity.host, trouble_of(no.code), now_ms());
            return refuse(shared, &mut writer, peer, no).await;
        }
    };
    let waiting = shared.meters.hello(identity.agent).min(HELLO_WAIT_MAX);
    tokio::time::sleep(waiting).await;
    // Only now: a certificate alone would let one agent hold any number of connections. And surely: a session that
    // could still be put out would end without saying that its host is gone.
    if !stranger.leave() {
        return Ok(());
    }
    match said {
        AgentFrame::Renew { csr_der } => renew(shared, &mut writer, peer, &identity, &csr_der).await,
        AgentFrame::Hello(_) if identity.expired => {
            let message = "the certificate has expired; renew it first";
            refuse(shared, &mut writer, peer, refusal(RefusalCode::Expired, message)).await
        }
        AgentFrame::Hello(hello) => match choose_version(&hello) {
            Ok(version) => Session::run(shared, reader, writer, identity, *hello, version, peer).await,
            Err(no) => refuse(shared, &mut writer, peer, no).await,
        },
        _ => {
            let message = "a conversation begins with a hello";
            refuse(shared, &mut writer, peer, refusal(RefusalCode::Protocol, message)).await
        }
    }
}

async fn enrol(
    shared: &Shared,
    reader: &mut Reader,
    writer: &mut Writer,
    peer: SocketAddr,
    stranger: Stranger,
) -> Result<(), SessionError> {
    let answer = match first_frame(reader, ENROL_FRAME_BYTES_MAX).await? {
        Ok(AgentFrame::Enrol(request)) => {
            if let Err(no) = common_version(request.version_min, request.version_max) {
                return refuse(shared, writer, peer, no).await;
            }
            // Put out in its middle, an enrolment would have spent its token and answered nobody.
            if !stranger.leave() {
                return Ok(());
            }
            shared.intake.fleet.enrol(&request, peer.ip(), now_ms()).await
        }
        Ok(_) => Err(refusal(
            RefusalCode::Protocol,
            "without a certificate one can only enrol",
        )),
        Err(no) => Err(no),
    };
    match answer {
        Ok(answer) => {
            shared.intake.metrics.enrolments.inc();
            send(writer, CollectorFrame::Enrolled(answer)).await
        }
        Err(no) => refuse(shared, writer, peer, no).await,
    }
}

async fn renew(
    shared: &Shared,
    writer: &mut Writer,
    peer: SocketAddr,
    identity: &Identity,
    csr_der: &[u8],
) -> Result<(), SessionError> {
    match shared.intake.fleet.renew(identity, csr_der, now_ms()).await {
        Ok(credentials) => send(writer, CollectorFrame::Renewed(credentials)).await,
        Err(no) => refuse(shared, writer, peer, no).await,
    }
}

async fn refuse(
    shared: &Shared,
    writer: &mut Writer,
    peer: SocketAddr,
    no: Refusal,
) -> Result<(), SessionError> {
    shared.intake.metrics.sessions_refused.inc();
    warn!(%peer, code = ?no.code, reason = %no.message, "refused");
    send(writer, CollectorFrame::Refusal(no)).await
}

/// The first frame, or why it cannot be one.
async fn first_frame(reader: &mut Reader, max: usize) -> Result<Result<AgentFrame, Refusal>, SessionError> {
    let frame = timeout(PATIENCE, frame::read_agent_frame(reader, max)).await;
    match frame.map_err(|_| SessionError::Silent)? {
        Ok(frame) => Ok(Ok(frame)),
        Err(error) => Ok(Err(fault(&error).ok_or(error)?)),
    }
}

async fn send(writer: &mut Writer, frame: CollectorFrame) -> Result<(), SessionError> {
    let written = timeout(WRITE_PATIENCE, frame::write_collector_frame(writer, frame)).await;
    Ok(written.map_err(|_| SessionError::Silent)??)
}

fn guest(identity: &Identity, hello: &Hello, machine: &Machine) -> Guest {
    Guest {
        agent: identity.agent,
        host: identity.host,
        stream: hello.stream,
        cloned: identity.cloned,
        fingerprint: hello.fingerprint.clone(),
        machine: machine.clone(),
    }
}

/// The end of a session that finds itself replaced: the order that says by whom has been given.
async fn replaced(orders: &mut mpsc::Receiver<TakenOver>) -> End {
    orders.recv().await.map_or(End::Closed, End::TakenOver)
}

/// The session of an enrolled agent.
struct Session<'a> {
    shared: &'a Shared,
    writer: Writer,
    identity: Identity,
    stream: StreamId,
    pen: Pen,
    offset_ms: i64,
    policy_hash: String,
    slowed: bool,
    machine: Machine,
    /// The agent's share of its unit's line, in kbit/s; 0 for no limit.
    share: Arc<watch::Sender<u32>>,
    seat: Option<Seat>,
    /// What the agent knows that it may send.
    told: Allowance,
}

impl<'a> Session<'a> {
    async fn run(
        shared: &'a Shared,
        mut reader: Reader,
        writer: Writer,
        mut identity: Identity,
        hello: Hello,
        version: u32,
        peer: SocketAddr,
    ) -> Result<(), SessionError> {
        let machine = Machine {
            name: hello.hostname.clone(),
            address: peer.ip().to_string(),
        };
        let recognised = clones::recognise(shared, &mut identity, &hello, &machine).await?;
        let guest = guest(&identity, &hello, &machine);
        let (place, orders) = shared.live.enter(guest, recognised.is_forked);
        let mut session = Session {
            shared,
            writer,
            stream: hello.stream,
            pen: place.pen(),
            offset_ms: now_ms() - hello.wall_ms,
            policy_hash: hello.policy_hash.clone(),
            slowed: false,
            share: Arc::new(watch::Sender::new(0)),
            seat: None,
            told: Allowance::default(),
            identity,
            machine,
        };
        let ended = session
            .hold(&place, &mut reader, orders, &hello, version, &recognised)
            .await;
        session.finish(&place, &mut reader, ended).await
    }

    /// From the answer to the hello until something ends the session, in whatever way.
    async fn hold(
        &mut self,
        place: &Place,
        reader: &mut Reader,
        mut orders: mpsc::Receiver<TakenOver>,
        hello: &Hello,
        version: u32,
        recognised: &Recognised,
    ) -> Result<End, SessionError> {
        if !self.pen.take().await {
            return Ok(replaced(&mut orders).await);
        }
        if let Some(end) = self.welcome(hello, version, recognised.is_second).await? {
            return Ok(end);
        }
        if !self.note_connected(place, hello, recognised.has_changed).await? {
            return Ok(replaced(&mut orders).await);
        }
        info!(host = %self.identity.host, agent = %self.identity.agent, "agent connected");
        self.serve(reader, orders).await
    }

    /// Notes that the host is there; false when another session of this agent has taken over meanwhile.
    async fn note_connected(
        &self,
        place: &Place,
        hello: &Hello,
        has_changed: bool,
    ) -> Result<bool, SessionError> {
        let intake = &self.shared.intake;
        let _turn = self.shared.live.turn(self.identity.host).await;
        // Said first: when the registry fails, the journal may have heard of it already.
        if !place.announce() {
            return Ok(false);
        }
        let connected = Connected {
            host: self.identity.host,
            agent: self.identity.agent,
            stream: hello.stream,
            boot: hello.boot,
            agent_version: hello.agent_version.clone(),
            offset_ms: self.offset_ms,
        };
        intake.journal.append_fact(Fact::Connected(connected)).await?;
        let (identity, offset_ms) = (&self.identity, self.offset_ms);
        register::connected(
            &intake.registry,
            identity,
            has_changed,
            hello,
            offset_ms,
            now_ms(),
        )
        .await?;
        Ok(true)
    }

    /// Serves frames, orders and changes of the register until something ends the session.
    async fn serve(
        &mut self,
        reader: &mut Reader,
        mut orders: mpsc::Receiver<TakenOver>,
    ) -> Result<End, SessionError> {
        let mut revision = self.shared.intake.revision.clone();
        let mut stop = self.shared.intake.stop.clone();
        let (mut share, mut room) = (self.share.subscribe(), self.shared.intake.journal.room());
        if let Some(no) = self.refresh().await? {
            return Ok(End::Refused(no));
        }
        self.tell_allowance().await?;
        let silence = Duration::from_secs(u64::from(HEARTBEAT_S));
        let mut heard = Instant::now();
        // A fixed moment: what wakes the session in between must not put the heartbeat off.
        let mut beat_due = heard + silence;
        // An agent that is slowed is not read, but everything else is heard: it may just be losing its rights.
        let mut not_before = heard;
        loop {
            // Reading a frame must not be cut off in its middle, so the future lives until it is done.
            let mut reading = std::pin::pin!(frame::read_agent_frame(&mut *reader, FRAME_BYTES_MAX));
            let frame = loop {
                let slowed = Instant::now() < not_before;
                tokio::select! {
                    frame = &mut reading, if !slowed => break frame,
                    () = tokio::time::sleep_until(not_before), if slowed => {}
                    () = tokio::time::sleep_until(beat_due) => {
                        self.check_silence(heard, silence).await?;
                        beat_due = Instant::now() + silence;
                    }
                    Some(by) = orders.recv() => return Ok(End::TakenOver(by)),
                    Ok(()) = revision.changed() => if let Some(no) = self.refresh().await? {
                        return Ok(End::Refused(no));
                    },
                    Ok(()) = share.changed() => self.tell_allowance().await?,
                    Ok(()) = room.changed() => self.tell_allowance().await?,
                    () = stop::raised(&mut stop) => return Ok(End::Stopping),
                }
            };
            heard = Instant::now();
            beat_due = heard + silence;
            match frame {
                Ok(frame) => {
                    let cost = limit::cost(&frame);
                    self.take(frame).await?;
                    not_before = Instant::now() + self.slowed_for(cost).await?;
                }
                Err(FrameError::Closed) => return Ok(End::Closed),
                Err(error) => return Err(error.into()),
            }
            self.shared.live.heard(self.identity.host, now_ms());
        }
    }

    async fn check_silence(&mut self, heard: Instant, silence: Duration) -> Result<(), SessionError> {
        if heard.elapsed() >= silence * 2 {
            return Err(SessionError::Silent);
        }
        // Silence: it no longer sends too much.
        self.slowed = false;
        self.beat(0, false).await
    }

    async fn take(&mut self, frame: AgentFrame) -> Result<(), SessionError> {
        match frame {
            AgentFrame::Batch(batch) => self.keep(batch).await,
            AgentFrame::Heartbeat(beat) => self.answer_heartbeat(beat).await,
            AgentFrame::PolicyStatus(status) => self.note_policy(&status).await,
            AgentFrame::Renew { csr_der } => {
                let intake = &self.shared.intake;
                match intake.fleet.renew(&self.identity, &csr_der, now_ms()).await {
                    Ok(credentials) => send(&mut self.writer, CollectorFrame::Renewed(credentials)).await,
                    Err(no) => send(&mut self.writer, CollectorFrame::Refusal(no)).await,
                }
            }
            AgentFrame::Hello(_) | AgentFrame::Enrol(_) => {
                let no = refusal(RefusalCode::Protocol, "one hello is enough");
                send(&mut self.writer, CollectorFrame::Refusal(no)).await
            }
        }
    }

    /// Keeps a batch, then acknowledges it, in this order and no other.
    async fn keep(&mut self, batch: Batch) -> Result<(), SessionError> {
        let lane = batch.lane;
        self.note_brought(lane);
        let unpacked =
            batch::unpack(&self.identity, self.stream, self.offset_ms, batch).map_err(FrameError::from)?;
        let Unpacked { incoming, results } = unpacked;
        let opaque = incoming.opaque.len() as u64;
        // Without the pen this session has been told to end; its successor is sent whatever is not kept.
        let Some(writing) = self.pen.write().await else {
            return Ok(());
        };
        let kept = self.shared.intake.journal.append(incoming).await;
        drop(writing);
        let kept = kept.inspect_err(|error| self.note_claim(error))?;
        let metrics = &self.shared.intake.metrics;
        metrics.events_received.inc_by(kept.fresh);
        metrics.events_duplicate.inc_by(kept.duplicates);
        metrics.events_opaque.inc_by(opaque);
        if kept.conflict {
            metrics.stream_conflicts.inc();
            warn!(host = %self.identity.host, stream = %self.stream, ?lane, through = kept.through,
                  "one number with two contents: this agent has been cloned");
        }
        if !results.is_empty() {
            register::commands_finished(
                &self.shared.intake.registry,
                self.identity.host,
                &results,
                now_ms(),
            )
            .await?;
        }
        send(
            &mut self.writer,
            CollectorFrame::Ack(Ack {
                lane,
                through: kept.through,
            }),
        )
        .await?;
        Ok(())
    }

    /// How long an agent must wait that sends more than it may; its frames lie in its connection meanwhile.
    async fn slowed_for(&mut self, cost: u64) -> Result<Duration, SessionError> {
        let waiting = self.shared.meters.events(self.identity.agent, cost);
        if !waiting.is_zero() {
            self.shared.intake.metrics.sessions_slowed.inc();
            debug!(host = %self.identity.host, ?waiting, "slowed: too much at once");
            self.note_slowed().await?;
        }
        Ok(waiting.min(Duration::from_secs(u64::from(HEARTBEAT_S))))
    }

    async fn answer_heartbeat(&mut self, beat: Heartbeat) -> Result<(), SessionError> {
        self.offset_ms = now_ms() - beat.wall_ms;
        if beat.answer {
            return Ok(());
        }
        self.beat(beat.echo, true).await
    }

    async fn note_policy(&mut self, status: &PolicyStatus) -> Result<(), SessionError> {
        if !status.applied {
            warn!(host = %self.identity.host, version = status.version, refusal = %status.refusal.escape_debug(),
                  "the agent refuses its policy");
        }
        Ok(register::policy_status(&self.shared.intake.registry, self.identity.host, status).await?)
    }

    /// Looks into the register: is this agent still welcome, is there a new policy, is there something to do?
    async fn refresh(&mut self) -> Result<Option<Refusal>, SessionError> {
        let intake = &self.shared.intake;
        let host = self.identity.host;
        match intake.fleet.recheck(&self.identity, now_ms()).await {
            Ok(known) => self.identity.cloned |= known.cloned,
            Err(no) => return Ok(Some(no)),
        }
        let (policy, line) = register::policy_of(&intake.registry, host).await?;
        self.sit_down(line);
        if policy.hash != self.policy_hash {
            self.policy_hash.clone_from(&policy.hash);
            register::policy_sent(&intake.registry, host, &policy).await?;
            send(&mut self.writer, CollectorFrame::Policy(policy)).await?;
        }
        for command in register::commands_waiting(&intake.registry, host, now_ms()).await? {
            let id = command.id.clone();
            send(&mut self.writer, CollectorFrame::Command(command)).await?;
            register::command_sent(&intake.registry, &id, now_ms()).await?;
        }
        Ok(None)
    }
}
