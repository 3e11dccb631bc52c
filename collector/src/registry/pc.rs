//! Known PCs: lines of the asset register and hosts, each PC once, with the numbers of the coverage.
//!
//! A known PC is a line of the register that was not taken out of it, or an active host that no such line is joined
//! to; a line and the active host that it is joined to are one PC. It counts at its host's unit, and at its line's
//! where it has no active host. Numbers and lists are made from the same rows ([`rows_of`]), so that a number and the
//! list behind it cannot differ.

use std::collections::HashMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::exception::ExceptionKind;
use super::fold::fold;
use super::host::Protection;
use super::query::{Page, Paged, Statement, containing, flag, parsed_option};
use super::{Registry, Result};
use crate::entry::HostId;
use crate::scope::Scope;

/// Definitions that are older than so many days are outdated.
pub const OUTDATED_DAYS: i64 = 15;

const DAY_MS: i64 = 24 * 3_600_000;

/// The moment that numbers refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now_ms: i64,
    /// A PC that was heard of at this time or later is seen.
    pub seen_since_ms: i64,
}

impl Moment {
    /// Now, where a PC is seen when it was heard of within so many days.
    pub fn of(now_ms: i64, days: u32) -> Self {
        Self {
            now_ms,
            seen_since_ms: now_ms - i64::from(days) * DAY_MS,
        }
    }
}

/// The numbers of some known PCs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PcNumbers {
    /// All of them.
    pub registered: i64,
    /// Of these, those whose host is connected, or was heard of lately.
    pub seen: i64,
    /// Of the seen, those whose host is protected.
    pub protected: i64,
    /// Of the registered, those with a current exception.
    pub excepted: i64,
    /// Of the protected, those without one.
    pub protected_not_excepted: i64,
    /// Of the seen, those with definitions older than [`OUTDATED_DAYS`].
    pub outdated: i64,
    /// Lines of the register without an active host.
    pub not_enrolled: i64,
    /// Active hosts without a line of the register.
    pub not_in_register: i64,
    /// Those whose line names another unit than their host's.
    pub mismatch: i64,
}

impl AddAssign for PcNumbers {
    fn add_assign(&mut self, other: Self) {
        self.registered += other.registered;
        self.seen += other.seen;
        self.protected += other.protected;
        self.excepted += other.excepted;
        self.protected_not_excepted += other.protected_not_excepted;
        self.outdated += other.outdated;
        self.not_enrolled += other.not_enrolled;
        self.not_in_register += other.not_in_register;
        self.mismatch += other.mismatch;
    }
}

/// The number whose PCs are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PcList {
    /// All known PCs.
    #[default]
    Registered,
    /// Those heard of lately.
    Seen,
    /// The seen that are protected.
    Protected,
    /// All but the seen.
    NotSeen,
    /// The seen but the protected.
    Unprotected,
    /// Lines of the register without an active host.
    NotEnrolled,
    /// Active hosts without a line of the register.
    NotInRegister,
    /// Those with a current exception.
    Excepted,
    /// The seen with old definitions.
    Outdated,
    /// Those whose line names another unit than their host's.
    Mismatch,
}

impl PcList {
    fn condition(self) -> &'static str {
        match self {
            Self::Registered => "1 = 1",
            Self::Seen => "p.seen = 1",
            Self::Protected => "p.protected = 1",
            Self::NotSeen => "p.seen = 0",
            Self::Unprotected => "p.seen = 1 AND p.protected = 0",
            Self::NotEnrolled => "p.host_id IS NULL",
            Self::NotInRegister => "p.asset_id IS NULL",
            Self::Excepted => "p.excepted = 1",
            Self::Outdated => "p.outdated = 1",
            Self::Mismatch => "p.mismatch = 1",
        }
    }
}

/// Which PCs; `None` means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PcFilter {
    /// Behind which number.
    pub of: PcList,
    /// Of these units, usually a unit's subtree.
    pub units: Option<Vec<i64>>,
    /// Whose name, asset number, place or custodian contains this, however it is typed.
    pub search: Option<String>,
}

/// What a line of the register was joined to its host by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinedBy {
    /// The asset number.
    AssetNumber,
    /// A hardware address.
    Mac,
    /// The serial number.
    Serial,
    /// The name, which only one PC of the unit has.
    Name,
}

/// What the register says of a PC, whatever its host says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcLine {
    /// Its number.
    pub id: i64,
    /// Its unit and that unit's name.
    pub unit: (i64, String),
    /// The inventory number.
    pub asset_number: String,
    /// The PC's name.
    pub name: String,
    /// Where it stands.
    pub place: String,
    /// Its operating system.
    pub os: String,
}

/// A known PC.
#[derive(Clone, Debug, PartialEq)]
pub struct Pc {
    /// Its number in lists.
    pub id: i64,
    /// The register's line.
    pub line: Option<PcLine>,
    /// The active host.
    pub host_id: Option<HostId>,
    /// The host's name, or the line's.
    pub name: String,
    /// The unit it counts at.
    pub unit_id: i64,
    /// That unit's name.
    pub unit_name: String,
    /// The inventory number.
    pub asset_number: String,
    /// Where it stands.
    pub place: String,
    /// Who uses it.
    pub custodian: String,
    /// What it is, in the register's words.
    pub kind: String,
    /// Its operating system.
    pub os: String,
    /// The line's hardware address.
    pub mac: String,
    /// The line's serial number.
    pub serial: String,
    /// What the register notes.
    pub note: String,
    /// What the line was joined to its host by.
    pub joined_by: Option<JoinedBy>,
    /// Whether it is seen.
    pub seen: bool,
    /// Whether its host is connected.
    pub connected: bool,
    /// When its host was heard of last.
    pub last_seen_ms: Option<i64>,
    /// Whether antivirus protects its host.
    pub protection: Option<Protection>,
    /// A code of why it does not.
    pub protection_reason: String,
    /// The product that this rests on.
    pub product: String,
    /// Its version.
    pub product_version: String,
    /// When its definitions were built.
    pub definitions_ms: Option<i64>,
    /// Its current exception: number, kind, end.
    pub exception: Option<(i64, ExceptionKind, i64)>,
}

/// The numbers of each unit's own PCs; a unit without PCs is absent.
///
/// # Errors
/// When the database fails.
pub async fn numbers(registry: &Registry, scope: &Scope, moment: Moment) -> Result<HashMap<i64, PcNumbers>> {
    let mut statement = Statement::new("SELECT p.unit_id AS unit_id, COUNT(*) AS registered");
    for (name, of) in [
        ("seen", "p.seen"),
        ("protected", "p.protected"),
        ("excepted", "p.excepted"),
        ("protected_not_excepted", "p.protected * (1 - p.excepted)"),
        ("outdated", "p.outdated"),
        ("not_enrolled", "CASE WHEN p.host_id IS NULL THEN 1 ELSE 0 END"),
        (
            "not_in_register",
            "CASE WHEN p.asset_id IS NULL THEN 1 ELSE 0 END",
        ),
        ("mismatch", "p.mismatch"),
    ] {
        statement.sql(&format!(", CAST(SUM({of}) AS BIGINT) AS {name}"));
    }
    statement.sql(" FROM (");
    rows_of(&mut statement, moment);
    statement.sql(") p WHERE 1 = 1");
    narrow(&mut statement, scope, &PcFilter::default());
    statement.sql(" GROUP BY p.unit_id");
    let rows = statement.query().fetch_all(registry.readers()).await?;
    rows.iter()
        .map(|row| {
            let numbers = PcNumbers {
                registered: row.try_get("registered")?,
                seen: row.try_get("seen")?,
                protected: row.try_get("protected")?,
                excepted: row.try_get("excepted")?,
                protected_not_excepted: row.try_get("protected_not_excepted")?,
                outdated: row.try_get("outdated")?,
                not_enrolled: row.try_get("not_enrolled")?,
                not_in_register: row.try_get("not_in_register")?,
                mismatch: row.try_get("mismatch")?,
            };
            Ok((row.try_get("unit_id")?, numbers))
        })
        .collect()
}

/// One page of PCs, by name.
///
/// # Errors
/// When the database fails, or the cursor is not one of ours.
pub async fn list(
    registry: &Registry,
    scope: &Scope,
    filter: &PcFilter,
    moment: Moment,
    page: &Page,
) -> Result<Paged<Pc>> {
    let after = page.position::<String>()?;
    let pcs = read(registry, scope, filter, moment, after, page.limit() + 1).await?;
    Ok(Paged::of(pcs, page.limit(), |(key, pc)| (key.clone(), pc.id)).map(|(_, pc)| pc))
}

/// All PCs that a filter finds, by name, but no more than `limit`.
///
/// # Errors
/// When the database fails.
pub async fn first(
    registry: &Registry,
    scope: &Scope,
    filter: &PcFilter,
    moment: Moment,
    limit: i64,
) -> Result<Vec<Pc>> {
    let pcs = read(registry, scope, filter, moment, None, limit).await?;
    Ok(pcs.into_iter().map(|(_, pc)| pc).collect())
}

/// How many PCs a filter finds.
///
/// # Errors
/// When the database fails.
pub async fn count(registry: &Registry, scope: &Scope, filter: &PcFilter, moment: Moment) -> Result<i64> {
    let mut statement = Statement::new("SELECT COUNT(*) FROM (");
    rows_of(&mut statement, moment);
    statement.sql(") p WHERE 1 = 1");
    narrow(&mut statement, scope, filter);
    let row = statement.query().fetch_one(registry.readers()).await?;
    Ok(row.try_get(0)?)
}

/// Reads PCs with the keys of their order. The page is cut out of narrow rows first; what is shown is read for the
/// page alone, because a host's row may be long.
async fn read(
    registry: &Registry,
    scope: &Scope,
    filter: &PcFilter,
    moment: Moment,
    after: Option<(String, i64)>,
    limit: i64,
) -> Result<Vec<(String, Pc)>> {
    let mut statement = Statement::new(SHOWN);
    statement.sql(" FROM (SELECT * FROM (");
    rows_of(&mut statement, moment);
    statement.sql(") p WHERE 1 = 1");
    narrow(&mut statement, scope, filter);
    if let Some((key, id)) = after {
        statement.sql(" AND (p.name_key > ").bind(key.clone());
        statement.sql(" OR (p.name_key = ").bind(key);
        statement.sql(" AND p.id > ").bind(id).sql("))");
    }
    statement.sql(" ORDER BY p.name_key, p.id LIMIT ").bind(limit);
    statement.sql(
        ") p JOIN units u ON u.id = p.unit_id LEFT JOIN assets a ON a.id = p.asset_id \
         LEFT JOIN units r ON r.id = a.unit_id LEFT JOIN hosts h ON h.id = p.host_id \
         LEFT JOIN exceptions x ON x.id = (SELECT MAX(e.id) FROM exceptions e \
         WHERE (e.asset_id = p.asset_id OR e.host_id = p.host_id) AND ",
    );
    current(&mut statement, moment.now_ms);
    statement.sql(") ORDER BY p.name_key, p.id");
    let rows = statement.query().fetch_all(registry.readers()).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("name_key")?, from_row(row)?)))
        .collect()
}

const SHOWN: &str = "SELECT p.id AS id, p.asset_id AS asset_id, p.host_id AS host_id, p.unit_id AS unit_id, \
    p.seen AS seen, p.name_key AS name_key, u.name AS unit_name, a.unit_id AS register_unit_id, \
    r.name AS register_unit_name, a.asset_number AS line_number, a.name AS line_name, a.place AS line_place, \
    a.os AS line_os, COALESCE(h.name, a.name) AS name, \
    COALESCE(NULLIF(h.asset_number, ''), a.asset_number, '') AS asset_number, \
    COALESCE(NULLIF(h.place, ''), a.place, '') AS place, COALESCE(a.custodian, '') AS custodian, \
    COALESCE(a.kind, '') AS kind, COALESCE(NULLIF(h.os, ''), a.os, '') AS os, COALESCE(a.mac, '') AS mac, \
    COALESCE(a.serial, '') AS serial, COALESCE(a.note, '') AS note, \
    CASE WHEN p.host_id IS NULL THEN NULL ELSE NULLIF(a.joined_by, '') END AS joined_by, \
    COALESCE(h.connected, 0) AS connected, h.last_seen_ms AS last_seen_ms, h.protection AS protection, \
    COALESCE(h.protection_reason, '') AS protection_reason, COALESCE(h.product, '') AS product, \
    COALESCE(h.product_version, '') AS product_version, h.definitions_ms AS definitions_ms, \
    x.id AS exception_id, x.kind AS exception_kind, x.ends_ms AS exception_ends_ms";

fn from_row(row: &AnyRow) -> Result<Pc> {
    let exception = match (
        row.try_get("exception_id")?,
        parsed_option(row, "exception_kind")?,
        row.try_get("exception_ends_ms")?,
    ) {
        (Some(id), Some(kind), Some(ends_ms)) => Some((id, kind, ends_ms)),
        _ => None,
    };
    Ok(Pc {
        id: row.try_get("id")?,
        line: line_from_row(row)?,
        host_id: row.try_get::<Option<i64>, _>("host_id")?.map(HostId),
        name: row.try_get("name")?,
        unit_id: row.try_get("unit_id")?,
        unit_name: row.try_get("unit_name")?,
        asset_number: row.try_get("asset_number")?,
        place: row.try_get("place")?,
        custodian: row.try_get("custodian")?,
        kind: row.try_get("kind")?,
        os: row.try_get("os")?,
        mac: row.try_get("mac")?,
        serial: row.try_get("serial")?,
        note: row.try_get("note")?,
        joined_by: parsed_option(row, "joined_by")?,
        seen: flag(row, "seen")?,
        connected: flag(row, "connected")?,
        last_seen_ms: row.try_get("last_seen_ms")?,
        protection: parsed_option(row, "protection")?,
        protection_reason: row.try_get("protection_reason")?,
        product: row.try_get("product")?,
        product_version: row.try_get("product_version")?,
        definitions_ms: row.try_get("definitions_ms")?,
        exception,
    })
}

fn line_from_row(row: &AnyRow) -> Result<Option<PcLine>> {
    let Some(id) = row.try_get("asset_id")? else {
        return Ok(None);
    };
    Ok(Some(PcLine {
        id,
        unit: (
            row.try_get("register_unit_id")?,
            row.try_get("register_unit_name")?,
        ),
        asset_number: row.try_get("line_number")?,
        name: row.try_get("line_name")?,
        place: row.try_get("line_place")?,
        os: row.try_get("line_os")?,
    }))
}

/// Appends a query of all known PCs, one row each: `id`, `asset_id`, `host_id`, `unit_id`, the truths `seen`,
/// `protected`, `excepted`, `outdated` and `mismatch` as 0 and 1, `name_key` and `search`.
fn rows_of(statement: &mut Statement, moment: Moment) {
    statement.sql(
        "SELECT a.id * 2 AS id, a.id AS asset_id, h.id AS host_id, COALESCE(h.unit_id, a.unit_id) AS unit_id, \
         CASE WHEN h.unit_id <> a.unit_id THEN 1 ELSE 0 END AS mismatch, \
         COALESCE(h.name_folded, a.name_folded) AS name_key, \
         COALESCE(h.search_folded, '') || ' ' || a.search_folded AS search, ",
    );
    truths(statement, moment);
    excepted(statement, "a.id", "asset_id", moment);
    statement.sql(" OR ");
    excepted(statement, "h.id", "host_id", moment);
    statement.sql(
        " THEN 1 ELSE 0 END AS excepted FROM assets a LEFT JOIN hosts h ON h.id = a.host_id AND h.status = 'active' \
         WHERE a.removed_ms IS NULL UNION ALL \
         SELECT h.id * 2 + 1, CAST(NULL AS BIGINT), h.id, h.unit_id, 0, h.name_folded, h.search_folded, ",
    );
    truths(statement, moment);
    excepted(statement, "h.id", "host_id", moment);
    statement.sql(
        " THEN 1 ELSE 0 END FROM hosts h WHERE h.status = 'active' AND NOT EXISTS \
         (SELECT 1 FROM assets a WHERE a.host_id = h.id AND a.removed_ms IS NULL)",
    );
}

/// Whether a PC is seen, protected and outdated, up to the beginning of whether it is an exception.
fn truths(statement: &mut Statement, moment: Moment) {
    let outdated_before_ms = moment.now_ms - OUTDATED_DAYS * DAY_MS;
    for (name, further, bound) in [
        ("seen", "", None),
        ("protected", " AND h.protection = 'protected'", None),
        ("outdated", " AND h.definitions_ms < ", Some(outdated_before_ms)),
    ] {
        statement.sql("CASE WHEN (h.connected = 1 OR h.last_seen_ms >= ");
        statement.bind(moment.seen_since_ms).sql(")").sql(further);
        if let Some(bound) = bound {
            statement.bind(bound);
        }
        statement.sql(&format!(" THEN 1 ELSE 0 END AS {name}, "));
    }
    statement.sql("CASE WHEN ");
}

fn excepted(statement: &mut Statement, id: &str, column: &str, moment: Moment) {
    statement.sql(&format!(
        "{id} IN (SELECT e.{column} FROM exceptions e WHERE e.{column} IS NOT NULL AND "
    ));
    current(statement, moment.now_ms);
    statement.sql(")");
}

/// Appends that exception `e` holds now.
pub(super) fn current(statement: &mut Statement, now_ms: i64) {
    holds_now(statement, "e", now_ms);
}

/// Appends that an exception holds now.
pub(super) fn holds_now(statement: &mut Statement, exception: &str, now_ms: i64) {
    statement
        .sql(&format!(
            "{exception}.ended_ms IS NULL AND {exception}.created_ms <= "
        ))
        .bind(now_ms);
    statement
        .sql(&format!(" AND {exception}.ends_ms > "))
        .bind(now_ms);
}

fn narrow(statement: &mut Statement, scope: &Scope, filter: &PcFilter) {
    for units in [&scope.units, &filter.units].into_iter().flatten() {
        statement.sql(" AND ").among("p.unit_id", units);
    }
    statement.sql(" AND ").sql(filter.of.condition());
    if let Some(search) = &filter.search {
        statement.sql(" AND p.search LIKE ");
        statement.bind(containing(&fold(search))).sql(" ESCAPE '!'");
    }
}
