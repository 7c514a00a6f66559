//! `/metrics`: figures of the installation for Prometheus. Counts and sizes only: no label names a person, a title or
//! an address.
//!
//! They are behind a door of their own, which is closed unless it is configured: the front door knows no such path.

mod process;
pub(crate) mod text;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use blob::Blob;
use catalogue::Catalogue;
use edge::meter::{BOUNDS_MS, CLASSES, Reason, UPSTREAMS, Way};
use http::{HeaderMap, Request, StatusCode, header};
use http_face::ConnectionSlots;
use http_face::door::{Answer, Bounds, Entrance, Peer, RequestBody, Timeouts};
use jobs::Queue;
use model::Timestamp;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use text::Page;

/// Connections at a time.
const SLOTS: usize = 64;
/// How long a reader may pause.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The shortest token, in bytes.
const LEAST_TOKEN: usize = 16;

/// Where metrics can be read.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Address to listen on; nobody can read them over the network when absent.
    pub(crate) listen: Option<SocketAddr>,
    /// The token that readers send as `Authorization: Bearer …`. Not needed on loopback.
    pub(crate) token: Option<String>,
}

/// Hides the token.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl Config {
    /// Refuses what would let strangers read.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if let Some(token) = &self.token {
            ensure!(token.len() >= LEAST_TOKEN, "`metrics.token` is shorter than {LEAST_TOKEN} characters");
        }
        let open = self.listen.is_some_and(|at| !at.ip().is_loopback()) && self.token.is_none();
        ensure!(
            !open,
            "`metrics.listen` is not on loopback: set `metrics.token` too, or listen on 127.0.0.1"
        );
        Ok(())
    }
}

/// The sources of the metrics.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    catalogue: Catalogue,
    blob: Blob,
    jobs: Queue,
    /// Counters of the front door.
    pub(crate) edge: edge::Meter,
    /// Counters of the packager.
    pub(crate) origin: origin::Meter,
    /// One reading at a time: each asks the database.
    turn: Arc<Mutex<()>>,
}

impl Metrics {
    /// Counts from nothing; what is stored is counted when somebody asks.
    pub(crate) fn new(catalogue: &Catalogue, blob: &Blob, jobs: &Queue) -> Self {
        Self {
            catalogue: catalogue.clone(),
            blob: blob.clone(),
            jobs: jobs.clone(),
            edge: edge::Meter::default(),
            origin: origin::Meter::default(),
            turn: Arc::default(),
        }
    }

    /// Writes all figures as they are now.
    pub(crate) async fn page(&self, now: Timestamp) -> anyhow::Result<String> {
        let _turn = self.turn.lock().await;
        let mut page = Page::default();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        page.family("kinora_build_info", "gauge", "The version that runs.").value("", &version, 1);
        self.titles(&mut page).await?;
        self.queue(&mut page, now).await?;
        self.store(&mut page).await?;
        self.edge(&mut page);
        self.packager(&mut page);
        process::write(&mut page);
        Ok(page.finish())
    }

    async fn titles(&self, page: &mut Page) -> anyhow::Result<()> {
        let counts = self.catalogue.counts().await?;
        let mut family = page.family("kinora_titles", "gauge", "Titles by state.");
        for (state, n) in counts {
            family.of("state", state.as_str(), n);
        }
        Ok(())
    }

    async fn queue(&self, page: &mut Page, now: Timestamp) -> anyhow::Result<()> {
        let mut family =
            page.family("kinora_jobs", "gauge", "Jobs by kind and state, until they are removed.");
        for (kind, state, n) in self.jobs.tally().await? {
            family.value("", &[("kind", &kind), ("state", state.as_str())], n);
        }
        let oldest = self.jobs.counts(now).await?.oldest_due;
        #[expect(clippy::cast_precision_loss, reason = "seconds as Prometheus counts them")]
        let waited = oldest.map_or(0.0, |at| (now.0 - at.0).max(0) as f64 / 1000.0);
        page.gauge("kinora_jobs_oldest_due_seconds", "How long the first due job has waited.", waited);
        let help = "Running encodes together, times real time.";
        page.gauge("kinora_encode_speed_ratio", help, self.jobs.speed().await?);
        let slots: u64 = self.jobs.workers(now).await?.iter().map(|worker| worker.slots).sum();
        page.gauge("kinora_worker_slots", "Jobs that all running workers can run at a time.", slots);
        let paused = self.jobs.pauses().await?.iter().any(|pause| pause.kind == pipeline::Work::ENCODING);
        page.gauge("kinora_encoding_paused", "Whether encoding is paused.", u8::from(paused));
        Ok(())
    }

    async fn store(&self, page: &mut Page) -> anyhow::Result<()> {
        page.gauge("kinora_store_bytes", "Bytes that all stored files take.", self.blob.used().await?);
        let help = "Bytes that can still be stored, without the reserve and reserved space.";
        page.gauge("kinora_store_available_bytes", help, self.blob.available().await?);
        let help = "Stored files that are known to be damaged or lost.";
        page.gauge("kinora_store_damaged_files", help, self.blob.damaged_files().await?);
        Ok(())
    }

    fn edge(&self, page: &mut Page) {
        let counts = self.edge.read();
        let help = "Answers of the front door, by cache result and class of status.";
        let mut family = page.family("kinora_edge_answers_total", "counter", help);
        for (way, classes) in Way::ALL.iter().zip(counts.answers) {
            for (class, n) in CLASSES.iter().zip(classes) {
                family.value("", &[("way", way.as_str()), ("status", class)], n);
            }
        }
        let help = "Requests that the front door itself refused.";
        let mut family = page.family("kinora_edge_refusals_total", "counter", help);
        for (reason, n) in Reason::ALL.iter().zip(counts.refusals) {
            family.of("reason", reason.as_str(), n);
        }
        let help = "Time until an answer's head was ready.";
        let mut family = page.family("kinora_edge_answer_seconds", "histogram", help);
        let mut sum = 0;
        for (n, count) in counts.seconds.iter().enumerate() {
            sum += count;
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let bound =
                BOUNDS_MS.get(n).map_or_else(|| "+Inf".to_owned(), |ms| (*ms as f64 / 1000.0).to_string());
            family.value("_bucket", &[("le", &bound)], sum);
        }
        family.value("_sum", &[], counts.waited.as_secs_f64());
        family.value("_count", &[], sum);
        let help = "Requests to the upstreams behind the front door; one can serve many answers.";
        let mut family = page.family("kinora_edge_upstream_requests_total", "counter", help);
        for (upstream, n) in UPSTREAMS.iter().zip(counts.asked) {
            family.of("upstream", upstream, n);
        }
        let help = "Requests that shared the answer to another request in flight.";
        page.counter("kinora_edge_collapsed_total", help, counts.followed);
        page.counter("kinora_edge_sent_bytes_total", "Bytes of answers' bodies.", counts.sent);
        page.gauge("kinora_edge_connections", "Connections now.", counts.connections);
        let help = "Connections refused because their address had its share.";
        page.counter("kinora_edge_turned_away_total", help, counts.turned_away);
        page.gauge("kinora_edge_cache_bytes", "Bytes of answers in memory.", counts.cached);
        let help = "Bytes of bodies in memory: of kept answers, and those that clients are still reading.";
        page.gauge("kinora_edge_held_bytes", help, counts.held);
    }

    fn packager(&self, page: &mut Page) {
        let counts = self.origin.read();
        let help = "Reads of stored media for answers; equal ones at the same time are one.";
        page.counter("kinora_origin_reads_total", help, counts.reads);
        page.counter("kinora_origin_read_bytes_total", "Bytes of those reads.", counts.bytes);
    }
}

struct Door {
    metrics: Metrics,
    token: Option<String>,
}

/// Answers permitted readers until told to stop. A client that can reach the endpoint can hold a slot, and no more than
/// that.
pub(crate) async fn run(
    listener: TcpListener,
    metrics: Metrics,
    token: Option<String>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let router = Router::new().route("/metrics", get(answer)).with_state(Arc::new(Door { metrics, token }));
    let timeouts = Timeouts { silence: TIME_LIMIT, least_rate: 0, is_scarce: Arc::new(|| false) };
    let bounds = Bounds {
        head: TIME_LIMIT,
        head_bytes: 16 << 10,
        head_fields: 100,
        pause: TIME_LIMIT,
        timeouts,
        http2: false,
        drain: TIME_LIMIT,
    };
    let door = http_face::door::Door {
        entrances: vec![Entrance { listener, tls: None }],
        slots: ConnectionSlots::new(SLOTS, 0),
        proxies: Vec::new(),
        bounds,
        tasks: TaskTracker::new(),
    };
    door.run(Arc::new(Readers(router)), shutdown).await;
    Ok(())
}

/// Clients of the metrics endpoint.
struct Readers(Router);

impl Answer for Readers {
    type Body = Body;

    async fn answer(self: Arc<Self>, _: Peer, request: Request<RequestBody>) -> Response {
        let Ok(response) = self.0.clone().oneshot(request.map(Body::new)).await;
        response
    }
}

async fn answer(State(door): State<Arc<Door>>, headers: HeaderMap) -> Response {
    if !may_read(&headers, door.token.as_deref()) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response();
    }
    let now = door.metrics.jobs.now();
    match door.metrics.page(now).await {
        Ok(page) => {
            let headers = [(header::CONTENT_TYPE, text::TYPE), (header::CACHE_CONTROL, "no-store")];
            (headers, page).into_response()
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "cannot read the metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// With a token: clients that send it. Without: clients of the loopback address itself, but not a page of a browser
/// that was led here under another name.
fn may_read(headers: &HeaderMap, token: Option<&str>) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(token) = token else {
        let host = text(header::HOST);
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let name = name.trim_start_matches('[').trim_end_matches(']');
        return name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    };
    let shown = text(header::AUTHORIZATION).strip_prefix("Bearer ").unwrap_or_default().as_bytes();
    verify_slices_are_equal(shown, token.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: header::HeaderName, value: &str, token: Option<&str>, expected: bool) {
        let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
        assert_eq!(may_read(&headers, token), expected, "{value}");
    }

    #[test]
    fn strangers_read_nothing() {
        let token = Some("0123456789abcdef");
        check(header::AUTHORIZATION, "Bearer 0123456789abcdef", token, true);
        check(header::AUTHORIZATION, "Bearer 0123456789abcdeg", token, false);
        check(header::AUTHORIZATION, "Bearer 0123456789abcde", token, false);
        check(header::AUTHORIZATION, "0123456789abcdef", token, false);
        check(header::HOST, "localhost:9464", token, false);
        check(header::HOST, "localhost:9464", None, true);
        check(header::HOST, "127.0.0.1:9464", None, true);
        check(header::HOST, "[::1]:9464", None, true);
        check(header::HOST, "evil.example:9464", None, false);
        check(header::ACCEPT, "*/*", None, false);
    }

    #[test]
    fn a_door_to_the_network_needs_a_token() {
        let config = |listen: &str, token: Option<&str>| Config {
            listen: Some(listen.parse().unwrap()),
            token: token.map(Into::into),
        };
        assert!(Config::default().check().is_ok());
        assert!(config("127.0.0.1:9464", None).check().is_ok());
        assert!(config("0.0.0.0:9464", None).check().is_err());
        assert!(config("0.0.0.0:9464", Some("short")).check().is_err());
        let good = config("0.0.0.0:9464", Some("0123456789abcdef"));
        assert!(good.check().is_ok());
        assert!(!format!("{good:?}").contains("0123456789"));
    }
}
