//! CORS rules of a bucket. They are stored here and evaluated by the HTTP face.

use model::BucketName;
use serde::{Deserialize, Serialize};

use crate::{Blob, Result};

/// One rule of a bucket for pages of other origins (CORS).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CorsRule {
    /// Name given by its author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Origins of pages; one `*` in each stands for anything.
    pub origins: Vec<String>,
    /// Methods that they may use, in upper case.
    pub methods: Vec<String>,
    /// Headers that they may send; one `*` in each stands for anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Headers of answers that they may read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exposed: Vec<String>,
    /// Seconds that a browser may remember the permission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u32>,
}

impl Blob {
    /// The rules of a bucket; none if pages of other origins may do nothing.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchBucket`].
    pub async fn cors(&self, bucket: &BucketName) -> Result<Vec<CorsRule>> {
        self.kept(bucket, "SELECT cors AS kept FROM buckets WHERE name = $1").await
    }

    /// Gives a bucket these rules in place of those that it has.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchBucket`].
    pub async fn set_cors(&self, bucket: &BucketName, rules: &[CorsRule]) -> Result<()> {
        let some = Some(&rules).filter(|rules| !rules.is_empty());
        self.keep(bucket, "UPDATE buckets SET cors = $2 WHERE name = $1", some).await
    }
}
