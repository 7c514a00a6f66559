//! A generation laid out for a configuration: which chunks and segments a request is made of.

use std::ops::Range;
use std::sync::Arc;

use model::plan::Track;
use package::{Asset, Layout, Measured, Request};

use crate::stored::Stored;

/// A generation laid out for a configuration; what [`Asset`] borrows from.
#[derive(Debug)]
pub(crate) struct Laid {
    pub(crate) asset: Arc<catalogue::Asset>,
    pub(crate) layout: Layout,
    pub(crate) measured: Option<Measured>,
}

impl Laid {
    pub(crate) fn asset(&self) -> Asset<'_> {
        Asset { plan: &self.asset.plan, layout: &self.layout, measured: self.measured.as_ref(), stills: None }
    }

    /// The grid segments of the delivered one that a request names.
    pub(crate) fn delivered(&self, request: &Request) -> Option<(Track, Range<u32>)> {
        let (track, number) = package::named_segment(request, &self.asset())?;
        Some((track, self.layout.segments().get(usize::try_from(number).ok()?)?.clone()))
    }

    /// How many segments and samples an answer is made of.
    pub(crate) fn size(&self, request: &Request, sources: &[Stored]) -> usize {
        let wanted = self.delivered(request).map(|(_, segments)| segments);
        let samples = |source: &Stored| {
            let numbered = source.index.segments.iter().zip(source.index.first_segment..);
            let wanted = numbered.filter(|(_, n)| wanted.as_ref().is_none_or(|wanted| wanted.contains(n)));
            wanted.map(|(segment, _)| segment.samples.len()).sum::<usize>()
        };
        let segments = if wanted.is_some() { 1 } else { self.layout.segments().len() };
        segments + sources.iter().map(samples).sum::<usize>()
    }

    /// The first grid segment that a request needs of a chunk.
    pub(crate) fn place(&self, request: &Request, chunk: u32) -> u32 {
        let first = self.asset.plan.chunk(chunk).map_or(0, |chunk| chunk.segments.start);
        self.delivered(request).map_or(first, |(_, segments)| segments.start.max(first))
    }
}
