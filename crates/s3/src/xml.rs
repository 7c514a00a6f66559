//! Characters that XML 1.0 can represent (§2.2): keys may have others.

/// Whether a text can stand in a document, escaped where need be.
pub(crate) fn carries(text: &str) -> bool {
    text.chars().all(is_allowed)
}

fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// A document that is well-formed and says the same, but for characters that none can say: they become U+FFFD. `None` if
/// nothing has to change.
pub(crate) fn mended(document: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(document).ok()?;
    // A parser reads a bare carriage return as a line feed (§2.11).
    let fine = |c: char| is_allowed(c) && c != '\r';
    if text.chars().all(fine) {
        return None;
    }
    let mut mended = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\r' => mended.push_str("&#13;"),
            c if is_allowed(c) => mended.push(c),
            _ => mended.push(char::REPLACEMENT_CHARACTER),
        }
    }
    Some(mended.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_xml_knows_are_carried() {
        for good in ["", "a b", "tab\t", "line\n", "return\r", "ü🎬\u{e000}\u{fffd}", "\u{7f}\u{85}"] {
            assert!(carries(good), "{good:?}");
        }
        for bad in ["\u{1}", "a\u{0}", "\u{b}", "\u{1f}", "\u{fffe}", "a\u{ffff}b"] {
            assert!(!carries(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_document_changes_only_where_it_must() {
        let mended = |text: &str| mended(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(mended("<Key>a\tb\nü</Key>"), None);
        assert_eq!(mended("<Key>a\u{1}\rb\u{fffe}</Key>").unwrap(), "<Key>a\u{fffd}&#13;b\u{fffd}</Key>");
        assert_eq!(super::mended(b"\xff\x01"), None);
    }
}
