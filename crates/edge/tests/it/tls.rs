//! Over TLS, behind a proxy that speaks TLS, and without where TLS is wanted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge::{CdnSecret, Config, Entrance, Service, Upstreams};
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::support::{Door, SECRET, Scripted, behaviour, deserted};

fn strict() -> Config {
    Config {
        https_origin: "https://films.example".into(),
        hsts_seconds: 600,
        trusted_proxies: vec!["127.0.0.2/32".parse().unwrap()],
        ..Config::default()
    }
}

async fn from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// One request over a stream: status, fields, body.
async fn ask(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
) -> (u16, http::HeaderMap, Bytes) {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(target).header("host", "films.example");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    (parts.status.as_u16(), parts.headers, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn plain_requests_are_led_to_tls_and_proxies_are_not() {
    let door = Door::with(Scripted::fixed(&[], b""), Scripted::fixed(&[], b"page"), strict()).await;
    let lies = [("x-forwarded-proto", "https"), ("x-forwarded-for", "192.0.2.1")];
    let (status, headers, _) =
        ask(from([127, 0, 0, 1], door.address).await, "GET", "/site/a?b=c", &lies).await;
    assert_eq!((status, &headers["location"]), (308, &"https://films.example/site/a?b=c".parse().unwrap()));
    assert!(!headers.contains_key("strict-transport-security"), "says nothing without TLS (RFC 6797 §7.2)");
    let (status, headers, _) = ask(from([127, 0, 0, 1], door.address).await, "POST", "/site/a", &lies).await;
    assert_eq!((status, headers.get("location")), (403, None));
    assert_eq!(door.site.calls(), 0);

    let (status, headers, body) =
        ask(from([127, 0, 0, 2], door.address).await, "GET", "/site/a", &lies).await;
    assert_eq!((status, body.as_ref()), (200, &b"page"[..]));
    assert_eq!(headers["strict-transport-security"], "max-age=600");
    let seen = door.site.seen(0).1;
    assert_eq!(
        (&seen["x-forwarded-for"], &seen["x-forwarded-proto"]),
        (&"192.0.2.1".parse().unwrap(), &"https".parse().unwrap())
    );
}

#[tokio::test]
async fn a_request_id_is_taken_from_trusted_proxies_only() {
    let door = Door::with(Scripted::fixed(&[], b""), Scripted::fixed(&[], b"page"), strict()).await;
    let id = |source, given: &'static str| {
        let fields = [("x-forwarded-proto", "https"), ("x-request-id", given)];
        let address = door.address;
        async move {
            let (_, headers, _) = ask(from(source, address).await, "GET", "/site/a", &fields).await;
            headers["x-request-id"].to_str().unwrap().to_owned()
        }
    };
    assert_eq!(id([127, 0, 0, 2], "abc-123_DEF").await, "abc-123_DEF");
    assert_eq!(door.site.seen(0).1["x-request-id"], "abc-123_DEF");
    assert_ne!(id([127, 0, 0, 2], "a b\"c,d={}").await, "a b\"c,d={}");
    assert_ne!(id([127, 0, 0, 1], "abc-123_DEF").await, "abc-123_DEF");
}

#[tokio::test]
async fn an_entrance_speaks_tls_and_gives_up_on_who_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["films.example".to_owned()]).unwrap();
    let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();

    let site = Scripted::fixed(&[], b"page");
    let site = Upstreams { packager: site.upstream(), site: site.upstream() };
    let open = behaviour(
        "*",
        model::delivery::Origin::Site,
        model::delivery::Access::Open,
        model::delivery::Caching::Off,
    );
    let state = model::delivery::State { behaviours: vec![open], ..Default::default() };
    let (_state, state) = watch::channel(Arc::new(state));
    let (_secret, secret) = watch::channel(CdnSecret::new(SECRET).unwrap());
    let shutdown = CancellationToken::new();
    let open = async |config| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = Some(tls::Server::load(&certificate, &key).unwrap());
        let (entrances, upstreams) = (vec![Entrance { listener, tls }], site.clone());
        let (state, secret, meter) = (state.clone(), secret.clone(), edge::Meter::default());
        let clock = runtime::Clock::system();
        let service = Service { entrances, config, upstreams, state, secret, meter: meter.clone(), clock };
        (address, meter, tokio::spawn(service.run(shutdown.clone())))
    };
    let (address, meter, running) = open(strict()).await;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = connector.connect("films.example".try_into().unwrap(), stream).await.unwrap();
    let (status, headers, body) = ask(stream, "GET", "/a", &[]).await;
    assert_eq!((status, body.as_ref()), (200, &b"page"[..]));
    assert_eq!(headers["strict-transport-security"], "max-age=600");

    // A client that says goodbye without a request is not waited for.
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect("films.example".try_into().unwrap(), stream).await.unwrap();
    stream.get_mut().1.send_close_notify();
    stream.flush().await.unwrap();
    deserted(&meter, Duration::from_secs(4)).await;
    drop(stream);

    // Clients that send nothing, or plain HTTP, are disconnected.
    let (impatient, _, other) = open(Config { head_ms: 300, ..strict() }).await;
    for word in [&b""[..], b"GET / HTTP/1.1\r\nhost: films.example\r\n\r\n"] {
        let mut stream = TcpStream::connect(impatient).await.unwrap();
        stream.write_all(word).await.unwrap();
        let mut got = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut got)).await;
        assert!(read.is_ok(), "the connection stays open after {word:?}");
        assert!(!got.windows(4).any(|part| part == b"HTTP"));
    }
    shutdown.cancel();
    for one in [running, other] {
        one.await.unwrap().unwrap();
    }
}
