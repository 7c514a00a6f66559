//! Requests as upstreams see them, and headers that they cannot set.

use bytes::Bytes;
use edge::{CdnSecret, Config};
use http_body_util::BodyExt as _;
use model::delivery::{Access, Caching, Origin};

use crate::support::{Door, SECRET, Scripted, behaviour, response};

#[tokio::test]
async fn the_first_matching_behaviour_answers_and_nothing_else_does() {
    let door = Door::open(Scripted::fixed(&[], b"packager")).await;
    assert_eq!(door.get("/open/a", &[]).await.text(), "packager");
    assert_eq!(door.get("/site/a", &[]).await.text(), "site");
    let none = door.get("/nowhere", &[]).await;
    assert_eq!((none.status.as_u16(), none.text()), (404, "Not found\n"));
    door.change(|state| {
        state.behaviours.insert(0, behaviour("/site/?", Origin::Packager, Access::Open, Caching::Off));
    });
    let mut got = door.get("/site/a", &[]).await;
    for _ in 0..100 {
        if got.text() == "packager" {
            break;
        }
        tokio::task::yield_now().await;
        got = door.get("/site/a", &[]).await;
    }
    assert_eq!(got.text(), "packager");
    assert_eq!(door.get("/site/ab", &[]).await.text(), "site");
}

#[tokio::test]
async fn the_packager_gets_the_secret_and_nothing_about_the_viewer() {
    let door = Door::open(Scripted::fixed(&[], b"")).await;
    let lies = [
        ("x-mediapackage-cdnidentifier", "guess"),
        ("x-forwarded-for", "1.2.3.4"),
        ("authorization", "Bearer x"),
        ("user-agent", "me"),
        ("referer", "http://there"),
    ];
    door.signed("/out/a?Policyx=1", &lies).await;
    let (line, headers) = door.packager.seen(0);
    assert_eq!(line, "GET /out/a");
    let names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names, ["x-mediapackage-cdnidentifier", "x-request-id"]);
    assert_eq!(headers["x-mediapackage-cdnidentifier"], SECRET);

    // A HEAD is handed on, with conditions and ranges but the same silence; a new secret counts at once.
    door.secret.send_replace(CdnSecret::new("the-next-secret").unwrap());
    let cookies = door.cookies();
    let fields =
        [("cookie", cookies.as_str()), ("range", "bytes=0-1"), ("x-mediapackage-cdnidentifier", "guess")];
    door.client().await.send("HEAD", "/out/b", &fields).await;
    let (_, headers) = door.packager.seen(1);
    let mut names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["range", "x-mediapackage-cdnidentifier", "x-request-id"]);
    assert_eq!(headers["x-mediapackage-cdnidentifier"], "the-next-secret");
}

#[tokio::test]
async fn the_site_gets_the_viewers_address_and_everything_but_lies() {
    let door = Door::open(Scripted::fixed(&[], b"")).await;
    let fields = [
        ("x-mediapackage-cdnidentifier", "guess"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=1.2.3.4"),
        ("x-real-ip", "1.2.3.4"),
        ("x-request-id", "mine"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("cookie", "sid=1"),
        ("x-own", "kept"),
    ];
    let host = door.host();
    let mut client = door.client().await;
    let answered = client.begin_with("POST", "/site/a?b=c", &fields, Bytes::from_static(b"form")).await;
    assert_eq!(answered.status(), 200);
    let answered_id = answered.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_ne!(answered_id, "mine");
    answered.collect().await.unwrap();
    let (line, headers) = door.site.seen(0);
    assert_eq!(line, "POST /site/a?b=c");
    let mut all: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    all.sort_unstable();
    let expected = [
        "content-length: 4".to_owned(),
        "cookie: sid=1".into(),
        format!("host: {host}"),
        "x-forwarded-for: 127.0.0.1".into(),
        format!("x-forwarded-host: {host}"),
        "x-forwarded-proto: http".into(),
        "x-own: kept".into(),
    ];
    // The id is ours, and the same as in the answer.
    let id = all.iter().position(|line| line.starts_with("x-request-id: ")).map(|at| all.remove(at)).unwrap();
    assert_eq!(id, format!("x-request-id: {answered_id}"));
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_in_headers_and_policies() {
    let config = Config { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..Config::default() };
    let door = Door::with(Scripted::fixed(&[], b"media"), Scripted::fixed(&[], b""), config).await;
    let forwarded = [
        ("x-forwarded-for", "6.6.6.6, 192.0.2.7, 127.0.0.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "films.example"),
    ];
    door.get("/site/a", &forwarded).await;
    let headers = door.site.seen(0).1;
    assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
    assert_eq!(headers["x-forwarded-proto"], "https");
    assert_eq!(headers["x-forwarded-host"], "films.example");
    assert_eq!(headers["host"], "films.example");

    let policy = sign::Policy {
        resource: Some("https://films.example/out/*".into()),
        address: Some("192.0.2.7".parse().unwrap()),
        ..door.policy("")
    };
    let cookies = door.key.cookies(&policy, None).unwrap().header();
    let mut fields = forwarded.to_vec();
    fields.push(("cookie", &cookies));
    assert_eq!(door.get("/out/a", &fields).await.text(), "media");
    assert_eq!(door.get("/out/a", &fields[1..]).await.status, 403);
}

#[tokio::test]
async fn an_upstreams_answer_is_cleaned() {
    let fields: &[(&str, &str)] = &[
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=9"),
        ("set-cookie", "sid=1"),
        ("x-request-id", "upstreams"),
        ("x-mediapackage-cdnidentifier", "leak"),
    ];
    let upstream = Scripted::new(move |_, _| async move { Ok(response(200, fields, "x")) });
    let door = Door::with(upstream.clone(), upstream, Config::default()).await;
    let site = door.get("/site/a", &[]).await;
    for gone in ["x-hop", "keep-alive", "x-mediapackage-cdnidentifier"] {
        assert_eq!(site.header(gone), "", "{gone}");
    }
    // A site may set cookies; the id is the one that the request had all the way.
    assert_eq!(site.header("set-cookie"), "sid=1");
    assert_ne!(site.header("x-request-id"), "upstreams");
    assert_eq!(site.header("cache-status"), "kinora; fwd=bypass");
    let media = door.signed("/out/a", &[]).await;
    assert_eq!((media.header("set-cookie"), media.header("x-hop")), ("", ""));
    assert_eq!(media.header("x-mediapackage-cdnidentifier"), "");
}
