//! Advanced SubStation Alpha: lines of dialogue with override tags.
//!
//! Words stay, and bold, italic, underlined and above the picture; positions, colours, moves, karaoke and drawn shapes do
//! not. Source: the script format as Aegisub documents it; the packets are those of Matroska (`S_TEXT/ASS`).

use super::words::{Said, Words, settings};

/// Reads a line in Matroska's form (`order,layer,style,name,left,right,up,effect,text`), or as it stands in a script.
pub(super) fn read(line: &str) -> Said {
    let line = line.trim_end_matches(|c: char| c.is_whitespace() || c == '\0');
    let (fields, commas) = match line.split_once(':') {
        Some(("Dialogue", fields)) => (fields, 9),
        Some(("Comment", _)) => return Said::default(),
        _ => (line, 8),
    };
    let text = fields.splitn(commas + 1, ',').nth(commas);
    // Whatever has fewer fields is nothing but words.
    styled(text.unwrap_or(line))
}

/// Reads text with override tags in braces, and `\N`, `\n` and `\h`.
pub(super) fn styled(text: &str) -> Said {
    let mut styled = Styled::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '{' => match styled.block(after) {
                Some(after) => after,
                None => styled.push(c, after),
            },
            '\\' => styled.escape(after),
            _ => styled.push(c, after),
        };
    }
    styled.finish()
}

/// Text whose override tags are being read.
#[derive(Default)]
pub(super) struct Styled {
    pub(super) words: Words,
    /// Whether what comes next are the points of a shape.
    drawing: bool,
    alignment: u8,
}

impl Styled {
    fn push<'a>(&mut self, c: char, after: &'a str) -> &'a str {
        if !self.drawing {
            self.words.push(c);
        }
        after
    }

    /// Reads behind a `\`; gives what follows.
    pub(super) fn escape<'a>(&mut self, after: &'a str) -> &'a str {
        let rest = after.get(1..).unwrap_or_default();
        match after.as_bytes().first() {
            Some(b'N') if !self.drawing => self.words.line(),
            Some(b'n' | b'h') if !self.drawing => self.words.space(),
            Some(b'N' | b'n' | b'h') => {}
            _ => return self.push('\\', after),
        }
        rest
    }

    /// Reads behind a `{`; gives what follows the block, `None` where it never ends.
    pub(super) fn block<'a>(&mut self, after: &'a str) -> Option<&'a str> {
        let (block, rest) = after.split_once('}')?;
        // Text that is not behind a `\` is a comment.
        for tag in block.split('\\').skip(1) {
            self.tag(tag.trim());
        }
        Some(rest)
    }

    fn tag(&mut self, tag: &str) {
        let name = tag.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
        let number = tag[name.len()..].parse::<i32>().ok();
        let on = number.is_some_and(|number| number != 0);
        let style = &mut self.words.style;
        match name {
            "p" => self.drawing = on,
            "b" => style.bold = on,
            "i" => style.italic = on,
            "u" => style.underlined = on,
            "an" => self.alignment = number.and_then(|n| u8::try_from(n).ok()).unwrap_or(0),
            // Of the first version of the format: 5 to 7 are above.
            "a" => self.alignment = if matches!(number, Some(5..=7)) { 8 } else { 2 },
            _ if name.starts_with('r') => *style = Default::default(),
            _ => {}
        }
    }

    /// All of it.
    pub(super) fn finish(self) -> Said {
        Said { settings: settings(self.alignment), text: self.words.finish() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, settings: &str, text: &str) {
        let found = read(line);
        assert_eq!((found.settings, found.text.as_str()), (settings, text), "{line}");
    }

    #[test]
    fn styled_lines_become_plain_words() {
        check(r"0,0,Default,,0,0,0,,Good\hmorning,\Nmy\hfriend", "", "Good morning,\nmy friend");
        check(r"1,0,Default,,0,0,0,,{\p1}m 0 0 l 100 0 100 50 0 50{\p0}", "", "");
        check(r"1,0,Default,,0,0,0,,{\p1\pos(3,4)}m 0 0 l 1 0{\p0}{\pbo4}Sign", "", "Sign");
        check(r"2,0,Default,,0,0,0,,{\an8\fad(200,200)}STATION", "line:0", "STATION");
        check(r"3,0,Default,,0,0,0,,{\k20}sing {\k30}a {\kf40}song", "", "sing a song");
        check(
            r"4,1,Default,,0,0,0,,{\pos(20,20)\i1}slanted{\i0} & <plain>",
            "",
            "<i>slanted</i> &amp; &lt;plain&gt;",
        );
        check(
            r"5,0,Default,,0,0,0,,{\b700\i1}both{\i0} bold{\r} none",
            "",
            "<b><i>both</i></b><b> bold</b> none",
        );
        check(r"6,0,Default,Ann,0,0,0,,one, two, three", "", "one, two, three");
        check(r"7,0,Default,,0,0,0,Karaoke,&amp; stays", "", "&amp;amp; stays");
        check(r"8,0,Default,,0,0,0,,{a comment}{\a6}old", "line:0", "old");
        check(r"Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,As in a file", "", "As in a file");
        check(r"Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,not to be seen", "", "");
        check("only words", "", "only words");
        check(r"9,0,Default,,0,0,0,,never {closed \x", "", r"never {closed \x");
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in r"(\PC|[{}\\,]|\\(p|an|i|b|N|h)[0-9]{0,3}){0,60}") {
            let _ = read(&line);
        }
    }
}
