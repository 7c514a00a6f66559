//! Where workers hand in what they made. Every call is fenced by the worker's lease and changes title, chunks and
//! queue in one transaction.

use std::sync::Arc;

use blob::{By, New, Staged};
use catalogue::{Asset, Chunk, Title};
use db::Tx;
use jobs::{Ended, Fault, Lease, NewGroup, Outcome};
use model::media::Source;
use model::plan::{Medium, Track};
use model::{AssetId, BucketName, Generation, Plan, TitleId};
use package::{Index, Measured};
use serde_json::json;

use crate::work::{OfChunk, OfGeneration, OfPictures, Pictures};
use crate::{Error, Pipeline, Result, Work, media_key};

/// One track of an encoded chunk, its bytes staged in the store.
pub struct Made {
    /// Which track.
    pub track: Track,
    /// The CMAF bytes.
    pub bytes: Staged,
    /// Hash of the plaintext.
    pub sha256: [u8; 32],
    /// The index in its stored form.
    pub index: Vec<u8>,
    /// A note for people.
    pub note: Option<String>,
}

impl Pipeline {
    /// The title that a job works for.
    pub async fn title(&self, id: TitleId) -> Result<Title> {
        Ok(self.catalogue.title(id).await?)
    }

    /// The asset that a chunk belongs to, or pictures.
    pub async fn asset(&self, asset: AssetId, generation: Generation) -> Result<Arc<Asset>> {
        Ok(self.catalogue.asset(asset, generation).await?)
    }

    /// The source can be played: its facts are shown while the plan is made.
    pub async fn probed(&self, lease: &Lease, title: TitleId, source: &Source) -> Result<()> {
        self.jobs.heartbeat(self.db.now(), lease).await?;
        let mut tx = self.db.begin().await?;
        self.catalogue.keep_facts(&mut tx, title, source).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The plan is fixed: manifests can be rendered from now on, and its chunks are queued. `notes` say what of the
    /// source is not as its file has it.
    pub async fn planned(
        &self,
        lease: &Lease,
        title: TitleId,
        (source, notes): (&Source, &[String]),
        plan: &Plan,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        self.jobs
            .complete(&mut tx, self.db.now(), lease, Some(&json!({ "chunks": plan.chunks.len() })))
            .await?;
        let (asset, generation) =
            self.catalogue.add_generation(&mut tx, self.db.now(), title, source, plan).await?;
        self.catalogue.add_source_notes(&mut tx, generation, notes).await?;
        let of = |chunk| OfChunk { title, asset, generation, chunk };
        let members = (0..).zip(&plan.chunks).map(|(n, chunk)| {
            // A film starts without its captions.
            let head = chunk.segments.start == 0 && !matches!(chunk.of, Medium::Captions(_));
            let at = plan.grid.boundaries.get(chunk.segments.start as usize).copied().unwrap_or_default();
            Work::chunk(&of(n), head, plan.grid.ticks(at, 1000), &plan.fingerprint)
        });
        let group = NewGroup {
            title: Some(title),
            key: Some(format!("chunks/{generation}")),
            members: members.collect(),
            then: vec![Work::publish(&OfGeneration { title, asset, generation })],
        };
        self.jobs.enqueue_group(&mut tx, self.db.now(), &group).await?;
        if source.video.is_none() {
            // The cover, which is not part of the encode.
            let of = OfPictures { title, asset, generation, pictures: Pictures::Posters };
            self.jobs.enqueue(&mut tx, self.db.now(), &Work::pictures(&of)).await?;
        }
        self.catalogue.begin_encoding(&mut tx, title).await?;
        tx.commit().await?;
        self.jobs.wake();
        tracing::info!(%title, %generation, chunks = plan.chunks.len(), "title planned");
        Ok(())
    }

    /// A chunk is encoded: its bytes get their names, its segments can be delivered.
    pub async fn encoded(&self, lease: &Lease, of: &OfChunk, made: Vec<Made>) -> Result<()> {
        let asset = self.asset(of.asset, of.generation).await?;
        let missing = || Error::NotPlanned { title: of.title, chunk: of.chunk };
        let chunk = asset.plan.chunk(of.chunk).ok_or_else(missing)?;
        let expected = asset.plan.tracks_of(chunk);
        if expected.len() != made.len() || !made.iter().all(|m| expected.contains(&m.track)) {
            return Err(missing());
        }
        let mut tx = self.db.begin().await?;
        self.jobs.complete(&mut tx, self.db.now(), lease, None).await?;
        for Made { track, bytes, sha256, index, note } in made {
            let ending = if matches!(track, Track::Captions(_)) { "vtt" } else { "cmf" };
            let key = media_key(of.asset, of.generation, &format!("{track}/{}.{ending}", of.chunk));
            let size = bytes.size();
            let stands =
                self.catalogue.chunk_stands(&mut tx, of.generation, track, of.chunk, &sha256).await?;
            if stands {
                continue;
            }
            let object =
                self.blob.commit_in(&mut tx, bytes, New::named(BucketName::media(), key, By::Kinora)).await?;
            let row = Chunk { track, chunk: of.chunk, object: object.id, bytes: size, sha256, index };
            self.catalogue.add_chunk(&mut tx, self.db.now(), of.generation, &row).await?;
            if let Some(note) = note {
                self.catalogue.add_chunk_note(&mut tx, of.generation, (track, of.chunk), &note).await?;
            }
        }
        if chunk.of == Medium::Video && chunk.segments.start == 0 {
            self.want_pictures(&mut tx, &asset, &[Pictures::First]).await?;
        }
        tx.commit().await?;
        self.demand.met(of.generation, of.chunk);
        self.changes.send_replace(());
        self.jobs.wake();
        Ok(())
    }

    /// Everything is there: it is counted once more, measured, and published.
    pub async fn publish(&self, lease: &Lease, of: &OfGeneration) -> Result<()> {
        let asset = self.catalogue.asset(of.asset, of.generation).await?;
        let mut indexes = Vec::new();
        let mut missing = 0;
        for track in asset.plan.tracks() {
            let rows = self.catalogue.chunks(of.generation, track).await?;
            missing += chunks_of(&asset.plan, track.medium()).saturating_sub(rows.len());
            for row in &rows {
                let index =
                    Index::decode(&row.index).map_err(|source| Error::Index { title: of.title, source })?;
                indexes.push((track, index));
            }
        }
        if missing > 0 {
            return Err(Error::Incomplete { title: of.title, missing });
        }
        let measured = Measured::of(&asset.plan, indexes.iter().map(|(track, index)| (*track, index)))
            .map_err(|source| Error::Index { title: of.title, source })?;
        let mut tx = self.db.begin().await?;
        self.jobs.complete(&mut tx, self.db.now(), lease, None).await?;
        self.catalogue.complete(&mut tx, self.db.now(), of.generation, &measured).await?;
        self.catalogue.unpromise(&mut tx, of.title).await?;
        if asset.source.video.is_some() {
            self.want_pictures(&mut tx, &asset, &[Pictures::Posters, Pictures::Storyboard]).await?;
        }
        self.settle(&mut tx, of.title).await?;
        tx.commit().await?;
        self.jobs.wake();
        tracing::info!(title = %of.title, generation = %of.generation, "title published");
        Ok(())
    }

    /// Has pictures made of what is encoded of a film.
    async fn want_pictures(&self, tx: &mut Tx, asset: &Asset, wanted: &[Pictures]) -> Result<()> {
        for pictures in wanted.iter().copied() {
            let of =
                OfPictures { title: asset.title, asset: asset.id, generation: asset.generation, pictures };
            self.jobs.enqueue(tx, self.db.now(), &Work::pictures(&of)).await?;
        }
        Ok(())
    }

    /// The source cannot be played: the title ends with words for a person, and so does the job.
    pub async fn rejected(&self, lease: &Lease, title: TitleId, reason: &str) -> Result<()> {
        let mut tx = self.db.begin().await?;
        self.jobs.fail(&mut tx, self.db.now(), lease, &Fault::Permanent(reason.to_owned())).await?;
        self.cancel_rest(&mut tx, title, reason).await?;
        match self.catalogue.reject(&mut tx, title, reason).await {
            // A newer encode of a published title.
            Err(catalogue::Error::Transition { from, .. }) if from.is_final() => {}
            other => other?,
        }
        self.settle(&mut tx, title).await?;
        tx.commit().await?;
        self.changes.send_replace(());
        tracing::info!(%title, reason, "title rejected");
        Ok(())
    }

    /// A try of a job ended badly: it comes back, or it ends and its title with it. `log` is kept with the job.
    pub async fn failed(&self, lease: &Lease, fault: &Fault, log: &[String]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        self.jobs.log_in(&mut tx, self.db.now(), lease, log).await?;
        if let Outcome::Ended(ended) = self.jobs.fail(&mut tx, self.db.now(), lease, fault).await? {
            self.ended(&mut tx, &ended).await?;
        }
        tx.commit().await?;
        self.changes.send_replace(());
        Ok(())
    }

    /// Tells a title that a job of its ended for good.
    pub(crate) async fn ended(&self, tx: &mut Tx, ended: &Ended) -> Result<()> {
        let Some(title) = ended.title else { return Ok(()) };
        if ended.kind == Work::PICTURES {
            tracing::warn!(%title, job = %ended.job, reason = ended.reason, "title has no pictures");
            return self.settle(tx, title).await;
        }
        tracing::error!(%title, job = %ended.job, kind = ended.kind, reason = ended.reason, "title failed");
        self.cancel_rest(tx, title, &ended.reason).await?;
        self.end(tx, title, &ended.reason).await
    }

    /// Cancels the other queued jobs of a title whose work has failed. Nobody looks at pictures of a title that fails;
    /// those of one that plays all the same are made.
    async fn cancel_rest(&self, tx: &mut Tx, title: TitleId, why: &str) -> Result<()> {
        if !self.catalogue.is_published(tx, title).await? {
            self.jobs.cancel_title(tx, self.db.now(), title, why).await?;
        }
        Ok(())
    }
}

fn chunks_of(plan: &Plan, medium: Medium) -> usize {
    plan.chunks.iter().filter(|chunk| chunk.of == medium).count()
}
