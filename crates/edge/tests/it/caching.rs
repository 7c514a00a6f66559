//! Cached answers: which ones, for how long, and how they are served.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge::Config;
use tokio::sync::Notify;

use crate::support::{Door, Scripted, response};

const LASTING: &[(&str, &str)] = &[
    ("cache-control", "public, max-age=60"),
    ("etag", "\"v1\""),
    ("content-type", "video/mp4"),
    ("x-own", "kept"),
];

#[tokio::test]
async fn a_kept_answer_is_whole_and_says_where_it_came_from() {
    let door = Door::open(Scripted::fixed(LASTING, b"0123456789")).await;
    let first = door.signed("/out/a", &[]).await;
    assert_eq!(first.header("x-cache"), "Miss from kinora");
    assert_eq!(first.header("age"), "");
    assert_eq!(first.text(), "0123456789");
    for _ in 0..2 {
        let hit = door.signed("/out/a", &[]).await;
        assert_eq!((hit.status.as_u16(), hit.text()), (200, "0123456789"));
        assert_eq!(hit.header("x-cache"), "Hit from kinora");
        assert!(hit.header("age").parse::<u32>().unwrap() <= 5, "{}", hit.header("age"));
        assert!(hit.header("cache-status").starts_with("kinora; hit"));
        assert_eq!((hit.header("content-type"), hit.header("x-own")), ("video/mp4", "kept"));
        assert_eq!((hit.header("content-length"), hit.header("accept-ranges")), ("10", "bytes"));
        assert_eq!(hit.header("x-request-id").len(), 16);
        assert_ne!(hit.header("x-request-id"), first.header("x-request-id"));
    }
    assert_eq!(door.packager.calls(), 1);
    // The packager knows no queries: another one is no other object. A site does.
    for query in ["x=1", "x=2"] {
        assert_eq!(door.signed(&format!("/out/a?{query}"), &[]).await.header("x-cache"), "Hit from kinora");
        door.get(&format!("/art/a?{query}"), &[]).await;
    }
    assert_eq!((door.packager.calls(), door.site.calls()), (1, 2));
}

#[tokio::test]
async fn parts_heads_and_conditions_are_served_from_the_whole() {
    let door = Door::open(Scripted::fixed(LASTING, b"0123456789")).await;
    // A range may come first: the whole is fetched.
    let part = door.signed("/out/a", &[("range", "bytes=2-4")]).await;
    assert_eq!((part.status.as_u16(), part.text()), (206, "234"));
    assert_eq!(part.header("content-range"), "bytes 2-4/10");
    assert!(!door.packager.seen(0).1.contains_key("range"));
    let part = door.signed("/out/a", &[("range", "bytes=-1")]).await;
    assert_eq!((part.status.as_u16(), part.text(), part.header("x-cache")), (206, "9", "Hit from kinora"));
    let outside = door.signed("/out/a", &[("range", "bytes=10-")]).await;
    assert_eq!((outside.status.as_u16(), outside.header("content-range")), (416, "bytes */10"));
    assert_eq!(outside.header("cache-control"), "no-store", "as the packager says");
    let same = door.signed("/out/a", &[("if-none-match", "\"v1\"")]).await;
    assert_eq!((same.status.as_u16(), same.header("etag"), same.body.len()), (304, "\"v1\"", 0));
    let cookies = door.cookies();
    let head = door.client().await.send("HEAD", "/out/a", &[("cookie", &cookies)]).await;
    assert_eq!((head.status.as_u16(), head.header("content-length"), head.body.len()), (200, "10", 0));
    assert_eq!(door.packager.calls(), 1);
    // A HEAD that finds nothing is handed on as it is.
    let head = door.client().await.send("HEAD", "/out/b", &[("cookie", &cookies)]).await;
    assert_eq!((head.status.as_u16(), head.header("x-cache")), (200, "Miss from kinora"));
    assert_eq!(door.packager.seen(1).0, "HEAD /out/b");
}

#[tokio::test]
async fn what_may_not_be_kept_is_asked_for_again() {
    let check = async |status: u16, fields: &'static [(&'static str, &'static str)]| {
        let upstream = Scripted::new(move |n, _| async move { Ok(response(status, fields, format!("{n}"))) });
        let door = Door::open(upstream).await;
        for n in 0..3 {
            let got = door.signed("/out/a", &[]).await;
            assert_eq!((got.status.as_u16(), got.text()), (status, n.to_string().as_str()), "{fields:?}");
            assert_eq!(got.header("x-cache"), "Miss from kinora");
            assert_eq!(got.header("set-cookie"), "");
        }
    };
    check(200, &[]).await;
    check(200, &[("cache-control", "no-store, max-age=60")]).await;
    check(200, &[("cache-control", "private, max-age=60")]).await;
    check(200, &[("cache-control", "max-age=60"), ("set-cookie", "a=b")]).await;
    check(200, &[("cache-control", "max-age=60"), ("vary", "*")]).await;
    check(200, &[("cache-control", "max-age=0")]).await;
    for status in [404, 410, 500, 503] {
        check(status, &[("cache-control", "max-age=60")]).await;
    }
    check(206, &[("cache-control", "max-age=60"), ("content-range", "bytes 0-0/5")]).await;
}

#[tokio::test]
async fn a_stale_answer_is_confirmed_and_its_headers_renewed() {
    let upstream = Scripted::new(|n, request| async move {
        let known = request.headers().get("if-none-match").is_some_and(|etag| etag == "\"v1\"");
        let renewed = [
            ("cache-control", "no-cache"),
            ("etag", "\"v1\""),
            ("x-seen", if n == 1 { "second" } else { "later" }),
        ];
        Ok(match n {
            0 => response(
                200,
                &[("cache-control", "no-cache"), ("etag", "\"v1\""), ("x-seen", "first")],
                "one",
            ),
            1 | 2 if known => response(304, &renewed, ""),
            _ => response(200, &[("cache-control", "no-cache"), ("etag", "\"v2\"")], "two"),
        })
    });
    let door = Door::open(upstream).await;
    let cases = [
        ("one", "Miss from kinora", "first"),
        ("one", "RefreshHit from kinora", "second"),
        ("one", "RefreshHit from kinora", "later"),
        ("two", "Miss from kinora", ""),
    ];
    for (body, x_cache, seen) in cases {
        let got = door.signed("/out/a", &[]).await;
        assert_eq!(
            (got.status.as_u16(), got.text(), got.header("x-cache"), got.header("x-seen")),
            (200, body, x_cache, seen)
        );
    }
    // A viewer who has the confirmed bytes is told so.
    let got = door.signed("/out/a", &[("if-none-match", "\"v2\"")]).await;
    assert_eq!(got.status, 304);
}

#[tokio::test]
async fn an_age_on_arrival_counts() {
    let fields = &[("cache-control", "max-age=60"), ("age", "59")];
    let door = Door::open(Scripted::fixed(fields, b"old")).await;
    door.signed("/out/a", &[]).await;
    let hit = door.signed("/out/a", &[]).await;
    assert!(["59", "60"].contains(&hit.header("age")), "{}", hit.header("age"));
}

#[tokio::test]
async fn objects_above_the_limit_pass_through_with_their_ranges() {
    let large = Bytes::from(vec![7; 3000]);
    let upstream = Scripted::new(move |_, request| {
        let large = large.clone();
        async move {
            Ok(match request.headers().get("range") {
                Some(_) => response(
                    206,
                    &[("content-range", "bytes 0-9/3000"), ("etag", "\"v1\"")],
                    large.slice(..10),
                ),
                None => response(200, &[("cache-control", "max-age=60"), ("etag", "\"v1\"")], large),
            })
        }
    });
    let config = Config { cache_object_bytes: 2048, ..Config::default() };
    let door = Door::with(upstream, Scripted::fixed(&[], b""), config).await;
    for _ in 0..2 {
        let got = door.signed("/out/a", &[]).await;
        assert_eq!((got.status.as_u16(), got.body.len()), (200, 3000));
        assert_eq!(got.header("x-cache"), "Miss from kinora");
    }
    assert_eq!(door.packager.calls(), 2);
    let part = door.signed("/out/a", &[("range", "bytes=0-9")]).await;
    assert_eq!(
        (part.status.as_u16(), part.body.len(), part.header("content-range")),
        (206, 10, "bytes 0-9/3000")
    );
    // It is known to be large by now; a key that is not yet known is asked for twice.
    assert_eq!(door.packager.calls(), 3);
    let part = door.signed("/out/b", &[("range", "bytes=0-9")]).await;
    assert_eq!((part.status.as_u16(), part.body.len()), (206, 10));
    assert_eq!(door.packager.calls(), 5);
}

#[tokio::test]
async fn nothing_is_kept_where_the_largest_has_no_bytes() {
    let upstream = Scripted::fixed(&[("cache-control", "max-age=60"), ("etag", "\"v1\"")], b"a");
    let config = Config { cache_object_bytes: 0, ..Config::default() };
    let door = Door::with(upstream, Scripted::fixed(&[], b""), config).await;
    for calls in 1..=3 {
        assert_eq!(door.signed("/out/a", &[]).await.text(), "a");
        assert_eq!(door.packager.calls(), calls);
    }
}

#[tokio::test]
async fn an_open_site_is_kept_per_host_and_never_with_cookies() {
    let site =
        Scripted::new(
            |n, _| async move { Ok(response(200, &[("cache-control", "max-age=60")], format!("{n}"))) },
        );
    let door = Door::with(Scripted::fixed(&[], b""), site, Config::default()).await;
    let cookie = ("cookie", "sid=secret");
    assert_eq!(door.get("/art/a", &[cookie]).await.text(), "0");
    assert_eq!(door.get("/art/a", &[]).await.text(), "0");
    assert_eq!(door.get("/art/a", &[("host", "other.example")]).await.text(), "1");
    let seen = door.site.seen(0).1;
    assert!(!seen.contains_key("cookie") && !seen.contains_key("x-forwarded-for"));
    assert_eq!(door.site.seen(1).1["x-forwarded-host"], "other.example");
}

#[tokio::test]
async fn the_bound_on_memory_holds() {
    let upstream = Scripted::new(|_, _| async {
        Ok(response(200, &[("cache-control", "max-age=60")], vec![1; 200 << 10]))
    });
    let config = Config { cache_bytes: 1 << 20, cache_object_bytes: 256 << 10, ..Config::default() };
    let door = Door::with(upstream, Scripted::fixed(&[], b""), config).await;
    let cookies = door.cookies();
    let mut client = door.client().await;
    for n in 0..40 {
        let got = client.send("GET", &format!("/out/{n}"), &[("cookie", &cookies)]).await;
        assert_eq!(got.body.len(), 200 << 10);
    }
    let mut hits = 0;
    for n in 0..40 {
        let got = client.send("HEAD", &format!("/out/{n}"), &[("cookie", &cookies)]).await;
        hits += usize::from(got.header("x-cache") == "Hit from kinora");
    }
    assert!((1..=5).contains(&hits), "{hits}");
}

#[tokio::test]
async fn a_deleted_asset_is_gone_at_once_and_kept_no_more() {
    let door = Door::open(Scripted::fixed(LASTING, b"media")).await;
    let (gone, other) = (model::AssetId::new(), model::AssetId::new());
    let of = |asset| format!("/out/v1/{asset}/configuration/generation/index.m3u8");
    for asset in [gone, other] {
        for cached in ["Miss from kinora", "Hit from kinora"] {
            assert_eq!(door.signed(&of(asset), &[]).await.header("x-cache"), cached);
        }
    }
    door.change(|state| {
        state.gone.insert(gone);
    });
    let end = Instant::now() + Duration::from_secs(30);
    while door.signed(&of(gone), &[]).await.status == 200 {
        assert!(Instant::now() < end, "it is still delivered");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let got = door.signed(&of(gone), &[]).await;
    assert_eq!((got.status.as_u16(), got.header("cache-control")), (404, "no-store"));
    assert_eq!(door.get(&of(gone), &[]).await.status, 403, "who may not ask learns nothing");
    assert_eq!(door.signed(&of(other), &[]).await.header("x-cache"), "Hit from kinora");

    // Restored: it is fetched again, so nothing of it was cached.
    door.change(|state| state.gone.clear());
    while door.signed(&of(gone), &[]).await.status != 200 {
        assert!(Instant::now() < end, "it stays gone");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(door.packager.calls(), 3);
}

#[tokio::test]
async fn what_is_deleted_while_it_is_confirmed_is_kept_no_more() {
    let (asked, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let upstream = {
        let (asked, release) = (asked.clone(), release.clone());
        Scripted::new(move |_, request| {
            let (asked, release) = (asked.clone(), release.clone());
            let fields = [("cache-control", "no-cache"), ("etag", "\"v1\"")];
            async move {
                if !request.headers().contains_key("if-none-match") {
                    return Ok(response(200, &fields, "media"));
                }
                asked.notify_one();
                release.notified().await;
                Ok(response(304, &fields, ""))
            }
        })
    };
    let door = Door::open(upstream).await;
    let asset = model::AssetId::new();
    let of = |name: &str| format!("/out/v1/{asset}/configuration/generation/{name}");
    for name in ["confirmed", "other"] {
        assert_eq!(door.signed(&of(name), &[]).await.text(), "media");
    }
    let both = door.meter.read().cached;
    let falls_below = async |bytes: u64, what: &str| {
        let end = Instant::now() + Duration::from_secs(30);
        while door.meter.read().cached >= bytes {
            assert!(Instant::now() < end, "{what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let delete = async {
        asked.notified().await;
        door.change(|state| {
            state.gone.insert(asset);
        });
        // The request holds the entry that is being revalidated.
        falls_below(both, "nothing is forgotten").await;
        release.notify_one();
    };
    let confirmed = of("confirmed");
    tokio::join!(door.signed(&confirmed, &[]), delete);
    falls_below(1, "what was confirmed after it was deleted is kept").await;
}
