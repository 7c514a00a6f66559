//! One caption channel: control codes, two memories of 15 rows of 32 characters, and what was shown when
//! (47 CFR 15.119, CEA-608 §C).

use package::webvtt::Cue;

use super::characters;

const ROWS: usize = 15;
const COLUMNS: usize = 32;

/// A text that grows after a rest of that many ms is another caption.
const REST_MS: i64 = 1000;

/// A caption that is never taken away is shown for that many ms.
const MAX_DURATION_MS: i64 = 20_000;

/// Captions of a channel that are kept at most.
const MAX_CUES: usize = package::webvtt::MAX_CUES;

/// Decodes the pairs of one field for one of its two channels.
#[derive(Debug)]
pub(super) struct Channel {
    /// Whether it is the second of its field.
    second: bool,
    /// Whether what comes now is for it.
    addressed: bool,
    /// The last control code, which is sent twice.
    last: Option<[u8; 2]>,
    mode: Mode,
    shown: Screen,
    hidden: Screen,
    row: usize,
    column: usize,
    style: Style,
    /// Start of the current caption, in ms.
    since: Option<i64>,
    /// When something was last written on what is shown.
    written: i64,
    brings_text: bool,
    cues: Vec<Cue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing was said yet, or it is text mode, which is not captions.
    Off,
    PopOn,
    /// With so many rows.
    RollUp(usize),
    PaintOn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Style {
    italic: bool,
    underline: bool,
}

type Row = [Option<(char, Style)>; COLUMNS];

#[derive(Debug, Clone)]
struct Screen([Row; ROWS]);

impl Channel {
    /// A channel that has shown nothing; `second`: the second of its field.
    pub(super) fn new(second: bool) -> Self {
        Self {
            second,
            addressed: false,
            last: None,
            mode: Mode::Off,
            shown: Screen::empty(),
            hidden: Screen::empty(),
            row: ROWS - 1,
            column: 0,
            style: Style::default(),
            since: None,
            written: 0,
            brings_text: false,
            cues: vec![],
        }
    }

    /// Whether any caption was written.
    pub(super) fn brings_text(&self) -> bool {
        self.brings_text
    }

    /// Everything that was shown, in order.
    pub(super) fn into_cues(mut self) -> Vec<Cue> {
        self.cut(i64::MAX);
        self.cues
    }

    /// Takes the next pair, at `now` ms.
    pub(super) fn take(&mut self, now: i64, pair: [u8; 2]) {
        let [first, second] = pair;
        match first {
            // Data about the programme, in the second field only: it ends with 0x0f or with captions.
            0x01..=0x0f => self.addressed = false,
            0x10..=0x1f => {
                if self.last.take() == Some(pair) {
                    return;
                }
                self.last = Some(pair);
                self.addressed = (first & 0x08 != 0) == self.second;
                if self.addressed && second >= 0x20 {
                    self.control(now, first & 0x17, second);
                }
                return;
            }
            0x20.. if self.addressed => {
                self.write(now, characters::basic(first));
                if second >= 0x20 {
                    self.write(now, characters::basic(second));
                }
            }
            _ => {}
        }
        self.last = None;
    }

    fn control(&mut self, now: i64, first: u8, second: u8) {
        match (first, second) {
            (0x10..=0x17, 0x40..) => self.place(now, first, second),
            (0x11, 0x20..=0x2f) => {
                self.write(now, ' ');
                self.style = style(second);
            }
            (0x11, 0x30..=0x3f) => self.write(now, characters::special(second)),
            (0x12 | 0x13, 0x20..=0x3f) => {
                // Behind a plain letter that stands in for it on old receivers.
                self.back();
                self.write(now, characters::extended(first, second));
            }
            (0x14 | 0x15, 0x20..=0x2f) => self.command(now, second),
            (0x17, 0x21..=0x23) => {
                self.column = (self.column + usize::from(second & 3)).min(COLUMNS - 1);
            }
            _ => {}
        }
    }

    /// Preamble address code: where and how the next characters are written.
    fn place(&mut self, now: i64, first: u8, second: u8) {
        const PLACES: [usize; 8] = [11, 1, 3, 12, 14, 5, 7, 9];
        let lower = usize::from(second & 0x20 != 0 && first != 0x10);
        let row = PLACES[usize::from(first & 7)] + lower - 1;
        if let Mode::RollUp(rows) = self.mode
            && row != self.row
        {
            self.cut(now);
            self.shown.moved(self.row, row, rows);
        }
        self.row = row;
        let indented = second & 0x10 != 0;
        self.column = if indented { usize::from(second & 0x0e) * 2 } else { 0 };
        self.style = if indented { Style { italic: false, ..style(second) } } else { style(second) };
    }

    fn command(&mut self, now: i64, code: u8) {
        match code {
            0x20 => self.mode = Mode::PopOn,
            0x21 => self.back(),
            0x24 => {
                let (row, column) = (self.row, self.column);
                if let Some(memory) = self.memory(now) {
                    memory.0[row][column..].fill(None);
                }
            }
            0x25..=0x27 => {
                if !matches!(self.mode, Mode::RollUp(_)) {
                    self.cut(now);
                    (self.shown, self.hidden) = (Screen::empty(), Screen::empty());
                    self.since = None;
                    (self.row, self.column) = (ROWS - 1, 0);
                }
                self.mode = Mode::RollUp(usize::from(code - 0x23));
            }
            0x29 => self.mode = Mode::PaintOn,
            0x2a | 0x2b => self.mode = Mode::Off,
            0x2c => {
                self.cut(now);
                self.shown = Screen::empty();
                self.since = None;
            }
            0x2d => {
                if let Mode::RollUp(rows) = self.mode {
                    self.cut(now);
                    self.shown.rolled(self.row, rows);
                    self.column = 0;
                    self.style = Style::default();
                }
            }
            0x2e => self.hidden = Screen::empty(),
            0x2f => {
                self.cut(now);
                self.mode = Mode::PopOn;
                std::mem::swap(&mut self.shown, &mut self.hidden);
                self.since = Some(now);
                self.style = Style::default();
            }
            _ => {}
        }
    }

    fn write(&mut self, now: i64, character: char) {
        let (row, column, style) = (self.row, self.column, self.style);
        let Some(memory) = self.memory(now) else { return };
        memory.0[row][column] = Some((character, style));
        self.column = (column + 1).min(COLUMNS - 1);
        self.brings_text |= character != ' ';
    }

    fn back(&mut self) {
        self.column = self.column.saturating_sub(1);
        let (row, column) = (self.row, self.column);
        match self.mode {
            Mode::Off => {}
            Mode::PopOn => self.hidden.0[row][column] = None,
            Mode::RollUp(_) | Mode::PaintOn => self.shown.0[row][column] = None,
        }
    }

    /// The memory being written; if it is shown, it changes now.
    fn memory(&mut self, now: i64) -> Option<&mut Screen> {
        match self.mode {
            Mode::Off => None,
            Mode::PopOn => Some(&mut self.hidden),
            Mode::RollUp(_) | Mode::PaintOn => {
                if self.since.is_some() && now - self.written > REST_MS && self.written > 0 {
                    self.cut(now);
                }
                self.since.get_or_insert(now);
                self.written = now;
                Some(&mut self.shown)
            }
        }
    }

    /// Ends the caption shown until now; the rest becomes another one.
    fn cut(&mut self, now: i64) {
        let Some(since) = self.since.replace(now) else { return };
        let until = now.min(since.saturating_add(MAX_DURATION_MS));
        let times = u64::try_from(since.max(0)).ok().zip(u64::try_from(until).ok());
        let Some((from, until)) = times.filter(|_| self.cues.len() < MAX_CUES) else { return };
        let top = self.shown.0[ROWS / 2..].iter().all(|row| row.iter().all(Option::is_none));
        let settings = if top { "line:0" } else { "" };
        self.cues.extend(Cue::new(from, until, settings, &self.shown.text()));
    }
}

/// The style in the low bits of a code: seven of the eight are colours, which captions do without.
fn style(code: u8) -> Style {
    Style { italic: code & 0x0e == 0x0e, underline: code & 1 != 0 }
}

impl Screen {
    fn empty() -> Self {
        Self([[None; COLUMNS]; ROWS])
    }

    /// Moves the window of `rows` rows that ends at `base` up by one; rows above it are gone.
    fn rolled(&mut self, base: usize, rows: usize) {
        let top = (base + 1).saturating_sub(rows);
        self.0[..top].fill([None; COLUMNS]);
        self.0.copy_within(top + 1..base + 1, top);
        self.0[base] = [None; COLUMNS];
    }

    /// Moves the window of `rows` rows that ends at `from` so that it ends at `to`.
    fn moved(&mut self, from: usize, to: usize, rows: usize) {
        let mut moved = Self::empty();
        for up in 0..rows {
            if let (Some(from), Some(to)) = (from.checked_sub(up), to.checked_sub(up)) {
                moved.0[to] = self.0[from];
            }
        }
        *self = moved;
    }

    /// Rows from top to bottom, as text of a WebVTT cue.
    fn text(&self) -> String {
        let mut text = String::new();
        for row in &self.0 {
            let line = line(row);
            if line.is_empty() {
                continue;
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&line);
        }
        text
    }
}

fn line(row: &Row) -> String {
    let is_blank = |cell: &Option<(char, Style)>| cell.is_none_or(|(character, _)| character == ' ');
    let Some(first) = row.iter().position(|cell| !is_blank(cell)) else { return String::new() };
    let last = row.iter().rposition(|cell| !is_blank(cell)).unwrap_or(first);
    let (mut text, mut now) = (String::new(), Style::default());
    for cell in &row[first..=last] {
        let (character, style) = cell.unwrap_or((' ', now));
        if style != now {
            text.push_str(closing(now));
            text.push_str(opening(style));
            now = style;
        }
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            _ => text.push(character),
        }
    }
    text.push_str(closing(now));
    text
}

fn opening(style: Style) -> &'static str {
    match (style.italic, style.underline) {
        (false, false) => "",
        (true, false) => "<i>",
        (false, true) => "<u>",
        (true, true) => "<i><u>",
    }
}

fn closing(style: Style) -> &'static str {
    match (style.italic, style.underline) {
        (false, false) => "",
        (true, false) => "</i>",
        (false, true) => "</u>",
        (true, true) => "</u></i>",
    }
}
