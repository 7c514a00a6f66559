//! Whether somebody may watch a title now, and where its manifest is.

use identity::{Action, Resource, Who, may, policy};
use model::title::State;
use model::{AssetId, Generation, TitleId};

use crate::error::cut;
use crate::format::manifest_path;
use crate::wish::Wish;
use crate::{Error, Playback, Result};

/// A title that may be watched now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watchable {
    pub(crate) asset: AssetId,
    pub(crate) generation: Generation,
}

impl Playback {
    /// Checks the permission as [`Playback::start`] does, and starts nothing.
    pub async fn check(&self, who: &Who, title: TitleId) -> Result<()> {
        self.decide(who, title).await.map(drop)
    }

    /// Whether the title may be watched now. Nobody learns of a title that they may not see.
    pub(crate) async fn decide(&self, who: &Who, title: TitleId) -> Result<Watchable> {
        let title = match self.inner.catalogue.title(title).await {
            Err(catalogue::Error::NoTitle { .. }) => return Err(Error::NoTitle),
            other => other?,
        };
        let facts = policy::Title { owner: title.owner, visibility: title.visibility, ready: title.playable };
        if !may(who, Action::SeeTitle, &Resource::Title(facts)) {
            return Err(Error::NoTitle);
        }
        // A guard: today every account that may see a title may watch it.
        if !may(who, Action::WatchTitle, &Resource::Title(facts)) {
            return Err(Error::Denied);
        }
        // Playlists are there from the plan on: who owns the machine may hand out an address before the first segment.
        let planned = matches!(who, Who::Host) && matches!(title.state, State::Planned | State::Encoding);
        match (title.playable || planned, title.asset, title.generation) {
            (true, Some(asset), Some(generation)) => Ok(Watchable { asset, generation }),
            _ => Err(Error::NotReady { state: title.state }),
        }
    }

    /// The path of the manifest that somebody wishes for.
    pub(crate) async fn manifest(&self, found: &Watchable, wish: &Wish<'_>) -> Result<String> {
        let wanted = self.inner.catalogue.configuration_named(wish.configuration).await?;
        let wanted = wanted.ok_or_else(|| Error::NoConfiguration { name: cut(wish.configuration) })?;
        Ok(manifest_path(found.asset, wanted.id, found.generation, wish.format))
    }
}
