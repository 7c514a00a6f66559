//! Stored chunks: written once, and the first bytes stand.

use db::{Row, Tx, args};
use model::plan::Track;
use model::{Generation, ObjectId, Timestamp};

use crate::{Catalogue, Error, Result, weight};

/// A stored chunk of one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The track.
    pub track: Track,
    /// Its number in the plan.
    pub chunk: u32,
    /// The object that holds its bytes.
    pub object: ObjectId,
    /// Size of those bytes.
    pub bytes: u64,
    /// SHA-256 of the plaintext.
    pub sha256: [u8; 32],
    /// The sample index; its form belongs to `package`.
    pub index: Vec<u8>,
}

/// Result of storing a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The chunk was stored.
    New,
    /// The chunk was already stored with the same bytes; the given object is not used.
    Stood,
}

/// Locks the generation: counting up and deciding what is playable happen one after another.
const LOCK: &str = "UPDATE generations SET stored = stored WHERE id = $1";

const INSERT: &str =
    "INSERT INTO chunks (generation, track, chunk, object, bytes, sha256, sample_index, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (generation, track, chunk) DO NOTHING";

const COUNT: &str = "UPDATE generations SET stored = stored + 1, weight = weight + $2 WHERE id = $1";

/// Only the generation that is shown says whether its title can be played.
const READY: &str = "UPDATE titles SET ready = TRUE WHERE id = $1 AND generation = $2";

const HASH: &str = "SELECT sha256 FROM chunks WHERE generation = $1 AND track = $2 AND chunk = $3";

const READ: &str = "SELECT track, chunk, object, bytes, sha256, sample_index FROM chunks
    WHERE generation = $1 AND track = $2 AND chunk = $3";

const READ_ALL: &str = "SELECT track, chunk, object, bytes, sha256, sample_index FROM chunks
    WHERE generation = $1 AND track = $2 ORDER BY chunk";

impl Catalogue {
    /// Whether a chunk is stored with these bytes, so that the new ones need not be kept. With other bytes it is
    /// [`Error::ChunkDiffers`]. Until `tx` ends, nobody else stores chunks of the generation.
    pub async fn chunk_stands(
        &self,
        tx: &mut Tx,
        generation: Generation,
        track: Track,
        chunk: u32,
        sha256: &[u8; 32],
    ) -> Result<bool> {
        if tx.execute(LOCK, args![generation]).await? == 0 {
            return Err(Error::NoGeneration { generation });
        }
        let Some(row) = tx.opt(HASH, args![generation, track.to_string(), chunk]).await? else {
            return Ok(false);
        };
        if row.get::<Vec<u8>>("sha256")? == sha256 {
            Ok(true)
        } else {
            Err(Error::ChunkDiffers { track, chunk })
        }
    }

    /// Stores a chunk when `tx` commits, counts its work, and finds out whether the title is playable now.
    pub async fn add_chunk(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        generation: Generation,
        new: &Chunk,
    ) -> Result<Written> {
        let Chunk { track, chunk, .. } = *new;
        let asset = self.asset_in(tx, generation).await?;
        let planned = asset.plan.chunk(chunk);
        let planned = planned
            .filter(|planned| asset.plan.tracks_of(planned).contains(&track))
            .ok_or(Error::NotPlanned { track, chunk })?;
        if self.chunk_stands(tx, generation, track, chunk, &new.sha256).await? {
            return Ok(Written::Stood);
        }
        let name = track.to_string();
        let (sha256, index) = (new.sha256.as_slice(), new.index.as_slice());
        let args = args![generation, name, chunk, new.object, new.bytes, sha256, index, now];
        tx.execute(INSERT, args).await?;
        tx.execute(COUNT, args![generation, weight::of(&asset.plan, track, planned)]).await?;
        let head = weight::head(&asset.plan);
        if head.contains(&(track, chunk)) && has_all(tx, generation, &head).await? {
            tx.execute("UPDATE generations SET playable = TRUE WHERE id = $1", args![generation]).await?;
            tx.execute(READY, args![asset.title, generation]).await?;
        }
        Ok(Written::New)
    }

    /// Reads a stored chunk; `None` while it is not there.
    pub async fn chunk(&self, generation: Generation, track: Track, chunk: u32) -> Result<Option<Chunk>> {
        let row = self.db.opt(READ, args![generation, track.to_string(), chunk]).await?;
        row.as_ref().map(Chunk::read).transpose()
    }

    /// Reads the stored chunks of a track in their order.
    pub async fn chunks(&self, generation: Generation, track: Track) -> Result<Vec<Chunk>> {
        self.db.all(READ_ALL, args![generation, track.to_string()]).await?.iter().map(Chunk::read).collect()
    }
}

async fn has_all(tx: &mut Tx, generation: Generation, wanted: &[(Track, u32)]) -> Result<bool> {
    for (track, chunk) in wanted {
        if tx.opt(HASH, args![generation, track.to_string(), *chunk]).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Chunk {
    fn read(row: &Row) -> Result<Self> {
        let word: String = row.get("track")?;
        let sha256: Vec<u8> = row.get("sha256")?;
        let wrong = || Error::Word { what: "SHA-256 of a chunk", word: format!("{} bytes", sha256.len()) };
        Ok(Self {
            track: word.parse().map_err(|_| Error::Word { what: "track", word })?,
            chunk: row.get("chunk")?,
            object: row.get("object")?,
            bytes: row.get("bytes")?,
            sha256: sha256.as_slice().try_into().map_err(|_| wrong())?,
            index: row.get("sample_index")?,
        })
    }
}
