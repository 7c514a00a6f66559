//! Which requests are accepted.

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

/// The target of a request presigned with Signature Version 2.
fn old_address(method: &str, target: &str, text: &str, expires: i64) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"secret");
    let text = format!("{method}\n{}\n{expires}\n{text}", "\n");
    let signature = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        aws_lc_rs::hmac::sign(&key, text.as_bytes()),
    );
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let mark = if target.contains('?') { '&' } else { '?' };
    format!("{target}{mark}AWSAccessKeyId=ALL&Expires={expires}&Signature={signature}")
}

#[tokio::test]
async fn an_address_presigned_with_the_older_signature_is_that_request_and_nothing_else() {
    let server = Server::start().await;
    let client = server.client();
    let until = jiff::Timestamp::now().as_second() + 600;
    let ask = async |method: &str, target: &str, headers: &[(&str, &str)]| {
        let mut request = Request::builder().method(method).uri(target).header("host", "x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        client.send(request, if method == "PUT" { b"film" } else { b"" }).await
    };
    let put = old_address("PUT", "/source/a%20b", "x-amz-meta-who:me\n/source/a%20b", until);
    // A header may stand in the address.
    let moved = format!("{put}&x-amz-meta-who=me");
    for (target, headers) in [(&put, vec![("x-amz-meta-who", "me")]), (&moved, vec![])] {
        let answer = ask("PUT", target, &headers).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    let get = old_address("GET", "/source/a%20b", "/source/a%20b", until);
    let answer = ask("GET", &get, &[("range", "bytes=1-2")]).await;
    assert_eq!((answer.text(), answer.header("x-amz-meta-who")), ("il", Some("me")));
    for (method, target, headers, code) in [
        ("PUT", put.as_str(), vec![], "SignatureDoesNotMatch"),
        ("PUT", &put, vec![("x-amz-meta-who", "you")], "SignatureDoesNotMatch"),
        ("PUT", &get, vec![], "SignatureDoesNotMatch"),
        ("DELETE", &get, vec![], "SignatureDoesNotMatch"),
        ("GET", &get.replace("a%20b", "b"), vec![], "SignatureDoesNotMatch"),
        ("GET", &get.replace("AWSAccessKeyId=ALL", "AWSAccessKeyId=NOBODY"), vec![], "InvalidAccessKeyId"),
        ("GET", &old_address("GET", "/source/a%20b", "/source/a%20b", 1), vec![], "AccessDenied"),
        ("GET", &old_address("GET", "/media/a", "/media/a", until), vec![], "AccessDenied"),
        // Covered by no signature: it could be anybody's.
        ("GET", &format!("{get}&retention"), vec![], "AccessDenied"),
        ("GET", &format!("{get}&tagging"), vec![], "SignatureDoesNotMatch"),
        ("GET", &format!("{get}&Expires=9999999999"), vec![], "AccessDenied"),
        ("GET", "/source/a?AWSAccessKeyId=ALL", vec![], "AccessDenied"),
        (
            "PUT",
            &put,
            vec![("x-amz-meta-who", "me"), ("x-amz-decoded-content-length", "4")],
            "InvalidArgument",
        ),
        ("GET", &get, vec![("authorization", "AWS ALL:x")], "InvalidArgument"),
    ] {
        let answer = ask(method, target, &headers).await;
        assert_eq!(answer.code(), code, "{method} {target} {headers:?}: {}", answer.text());
        assert!(!answer.text().contains("secret"));
    }
    let whole = ask("GET", &get, &[("range", "bytes=0-0,2-2")]).await;
    assert_eq!((whole.status, whole.text()), (StatusCode::OK, "film"));
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
