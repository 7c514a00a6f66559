//! Addresses of posters and storyboards: signed URLs in the page, the same for everybody during an hour.

use catalogue::Title;
use model::Timestamp;
use model::delivery::asset_path;

use crate::{CONFIGURATION, Error, Playback, Result};

/// Addresses end at whole hours, so that they stay the same and browsers keep what they fetched.
const HOUR_MS: i64 = 3_600_000;

impl Playback {
    /// Signs the address of a picture of a title for who visits `origin`, the scheme and host of the page.
    ///
    /// `file` is relative to the generation: `poster/640.jpg`, `storyboard.vtt`. The address lives one to two
    /// hours; equal addresses are asked for in an hour. `None` while the title has no generation. The caller
    /// has decided that the visitor may see the title.
    pub async fn picture(
        &self,
        title: &Title,
        file: &str,
        origin: &str,
        now: Timestamp,
    ) -> Result<Option<String>> {
        let (Some(asset), Some(generation)) = (title.asset, title.generation) else { return Ok(None) };
        let until = Timestamp((now.0.div_euclid(HOUR_MS) + 2) * HOUR_MS);
        let configuration = self.inner.catalogue.configuration_named(CONFIGURATION).await?;
        let configuration =
            configuration.ok_or_else(|| Error::NoConfiguration { name: CONFIGURATION.into() })?.id;
        let address = format!("{origin}{}{configuration}/{generation}/{file}", asset_path(asset));
        // Signatures differ each time they are made: the first of an hour is the one.
        let pictures = &self.inner.pictures;
        let sign = async { pictures.key.sign_url(&address, until) };
        let made = pictures.made.try_get_with((address.clone(), until), sign).await;
        made.map(Some).map_err(|error| (*error).clone().into())
    }
}

/// What signs pictures, and the addresses it made this hour.
pub(crate) struct Pictures {
    key: sign::SigningKey,
    made: moka::future::Cache<(String, Timestamp), String>,
}

impl Pictures {
    pub(crate) fn new(key: sign::SigningKey) -> Self {
        /// Addresses that are remembered, each some 500 bytes.
        const MAX: u64 = 20_000;
        let hour = std::time::Duration::from_millis(HOUR_MS.unsigned_abs());
        Self { key, made: moka::future::Cache::builder().max_capacity(MAX).time_to_live(hour).build() }
    }
}
