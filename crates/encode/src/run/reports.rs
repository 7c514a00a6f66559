//! All readers of what a tool writes while it runs, side by side.

use super::log::Tail;
use super::progress::Parser;

/// A parsed report.
#[derive(Debug, PartialEq)]
pub struct Reports {
    /// Reports of progress.
    pub progress: usize,
    /// The last lines of the log.
    pub last_lines: Vec<String>,
    /// Lines of it that complain.
    pub complaints: u32,
}

/// Reads bytes that come in pieces of a size.
pub fn reports(bytes: &[u8], size: usize) -> Reports {
    let (mut parser, mut tail, mut progress) = (Parser::default(), Tail::default(), 0);
    for piece in bytes.chunks(size) {
        parser.feed(piece, |_| progress += 1);
        tail.feed(piece);
    }
    let said = tail.into_said();
    Reports { progress, last_lines: said.lines, complaints: said.complaints }
}
