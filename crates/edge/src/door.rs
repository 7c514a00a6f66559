//! The way of a request: who asks, which behaviour, may they, from memory or from the upstream.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use http_face::door::Upload;
use model::Timestamp;
use model::delivery::{Access, Caching, Origin};
use sign::{Denied, token};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use crate::access_log::Record;
use crate::body::{Body, BoxError};
use crate::cache::Cache;
use crate::config::Config;
use crate::forward;
use crate::gate::Gate;
use crate::headers::{self, CACHE_STATUS, CDN_IDENTIFIER, X_CACHE, X_REQUEST_ID};
use crate::ids::{self, Ids};
use crate::meter::Meter;
use crate::refusal::Refusal;
use crate::route::{Route, Routes};
use crate::upstream::{CdnSecret, Upstreams};
pub(crate) use crate::viewer::Peer;
use crate::viewer::Viewer;

/// Everything that requests share.
pub(crate) struct Door {
    pub(crate) config: Config,
    pub(crate) upstreams: Upstreams,
    pub(crate) routes: watch::Receiver<Arc<Routes>>,
    pub(crate) secret: watch::Receiver<CdnSecret>,
    gate: Gate,
    pub(crate) cache: Arc<Cache>,
    ids: Ids,
    pub(crate) meter: Meter,
    /// Fetches under way, which shutdown waits for.
    pub(crate) tasks: TaskTracker,
}

/// A request whose form is right.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) viewer: Viewer<'a>,
    pub(crate) id: &'a HeaderValue,
    token: Option<&'a str>,
    /// Path and query behind the token.
    target: &'a str,
    path: &'a str,
}

/// How an answer came about, for `X-Cache` and `Cache-Status` (RFC 9211).
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    x_cache: &'static str,
    status: &'static str,
    /// Its place among [`crate::meter::WAYS`].
    way: usize,
}

impl How {
    pub(crate) const HIT: Self = Self { x_cache: "Hit from kinora", status: "kinora; hit", way: 0 };
    pub(crate) const RENEWED: Self =
        Self { x_cache: "RefreshHit from kinora", status: "kinora; fwd=stale; fwd-status=304", way: 1 };
    pub(crate) const LED: Self = Self { x_cache: "Miss from kinora", status: "kinora; fwd=miss", way: 2 };
    pub(crate) const FOLLOWED: Self =
        Self { x_cache: "Miss from kinora", status: "kinora; fwd=miss; collapsed", way: 2 };
    const HANDED_ON: Self = Self { x_cache: "Miss from kinora", status: "kinora; fwd=bypass", way: 3 };
    const OWN: Self = Self { x_cache: "Error from kinora", status: "kinora; detail=refused", way: 4 };
}

/// An answer and how it came about, or why there is none.
pub(crate) type Outcome = Result<(Response<Body>, How), Refusal>;

impl Door {
    pub(crate) fn new(
        config: Config,
        upstreams: Upstreams,
        routes: watch::Receiver<Arc<Routes>>,
        secret: watch::Receiver<CdnSecret>,
        tasks: TaskTracker,
        meter: Meter,
    ) -> Self {
        let cache = Arc::new(Cache::new(config.cache_bytes, config.cache_object_bytes));
        meter.watch(cache.gauge(), cache.room());
        Self {
            gate: Gate::new(config.signatures as usize),
            cache,
            config,
            upstreams,
            routes,
            secret,
            ids: Ids::default(),
            meter,
            tasks,
        }
    }

    /// Longest time that an upstream may take for a head or for the next part of a body.
    pub(crate) fn upstream_patience(&self) -> Duration {
        Duration::from_millis(u64::from(self.config.upstream_ms))
    }

    /// Answers any request.
    pub(crate) async fn answer(self: &Arc<Self>, peer: Peer, request: Request<Upload>) -> Response<Body> {
        let began = Instant::now();
        let (parts, body) = request.into_parts();
        let routes = self.routes.borrow().clone();
        let id = self.id(&parts.headers, peer);
        let asked = Asked::read(&parts, peer, &id, &self.config);
        let route = asked.ok().and_then(|asked| routes.find(asked.path));
        let outcome = match (asked, route) {
            (Err(refusal), _) => Err(refusal),
            (Ok(_), None) => Err(Refusal::NoBehaviour),
            (Ok(asked), Some(route)) => self.through(&routes, route, &asked, body).await,
        };

        let (mut response, how, refused) = match outcome {
            Ok((response, how)) => (response, how, None),
            Err(Refusal::Plain) => (self.lead_to_tls(&parts), How::OWN, Some(Refusal::Plain)),
            Err(refusal) => (refusal.response(), How::OWN, Some(refusal)),
        };
        self.label(response.headers_mut(), how, &id);
        if asked.is_ok_and(|asked| asked.viewer.scheme == "https") {
            headers::come_with_tls(response.headers_mut(), self.config.hsts_seconds);
        }
        if let Some(route) = route {
            route.cors.apply(parts.headers.get(ORIGIN), response.headers_mut());
        }
        self.meter.answered(how.way, response.status(), began.elapsed());
        if let Some(refusal) = refused {
            self.meter.refused(refusal.place());
        }
        let response = response.map(|body| body.counted(self.meter.sent()).weighed(self.cache.room()));
        match Record::begin(&parts, asked.ok().map(|asked| asked.viewer), began) {
            None => response,
            Some(mut record) => {
                record.status = response.status().as_u16();
                id.to_str().unwrap_or_default().clone_into(&mut record.id);
                record.cache = how.x_cache;
                record.refused = refused.map(Refusal::reason);
                response.map(|body| body.recorded(record))
            }
        }
    }

    async fn through(
        self: &Arc<Self>,
        routes: &Routes,
        route: &Route,
        asked: &Asked<'_>,
        body: Upload,
    ) -> Outcome {
        if asked.viewer.scheme == "http" && !self.config.https_origin.is_empty() {
            return Err(Refusal::Plain);
        }
        if let Some(response) = route.cors.preflight(asked.parts) {
            return Ok((response, How::HANDED_ON));
        }
        let shown;
        let target = match route.access {
            // Tokens lead to signed behaviours only.
            Access::Open if asked.token.is_some() => return Err(Refusal::NoBehaviour),
            Access::Open => Cow::Borrowed(asked.target),
            Access::Signed => {
                if !forward::is_read(&asked.parts.method) {
                    return Err(Refusal::Method("GET, HEAD"));
                }
                let cookies = asked.parts.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
                shown = cookies.collect::<Vec<_>>();
                let request = sign::Request {
                    scheme: asked.viewer.scheme,
                    host: asked.viewer.host,
                    target: asked.target,
                    cookies: &shown,
                    client: asked.viewer.address,
                    now: now(),
                };
                let target = self.gate.check(routes, &request, asked.token).map_err(Refusal::Denied)?;
                if routes.is_gone(asked.path) {
                    return Err(Refusal::Gone);
                }
                target
            }
        };
        let target = match route.origin {
            // Its answers do not depend on queries: a viewer who varies them shall not have it make one anew each time.
            Origin::Packager => target.split_once('?').map_or(&*target, |(path, _)| path),
            Origin::Site => &*target,
        };
        if route.cache == Caching::Origin && forward::is_read(&asked.parts.method) {
            self.cached(route, asked, target).await
        } else {
            self.hand_on(route, asked, target, Body::upload(body)).await
        }
    }

    /// Hands the viewer's own request to the upstream, and its answer to the viewer.
    pub(crate) async fn hand_on(
        &self,
        route: &Route,
        asked: &Asked<'_>,
        target: &str,
        body: Body,
    ) -> Outcome {
        let uploads = !body.is_end_stream();
        let secret = self.secret.borrow().clone();
        let mut request = forward::own(route.origin, target, asked.parts, &asked.viewer, &secret, body)?;
        request.headers_mut().insert(X_REQUEST_ID, asked.id.clone());
        self.meter.asked(route.origin);
        let call = self.upstreams.call(route.origin, request);
        // An upload takes as long as it takes; its pauses are bounded.
        let answered = if uploads { Ok(call.await) } else { timeout(self.upstream_patience(), call).await };
        let mut response = judge(route.origin, asked.id, answered)?;
        let headers = response.headers_mut();
        headers::end_connection(headers);
        headers.remove(CDN_IDENTIFIER);
        if route.access == Access::Signed {
            headers.remove(SET_COOKIE);
        }
        Ok((response, How::HANDED_ON))
    }

    /// Leads a reading request to the same place over TLS. Anything else has said in clear what it had to say: it is
    /// refused, so that whoever sends it notices.
    fn lead_to_tls(&self, parts: &Parts) -> Response<Body> {
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let place = HeaderValue::from_str(&format!("{}{target}", self.config.https_origin));
        let mut response = Refusal::Plain.response();
        if let Ok(place) = place
            && forward::is_read(&parts.method)
        {
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            response.headers_mut().insert(LOCATION, place);
        }
        response
    }

    /// Says how the answer came about, and under which id it stands in the log.
    fn label(&self, headers: &mut HeaderMap, how: How, id: &HeaderValue) {
        headers.insert(X_CACHE, HeaderValue::from_static(how.x_cache));
        headers.insert(CACHE_STATUS, HeaderValue::from_static(how.status));
        headers.insert(X_REQUEST_ID, id.clone());
    }

    /// The request's id: a trusted proxy's, so that its log and ours name the same, or a new one.
    fn id(&self, headers: &HeaderMap, peer: Peer) -> HeaderValue {
        let given = headers::only(headers, &X_REQUEST_ID).filter(|id| ids::is_id(id));
        match given.and_then(|id| HeaderValue::from_str(id).ok()) {
            Some(id) if peer.is_trusted(&self.config.trusted_proxies) => id,
            _ => self.ids.next(),
        }
    }
}

impl<'a> Asked<'a> {
    fn read(parts: &'a Parts, peer: Peer, id: &'a HeaderValue, config: &Config) -> Result<Self, Refusal> {
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        if target.len() > config.target_bytes as usize {
            return Err(Refusal::TargetTooLong);
        }
        // hyper's own bound is about what one more read brings.
        let fields: usize =
            parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if fields + target.len() > config.head_bytes as usize {
            return Err(Refusal::HeadTooLarge);
        }
        let (token, target) = match token::split(target) {
            Some((token, rest)) => (Some(token), rest),
            None if target.starts_with("/t/") => return Err(Refusal::Denied(Denied::MalformedSignature)),
            None => (None, target),
        };
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        if !sign::path::is_plain(path) {
            return Err(Refusal::BadRequest("the path has more than one reading"));
        }
        Ok(Self { parts, viewer: Viewer::of(parts, peer, &config.trusted_proxies)?, id, token, target, path })
    }
}

/// Takes an upstream's answer, or says what to tell the viewer.
pub(crate) fn judge<T>(
    origin: Origin,
    id: &HeaderValue,
    answered: Result<Result<Response<T>, BoxError>, tokio::time::error::Elapsed>,
) -> Result<Response<T>, Refusal> {
    let id = id.to_str().unwrap_or_default();
    match answered {
        Ok(Ok(response)) if response.status().is_informational() => {
            tracing::warn!(id, ?origin, status = response.status().as_u16(), "upstream answered strangely");
            Err(Refusal::Upstream)
        }
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => {
            tracing::warn!(id, ?origin, error, "upstream failed");
            Err(Refusal::Upstream)
        }
        Err(_) => {
            tracing::warn!(id, ?origin, "upstream took too long");
            Err(Refusal::UpstreamTimeout)
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
