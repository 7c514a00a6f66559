//! The samples of one track, run by run.

use crate::index::Sample;
use crate::{Error, Result, TrackInit};

/// The data of a track's sample table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) init: TrackInit,
    pub(super) language: [u8; 3],
    pub(super) sizes: Vec<u32>,
    /// How many samples in a row, and the duration of each.
    pub(super) durations: Vec<(u32, u32)>,
    /// How many samples in a row, and the composition offset of each.
    pub(super) offsets: Vec<(u32, u32)>,
    /// Numbers of sync samples, from 1.
    pub(super) sync: Vec<u32>,
    /// Where chunks begin, from the start of the media.
    pub(super) chunks: Vec<u64>,
    /// The first of chunks in a row, from 1, and the samples in each.
    pub(super) runs: Vec<(u32, u32)>,
    /// Ticks in all.
    pub(super) ticks: u64,
}

impl Table {
    pub(super) fn new(init: TrackInit, language: [u8; 3]) -> Self {
        Self {
            init,
            language,
            sizes: Vec::new(),
            durations: Vec::new(),
            offsets: Vec::new(),
            sync: Vec::new(),
            chunks: Vec::new(),
            runs: Vec::new(),
            ticks: 0,
        }
    }

    /// Adds a chunk of samples that begins at `at` of the media.
    pub(super) fn add(&mut self, at: u64, samples: &[Sample]) -> Result<()> {
        if samples.is_empty() {
            return Ok(());
        }
        let number = |n: usize| u32::try_from(n).map_err(|_| Error::TooLarge { what: "number of samples" });
        self.chunks.push(at);
        let (chunk, count) = (number(self.chunks.len())?, number(samples.len())?);
        if self.runs.last().is_none_or(|(_, same)| *same != count) {
            self.runs.push((chunk, count));
        }
        for sample in samples {
            let offset = u32::try_from(sample.composition_offset);
            let offset = offset.map_err(|_| Error::Malformed { what: "index", why: "a negative offset" })?;
            self.sizes.push(sample.size);
            if sample.sync {
                self.sync.push(number(self.sizes.len())?);
            }
            count_run(&mut self.durations, sample.duration);
            count_run(&mut self.offsets, offset);
            self.ticks += u64::from(sample.duration);
        }
        Ok(())
    }
}

fn count_run(runs: &mut Vec<(u32, u32)>, value: u32) {
    match runs.last_mut() {
        Some((count, same)) if *same == value => *count += 1,
        _ => runs.push((1, value)),
    }
}
