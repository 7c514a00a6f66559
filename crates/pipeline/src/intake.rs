//! From events to titles: each object that a rule speaks of becomes one title, once.

use std::time::Duration;

use blob::Object;
use blob::events::Event;
use catalogue::NewTitle;
use db::Tx;
use encode::template::Template;
use model::TitleId;
use tokio_util::sync::CancellationToken;

use crate::{Error, Pipeline, Result, Work, now, record, rule};

/// How long an event of another process may stay unseen.
const LOOK: Duration = Duration::from_secs(1);
/// Events handled before looking at the time again.
const BATCH: u32 = 100;

/// What an object became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new title.
    Started(TitleId),
    /// The title it had become before.
    Already(TitleId),
}

impl Outcome {
    /// The title, new or not.
    pub fn title(self) -> TitleId {
        match self {
            Self::Started(id) | Self::Already(id) => id,
        }
    }
}

/// Follows the store's events. A service: run one per installation or many, each event is handled once.
#[derive(Debug)]
pub struct Intake {
    pub(crate) pipeline: Pipeline,
}

impl Intake {
    /// Runs until told to stop.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut hints = self.pipeline.blob.hints();
        loop {
            match self.pipeline.take_events().await {
                Ok(taken) if taken == BATCH as usize => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "events are not handled")
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = hints.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

impl Pipeline {
    /// Handles what there is; answers how many events were handled. One that cannot be followed now stays for the
    /// next look and holds up no other.
    pub async fn take_events(&self) -> Result<usize> {
        let mut taken = 0;
        for event in &self.blob.events(BATCH).await? {
            match self.take(event).await {
                Ok(()) => taken += 1,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(event = %event.id, error, "event not handled; it is tried again");
                }
            }
        }
        Ok(taken)
    }

    async fn take(&self, event: &Event) -> Result<()> {
        let mut tx = self.db.begin().await?;
        if !blob::events::mark_handled(&mut tx, event.id).await? {
            return Ok(());
        }
        let template = rule::template(&self.rules, &event.bucket, &event.key).filter(|_| event.is_creation());
        if let Some(template) = template {
            let object = self.blob.object(event.object).await?;
            self.start_in(&mut tx, &object, template).await?;
        }
        tx.commit().await?;
        self.jobs.wake();
        Ok(())
    }

    /// The template of the first rule that speaks of an object; `None` if it stays what it is.
    pub fn template_for(&self, object: &Object) -> Option<&str> {
        rule::template(&self.rules, &object.bucket, &object.key)
    }

    /// Makes a title of an object with a given template, in the caller's transaction (which then announces jobs).
    pub async fn start_in(&self, tx: &mut Tx, object: &Object, template: &str) -> Result<Outcome> {
        Template::named(template).map_err(|_| Error::NoTemplate(template.to_owned()))?;
        let rule = rule::find(&self.rules, &object.bucket, &object.key);
        let keep_source = rule.is_none_or(|rule| rule.source == rule::Source::Keep);
        let new = NewTitle::of(object.bucket.clone(), object.key.clone(), object.id, template);
        let new = NewTitle { keep_source, ..new };
        let Some(title) = self.catalogue.create(tx, now(), &new).await? else {
            let known = self.catalogue.title_of_object(tx, object.id).await?;
            return known.map(Outcome::Already).ok_or(Error::NoTitleOf { object: object.id });
        };
        // The source's bytes stay until the title is finished, whatever happens to the key.
        self.hold(tx, title).await?;
        self.jobs.enqueue(tx, now(), &Work::plan(title)).await?;
        tracing::info!(%title, bucket = %object.bucket, template, "title received");
        Ok(Outcome::Started(title))
    }

    /// Follows an S3 event record of another system, or sent by hand. An object that no rule speaks of gets the
    /// template of the last rule, since somebody asked for it by name.
    pub async fn accept(&self, json: &[u8]) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for created in record::created(json)? {
            let object = match self.blob.head(&created.bucket, &created.key).await {
                Ok(object) => object,
                Err(blob::Error::NoSuchKey | blob::Error::NoSuchBucket(_)) => {
                    return Err(Error::NoObject { bucket: created.bucket, key: created.key });
                }
                Err(error) => return Err(error.into()),
            };
            let fallback = self.rules.last().map_or("standard", |rule| rule.template.as_str());
            let template = rule::template(&self.rules, &object.bucket, &object.key).unwrap_or(fallback);
            let mut tx = self.db.begin().await?;
            outcomes.push(self.start_in(&mut tx, &object, template).await?);
            tx.commit().await?;
            self.jobs.wake();
        }
        Ok(outcomes)
    }
}
