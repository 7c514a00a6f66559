//! A front door with scripted upstreams, and clients.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use edge::{Body, BoxError, CdnSecret, Config, Service, Upstream, Upstreams};
use futures::StreamExt as _;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use model::Timestamp;
use model::delivery::{Access, Behaviour, Caching, Origin, PublicKey, State};
use sign::{Policy, SigningKey};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) const SECRET: &str = "cdn-secret-0123456789";

pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

/// An upstream that counts and keeps what it was asked.
#[derive(Clone)]
pub(crate) struct Scripted {
    answer: Arc<dyn Fn(usize, Request<Body>) -> Answer + Send + Sync>,
    calls: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

impl Scripted {
    /// `answer` gets the number of the call, from 0, and the request.
    pub(crate) fn new<F>(answer: impl Fn(usize, Request<Body>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Response<Body>, BoxError>> + Send + 'static,
    {
        Self {
            answer: Arc::new(move |n, request| Box::pin(answer(n, request))),
            calls: Arc::default(),
            seen: Arc::default(),
        }
    }

    /// Always the same headers and bytes.
    pub(crate) fn fixed(fields: &'static [(&'static str, &'static str)], body: &'static [u8]) -> Self {
        Self::new(move |_, _| async move { Ok(response(200, fields, Bytes::from_static(body))) })
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Method and target, and headers, of call `n`.
    pub(crate) fn seen(&self, n: usize) -> (String, HeaderMap) {
        self.seen.lock().unwrap()[n].clone()
    }

    pub(crate) fn upstream(&self) -> Upstream {
        let this = self.clone();
        edge::upstream(tower::service_fn(move |request: Request<Body>| {
            let line = format!("{} {}", request.method(), request.uri());
            this.seen.lock().unwrap().push((line, request.headers().clone()));
            let n = this.calls.fetch_add(1, Ordering::SeqCst);
            (this.answer)(n, request)
        }))
    }
}

pub(crate) fn response(status: u16, fields: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(Body::from(body.into())).unwrap()
}

/// A body whose parts come when they are sent.
pub(crate) fn stream(length: Option<usize>) -> (mpsc::Sender<Bytes>, Response<Body>) {
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let frames = futures::stream::unfold(receiver, async |mut receiver| {
        let data = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(http_body::Frame::data(data)), receiver))
    });
    let mut response = Response::builder().header("cache-control", "max-age=60");
    if let Some(length) = length {
        response = response.header("content-length", length);
    }
    (sender, response.body(Body::new(StreamBody::new(frames.boxed()))).unwrap())
}

/// Gives a prepared answer once.
pub(crate) fn once(response: Response<Body>) -> Scripted {
    let response = Arc::new(Mutex::new(Some(response)));
    Scripted::new(move |_, _| {
        let response = response.lock().unwrap().take();
        async move { response.ok_or_else(|| "asked twice".into()) }
    })
}

/// A running front door.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) packager: Scripted,
    pub(crate) site: Scripted,
    pub(crate) key: SigningKey,
    pub(crate) state: watch::Sender<Arc<State>>,
    pub(crate) secret: watch::Sender<CdnSecret>,
    pub(crate) meter: edge::Meter,
    pub(crate) shutdown: CancellationToken,
    pub(crate) running: JoinHandle<edge::Result<()>>,
}

pub(crate) fn behaviour(path: &str, origin: Origin, access: Access, cache: Caching) -> Behaviour {
    Behaviour { path: path.into(), origin, access, cache, cors: Vec::new() }
}

/// Media signed and cached, the rest open: as in a real installation.
pub(crate) fn state(key: PublicKey) -> State {
    State {
        behaviours: vec![
            behaviour("/out/*", Origin::Packager, Access::Signed, Caching::Origin),
            behaviour("/open/*", Origin::Packager, Access::Open, Caching::Origin),
            behaviour("/art/*", Origin::Site, Access::Open, Caching::Origin),
            behaviour("/site/*", Origin::Site, Access::Open, Caching::Off),
        ],
        keys: vec![key],
        ..State::default()
    }
}

impl Door {
    pub(crate) async fn open(packager: Scripted) -> Self {
        Self::with(packager, Scripted::fixed(&[], b"site"), Config::default()).await
    }

    pub(crate) async fn with(packager: Scripted, site: Scripted, config: Config) -> Self {
        keep_log();
        let key = SigningKey::generate("K1").unwrap();
        let (state, watched) = watch::channel(Arc::new(state(key.public())));
        let (secret, secret_watched) = watch::channel(CdnSecret::new(SECRET).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let upstreams = Upstreams { packager: packager.upstream(), site: site.upstream() };
        let entrances = vec![edge::Entrance::plain(listener)];
        let meter = edge::Meter::default();
        let service = Service {
            entrances,
            config,
            upstreams,
            state: watched,
            secret: secret_watched,
            meter: meter.clone(),
            clock: runtime::Clock::system(),
        };
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(service.run(shutdown.clone()));
        Self { address, packager, site, key, state, secret, meter, shutdown, running }
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The `Cookie` header that opens `/out/*` for an hour.
    pub(crate) fn cookies(&self) -> String {
        self.key.cookies(&self.policy("/out/*"), None).unwrap().header()
    }

    pub(crate) fn policy(&self, path: &str) -> Policy {
        Policy {
            resource: Some(format!("http://{}{path}", self.address)),
            after: None,
            until: in_an_hour(),
            address: None,
        }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = State::clone(&self.state.borrow());
        change(&mut state);
        self.state.send_replace(Arc::new(state));
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One GET on a connection of its own.
    pub(crate) async fn get(&self, target: &str, fields: &[(&str, &str)]) -> Got {
        self.client().await.send("GET", target, fields).await
    }

    /// One GET with the cookies that open `/out/*`.
    pub(crate) async fn signed(&self, target: &str, fields: &[(&str, &str)]) -> Got {
        let cookies = self.cookies();
        let mut all = vec![("cookie", cookies.as_str())];
        all.extend_from_slice(fields);
        self.get(target, &all).await
    }

    /// Bytes sent as they are, after which the door closes the connection; what comes back.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut got = Vec::new();
        // It may close before all was read, which shows as a reset.
        let reading = stream.read_to_end(&mut got);
        let _ = tokio::time::timeout(Duration::from_secs(10), reading).await;
        String::from_utf8_lossy(&got).into_owned()
    }
}

pub(crate) fn in_an_hour() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp((now.as_secs() as i64 + 3600) * 1000)
}

/// Waits until nobody is connected any more.
pub(crate) async fn deserted(meter: &edge::Meter, within: Duration) {
    let begun = Instant::now();
    while meter.read().connections > 0 {
        assert!(begun.elapsed() < within, "somebody is waited for");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A client's connection.
pub(crate) struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, host: address.to_string() }
    }

    pub(crate) async fn send(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> Got {
        let (parts, body) = self.begin(method, target, fields).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Got { status: parts.status, headers: parts.headers, body }
    }

    /// Waits for the head only.
    pub(crate) async fn begin(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Response<Incoming> {
        self.begin_with(method, target, fields, Bytes::new()).await
    }

    pub(crate) async fn begin_with(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: Bytes,
    ) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(target);
        if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("host", &self.host);
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        self.sender.send_request(request.body(Full::new(body)).unwrap()).await.unwrap()
    }
}

/// A connection with HTTP/2 from the first byte.
pub(crate) async fn h2(address: SocketAddr) -> hyper::client::conn::http2::SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One subscriber for the process, as in the real one: with one for a thread, whichever thread reaches an event first
/// decides for all whether it is ever written.
fn keep_log() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| tracing_subscriber::fmt().json().with_writer(|| Log).init());
}

/// The log lines so far, of all tests.
pub(crate) fn logged() -> String {
    String::from_utf8(LOG.lock().unwrap().clone()).unwrap()
}
