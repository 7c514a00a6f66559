//! Words with the few styles that captions may have, on their way to WebVTT.

use std::mem;

/// Bold, italic and underlined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) bold: bool,
    pub(super) italic: bool,
    pub(super) underlined: bool,
}

/// Collects characters and their styles as cue text of WebVTT (§6.4), all tags closed.
#[derive(Debug, Default)]
pub(super) struct Words {
    text: String,
    /// The style that is open in the text.
    written: Style,
    /// The style of the next character.
    pub(super) style: Style,
}

impl Words {
    /// Adds a character that is to be seen as it is.
    pub(super) fn push(&mut self, c: char) {
        if self.style != self.written {
            self.close();
            for (on, tag) in
                [(self.style.bold, "<b>"), (self.style.italic, "<i>"), (self.style.underlined, "<u>")]
            {
                self.text.push_str(if on { tag } else { "" });
            }
            self.written = self.style;
        }
        match c {
            '&' => self.text.push_str("&amp;"),
            '<' => self.text.push_str("&lt;"),
            '>' => self.text.push_str("&gt;"),
            c => self.text.push(c),
        }
    }

    /// Adds a space, but none to another.
    pub(super) fn space(&mut self) {
        if !self.text.ends_with([' ', '\n']) {
            self.push(' ');
        }
    }

    /// Adds a line break.
    pub(super) fn line(&mut self) {
        let length = self.text.trim_end_matches(' ').len();
        self.text.truncate(length);
        self.push('\n');
    }

    fn close(&mut self) {
        let Style { bold, italic, underlined } = mem::take(&mut self.written);
        for (on, tag) in [(underlined, "</u>"), (italic, "</i>"), (bold, "</b>")] {
            self.text.push_str(if on { tag } else { "" });
        }
    }

    /// All of it.
    pub(super) fn finish(mut self) -> String {
        self.close();
        self.text
    }
}

/// The text of a cue and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Cue settings of WebVTT (§4.4), perhaps none.
    pub(super) settings: &'static str,
    /// Cue text of WebVTT.
    pub(super) text: String,
}

/// Where a text stands whose alignment is a key of the numeric block: 7 to 9 are above.
pub(super) fn settings(alignment: u8) -> &'static str {
    match alignment {
        7..=9 => "line:0",
        _ => "",
    }
}
