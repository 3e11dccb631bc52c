//! The offices, as a tree, each with the health of what lies below it.

use std::collections::{HashMap, HashSet};
use std::ops::AddAssign;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::ApiError;
use super::guard::Viewer;
use super::overview::SEEN_MS;
use super::page::Page;
use super::word::{UnitKind, count, said};
use crate::clock::now_ms;
use crate::registry::unit::{self, UnitNumbers};
use crate::scope::Scope;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_units))
}

/// A unit, as it is named elsewhere.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct UnitRef {
    /// Its number.
    pub(super) id: i64,
    /// Its name.
    pub(super) name: String,
}

/// A unit.
#[derive(Serialize, ToSchema)]
pub(super) struct Unit {
    /// Its number.
    id: i64,
    /// The unit above it; `null` at the top, and at the top of what the asker may see.
    parent_id: Option<i64>,
    /// Its name.
    name: String,
    /// What kind of office it is.
    kind: UnitKind,
    /// Whom its alerts go to.
    contact_name: Option<String>,
    /// Where they are mailed.
    contact_email: Option<String>,
    /// The duty telephone.
    phone: Option<String>,
    /// Active hosts, those of the units below it included.
    hosts: u64,
    /// Of these, protected ones that were seen within the last 24 hours.
    protected: u64,
    /// Of these, connected ones.
    connected: u64,
    /// Alerts of these that are not resolved.
    alerts_open: u64,
}

/// Every unit that the asker may see.
#[utoipa::path(
    get, path = "/api/v1/units", tag = "units",
    responses((status = OK, body = Page<Unit>), (status = UNAUTHORIZED, body = ApiError))
)]
async fn list_units(State(api): State<Api>, viewer: Viewer) -> Result<Json<Page<Unit>>, ApiError> {
    let units = unit::all(&api.registry).await?;
    let numbers = unit::numbers(&api.registry, now_ms() - SEEN_MS).await?;
    let visible = units.into_iter().filter(|unit| sees(&viewer.scope, unit.id));
    let items = visible.map(|unit| {
        let numbers = numbers.get(&unit.id).copied().unwrap_or_default();
        shown(unit, numbers, &viewer.scope)
    });
    Ok(Json(Page::whole(items.collect())))
}

fn shown(unit: unit::Unit, numbers: UnitNumbers, scope: &Scope) -> Unit {
    Unit {
        id: unit.id,
        parent_id: unit.parent_id.filter(|parent| sees(scope, *parent)),
        name: unit.name,
        kind: unit.kind.into(),
        contact_name: said(unit.contact_name),
        contact_email: said(unit.contact_email),
        phone: said(unit.phone),
        hosts: count(numbers.hosts),
        protected: count(numbers.protected),
        connected: count(numbers.connected),
        alerts_open: count(numbers.alerts_open),
    }
}

/// The units that were asked for, within what may be seen.
pub(super) struct Units {
    all: Vec<unit::Unit>,
    asked: Vec<i64>,
}

/// A unit of an answer about several.
pub(super) struct AskedUnit {
    pub(super) id: i64,
    pub(super) name: String,
    /// The unit above it, if it was asked for as well.
    pub(super) parent_id: Option<i64>,
    pub(super) kind: UnitKind,
}

impl AskedUnit {
    /// How it is named elsewhere.
    pub(super) fn named(&self) -> UnitRef {
        UnitRef {
            id: self.id,
            name: self.name.clone(),
        }
    }
}

impl Units {
    /// A unit and those below it, or all; a unit outside the scope is nothing that exists.
    pub(super) async fn asked(api: &Api, scope: &Scope, unit: Option<i64>) -> Result<Self, ApiError> {
        let all = unit::all(&api.registry).await?;
        let asked = match unit {
            Some(unit) if all.iter().any(|it| it.id == unit) && sees(scope, unit) => {
                unit::subtree_of(&all, unit)
            }
            Some(_) => return Err(ApiError::not_found()),
            None => all.iter().map(|it| it.id).filter(|it| sees(scope, *it)).collect(),
        };
        Ok(Self { all, asked })
    }

    /// Their numbers.
    pub(super) fn ids(&self) -> &[i64] {
        &self.asked
    }

    /// Each of them with its own numbers and those that include the units below it, in the order they were added.
    pub(super) fn with<N: Copy + Default + AddAssign>(
        self,
        own: &HashMap<i64, N>,
    ) -> impl Iterator<Item = (AskedUnit, N, N)> {
        let total = unit::rolled_up(&self.all, own);
        let of = |numbers: &HashMap<i64, N>, id| numbers.get(&id).copied().unwrap_or_default();
        let asked: HashSet<i64> = self.asked.into_iter().collect();
        let units: Vec<_> = self
            .all
            .into_iter()
            .filter(|unit| asked.contains(&unit.id))
            .map(|unit| {
                let (own, total) = (of(own, unit.id), of(&total, unit.id));
                let unit = AskedUnit {
                    id: unit.id,
                    parent_id: unit.parent_id.filter(|parent| asked.contains(parent)),
                    kind: unit.kind.into(),
                    name: unit.name,
                };
                (unit, own, total)
            })
            .collect();
        units.into_iter()
    }
}

/// Whether a unit lies within a scope.
pub(super) fn sees(scope: &Scope, unit: i64) -> bool {
    scope.units.as_ref().is_none_or(|units| units.contains(&unit))
}

/// A unit and those below it, if the unit lies within the scope; nothing that exists otherwise.
pub(super) async fn visible_units(api: &Api, scope: &Scope, id: i64) -> Result<Vec<i64>, ApiError> {
    let units = unit::all(&api.registry).await?;
    if units.iter().any(|unit| unit.id == id) && sees(scope, id) {
        Ok(unit::subtree_of(&units, id))
    } else {
        Err(ApiError::not_found())
    }
}

/// A unit and those below it, for a filter; the query itself keeps it within the scope.
pub(super) async fn subtree(api: &Api, unit: Option<i64>) -> Result<Option<Vec<i64>>, ApiError> {
    Ok(match unit {
        Some(unit) => Some(unit::subtree(&api.registry, unit).await?),
        None => None,
    })
}
