//! Coverage: of all PCs that an office has, how many report, and how many are protected.
//!
//! "Every PC runs antivirus and reports" is a claim that somebody signs, so each number is defined once, in
//! [`CoverageNumbers`], has the list of PCs behind it, and is the same in the table, the history, the
//! certificate and the files to download.

use std::collections::HashMap;
use std::ops::AddAssign;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::ApiError;
use super::extract::Asked;
use super::guard::Viewer;
use super::units::{UnitRef, Units};
use super::word::{UnitKind, count};
use crate::clock::now_ms;
use crate::registry::pc::{self, Moment, OUTDATED_DAYS, PcNumbers};
use crate::registry::{host_list, machine};
use crate::scope::Scope;

mod certificate;
mod exceptions;
mod history;
mod pcs;
mod register;
mod report;
mod unmanaged;

pub(super) use self::exceptions::ExceptionState;
pub(super) use self::pcs::{LanguageQuery, PcList};
pub(super) use self::register::IMPORT_PATH;
pub(super) use self::unmanaged::MachineList;

/// A PC counts as seen when it was heard of within so many days, unless another number is asked for.
const DAYS_DEFAULT: u32 = 7;
/// The longest time that can be asked for.
const DAYS_MAX: u32 = 90;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(coverage))
        .merge(pcs::routes())
        .merge(exceptions::routes())
        .merge(register::routes())
        .merge(unmanaged::routes())
        .merge(history::routes())
        .merge(report::routes())
        .merge(certificate::routes())
}

/// Which units, and what counts as seen.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CoverageQuery {
    /// A unit, with those below it; all that the asker may see when absent.
    unit: Option<i64>,
    /// A PC counts as seen when it was heard of within so many days: 1 to 90, 7 when absent.
    #[param(minimum = 1, maximum = 90)]
    days: Option<u32>,
}

/// How far the PCs of a unit are covered.
///
/// A *known PC* is a line of the asset register that was not taken out of it, or an active host that no such line
/// is joined to; a line and the active host that it is joined to are one PC. A PC with an active host counts at its
/// **host's** unit, any other at its line's. Hosts that wait for approval or are retired are no known PCs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub(super) struct CoverageNumbers {
    /// All known PCs.
    registered: u64,
    /// Of these, those with an active host that is connected now, or was heard of within the asked days (at most so
    /// many times 24 hours ago).
    seen: u64,
    /// Of the seen, those whose host's antivirus is `protected`.
    protected: u64,
    /// Of the registered, those with a current exception: begun, not yet over, not ended early.
    excepted: u64,
    /// Of the protected, those without a current exception.
    protected_not_excepted: u64,
    /// `protected` of `registered`, in per cent and not rounded; `null` when there are none.
    protected_percent: Option<f64>,
    /// `protected_not_excepted` of `registered` less `excepted`, in per cent and not rounded; `null` when there are
    /// none.
    protected_percent_without_exceptions: Option<f64>,
    /// Of the seen, those whose definitions are older than 15 days (15 × 24 hours before now).
    outdated: u64,
    /// Lines of the register without an active host.
    not_enrolled: u64,
    /// Active hosts without a line of the register.
    not_in_register: u64,
    /// PCs whose line names another unit than their host's; counted at the host's unit.
    mismatch: u64,
    /// Hosts that wait for approval; no known PCs yet.
    pending: u64,
    /// Machines that PCs of the unit have seen on their networks within 30 days, that are no enrolled PC, no line of
    /// the register, no gateway and not marked as another kind of device.
    unmanaged: u64,
}

/// One unit's coverage.
#[derive(Serialize, ToSchema)]
pub(super) struct UnitCoverage {
    /// The unit.
    unit: UnitRef,
    /// The unit above it; `null` at the top, and at the top of what was asked for.
    parent_id: Option<i64>,
    /// What kind of office it is.
    kind: UnitKind,
    /// Its own PCs.
    own: CoverageNumbers,
    /// Its own and those of the units below it.
    total: CoverageNumbers,
}

/// The coverage of every unit.
#[derive(Serialize, ToSchema)]
pub(super) struct Coverage {
    /// The collector's clock, to which everything refers.
    now_ms: i64,
    /// What counts as seen: heard of within so many days.
    days: u32,
    /// Definitions older than so many days are outdated.
    outdated_days: i64,
    /// Every asked unit, in the order they were added: parents may come after children.
    units: Vec<UnitCoverage>,
}

/// How far the PCs of every unit are covered.
#[utoipa::path(
    get, path = "/api/v1/coverage", tag = "coverage", params(CoverageQuery),
    responses((status = OK, body = Coverage), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn coverage(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<CoverageQuery>,
) -> Result<Json<Coverage>, ApiError> {
    let (now_ms, days) = (now_ms(), days(asked.days)?);
    let units = of_units(&api, &viewer.scope, asked.unit, Moment::of(now_ms, days)).await?;
    Ok(Json(Coverage {
        now_ms,
        days,
        outdated_days: OUTDATED_DAYS,
        units,
    }))
}

/// The numbers that coverage is made of, of some PCs and machines.
#[derive(Clone, Copy, Default)]
struct Sum {
    pcs: PcNumbers,
    pending: i64,
    unmanaged: i64,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.pcs += other.pcs;
        self.pending += other.pending;
        self.unmanaged += other.unmanaged;
    }
}

/// The coverage of a unit and every unit below it, or of all that may be seen.
async fn of_units(
    api: &Api,
    scope: &Scope,
    unit: Option<i64>,
    moment: Moment,
) -> Result<Vec<UnitCoverage>, ApiError> {
    let asked = Units::asked(api, scope, unit).await?;
    let (pcs, pending, unmanaged) = tokio::try_join!(
        pc::numbers(&api.registry, scope, moment),
        host_list::pending(&api.registry, scope),
        machine::numbers(&api.registry, scope, moment.now_ms),
    )?;
    let mut own: HashMap<i64, Sum> = HashMap::new();
    for (unit, pcs) in pcs {
        own.entry(unit).or_default().pcs = pcs;
    }
    for (unit, pending) in pending {
        own.entry(unit).or_default().pending = pending;
    }
    for (unit, unmanaged) in unmanaged {
        own.entry(unit).or_default().unmanaged = unmanaged;
    }
    let units = asked.with(&own);
    let units = units.map(|(unit, own, total)| UnitCoverage {
        unit: unit.named(),
        parent_id: unit.parent_id,
        kind: unit.kind,
        own: CoverageNumbers::of(own),
        total: CoverageNumbers::of(total),
    });
    Ok(units.collect())
}

impl CoverageNumbers {
    fn of(sum: Sum) -> Self {
        let pcs = sum.pcs;
        Self {
            registered: count(pcs.registered),
            seen: count(pcs.seen),
            protected: count(pcs.protected),
            excepted: count(pcs.excepted),
            protected_not_excepted: count(pcs.protected_not_excepted),
            protected_percent: percent(pcs.protected, pcs.registered),
            protected_percent_without_exceptions: percent(
                pcs.protected_not_excepted,
                pcs.registered - pcs.excepted,
            ),
            outdated: count(pcs.outdated),
            not_enrolled: count(pcs.not_enrolled),
            not_in_register: count(pcs.not_in_register),
            mismatch: count(pcs.mismatch),
            pending: count(sum.pending),
            unmanaged: count(sum.unmanaged),
        }
    }
}

/// A part of a whole in per cent; of nothing there is none.
fn percent(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

/// A rate as pages show it: nobody is told of more than there is.
fn rounded_down(percent: f64) -> String {
    // As numbers stand in computers, 28.28 may be a little less than that.
    format!("{:.2}", (percent * 100.0 + 1e-9).floor() / 100.0)
}

/// The asked number of days, within its bounds.
fn days(asked: Option<u32>) -> Result<u32, ApiError> {
    let days = asked.unwrap_or(DAYS_DEFAULT);
    if (1..=DAYS_MAX).contains(&days) {
        Ok(days)
    } else {
        Err(ApiError::bad_request(
            "days",
            format!("not between 1 and {DAYS_MAX}"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_rounded_down() {
        for (part, whole, expected) in [
            (1, 1, "100.00"),
            (1_999_999, 2_000_000, "99.99"),
            (2, 3, "66.66"),
            (2_828, 10_000, "28.28"),
            (0, 7, "0.00"),
        ] {
            let rate = percent(part, whole).map(rounded_down);
            assert_eq!(rate.as_deref(), Some(expected), "{part} of {whole}");
        }
    }
}
