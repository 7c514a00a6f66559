//! Who may pass a signed behaviour.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{AssetId, PlaybackSessionId};
use sign::{Denied, Evidence, Grant, Key, Presented, Request, token};
use tinyufo::TinyUfo;
use tokio::sync::watch;

use crate::route::Routes;

/// Checks signatures and remembers those that were right: checking one again costs more than the answer.
///
/// What is remembered is found by a hash but compared in full, together with the key it was checked with.
pub(crate) struct Gate {
    remembered: TinyUfo<u64, Arc<Remembered>>,
    hasher: RandomState,
}

struct Remembered {
    key: [u8; 32],
    shown: Shown<'static>,
    grant: Grant,
}

#[derive(PartialEq, Eq, Hash)]
enum Shown<'a> {
    Signature(Evidence<'a>),
    Token(Cow<'a, str>),
}

/// Longest time in which nobody looks whether an answer may go on: a playback is denied for twice as long once it was
/// revoked, also when its signature has ended. Only a stream of HTTP/2 with a closed window stalls so long: others are ended before.
const UNSEEN: Duration = Duration::from_secs(3600);

/// What an answer that is on its way depends on: a whole film may be one answer.
pub(crate) struct Passed {
    routes: watch::Receiver<Arc<Routes>>,
    session: Option<PlaybackSessionId>,
    asset: Option<AssetId>,
    /// When somebody last looked.
    looked: Instant,
}

impl Passed {
    /// Of an answer that just begins.
    pub(crate) fn new(
        routes: watch::Receiver<Arc<Routes>>,
        session: Option<PlaybackSessionId>,
        asset: Option<AssetId>,
    ) -> Self {
        Self { routes, session, asset, looked: Instant::now() }
    }

    /// Whether it may go on: neither was the playback revoked meanwhile nor the asset deleted, and nothing of that may have
    /// gone unseen. That a signature has ended meanwhile ends no answer, as in CloudFront.
    pub(crate) fn may_go_on(&mut self, now: Instant) -> bool {
        let unseen = now.saturating_duration_since(std::mem::replace(&mut self.looked, now));
        if unseen > UNSEEN {
            return false;
        }
        let routes = self.routes.borrow();
        let denied = self.session.is_some_and(|session| routes.is_denied(session));
        !denied && !self.asset.is_some_and(|asset| routes.has_lost(asset))
    }
}

impl Gate {
    /// Remembers at most `most` signatures.
    pub(crate) fn new(most: usize) -> Self {
        Self { remembered: TinyUfo::new(most, most), hasher: RandomState::new() }
    }

    /// Checks what a request shows: the token that stood before its target, or else its query or cookies. Gives the
    /// target as cache and upstream see it, and the playback session that lets in.
    pub(crate) fn check<'a>(
        &self,
        routes: &Routes,
        request: &Request<'a>,
        token: Option<&str>,
    ) -> Result<(Cow<'a, str>, Option<PlaybackSessionId>), Denied> {
        let (grant, target) = match token {
            Some(token) => {
                let key = token::find_key(&routes.keys, token, request.now)?;
                let grant = self.recall(key, Shown::Token(Cow::Borrowed(token)))?;
                (grant, Cow::Borrowed(request.target))
            }
            None => {
                let presented = Presented::find(request)?;
                let key = routes.keys.get(presented.key_id(), request.now)?;
                let grant = self.recall(key, Shown::Signature(presented.evidence(request, key)?))?;
                (grant, presented.into_target())
            }
        };
        let session = grant.grant.session();
        if session.is_some_and(|session| routes.is_denied(session)) {
            return Err(Denied::Revoked);
        }
        grant.grant.check(request, &target)?;
        Ok((target, session))
    }

    fn recall(&self, key: &Key, shown: Shown<'_>) -> Result<Arc<Remembered>, Denied> {
        let key_identity = key.identity();
        let hash = self.hasher.hash_one((&key_identity, key.session(), &shown));
        if let Some(known) = self.remembered.get(&hash)
            && known.key == key_identity
            && known.shown == shown
            && (known.grant.session().is_some() || !key.session())
        {
            return Ok(known);
        }
        let grant = match &shown {
            Shown::Signature(evidence) => evidence.verify(key)?,
            Shown::Token(token) => token::verify(key, token)?,
        };
        let shown = match shown {
            Shown::Signature(evidence) => Shown::Signature(evidence.into_owned()),
            Shown::Token(token) => Shown::Token(Cow::Owned(token.into_owned())),
        };
        let known = Arc::new(Remembered { key: key_identity, shown, grant });
        self.remembered.put(hash, known.clone(), 1);
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_nobody_looked_at_for_too_long_ends() {
        let (_routes, watched) = watch::channel(Arc::new(Routes::compile(Arc::default())));
        let mut passed = Passed::new(watched, Some(PlaybackSessionId::new()), Some(AssetId::new()));
        let mut now = Instant::now();
        for _ in 0..3 {
            now += UNSEEN / 2;
            assert!(passed.may_go_on(now));
        }
        assert!(!passed.may_go_on(now + UNSEEN + Duration::from_secs(1)));
    }
}
