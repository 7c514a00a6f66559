//! From what ffmpeg wrote to a stored chunk: CMAF segments whose times are the plan's.
//!
//! Of ffmpeg's own timestamps only the order of frames is used. Memory is bounded by one fragment: a segment of
//! video, a few seconds of audio. Everything is [verified](crate::verify) on the way.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use model::Plan;
use model::plan::{AAC_FRAME_SAMPLES, Chunk, Track};
use package::TrackInit;
use package::cmaf::ChunkWriter;
use package::index::{Index, Sample};
use package::timing;

use crate::fragments::Fragments;
use crate::verify;
use crate::{Error, Result};

/// A stored chunk of one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Whose.
    pub track: Track,
    /// The file: `moof` and `mdat` of every segment, one after another; captions: one WebVTT file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Where its segments and samples are.
    pub index: Index,
    /// A note for people, for example that a stretch of sound could not be read.
    pub note: Option<String>,
}

/// One track of one chunk to be written.
#[derive(Debug)]
pub(crate) struct Retiming<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) chunk: &'a Chunk,
    pub(crate) track: Track,
    /// Samples in front of the first one that the plan asks for: they only made the encoder warm.
    pub(crate) warm_up: u64,
    /// ffmpeg's output file.
    pub(crate) from: &'a Path,
    /// The file to write.
    pub(crate) to: &'a Path,
    /// Whether ffmpeg still writes: the segments that are whole are taken.
    pub(crate) running: bool,
}

impl Retiming<'_> {
    fn fragments(&self) -> Result<Fragments> {
        if self.running { Fragments::open_running(self.from) } else { Fragments::open(self.from) }
    }
}

/// Writes the chunk's file and its index. Blocks.
pub(crate) fn write(retiming: &Retiming<'_>) -> Result<Encoded> {
    let mut out = Out::create(retiming.to)?;
    let mut writer = ChunkWriter::new(retiming.chunk.segments.start);
    match retiming.track {
        Track::Video(_) => video(retiming, &mut writer, &mut out)?,
        Track::Audio(_) => audio(retiming, &mut writer, &mut out)?,
        Track::Captions(_) => {
            return Err(Error::Plan { reason: format!("{} has no samples to re-time", retiming.track) });
        }
    }
    let (bytes, sha256) = out.finish()?;
    let index = writer.finish();
    if index.bytes() != bytes {
        return Err(Error::Unplanned {
            reason: format!("{}: {bytes} bytes written, {} indexed", retiming.track, index.bytes()),
        });
    }
    Ok(Encoded { track: retiming.track, path: retiming.to.to_owned(), bytes, sha256, index, note: None })
}

/// Writes a chunk that was made in memory. Blocks.
pub(crate) fn keep(track: Track, path: PathBuf, bytes: &[u8], index: Index) -> Result<Encoded> {
    let mut out = Out::create(&path)?;
    out.write(bytes)?;
    let (bytes, sha256) = out.finish()?;
    Ok(Encoded { track, path, bytes, sha256, index, note: None })
}

fn video(retiming: &Retiming<'_>, writer: &mut ChunkWriter, out: &mut Out<'_>) -> Result<()> {
    let planned = TrackInit::of(retiming.plan, retiming.track).map_err(Error::Encoded)?;
    let rate = retiming.plan.grid.rate;
    let mut fragments = retiming.fragments()?;
    for k in retiming.chunk.segments.clone() {
        let frames = retiming.plan.grid.segment(k).ok_or_else(|| no_segment(k))?;
        let missing = || Error::Unplanned { reason: format!("{}: segment {k} is missing", retiming.track) };
        let fragment = match fragments.next()? {
            None if retiming.running => return Ok(()),
            fragment => fragment.ok_or_else(missing)?,
        };
        verify::header(retiming.track, &planned, &fragment.track)?;
        verify::video(retiming.track, k, &frames, &fragment)?;

        let ranks = ranks(&fragment.samples.iter().map(|s| s.pts).collect::<Vec<_>>());
        let mut samples = Vec::with_capacity(ranks.len());
        for ((sample, rank), decode) in fragment.samples.iter().zip(ranks).zip(frames.start..) {
            samples.push(Sample {
                size: size(&sample.data)?,
                duration: rate.frame_ticks(),
                composition_offset: timing::composition_offset(rate, decode, frames.start + rank)
                    .map_err(Error::Encoded)?,
                sync: sample.sync,
            });
        }
        let time = timing::video_decode_time(rate, frames.start);
        out.write(&writer.segment(time, samples).map_err(Error::Encoded)?)?;
        for sample in &fragment.samples {
            out.write(fragment.data(sample))?;
        }
    }
    match fragments.next()? {
        None => Ok(()),
        Some(_) => {
            Err(Error::Unplanned { reason: format!("{}: more segments than planned", retiming.track) })
        }
    }
}

/// The place of each time among all of them.
fn ranks(times: &[i64]) -> Vec<u64> {
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|at| times[*at]);
    let mut ranks = vec![0; times.len()];
    for (at, rank) in order.into_iter().zip(0..) {
        ranks[at] = rank;
    }
    ranks
}

fn audio(retiming: &Retiming<'_>, writer: &mut ChunkWriter, out: &mut Out<'_>) -> Result<()> {
    let planned = TrackInit::of(retiming.plan, retiming.track).map_err(Error::Encoded)?;
    let mut fragments = retiming.fragments()?;
    let mut skip = retiming.warm_up;
    let mut waiting: std::collections::VecDeque<Vec<u8>> = std::collections::VecDeque::new();
    for k in retiming.chunk.segments.clone() {
        let frames = retiming.plan.grid.aac_frames(k, planned.timescale).ok_or_else(|| no_segment(k))?;
        let count = usize::try_from(frames.end - frames.start).unwrap_or(usize::MAX);
        while waiting.len() < count {
            let Some(fragment) = fragments.next()? else {
                if retiming.running {
                    return Ok(());
                }
                let reason =
                    format!("{}: segment {k} has {} of {count} frames", retiming.track, waiting.len());
                return Err(Error::Unplanned { reason });
            };
            verify::header(retiming.track, &planned, &fragment.track)?;
            for sample in &fragment.samples {
                verify::audio(retiming.track, sample, fragment.data(sample))?;
                if skip > 0 {
                    skip -= 1;
                } else {
                    waiting.push_back(fragment.data(sample).to_vec());
                }
            }
        }
        let data: Vec<Vec<u8>> = waiting.drain(..count).collect();
        let mut samples = Vec::with_capacity(count);
        for frame in &data {
            samples.push(Sample {
                size: size(&(0..frame.len()))?,
                duration: AAC_FRAME,
                composition_offset: 0,
                sync: true,
            });
        }
        out.write(
            &writer.segment(timing::audio_decode_time(frames.start), samples).map_err(Error::Encoded)?,
        )?;
        for frame in &data {
            out.write(frame)?;
        }
    }
    Ok(())
}

/// Ticks of one AAC frame.
const AAC_FRAME: u32 = AAC_FRAME_SAMPLES as u32;

fn size(data: &Range<usize>) -> Result<u32> {
    u32::try_from(data.len()).map_err(|_| Error::Unplanned { reason: "a frame of 4 GiB".to_owned() })
}

fn no_segment(k: u32) -> Error {
    Error::Plan { reason: format!("it has no segment {k}") }
}

/// A file that is written and hashed.
struct Out<'a> {
    path: &'a Path,
    file: BufWriter<File>,
    hash: aws_lc_rs::digest::Context,
    bytes: u64,
}

impl<'a> Out<'a> {
    fn create(path: &'a Path) -> Result<Self> {
        let file = File::create(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        let hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        Ok(Self { path, file: BufWriter::with_capacity(256 << 10, file), hash, bytes: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|source| Error::File { path: self.path.to_owned(), source })
    }

    fn finish(self) -> Result<(u64, [u8; 32])> {
        let failed = |source| Error::File { path: self.path.to_owned(), source };
        self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.hash.finish().as_ref());
        Ok((self.bytes, sha256))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_places_in_presentation_order() {
        assert_eq!(ranks(&[0, 3003, 1001, 2002, 6006, 4004, 5005]), [0, 3, 1, 2, 6, 4, 5]);
        assert_eq!(ranks(&[]), [0_u64; 0]);
    }
}
