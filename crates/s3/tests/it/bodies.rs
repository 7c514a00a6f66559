//! How bytes may come in.

use blob::events::PIPELINE;
use http::{Method, StatusCode};

use super::client::Payload;
use super::*;

/// One object of two signed chunks and a signed trailer, as SDKs send it over plain HTTP.
struct Chunked {
    client: Client,
    request: http::request::Builder,
    body: Vec<u8>,
}

impl Chunked {
    fn new(client: &Client, target: &str, chunks: [&[u8]; 2], trailer: &str) -> Self {
        Self::build(client, target, chunks, ("x-amz-checksum-crc32", trailer), &[])
    }

    /// With a trailer of another name, which is not that of the bytes.
    fn announcing(client: &Client, target: &str, name: &str) -> Self {
        Self::build(client, target, [b"12345", b"6789"], (name, "AAAAAA=="), &[])
    }

    /// With more headers.
    fn with(client: &Client, target: &str, more: &[(&str, &str)]) -> Self {
        Self::build(client, target, [b"12345", b"6789"], ("x-amz-checksum-crc32", CRC_OF_123456789), more)
    }

    fn build(
        client: &Client,
        target: &str,
        chunks: [&[u8]; 2],
        (name, trailer): (&str, &str),
        more: &[(&str, &str)],
    ) -> Self {
        let length: usize = chunks.iter().map(|c| c.len()).sum();
        let length = length.to_string();
        let own = [("x-amz-decoded-content-length", length.as_str()), ("x-amz-trailer", name)];
        let headers = [&own, more].concat();
        let kind = Payload::As("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER");
        let (request, mut previous) = client.signed(&Method::PUT, target, &headers, b"", kind);
        let (date, scope) = (client.date(), client.scope());
        let hash = |bytes: &[u8]| hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes));
        let mut body = Vec::new();
        for chunk in chunks.into_iter().chain([b"".as_slice()]) {
            let text = format!(
                "AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{}\n{}",
                hash(b""),
                hash(chunk)
            );
            previous = client.sign(&text);
            body.extend(format!("{:x};chunk-signature={previous}\r\n", chunk.len()).bytes());
            if !chunk.is_empty() {
                body.extend(chunk);
                body.extend(b"\r\n");
            }
        }
        let line = format!("{name}:{trailer}\n");
        let text =
            format!("AWS4-HMAC-SHA256-TRAILER\n{date}\n{scope}\n{previous}\n{}", hash(line.as_bytes()));
        let signature = client.sign(&text);
        body.extend(format!("{name}:{trailer}\r\nx-amz-trailer-signature:{signature}\r\n\r\n").bytes());
        Self { client: client.clone(), request, body }
    }

    async fn send(self) -> client::Answer {
        self.client.send(self.request, &self.body).await
    }
}

const CRC_OF_123456789: &str = "y/Q5Jg==";

#[tokio::test]
async fn signed_chunks_with_a_trailer_are_taken() {
    let server = Server::start().await;
    let client = server.client();
    let answer = Chunked::new(&client, "/source/a", [b"12345", b"6789"], CRC_OF_123456789).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("x-amz-checksum-crc32"), Some(CRC_OF_123456789));
    let got = client.ask(Method::GET, "/source/a", &[("x-amz-checksum-mode", "ENABLED")], b"").await;
    assert_eq!(got.body, "123456789");
    assert_eq!(got.header("x-amz-checksum-crc32"), Some(CRC_OF_123456789));
    assert_eq!(got.header("content-encoding"), None);
}

#[tokio::test]
async fn tampered_chunks_are_refused_and_leave_nothing() {
    let server = Server::start().await;
    let client = server.client();
    let chunked = || Chunked::new(&client, "/source/a", [b"12345", b"6789"], CRC_OF_123456789);
    let tamper = |from: &str, to: &str| {
        let mut chunked = chunked();
        let at = chunked.body.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
        chunked.body.splice(at..at + from.len(), to.bytes());
        chunked
    };
    assert_eq!(tamper("6789", "6780").send().await.code(), "SignatureDoesNotMatch");
    assert_eq!(tamper("y/Q5Jg==", "AAAAAA==").send().await.code(), "SignatureDoesNotMatch");
    let wrong = Chunked::new(&client, "/source/a", [b"12345", b"6789"], "AAAAAA==").send().await;
    assert_eq!((wrong.code(), wrong.status.as_u16()), ("BadDigest", 400));
    let mut cut = chunked();
    cut.body.truncate(100);
    assert_eq!(cut.send().await.code(), "IncompleteBody");
    assert_eq!(client.ask(Method::GET, "/source/a", &[], b"").await.code(), "NoSuchKey");
    assert!(server.blob.subscriber(PIPELINE).events(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn digests_in_headers_are_verified() {
    let server = Server::start().await;
    let client = server.client();
    let put = async |headers: &[(&str, &str)]| {
        client.ask(Method::PUT, "/source/a", headers, b"123456789").await.code().to_owned()
    };
    assert_eq!(put(&[("x-amz-checksum-crc32", "AAAAAA==")]).await, "BadDigest");
    assert_eq!(put(&[("x-amz-checksum-crc32", "?")]).await, "BadDigest");
    let two = [("x-amz-checksum-crc32", CRC_OF_123456789), ("x-amz-checksum-crc32c", "4waSgw==")];
    assert_eq!(put(&two).await, "InvalidRequest");
    assert_eq!(put(&[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")]).await, "BadDigest");
    assert_eq!(put(&[("content-md5", "AAAA")]).await, "InvalidDigest");
    assert_eq!(put(&[("content-md5", "")]).await, "InvalidDigest");
    assert_eq!(put(&two[1..]).await, "");
}

#[tokio::test]
async fn a_checksum_that_is_not_verified_is_not_taken() {
    let server = Server::start().await;
    let client = server.client();
    let begun = client.ask(Method::POST, "/source/parts?uploads=", &[], b"").await;
    let id = begun.text().split_once("<UploadId>").unwrap().1.split_once('<').unwrap().0.to_owned();
    let part = format!("/source/parts?partNumber=1&uploadId={id}");
    for name in ["xxhash64", "xxhash3", "xxhash128", "sha512", "md5"] {
        let header = format!("x-amz-checksum-{name}");
        for target in ["/source/a", &part] {
            let answer = client.ask(Method::PUT, target, &[(&header, "AAAAAA==")], b"123456789").await;
            assert_eq!(answer.code(), "NotImplemented", "{target} {name}");
        }
        let trailer = Chunked::announcing(&client, "/source/a", &header).send().await;
        assert_eq!(trailer.code(), "InvalidRequest", "{name}: {}", trailer.text());
        let algorithm = [("x-amz-checksum-algorithm", name)];
        let begun = client.ask(Method::POST, "/source/a?uploads=", &algorithm, b"").await;
        assert_eq!(begun.code(), "InvalidRequest", "{name}: {}", begun.text());
    }
    // One in a header and another behind the body: only one would be looked at.
    let given = Chunked::with(&client, "/source/a", &[("x-amz-checksum-crc32c", "4waSgw==")]).send().await;
    assert_eq!(given.code(), "InvalidRequest", "{}", given.text());
    assert_eq!(client.ask(Method::GET, "/source/a", &[], b"").await.code(), "NoSuchKey");
    let parts = client.ask(Method::GET, &format!("/source/parts?uploadId={id}"), &[], b"").await;
    assert!(!parts.text().contains("<Part>"), "{}", parts.text());
}

#[tokio::test]
async fn an_upload_leaves_one_event_in_s3s_shape() {
    let server = Server::start().await;
    server.client().ask(Method::PUT, "/source/a%20b", &[], b"film").await;
    let events = server.blob.subscriber(PIPELINE).events(None, 10).await.unwrap();
    let [(_, Ok(event))] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.name(), event.key.as_str()), ("ObjectCreated:Put", "a b"));
}
