//! Who is who: the authority that signs certificates, the tokens that admit PCs, and the identity behind
//! each connection.
//!
//! A certificate is one agent; an agent speaks for one host; the host outlives its agents. What a certificate
//! does not prove is not believed. Revocation is asked of the registry on every connection, because a resumed
//! TLS session does not verify the certificate again.

pub mod authority;
pub mod token;

use std::net::IpAddr;

use rcgen::SubjectPublicKeyInfo;
use sha2::{Digest, Sha256};
use tracing::{info, warn};
use vong_proto::event::AgentId;
use vong_proto::session::{Credentials, EnrolAnswer, EnrolRequest, Refusal, RefusalCode};

pub use authority::{Authority, AuthorityError};

use crate::entry::HostId;
use crate::registry::host::{HostKind, HostStatus, NewHost};
use crate::registry::{self, Registry, Transaction, agent, host};

/// An expired certificate that was not revoked may be used for one thing, renewing, for this long: a PC that
/// lay in a cupboard comes back without anybody's help.
const RENEW_AFTER_EXPIRY_MS: i64 = 400 * 24 * 3_600_000;

/// Who stands behind a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The agent, as its certificate says.
    pub agent: AgentId,
    /// The host that the agent speaks for.
    pub host: HostId,
    /// SHA-256 of the certificate, hexadecimal.
    pub certificate: String,
    /// Only renewing is allowed.
    pub expired: bool,
}

/// Enrolment, identification and renewal, over registry and authority.
#[derive(Clone)]
pub struct Fleet {
    registry: Registry,
    authority: std::sync::Arc<Authority>,
}

/// SHA-256 of a certificate, hexadecimal: its name in the registry.
pub fn certificate_fingerprint(der: &[u8]) -> String {
    hex::encode(Sha256::digest(der))
}

impl Fleet {
    /// A fleet over this registry and authority.
    pub fn new(registry: Registry, authority: std::sync::Arc<Authority>) -> Self {
        Self { registry, authority }
    }

    /// The authority.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Whose certificate this is.
    ///
    /// # Errors
    /// A refusal to send to the peer; the registry being out of reach is one too (`Unavailable`).
    pub async fn identify(&self, certificate_der: &[u8], now_ms: i64) -> Result<Identity, Refusal> {
        self.status(&certificate_fingerprint(certificate_der), now_ms)
            .await
    }

    async fn status(&self, certificate: &str, now_ms: i64) -> Result<Identity, Refusal> {
        let status = agent::certificate_status(&self.registry, certificate)
            .await
            .map_err(|e| unavailable(&e))?;
        let Some(status) = status else {
            return Err(refusal(
                RefusalCode::UnknownHost,
                "this certificate is not in the register; enrol again",
            ));
        };
        if status.revoked {
            return Err(refusal(
                RefusalCode::Revoked,
                "this certificate has been revoked; enrol again with a new token",
            ));
        }
        if status.host_status != HostStatus::Active {
            return Err(refusal(
                RefusalCode::UnknownHost,
                "this host is retired or awaits approval",
            ));
        }
        if now_ms > status.not_after_ms + RENEW_AFTER_EXPIRY_MS {
            return Err(refusal(
                RefusalCode::Expired,
                "this certificate expired too long ago; enrol again",
            ));
        }
        Ok(Identity {
            agent: status.agent,
            host: status.host,
            certificate: certificate.to_owned(),
            expired: now_ms > status.not_after_ms,
        })
    }

    /// Whether a connected agent must go: its certificate was revoked, or its host retired. The registry being
    /// out of reach is no reason to go.
    pub async fn recheck(&self, identity: &Identity, now_ms: i64) -> Option<Refusal> {
        match self.status(&identity.certificate, now_ms).await {
            Ok(_) => None,
            Err(no) if no.code == RefusalCode::Unavailable => None,
            Err(no) => Some(no),
        }
    }

    /// Admits a PC that shows a token.
    ///
    /// # Errors
    /// A refusal to send to the peer.
    pub async fn enrol(
        &self,
        request: &EnrolRequest,
        from: IpAddr,
        now_ms: i64,
    ) -> Result<EnrolAnswer, Refusal> {
        let public_key = authority::csr_public_key(&request.csr_der).map_err(|error| {
            refusal(
                RefusalCode::Protocol,
                &format!("the signing request cannot be used: {error}"),
            )
        })?;
        let answer = self
            .admit(request, &public_key, now_ms)
            .await
            .map_err(|error| error.into_refusal())?;
        let Some((host, credentials)) = answer else {
            warn!(%from, hostname = %request.hostname.escape_debug(), "enrolment refused: no such token");
            return Err(refusal(
                RefusalCode::Token,
                "the token is wrong, used up, expired or revoked; ask for a new one",
            ));
        };
        info!(%host, %from, "enrolled");
        Ok(EnrolAnswer::Enrolled(credentials))
    }

    /// Counts the token down, finds or makes the host, and signs: all of it, or nothing.
    async fn admit(
        &self,
        request: &EnrolRequest,
        public_key: &SubjectPublicKeyInfo,
        now_ms: i64,
    ) -> Result<Option<(HostId, Credentials)>, NotSigned> {
        let known = host::by_fingerprint(&self.registry, &request.fingerprint).await?;
        let mut tx = self.registry.begin().await?;
        let Some(token) =
            registry::token::consume(&mut tx, &token::secret_hash(&request.token), now_ms).await?
        else {
            return Ok(None);
        };
        let host = match known {
            // The PC was re-imaged or renamed: its history goes on.
            Some(known) => known.id,
            None => host::insert(&mut tx, &new_host(request, token.unit_id), now_ms).await?,
        };
        let agent = AgentId(random_16());
        agent::insert(&mut tx, agent, host, now_ms).await?;
        let credentials = self.sign(&mut tx, agent, public_key, now_ms).await?;
        tx.commit().await.map_err(registry::Error::from)?;
        Ok(Some((host, credentials)))
    }

    /// Signs the next certificate of an agent.
    ///
    /// # Errors
    /// A refusal to send to the peer.
    pub async fn renew(
        &self,
        identity: &Identity,
        csr_der: &[u8],
        now_ms: i64,
    ) -> Result<Credentials, Refusal> {
        let public_key = authority::csr_public_key(csr_der).map_err(|error| {
            refusal(
                RefusalCode::Protocol,
                &format!("the signing request cannot be used: {error}"),
            )
        })?;
        let signed = async {
            let mut tx = self.registry.begin().await?;
            let credentials = self.sign(&mut tx, identity.agent, &public_key, now_ms).await?;
            tx.commit().await.map_err(registry::Error::from)?;
            Ok(credentials)
        };
        let credentials = signed.await.map_err(|error: NotSigned| error.into_refusal())?;
        info!(host = %identity.host, agent = %identity.agent, "certificate renewed");
        Ok(credentials)
    }

    async fn sign(
        &self,
        tx: &mut Transaction,
        agent: AgentId,
        public_key: &SubjectPublicKeyInfo,
        now_ms: i64,
    ) -> Result<Credentials, NotSigned> {
        let signed = self.authority.sign_agent(agent, public_key, now_ms)?;
        let certificate = agent::Certificate {
            fingerprint: certificate_fingerprint(&signed.der),
            serial: signed.serial,
            agent,
            not_before_ms: signed.not_before_ms,
            not_after_ms: signed.not_after_ms,
        };
        agent::add_certificate(tx, &certificate).await?;
        Ok(Credentials {
            certificate_der: signed.der,
            ca_der: self.authority.bundle(),
        })
    }
}

/// Why nothing was signed; the peer learns only that it must come back.
#[derive(Debug, thiserror::Error)]
enum NotSigned {
    #[error("the register cannot be asked")]
    Registry(#[from] registry::Error),
    #[error("the authority cannot sign")]
    Authority(#[from] AuthorityError),
}

impl NotSigned {
    fn into_refusal(self) -> Refusal {
        unavailable(&self)
    }
}

fn new_host(request: &EnrolRequest, unit_id: i64) -> NewHost {
    NewHost {
        unit_id,
        name: request.hostname.clone(),
        os: request.os.clone(),
        fingerprint: request.fingerprint.clone(),
        kind: HostKind::Workstation,
        status: HostStatus::Active,
    }
}

/// A refusal with this code.
pub fn refusal(code: RefusalCode, message: &str) -> Refusal {
    Refusal {
        code,
        message: message.to_owned(),
    }
}

/// The peer learns only that it must come back; the cause stands in the log.
fn unavailable(error: &(dyn std::error::Error + 'static)) -> Refusal {
    warn!(%error, "the registry cannot be asked");
    refusal(
        RefusalCode::Unavailable,
        "the collector cannot look into its register at the moment; trying again helps",
    )
}

fn random_16() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system's random source works");
    bytes
}
