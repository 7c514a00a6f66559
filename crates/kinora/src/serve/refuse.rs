//! Settings that the production profile refuses, each with a fix.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use model::Chain;
use url::Url;

use super::mode;
use crate::config::{Config, SignIn, Tls};
use crate::keys;
use crate::role::Role;

/// The shortest prefix of a trusted proxies' range: below it, half of the Internet could say who asks.
const LEAST_BITS: u8 = 7;

/// A setting that is not safe, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    setting: &'static str,
    text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.text)
    }
}

/// The environment in which the settings are judged.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// The configuration file.
    file: Option<PathBuf>,
    /// Whether this process runs as root.
    root: bool,
}

impl Surroundings {
    pub(super) fn of(file: Option<&Path>) -> Self {
        Self { file: file.map(Path::to_owned), root: rustix::process::geteuid().is_root() }
    }
}

/// Everything that is wrong, in the order of the sample file.
pub(super) fn all(config: &Config, around: &Surroundings) -> Vec<Refusal> {
    let mut list = List(Vec::new());
    public_url(config, &mut list);
    // The encoder alone has no doors and sees no people.
    if config.role != Role::Worker {
        connections(config, &mut list);
    }
    files(config, around, &mut list);
    if config.role != Role::Worker {
        people(config, &mut list);
    }
    role(config, &mut list);
    if around.root && !config.allow_root {
        list.add(
            "user",
            "Kinora runs as root: start it as a user of its own (deploy/kinora.service does), or set \
             `allow_root = true` where a container has no other user",
        );
    }
    list.0
}

struct List(Vec<Refusal>);

impl List {
    fn add(&mut self, setting: &'static str, text: impl Into<String>) {
        self.0.push(Refusal { setting, text: text.into() });
    }
}

fn public_url(config: &Config, list: &mut List) {
    let mut check = |setting, url: &Url| {
        if url.scheme() != "https" {
            list.add(setting, format!("`{url}` is not https: cookies and signatures need it"));
        } else if url.host_str().is_none()
            || url.origin().ascii_serialization() != url.as_str().trim_end_matches('/')
        {
            list.add(setting, format!("`{url}` must be scheme, host and maybe port, nothing more"));
        }
    };
    if let Some(url) = &config.public_url {
        check("public_url", url);
    }
    if let Some(url) = &config.s3_public_url {
        check("s3_public_url", url);
    }
    for url in &config.upload.page_origins {
        check("upload.page_origins", url);
    }
    if config.public_url.is_none() {
        list.add(
            "public_url",
            "is missing: the address that people use, `public_url = \"https://films.example.org\"`",
        );
    }
}

fn connections(config: &Config, list: &mut List) {
    let trusted = &config.edge.trusted_proxies;
    if let Some(range) = trusted.iter().find(|range| range.bits() < LEAST_BITS) {
        list.add(
            "edge.trusted_proxies",
            format!("`{range}` lets strangers forge their address: list the addresses of your proxies only"),
        );
    }
    match &config.tls {
        Tls::Off => list.add(
            "tls",
            "is off: name `certificate` and `key` in the group [tls], or set `tls = \"proxy\"` when a proxy in front \
             speaks TLS",
        ),
        Tls::Proxy if trusted.is_empty() => list.add(
            "edge.trusted_proxies",
            "is empty and `tls = \"proxy\"`: name the proxy's address, such as `trusted_proxies = [\"127.0.0.1\"]` in \
             the group [edge]",
        ),
        Tls::Proxy => {}
        Tls::Files(_) if config.https.is_none() => {
            list.add("https", "is missing: the address to listen on for TLS, `https = \"[::]:443\"`");
        }
        Tls::Files(files) => {
            if let Err(error) = tls::Server::load(&files.certificate, &files.key) {
                list.add("tls", Chain(&error).to_string());
            }
        }
    }
    if config.tls == Tls::Proxy && config.s3_public_url.is_none() {
        list.add(
            "s3_public_url",
            format!(
                "is missing and `tls = \"proxy\"`: browsers send what they upload straight to the S3 face, and {} is \
                 nowhere for them. Let the proxy pass a host of its own on to it (deploy/nginx.conf has one) and name \
                 it, `s3_public_url = \"https://s3.films.example.org\"`",
                config.s3
            ),
        );
    }
    let over_tls = matches!(config.tls, Tls::Files(_));
    if config.https.is_some() && !over_tls {
        list.add(
            "https",
            "needs a certificate: name `certificate` and `key` in the group [tls], or leave `https` out",
        );
    }
    if !over_tls && !is_loopback(config.s3) {
        list.add(
            "s3",
            format!(
                "{} is open to the network without TLS: listen on loopback (`s3 = \"127.0.0.1:9000\"`) behind your \
                 proxy, or name a certificate in the group [tls]",
                config.s3
            ),
        );
    }
    let s3_host = config.s3_public_url.as_ref().or(config.public_url.as_ref()).and_then(Url::host_str);
    let below = |domain: &&String| s3_host.is_some_and(|host| host.ends_with(&format!(".{domain}")));
    if let (Some(host), Some(domain)) = (s3_host, config.s3_face.domains.iter().find(below)) {
        list.add(
            "s3_face.domains",
            format!(
                "`{host}` is below `{domain}`, so its first label would be taken for a bucket: use `{host}` itself, \
                 below which buckets have their names"
            ),
        );
    }
}

fn files(config: &Config, around: &Surroundings, list: &mut List) {
    if let Tls::Files(files) = &config.tls
        && let Some(mode) = mode(&files.key).filter(|mode| mode & 0o007 != 0)
    {
        let path = files.key.display();
        list.add("tls.key", format!("every user can read {path} (mode {mode:o}): chmod o= {path}"));
    }
    if let Some(file) = &around.file
        && config.secret_in_file
        && let Some(mode) = mode(file).filter(|mode| mode & 0o007 != 0)
    {
        let path = file.display();
        list.add(
            "configuration",
            format!(
                "{path} holds a secret and everybody may read it (mode {mode:o}): chmod o= {path}, or put the secret \
                 in a file of its own and name that (`database_file = …`)"
            ),
        );
    }
    if let Some(mode) = mode(&config.data).filter(|mode| mode & 0o077 != 0) {
        let path = config.data.display();
        list.add("data", format!("other users can read {path} (mode {mode:o}): chmod 700 {path}"));
    }
    let provider = keys::provider(config.keys.as_deref(), &config.data);
    if keys::stand_and_fall_with(&config.data, &provider) {
        list.add(
            "keys",
            format!(
                "losing the data folder would lose the keys to everything, backups included: export a copy with a \
                 passphrase (`kinora key export FILE --config {}{}`) and keep it elsewhere, or keep the key ring \
                 outside the data folder, `keys = \"/path/ring\"`",
                around.file.as_deref().unwrap_or(Path::new("FILE")).display(),
                if provider.path().exists() { "" } else { " --new" }
            ),
        );
    }
}

fn people(config: &Config, list: &mut List) {
    if config.sign_in == SignIn::Codes && config.mail.smtp.is_none() {
        list.add(
            "sign_in",
            "there is no mail server, so nobody would get a code, and the mailbox folder of `kinora up` is not for \
             production: name a mail server in the group [mail.smtp], or set `sign_in = \"invitations only\"` and make \
             links with `kinora signin-link`",
        );
    }
}

fn role(config: &Config, list: &mut List) {
    match config.role {
        Role::All => {}
        Role::Worker => {
            if config.database.is_none() {
                list.add(
                    "role",
                    "`worker` runs beside another process, and SQLite is for one: set `database = \"postgres://…\"` for \
                     both",
                );
            }
            if config.worker.slots == 0 {
                list.add("worker.slots", "is 0 and the role is `worker`: nothing would be encoded");
            }
        }
        Role::Edge | Role::Origin | Role::Site | Role::S3 => list.add(
            "role",
            "this part cannot run alone yet: use `all` (with `worker.slots = 0` where encoders run by themselves) or \
             `worker`",
        ),
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests;
