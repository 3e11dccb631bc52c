//! Who asks: the session behind the cookie, its user, what they may do and what they may see.
//!
//! A handler that takes a [`Viewer`] cannot be reached without a valid session, and one that changes
//! something cannot be reached from another site: SameSite keeps the cookie at home, and the request must
//! show the session's CSRF value, which only our own pages can know.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::Api;
use super::error::{ApiError, ErrorCode};
use super::password::random;
use crate::clock::now_ms;
use crate::registry::session::Session;
use crate::registry::user::{Role, User};
use crate::registry::{session, unit, user};
use crate::scope::Scope;

const COOKIE: &str = "vong_session";
const CSRF_HEADER: &str = "x-csrf-token";
/// A session ends after this much silence.
const IDLE_MS: i64 = 12 * 3_600_000;
/// A session ends after this, however busy: a stolen one does not live for ever.
const LIFE_MS: i64 = 7 * 24 * 3_600_000;
/// Being used is written down this often at most: a page full of questions is one write.
const TOUCH_MS: i64 = 60_000;

/// Somebody who is signed in; perhaps with a password that must be changed first.
pub(super) struct Visitor {
    pub(super) user: User,
    pub(super) session: Session,
}

/// Somebody who is signed in and may look around.
pub(super) struct Viewer {
    pub(super) user: User,
    pub(super) session: Session,
    /// What they may see.
    pub(super) scope: Scope,
}

/// What a role may be needed for, besides looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// Taking, resolving and commenting alerts.
    HandleAlerts,
    /// Telling hosts to do something.
    OrderCommands,
    /// Changing policies.
    ChangePolicy,
    /// Deciding which hosts belong here.
    ManageHosts,
    /// Bringing in the asset register, and making exceptions from it.
    KeepRegister,
    /// Saying of machines on the network that they are no PCs.
    MarkMachines,
    /// Accepting or flagging what became of files.
    ReviewFiles,
    /// Listing hashes as bad or good; for those who see all units, because a list is one for all.
    KeepHashes,
}

impl Viewer {
    /// Refuses whoever may not do this.
    pub(super) fn require(&self, right: Right) -> Result<(), ApiError> {
        if allows(self.user.role, right) {
            Ok(())
        } else {
            Err(ApiError::new(ErrorCode::Forbidden))
        }
    }
}

fn allows(role: Role, right: Right) -> bool {
    match role {
        Role::Administrator => true,
        Role::Analyst => !matches!(
            right,
            Right::ChangePolicy | Right::ManageHosts | Right::KeepRegister
        ),
        Role::UnitStaff => matches!(right, Right::HandleAlerts | Right::OrderCommands),
        Role::Auditor => false,
    }
}

/// What a user may see. Staff of a unit without a unit see nothing: a mistake must not show everything.
pub(super) async fn scope_of(api: &Api, user: &User) -> Result<Scope, ApiError> {
    let units = match (user.unit_id, user.role) {
        (Some(unit), _) => Some(unit::subtree(&api.registry, unit).await?),
        (None, Role::UnitStaff) => Some(Vec::new()),
        (None, Role::Administrator | Role::Analyst | Role::Auditor) => None,
    };
    Ok(Scope { units })
}

impl FromRequestParts<Api> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let token = cookie(&parts.headers).ok_or_else(unauthenticated)?;
        let Visitor { user, session } = visitor(api, &hash_of(&token)).await?;
        if parts.method != Method::GET && parts.method != Method::HEAD {
            from_our_pages(api, &parts.headers)?;
            let shown = parts.headers.get(CSRF_HEADER).map(HeaderValue::as_bytes);
            if !shown.is_some_and(|shown| same(shown, session.csrf.as_bytes())) {
                return Err(ApiError::new(ErrorCode::Csrf));
            }
        }
        touch(api, &session).await?;
        Ok(Self { user, session })
    }
}

impl FromRequestParts<Api> for Viewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Visitor { user, session } = Visitor::from_request_parts(parts, api).await?;
        if user.must_change_password {
            return Err(ApiError::new(ErrorCode::PasswordChangeRequired));
        }
        let scope = scope_of(api, &user).await?;
        Ok(Self { user, session, scope })
    }
}

/// Whose session this is, if it is still one.
pub(super) async fn visitor(api: &Api, token_hash: &str) -> Result<Visitor, ApiError> {
    let now_ms = now_ms();
    let session = session::by_hash(&api.registry, token_hash, now_ms)
        .await?
        .ok_or_else(unauthenticated)?;
    let user = user::by_id(&api.registry, session.user_id)
        .await?
        .ok_or_else(unauthenticated)?;
    if user.disabled || now_ms - session.created_ms > LIFE_MS {
        return Err(unauthenticated());
    }
    Ok(Visitor { user, session })
}

async fn touch(api: &Api, session: &Session) -> Result<(), ApiError> {
    let now_ms = now_ms();
    if now_ms - session.seen_ms > TOUCH_MS {
        let mut tx = api.registry.begin().await?;
        session::touch(&mut tx, &session.token_hash, now_ms, now_ms + IDLE_MS).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// A new session with the cookie that carries its token.
pub(super) fn new_session(api: &Api, user: &User, address: &str) -> (Session, HeaderValue) {
    let token = URL_SAFE_NO_PAD.encode(random::<32>());
    let now_ms = now_ms();
    let session = Session {
        token_hash: hash_of(&token),
        user_id: user.id,
        csrf: URL_SAFE_NO_PAD.encode(random::<32>()),
        created_ms: now_ms,
        expires_ms: now_ms + IDLE_MS,
        seen_ms: now_ms,
        address: address.to_owned(),
    };
    (session, set_cookie(api, &token, IDLE_MS / 1_000))
}

/// The cookie that ends the one before.
pub(super) fn no_cookie(api: &Api) -> HeaderValue {
    set_cookie(api, "", 0)
}

fn set_cookie(api: &Api, token: &str, max_age_s: i64) -> HeaderValue {
    let secure = if api.secure_cookies { "; Secure" } else { "" };
    let text = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age_s}{secure}");
    HeaderValue::from_str(&text).expect("base64 and constants are header text")
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = pairs
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, token)| token.to_owned())
}

/// Refuses a change that a page of another site asks for. Programs send no `Origin`; browsers always do.
pub(super) fn from_our_pages(api: &Api, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or("null");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    if origin == api.web_origin || (authority.is_some() && authority == host) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::Csrf))
}

/// Where a request comes from.
pub(super) struct Address(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(peer.map_or_else(String::new, |ConnectInfo(peer)| {
            peer.ip().to_string()
        })))
    }
}

/// What proxies add to a request that they hand on.
const HANDED_ON: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

/// Whether the asker may read what tells about the inside, such as errors with addresses and paths: somebody who is
/// signed in, or this machine itself, unless a proxy on it asks for others.
pub(super) struct Insider(pub(super) bool);

impl FromRequestParts<Api> for Insider {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let is_local = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
        let is_handed_on = HANDED_ON.iter().any(|name| parts.headers.contains_key(*name));
        let is_inside = (is_local && !is_handed_on) || Visitor::from_request_parts(parts, api).await.is_ok();
        Ok(Self(is_inside))
    }
}

fn unauthenticated() -> ApiError {
    ApiError::new(ErrorCode::Unauthenticated)
}

fn hash_of(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Compares in a time that does not tell where the two differ.
fn same(shown: &[u8], expected: &[u8]) -> bool {
    let differences = shown.iter().zip(expected).fold(0, |seen, (a, b)| seen | (a ^ b));
    shown.len() == expected.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; vong_session_x=1"));
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("c=d; vong_session=abc; e=f"),
        );
        assert_eq!(cookie(&headers).as_deref(), Some("abc"));
    }

    #[test]
    fn who_may_do_what() {
        use Right::{ChangePolicy, HandleAlerts, OrderCommands};
        let rights = |role| [HandleAlerts, OrderCommands, ChangePolicy].map(|right| allows(role, right));
        assert_eq!(rights(Role::Administrator), [true, true, true]);
        assert_eq!(rights(Role::Analyst), [true, true, false]);
        assert_eq!(rights(Role::UnitStaff), [true, true, false]);
        assert_eq!(rights(Role::Auditor), [false, false, false]);
    }
}
