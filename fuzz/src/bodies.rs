//! What pages and programs send to the site.

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
