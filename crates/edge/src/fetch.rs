//! Cached behaviours: from memory, together with others who wait, or alone.

use std::sync::Arc;

use http::header::{
    CONTENT_LENGTH, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use model::delivery::Origin;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::answer::{Content, answer};
use crate::body::Body;
use crate::cache::{Entry, Head, Joined, Keep, Key, Lead, Meta, Writer, keep};
use crate::door::{Asked, Door, How, Outcome, judge};
use crate::forward;
use crate::headers;
use crate::refusal::Refusal;
use crate::route::Route;

impl Door {
    /// Answers a GET or HEAD of a behaviour whose answers may be kept.
    pub(crate) async fn cached(self: &Arc<Self>, route: &Route, asked: &Asked<'_>, target: &str) -> Outcome {
        let place = match route.origin {
            Origin::Packager => None,
            Origin::Site => Some((asked.viewer.scheme, asked.viewer.host.into())),
        };
        let key = Key { origin: route.origin, place, target: target.into() };
        let now = Instant::now();
        let hit = |entry: &Entry, how| {
            let response =
                answer(asked.parts, &entry.meta, Content::Whole(&entry.body), Some(entry.age(now)));
            Ok((response, how))
        };
        let stale = match self.cache.get(&key) {
            Some(entry) if entry.is_fresh(now) => return hit(&entry, How::HIT),
            stale => stale,
        };
        if route.origin == Origin::Packager && self.cache.memory().is_gone() {
            return Err(Refusal::Crowded);
        }
        let is_get = asked.parts.method == Method::GET;
        if (stale.is_none() && !is_get) || self.cache.is_alone(&key, now) {
            return self.hand_on(route, asked, target, Body::empty()).await;
        }
        let (fill, first, how) = match self.cache.join(&key, now) {
            Joined::Hit(entry) => return hit(&entry, How::HIT),
            Joined::Follow(fill) => {
                self.meter.followed();
                (fill, None, How::FOLLOWED)
            }
            Joined::Lead(lead) => {
                let secret = self.secret.borrow().clone();
                let mut request =
                    forward::common(route.origin, target, &asked.viewer, &secret, stale.as_deref())?;
                request.headers_mut().insert(headers::X_REQUEST_ID, asked.id.clone());
                let (sender, first) = oneshot::channel();
                let fill = lead.fill().clone();
                self.tasks.spawn(self.clone().fetch(lead, request, stale, sender));
                (fill, Some(first), How::LED)
            }
        };
        match fill.head().await {
            Head::Shared(meta) => Ok((answer(asked.parts, &meta, Content::Coming(&fill), None), how)),
            Head::Kept(entry) => hit(&entry, How::RENEWED),
            Head::Failed(refusal) => Err(refusal),
            Head::Alone => {
                // The answer that came is the packager's for everyone; a site's may be for someone.
                if let Some(first) = first
                    && route.origin == Origin::Packager
                    && is_get
                    && wants_all(&asked.parts.headers)
                    && let Ok(mut response) = first.await
                {
                    headers::make_own(response.headers_mut());
                    return Ok((response.map(|body| body.awaited(self.upstream_patience())), how));
                }
                self.hand_on(route, asked, target, Body::empty()).await
            }
        }
    }

    /// Asks the upstream for all who wait. Runs on its own, so nobody's leaving ends it.
    async fn fetch(
        self: Arc<Self>,
        lead: Lead,
        request: Request<Body>,
        stale: Option<Arc<Entry>>,
        first: oneshot::Sender<Response<Body>>,
    ) {
        let origin = lead.key().origin;
        let id = request.headers().get(&headers::X_REQUEST_ID).cloned();
        let id = id.unwrap_or(HeaderValue::from_static(""));
        self.meter.asked(origin);
        let answered = timeout(self.upstream_patience(), self.upstreams.call(origin, request)).await;
        let now = Instant::now();
        let response = match judge(origin, &id, answered) {
            Ok(response) => response,
            Err(refusal) => return lead.finish(Head::Failed(refusal)),
        };
        if response.status() == StatusCode::NOT_MODIFIED {
            let head = match stale {
                Some(stale) => Head::Kept(self.renew(&stale, &response.map(drop), now)),
                // Nobody asked for that.
                None => Head::Failed(Refusal::Upstream),
            };
            return lead.finish(head);
        }

        let keep = keep(response.status(), response.headers(), self.clock.now());
        let length = length(&response).filter(|_| response.status() != StatusCode::PARTIAL_CONTENT);
        let Some(length) = length.filter(|length| *length <= self.cache.object_bytes && keep != Keep::Alone)
        else {
            lead.cache().remember_alone(lead.key(), now);
            // Fails only when the viewer has gone.
            let _ = first.send(response);
            return lead.finish(Head::Alone);
        };
        let meta = Meta::new(response.status(), response.headers().clone(), length);
        let writer = match lead.share(meta, matches!(keep, Keep::For { .. })) {
            Ok(writer) => writer,
            Err(lead) => {
                let _ = first.send(response);
                return lead.finish(Head::Alone);
            }
        };
        if let Err(error) = self.pump(response.into_body(), &writer).await {
            tracing::warn!(id = text(&id), ?origin, error = %model::Chain(&*error), "upstream interrupted its answer");
            return;
        }
        let Some(bytes) = writer.end() else {
            tracing::warn!(id = text(&id), ?origin, "upstream sent fewer bytes than announced");
            return;
        };
        if let Keep::For { fresh, age } = keep {
            let (key, gauge) = (writer.lead().key().clone(), self.cache.gauge());
            let entry = Entry::new(key, writer.meta().clone(), bytes, (fresh, age), now, gauge);
            self.keep(&Arc::new(entry));
        }
    }

    /// Keeps an entry, unless it was deleted while it was on its way. That is checked afterwards: a deletion says
    /// so first and then forgets what is kept, so one of the two finds this.
    fn keep(&self, entry: &Arc<Entry>) {
        self.cache.put(entry.clone());
        if self.routes.borrow().is_gone(&entry.key.target) {
            self.cache.forget_one(&entry.key);
        }
    }

    async fn pump(&self, mut body: Body, writer: &Writer) -> Result<(), crate::BoxError> {
        while let Some(frame) = timeout(self.upstream_patience(), body.frame()).await? {
            // Trailers end here.
            if let Ok(data) = frame?.into_data()
                && !writer.push(data)
            {
                return Err("more bytes than announced".into());
            }
        }
        Ok(())
    }

    fn renew(&self, stale: &Entry, answer: &Response<()>, now: Instant) -> Arc<Entry> {
        let (entry, kept) = stale.renewed(answer, now, self.clock.now());
        let entry = Arc::new(entry);
        if kept {
            self.keep(&entry);
        }
        entry
    }
}

fn text(id: &HeaderValue) -> &str {
    id.to_str().unwrap_or_default()
}

fn wants_all(headers: &HeaderMap) -> bool {
    [RANGE, IF_RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE]
        .iter()
        .all(|name| !headers.contains_key(name))
}

fn length(response: &Response<Body>) -> Option<u64> {
    response
        .body()
        .size_hint()
        .exact()
        .or_else(|| headers::only(response.headers(), &CONTENT_LENGTH)?.parse().ok())
}
