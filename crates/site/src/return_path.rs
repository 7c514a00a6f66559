//! The path that signing in leads back to.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The address of the sign-in page that leads back to `path`.
pub(crate) fn sign_in_address(path: &str) -> String {
    if path == "/" {
        "/signin".into()
    } else {
        format!("/signin?next={}", utf8_percent_encode(path, NON_ALPHANUMERIC))
    }
}

/// A path of our own, or home: a sign-in page must not lead people elsewhere.
pub(crate) fn own(next: &str) -> &str {
    let inside = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= 1000
        && !next.contains(|c: char| c.is_control() || c == '\\');
    if inside { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_our_own_pages_only() {
        for good in ["/", "/watch/0?t=5", "/jobs"] {
            assert_eq!(own(good), good);
        }
        for bad in
            ["", "//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "javascript:alert(1)"]
        {
            assert_eq!(own(bad), "/");
        }
        assert_eq!(sign_in_address("/watch/a?b"), "/signin?next=%2Fwatch%2Fa%3Fb");
    }
}
