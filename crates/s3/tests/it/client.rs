//! A client that signs as SigV4 says, or as the test wants.

use std::net::SocketAddr;

use aws_lc_rs::{digest, hmac};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) at: jiff::Timestamp,
    pub(crate) region: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// S3's error code.
    pub(crate) fn code(&self) -> &str {
        let text = self.text();
        text.split_once("<Code>")
            .and_then(|(_, rest)| rest.split_once("</Code>"))
            .map_or("", |(code, _)| code)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

/// How a body is described to the signature.
#[derive(Clone, Copy)]
pub(crate) enum Payload<'a> {
    Hashed,
    As(&'a str),
}

impl Client {
    pub(crate) fn new(address: SocketAddr, id: &str, secret: &str) -> Self {
        Self {
            address,
            id: id.into(),
            secret: secret.into(),
            at: jiff::Timestamp::now(),
            region: "us-east-1".into(),
        }
    }

    /// Sends a signed request; `target` is path and query as they go over the wire, the query sorted.
    pub(crate) async fn ask(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.send(self.signed(&method, target, headers, body, Payload::Hashed).0, body).await
    }

    /// Builds a signed request and the signature.
    pub(crate) fn signed(
        &self,
        method: &Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        payload: Payload<'_>,
    ) -> (http::request::Builder, String) {
        let hash = match payload {
            Payload::Hashed => hex::encode(digest::digest(&digest::SHA256, body)),
            Payload::As(text) => text.to_owned(),
        };
        let (date, host) = (self.date(), self.address.to_string());
        let mut all: Vec<(String, String)> =
            headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        all.push(("host".into(), host));
        all.push(("x-amz-content-sha256".into(), hash.clone()));
        all.push(("x-amz-date".into(), date.clone()));
        all.sort();
        let names: Vec<&str> = all.iter().map(|(n, _)| n.as_str()).collect();
        let names = names.join(";");
        let lines: String = all.iter().map(|(n, v)| format!("{n}:{}\n", v.trim())).collect();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{hash}");
        let digest = hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
        let signature = self.sign(&format!("AWS4-HMAC-SHA256\n{date}\n{}\n{digest}", self.scope()));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={names}, Signature={signature}",
            self.id,
            self.scope()
        );
        let mut request =
            Request::builder().method(method).uri(target).header("authorization", authorization);
        for (name, value) in all {
            request = request.header(name, value);
        }
        (request, signature)
    }

    pub(crate) async fn send(&self, request: http::request::Builder, body: &[u8]) -> Answer {
        let request = request.header("content-length", body.len());
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let response = sender.send_request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// The target of a presigned request.
    pub(crate) fn presigned(&self, method: &str, path: &str) -> String {
        let endpoint = format!("http://{}", self.address);
        let url = sign::sigv4::presign(&sign::sigv4::Presign {
            method,
            endpoint: &endpoint,
            path,
            query: &[],
            headers: &[],
            key: &self.id,
            secret: &self.secret,
            region: &self.region,
            at: &self.date(),
            seconds: 60,
        });
        url.strip_prefix(&endpoint).unwrap().to_owned()
    }

    pub(crate) fn date(&self) -> String {
        self.at.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    pub(crate) fn scope(&self) -> String {
        format!("{}/{}/s3/aws4_request", self.at.strftime("%Y%m%d"), self.region)
    }

    pub(crate) fn sign(&self, text: &str) -> String {
        let mac = |key: &[u8], text: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
        };
        let day = self.at.strftime("%Y%m%d").to_string();
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day.as_str(), &self.region, "s3", "aws4_request", text] {
            key = mac(&key, part);
        }
        hex::encode(key)
    }
}
