//! The OpenAPI document: emitted from the handlers, committed beside the dashboard that is typed by it.
//!
//! `vong-collector openapi` prints it. A test fails when the committed one is stale.

use axum::http::{HeaderName, header};
use utoipa::OpenApi as _;
use utoipa::openapi::schema::{AllOf, Object};
use utoipa::openapi::{OpenApi, RefOr, Schema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::word::Params;

/// Title and version; the paths come from the router, and with them all words but those that only stand
/// in query strings.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Vọng",
        description = "What the dashboard asks the collector. Times are Unix milliseconds; texts are codes with parameters."
    ),
    components(schemas(
        super::alerts::AlertStateFilter,
        super::coverage::ExceptionState,
        super::coverage::MachineList,
        super::coverage::PcList,
        super::events::Explained,
        super::hosts::Connection,
        super::hosts::HostSort,
        super::table::Language
    ))
)]
struct Document;

/// The frame that the router fills.
pub(super) fn frame() -> OpenApi {
    Document::openapi()
}

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(openapi_document))
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "document", responses((status = OK, body = Params)))]
async fn openapi_document() -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "application/json")], super::openapi())
}

/// Says of every answer's fields what holds for all of them: they are always there, `null` when there is
/// nothing to say. Only requests may leave fields out.
pub(super) fn completed(mut document: OpenApi) -> OpenApi {
    if let Some(components) = &mut document.components {
        for (name, schema) in &mut components.schemas {
            if !name.ends_with("Request") {
                require_all(schema);
            }
        }
    }
    document
}

fn require_all(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => require_fields(object),
        Schema::AllOf(AllOf { items, .. }) => items.iter_mut().for_each(require_all),
        _ => {}
    }
}

fn require_fields(object: &mut Object) {
    object.required = object.properties.keys().cloned().collect();
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    const COMMITTED: &str = "../dashboard/src/api/__generated__/openapi.json";

    #[test]
    fn every_reference_leads_somewhere() {
        let text = crate::api::openapi();
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().expect("a closing quote");
            assert!(schemas.contains_key(name), "{name}");
        }
    }

    #[test]
    fn the_committed_document_is_the_present_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
        let present = crate::api::openapi();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &present).expect("the folder is there");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == present,
            "{COMMITTED} is stale; run: UPDATE=1 cargo nextest run -p vong-collector the_committed_document"
        );
    }
}
