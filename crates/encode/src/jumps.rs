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
