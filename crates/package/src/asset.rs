//! The data for answers: a plan, its layout, and rates once they are known.

use std::ops::Range;

use model::Plan;
use model::media::Stills;
use model::plan::{AAC_FRAME_SAMPLES, Track};

use crate::measured::Load;
use crate::{Error, Layout, Measured, Result};

/// One generation of an asset under one configuration.
#[derive(Debug, Clone, Copy)]
pub struct Asset<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The plan's layout under the configuration.
    pub layout: &'a Layout,
    /// Sizes, once every chunk is there.
    pub measured: Option<&'a Measured>,
    /// Its posters and storyboard, once they are there.
    pub stills: Option<&'a Stills>,
}

impl Asset<'_> {
    /// Fails if the plan has no such track.
    pub(crate) fn check(&self, track: Track) -> Result<()> {
        if self.plan.tracks().any(|t| t == track) { Ok(()) } else { Err(Error::NoTrack(track)) }
    }

    /// Start of grid boundary `k` of a track in ticks, and the ticks of a second. Captions follow the grid.
    pub(crate) fn boundary(&self, track: Track, k: u32) -> Result<(u64, u32)> {
        let Track::Audio(n) = track else { return self.grid_boundary(k) };
        let grid = &self.plan.grid;
        let last = grid.segments().checked_sub(1).ok_or(Error::Plan("it has no segments"))?;
        let rate = self.plan.audio.get(usize::from(n)).ok_or(Error::NoTrack(track))?.sample_rate;
        let outside = Error::NotThere { what: "boundary", number: k.into() };
        let frames = grid.aac_frames(k.min(last), rate).ok_or(outside)?;
        let frame = if k > last { frames.end } else { frames.start };
        Ok((ticks(frame, AAC_FRAME_SAMPLES)?, rate))
    }

    /// Start of grid boundary `k` on the clock of the picture, and the ticks of a second.
    pub(crate) fn grid_boundary(&self, k: u32) -> Result<(u64, u32)> {
        let grid = &self.plan.grid;
        let frame = usize::try_from(k).ok().and_then(|k| grid.boundaries.get(k));
        let frame = frame.ok_or(Error::NotThere { what: "boundary", number: k.into() })?;
        Ok((ticks(*frame, grid.rate.frame_ticks().into())?, grid.rate.timescale()))
    }

    /// Start of grid boundary `k` of a track in µs, rounded to the nearest. Differences of rounded starts add
    /// up without error.
    fn boundary_micros(&self, track: Track, k: u32) -> Result<u64> {
        let (ticks, timescale) = self.boundary(track, k)?;
        let (ticks, timescale) = (u128::from(ticks), u128::from(timescale).max(1));
        u64::try_from((ticks * 1_000_000 + timescale / 2) / timescale)
            .map_err(|_| Error::TooLarge { what: "time" })
    }

    /// Duration of a run of grid segments of a track in µs.
    pub(crate) fn micros(&self, track: Track, segments: &Range<u32>) -> Result<u64> {
        Ok(self.boundary_micros(track, segments.end)? - self.boundary_micros(track, segments.start)?)
    }

    /// `EXT-X-TARGETDURATION`: the longest duration of any track, rounded to the nearest second. All media
    /// playlists of an asset have the same (RFC 8216 §6.2.4).
    pub(crate) fn target_duration(&self) -> Result<u64> {
        let mut longest = 1_000_000;
        // Renditions share one clock; audio tracks differ by their sample rates.
        let video = (!self.plan.renditions.is_empty()).then_some(Track::Video(0));
        for track in video.into_iter().chain(self.plan.tracks().filter(|t| matches!(t, Track::Audio(_)))) {
            for segments in self.layout.segments() {
                longest = longest.max(self.micros(track, segments)?);
            }
        }
        Ok((longest + 500_000) / 1_000_000)
    }

    /// Bits and durations of a track's delivered segments as they were measured.
    pub(crate) fn loads(&self, track: Track, measured: &Measured) -> Result<Vec<Load>> {
        let bytes = measured.bytes(track)?;
        let load = |segments: &Range<u32>| {
            let run = bytes.get(segments.start as usize..segments.end as usize);
            let run = run.ok_or(Error::Plan("it was measured with another grid"))?;
            let bits = run.iter().map(|b| u64::from(*b) * 8).sum();
            Ok(Load { bits, shared: 0, micros: self.micros(track, segments)? })
        };
        self.layout.segments().iter().map(load).collect()
    }

    /// The most bits a track's delivered segments can have.
    ///
    /// Video: every chunk starts with a full VBV, so a segment has at most its duration at the maximum rate
    /// and a buffer for each chunk it touches. Audio: a quarter above the target rate, as AAC knows no tighter
    /// bound worth saying. Both: the container's own bytes.
    pub(crate) fn bounds(&self, track: Track) -> Result<Vec<Load>> {
        let chunks = self.layout.chunks(track)?;
        let (rate, buffer, frames_per_second) = match track {
            Track::Video(n) => {
                let r = self.plan.renditions.get(usize::from(n)).ok_or(Error::NoTrack(track))?;
                (
                    u64::from(r.max_rate.0),
                    u64::from(r.buffer_bits),
                    self.plan.grid.rate.as_f64().ceil() as u64,
                )
            }
            Track::Audio(n) => {
                let a = self.plan.audio.get(usize::from(n)).ok_or(Error::NoTrack(track))?;
                let frames = u64::from(a.sample_rate).div_ceil(AAC_FRAME_SAMPLES);
                (u64::from(a.bit_rate.0) * 5 / 4, 0, frames)
            }
            Track::Captions(_) => return Err(Error::NoTrack(track)),
        };
        // `moof` and the head of `mdat` take at most 128 bytes and 12 for each sample.
        let rate = rate + frames_per_second * 12 * 8;
        let load = |segments: &Range<u32>| {
            let run = chunks.get(segments.start as usize..segments.end as usize);
            let run = run.ok_or(Error::Plan("it was laid out with another grid"))?;
            let touched = 1 + run.windows(2).filter(|w| w[0] != w[1]).count() as u64;
            let before = segments.start.checked_sub(1).and_then(|k| chunks.get(k as usize));
            let shared = if before == run.first() { buffer } else { 0 };
            let micros = self.micros(track, segments)?;
            let bits = rate.saturating_mul(micros).div_ceil(1_000_000)
                + buffer * touched
                + run.len() as u64 * 128 * 8;
            Ok(Load { bits, shared, micros })
        };
        self.layout.segments().iter().map(load).collect()
    }
}

/// So many frames in ticks.
fn ticks(frames: u64, of_frame: u64) -> Result<u64> {
    frames.checked_mul(of_frame).ok_or(Error::TooLarge { what: "time" })
}
