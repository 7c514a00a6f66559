//! Boxes of which each may be there once, and tables whose rows are read where they lie.

use package::boxes::{self, Kind};

/// More boxes beside each other are no film.
const MAX_BOXES: usize = 1024;

/// Boxes beside each other.
pub(super) struct Boxes<'a>(Vec<(Kind, &'a [u8])>);

impl<'a> Boxes<'a> {
    /// `None` where one is broken, or there are too many.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let boxes = boxes::children("moov", bytes).take(MAX_BOXES + 1);
        let boxes: Vec<_> =
            boxes.map(|found| found.map(|found| (found.kind, found.body))).collect::<Result<_, _>>().ok()?;
        (boxes.len() <= MAX_BOXES).then_some(Self(boxes))
    }

    /// All of a kind.
    pub(super) fn all(&self, kind: &Kind) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(found, _)| found == kind).map(|(_, body)| *body)
    }

    /// The one of a kind, if there is one; `None` where there are several.
    pub(super) fn one(&self, kind: &Kind) -> Option<Option<&'a [u8]>> {
        let mut all = self.all(kind);
        let first = all.next();
        all.next().is_none().then_some(first)
    }

    /// Whether there are others than these kinds.
    pub(super) fn has_other(&self, kinds: &[&Kind]) -> bool {
        self.0.iter().any(|(found, _)| !kinds.contains(&found))
    }
}

/// Rows of so many words of four bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a, const WORDS: usize>(&'a [u8]);

impl<'a, const WORDS: usize> Rows<'a, WORDS> {
    /// Rows behind their number, which stands at `at`; `None` if there are fewer than that.
    pub(super) fn read(table: &'a [u8], at: usize) -> Option<Self> {
        let count = usize::try_from(word(table, at)?).ok()?;
        Some(Self(table.get(at + 4..)?.get(..count.checked_mul(4 * WORDS)?)?))
    }

    /// How many there are.
    pub(super) fn len(self) -> usize {
        self.0.len() / (4 * WORDS)
    }

    /// Each in turn.
    pub(super) fn words(self) -> impl Iterator<Item = [u32; WORDS]> + 'a {
        let row = |row: &[u8]| std::array::from_fn(|n| word(row, 4 * n).unwrap_or_default());
        self.0.chunks_exact(4 * WORDS).map(row)
    }
}

/// The word at a place.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// As [`word`] with twice as many bytes.
pub(super) fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
