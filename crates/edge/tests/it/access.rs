//! Access: signatures in all their places, and every way to be refused.

use std::sync::Arc;
use std::time::Duration;

use edge::meter::Way;
use http_body_util::BodyExt as _;
use model::delivery::{PublicKey, State};
use model::{AssetId, PlaybackSessionId, Timestamp};
use sign::{Denied, Policy, SigningKey, token};

use crate::support::{Door, Got, Scripted, in_an_hour, once, stream};

const LASTING: &[(&str, &str)] = &[("cache-control", "public, max-age=60"), ("etag", "\"v1\"")];

async fn door() -> Door {
    Door::open(Scripted::fixed(LASTING, b"media")).await
}

fn refused(got: &Got, denied: Denied, case: &str) {
    assert_eq!(got.status, 403, "{case}");
    assert_eq!(got.text(), denied.xml(), "{case}");
    assert_eq!(got.header("content-type"), "text/xml", "{case}");
    assert_eq!(got.header("x-cache"), "Error from kinora", "{case}");
    assert_eq!(got.header("cache-control"), "no-store", "{case}");
}

fn target(url: &str) -> &str {
    &url[url.find("/out").unwrap()..]
}

#[tokio::test]
async fn urls_cookies_and_tokens_open_the_same_object() {
    let door = door().await;
    let url = door.key.sign_url(&format!("http://{}/out/a?b=1", door.host()), in_an_hour()).unwrap();
    let wide =
        door.key.sign_url_with(&format!("http://{}/out/a?b=1", door.host()), &door.policy("/out/*")).unwrap();
    let claims = token::Claims { prefix: "/out/".into(), until: in_an_hour(), session: None };
    let token = token::mint(&door.key, &claims).unwrap();
    for (n, got) in [
        door.get(target(&url), &[]).await,
        door.get(target(&wide), &[]).await,
        door.signed("/out/a?b=1", &[]).await,
        door.get(&format!("/t/{token}/out/a?b=1"), &[]).await,
    ]
    .iter()
    .enumerate()
    {
        assert_eq!((got.status.as_u16(), got.text()), (200, "media"), "{n}");
        // Neither signing parameters nor tokens are part of what it is found by, nor do they reach the upstream.
        assert_eq!(got.header("x-cache"), if n == 0 { "Miss from kinora" } else { "Hit from kinora" }, "{n}");
    }
    assert_eq!(door.packager.calls(), 1);
    assert_eq!(door.packager.seen(0).0, "GET /out/a");
    assert!(!door.packager.seen(0).1.contains_key("cookie"));
}

#[tokio::test]
async fn every_refusal_has_cloudfronts_code() {
    let door = door().await;
    let base = format!("http://{}", door.host());
    let sign = |path: &str, policy: Policy| {
        let url = door.key.sign_url_with(&format!("{base}{path}"), &policy).unwrap();
        target(&url).to_owned()
    };
    let wide = door.policy("/out/*");
    let past = Timestamp(1_000_000_000_000);
    let canned = door.key.sign_url(&format!("{base}/out/a"), in_an_hour()).unwrap();
    let canned = target(&canned);
    let stranger =
        SigningKey::generate("K2").unwrap().sign_url(&format!("{base}/out/a"), in_an_hour()).unwrap();
    let impostor =
        SigningKey::generate("K1").unwrap().sign_url(&format!("{base}/out/a"), in_an_hour()).unwrap();
    let expired = door.key.sign_url(&format!("{base}/out/a"), past).unwrap();
    let cases = [
        ("nothing", "/out/a".to_owned(), Denied::NoKey),
        ("expired", target(&expired).to_owned(), Denied::Expired),
        ("expired custom", sign("/out/a", Policy { until: past, ..wide.clone() }), Denied::Expired),
        ("not yet", sign("/out/a", Policy { after: Some(in_an_hour()), ..wide.clone() }), Denied::NotYet),
        (
            "wrong address",
            sign("/out/a", Policy { address: Some("192.0.2.0/24".parse().unwrap()), ..wide.clone() }),
            Denied::Address,
        ),
        ("wrong resource", sign("/out/b/x", door.policy("/out/a/*")), Denied::Resource),
        (
            "wrong scheme",
            sign("/out/a", Policy { resource: Some("https://*/out/*".into()), ..wide }),
            Denied::Resource,
        ),
        ("another path", canned.replace("/out/a", "/out/b"), Denied::WrongSignature),
        ("parameter added", format!("{canned}&x=1"), Denied::WrongSignature),
        ("parameter doubled", format!("{canned}&Expires=1"), Denied::Ambiguous),
        ("expiry moved", canned.replace("Expires=", "Expires=9"), Denied::WrongSignature),
        ("signature altered", canned.replace("Signature=M", "Signature=N"), Denied::WrongSignature),
        ("signature no base64", canned.replace("Signature=", "Signature=*"), Denied::MalformedSignature),
        ("no signature", canned.replace("Signature=", "Sig="), Denied::MalformedSignature),
        ("no policy", canned.replace("Expires=", "E="), Denied::MalformedPolicy),
        ("policy no JSON", canned.replace("Expires=", "Policy=AAAA&e="), Denied::MalformedPolicy),
        ("no key", canned.replace("Key-Pair-Id", "K"), Denied::NoKey),
        ("unknown key", target(&stranger).to_owned(), Denied::UnknownKey),
        ("another's key of that name", target(&impostor).to_owned(), Denied::WrongSignature),
    ];
    for (case, target, denied) in cases {
        refused(&door.get(&target, &[]).await, denied, case);
    }
    // A parameter in the query hides good cookies.
    let cookies = door.cookies();
    let hidden = door.get("/out/a?Expires=1", &[("cookie", &cookies)]).await;
    refused(&hidden, Denied::NoKey, "query before cookies");
    let head = door.client().await.send("HEAD", "/out/a", &[]).await;
    assert_eq!((head.status.as_u16(), head.body.len(), head.header("content-type")), (403, 0, "text/xml"));
    assert_eq!(door.packager.calls(), 0);
    assert_eq!(door.get(canned, &[]).await.status, 200);
}

#[tokio::test]
async fn tokens_open_their_prefix_and_nothing_else() {
    let door = door().await;
    let mint = |prefix: &str, until| {
        token::mint(&door.key, &token::Claims { prefix: prefix.into(), until, session: None }).unwrap()
    };
    let token = mint("/out/a/", in_an_hour());
    assert_eq!(door.get(&format!("/t/{token}/out/a/v0.m3u8"), &[]).await.status, 200);
    for (target, denied) in [
        (format!("/t/{token}/out/b/v0.m3u8"), Denied::Resource),
        (format!("/t/{}/out/a/x", mint("/out/a/", Timestamp(1_000_000_000_000))), Denied::Expired),
        (format!("/t/{}/out/a/x", token.replacen('E', "F", 1)), Denied::MalformedSignature),
        ("/t/rubbish/out/a/x".into(), Denied::MalformedSignature),
        ("/t/rubbish".into(), Denied::MalformedSignature),
        (format!("/t/{token}"), Denied::MalformedSignature),
        ("/t//out/a/x".into(), Denied::MalformedSignature),
    ] {
        refused(&door.get(&target, &[]).await, denied, &target);
    }
    // Tokens do not lead to open behaviours, and paths with two readings lead nowhere.
    assert_eq!(door.get(&format!("/t/{token}/site/x"), &[]).await.status, 404);
    assert_eq!(door.get(&format!("/t/{token}/out/a/../b/x"), &[]).await.status, 400);
    assert_eq!(door.get(&format!("/t/{token}/out/a/%2e%2e/b/x"), &[]).await.status, 400);
    assert_eq!(door.get(&format!("/t/{token}/t/{token}/out/a/x"), &[]).await.status, 404);
}

#[tokio::test]
async fn a_revoked_session_is_refused_at_once_although_its_signature_lives() {
    let door = door().await;
    door.change(|state| state.keys[0].session = true);
    let session = PlaybackSessionId::new();
    let cookies = door.key.cookies(&door.policy("/out/*"), Some(session)).unwrap().header();
    let claims = token::Claims { prefix: "/out/".into(), until: in_an_hour(), session: Some(session) };
    let by_token = format!("/t/{}/out/a", token::mint(&door.key, &claims).unwrap());
    let by_cookie = [("cookie", cookies.as_str())];
    // A change of state counts soon, not in the same instant.
    let mut got = door.signed("/out/a", &[]).await;
    for _ in 0..100 {
        if got.status == 403 {
            break;
        }
        tokio::task::yield_now().await;
        got = door.signed("/out/a", &[]).await;
    }
    refused(&got, Denied::NoSession, "no session cookie");

    assert_eq!(door.get("/out/a", &by_cookie).await.status, 200);
    assert_eq!(door.get(&by_token, &[]).await.status, 200);
    door.change(|state| {
        Arc::make_mut(&mut state.denied).insert(session);
    });
    for _ in 0..100 {
        got = door.get("/out/a", &by_cookie).await;
        if got.status == 403 {
            break;
        }
        tokio::task::yield_now().await;
    }
    refused(&got, Denied::Revoked, "revoked");
    refused(&door.get(&by_token, &[]).await, Denied::Revoked, "revoked");
}

#[tokio::test]
async fn an_answer_on_its_way_ends_when_its_playback_is_revoked_or_its_asset_deleted() {
    let (session, asset) = (PlaybackSessionId::new(), AssetId::new());
    let revoke = |state: &mut State| assert!(Arc::make_mut(&mut state.denied).insert(session));
    let delete = |state: &mut State| assert!(state.gone.insert(asset));
    let changes: [&dyn Fn(&mut State); 2] = [&revoke, &delete];
    // As what passes through, and as what others may share.
    for (change, length) in changes.into_iter().flat_map(|change| [(change, None), (change, Some(1 << 20))]) {
        let (sender, film) = stream(length);
        let door = Door::open(once(film)).await;
        let claims = token::Claims { prefix: "/out/".into(), until: in_an_hour(), session: Some(session) };
        let token = token::mint(&door.key, &claims).unwrap();
        let mut client = door.client().await;
        sender.send("some".into()).await.unwrap();
        let target = format!("/t/{token}/out/v1/{asset}/index.mp4");
        let mut body = client.begin("GET", &target, &[]).await.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "some");
        door.change(change);
        let reading = tokio::spawn(body.collect());
        let sending = async { while sender.send("more".into()).await.is_ok() && !reading.is_finished() {} };
        tokio::time::timeout(Duration::from_secs(20), sending).await.expect("it is broken off");
        assert!(reading.await.unwrap().is_err(), "{length:?}");
    }
}

#[tokio::test]
async fn what_was_remembered_dies_with_its_key() {
    let door = door().await;
    let cookies = door.cookies();
    let shown = [("cookie", cookies.as_str())];
    assert_eq!(door.get("/out/a", &shown).await.status, 200);
    let other = SigningKey::generate("K1").unwrap();
    door.change(|state| {
        state.keys =
            vec![other.public(), PublicKey { id: "K9".into(), pem: "rubbish".into(), ..other.public() }];
    });
    let mut got = door.get("/out/a", &shown).await;
    for _ in 0..100 {
        if got.status == 403 {
            break;
        }
        tokio::task::yield_now().await;
        got = door.get("/out/a", &shown).await;
    }
    refused(&got, Denied::WrongSignature, "same id, other key");
    let fresh = other.cookies(&door.policy("/out/*"), None).unwrap().header();
    assert_eq!(door.get("/out/a", &[("cookie", &fresh)]).await.status, 200);
}

#[tokio::test]
async fn only_listed_pages_may_read_and_refusals_can_be_read_too() {
    let door = door().await;
    door.change(|state| state.behaviours[0].cors = vec!["https://player.example".into()]);
    let mine = ("origin", "https://player.example");
    let mut got = door.signed("/out/a", &[mine]).await;
    for _ in 0..100 {
        if !got.header("access-control-allow-origin").is_empty() {
            break;
        }
        tokio::task::yield_now().await;
        got = door.signed("/out/a", &[mine]).await;
    }
    assert_eq!(got.header("access-control-allow-origin"), "https://player.example");
    assert_eq!(got.header("access-control-allow-credentials"), "true");
    assert_eq!(got.header("vary"), "Origin");
    let denied = door.get("/out/a", &[mine]).await;
    assert_eq!(denied.status, 403);
    assert_eq!(denied.header("access-control-allow-origin"), "https://player.example");
    let stranger = door.signed("/out/a", &[("origin", "https://evil.example")]).await;
    assert_eq!((stranger.status.as_u16(), stranger.header("access-control-allow-origin")), (200, ""));

    let preflight =
        [mine, ("access-control-request-method", "GET"), ("access-control-request-headers", "range")];
    let got = door.client().await.send("OPTIONS", "/out/a", &preflight).await;
    assert_eq!(got.status, 204);
    assert!(got.header("access-control-allow-headers").contains("Range"));
    assert_eq!(got.header("access-control-allow-origin"), "https://player.example");
    // Nobody else was asked.
    assert_eq!(got.header("cache-status"), "kinora; detail=preflight");
    let answers = door.meter.read().answers;
    assert_eq!((answers[Way::Own as usize][1], answers[Way::Bypass as usize]), (1, [0; 5]));
    for method in ["OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        let got = door.client().await.send(method, "/out/a", &[]).await;
        assert_eq!((got.status.as_u16(), got.header("allow")), (405, "GET, HEAD"), "{method}");
    }
}
