//! Hosts as people ask for them: filtered, scoped, sorted, in pages, with their numbers.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;
use vong_proto::event::Severity;

use super::fold::fold;
use super::host::{self, Host, HostStatus, Protection};
use super::query::{Page, Paged, Statement, containing, severity_option, word};
use super::{Error, Registry, Result};
use crate::entry::HostId;
use crate::scope::Scope;

/// A host with what a list shows beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedHost {
    /// The host.
    pub host: Host,
    /// Its unit's name.
    pub unit_name: String,
    /// Its unresolved alerts.
    pub alerts_open: i64,
    /// The gravest of them.
    pub worst_severity: Option<Severity>,
    /// Whether every agent that it ever had has lost its rights.
    pub revoked: bool,
}

/// Which hosts; `None` means all. Retired hosts are never listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFilter {
    /// Whose name, asset number or place contains this, however it is typed.
    pub search: Option<String>,
    /// Of these units, usually a unit's subtree.
    pub units: Option<Vec<i64>>,
    /// With this status.
    pub status: Option<HostStatus>,
    /// Connected, silent, never heard or heard lately.
    pub connection: Option<Connection>,
    /// So protected.
    pub protection: Option<Protection>,
    /// Whose protection rests on exactly this product.
    pub product: Option<String>,
    /// Whose antivirus does not protect for this reason.
    pub reason: Option<String>,
    /// Whose definitions were built before this.
    pub definitions_before_ms: Option<i64>,
    /// Among these, such as those with missing events.
    pub among: Option<Vec<HostId>>,
}

/// Whether a host is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Now.
    Connected,
    /// Not now, but it was.
    Silent,
    /// It has never been.
    Never,
    /// It is, or was, at this time or later.
    Seen {
        /// By the collector's clock.
        since_ms: i64,
    },
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostSort {
    /// By name.
    #[default]
    Name,
    /// The last heard first; those never heard at the end.
    LastSeen,
    /// By the unit's name.
    Unit,
}

/// How many hosts there are of each sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostNumbers {
    /// Active ones.
    pub registered: i64,
    /// Of these, heard lately.
    pub seen: i64,
    /// Of these, protected and heard lately.
    pub protected: i64,
    /// Of these, connected now.
    pub connected: i64,
    /// Of these, heard once, but not connected now.
    pub silent: i64,
    /// Waiting for approval.
    pub pending: i64,
    /// Active ones by their protection: protected, stale, off, missing, unknown.
    pub by_protection: [i64; 5],
}

/// The order of [`HostNumbers::by_protection`].
pub const PROTECTIONS: [Protection; 5] = [
    Protection::Protected,
    Protection::Stale,
    Protection::Off,
    Protection::Missing,
    Protection::Unknown,
];

/// One page of hosts.
///
/// # Errors
/// When the database fails, or the cursor is not one of ours.
pub async fn list(
    registry: &Registry,
    scope: &Scope,
    filter: &HostFilter,
    sort: HostSort,
    page: &Page,
) -> Result<Paged<ListedHost>> {
    let mut statement = select();
    narrow(&mut statement, scope, filter);
    after(&mut statement, sort, page)?;
    let order = match sort {
        HostSort::Name => " ORDER BY h.name_folded, h.id",
        HostSort::LastSeen => " ORDER BY COALESCE(h.last_seen_ms, 0) DESC, h.id DESC",
        HostSort::Unit => " ORDER BY u.name_folded, h.id",
    };
    statement.sql(order).sql(" LIMIT ").bind(page.limit() + 1);
    let hosts: Vec<ListedHost> = statement
        .query()
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(from_row)
        .collect::<Result<_>>()?;
    Ok(Paged::of(hosts, page.limit(), |listed| {
        (key(listed, sort), listed.host.id.0)
    }))
}

/// How many hosts a filter finds.
///
/// # Errors
/// When the database fails.
pub async fn count(registry: &Registry, scope: &Scope, filter: &HostFilter) -> Result<i64> {
    let mut statement = Statement::new("SELECT COUNT(*)");
    statement.sql(FROM);
    narrow(&mut statement, scope, filter);
    let row = statement.query().fetch_one(registry.readers()).await?;
    Ok(row.try_get(0)?)
}

/// One host, if it is in scope; retired ones too.
///
/// # Errors
/// When the database fails.
pub async fn by_id(registry: &Registry, scope: &Scope, id: HostId) -> Result<Option<ListedHost>> {
    let mut statement = select();
    if let Some(units) = &scope.units {
        statement.sql(" AND ").among("h.unit_id", units);
    }
    statement.sql(" AND h.id = ").bind(id.0);
    statement
        .query()
        .fetch_optional(registry.readers())
        .await?
        .map(|row| from_row(&row))
        .transpose()
}

/// How many hosts there are of each sort.
///
/// # Errors
/// When the database fails.
pub async fn numbers(registry: &Registry, scope: &Scope, seen_since_ms: i64) -> Result<HostNumbers> {
    let mut statement = Statement::new(
        "SELECT h.status, h.protection, h.connected, COALESCE(h.last_seen_ms, -1) AS seen_ms, ",
    );
    // The grouping folds thousands of hosts into a few rows; what they mean is said here, in one place.
    statement.sql(
        "COUNT(*) AS hosts FROM (SELECT status, protection, connected, unit_id, CASE WHEN last_seen_ms >= ",
    );
    statement.bind(seen_since_ms);
    statement
        .sql(" THEN 1 WHEN last_seen_ms IS NOT NULL THEN 0 END AS last_seen_ms FROM hosts) h WHERE 1 = 1");
    if let Some(units) = &scope.units {
        statement.sql(" AND ").among("h.unit_id", units);
    }
    statement.sql(" GROUP BY h.status, h.protection, h.connected, h.last_seen_ms");
    let mut numbers = HostNumbers::default();
    for row in &statement.query().fetch_all(registry.readers()).await? {
        add(&mut numbers, row)?;
    }
    Ok(numbers)
}

/// How many hosts wait for approval in each unit itself.
///
/// # Errors
/// When the database fails.
pub async fn pending(registry: &Registry, scope: &Scope) -> Result<HashMap<i64, i64>> {
    let mut statement = Statement::new(
        "SELECT h.unit_id AS unit_id, COUNT(*) AS hosts FROM hosts h WHERE h.status = 'pending'",
    );
    if let Some(units) = &scope.units {
        statement.sql(" AND ").among("h.unit_id", units);
    }
    statement.sql(" GROUP BY h.unit_id");
    let rows = statement.query().fetch_all(registry.readers()).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("unit_id")?, row.try_get("hosts")?)))
        .collect()
}

fn add(numbers: &mut HostNumbers, row: &AnyRow) -> Result<()> {
    let hosts: i64 = row.try_get("hosts")?;
    match super::query::parsed(row, "status")? {
        HostStatus::Retired => return Ok(()),
        HostStatus::Pending => {
            numbers.pending += hosts;
            return Ok(());
        }
        HostStatus::Active => numbers.registered += hosts,
    }
    let protection: Protection = super::query::parsed(row, "protection")?;
    let seen: i64 = row.try_get("seen_ms")?;
    let connected = super::query::flag(row, "connected")?;
    if seen == 1 {
        numbers.seen += hosts;
        if protection == Protection::Protected {
            numbers.protected += hosts;
        }
    }
    if connected {
        numbers.connected += hosts;
    } else if seen >= 0 {
        numbers.silent += hosts;
    }
    for (number, kind) in numbers.by_protection.iter_mut().zip(PROTECTIONS) {
        if kind == protection {
            *number += hosts;
        }
    }
    Ok(())
}

const FROM: &str = " FROM hosts h JOIN units u ON u.id = h.unit_id WHERE 1 = 1";

fn select() -> Statement {
    let mut statement = Statement::new("SELECT ");
    statement.sql(host::COLUMNS);
    statement.sql(", u.name AS unit_name");
    for (aggregate, name) in [("COUNT(*)", "alerts_open"), ("MAX(a.severity)", "worst_severity")] {
        statement.sql(&format!(
            ", (SELECT {aggregate} FROM alerts a WHERE a.host_id = h.id AND a.unit_id IS NULL AND a.state <> 'resolved') AS {name}"
        ));
    }
    statement.sql(
        ", COALESCE((SELECT MIN(CASE WHEN g.revoked_ms IS NULL THEN 0 ELSE 1 END) FROM agents g \
         WHERE g.host_id = h.id), 0) AS revoked",
    );
    statement.sql(FROM);
    statement
}

fn from_row(row: &AnyRow) -> Result<ListedHost> {
    Ok(ListedHost {
        host: host::from_row(row)?,
        unit_name: row.try_get("unit_name")?,
        alerts_open: row.try_get("alerts_open")?,
        worst_severity: severity_option(row, "worst_severity")?,
        revoked: super::query::flag(row, "revoked")?,
    })
}

/// The units of hosts; those that this registry does not know have none.
///
/// # Errors
/// When the database fails.
pub async fn units_of(registry: &Registry, hosts: &[HostId]) -> Result<Vec<i64>> {
    let mut statement = Statement::new("SELECT DISTINCT unit_id FROM hosts WHERE ");
    statement.among("id", &numbers_of(hosts)).sql(" ORDER BY unit_id");
    let rows = statement.query().fetch_all(registry.readers()).await?;
    rows.iter().map(|row| Ok(row.try_get("unit_id")?)).collect()
}

/// The names of hosts with their units, at most so many.
///
/// # Errors
/// When the database fails.
pub async fn names_of(registry: &Registry, hosts: &[HostId], limit: usize) -> Result<Vec<String>> {
    let mut statement = Statement::new(
        "SELECT h.name AS name, u.name AS unit FROM hosts h JOIN units u ON u.id = h.unit_id WHERE ",
    );
    statement.among("h.id", &numbers_of(hosts));
    statement.sql(" ORDER BY u.name_folded, h.name_folded LIMIT ");
    statement.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = statement.query().fetch_all(registry.readers()).await?;
    let named = |row: &AnyRow| {
        let (name, unit): (String, String) = (row.try_get("name")?, row.try_get("unit")?);
        Ok(format!("{name} – {unit}"))
    };
    rows.iter().map(named).collect()
}

fn numbers_of(hosts: &[HostId]) -> Vec<i64> {
    hosts.iter().map(|host| host.0).collect()
}

fn narrow(statement: &mut Statement, scope: &Scope, filter: &HostFilter) {
    statement.sql(" AND h.status <> 'retired'");
    for units in [&scope.units, &filter.units].into_iter().flatten() {
        statement.sql(" AND ").among("h.unit_id", units);
    }
    if let Some(hosts) = &filter.among {
        let ids: Vec<i64> = hosts.iter().map(|host| host.0).collect();
        statement.sql(" AND ").among("h.id", &ids);
    }
    if let Some(search) = &filter.search {
        statement.sql(" AND h.search_folded LIKE ");
        statement.bind(containing(&fold(search))).sql(" ESCAPE '!'");
    }
    match filter.connection {
        Some(Connection::Connected) => statement.sql(" AND h.connected = 1"),
        Some(Connection::Silent) => statement.sql(" AND h.connected = 0 AND h.last_seen_ms IS NOT NULL"),
        Some(Connection::Never) => statement.sql(" AND h.connected = 0 AND h.last_seen_ms IS NULL"),
        Some(Connection::Seen { since_ms }) => statement.sql(" AND h.last_seen_ms >= ").bind(since_ms),
        None => statement,
    };
    if let Some(status) = filter.status {
        statement.sql(" AND h.status = ").bind(word(status));
    }
    if let Some(protection) = filter.protection {
        statement.sql(" AND h.protection = ").bind(word(protection));
    }
    for (column, value) in [
        ("h.product", &filter.product),
        ("h.protection_reason", &filter.reason),
    ] {
        if let Some(value) = value {
            statement.sql(&format!(" AND {column} = ")).bind(value.clone());
        }
    }
    if let Some(before_ms) = filter.definitions_before_ms {
        statement.sql(" AND h.definitions_ms < ").bind(before_ms);
    }
}

fn after(statement: &mut Statement, sort: HostSort, page: &Page) -> Result<()> {
    let Some((key, id)) = page.position::<Value>()? else {
        return Ok(());
    };
    let (column, sign) = match sort {
        HostSort::Name => ("h.name_folded", ">"),
        HostSort::LastSeen => ("COALESCE(h.last_seen_ms, 0)", "<"),
        HostSort::Unit => ("u.name_folded", ">"),
    };
    let bind_key = |statement: &mut Statement| -> Result<()> {
        match &key {
            Value::String(text) if sort != HostSort::LastSeen => statement.bind(text.clone()),
            Value::Number(number) if sort == HostSort::LastSeen => {
                statement.bind(number.as_i64().ok_or(Error::Cursor)?)
            }
            _ => return Err(Error::Cursor),
        };
        Ok(())
    };
    statement.sql(&format!(" AND ({column} {sign} "));
    bind_key(statement)?;
    statement.sql(&format!(" OR ({column} = "));
    bind_key(statement)?;
    statement.sql(&format!(" AND h.id {sign} ")).bind(id).sql("))");
    Ok(())
}

fn key(listed: &ListedHost, sort: HostSort) -> Value {
    match sort {
        HostSort::Name => fold(&listed.host.name).into(),
        HostSort::LastSeen => listed.host.last_seen_ms.unwrap_or(0).into(),
        HostSort::Unit => fold(&listed.unit_name).into(),
    }
}
