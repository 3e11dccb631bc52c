//! The protection page: units by the state of their antivirus, products, and the age of definitions.

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
use super::overview::ProtectionCounts;
use super::units::{UnitRef, Units, visible_units};
use super::word::{UnitKind, count};
use crate::clock::now_ms;
use crate::registry::protection::{self, ByProtection};

/// Products and versions that are told apart; versions of one product come and go by the dozen.
const PRODUCTS_MAX: i64 = 500;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(matrix))
        .routes(routes!(products))
}

/// Which units.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ProtectionQuery {
    /// A unit, with those below it; all that the asker may see when absent.
    unit: Option<i64>,
}

/// One unit's active hosts, by the state of their antivirus.
#[derive(Serialize, ToSchema)]
pub(super) struct UnitProtection {
    /// The unit.
    unit: UnitRef,
    /// The unit above it; `null` at the top, and at the top of what was asked for.
    parent_id: Option<i64>,
    /// What kind of office it is.
    kind: UnitKind,
    /// Its own hosts.
    own: ProtectionCounts,
    /// Its own and those of the units below it.
    total: ProtectionCounts,
}

/// Units by the state of their hosts' antivirus.
#[derive(Serialize, ToSchema)]
pub(super) struct ProtectionMatrix {
    /// Every asked unit, in the order they were added: parents may come after children.
    units: Vec<UnitProtection>,
}

/// How many active hosts rest on a product in a version.
#[derive(Serialize, ToSchema)]
pub(super) struct ProductCount {
    /// The product; empty for hosts of which none is known.
    product: String,
    /// Its version; empty when unknown.
    version: String,
    /// So many hosts.
    hosts: u64,
    /// Of these, protected ones.
    protected: u64,
}

/// Active hosts by the age of their definitions, in whole days of 24 hours before now.
#[derive(Serialize, ToSchema)]
pub(super) struct DefinitionsAges {
    /// Younger than one day, or dated in the future.
    days_0: u64,
    /// One day.
    days_1: u64,
    /// Two days.
    days_2: u64,
    /// Three days.
    days_3: u64,
    /// Four to seven days.
    days_4_to_7: u64,
    /// Eight days up to exactly 15 × 24 hours.
    days_8_to_15: u64,
    /// Older than that: outdated.
    days_over_15: u64,
    /// Nobody knows.
    unknown: u64,
}

/// What protects the hosts.
#[derive(Serialize, ToSchema)]
pub(super) struct ProtectionProducts {
    /// The collector's clock, to which ages refer.
    now_ms: i64,
    /// Products and versions, those of most hosts first; at most 500.
    products: Vec<ProductCount>,
    /// The age of their definitions.
    definitions: DefinitionsAges,
}

/// Units by the state of their hosts' antivirus.
#[utoipa::path(
    get, path = "/api/v1/protection/matrix", tag = "protection", params(ProtectionQuery),
    responses((status = OK, body = ProtectionMatrix), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn matrix(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<ProtectionQuery>,
) -> Result<Json<ProtectionMatrix>, ApiError> {
    let units = Units::asked(&api, &viewer.scope, asked.unit).await?;
    let own = protection::by_unit(&api.registry, &viewer.scope).await?;
    let units = units.with(&own).map(|(unit, own, total)| UnitProtection {
        unit: unit.named(),
        parent_id: unit.parent_id,
        kind: unit.kind,
        own: counts(own),
        total: counts(total),
    });
    Ok(Json(ProtectionMatrix {
        units: units.collect(),
    }))
}

fn counts(hosts: ByProtection) -> ProtectionCounts {
    let [protected, stale, off, missing, unknown] = hosts.0.map(count);
    ProtectionCounts {
        protected,
        stale,
        off,
        missing,
        unknown,
    }
}

/// Products, versions and the age of definitions.
#[utoipa::path(
    get, path = "/api/v1/protection/products", tag = "protection", params(ProtectionQuery),
    responses((status = OK, body = ProtectionProducts), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn products(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<ProtectionQuery>,
) -> Result<Json<ProtectionProducts>, ApiError> {
    let (now_ms, scope) = (now_ms(), &viewer.scope);
    let units = match asked.unit {
        Some(unit) => Some(visible_units(&api, scope, unit).await?),
        None => None,
    };
    let products = protection::products(&api.registry, scope, units.as_deref(), PRODUCTS_MAX).await?;
    let ages = protection::ages(&api.registry, scope, units.as_deref(), now_ms).await?;
    let [
        days_0,
        days_1,
        days_2,
        days_3,
        days_4_to_7,
        days_8_to_15,
        days_over_15,
        unknown,
    ] = ages.map(count);
    let products = products.into_iter().map(|row| ProductCount {
        product: row.product,
        version: row.version,
        hosts: count(row.hosts),
        protected: count(row.protected),
    });
    Ok(Json(ProtectionProducts {
        now_ms,
        products: products.collect(),
        definitions: DefinitionsAges {
            days_0,
            days_1,
            days_2,
            days_3,
            days_4_to_7,
            days_8_to_15,
            days_over_15,
            unknown,
        },
    }))
}
