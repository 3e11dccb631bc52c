//! Finds what an argument names: by number, or by name however it is typed.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::AdminError;
use crate::entry::HostId;
use crate::registry::fold::fold;
use crate::registry::host::{self, Host};
use crate::registry::unit::{self, Unit};
use crate::registry::user::{self, User};
use crate::registry::{Page, Registry, host_list};
use crate::scope::Scope;

/// A suggestion must be at least this alike (Jaro–Winkler).
const LIKENESS_MIN: f64 = 0.75;
/// Suggestions beyond this help nobody.
const SUGGESTIONS_MAX: usize = 3;
/// Hosts among which suggestions are looked for.
const COMPARED_MAX: u32 = 500;

/// A unit, by number or name.
pub(super) async fn unit(registry: &Registry, text: &str) -> Result<Unit, AdminError> {
    if let Ok(id) = i64::from_str(text)
        && let Some(unit) = unit::by_id(registry, id).await?
    {
        return Ok(unit);
    }
    let found = unit::by_name(registry, text).await?;
    let ids = found.iter().map(|unit| unit.id).collect();
    match one(found) {
        One::Found(unit) => Ok(*unit),
        One::Many => Err(ambiguous("unit", text, ids)),
        One::None => {
            let names = unit::all(registry).await?.into_iter().map(|unit| unit.name);
            Err(not_found("unit", text, names, "see: vong-collector unit list"))
        }
    }
}

/// A host, by number or name.
pub(super) async fn host(registry: &Registry, text: &str) -> Result<Host, AdminError> {
    if let Ok(id) = i64::from_str(text)
        && let Some(host) = host::by_id(registry, HostId(id)).await?
    {
        return Ok(host);
    }
    let found = host::by_name(registry, text).await?;
    let ids = found.iter().map(|host| host.id.0).collect();
    match one(found) {
        One::Found(host) => Ok(*host),
        One::Many => Err(ambiguous("host", text, ids)),
        One::None => {
            let names = host_names(registry).await?;
            Err(not_found(
                "host",
                text,
                names.into_iter(),
                "see: vong-collector host list",
            ))
        }
    }
}

async fn host_names(registry: &Registry) -> Result<Vec<String>, AdminError> {
    let page = Page {
        after: None,
        limit: COMPARED_MAX,
    };
    let filter = host_list::HostFilter::default();
    let hosts = host_list::list(registry, &Scope::ALL, &filter, host_list::HostSort::Name, &page).await?;
    Ok(hosts.items.into_iter().map(|listed| listed.host.name).collect())
}

/// A user, by name.
pub(super) async fn user(registry: &Registry, name: &str) -> Result<User, AdminError> {
    if let Some(user) = user::by_name(registry, name).await? {
        return Ok(user);
    }
    let names = user::all(registry).await?.into_iter().map(|user| user.name);
    Err(not_found("user", name, names, "see: vong-collector user list"))
}

/// How many things have a name.
enum One<T> {
    None,
    Found(Box<T>),
    Many,
}

fn one<T>(mut found: Vec<T>) -> One<T> {
    match (found.pop(), found.is_empty()) {
        (None, _) => One::None,
        (Some(only), true) => One::Found(Box::new(only)),
        (Some(_), false) => One::Many,
    }
}

fn ambiguous(what: &'static str, name: &str, ids: Vec<i64>) -> AdminError {
    AdminError::Ambiguous {
        what,
        name: name.to_owned(),
        ids,
    }
}

fn not_found(what: &'static str, name: &str, there: impl Iterator<Item = String>, see: &str) -> AdminError {
    let alike = suggestions(name, there);
    let hint = if alike.is_empty() {
        format!("; {see}")
    } else {
        format!("; did you mean {alike}?")
    };
    AdminError::NotFound {
        what,
        name: name.to_owned(),
        hint,
    }
}

/// Names that are alike when accents and case do not count, the most alike first.
fn suggestions(name: &str, there: impl Iterator<Item = String>) -> String {
    let folded = fold(name);
    let mut alike: Vec<(f64, String)> = there
        .map(|known| (strsim::jaro_winkler(&folded, &fold(&known)), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    alike.truncate(SUGGESTIONS_MAX);
    let names: Vec<String> = alike.iter().map(|(_, name)| format!("{name:?}")).collect();
    names.join(" or ")
}

/// An argument that is one of an enum's words.
pub(super) fn word<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words)
        .map(|word| serde_json::from_value(Value::String(word)).expect("the words are those of the enum"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::harness;

    #[tokio::test]
    async fn a_unit_is_found_however_it_is_typed() {
        let harness = harness::sqlite().await;
        let registry = &harness.registry;
        let id = harness::a_unit(registry, None, "Xã Đông Hồ", "").await;
        for text in ["Xã Đông Hồ", "xa dong ho", &id.to_string()] {
            assert_eq!(unit(registry, text).await.expect("found").id, id, "{text}");
        }
    }

    #[tokio::test]
    async fn a_wrong_name_comes_with_a_suggestion() {
        let harness = harness::sqlite().await;
        let registry = &harness.registry;
        harness::a_unit(registry, None, "Xã Đông Hồ", "").await;
        let error = unit(registry, "xa don ho").await.expect_err("misspelt");
        assert_eq!(
            error.to_string(),
            "there is no unit \"xa don ho\"; did you mean \"Xã Đông Hồ\"?"
        );
        let error = unit(registry, "Q").await.expect_err("unlike");
        assert!(
            error.to_string().ends_with("see: vong-collector unit list"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_name_that_two_have_is_not_guessed() {
        let harness = harness::sqlite().await;
        let registry = &harness.registry;
        for _ in 0..2 {
            harness::a_unit(registry, None, "Văn phòng", "").await;
        }
        let error = unit(registry, "van phong").await.expect_err("two");
        assert!(error.to_string().contains("names 2 units"), "{error}");
    }
}
