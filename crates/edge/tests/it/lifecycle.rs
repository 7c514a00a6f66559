//! Starting, ending, HTTP/2, and the log.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edge::{CdnSecret, Config, Error, Service, Upstreams};
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use model::delivery::State;
use sign::token;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Door, Scripted, h2, in_an_hour, response};

#[tokio::test]
async fn settings_out_of_range_are_refused_at_once() {
    let nobody = edge::upstream(tower::service_fn(async |_| {
        Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
    }));
    let service = Service {
        listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        config: Config { connections: 0, ..Config::default() },
        upstreams: Upstreams { packager: nobody.clone(), site: nobody },
        state: watch::channel(Arc::new(State::default())).1,
        secret: watch::channel(CdnSecret::new("12345678").unwrap()).1,
    };
    let refused = service.run(CancellationToken::new()).await;
    assert!(matches!(refused, Err(Error::Config { name: "connections", .. })));
}

#[tokio::test]
async fn requests_under_way_end_before_the_door_closes() {
    let (begun, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let site = {
        let (begun, release) = (begun.clone(), release.clone());
        Scripted::new(move |_, _| {
            let (begun, release) = (begun.clone(), release.clone());
            async move {
                begun.notify_one();
                release.notified().await;
                Ok(response(200, &[], "done"))
            }
        })
    };
    let door = Door::with(Scripted::fixed(&[], b""), site, Config::default()).await;
    let (address, mut client, _idle) = (door.address, door.client().await, door.client().await);
    let waiting = tokio::spawn(async move { client.send("GET", "/site/a", &[]).await });
    begun.notified().await;
    door.shutdown.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(address).await.is_err());
    assert!(!door.running.is_finished());
    release.notify_one();
    let got = waiting.await.unwrap();
    assert_eq!((got.text(), got.header("connection")), ("done", "close"));
    timeout(Duration::from_secs(3), door.running).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn what_does_not_end_is_broken_off() {
    let site = Scripted::new(|_, _| async { std::future::pending().await });
    let config = Config { drain_ms: 100, ..Config::default() };
    let door = Door::with(Scripted::fixed(&[], b""), site, config).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET /site/a HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    while door.site.calls() == 0 {
        tokio::task::yield_now().await;
    }
    door.shutdown.cancel();
    timeout(Duration::from_secs(3), door.running).await.unwrap().unwrap().unwrap();
    let mut got = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut got);
    let _ = timeout(Duration::from_secs(3), read).await.unwrap();
    assert!(got.is_empty());
}

#[tokio::test]
async fn http2_is_spoken_from_the_first_byte() {
    let media = Scripted::fixed(&[("cache-control", "max-age=60")], b"media");
    let door =
        Door::with(media, Scripted::fixed(&[], b""), Config { http2: true, ..Config::default() }).await;
    let mut sender = h2(door.address).await;
    for expected in ["Miss from kinora", "Hit from kinora"] {
        let request = Request::get(format!("http://{}/out/a", door.host()))
            .header("cookie", door.cookies())
            .body(Empty::new())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.headers()["x-cache"], expected);
        assert_eq!(response.collect().await.unwrap().to_bytes(), "media");
    }
    let two_hosts =
        Request::get(format!("http://{}/out/a", door.host())).header("host", "other").body(Empty::new());
    assert_eq!(sender.send_request(two_hosts.unwrap()).await.unwrap().status(), 400);
}

/// Collects what is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_says_what_happened_and_tells_no_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let door = Door::open(Scripted::fixed(&[("cache-control", "max-age=60")], b"media")).await;
    let claims = token::Claims { prefix: "/out/".into(), until: in_an_hour(), session: None };
    let token = token::mint(&door.key, &claims).unwrap();
    let url = door.key.sign_url(&format!("http://{}/out/a", door.host()), in_an_hour()).unwrap();
    let cookies = door.cookies();

    let mut client = door.client().await;
    let got = client.send("GET", &url[url.find("/out").unwrap()..], &[]).await;
    client.send("GET", "/out/a", &[("cookie", &cookies)]).await;
    client.send("GET", &format!("/t/{token}/out/a"), &[("range", "bytes=0-1")]).await;
    client.send("GET", &format!("/t/{token}x/out/a"), &[]).await;
    client.send("GET", &format!("/t/{token}"), &[]).await;
    client.send("GET", "/site/a?code=314159", &[("cookie", "sid=271828")]).await;
    // A record is written when its body is dropped, which may be after the client has it all.
    let lines = loop {
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<String> =
            text.lines().filter(|l| l.contains("edge::access")).map(str::to_owned).collect();
        if lines.len() >= 6 {
            break lines;
        }
        tokio::task::yield_now().await;
    };
    let expect = |n: usize, parts: &[&str]| {
        for part in parts {
            assert!(lines[n].contains(part), "{part} in {}", lines[n]);
        }
    };
    expect(0, &[r#""status":200"#, r#""path":"/out/a""#, r#""bytes":5"#, r#""client":"127.0.0.0""#, "Miss"]);
    expect(0, &[got.header("x-request-id"), r#""method":"GET""#, r#""token":false"#]);
    expect(1, &["Hit from kinora", r#""bytes":5"#]);
    expect(2, &[r#""token":true"#, r#""status":206"#, r#""bytes":2"#, r#""path":"/out/a""#]);
    expect(3, &[r#""status":403"#, r#""refused":"the signature or token cannot be decoded""#]);
    expect(4, &[r#""status":403"#, r#""path":"/t/""#]);
    expect(5, &[r#""path":"/site/a""#]);
    let all = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let signature = url.split("Signature=").nth(1).unwrap().split('&').next().unwrap();
    for secret in [token.as_str(), signature, "314159", "271828", "127.0.0.1", crate::support::SECRET] {
        assert!(!all.contains(secret), "{secret} is in the log");
    }
}
