//! TLS towards the collector: 1.3 only, and trust only in the collector's own authority.
//!
//! The name in the collector's certificate is always the same; what is pinned is who signed it. A PC whose
//! battery has died and whose clock says 2009 must still be able to report: when nothing but the time check
//! fails, the agent goes on and says that its clock is wrong.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use vong_proto::session::COLLECTOR_NAME;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::credentials::Credentials;

/// A TCP connection takes no longer where there is one.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A stopped collector still accepts connections and then says nothing.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Unconfirmed data ends a connection after this time, where the system can do that.
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers at the address.
    #[error("cannot reach the collector at {address}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Somebody answers who is not our collector, or who does not accept us.
    #[error("no secure connection to the collector at {address}")]
    Handshake {
        /// Where.
        address: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The collector's certificate is of an authority that this PC does not know.
    #[error(
        "the collector at {address} is certified by an authority that this PC does not trust; if its authority was \
         replaced while this PC was away, enrol this PC again: vong-agent enrol --force, with a new token"
    )]
    UnknownAuthority {
        /// Where.
        address: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The configuration of TLS is impossible.
    #[error("cannot set up TLS")]
    Setup(#[source] rustls::Error),
}

/// Whom to believe to be the collector.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    /// Whoever was certified by one of these authorities.
    Authorities(Arc<RootCertStore>),
    /// Whoever was certified by the authority whose certificate has this SHA-256, and shows it.
    Fingerprint([u8; 32]),
}

/// What the handshake found out besides.
#[derive(Clone, Debug, Default)]
pub(super) struct ClockWrong(Arc<AtomicBool>);

impl ClockWrong {
    /// Whether the collector's certificate is not valid at what this PC takes for the present.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// TLS for an enrolled agent.
pub(super) fn for_session(credentials: Credentials, clock: ClockWrong) -> Result<ClientConfig, ConnectError> {
    let mut roots = RootCertStore::empty();
    for authority in credentials.authorities {
        roots.add(authority).map_err(ConnectError::Setup)?;
    }
    let trust = Trust::Authorities(Arc::new(roots));
    let mut config = builder(trust, clock)?
        .with_client_auth_cert(vec![credentials.certificate], credentials.key)
        .map_err(ConnectError::Setup)?;
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// TLS for a PC that has nothing but a token.
pub(super) fn for_enrolment(fingerprint: [u8; 32]) -> Result<ClientConfig, ConnectError> {
    Ok(builder(Trust::Fingerprint(fingerprint), ClockWrong::default())?.with_no_client_auth())
}

fn builder(
    trust: Trust,
    clock: ClockWrong,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, ConnectError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = CollectorVerifier {
        trust,
        clock,
        provider: Arc::clone(&provider),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(ConnectError::Setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier)))
}

/// Connects, within limits for each step.
pub(super) async fn connect(
    address: &str,
    from: Option<IpAddr>,
    config: ClientConfig,
) -> Result<TlsStream<TcpStream>, ConnectError> {
    let unreachable = |source| ConnectError::Unreachable {
        address: address.to_owned(),
        source,
    };
    let tcp = limited(CONNECT_LIMIT, dial(address, from))
        .await
        .and_then(tune)
        .map_err(unreachable)?;
    let name = ServerName::try_from(COLLECTOR_NAME).expect("the collector's name is a DNS name");
    let connector = TlsConnector::from(Arc::new(config));
    limited(HANDSHAKE_LIMIT, connector.connect(name, tcp))
        .await
        .map_err(|source| no_handshake(address.to_owned(), source))
}

fn no_handshake(address: String, source: io::Error) -> ConnectError {
    let cause = source.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        // Another authority may bear the same name as a known one; then it is the signature that does not fit.
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => ConnectError::UnknownAuthority { address, source },
        _ => ConnectError::Handshake { address, source },
    }
}

async fn dial(address: &str, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let Some(from) = from else {
        return TcpStream::connect(address).await;
    };
    let same_family = |to: &SocketAddr| to.is_ipv4() == from.is_ipv4();
    let to = lookup_host(address).await?.find(same_family);
    let to = to.ok_or(io::ErrorKind::AddrNotAvailable)?;
    let socket = if from.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(to).await
}

async fn limited<T>(limit: Duration, step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, step).await.unwrap_or_else(|_| {
        let text = format!("no answer within {} s", limit.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, text))
    })
}

fn tune(tcp: TcpStream) -> io::Result<TcpStream> {
    tcp.set_nodelay(true)?;
    let tcp = tcp.into_std()?;
    vong_os::tcp::set_user_timeout(&tcp, USER_TIMEOUT)?;
    TcpStream::from_std(tcp)
}

#[derive(Debug)]
struct CollectorVerifier {
    trust: Trust,
    clock: ClockWrong,
    provider: Arc<CryptoProvider>,
}

impl CollectorVerifier {
    fn roots(&self, chain: &[CertificateDer<'_>]) -> Result<Arc<RootCertStore>, rustls::Error> {
        let pinned = match &self.trust {
            Trust::Authorities(roots) => return Ok(Arc::clone(roots)),
            Trust::Fingerprint(pinned) => pinned,
        };
        let authority = chain
            .iter()
            .find(|certificate| Sha256::digest(certificate).as_slice() == pinned)
            .ok_or(CertificateError::UnknownIssuer)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        Ok(Arc::new(roots))
    }
}

impl ServerCertVerifier for CollectorVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let roots = self.roots(intermediates)?;
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let verify =
            |at| verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, at);
        match verify(now) {
            Err(rustls::Error::InvalidCertificate(error)) if is_about_time(&error) => {
                let begin = begin_of_life(end_entity).ok_or(CertificateError::BadEncoding)?;
                let verified = verify(begin)?;
                self.clock.0.store(true, Ordering::Relaxed);
                Ok(verified)
            }
            verdict => {
                self.clock.0.store(false, Ordering::Relaxed);
                verdict
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn is_about_time(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}

fn begin_of_life(certificate: &CertificateDer<'_>) -> Option<UnixTime> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let seconds = u64::try_from(parsed.validity().not_before.timestamp()).ok()?;
    Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_that_is_not_known_is_told_with_its_remedy() {
        let told = |error: rustls::Error| {
            let source = io::Error::new(io::ErrorKind::InvalidData, error);
            no_handshake("soc.example:7443".to_owned(), source).to_string()
        };
        for error in [CertificateError::UnknownIssuer, CertificateError::BadSignature] {
            let text = told(rustls::Error::InvalidCertificate(error));
            assert!(text.contains("vong-agent enrol --force"), "{text}");
        }
        let text = told(rustls::Error::HandshakeNotComplete);
        assert!(!text.contains("enrol"), "{text}");
    }
}
