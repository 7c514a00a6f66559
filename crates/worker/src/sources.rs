//! Sources as local files: whole, each fetched once for all jobs that need it at the same time, or with nothing but
//! the bytes that one job needs.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use blob::Blob;
use catalogue::Asset;
use encode::extent::{Finder, Map, Step};
use encode::stills;
use futures::StreamExt;
use jobs::Fault;
use model::{ByteSize, ObjectId};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::sync::OnceCell;

use crate::stop::Stop;

/// A source up to that size is fetched whole: that costs less than looking at its index for every chunk.
const SMALL: u64 = 32 << 20;
/// Indexes that stay read.
const MAPS: usize = 4;

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
    /// Gives the room back now: a process that is just being started, or does not die, may hold the file for longer, and
    /// who needs that room asks next.
    fn drop(&mut self) {
        if let Err(error) = self.file.set_len(0) {
            tracing::warn!(error = %model::Chain(&error), "the room of a source's copy comes back later");
        }
    }
}

type Slot = OnceCell<Weak<Local>>;
/// `None` where a source has no index that is understood.
type Index = OnceCell<Option<Arc<Map>>>;

/// Fetches sources out of the store.
#[derive(Debug)]
pub(crate) struct Sources {
    blob: Blob,
    folder: PathBuf,
    open: Mutex<HashMap<ObjectId, Arc<Slot>>>,
    /// The latest stands last.
    maps: Mutex<Vec<(ObjectId, Arc<Index>)>>,
}

impl Sources {
    pub(crate) fn new(blob: Blob, folder: PathBuf) -> Self {
        Self { blob, folder, open: Mutex::default(), maps: Mutex::default() }
    }

    /// The whole source as a file; waits while another job fetches the same one.
    pub(crate) async fn whole(&self, object: ObjectId) -> Result<Arc<Local>, Stop> {
        loop {
            let slot = self.slot(object);
            let mut mine = None;
            let weak = slot
                .get_or_try_init(|| async {
                    let bytes = self.blob.object(object).await?.size;
                    let local =
                        Arc::new(self.fetch(object, bytes, vec![Range { start: 0, end: bytes }]).await?);
                    let weak = Arc::downgrade(&local);
                    mine = Some(local);
                    Ok::<_, Stop>(weak)
                })
                .await?;
            if let Some(local) = weak.upgrade() {
                return Ok(local);
            }
            // The last user let go meanwhile: forget the slot and fetch again.
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if open.get(&object).is_some_and(|known| Arc::ptr_eq(known, &slot)) {
                open.remove(&object);
            }
        }
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
        match blocking(move || map.to_find_captions()).await? {
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

    /// The same with what posters are chosen from.
    pub(crate) async fn to_look(&self, object: ObjectId, asset: &Arc<Asset>) -> Result<Option<Local>, Stop> {
        let Some(video) = &asset.source.video else { return Ok(None) };
        let Some(map) = self.map(object, asset.source.bytes).await? else { return Ok(None) };
        let (asset, moments) = (asset.clone(), stills::moments(video));
        self.parts(object, &map, move |map| map.around(&asset.source, &moments)).await
    }

    async fn parts(
        &self,
        object: ObjectId,
        map: &Arc<Map>,
        ranges: impl FnOnce(&Map) -> Option<Vec<Range<u64>>> + Send + 'static,
    ) -> Result<Option<Local>, Stop> {
        let walked = map.clone();
        let Some(ranges) = blocking(move || ranges(&walked)).await? else { return Ok(None) };
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

    /// Copies these ranges of the object to where they belong, once there is room for them.
    async fn fill(&self, local: &Local, object: ObjectId, ranges: Vec<Range<u64>>) -> Result<(), Stop> {
        room(sum(&ranges), self.blob.available().await?)?;
        let failed = |error: io::Error| Stop::of(&error, Fault::Transient);
        let mut file = tokio::fs::File::from_std(local.file.try_clone().map_err(failed)?);
        for range in ranges {
            file.seek(io::SeekFrom::Start(range.start)).await.map_err(failed)?;
            let mut pieces = self.blob.read(object, range).await?;
            while let Some(piece) = pieces.next().await {
                file.write_all(&piece?).await.map_err(failed)?;
            }
        }
        file.flush().await.map_err(failed)
    }

    /// The index of a large source, read once for the jobs that need it, at the same time or one after another.
    async fn map(&self, object: ObjectId, bytes: u64) -> Result<Option<Arc<Map>>, Stop> {
        if bytes <= SMALL {
            return Ok(None);
        }
        let index = {
            let mut maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
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
                    // What is read last is the whole index, which may be large.
                    (step, finder) = blocking(move || (finder.next(&read), finder)).await?;
                }
                Step::Done(map) => return Ok(map.map(Arc::new)),
            }
        }
    }

    fn slot(&self, object: ObjectId) -> Arc<Slot> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Slots of sources that nobody uses any more go; one without a value is being filled.
        open.retain(|_, slot| slot.get().is_none_or(|weak| weak.strong_count() > 0));
        open.entry(object).or_default().clone()
    }
}

fn sum(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

/// Whether a copy of so many bytes fits; where not, what it waits for.
fn room(needs: u64, free: u64) -> Result<(), Stop> {
    if needs <= free {
        return Ok(());
    }
    let what = format_args!("a copy of the source needs {}, {} free", ByteSize(needs), ByteSize(free));
    Err(Stop::Held { why: pipeline::no_room(what) })
}

/// Walks an index where that may take its time.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Stop> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Stop::of(&error, Fault::Transient))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, MetadataExt};

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
    fn a_copy_without_room_waits_and_says_for_how_much() {
        assert!(room(40, 40).is_ok());
        let Err(Stop::Held { why }) = room(50_000_000_000, 40_000_000_000) else { panic!() };
        assert!(
            why.starts_with("waits for disk space: a copy of the source needs 50.0 GB, 40.0 GB free"),
            "{why}"
        );
    }
}
