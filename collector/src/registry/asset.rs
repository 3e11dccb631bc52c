//! The asset register: what an office owns, line by line, and the hosts that these lines are.
//!
//! A host takes number and place over from its line where nobody has noted others at the host, and follows the line as
//! long as nobody does: two spellings of one PC would stand side by side in lists, letters and certificates otherwise.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::fold::{fold, storable};
use super::pc::JoinedBy;
use super::query::{Statement, word};
use super::{Registry, Result, Transaction, next_ids};
use crate::entry::HostId;
use crate::scope::Scope;

/// A line of the register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asset {
    /// Its number.
    pub id: i64,
    /// The unit it belongs to.
    pub unit_id: i64,
    /// The inventory number.
    pub asset_number: String,
    /// The inventory number in one spelling: no two lines have the same.
    pub number_key: String,
    /// The PC's name.
    pub name: String,
    /// Where it stands.
    pub place: String,
    /// Who uses it.
    pub custodian: String,
    /// What it is.
    pub kind: String,
    /// Its operating system.
    pub os: String,
    /// Its hardware address, in one spelling.
    pub mac: String,
    /// Its serial number.
    pub serial: String,
    /// Anything else.
    pub note: String,
    /// The host that it is.
    pub host_id: Option<HostId>,
}

/// An active host that no line is joined to, with what may tell which line it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclaimed {
    /// The host.
    pub id: HostId,
    /// Its unit.
    pub unit_id: i64,
    /// Its name.
    pub name: String,
    /// The inventory number that somebody noted.
    pub asset_number: String,
    /// Where it stands, as somebody noted.
    pub place: String,
}

/// What tells, without reading them, that lines, hosts or what tells these apart have changed. A host that was renamed
/// or exchanged an adapter does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joinable([i64; 7]);

impl Joinable {
    /// What it is now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(registry: &Registry) -> Result<Self> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM assets WHERE removed_ms IS NULL), \
             (SELECT COUNT(*) FROM assets WHERE removed_ms IS NULL AND host_id IS NOT NULL), \
             (SELECT COALESCE(MAX(updated_ms), 0) FROM assets), \
             (SELECT COUNT(*) FROM hosts WHERE status = 'active'), (SELECT COUNT(*) FROM host_marks), \
             (SELECT COUNT(*) FROM host_adapters), (SELECT value FROM revisions WHERE name = 'policy')",
        )
        .fetch_one(registry.readers())
        .await?;
        let mut read = [0; 7];
        for (at, value) in read.iter_mut().enumerate() {
            *value = row.try_get(at)?;
        }
        Ok(Self(read))
    }
}

const COLUMNS: &str = "a.id, a.unit_id, a.asset_number, a.number_key, a.name, a.place, a.custodian, a.kind, a.os, \
    a.mac, a.serial, a.note, a.host_id";

fn from_row(row: &AnyRow) -> Result<Asset> {
    Ok(Asset {
        id: row.try_get("id")?,
        unit_id: row.try_get("unit_id")?,
        asset_number: row.try_get("asset_number")?,
        number_key: row.try_get("number_key")?,
        name: row.try_get("name")?,
        place: row.try_get("place")?,
        custodian: row.try_get("custodian")?,
        kind: row.try_get("kind")?,
        os: row.try_get("os")?,
        mac: row.try_get("mac")?,
        serial: row.try_get("serial")?,
        note: row.try_get("note")?,
        host_id: row.try_get::<Option<i64>, _>("host_id")?.map(HostId),
    })
}

/// Changes with each transaction of an import.
///
/// # Errors
/// When the database fails.
pub async fn revision(registry: &Registry) -> Result<i64> {
    Ok(
        sqlx::query_scalar("SELECT value FROM revisions WHERE name = 'register'")
            .fetch_one(registry.readers())
            .await?,
    )
}

/// Goes on from a revision; whether nobody else has.
///
/// # Errors
/// When the database fails.
pub async fn advance(tx: &mut Transaction, from: i64) -> Result<bool> {
    let moved = sqlx::query("UPDATE revisions SET value = value + 1 WHERE name = 'register' AND value = $1")
        .bind(from)
        .execute(&mut **tx)
        .await?;
    Ok(moved.rows_affected() == 1)
}

/// All lines that were not taken out.
///
/// # Errors
/// When the database fails.
pub async fn all(registry: &Registry) -> Result<Vec<Asset>> {
    let statement = format!("SELECT {COLUMNS} FROM assets a WHERE a.removed_ms IS NULL ORDER BY a.id");
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// All numbered lines that were taken out, in the order they came in.
///
/// # Errors
/// When the database fails.
pub async fn removed(registry: &Registry) -> Result<Vec<Asset>> {
    let statement = format!(
        "SELECT {COLUMNS} FROM assets a WHERE a.removed_ms IS NOT NULL AND a.number_key <> '' ORDER BY a.id"
    );
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// One line that was not taken out, if its PC counts at a unit within the scope.
///
/// # Errors
/// When the database fails.
pub async fn by_id(registry: &Registry, scope: &Scope, id: i64) -> Result<Option<Asset>> {
    let mut statement = Statement::new("SELECT ");
    statement.sql(COLUMNS).sql(
        " FROM assets a LEFT JOIN hosts h ON h.id = a.host_id AND h.status = 'active' WHERE a.removed_ms IS NULL \
         AND a.id = ",
    );
    statement.bind(id);
    if let Some(units) = &scope.units {
        statement
            .sql(" AND ")
            .among("COALESCE(h.unit_id, a.unit_id)", units);
    }
    let row = statement.query().fetch_optional(registry.readers()).await?;
    row.as_ref().map(from_row).transpose()
}

/// Rows of one statement: SQLite looks its placeholders up one after the other, so that a statement with ten times the
/// rows takes a hundred times as long.
const ROWS_PER_STATEMENT: usize = 50;

/// Writes lines: those with number 0 come in, the others change.
///
/// # Errors
/// When the database fails, or another line has the same inventory number.
pub async fn write(tx: &mut Transaction, assets: &[Asset], now_ms: i64) -> Result<()> {
    for some in assets.chunks(ROWS_PER_STATEMENT) {
        write_some(tx, some, now_ms).await?;
    }
    Ok(())
}

async fn write_some(tx: &mut Transaction, assets: &[Asset], now_ms: i64) -> Result<()> {
    let new = assets.iter().filter(|asset| asset.id == 0).count();
    let mut next = next_ids(tx, "assets", i64::try_from(new).unwrap_or(0)).await?;
    let mut statement = Statement::new(
        "INSERT INTO assets (id, unit_id, asset_number, number_key, name, place, custodian, kind, os, mac, serial, \
         note, name_folded, search_folded, created_ms, updated_ms) VALUES ",
    );
    for (at, asset) in assets.iter().enumerate() {
        let id = if asset.id == 0 {
            next += 1;
            next
        } else {
            asset.id
        };
        statement.sql(if at == 0 { "(" } else { ", (" });
        statement.bind(id).sql(", ").bind(asset.unit_id);
        for text in texts(asset) {
            statement.sql(", ").bind(text);
        }
        statement.sql(", ").bind(now_ms).sql(", ").bind(now_ms).sql(")");
    }
    statement.sql(" ON CONFLICT (id) DO UPDATE SET updated_ms = excluded.updated_ms");
    for column in CHANGEABLE {
        statement.sql(&format!(", {column} = excluded.{column}"));
    }
    statement.query().execute(&mut **tx).await?;
    Ok(())
}

const CHANGEABLE: [&str; 13] = [
    "unit_id",
    "asset_number",
    "number_key",
    "name",
    "place",
    "custodian",
    "kind",
    "os",
    "mac",
    "serial",
    "note",
    "name_folded",
    "search_folded",
];

/// The texts of a line in the order of their columns.
fn texts(asset: &Asset) -> [String; 12] {
    let name = if asset.name.is_empty() {
        &asset.asset_number
    } else {
        &asset.name
    };
    let search = format!(
        "{} {} {} {}",
        asset.name, asset.asset_number, asset.place, asset.custodian
    );
    [
        storable(&asset.asset_number),
        storable(&asset.number_key),
        storable(&asset.name),
        storable(&asset.place),
        storable(&asset.custodian),
        storable(&asset.kind),
        storable(&asset.os),
        storable(&asset.mac),
        storable(&asset.serial),
        storable(&asset.note),
        storable(&fold(name)),
        storable(&fold(&search)),
    ]
}

/// Takes lines out of the register; some hundred at most.
///
/// # Errors
/// When the database fails.
pub async fn remove(tx: &mut Transaction, ids: &[i64], now_ms: i64) -> Result<()> {
    let mut statement = Statement::new("UPDATE assets SET removed_ms = ");
    statement.bind(now_ms).sql(" WHERE removed_ms IS NULL AND ");
    statement.among("id", ids);
    statement.query().execute(&mut **tx).await?;
    Ok(())
}

/// Lines that were taken out stand in the register again, and find their hosts anew; some hundred at most.
///
/// # Errors
/// When the database fails, or another line has the same inventory number meanwhile.
pub async fn revive(tx: &mut Transaction, ids: &[i64]) -> Result<()> {
    let mut statement =
        Statement::new("UPDATE assets SET removed_ms = NULL, host_id = NULL, joined_by = '' WHERE ");
    statement.among("id", ids);
    statement.query().execute(&mut **tx).await?;
    Ok(())
}

/// Whether there are both lines without a host and hosts without a line.
///
/// # Errors
/// When the database fails.
pub async fn may_join(registry: &Registry) -> Result<bool> {
    let row = sqlx::query(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM assets WHERE host_id IS NULL AND removed_ms IS NULL) AND EXISTS \
         (SELECT 1 FROM hosts h WHERE h.status = 'active' AND NOT EXISTS \
         (SELECT 1 FROM assets a WHERE a.host_id = h.id AND a.removed_ms IS NULL)) THEN 1 ELSE 0 END AS may",
    )
    .fetch_one(registry.readers())
    .await?;
    super::query::flag(&row, "may")
}

/// The active hosts that no line is joined to.
///
/// # Errors
/// When the database fails.
pub async fn unclaimed(registry: &Registry) -> Result<Vec<Unclaimed>> {
    let statement = "SELECT h.id, h.unit_id, h.name, h.asset_number, h.place FROM hosts h WHERE h.status = 'active' \
         AND NOT EXISTS (SELECT 1 FROM assets a WHERE a.host_id = h.id AND a.removed_ms IS NULL) ORDER BY h.id";
    sqlx::query(statement)
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(unclaimed_from)
        .collect()
}

fn unclaimed_from(row: &AnyRow) -> Result<Unclaimed> {
    Ok(Unclaimed {
        id: HostId(row.try_get("id")?),
        unit_id: row.try_get("unit_id")?,
        name: row.try_get("name")?,
        asset_number: row.try_get("asset_number")?,
        place: row.try_get("place")?,
    })
}

/// What the fingerprints and adapters of active hosts say, as (host, kind, value); kinds are `mac`, `disk`, `smbios`
/// and `machine`.
///
/// # Errors
/// When the database fails.
pub async fn marks(registry: &Registry) -> Result<Vec<(HostId, String, String)>> {
    let statement = "SELECT m.host_id, m.kind, m.value FROM host_marks m JOIN hosts h ON h.id = m.host_id \
         WHERE h.status = 'active' UNION ALL SELECT n.host_id, 'mac', n.mac FROM host_adapters n \
         JOIN hosts h ON h.id = n.host_id WHERE h.status = 'active'";
    sqlx::query(statement)
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(|row| Ok((HostId(row.try_get(0)?), row.try_get(1)?, row.try_get(2)?)))
        .collect()
}

/// A line is a host, unless one of the two has been joined meanwhile; whether it was not. The host takes over number
/// and place where nobody has noted others.
///
/// # Errors
/// When the database fails.
pub async fn set_host(
    tx: &mut Transaction,
    asset: &Asset,
    host: &Unclaimed,
    by: JoinedBy,
    now_ms: i64,
) -> Result<bool> {
    let joined = sqlx::query(
        "UPDATE assets SET host_id = $2, joined_by = $3, updated_ms = $4 WHERE id = $1 AND host_id IS NULL \
         AND removed_ms IS NULL AND NOT EXISTS \
         (SELECT 1 FROM assets o WHERE o.host_id = $2 AND o.removed_ms IS NULL)",
    )
    .bind(asset.id)
    .bind(host.id.0)
    .bind(word(by))
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    if joined.rows_affected() == 0 {
        return Ok(false);
    }
    let or_else = |own: &String, registered: &String| {
        if own.is_empty() {
            registered.clone()
        } else {
            own.clone()
        }
    };
    let number = or_else(&host.asset_number, &asset.asset_number);
    let place = or_else(&host.place, &asset.place);
    note_at_host(tx, host, &number, &place).await?;
    Ok(true)
}

/// What the host of a line says of number and place follows the line, given before and after a change, where it is still
/// what the line said before; some hundred at most. A line that was taken out moves its host no more once that is
/// another line's.
///
/// # Errors
/// When the database fails.
pub async fn follow(tx: &mut Transaction, changes: &[(Asset, Asset)]) -> Result<()> {
    let moved = |(before, after): &&(Asset, Asset)| {
        before.asset_number != after.asset_number || before.place != after.place
    };
    let changes: HashMap<i64, &(Asset, Asset)> =
        changes.iter().filter(moved).map(|it| (it.0.id, it)).collect();
    let ids: Vec<i64> = changes.keys().copied().collect();
    let mut statement = Statement::new(
        "SELECT a.id AS asset_id, h.id AS id, h.unit_id AS unit_id, h.name AS name, h.asset_number AS asset_number, \
         h.place AS place FROM assets a JOIN hosts h ON h.id = a.host_id WHERE h.status = 'active' \
         AND NOT EXISTS (SELECT 1 FROM assets o WHERE o.host_id = h.id AND o.id <> a.id AND o.removed_ms IS NULL) AND ",
    );
    statement.among("a.id", &ids);
    for row in &statement.query().fetch_all(&mut **tx).await? {
        let host = unclaimed_from(row)?;
        let Some((before, after)) = changes.get(&row.try_get("asset_id")?) else {
            continue;
        };
        let followed = |own: &String, before: &String, after: &String| {
            if own == before { after.clone() } else { own.clone() }
        };
        let number = followed(&host.asset_number, &before.asset_number, &after.asset_number);
        let place = followed(&host.place, &before.place, &after.place);
        note_at_host(tx, &host, &number, &place).await?;
    }
    Ok(())
}

/// Notes number and place at a host, unless somebody has noted others meanwhile.
async fn note_at_host(tx: &mut Transaction, host: &Unclaimed, number: &str, place: &str) -> Result<()> {
    if number == host.asset_number && place == host.place {
        return Ok(());
    }
    sqlx::query(
        "UPDATE hosts SET asset_number = $2, place = $3, search_folded = $4 \
         WHERE id = $1 AND name = $5 AND asset_number = $6 AND place = $7",
    )
    .bind(host.id.0)
    .bind(number.to_owned())
    .bind(place.to_owned())
    .bind(fold(&format!("{} {number} {place}", host.name)))
    .bind(host.name.clone())
    .bind(host.asset_number.clone())
    .bind(host.place.clone())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Lines let go of hosts that are active no more, so that they find the PC again under another number.
///
/// # Errors
/// When the database fails.
pub async fn let_go(tx: &mut Transaction) -> Result<u64> {
    let let_go = sqlx::query(
        "UPDATE assets SET host_id = NULL, joined_by = '' WHERE removed_ms IS NULL AND host_id IN \
         (SELECT id FROM hosts WHERE status <> 'active')",
    )
    .execute(&mut **tx)
    .await?;
    Ok(let_go.rows_affected())
}
