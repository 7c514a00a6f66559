//! How many bytes an encode may need, and which encodes have been promised theirs.

use db::{Sql, Tx, args};
use model::media::{Container, Source};
use model::plan::{Chunk, Track};
use model::{Generation, Plan, TitleId};

use crate::{Catalogue, Error, Result};

/// Bytes of container and index for each second of a track, about.
const OVERHEAD: u64 = 2_000;

/// Most bytes that one chunk will take in the store, all its tracks together: its rates are bounds that the encoder
/// keeps.
pub fn of_chunk(plan: &Plan, chunk: &Chunk) -> u64 {
    let frames = plan.grid.length(&chunk.segments);
    let ms = plan.grid.rate.frame_ms(frames);
    let of = |rate: u32| (u64::from(rate) / 8 + OVERHEAD).saturating_mul(ms) / 1000;
    let tracks = plan.tracks_of(chunk).into_iter().map(|track| match track {
        Track::Video(n) => plan.renditions.get(usize::from(n)).map_or(0, |r| {
            // A full buffer may come on top once.
            of(r.max_rate.0) + u64::from(r.buffer_bits) / 8
        }),
        Track::Audio(n) => plan.audio.get(usize::from(n)).map_or(0, |a| of(a.bit_rate.0)),
        Track::Captions(_) => of(0),
    });
    tracks.fold(0, u64::saturating_add)
}

/// Most bytes that a whole plan will take while it is encoded: everything stored, and the largest chunk once more
/// in the scratch folder.
pub fn of_plan(plan: &Plan) -> u64 {
    let chunks = plan.chunks.iter().map(|chunk| of_chunk(plan, chunk));
    let (all, largest) = chunks.fold((0_u64, 0), |(all, largest), n| (all.saturating_add(n), largest.max(n)));
    all.saturating_add(largest)
}

/// Bytes that a copy of a source takes in the scratch folder while it is encoded: none where its parts are enough. The
/// rare file of that container whose index does not tell the parts is not counted.
pub fn of_source(source: &Source) -> u64 {
    if source.container == Container::Mov { 0 } else { source.bytes }
}

/// Whether an encode may continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpaceBudget {
    /// Its bytes are promised to it.
    Promised {
        /// Whether that happened just now.
        now: bool,
    },
    /// The encode has to wait.
    Short {
        /// Bytes it still needs.
        needs: u64,
        /// Bytes that are free and not promised to others.
        free: u64,
    },
}

/// One reservation at a time: the sum must not change between reading and reserving.
const ALONE: Sql = Sql { sqlite: "SELECT 1", postgres: "SELECT pg_advisory_xact_lock(7381525)" };

const READ: &str = "SELECT promised, CAST(CAST(estimated_bytes AS DOUBLE PRECISION)
        * CAST(total_weight - weight AS DOUBLE PRECISION) / CAST(total_weight AS DOUBLE PRECISION) AS BIGINT) AS needs
    FROM generations WHERE id = $1";

const PROMISED: &str = "SELECT CAST(COALESCE(SUM(CAST(g.estimated_bytes AS DOUBLE PRECISION)
        * CAST(g.total_weight - g.weight AS DOUBLE PRECISION) / CAST(g.total_weight AS DOUBLE PRECISION)), 0)
        AS BIGINT) AS bytes
    FROM generations g JOIN titles t ON t.id = g.title
    WHERE g.promised AND NOT g.complete AND t.deleted_at IS NULL";

impl Catalogue {
    /// Promises a generation the bytes it still needs out of `available` when `tx` commits, unless they are promised
    /// to others.
    pub async fn promise(&self, tx: &mut Tx, generation: Generation, available: u64) -> Result<SpaceBudget> {
        tx.all(tx.pick(ALONE), args![]).await?;
        let row = tx.opt(READ, args![generation]).await?.ok_or(Error::NoGeneration { generation })?;
        if row.get("promised")? {
            return Ok(SpaceBudget::Promised { now: false });
        }
        let needs: u64 = row.get("needs")?;
        let promised: u64 = tx.one(PROMISED, args![]).await?.get("bytes")?;
        let free = available.saturating_sub(promised);
        if needs > free {
            return Ok(SpaceBudget::Short { needs, free });
        }
        tx.execute("UPDATE generations SET promised = TRUE WHERE id = $1", args![generation]).await?;
        Ok(SpaceBudget::Promised { now: true })
    }

    /// Takes back what was promised to a title's unfinished encodes, when `tx` commits.
    pub async fn unpromise(&self, tx: &mut Tx, title: TitleId) -> Result<()> {
        let sql = "UPDATE generations SET promised = FALSE WHERE title = $1 AND promised AND NOT complete";
        tx.execute(sql, args![title]).await?;
        Ok(())
    }
}
