//! Clients that are slow, large, wrong or up to something.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge::{Body, Config};
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use crate::support::{Door, Scripted, deserted, response};

const LASTING: &[(&str, &str)] = &[("cache-control", "public, max-age=60")];

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

async fn impatient(config: Config) -> Door {
    let site = Scripted::new(|_, request| async move {
        let body = request.into_body().collect().await?.to_bytes();
        Ok(response(200, &[], format!("{} bytes", body.len())))
    });
    Door::with(Scripted::fixed(LASTING, b"media"), site, config).await
}

#[tokio::test]
async fn requests_of_a_wrong_form_are_refused() {
    let door = impatient(Config::default()).await;
    let long = "a".repeat(9000);
    let check = async |request: String, expected: &str| {
        let got = door.raw(request.replace('\n', "\r\n").as_bytes()).await;
        assert_eq!(status(&got), expected, "{request:.200}\n{got}");
    };
    let end = "Host: h\nConnection: close\n\n";
    check(format!("GET /site/a HTTP/1.1\n{end}"), "200").await;
    check(format!("GET http://h/site/a HTTP/1.1\n{end}"), "200").await;
    check(format!("GET /site/../a HTTP/1.1\n{end}"), "400").await;
    check(format!("GET /site/%2e%2e/a HTTP/1.1\n{end}"), "400").await;
    check(format!("GET /site%2fa HTTP/1.1\n{end}"), "400").await;
    check(format!("OPTIONS * HTTP/1.1\n{end}"), "400").await;
    check(format!("CONNECT h:443 HTTP/1.1\n{end}"), "400").await;
    check("GET /site/a HTTP/1.1\nConnection: close\n\n".into(), "400").await;
    check(format!("GET /site/a HTTP/1.1\nHost: other\n{end}"), "400").await;
    check("GET /site/a HTTP/1.1\nHost: h/x\nConnection: close\n\n".into(), "400").await;
    check("GET /site/a HTTP/1.1\nHost: u@h\nConnection: close\n\n".into(), "400").await;
    check("GET /site/a HTTP/1.0\n\n".into(), "200").await;
    check(format!("GET /site/{long} HTTP/1.1\n{end}"), "414").await;
    check(format!("GET /site/a HTTP/1.1\nX: {}\n{end}", long.repeat(10)), "431").await;
    check(format!("GET /site/a HTTP/1.1\n{}{end}", "X: 1\n".repeat(200)), "431").await;
    check(format!("GET /site/a HTTP/1.1\nX : 1\n{end}"), "400").await;
    check(format!("GET /site/a HTTP/1.1\nX: 1\n folded\n{end}"), "400").await;
    check("rubbish\n\n".into(), "400").await;
    check(format!("POST /site/a HTTP/1.1\nContent-Length: 1\nContent-Length: 2\n{end}"), "400").await;
    check(format!("POST /site/a HTTP/1.1\nContent-Length: +1\n{end}"), "400").await;
    check(format!("POST /site/a HTTP/1.1\nTransfer-Encoding: gzip\n{end}"), "400").await;
    check("POST /site/a HTTP/1.0\nTransfer-Encoding: chunked\n\n0\n\n".into(), "400").await;
}

#[tokio::test]
async fn a_request_cannot_be_hidden_in_another() {
    let door = impatient(Config { head_ms: 2000, ..Config::default() }).await;
    // Both framings: chunked counts, and nothing that follows is read as a request.
    let got = door
        .raw(b"POST /site/a HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /site/hidden HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    assert_eq!(got.matches("HTTP/1.1 ").count(), 1, "{got}");
    assert_eq!(door.site.calls(), 1);
    // A body on a request that needs none is not the next request either.
    let hidden = "GET /site/hidden HTTP/1.1\r\nHost: h\r\n\r\n";
    let cookies = door.cookies();
    let outer = format!(
        "GET /out/a HTTP/1.1\r\nHost: {}\r\nCookie: {cookies}\r\nContent-Length: {}\r\n\r\n{hidden}",
        door.host(),
        hidden.len()
    );
    let got = door.raw(outer.as_bytes()).await;
    assert_eq!((status(&got), got.matches("HTTP/1.1 ").count()), ("200", 1), "{got}");
    assert_eq!(door.site.calls(), 1);
}

#[tokio::test]
async fn silence_and_trickles_end_the_connection() {
    let config = Config { head_ms: 1000, body_ms: 1000, ..Config::default() };
    tokio::join!(
        ends_by_itself(Config { http2: false, ..config.clone() }),
        ends_by_itself(Config { http2: true, ..config })
    );
}

async fn ends_by_itself(config: Config) {
    let door = impatient(config).await;
    let closed = async |first: &'static [u8], trickle: &'static [u8]| {
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        stream.write_all(first).await.unwrap();
        let begin = Instant::now();
        let mut got = Vec::new();
        loop {
            if !trickle.is_empty() && stream.write_all(trickle).await.is_err() {
                break;
            }
            let mut some = [0; 512];
            match timeout(Duration::from_millis(20), stream.read(&mut some)).await {
                Ok(Ok(0) | Err(_)) => break,
                Ok(Ok(n)) => got.extend_from_slice(&some[..n]),
                Err(_) => {}
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "still open after {first:?}");
        }
        String::from_utf8_lossy(&got).into_owned()
    };
    let (.., idle, stopped) = tokio::join!(
        closed(b"", b""),
        closed(b"P", b""),
        closed(b"GET /site/a HTTP/1.1\r\nX: ", b"x"),
        closed(b"PRI * HTTP/2.0\r\n\r\nSM", b""),
        closed(b"GET /site/a HTTP/1.1\r\nHost: h\r\n\r\n", b""),
        closed(b"POST /site/a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc", b""),
    );
    assert_eq!(status(&idle), "200", "idle after an answer");
    assert_eq!(status(&stopped), "502", "a body that stops coming");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off_and_harms_nobody() {
    let upstream = Scripted::new(|_, _| async { Ok(response(200, LASTING, vec![3; 12 << 20])) });
    let config = Config { write_ms: 500, ..Config::default() };
    let door = Door::with(upstream, Scripted::fixed(&[], b""), config).await;
    let request =
        format!("GET /out/a HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n", door.host(), door.cookies());
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(door.signed("/out/a", &[]).await.body.len(), 12 << 20);
    deserted(&door.meter, Duration::from_secs(20)).await;
    // Bytes in flight can still be read; the whole answer never arrives.
    let mut got = Vec::new();
    let read = timeout(Duration::from_secs(20), stream.read_to_end(&mut got)).await.unwrap();
    assert!(read.is_err() || got.len() < 12 << 20, "{}", got.len());
    assert_eq!(door.packager.calls(), 1);
}

#[tokio::test]
async fn connections_above_the_cap_wait() {
    // From a proxy, which may have them all.
    let trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    let door = impatient(Config { connections: 2, trusted_proxies, ..Config::default() }).await;
    let mut one = door.client().await;
    let mut two = door.client().await;
    assert_eq!(one.send("GET", "/site/a", &[]).await.status, 200);
    assert_eq!(two.send("GET", "/site/a", &[]).await.status, 200);
    let mut three = door.client().await;
    let waiting = tokio::spawn(async move { three.send("GET", "/site/a", &[]).await.status });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    drop(one);
    assert_eq!(timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap(), 200);
}

/// A connection from an address of this machine, with a small window.
async fn from(own: [u8; 4], door: &Door) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind((own, 0).into()).unwrap();
    socket.connect(door.address).await.unwrap()
}

#[tokio::test]
async fn an_address_that_has_its_share_is_turned_away_and_others_come_in() {
    let door = impatient(Config { connections: 4, ..Config::default() }).await;
    let mut greedy = Vec::new();
    for n in 0..20 {
        let mut one = from([127, 0, 0, 5], &door).await;
        let mut some = [0; 8];
        match timeout(Duration::from_millis(100), one.read(&mut some)).await {
            Err(_) => greedy.push(one),
            Ok(ended) => assert!(n >= 2 && !matches!(ended, Ok(1..)), "{n}: {ended:?}"),
        }
    }
    assert_eq!((greedy.len(), door.meter.read().turned_away), (2, 18));
    let status = timeout(Duration::from_secs(20), door.get("/site/a", &[])).await.unwrap().status;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn who_reads_nothing_holds_no_more_memory_than_there_is_for_that() {
    const MB: u64 = 1 << 20;
    let media = Scripted::new(|_, _| async { Ok(response(200, LASTING, vec![3; 1 << 20])) });
    let config =
        Config { cache_bytes: 4 * MB, cache_object_bytes: 1 << 20, write_ms: 8000, ..Config::default() };
    let door = Arc::new(Door::with(media, Scripted::fixed(&[], b""), config).await);
    let watch = tokio::spawn({
        let door = door.clone();
        async move {
            let mut most = 0;
            loop {
                most = door.meter.read().held.max(most);
                if door.shutdown.is_cancelled() {
                    return most;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let mut idle = Vec::new();
    for n in 0..100 {
        let mut one = from([127, 0, 0, 5], &door).await;
        let head =
            format!("GET /out/{n} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n", door.host(), door.cookies());
        one.write_all(head.as_bytes()).await.unwrap();
        idle.push(one);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Their timeout would be 8 s; it is half a second now. A later client is served.
    let begun = Instant::now();
    while door.signed("/out/other", &[]).await.body.len() != 1 << 20 {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody was ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    door.shutdown.cancel();
    let most = watch.await.unwrap();
    // The cache, as much for readers, as much again until requests are refused; and the bytes on their way then.
    assert!((8 * MB..=18 * MB).contains(&most), "{most}");
}

#[tokio::test]
async fn who_is_answered_while_it_sends_gets_the_answer() {
    let site = Scripted::new(|_, _unread| async { Ok(response(413, &[], "too much")) });
    let door = Door::with(Scripted::fixed(&[], b""), site, Config::default()).await;
    // Refused by the upstream, by the door itself, and by the parser of the head.
    for (head, expected) in [
        ("POST /site/a HTTP/1.1\r\nHost: h\r\n".to_owned(), "413"),
        ("POST /site/a HTTP/1.0\r\n".to_owned(), "413"),
        ("POST /out/a HTTP/1.1\r\nHost: h\r\n".to_owned(), "405"),
        (format!("POST /site/a HTTP/1.1\r\nX: {}\r\n", "x".repeat(8 << 20)), "431"),
    ] {
        let address = door.address;
        // As simple clients do: all of it, and only then a look at what comes back.
        let sent = tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address)?;
            write!(stream, "{head}Content-Length: {}\r\n\r\n", 8 << 20)?;
            stream.write_all(&vec![0; 8 << 20])?;
            let mut got = String::new();
            stream.read_to_string(&mut got)?;
            std::io::Result::Ok(got)
        });
        let got = sent.await.unwrap().unwrap_or_else(|error| panic!("{expected}: {error}"));
        assert_eq!(status(&got), expected, "{got}");
    }
}

#[tokio::test]
async fn who_is_answered_amid_its_head_may_send_the_rest() {
    let head = Duration::from_secs(1);
    let door = impatient(Config { head_ms: 1000, ..Config::default() }).await;
    let refused = async |first: &str, expected: &str| {
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        // To the end of all that the door says: it has begun to close.
        let mut got = String::new();
        stream.read_to_string(&mut got).await.unwrap();
        assert_eq!(status(&got), expected, "{got}");
        // Longer than a head is waited for.
        tokio::time::sleep(head * 5 / 4).await;
        for _ in 0..100 {
            stream.write_all(&[b'x'; 10_000]).await.unwrap();
        }
    };
    let long = format!("GET /site/a HTTP/1.1\r\nHost: h\r\nX: {}", "x".repeat(100_000));
    tokio::join!(refused(&long, "431"), refused("rubbish\r\nHost: ", "400"));
}

#[tokio::test]
async fn nobody_waits_for_the_end_of_http2() {
    let door = impatient(Config { http2: true, ..Config::default() }).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    // No settings; then `GET`, `http`, a path and a host, which are the whole of stream 1 (RFC 9113 §6, RFC 7541 §6).
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    stream.write_all(b"\0\0\x0e\x01\x05\0\0\0\x01\x82\x86\x04\x07/site/a\x01\x01h").await.unwrap();
    while door.site.calls() == 0 {
        tokio::task::yield_now().await;
    }
    // Data of no stream.
    stream.write_all(b"\0\0\0\0\0\0\0\0\0").await.unwrap();
    // Less than who may still be sending is waited for.
    deserted(&door.meter, Duration::from_secs(4)).await;
    let mut got = Vec::new();
    stream.read_to_end(&mut got).await.unwrap();
    let goodbye = b"\0\0\0\0\0\0\0\0\x01";
    assert!(got.windows(goodbye.len()).any(|part| part == goodbye), "{got:?}");
}

#[tokio::test]
async fn a_large_upload_is_streamed_with_its_pauses_bounded() {
    let door = impatient(Config { body_ms: 5000, ..Config::default() }).await;
    let mut client = door.client().await;
    let body = Bytes::from(vec![1; 20 << 20]);
    let answered = client.begin_with("PUT", "/site/a", &[], body).await;
    let text = answered.collect().await.unwrap().to_bytes();
    assert_eq!(text, format!("{} bytes", 20 << 20));
}

/// Parts that come one by one after a time each, and after the last one nothing, not even an end.
fn parts_without_end(count: u32, after: Duration) -> Body {
    let parts = futures::stream::unfold(0, move |n| async move {
        if n == count {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(after).await;
        Some((Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(b"part"))), n + 1))
    });
    Body::new(StreamBody::new(parts))
}

#[tokio::test]
async fn nobody_is_kept_by_an_upstream_that_says_nothing_more() {
    let bound = Duration::from_secs(1);
    let stalls =
        || Scripted::new(move |_, _| async move { Ok(Response::new(parts_without_end(6, bound / 4))) });
    let config = Config { upstream_ms: 1000, ..Config::default() };
    let door = Door::with(stalls(), stalls(), config).await;
    let ends = async |target: &'static str| {
        let begun = Instant::now();
        let mut client = door.client().await;
        let (mut body, mut got) = (client.begin("GET", target, &[]).await.into_body(), 0);
        let broken = loop {
            match timeout(20 * bound, body.frame()).await.expect("it is waited for") {
                Some(Ok(frame)) => got += frame.into_data().unwrap().len(),
                ended => break ended.is_some(),
            }
        };
        assert!(broken && got == 24, "{target}: all came, and no end is made up: {got}");
        assert!(begun.elapsed() > bound * 2, "each part has its time");
    };
    tokio::join!(ends("/site/a"), ends("/open/a"));
}

#[tokio::test]
async fn wrong_signatures_are_checked_up_to_a_budget_and_what_was_right_is_still_served() {
    let proxies = vec!["127.0.0.1/32".parse().unwrap()];
    let config = Config { trusted_proxies: proxies, wrong_signatures: 5, ..Config::default() };
    let media = Scripted::fixed(&[("cache-control", "max-age=60")], b"media");
    let door = Door::with(media, Scripted::fixed(&[], b""), config).await;
    let of = |address: &'static str| ("x-forwarded-for", address);
    let right = door.cookies();
    let known = [of("2001:db8::1"), ("cookie", right.as_str())];
    assert_eq!(door.get("/out/a", &known).await.status, 200);
    let wrong = right.replace("Signature=", "Signature=AAAA");
    let wrong = [of("2001:db8::1"), ("cookie", wrong.as_str())];
    // Time refills less than one of them, unless the machine sleeps for long; then there are some more.
    let mut answers = Vec::new();
    while answers.last() != Some(&429) && answers.len() < 1000 {
        answers.push(door.get("/out/a", &wrong).await.status.as_u16());
    }
    assert!(
        answers.len() > 5 && answers[..answers.len() - 1].iter().all(|status| *status == 403),
        "{answers:?}"
    );
    assert_eq!(door.get("/out/a", &known).await.status, 200, "what was checked before");
    let elsewhere = [of("2001:db8:0:1::1"), wrong[1]];
    assert_eq!(door.get("/out/a", &elsewhere).await.status, 403, "another address");
    let counts = door.meter.read();
    assert_eq!(counts.refusals[edge::meter::Reason::TooManyWrong as usize], 1);
}
