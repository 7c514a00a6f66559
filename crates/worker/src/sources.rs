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
use model::ObjectId;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::sync::OnceCell;

use crate::task::Stop;

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

type Slot = OnceCell<Weak<Local>>;

/// Fetches sources out of the store.
#[derive(Debug)]
pub(crate) struct Sources {
    blob: Blob,
    folder: PathBuf,
    open: Mutex<HashMap<ObjectId, Arc<Slot>>>,
    /// The latest stands last; `None` where a source has no index that is understood.
    maps: Mutex<Vec<(ObjectId, Option<Arc<Map>>)>>,
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
                    let local = Arc::new(self.fetch(object, bytes, std::iter::once(0..bytes)).await?);
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
        self.parts(object, &map, map.to_probe()).await
    }

    /// The same with what a chunk needs.
    pub(crate) async fn to_encode(
        &self,
        object: ObjectId,
        asset: &Asset,
        chunk: u32,
    ) -> Result<Option<Local>, Stop> {
        let Some(map) = self.map(object, asset.source.bytes).await? else { return Ok(None) };
        self.parts(object, &map, map.ranges(&asset.plan, chunk, &asset.source)).await
    }

    /// The same with what posters are chosen from.
    pub(crate) async fn to_look(&self, object: ObjectId, asset: &Asset) -> Result<Option<Local>, Stop> {
        let Some(video) = &asset.source.video else { return Ok(None) };
        let Some(map) = self.map(object, asset.source.bytes).await? else { return Ok(None) };
        self.parts(object, &map, map.around(&asset.source, &stills::moments(video))).await
    }

    async fn parts(
        &self,
        object: ObjectId,
        map: &Map,
        ranges: Option<Vec<Range<u64>>>,
    ) -> Result<Option<Local>, Stop> {
        let Some(ranges) = ranges else { return Ok(None) };
        let needed: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        if needed > map.bytes() / 2 {
            return Ok(None);
        }
        tracing::debug!(%object, needed, of = map.bytes(), "parts of a source are fetched");
        self.fetch(object, map.bytes(), ranges).await.map(Some)
    }

    /// A file of so many bytes that has these ranges of the object where they belong.
    async fn fetch(
        &self,
        object: ObjectId,
        bytes: u64,
        ranges: impl IntoIterator<Item = Range<u64>>,
    ) -> Result<Local, Stop> {
        let failed = |error: io::Error| Stop::failed(&error, true);
        let local = Local::create(&self.folder, object, bytes).map_err(failed)?;
        let mut file = tokio::fs::File::from_std(local.file.try_clone().map_err(failed)?);
        for range in ranges {
            file.seek(io::SeekFrom::Start(range.start)).await.map_err(failed)?;
            let mut pieces = self.blob.read(object, range).await?;
            while let Some(piece) = pieces.next().await {
                file.write_all(&piece?).await.map_err(failed)?;
            }
        }
        file.flush().await.map_err(failed)?;
        Ok(local)
    }

    /// The index of a large source, read once for the jobs that need it one after another.
    async fn map(&self, object: ObjectId, bytes: u64) -> Result<Option<Arc<Map>>, blob::Error> {
        if bytes <= SMALL {
            return Ok(None);
        }
        let known = {
            let maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
            maps.iter().find(|(of, _)| *of == object).map(|(_, map)| map.clone())
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let mut finder = Finder::new(bytes);
        let mut step = finder.next(&[]);
        let map = loop {
            match step {
                Step::Read(range) => step = finder.next(&self.blob.read_to_vec(object, range).await?),
                Step::Done(map) => break map.map(Arc::new),
            }
        };
        let mut maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        if maps.len() >= MAPS {
            maps.remove(0);
        }
        maps.push((object, map.clone()));
        Ok(map)
    }

    fn slot(&self, object: ObjectId) -> Arc<Slot> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Slots of sources that nobody uses any more cost nothing but their place in the map.
        open.retain(|_, slot| slot.get().is_none_or(|weak| weak.strong_count() > 0));
        open.entry(object).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

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
}
