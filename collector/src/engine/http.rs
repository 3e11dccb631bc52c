//! The front end: the part of ClickHouse's HTTP interface that the `clickhouse` crate uses.
//!
//! ```text
//! POST /?query=INSERT … FORMAT f[&decompress=1]   data in the body, streamed
//! POST /?settings                                 statement in the body, plain or as a form with param_x
//! GET  /?query=SELECT …                           the same for people and tests; reads only
//! GET  /ping                                      "Ok.", without a password
//! ```
//! An error before the first byte of a result has its own status, `X-ClickHouse-Exception-Code` and the text
//! as body; one after it ends the body with a trailer that carries the tag of the response's headers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::execute::{InsertData, Piece, Storage};
use super::ffi::Exception;
use super::frames::FrameDecoder;
use super::request::{Request, is_form};
use super::secret::Secret;
use super::sql::Outline;

/// Requests that run in the engine at once: its pools are made for two cores, and each one costs memory.
/// Further ones wait for [`QUEUE_PATIENCE`], then fail with error 202, which clients may retry.
pub(super) const MAX_CONCURRENT_REQUESTS: usize = 16;
const QUEUE_PATIENCE: Duration = Duration::from_secs(10);
/// Statements are ours and small, parameters are a path or a name; a longer body is refused.
const MAX_STATEMENT_BYTES: usize = 1 << 20;
/// 100,000 rows of the largest events we store, packed, stay below; a longer insert is cancelled.
const MAX_INSERT_BYTES: usize = 512 << 20;
/// Pieces between the engine and the network; more would only use memory.
const PIECES_IN_FLIGHT: usize = 2;

const BAD_ARGUMENTS: u32 = 36;
const TOO_MANY_SIMULTANEOUS_QUERIES: u32 = 202;
const AUTHENTICATION_FAILED: u32 = 516;
const TOO_LARGE: u32 = 396;
const ABORTED: u32 = 236;

/// What every request needs.
#[derive(Clone)]
pub(super) struct FrontEnd {
    storage: Arc<Storage>,
    user: Arc<str>,
    secret: Arc<Secret>,
    slots: Arc<Semaphore>,
}

impl FrontEnd {
    /// A front end for `storage` that lets only `user` with `secret` in.
    pub(super) fn new(storage: Arc<Storage>, user: &str, secret: Secret) -> Self {
        Self {
            storage,
            user: user.into(),
            secret: Arc::new(secret),
            slots: Arc::new(Semaphore::new(MAX_CONCURRENT_REQUESTS)),
        }
    }

    /// The routes.
    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/", get(answer).post(answer))
            .route("/ping", get(|| async { "Ok.\n" }))
            .with_state(self)
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<(), Exception> {
        let header = |name| headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
        let is_user = header("x-clickhouse-user") == self.user.as_bytes();
        if self.secret.is(header("x-clickhouse-key")) && is_user {
            return Ok(());
        }
        let text = "Authentication failed: password is incorrect, or there is no user with such name";
        Err(Exception::new(AUTHENTICATION_FAILED, text))
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, Exception> {
        match timeout(QUEUE_PATIENCE, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(Exception::new(
                TOO_MANY_SIMULTANEOUS_QUERIES,
                "Too many simultaneous queries",
            )),
        }
    }
}

async fn answer(State(front_end): State<FrontEnd>, http: HttpRequest) -> Response {
    dispatch(front_end, http)
        .await
        .unwrap_or_else(|exception| refuse(&exception))
}

async fn dispatch(front_end: FrontEnd, http: HttpRequest) -> Result<Response, Exception> {
    let (head, body) = http.into_parts();
    front_end.authenticate(&head.headers)?;
    let mut request = Request::from_uri(&head.uri, &front_end.storage.known_settings)?;
    let may_write = head.method != Method::GET;
    if may_write && let Some(sql) = request.sql.take() {
        let outline = Outline::of(&sql)?;
        if outline.verb == "INSERT"
            && let Some((end, format)) = outline.format
        {
            return insert(front_end, request, sql, (end, format), body).await;
        }
        request.sql = Some(sql);
    }
    let statement = read_statement(body).await?;
    if is_form(&head.headers) {
        request.add_form(&head.headers, &statement)?;
    } else if request.sql.is_none() {
        let text = String::from_utf8(statement.into());
        request.sql = Some(text.map_err(|_| Exception::new(BAD_ARGUMENTS, "the statement is not UTF-8"))?);
    }
    query(front_end, request, may_write).await
}

async fn read_statement(body: Body) -> Result<Bytes, Exception> {
    let too_large = |_| {
        Exception::new(
            TOO_LARGE,
            "the statement is too long or did not arrive completely",
        )
    };
    to_bytes(body, MAX_STATEMENT_BYTES).await.map_err(too_large)
}

/// Runs a statement; the answer starts with the first piece of the result, so most errors have a status.
async fn query(front_end: FrontEnd, mut request: Request, may_write: bool) -> Result<Response, Exception> {
    let sql = request.sql.take().unwrap_or_default();
    let outline = Outline::of(&sql)?;
    let slot = front_end.slot().await?;
    let (sender, mut pieces) = mpsc::channel::<Piece>(PIECES_IN_FLIGHT);
    tokio::task::spawn_blocking(move || {
        let _slot = slot;
        front_end
            .storage
            .run(&request, &sql, &outline, may_write, &sender);
    });
    let first = pieces.recv().await.unwrap_or(Ok(Vec::new()))?;
    let tag = hex::encode(super::secret::random::<8>());
    let trailer_tag = tag.clone();
    let rest = stream::poll_fn(move |context| pieces.poll_recv(context));
    let body = stream::once(async { Ok(first) })
        .chain(rest)
        .map(move |piece: Piece| {
            Ok::<_, std::convert::Infallible>(
                piece.unwrap_or_else(|exception| trailer(&exception, &trailer_tag)),
            )
        });
    Ok(([("x-clickhouse-exception-tag", tag)], Body::from_stream(body)).into_response())
}

/// How an error is told when the status has already been sent.
fn trailer(exception: &Exception, tag: &str) -> Vec<u8> {
    let text = format!("{exception}\n");
    let length = text.len();
    format!("\r\n__exception__\r\n{tag}\r\n{text}{length} {tag}\r\n__exception__\r\n").into_bytes()
}

/// Streams the data of an INSERT into the engine.
async fn insert(
    front_end: FrontEnd,
    request: Request,
    sql: String,
    (end, format): (usize, String),
    body: Body,
) -> Result<Response, Exception> {
    let slot = front_end.slot().await?;
    let is_compressed = request.is_compressed;
    let (sender, mut data) = mpsc::channel(PIECES_IN_FLIGHT);
    let (outcome_sender, outcome) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let _slot = slot;
        let _ = outcome_sender.send(
            front_end
                .storage
                .insert(&request, &sql, (end, &format), &mut data),
        );
    });
    let fed = feed(body, is_compressed, sender).await;
    let outcome = outcome
        .await
        .unwrap_or_else(|_| Err(Exception::new(ABORTED, "the insert was aborted")));
    fed.and(outcome).map(|()| StatusCode::OK.into_response())
}

/// Passes the body on; without a closing `End` (which only a complete body gets) the insert is cancelled.
/// When the engine gives up early, the rest is still read, because a client that is writing sees no answer.
async fn feed(body: Body, is_compressed: bool, sender: mpsc::Sender<InsertData>) -> Result<(), Exception> {
    let broken = |text: &str| Exception::new(ABORTED, &format!("{text}; nothing was stored"));
    let mut decoder = FrameDecoder::default();
    let mut received_bytes = 0;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| broken("the data broke off"))?;
        received_bytes += piece.len();
        if received_bytes > MAX_INSERT_BYTES {
            return Err(broken("the data is too long"));
        }
        if !is_compressed {
            let _ = sender.send(InsertData::Bytes(piece.into())).await;
            continue;
        }
        decoder.push(&piece);
        while let Some(contents) = decoder.next_frame().map_err(|error| broken(&error.to_string()))? {
            let _ = sender.send(InsertData::Bytes(contents)).await;
        }
    }
    decoder.finish().map_err(|error| broken(&error.to_string()))?;
    let _ = sender.send(InsertData::End).await;
    Ok(())
}

fn refuse(exception: &Exception) -> Response {
    let code = exception.code();
    let status = match code {
        AUTHENTICATION_FAILED | 497 => StatusCode::FORBIDDEN,
        TOO_MANY_SIMULTANEOUS_QUERIES => StatusCode::SERVICE_UNAVAILABLE,
        60 | 81 => StatusCode::NOT_FOUND,
        36 | 47 | 62 | 115 | 392 => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (
        status,
        [("x-clickhouse-exception-code", code.to_string())],
        format!("{exception}\n"),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trailer_counts_the_text_with_its_newline() {
        let bytes = trailer(&Exception::new(1, "x"), "tag");
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text,
            "\r\n__exception__\r\ntag\r\nCode: 1. DB::Exception: x\n26 tag\r\n__exception__\r\n"
        );
    }
}
