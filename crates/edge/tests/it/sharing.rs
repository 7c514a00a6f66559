//! Many who want the same, and those who leave early.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge::Config;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use tokio::sync::{Notify, Semaphore};

use crate::support::{Door, Scripted, h2, once, response, stream};

const LASTING: &[(&str, &str)] = &[("cache-control", "public, max-age=60"), ("etag", "\"v1\"")];

#[tokio::test]
async fn a_thousand_requests_at_once_ask_the_upstream_once() {
    let gate = Arc::new(Semaphore::new(0));
    let upstream = {
        let gate = gate.clone();
        Scripted::new(move |_, _| {
            let gate = gate.clone();
            async move {
                let _ = gate.acquire().await;
                Ok(response(200, LASTING, vec![5; 100_000]))
            }
        })
    };
    let config = Config { http2: true, ..Config::default() };
    let door = Door::with(upstream, Scripted::fixed(&[], b""), config).await;
    let cookies = door.cookies();
    let mut waiting = Vec::new();
    for _ in 0..10 {
        let sender = h2(door.address).await;
        for _ in 0..100 {
            let mut sender = sender.clone();
            let request = Request::get(format!("http://{}/out/a", door.host()))
                .header("cookie", &cookies)
                .body(Empty::<Bytes>::new())
                .unwrap();
            waiting.push(tokio::spawn(async move {
                let response = sender.send_request(request).await.unwrap();
                assert_eq!(response.status(), 200);
                response.into_body().collect().await.unwrap().to_bytes().len()
            }));
        }
    }
    while door.packager.calls() == 0 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(1);
    for one in waiting {
        assert_eq!(one.await.unwrap(), 100_000);
    }
    assert_eq!(door.packager.calls(), 1);
}

#[tokio::test]
async fn errors_are_shared_by_those_who_wait_and_then_forgotten() {
    let release = Arc::new(Notify::new());
    let upstream = {
        let release = release.clone();
        Scripted::new(move |n, _| {
            let release = release.clone();
            async move {
                if n == 0 {
                    release.notified().await;
                    return Ok(response(
                        503,
                        &[("retry-after", "1"), ("cache-control", "no-store")],
                        "later",
                    ));
                }
                Ok(response(200, LASTING, "now"))
            }
        })
    };
    let door = Arc::new(Door::open(upstream).await);
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let door = door.clone();
            tokio::spawn(async move { door.signed("/out/a", &[]).await })
        })
        .collect();
    let begun = Instant::now();
    while door.meter.read().followed < 19 {
        assert!(begun.elapsed() < Duration::from_secs(20), "they do not wait together");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    release.notify_one();
    for one in waiting {
        let got = one.await.unwrap();
        assert_eq!((got.status.as_u16(), got.text(), got.header("retry-after")), (503, "later", "1"));
    }
    assert_eq!(door.packager.calls(), 1);
    assert_eq!(door.signed("/out/a", &[]).await.text(), "now");
}

#[tokio::test]
async fn an_upstream_that_fails_or_panics_is_a_bad_gateway_for_all_and_asked_again() {
    let upstream = Scripted::new(|n, _| async move {
        match n {
            0 => Err("broken".into()),
            1 => panic!("a bug"),
            _ => Ok(response(200, LASTING, "well")),
        }
    });
    let door = Door::open(upstream).await;
    assert_eq!(door.signed("/out/a", &[]).await.status, 502);
    assert_eq!(door.signed("/out/a", &[]).await.status, 502);
    assert_eq!(door.signed("/out/a", &[]).await.text(), "well");
}

#[tokio::test]
async fn a_silent_upstream_is_a_timeout() {
    let upstream = Scripted::new(|_, _| async { std::future::pending().await });
    let config = Config { upstream_ms: 50, ..Config::default() };
    let door = Door::with(upstream.clone(), upstream, config).await;
    assert_eq!(door.signed("/out/a", &[]).await.status, 504);
    assert_eq!(door.get("/site/a", &[]).await.status, 504);
}

#[tokio::test]
async fn bytes_are_passed_on_as_they_come() {
    let (sender, response) = stream(Some(6));
    let door = Door::open(once(response)).await;
    let cookies = door.cookies();
    let mut first = door.client().await.begin("GET", "/out/a", &[("cookie", &cookies)]).await;
    assert_eq!(first.headers()["content-length"], "6");
    sender.send(Bytes::from_static(b"abc")).await.unwrap();
    assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
    // One that comes later gets what is there, and one that wants a part waits for its part only.
    let mut second = door.client().await.begin("GET", "/out/a", &[("cookie", &cookies)]).await;
    assert_eq!(second.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
    let part = door.signed("/out/a", &[("range", "bytes=1-2")]).await;
    assert_eq!((part.status.as_u16(), part.text()), (206, "bc"));
    sender.send(Bytes::from_static(b"def")).await.unwrap();
    drop(sender);
    assert_eq!(first.collect().await.unwrap().to_bytes(), "def");
    assert_eq!(second.collect().await.unwrap().to_bytes(), "def");
    assert_eq!(door.signed("/out/a", &[]).await.header("x-cache"), "Hit from kinora");
}

#[tokio::test]
async fn the_first_one_leaving_harms_nobody() {
    let (sender, response) = stream(Some(6));
    let door = Door::open(once(response)).await;
    let cookies = door.cookies();
    let mut leaver = door.client().await;
    let head = leaver.begin("GET", "/out/a", &[("cookie", &cookies)]).await;
    let stayer = door.client().await.begin("GET", "/out/a", &[("cookie", &cookies)]).await;
    drop((head, leaver));
    sender.send(Bytes::from_static(b"abc")).await.unwrap();
    sender.send(Bytes::from_static(b"def")).await.unwrap();
    drop(sender);
    assert_eq!(stayer.collect().await.unwrap().to_bytes(), "abcdef");
    assert_eq!(door.signed("/out/a", &[]).await.text(), "abcdef");
    assert_eq!(door.packager.calls(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_the_answer_and_is_not_kept() {
    for missing in [true, false] {
        let (sender, response) = stream(Some(6));
        let door = Door::open(once(response)).await;
        let cookies = door.cookies();
        let got = door.client().await.begin("GET", "/out/a", &[("cookie", &cookies)]).await;
        let bytes = if missing { Bytes::from_static(b"abc") } else { Bytes::from_static(b"abcdefgh") };
        sender.send(bytes).await.unwrap();
        drop(sender);
        assert!(got.collect().await.is_err());
        // The upstream is asked again.
        assert_eq!(door.signed("/out/a", &[]).await.status, 502);
        assert_eq!(door.packager.calls(), 2);
    }
}

#[tokio::test]
async fn large_bodies_wait_for_their_reader() {
    const PART: usize = 64 << 10;
    for length in [None, Some(PART * 1000)] {
        let (sender, response) = stream(length);
        let config = Config { cache_object_bytes: 1 << 20, ..Config::default() };
        let door = Door::with(once(response), Scripted::fixed(&[], b""), config).await;
        let cookies = door.cookies();
        let mut client = door.client().await;
        let head = client.begin("GET", "/out/a", &[("cookie", &cookies)]).await;
        let sending = tokio::spawn(async move {
            let mut sent = 0;
            while sent < 1000 && sender.send(Bytes::from(vec![0; PART])).await.is_ok() {
                sent += 1;
            }
            sent
        });
        // Nobody reads: only what sockets and windows hold is taken from the upstream.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!sending.is_finished());
        assert_eq!(head.collect().await.unwrap().to_bytes().len(), PART * 1000);
        assert_eq!(sending.await.unwrap(), 1000);
    }
}
