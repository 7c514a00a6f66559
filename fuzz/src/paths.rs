//! Paths, and the patterns that cover them.

use percent_encoding::percent_decode_str;
use sign::pattern;

use crate::input::lines;

/// A path: plain if, and only if, decoding it gives one reading.
pub(crate) fn path(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let slashes = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'/').count();
    let plain = path.starts_with('/')
        && slashes(path.as_bytes()) == slashes(&decoded)
        && !decoded.iter().any(|b| matches!(b, b'\\' | 0))
        && !decoded.split(|b| *b == b'/').any(|segment| matches!(segment, b"." | b".."));
    assert_eq!(sign::path::is_plain(path), plain, "{path:?}");
}

/// A wildcard pattern and a path: as its definition says.
pub(crate) fn pattern(bytes: &[u8]) {
    let Some([pattern, text]) = lines::<2>(bytes) else { return };
    assert_eq!(
        pattern::matches(pattern, text),
        defined(pattern.as_bytes(), text.as_bytes()),
        "{pattern:?} {text:?}"
    );
    let url = format!("https://h{text}");
    if let (true, Some(rest)) = (text.starts_with('/') && !text.contains('?'), url.strip_prefix("https://h"))
    {
        let whole = format!("https://h{pattern}");
        if pattern.starts_with('/') {
            assert_eq!(
                pattern::covers(&whole, "https", "h", rest),
                defined(pattern.as_bytes(), rest.as_bytes())
            );
        }
    }
}

/// The definition: `*` is any run of bytes, `?` one byte, `\?` a question mark.
fn defined(pattern: &[u8], text: &[u8]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut rest = pattern;
    while let Some((first, after)) = rest.split_first() {
        let mut next = vec![false; text.len() + 1];
        let (wanted, after) = match (first, after) {
            (b'*', _) => {
                let from = reached.iter().position(|here| *here).unwrap_or(next.len());
                next[from..].fill(true);
                (reached, rest) = (next, after);
                continue;
            }
            (b'?', _) => (None, after),
            (b'\\', [b'?', after @ ..]) => (Some(b'?'), after),
            (byte, _) => (Some(*byte), after),
        };
        for at in 0..text.len() {
            next[at + 1] = reached[at] && wanted.is_none_or(|byte| byte == text[at]);
        }
        (reached, rest) = (next, after);
    }
    reached[text.len()]
}
