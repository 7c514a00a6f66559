//! Settings of parts that follow from others.

use std::time::Duration;

use anyhow::Context;
use model::title::Visibility;
use url::Url;

use super::{Place, Profile};
use crate::config::Config;

/// Settings of the store, which keeps parts as long as browser uploads may wait for them.
pub(super) fn store(config: &Config) -> blob::Config {
    let upload_days = config.store.upload_days.max(config.upload.abandoned_days.saturating_add(1));
    blob::Config { upload_days, ..config.store.clone() }
}

/// The front door's settings.
pub(super) fn edge(config: &Config) -> edge::Config {
    edge::Config { drain_ms: config.stop_seconds.saturating_mul(1000), ..config.edge.clone() }
}

/// Settings of the S3 face at `address`, to which pages of `public` send parts.
pub(super) fn s3(config: &Config, address: &Url, public: &Url) -> s3::Config {
    s3::Config {
        https: address.scheme() == "https",
        page_origins: page_origins(public, &config.upload.page_origins),
        ..config.s3_face.clone()
    }
}

/// Settings of the pipeline: with `kinora up`, uploads are visible to everyone who signs in.
pub(super) fn pipeline(config: &Config, place: &Place) -> pipeline::Config {
    let visibility = match place.profile {
        Profile::Development => Visibility::Members,
        Profile::Production => config.pipeline.visibility,
    };
    pipeline::Config { visibility, ..config.pipeline.clone() }
}

/// Settings of identity for `kinora up`.
pub(super) fn identity(config: &Config, place: &Place) -> anyhow::Result<identity::Config> {
    if place.profile == Profile::Development {
        return Ok(identity::Config::development());
    }
    let url: Url = place.origin.parse()?;
    let host = url.host_str().context("the public address has no host")?.to_owned();
    Ok(identity::Config { host, ..config.identity.clone() })
}

/// How long requests under way may take to end at shutdown: one time for all doors.
pub(super) fn drain(config: &Config) -> Duration {
    Duration::from_secs(u64::from(config.stop_seconds))
}

/// How long all parts together may take to stop: the doors break requests off by themselves a little earlier.
pub(crate) fn stop_time_limit(config: &Config) -> Duration {
    Duration::from_secs(u64::from(config.stop_seconds) + 1)
}

/// The origins whose pages may send parts of uploads: the public one, on loopback its other names, and those that the
/// settings name.
fn page_origins(public: &Url, others: &[Url]) -> Vec<String> {
    let origin = |url: &Url| url.origin().ascii_serialization();
    let named = |host: &str| {
        let mut url = public.clone();
        url.set_host(Some(host)).ok().map(|()| origin(&url))
    };
    let mut all: Vec<String> = match public.host_str() {
        Some("localhost" | "127.0.0.1") => ["localhost", "127.0.0.1"].into_iter().filter_map(named).collect(),
        _ => vec![origin(public)],
    };
    all.extend(others.iter().map(origin));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_keeps_what_uploads_wait_for() {
        let mut config = Config::default();
        for (abandoned, own, kept) in [(7, 7, 8), (30, 7, 31), (2, 14, 14), (u32::MAX, 7, u32::MAX)] {
            config.upload.abandoned_days = abandoned;
            config.store.upload_days = own;
            assert_eq!(store(&config).upload_days, kept);
        }
    }

    #[test]
    fn all_doors_wait_as_long_as_the_settings_say() {
        let config = Config { stop_seconds: 90, ..Config::default() };
        assert_eq!(edge(&config).drain_ms, 90_000);
        assert_eq!(drain(&config), Duration::from_secs(90));
        assert!(stop_time_limit(&config) > Duration::from_secs(90));
    }

    #[test]
    fn pages_of_the_installation_may_send_parts() {
        let mut config = Config::default();
        config.upload.page_origins = vec!["https://studio.example".parse().unwrap()];
        let address = "https://s3.films.example".parse().unwrap();
        let origins = |public: &str| s3(&config, &address, &public.parse().unwrap()).page_origins;
        assert_eq!(origins("https://films.example"), ["https://films.example", "https://studio.example"]);
        let local = ["http://localhost:8080", "http://127.0.0.1:8080", "https://studio.example"];
        assert_eq!(origins("http://localhost:8080"), local);
    }
}
