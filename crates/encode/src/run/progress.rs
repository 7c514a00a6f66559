//! ffmpeg's `-progress` report: blocks of `key=value` lines that end with a `progress` line.

use std::convert::Infallible;

use super::lines::Lines;

/// One report.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// Frames written to the (first) video output.
    pub frame: u64,
    /// Presentation time reached in microseconds; `None` before the first packet.
    pub out_time_us: Option<i64>,
    /// Bytes written.
    pub bytes: u64,
    /// How many seconds of the film a second of work makes; `None` before that is known.
    pub speed: Option<f64>,
    /// Whether this is the last report.
    pub end: bool,
}

/// Splits ffmpeg's output into reports; holds at most one line.
#[derive(Debug, Default)]
pub(super) struct Parser {
    lines: Lines,
    now: Progress,
}

impl Parser {
    /// Takes the next bytes and calls `each` for every report that they complete.
    pub(super) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Progress)) {
        let Self { lines, now } = self;
        let Ok(()) = lines.feed(bytes, |line| {
            if let Some(end) = now.take(&String::from_utf8_lossy(line)) {
                each(Progress { end, ..*now });
            }
            Ok::<(), Infallible>(())
        });
    }
}

impl Progress {
    /// Whether this line completes a report, and if so, whether the last one.
    fn take(&mut self, line: &str) -> Option<bool> {
        let (key, value) = line.split_once('=')?;
        let value = value.trim();
        match key {
            "frame" => self.frame = value.parse().unwrap_or(self.frame),
            "out_time_us" => self.out_time_us = value.parse().ok(),
            "total_size" => self.bytes = value.parse().unwrap_or(self.bytes),
            "speed" => self.speed = value.trim_end_matches('x').trim().parse().ok(),
            "progress" => return Some(value == "end"),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_survive_any_split() {
        let text = "frame=12\nfps=0.0\ntotal_size=48\nout_time_us=500000\nspeed=1.5x\nprogress=continue\n\
                    frame=24\ntotal_size=N/A\nout_time_us=-9\nspeed=N/A\nprogress=end\n";
        let expected = [
            Progress { frame: 12, out_time_us: Some(500_000), bytes: 48, speed: Some(1.5), end: false },
            Progress { frame: 24, out_time_us: Some(-9), bytes: 48, speed: None, end: true },
        ];
        for size in 1..text.len() {
            let (mut parser, mut seen) = (Parser::default(), vec![]);
            text.as_bytes().chunks(size).for_each(|part| parser.feed(part, |report| seen.push(report)));
            assert_eq!(seen, expected, "split every {size} bytes");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let mut parser = Parser::default();
            parser.feed(&bytes, |_| ());
        }
    }
}
