//! Space on the disk: an encode begins when all the bytes it may need are free, and waits by itself until they are.

use std::fmt::Display;

use catalogue::{SpaceBudget, space};
use jobs::{Lease, Wait};
use model::{ByteSize, TitleId, WaitsFor};

use crate::work::{OfChunk, Work};
use crate::{Pipeline, Result};

/// How long work that found no space waits before it looks again, in ms.
const HOLD_MS: i64 = 5_000;

/// The reason of work that found no space: `what` is missing, and what people can do.
pub fn no_room(what: impl Display) -> String {
    format!("waits for disk space: {what}; delete titles or sources, or add a disk")
}

impl Pipeline {
    /// Whether there is space for a chunk to be encoded now; otherwise why not.
    pub async fn find_room(&self, of: &OfChunk) -> Result<Option<String>> {
        let asset = self.asset(of.asset, of.generation).await?;
        let available = self.available().await?;
        let mut tx = self.db.begin().await?;
        // The end of a title's work releases its reserved space, so nothing is reserved for it after that.
        let there = self.catalogue.lock(&mut tx, of.title).await?;
        if !there || self.jobs.live_in(&mut tx, of.title, None).await? == 0 {
            return Ok(None);
        }
        let found = self.catalogue.promise(&mut tx, of.generation, available).await?;
        tx.commit().await?;
        let short = match found {
            SpaceBudget::Short { needs, free } => Some((needs, free)),
            SpaceBudget::Promised { .. } => {
                // Others may have written in the meantime; the chunk is once in the scratch folder and once in the
                // store.
                let needs = 2 * asset.plan.chunk(of.chunk).map_or(0, |c| space::of_chunk(&asset.plan, c));
                (needs > available).then_some((needs, available))
            }
        };
        let Some((needs, free)) = short else {
            let waited = self.catalogue.end_waiting(of.title, WaitsFor::Space).await?;
            if waited || found == (SpaceBudget::Promised { now: true }) {
                self.jobs.go_on(of.title, self.db.now(), WaitsFor::Space).await?;
            }
            return Ok(None);
        };
        Ok(Some(no_room(format_args!("needs {}, {} free", ByteSize(needs), ByteSize(free)))))
    }

    /// A job met a full disk: it waits for some seconds, and nothing is held against it. Its title says so until it
    /// continues, and with a chunk all others of the title wait, so that other titles go before them.
    pub async fn hold_up(&self, lease: &Lease, why: &str) -> Result<()> {
        let now = self.db.now();
        let wait = Wait { until: now.plus_ms(HOLD_MS), waits_for: WaitsFor::Space, why };
        let mut tx = self.db.begin().await?;
        // First: whose lease is lost says nothing of the title.
        self.jobs.hold_up(&mut tx, lease, &wait).await?;
        // Without pictures a title is as good.
        if let Some(title) = lease.title.filter(|_| lease.kind != Work::PICTURES) {
            self.catalogue.begin_waiting_in(&mut tx, title, WaitsFor::Space, why).await?;
            if lease.kind == Work::ENCODING {
                self.jobs.postpone(&mut tx, now, title, Work::ENCODING, &wait).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// The space that a title waited for is there: its file is being read, or was.
    pub async fn found_room(&self, title: TitleId) -> Result<()> {
        self.catalogue.end_waiting(title, WaitsFor::Space).await?;
        Ok(())
    }

    /// Bytes that encodes may take: what the disk has beyond its reserve, within what everything may take.
    async fn available(&self) -> Result<u64> {
        let free = self.blob.available().await?;
        match self.config.most_bytes {
            0 => Ok(free),
            most => Ok(free.min(most.saturating_sub(self.blob.used().await?))),
        }
    }
}
