//! Bodies that pages and programs send to the site, and other stores to the pipeline.

use axum::response::IntoResponse as _;
use http_body_util::BodyExt as _;
use model::{BucketName, Key};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use site::fuzzing::Taken;

use crate::place::runtime;

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

/// A text that a page takes, as the body of a form and as the query of an address: both give the same. A refusal tells
/// its reader nothing of the text, and our log no code or token.
pub(crate) fn form(bytes: &[u8]) {
    let (taken, asked) = runtime().block_on(site::fuzzing::taken(bytes));
    for Taken { page, form, query } in taken {
        assert!(!asked || form.is_some() == query.is_some(), "{page}: {form:?} and {query:?}");
        for refused in [form, query].into_iter().flatten() {
            let cause = format!("{refused:?}");
            assert!(!page.starts_with("code") || !has_code(&cause), "{cause}");
            assert!(matches!(refused.status().as_u16(), 400 | 422), "{cause}");
            let answer = runtime().block_on(refused.into_response().into_body().collect());
            let said: Value = serde_json::from_slice(&answer.expect("in memory").to_bytes()).expect("JSON");
            assert_eq!(said["detail"], "The request can't be read.", "{page}");
        }
    }
    let jobs = |query: &str| runtime().block_on(site::fuzzing::jobs(query));
    if let Some(again) = std::str::from_utf8(bytes).ok().and_then(jobs) {
        assert_eq!(jobs(again.trim_start_matches('?')), Some(again));
    }
}

/// Whether there is something in a text that could be a code or a token.
fn has_code(text: &str) -> bool {
    text.as_bytes().windows(6).any(|run| run.iter().all(u8::is_ascii_digit))
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
