//! The active hosts by the state of their antivirus, by the product that it rests on, and by the age of definitions.

use std::collections::HashMap;
use std::ops::AddAssign;

use sqlx::Row;

use super::host::Protection;
use super::host_list::PROTECTIONS;
use super::pc::OUTDATED_DAYS;
use super::query::{Statement, parsed};
use super::{Registry, Result};
use crate::scope::Scope;

const DAY_MS: i64 = 24 * 3_600_000;

/// Hosts by protection, in the order of [`PROTECTIONS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByProtection(pub [i64; 5]);

impl AddAssign for ByProtection {
    fn add_assign(&mut self, other: Self) {
        for (number, further) in self.0.iter_mut().zip(other.0) {
            *number += further;
        }
    }
}

/// Hosts that rest on a product in a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductCount {
    /// The product; empty where none is known.
    pub product: String,
    /// Its version; empty when unknown.
    pub version: String,
    /// So many hosts.
    pub hosts: i64,
    /// Of these, protected ones.
    pub protected: i64,
}

/// The first ages, in days, of the sorts of definitions but the last two: outdated, and unknown.
pub const AGES: [i64; 6] = [0, 1, 2, 3, 4, 8];

/// The hosts of each unit itself; a unit without hosts is absent.
///
/// # Errors
/// When the database fails.
pub async fn by_unit(registry: &Registry, scope: &Scope) -> Result<HashMap<i64, ByProtection>> {
    let mut statement = Statement::new(
        "SELECT h.unit_id AS unit_id, h.protection AS protection, COUNT(*) AS hosts FROM hosts h \
         WHERE h.status = 'active'",
    );
    narrow(&mut statement, scope, None);
    statement.sql(" GROUP BY h.unit_id, h.protection");
    let mut units: HashMap<i64, ByProtection> = HashMap::new();
    for row in &statement.query().fetch_all(registry.readers()).await? {
        let protection: Protection = parsed(row, "protection")?;
        let hosts: i64 = row.try_get("hosts")?;
        let own = units.entry(row.try_get("unit_id")?).or_default();
        for (number, kind) in own.0.iter_mut().zip(PROTECTIONS) {
            *number += if kind == protection { hosts } else { 0 };
        }
    }
    Ok(units)
}

/// Products and versions, those of most hosts first.
///
/// # Errors
/// When the database fails.
pub async fn products(
    registry: &Registry,
    scope: &Scope,
    units: Option<&[i64]>,
    limit: i64,
) -> Result<Vec<ProductCount>> {
    let mut statement = Statement::new(
        "SELECT h.product AS product, h.product_version AS version, COUNT(*) AS hosts, \
         CAST(SUM(CASE WHEN h.protection = 'protected' THEN 1 ELSE 0 END) AS BIGINT) AS protected FROM hosts h \
         WHERE h.status = 'active'",
    );
    narrow(&mut statement, scope, units);
    statement
        .sql(" GROUP BY h.product, h.product_version ORDER BY COUNT(*) DESC, h.product, h.product_version LIMIT ")
        .bind(limit);
    let rows = statement.query().fetch_all(registry.readers()).await?;
    rows.iter()
        .map(|row| {
            Ok(ProductCount {
                product: row.try_get("product")?,
                version: row.try_get("version")?,
                hosts: row.try_get("hosts")?,
                protected: row.try_get("protected")?,
            })
        })
        .collect()
}

/// Hosts by the age of their definitions: those of [`AGES`], the outdated, and those of which nobody knows.
///
/// # Errors
/// When the database fails.
pub async fn ages(
    registry: &Registry,
    scope: &Scope,
    units: Option<&[i64]>,
    now_ms: i64,
) -> Result<[i64; 8]> {
    let mut statement =
        Statement::new("SELECT CAST(a.age AS BIGINT) AS age, COUNT(*) AS hosts FROM (SELECT CASE");
    statement.sql(" WHEN h.definitions_ms IS NULL THEN 7 WHEN h.definitions_ms < ");
    statement.bind(now_ms - OUTDATED_DAYS * DAY_MS).sql(" THEN 6");
    for (sort, days) in AGES.iter().enumerate().skip(1).rev() {
        statement
            .sql(" WHEN h.definitions_ms <= ")
            .bind(now_ms - days * DAY_MS);
        statement.sql(&format!(" THEN {sort}"));
    }
    statement.sql(" ELSE 0 END AS age FROM hosts h WHERE h.status = 'active'");
    narrow(&mut statement, scope, units);
    statement.sql(") a GROUP BY a.age");
    let mut ages = [0; 8];
    for row in &statement.query().fetch_all(registry.readers()).await? {
        let age: i64 = row.try_get("age")?;
        if let Some(number) = usize::try_from(age).ok().and_then(|age| ages.get_mut(age)) {
            *number = row.try_get("hosts")?;
        }
    }
    Ok(ages)
}

fn narrow(statement: &mut Statement, scope: &Scope, units: Option<&[i64]>) {
    for units in [scope.units.as_deref(), units].into_iter().flatten() {
        statement.sql(" AND ").among("h.unit_id", units);
    }
}
