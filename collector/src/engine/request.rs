//! A request to the front end, taken apart: what ClickHouse's HTTP interface puts into the query string, the
//! headers and the body, as far as the `clickhouse` crate uses it.

use std::collections::HashSet;

use axum::extract::Query;
use axum::http::{HeaderMap, Uri};

use super::ffi::Exception;

const BAD_ARGUMENTS: u32 = 36;
const UNKNOWN_SETTING: u32 = 115;
const PARAMETER_PREFIX: &str = "param_";

/// Everything of a request but its data.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// The statement, if the query string or the form has one.
    pub(super) sql: Option<String>,
    /// The database that unqualified names mean.
    pub(super) database: Option<String>,
    /// The format of a result for which the statement names none.
    pub(super) default_format: Option<String>,
    /// Whether the body comes in compressed frames.
    pub(super) is_compressed: bool,
    /// Settings of this query; every name is one that the engine knows.
    pub(super) settings: Vec<(String, String)>,
    /// Values of `{name: Type}` in the statement.
    pub(super) parameters: Vec<(String, String)>,
}

impl Request {
    /// Reads the query string. The embedded engine would ignore an unknown setting, and take `path` for a
    /// setting; so only names in `known_settings` pass.
    pub(super) fn from_uri(uri: &Uri, known_settings: &HashSet<String>) -> Result<Self, Exception> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Exception::new(BAD_ARGUMENTS, "the query string is malformed"))?;
        let mut request = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "query" => request.sql = Some(value),
                "database" => request.database = Some(value).filter(|name| !name.is_empty()),
                "default_format" => request.default_format = Some(value),
                "decompress" => request.is_compressed = value == "1",
                // Names a query for logs that the embedded engine does not keep.
                "query_id" => {}
                _ if name.starts_with(PARAMETER_PREFIX) => request.add_parameter(&name, value),
                _ if known_settings.contains(&name) => request.settings.push((name, value)),
                _ => {
                    return Err(Exception::new(
                        UNKNOWN_SETTING,
                        &format!("Unknown setting '{name}'"),
                    ));
                }
            }
        }
        Ok(request)
    }

    /// Takes statement and parameters from a `multipart/form-data` body.
    pub(super) fn add_form(&mut self, headers: &HeaderMap, body: &[u8]) -> Result<(), Exception> {
        let malformed = || Exception::new(BAD_ARGUMENTS, "the form in the body is malformed");
        let content_type = headers
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let (_, boundary) = content_type.split_once("boundary=").ok_or_else(malformed)?;
        let body = str::from_utf8(body).map_err(|_| malformed())?;
        for (name, value) in form_fields(body, boundary.trim_matches('"')).ok_or_else(malformed)? {
            match name {
                "query" => self.sql = Some(value.to_owned()),
                _ if name.starts_with(PARAMETER_PREFIX) => self.add_parameter(name, value.to_owned()),
                _ => return Err(malformed()),
            }
        }
        Ok(())
    }

    fn add_parameter(&mut self, prefixed_name: &str, value: String) {
        let name = prefixed_name.trim_start_matches(PARAMETER_PREFIX);
        self.parameters.push((name.to_owned(), value));
    }
}

/// Whether the body is a form.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get("content-type")
        .is_some_and(|value| value.as_bytes().starts_with(b"multipart/form-data"))
}

/// The fields of a form, each a name and a value.
///
/// ```text
/// --boundary CRLF  Content-Disposition: form-data; name="query" CRLF  CRLF  value CRLF  --boundary-- CRLF
/// ```
fn form_fields<'body>(body: &'body str, boundary: &str) -> Option<Vec<(&'body str, &'body str)>> {
    let opening = format!("--{boundary}\r\n");
    let between = format!("\r\n--{boundary}\r\n");
    let closing = format!("\r\n--{boundary}--");
    let (fields, _) = body.strip_prefix(&opening)?.rsplit_once(&closing)?;
    fields.split(&between).map(form_field).collect()
}

fn form_field(field: &str) -> Option<(&str, &str)> {
    let (head, value) = field.split_once("\r\n\r\n")?;
    let (_, name) = head.split_once("name=\"")?;
    Some((name.split_once('"')?.0, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(uri: &str) -> Result<Request, Exception> {
        let known = HashSet::from(["max_threads".to_owned()]);
        Request::from_uri(&uri.parse().unwrap(), &known)
    }

    fn parse_form(body: &str) -> Result<Request, Exception> {
        let headers = HeaderMap::from_iter([(
            "content-type".parse().unwrap(),
            "multipart/form-data; boundary=B".parse().unwrap(),
        )]);
        let mut request = Request::default();
        request.add_form(&headers, body.as_bytes()).map(|()| request)
    }

    #[test]
    fn the_query_string_is_taken_apart() {
        let request =
            parse("/?query=SELECT+%7Ba:UInt8%7D&param_a=7&database=vong&decompress=1&max_threads=2").unwrap();
        let expected = Request {
            sql: Some("SELECT {a:UInt8}".to_owned()),
            database: Some("vong".to_owned()),
            is_compressed: true,
            settings: vec![("max_threads".to_owned(), "2".to_owned())],
            parameters: vec![("a".to_owned(), "7".to_owned())],
            ..Request::default()
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn unknown_settings_are_refused() {
        assert_eq!(
            parse("/?max_thread=2").map_err(|error| error.code()),
            Err(UNKNOWN_SETTING)
        );
        assert_eq!(
            parse("/?path=/etc").map_err(|error| error.code()),
            Err(UNKNOWN_SETTING)
        );
    }

    #[test]
    fn a_form_is_taken_apart() {
        let body = "--B\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT {a:String}\r\n\
                    --B\r\nContent-Disposition: form-data; name=\"param_a\"\r\n\r\ntệp\r\n\r\n\r\n--B--\r\n";
        let request = parse_form(body).unwrap();
        assert_eq!(request.sql.as_deref(), Some("SELECT {a:String}"));
        assert_eq!(request.parameters, [("a".to_owned(), "tệp\r\n\r\n".to_owned())]);
    }

    proptest! {
        #[test]
        fn hostile_forms_never_panic(body in "(--B|\r\n|name=\"|\"|query|--|.){0,60}") {
            let _ = parse_form(&body);
        }
    }
}
