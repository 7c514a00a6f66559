//! What pages and programs send to the site, and other stores to the pipeline.

use model::{BucketName, Key};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

/// Longest time in a film that is remembered: a week.
const MAX_DURATION_MS: u64 = 7 * 86_400_000;

/// A JSON body of the API, whichever it is.
pub(crate) fn api_body(bytes: &[u8]) {
    if let Some((kind, detail)) = site::fuzzing::report(bytes) {
        logged(&kind);
        logged(&detail);
    }
    if let Some(position) = site::fuzzing::position_ms(bytes) {
        assert!(position <= MAX_DURATION_MS, "{position} ms");
    }
    if let Some(settings) = site::fuzzing::configuration(bytes) {
        let written = serde_json::to_vec(&settings).expect("settings can be written");
        assert_eq!(serde_json::from_slice(&written).ok(), Some(settings));
    }
    // Of the others nothing follows but what the parts behind the site make of it.
    let _ = site::fuzzing::others(bytes);
    if let Ok(asked) = std::str::from_utf8(bytes) {
        let next = site::fuzzing::next(asked);
        let stays =
            next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\t', '\n', '\r']);
        assert!(stays && next.len() <= 1000, "{next:?}");
    }
}

/// Text of a stranger in our log: one bounded line, without what could be a token.
fn logged(text: &str) {
    assert!(text.chars().count() <= 500 && !text.contains(char::is_control), "{text:?}");
    let of_token = |c: char| c.is_ascii_alphanumeric() || "-_~%+=".contains(c);
    assert!(text.split(|c| !of_token(c)).all(|run| run.len() <= 36), "{text:?}");
}

/// An S3 event record of another system: it names no more objects than are followed at once, and each of them is read
/// again from a record that names it.
pub(crate) fn event(bytes: &[u8]) {
    let Some(created) = pipeline::fuzzing::created(bytes) else { return };
    assert!(created.len() <= pipeline::fuzzing::MAX_RECORDS, "{}", created.len());
    let record = |(bucket, key): &(BucketName, Key)| {
        let key = utf8_percent_encode(key.as_str(), NON_ALPHANUMERIC).to_string();
        let s3 = json!({"bucket": {"name": bucket}, "object": {"key": key}});
        json!({"eventVersion": "2.1", "eventName": "s3:ObjectCreated:Put", "s3": s3})
    };
    let written = json!({"Records": created.iter().map(record).collect::<Vec<_>>()});
    assert_eq!(pipeline::fuzzing::created(written.to_string().as_bytes()), Some(created));
}
