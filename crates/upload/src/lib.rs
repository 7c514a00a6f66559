//! Uploads by browsers: a file goes in parts straight to the S3 face, by addresses that are presigned one by one.
//!
//! An upload is a multipart upload of the store under a key of its own that keeps the file's name, a row here that
//! says who began it and which file it is (so that the same file resumes after a reload), and a draft in the
//! catalogue that the title takes over. An address allows one part of one upload: its number, its length and its
//! checksum are signed, and it lives for minutes. The key that signs exists in no table: its secret follows from the
//! installation's key and the upload ([`Uploads::credential`]), and it opens nothing but that upload's parts.
//!
//! This crate speaks no HTTP and does not know who may upload: the caller has asked the policy.
//!
//! ```
//! use upload::Cut;
//! let cut = Cut::of(20 << 30);
//! assert_eq!((cut.part_bytes(), cut.count()), (32 << 20, 640));
//! assert_eq!(cut.size_of(640), Some(32 << 20));
//! ```

mod begin;
mod config;
mod credential;
mod cut;
mod error;
mod finish;
mod parts;
mod promise;
mod record;
mod schema;
mod sweep;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use blob::Blob;
use catalogue::Catalogue;
use db::Db;
use model::title::Visibility;
use model::{BucketName, Key};
use url::Url;

pub use begin::File;
pub use config::Config;
pub use credential::Credential;
pub use cut::Cut;
pub use error::{Error, Result};
pub use parts::{BATCH, Presigned, Wanted};
pub use promise::Held;
pub use record::{State, Upload};
pub use schema::MIGRATIONS;
pub use sweep::Sweeper;

/// The door to uploads. Cheap to clone.
#[derive(Clone)]
pub struct Uploads {
    inner: Arc<Inner>,
    visibility: VisibilityOf,
}

/// Visibility of a file's title until somebody changes it.
type VisibilityOf = Arc<dyn Fn(&BucketName, &Key) -> Visibility + Send + Sync>;

struct Inner {
    db: Db,
    blob: Blob,
    catalogue: Catalogue,
    /// Secrets of uploads follow from it.
    key: hmac::Key,
    /// Where browsers reach the S3 face.
    s3_url: Url,
    config: Config,
}

impl Uploads {
    /// Joins the parts, which share one database. `key` is the installation's; `s3_url` is the S3 face as browsers
    /// reach it.
    pub fn new(
        db: Db,
        blob: Blob,
        catalogue: Catalogue,
        key: &[u8; 32],
        s3_url: Url,
        config: Config,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                db,
                blob,
                catalogue,
                key: hmac::Key::new(hmac::HMAC_SHA256, key),
                s3_url,
                config,
            }),
            visibility: Arc::new(|_, _| Visibility::Private),
        }
    }

    /// The same with another visibility of new titles than private.
    #[must_use]
    pub fn with_visibility(
        self,
        visibility: impl Fn(&BucketName, &Key) -> Visibility + Send + Sync + 'static,
    ) -> Self {
        Self { visibility: Arc::new(visibility), ..self }
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Where browsers send parts to.
    pub fn s3_url(&self) -> &Url {
        &self.inner.s3_url
    }
}

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploads").field("s3_url", &self.inner.s3_url.as_str()).finish_non_exhaustive()
    }
}
