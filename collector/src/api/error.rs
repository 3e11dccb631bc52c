//! What the API answers when it cannot do as asked: a status, a code and parameters, never prose.
//!
//! Faults of our own are logged with their cause and leave as a bare `internal`: what stands in an error
//! of the registry or the store is nobody's business outside.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tracing::{error, warn};
use utoipa::ToSchema;

use super::draft::DraftError;
use super::word::Params;
use crate::journal::JournalError;
use crate::registry;
use crate::store::StoreError;

/// The reasons for a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ErrorCode {
    /// The name or the password is wrong; nobody is told which.
    BadCredentials,
    /// Too many failed attempts; `retry_after_s`.
    TooManyAttempts,
    /// Nobody is signed in, or no longer.
    Unauthenticated,
    /// The role does not allow it.
    Forbidden,
    /// A one-time password must be changed before anything else.
    PasswordChangeRequired,
    /// A change without the session's CSRF value, or from another site.
    Csrf,
    /// It does not exist, or is none of the asker's business.
    NotFound,
    /// The request cannot be read; `place`, `problem`.
    BadRequest,
    /// The body is larger than `max_bytes`.
    BodyTooLarge,
    /// The present password is wrong.
    WrongPassword,
    /// A password needs at least `min` characters.
    PasswordTooShort,
    /// A password may have at most `max` bytes.
    PasswordTooLong,
    /// A policy cannot be accepted; `place`, `problem`.
    PolicyFault,
    /// A file is no asset register that could be read: `problem` (`empty`, `undecodable`, `open_quote`, `too_many_lines`, `no_header`,
    /// `unknown_field`, `unknown_column`, `field_twice`), and where: `line`, `place`.
    RegisterFault,
    /// A file is no list of hashes that could be read: `problem` (`empty`, `no_hash`, `several_hashes`, `no_column`,
    /// `too_long`, `undecodable`), and where: `line`.
    HashListFault,
    /// The thing is not in a state that allows it; `state`.
    Conflict,
    /// Everybody together, or this user, has too many open live streams.
    TooManyStreams,
    /// It took too long.
    Timeout,
    /// A part of the collector does not answer at the moment; `part`.
    Unavailable,
    /// A fault of the collector's own; its log knows more.
    Internal,
}

impl ErrorCode {
    fn status(self) -> StatusCode {
        match self {
            Self::BadCredentials | Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::TooManyAttempts | Self::TooManyStreams => StatusCode::TOO_MANY_REQUESTS,
            Self::Forbidden | Self::PasswordChangeRequired | Self::Csrf => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::BadRequest | Self::WrongPassword | Self::PasswordTooShort | Self::PasswordTooLong => {
                StatusCode::BAD_REQUEST
            }
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::PolicyFault | Self::RegisterFault | Self::HashListFault => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct ApiError {
    /// Why.
    pub(super) code: ErrorCode,
    /// What fills the text that the dashboard shows for it.
    pub(super) params: Params,
}

impl ApiError {
    /// A refusal that the code alone describes.
    pub(super) fn new(code: ErrorCode) -> Self {
        Self {
            code,
            params: Params::default(),
        }
    }

    /// The same with one more parameter.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.params.0.insert(name.to_owned(), value.into());
        self
    }

    /// It does not exist, or is none of the asker's business: the two look the same.
    pub(super) fn not_found() -> Self {
        Self::new(ErrorCode::NotFound)
    }

    /// A part of the request that cannot be accepted.
    pub(super) fn bad_request(place: &str, problem: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest)
            .with("place", place)
            .with("problem", problem.into())
    }
}

impl ApiError {
    /// A fault of our own: the log learns of it, the asker does not.
    pub(super) fn internal(what: &'static str, fault: &dyn std::error::Error) -> Self {
        error!(fault = %causes(fault), "{what}");
        Self::new(ErrorCode::Internal)
    }

    /// A part that does not answer at the moment.
    pub(super) fn unavailable(part: &'static str, fault: &dyn std::error::Error) -> Self {
        warn!(part, fault = %causes(fault), "a part of the collector does not answer the dashboard");
        Self::new(ErrorCode::Unavailable).with("part", part)
    }
}

/// An error with everything that led to it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl From<registry::Error> for ApiError {
    fn from(error: registry::Error) -> Self {
        match error {
            registry::Error::Cursor => Self::bad_request("cursor", "not a cursor of this list"),
            registry::Error::Database(_) => Self::unavailable("registry", &error),
            _ => Self::internal("the registry cannot be read", &error),
        }
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        registry::Error::from(error).into()
    }
}

impl From<DraftError> for ApiError {
    fn from(error: DraftError) -> Self {
        match error {
            DraftError::Fault { place, problem } => Self::new(ErrorCode::PolicyFault)
                .with("place", place)
                .with("problem", problem),
            DraftError::Registry(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::unavailable("store", &error)
    }
}

impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        Self::unavailable("journal", &error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after = self
            .params
            .0
            .get("retry_after_s")
            .and_then(serde_json::Value::as_u64);
        let mut response = (self.code.status(), Json(self)).into_response();
        if let Some(seconds) = retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttled_client_is_told_when_to_come_back() {
        let response = ApiError::new(ErrorCode::TooManyAttempts)
            .with("retry_after_s", 7)
            .into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "7");
    }
}
