//! Foreign text (errors, log lines) made fit for a column.

/// Most characters of a reason or message.
pub(crate) const REASON_CHARS: usize = 1000;
/// Most characters of a log line.
pub(crate) const LINE_CHARS: usize = 1000;

/// Cuts to `most` characters and replaces NUL, which PostgreSQL refuses, and other control characters.
pub(crate) fn bounded(text: &str, most: usize) -> String {
    let clean = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut kept: String = clean.clone().take(most).collect();
    if clean.count() > most {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// A reason: bounded and never empty.
pub(crate) fn reason(text: &str) -> String {
    let text = bounded(text, REASON_CHARS);
    if text.is_empty() { "no reason was given".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_bounded_and_printable() {
        assert_eq!(bounded(" a\0b\nc ", 10), "a b c");
        assert_eq!(bounded("ééééé", 3), "éé…");
        assert_eq!(reason(" \n"), "no reason was given");
    }
}
