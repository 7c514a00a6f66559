//! A door that is full.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::{FutureExt as _, StreamExt as _, stream};
use http::{Request, Response};
use http_face::Places;
use http_face::door::{Answer, Bounds, Door, Entrance, Patience, Peer, RequestBody};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Far less than an idle connection or a head may last, and more than a machine under load needs.
const SOON: Duration = Duration::from_secs(20);

/// Answers at once, but `/slow` in two parts: the second one when it may go on.
struct Site {
    go: Notify,
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
}

struct House {
    address: SocketAddr,
    places: Places,
    site: Arc<Site>,
    _shutdown: DropGuard,
}

/// A door with so many places, behind which nothing ends by itself for a long time.
async fn house(all: usize) -> House {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (address, places) = (listener.local_addr().expect("a bound listener"), Places::new(all, 0));
    let long = Duration::from_secs(600);
    let door = Door {
        entrances: vec![Entrance::plain(listener)],
        places: places.clone(),
        proxies: Vec::new(),
        bounds: Bounds {
            head: long,
            head_bytes: 16 << 10,
            head_fields: 20,
            pause: long,
            patience: Patience { silence: long, least_rate: 0, is_scarce: Arc::new(|| false) },
            http2: false,
            drain: Duration::ZERO,
        },
        tasks: TaskTracker::new(),
    };
    let (site, shutdown) = (Arc::new(Site { go: Notify::new() }), CancellationToken::new());
    tokio::spawn(door.run(site.clone(), shutdown.clone()));
    House { address, places, site, _shutdown: shutdown.drop_guard() }
}

impl House {
    /// A connection from 127.0.`of`.1.
    async fn from(&self, of: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, of, 1], 0).into()).expect("all of 127/8 is ours");
        socket.connect(self.address).await.expect("room in the backlog")
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
        let (before, turned_away) = (self.places.crowd(), self.places.turned_away());
        let mut stream = self.from(of).await;
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHo").await;
        let taken = async {
            while self.places.crowd() == before {
                if self.places.turned_away() > turned_away {
                    return false;
                }
                tokio::task::yield_now().await;
            }
            true
        };
        timeout(SOON, taken).await.expect("nobody leaves").then_some(stream)
    }
}

/// What comes until it ends so, or the connection ends.
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
        assert_eq!(house.places.turned_away(), 8);
        for of in 100..104 {
            greedy.push(house.idle(of).await.expect("a place"));
        }
        assert_eq!(house.places.turned_away(), 8);
        // The first one had the greediest address, and came first.
        assert_eq!(timeout(SOON, greedy[0].read(&mut [0])).await.unwrap().unwrap(), 0);
    }
}

#[tokio::test]
async fn who_never_ends_its_first_head_makes_room_too() {
    let house = house(16).await;
    let mut slow = Vec::new();
    // The last place is not left to them, so that it is sure who comes when.
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
        idle.push(house.idle(of).await.expect("a place"));
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
        others.push(house.idle(of).await.expect("a place"));
    }
    // It came first of those that leave, and all idle ones of its address are gone.
    assert_eq!(timeout(SOON, others[0].read(&mut [0])).await.unwrap().unwrap(), 0);
    house.site.go.notify_one();
    assert_eq!(timeout(SOON, read_until(&mut slow, "rest")).await.unwrap(), "rest");
    // It was asked to leave, too, and does so now.
    assert_eq!(timeout(SOON, slow.read(&mut [0])).await.unwrap().unwrap(), 0);
}
