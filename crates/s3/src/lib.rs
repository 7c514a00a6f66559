//! The S3 wire over [`blob`], spoken by the crate `s3s`.
//!
//! This crate adds what `s3s` leaves open: which requests are let in at all (SigV4 only, everything that matters
//! signed), which buckets a key opens, which pages of browsers may send parts, how S3's operations map to the
//! store, and the bounds of connections.
//! The bucket `media` is never shown here: its bytes leave through the origin alone.
//!
//! Deliberately absent: SigV2, anonymous access, form uploads, versions, ACLs, and policies.
//!
//! ```no_run
//! # async fn example(blob: blob::Blob) -> std::io::Result<()> {
//! let keys = s3::keys(|id: String| async move {
//!     Ok((id == "EXAMPLE").then(|| s3::Access { secret: "secret".into(), buckets: s3::Buckets::All }))
//! });
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
//! let shutdown = tokio_util::sync::CancellationToken::new();
//! s3::service(blob, keys, s3::Config::default()).run(listener, shutdown).await
//! # }
//! ```

mod about;
mod access;
mod buckets;
mod checksum;
mod convert;
mod copy;
mod cors;
mod delete;
mod error;
mod face;
mod gate;
mod host;
mod idle;
mod list;
mod multipart;
mod objects;
mod put;
mod server;

pub use access::{Access, Buckets, Keys, Secret, UploadParts, keys};
pub use server::{Config, Service, service};
