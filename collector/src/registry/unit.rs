//! Units: the tree of offices that everything else hangs on, province at the top.

use std::collections::HashMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::fold::fold;
use super::query::{parsed, word};
use super::unreadable::Readable;
use super::{Error, Registry, Result, Transaction, next_id, policy};

/// One office.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its number.
    pub id: i64,
    /// The unit above it; `None` at the top.
    pub parent_id: Option<i64>,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: UnitKind,
    /// Who answers for its PCs; empty when nobody is named.
    pub contact_name: String,
    /// Where alert mails go; empty sends them to the nearest unit above that has one.
    pub contact_email: String,
    /// The telephone to name in mails.
    pub phone: String,
    /// When it was added.
    pub created_ms: i64,
}

/// What a unit is. Districts no longer exist as authorities, but old trees still have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// A province or a city under central authority.
    Province,
    /// A department of the province.
    Department,
    /// A rural commune.
    Commune,
    /// A ward of a town.
    Ward,
    /// A special administrative zone.
    SpecialZone,
    /// An office inside one of the others.
    Office,
}

/// What is to be known of a new or changed unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitDraft {
    /// The unit above it.
    pub parent_id: Option<i64>,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: UnitKind,
    /// Who answers for its PCs.
    pub contact_name: String,
    /// Where alert mails go.
    pub contact_email: String,
    /// The telephone to name in mails.
    pub phone: String,
}

/// The numbers of one unit with everything below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitNumbers {
    /// Active hosts.
    pub hosts: i64,
    /// Of these, protected and seen lately.
    pub protected: i64,
    /// Of these, connected now.
    pub connected: i64,
    /// Alerts that are not resolved.
    pub alerts_open: i64,
}

impl AddAssign for UnitNumbers {
    fn add_assign(&mut self, other: Self) {
        self.hosts += other.hosts;
        self.protected += other.protected;
        self.connected += other.connected;
        self.alerts_open += other.alerts_open;
    }
}

const COLUMNS: &str = "id, parent_id, name, kind, contact_name, contact_email, phone, created_ms";

fn from_row(row: &AnyRow) -> Result<Unit> {
    Ok(Unit {
        id: row.try_get("id")?,
        parent_id: row.try_get("parent_id")?,
        name: row.try_get("name")?,
        kind: parsed(row, "kind")?,
        contact_name: row.try_get("contact_name")?,
        contact_email: row.try_get("contact_email")?,
        phone: row.try_get("phone")?,
        created_ms: row.try_get("created_ms")?,
    })
}

/// All units, in the order they were added: parents may come after children.
///
/// # Errors
/// When the database fails, or one of them cannot be read.
pub async fn all(registry: &Registry) -> Result<Vec<Unit>> {
    rows(registry).await?.iter().map(from_row).collect()
}

/// [`all`], where a row that cannot be read hides no other.
///
/// # Errors
/// When the database fails.
pub async fn readable(registry: &Registry) -> Result<Readable<Unit>> {
    Ok(Readable::of("units", &rows(registry).await?, from_row))
}

async fn rows(registry: &Registry) -> Result<Vec<AnyRow>> {
    let statement = format!("SELECT {COLUMNS} FROM units ORDER BY id");
    Ok(sqlx::query(sqlx::AssertSqlSafe(statement))
        .fetch_all(registry.readers())
        .await?)
}

/// The unit with this number.
///
/// # Errors
/// When the database fails.
pub async fn by_id(registry: &Registry, id: i64) -> Result<Option<Unit>> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM units WHERE id = $1"
    )))
    .bind(id)
    .fetch_optional(registry.readers())
    .await?
    .map(|row| from_row(&row))
    .transpose()
}

/// All units with this name, however its accents are typed: more than one must be told apart by number.
///
/// # Errors
/// When the database fails.
pub async fn by_name(registry: &Registry, name: &str) -> Result<Vec<Unit>> {
    let statement = format!("SELECT {COLUMNS} FROM units WHERE name_folded = $1 ORDER BY id");
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(fold(name))
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// The unit and all units above it, the top first.
///
/// # Errors
/// When the database fails.
pub async fn chain(registry: &Registry, id: i64) -> Result<Vec<Unit>> {
    let units: HashMap<i64, Unit> = all(registry).await?.into_iter().map(|u| (u.id, u)).collect();
    let mut chain: Vec<Unit> = ancestry(&units, id).cloned().collect();
    chain.reverse();
    Ok(chain)
}

/// The unit and everything above it, from below, in a tree that is already in memory.
pub fn ancestry(units: &HashMap<i64, Unit>, id: i64) -> impl Iterator<Item = &Unit> {
    std::iter::successors(units.get(&id), |unit| units.get(&unit.parent_id?))
}

/// The lowest unit that all of these stand below, or are, in a tree that is already in memory.
pub fn common(units: &HashMap<i64, Unit>, of: impl IntoIterator<Item = i64>) -> Option<i64> {
    let mut of = of.into_iter();
    let mut shared: Vec<i64> = ancestry(units, of.next()?).map(|unit| unit.id).collect();
    for id in of {
        let chain: Vec<i64> = ancestry(units, id).map(|unit| unit.id).collect();
        shared.retain(|unit| chain.contains(unit));
    }
    shared.first().copied()
}

/// The unit and everything below it.
///
/// # Errors
/// When the database fails.
pub async fn subtree(registry: &Registry, id: i64) -> Result<Vec<i64>> {
    let units = all(registry).await?;
    Ok(subtree_of(&units, id))
}

/// The unit and everything below it, in a tree that is already in memory.
pub fn subtree_of(units: &[Unit], id: i64) -> Vec<i64> {
    let mut found = vec![id];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(units.iter().filter(|u| u.parent_id == Some(parent)).map(|u| u.id));
        next += 1;
    }
    found
}

/// Adds a unit.
///
/// # Errors
/// When the database fails, or the unit above does not exist.
pub async fn insert(tx: &mut Transaction, draft: &UnitDraft, now_ms: i64) -> Result<i64> {
    let id = next_id(tx, "units").await?;
    sqlx::query(
        "INSERT INTO units (id, parent_id, name, name_folded, kind, contact_name, contact_email, phone, created_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id)
    .bind(draft.parent_id)
    .bind(draft.name.clone())
    .bind(fold(&draft.name))
    .bind(word(draft.kind))
    .bind(draft.contact_name.clone())
    .bind(draft.contact_email.clone())
    .bind(draft.phone.clone())
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    policy::bump_revision(tx).await?;
    Ok(id)
}

/// Changes a unit; whether there is one.
///
/// # Errors
/// When the database fails, or the unit would stand below itself.
pub async fn update(tx: &mut Transaction, id: i64, draft: &UnitDraft) -> Result<bool> {
    if let Some(parent) = draft.parent_id
        && stands_below(tx, parent, id).await?
    {
        return Err(Error::UnitLoop);
    }
    let changed = sqlx::query(
        "UPDATE units SET parent_id = $2, name = $3, name_folded = $4, kind = $5, contact_name = $6, \
         contact_email = $7, phone = $8 WHERE id = $1",
    )
    .bind(id)
    .bind(draft.parent_id)
    .bind(draft.name.clone())
    .bind(fold(&draft.name))
    .bind(word(draft.kind))
    .bind(draft.contact_name.clone())
    .bind(draft.contact_email.clone())
    .bind(draft.phone.clone())
    .execute(&mut **tx)
    .await?;
    policy::bump_revision(tx).await?;
    Ok(changed.rows_affected() > 0)
}

/// Whether `unit` is `above` or stands below it.
async fn stands_below(tx: &mut Transaction, unit: i64, above: i64) -> Result<bool> {
    let statement = "WITH RECURSIVE chain(id, parent_id) AS ( \
         SELECT id, parent_id FROM units WHERE id = $1 \
         UNION SELECT u.id, u.parent_id FROM units u JOIN chain c ON u.id = c.parent_id) \
         SELECT COUNT(*) FROM chain WHERE id = $2";
    let found: i64 = sqlx::query_scalar(statement)
        .bind(unit)
        .bind(above)
        .fetch_one(&mut **tx)
        .await?;
    Ok(found > 0)
}

/// The numbers of every unit, each with everything below it.
///
/// # Errors
/// When the database fails.
pub async fn numbers(registry: &Registry, seen_since_ms: i64) -> Result<HashMap<i64, UnitNumbers>> {
    let mut own: HashMap<i64, UnitNumbers> = HashMap::new();
    let hosts = sqlx::query(
        "SELECT unit_id, COUNT(*) AS hosts, \
         CAST(SUM(CASE WHEN protection = 'protected' AND last_seen_ms >= $1 THEN 1 ELSE 0 END) AS BIGINT) AS protected, \
         CAST(SUM(connected) AS BIGINT) AS connected \
         FROM hosts WHERE status = 'active' GROUP BY unit_id",
    )
    .bind(seen_since_ms)
    .fetch_all(registry.readers())
    .await?;
    for row in &hosts {
        let numbers = own.entry(row.try_get("unit_id")?).or_default();
        numbers.hosts = row.try_get("hosts")?;
        numbers.protected = row.try_get("protected")?;
        numbers.connected = row.try_get("connected")?;
    }
    let alerts = sqlx::query(
        "SELECT COALESCE(a.unit_id, h.unit_id) AS unit_id, COUNT(*) AS alerts FROM alerts a \
         JOIN hosts h ON h.id = a.host_id WHERE a.state <> 'resolved' GROUP BY COALESCE(a.unit_id, h.unit_id)",
    )
    .fetch_all(registry.readers())
    .await?;
    for row in &alerts {
        own.entry(row.try_get("unit_id")?).or_default().alerts_open = row.try_get("alerts")?;
    }
    Ok(rolled_up(&all(registry).await?, &own))
}

/// Each unit's numbers with those of all units below it.
pub fn rolled_up<N: Copy + Default + AddAssign>(units: &[Unit], own: &HashMap<i64, N>) -> HashMap<i64, N> {
    let units: HashMap<i64, Unit> = units.iter().map(|u| (u.id, u.clone())).collect();
    let mut total: HashMap<i64, N> = units.keys().map(|id| (*id, N::default())).collect();
    for (id, numbers) in own {
        for unit in ancestry(&units, *id) {
            *total.entry(unit.id).or_default() += *numbers;
        }
    }
    total
}
