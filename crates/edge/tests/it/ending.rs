//! Permissions that end while an answer is on its way to a client that takes it slowly, or not at all.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge::{Body, Config};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::delivery::{PublicKey, State};
use model::{AssetId, PlaybackSessionId};
use sign::{Policy, SigningKey, token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{Door, Scripted, in_an_hour, response};

/// Maximum of cached memory.
const KEPT: usize = 2 << 20;
/// Far more than sockets hold.
const LARGE: usize = 3 << 20;
/// By then an answer has to have ended.
const SOON: Duration = Duration::from_secs(10);

/// Result of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Cookies,
    Token,
    Url,
}

/// How the permission of an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// A signed-out or suspended person, another role, a revoked link, a title for others.
    Revoked,
    Deleted,
    KeyRemoved,
}

/// An answer: its file, the part that is asked for, and whether it is in memory before.
#[derive(Debug, Clone, Copy)]
struct Kind {
    file: &'static str,
    range: &'static str,
    warm: bool,
}

const KINDS: [Kind; 9] = [
    Kind { file: "segment.m4s", range: "", warm: true },
    Kind { file: "segment.m4s", range: "bytes=100-", warm: true },
    Kind { file: "cold.m4s", range: "", warm: false },
    Kind { file: "coming.m4s", range: "", warm: false },
    Kind { file: "uncached.ts", range: "", warm: false },
    Kind { file: "index.mp4", range: "", warm: false },
    Kind { file: "index.mp4", range: "bytes=100-", warm: true },
    // All of it is handed over long before.
    Kind { file: "index.m3u8", range: "", warm: true },
    Kind { file: "poster.jpg", range: "", warm: false },
];

/// Files of all kinds. What is coming comes in two halves, the second never.
fn packager() -> Scripted {
    Scripted::new(|_, request: Request<Body>| async move {
        let file = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let bytes = |len: usize| Bytes::from(vec![b'x'; len]);
        let lasting = [("cache-control", "public, max-age=60")];
        Ok(match file.as_str() {
            "index.m3u8" => response(200, &lasting, bytes(5000)),
            "poster.jpg" => response(200, &lasting, bytes(50_000)),
            "uncached.ts" => response(200, &[("cache-control", "no-store")], bytes(LARGE)),
            "index.mp4" => match request.headers().contains_key("range") {
                true => response(206, &[("content-range", "bytes 100-3145727/3145728")], bytes(LARGE - 100)),
                false => response(200, &lasting, bytes(LARGE)),
            },
            "coming.m4s" => {
                let (sender, mut coming) = crate::support::stream(Some(KEPT));
                tokio::spawn(async move {
                    sender.send(Bytes::from(vec![b'x'; KEPT / 2])).await?;
                    sender.closed().await;
                    Ok::<_, tokio::sync::mpsc::error::SendError<Bytes>>(())
                });
                coming.headers_mut().insert("cache-control", lasting[0].1.parse()?);
                coming
            }
            _ => response(200, &lasting, bytes(KEPT)),
        })
    })
}

/// A viewer: target and headers of its requests.
struct Viewer<'a> {
    door: &'a Door,
    /// Signs for sessions, and addresses.
    keys: &'a [SigningKey; 2],
    session: PlaybackSessionId,
    asset: AssetId,
}

/// Two keys that the door knows.
fn keys(door: &Door, name: &str) -> [SigningKey; 2] {
    [("session", true), ("url", false)].map(|(kind, session)| {
        let key = SigningKey::generate(&format!("{name}-{kind}")).unwrap();
        door.change(|state| state.keys.push(PublicKey { session, ..key.public() }));
        key
    })
}

impl<'a> Viewer<'a> {
    fn new(door: &'a Door, keys: &'a [SigningKey; 2]) -> Self {
        Self { door, keys, session: PlaybackSessionId::new(), asset: AssetId::new() }
    }

    fn asks(&self, shown: Shown, kind: Kind) -> (String, Vec<(&'static str, String)>) {
        let prefix = format!("/out/v1/{}/", self.asset);
        let path = format!("{prefix}{}", kind.file);
        let until = in_an_hour();
        let mut fields = vec![("host", self.door.host())];
        if !kind.range.is_empty() {
            fields.push(("range", kind.range.to_owned()));
        }
        let target = match shown {
            Shown::Cookies => {
                let resource = Some(format!("http://{}{prefix}*", self.door.host()));
                let policy = Policy { resource, after: None, until, address: None };
                let session = Some(self.session);
                fields.push(("cookie", self.keys[0].cookies(&policy, session).unwrap().header()));
                path
            }
            Shown::Token => {
                let claims = token::Claims { prefix, until, session: Some(self.session) };
                format!("/t/{}{path}", token::mint(&self.keys[0], &claims).unwrap())
            }
            Shown::Url => {
                let url =
                    self.keys[1].sign_url(&format!("http://{}{path}", self.door.host()), until).unwrap();
                url[url.find("/out").unwrap()..].to_owned()
            }
        };
        (target, fields)
    }
}

/// A client that took the head of an answer and stopped reading.
enum Stalled {
    Http1 { stream: tokio::net::TcpStream, got: Vec<u8>, length: usize },
    Http2 { body: Incoming, length: u64, _sender: hyper::client::conn::http2::SendRequest<Empty<Bytes>> },
}

impl Stalled {
    async fn http1(door: &Door, target: &str, fields: &[(&str, String)]) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(door.address).await.unwrap();
        let mut head = format!("GET {target} HTTP/1.1\r\n");
        fields.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        let mut got = Vec::new();
        let end = loop {
            assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0, "{target}");
            if let Some(end) = got.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8(got.drain(..end).collect()).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 20"), "{head}");
        let length = head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap();
        Self::Http1 { stream, got, length: length.parse().unwrap() }
    }

    async fn http2(door: &Door, target: &str, fields: &[(&str, String)]) -> Self {
        let stream = tokio::net::TcpStream::connect(door.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(65_535)
            .initial_connection_window_size(65_535)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let response = ask(&mut sender, door, target, fields).await;
        let length = http_body::Body::size_hint(response.body()).exact().unwrap();
        Self::Http2 { body: response.into_body(), length, _sender: sender }
    }

    /// Reads on to the end; how many bytes came, and of how many.
    async fn rest(self) -> (u64, u64) {
        match self {
            Self::Http1 { mut stream, mut got, length } => {
                while got.len() < length && matches!(stream.read_buf(&mut got).await, Ok(1..)) {}
                (got.len() as u64, length as u64)
            }
            Self::Http2 { mut body, length, .. } => {
                let mut got = 0;
                while let Some(Ok(frame)) = body.frame().await {
                    got += frame.data_ref().map_or(0, |data| data.len() as u64);
                }
                (got, length)
            }
        }
    }
}

async fn ask(
    sender: &mut hyper::client::conn::http2::SendRequest<Empty<Bytes>>,
    door: &Door,
    target: &str,
    fields: &[(&str, String)],
) -> Response<Incoming> {
    let mut request = Request::get(format!("http://{}{target}", door.host()));
    for (name, value) in fields.iter().filter(|(name, _)| *name != "host") {
        request = request.header(*name, value);
    }
    let response = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
    assert!(matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT));
    response
}

fn end(state: &mut State, how: End, session: PlaybackSessionId, asset: AssetId) {
    match how {
        End::Revoked => state.denied = Arc::new(HashSet::from([session])),
        End::Deleted => state.gone = HashSet::from([asset]),
        End::KeyRemoved => state.keys.retain(|key| key.id.starts_with("other")),
    }
}

/// One ending of all permissions: none of the answers is completed, but those of others are.
async fn all_end(how: End) {
    let config = Config {
        http2: true,
        cache_bytes: 64 << 20,
        cache_object_bytes: u32::try_from(KEPT).unwrap(),
        ..Config::default()
    };
    let door = Door::with(packager(), Scripted::fixed(&[], b""), config).await;
    // They have nothing in common but the door.
    let (keys, other_keys) = (keys(&door, "its"), keys(&door, "other"));
    let (viewer, other) = (Viewer::new(&door, &keys), Viewer::new(&door, &other_keys));

    let mut stalled = Vec::new();
    let mut spared = Vec::new();
    // So few bytes that the client's kernel has them at once.
    let mut with_client = 0;
    for shown in [Shown::Cookies, Shown::Token, Shown::Url] {
        // An address that names no session ends with its key or the asset.
        if shown == Shown::Url && how == End::Revoked {
            continue;
        }
        for kind in KINDS {
            let (target, fields) = viewer.asks(shown, kind);
            if kind.warm {
                let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                door.get(&target, &fields).await;
            }
            with_client += u64::from(kind.file == "index.m3u8");
            let case = format!("{how:?}, {shown:?}, {kind:?}");
            stalled.push((format!("{case}, HTTP/1.1"), Stalled::http1(&door, &target, &fields).await));
            stalled.push((format!("{case}, HTTP/2"), Stalled::http2(&door, &target, &fields).await));
        }
        let (target, fields) = other.asks(shown, KINDS[0]);
        spared.push(Stalled::http1(&door, &target, &fields).await);
        spared.push(Stalled::http2(&door, &target, &fields).await);
    }
    assert!(door.meter.read().connections >= (stalled.len() + spared.len()) as u64);

    door.change(|state| end(state, how, viewer.session, viewer.asset));
    let left = async {
        while door.meter.read().connections > spared.len() as u64 + with_client {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let ended = timeout(SOON, left).await;
    assert!(ended.is_ok(), "{} connections left, {how:?}", door.meter.read().connections);
    for (case, client) in stalled {
        let (got, length) = client.rest().await;
        let with_client = length == 5000 || (length == 50_000 && case.ends_with('2'));
        assert!(got < length || with_client, "{case}: {got} of {length}");
    }
    for client in spared {
        let (got, length) = client.rest().await;
        assert_eq!(got, length, "{how:?}");
    }
}

#[tokio::test]
async fn whatever_is_on_its_way_ends_with_its_permission_however_that_ends() {
    let mut all: JoinSet<()> =
        [End::Revoked, End::Deleted, End::KeyRemoved].into_iter().map(all_end).collect();
    while let Some(one) = all.join_next().await {
        one.unwrap();
    }
}

#[tokio::test]
async fn one_stream_of_a_proxy_ends_and_the_others_go_on() {
    let trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    let config = Config { http2: true, trusted_proxies, ..Config::default() };
    let door = Door::with(packager(), Scripted::fixed(&[], b""), config).await;
    let keys = keys(&door, "its");
    let (ends, goes_on) = (Viewer::new(&door, &keys), Viewer::new(&door, &keys));
    let mut proxy = crate::support::h2(door.address).await;
    let mut bodies = Vec::new();
    for (viewer, kind) in [(&ends, KINDS[3]), (&goes_on, KINDS[0])] {
        let (target, fields) = viewer.asks(Shown::Cookies, kind);
        bodies.push(ask(&mut proxy, &door, &target, &fields).await.into_body());
    }
    let (target, fields) = ends.asks(Shown::Token, KINDS[7]);
    let finished = ask(&mut proxy, &door, &target, &fields).await.collect().await.unwrap().to_bytes();
    assert_eq!(finished.len(), 5000);
    door.change(|state| end(state, End::Revoked, ends.session, ends.asset));
    let (second, first) = (bodies.pop().unwrap(), bodies.pop().unwrap());
    assert!(timeout(SOON, first.collect()).await.expect("it ends").is_err());
    assert_eq!(second.collect().await.unwrap().to_bytes().len(), KEPT);
    assert!(proxy.ready().await.is_ok());
}
