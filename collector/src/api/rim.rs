//! What every request passes, whatever it asks for: connections within limits, time within limits, and
//! headers that keep a browser from doing more than our pages need.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use super::error::{ApiError, ErrorCode};
use crate::stop;

/// Open connections; the next one waits in the system's own queue.
const CONNECTIONS_MAX: usize = 1_024;
/// A client gets this long for the head of a request, idling between two requests included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// An answer (of a live stream: its beginning) takes no longer than this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A register of 100,000 lines is a minute's work on a slow disk, and half done it would look refused.
const IMPORT_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// At the end, answers under way get this long.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// After a failed accept (out of descriptors), this long is waited instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What browsers are told with every answer. Inline styles are what the component library needs; inline
/// scripts are nobody's need.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Serves until the flag is raised, then lets answers under way end.
pub(super) async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let place = Arc::clone(&places)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop::raised(&mut stop) => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(connection(stream, peer, router.clone(), stop.clone(), place));
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection of the dashboard");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    let ended = tokio::time::timeout(STOP_PATIENCE, async {
        while connections.join_next().await.is_some() {}
    });
    if ended.await.is_err() {
        debug!("connections of the dashboard were cut");
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stop: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        answer(router.clone(), request)
    });
    // Small answers must not wait for the client's delayed acknowledgement; without it they still arrive.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop::raised(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "a connection of the dashboard broke");
    }
}

async fn answer(router: Router, request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
    router.oneshot(request.map(Body::new)).await
}

/// Ends what takes too long.
pub(super) async fn within_time(request: Request, next: Next) -> Response {
    let limit = match request.uri().path() {
        super::coverage::IMPORT_PATH => IMPORT_TIMEOUT,
        _ => ANSWER_TIMEOUT,
    };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(ErrorCode::Timeout).into_response(),
    }
}

/// Adds the headers; what the API says is never kept by anybody.
pub(super) async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
