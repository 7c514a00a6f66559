//! Settings: defaults → file → `KINORA__PART__NAME` → flags, read once into one struct.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use serde::Deserialize;

use crate::cli::Up;

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Folder for everything Kinora keeps.
    pub(crate) data: PathBuf,
    /// Address of pages, API and streams.
    pub(crate) http: SocketAddr,
    /// Address of the S3 face.
    pub(crate) s3: SocketAddr,
    /// `postgres://…`; a SQLite file in the data folder when absent.
    pub(crate) database: Option<Address>,
    /// How log lines look.
    pub(crate) log: Log,
    /// How mails leave.
    pub(crate) mail: Mail,
    /// The encoder.
    pub(crate) worker: worker::Config,
    /// The store: what stays free, how long deleted bytes stay for readers.
    pub(crate) store: blob::Config,
    /// How long things are kept, and how much room encodes may take.
    pub(crate) pipeline: pipeline::Config,
    /// Which uploads become titles, and how they are encoded; the first rule that matches counts.
    pub(crate) rules: Vec<pipeline::Rule>,
}

/// A database address; `Debug` hides its password.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Address(pub(crate) String);

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.split_once("://").map_or("…", |(scheme, _)| scheme))
    }
}

/// How mails leave: through a mail server, or into the folder `mailbox` when none is named.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mail {
    /// Who mails come from: `Name <address>`.
    pub(crate) from: String,
    /// The mail server.
    pub(crate) smtp: Option<notify::smtp::Config>,
}

impl Default for Mail {
    fn default() -> Self {
        Self { from: "Kinora <kinora@localhost>".into(), smtp: None }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Log {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "data".into(),
            http: SocketAddr::from(([127, 0, 0, 1], 8080)),
            s3: SocketAddr::from(([127, 0, 0, 1], 9000)),
            database: None,
            log: Log::Text,
            mail: Mail::default(),
            worker: worker::Config::default(),
            store: blob::Config::default(),
            pipeline: pipeline::Config::default(),
            rules: pipeline::Rule::defaults(),
        }
    }
}

impl Config {
    /// Reads all layers for `kinora up`.
    pub(crate) fn load(flags: &Up) -> anyhow::Result<Self> {
        let file = match &flags.config {
            Some(path) => {
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
            }
            None => String::new(),
        };
        let mut config = Self::layered(&file, std::env::vars())?;
        if let Some(data) = &flags.data {
            config.data.clone_from(data);
        }
        config.http = flags.http.unwrap_or(config.http);
        config.s3 = flags.s3.unwrap_or(config.s3);
        config.worker.slots = flags.workers.unwrap_or(config.worker.slots);
        Ok(config)
    }

    fn layered(file: &str, environment: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut table: toml::Table = file.parse().context("the configuration file is not TOML")?;
        for (name, value) in environment {
            if let Some(path) = name.strip_prefix("KINORA__") {
                let parts: Vec<String> = path.split("__").map(str::to_lowercase).collect();
                set(&mut table, &parts, &value).with_context(|| format!("environment variable {name}"))?;
            }
        }
        let config: Self = toml::Value::Table(table).try_into().context("the configuration is not right")?;
        notify::Sender::parse(&config.mail.from)?;
        if let Some(smtp) = &config.mail.smtp {
            smtp.check()?;
        }
        for rule in &config.rules {
            encode::template::Template::named(&rule.template).with_context(|| {
                format!("the rule for `{}/{}*` names no job template", rule.bucket, rule.prefix)
            })?;
        }
        Ok(config)
    }
}

/// Sets `table[path]`; the text is a TOML value where it reads as one, a string otherwise.
fn set(table: &mut toml::Table, path: &[String], text: &str) -> anyhow::Result<()> {
    let Some((last, parents)) = path.split_last() else { return Ok(()) };
    let mut at = table;
    for parent in parents {
        let next = at.entry(parent.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        at = next.as_table_mut().with_context(|| format!("`{parent}` is not a group of settings"))?;
    }
    let value = format!("v = {text}").parse::<toml::Table>().ok().and_then(|mut t| t.remove("v"));
    at.insert(last.clone(), value.unwrap_or_else(|| toml::Value::String(text.into())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layered(file: &str, environment: &[(&str, &str)]) -> anyhow::Result<Config> {
        Config::layered(file, environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn later_layers_win() {
        assert_eq!(layered("", &[]).unwrap().http.port(), 8080);
        assert_eq!(layered("http = '127.0.0.1:1'", &[]).unwrap().http.port(), 1);
        let config =
            layered("http = '127.0.0.1:1'", &[("KINORA__HTTP", "127.0.0.1:2"), ("OTHER", "x")]).unwrap();
        assert_eq!(config.http.port(), 2);
    }

    #[test]
    fn the_environment_reaches_nested_settings() {
        assert_eq!(
            layered("[worker]\nslots = 1", &[("KINORA__WORKER__SLOTS", "3")]).unwrap().worker.slots,
            3
        );
        let config = layered("", &[("KINORA__DATABASE", "postgres://u:secret@h/d")]).unwrap();
        assert!(!format!("{config:?}").contains("secret"));
    }

    #[test]
    fn a_mail_server_is_checked_when_it_is_read() {
        let file = "[mail]\nfrom = 'K <k@example.org>'\nsmtp = { host = 'smtp.example.org' }";
        let config =
            layered(file, &[("KINORA__MAIL__SMTP__USER", "u"), ("KINORA__MAIL__SMTP__PASSWORD", "geheim")]);
        let config = config.unwrap();
        assert_eq!(config.mail.smtp.as_ref().unwrap().port(), 587);
        assert!(!format!("{config:?}").contains("geheim"));
        let refused = |file: &str| layered(file, &[]).unwrap_err().to_string();
        let plain = refused("[mail.smtp]\nhost = 'smtp.example.org'\ntls = 'none'");
        assert!(plain.contains("starttls"), "{plain}");
        assert!(refused("[mail]\nfrom = 'nobody'").contains("mail.from"));
    }

    #[test]
    fn a_misspelt_setting_is_an_error() {
        assert!(layered("htpp = 1", &[]).is_err());
        assert!(layered("", &[("KINORA__NOPE", "1")]).is_err());
        assert!(layered("[[rules]]\nbucket = 'source'\ntemplate = 'nope'", &[]).is_err());
        assert!(layered("[[rules]]\nbucket = 'source'\ntemplate = 'standard'", &[]).is_ok());
    }
}
