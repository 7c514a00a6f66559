//! A title that tests encode: what was found in its file, its plan, and its chunks.

use std::ops::Range;
use std::path::{Path, PathBuf};

use encode::chunk::{self, Encoded, Work};
use encode::{first_frame, plan, probe};
use model::Plan;
use model::media::Source;
use model::plan::{Chunk, Medium, Track};
use package::{TrackInit, cmaf};
use template::Template;

use crate::numbered::joined;
use crate::support::{runner, tools};

/// A planned title.
pub(crate) struct Title {
    pub(crate) file: PathBuf,
    pub(crate) source: Source,
    pub(crate) notes: Vec<String>,
    pub(crate) template: Template,
    pub(crate) plan: Plan,
    pub(crate) folder: tempfile::TempDir,
}

impl Title {
    /// Probes a file and plans its encode.
    pub(crate) async fn of(file: &Path, template: &Template) -> Self {
        let (folder, template) = (tempfile::tempdir().unwrap(), template.clone());
        let mut file = file.to_owned();
        let found = match probe(runner(), &file).await {
            Err(encode::Error::ClockJumps(jumps)) => {
                let copy = folder.path().join("copy");
                std::fs::copy(&file, &copy).unwrap();
                encode::clock::set(&copy, &jumps.pieces).unwrap();
                file = copy;
                encode::probe_set(runner(), &file, *jumps).await.unwrap()
            }
            found => found.unwrap(),
        };
        let encode::Probed { source, notes } = found;
        let headers = first_frame::headers(runner(), &source, &template, folder.path()).await;
        let plan = plan::make(&source, &template, &headers.unwrap(), &tools().fingerprint()).unwrap();
        Self { file, source, notes, template, plan, folder }
    }

    /// Makes the plan again, for another source.
    pub(crate) async fn replan(&mut self) {
        let (source, template) = (&self.source, &self.template);
        let headers = first_frame::headers(runner(), source, template, self.folder.path()).await;
        self.plan = plan::make(source, template, &headers.unwrap(), &tools().fingerprint()).unwrap();
    }

    /// Cuts the plan again: every chunk has so many segments.
    pub(crate) fn cut(mut self, segments: u32) -> Self {
        let all = self.plan.grid.segments();
        let mut media: Vec<Medium> = self.plan.tracks().map(Track::medium).collect();
        media.dedup();
        self.plan.chunks.clear();
        for of in media {
            for start in (0..all).step_by(segments as usize) {
                let first = self.plan.grid.segment(start).unwrap().start;
                let keyframes = self.source.video.iter().flat_map(|video| &video.keyframes);
                let decode_from = keyframes.copied().filter(|key| *key <= first).max().unwrap_or(0);
                let segments = start..all.min(start + segments);
                self.plan.chunks.push(Chunk { of, segments, decode_from });
            }
        }
        self
    }

    /// The encode of a chunk, from the whole file.
    pub(crate) fn work(&self, chunk: u32) -> Work<'_> {
        let (plan, source, scratch) = (&self.plan, &self.source, self.folder.path());
        Work { plan, chunk, source, file: &self.file, holes: false, scratch }
    }

    /// Encodes from a file that has nothing but the bytes of these ranges.
    pub(crate) async fn encode_of(&self, chunk: u32, ranges: &[Range<u64>]) -> Vec<Encoded> {
        let scratch = tempfile::tempdir().unwrap();
        let file = with_holes(&self.file, ranges, scratch.path());
        let work = Work { file: &file, holes: true, scratch: scratch.path(), ..self.work(chunk) };
        chunk::encode(runner(), &self.template, work, |_| ()).await.unwrap()
    }

    pub(crate) async fn encode(&self, chunk: u32) -> Vec<Encoded> {
        self.try_encode(chunk).await.unwrap()
    }

    pub(crate) async fn try_encode(&self, chunk: u32) -> encode::Result<Vec<Encoded>> {
        let mut reports = vec![];
        let progress = |now| reports.push(now);
        let done = chunk::encode(runner(), &self.template, self.work(chunk), progress).await?;
        assert_eq!(reports.last().map(|last| last.permille), Some(1000));
        assert!(reports.is_sorted_by_key(|now| now.permille));
        Ok(done)
    }

    /// All chunks of a medium, the last one first.
    pub(crate) async fn encode_in_reverse(&self, of: Medium) -> Vec<Encoded> {
        let mut encoded = vec![];
        for (chunk, planned) in (0..self.plan.chunks.len() as u32).zip(&self.plan.chunks).rev() {
            if planned.of == of {
                encoded.extend(self.encode(chunk).await);
            }
        }
        encoded.sort_by_key(|e| (e.track, e.index.first_segment));
        encoded
    }

    /// Notes on all chunks of a medium, or why one of them cannot be made.
    pub(crate) async fn notes_on(&self, of: Medium) -> encode::Result<Vec<String>> {
        let mut notes = vec![];
        for (chunk, planned) in (0..).zip(&self.plan.chunks) {
            if planned.of == of {
                notes.extend(self.try_encode(chunk).await?.into_iter().filter_map(|encoded| encoded.note));
            }
        }
        Ok(notes)
    }

    pub(crate) fn init(&self, track: Track) -> Vec<u8> {
        cmaf::init(&TrackInit::of(&self.plan, track).unwrap()).unwrap().to_vec()
    }

    /// A whole track in one file.
    pub(crate) fn whole(&self, track: Track, encoded: &[Encoded]) -> PathBuf {
        let mut bytes = self.init(track);
        for chunk in encoded.iter().filter(|e| e.track == track) {
            bytes.extend(std::fs::read(&chunk.path).unwrap());
        }
        joined(self.folder.path().join(format!("{track}.mp4")), &[&bytes])
    }

    pub(crate) fn size(&self, track: Track) -> (u32, u32) {
        let Track::Video(n) = track else { panic!("{track} is no video") };
        let rendition = &self.plan.renditions[usize::from(n)];
        (rendition.width, rendition.height)
    }
}

/// A file of the same size that has nothing but these ranges.
pub(crate) fn with_holes(whole: &Path, ranges: &[Range<u64>], folder: &Path) -> PathBuf {
    use std::os::unix::fs::FileExt;
    let (path, whole) = (folder.join("holes"), std::fs::File::open(whole).unwrap());
    let holes = std::fs::File::create(&path).unwrap();
    holes.set_len(whole.metadata().unwrap().len()).unwrap();
    for range in ranges {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        whole.read_exact_at(&mut bytes, range.start).unwrap();
        holes.write_all_at(&bytes, range.start).unwrap();
    }
    path
}
