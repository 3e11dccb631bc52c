//! Agents and their certificates: who may speak, for which host.

use sqlx::Row;
use sqlx::any::AnyRow;
use vong_proto::event::AgentId;
use vong_proto::session::Fingerprint;

use super::fold::storable;
use super::host::HostStatus;
use super::query::{json, parsed, word};
use super::{Error, Registry, Result, Transaction, policy};
use crate::entry::{CloneSign, HostId};

/// One installation of the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The random name in its certificates.
    pub id: AgentId,
    /// The host it speaks for.
    pub host: HostId,
    /// When it was enrolled.
    pub created_ms: i64,
    /// When it lost its rights.
    pub revoked_ms: Option<i64>,
}

/// A certificate, by what identifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of its DER, hexadecimal.
    pub fingerprint: String,
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// Whose it is.
    pub agent: AgentId,
    /// Valid from.
    pub not_before_ms: i64,
    /// Valid until.
    pub not_after_ms: i64,
    /// SHA-256 of the authority that signed it, hexadecimal.
    pub authority: String,
}

/// What a certificate proves now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateStatus {
    /// Whose it is.
    pub agent: AgentId,
    /// The host that agent speaks for.
    pub host: HostId,
    /// Whether that host belongs here.
    pub host_status: HostStatus,
    /// Whether certificate or agent has been revoked.
    pub revoked: bool,
    /// Valid until.
    pub not_after_ms: i64,
    /// SHA-256 of the authority that signed it; empty for the first one, before there were several.
    pub authority: String,
    /// How its agent came last.
    pub presented: Presented,
    /// Whether two machines use its agent's key.
    pub cloned: bool,
}

/// How an agent comes: with which fingerprint, and whom it trusts and is vouched for by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    /// The machine's fingerprint; `None` before the first time.
    pub fingerprint: Option<Fingerprint>,
    /// The fingerprint before that one, if it was of another machine.
    pub former_fingerprint: Option<Fingerprint>,
    /// SHA-256 of the authority of its certificate, hexadecimal.
    pub authority: String,
    /// The name of the bundle of authorities that it trusts, hexadecimal.
    pub bundle: String,
}

/// An agent that has not come over to a new authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The host that it speaks for.
    pub host: HostId,
    /// That host's name.
    pub name: String,
    /// When it was last heard.
    pub last_seen_ms: Option<i64>,
}

/// Adds an agent.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Transaction, id: AgentId, host: HostId, now_ms: i64) -> Result<()> {
    sqlx::query("INSERT INTO agents (id, host_id, created_ms) VALUES ($1, $2, $3)")
        .bind(id.to_string())
        .bind(host.0)
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// All agents that a host ever had, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn of_host(registry: &Registry, host: HostId) -> Result<Vec<Agent>> {
    let statement = "SELECT id, host_id, created_ms, revoked_ms FROM agents WHERE host_id = $1 ORDER BY created_ms DESC, id";
    sqlx::query(statement)
        .bind(host.0)
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(|row| {
            Ok(Agent {
                id: agent_id(row.try_get("id")?)?,
                host: HostId(row.try_get("host_id")?),
                created_ms: row.try_get("created_ms")?,
                revoked_ms: row.try_get("revoked_ms")?,
            })
        })
        .collect()
}

/// Adds a certificate; whether it was not there.
///
/// # Errors
/// When the database fails.
pub async fn add_certificate(tx: &mut Transaction, certificate: &Certificate) -> Result<bool> {
    let added = sqlx::query(
        "INSERT INTO certificates (fingerprint, serial, agent_id, not_before_ms, not_after_ms, authority) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (fingerprint) DO NOTHING",
    )
    .bind(certificate.fingerprint.clone())
    .bind(certificate.serial.clone())
    .bind(certificate.agent.to_string())
    .bind(certificate.not_before_ms)
    .bind(certificate.not_after_ms)
    .bind(certificate.authority.clone())
    .execute(&mut **tx)
    .await?;
    Ok(added.rows_affected() > 0)
}

/// The host that an agent speaks for; `None` when it is not known, has lost its rights, or its host is retired.
///
/// # Errors
/// When the database fails.
pub async fn host_with_rights(registry: &Registry, id: AgentId) -> Result<Option<HostId>> {
    let statement = "SELECT a.host_id FROM agents a JOIN hosts h ON h.id = a.host_id \
         WHERE a.id = $1 AND a.revoked_ms IS NULL AND h.status <> 'retired'";
    let host: Option<i64> = sqlx::query_scalar(statement)
        .bind(id.to_string())
        .fetch_optional(registry.readers())
        .await?;
    Ok(host.map(HostId))
}

/// How many certificates of an agent are good from this moment on, or from a later one.
///
/// # Errors
/// When the database fails.
pub async fn certificates_since(tx: &mut Transaction, id: AgentId, since_ms: i64) -> Result<i64> {
    let counted =
        sqlx::query("SELECT COUNT(*) AS n FROM certificates WHERE agent_id = $1 AND not_before_ms >= $2")
            .bind(id.to_string())
            .bind(since_ms)
            .fetch_one(&mut **tx)
            .await?;
    Ok(counted.try_get("n")?)
}

/// Forgets the certificates of an agent that ended before this moment.
///
/// # Errors
/// When the database fails.
pub async fn forget_certificates(tx: &mut Transaction, id: AgentId, ended_before_ms: i64) -> Result<()> {
    sqlx::query("DELETE FROM certificates WHERE agent_id = $1 AND not_after_ms < $2")
        .bind(id.to_string())
        .bind(ended_before_ms)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What a certificate proves now; `None` when it is not of this registry.
///
/// # Errors
/// When the database fails.
pub async fn certificate_status(registry: &Registry, fingerprint: &str) -> Result<Option<CertificateStatus>> {
    let row = sqlx::query(
        "SELECT c.agent_id, c.not_after_ms, c.authority AS signed_by, a.host_id, h.status, a.fingerprint, \
         a.former_fingerprint, a.cloned_ms, a.authority, a.bundle, \
         COALESCE(c.revoked_ms, a.revoked_ms) AS revoked_ms \
         FROM certificates c JOIN agents a ON a.id = c.agent_id JOIN hosts h ON h.id = a.host_id \
         WHERE c.fingerprint = $1",
    )
    .bind(fingerprint.to_owned())
    .fetch_optional(registry.readers())
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(CertificateStatus {
        agent: agent_id(row.try_get("agent_id")?)?,
        host: HostId(row.try_get("host_id")?),
        host_status: parsed(&row, "status")?,
        revoked: row.try_get::<Option<i64>, _>("revoked_ms")?.is_some(),
        not_after_ms: row.try_get("not_after_ms")?,
        authority: row.try_get("signed_by")?,
        presented: Presented {
            fingerprint: said_fingerprint(&row, "fingerprint")?,
            former_fingerprint: said_fingerprint(&row, "former_fingerprint")?,
            authority: row.try_get("authority")?,
            bundle: row.try_get("bundle")?,
        },
        cloned: row.try_get::<Option<i64>, _>("cloned_ms")?.is_some(),
    }))
}

fn said_fingerprint(row: &AnyRow, column: &'static str) -> Result<Option<Fingerprint>> {
    match row.try_get::<String, _>(column)?.is_empty() {
        true => Ok(None),
        false => json(row, column).map(Some),
    }
}

/// Keeps how an agent came.
///
/// # Errors
/// When the database fails.
pub async fn present(tx: &mut Transaction, id: AgentId, presented: &Presented) -> Result<()> {
    let text = |fingerprint: &Option<Fingerprint>| match fingerprint {
        Some(fingerprint) => serde_json::to_string(fingerprint).expect("a fingerprint is plain text"),
        None => String::new(),
    };
    sqlx::query(
        "UPDATE agents SET fingerprint = $2, former_fingerprint = $3, authority = $4, bundle = $5 WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(storable(&text(&presented.fingerprint)))
    .bind(storable(&text(&presented.former_fingerprint)))
    .bind(presented.authority.clone())
    .bind(presented.bundle.clone())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes that two machines use an agent's key; whether that is news. Sessions are told to look again.
///
/// # Errors
/// When the database fails.
pub async fn note_cloned(tx: &mut Transaction, id: AgentId, how: CloneSign, now_ms: i64) -> Result<bool> {
    let changed =
        sqlx::query("UPDATE agents SET cloned_ms = $2, cloned_how = $3 WHERE id = $1 AND cloned_ms IS NULL")
            .bind(id.to_string())
            .bind(now_ms)
            .bind(word(how))
            .execute(&mut **tx)
            .await?;
    policy::bump_revision(tx).await?;
    Ok(changed.rows_affected() > 0)
}

/// The agents with rights that have not yet come with a certificate of this authority and this bundle.
///
/// # Errors
/// When the database fails.
pub async fn behind(registry: &Registry, authority: &str, bundle: &str) -> Result<Vec<Behind>> {
    sqlx::query(
        "SELECT h.id, h.name, h.last_seen_ms FROM agents a JOIN hosts h ON h.id = a.host_id \
         WHERE a.revoked_ms IS NULL AND h.status <> 'retired' AND (a.authority <> $1 OR a.bundle <> $2) \
         ORDER BY h.name_folded, h.id",
    )
    .bind(authority.to_owned())
    .bind(bundle.to_owned())
    .fetch_all(registry.readers())
    .await?
    .iter()
    .map(|row| {
        Ok(Behind {
            host: HostId(row.try_get("id")?),
            name: row.try_get("name")?,
            last_seen_ms: row.try_get("last_seen_ms")?,
        })
    })
    .collect()
}

/// Takes an agent's rights; whether it had any.
///
/// # Errors
/// When the database fails.
pub async fn revoke(tx: &mut Transaction, id: AgentId, now_ms: i64) -> Result<bool> {
    let changed = sqlx::query("UPDATE agents SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL")
        .bind(id.to_string())
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
    policy::bump_revision(tx).await?;
    Ok(changed.rows_affected() > 0)
}

/// Takes the rights of all agents of a host, such as before it is enrolled anew; how many had any.
///
/// # Errors
/// When the database fails.
pub async fn revoke_all_of(tx: &mut Transaction, host: HostId, now_ms: i64) -> Result<u64> {
    let changed = sqlx::query("UPDATE agents SET revoked_ms = $2 WHERE host_id = $1 AND revoked_ms IS NULL")
        .bind(host.0)
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
    policy::bump_revision(tx).await?;
    Ok(changed.rows_affected())
}

fn agent_id(hex: String) -> Result<AgentId> {
    AgentId::from_hex(&hex).ok_or(Error::Value {
        column: "agents.id",
        value: hex,
    })
}
