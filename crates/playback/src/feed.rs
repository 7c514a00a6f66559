//! The edge's state, kept up to date.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use db::args;
use model::delivery::{Access, Behaviour, Caching, Origin, State};
use model::{PlaybackSessionId, SubjectId, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::picture::LONGEST_MS;
use crate::revoke::under_way;
use crate::{Playback, Result, secret};

/// How often changes of other processes are looked for.
const POLL: Duration = Duration::from_secs(2);
/// A denial is kept this much longer than the signature lives: clocks differ.
const GRACE_MS: i64 = 60_000;
/// How long it is kept at least, so that every edge sees it and breaks off what is on its way.
const BREAK_MS: i64 = 2 * 3_600_000;
/// How long it is kept that signed addresses ended early: none lives longer.
const ENDED_MS: i64 = LONGEST_MS + GRACE_MS;
/// Sessions are kept this long after their signatures ended. Those of guests, which need no history and who can create
/// as many as they like, only as long as they can be revoked.
const KEEP_MS: i64 = 30 * 86_400_000;
const SWEEP_EVERY: u32 = 300;

const REVOCATIONS: &str = "SELECT made FROM revocations";
const DENIED: &str = "SELECT id, signed_until, revoked_at FROM playback_sessions
    WHERE (signed_until > $1 AND revoked_at IS NOT NULL) OR revoked_at > $2";
const ENDED: &str = "SELECT id, ended_at FROM ended_subjects WHERE ended_at > $1";
const FORGET_ENDED: &str = "DELETE FROM ended_subjects WHERE ended_at <= $1";
const FORGET: &str = "DELETE FROM playback_sessions WHERE signed_until <= $1";
const FORGET_GUESTS: &str = "DELETE FROM playback_sessions WHERE account IS NULL AND signed_until <= $1";

/// Revoked sessions that may still have to be refused.
struct Revoked {
    denied: Arc<HashSet<PlaybackSessionId>>,
    ended: Arc<HashMap<SubjectId, Timestamp>>,
}

/// As of when that is known.
#[derive(Debug)]
pub(crate) struct Known {
    /// How many revocations were made, at least.
    made: i64,
    /// When they were read.
    at: Timestamp,
    /// When the first of it is refused no longer.
    until: Option<Timestamp>,
}

impl Playback {
    /// Reads keys, denials, deleted assets and the CDN secret, and tells the watchers if something changed.
    pub async fn refresh(&self, now: Timestamp) -> Result<()> {
        // One at a time: what was read earlier must not overwrite what was read later.
        let mut known = self.inner.refreshing.lock().await;
        let keys = self.keys().await?;
        let (Revoked { denied, ended }, as_of) = self.revoked(known.take(), now).await?;
        let state = State {
            behaviours: behaviours(&self.inner.config.cors),
            keys: keys.iter().map(crate::TrustedKey::public).collect(),
            denied,
            ended,
            gone: self.inner.catalogue.gone_assets().await?.into_iter().collect(),
        };
        self.inner.state.send_if_modified(|old| {
            let changed = **old != state;
            *old = Arc::new(state);
            changed
        });
        *known = Some(as_of);
        // Revocations do not wait for a secret.
        secret::switch(&self.inner.db, now).await?;
        let cdn_secret = secret::read(&self.inner.db, &self.inner.vault).await?;
        self.inner.cdn_secret.send_if_modified(|old| {
            let changed = *old != cdn_secret;
            *old = cdn_secret;
            changed
        });
        Ok(())
    }

    /// The revoked sessions, read again only after a change: a title that was public may leave very many of them.
    async fn revoked(&self, known: Option<Known>, now: Timestamp) -> Result<(Revoked, Known)> {
        let db = &self.inner.db;
        // First: one that comes in between is read twice.
        let made = db.one(REVOCATIONS, args![]).await?.get("made")?;
        let same = |known: &Known| {
            known.made == made && known.at <= now && known.until.is_none_or(|until| now < until)
        };
        if let Some(known) = known.filter(same) {
            let state = self.inner.state.borrow();
            return Ok((Revoked { denied: state.denied.clone(), ended: state.ended.clone() }, known));
        }
        let mut until: Option<Timestamp> = None;
        let mut lasts_until = |end: Timestamp| until = Some(until.map_or(end, |first| first.min(end)));
        let rows = db.all(DENIED, args![now.plus_ms(-GRACE_MS), now.plus_ms(-BREAK_MS)]).await?;
        let mut denied = HashSet::with_capacity(rows.len());
        for row in rows {
            denied.insert(row.get("id")?);
            let signed_until = row.get::<Timestamp>("signed_until")?.plus_ms(GRACE_MS);
            lasts_until(signed_until.max(row.get::<Timestamp>("revoked_at")?.plus_ms(BREAK_MS)));
        }
        let rows = db.all(ENDED, args![now.plus_ms(-ENDED_MS)]).await?;
        let mut ended = HashMap::with_capacity(rows.len());
        for row in rows {
            let ended_at: Timestamp = row.get("ended_at")?;
            ended.insert(row.get("id")?, ended_at);
            lasts_until(ended_at.plus_ms(ENDED_MS));
        }
        let revoked = Revoked { denied: Arc::new(denied), ended: Arc::new(ended) };
        Ok((revoked, Known { made, at: now, until }))
    }
}

/// The behaviours in front of Kinora: media need a signature, pages decide for themselves.
pub(crate) fn behaviours(cors: &[String]) -> Vec<Behaviour> {
    let media = |path: &str| Behaviour {
        path: path.to_owned(),
        origin: Origin::Packager,
        access: Access::Signed,
        cache: Caching::Origin,
        cors: cors.to_vec(),
    };
    let pages = Behaviour {
        path: "*".to_owned(),
        origin: Origin::Site,
        access: Access::Open,
        cache: Caching::Off,
        cors: Vec::new(),
    };
    vec![media("/out/*"), media("/t/*"), pages]
}

/// Keeps the state up to date with other processes until it is told to stop.
#[derive(Debug)]
pub struct Service {
    playback: Playback,
}

impl Service {
    /// Makes the service of one process.
    pub fn new(playback: Playback) -> Self {
        Self { playback }
    }

    /// Polls until `shutdown`. While the database fails the last state stays: cookies are not renewed then either, and
    /// live for minutes.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        // Beside each other: what the edge has to know does not wait until very much is revoked.
        let both = async { tokio::join!(self.follow(), self.finish()) };
        shutdown.run_until_cancelled(both).await;
        Ok(())
    }

    /// Tells the edge what other processes changed.
    async fn follow(&self) {
        let mut round = 0_u32;
        loop {
            let now = self.playback.inner.db.now();
            if let Err(error) = self.playback.refresh(now).await {
                tracing::error!(
                    error = %model::Chain(&error),
                    "cannot send revocations to the edge"
                );
            }
            if round.is_multiple_of(SWEEP_EVERY)
                && let Err(error) = self.playback.sweep(now).await
            {
                tracing::warn!(error = %model::Chain(&error), "sweep failed");
            }
            round = round.wrapping_add(1);
            tokio::time::sleep(POLL).await;
        }
    }

    /// Revokes what others did not come to, who were stopped or met a database that failed.
    async fn finish(&self) {
        loop {
            if let Err(error) = self.playback.carry_out(self.playback.inner.db.now()).await {
                tracing::error!(error = %model::Chain(&error), "cannot apply pending revocations");
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Playback {
    /// Deletes sessions that ended a month ago, of guests as soon as they cannot be revoked any more.
    pub async fn sweep(&self, now: Timestamp) -> Result<()> {
        self.inner.db.execute(FORGET, args![now.plus_ms(-KEEP_MS)]).await?;
        self.inner.db.execute(FORGET_ENDED, args![now.plus_ms(-ENDED_MS)]).await?;
        self.inner.db.execute(FORGET_GUESTS, args![under_way(now.plus_ms(-BREAK_MS))]).await?;
        Ok(())
    }
}
