//! Handing mails to a mail server (RFC 5321), by TLS from the start (RFC 8314) or required STARTTLS (RFC 3207).
//!
//! What the server says is never kept or logged: it quotes addresses. The three digits of its answer are.

mod config;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{self, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use model::Timestamp;

use crate::{Error, Mail, Notifier, Result, Sender};

pub use config::{Config, Password, Tls};

/// Connections kept open to the server.
const POOL: u32 = 4;
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// A mail server that takes our mails.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Sender,
    place: String,
    timeout: Duration,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Smtp").field(&self.place).finish()
    }
}

impl Smtp {
    /// Prepares the channel; connects to nothing yet. Reads the password and the CA's certificate from their files.
    pub fn open(config: &Config, from: &str) -> Result<Self> {
        let from = Sender::parse(from)?;
        config.check()?;
        let (port, host) = (config.port(), config.host.as_str());
        let tls = match config.tls {
            Tls::Implicit => client::Tls::Wrapper(parameters(config)?),
            Tls::Starttls => client::Tls::Required(parameters(config)?),
            Tls::None => {
                tracing::warn!(
                    host,
                    port,
                    "mails go to the mail server unencrypted; do this on loopback only"
                );
                client::Tls::None
            }
        };
        let timeout = Duration::from_secs(config.timeout_seconds.into());
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .timeout(Some(timeout))
            .hello_name(ClientId::Domain(from.host().to_owned()))
            .pool_config(PoolConfig::new().max_size(POOL).idle_timeout(IDLE));
        if let Some((user, password)) = config.credentials() {
            builder = builder.credentials(Credentials::new(user.to_owned(), password.expose().to_owned()));
        }
        let place = format!("{host}:{port} ({})", config.tls.as_str());
        Ok(Self { transport: builder.build(), from, place, timeout })
    }
}

#[async_trait]
impl Notifier for Smtp {
    async fn send(&self, id: &str, mail: &Mail, now: Timestamp) -> Result<()> {
        let bytes = mail.to_bytes(&self.from, id, now)?;
        let address = |text: &str, header| text.parse::<Address>().map_err(|_| Error::Header { header });
        let envelope =
            Envelope::new(Some(address(self.from.address(), "From")?), vec![address(mail.to(), "To")?]);
        let envelope = envelope.map_err(|_| Error::Header { header: "To" })?;
        let sent = tokio::time::timeout(2 * self.timeout, self.transport.send_raw(&envelope, &bytes)).await;
        sent.map_err(|_| Error::TimedOut)?.map(drop).map_err(|error| explain(&error))
    }

    async fn check(&self) -> Result<String> {
        let tried = tokio::time::timeout(self.timeout, self.transport.test_connection()).await;
        match tried.map_err(|_| Error::TimedOut)?.map_err(|error| explain(&error))? {
            true => Ok(format!("{} takes mails", self.place)),
            false => Err(Error::Connection { why: "it does not answer a NOOP".into() }),
        }
    }
}

fn parameters(config: &Config) -> Result<TlsParameters> {
    let bad = |_| Error::Setting { name: "smtp.host", why: "no name that a certificate could be for" };
    let builder = TlsParameters::builder(config.host.clone());
    let builder = match &config.ca_file {
        None => builder,
        Some(path) => {
            let pem = std::fs::read(path).map_err(|source| Error::File { path: path.clone(), source })?;
            let own = Certificate::from_pem(&pem);
            let own =
                own.map_err(|_| Error::Setting { name: "smtp.ca_file", why: "a certificate in PEM" })?;
            builder.certificate_store(CertificateStore::None).add_root_certificate(own)
        }
    };
    builder.build().map_err(bad)
}

/// Keeps the three digits of an answer, and the cause of a failed connection, which names nobody.
fn explain(error: &lettre::transport::smtp::Error) -> Error {
    use std::error::Error as _;
    match error.status() {
        Some(code) => Error::Refused { code: code.into() },
        None if error.is_timeout() => Error::TimedOut,
        None if error.is_response() => Error::Connection { why: "its answer is not SMTP".into() },
        None => {
            let mut why = String::new();
            let mut cause = error.source();
            while let Some(deeper) = cause {
                let text = deeper.to_string();
                if !why.ends_with(&text) {
                    why += if why.is_empty() { "" } else { ": " };
                    why += &text;
                }
                cause = deeper.source();
            }
            Error::Connection { why: if why.is_empty() { error.to_string() } else { why } }
        }
    }
}
