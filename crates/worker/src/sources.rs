//! Sources as local files: whole, each fetched once for all jobs that need it at the same time, or with nothing but
//! the bytes that one job needs.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use blob::Blob;
use catalogue::Asset;
use encode::extent::{Finder, Map, Step};
use futures::{StreamExt, TryStreamExt};
use jobs::Fault;
use model::media::Piece;
use model::{ByteSize, ObjectId};
use tokio::sync::OnceCell;

use crate::kept::Kept;
use crate::stop::Stop;

/// A source up to that size is fetched whole: that costs less than looking at its index for every chunk.
const SMALL: u64 = 32 << 20;
/// Indexes that stay read.
const MAPS: usize = 4;
/// Stretches of a source that are copied at the same time, each with a piece of a quarter of a MiB in memory: one is written while
/// another is opened.
const STRETCHES: usize = 4;
/// No stretch is shorter, unless there is no more.
const STRETCH: u64 = 8 << 20;

/// A source's plaintext on disk, without a name: it is gone when the last job lets go of it, or the process ends.
#[derive(Debug)]
pub(crate) struct Local {
    file: File,
    path: PathBuf,
}

impl Local {
    fn create(folder: &Path, object: ObjectId, bytes: u64) -> io::Result<Self> {
        let path = folder.join(format!("{object}-{}", model::UploadId::new()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        std::fs::remove_file(&path)?;
        file.set_len(bytes)?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd()).into();
        Ok(Self { file, path })
    }

    /// A name for this process, as long as this lives.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Local {
    /// Gives the space back now: a process that is just being started, or does not die, may hold the file for longer, and
    /// who needs that space asks next.
    fn drop(&mut self) {
        if let Err(error) = self.file.set_len(0) {
            tracing::warn!(error = %model::Chain(&error), "cannot remove the copy of a source yet");
        }
    }
}

/// The whole of a source, and the pieces that its clock was set by.
type Copy = (ObjectId, Vec<Piece>);
type Slot = OnceCell<Weak<Local>>;
/// `None` where a source has no index that is understood.
type Index = OnceCell<Option<Arc<Map>>>;

/// Fetches sources out of the store.
#[derive(Debug)]
pub(crate) struct Sources {
    blob: Blob,
    folder: PathBuf,
    open: Mutex<HashMap<Copy, Arc<Slot>>>,
    /// The latest stands last.
    maps: Mutex<Vec<(ObjectId, Arc<Index>)>>,
    kept: Kept<Local>,
}

impl Sources {
    pub(crate) fn new(blob: Blob, folder: PathBuf) -> Self {
        Self { blob, folder, open: Mutex::default(), maps: Mutex::default(), kept: Kept::default() }
    }

    /// The whole source as a file, with one clock where it has several pieces; waits while another job fetches the same
    /// one.
    pub(crate) async fn whole(&self, object: ObjectId, pieces: &[Piece]) -> Result<Arc<Local>, Stop> {
        let copy: Copy = (object, pieces.to_vec());
        loop {
            let slot = self.slot(&copy);
            let mut mine = None;
            let weak = slot
                .get_or_try_init(|| async {
                    let bytes = self.blob.object(object).await?.size;
                    let local =
                        Arc::new(self.fetch(object, bytes, vec![Range { start: 0, end: bytes }]).await?);
                    if !pieces.is_empty() {
                        set_clock(&local, pieces).await?;
                    }
                    let weak = Arc::downgrade(&local);
                    mine = Some(local);
                    Ok::<_, Stop>(weak)
                })
                .await?;
            if let Some(local) = weak.upgrade() {
                return Ok(local);
            }
            // The last user let go in the meantime: forget the slot and fetch again.
            let mut open = runtime::lock(&self.open);
            if open.get(&copy).is_some_and(|known| Arc::ptr_eq(known, &slot)) {
                open.remove(&copy);
            }
        }
    }

    /// Keeps a whole source of so many bytes for that time for the jobs that come next, if as much space is free beside
    /// it.
    pub(crate) async fn keep(&self, local: Arc<Local>, bytes: u64, time: Duration) {
        match self.blob.available().await {
            Ok(free) if free >= bytes => drop(self.kept.keep(local, time)),
            Ok(free) => tracing::debug!(bytes, free, "the copy of a source is not kept"),
            Err(error) => tracing::warn!(error = %model::Chain(&error), "the copy of a source is not kept"),
        }
    }

    /// Lets go of the copy that is kept; whether there was one.
    pub(crate) fn give_up_kept(&self) -> bool {
        self.kept.forget()
    }

    /// A file as large as the source in which only what probing reads is filled in; `None` where the whole source is
    /// needed, or where it costs no more.
    pub(crate) async fn to_probe(&self, object: ObjectId) -> Result<Option<Local>, Stop> {
        let bytes = self.blob.object(object).await?.size;
        let Some(map) = self.map(object, bytes).await? else { return Ok(None) };
        self.parts(object, &map, Map::to_probe).await
    }

    /// Adds to such a file what a look for captions within the picture reads beyond that.
    pub(crate) async fn to_find_captions(&self, object: ObjectId, local: &Local) -> Result<(), Stop> {
        let bytes = self.blob.object(object).await?.size;
        let Some(map) = self.map(object, bytes).await? else { return Ok(()) };
        match runtime::begin(move || map.to_find_captions()).await? {
            Some(ranges) => self.fill(local, object, ranges).await,
            None => Ok(()),
        }
    }

    /// The same with what a chunk needs.
    pub(crate) async fn to_encode(
        &self,
        object: ObjectId,
        asset: &Arc<Asset>,
        chunk: u32,
    ) -> Result<Option<Local>, Stop> {
        let Some(map) = self.map(object, asset.source.bytes).await? else { return Ok(None) };
        let asset = asset.clone();
        self.parts(object, &map, move |map| map.ranges(&asset.plan, chunk, &asset.source)).await
    }

    async fn parts(
        &self,
        object: ObjectId,
        map: &Arc<Map>,
        ranges: impl FnOnce(&Map) -> Option<Vec<Range<u64>>> + Send + 'static,
    ) -> Result<Option<Local>, Stop> {
        let walked = map.clone();
        let Some(ranges) = runtime::begin(move || ranges(&walked)).await? else { return Ok(None) };
        let needed = sum(&ranges);
        if needed > map.bytes() / 2 {
            return Ok(None);
        }
        tracing::debug!(%object, needed, of = map.bytes(), "parts of a source are fetched");
        self.fetch(object, map.bytes(), ranges).await.map(Some)
    }

    /// A file of so many bytes that has these ranges of the object where they belong.
    async fn fetch(&self, object: ObjectId, bytes: u64, ranges: Vec<Range<u64>>) -> Result<Local, Stop> {
        let local =
            Local::create(&self.folder, object, bytes).map_err(|error| Stop::of(&error, Fault::Transient))?;
        self.fill(&local, object, ranges).await?;
        Ok(local)
    }

    /// Copies these ranges of the object to where they belong, once there is space for them.
    async fn fill(&self, local: &Local, object: ObjectId, ranges: Vec<Range<u64>>) -> Result<(), Stop> {
        space(sum(&ranges), self.blob.available().await?)?;
        let file = local.file.try_clone().map_err(|error| Stop::of(&error, Fault::Transient))?;
        let file = Arc::new(file);
        let copies = stretches(ranges).into_iter().map(|range| self.copy(file.clone(), object, range));
        futures::stream::iter(copies).buffer_unordered(STRETCHES).try_collect().await
    }

    /// Copies a range of the object to where it belongs.
    async fn copy(&self, file: Arc<File>, object: ObjectId, range: Range<u64>) -> Result<(), Stop> {
        let mut at = range.start;
        let mut pieces = self.blob.read(object, range).await?;
        while let Some(piece) = pieces.next().await {
            let (piece, file, start) = (piece?, file.clone(), at);
            at += piece.len() as u64;
            let written = runtime::begin(move || file.write_all_at(&piece, start)).await?;
            written.map_err(|error| Stop::of(&error, Fault::Transient))?;
        }
        Ok(())
    }

    /// The index of a large source, read once for the jobs that need it, at the same time or one after another.
    async fn map(&self, object: ObjectId, bytes: u64) -> Result<Option<Arc<Map>>, Stop> {
        if bytes <= SMALL {
            return Ok(None);
        }
        let index = {
            let mut maps = runtime::lock(&self.maps);
            match maps.iter().find(|(of, _)| *of == object) {
                Some((_, index)) => index.clone(),
                None => {
                    if maps.len() >= MAPS {
                        maps.remove(0);
                    }
                    let index = Arc::new(Index::new());
                    maps.push((object, index.clone()));
                    index
                }
            }
        };
        Ok(index.get_or_try_init(|| self.read_map(object, bytes)).await?.clone())
    }

    async fn read_map(&self, object: ObjectId, bytes: u64) -> Result<Option<Arc<Map>>, Stop> {
        let mut finder = Finder::new(bytes);
        let mut step = finder.next(&[]);
        loop {
            match step {
                Step::Read(range) => {
                    let read = self.blob.read_to_vec(object, range).await?;
                    // The whole index is read last, and may be large.
                    (step, finder) = runtime::begin(move || (finder.next(&read), finder)).await?;
                }
                Step::Done(map) => return Ok(map.map(Arc::new)),
            }
        }
    }

    fn slot(&self, copy: &Copy) -> Arc<Slot> {
        let mut open = runtime::lock(&self.open);
        // Slots of sources that nobody uses any more go; one without a value is being filled.
        open.retain(|_, slot| slot.get().is_none_or(|weak| weak.strong_count() > 0));
        open.entry(copy.clone()).or_default().clone()
    }
}

async fn set_clock(local: &Arc<Local>, pieces: &[Piece]) -> Result<(), Stop> {
    let (local, pieces) = (local.clone(), pieces.to_vec());
    let set = runtime::begin(move || encode::clock::set(local.path(), &pieces)).await?;
    set.map_err(|error| Stop::of_encoder(&error))
}

fn sum(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

/// The same bytes in ranges that are short enough for some of them to be copied at the same time.
fn stretches(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let length = sum(&ranges).div_ceil(STRETCHES as u64).max(STRETCH);
    let cut = |range: Range<u64>| {
        let starts = range.clone().step_by(usize::try_from(length).unwrap_or(usize::MAX));
        starts.map(move |start| start..range.end.min(start.saturating_add(length)))
    };
    ranges.into_iter().flat_map(cut).collect()
}

/// Whether a copy of so many bytes fits; where not, what it waits for.
fn space(needs: u64, free: u64) -> Result<(), Stop> {
    if needs <= free {
        return Ok(());
    }
    let what = format_args!("a copy of the source needs {}, {} free", ByteSize(needs), ByteSize(free));
    Err(Stop::Held { why: pipeline::no_room(what) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_source_on_disk_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let local = Local::create(folder.path(), ObjectId::new(), 1 << 40).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        local.file.write_all_at(b"film", 1 << 39).unwrap();
        let mut read = [0; 4];
        File::open(local.path()).unwrap().read_exact_at(&mut read, 1 << 39).unwrap();
        assert_eq!(&read, b"film");
    }

    #[test]
    fn the_room_of_a_copy_comes_back_though_somebody_still_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let local = Local::create(folder.path(), ObjectId::new(), 1 << 20).unwrap();
        local.file.write_all_at(&[1; 1 << 20], 0).unwrap();
        let held = local.file.try_clone().unwrap();
        assert!(held.metadata().unwrap().blocks() > 0);
        drop(local);
        assert_eq!(held.metadata().unwrap().blocks(), 0);
    }

    #[test]
    fn stretches_have_every_byte_once() {
        assert_eq!(stretches(vec![0..3, 7..7, 9..10]), [0..3, 9..10]);
        let (short, long) = (STRETCH, STRETCH * 10);
        assert_eq!(stretches(vec![Range { start: 0, end: short + 1 }]), [0..short, short..short + 1]);
        let quarter = long / 4;
        let quarters = (0..4).map(|n| 5 + quarter * n..5 + quarter * (n + 1));
        assert_eq!(stretches(vec![Range { start: 5, end: long + 5 }]), quarters.collect::<Vec<_>>());
    }

    #[test]
    fn a_copy_without_room_waits_and_says_for_how_much() {
        assert!(space(40, 40).is_ok());
        let Err(Stop::Held { why }) = space(50_000_000_000, 40_000_000_000) else { panic!() };
        assert!(
            why.starts_with("waits for disk space: a copy of the source needs 50.0 GB, 40.0 GB free"),
            "{why}"
        );
    }
}
