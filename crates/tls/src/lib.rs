//! TLS for listeners: a certificate and its key from files, read again when they change.
//!
//! TLS 1.2 and 1.3 by rustls on aws-lc-rs; nothing older, nothing weaker, no settings. Connections keep the certificate
//! they began with, so an exchange drops nobody. The protocol spoken inside is HTTP/1.1 (ALPN). This crate listens
//! nowhere and fetches no certificates.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let tls = tls::Server::load("films.pem".as_ref(), "films.key".as_ref())?;
//! let listener = tokio::net::TcpListener::bind("[::]:443").await?;
//! let (stream, _peer) = listener.accept().await?;
//! let _protected = tls.accept(stream).await?;
//! # Ok(()) }
//! ```

mod certificate;
mod error;
mod server;

pub use error::{Error, Result};
pub use server::{Server, Stream};
