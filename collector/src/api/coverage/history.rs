//! The three numbers of every day.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::error::ApiError;
use crate::api::extract::Asked;
use crate::api::guard::Viewer;
use crate::api::units::visible_units;
use crate::api::word::count;
use crate::registry::day::{self, Day};
use crate::registry::period::Period;

/// Days that are shown at once: two years and some more.
const DAYS_MAX: i64 = 800;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(history))
}

/// Which days, and whose.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct HistoryQuery {
    /// A unit, with those below it; all that the asker may see when absent.
    unit: Option<i64>,
    /// The first day, as `2026-11-30`.
    from: String,
    /// The last day; at most 800 days after the first.
    to: String,
}

/// One day's numbers, as they stood when it was last looked at. Days begin at midnight in Vietnam (UTC+7).
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct HistoryDay {
    /// The day, as `2026-11-30`.
    day: String,
    /// All known PCs.
    registered: u64,
    /// Of these, those heard of within 7 days.
    seen: u64,
    /// Of the seen, the protected.
    protected: u64,
    /// Of the registered, those with a current exception.
    excepted: u64,
    /// Of the protected, those without one.
    protected_not_excepted: u64,
    /// Of the seen, those with definitions older than 15 days.
    outdated: u64,
}

/// What became of the three numbers.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct CoverageHistory {
    /// The days that were counted, oldest first; days on which the collector did not run are missing.
    days: Vec<HistoryDay>,
}

/// The numbers of every day.
#[utoipa::path(
    get, path = "/api/v1/coverage/history", tag = "coverage", params(HistoryQuery),
    responses((status = OK, body = CoverageHistory), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn history(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<HistoryQuery>,
) -> Result<Json<CoverageHistory>, ApiError> {
    let period = period(&asked.from, &asked.to, DAYS_MAX)?;
    let units = match asked.unit {
        Some(unit) => Some(visible_units(&api, &viewer.scope, unit).await?),
        None => None,
    };
    let days = day::history(
        &api.registry,
        &viewer.scope,
        units.as_deref(),
        period.from,
        period.to,
    )
    .await?;
    let days = days.into_iter().map(|(day, numbers)| HistoryDay {
        day: day.to_string(),
        registered: count(numbers.registered),
        seen: count(numbers.seen),
        protected: count(numbers.protected),
        excepted: count(numbers.excepted),
        protected_not_excepted: count(numbers.protected_not_excepted),
        outdated: count(numbers.outdated),
    });
    Ok(Json(CoverageHistory { days: days.collect() }))
}

/// The asked period, no longer than so many days.
pub(super) fn period(from: &str, to: &str, days_max: i64) -> Result<Period, ApiError> {
    let day = |place, text| {
        Day::parse(text).ok_or_else(|| ApiError::bad_request(place, "not a day such as 2026-11-30"))
    };
    let period = Period {
        from: day("from", from)?,
        to: day("to", to)?,
    };
    if (0..=days_max).contains(&period.to.days_after(period.from)) {
        Ok(period)
    } else {
        Err(ApiError::bad_request(
            "to",
            format!("not within {days_max} days after from"),
        ))
    }
}
