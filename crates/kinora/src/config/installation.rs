//! Settings that commands beside the server need: where it stores data, and which risks it accepts.

use std::path::PathBuf;

use anyhow::Context;
use seal::KeyProvider;
use serde::Deserialize;

use super::{Address, layers, text};
use crate::{cli, keys};

/// The same settings that the server starts with, and no others: who runs a command need not be able to read the
/// server's secrets.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Installation {
    /// The data folder.
    pub(crate) data: PathBuf,
    /// The key ring's file, where it is not in the data folder.
    keys: Option<PathBuf>,
    database: Option<Address>,
    /// The encoder.
    pub(crate) worker: worker::Config,
}

impl Default for Installation {
    fn default() -> Self {
        Self { data: super::DATA.into(), keys: None, database: None, worker: worker::Config::default() }
    }
}

impl Installation {
    /// Reads the settings that a command names. Its flags count before them.
    pub(crate) fn of(server: &cli::Server) -> anyhow::Result<Self> {
        Self::read(server, layers::environment()?, &[])
    }

    /// The same with `keys`, a flag.
    pub(crate) fn with_keys(ring: &cli::Ring) -> anyhow::Result<Self> {
        let mut found = Self::of(&ring.server)?;
        found.keys = ring.keys.clone().or(found.keys);
        Ok(found)
    }

    /// The address of the database, which may be a secret in a file of its own; `None` where it is in the data folder.
    pub(crate) fn database(server: &cli::Server, flag: Option<String>) -> anyhow::Result<Option<String>> {
        if flag.is_some() {
            return Ok(flag);
        }
        let found = Self::read(server, layers::environment()?, &[layers::DATABASE])?;
        Ok(found.database.map(|address| address.0))
    }

    /// Where its key ring comes from.
    pub(crate) fn provider(&self) -> KeyProvider {
        keys::provider(self.keys.as_deref(), &self.data)
    }

    fn read(
        server: &cli::Server,
        environment: impl Iterator<Item = (String, String)>,
        secrets: &[&[&str]],
    ) -> anyhow::Result<Self> {
        let table = layers::merge(&text(server.config.as_deref())?, environment, secrets)?;
        let mut found: Self = toml::Value::Table(table).try_into().context("invalid settings")?;
        if let Some(data) = &server.data {
            found.data.clone_from(data);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::doctor;

    #[test]
    fn commands_find_what_the_server_uses() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kinora.toml");
        // A secret that the user of the command may not read.
        let settings =
            "data = '/srv/films'\nkeys = '/srv/ring'\ndatabase_file = '/nowhere'\n[mail.smtp]\nhost = 'h'";
        std::fs::write(&file, settings).unwrap();
        let server =
            |data: Option<&str>| cli::Server { data: data.map(Into::into), config: Some(file.clone()) };
        let read = |server: &cli::Server, environment: &[(&str, &str)]| {
            let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            Installation::read(server, environment, &[]).unwrap()
        };
        let found = read(&server(None), &[]);
        assert_eq!(
            (found.data.as_path(), found.provider().path()),
            (Path::new("/srv/films"), Path::new("/srv/ring"))
        );
        assert_eq!(read(&server(None), &[("KINORA__DATA", "/other")]).data, Path::new("/other"));
        assert_eq!(read(&server(Some("/third")), &[("KINORA__DATA", "/other")]).data, Path::new("/third"));
        assert!(Installation::read(&server(None), std::iter::empty(), &[layers::DATABASE]).is_err());
        assert!(!doctor::jail(&found.worker).permits_missing_layers());
        let permitted = read(&server(None), &[("KINORA__WORKER__ALLOW_INCOMPLETE_JAIL", "true")]);
        assert!(doctor::jail(&permitted.worker).permits_missing_layers());

        let nowhere = cli::Server { data: None, config: None };
        assert_eq!(read(&nowhere, &[]).data, Path::new("data"));
        assert_eq!(read(&nowhere, &[]).provider().path(), Path::new("data/keys/ring"));
        let former = [("KINORA_DATA", "/old"), ("KINORA_KEYS", "/old-ring")];
        let found = read(&nowhere, &former);
        assert_eq!(
            (found.data.as_path(), found.provider().path()),
            (Path::new("/old"), Path::new("/old-ring"))
        );
        assert_eq!(
            read(&nowhere, &[("KINORA__DATA", "/new"), ("KINORA_DATA", "/old")]).data,
            Path::new("/new")
        );
    }
}
