//! Cue text (§6.4): known tags are kept and closed, everything else becomes characters.

/// Bytes of a normalised text, its closing tags apart.
const MAX_TEXT: usize = 4096;

/// Tags that are open at the same time.
const MAX_DEPTH: usize = 8;

/// Bytes of a voice's or a language's name.
const MAX_ANNOTATION: usize = 120;

/// Longest reference that is understood, without `&` and `;`.
const MAX_REFERENCE: usize = 8;

/// The text in its one form, without empty lines.
pub(super) fn normalise(text: &str) -> String {
    let mut out = Output { text: String::new(), open: Vec::new(), new_line: false, seen: false };
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if out.text.len() >= MAX_TEXT {
            break;
        }
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '<' => tag(&mut out, after),
            '&' => reference(&mut out, after),
            _ => {
                out.character(c);
                after
            }
        };
    }
    while out.open.last().is_some() {
        out.close();
    }
    if out.seen { out.text } else { String::new() }
}

struct Output {
    text: String,
    open: Vec<&'static str>,
    /// A line ended; the next one begins with what comes next. So none is empty, which would end the cue.
    new_line: bool,
    /// Whether there is anything but white space.
    seen: bool,
}

impl Output {
    fn character(&mut self, c: char) {
        if matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}') {
            self.new_line = !self.text.is_empty();
            return;
        }
        if c.is_control() && c != '\t' {
            return;
        }
        self.begin_line();
        match c {
            '&' => self.text.push_str("&amp;"),
            '<' => self.text.push_str("&lt;"),
            '>' => self.text.push_str("&gt;"),
            '\u{a0}' => self.text.push_str("&nbsp;"),
            '\u{200e}' => self.text.push_str("&lrm;"),
            '\u{200f}' => self.text.push_str("&rlm;"),
            '\t' => self.text.push(' '),
            c => self.text.push(c),
        }
        self.seen |= !c.is_whitespace() && !matches!(c, '\u{200e}' | '\u{200f}');
    }

    fn begin_line(&mut self) {
        if std::mem::take(&mut self.new_line) {
            self.text.push('\n');
        }
    }

    fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.text.push_str("</");
            self.text.push_str(name);
            self.text.push('>');
        }
    }
}

/// Reads behind a `<`; gives what follows the tag.
fn tag<'a>(out: &mut Output, after: &'a str) -> &'a str {
    // A tag that is never closed is text.
    let Some(end) = after.find('>') else {
        out.character('<');
        return after;
    };
    let (tag, rest) = (&after[..end], &after[end + 1..]);
    if let Some(name) = tag.strip_prefix('/') {
        let known = out.open.iter().rposition(|open| *open == name.trim());
        if let Some(depth) = known {
            while out.open.len() > depth {
                out.close();
            }
        }
        return rest;
    }
    let (head, annotation) = tag.split_once([' ', '\t', '\n', '\r', '\u{c}']).unwrap_or((tag, ""));
    let mut classes = head.split('.');
    let name = match classes.next() {
        Some("b") => "b",
        Some("c") => "c",
        Some("i") => "i",
        Some("lang") => "lang",
        Some("rt") => "rt",
        Some("ruby") => "ruby",
        Some("u") => "u",
        Some("v") => "v",
        _ => return rest,
    };
    if out.open.len() == MAX_DEPTH {
        return rest;
    }
    out.begin_line();
    out.text.push('<');
    out.text.push_str(name);
    if name == "c" {
        let plain = |class: &&str| {
            (1..=32).contains(&class.len())
                && class.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
                && !class.ends_with('-')
        };
        for class in classes.filter(plain).take(4) {
            out.text.push('.');
            out.text.push_str(class);
        }
    }
    if matches!(name, "v" | "lang") {
        annotate(&mut out.text, annotation);
    }
    // No tag may look like the arrow between times.
    while out.text.ends_with(['-', ' ']) {
        out.text.pop();
    }
    out.text.push('>');
    out.open.push(name);
    rest
}

/// Appends a voice's or a language's name, one space between words.
fn annotate(text: &mut String, annotation: &str) {
    let start = text.len();
    let unescaped = annotation.replace("&lt;", "<").replace("&amp;", "&");
    let words = unescaped.split(|c: char| c.is_whitespace() || c.is_control());
    for word in words.filter(|word| !word.is_empty()) {
        if text.len() - start + word.len() > MAX_ANNOTATION {
            break;
        }
        text.push(' ');
        text.push_str(&word.replace('&', "&amp;").replace('<', "&lt;"));
    }
}

/// Reads behind a `&`; gives what follows the reference.
fn reference<'a>(out: &mut Output, after: &'a str) -> &'a str {
    let found = after.bytes().take(MAX_REFERENCE + 1).position(|b| b == b';');
    let known = found.and_then(|end| character(&after[..end]).map(|c| (c, &after[end + 1..])));
    let (c, rest) = known.unwrap_or(('&', after));
    out.character(c);
    rest
}

fn character(name: &str) -> Option<char> {
    let digits = |text: &str, radix| u32::from_str_radix(text, radix).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        "lrm" => Some('\u{200e}'),
        "rlm" => Some('\u{200f}'),
        _ => match name.strip_prefix('#')?.strip_prefix(['x', 'X']) {
            Some(hex) => digits(hex, 16),
            None => digits(&name[1..], 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_tags_are_kept_and_closed() {
        for (text, expected) in [
            ("Hi", "Hi"),
            ("<i>a<b>b</i>c", "<i>a<b>b</b></i>c"),
            ("</i><font color=red>a</font><00:01.000>b", "ab"),
            ("<v.loud  Ann  Other>a", "<v Ann Other>a</v>"),
            ("<v R&D>a</v>", "<v R&amp;D>a</v>"),
            ("<c.yellow.bg_blue.a\"b>a</c>", "<c.yellow.bg_blue>a</c>"),
            ("<ruby>a<rt>b</rt></ruby><lang en-GB>c</lang>", "<ruby>a<rt>b</rt></ruby><lang en-GB>c</lang>"),
            ("1 < 2 & 3 &amp; 4 &lt;b&gt; &#65;&#x42;", "1 &lt; 2 &amp; 3 &amp; 4 &lt;b&gt; AB"),
            ("a\n\n\nb\r\n", "a\nb"),
            ("a\0b\u{7}", "ab"),
            ("<v -a-->b-->c", "<v -a>b--&gt;c</v>"),
            ("<c.->a</c><c.b.c->d</c>", "<c>a</c><c.b>d</c>"),
            ("<b>  \n</b>&nbsp;", ""),
            ("<script>alert(1)</script>", "alert(1)"),
        ] {
            assert_eq!(normalise(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn normal_text_stays_as_it_is(text in "(\\PC|[<>&/\n\r\0]|<(/)?[bciv][. ]?[a-z&;]{0,3}>|&(amp|#1[0-9]|nbsp|lrm);){0,60}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }
    }

    #[test]
    fn long_text_is_cut() {
        for text in ["<i>", "a", "&", "<v -->", "\n<b>a"] {
            assert!(normalise(&text.repeat(9000)).len() < MAX_TEXT + 200, "{text}");
        }
    }
}
