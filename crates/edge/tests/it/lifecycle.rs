//! Starting, ending, HTTP/2, and the log.

use std::sync::Arc;
use std::time::Duration;

use edge::{CdnSecret, Config, Error, Service, Upstreams};
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use model::delivery::State;
use model::setting::OutOfRange;
use sign::token;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::{Door, Scripted, h2, in_an_hour, logged, response};

#[tokio::test]
async fn settings_out_of_range_are_refused_at_once() {
    let nobody = edge::upstream(tower::service_fn(async |_| {
        Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
    }));
    let service = Service {
        entrances: vec![edge::Entrance::plain(TcpListener::bind("127.0.0.1:0").await.unwrap())],
        config: Config { connections: 0, ..Config::default() },
        upstreams: Upstreams { packager: nobody.clone(), site: nobody },
        state: watch::channel(Arc::new(State::default())).1,
        secret: watch::channel(CdnSecret::new("12345678").unwrap()).1,
        meter: edge::Meter::default(),
        clock: runtime::Clock::system(),
    };
    let refused = service.run(CancellationToken::new()).await;
    assert!(matches!(refused, Err(Error::Config(OutOfRange { name: "connections", .. }))));
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
    let closed = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), closed).await.unwrap();
    assert!(!door.running.is_finished());
    release.notify_one();
    let got = waiting.await.unwrap();
    assert_eq!((got.text(), got.header("connection")), ("done", "close"));
    timeout(Duration::from_secs(20), door.running).await.unwrap().unwrap().unwrap();
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
    timeout(Duration::from_secs(20), door.running).await.unwrap().unwrap().unwrap();
    let mut got = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut got);
    let _ = timeout(Duration::from_secs(20), read).await.unwrap();
    assert!(got.is_empty());
}

#[tokio::test]
async fn nobody_is_let_in_when_nobody_says_any_more_what_was_revoked() {
    let door = Door::open(Scripted::fixed(&[], b"media")).await;
    let mut client = door.client().await;
    let cookies = door.cookies();
    assert_eq!(client.send("GET", "/out/a", &[("cookie", &cookies)]).await.status, 200);
    let mut idle = TcpStream::connect(door.address).await.unwrap();
    drop(door.state);
    let ended = timeout(Duration::from_secs(20), door.running).await.unwrap().unwrap();
    assert!(matches!(ended, Err(Error::Blind)), "{ended:?}");
    // An open connection is not served any longer either.
    let mut some = [0];
    let read = tokio::io::AsyncReadExt::read(&mut idle, &mut some);
    assert!(matches!(timeout(Duration::from_secs(20), read).await.unwrap(), Ok(0) | Err(_)));
    assert!(TcpStream::connect(door.address).await.is_err());
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

#[tokio::test]
async fn the_log_says_what_happened_and_tells_no_secret() {
    let door = Door::open(Scripted::fixed(&[("cache-control", "max-age=60")], b"media")).await;
    let claims = token::Claims { prefix: "/out/".into(), until: in_an_hour(), session: None };
    let token = token::mint(&door.key, &claims).unwrap();
    let url = door.key.sign_url(&format!("http://{}/out/a", door.host()), in_an_hour()).unwrap();
    let cookies = door.cookies();

    let mut client = door.client().await;
    let by_token = format!("/t/{token}/out/a");
    let answers = [
        client.send("GET", &url[url.find("/out").unwrap()..], &[]).await,
        client.send("GET", "/out/a", &[("cookie", &cookies)]).await,
        client.send("GET", &by_token, &[("range", "bytes=0-1")]).await,
        client.send("GET", &format!("/t/{token}x/out/a"), &[]).await,
        client.send("GET", &format!("/t/{token}"), &[]).await,
        client.send("GET", "/site/a?code=sesame-open", &[("cookie", "sid=sesame-shut")]).await,
        client.send("GET", &format!("/site/link/{}", "5e5a".repeat(16)), &[]).await,
        // The bound of a path lies within its secret.
        client.send("GET", &format!("/site/{}link/{}", "a/".repeat(240), "5e5a".repeat(16)), &[]).await,
    ];
    // A record is written when its body is dropped, which may be after the client has it all.
    let begun = tokio::time::Instant::now();
    let mut lines = Vec::new();
    for got in &answers {
        let id = got.header("x-request-id");
        lines.push(loop {
            let all = logged();
            if let Some(line) = all.lines().find(|line| line.contains("edge::access") && line.contains(id)) {
                break line.to_owned();
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "no record of {id}: {all}");
            tokio::task::yield_now().await;
        });
    }
    let expect = |n: usize, parts: &[&str]| {
        for part in parts {
            assert!(lines[n].contains(part), "{part} in {}", lines[n]);
        }
    };
    expect(0, &[r#""status":200"#, r#""path":"/out/a""#, r#""bytes":5"#, r#""client":"127.0.0.0""#, "Miss"]);
    expect(0, &[r#""method":"GET""#, r#""token":false"#]);
    expect(1, &["Hit from kinora", r#""bytes":5"#]);
    expect(2, &[r#""token":true"#, r#""status":206"#, r#""bytes":2"#, r#""path":"/out/a""#]);
    expect(3, &[r#""status":403"#, r#""refused":"the signature or token cannot be decoded""#]);
    expect(4, &[r#""status":403"#, r#""path":"/t/""#]);
    expect(5, &[r#""path":"/site/a""#]);
    expect(6, &[r#""path":"/site/link/…""#]);
    expect(7, &[r#"/a/a/link/…""#]);
    // Whatever all tests logged so far tells no secret.
    let all = logged();
    let signature = url.split("Signature=").nth(1).unwrap().split('&').next().unwrap();
    for secret in [
        token.as_str(),
        signature,
        "sesame-open",
        "sesame-shut",
        "5e5a5e5a",
        "127.0.0.1",
        crate::support::SECRET,
    ] {
        assert!(!all.contains(secret), "{secret} is in the log");
    }
}
