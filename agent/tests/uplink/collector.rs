//! A collector of the story's own: real TLS, real frames, and a script instead of a journal.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, IsCa, KeyPair,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use vong_proto::event::Event;
use vong_proto::frame::{self, FRAME_BYTES_MAX};
use vong_proto::session::{
    Ack, AgentFrame, COLLECTOR_NAME, CollectorFrame, Credentials, EnrolAnswer, Hello, Refusal, RefusalCode,
    Welcome,
};
use vong_proto::wire;

use super::PATIENCE;

/// A listening collector.
pub(crate) struct Collector {
    authority: CertifiedIssuer<'static, KeyPair>,
    listener: TcpListener,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    acceptor: TlsAcceptor,
}

/// How much of a certificate's life has passed, and how much is left.
#[derive(Clone, Copy)]
pub(crate) struct Life {
    pub(crate) gone: Duration,
    pub(crate) left: Duration,
}

impl Life {
    /// Far from its end.
    pub(crate) const LONG: Self = Self {
        gone: Duration::from_secs(3_600),
        left: Duration::from_secs(90 * 24 * 3_600),
    };
    /// More than two thirds have passed.
    pub(crate) const LATE: Self = Self {
        gone: Self::LONG.left,
        left: Self::LONG.gone,
    };
}

fn acceptor(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
    trusted: &[&CertificateDer<'static>],
) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in trusted {
        roots.add((*authority).clone()).expect("a root");
    }
    let agents = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .expect("a verifier");
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_client_cert_verifier(agents)
        .with_single_cert(chain.to_vec(), key.clone_key())
        .expect("a configuration");
    TlsAcceptor::from(Arc::new(config))
}

/// A connection of an agent.
pub(crate) struct Line(TlsStream<TcpStream>);

impl Collector {
    /// A collector whose certificate is valid between these years.
    pub(crate) async fn valid(from: i32, until: i32) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![COLLECTOR_NAME.to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &authority).expect("signed");
        let chain = vec![certificate.der().clone(), authority.der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Self {
            acceptor: acceptor(&chain, &key, &[authority.der()]),
            authority,
            listener: TcpListener::bind("127.0.0.1:0").await.expect("a port"),
            chain,
            key,
        }
    }

    /// From now on also agents of another's authority are let in.
    pub(crate) fn trust(&mut self, other: &Self) {
        self.acceptor = acceptor(
            &self.chain,
            &self.key,
            &[self.authority.der(), other.authority.der()],
        );
    }

    /// The certificate of its authority.
    pub(crate) fn authority(&self) -> Vec<u8> {
        self.authority.der().to_vec()
    }

    /// The fingerprint of its authority.
    pub(crate) fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(self.authority.der()))
    }

    /// A token for this collector that names this authority.
    pub(crate) fn token(&self, fingerprint: &str) -> String {
        self.token_with(fingerprint, "secret")
    }

    /// The same with another secret.
    pub(crate) fn token_with(&self, fingerprint: &str, secret: &str) -> String {
        let address = self.listener.local_addr().expect("an address");
        let json = format!(r#"{{"a": "{address}", "f": "{fingerprint}", "s": "{secret}"}}"#);
        format!("vong1.{}", URL_SAFE_NO_PAD.encode(json))
    }

    /// The next connection; an error when its handshake fails.
    pub(crate) async fn accept(&self) -> std::io::Result<Line> {
        let (tcp, _) = timeout(PATIENCE, self.listener.accept())
            .await
            .expect("an agent")?;
        Ok(Line(self.acceptor.accept(tcp).await?))
    }

    /// Enrols whoever comes next with the right secret; anybody else is refused.
    pub(crate) async fn enrol(&self) {
        self.enrol_for(Life::LONG).await;
    }

    /// The same with a certificate of this life.
    pub(crate) async fn enrol_for(&self, life: Life) {
        let mut line = self.accept().await.expect("a handshake");
        let request = match line.read().await {
            AgentFrame::Enrol(request) => Some(request),
            _ => None,
        };
        let request = request.expect("an enrolment comes first");
        let answer = if request.token == "secret" {
            CollectorFrame::Enrolled(EnrolAnswer {
                credentials: self.sign(request.csr_der, life),
                pending: false,
            })
        } else {
            CollectorFrame::Refusal(Refusal {
                code: RefusalCode::Token,
                message: "the token is used up".to_owned(),
            })
        };
        line.write(answer).await;
    }

    /// A certificate of this life for whoever made the request.
    pub(crate) fn sign(&self, csr_der: Vec<u8>, life: Life) -> Credentials {
        let csr = CertificateSigningRequestDer::from(csr_der);
        let mut request = CertificateSigningRequestParams::from_der(&csr).expect("a signing request");
        let now = OffsetDateTime::now_utc();
        request.params.not_before = now - life.gone;
        request.params.not_after = now + life.left;
        Credentials {
            certificate_der: request.signed_by(&self.authority).expect("signed").der().to_vec(),
            ca_der: vec![self.authority.der().to_vec()],
        }
    }

    /// The next agent's connection and hello, answered with these marks.
    pub(crate) async fn welcome(&self, high_water: [u64; 4], new_stream: bool) -> (Line, Hello) {
        self.welcome_with(|welcome| Welcome {
            high_water,
            new_stream,
            ..welcome
        })
        .await
    }

    /// The next agent's connection and hello, answered with a plain welcome, changed.
    pub(crate) async fn welcome_with(&self, change: impl FnOnce(Welcome) -> Welcome) -> (Line, Hello) {
        let mut line = self.accept().await.expect("a handshake");
        let hello = match line.read().await {
            AgentFrame::Hello(hello) => Some(hello),
            _ => None,
        };
        let hello = hello.expect("a hello comes first");
        let welcome = Welcome {
            version: 1,
            high_water: [0; 4],
            credit_bytes: 1_000_000,
            wall_ms: hello.wall_ms,
            heartbeat_s: 30,
            new_stream: false,
            last_hash: Default::default(),
            host: 1,
            ca_der: Vec::new(),
            renew_within_s: None,
            allowance: Default::default(),
        };
        line.write(CollectorFrame::Welcome(change(welcome))).await;
        (line, *hello)
    }
}

impl Line {
    /// The certificate that the agent has shown.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        let (_, connection) = self.0.get_ref();
        let shown = connection.peer_certificates().expect("a certificate");
        shown[0].to_vec()
    }

    pub(crate) async fn read(&mut self) -> AgentFrame {
        let read = frame::read_agent_frame(&mut self.0, FRAME_BYTES_MAX);
        timeout(PATIENCE, read).await.expect("in time").expect("a frame")
    }

    pub(crate) async fn write(&mut self, frame: CollectorFrame) {
        frame::write_collector_frame(&mut self.0, frame)
            .await
            .expect("written");
    }

    /// Reads, and acknowledges what it reads, until an event is the one that is waited for.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut seen = Vec::new();
        while !seen.iter().any(&wanted) {
            let AgentFrame::Batch(batch) = self.read().await else {
                continue;
            };
            let events = wire::unpack_events(&batch).expect("readable");
            seen.extend(
                (batch.first..)
                    .zip(&events)
                    .map(|(seq, bytes)| wire::decode_event_or_opaque(batch.lane, seq, bytes)),
            );
            let (lane, through) = (batch.lane, batch.last);
            self.write(CollectorFrame::Ack(Ack { lane, through })).await;
        }
        seen
    }
}
