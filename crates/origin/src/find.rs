//! Finding an answer, and waiting for its segments where they are not encoded yet.
//!
//! Hints of the pipeline wake who waits; the database is the truth, so everyone also looks by itself a few times a
//! second. What is waited for is asked for at the pipeline again and again, so that it stays urgent as long as
//! somebody waits, and no longer.

use std::sync::Arc;
use std::time::Duration;

use package::Request;
use pipeline::{Hope, Place};
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument as _;

use crate::error::{Error, Result};
use crate::ready::Ready;
use crate::store::{Named, Store};

/// How often the database is polled without a hint.
const LOOK: Duration = Duration::from_millis(250);
/// How often it is said that somebody still waits.
const SAY: Duration = Duration::from_secs(1);

impl Store {
    /// Finds the answer to a request. A segment that is not there yet is asked for and waited for;
    /// [`Error::NotYet`] when that took too long, [`Error::Never`] when it will not come.
    pub(crate) async fn find(&self, named: Named) -> Result<Arc<Ready>> {
        let end = Instant::now() + self.waiting.time_limit;
        let mut say = Instant::now();
        let mut place = None;
        loop {
            // Before the look: a hint between look and wait is not lost.
            let mut changes = self.waiting.pipeline.changes();
            let error = match self.look(named).await {
                Ok(ready) => {
                    self.play_on(named).await;
                    return Ok(ready);
                }
                Err(error) => error,
            };
            if is_awaited(&named.request)
                && matches!(*error, Error::NotYet { .. })
                && let Some(ready) = self.early(named).await?
            {
                self.play_on(named).await;
                return Ok(ready);
            }
            let now = Instant::now();
            if !is_awaited(&named.request) || !matches!(*error, Error::NotYet { .. }) {
                return Err(error);
            }
            if now >= say {
                say = now + SAY;
                self.ask_for(named, &error).await?;
            }
            if place.is_none() {
                place = self.waiting.places.try_acquire().ok();
            }
            if now >= end || place.is_none() {
                return Err(error);
            }
            let wait = LOOK.min(end - now);
            if let Ok(Err(_closed)) = timeout(wait, changes.changed()).await {
                sleep(wait).await;
            }
        }
    }

    /// Asks for what is missing; an error when it will never be there.
    async fn ask_for(&self, named: Named, missing: &Error) -> Result<()> {
        let Error::NotYet { track, chunk, segment } = *missing else { return Ok(()) };
        let asset = self.status(named.asset, named.generation).await?;
        let place = Place { asset: &asset, track, segment };
        match self.waiting.pipeline.want(&place).await {
            Ok(Hope::Coming) => {}
            // It may have arrived since, or be retried.
            Ok(Hope::Never { reason }) => return Err(Arc::new(Error::Never { track, chunk, reason })),
            Err(error) => {
                tracing::warn!(error = %model::Chain(&error), "cannot request a chunk")
            }
        }
        Ok(())
    }

    /// Says that a viewer was given a segment of an unfinished film, so that what follows is encoded first.
    async fn play_on(&self, named: Named) {
        if !named.request.is_segment() {
            return;
        }
        let Ok(Some(laid)) = self.laid(named).await else { return };
        let Some((track, segments)) = laid.delivered(&named.request) else { return };
        let Some(segment) = segments.end.checked_sub(1) else { return };
        let pipeline = self.waiting.pipeline.clone();
        // Nobody waits for that.
        let follow = async move {
            let place = Place { asset: &laid.asset, track, segment };
            if let Err(error) = pipeline.follow(&place).await {
                tracing::warn!(error = %model::Chain(&error), "cannot request read-ahead");
            }
        };
        tokio::spawn(follow.in_current_span());
    }
}

/// Whether a request is worth waiting: what a player fetches piece by piece.
fn is_awaited(request: &Request) -> bool {
    request.is_segment() || matches!(request, Request::Captions(_))
}
