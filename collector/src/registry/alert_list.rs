//! Alerts as people ask for them: filtered, scoped, in pages, with host and unit beside each.

use sqlx::Row;
use sqlx::any::AnyRow;
use vong_proto::event::Severity;

use super::alert::{self, Alert, AlertState};
use super::fold::fold;
use super::query::{Page, Paged, Statement, containing, rank, word};
use super::{Registry, Result};
use crate::entry::HostId;
use crate::finding::Category;
use crate::scope::Scope;

/// An alert with the names that go with it.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedAlert {
    /// The alert.
    pub alert: Alert,
    /// The host's name.
    pub host_name: String,
    /// The number of the unit that it is about, else of the host's current one.
    pub unit_id: i64,
    /// That unit's name.
    pub unit_name: String,
}

/// Which alerts; empty and `None` mean all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// In one of these states.
    pub states: Vec<AlertState>,
    /// Of one of these severities.
    pub severities: Vec<Severity>,
    /// About this.
    pub category: Option<Category>,
    /// On hosts of these units, usually a unit's subtree.
    pub units: Option<Vec<i64>>,
    /// On this host.
    pub host: Option<HostId>,
    /// Whose host's name, asset number or place contains this, however it is typed.
    pub search: Option<String>,
}

/// How many unresolved alerts there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenAlerts {
    /// Critical ones.
    pub critical: i64,
    /// High ones.
    pub high: i64,
    /// Medium ones.
    pub medium: i64,
    /// Low ones.
    pub low: i64,
}

/// One page of alerts: the gravest first, and among equals the newest.
///
/// # Errors
/// When the database fails, or the cursor is not one of ours.
pub async fn list(
    registry: &Registry,
    scope: &Scope,
    filter: &AlertFilter,
    page: &Page,
) -> Result<Paged<ListedAlert>> {
    let mut statement = Statement::new("SELECT ");
    statement.sql(alert::COLUMNS).sql(NAMES).sql(FROM);
    narrow(&mut statement, scope, filter);
    if let Some((severity, id)) = page.position::<i64>()? {
        statement.sql(" AND (a.severity < ").bind(severity);
        statement.sql(" OR (a.severity = ").bind(severity);
        statement.sql(" AND a.id < ").bind(id).sql("))");
    }
    statement
        .sql(" ORDER BY a.severity DESC, a.id DESC LIMIT ")
        .bind(page.limit() + 1);
    let alerts: Vec<ListedAlert> = statement
        .query()
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(from_row)
        .collect::<Result<_>>()?;
    Ok(Paged::of(alerts, page.limit(), |listed| {
        (rank(listed.alert.severity), listed.alert.id)
    }))
}

/// How many alerts a filter finds.
///
/// # Errors
/// When the database fails.
pub async fn count(registry: &Registry, scope: &Scope, filter: &AlertFilter) -> Result<i64> {
    let mut statement = Statement::new("SELECT COUNT(*)");
    statement.sql(FROM);
    narrow(&mut statement, scope, filter);
    let row = statement.query().fetch_one(registry.readers()).await?;
    Ok(row.try_get(0)?)
}

/// One alert, if it is in scope.
///
/// # Errors
/// When the database fails.
pub async fn by_id(registry: &Registry, scope: &Scope, id: i64) -> Result<Option<ListedAlert>> {
    let mut statement = Statement::new("SELECT ");
    statement.sql(alert::COLUMNS).sql(NAMES).sql(FROM);
    narrow(&mut statement, scope, &AlertFilter::default());
    statement.sql(" AND a.id = ").bind(id);
    statement
        .query()
        .fetch_optional(registry.readers())
        .await?
        .map(|row| from_row(&row))
        .transpose()
}

/// How many unresolved alerts there are of each severity.
///
/// # Errors
/// When the database fails.
pub async fn open(registry: &Registry, scope: &Scope) -> Result<OpenAlerts> {
    let filter = AlertFilter {
        states: vec![AlertState::Open, AlertState::Acknowledged],
        ..AlertFilter::default()
    };
    let mut statement = Statement::new("SELECT a.severity AS severity, COUNT(*) AS alerts");
    statement.sql(FROM);
    narrow(&mut statement, scope, &filter);
    statement.sql(" GROUP BY a.severity");
    let mut open = OpenAlerts::default();
    for row in &statement.query().fetch_all(registry.readers()).await? {
        let alerts: i64 = row.try_get("alerts")?;
        match super::query::severity(row, "severity")? {
            Severity::Critical => open.critical = alerts,
            Severity::High => open.high = alerts,
            Severity::Medium => open.medium = alerts,
            Severity::Low => open.low = alerts,
        }
    }
    Ok(open)
}

const NAMES: &str = ", h.name AS host_name, u.id AS unit_id, u.name AS unit_name";
const FROM: &str = " FROM alerts a JOIN hosts h ON h.id = a.host_id \
    JOIN units u ON u.id = COALESCE(a.unit_id, h.unit_id) WHERE 1 = 1";

fn from_row(row: &AnyRow) -> Result<ListedAlert> {
    Ok(ListedAlert {
        alert: alert::from_row(row)?,
        host_name: row.try_get("host_name")?,
        unit_id: row.try_get("unit_id")?,
        unit_name: row.try_get("unit_name")?,
    })
}

fn narrow(statement: &mut Statement, scope: &Scope, filter: &AlertFilter) {
    for units in [&scope.units, &filter.units].into_iter().flatten() {
        statement.sql(" AND ").among("u.id", units);
    }
    if !filter.states.is_empty() {
        let states: Vec<String> = filter.states.iter().map(word).collect();
        either(statement, "a.state", states);
    }
    if !filter.severities.is_empty() {
        let ranks: Vec<i64> = filter.severities.iter().copied().map(rank).collect();
        statement.sql(" AND ").among("a.severity", &ranks);
    }
    if let Some(category) = filter.category {
        statement.sql(" AND a.category = ").bind(word(category));
    }
    if let Some(host) = filter.host {
        statement
            .sql(" AND a.unit_id IS NULL AND a.host_id = ")
            .bind(host.0);
    }
    if let Some(search) = &filter.search {
        statement.sql(" AND h.search_folded LIKE ");
        statement.bind(containing(&fold(search))).sql(" ESCAPE '!'");
    }
}

/// Appends `AND (column = … OR column = …)`.
fn either(statement: &mut Statement, column: &str, words: Vec<String>) {
    statement.sql(" AND (1 = 0");
    for word in words {
        statement.sql(&format!(" OR {column} = ")).bind(word);
    }
    statement.sql(")");
}
