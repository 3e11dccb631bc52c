//! Machines that PCs see on their networks, are no PC of ours and stand in no register: unmanaged, unless somebody
//! says that they are printers and the like.
//!
//! A machine counts at the unit of the active host that saw it last, for [`SHOWN_DAYS`]. It is one of ours when its
//! hardware address is in the fingerprint or on an adapter of a host that is not retired, or in a line of the register.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::fold::{fold, storable};
use super::query::{Page, Paged, Statement, containing, flag, json, parsed_option, word};
use super::{Registry, Result, Transaction};
use crate::entry::HostId;
use crate::scope::Scope;

/// What nobody has seen for so long is gone.
pub const SHOWN_DAYS: i64 = 30;

const DAY_MS: i64 = 24 * 3_600_000;

/// What a machine that is no PC is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// A printer, scanner or copier.
    Printer,
    /// A switch.
    Switch,
    /// A router or firewall.
    Router,
    /// A wireless access point.
    AccessPoint,
    /// A camera or its recorder.
    Camera,
    /// A telephone or tablet.
    Phone,
    /// A television, a conference system and the like.
    Appliance,
    /// Something else that is no PC.
    Other,
}

/// Which machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MachineList {
    /// Those that may be PCs.
    #[default]
    Unmanaged,
    /// Gateways of those who see them.
    Gateway,
    /// Those that are marked as something else.
    Marked,
    /// All.
    All,
}

/// Which machines; `None` means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineFilter {
    /// Seen by hosts of these units.
    pub units: Option<Vec<i64>>,
    /// Which.
    pub of: MachineList,
    /// Whose hardware address, address or seer's name contains this.
    pub search: Option<String>,
    /// With this hardware address.
    pub mac: Option<String>,
}

/// That somebody said what a machine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What.
    pub kind: DeviceKind,
    /// What was noted about it.
    pub note: String,
    /// By whom.
    pub marked_by: String,
    /// When.
    pub marked_ms: i64,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its hardware address.
    pub mac: String,
    /// Its address.
    pub address: String,
    /// The adapter of the host that saw it.
    pub adapter: String,
    /// Whether it is a gateway of that host.
    pub gateway: bool,
    /// That host.
    pub host: HostId,
    /// That host's name.
    pub host_name: String,
    /// That host's unit.
    pub unit_id: i64,
    /// That unit's name.
    pub unit_name: String,
    /// When it was seen first.
    pub first_ms: i64,
    /// When it was seen last.
    pub last_ms: i64,
    /// What somebody said that it is.
    pub mark: Option<Mark>,
}

/// One page of machines, those seen last first.
///
/// # Errors
/// When the database fails, or the cursor is not one of ours.
pub async fn list(
    registry: &Registry,
    scope: &Scope,
    filter: &MachineFilter,
    now_ms: i64,
    page: &Page,
) -> Result<Paged<Machine>> {
    let mut statement = select();
    narrow(&mut statement, scope, filter, now_ms);
    if let Some(((last_ms, mac), _)) = page.position::<(i64, String)>()? {
        statement.sql(" AND (n.last_ms < ").bind(last_ms);
        statement.sql(" OR (n.last_ms = ").bind(last_ms);
        statement.sql(" AND n.mac > ").bind(mac).sql("))");
    }
    statement
        .sql(" ORDER BY n.last_ms DESC, n.mac LIMIT ")
        .bind(page.limit() + 1);
    let rows = statement.query().fetch_all(registry.readers()).await?;
    let machines = rows.iter().map(from_row).collect::<Result<_>>()?;
    Ok(Paged::of(machines, page.limit(), |it: &Machine| {
        ((it.last_ms, it.mac.clone()), 0)
    }))
}

/// All machines that a filter finds, those seen last first, but no more than `limit`.
///
/// # Errors
/// When the database fails.
pub async fn first(
    registry: &Registry,
    scope: &Scope,
    filter: &MachineFilter,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<Machine>> {
    let mut statement = select();
    narrow(&mut statement, scope, filter, now_ms);
    statement
        .sql(" ORDER BY n.last_ms DESC, n.mac LIMIT ")
        .bind(limit);
    let rows = statement.query().fetch_all(registry.readers()).await?;
    rows.iter().map(from_row).collect()
}

/// How many machines a filter finds.
///
/// # Errors
/// When the database fails.
pub async fn count(registry: &Registry, scope: &Scope, filter: &MachineFilter, now_ms: i64) -> Result<i64> {
    let mut statement = Statement::new("SELECT COUNT(*)");
    statement.sql(FROM);
    narrow(&mut statement, scope, filter, now_ms);
    let row = statement.query().fetch_one(registry.readers()).await?;
    Ok(row.try_get(0)?)
}

/// How many machines that may be PCs each unit's hosts see.
///
/// # Errors
/// When the database fails.
pub async fn numbers(registry: &Registry, scope: &Scope, now_ms: i64) -> Result<HashMap<i64, i64>> {
    let mut statement = Statement::new("SELECT h.unit_id AS unit_id, COUNT(*) AS machines");
    statement.sql(FROM);
    narrow(&mut statement, scope, &MachineFilter::default(), now_ms);
    statement.sql(" GROUP BY h.unit_id");
    let rows = statement.query().fetch_all(registry.readers()).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("unit_id")?, row.try_get("machines")?)))
        .collect()
}

/// Says what a machine is.
///
/// # Errors
/// When the database fails.
pub async fn mark(tx: &mut Transaction, mac: &str, mark: &Mark) -> Result<()> {
    sqlx::query(
        "INSERT INTO machine_marks (mac, kind, note, marked_by, marked_ms) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (mac) DO UPDATE SET kind = excluded.kind, note = excluded.note, \
         marked_by = excluded.marked_by, marked_ms = excluded.marked_ms",
    )
    .bind(mac.to_owned())
    .bind(word(mark.kind))
    .bind(storable(&mark.note))
    .bind(storable(&mark.marked_by))
    .bind(mark.marked_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes back what was said of a machine; whether anything was.
///
/// # Errors
/// When the database fails.
pub async fn unmark(tx: &mut Transaction, mac: &str) -> Result<bool> {
    let unmarked = sqlx::query("DELETE FROM machine_marks WHERE mac = $1")
        .bind(mac.to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(unmarked.rows_affected() > 0)
}

/// Hosts whose network changed since their adapters were read, with that network; some hundred at most.
///
/// # Errors
/// When the database fails.
pub async fn unread_networks(registry: &Registry, limit: i64) -> Result<Vec<(HostId, i64, Value)>> {
    sqlx::query(
        "SELECT h.id AS id, h.network_ms AS network_ms, h.network_detail AS network_detail FROM hosts h \
         LEFT JOIN host_adapters_read r ON r.host_id = h.id WHERE h.network_ms IS NOT NULL \
         AND h.network_detail IS NOT NULL AND (r.network_ms IS NULL OR r.network_ms <> h.network_ms) \
         ORDER BY h.id LIMIT $1",
    )
    .bind(limit)
    .fetch_all(registry.readers())
    .await?
    .iter()
    .map(|row| {
        // What cannot be read as JSON has no adapters, and is not looked at again.
        let detail = json(row, "network_detail").unwrap_or(Value::Null);
        Ok((HostId(row.try_get("id")?), row.try_get("network_ms")?, detail))
    })
    .collect()
}

/// The hardware addresses of a host, as of one state of its network.
///
/// # Errors
/// When the database fails.
pub async fn set_adapters(
    tx: &mut Transaction,
    host: HostId,
    network_ms: i64,
    macs: &[String],
) -> Result<()> {
    sqlx::query("DELETE FROM host_adapters WHERE host_id = $1")
        .bind(host.0)
        .execute(&mut **tx)
        .await?;
    for mac in macs {
        sqlx::query(
            "INSERT INTO host_adapters (mac, host_id) VALUES ($1, $2) ON CONFLICT (mac, host_id) DO NOTHING",
        )
        .bind(mac.clone())
        .bind(host.0)
        .execute(&mut **tx)
        .await?;
    }
    sqlx::query(
        "INSERT INTO host_adapters_read (host_id, network_ms) VALUES ($1, $2) \
         ON CONFLICT (host_id) DO UPDATE SET network_ms = excluded.network_ms",
    )
    .bind(host.0)
    .bind(network_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

const FROM: &str = " FROM neighbours n JOIN hosts h ON h.id = n.host_id AND h.status = 'active' \
    JOIN units u ON u.id = h.unit_id LEFT JOIN machine_marks m ON m.mac = n.mac WHERE 1 = 1";

/// Whether the machine's address is among its seer's gateways. They are kept as JSON, which no function of both
/// databases reads; its keys are always written in this order and without spaces.
const GATEWAY: &str = "COALESCE(h.network_detail, '') LIKE '%\"gateways\":[%\"' || \
    REPLACE(REPLACE(n.address, '%', ''), '_', '') || '\"%],\"resolvers\":%'";

fn select() -> Statement {
    let mut statement = Statement::new(
        "SELECT n.mac AS mac, n.address AS address, n.adapter AS adapter, h.id AS host_id, h.name AS host_name, \
         u.id AS unit_id, u.name AS unit_name, n.first_ms AS first_ms, n.last_ms AS last_ms, m.kind AS mark_kind, \
         COALESCE(m.note, '') AS mark_note, COALESCE(m.marked_by, '') AS marked_by, \
         COALESCE(m.marked_ms, 0) AS marked_ms, CASE WHEN ",
    );
    statement
        .sql(GATEWAY)
        .sql(" THEN 1 ELSE 0 END AS gateway")
        .sql(FROM);
    statement
}

fn from_row(row: &AnyRow) -> Result<Machine> {
    let mark = match parsed_option(row, "mark_kind")? {
        Some(kind) => Some(Mark {
            kind,
            note: row.try_get("mark_note")?,
            marked_by: row.try_get("marked_by")?,
            marked_ms: row.try_get("marked_ms")?,
        }),
        None => None,
    };
    Ok(Machine {
        mac: row.try_get("mac")?,
        address: row.try_get("address")?,
        adapter: row.try_get("adapter")?,
        gateway: flag(row, "gateway")?,
        host: HostId(row.try_get("host_id")?),
        host_name: row.try_get("host_name")?,
        unit_id: row.try_get("unit_id")?,
        unit_name: row.try_get("unit_name")?,
        first_ms: row.try_get("first_ms")?,
        last_ms: row.try_get("last_ms")?,
        mark,
    })
}

fn narrow(statement: &mut Statement, scope: &Scope, filter: &MachineFilter, now_ms: i64) {
    statement
        .sql(" AND n.last_ms >= ")
        .bind(now_ms - SHOWN_DAYS * DAY_MS);
    for units in [&scope.units, &filter.units].into_iter().flatten() {
        statement.sql(" AND ").among("h.unit_id", units);
    }
    for (table, kind) in [
        (
            "host_marks k JOIN hosts o ON o.id = k.host_id WHERE k.value",
            " AND k.kind = 'mac'",
        ),
        ("host_adapters k JOIN hosts o ON o.id = k.host_id WHERE k.mac", ""),
    ] {
        statement.sql(&format!(
            " AND NOT EXISTS (SELECT 1 FROM {table} = n.mac{kind} AND o.status <> 'retired')"
        ));
    }
    statement.sql(" AND NOT EXISTS (SELECT 1 FROM assets a WHERE a.mac = n.mac AND a.removed_ms IS NULL)");
    match filter.of {
        MachineList::Unmanaged => statement
            .sql(" AND m.mac IS NULL AND NOT (")
            .sql(GATEWAY)
            .sql(")"),
        MachineList::Gateway => statement.sql(" AND m.mac IS NULL AND ").sql(GATEWAY),
        MachineList::Marked => statement.sql(" AND m.mac IS NOT NULL"),
        MachineList::All => statement,
    };
    if let Some(search) = &filter.search {
        let pattern = containing(&fold(search));
        for (column, before) in [
            ("n.mac", " AND ("),
            ("n.address", " OR "),
            ("h.search_folded", " OR "),
        ] {
            statement.sql(before).sql(column).sql(" LIKE ");
            statement.bind(pattern.clone()).sql(" ESCAPE '!'");
        }
        statement.sql(")");
    }
    if let Some(mac) = &filter.mac {
        statement.sql(" AND n.mac = ").bind(mac.clone());
    }
}
