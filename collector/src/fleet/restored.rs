//! Certificates that the register has forgotten because it was restored from a backup.
//!
//! A PC that renewed after the backup shows a certificate that stands in no row. Our own signature says all that the
//! row said, so the row is written again: nobody has to walk to that PC. What was taken from the agent or its host
//! stays taken, and what has been too old for its row is too old for this.

use rustls::pki_types::CertificateDer;
use serde_json::json;
use tracing::warn;
use vong_proto::event::AgentId;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{ACTOR, Authority, Fleet, RENEW_AFTER_EXPIRY_MS, certificate_fingerprint};
use crate::registry::agent::{self, Certificate};
use crate::registry::{self, audit};

impl Fleet {
    /// Enters a certificate that one of our authorities signed for an agent that has its rights; whether it did.
    pub(super) async fn recognise(&self, certificate_der: &[u8], now_ms: i64) -> registry::Result<bool> {
        let Some(certificate) = read(&self.authority, certificate_der) else {
            return Ok(false);
        };
        if now_ms > certificate.not_after_ms + RENEW_AFTER_EXPIRY_MS {
            return Ok(false);
        }
        // Asked first, for reading: who was enrolled after the backup comes again and again.
        let Some(host) = agent::host_with_rights(&self.registry, certificate.agent).await? else {
            return Ok(false);
        };
        let mut tx = self.registry.begin().await?;
        if agent::add_certificate(&mut tx, &certificate).await? {
            warn!(%host, agent = %certificate.agent,
                  "a certificate of ours was not in the register, which was restored from a backup: entered again");
            let detail =
                json!({ "agent": certificate.agent.to_string(), "certificate": certificate.fingerprint });
            let object = format!("host/{host}");
            audit::record(&mut tx, now_ms, ACTOR, "certificate.recognised", &object, &detail).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}

/// What the register would know of a certificate, if an authority signed it that is trusted still.
fn read(authority: &Authority, certificate_der: &[u8]) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(certificate_der).ok()?;
    let signer = authority
        .trusted()
        .find(|authority| has_signed(authority, &certificate))?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    Some(Certificate {
        fingerprint: certificate_fingerprint(certificate_der),
        serial: hex::encode(certificate.raw_serial()),
        agent: AgentId::from_hex(name)?,
        not_before_ms: certificate.validity().not_before.timestamp() * 1_000,
        not_after_ms: certificate.validity().not_after.timestamp() * 1_000,
        authority: certificate_fingerprint(signer),
    })
}

fn has_signed(authority: &CertificateDer<'_>, certificate: &X509Certificate<'_>) -> bool {
    X509Certificate::from_der(authority)
        .is_ok_and(|(_, authority)| certificate.verify_signature(Some(authority.public_key())).is_ok())
}
