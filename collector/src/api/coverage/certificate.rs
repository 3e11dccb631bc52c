//! The certificate of coverage: everything that its page says, in one answer, as of one moment.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::exceptions::ExceptionRow;
use super::pcs::PcRow;
use super::{CoverageNumbers, UnitCoverage, days, of_units};
use crate::api::error::ApiError;
use crate::api::extract::Asked;
use crate::api::guard::Viewer;
use crate::api::units::{UnitRef, sees, visible_units};
use crate::api::word::count;
use crate::api::{Api, trail};
use crate::clock::now_ms;
use crate::registry::exception::{self, ExceptionFilter};
use crate::registry::pc::{self, Moment, OUTDATED_DAYS, PcFilter, PcList};
use crate::registry::{self, unit};
use crate::scope::Scope;

/// PCs and exceptions that a page names; how many there are stands beside.
const LISTED_MAX: u32 = 500;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(certificate))
}

/// Whose certificate, and what counts as seen.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct CertificateQuery {
    /// The unit, with those below it.
    unit: i64,
    /// A PC counts as seen when it was heard of within so many days: 1 to 90, 7 when absent.
    #[param(minimum = 1, maximum = 90)]
    days: Option<u32>,
}

/// A list that a page cannot hold without bound.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct CertificatePcs {
    /// How many there are.
    count: u64,
    /// The first 500 of them, by name.
    items: Vec<PcRow>,
}

/// A certificate of coverage.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct CoverageCertificate {
    /// The unit and all that the asker may see above it, the top first.
    chain: Vec<UnitRef>,
    /// The moment that everything refers to.
    issued_ms: i64,
    /// Who asked for it.
    issued_by: String,
    /// The collector's version.
    collector_version: String,
    /// What counts as seen: heard of within so many days.
    days: u32,
    /// Definitions older than so many days are outdated.
    outdated_days: i64,
    /// The unit's numbers, those of the units below it included.
    total: CoverageNumbers,
    /// The numbers of the unit and of every unit below it.
    units: Vec<UnitCoverage>,
    /// PCs with an exception that holds: `excepted` of the total.
    exceptions_count: u64,
    /// The exceptions of the first 500 of them, the newest first; of several of one PC the one made last.
    exceptions: Vec<ExceptionRow>,
    /// The seen PCs that are not protected.
    unprotected: CertificatePcs,
    /// The known PCs that are not seen.
    not_seen: CertificatePcs,
}

/// Everything for a unit's certificate. Audited as an export.
#[utoipa::path(
    get, path = "/api/v1/coverage/certificate", tag = "coverage", params(CertificateQuery),
    responses((status = OK, body = CoverageCertificate), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn certificate(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<CertificateQuery>,
) -> Result<Json<CoverageCertificate>, ApiError> {
    let (now_ms, days, scope) = (now_ms(), days(asked.days)?, &viewer.scope);
    let moment = Moment::of(now_ms, days);
    let subtree = visible_units(&api, scope, asked.unit).await?;
    let units = of_units(&api, scope, Some(asked.unit), moment).await?;
    let total = units.iter().find(|unit| unit.unit.id == asked.unit);
    let total = total.map(|unit| unit.total.clone()).unwrap_or_default();
    let held = ExceptionFilter {
        units: Some(subtree.clone()),
        current: Some(true),
        one_per_pc: true,
        search: None,
    };
    let page = registry::Page {
        after: None,
        limit: LISTED_MAX,
    };
    let registry = &api.registry;
    let ((exceptions, exceptions_count), unprotected, not_seen) = tokio::try_join!(
        async {
            let listed = exception::list(registry, scope, &held, now_ms, &page).await?;
            let number = exception::count(registry, scope, &held, now_ms).await?;
            Ok::<_, ApiError>((listed, number))
        },
        pcs(&api, scope, &subtree, PcList::Unprotected, moment),
        pcs(&api, scope, &subtree, PcList::NotSeen, moment),
    )?;
    let chain = unit::chain(&api.registry, asked.unit).await?;
    let chain = chain.into_iter().filter(|unit| sees(scope, unit.id));
    let certificate = CoverageCertificate {
        chain: chain
            .map(|unit| UnitRef {
                id: unit.id,
                name: unit.name,
            })
            .collect(),
        issued_ms: now_ms,
        issued_by: viewer.user.name.clone(),
        collector_version: env!("CARGO_PKG_VERSION").to_owned(),
        days,
        outdated_days: OUTDATED_DAYS,
        exceptions_count: count(exceptions_count),
        exceptions: exceptions.items.into_iter().map(ExceptionRow::of).collect(),
        unprotected: CertificatePcs {
            count: total.seen - total.protected,
            items: unprotected,
        },
        not_seen: CertificatePcs {
            count: total.registered - total.seen,
            items: not_seen,
        },
        total,
        units,
    };
    let object = format!("unit/{}", asked.unit);
    trail::exported(
        &api,
        &viewer,
        "coverage.certificate_exported",
        &object,
        &json!({ "days": days }),
    )
    .await?;
    Ok(Json(certificate))
}

async fn pcs(
    api: &Api,
    scope: &Scope,
    units: &[i64],
    of: PcList,
    moment: Moment,
) -> Result<Vec<PcRow>, ApiError> {
    let filter = PcFilter {
        of,
        units: Some(units.to_vec()),
        search: None,
    };
    let items = pc::first(&api.registry, scope, &filter, moment, LISTED_MAX.into()).await?;
    Ok(items.into_iter().map(|pc| PcRow::of(pc, scope)).collect())
}
