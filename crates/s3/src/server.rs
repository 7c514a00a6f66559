//! The service: what it is made of, and how each request is answered. The listener hands requests to it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use blob::{Blob, CorsRule};
use futures::FutureExt;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, EXPECT, ORIGIN, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_face::door::{Answer, Peer, RequestBody};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Error, S3ErrorCode, s3_error};
use tracing::Instrument as _;

use crate::Config;
use crate::access::{self, Guard, Keys};
use crate::admitted::Admitted;
use crate::cors::{self, Asked};
use crate::face::Face;
use crate::form::{self, Desk};
use crate::gate::{self, Way};
use crate::host::{Domains, Scheme};
use crate::permission::Buckets;
use crate::whole::Whole;
use crate::{about, old_address, region, xml};

/// Longest path that is written to the log, in characters.
const MAX_PATH: usize = 512;

/// The S3 face: answers requests. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    s3: S3Service,
    admitted: Admitted,
    blob: Blob,
    guard: Guard,
    domains: Domains,
    /// Permissions of the installation's own pages, in every bucket.
    own_pages: Arc<CorsRule>,
    config: Arc<Config>,
}

impl Answer for Service {
    type Body = Body;

    async fn answer(self: Arc<Self>, _: Peer, request: Request<RequestBody>) -> Response<Body> {
        Self::answer(&self, request.map(Body::http_body_unsync)).await
    }

    fn turn_away(&self) -> Option<Response<Body>> {
        let what = "Please reduce your request rate: your address has its share of connections.";
        let mut response = refusal(s3_error!(SlowDown, "{what}"));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        Some(response)
    }
}

/// Puts the S3 face before a store.
pub fn service(blob: Blob, keys: Keys, config: Config) -> Service {
    let guard = Guard { keys, blob: blob.clone() };
    let mut limits = S3Config::default();
    limits.xml_max_body_size = 4 << 20;
    limits.post_object_max_file_size = 0;
    let domains = Domains(config.domains.clone());
    let limits = Arc::new(StaticConfigProvider::new(Arc::new(limits)));
    let builder = || {
        let mut builder = S3ServiceBuilder::new(Face(blob.clone()));
        builder.set_config(limits.clone());
        builder.set_host(domains.clone());
        builder
    };
    let admitted = Admitted::new(builder(), blob.clone());
    let mut builder = builder();
    builder.set_auth(guard.clone());
    builder.set_access(guard.clone());
    builder.set_route(Whole { guard: guard.clone(), admitted: admitted.clone() });
    let own_pages = Arc::new(cors::own(&config.page_origins));
    Service { s3: builder.build(), admitted, blob, guard, domains, own_pages, config: Arc::new(config) }
}

impl Service {
    /// Answers one request. Every line about it has the id that the answer has as `x-amz-request-id`.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        // Of the highest level, so that it is there however few lines are wanted.
        let span = tracing::error_span!("request", id, face = "s3", method = %request.method());
        self.answer_as(&id, request).instrument(span).await
    }

    async fn answer_as(&self, id: &str, request: Request<Body>) -> Response<Body> {
        let begun = Instant::now();
        let path = request.uri().path().to_owned();
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(Scheme(if self.config.https { "https" } else { "http" }));
        let waits = parts.version < Version::HTTP_2 && parts.headers.contains_key(EXPECT);
        let bucket = self.domains.path(&parts).bucket;
        let rules = self.rules(bucket.as_deref(), &parts.headers).await;
        let (method, headers) = (parts.method.clone(), parts.headers.clone());
        let mut response = if method == Method::OPTIONS {
            question(&headers, &rules)
        } else {
            match gate::check(&parts) {
                Ok(way) => self.call(way, Request::from_parts(parts, body)).await,
                Err(error) => refusal(error),
            }
        };
        if let Some(granted) = Asked::with(&method, &headers).and_then(|asked| asked.find(&rules)) {
            granted.expose(response.headers_mut());
        }
        if let Ok(value) = HeaderValue::from_str(id) {
            response.headers_mut().insert("x-amz-request-id", value);
        }
        // An object is what its owner says it is, and no page that a browser finds in it; one that is a page runs no
        // script here, for other faces share the host.
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        if response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/xml") {
            rewrite(&mut response, xml::mended);
        }
        if !response.status().is_success() {
            name_request(&mut response, id);
            // A client that waited for leave to send a body may now send the next request in its place: nothing on the
            // wire tells one from the other, so the connection ends here (RFC 9110 §10.1.1).
            if waits {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        // The query may hold a signature: it is never logged.
        let path = path.char_indices().nth(MAX_PATH).map_or(&path[..], |(end, _)| &path[..end]);
        let status = response.status().as_u16();
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(target: "s3::access", path, status, ms, "answered");
        response
    }

    /// The CORS rules of a bucket; looked up only for pages.
    async fn rules(&self, bucket: Option<&str>, headers: &HeaderMap) -> Vec<CorsRule> {
        let mut rules = vec![CorsRule::clone(&self.own_pages)];
        let shown = bucket.and_then(|name| name.parse().ok()).filter(|name| Buckets::All.open(name));
        if let Some(bucket) = shown.filter(|_| headers.contains_key(ORIGIN)) {
            match self.blob.cors(&bucket).await {
                Ok(found) => rules.extend(found),
                Err(blob::Error::NoSuchBucket(_)) => {}
                Err(error) => {
                    tracing::error!(error = %model::Chain(&error), "cannot read the CORS rules")
                }
            }
        }
        rules
    }

    async fn call(&self, way: Way, request: Request<Body>) -> Response<Body> {
        let answer = async {
            match way {
                Way::Request(signed) => {
                    let about = about::is_asked(request.uri());
                    let mut request = request;
                    request.extensions_mut().insert(signed);
                    let mut response = access::once(self.s3.call(request)).await.unwrap_or_else(|error| {
                        tracing::error!(?error, "cannot build an answer");
                        refusal(s3_error!(InternalError, "Something went wrong on our side."))
                    });
                    if about {
                        rewrite(&mut response, about::with_bare_etag);
                    }
                    response
                }
                Way::OldAddress => {
                    let about = about::is_asked(request.uri());
                    let (guard, admitted, domains) = (&self.guard, &self.admitted, &self.domains);
                    let answer =
                        old_address::answer(guard, admitted, domains, self.blob.now(), request).await;
                    let mut response = answer.unwrap_or_else(refusal);
                    if about {
                        rewrite(&mut response, about::with_bare_etag);
                    }
                    response
                }
                Way::Form => {
                    let time_limit = Duration::from_secs(self.config.head_seconds);
                    let (blob, guard, domains) = (&self.blob, &self.guard, &self.domains);
                    let desk = Desk { blob, guard, domains, time_limit };
                    form::answer(desk, request).await.unwrap_or_else(refusal)
                }
            }
        };
        AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_panic| {
            tracing::error!("a handler panicked");
            refusal(s3_error!(InternalError, "Something went wrong on our side."))
        })
    }
}

/// Writes the request's id into an error's XML, and the region if that is what is wrong.
fn name_request(response: &mut Response<Body>, id: &str) {
    // A client that signed for another region is told the right one (`region::wrong`).
    let region = response.headers().get(region::HEADER).map(|region| region.as_bytes().to_vec());
    rewrite(response, |body| {
        let start = body.strip_suffix(b"</Error>")?;
        let region =
            region.map(|region| [b"<Region>", &region[..], b"</Region>"].concat()).unwrap_or_default();
        Some([start, &region, b"<RequestId>", id.as_bytes(), b"</RequestId></Error>"].concat())
    });
}

/// Changes a body that is in memory.
fn rewrite(response: &mut Response<Body>, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) {
    let Some(changed) = response.body().bytes().and_then(|bytes| change(&bytes)) else { return };
    if response.headers().contains_key(CONTENT_LENGTH) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(changed.len()));
    }
    *response.body_mut() = Body::from(bytes::Bytes::from(changed));
}

/// Answers a browser's question before its request (a preflight).
fn question(headers: &HeaderMap, rules: &[CorsRule]) -> Response<Body> {
    let Some(asked) = Asked::before(headers) else {
        let what = "Insufficient information: give Origin and Access-Control-Request-Method.";
        let mut error = S3Error::with_message(S3ErrorCode::Custom("BadRequest".into()), what);
        error.set_status_code(StatusCode::BAD_REQUEST);
        return refusal(error);
    };
    let Some(granted) = asked.find(rules) else {
        return refusal(s3_error!(AccessDenied, "CORSResponse: This CORS request is not allowed."));
    };
    let mut response = Response::new(Body::empty());
    granted.allow(&asked, response.headers_mut());
    response
}

fn refusal(error: S3Error) -> Response<Body> {
    error.to_http_response().unwrap_or_else(|_| Response::new(Body::empty()))
}
