//! Where an installation is, as others see it.

use std::net::SocketAddr;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::config::{Config, Tls};
use crate::folder::{self, Folder};

/// File in the data folder with the addresses of the last `kinora up`, for links that commands make while it is stopped.
const FILE: &str = "address.json";

/// Where this installation is, as others see it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Scheme, host and port that viewers use.
    pub(crate) origin: String,
    /// The same of the S3 face.
    pub(crate) s3_origin: String,
    pub(crate) profile: Profile,
}

/// How far strangers are to be reckoned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `kinora up`: loopback, a mailbox folder, ready-made keys.
    Development,
    /// `kinora serve`.
    Production,
}

/// The content of [`FILE`].
#[derive(Serialize, Deserialize)]
struct Remembered {
    origin: String,
    s3_origin: String,
}

impl Place {
    /// The place of `kinora up` on these addresses.
    pub(crate) fn loopback(http: SocketAddr, s3: SocketAddr) -> Self {
        Self {
            origin: format!("http://{}", shown(http)),
            s3_origin: format!("http://{}", shown(s3)),
            profile: Profile::Development,
        }
    }

    /// The place of `kinora serve`, from its settings.
    pub(crate) fn public(config: &Config) -> anyhow::Result<Self> {
        let public = config.public_url.as_ref().context("no public_url")?;
        let s3 = match &config.s3_public_url {
            Some(url) => url.clone(),
            None => s3_beside(config, public)?,
        };
        Ok(Self {
            origin: public.origin().ascii_serialization(),
            s3_origin: s3.origin().ascii_serialization(),
            profile: Profile::Production,
        })
    }

    /// Writes the addresses into the data folder. It is only a help: on a full disk the last ones stay.
    pub(crate) fn remember(&self, folder: &Folder) {
        let Self { origin, s3_origin, .. } = self.clone();
        let text = serde_json::to_vec(&Remembered { origin, s3_origin }).unwrap_or_default();
        if let Err(error) = folder::write_private(&folder.join(FILE), &text) {
            tracing::warn!(error = format!("{error:#}"), "cannot write down the server's addresses");
        }
    }

    /// The place of the last `kinora up` on this folder, or from the settings if there was none.
    pub(crate) fn recall(folder: &Folder, config: &Config) -> Self {
        let text = std::fs::read(folder.join(FILE)).ok();
        let found = text.and_then(|text| serde_json::from_slice::<Remembered>(&text).ok());
        let usable = |text: &String| text.parse::<Url>().is_ok_and(|url| url.has_host());
        match found.filter(|found| usable(&found.origin) && usable(&found.s3_origin)) {
            Some(Remembered { origin, s3_origin }) => {
                Self { origin, s3_origin, profile: Profile::Development }
            }
            None => Self::loopback(config.http, config.s3),
        }
    }
}

/// The address as people type it: loopback is `localhost` on well-known ports, and stays a number on chosen ones.
fn shown(address: SocketAddr) -> String {
    let standard = [8080, 9000].contains(&address.port());
    if address.ip().is_loopback() && standard {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

/// The S3 face on the public host with its own port, where Kinora itself speaks TLS; else as it listens, which only an
/// encoder by itself may say, because it tells nobody.
fn s3_beside(config: &Config, public: &Url) -> anyhow::Result<Url> {
    let host = public.host_str().context("public_url has no host")?;
    let text = match config.tls {
        Tls::Files(_) => format!("https://{host}:{}", config.s3.port()),
        Tls::Proxy | Tls::Off => format!("http://{}", config.s3),
    };
    text.parse().with_context(|| format!("{text} is not an address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_the_last_start_are_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let check = |origin: &str, s3_origin: &str| {
            let place = Place::recall(&folder, &Config::default());
            assert_eq!((&*place.origin, &*place.s3_origin), (origin, s3_origin));
        };
        check("http://localhost:8080", "http://localhost:9000");
        Place::loopback(([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into()).remember(&folder);
        check("http://127.0.0.1:1", "http://127.0.0.1:2");
        for damaged in ["", "{\"origin\":\"\",\"s3_origin\":\"x\"}"] {
            std::fs::write(folder.join(FILE), damaged).unwrap();
            check("http://localhost:8080", "http://localhost:9000");
        }
    }
}
