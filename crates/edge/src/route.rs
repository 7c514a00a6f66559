//! The watched state in the form that requests need it.

use std::collections::HashSet;
use std::sync::Arc;

use model::delivery::{Access, Behaviour, Caching, Origin, State, asset_of};
use model::{AssetId, PlaybackSessionId, SubjectId};
use sign::{Key, Keys, Mark, pattern};

use crate::cors::Cors;

/// Behaviours and keys, ready for use. Replaced as a whole.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) routes: Vec<Route>,
    pub(crate) keys: Keys,
    state: Arc<State>,
}

/// One behaviour.
#[derive(Debug)]
pub(crate) struct Route {
    path: String,
    pub(crate) origin: Origin,
    pub(crate) access: Access,
    pub(crate) cache: Caching,
    pub(crate) cors: Cors,
}

impl Routes {
    /// Reads the keys; one that cannot be read is left out, so that its signatures are refused and all others work.
    pub(crate) fn compile(state: Arc<State>) -> Self {
        let keys = state.keys.iter().filter_map(|key| match Key::parse(key) {
            Ok(key) => Some(key),
            Err(error) => {
                tracing::error!(key = %key.id, %error, "signing key ignored");
                None
            }
        });
        Self { keys: keys.collect(), routes: state.behaviours.iter().map(Route::new).collect(), state }
    }

    /// The first behaviour whose pattern matches the path.
    pub(crate) fn find(&self, path: &str) -> Option<&Route> {
        self.routes.iter().find(|route| pattern::matches(&route.path, path))
    }

    /// Whether the path is one of a deleted asset.
    pub(crate) fn is_gone(&self, path: &str) -> bool {
        !self.state.gone.is_empty() && asset_of(path).is_some_and(|asset| self.has_lost(asset))
    }

    /// Whether an asset was deleted.
    pub(crate) fn has_lost(&self, asset: AssetId) -> bool {
        self.state.gone.contains(&asset)
    }

    /// Assets that are gone here and were not yet `before`.
    pub(crate) fn gone_since(&self, before: &Self) -> HashSet<AssetId> {
        self.state.gone.difference(&before.state.gone).copied().collect()
    }

    /// Whether an address below an asset ended early: what it depends on, or the asset, ended after it was made.
    pub(crate) fn has_ended(&self, mark: &Mark, asset: Option<AssetId>) -> bool {
        let asset = asset.map(|asset| SubjectId::from_bytes(asset.to_bytes()));
        let mut subjects = mark.subjects.into_iter().chain([asset]).flatten();
        subjects.any(|subject| self.state.ended.get(&subject).is_some_and(|ended| mark.since <= *ended))
    }

    /// Whether a playback session was revoked.
    pub(crate) fn is_denied(&self, session: PlaybackSessionId) -> bool {
        self.state.denied.contains(&session)
    }
}

impl Route {
    fn new(behaviour: &Behaviour) -> Self {
        Self {
            path: behaviour.path.clone(),
            origin: behaviour.origin,
            access: behaviour.access,
            cache: behaviour.cache,
            cors: Cors::new(&behaviour.cors),
        }
    }
}
