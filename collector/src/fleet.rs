//! Who is who: the authority that signs certificates, the tokens that admit PCs, and the identity behind
//! each connection.
//!
//! A certificate is one agent; an agent speaks for one host; the host outlives its agents. What a certificate
//! does not prove is not believed. Revocation is asked of the registry on every connection, because a resumed
//! TLS session does not verify the certificate again.

mod admission;
pub mod authority;
pub mod machine;
pub mod register;
mod restored;
pub mod token;

use std::net::IpAddr;

use rcgen::SubjectPublicKeyInfo;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tracing::{info, warn};
use vong_proto::event::AgentId;
use vong_proto::session::{Credentials, EnrolAnswer, EnrolRequest, Refusal, RefusalCode};

pub use authority::{Authority, AuthorityError};

use self::admission::{Admission, admission};
use crate::clock::now_ms;
use crate::entry::HostId;
use crate::registry::agent::{CertificateStatus, Presented};
use crate::registry::host::{HostKind, HostStatus, NewHost};
use crate::registry::token::Token;
use crate::registry::{self, Registry, Transaction, agent, audit, finding, host, unit};

/// An expired certificate that was not revoked may be used for one thing, renewing, for this long: a PC that
/// lay in a cupboard comes back without anybody's help.
const RENEW_AFTER_EXPIRY_MS: i64 = 400 * 24 * 3_600_000;

/// So many certificates are signed for one agent within a day; asked for more, the collector refuses until the next.
/// An honest agent needs one in two months, and a few when its disk cannot keep them.
const SIGNED_PER_DAY_MAX: i64 = 8;

const DAY_MS: i64 = 24 * 3_600_000;

/// Who acts in the audit trail when a PC enrols.
const ACTOR: &str = "enrolment";

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
    /// SHA-256 of the authority that signed the certificate; empty for the first one.
    pub authority: String,
    /// How the agent came last.
    pub presented: Presented,
    /// Two machines use the agent's key: what they say is marked, until one of them has enrolled again and the
    /// other one is refused.
    pub cloned: bool,
}

/// Enrolment, identification and renewal, over registry and authority.
#[derive(Clone)]
pub struct Fleet {
    registry: Registry,
    authority: std::sync::Arc<Authority>,
    started_ms: i64,
}

/// SHA-256 of a certificate, hexadecimal: its name in the registry.
pub fn certificate_fingerprint(der: &[u8]) -> String {
    hex::encode(Sha256::digest(der))
}

impl Fleet {
    /// A fleet over this registry and authority.
    pub fn new(registry: Registry, authority: std::sync::Arc<Authority>) -> Self {
        Self {
            registry,
            authority,
            started_ms: now_ms(),
        }
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
        let certificate = certificate_fingerprint(certificate_der);
        let known = async {
            match agent::certificate_status(&self.registry, &certificate).await? {
                None if self.recognise(certificate_der, now_ms).await? => {
                    agent::certificate_status(&self.registry, &certificate).await
                }
                known => Ok(known),
            }
        };
        let status = known.await.map_err(|e| unavailable(&e))?;
        self.judge(&certificate, status, now_ms)
    }

    /// Whether somebody with this certificate may speak, and who that is.
    fn judge(
        &self,
        certificate: &str,
        status: Option<CertificateStatus>,
        now_ms: i64,
    ) -> Result<Identity, Refusal> {
        let Some(status) = status else {
            return Err(refusal(
                RefusalCode::UnknownHost,
                "this certificate is not in the register; enrol this PC again with a new token: \
                 vong-agent enrol --force",
            ));
        };
        if status.revoked {
            return Err(refusal(
                RefusalCode::Revoked,
                "this certificate has been revoked; enrol again with a new token",
            ));
        }
        match status.host_status {
            HostStatus::Active => {}
            HostStatus::Pending => {
                return Err(refusal(
                    RefusalCode::Pending,
                    "this PC waits for approval; ask the administrator of the collector",
                ));
            }
            HostStatus::Retired => {
                return Err(refusal(RefusalCode::UnknownHost, "this host is retired"));
            }
        }
        if self.authority.has_retired(&status.authority) {
            return Err(refusal(
                RefusalCode::Revoked,
                "this certificate is of an authority that has been replaced; enrol this PC again with a new token: \
                 vong-agent enrol --force",
            ));
        }
        if now_ms > status.not_after_ms + RENEW_AFTER_EXPIRY_MS {
            return Err(refusal(
                RefusalCode::Expired,
                "this certificate expired more than 400 days ago; enrol this PC again with a new token: \
                 vong-agent enrol --force",
            ));
        }
        Ok(Identity {
            agent: status.agent,
            host: status.host,
            certificate: certificate.to_owned(),
            expired: now_ms > status.not_after_ms,
            authority: status.authority,
            presented: status.presented,
            cloned: status.cloned,
        })
    }

    /// What is known of a connected agent now; a refusal when it must go, because its certificate was revoked or its
    /// host retired. The registry being out of reach is no reason to go.
    ///
    /// # Errors
    /// A refusal to send to the peer.
    pub async fn recheck(&self, identity: &Identity, now_ms: i64) -> Result<Identity, Refusal> {
        match agent::certificate_status(&self.registry, &identity.certificate).await {
            Ok(status) => self.judge(&identity.certificate, status, now_ms),
            Err(error) => {
                unavailable(&error);
                Ok(identity.clone())
            }
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
        let asked = Asked {
            request,
            from,
            now_ms,
        };
        let admitted = self.admit(&asked, &public_key).await;
        admitted.map_err(|error| error.into_refusal(&asked))
    }

    /// Counts the token down, finds or makes the host, and signs: all of it, or nothing.
    async fn admit(
        &self,
        asked: &Asked<'_>,
        public_key: &SubjectPublicKeyInfo,
    ) -> Result<EnrolAnswer, NotSigned> {
        let hash = token::secret_hash(&asked.request.token);
        // Asked first, for reading: guesses of strangers must not queue for the registry's writer.
        if !registry::token::is_of_use(&self.registry, &hash, asked.now_ms).await? {
            return Err(NotSigned::Token);
        }
        let known = host::by_fingerprint(&self.registry, &asked.request.fingerprint).await?;
        let above = match &known {
            Some(known) => unit::chain(&self.registry, known.unit_id).await?,
            None => Vec::new(),
        };
        let above: Vec<i64> = above.iter().map(|unit| unit.id).collect();
        let mut tx = self.registry.begin().await?;
        let token = registry::token::consume(&mut tx, &hash, asked.now_ms).await?;
        let token = token.ok_or(NotSigned::Token)?;
        // Agents that were heard before the collector started have not had the time to come back.
        let heard_ms = known.as_ref().and_then(|known| known.last_seen_ms);
        let heard_ms = heard_ms.map(|heard_ms| heard_ms.max(self.started_ms));
        let admission = admission(known.as_ref(), &above, token.unit_id, heard_ms, asked.now_ms);
        let host = match admission {
            Admission::New => enter(&mut tx, asked, &token, HostStatus::Active, Value::Null).await?,
            Admission::Again(known) => begin_again(&mut tx, asked, &token, known).await?,
            Admission::Apart { like, doubt } => {
                let doubt = json!({ "like": like, "doubt": doubt.code() });
                enter(&mut tx, asked, &token, HostStatus::Pending, doubt).await?
            }
            Admission::TooSoon => return Err(NotSigned::TooSoon),
        };
        let agent = AgentId(random_16());
        agent::insert(&mut tx, agent, host, asked.now_ms).await?;
        let credentials = self.sign(&mut tx, agent, public_key, asked.now_ms).await?;
        tx.commit().await.map_err(registry::Error::from)?;
        Ok(EnrolAnswer {
            credentials,
            pending: matches!(admission, Admission::Apart { .. }),
        })
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
            let since_ms = now_ms - DAY_MS - authority::BACKDATED.whole_seconds() * 1_000;
            if agent::certificates_since(&mut tx, identity.agent, since_ms).await? >= SIGNED_PER_DAY_MAX {
                return Err(NotSigned::TooOften);
            }
            agent::forget_certificates(&mut tx, identity.agent, now_ms - RENEW_AFTER_EXPIRY_MS).await?;
            let credentials = self.sign(&mut tx, identity.agent, &public_key, now_ms).await?;
            tx.commit().await.map_err(registry::Error::from)?;
            Ok(credentials)
        };
        let credentials = signed.await.map_err(|error| match error {
            NotSigned::TooOften => {
                warn!(host = %identity.host, agent = %identity.agent, "renewal refused: too many within a day");
                let message = "too many certificates were signed for this agent within a day; it may ask again tomorrow";
                refusal(RefusalCode::Limit, message)
            }
            error => unavailable(&error),
        })?;
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
            authority: signed.authority,
        };
        agent::add_certificate(tx, &certificate).await?;
        Ok(Credentials {
            certificate_der: signed.der,
            ca_der: self.authority.bundle(),
        })
    }
}

/// An enrolment, with what is known of it beyond its own words.
struct Asked<'a> {
    request: &'a EnrolRequest,
    from: IpAddr,
    now_ms: i64,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
enum NotSigned {
    #[error("there is no such token")]
    Token,
    #[error("the PC's former agent was heard a moment ago")]
    TooSoon,
    #[error("too many certificates were signed for the agent within a day")]
    TooOften,
    #[error("the register cannot be asked")]
    Registry(#[from] registry::Error),
    #[error("the authority cannot sign")]
    Authority(#[from] AuthorityError),
}

impl NotSigned {
    fn into_refusal(self, asked: &Asked<'_>) -> Refusal {
        let (from, hostname) = (asked.from, asked.request.hostname.escape_debug());
        match self {
            NotSigned::Token => {
                warn!(%from, %hostname, "enrolment refused: no such token");
                refusal(
                    RefusalCode::Token,
                    "the token is wrong, used up, expired or revoked; ask for a new one",
                )
            }
            NotSigned::TooSoon => {
                warn!(%from, %hostname, "enrolment refused: an agent of this PC was heard a moment ago");
                refusal(
                    RefusalCode::Unavailable,
                    "an agent of this PC was heard a moment ago; stop it and enrol again in 3 minutes",
                )
            }
            NotSigned::TooOften | NotSigned::Registry(_) | NotSigned::Authority(_) => unavailable(&self),
        }
    }
}

/// Makes a host of what asks; one that waits for approval may not speak before somebody has approved it.
async fn enter(
    tx: &mut Transaction,
    asked: &Asked<'_>,
    token: &Token,
    status: HostStatus,
    doubt: Value,
) -> registry::Result<HostId> {
    let new = NewHost {
        unit_id: token.unit_id,
        name: asked.request.hostname.clone(),
        os: asked.request.os.clone(),
        fingerprint: asked.request.fingerprint.clone(),
        kind: HostKind::Workstation,
        status,
    };
    let host = host::insert(tx, &new, asked.now_ms).await?;
    let action = if status == HostStatus::Pending {
        warn!(%host, from = %asked.from, %doubt, "a PC waits for approval: it says it is one that is known");
        "host.pending"
    } else {
        info!(%host, from = %asked.from, "enrolled");
        "host.enrolled"
    };
    note(tx, asked, token, action, host, doubt).await?;
    Ok(host)
}

/// Begins a new generation of a known host: from now on only its new agent speaks for it.
async fn begin_again(
    tx: &mut Transaction,
    asked: &Asked<'_>,
    token: &Token,
    host: HostId,
) -> registry::Result<HostId> {
    agent::revoke_all_of(tx, host, asked.now_ms).await?;
    host::renew_fingerprint(tx, host, &asked.request.fingerprint).await?;
    // What was held back while two machines spoke for it is now the business of alerts.
    finding::look_again(tx, host).await?;
    info!(%host, from = %asked.from, "enrolled again; its former agents have lost their rights");
    note(tx, asked, token, "host.enrolled_again", host, Value::Null).await?;
    Ok(host)
}

async fn note(
    tx: &mut Transaction,
    asked: &Asked<'_>,
    token: &Token,
    action: &str,
    host: HostId,
    doubt: Value,
) -> registry::Result<()> {
    let detail = json!({
        "name": asked.request.hostname, "from": asked.from, "token": token.id, "unit": token.unit_id, "doubt": doubt,
    });
    let object = format!("host/{host}");
    audit::record(tx, asked.now_ms, ACTOR, action, &object, &detail).await
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

#[cfg(test)]
mod tests;
