//! Which paths are read by everyone in the same way.

/// Whether a raw request path (no query) has one meaning only: it begins with `/`, has no `.` or `..` segment in any
/// spelling, and neither a backslash nor an encoded slash, backslash or NUL. Wildcards and prefixes of signatures cover other paths never.
///
/// ```
/// assert!(sign::path::is_plain("/out/v1/a//b.m4s"));
/// assert!(!sign::path::is_plain("/out/v1/a/%2e./b.m4s"));
/// ```
pub fn is_plain(path: &str) -> bool {
    if !path.starts_with('/') {
        return false;
    }
    // Nearly every path has none of these bytes; only then is it looked at segment by segment.
    let bytes = path.as_bytes();
    if bytes.contains(&b'\\') || bytes.contains(&0) {
        return false;
    }
    let escaped = bytes.contains(&b'%');
    if escaped && hidden_separator(bytes) {
        return false;
    }
    if !escaped && !path.contains("/.") {
        return true;
    }
    path.split('/').all(|segment| !is_dots(segment))
}

fn hidden_separator(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|w| {
        w[0] == b'%'
            && matches!((w[1], w[2].to_ascii_lowercase()), (b'2', b'f') | (b'5', b'c') | (b'0', b'0'))
    })
}

fn is_dots(segment: &str) -> bool {
    let mut rest = segment.as_bytes();
    let mut dots = 0;
    loop {
        rest = match rest {
            [] => return dots == 1 || dots == 2,
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return false,
        };
        dots += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_two_readings_are_not_plain() {
        for good in
            ["/", "/a/b", "/a//b", "/a.b/.c", "/...", "/a/%20", "/.well-known/x", "/a%2", "/%2e%2e%2e"]
        {
            assert!(is_plain(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "/..",
            "/a/../b",
            "/./a",
            "/a/.",
            "/%2e",
            "/a/%2E./b",
            "/a/.%2e/",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/\0",
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
