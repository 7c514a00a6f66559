//! Foreign text (errors, words of tools) made fit for a column and for a line of a page.

/// Most characters of a reason.
pub const REASON_CHARS: usize = 1000;

/// Cuts to `most` characters, of which the last is `…` then, and replaces NUL, which PostgreSQL refuses, and other control
/// characters.
pub fn bounded(text: &str, most: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = clean.trim();
    match clean.char_indices().nth(most) {
        None => clean.to_owned(),
        Some(_) => clean.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A reason: one line, bounded and never empty.
pub fn reason(text: &str) -> String {
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
        assert_eq!(reason(" \n\0"), "no reason was given");
    }
}
