//! Settings: defaults → file → `KINORA__PART__NAME` → flags, read once into one struct.

mod installation;
mod layers;
#[cfg(test)]
mod sample;
mod tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use template::Templates;
use url::Url;

use crate::role::Role;
use crate::{cli, metrics};
pub(crate) use installation::Installation;
#[cfg(test)]
pub(crate) use tls::Files;
pub(crate) use tls::Tls;

/// Everything that can be set. `deploy/kinora.toml` shows all of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The address that people use, `https://host[:port]`. `kinora up` uses the address it listens on.
    pub(crate) public_url: Option<Url>,
    /// The address that S3 clients use, where it is not `public_url`'s host with the S3 face's port.
    pub(crate) s3_public_url: Option<Url>,
    /// Folder for everything Kinora keeps.
    pub(crate) data: PathBuf,
    /// The parts that run in this process.
    pub(crate) role: Role,
    /// Address of pages, API and streams. With `tls` from files it only leads to `https`.
    pub(crate) http: SocketAddr,
    /// Address of the same over TLS; needs `tls` from files.
    pub(crate) https: Option<SocketAddr>,
    /// Address of the S3 face; over TLS when `tls` names files.
    pub(crate) s3: SocketAddr,
    /// How connections are protected.
    pub(crate) tls: Tls,
    /// Uploads by browsers.
    pub(crate) upload: upload::Config,
    /// `postgres://…`; a SQLite file in the data folder when absent.
    pub(crate) database: Option<Address>,
    /// File with the key ring; `keys/ring` in the data folder when absent.
    pub(crate) keys: Option<PathBuf>,
    /// How people prove who they are.
    pub(crate) sign_in: SignIn,
    /// How log lines look; text in development and JSON in production when absent.
    pub(crate) log: Option<Log>,
    /// How long running requests may continue when told to stop, in s, at most 3,600; then they are aborted.
    pub(crate) stop_seconds: u32,
    /// Whether production may run as root, in a container that has no other user.
    pub(crate) allow_root: bool,
    /// Accounts, codes and sessions.
    pub(crate) identity: identity::Config,
    /// The front door.
    pub(crate) edge: edge::Config,
    /// The packager: its memory.
    pub(crate) origin: origin::Config,
    /// Permission to play, and how long it lasts.
    pub(crate) playback: playback::Config,
    /// Bounds of the S3 face, and names of hosts that it answers to.
    pub(crate) s3_face: s3::Config,
    /// How mails leave.
    pub(crate) mail: Mail,
    /// The encoder.
    pub(crate) worker: worker::Config,
    /// The store: whether it is sealed, what stays free, how long deleted bytes stay for readers.
    pub(crate) store: blob::Config,
    /// How long things are kept, and how much space encodes may take.
    pub(crate) pipeline: pipeline::Config,
    /// Figures for those who watch the installation.
    pub(crate) metrics: metrics::Config,
    /// Rules for uploads that become titles, and their encoding; the first rule that matches applies.
    pub(crate) rules: Vec<pipeline::Rule>,
    /// Job templates beside the built-in ones.
    pub(crate) templates: Templates,
    /// Whether the configuration file itself holds a secret.
    #[serde(skip)]
    pub(crate) secret_in_file: bool,
    /// Which of [`SERVE_ONLY`] are set.
    #[serde(skip)]
    pub(crate) serve_only: Vec<&'static str>,
}

/// Folder for everything, where nobody says another.
const DATA: &str = "data";

/// Settings of an installation for strangers: `kinora up` is on loopback, for the person who started it.
const SERVE_ONLY: [&str; 7] = ["public_url", "s3_public_url", "https", "tls", "sign_in", "role", "identity"];

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
    /// Sender of mails: `Name <address>`.
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

/// How people prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum SignIn {
    /// By codes that come by mail, or by links that an operator makes.
    #[serde(rename = "codes")]
    Codes,
    /// By links that an operator makes.
    #[serde(rename = "invitations only")]
    InvitationsOnly,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: None,
            s3_public_url: None,
            data: DATA.into(),
            role: Role::All,
            http: SocketAddr::from(([127, 0, 0, 1], 8080)),
            https: None,
            s3: SocketAddr::from(([127, 0, 0, 1], 9000)),
            tls: Tls::Off,
            upload: upload::Config::default(),
            database: None,
            keys: None,
            sign_in: SignIn::Codes,
            log: None,
            stop_seconds: 20,
            allow_root: false,
            identity: identity::Config::default(),
            edge: edge::Config::default(),
            origin: origin::Config::default(),
            playback: playback::Config::default(),
            s3_face: s3::Config::default(),
            mail: Mail::default(),
            worker: worker::Config::default(),
            store: blob::Config::default(),
            pipeline: pipeline::Config::default(),
            metrics: metrics::Config::default(),
            rules: pipeline::Rule::defaults(),
            templates: Templates::default(),
            secret_in_file: false,
            serve_only: Vec::new(),
        }
    }
}

impl Config {
    /// Reads all layers for `kinora up`.
    pub(crate) fn for_up(flags: &cli::Up) -> anyhow::Result<Self> {
        let mut config = Self::read(flags.config.as_deref())?;
        config.for_development()?;
        if let Some(data) = &flags.data {
            config.data.clone_from(data);
        }
        config.keys = flags.keys.clone().or(config.keys);
        config.http = flags.http.unwrap_or(config.http);
        config.s3 = flags.s3.unwrap_or(config.s3);
        config.worker.slots = flags.workers.unwrap_or(config.worker.slots);
        config.worker.check()?;
        Ok(config)
    }

    /// Reads all layers for `kinora serve`.
    pub(crate) fn for_serve(flags: &cli::Serve) -> anyhow::Result<Self> {
        let mut config = Self::read(Some(&flags.config))?;
        if let Some(data) = &flags.data {
            config.data.clone_from(data);
        }
        config.role = flags.role.unwrap_or(config.role);
        Ok(config)
    }

    /// Reads all layers for a command that opens the data folder itself: the settings of `kinora up` or `kinora serve`.
    pub(crate) fn for_command(server: &cli::Server) -> anyhow::Result<Self> {
        let mut config = Self::read(server.config.as_deref())?;
        if let Some(data) = &server.data {
            config.data.clone_from(data);
        }
        Ok(config)
    }

    /// Refuses what `kinora up` would not do.
    fn for_development(&self) -> anyhow::Result<()> {
        if self.serve_only.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = self.serve_only.iter().map(|name| format!("`{name}`")).collect();
        bail!(
            "`kinora up` is for this machine and does nothing with {}: take that out of the settings, or start \
             `kinora serve --config FILE`",
            names.join(", ")
        );
    }

    fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        Self::layered(&text(file)?, layers::environment()?)
    }

    pub(crate) fn layered(
        file: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let table = layers::merge(file, environment, &layers::SECRETS)?;
        let serve_only = SERVE_ONLY.into_iter().filter(|name| table.contains_key(*name)).collect();
        let mut config: Self = toml::Value::Table(table).try_into().context("invalid configuration")?;
        config.serve_only = serve_only;
        config.secret_in_file = file.parse().is_ok_and(|table| layers::holds_secret(&table));
        notify::Sender::parse(&config.mail.from)?;
        if let Some(smtp) = &config.mail.smtp {
            smtp.check()?;
        }
        ensure!(config.stop_seconds <= 3600, "stop_seconds must be at most 3,600");
        config.identity.check()?;
        config.edge.check()?;
        config.origin.check()?;
        config.playback.check()?;
        config.s3_face.check()?;
        config.worker.check()?;
        config.upload.check()?;
        config.store.check()?;
        config.pipeline.check()?;
        config.metrics.check()?;
        for rule in &config.rules {
            config.templates.named(&rule.template).with_context(|| {
                format!("the rule for `{}/{}*` names no job template", rule.bucket, rule.prefix)
            })?;
        }
        Ok(config)
    }
}

/// The text of the configuration file, if there is one.
fn text(file: Option<&Path>) -> anyhow::Result<String> {
    match file {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        }
        None => Ok(String::new()),
    }
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
        let config = layered("", &[("KINORA__DATABASE", "postgres://u:hunter2@h/d")]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
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
    fn what_is_out_of_its_range_is_refused_by_name() {
        let check = |file: &str, expected: &str| {
            let refused = layered(file, &[]).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        };
        check("[edge]\nconnections = 0", "edge.connections must be 1 to 1,000,000");
        check("[identity]\ncode_seconds = 3600", "identity.code_seconds must be 30 to 600");
        check("[identity.limits]\nresends = 11", "identity.limits.resends must be at most 10");
        check("[mail.smtp]\nhost = ''", "mail.smtp.host must be a host name or an address");
        check("[worker]\nslots = 1025", "worker.slots must be at most 1,024");
        check("[store]\nupload_days = 0", "store.upload_days must be 1 to 36,500");
        check("[pipeline]\ntrash_hours = 4294967295", "pipeline.trash_hours must be at most 876,000");
        check("stop_seconds = 3601", "stop_seconds must be at most 3,600");
        check("[upload]\nabandoned_days = 0", "upload.abandoned_days must be 1 to 365");
        check("[playback]\ncookie_seconds = 900", "playback.cookie_seconds must be 10 to 300");
        check("[origin]\nwait_ms = 60000", "origin.wait_ms must be at most 10,000");
        check("[s3_face]\ndomains = ['https://s3.example']", "s3_face.domains must be names of hosts");
    }

    #[test]
    fn a_misspelt_setting_is_an_error() {
        assert!(layered("htpp = 1", &[]).is_err());
        assert!(layered("", &[("KINORA__NOPE", "1")]).is_err());
        assert!(layered("[[rules]]\nbucket = 'source'\ntemplate = 'nope'", &[]).is_err());
        assert!(layered("[[rules]]\nbucket = 'source'\ntemplate = 'standard'", &[]).is_ok());
        let own = "[[templates]]\nName = 'own'\n[[rules]]\nbucket = 'source'\ntemplate = 'own'\n";
        assert!(layered(own, &[]).is_ok());
        let refused = format!("{:#}", layered("[[templates]]\nName = 'standard'", &[]).unwrap_err());
        assert!(refused.contains("there is already a template `standard`"), "{refused}");
    }

    #[test]
    fn development_refuses_what_it_would_not_do() {
        let refused = |file: &str| {
            let refused = layered(file, &[]).unwrap().for_development();
            refused.err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(refused("http = '127.0.0.1:1'\n[store]\nlinger_seconds = 1"), "");
        assert!(refused("[identity]\nopen_sign_up = false").contains("`identity`"));
        let many = refused("public_url = 'https://films.example'\nhttps = '[::]:443'\ntls = 'proxy'");
        assert!(many.contains("`public_url`, `https`, `tls`") && many.contains("kinora serve"), "{many}");
    }

    #[test]
    fn tls_is_a_word_or_two_files() {
        let tls = |text: &str| layered(text, &[]).map(|config| config.tls);
        assert_eq!(tls("").unwrap(), Tls::Off);
        assert_eq!(tls("tls = 'proxy'").unwrap(), Tls::Proxy);
        let files = Files { certificate: "/c".into(), key: "/k".into() };
        assert_eq!(tls("[tls]\ncertificate = '/c'\nkey = '/k'").unwrap(), Tls::Files(files));
        for bad in ["tls = 'on'", "[tls]\ncertificate = '/c'", "[tls]\ncertificate='/c'\nkey='/k'\nx=1"] {
            assert!(tls(bad).is_err(), "{bad}");
        }
    }
}
