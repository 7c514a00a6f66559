//! The S3 wire over [`blob`], spoken by the crate `s3s`.
//!
//! This crate adds what `s3s` leaves open: which requests are let in at all (SigV4, and addresses presigned with SigV2;
//! everything that matters signed), what each may ask for, which buckets a key opens, which pages of browsers may send
//! parts, and how S3's operations map to the store. It answers requests, and leaves listening and TLS to the process
//! that it runs in.
//! The bucket `media` is never shown here: its bytes leave through the origin alone.
//!
//! Offered: buckets and their tags; objects with metadata, tags, checksums, ranges, conditions and copies; multipart
//! uploads; listings; presigned addresses; forms of browsers with a policy; rules for pages of other origins (CORS).
//!
//! Deliberately absent: SigV2 in headers and forms, anonymous access, versions, ACLs other than private ones, policies of buckets,
//! lifecycles, locks, websites, logging, and encryption with keys of clients or of a KMS: who looks finds none, and
//! setting one is an error.
//!
//! ```no_run
//! # async fn example(blob: blob::Blob, request: http::Request<s3s::Body>) {
//! let keys = s3::keys(|id: String| async move {
//!     Ok((id == "EXAMPLE").then(|| s3::Access { secret: "secret".into(), buckets: s3::Buckets::All }))
//! });
//! let answer = s3::service(blob, keys, s3::Config::default()).answer(request).await;
//! # }
//! ```

mod about;
mod absent;
mod access;
mod admitted;
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
mod given;
mod host;
mod list;
mod multipart;
mod objects;
mod offered;
mod old_address;
mod permission;
mod put;
mod query;
mod range;
mod region;
mod server;
mod tags;
mod whole;
mod xml;

pub use access::{Access, Keys, Secret, keys};
pub use config::Config;
pub use permission::{Buckets, UploadParts};
pub use server::{Service, service};
