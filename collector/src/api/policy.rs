//! Policies: a unit's own partial document, and what a host gets out of all of them.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::extract::{Key, Sent};
use super::guard::{Right, Viewer};
use super::hosts::visible_host;
use super::units::sees;
use super::word::{Params, count};
use super::{Api, draft};
use crate::clock::now_ms;
use crate::registry::{audit, policy, unit};

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(unit_policy, set_unit_policy))
        .routes(routes!(host_policy))
}

/// What one unit says about policy; what it does not say it inherits.
#[derive(Serialize, ToSchema)]
pub(super) struct UnitPolicy {
    /// The unit.
    unit: i64,
    /// Grows with each change; 0 when the unit says nothing.
    version: u64,
    /// Its partial document.
    document: Params,
    /// When it was changed last.
    updated_ms: Option<i64>,
    /// By whom.
    updated_by: Option<String>,
}

/// What a host is told.
#[derive(Serialize, ToSchema)]
pub(super) struct EffectivePolicy {
    /// Grows with each change.
    version: u64,
    /// SHA-256 of the document as it is sent.
    hash: String,
    /// All documents from the top of the tree down to the host's unit, merged.
    document: Params,
}

/// One unit's own policy.
#[utoipa::path(
    get, path = "/api/v1/units/{id}/policy", tag = "policy", params(("id" = i64, Path)),
    responses((status = OK, body = UnitPolicy), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn unit_policy(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
) -> Result<Json<UnitPolicy>, ApiError> {
    visible_unit(&api, &viewer, id).await?;
    Ok(Json(policy_of(&api, id).await?))
}

/// Replaces one unit's own policy; hosts get it over their connections.
#[utoipa::path(
    put, path = "/api/v1/units/{id}/policy", tag = "policy", params(("id" = i64, Path)), request_body = Params,
    responses((status = OK, body = UnitPolicy), (status = UNPROCESSABLE_ENTITY, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn set_unit_policy(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
    Sent(document): Sent<Params>,
) -> Result<Json<UnitPolicy>, ApiError> {
    visible_unit(&api, &viewer, id).await?;
    viewer.require(Right::ChangePolicy)?;
    let document = Value::Object(document.0.into_iter().collect());
    draft::check(&api.registry, id, &document).await?;
    let (now_ms, name) = (now_ms(), &viewer.user.name);
    let mut tx = api.registry.begin().await?;
    let version = policy::set(&mut tx, id, &document, name, now_ms).await?;
    let detail = json!({ "version": version, "document": document });
    audit::record(
        &mut tx,
        now_ms,
        name,
        "policy.changed",
        &format!("unit/{id}"),
        &detail,
    )
    .await?;
    tx.commit().await?;
    Ok(Json(policy_of(&api, id).await?))
}

/// What one host is told.
#[utoipa::path(
    get, path = "/api/v1/hosts/{id}/policy", tag = "policy", params(("id" = i64, Path)),
    responses((status = OK, body = EffectivePolicy), (status = NOT_FOUND, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn host_policy(
    State(api): State<Api>,
    viewer: Viewer,
    Key(id): Key<i64>,
) -> Result<Json<EffectivePolicy>, ApiError> {
    let host = visible_host(&api, &viewer, id).await?.host.id;
    let effective = policy::effective(&api.registry, host).await?;
    let document = serde_json::from_str(&effective.document);
    let document = document.map_err(|error| ApiError::internal("an effective policy is no JSON", &error))?;
    Ok(Json(EffectivePolicy {
        version: count(effective.version),
        hash: effective.hash,
        document: Params::of(document),
    }))
}

async fn visible_unit(api: &Api, viewer: &Viewer, id: i64) -> Result<(), ApiError> {
    let there = unit::by_id(&api.registry, id).await?.is_some();
    if there && sees(&viewer.scope, id) {
        Ok(())
    } else {
        Err(ApiError::not_found())
    }
}

async fn policy_of(api: &Api, unit: i64) -> Result<UnitPolicy, ApiError> {
    let own = policy::of_unit(&api.registry, unit).await?;
    Ok(UnitPolicy {
        unit,
        version: own.as_ref().map_or(0, |own| count(own.version)),
        updated_ms: own.as_ref().map(|own| own.updated_ms),
        updated_by: own.as_ref().map(|own| own.updated_by.clone()),
        document: own.map_or_else(Params::default, |own| Params::of(own.document)),
    })
}
