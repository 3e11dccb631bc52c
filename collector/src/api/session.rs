//! Signing in and out, and what a user may change about themselves.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::{ApiError, ErrorCode};
use super::extract::Sent;
use super::units::UnitRef;
use super::word::Role;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(sign_in, sign_out))
        .routes(routes!(me))
        .routes(routes!(change_password))
        .routes(routes!(change_language))
}

/// Who wants in.
#[derive(Deserialize, ToSchema)]
pub(super) struct SignInRequest {
    /// The user's name.
    name: String,
    /// The user's password.
    #[schema(format = Password)]
    password: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// The user's name.
    name: String,
    /// What they may do.
    role: Role,
    /// The unit that they see, with those below it; `null` is everything.
    unit: Option<UnitRef>,
    /// The language of their pages, `vi` or `en`.
    language: String,
    /// Their password was given to them: nothing else is allowed before they change it.
    must_change_password: bool,
    /// The value of the header `X-CSRF-Token` that every change must carry.
    csrf: String,
}

/// A change of password.
#[derive(Deserialize, ToSchema)]
pub(super) struct PasswordRequest {
    /// The password until now.
    #[schema(format = Password)]
    current: String,
    /// The password from now on.
    #[schema(format = Password, min_length = 12, max_length = 1024)]
    new: String,
}

/// A change of language.
#[derive(Deserialize, ToSchema)]
pub(super) struct LanguageRequest {
    /// `vi` or `en`.
    #[schema(pattern = "^(vi|en)$")]
    language: String,
}

/// Signs in: sets the session's cookie.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", request_body = SignInRequest,
    responses((status = OK, body = Me), (status = UNAUTHORIZED, body = ApiError), (status = TOO_MANY_REQUESTS, body = ApiError))
)]
async fn sign_in(State(_api): State<Api>, Sent(_request): Sent<SignInRequest>) -> Result<Json<Me>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// Signs out: ends the session.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session",
    responses((status = NO_CONTENT), (status = UNAUTHORIZED, body = ApiError))
)]
async fn sign_out(State(_api): State<Api>) -> Result<StatusCode, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// Who is signed in.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "session",
    responses((status = OK, body = Me), (status = UNAUTHORIZED, body = ApiError))
)]
async fn me(State(_api): State<Api>) -> Result<Json<Me>, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// Changes one's own password; every other session of the user ends.
#[utoipa::path(
    put, path = "/api/v1/me/password", tag = "session", request_body = PasswordRequest,
    responses((status = NO_CONTENT), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn change_password(
    State(_api): State<Api>,
    Sent(_request): Sent<PasswordRequest>,
) -> Result<StatusCode, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}

/// Changes the language of one's own pages.
#[utoipa::path(
    put, path = "/api/v1/me/language", tag = "session", request_body = LanguageRequest,
    responses((status = NO_CONTENT), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn change_language(
    State(_api): State<Api>,
    Sent(_request): Sent<LanguageRequest>,
) -> Result<StatusCode, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable))
}
