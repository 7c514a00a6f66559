//! A door that is full.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::{FutureExt as _, StreamExt as _, stream};
use http::{Request, Response};
use http_face::ConnectionSlots;
use http_face::door::{Answer, Bounds, Door, Entrance, Peer, RequestBody, Screen, Screened, Timeouts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Far less than an idle connection or a head may last, and more than a machine under load needs.
const SOON: Duration = Duration::from_secs(20);

/// Answers at once, but `/slow` in two parts: the second one when it is told to continue.
struct Site {
    go: Notify,
    /// Whether refused clients get an answer.
    words: AtomicBool,
}

impl Answer for Site {
    type Body = Body;

    async fn answer(self: Arc<Self>, _: Peer, request: Request<RequestBody>) -> Response<Body> {
        let rest: Pin<Box<dyn Future<Output = &str> + Send>> = match request.uri().path() {
            "/slow" => async move { self.go.notified().map(|()| "rest").await }.boxed(),
            _ => async { "rest" }.boxed(),
        };
        let parts = stream::once(async { "begun " }).chain(stream::once(rest));
        let body = Body::from_stream(parts.map(|part| std::io::Result::Ok(Bytes::from(part))));
        Response::builder().header("content-length", "begun rest".len()).body(body).expect("a legal answer")
    }

    fn turn_away(&self) -> Option<Response<Body>> {
        let full = || Response::builder().status(503).body(Body::from("full")).expect("a legal answer");
        self.words.load(Ordering::Relaxed).then(full)
    }
}

/// Lets nobody in on a path.
struct Closed(&'static str);

impl Screen<Body> for Closed {
    fn look(&self, _: Peer, request: &Request<RequestBody>) -> Option<Response<Body>> {
        let closed = || Response::builder().status(403).body(Body::from("rest")).expect("a legal answer");
        (request.uri().path() == self.0).then(closed)
    }
}

struct House {
    address: SocketAddr,
    slots: ConnectionSlots,
    site: Arc<Site>,
    _shutdown: DropGuard,
}

/// A door with so many slots, behind which nothing ends by itself for a long time.
async fn house(all: usize) -> House {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (address, slots) = (listener.local_addr().expect("a bound listener"), ConnectionSlots::new(all, 0));
    let long = Duration::from_secs(600);
    let door = Door {
        entrances: vec![Entrance::plain(listener)],
        slots: slots.clone(),
        proxies: Vec::new(),
        bounds: Bounds {
            head: long,
            head_bytes: 16 << 10,
            head_fields: 20,
            pause: long,
            timeouts: Timeouts { silence: long, least_rate: 0, is_scarce: Arc::new(|| false) },
            http2: false,
            drain: Duration::ZERO,
        },
        tasks: TaskTracker::new(),
    };
    let (site, shutdown) =
        (Arc::new(Site { go: Notify::new(), words: AtomicBool::new(false) }), CancellationToken::new());
    let inner = Arc::new(Screened { screen: Closed("/inner"), answer: site.clone() });
    let outer = Arc::new(Screened { screen: Closed("/outer"), answer: inner });
    tokio::spawn(door.run(outer, shutdown.clone()));
    House { address, slots, site, _shutdown: shutdown.drop_guard() }
}

impl House {
    /// A connection from 127.0.`of`.1.
    async fn from(&self, of: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, of, 1], 0).into()).expect("all of 127/8 is ours");
        socket.connect(self.address).await.expect("space in the backlog")
    }

    /// A connection that was answered and now idles; `None` if it was turned away.
    async fn idle(&self, of: u8) -> Option<TcpStream> {
        let mut stream = self.from(of).await;
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let got = timeout(SOON, read_until(&mut stream, "rest")).await.expect("nobody leaves");
        got.starts_with("HTTP/1.1 200").then_some(stream)
    }

    /// A connection that sent the beginning of a head; `None` if it was turned away.
    async fn slow(&self, of: u8) -> Option<TcpStream> {
        let (before, turned_away) = (self.slots.crowd(), self.slots.turned_away());
        let mut stream = self.from(of).await;
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHo").await;
        let taken = async {
            while self.slots.crowd() == before {
                if self.slots.turned_away() > turned_away {
                    return false;
                }
                tokio::task::yield_now().await;
            }
            true
        };
        timeout(SOON, taken).await.expect("nobody leaves").then_some(stream)
    }
}

/// Reads until the data ends so, or the connection ends.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut got = Vec::new();
    while !got.ends_with(end.as_bytes()) && matches!(stream.read_buf(&mut got).await, Ok(1..)) {}
    String::from_utf8(got).expect("UTF-8")
}

#[tokio::test]
async fn idle_connections_make_room_for_whoever_comes() {
    // Some do nothing any more, others begin another request and never end its head.
    for then in ["", "GET / HTTP/1.1\r\nHo"] {
        let house = house(16).await;
        let mut greedy = Vec::new();
        for of in 1..9 {
            while let Some(mut stream) = house.idle(of).await {
                stream.write_all(then.as_bytes()).await.unwrap();
                greedy.push(stream);
            }
        }
        assert_eq!(house.slots.turned_away(), 8);
        for of in 100..104 {
            greedy.push(house.idle(of).await.expect("a slot"));
        }
        assert_eq!(house.slots.turned_away(), 8);
        // The first one had the greediest address, and came first.
        assert_eq!(timeout(SOON, greedy[0].read(&mut [0])).await.unwrap().unwrap(), 0);
    }
}

#[tokio::test]
async fn a_connection_beyond_the_share_is_told_so_where_the_face_has_words() {
    let house = house(4).await;
    // Both are amid an answer, so none of them leaves.
    let mut share = [house.from(1).await, house.from(1).await];
    for stream in &mut share {
        stream.write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        timeout(SOON, read_until(stream, "begun ")).await.expect("it is answered");
    }
    for (words, expected) in [(false, ""), (true, "HTTP/1.1 503")] {
        house.site.words.store(words, Ordering::Relaxed);
        let mut stream = house.from(1).await;
        // More than the client needs to send before it looks: what it sends is taken all the same.
        let body = vec![b'x'; 1 << 20];
        let head = format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
        let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
        let got = timeout(SOON, read_until(&mut stream, "nothing ends so")).await.expect("it is closed");
        assert_eq!(got.get(..expected.len()), Some(expected), "{got}");
        assert_eq!(got.is_empty(), !words, "{got}");
        assert_eq!(got.contains("connection: close"), words, "{got}");
    }
    // It took no slot, and a client from elsewhere gets one.
    assert!(house.idle(2).await.is_some());
}

#[tokio::test]
async fn who_never_ends_its_first_head_makes_room_too() {
    let house = house(16).await;
    let mut slow = Vec::new();
    // The last slot is not left to them, so that it is sure who comes when.
    for of in 1..5 {
        while slow.len() < 15
            && let Some(stream) = house.slow(of).await
        {
            slow.push(stream);
        }
    }
    assert_eq!(slow.len(), 15);
    let mut idle = Vec::new();
    for of in 100..110 {
        idle.push(house.idle(of).await.expect("a slot"));
    }
    let ended = timeout(SOON, slow[0].read(&mut [0])).await.expect("it stays");
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");
}

#[tokio::test]
async fn an_answer_under_way_is_not_torn_when_its_place_is_needed() {
    let house = house(8).await;
    let mut slow = house.from(1).await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    timeout(SOON, read_until(&mut slow, "begun ")).await.unwrap();
    let mut others = Vec::new();
    for of in 1..4 {
        while let Some(stream) = house.idle(of).await {
            others.push(stream);
        }
    }
    for of in 100..104 {
        others.push(house.idle(of).await.expect("a slot"));
    }
    // It came first of those that leave, and all idle ones of its address are gone.
    assert_eq!(timeout(SOON, others[0].read(&mut [0])).await.unwrap().unwrap(), 0);
    house.site.go.notify_one();
    assert_eq!(timeout(SOON, read_until(&mut slow, "rest")).await.unwrap(), "rest");
    // It was asked to leave, too, and does so now.
    assert_eq!(timeout(SOON, slow.read(&mut [0])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn screens_answer_first_and_let_the_rest_pass() {
    let house = house(8).await;
    for (path, status) in [("/", "200"), ("/inner", "403"), ("/outer", "403"), ("/other", "200")] {
        let mut stream = house.from(1).await;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).await.unwrap();
        let got = timeout(SOON, read_until(&mut stream, "rest")).await.expect("it is answered");
        assert!(got.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {got}");
    }
}
