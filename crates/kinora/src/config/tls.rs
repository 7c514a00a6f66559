//! How connections are protected.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

/// How viewers' connections are protected: `"off"`, `"proxy"`, or files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Tls {
    /// Not at all: for development on loopback.
    #[default]
    Off,
    /// By the proxies that `edge.trusted_proxies` names: they speak TLS, Kinora speaks HTTP with them.
    Proxy,
    /// By Kinora, with this certificate.
    Files(Files),
}

/// A certificate and its key, PEM. Both are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Files {
    /// The certificate and those that lead to a known authority, in this order.
    pub(crate) certificate: PathBuf,
    /// The private key.
    pub(crate) key: PathBuf,
}

impl<'de> Deserialize<'de> for Tls {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Word(String),
            Files(toml::Table),
        }
        match Form::deserialize(from)? {
            Form::Word(word) if word == "off" => Ok(Self::Off),
            Form::Word(word) if word == "proxy" => Ok(Self::Proxy),
            Form::Word(word) => Err(Error::custom(format!(
                "`tls` is \"off\", \"proxy\" or a group with `certificate` and `key`, not `{word}`"
            ))),
            Form::Files(table) => table.try_into().map(Self::Files).map_err(Error::custom),
        }
    }
}
