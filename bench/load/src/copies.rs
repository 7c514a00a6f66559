//! The first copy of every body, by which the others are judged.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crc_fast::{CrcAlgorithm, Digest};

/// The length and hash of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print {
    pub(crate) length: u64,
    crc: u64,
}

impl Print {
    pub(crate) fn of(pieces: &[bytes::Bytes]) -> Self {
        let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
        pieces.iter().for_each(|piece| digest.update(piece));
        Self { length: pieces.iter().map(|piece| piece.len() as u64).sum(), crc: digest.finalize() }
    }
}

/// Prints by path, as it is without a token.
#[derive(Debug, Default)]
pub(crate) struct Copies(Mutex<HashMap<String, Print>>);

impl Copies {
    /// Whether a body is what the first one was; the first one is.
    pub(crate) fn is_same(&self, path: &str, print: Print) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(path) {
            Some(first) => *first == print,
            None => {
                known.insert(path.to_owned(), print);
                true
            }
        }
    }
}
