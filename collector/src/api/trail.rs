//! The audit trail's view of looking: who saw what of whom, once per occasion.
//!
//! A page that is kept open asks for itself again whenever something happens. One row for each would bury
//! the fact that matters, so the same look by the same session is one row per [`OCCASION_MS`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::Api;
use super::error::ApiError;
use super::guard::Viewer;
use crate::clock::now_ms;
use crate::registry::audit;

/// The same look again within this time is the same occasion.
const OCCASION_MS: i64 = 10 * 60_000;
/// Looks that are remembered; beyond that all are forgotten, which costs rows, never loses one.
const REMEMBERED_MAX: usize = 10_000;

/// The looks of the last occasion.
#[derive(Clone, Default)]
pub(super) struct Trail(Arc<Mutex<HashMap<(String, String), i64>>>);

impl Trail {
    /// Whether this look is a new occasion; from now on it is not.
    fn is_new(&self, session: &str, look: String, now_ms: i64) -> bool {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= REMEMBERED_MAX {
            looks.clear();
        }
        let began_ms = looks.entry((session.to_owned(), look)).or_insert(i64::MIN);
        let new = now_ms.saturating_sub(*began_ms) >= OCCASION_MS;
        if new {
            *began_ms = now_ms;
        }
        new
    }
}

/// Notes that somebody looks at something personal.
pub(super) async fn seen(
    api: &Api,
    viewer: &Viewer,
    action: &'static str,
    object: &str,
    detail: Value,
) -> Result<(), ApiError> {
    let now_ms = now_ms();
    let look = format!("{action} {object} {detail}");
    if api.trail.is_new(&viewer.session.token_hash, look, now_ms) {
        let mut tx = api.registry.begin().await?;
        audit::record(&mut tx, now_ms, &viewer.user.name, action, object, &detail).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Notes that somebody takes something away. Each time is an occasion of its own.
pub(super) async fn exported(
    api: &Api,
    viewer: &Viewer,
    action: &'static str,
    object: &str,
    detail: &Value,
) -> Result<(), ApiError> {
    let mut tx = api.registry.begin().await?;
    audit::record(&mut tx, now_ms(), &viewer.user.name, action, object, detail).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_page_is_one_occasion_in_ten_minutes() {
        let trail = Trail::default();
        let look = |session, what: &str, at_ms| trail.is_new(session, what.to_owned(), at_ms);
        assert!(look("a", "host/1", 1_000));
        assert!(!look("a", "host/1", 2_000));
        assert!(look("b", "host/1", 2_000));
        assert!(look("a", "host/2", 2_000));
        assert!(look("a", "host/1", 1_000 + OCCASION_MS));
    }
}
