//! The certificate of coverage: everything that its page says, in one answer, as of one moment.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::exceptions::ExceptionRow;
use super::pcs::PcRow;
use super::{CoverageNumbers, UnitCoverage};
use crate::api::Api;
use crate::api::error::ApiError;
use crate::api::extract::Asked;
use crate::api::guard::Viewer;
use crate::api::units::UnitRef;

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
    outdated_days: u32,
    /// The unit's numbers, those of the units below it included.
    total: CoverageNumbers,
    /// The numbers of the unit and of every unit below it.
    units: Vec<UnitCoverage>,
    /// How many exceptions hold.
    exceptions_count: u64,
    /// The first 500 of them, the newest first.
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
    State(_api): State<Api>,
    _viewer: Viewer,
    Asked(_asked): Asked<CertificateQuery>,
) -> Result<Json<CoverageCertificate>, ApiError> {
    Err(ApiError::not_found())
}
