//! Looking up and reading, each thing once: bounded caches whose misses are shared by all who wait.

use std::sync::Arc;
use std::time::Duration;

use blob::Blob;
use bytes::Bytes;
use catalogue::Catalogue;
use model::plan::Track;
use model::{AssetId, BucketName, ConfigurationId, Generation};
use moka::future::Cache;
use package::index::{Index, Sample, Segment};
use package::{Answer, Asset, Layout, Request};
use pipeline::Pipeline;
use runtime::blocking;

use crate::Config;
use crate::error::{Error, Result};
use crate::laid::Laid;
use crate::meter::Meter;
use crate::ready::{Read, Ready};
use crate::stored::Stored;
use crate::waiting::Waiting;

/// Assets whose plans stay laid out.
const LAYOUTS: u64 = 64;

/// Generations whose status is remembered.
const STATUSES: u64 = 1024;

/// Segments and samples that an answer may be made of on the runtime itself, in a small part of the half millisecond that
/// is nobody's to take.
const SHORT: usize = 1000;

/// The target of a request's path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub(crate) asset: AssetId,
    pub(crate) configuration: ConfigurationId,
    pub(crate) generation: Generation,
    pub(crate) request: Request,
}

/// Generation, configuration, whether it was complete: what an answer depends on besides the request.
type Version = (Generation, ConfigurationId, bool);

/// The catalogue and the store behind caches.
#[derive(Debug)]
pub(crate) struct Store {
    catalogue: Catalogue,
    blob: Blob,
    statuses: Cache<(AssetId, Generation), Arc<catalogue::Asset>>,
    layouts: Cache<Version, Arc<Laid>>,
    chunks: Cache<(Generation, Track, u32), Stored>,
    answers: Cache<(Version, Request), Arc<Ready>>,
    reads: Cache<Read, Bytes>,
    meter: Meter,
    pub(crate) waiting: Waiting,
}

impl Store {
    pub(crate) fn new(
        catalogue: Catalogue,
        blob: Blob,
        pipeline: Pipeline,
        config: Config,
        meter: Meter,
    ) -> Self {
        let age = Duration::from_millis(config.status_age_ms.into());
        Self {
            catalogue,
            blob,
            statuses: Cache::builder().max_capacity(STATUSES).time_to_live(age).build(),
            layouts: Cache::new(LAYOUTS),
            chunks: Cache::builder()
                .max_capacity(config.index_cache_bytes)
                .weigher(|_, stored: &Stored| index_bytes(&stored.index))
                .build(),
            answers: Cache::builder()
                .max_capacity(config.answer_cache_bytes)
                .weigher(|_, ready: &Arc<Ready>| ready.weight())
                .build(),
            reads: Cache::builder()
                .max_capacity(config.read_cache_bytes)
                .weigher(|_, bytes: &Bytes| u32::try_from(bytes.len()).unwrap_or(u32::MAX))
                .build(),
            meter,
            waiting: Waiting::new(pipeline, config),
        }
    }

    /// Looks the answer to a request up; [`Error::NotYet`] where it needs a chunk that is not stored.
    pub(crate) async fn look(&self, named: Named) -> Result<Arc<Ready>> {
        let asset = self.status(named.asset, named.generation).await?;
        let version = (named.generation, named.configuration, asset.complete);
        let make = async {
            let laid = self.layouts.try_get_with(version, self.lay_out(asset, named.configuration));
            let laid = laid.await.map_err(|e| (*e).clone())?;
            self.answer(&laid, named).await.map(Arc::new)
        };
        self.answers.try_get_with((version, named.request), make).await.map_err(|e| (*e).clone())
    }

    /// Reads bytes of an object; equal reads share one.
    ///
    /// The read continues by itself: a client that stops reading its body must not block others that wait for the same.
    pub(crate) async fn read(&self, read: Read) -> Result<Bytes> {
        // Most was read lately: then there is nothing to wait for, and no reason to wake another thread.
        let held = async {
            let held = self.blob.read_held(read.object, &(read.start..read.end));
            held.inspect(|_| self.meter.count(read.end - read.start)).ok_or_else(|| shared(Error::NotHeld))
        };
        match self.reads.try_get_with(read, held).await {
            Err(error) if matches!(**error, Error::NotHeld) => {}
            found => return found.map_err(|e| (*e).clone()),
        }
        let (reads, blob, meter) = (self.reads.clone(), self.blob.clone(), self.meter.clone());
        let make = async move || {
            meter.count(read.end - read.start);
            let bytes = blob.read_bytes(read.object, read.start..read.end).await;
            bytes.map_err(|e| Arc::new(Error::Read(e)))
        };
        let task = tokio::spawn(async move {
            loop {
                match reads.try_get_with(read, make()).await {
                    // Somebody else was just looking whether it is in memory.
                    Err(error) if matches!(**error, Error::NotHeld) => {}
                    found => return found,
                }
            }
        });
        task.await.map_err(|_stopped| Arc::new(Error::Interrupted))?.map_err(|e| (*e).clone())
    }

    /// The generation as it was at most [`Config::status_age_ms`] ago.
    pub(crate) async fn status(
        &self,
        asset: AssetId,
        generation: Generation,
    ) -> Result<Arc<catalogue::Asset>> {
        let make = async { self.catalogue.asset(asset, generation).await.map_err(shared) };
        self.statuses.try_get_with((asset, generation), make).await.map_err(|e| (*e).clone())
    }

    /// An unfinished generation as it was laid out lately.
    pub(crate) async fn laid(&self, named: Named) -> Result<Option<Arc<Laid>>> {
        let asset = self.status(named.asset, named.generation).await?;
        Ok(match asset.complete {
            true => None,
            false => self.layouts.get(&(named.generation, named.configuration, false)).await,
        })
    }

    async fn lay_out(
        &self,
        asset: Arc<catalogue::Asset>,
        configuration: ConfigurationId,
    ) -> Result<Arc<Laid>> {
        let found = self.catalogue.configuration(configuration).await.map_err(shared)?;
        let configuration = found.ok_or_else(|| shared(Error::NotFound))?;
        let laid = blocking(move || -> Result<_, Error> {
            let layout = Layout::new(&asset.plan, &configuration.settings)?;
            let measured = match &asset.measured {
                Some(json) if asset.complete => Some(json.clone()),
                None if asset.complete => return Err(Error::NotMeasured),
                _ => None,
            };
            let measured = measured.map(serde_json::from_value).transpose().map_err(Error::Measured)?;
            Ok(Laid { asset, layout, measured })
        });
        laid.await.map(Arc::new).map_err(Arc::new)
    }

    async fn answer(&self, laid: &Arc<Laid>, named: Named) -> Result<Ready> {
        let request = named.request;
        if let Some(file) = still(&request) {
            return self.still(named, &file).await;
        }
        let needed = package::chunks(&request, &laid.asset()).map_err(shared)?;
        let mut sources = Vec::with_capacity(needed.len());
        for (track, chunk) in needed {
            let segment = laid.place(&request, chunk);
            sources.push(self.stored(named.generation, track, chunk, segment).await?);
        }
        let stills = match request {
            Request::StoryboardVtt => Some(self.catalogue.stills(named.generation).await.map_err(shared)?),
            _ => None,
        };
        let size = laid.size(&request, &sources);
        let laid = laid.clone();
        let work = move || -> Result<_, Error> {
            let indexes: Vec<&Index> = sources.iter().map(|s| &*s.index).collect();
            let asset = Asset { stills: stills.as_ref(), ..laid.asset() };
            let answer: Answer = package::answer(&request, &asset, &indexes)?;
            Ok(Ready::new(answer, &sources))
        };
        // A long playlist takes milliseconds to render; for anything short, waking another thread costs more than that.
        let answer = if size <= SHORT { work() } else { blocking(work).await };
        answer.map_err(Arc::new)
    }

    /// A still picture: a file of the generation.
    async fn still(&self, named: Named, file: &str) -> Result<Ready> {
        let key = format!("{}/{}/{file}", named.asset, named.generation);
        let key = key.parse().map_err(|_| shared(Error::NotFound))?;
        match self.blob.head(&BucketName::media(), &key).await {
            Ok(object) => Ready::object(&object, "image/jpeg").map_err(|error| shared(Error::Read(error))),
            Err(blob::Error::NoSuchKey | blob::Error::NoSuchBucket(_)) => Err(shared(Error::NotFound)),
            Err(error) => Err(shared(Error::Read(error))),
        }
    }

    /// The chunk's place and index; [`Error::NotYet`] while it is not stored, which is not remembered.
    pub(crate) async fn stored(
        &self,
        generation: Generation,
        track: Track,
        chunk: u32,
        segment: u32,
    ) -> Result<Stored> {
        let make = async {
            let row = self.catalogue.chunk(generation, track, chunk).await.map_err(shared)?;
            let row = row.ok_or_else(|| shared(Error::NotYet { track, chunk, segment }))?;
            let index = Index::decode(&row.index).map_err(shared)?;
            let index = Arc::new(index);
            Ok::<_, Arc<Error>>(Stored { track, chunk, object: row.object, sha256: row.sha256, index })
        };
        self.chunks.try_get_with((generation, track, chunk), make).await.map_err(|e| (*e).clone())
    }
}

/// The file of a generation that a request names.
fn still(request: &Request) -> Option<String> {
    let still = matches!(request, Request::Poster(_) | Request::FirstPoster(_) | Request::Storyboard(_));
    still.then(|| request.to_string())
}

fn shared(error: impl Into<Error>) -> Arc<Error> {
    Arc::new(error.into())
}

fn index_bytes(index: &Index) -> u32 {
    let samples: usize = index.segments.iter().map(|s| s.samples.len()).sum();
    let bytes = samples * size_of::<Sample>() + index.segments.len() * size_of::<Segment>() + 256;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
