//! Conditions on a key for a write: the same for every way to write.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use http::Method;

use super::*;
use crate::client::Answer;

#[derive(Debug, Clone, Copy)]
enum Way {
    Put,
    Copy,
    Parts,
    Form,
}

impl Way {
    /// Writes `new` to the key `a`.
    async fn write(self, client: &Client, conditions: &[(&str, &str)]) -> Answer {
        let put = async |target: &str, headers: &[(&str, &str)], body: &[u8]| {
            client.ask(Method::PUT, target, headers, body).await
        };
        match self {
            Self::Put => put("/source/a", conditions, b"new").await,
            Self::Copy => {
                put("/source/from", &[], b"new").await;
                let source = [("x-amz-copy-source", "source/from")];
                put("/source/a", &[conditions, &source].concat(), b"").await
            }
            Self::Parts => {
                let begun = client.ask(Method::POST, "/source/a?uploads=", &[], b"").await;
                let (_, id) = begun.text().split_once("<UploadId>").unwrap();
                let (id, _) = id.split_once('<').unwrap();
                let part = put(&format!("/source/a?partNumber=1&uploadId={id}"), &[], b"new").await;
                let etag = part.header("etag").unwrap();
                let list = format!(
                    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
                );
                let target = format!("/source/a?uploadId={id}");
                client.ask(Method::POST, &target, conditions, list.as_bytes()).await
            }
            Self::Form => {
                let body = form(client);
                let request = http::Request::builder().method(Method::POST).uri("/source");
                let request = request.header("host", client.address.to_string());
                let request = request.header("content-type", "multipart/form-data; boundary=x");
                let request = conditions.iter().fold(request, |r, (name, value)| r.header(*name, *value));
                client.send(request, body.as_bytes()).await
            }
        }
    }
}

/// A form of the client that sends `new` to the key `a`.
fn form(client: &Client) -> String {
    let (credential, date) = (format!("{}/{}", client.id, client.scope()), client.date());
    let fields = [
        ("key", "a"),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-credential", credential.as_str()),
        ("x-amz-date", date.as_str()),
    ];
    let conditions: String =
        fields.iter().map(|(name, value)| format!(r#",{{"{name}":"{value}"}}"#)).collect();
    let policy = format!(
        r#"{{"expiration":"2099-01-01T00:00:00Z","conditions":[{{"bucket":"source"}}{conditions}]}}"#
    );
    let policy = BASE64.encode(policy);
    let signature = client.sign(&policy);
    let signed = [("policy", policy.as_str()), ("x-amz-signature", signature.as_str()), ("file", "new")];
    let part = |(name, value): &(&str, &str)| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().chain(&signed).map(part).collect::<String>() + "--x--\r\n"
}

#[tokio::test]
async fn a_write_happens_only_where_its_condition_holds() {
    let server = Server::start().await;
    let client = server.client();
    let old = client.ask(Method::PUT, "/source/a", &[], b"old").await;
    let old = old.header("etag").unwrap();
    let other = "\"00000000000000000000000000000000\"";
    for way in [Way::Put, Way::Copy, Way::Parts, Way::Form] {
        let check = async |is_there: bool, conditions: &[(&str, &str)], refusal: &str| {
            match is_there {
                true => client.ask(Method::PUT, "/source/a", &[], b"old").await,
                false => client.ask(Method::DELETE, "/source/a", &[], b"").await,
            };
            let written = way.write(&client, conditions).await;
            let what = format!("{way:?} {conditions:?}, there: {is_there}: {}", written.text());
            assert_eq!(written.code(), refusal, "{what}");
            assert_eq!(written.status.is_success(), refusal.is_empty(), "{what}");
            let now = client.ask(Method::GET, "/source/a", &[], b"").await;
            match (refusal.is_empty(), is_there) {
                (true, _) => assert_eq!(now.text(), "new", "{what}"),
                (false, true) => assert_eq!(now.text(), "old", "{what}"),
                (false, false) => assert_eq!(now.code(), "NoSuchKey", "{what}"),
            }
        };
        for is_there in [false, true] {
            check(is_there, &[], "").await;
            check(is_there, &[("if-none-match", other)], "").await;
            check(is_there, &[("if-none-match", "*"), ("if-match", "*")], "NotImplemented").await;
            check(is_there, &[("if-match", "a b")], "InvalidArgument").await;
        }
        check(false, &[("if-none-match", "*")], "").await;
        check(true, &[("if-none-match", "*")], "PreconditionFailed").await;
        check(true, &[("if-none-match", old)], "PreconditionFailed").await;
        for seen in ["*", old] {
            check(false, &[("if-match", seen)], "NoSuchKey").await;
            check(true, &[("if-match", seen)], "").await;
        }
        check(true, &[("if-match", other)], "PreconditionFailed").await;
    }
}
