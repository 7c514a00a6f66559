//! The S3 face as clients see it, but for the socket: any request, well signed, on a small store.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::{digest, hmac};
use blob::{Blob, By, New};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt as _;
use model::{BucketName, Key};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use s3s::Body;
use tempfile::TempDir;

use crate::faces::runtime;

/// What no answer may contain: it lies in the bucket that this face never shows.
const HIDDEN: &str = "nobody-is-shown-this";
/// Requests until the store is made anew.
const MAX_RUNS: u32 = 20_000;

const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

struct Store {
    blob: Blob,
    service: s3::Service,
    runs: u32,
    _folder: TempDir,
}

static STORE: Mutex<Option<Store>> = Mutex::new(None);

impl Store {
    async fn open() -> Self {
        let folder = tempfile::tempdir_in(crate::files::memory()).expect("a folder");
        let db = db::Db::open_sqlite(&folder.path().join("db")).await.expect("a database");
        db.migrate(&[blob::MIGRATIONS]).await.expect("tables");
        let blob = Blob::open(db, &folder.path().join("blob")).await.expect("a store");
        for (bucket, key, bytes) in
            [("media", "asset/v0", HIDDEN), ("source", "a film.mp4", "0123456789"), ("source", "b/c", "x")]
        {
            let bucket = bucket.parse().expect("a name");
            if blob.bucket(&bucket).await.is_err() {
                blob.create_bucket(&bucket).await.expect("a bucket");
            }
            let new = New::named(bucket, key.parse().expect("a key"), By::Kinora);
            blob.put(bytes, new).await.expect("an object");
        }
        let keys = s3::keys(|id: String| async move {
            Ok((id == "KEY").then(|| s3::Access { secret: "secret".into(), buckets: s3::Buckets::All }))
        });
        let service = s3::service(blob.clone(), keys, s3::Config::default());
        Self { blob, service, runs: 0, _folder: folder }
    }
}

/// A request in text: `METHOD target`, header lines, an empty line, the body. The target goes to the server as it is
/// written, escapes and all. It is signed here, so that what is behind the signature is reached, unless it says
/// `unsigned`.
pub(crate) fn s3_wire(bytes: &[u8]) {
    let end = bytes.windows(2).position(|w| w == b"\n\n");
    let (head, body) = end.map_or((bytes, &[][..]), |at| (&bytes[..at], &bytes[at + 2..]));
    let Ok(head) = std::str::from_utf8(head) else { return };
    let Some(request) = request(head, body) else { return };
    let put = (request.method() == Method::PUT && request.uri().query().is_none())
        .then(|| named(request.uri().path()))
        .flatten();
    let mut store = STORE.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, answer) = runtime().block_on(async {
        if store.as_ref().is_none_or(|store| store.runs >= MAX_RUNS) {
            *store = Some(Store::open().await);
        }
        let store = store.as_mut().expect("it was just opened");
        store.runs += 1;
        let response = store.service.answer(request).await;
        let status = response.status();
        let body = response.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        if let Some((bucket, key)) = put.filter(|_| status.is_success()) {
            assert!(store.blob.head(&bucket, &key).await.is_ok(), "{bucket}/{key} was written elsewhere");
        }
        (status, body.unwrap_or_default())
    });
    assert_ne!(status.as_u16(), 500, "{}", String::from_utf8_lossy(&answer));
    assert!(!answer.windows(HIDDEN.len()).any(|w| w == HIDDEN.as_bytes()), "the bucket media was shown");
}

/// The object that a path names: it is decoded once, and what is decoded is split at its first slash.
fn named(path: &str) -> Option<(BucketName, Key)> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let (bucket, key) = path.strip_prefix('/')?.split_once('/')?;
    Some((bucket.parse().ok()?, key.parse().ok()?))
}

fn request(head: &str, body: &[u8]) -> Option<Request<Body>> {
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let method: Method = method.parse().ok()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !path.starts_with('/') {
        return None;
    }
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value.trim())) else {
            continue;
        };
        headers.insert(name, value);
    }
    if headers.remove("unsigned").is_none() {
        sign(&method, path, &canonical(query), &mut headers, body);
    }
    headers.insert("content-length", HeaderValue::from(body.len()));
    let mut request = Request::builder().method(method).uri(target).body(Body::from(body.to_vec())).ok()?;
    *request.headers_mut() = headers;
    Some(request)
}

/// A query as it is signed, whatever it looks like on the wire.
fn canonical(query: &str) -> String {
    let plain = |text: &str| {
        let text = text.replace('+', " ");
        utf8_percent_encode(&percent_decode_str(&text).decode_utf8_lossy(), QUERY).to_string()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let split = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut pairs: Vec<(String, String)> = split.map(|(name, value)| (plain(name), plain(value))).collect();
    // As the server reads equal names: in the order in which they came.
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Signs as AWS Signature Version 4 says, with the headers that are there; the path as it is written, which the server
/// takes beside the path that is decoded and encoded once.
fn sign(method: &Method, path: &str, query: &str, headers: &mut HeaderMap, body: &[u8]) {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let hashed = hex::encode(digest::digest(&digest::SHA256, body));
    let hash =
        headers.get("x-amz-content-sha256").and_then(|v| v.to_str().ok()).map_or(hashed, str::to_owned);
    for (name, value) in [("host", "localhost"), ("x-amz-date", &now), ("x-amz-content-sha256", &hash)] {
        headers.insert(name, HeaderValue::from_str(value).expect("printable"));
    }
    headers.remove("authorization");
    headers.remove("content-length");
    let mut names: Vec<String> = headers.keys().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    let value = |name: &String| headers[name.as_str()].to_str().unwrap_or_default().trim().to_owned();
    let fields: String = names.iter().map(|name| format!("{name}:{}\n", value(name))).collect();
    let signed = names.join(";");
    let canonical = format!("{method}\n{path}\n{query}\n{fields}\n{signed}\n{hash}");
    let scope = format!("{}/us-east-1/s3/aws4_request", &now[..8]);
    let digest = hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}");
    let mut key = b"AWS4secret".to_vec();
    for part in [&now[..8], "us-east-1", "s3", "aws4_request", &text] {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    let signature = hex::encode(key);
    let shown =
        format!("AWS4-HMAC-SHA256 Credential=KEY/{scope}, SignedHeaders={signed}, Signature={signature}");
    headers.insert("authorization", HeaderValue::from_str(&shown).expect("printable"));
}
