//! What has changed, as it changes: topics with ids, upon which pages ask again for what they show.
//!
//! A stream ends when its session ends, when the collector stops, and when its reader is so slow that changes
//! were lost; the browser comes back by itself with the last id that it saw. Changes of one moment are gathered
//! and told once: a burst of a thousand events of one host is one line.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use serde::Serialize;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::{ApiError, ErrorCode};
use super::guard::{Viewer, scope_of, visitor};
use crate::live::{self, Subscription, Topic};
use crate::registry::{alert_list, host_list};
use crate::stop;

/// Open streams of everybody together; each holds a connection and some KiB.
const STREAMS_MAX: usize = 256;
/// Changes are gathered for this long before they are told.
const GATHERING: Duration = Duration::from_millis(100);
/// A quiet stream says that it lives this often, and looks whether its session still does.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that wait for a slow reader; then the stream waits with it, and at last starts anew.
const WAITING_MAX: usize = 16;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(live))
}

/// The places for open streams.
#[derive(Clone)]
pub(super) struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

impl Streams {
    /// Streams that are open now.
    pub(super) fn open(&self) -> usize {
        STREAMS_MAX - self.0.available_permits()
    }
}

/// What something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LiveTopic {
    /// An alert; `id` is its number.
    Alert,
    /// A host; `id` is its number.
    Host,
    /// New events of a host; `id` is the host's number.
    Event,
    /// Figures of the overview.
    Overview,
    /// Anything: too much has happened to say it one by one.
    Reload,
}

/// The `data` of a server-sent event named `change`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Change {
    /// What it is about.
    topic: LiveTopic,
    /// Of which.
    id: Option<i64>,
}

/// Changes as server-sent events `change`, each with an id that `Last-Event-ID` resumes after.
#[utoipa::path(
    get, path = "/api/v1/live", tag = "live",
    responses((status = OK, body = Change, content_type = "text/event-stream"), (status = TOO_MANY_REQUESTS, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn live(
    State(api): State<Api>,
    viewer: Viewer,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let place = Arc::clone(&api.streams.0).try_acquire_owned();
    let place = place.map_err(|_| ApiError::new(ErrorCode::TooManyStreams))?;
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let subscription = api.live.subscribe(last);
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    tokio::spawn(tell(api, viewer, subscription, sender, place));
    let events = futures_util::stream::unfold(receiver, async |mut receiver: mpsc::Receiver<Event>| {
        Some((Ok(receiver.recv().await?), receiver))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// Tells one listener until somebody has had enough; dropping the sender ends the stream.
async fn tell(
    api: Api,
    viewer: Viewer,
    subscription: Subscription,
    sender: mpsc::Sender<Event>,
    _place: OwnedSemaphorePermit,
) {
    let mut stop = api.stop.clone();
    tokio::select! {
        _ = tell_all(&api, &viewer, subscription, &sender) => {}
        () = stop::raised(&mut stop) => {}
        () = sender.closed() => {}
    }
}

/// Never ends well: `None` when the session or the stream is over.
async fn tell_all(
    api: &Api,
    viewer: &Viewer,
    mut subscription: Subscription,
    sender: &mpsc::Sender<Event>,
) -> Option<Infallible> {
    match subscription.missed.take() {
        Some(missed) => told(api, viewer, sender, gathered(missed)).await?,
        None => send(sender, subscription.last, LiveTopic::Reload, None).await?,
    }
    let mut looks = tokio::time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            first = subscription.changes.recv() => {
                let topics = heard(first, &mut subscription).await?;
                told(api, viewer, sender, topics).await?;
            }
            _ = looks.tick() => still_allowed(api, viewer).await?,
        }
    }
}

/// The session may have ended, and the user's scope may be another one.
async fn still_allowed(api: &Api, viewer: &Viewer) -> Option<()> {
    let visitor = visitor(api, &viewer.session.token_hash).await.ok()?;
    let scope = scope_of(api, &visitor.user).await.ok()?;
    (scope == viewer.scope).then_some(())
}

/// Topics with the last number of each: what happened twice is told once.
type Topics = BTreeMap<Topic, u64>;

fn gathered(changes: Vec<live::Change>) -> Topics {
    changes
        .into_iter()
        .map(|change| (change.topic, change.number))
        .collect()
}

/// The next changes; `None` when some were lost.
async fn heard(first: Result<live::Change, RecvError>, subscription: &mut Subscription) -> Option<Topics> {
    let mut changes = vec![first.ok()?];
    tokio::time::sleep(GATHERING).await;
    loop {
        match subscription.changes.try_recv() {
            Ok(change) => changes.push(change),
            Err(TryRecvError::Lagged(_)) => return None,
            Err(_) => return Some(gathered(changes)),
        }
    }
}

async fn told(api: &Api, viewer: &Viewer, sender: &mpsc::Sender<Event>, topics: Topics) -> Option<()> {
    let mut topics: Vec<(u64, Topic)> = topics
        .into_iter()
        .map(|(topic, number)| (number, topic))
        .collect();
    topics.sort_unstable();
    for (number, topic) in topics {
        if concerns(api, viewer, topic).await {
            let (topic, id) = shown(topic);
            send(sender, number, topic, id).await?;
        }
    }
    Some(())
}

async fn send(sender: &mpsc::Sender<Event>, number: u64, topic: LiveTopic, id: Option<i64>) -> Option<()> {
    let event = Event::default().id(number.to_string()).event("change");
    let event = event
        .json_data(Change { topic, id })
        .expect("a change is plain JSON");
    sender.send(event).await.ok()
}

fn shown(topic: Topic) -> (LiveTopic, Option<i64>) {
    match topic {
        Topic::Alert(id) => (LiveTopic::Alert, Some(id)),
        Topic::Host(host) => (LiveTopic::Host, Some(host.0)),
        Topic::Event(host) => (LiveTopic::Event, Some(host.0)),
        Topic::Overview => (LiveTopic::Overview, None),
    }
}

/// Whether the viewer may know of it. In doubt (the registry does not answer) not: the next change tells.
async fn concerns(api: &Api, viewer: &Viewer, topic: Topic) -> bool {
    if viewer.scope.units.is_none() {
        return true;
    }
    let visible = match topic {
        Topic::Alert(id) => alert_list::by_id(&api.registry, &viewer.scope, id)
            .await
            .map(|it| it.is_some()),
        Topic::Host(host) | Topic::Event(host) => host_list::by_id(&api.registry, &viewer.scope, host)
            .await
            .map(|it| it.is_some()),
        Topic::Overview => Ok(true),
    };
    visible.unwrap_or(false)
}
