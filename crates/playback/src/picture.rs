//! Addresses of posters: signed URLs in the page, the same for a viewer during an hour.
//!
//! They end early with what they depend on ([`sign::Mark`]): with the asset when its title becomes visible to others, and,
//! where not everybody may see the title, with the session and the account that they were made for.

use catalogue::Title;
use identity::Who;
use model::delivery::asset_path;
use model::title::Visibility;
use model::{SubjectId, Timestamp};
use sign::Mark;

use crate::{CONFIGURATION, Error, Playback, Result};

/// Addresses end at whole hours, so that they stay the same and browsers keep what they fetched.
const HOUR_MS: i64 = 3_600_000;
/// The longest time that an address lives.
pub(crate) const LONGEST_MS: i64 = 2 * HOUR_MS;

/// The visitor who gets the URL of a picture, and on which page.
#[derive(Debug, Clone, Copy)]
pub struct Viewing<'a> {
    /// The visitor of the page, who may see the title.
    pub who: &'a Who,
    /// Scheme and host of the page.
    pub origin: &'a str,
    /// A moment before it was looked up who they are and what they may see.
    pub asked_at: Timestamp,
}

impl Playback {
    /// Signs the address of a picture of a title for somebody who may see the title.
    ///
    /// `file` is relative to the generation: `poster/640.jpg`. The address lives one to two hours, if nothing ends it
    /// before; equal addresses are asked for in an hour. `None` while the title has no generation.
    pub async fn picture(&self, title: &Title, file: &str, viewing: &Viewing<'_>) -> Result<Option<String>> {
        let (Some(asset), Some(generation)) = (title.asset, title.generation) else { return Ok(None) };
        let now = viewing.asked_at;
        let hour = Timestamp(now.0.div_euclid(HOUR_MS) * HOUR_MS);
        let until = hour.plus_ms(LONGEST_MS);
        let subjects = subjects(title.visibility, viewing.who);
        let ended = self.inner.state.borrow().ended.clone();
        let mut of = subjects.into_iter().flatten().chain([SubjectId::from_bytes(asset.to_bytes())]);
        // Something that ended this hour makes new addresses, but not for a page that was begun before.
        let since = of.try_fold(hour, |since, subject| match ended.get(&subject) {
            Some(ended) if now <= *ended => Err(()),
            Some(ended) => Ok(since.max(ended.plus_ms(1))),
            None => Ok(since),
        });
        let mark = Mark { since: since.unwrap_or(hour), subjects };
        let configuration = self.inner.catalogue.configuration_named(CONFIGURATION).await?;
        let configuration =
            configuration.ok_or_else(|| Error::NoConfiguration { name: CONFIGURATION.into() })?.id;
        let (origin, path) = (viewing.origin, asset_path(asset));
        let address = format!("{origin}{path}{configuration}/{generation}/{file}?{}", mark.query());
        // Signatures differ each time they are made: the first of an hour is the one.
        let pictures = &self.inner.pictures;
        let sign = async { pictures.key.sign_url(&address, until) };
        let made = pictures.made.try_get_with((address.clone(), until), sign).await;
        made.map(Some).map_err(|error| (*error).clone().into())
    }
}

/// The account and the session that an address is for; none where everybody may see the title.
fn subjects(visibility: Visibility, who: &Who) -> [Option<SubjectId>; 2] {
    if visibility == Visibility::Public {
        return [None; 2];
    }
    let account = who.account().map(|id| SubjectId::from_bytes(id.to_bytes()));
    [account, who.session().map(|id| SubjectId::from_bytes(id.to_bytes()))]
}

/// The signer of pictures, and the URLs that it made this hour.
pub(crate) struct Pictures {
    key: sign::SigningKey,
    made: moka::future::Cache<(String, Timestamp), String>,
}

impl Pictures {
    pub(crate) fn new(key: sign::SigningKey) -> Self {
        /// Addresses that are remembered, each some 600 bytes.
        const MAX: u64 = 20_000;
        let hour = std::time::Duration::from_millis(HOUR_MS.unsigned_abs());
        Self { key, made: moka::future::Cache::builder().max_capacity(MAX).time_to_live(hour).build() }
    }
}
