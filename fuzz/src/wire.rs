//! The S3 face as clients see it, but for the socket: any request, well signed, on a small store.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::{digest, hmac};
use blob::{Blob, By, CorsRule, List, New};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, LOCATION, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use model::{BucketName, Key};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use s3s::Body;
use tempfile::TempDir;

use crate::forms::{self, Policy};
use crate::place::{memory, runtime};

/// Text that no answer may contain: it is in the bucket that this face never shows.
const HIDDEN: &str = "nobody-is-shown-this";
/// Initial content of a store: bucket, key, bytes.
const SEEDED: [(&str, &str, &str); 3] =
    [("media", "asset/v0", HIDDEN), ("source", "a film.mp4", "0123456789"), ("source", "b/c", "x")];
/// Requests until the store is recreated.
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
        let folder = tempfile::tempdir_in(memory()).expect("a folder");
        let db = db::Db::open_sqlite(&folder.path().join("db")).await.expect("a database");
        db.migrate(&[blob::MIGRATIONS]).await.expect("tables");
        let blob = Blob::open(db, &folder.path().join("blob")).await.expect("a store");
        for (bucket, key, bytes) in SEEDED {
            let bucket = bucket.parse().expect("a name");
            if blob.bucket(&bucket).await.is_err() {
                blob.create_bucket(&bucket, blob::Region::default()).await.expect("a bucket");
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

/// A request, and what is known of it beside the server.
struct Sent {
    request: Request<Body>,
    /// Whether nobody signed it.
    unsigned: bool,
    /// The policy of the form that it carries, if it was signed here.
    policy: Option<Policy>,
}

/// A request in text: `METHOD target`, header lines, an empty line, the body. The target goes to the server as it is
/// written, escapes and all. It is signed here, as is the policy of a form, so that what is behind the signature is
/// reached; unless it says `unsigned`: then it gets nothing and changes nothing.
pub(crate) fn s3_wire(bytes: &[u8]) {
    let end = bytes.windows(2).position(|w| w == b"\n\n");
    let (head, body) = end.map_or((bytes, &[][..]), |at| (&bytes[..at], &bytes[at + 2..]));
    let Ok(head) = std::str::from_utf8(head) else { return };
    let Some(sent) = request(head, body) else { return };
    let mut store = STORE.lock().unwrap_or_else(PoisonError::into_inner);
    runtime().block_on(async {
        if store.as_ref().is_none_or(|store| store.runs >= MAX_RUNS) {
            *store = Some(Store::open().await);
        }
        let store = store.as_mut().expect("it was just opened");
        store.runs += 1;
        store.check(sent).await;
    });
}

impl Store {
    /// Sends a request and holds what must be true of the answer, and of what there is behind it.
    async fn check(&self, Sent { request, unsigned, policy }: Sent) {
        let (method, begun) = (request.method().clone(), jiff::Timestamp::now());
        let put = (method == Method::PUT && request.uri().query().is_none())
            .then(|| named(request.uri().path()))
            .flatten();
        let ruled = (method == Method::PUT && request.uri().query() == Some("cors"))
            .then(|| request.uri().path().trim_matches('/').parse().ok())
            .flatten();
        let origin = request.headers().get(ORIGIN).cloned();
        let before = if unsigned { Some(self.state().await) } else { None };
        let (head, body) = self.service.answer(request).await.into_parts();
        let answer = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        assert_ne!(head.status.as_u16(), 500, "{}", String::from_utf8_lossy(&answer));
        assert!(!answer.windows(HIDDEN.len()).any(|w| w == HIDDEN.as_bytes()), "the bucket media was shown");
        let done = head.status.is_success();
        if let Some((bucket, key)) = put.filter(|_| done) {
            assert!(self.blob.head(&bucket, &key).await.is_ok(), "{bucket}/{key} was written elsewhere");
        }
        if let Some(told) = head.headers.get(ACCESS_CONTROL_ALLOW_ORIGIN) {
            assert!(
                told == "*" || Some(told) == origin.as_ref(),
                "{told:?} may do what {origin:?} asked for"
            );
        }
        if let Some(bucket) = ruled.filter(|_| done) {
            self.check_rules(&bucket).await;
        }
        if let Some(before) = before {
            // Preflights are answered before anything is signed.
            assert!(!done || method == Method::OPTIONS, "{} though nobody signed it", head.status);
            assert_eq!(self.state().await, before, "changed though nobody signed it");
        }
        if let Some(policy) = policy.filter(|_| done || head.status == StatusCode::SEE_OTHER) {
            policy.check_moment(begun);
            if let Some((bucket, key)) = location(&head.headers).filter(|_| done) {
                let object =
                    self.blob.head(&bucket, &key).await.expect("the object is where the answer says");
                policy.check(&object);
            }
        }
    }

    /// Holds that the rules that a bucket took for pages are ones, and stay the same when what is shown of them is put
    /// again.
    async fn check_rules(&self, bucket: &BucketName) {
        const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];
        let kept = || async { self.blob.cors(bucket).await.expect("the bucket is there") };
        let rules = kept().await;
        assert!((1..=100).contains(&rules.len()), "{} rules", rules.len());
        for CorsRule { origins, methods, headers, exposed, .. } in &rules {
            assert!(!origins.is_empty() && !methods.is_empty());
            assert!(methods.iter().all(|method| METHODS.contains(&method.as_str())), "{methods:?}");
            for pattern in origins.iter().chain(headers) {
                let plain = pattern.len() <= 255 && pattern.bytes().all(|byte| byte.is_ascii_graphic());
                assert!(plain && pattern.matches('*').count() <= 1, "{pattern:?}");
            }
            assert!(exposed.iter().all(|name| name.parse::<HeaderName>().is_ok()), "{exposed:?}");
        }
        let ask = |method: &str, body: &[u8]| {
            let sent = request(&format!("{method} /{bucket}?cors"), body).expect("it is a request");
            self.service.answer(sent.request)
        };
        let shown = ask("GET", b"").await.into_body().collect().await.expect("an answer").to_bytes();
        let again = ask("PUT", &shown).await;
        assert!(again.status().is_success(), "{} {shown:?}", again.status());
        assert_eq!(kept().await, rules, "{shown:?}");
    }

    /// All that a request could change, in words: buckets, their tags and rules, the first objects, those of the beginning.
    async fn state(&self) -> String {
        let mut state = vec![];
        for bucket in self.blob.buckets().await.expect("buckets") {
            let listed = List { limit: 100, ..List::default() };
            let listing = self.blob.list(&bucket.name, &listed).await.expect("objects");
            let tags = self.blob.bucket_tags(&bucket.name).await.expect("tags");
            let rules = self.blob.cors(&bucket.name).await.expect("rules");
            state.push(format!("{bucket:?} {tags:?} {rules:?} {listing:?}"));
        }
        for (bucket, key, _) in SEEDED {
            let (bucket, key) = (bucket.parse().expect("a name"), key.parse().expect("a key"));
            state.push(format!("{:?}", self.blob.head(&bucket, &key).await.ok()));
        }
        state.join("\n")
    }
}

/// The object that an answer says it made.
fn location(headers: &HeaderMap) -> Option<(BucketName, Key)> {
    let (_, rest) = headers.get(LOCATION)?.to_str().ok()?.split_once("://")?;
    named(&rest[rest.find('/')?..])
}

/// The object that a path names: it is decoded once, and what is decoded is split at its first slash.
fn named(path: &str) -> Option<(BucketName, Key)> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let (bucket, key) = path.strip_prefix('/')?.split_once('/')?;
    Some((bucket.parse().ok()?, key.parse().ok()?))
}

fn request(head: &str, body: &[u8]) -> Option<Sent> {
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
    let unsigned = headers.remove("unsigned").is_some();
    let is_signed_form = method == Method::POST && !unsigned;
    let form = is_signed_form.then(|| forms::signed(&headers, body)).flatten();
    let (body, policy) = form.map_or((body.to_vec(), None), |(body, policy)| (body, Some(policy)));
    if !unsigned {
        sign(&method, path, &canonical(query), &mut headers, &body);
    }
    headers.insert("content-length", HeaderValue::from(body.len()));
    let mut request = Request::builder().method(method).uri(target).body(Body::from(body)).ok()?;
    *request.headers_mut() = headers;
    Some(Sent { request, unsigned, policy })
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
    let signature = signature(&now[..8], &text);
    let shown =
        format!("AWS4-HMAC-SHA256 Credential=KEY/{scope}, SignedHeaders={signed}, Signature={signature}");
    headers.insert("authorization", HeaderValue::from_str(&shown).expect("printable"));
}

/// The signature of a text under the key of a day, in hex.
pub(crate) fn signature(day: &str, text: &str) -> String {
    let mut key = b"AWS4secret".to_vec();
    for part in [day, "us-east-1", "s3", "aws4_request", text] {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    hex::encode(key)
}
