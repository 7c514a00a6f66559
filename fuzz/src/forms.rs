//! Forms of browsers: an input has the policy in clear, and it is encoded and signed on the way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blob::Object;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde_json::Value;

use crate::wire::signature;

/// Where a form has its policy, and what ends it.
const POLICY: &[u8] = b"name=\"policy\"\r\n\r\n";
const END: &[u8] = b"\r\n--";

/// The day of all signatures: when a form was signed is no matter, its policy says until when it is good.
const DAY: &str = "20270115";

/// The conditions of a form, read apart from the code that is checked against them.
pub(crate) struct Policy(Value);

/// The form with its policy in Base64 and the fields that sign it, and that policy; `None` of what is no such form.
/// A policy that is no JSON goes as it is.
pub(crate) fn signed(headers: &HeaderMap, body: &[u8]) -> Option<(Vec<u8>, Policy)> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let (_, boundary) = kind.strip_prefix("multipart/form-data")?.split_once("boundary=")?;
    let from = find(body, POLICY)? + POLICY.len();
    let to = from + find(&body[from..], END)?;
    let clear = &body[from..to];
    let said: Value = serde_json::from_slice(clear).unwrap_or_default();
    let policy =
        if said.is_null() { String::from_utf8(clear.to_vec()).ok()? } else { STANDARD.encode(clear) };
    let fields = [
        ("algorithm", "AWS4-HMAC-SHA256".to_owned()),
        ("credential", format!("KEY/{DAY}/us-east-1/s3/aws4_request")),
        ("date", format!("{DAY}T000000Z")),
        ("signature", signature(DAY, &policy)),
    ];
    let part = |(name, value): &(&str, String)| {
        format!("\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"x-amz-{name}\"\r\n\r\n{value}")
    };
    let added: String = fields.iter().map(part).collect();
    Some(([&body[..from], policy.as_bytes(), added.as_bytes(), &body[to..]].concat(), Policy(said)))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

impl Policy {
    /// Holds that the policy was good when a form with it was taken.
    pub(crate) fn check_moment(&self, begun: Timestamp) {
        let until: Timestamp = self.0["expiration"].as_str().expect("a text").parse().expect("a moment");
        assert!(begun < until, "a form of {begun} was taken, its policy ended at {until}");
    }

    /// Holds that what was made with the form is what the policy allows: bucket, key and length.
    pub(crate) fn check(&self, object: &Object) {
        let mut bucket = false;
        for condition in self.0["conditions"].as_array().expect("a list") {
            let pairs = condition.as_object().into_iter().flatten();
            let equal = pairs.map(|(name, text)| ("eq".to_owned(), name.to_ascii_lowercase(), text));
            let three = condition.as_array().filter(|items| items[0] != "content-length-range");
            let listed =
                three.map(|items| (lower(&items[0]), lower(&items[1]).replacen('$', "", 1), &items[2]));
            for (kind, name, text) in equal.chain(listed) {
                let text = text.as_str().unwrap_or_default();
                match &name[..] {
                    "key" => is(&kind, object.key.as_str(), text),
                    "bucket" => {
                        bucket = true;
                        is(&kind, object.bucket.as_str(), text);
                    }
                    _ => {}
                }
            }
            if let Some([kind, least, most]) = condition.as_array().map(Vec::as_slice)
                && kind == "content-length-range"
            {
                let (least, most) = (least.as_u64().expect("a number"), most.as_u64().expect("a number"));
                assert!((least..=most).contains(&object.size), "{} bytes", object.size);
            }
        }
        assert!(bucket, "a form was taken whose policy names no bucket");
    }
}

fn lower(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_ascii_lowercase()
}

/// Holds a condition. A key may have had `${filename}` in it: what stands before that stays.
fn is(kind: &str, value: &str, text: &str) {
    let fixed = text.split('$').next().unwrap_or_default();
    assert!(value.starts_with(fixed), "{value:?} was made under {kind} {text:?}");
    assert!(kind != "eq" || fixed != text || value == text, "{value:?} was made under {kind} {text:?}");
}
