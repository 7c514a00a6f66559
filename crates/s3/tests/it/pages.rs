//! Pages of browsers: which may ask, and what a presigned part allows.

use http::{Method, Request, StatusCode};
use model::UploadId;
use s3::UploadParts;
use sign::sigv4::{Presign, presign};

use super::*;

const PAGE: &str = "https://films.example";
const PREFLIGHT: [(&str, &str); 2] = [
    ("access-control-request-method", "PUT"),
    ("access-control-request-headers", "x-amz-checksum-crc32,content-type"),
];

async fn server() -> Server {
    Server::with(Config { page_origins: vec![PAGE.into()], ..Config::default() }).await
}

fn question(headers: &[(&str, &str)]) -> http::request::Builder {
    let request =
        Request::builder().method(Method::OPTIONS).uri("/source/a?partNumber=1").header("host", "x");
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

#[tokio::test]
async fn only_the_installations_own_pages_are_told_yes() {
    let server = server().await;
    let client = server.client();
    let mut asked = vec![("origin", PAGE)];
    asked.extend(PREFLIGHT);
    let answer = client.send(question(&asked), b"").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(answer.header("access-control-allow-methods"), Some("PUT"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert!(answer.header("access-control-allow-headers").unwrap().contains("x-amz-checksum-crc32"));

    for bad in [
        [("origin", "https://evil.example"), PREFLIGHT[0], PREFLIGHT[1]],
        [("origin", "null"), PREFLIGHT[0], PREFLIGHT[1]],
        [("origin", "https://films.example.evil.example"), PREFLIGHT[0], PREFLIGHT[1]],
        [("origin", PAGE), ("access-control-request-method", "DELETE"), PREFLIGHT[1]],
        [("origin", PAGE), PREFLIGHT[0], ("access-control-request-headers", "authorization")],
    ] {
        let answer = client.send(question(&bad), b"").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{bad:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{bad:?}");
    }
    // Without an origin it is no question of a browser.
    assert_eq!(client.send(question(&[]), b"").await.code(), "BadRequest");
}

#[tokio::test]
async fn answers_are_readable_by_our_pages_and_no_others() {
    let server = server().await;
    let client = server.client();
    for (origin, shown) in [(PAGE, Some(PAGE)), ("https://evil.example", None)] {
        let (request, _) = client.signed(&Method::PUT, "/source/a", &[], b"film", client::Payload::Hashed);
        let answer = client.send(request.header("origin", origin), b"film").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("access-control-allow-origin"), shown);
        assert_eq!(answer.header("access-control-expose-headers").is_some(), shown.is_some());
        let refused = Request::builder().method(Method::PUT).uri("/source/a");
        let refused = refused.header("host", "x").header("origin", origin);
        let refused = client.send(refused, b"").await;
        assert_eq!((refused.code(), refused.header("access-control-allow-origin")), ("AccessDenied", shown));
    }
}

/// An upload and the key that writes its parts.
async fn begun(server: &Server, key: &str) -> UploadParts {
    let new = blob::NewUpload {
        bucket: model::BucketName::source(),
        key: key.parse().unwrap(),
        attributes: blob::Attributes::default(),
        checksum: Some(blob::Algorithm::Crc32),
        composite: false,
    };
    let upload = server.blob.begin_upload(new).await.unwrap();
    UploadParts { bucket: upload.bucket, key: upload.key, upload: upload.id }
}

fn address(
    server: &Server,
    path: &str,
    upload: &UploadId,
    length: &str,
    crc32: &str,
    seconds: u32,
) -> String {
    let endpoint = format!("http://{}", server.address);
    let url = presign(&Presign {
        method: "PUT",
        endpoint: &endpoint,
        path,
        query: &[("partNumber", "1"), ("uploadId", &upload.to_string())],
        headers: &[("content-length", length), ("x-amz-checksum-crc32", crc32)],
        key: "PARTS",
        secret: "secret",
        region: "us-east-1",
        at: &server.client().date(),
        seconds,
    });
    url.strip_prefix(&endpoint).unwrap().to_owned()
}

#[tokio::test]
async fn a_presigned_part_is_that_part_of_that_upload_and_nothing_else() {
    let server = server().await;
    let client = server.client();
    let parts = begun(&server, "uploads/1/a b.mp4").await;
    server.open(&parts);
    let path = "/source/uploads/1/a b.mp4";
    // CRC-32 of `123456789` is cbf43926.
    let (body, crc32) = (b"123456789".as_slice(), "y/Q5Jg==");
    let put = async |target: &str, crc32: &str, body: &[u8]| {
        let request =
            Request::builder().method(Method::PUT).uri(target).header("host", server.address.to_string());
        client.send(request.header("x-amz-checksum-crc32", crc32).header("origin", PAGE), body).await
    };
    let good = address(&server, path, &parts.upload, "9", crc32, 900);
    let answer = put(&good, crc32, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    assert!(answer.header("etag").is_some());
    assert_eq!(server.blob.uploaded_bytes(parts.upload).await.unwrap(), 9);

    // Damaged on the way; with another checksum; longer; as another part.
    assert_eq!(put(&good, crc32, b"123456780").await.code(), "BadDigest");
    assert_eq!(put(&good, "AAAAAA==", body).await.code(), "SignatureDoesNotMatch");
    assert_eq!(put(&good, crc32, b"1234567890").await.code(), "SignatureDoesNotMatch");
    let other = good.replace("partNumber=1", "partNumber=2");
    assert_eq!(put(&other, crc32, body).await.code(), "SignatureDoesNotMatch");
    // Rightly signed, but of another upload or key: the key does not open it.
    let foreign = begun(&server, "uploads/2/b.mp4").await;
    let others = address(&server, path, &foreign.upload, "9", crc32, 900);
    assert_eq!(put(&others, crc32, body).await.code(), "AccessDenied");
    let elsewhere = address(&server, "/source/uploads/2/b.mp4", &foreign.upload, "9", crc32, 900);
    assert_eq!(put(&elsewhere, crc32, body).await.code(), "AccessDenied");
    let holder = Client::new(server.address, "PARTS", "secret");
    for (method, target) in [(Method::GET, "/"), (Method::GET, "/source"), (Method::DELETE, "/source/a")] {
        assert_eq!(holder.ask(method, target, &[], b"").await.code(), "AccessDenied", "{target}");
    }
    let object = holder.ask(Method::PUT, "/source/uploads/1/a%20b.mp4", &[], b"x").await;
    assert_eq!(object.code(), "AccessDenied");
    assert_eq!(server.blob.uploaded_bytes(parts.upload).await.unwrap(), 9);
}
