//! From events to titles: each object that a rule speaks of becomes one title, once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use blob::Object;
use blob::events::Event;
use catalogue::NewTitle;
use db::Tx;
use model::title::Visibility;
use model::{BucketName, EventId, Key, Timestamp, TitleId};
use tokio_util::sync::CancellationToken;

use crate::{Error, Pipeline, Result, Work, record, rule};

/// How long an event of another process may stay unseen.
const LOOK: Duration = Duration::from_secs(1);
/// Events read at once.
const BATCH: u32 = 100;
/// How often it is said of an event that it cannot be followed, in ms.
const SAY_MS: i64 = 3_600_000;
/// Events of which that is remembered.
const MAX_STUCK: usize = 1000;

/// The result for an object.
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
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(error = %model::Chain(&error), "cannot handle events")
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
        let (mut taken, mut behind) = (0, None);
        loop {
            let page = self.events.events(behind, BATCH).await?;
            let is_last = page.len() < BATCH as usize;
            for (place, event) in page {
                behind = Some(place);
                let took = match event {
                    Ok(event) => self.take(&event).await,
                    Err(error) => Err(error.into()),
                };
                match took {
                    Ok(()) => taken += 1,
                    Err(error) if self.stuck.is_news(place.id, self.db.now()) => {
                        let error = model::Chain(&error);
                        tracing::error!(event = %place.id, %error, "event not handled; retrying");
                    }
                    Err(_) => {}
                }
            }
            if is_last {
                return Ok(taken);
            }
        }
    }

    async fn take(&self, event: &Event) -> Result<()> {
        let mut tx = self.db.begin().await?;
        if !self.events.mark_handled(&mut tx, event.id).await? {
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

    /// Visibility of a new upload's title until somebody changes it.
    pub fn visibility_of(&self, bucket: &BucketName, key: &Key) -> Visibility {
        let rule = rule::find(&self.rules, bucket, key);
        rule.and_then(|rule| rule.visibility).unwrap_or(self.config.visibility)
    }

    /// Makes a title of an object with a given template, in the caller's transaction (which then announces jobs).
    pub async fn start_in(&self, tx: &mut Tx, object: &Object, template: &str) -> Result<Outcome> {
        self.start_for(tx, object, template, self.visibility_of(&object.bucket, &object.key)).await
    }

    /// The same for given viewers, whatever the settings say.
    pub async fn start_for(
        &self,
        tx: &mut Tx,
        object: &Object,
        template: &str,
        visibility: Visibility,
    ) -> Result<Outcome> {
        self.templates.named(template).map_err(Error::NoTemplate)?;
        let rule = rule::find(&self.rules, &object.bucket, &object.key);
        let keep_source = rule.is_none_or(|rule| rule.source == rule::AfterPublish::Keep);
        let new = NewTitle::of(object.bucket.clone(), object.key.clone(), object.id, template);
        let new = NewTitle { keep_source, visibility, ..new };
        let Some(title) = self.catalogue.create(tx, self.db.now(), &new).await? else {
            let known = self.catalogue.title_of_object(tx, object.id).await?;
            return known.map(Outcome::Already).ok_or(Error::NoTitleOf { object: object.id });
        };
        // The source's bytes stay until the title is finished, whatever happens to the key.
        self.hold(tx, title).await?;
        self.jobs.enqueue(tx, self.db.now(), &Work::plan(title)).await?;
        tracing::info!(%title, bucket = %object.bucket, template, "title received");
        Ok(Outcome::Started(title))
    }

    /// Follows an S3 event record of another system, or sent by hand: all its records, or, if one of them cannot be
    /// followed, none. An object that no rule speaks of gets the template of the last rule, since somebody asked for it
    /// by name.
    pub async fn accept(&self, json: &[u8]) -> Result<Vec<Outcome>> {
        let mut objects = Vec::new();
        for created in record::created(json)? {
            match self.blob.head(&created.bucket, &created.key).await {
                Ok(object) => objects.push(object),
                Err(blob::Error::NoSuchKey | blob::Error::NoSuchBucket(_)) => {
                    return Err(Error::NoObject { bucket: created.bucket, key: created.key });
                }
                Err(error) => return Err(error.into()),
            }
        }
        let fallback = self.rules.last().map_or("standard", |rule| rule.template.as_str());
        let mut outcomes = Vec::new();
        let mut tx = self.db.begin().await?;
        for object in &objects {
            let template = rule::template(&self.rules, &object.bucket, &object.key).unwrap_or(fallback);
            outcomes.push(self.start_in(&mut tx, object, template).await?);
        }
        tx.commit().await?;
        self.jobs.wake();
        Ok(outcomes)
    }
}

/// Events of which was said that they cannot be followed, and when: they are tried at every look, and the log has
/// space for other news.
#[derive(Debug, Default)]
pub(crate) struct Stuck(Mutex<HashMap<EventId, Timestamp>>);

impl Stuck {
    fn is_news(&self, event: EventId, now: Timestamp) -> bool {
        let mut said = runtime::lock(&self.0);
        let is_recent = |at: &Timestamp| at.plus_ms(SAY_MS) > now;
        if said.get(&event).is_some_and(is_recent) {
            return false;
        }
        if said.len() >= MAX_STUCK {
            said.retain(|_, at| is_recent(at));
        }
        // With so many of them each hour, one more tells nobody anything.
        let is_news = said.len() < MAX_STUCK;
        if is_news {
            said.insert(event, now);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stuck_event_is_news_once_an_hour() {
        let (stuck, now) = (Stuck::default(), Timestamp(1_700_000_000_000));
        let (one, other) = (EventId::new(), EventId::new());
        assert!(stuck.is_news(one, now) && stuck.is_news(other, now));
        assert!(!stuck.is_news(one, now.plus_ms(SAY_MS - 1)));
        assert!(stuck.is_news(one, now.plus_ms(SAY_MS)));
        for _ in 0..2 * MAX_STUCK {
            stuck.is_news(EventId::new(), now.plus_ms(SAY_MS));
        }
        assert_eq!(stuck.0.lock().unwrap().len(), MAX_STUCK);
        assert!(stuck.is_news(EventId::new(), now.plus_ms(2 * SAY_MS)));
    }
}
