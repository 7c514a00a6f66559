//! Keyframes of an encode as a film of their own: what pictures of a film are made from.

use catalogue::Asset;
use model::plan::{Medium, Track};
use package::cmaf::{ChunkWriter, init};
use package::index::Sample;
use package::{Index, TrackInit};

use crate::{Error, Pipeline, Result};

/// Most keyframes that are read at a time: they are in memory together.
const MOST: usize = 100;

/// Ticks that each is shown. Nobody shows them.
const DURATION: u32 = 1000;

/// Keyframes of a rendition.
pub struct Keyframes {
    /// An MP4 file of nothing but these, in order.
    pub bytes: Vec<u8>,
    /// The segment that each begins.
    pub segments: Vec<u32>,
}

impl Pipeline {
    /// Reads the keyframes with which these segments of a rendition begin, in this order and at most 100 of them. What is not
    /// stored yet is left out.
    pub async fn keyframes(&self, asset: &Asset, rendition: u16, segments: &[u32]) -> Result<Keyframes> {
        let track = Track::Video(rendition);
        let broken = |source| Error::Index { title: asset.title, source };
        let head = TrackInit { start: 0, ..TrackInit::of(&asset.plan, track).map_err(broken)? };
        let mut found = Keyframes { bytes: init(&head).map_err(broken)?.to_vec(), segments: Vec::new() };
        let mut writer = ChunkWriter::new(0);
        let mut known: Option<(u32, Option<(model::ObjectId, Index)>)> = None;
        for segment in segments.iter().copied().take(MOST) {
            let Some(chunk) = asset.plan.chunk_of(track, segment) else { continue };
            let stored = match known.take().filter(|(of, _)| *of == chunk) {
                Some((_, stored)) => stored,
                None => self.index_of(asset, track, chunk).await?,
            };
            if let Some((object, index)) = &stored
                && let Some(at) = index.segment(segment)
                && let Some(first) = at.samples.first().filter(|sample| sample.sync)
            {
                let start = at.data().start;
                let bytes = self.blob.read_to_vec(*object, start..start + u64::from(first.size)).await?;
                let sample = Sample { composition_offset: 0, duration: DURATION, ..*first };
                let time = u64::from(DURATION) * found.segments.len() as u64;
                found.bytes.extend(writer.segment(time, vec![sample]).map_err(broken)?);
                found.bytes.extend(bytes);
                found.segments.push(segment);
            }
            known = Some((chunk, stored));
        }
        Ok(found)
    }

    /// Where a chunk is stored, and its index; `None` while it is not.
    async fn index_of(
        &self,
        asset: &Asset,
        track: Track,
        chunk: u32,
    ) -> Result<Option<(model::ObjectId, Index)>> {
        let Some(row) = self.catalogue.chunk(asset.generation, track, chunk).await? else { return Ok(None) };
        let index =
            Index::decode(&row.index).map_err(|source| Error::Index { title: asset.title, source })?;
        Ok(Some((row.object, index)))
    }
}

/// The segments of which a film has its first keyframes: those of its first chunk.
pub fn head(asset: &Asset) -> Vec<u32> {
    let first = asset.plan.chunks.iter().find(|chunk| chunk.of == Medium::Video);
    first.map(|chunk| chunk.segments.clone().take(MOST).collect()).unwrap_or_default()
}
