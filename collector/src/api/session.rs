//! Signing in and out, and what a user may change about themselves.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::AppendHeaders;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ErrorCode};
use super::extract::Sent;
use super::guard::{Address, Visitor, from_our_pages, new_session, no_cookie};
use super::password::BYTES_MAX;
use super::units::UnitRef;
use super::word::Role;
use super::{Api, throttle};
use crate::clock::now_ms;
use crate::registry::fold::storable;
use crate::registry::user::User;
use crate::registry::{audit, session, unit, user};

/// No user has a longer name; what comes after it is not even written down.
const NAME_CHARACTERS_MAX: usize = 100;

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
async fn sign_in(
    State(api): State<Api>,
    Address(address): Address,
    headers: HeaderMap,
    Sent(request): Sent<SignInRequest>,
) -> Result<(AppendHeaders<[(HeaderName, HeaderValue); 1]>, Json<Me>), ApiError> {
    from_our_pages(&api, &headers)?;
    let name: String = storable(request.name.trim())
        .chars()
        .take(NAME_CHARACTERS_MAX)
        .collect();
    let Some(user) = admitted(&api, &name, request.password, &address).await? else {
        return Err(ApiError::new(ErrorCode::BadCredentials));
    };
    let (session, cookie) = new_session(&api, &user, &address);
    let mut tx = api.registry.begin().await?;
    session::insert(&mut tx, &session).await?;
    tx.commit().await?;
    let me = me_of(&api, &Visitor { user, session }).await?;
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(me)))
}

/// The user with this name and password; every attempt that was looked at is remembered and audited.
async fn admitted(api: &Api, name: &str, password: String, address: &str) -> Result<Option<User>, ApiError> {
    let now_ms = now_ms();
    let since_ms = now_ms - throttle::MEMORY_MS;
    let attempts = session::attempts(&api.registry, name, address, since_ms).await?;
    let wait_s = throttle::wait_s(&attempts, now_ms);
    if wait_s > 0 {
        return Err(ApiError::new(ErrorCode::TooManyAttempts).with("retry_after_s", wait_s));
    }
    let user = user::by_name(&api.registry, name)
        .await?
        .filter(|user| !user.disabled);
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let short = password.len() <= BYTES_MAX;
    let success = short && api.passwords.check(password, hash).await?;
    let mut tx = api.registry.begin().await?;
    session::sweep(&mut tx, now_ms, since_ms).await?;
    session::record_attempt(&mut tx, name, address, now_ms, success).await?;
    let action = if success {
        "session.opened"
    } else {
        "session.refused"
    };
    audit::record(
        &mut tx,
        now_ms,
        name,
        action,
        "session",
        &json!({ "address": address }),
    )
    .await?;
    tx.commit().await?;
    Ok(user.filter(|_| success))
}

/// Signs out: ends the session.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session",
    responses((status = NO_CONTENT), (status = UNAUTHORIZED, body = ApiError))
)]
async fn sign_out(
    State(api): State<Api>,
    visitor: Visitor,
) -> Result<(StatusCode, AppendHeaders<[(HeaderName, HeaderValue); 1]>), ApiError> {
    let mut tx = api.registry.begin().await?;
    session::end(&mut tx, &visitor.session.token_hash).await?;
    audit::record(
        &mut tx,
        now_ms(),
        &visitor.user.name,
        "session.closed",
        "session",
        &json!({}),
    )
    .await?;
    tx.commit().await?;
    Ok((
        StatusCode::NO_CONTENT,
        AppendHeaders([(header::SET_COOKIE, no_cookie(&api))]),
    ))
}

/// Who is signed in.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "session",
    responses((status = OK, body = Me), (status = UNAUTHORIZED, body = ApiError))
)]
async fn me(State(api): State<Api>, visitor: Visitor) -> Result<Json<Me>, ApiError> {
    Ok(Json(me_of(&api, &visitor).await?))
}

async fn me_of(api: &Api, visitor: &Visitor) -> Result<Me, ApiError> {
    let user = &visitor.user;
    let unit = match user.unit_id {
        Some(id) => unit::by_id(&api.registry, id).await?,
        None => None,
    };
    Ok(Me {
        name: user.name.clone(),
        role: user.role.into(),
        unit: unit.map(|unit| UnitRef {
            id: unit.id,
            name: unit.name,
        }),
        language: user.language.clone(),
        must_change_password: user.must_change_password,
        csrf: visitor.session.csrf.clone(),
    })
}

/// Changes one's own password; every other session of the user ends.
#[utoipa::path(
    put, path = "/api/v1/me/password", tag = "session", request_body = PasswordRequest,
    responses((status = NO_CONTENT), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn change_password(
    State(api): State<Api>,
    Visitor { user, session }: Visitor,
    Address(address): Address,
    Sent(request): Sent<PasswordRequest>,
) -> Result<StatusCode, ApiError> {
    if admitted(&api, &user.name, request.current, &address)
        .await?
        .is_none()
    {
        return Err(ApiError::new(ErrorCode::WrongPassword));
    }
    let hash = api.passwords.hash(request.new).await?;
    let mut tx = api.registry.begin().await?;
    user::set_password(&mut tx, user.id, &hash, false).await?;
    session::end_all_of(&mut tx, user.id).await?;
    session::insert(&mut tx, &session).await?;
    audit::record(
        &mut tx,
        now_ms(),
        &user.name,
        "user.password_changed",
        &user.name,
        &json!({}),
    )
    .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the language of one's own pages.
#[utoipa::path(
    put, path = "/api/v1/me/language", tag = "session", request_body = LanguageRequest,
    responses((status = NO_CONTENT), (status = BAD_REQUEST, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn change_language(
    State(api): State<Api>,
    visitor: Visitor,
    Sent(request): Sent<LanguageRequest>,
) -> Result<StatusCode, ApiError> {
    if !matches!(request.language.as_str(), "vi" | "en") {
        return Err(ApiError::bad_request("language", "vi or en"));
    }
    let mut tx = api.registry.begin().await?;
    user::set_language(&mut tx, visitor.user.id, &request.language).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
