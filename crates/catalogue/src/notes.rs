//! Notes of an encode: what of its source was cut, held, mixed or left out, in words for those who manage the title.
//!
//! They belong to a generation: a title shows those of the generation that is shown, so re-encoding replaces them.

use db::{Tx, args};
use model::plan::Track;
use model::{Generation, text};

use crate::{Catalogue, Result};

/// Most notes that are shown of a generation.
pub const MAX_NOTES: usize = 50;

/// Most notes that are kept of one part of a generation.
const MAX_OF_PART: usize = 200;

/// The part that the notes about the source as a whole belong to; all others are called like their track.
const SOURCE: &str = "source";

const INSERT: &str = "INSERT INTO notes (generation, part, n, note) VALUES ($1, $2, $3, $4)
    ON CONFLICT (generation, part, n) DO NOTHING";

const READ: &str = "SELECT note FROM notes WHERE generation = $1
    ORDER BY CASE part WHEN 'source' THEN 0 ELSE 1 END, part, n LIMIT $2";

const COUNT: &str = "SELECT COUNT(DISTINCT note) AS notes FROM notes WHERE generation = $1";

impl Catalogue {
    /// Keeps what probing and planning say about the source, when `tx` commits. Each is one bounded line.
    pub async fn add_source_notes(
        &self,
        tx: &mut Tx,
        generation: Generation,
        notes: &[String],
    ) -> Result<()> {
        for (n, note) in notes.iter().take(MAX_OF_PART).enumerate() {
            tx.execute(INSERT, args![generation, SOURCE, n as u64, text::reason(note)]).await?;
        }
        Ok(())
    }

    /// Keeps what encoding a chunk of a track says about it, when `tx` commits; the first note stands, as the first
    /// bytes do.
    pub async fn add_chunk_note(
        &self,
        tx: &mut Tx,
        generation: Generation,
        (track, chunk): (Track, u32),
        note: &str,
    ) -> Result<()> {
        tx.execute(INSERT, args![generation, track.to_string(), chunk, text::reason(note)]).await?;
        Ok(())
    }

    /// The notes of a generation, those about the whole source first, each once. Of more than [`MAX_NOTES`] the last
    /// line says how many there are; the logs of the title's jobs have them all.
    pub async fn notes(&self, generation: Generation) -> Result<Vec<String>> {
        // Chunks that say the same stand next to each other: enough of them are read to find the different ones.
        let rows = self.db.all(READ, args![generation, 20 * MAX_NOTES as u64]).await?;
        let mut notes: Vec<String> = vec![];
        for row in rows {
            let note: String = row.get("note")?;
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        let shown = notes.len().min(MAX_NOTES);
        let all: u64 = self.db.one(COUNT, args![generation]).await?.get("notes")?;
        let more = all.saturating_sub(shown as u64);
        notes.truncate(shown);
        if more > 0 {
            notes.push(format!("{more} more notes are in the logs of the jobs"));
        }
        Ok(notes)
    }
}
