//! Actions of people on titles: cancel, retry, re-encode, delete, restore, drop the source.
//!
//! Every call changes jobs, title and holds in one transaction, jobs first (see the lock order of `jobs`).

use catalogue::{Removal, Standing};
use db::Tx;
use jobs::{Again, Filter};
use model::title::State;
use model::{AccountId, JobId, Timestamp, TitleId, job};

use crate::work::Kind;
use crate::{Error, Pipeline, Result, Work};

/// The role of the person who cancels. The reason names it, is read by everybody who works on the title, and is in
/// every backup; so it never names the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The account that uploaded the title.
    Owner,
    /// Another account, of an operator.
    Operator,
    /// The user of the server's command line.
    CommandLine,
}

impl By {
    fn why(self) -> &'static str {
        match self {
            Self::Owner => "cancelled by the uploader",
            Self::Operator => "cancelled by an operator",
            Self::CommandLine => "cancelled on the command line",
        }
    }
}

/// When the bytes of a deleted title go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purge {
    /// After the configured time; until then the title can be restored.
    Later,
    /// At once and for good.
    Now,
}

/// Fate of the uploaded file of a deleted title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceFile {
    /// It goes with the title.
    Goes,
    /// It stays in its bucket.
    Stays,
}

impl Pipeline {
    /// Stops all work for a title: its running encodes end within seconds and an unfinished title ends as failed, with
    /// `by` in the reason. Answers how many jobs were stopped; [`Error::Idle`] if there were none.
    pub async fn cancel(&self, title: TitleId, by: By) -> Result<u64> {
        self.catalogue.title(title).await?;
        let why = by.why();
        let mut tx = self.db.begin().await?;
        let jobs = self.jobs.cancel_title(&mut tx, self.db.now(), title, why).await?;
        if jobs == 0 {
            return Err(Error::Idle { title });
        }
        self.end(&mut tx, title, why).await?;
        tx.commit().await?;
        self.changes.send_replace(());
        tracing::info!(%title, jobs, "title cancelled");
        Ok(jobs)
    }

    /// Cancels a job, and with it all work for its title: one part is of no use without the others.
    pub async fn cancel_job(&self, id: JobId, by: By) -> Result<u64> {
        let job = self.job(id).await?;
        if job.state.is_final() {
            return Err(jobs::Error::State { job: id, state: job.state.as_str(), what: "cancel it" }.into());
        }
        if let Some(title) = job.title {
            return self.cancel(title, by).await;
        }
        let mut tx = self.db.begin().await?;
        self.jobs.cancel(&mut tx, self.db.now(), id, by.why()).await?;
        tx.commit().await?;
        Ok(1)
    }

    /// Tries a title again that failed, was rejected or cancelled: what is stored stands, what failed is done once
    /// more. A published title whose newest encode failed is tried again likewise. Answers how many jobs were queued.
    pub async fn retry(&self, id: TitleId) -> Result<u64> {
        let newest =
            Filter { kind: Some(Kind::Plan.as_str().into()), title: Some(id), limit: 1, ..Filter::default() };
        let plan = self.jobs.list(&newest).await?.into_iter().next();
        let planned = plan.as_ref().is_some_and(|plan| plan.state == job::State::Done);
        let mut tx = self.db.begin().await?;
        self.jobs.lock_title(&mut tx, id).await?;
        let state = self.lock_idle(&mut tx, id).await?;
        let unfinished = self.catalogue.newest_is_unfinished(&mut tx, id).await?;
        if state == State::Published && !unfinished && plan.as_ref().is_none_or(|_| planned) {
            return self.retry_pictures(tx, id, plan.map(|plan| plan.created_at)).await;
        }
        let mut jobs = 0;
        if let Some(plan) = plan.filter(|_| unfinished || !planned) {
            let all = Again { since: plan.created_at, kind: None };
            jobs = self.jobs.retry_title(&mut tx, self.db.now(), id, all).await?;
        }
        let goes_on = planned && jobs > 0;
        if jobs == 0 {
            self.jobs.enqueue(&mut tx, self.db.now(), &Work::plan_again(id)).await?;
            jobs = 1;
        }
        if state != State::Published {
            let to = if goes_on { State::Encoding } else { State::Received };
            self.catalogue.revive(&mut tx, id, to).await?;
        }
        self.hold(&mut tx, id).await?;
        tx.commit().await?;
        self.jobs.wake();
        tracing::info!(title = %id, jobs, "title retried");
        Ok(jobs)
    }

    /// Whether something of a published title on which nobody works failed, so that [`Pipeline::retry`] does it once
    /// more: its newest encode, or pictures.
    pub async fn is_retriable(&self, published: TitleId) -> Result<bool> {
        if self.catalogue.has_unfinished(published).await? {
            return Ok(true);
        }
        let newest = async |kind: Kind, state| {
            let kind = Some(kind.as_str().into());
            let filter = Filter { kind, state, title: Some(published), limit: 1, ..Filter::default() };
            Ok::<_, Error>(self.jobs.list(&filter).await?.pop())
        };
        let Some(plan) = newest(Kind::Plan, None).await? else { return Ok(false) };
        if plan.state != job::State::Done {
            return Ok(true);
        }
        for state in [job::State::Failed, job::State::Cancelled] {
            let pictures = newest(Kind::Pictures, Some(state)).await?;
            if pictures.is_some_and(|pictures| pictures.created_at >= plan.created_at) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tries those pictures of a published title again that could not be made since then; chunks of an encode that was
    /// given up have nowhere to go any more.
    async fn retry_pictures(&self, mut tx: Tx, title: TitleId, since: Option<Timestamp>) -> Result<u64> {
        let since = since.ok_or(Error::NothingFailed { title })?;
        let pictures = Again { since, kind: Some(Work::PICTURES) };
        let jobs = self.jobs.retry_title(&mut tx, self.db.now(), title, pictures).await?;
        if jobs == 0 {
            return Err(Error::NothingFailed { title });
        }
        self.hold(&mut tx, title).await?;
        tx.commit().await?;
        self.jobs.wake();
        Ok(jobs)
    }

    /// Tries the title of a failed or cancelled job again, or the job alone if it works for none.
    pub async fn retry_job(&self, id: JobId) -> Result<u64> {
        let job = self.job(id).await?;
        if !matches!(job.state, job::State::Failed | job::State::Cancelled) {
            let state = job.state.as_str();
            return Err(jobs::Error::State { job: id, state, what: "try it again" }.into());
        }
        if let Some(title) = job.title {
            return self.retry(title).await;
        }
        let mut tx = self.db.begin().await?;
        let jobs = self.jobs.retry(&mut tx, self.db.now(), id).await?;
        tx.commit().await?;
        self.jobs.wake();
        Ok(jobs)
    }

    /// Re-encodes a title, as a new generation. The old encode of a published one stays playable until the new one is
    /// complete; the old bytes go some time later.
    pub async fn reencode(&self, id: TitleId) -> Result<()> {
        let stranded = self.is_stranded(id).await?;
        let mut tx = self.db.begin().await?;
        if stranded {
            let why = "re-encoded: no worker had its encoder";
            self.jobs.cancel_title(&mut tx, self.db.now(), id, why).await?;
            // Not `end`: the source is still needed.
            self.fail(&mut tx, id, why).await?;
        }
        let state = self.lock_idle(&mut tx, id).await?;
        self.jobs.enqueue(&mut tx, self.db.now(), &Work::plan_again(id)).await?;
        if state != State::Published {
            self.catalogue.revive(&mut tx, id, State::Received).await?;
        }
        self.hold(&mut tx, id).await?;
        tx.commit().await?;
        self.jobs.wake();
        tracing::info!(title = %id, "title is being re-encoded");
        Ok(())
    }

    /// Locks a title whose work is to begin again, and answers its state; an error where it is deleted, where it is
    /// being worked on, or where its upload is gone. Of two people who ask at the same time the second one sees what
    /// the first has begun.
    async fn lock_idle(&self, tx: &mut Tx, id: TitleId) -> Result<State> {
        let Standing { state, source_dropped } = self.catalogue.lock_shown(tx, id).await?;
        if !state.is_final() || self.jobs.live_in(tx, id, Some(Work::PICTURES)).await? > 0 {
            return Err(Error::UnderWay { title: id });
        }
        if source_dropped { Err(Error::SourceGone { title: id }) } else { Ok(state) }
    }

    /// Whether nothing of a title runs, and what waits is for a worker that is not there.
    async fn is_stranded(&self, id: TitleId) -> Result<bool> {
        let running =
            Filter { state: Some(job::State::Running), title: Some(id), limit: 1, ..Filter::default() };
        let now = self.db.now();
        Ok(self.jobs.stranded(now, now).await?.iter().any(|(title, _)| *title == id)
            && self.jobs.list(&running).await?.is_empty())
    }

    /// Deletes a title, whatever state it is in: its work is stopped and it disappears for everyone at once. The caller
    /// must tell `playback` as well.
    pub async fn delete(&self, id: TitleId, bytes: Purge, file: SourceFile, by: By) -> Result<()> {
        let why = "the title was deleted";
        let mut tx = self.db.begin().await?;
        self.jobs.cancel_title(&mut tx, self.db.now(), id, why).await?;
        match self.fail(&mut tx, id, why).await {
            // The caller decides the fate of the upload, not the rule.
            Ok(()) => self.release(&mut tx, id).await?,
            // Deleted already: its bytes may go sooner.
            Err(Error::Catalogue(catalogue::Error::NoTitle { .. })) => {}
            Err(other) => return Err(other),
        }
        let rest_ms = match bytes {
            Purge::Later => self.config.trash_ms(),
            Purge::Now => 0,
        };
        let how = Removal {
            purge_at: self.db.now().plus_ms(rest_ms),
            spare_source: file == SourceFile::Stays,
            by_owner: by == By::Owner,
        };
        self.catalogue.delete(&mut tx, self.db.now(), id, &how).await?;
        tx.commit().await?;
        self.changes.send_replace(());
        self.removals.notify_one();
        tracing::info!(title = %id, ?bytes, "title deleted");
        Ok(())
    }

    /// Brings a deleted title back, for an owner only one that they deleted themselves; work that deleting it stopped can
    /// be tried again.
    pub async fn restore(&self, id: TitleId, owner: Option<AccountId>) -> Result<()> {
        let mut tx = self.db.begin().await?;
        self.catalogue.restore(&mut tx, id, owner).await?;
        tx.commit().await?;
        tracing::info!(title = %id, "title restored");
        Ok(())
    }

    /// Deletes the original file of a published title, which cannot be re-encoded then. Later: it stays where it is for as
    /// long as a deleted title can be restored, and until then [`Pipeline::restore_source`] keeps it. Now: its bytes go as
    /// soon as the title's pictures are made.
    pub async fn drop_source(&self, id: TitleId, bytes: Purge) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let Standing { state, source_dropped } = self.catalogue.lock_shown(&mut tx, id).await?;
        let encoding = self.jobs.live_in(&mut tx, id, Some(Work::PICTURES)).await? > 0;
        if state != State::Published || encoding {
            return Err(Error::UnderWay { title: id });
        }
        if source_dropped {
            return Err(Error::SourceGone { title: id });
        }
        match bytes {
            Purge::Later => {
                let at = self.db.now().plus_ms(self.config.trash_ms());
                self.catalogue.drop_source_at(&mut tx, id, at).await?;
            }
            Purge::Now => {
                self.catalogue.set_keep_source(&mut tx, id, false).await?;
                self.settle(&mut tx, id).await?;
            }
        }
        tx.commit().await?;
        self.removals.notify_one();
        tracing::info!(title = %id, ?bytes, "original file deleted");
        Ok(())
    }

    /// Keeps the original file of a title after all, which [`Pipeline::drop_source`] was to delete later.
    /// [`Error::SourceStays`] if it was not; [`Error::SourceGone`] if that is done.
    pub async fn restore_source(&self, id: TitleId) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let Standing { source_dropped, .. } = self.catalogue.lock_shown(&mut tx, id).await?;
        if source_dropped {
            return Err(Error::SourceGone { title: id });
        }
        if !self.catalogue.restore_source(&mut tx, id).await? {
            return Err(Error::SourceStays { title: id });
        }
        tx.commit().await?;
        tracing::info!(title = %id, "original file restored");
        Ok(())
    }

    /// How long what was deleted can be restored, in ms.
    pub fn restorable_ms(&self) -> i64 {
        self.config.trash_ms()
    }

    /// Whether the bytes of a title's upload are there, and how many.
    pub async fn source_bytes(&self, title: &catalogue::Title) -> Result<Option<u64>> {
        if title.source_dropped_at.is_some() {
            return Ok(None);
        }
        match self.blob.object(title.source_object).await {
            Ok(object) => Ok(Some(object.size)),
            Err(blob::Error::NoSuchObject(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The work for a title has ended badly: it ends as failed if it is not finished, and needs its source no more if
    /// this was the last of its work.
    pub(crate) async fn end(&self, tx: &mut Tx, title: TitleId, why: &str) -> Result<()> {
        self.fail(tx, title, why).await?;
        self.settle(tx, title).await
    }

    /// A title ends as failed if it is not finished; its encode needs no space on the disk any more.
    async fn fail(&self, tx: &mut Tx, title: TitleId, why: &str) -> Result<()> {
        match self.catalogue.fail(tx, title, why).await {
            Err(catalogue::Error::Transition { from, .. }) if from.is_final() => {}
            other => other?,
        }
        Ok(self.catalogue.unpromise(tx, title).await?)
    }

    /// Keeps the source's bytes, whatever happens to its key.
    pub(crate) async fn hold(&self, tx: &mut Tx, title: TitleId) -> Result<()> {
        let Some(object) = self.catalogue.hold_source(tx, title).await? else { return Ok(()) };
        match blob::hold(tx, object).await {
            Err(blob::Error::NoSuchObject(_)) => Err(Error::SourceGone { title }),
            other => Ok(other?),
        }
    }

    /// The title needs its source no more if this was the last of its work; when it is published, its rule may let
    /// the source go then.
    pub(crate) async fn settle(&self, tx: &mut Tx, title: TitleId) -> Result<()> {
        // Of two jobs that end at the same time the second one sees that the first has ended.
        if !self.catalogue.lock(tx, title).await? || self.jobs.live_in(tx, title, None).await? > 0 {
            return Ok(());
        }
        self.release(tx, title).await?;
        if self.catalogue.is_source_unneeded(tx, title).await? {
            self.discard_source(tx, title).await?;
        }
        Ok(())
    }

    /// The title needs neither its source nor space on the disk any more.
    async fn release(&self, tx: &mut Tx, title: TitleId) -> Result<()> {
        if let Some(object) = self.catalogue.let_go_source(tx, title).await? {
            blob::release(tx, object).await?;
        }
        Ok(self.catalogue.unpromise(tx, title).await?)
    }

    pub(crate) async fn discard_source(&self, tx: &mut Tx, title: TitleId) -> Result<()> {
        if let Some(object) = self.catalogue.drop_source(tx, self.db.now(), title).await? {
            blob::discard(tx, object).await?;
        }
        Ok(())
    }

    async fn job(&self, id: JobId) -> Result<jobs::Job> {
        Ok(self.jobs.get(id).await?.ok_or(jobs::Error::NotFound { job: id })?)
    }
}
