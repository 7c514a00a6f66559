//! Where the clock of a source jumps.

use model::media::Piece;

/// Facts about a source whose clock jumps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jumps {
    /// Its pieces, in the order of the file.
    pub pieces: Vec<Piece>,
    /// Left-out parts, in words for people.
    pub notes: Vec<String>,
}

impl Jumps {
    /// Those of a source whose clock runs on, of which a copy is needed nevertheless.
    pub(crate) fn none() -> Self {
        Self { pieces: vec![Piece { from: 0, starts: vec![], ticks: 0 }], notes: vec![] }
    }
}
