//! Access checks of signed behaviours.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http_face::door::Permission;
use model::AssetId;
use model::delivery::{ANSWER_MS, asset_of};
use runtime::Clock;
use sign::{Denied, Evidence, Grant, Key, Presented, Request, token};
use tinyufo::TinyUfo;
use tokio::sync::watch;

use crate::budget::Budget;
use crate::refusal::Refusal;
use crate::route::Routes;

/// Checks signatures and remembers those that were right: checking one again costs more than the answer.
///
/// Verified signatures are found by a hash but compared in full, together with the key that verified them.
pub(crate) struct Gate {
    remembered: TinyUfo<u64, Arc<Remembered>>,
    hasher: RandomState,
    budget: Budget,
    clock: Clock,
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

/// The permission that let a request in: the answer depends on it until its last byte, and a whole film may be one
/// answer.
pub(crate) struct Passed {
    routes: watch::Receiver<Arc<Routes>>,
    by: Arc<Remembered>,
    asset: Option<AssetId>,
    clock: Clock,
}

impl Passed {
    /// Refuses an answer that may not continue. As in CloudFront, an expired signature does not end it at once: a
    /// revocation concerns only sessions that had a signature up to [`ANSWER_MS`] ago.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let routes = self.routes.borrow();
        if self.asset.is_some_and(|asset| routes.has_lost(asset)) {
            return Err(Refusal::Gone);
        }
        let grant = &self.by.grant;
        if !routes.keys.has(grant.key(), self.by.key) {
            return Err(Refusal::Denied(Denied::UnknownKey));
        }
        let is_over = || self.clock.now() >= grant.until().plus_ms(ANSWER_MS);
        let revoked = grant.session().is_some_and(|session| routes.is_denied(session) || is_over());
        if revoked || grant.mark().is_some_and(|mark| routes.has_ended(mark, self.asset)) {
            return Err(Refusal::Denied(Denied::Revoked));
        }
        Ok(())
    }
}

impl Permission for Passed {
    fn holds(&self) -> bool {
        self.check().is_ok()
    }
}

impl Gate {
    /// Remembers at most `most` signatures, and checks at most `wrong` of an address that are wrong in a minute.
    pub(crate) fn new(most: usize, wrong: u32, clock: Clock) -> Self {
        let remembered = TinyUfo::new(most, most);
        Self { remembered, hasher: RandomState::new(), budget: Budget::new(wrong), clock }
    }

    /// Checks what a request shows: the token that stood before its target, or else its query or cookies. Gives the
    /// target as cache and upstream see it, and what the answer depends on.
    pub(crate) fn check<'a>(
        &self,
        watched: &watch::Receiver<Arc<Routes>>,
        routes: &Routes,
        request: &Request<'a>,
        token: Option<&str>,
    ) -> Result<(Cow<'a, str>, Passed), Refusal> {
        let (grant, target) = match token {
            Some(token) => {
                let key = token::find_key(&routes.keys, token, request.now)?;
                let grant = self.recall(key, Shown::Token(Cow::Borrowed(token)), request.client)?;
                (grant, Cow::Borrowed(request.target))
            }
            None => {
                let presented = Presented::find(request)?;
                let key = routes.keys.get(presented.key_id(), request.now)?;
                let shown = Shown::Signature(presented.evidence(request, key)?);
                let grant = self.recall(key, shown, request.client)?;
                (grant, presented.into_target())
            }
        };
        let asset = asset_of(target.split_once('?').map_or(&*target, |(path, _)| path));
        let clock = self.clock.clone();
        let passed = Passed { routes: watched.clone(), by: grant, asset, clock };
        let grant = &passed.by.grant;
        if grant.session().is_some_and(|session| routes.is_denied(session))
            || grant.mark().is_some_and(|mark| routes.has_ended(mark, asset))
        {
            return Err(Denied::Revoked.into());
        }
        grant.check(request, &target)?;
        Ok((target, passed))
    }

    fn recall(&self, key: &Key, shown: Shown<'_>, client: IpAddr) -> Result<Arc<Remembered>, Refusal> {
        let key_identity = key.identity();
        let hash = self.hasher.hash_one((&key_identity, key.session(), &shown));
        if let Some(known) = self.remembered.get(&hash)
            && known.key == key_identity
            && known.shown == shown
            && (known.grant.session().is_some() || !key.session())
        {
            return Ok(known);
        }
        let now = Instant::now();
        if !self.budget.has(client, now) {
            return Err(Refusal::TooManyWrong);
        }
        let checked = match &shown {
            Shown::Signature(evidence) => evidence.verify(key),
            Shown::Token(token) => token::verify(key, token),
        };
        // A signature that cannot even be read costs little.
        if let Err(Denied::WrongSignature | Denied::WrongSession) = checked {
            self.budget.spend(client, now);
        }
        let grant = checked?;
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
    use model::delivery::State;
    use model::{PlaybackSessionId, SubjectId, Timestamp};
    use sign::{Mark, SigningKey};

    use super::*;

    #[test]
    fn a_permission_ends_with_its_session_its_asset_its_key_its_subjects_and_its_time() {
        let key = SigningKey::generate("K").unwrap();
        let (session, asset) = (PlaybackSessionId::new(), AssetId::new());
        let (account, begun) = (SubjectId::new(), Timestamp(1_700_000_000_000));
        let prefix = format!("/out/v1/{asset}/");
        let claims = |until| token::Claims { prefix: prefix.clone(), until, session: Some(session) };
        let by_token =
            |until| ("/t/".to_owned() + &token::mint(&key, &claims(until)).unwrap() + &prefix) + "a";
        let mark = Mark { since: begun, subjects: [Some(account), None] };
        let by_address =
            key.sign_url(&format!("http://h{prefix}p.jpg?{}", mark.query()), begun.plus_ms(60_000));
        let by_address = by_address.unwrap();
        let by_address = by_address.strip_prefix("http://h").unwrap();

        let check = |shown: &str, at: Timestamp, change: &dyn Fn(&mut State), holds: bool| {
            let mut state = State { keys: vec![key.public()], ..State::default() };
            let routes = |state: &State| Arc::new(Routes::compile(Arc::new(state.clone())));
            let (sender, watched) = watch::channel(routes(&state));
            let (token, target) =
                token::split(shown).map_or((None, shown), |(token, rest)| (Some(token), rest));
            let client = [127, 0, 0, 1].into();
            let request = Request { scheme: "http", host: "h", target, cookies: &[], client, now: at };
            let gate = Gate::new(100, 0, Clock::stopped(begun).0);
            let check = || {
                let routes = watched.borrow().clone();
                gate.check(&watched, &routes, &request, token).map(|(_, passed)| passed)
            };
            let passed = check().unwrap();
            change(&mut state);
            sender.send_replace(routes(&state));
            assert_eq!(passed.holds(), holds);
            // The next check gives the same answer, except for what was deleted or expired since.
            assert!(check().is_ok() == holds || !state.gone.is_empty() || at < begun);
        };
        let long_ago = begun.plus_ms(-ANSWER_MS - 60_000);
        let token = by_token(begun.plus_ms(60_000));
        let ended = |subject: [u8; 16], at| {
            move |state: &mut State| state.ended = Arc::new([(SubjectId::from_bytes(subject), at)].into())
        };
        check(&token, begun, &|state| state.gone = [AssetId::new()].into(), true);
        check(&token, begun, &|state| state.denied = Arc::new([PlaybackSessionId::new()].into()), true);
        check(&token, begun, &|state| state.gone = [asset].into(), false);
        check(&token, begun, &|state| state.denied = Arc::new([session].into()), false);
        check(&token, begun, &|state| state.keys.clear(), false);
        check(&token, begun, &|state| state.keys = vec![SigningKey::generate("K").unwrap().public()], false);
        check(&by_token(begun.plus_ms(-1000)), long_ago, &|_| {}, true);
        check(&by_token(long_ago.plus_ms(1000)), long_ago, &|_| {}, false);
        check(&token, begun, &ended(asset.to_bytes(), begun.plus_ms(1)), true);
        check(by_address, begun, &ended([9; 16], begun), true);
        check(by_address, begun, &ended(account.to_bytes(), begun.plus_ms(-1)), true);
        check(by_address, begun, &ended(account.to_bytes(), begun), false);
        check(by_address, begun, &ended(asset.to_bytes(), begun), false);
    }
}
