//! Removing what nobody needs any more: deleted titles, replaced encodes, old jobs.
//!
//! Every step is a transaction that leaves a smaller rest, and the title's own row goes last: a process that is killed
//! anywhere is followed by one that continues.

use std::time::{Duration, Instant};

use model::{AssetId, BucketName, Generation, Key, TitleId};
use tokio_util::sync::CancellationToken;

use crate::{Pipeline, Result, Work};

/// How often deleted titles are looked for when none was announced.
const LOOK: Duration = Duration::from_secs(5);
/// How often old encodes and jobs are looked for.
const SWEEP: Duration = Duration::from_secs(600);
/// Rows of one step.
const BATCH: u32 = 200;
/// How long it is remembered that an asset is gone after its title's last row went, in ms: longer than any poll.
const GONE_MS: i64 = 86_400_000;

/// Removes titles whose time has come, replaced encodes and old jobs. A service.
#[derive(Debug)]
pub struct Remover {
    pub(crate) pipeline: Pipeline,
}

impl Remover {
    /// Runs until told to stop.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut swept: Option<Instant> = None;
        // When the bytes of what was removed last may go.
        let mut bytes: Option<Instant> = None;
        loop {
            match self.pipeline.remove_due().await {
                Ok(0) => {}
                Ok(_) => bytes = Some(Instant::now() + self.pipeline.blob.lingers()),
                Err(error) => {
                    tracing::error!(
                        error = %model::Chain(&error),
                        "cannot remove deleted titles"
                    )
                }
            }
            if bytes.take_if(|due| *due <= Instant::now()).is_some()
                && let Err(error) = self.pipeline.blob.sweep(self.pipeline.db.now()).await
            {
                tracing::warn!(error = %model::Chain(&error), "left to the store's sweeper");
            }
            if swept.is_none_or(|at| at.elapsed() >= SWEEP) {
                swept = Some(Instant::now());
                if let Err(error) = self.pipeline.remove_old().await {
                    tracing::error!(error = %model::Chain(&error), "cannot remove old work");
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = self.pipeline.removals.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

impl Pipeline {
    /// Removes deleted titles and original files whose time has come; answers how many.
    async fn remove_due(&self) -> Result<usize> {
        Ok(self.remove_doomed().await? + self.drop_due_sources().await?)
    }

    /// Deletes original files whose time has come; answers how many. One that is needed, or cannot be deleted, is looked at
    /// again and holds up no other.
    pub async fn drop_due_sources(&self) -> Result<usize> {
        let mut dropped = 0;
        for title in self.catalogue.sources_due(self.db.now()).await? {
            match self.drop_due_source(title).await {
                Ok(gone) => dropped += usize::from(gone),
                Err(error) => {
                    let error = model::Chain(&error);
                    tracing::error!(%title, %error, "original file not deleted; retrying");
                }
            }
        }
        Ok(dropped)
    }

    async fn drop_due_source(&self, id: TitleId) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        if !self.catalogue.lock(&mut tx, id).await?
            || self.jobs.live_in(&mut tx, id, None).await? > 0
            || !self.catalogue.is_source_due(&mut tx, id, self.db.now()).await?
        {
            return Ok(false);
        }
        self.discard_source(&mut tx, id).await?;
        tx.commit().await?;
        tracing::info!(title = %id, "original file removed");
        Ok(true)
    }

    /// Removes deleted titles whose time has come; answers how many. One that cannot be removed is tried again at the
    /// next look and holds up no other.
    pub async fn remove_doomed(&self) -> Result<usize> {
        let mut removed = 0;
        for title in self.catalogue.due_for_removal(self.db.now()).await? {
            match self.remove(title).await {
                Ok(gone) => removed += usize::from(gone),
                Err(error) => {
                    let error = model::Chain(&error);
                    tracing::error!(%title, %error, "deleted title not removed; retrying");
                }
            }
        }
        Ok(removed)
    }

    async fn remove(&self, id: TitleId) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let Some(doomed) = self.catalogue.begin_purge(&mut tx, self.db.now(), id).await? else {
            return Ok(false);
        };
        tx.commit().await?;
        self.remove_chunks(id, None).await?;
        for asset in &doomed.assets {
            self.remove_files(&folder(*asset, None)).await?;
        }
        let mut tx = self.db.begin().await?;
        self.jobs.forget_title(&mut tx, id).await?;
        if let Some(object) = self.catalogue.let_go_source(&mut tx, id).await? {
            blob::release(&mut tx, object).await?;
        }
        if !doomed.spare_source {
            blob::discard(&mut tx, doomed.source_object).await?;
        }
        self.catalogue.forget(&mut tx, id).await?;
        tx.commit().await?;
        tracing::info!(title = %id, "deleted title removed");
        Ok(true)
    }

    /// Removes encodes that were replaced long enough ago, jobs that ended long ago, and memories of deleted titles. An
    /// encode that cannot be removed is tried again at the next look and holds up nothing else.
    pub async fn remove_old(&self) -> Result<()> {
        for (title, asset, generation) in self.superseded().await? {
            if let Err(error) = self.remove_generation(title, asset, generation).await {
                let error = model::Chain(&error);
                tracing::error!(%title, %generation, %error, "replaced encode not removed; retrying");
            }
        }
        let jobs = self.jobs.prune(self.db.now().plus_ms(-self.config.job_ms())).await?;
        if jobs > 0 {
            tracing::info!(jobs, "old jobs removed");
        }
        self.catalogue.forget_gone(self.db.now().plus_ms(-GONE_MS)).await?;
        Ok(())
    }

    /// Encodes whose time has come by now.
    async fn superseded(&self) -> Result<Vec<(TitleId, AssetId, Generation)>> {
        Ok(self.catalogue.superseded(self.db.now().plus_ms(-self.config.generation_ms())).await?)
    }

    /// Unless the title is being worked on, or shows it by now. Its jobs go first, so that nobody tries an encode again
    /// whose chunks are being taken.
    async fn remove_generation(&self, title: TitleId, asset: AssetId, generation: Generation) -> Result<()> {
        let mut tx = self.db.begin().await?;
        self.jobs.lock_title(&mut tx, title).await?;
        if !self.catalogue.lock(&mut tx, title).await?
            || self.jobs.live_in(&mut tx, title, None).await? > 0
            || !self.superseded().await?.contains(&(title, asset, generation))
        {
            return Ok(());
        }
        for keys in Work::keys_of(generation) {
            self.jobs.forget_ended(&mut tx, title, &keys).await?;
        }
        tx.commit().await?;
        self.remove_chunks(title, Some(generation)).await?;
        self.remove_files(&folder(asset, Some(generation))).await?;
        let mut tx = self.db.begin().await?;
        self.catalogue.forget_generation(&mut tx, generation).await?;
        tx.commit().await?;
        tracing::info!(%title, %generation, "replaced encode removed");
        Ok(())
    }

    async fn remove_chunks(&self, title: TitleId, generation: Option<Generation>) -> Result<()> {
        loop {
            let mut tx = self.db.begin().await?;
            let objects = self.catalogue.take_chunks(&mut tx, title, generation, BATCH).await?;
            for object in &objects {
                blob::discard(&mut tx, *object).await?;
            }
            tx.commit().await?;
            if objects.is_empty() {
                return Ok(());
            }
        }
    }

    /// Removes everything else below a folder of bucket `media`: posters, storyboards and what else was made.
    async fn remove_files(&self, folder: &Key) -> Result<()> {
        loop {
            let mut tx = self.db.begin().await?;
            let files = blob::discard_folder(&mut tx, &BucketName::media(), folder, BATCH).await?;
            tx.commit().await?;
            if files == 0 {
                return Ok(());
            }
        }
    }
}

fn folder(asset: AssetId, generation: Option<Generation>) -> Key {
    let name = generation.map_or_else(|| format!("{asset}/"), |generation| format!("{asset}/{generation}/"));
    name.parse().expect("ids make a key")
}
