//! Answers as clients read them: XML, headers, errors.

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
async fn a_listing_is_well_formed_whatever_keys_are_called() {
    let server = Server::start().await;
    let client = server.client();
    for target in ["/source/plain", "/source/f%01older/a", "/source/film%EF%BF%BE", "/source/cr%0Dx"] {
        let put = client.ask(Method::PUT, target, &[], b"").await;
        assert_eq!(put.status, StatusCode::OK, "{}", put.text());
        let begun = client.ask(Method::POST, &format!("{target}?uploads="), &[], b"").await;
        assert_eq!(begun.status, StatusCode::OK, "{}", begun.text());
        assert!(begun.text().chars().all(|c| (' '..'\u{fffe}').contains(&c)), "{:?}", begun.text());
    }
    let check = async |query: &str, expected: &[&str]| {
        let listed = client.ask(Method::GET, &format!("/source?{query}"), &[], b"").await;
        let text = listed.text();
        assert!(text.chars().all(|c| (' '..'\u{fffe}').contains(&c)), "{text:?}");
        for expected in expected {
            assert!(text.contains(expected), "{expected} in {text:?}");
        }
    };
    let encoded = ["<EncodingType>url<", ">f%01older/a<", ">film%EF%BF%BE<", ">plain<", ">cr%0Dx<"];
    for query in ["", "list-type=2", "versions=", "uploads="] {
        check(query, &encoded).await;
    }
    for query in ["delimiter=%2F", "delimiter=%2F&list-type=2", "delimiter=%2F&uploads="] {
        check(query, &["<EncodingType>url<", ">f%01older/<", ">film%EF%BF%BE<"]).await;
    }
    check("prefix=f%01", &["<EncodingType>url<", "<Prefix>f%01<", ">f%01older/a<"]).await;
    // Characters that XML can represent are unchanged unless encoding was requested.
    check("prefix=c", &[">cr&#13;x<"]).await;
    let plain = client.ask(Method::GET, "/source?prefix=p", &[], b"").await;
    assert!(!plain.text().contains("EncodingType"), "{}", plain.text());
    let delete = "<Delete><Object><Key>film&#xFFFE;</Key></Object></Delete>";
    let deleted = client.ask(Method::POST, "/source?delete=", &[], delete.as_bytes()).await;
    assert!(deleted.text().chars().all(|c| (' '..'\u{fffe}').contains(&c)), "{:?}", deleted.text());
}

#[tokio::test]
async fn a_list_of_ranges_is_answered_whole() {
    let server = Server::start().await;
    let client = server.client();
    client.ask(Method::PUT, "/source/a", &[("x-amz-meta-who", "me")], b"0123456789").await;
    let presigned = client.presigned("GET", "/source/a");
    for range in ["bytes=0-0,2-3", "bytes=0-0, -1", "bytes=5-2", "lines=1-2", "bytes="] {
        let headers = [("range", range)];
        let got = client.ask(Method::GET, "/source/a", &headers, b"").await;
        assert_eq!((got.status, got.text()), (StatusCode::OK, "0123456789"), "{range}");
        assert_eq!(
            (got.header("content-range"), got.header("x-amz-meta-who")),
            (None, Some("me")),
            "{range}"
        );
        let head = client.ask(Method::HEAD, "/source/a", &headers, b"").await;
        assert_eq!((head.status, head.header("content-length")), (StatusCode::OK, Some("10")), "{range}");
        let request = http::Request::builder().uri(&presigned).header("host", server.address.to_string());
        let got = client.send(request.header("range", range), b"").await;
        assert_eq!((got.status, got.text()), (StatusCode::OK, "0123456789"), "{range}");
    }
    let list = [("range", "bytes=0-0,2-3")];
    assert_eq!(client.ask(Method::GET, "/source/b", &list, b"").await.code(), "NoSuchKey");
    assert_eq!(client.ask(Method::GET, "/media/b", &list, b"").await.code(), "AccessDenied");
    assert_eq!(client.ask(Method::GET, "/source/a?torrent=", &list, b"").await.code(), "NotImplemented");
    let other = Client::new(server.address, "OTHER", "secret");
    assert_eq!(other.ask(Method::GET, "/source/a", &list, b"").await.code(), "AccessDenied");
    let wrong = Client { secret: "wrong".into(), ..client };
    assert_eq!(wrong.ask(Method::GET, "/source/a", &list, b"").await.code(), "SignatureDoesNotMatch");
}

#[tokio::test]
async fn a_page_among_the_objects_runs_no_script() {
    let server = Server::start().await;
    let client = server.client();
    client.ask(Method::PUT, "/source/a", &[("content-type", "text/html")], b"<script>1</script>").await;
    for target in ["/source/a", "/source/b", "/source?acl=", "/source?foo="] {
        let got = client.ask(Method::GET, target, &[], b"").await;
        assert_eq!(got.header("content-security-policy"), Some("sandbox"), "{target}");
    }
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
async fn a_request_for_what_is_not_there_changes_nothing() {
    let server = Server::start().await;
    let client = server.client();
    client.ask(Method::PUT, "/empty", &[], b"").await;
    let put = client.ask(Method::PUT, "/source/a", &[], b"film").await;
    let rename = [("x-amz-rename-source", "/source/a")];
    for (method, target, headers, code) in [
        (Method::PUT, "/source/b?renameObject=", &rename[..], "NotImplemented"),
        (Method::PUT, "/source/a?renameObject=", &rename, "NotImplemented"),
        (Method::PUT, "/source/a?restore=", &[], "NotImplemented"),
        (Method::POST, "/source/a?restore=", &[], "NotImplemented"),
        (Method::PUT, "/source/a?versionId=abc", &[], "InvalidArgument"),
        (Method::PUT, "/source/a?uploadId=abc", &[], "InvalidArgument"),
        (Method::PUT, "/source/a?partNumber=1", &[], "InvalidArgument"),
        (Method::DELETE, "/source/a?acl=", &[], "NotImplemented"),
        (Method::DELETE, "/source/a?versionId=", &[], "InvalidArgument"),
        (Method::DELETE, "/empty?versioning=", &[], "NotImplemented"),
        (Method::DELETE, "/empty?policy=", &[], "NotImplemented"),
        (Method::PUT, "/new?foo=", &[], "NotImplemented"),
    ] {
        let answer = client.ask(method.clone(), target, headers, b"").await;
        assert_eq!(answer.code(), code, "{method} {target}: {}", answer.text());
    }
    let got = client.ask(Method::GET, "/source/a?x-id=GetObject", &[], b"").await;
    assert_eq!((got.text(), got.header("etag")), ("film", put.header("etag")));
    assert_eq!(client.ask(Method::GET, "/source/b", &[], b"").await.code(), "NoSuchKey");
    assert_eq!(client.ask(Method::GET, "/new", &[], b"").await.code(), "NoSuchBucket");
    assert_eq!(client.ask(Method::DELETE, "/empty?x-id=DeleteBucket", &[], b"").await.code(), "");
}

#[tokio::test]
async fn a_storage_class_is_remembered_and_told() {
    let server = Server::start().await;
    let client = server.client();
    let class = |name| [("x-amz-storage-class", name)];
    assert_eq!(
        client.ask(Method::PUT, "/source/a", &class("STANDARD_IA"), b"x").await.status,
        StatusCode::OK
    );
    assert_eq!(client.ask(Method::PUT, "/source/s", &class("STANDARD"), b"x").await.status, StatusCode::OK);
    for name in ["COLD", "EXPRESS_ONEZONE", "standard"] {
        let answer = client.ask(Method::PUT, "/source/s", &class(name), b"y").await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "InvalidStorageClass"), "{name}");
    }
    let told = async |target: &str| {
        client.ask(Method::HEAD, target, &[], b"").await.header("x-amz-storage-class").map(str::to_owned)
    };
    assert_eq!((told("/source/a").await, told("/source/s").await), (Some("STANDARD_IA".into()), None));
    // A copy has the class that is asked for it, not that of its source.
    let from = ("x-amz-copy-source", "/source/a");
    client.ask(Method::PUT, "/source/copy", &[from], b"").await;
    assert_eq!(told("/source/copy").await, None);
    let moved = client.ask(Method::PUT, "/source/a", &[from, class("GLACIER_IR")[0]], b"").await;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.text());
    assert_eq!(told("/source/a").await, Some("GLACIER_IR".into()));
    let tags = b"<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";
    client.ask(Method::PUT, "/source/a?tagging=", &[], tags).await;
    let begun = client.ask(Method::POST, "/source/parts?uploads=", &class("DEEP_ARCHIVE"), b"").await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.text());
    for (target, expected) in [
        ("/source?list-type=2", vec!["GLACIER_IR", "STANDARD", "STANDARD"]),
        ("/source?versions=", vec!["GLACIER_IR", "STANDARD", "STANDARD"]),
        ("/source?uploads=", vec!["DEEP_ARCHIVE"]),
        ("/source/a?attributes=", vec!["GLACIER_IR"]),
    ] {
        let asked = [("x-amz-object-attributes", "StorageClass")];
        let answer = client.ask(Method::GET, target, &asked, b"").await;
        let parts = answer.text().split("<StorageClass>").skip(1);
        let found: Vec<&str> = parts.map(|rest| rest.split_once('<').unwrap().0).collect();
        assert_eq!(found, expected, "{target}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_bucket_is_in_the_region_that_it_was_created_in() {
    let server = Server::start().await;
    let client = server.client();
    let create = async |region: &str| {
        let body = format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        );
        client.ask(Method::PUT, "/films", &[], body.as_bytes()).await.code().to_owned()
    };
    assert_eq!(create("Mars!").await, "InvalidLocationConstraint");
    assert_eq!(create("eu-central-1").await, "");
    assert_eq!(create("eu-central-1").await, "");
    assert_eq!(create("eu-west-1").await, "BucketAlreadyOwnedByYou");
    // A request signed for another region is told the right one, and a request signed for that is accepted.
    let abroad = |region: &str| Client { region: region.into(), ..client.clone() };
    let answer = abroad("eu-west-1").ask(Method::GET, "/films", &[], b"").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, "AuthorizationHeaderMalformed"));
    assert_eq!(answer.header("x-amz-bucket-region"), Some("eu-central-1"));
    assert!(answer.text().contains("<Region>eu-central-1</Region>"), "{}", answer.text());
    let request = http::Request::builder().header("host", server.address.to_string());
    let presigned = abroad("eu-west-1").presigned("GET", "/films");
    let answer = client.send(request.uri(presigned), b"").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, "AuthorizationQueryParametersError"));
    assert!(answer.text().contains("<Region>eu-central-1</Region>"), "{}", answer.text());
    for region in ["eu-central-1", "us-east-1"] {
        assert_eq!(abroad(region).ask(Method::GET, "/films", &[], b"").await.status, StatusCode::OK);
    }
    let answer = abroad("US").ask(Method::GET, "/source", &[], b"").await;
    assert!(answer.text().contains("<Region>us-east-1</Region>"), "{}", answer.text());
    let answer = abroad("eu-central-1").ask(Method::GET, "/media", &[], b"").await;
    assert_eq!(answer.code(), "AccessDenied");
    for (bucket, region, location) in [
        ("films", "eu-central-1", ">eu-central-1</LocationConstraint>"),
        ("source", "us-east-1", "LocationConstraint"),
    ] {
        let head = client.ask(Method::HEAD, &format!("/{bucket}"), &[], b"").await;
        assert_eq!(head.header("x-amz-bucket-region"), Some(region));
        let told = client.ask(Method::GET, &format!("/{bucket}?location="), &[], b"").await;
        assert!(told.text().contains(location), "{}", told.text());
    }
    let some = client.ask(Method::GET, "/?bucket-region=eu-central-1", &[], b"").await;
    assert!(
        some.text().contains("<Name>films<") && !some.text().contains("<Name>source<"),
        "{}",
        some.text()
    );
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
