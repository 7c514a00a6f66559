//! Room on the disk: an encode begins when all the bytes it may need are free, and waits by itself until they are.

use catalogue::{Room, room};
use jobs::Wait;
use model::{ByteSize, TitleId, WaitsFor};

use crate::work::{Kind, OfChunk};
use crate::{Pipeline, Result, now};

/// What people are told before they are told how much room is missing.
pub const WAITS: &str = "waits for disk space";

/// How long work that found no room waits before it looks again, in ms.
pub const HOLD_MS: i64 = 5_000;

impl Pipeline {
    /// Whether a chunk may be encoded now; otherwise why not. All chunks of its title then wait for some seconds, so
    /// that others go before them.
    pub async fn wait_for_room(&self, of: &OfChunk) -> Result<Option<String>> {
        let asset = self.asset(of.asset, of.generation).await?;
        let available = self.available().await?;
        let mut tx = self.db.begin().await?;
        // Whoever ends a title's work takes back what it was promised, so nothing is promised to it after that.
        let there = self.catalogue.lock(&mut tx, of.title).await?;
        if !there || self.jobs.live_in(&mut tx, of.title, None).await? == 0 {
            return Ok(None);
        }
        let found = self.catalogue.promise(&mut tx, of.generation, available).await?;
        tx.commit().await?;
        let short = match found {
            Room::Short { needs, free } => Some((needs, free)),
            Room::Promised { .. } => {
                // Others may have written meanwhile; the chunk is once in the scratch folder and once in the store.
                let needs = 2 * asset.plan.chunk(of.chunk).map_or(0, |c| room::of_chunk(&asset.plan, c));
                (needs > available).then_some((needs, available))
            }
        };
        let Some((needs, free)) = short else {
            let waited = self.catalogue.end_waiting(of.title, WaitsFor::Room).await?;
            if waited || found == (Room::Promised { now: true }) {
                self.jobs.go_on(of.title, now(), WaitsFor::Room).await?;
            }
            return Ok(None);
        };
        let why = format!(
            "{WAITS}: needs {}, {} free; delete titles or sources, or add a disk",
            ByteSize(needs),
            ByteSize(free)
        );
        self.hold_up(of, &why).await?;
        Ok(Some(why))
    }

    /// Lets all chunks of a title wait for some seconds, and says why.
    async fn hold_up(&self, of: &OfChunk, why: &str) -> Result<()> {
        self.catalogue.begin_waiting(of.title, WaitsFor::Room, why).await?;
        let now = now();
        let wait = Wait { until: now.plus_ms(HOLD_MS), waits_for: WaitsFor::Room, why };
        self.jobs.postpone(of.title, Kind::Chunk.as_str(), now, &wait).await?;
        Ok(())
    }

    /// A title's file cannot be read for want of room: until it can, the title says so.
    pub async fn wait_to_be_read(&self, title: TitleId, why: &str) -> Result<()> {
        Ok(self.catalogue.begin_waiting(title, WaitsFor::Room, why).await?)
    }

    /// There was room for a title's file, which is being read.
    pub async fn begin_to_read(&self, title: TitleId) -> Result<()> {
        self.catalogue.end_waiting(title, WaitsFor::Room).await?;
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
