//! Handing mails to a mail server (RFC 5321), by TLS from the start (RFC 8314) or required STARTTLS (RFC 3207).
//!
//! Every mail has a connection of its own: one that was left in the middle, because an answer took too long, would give
//! the late answer to the next mail.
//!
//! The server's words are never kept or logged, because they quote addresses; the three digits of its answer are.

mod config;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, Tls as Protection, TlsParameters,
};
use lettre::transport::smtp::commands::{self, Data, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use model::Timestamp;
use model::setting::OutOfRange;
use tokio::time::Instant;

use crate::{Error, Mail, Notifier, Result, Sender};

pub use config::{Config, Password, Tls};

/// How long a server may take to say goodbye (RFC 5321 §4.1.1.10): what it took before, it has.
const GOODBYE: Duration = Duration::from_secs(1);

/// A mail server that takes our mails.
pub struct Smtp {
    host: String,
    port: u16,
    protection: Protection,
    credentials: Option<Credentials>,
    hello: ClientId,
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
        let (port, host) = (config.port(), config.host.clone());
        let protection = match config.tls {
            Tls::Implicit => Protection::Wrapper(parameters(config)?),
            Tls::Starttls => Protection::Required(parameters(config)?),
            Tls::None => {
                tracing::warn!(
                    host,
                    port,
                    "mails go to the mail server unencrypted; do this on loopback only"
                );
                Protection::None
            }
        };
        let credentials = config
            .credentials()
            .map(|(user, password)| Credentials::new(user.to_owned(), password.expose().to_owned()));
        let hello = ClientId::Domain(from.host().to_owned());
        let place = format!("{host}:{port} ({})", config.tls.as_str());
        let timeout = Duration::from_secs(config.timeout_seconds.into());
        Ok(Self { host, port, protection, credentials, hello, from, place, timeout })
    }

    /// A new connection, protected and signed in: the server waits for a mail.
    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let (place, hello) = ((self.host.as_str(), self.port), &self.hello);
        let at_once = match &self.protection {
            Protection::Wrapper(parameters) => Some(parameters.clone()),
            _ => None,
        };
        let limit = Some(self.timeout);
        let mut connection = AsyncSmtpConnection::connect_tokio1(place, limit, hello, at_once, None).await?;
        if let Protection::Required(parameters) = &self.protection {
            connection.starttls(parameters.clone(), hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

/// The result of `doing`, if it comes before `deadline`.
async fn until<T>(deadline: Instant, doing: impl Future<Output = Result<T, SmtpError>>) -> Result<T> {
    let done = tokio::time::timeout_at(deadline, doing).await.map_err(|_| Error::TimedOut)?;
    done.map_err(|error| explain(&error))
}

/// Hands one mail over (RFC 5321 §3.3). It and its addresses have seven bits, so that it needs no extension.
async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    from: Address,
    to: Address,
    bytes: &[u8],
) -> Result<(), SmtpError> {
    connection.command(commands::Mail::new(Some(from), Vec::new())).await?;
    connection.command(Rcpt::new(to, Vec::new())).await?;
    connection.command(Data).await?;
    connection.message(bytes).await.map(drop)
}

/// Ends a connection on which every answer came. What is said to this changes nothing of what was said before.
async fn goodbye(mut connection: AsyncSmtpConnection) {
    let _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
}

#[async_trait]
impl Notifier for Smtp {
    async fn send(&self, id: &str, mail: &Mail, now: Timestamp) -> Result<()> {
        let bytes = mail.to_bytes(&self.from, id, now)?;
        let address = |text: &str, header| text.parse::<Address>().map_err(|_| Error::Header { header });
        let (from, to) = (address(self.from.address(), "From")?, address(mail.to(), "To")?);
        let deadline = Instant::now() + 2 * self.timeout;
        let mut connection = until(deadline, self.connect()).await?;
        let sent = until(deadline, hand_over(&mut connection, from, to, &bytes)).await;
        // One that owes an answer is hung up on.
        if !matches!(sent, Err(Error::TimedOut)) {
            goodbye(connection).await;
        }
        sent
    }

    async fn check(&self) -> Result<String> {
        let deadline = Instant::now() + self.timeout;
        let mut connection = until(deadline, self.connect()).await?;
        let asked = async { Ok(connection.test_connected().await) };
        let answers = until(deadline, asked).await?;
        goodbye(connection).await;
        match answers {
            true => Ok(format!("{} takes mails", self.place)),
            false => Err(Error::Connection { why: "it does not answer a NOOP".into() }),
        }
    }
}

fn parameters(config: &Config) -> Result<TlsParameters> {
    let builder = TlsParameters::builder(config.host.clone());
    let builder = match &config.ca_file {
        None => builder,
        Some(path) => {
            let pem = std::fs::read(path).map_err(|source| Error::File { path: path.clone(), source })?;
            let own = Certificate::from_pem(&pem);
            let own = own.map_err(|_| unusable("smtp.ca_file", "a file with a certificate in PEM"))?;
            builder.certificate_store(CertificateStore::None).add_root_certificate(own)
        }
    };
    builder.build().map_err(|_| unusable("smtp.host", "a name that a certificate could be for"))
}

fn unusable(name: &'static str, expected: &'static str) -> Error {
    Error::Setting(OutOfRange { part: "mail", name, expected })
}

/// Keeps the three digits of an answer, and the cause of a failed connection, which names nobody.
fn explain(error: &SmtpError) -> Error {
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
