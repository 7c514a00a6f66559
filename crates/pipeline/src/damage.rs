//! Which titles damaged files belong to, and the scrub that finds them.

use std::fmt;
use std::time::Duration;

use blob::DamagedFile;
use db::Db;
use model::{BucketName, FileId, Generation, TitleId};
use tokio_util::sync::CancellationToken;

use crate::{Pipeline, Result};

/// How long after its start a process begins to look through what is stored: a start has other things to do.
const FIRST: Duration = Duration::from_secs(60);
/// How long it rests when nothing is due, or the database failed.
const REST: Duration = Duration::from_secs(600);
/// How soon a file is looked at whose reading failed.
const SUSPECTS: Duration = Duration::from_secs(2);

/// The owner of a stored file, in words for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The title, if it is of one.
    pub title: Option<(TitleId, String)>,
    /// Which part of the title, or the bucket and key.
    pub what: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.title {
            Some((id, name)) => write!(f, "\"{name}\" ({id}): {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// A stored file that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, how that was seen, and when.
    pub file: DamagedFile,
    /// Its owner.
    pub owner: Owner,
}

/// Finds what a stored file is of, in a database of this version.
pub async fn owner_of(db: &Db, file: FileId) -> Result<Owner> {
    let mut found = None;
    for (object, bucket, key) in blob::objects_of(db, file).await? {
        let mut what = format!("{bucket}/{key}");
        // {asset}/{generation}/{name}: see `media_key`.
        let made = key.as_str().splitn(3, '/').collect::<Vec<_>>();
        let title = match made[..] {
            [_, generation, name] if bucket == BucketName::media() => {
                match generation.parse::<Generation>() {
                    Ok(generation) => {
                        what = format!("encoded file {name}");
                        catalogue::title_of_generation(db, generation).await?
                    }
                    Err(_) => None,
                }
            }
            _ => catalogue::title_of_source(db, object).await?.inspect(|_| {
                what = format!("its original, {bucket}/{key}");
            }),
        };
        let owner = Owner { title, what };
        if owner.title.is_some() {
            return Ok(owner);
        }
        found.get_or_insert(owner);
    }
    Ok(found.unwrap_or_else(|| Owner { title: None, what: "an upload under way".to_owned() }))
}

impl Pipeline {
    /// The files that are known to be damaged, with what they are of; at most 1,000.
    pub async fn damage(&self) -> Result<Vec<Damage>> {
        let mut all = Vec::new();
        for file in self.blob.damaged().await? {
            let owner = owner_of(&self.db, file.file).await?;
            all.push(Damage { file, owner });
        }
        Ok(all)
    }

    /// Stored files of a title that are known to be damaged, in words for operators.
    pub async fn damage_of(&self, title: TitleId) -> Result<Vec<String>> {
        let mut all = self.damage().await?;
        all.retain(|one| one.owner.title.as_ref().is_some_and(|(id, _)| *id == title));
        Ok(all.into_iter().map(|one| one.owner.what).collect())
    }

    /// The service that looks through everything stored, slowly, and says what is damaged.
    pub fn scrubber(&self) -> Scrubber {
        Scrubber { pipeline: self.clone() }
    }

    async fn tell_damaged(&self, damaged: &[FileId]) {
        for file in damaged {
            let owner =
                owner_of(&self.db, *file).await.map_or_else(|error| error.to_string(), |o| o.to_string());
            tracing::error!(%file, of = owner, "a stored file is damaged; run `kinora doctor`");
        }
    }
}

/// Looks through everything stored and says what is damaged. A service.
#[derive(Debug)]
pub struct Scrubber {
    pipeline: Pipeline,
}

impl Scrubber {
    /// Runs until told to stop.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let both = async { tokio::join!(self.suspects(), self.all(&shutdown)) };
        shutdown.run_until_cancelled(both).await;
        Ok(())
    }

    /// Looks at files whose reading failed.
    async fn suspects(&self) {
        loop {
            match self.pipeline.blob.verify_suspects().await {
                Ok(damaged) => self.pipeline.tell_damaged(&damaged).await,
                Err(error) => {
                    tracing::warn!(error = %model::Chain(&error), "cannot check unreadable files");
                }
            }
            tokio::time::sleep(SUSPECTS).await;
        }
    }

    async fn all(&self, stop: &CancellationToken) {
        tokio::time::sleep(FIRST).await;
        loop {
            let rest = match self.pipeline.blob.scrub(self.pipeline.db.now(), stop).await {
                Ok(None) => REST,
                Ok(Some(looked)) => {
                    self.pipeline.tell_damaged(&looked.damaged).await;
                    if looked.last.is_none() {
                        tracing::info!("scrub complete");
                    }
                    Duration::ZERO
                }
                Err(error) => {
                    tracing::warn!(error = %model::Chain(&error), "scrub interrupted");
                    REST
                }
            };
            tokio::time::sleep(rest).await;
        }
    }
}
