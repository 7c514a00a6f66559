//! Who is let in.

use http::{Method, Request, StatusCode};

use super::*;

#[tokio::test]
async fn only_sigv4_with_a_known_key_and_a_right_clock_is_let_in() {
    let server = Server::start().await;
    let client = server.client();
    assert_eq!(client.ask(Method::GET, "/", &[], b"").await.status, StatusCode::OK);
    assert_eq!(server.lookups.load(std::sync::atomic::Ordering::Relaxed), 1);

    let refused = async |client: Client, code: &str| {
        let answer = client.ask(Method::GET, "/source", &[], b"").await;
        assert_eq!((answer.code(), answer.status), (code, StatusCode::FORBIDDEN));
        assert!(!answer.text().contains("secret"));
    };
    refused(Client { secret: "wrong".into(), ..client.clone() }, "SignatureDoesNotMatch").await;
    refused(Client { id: "NOBODY".into(), ..client.clone() }, "InvalidAccessKeyId").await;
    let hour = jiff::SignedDuration::from_hours(1);
    refused(Client { at: client.at - hour, ..client.clone() }, "RequestTimeTooSkewed").await;
    refused(Client { at: client.at + hour, ..client.clone() }, "RequestTimeTooSkewed").await;

    let anonymous = Request::builder().uri("/source/a").header("host", "x");
    assert_eq!(client.send(anonymous, b"").await.code(), "AccessDenied");
    let old = Request::builder().uri("/source/a").header("host", "x").header("authorization", "AWS ALL:c2ln");
    assert_eq!(client.send(old, b"").await.code(), "InvalidRequest");
    let broken = Client { id: "BROKEN".into(), ..client.clone() };
    let answer = broken.ask(Method::GET, "/", &[], b"").await;
    assert_eq!((answer.code(), answer.status.as_u16()), ("InternalError", 500));
    assert!(!answer.text().contains("database"));
}

#[tokio::test]
async fn what_the_signature_does_not_cover_does_not_count() {
    let server = Server::start().await;
    let client = server.client();
    let (request, _) = client.signed(&Method::PUT, "/source/b", &[], b"", client::Payload::Hashed);
    let answer = client.send(request.header("x-amz-copy-source", "/source/a"), b"").await;
    assert_eq!((answer.code(), answer.status.as_u16()), ("AccessDenied", 403));
    let (request, _) = client.signed(&Method::PUT, "/source/b", &[], b"meant", client::Payload::Hashed);
    let answer = client.send(request, b"other").await;
    assert_eq!(answer.code(), "XAmzContentSHA256Mismatch");
    assert_eq!(client.ask(Method::GET, "/source/b", &[], b"").await.code(), "NoSuchKey");
}

#[tokio::test]
async fn a_key_opens_its_buckets_only() {
    let server = Server::start().await;
    let (client, other) = (server.client(), Client::new(server.address, "OTHER", "secret"));
    assert_eq!(client.ask(Method::PUT, "/other", &[], b"").await.status, StatusCode::OK);
    client.ask(Method::PUT, "/source/a", &[], b"film").await;
    for target in ["/source", "/source/a", "/media", "/media/a", "/missing"] {
        assert_eq!(other.ask(Method::GET, target, &[], b"").await.code(), "AccessDenied", "{target}");
    }
    assert_eq!(client.ask(Method::GET, "/media/a", &[], b"").await.code(), "AccessDenied");
    assert_eq!(client.ask(Method::PUT, "/media/a", &[], b"x").await.code(), "AccessDenied");
    let copy = other.ask(Method::PUT, "/other/a", &[("x-amz-copy-source", "/source/a")], b"").await;
    assert_eq!(copy.code(), "AccessDenied");
    let listed = other.ask(Method::GET, "/", &[], b"").await;
    assert!(listed.text().contains("<Name>other</Name>") && !listed.text().contains("<Name>source</Name>"));
    assert!(!client.ask(Method::GET, "/", &[], b"").await.text().contains("<Name>media</Name>"));
}

#[tokio::test]
async fn a_bucket_may_stand_in_the_host_name() {
    let server = Server::start().await;
    let client = server.client();
    client.ask(Method::PUT, "/source/a", &[], b"film").await;
    let (date, host) = (client.date(), "source.localhost:9000");
    let hash = "UNSIGNED-PAYLOAD";
    let canonical = format!(
        "GET\n/a\n\nhost:{host}\nx-amz-content-sha256:{hash}\nx-amz-date:{date}\n\nhost;x-amz-content-sha256;x-amz-date\n{hash}"
    );
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
    let signature =
        client.sign(&format!("AWS4-HMAC-SHA256\n{date}\n{}\n{}", client.scope(), hex::encode(digest)));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=ALL/{}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}",
        client.scope()
    );
    let request = Request::builder()
        .uri("/a")
        .header("host", host)
        .header("x-amz-content-sha256", hash)
        .header("x-amz-date", date)
        .header("authorization", authorization);
    assert_eq!(client.send(request, b"").await.body, "film");
}
