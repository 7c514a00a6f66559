//! What clients read: XML, headers, errors.

use http::{Method, StatusCode};

use super::*;

#[tokio::test]
async fn listings_encode_names_on_demand() {
    let server = Server::start().await;
    let client = server.client();
    for target in ["/source/a%20b%2Bc", "/source/d%0Ae/f", "/source/%C3%BC"] {
        assert_eq!(client.ask(Method::PUT, target, &[], b"").await.status, StatusCode::OK);
    }
    let listed =
        client.ask(Method::GET, "/source?delimiter=%2F&encoding-type=url&list-type=2", &[], b"").await;
    for expected in
        ["<Key>a%20b%2Bc</Key>", "<Prefix>d%0Ae/</Prefix>", "<Key>%C3%BC</Key>", "<KeyCount>3</KeyCount>"]
    {
        assert!(listed.text().contains(expected), "{expected} in {}", listed.text());
    }
    let bad = client.ask(Method::GET, "/source?encoding-type=base64&list-type=2", &[], b"").await;
    assert_eq!(bad.code(), "InvalidArgument");
    assert_eq!(
        client.ask(Method::GET, "/source?list-type=2&max-keys=-1", &[], b"").await.code(),
        "InvalidArgument"
    );
}

#[tokio::test]
async fn pages_that_cannot_be_are_refused() {
    let server = Server::start().await;
    let client = server.client();
    for target in [
        "/?max-buckets=0",
        "/?max-buckets=-1",
        "/?max-buckets=10001",
        "/source?key-marker=a&upload-id-marker=rubbish&uploads=",
    ] {
        assert_eq!(client.ask(Method::GET, target, &[], b"").await.code(), "InvalidArgument", "{target}");
    }
    client.ask(Method::PUT, "/another", &[], b"").await;
    let first = client.ask(Method::GET, "/?max-buckets=1", &[], b"").await;
    assert!(first.text().contains("<ContinuationToken>another</ContinuationToken>"), "{}", first.text());
    // Without a key marker the other one says nothing.
    let all = client.ask(Method::GET, "/source?upload-id-marker=rubbish&uploads=", &[], b"").await;
    assert_eq!(all.status, StatusCode::OK, "{}", all.text());
}

#[tokio::test]
async fn an_object_is_told_to_be_where_it_can_be_asked_for() {
    for (https, scheme) in [(false, "http"), (true, "https")] {
        let server = Server::with(Config { https, ..Config::default() }).await;
        let client = server.client();
        let begun = client.ask(Method::POST, "/source/a?uploads=", &[], b"").await;
        let id = begun.text().split_once("<UploadId>").unwrap().1.split_once('<').unwrap().0.to_owned();
        let part =
            client.ask(Method::PUT, &format!("/source/a?partNumber=1&uploadId={id}"), &[], b"film").await;
        let etag = part.header("etag").unwrap();
        let list = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
        );
        let done = client.ask(Method::POST, &format!("/source/a?uploadId={id}"), &[], list.as_bytes()).await;
        let place = format!("<Location>{scheme}://{}/source/a</Location>", server.address);
        assert!(done.text().contains(&place), "{}", done.text());
    }
}

#[tokio::test]
async fn an_object_has_the_size_that_was_said_at_its_completion() {
    let server = Server::start().await;
    let client = server.client();
    let begun = client.ask(Method::POST, "/source/a?uploads=", &[], b"").await;
    let id = begun.text().split_once("<UploadId>").unwrap().1.split_once('<').unwrap().0.to_owned();
    let part = client.ask(Method::PUT, &format!("/source/a?partNumber=1&uploadId={id}"), &[], b"film").await;
    let etag = part.header("etag").unwrap();
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    for (size, expected) in [("-1", "InvalidArgument"), ("5", "IncompleteBody"), ("4", "")] {
        let said = [("x-amz-mp-object-size", size)];
        let target = format!("/source/a?uploadId={id}");
        let done = client.ask(Method::POST, &target, &said, list.as_bytes()).await;
        assert_eq!(done.code(), expected, "{size}");
    }
}

#[tokio::test]
async fn reading_tells_what_was_written() {
    let server = Server::start().await;
    let client = server.client();
    let headers = [
        ("cache-control", "no-cache"),
        ("content-disposition", "attachment"),
        ("content-type", "video/mp4"),
        ("x-amz-meta-who", "me"),
    ];
    let put = client.ask(Method::PUT, "/source/a", &headers, b"0123456789").await;
    let got = client.ask(Method::GET, "/source/a", &[("range", "bytes=2-4")], b"").await;
    assert_eq!((got.status, got.text()), (StatusCode::PARTIAL_CONTENT, "234"));
    assert_eq!(got.header("content-range"), Some("bytes 2-4/10"));
    for (name, value) in headers {
        assert_eq!(got.header(name), Some(value));
    }
    assert_eq!(got.header("etag"), put.header("etag"));
    assert!(got.header("last-modified").is_some() && got.header("x-amz-request-id").is_some());
    let head = client.ask(Method::HEAD, "/source/a", &[], b"").await;
    assert_eq!((head.header("content-length"), head.body.len()), (Some("10"), 0));
    let changed = client.ask(Method::GET, "/source/a?response-content-type=text%2Fplain", &[], b"").await;
    assert_eq!(changed.header("content-type"), Some("text/plain"));
}

#[tokio::test]
async fn among_attributes_the_etag_has_no_quotes() {
    let server = Server::start().await;
    let client = server.client();
    let put = client.ask(Method::PUT, "/source/a", &[], b"x").await;
    let asked = [("x-amz-object-attributes", "ETag,ObjectSize")];
    let got = client.ask(Method::GET, "/source/a?attributes=", &asked, b"").await;
    let etag = put.header("etag").unwrap().trim_matches('"');
    assert!(got.text().contains(&format!("<ETag>{etag}</ETag>")), "{}", got.text());
    assert_eq!(got.header("content-length"), Some(got.body.len().to_string().as_str()));
}

#[tokio::test]
async fn a_304_has_the_etag_and_no_body() {
    let server = Server::start().await;
    let client = server.client();
    let put = client.ask(Method::PUT, "/source/a", &[], b"x").await;
    let etag = put.header("etag").unwrap();
    let got = client.ask(Method::GET, "/source/a", &[("if-none-match", etag)], b"").await;
    assert_eq!((got.status, got.body.len(), got.header("etag")), (StatusCode::NOT_MODIFIED, 0, Some(etag)));
}

#[tokio::test]
async fn what_is_not_offered_says_so() {
    let server = Server::start().await;
    let client = server.client();
    let check = async |method: Method, target: &str, body: &str, code: &str| {
        let answer = client.ask(method, target, &[], body.as_bytes()).await;
        assert_eq!(answer.code(), code, "{target}: {}", answer.text());
    };
    let policy = r#"{"Version": "2012-10-17", "Statement": []}"#;
    check(Method::PUT, "/source?policy=", policy, "NotImplemented").await;
    check(Method::GET, "/source?policy=", "", "NoSuchBucketPolicy").await;
    let versions = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    check(Method::PUT, "/source?versioning=", versions, "NotImplemented").await;
    let rule =
        "<Rule><Status>Enabled</Status><Prefix></Prefix><Expiration><Days>1</Days></Expiration></Rule>";
    let lifecycle = format!("<LifecycleConfiguration>{rule}</LifecycleConfiguration>");
    check(Method::PUT, "/source?lifecycle=", &lifecycle, "NotImplemented").await;
    let acl = client.ask(Method::PUT, "/source/a", &[("x-amz-acl", "public-read")], b"").await;
    assert_eq!(acl.code(), "AccessControlListNotSupported");
    assert_eq!(client.ask(Method::GET, "/source/a?versionId=abc", &[], b"").await.code(), "NoSuchVersion");
}

#[tokio::test]
async fn a_bucket_has_up_to_50_tags_and_an_object_up_to_10() {
    let server = Server::start().await;
    let client = server.client();
    client.ask(Method::PUT, "/source/a", &[], b"x").await;
    let put = async |target: &str, count: u32| {
        let tag = |n| format!("<Tag><Key>k{n}</Key><Value>v</Value></Tag>");
        let tags: String = (0..count).map(tag).collect();
        let body = format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
        let answer = client.ask(Method::PUT, target, &[], body.as_bytes()).await;
        answer.status.is_success().then_some(()).ok_or_else(|| answer.code().to_owned())
    };
    let refused = || Err("InvalidTag".to_owned());
    for (target, most) in [("/source?tagging=", 50), ("/source/a?tagging=", 10)] {
        for count in [1, 10, 11, 50] {
            let expected = if count <= most { Ok(()) } else { refused() };
            assert_eq!(put(target, count).await, expected, "{target}: {count}");
        }
        assert_eq!(put(target, most + 1).await, refused(), "{target}");
    }
    let listed = client.ask(Method::GET, "/source?tagging=", &[], b"").await;
    assert_eq!(listed.text().matches("<Tag>").count(), 50, "what was refused changed nothing");
}

#[tokio::test]
async fn broken_requests_are_told_what_is_wrong() {
    let server = Server::start().await;
    let client = server.client();
    let check = async |method, target: &str, body: &[u8], code: &str| {
        let answer = client.ask(method, target, &[], body).await;
        assert_eq!(answer.code(), code, "{target}: {}", answer.text());
    };
    check(Method::GET, "/nowhere", b"", "NoSuchBucket").await;
    check(Method::GET, "/nowhere/a", b"", "NoSuchBucket").await;
    check(Method::GET, "/source/a", b"", "NoSuchKey").await;
    check(Method::PUT, "/A", b"", "InvalidBucketName").await;
    check(Method::PUT, "/source/a%00b", b"", "InvalidArgument").await;
    check(Method::PUT, &format!("/source/{}", "x".repeat(1025)), b"", "KeyTooLongError").await;
    check(Method::PUT, "/source/a?partNumber=1&uploadId=x", b"", "NoSuchUpload").await;
    check(Method::PUT, "/source/a?partNumber=0&uploadId=x", b"", "InvalidArgument").await;
    check(Method::POST, "/source/a?uploadId=x", b"<x", "MalformedXML").await;
    check(Method::POST, "/source?delete=", b"<Delete></Delete>", "MalformedXML").await;
    check(Method::DELETE, "/source", b"", "AccessDenied").await;
}

#[tokio::test]
async fn what_was_deleted_is_told_though_the_rest_could_not_be() {
    let server = Server::start().await;
    let client = server.client();
    for name in ["seen", "plain", "broken"] {
        client.ask(Method::PUT, &format!("/source/{name}"), &[], b"x").await;
    }
    let etag = client.ask(Method::HEAD, "/source/seen", &[], b"").await;
    let etag = etag.header("etag").unwrap();
    let db = db::Db::open_sqlite(&server.folder.path().join("test.db")).await.unwrap();
    let spoil = "UPDATE objects SET checksum = 'nonsense' WHERE id = $1";
    let broken = server.blob.head(&"source".parse().unwrap(), &"broken".parse().unwrap()).await.unwrap();
    db.execute(spoil, db::args![broken.id]).await.unwrap();
    let plain = "<Object><Key>plain</Key></Object><Object><Key>broken</Key></Object>";
    let delete = async |objects: &str| {
        let body = format!("<Delete>{objects}</Delete>");
        client.ask(Method::POST, "/source?delete=", &[], body.as_bytes()).await
    };
    let told = delete(&format!("<Object><Key>seen</Key><ETag>{etag}</ETag></Object>{plain}")).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text());
    let text = told.text();
    assert!(text.contains("<Deleted><Key>seen</Key></Deleted>"), "{text}");
    assert_eq!((text.matches("<Deleted>").count(), text.matches("<Error>").count()), (1, 2), "{text}");
    for (name, status) in [("seen", StatusCode::NOT_FOUND), ("plain", StatusCode::OK)] {
        let is = client.ask(Method::HEAD, &format!("/source/{name}"), &[], b"").await.status;
        assert_eq!(is, status, "{name}");
    }
    // Nothing else was done: one answer for all, which clients try again.
    assert_eq!(delete(plain).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}
