//! The S3 wire over [`blob`], spoken by the crate `s3s`.
//!
//! This crate adds what `s3s` leaves open: which requests are let in at all (SigV4 only, everything that matters
//! signed), which buckets a key opens, which pages of browsers may send parts, how S3's operations map to the
//! store, and the bounds of connections.
//! The bucket `media` is never shown here: its bytes leave through the origin alone.
//!
//! Offered: buckets and their tags; objects with metadata, tags, checksums, ranges, conditions and copies; multipart
//! uploads; listings; presigned addresses; forms of browsers with a policy; rules for pages of other origins (CORS).
//!
//! Deliberately absent: SigV2, anonymous access, versions, ACLs other than private ones, policies of buckets,
//! lifecycles, locks, websites, logging, and encryption with keys of clients or of a KMS: who looks finds none, and
//! setting one is an error.
//!
//! ```no_run
//! # async fn example(blob: blob::Blob) -> std::io::Result<()> {
//! let keys = s3::keys(|id: String| async move {
//!     Ok((id == "EXAMPLE").then(|| s3::Access { secret: "secret".into(), buckets: s3::Buckets::All }))
//! });
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
//! let shutdown = tokio_util::sync::CancellationToken::new();
//! s3::service(blob, keys, s3::Config::default()).run(listener, shutdown).await;
//! # Ok(())
//! # }
//! ```

mod about;
mod absent;
mod access;
mod bucket_cors;
mod buckets;
mod checksum;
mod config;
mod convert;
mod copy;
mod cors;
mod delete;
mod encryption;
mod error;
mod face;
mod form;
mod gate;
mod host;
mod list;
mod multipart;
mod objects;
mod put;
mod server;
mod tags;

pub use access::{Access, Buckets, Keys, Secret, UploadParts, keys};
pub use config::Config;
pub use server::{Service, service};
