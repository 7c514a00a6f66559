//! The last lines of a tool's log.

use std::collections::VecDeque;

/// Keeps the last lines within fixed bounds; control characters become spaces.
#[derive(Debug, Default)]
pub(super) struct Tail {
    lines: VecDeque<String>,
    line: Vec<u8>,
    complaints: u32,
    no_room: bool,
}

/// Output of a tool.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Said {
    /// The last lines, oldest first: warnings, where all went well.
    pub lines: Vec<String>,
    /// Lines about something that it could not read or write, also of those that were not kept.
    pub complaints: u32,
    /// Whether one of these is about a disk that is full.
    pub(super) no_room: bool,
}

/// Lines that are kept.
const LINES: usize = 40;
/// Bytes of a line that are kept.
const LINE: usize = 400;
/// Messages of C libraries for `ENOSPC` and `EDQUOT`; glibc and musl differ in the second.
const NO_ROOM: [&str; 3] = ["No space left on device", "Disk quota exceeded", "Quota exceeded"];

impl Tail {
    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => self.end_line(),
                _ if self.line.len() < LINE => self.line.push(*byte),
                _ => {}
            }
        }
    }

    /// All of it.
    pub(super) fn into_said(mut self) -> Said {
        self.end_line();
        Said { lines: self.lines.into(), complaints: self.complaints, no_room: self.no_room }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line).replace(|c: char| c.is_control(), " ");
        if text.trim().is_empty() {
            return;
        }
        if text.contains("[error]") || text.contains("[fatal]") {
            self.complaints = self.complaints.saturating_add(1);
            self.no_room |= NO_ROOM.iter().any(|words| text.contains(words));
        }
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(text.trim_end().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_stay() {
        let mut tail = Tail::default();
        for n in 0..100 {
            tail.feed(format!("line {n}\r\n").as_bytes());
        }
        tail.feed(b"\x1b[31mred\xff\n");
        tail.feed(&[b'x'; 5000]);
        let lines = tail.into_said().lines;
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0], "line 62");
        assert_eq!(lines[38], " [31mred\u{fffd}");
        assert_eq!(lines[39].len(), LINE);
    }

    #[test]
    fn a_complaint_is_not_pushed_out_by_what_follows() {
        let mut tail = Tail::default();
        tail.feed(b"[h264 @ 0x55] [error] error while decoding MB 3 4\n");
        for n in 0..50 {
            tail.feed(format!("[mp4 @ 0x56] [warning] packet {n} has no time\n").as_bytes());
        }
        let said = tail.into_said();
        assert_eq!((said.lines.len(), said.complaints), (LINES, 1));
    }

    #[test]
    fn a_full_disk_is_heard_of() {
        let check = |line: &str, expected: bool| {
            let mut tail = Tail::default();
            tail.feed(line.as_bytes());
            for _ in 0..50 {
                tail.feed(b"\n[warning] and so on");
            }
            assert_eq!(tail.into_said().no_room, expected, "{line}");
        };
        check("[error] av_interleaved_write_frame(): No space left on device", true);
        check("[out#0/mp4 @ 0x5] [error] Error writing trailer: Disk quota exceeded", true);
        check("[fatal] Could not open file : No space left on device", true);
        check("[info] title: No space left on device", false);
        check("[error] av_interleaved_write_frame(): Input/output error", false);
    }
}
