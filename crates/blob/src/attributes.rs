//! Attributes that a client sets on an object and gets back with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, StorageClass};

/// The headers, user metadata and tags of an object; opaque to the store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// `Content-Type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `Cache-Control`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// `Content-Encoding`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// `Expires`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The storage class that the client chose.
    #[serde(skip_serializing_if = "StorageClass::is_standard")]
    pub storage_class: StorageClass,
    /// User metadata: names in lower case without `x-amz-meta-`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Tags: the only thing about an object that changes ([`crate::Blob::tag`]).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Attributes {
    /// The longest stored form in bytes.
    pub const LIMIT: usize = 32 * 1024;

    /// Nothing but a content type.
    pub fn of_type(content_type: &str) -> Self {
        Self { content_type: Some(content_type.into()), ..Self::default() }
    }

    pub(crate) fn to_row(&self) -> Result<String> {
        let text = serde_json::to_string(self).map_err(|e| Error::Row(e.to_string()))?;
        // PostgreSQL cannot store U+0000, which JSON escapes.
        match text.len() {
            got if got > Self::LIMIT => Err(Error::AttributesTooLarge { got, limit: Self::LIMIT }),
            _ => Ok(text),
        }
    }

    pub(crate) fn from_row(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|e| Error::Row(e.to_string()))
    }

    /// Nothing but the storage class of a row, for listings.
    pub(crate) fn class_from_row(text: &str) -> Result<StorageClass> {
        #[derive(Deserialize)]
        struct Class {
            #[serde(default)]
            storage_class: StorageClass,
        }
        let read: Class = serde_json::from_str(text).map_err(|e| Error::Row(e.to_string()))?;
        Ok(read.storage_class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_survive_the_row_and_are_bounded() {
        let mut attributes = Attributes::of_type("video/mp4");
        attributes.metadata.insert("title".into(), "Ünïcode\0".into());
        attributes.tags.insert("kind".into(), "trailer".into());
        let row = attributes.to_row().unwrap();
        assert!(!row.contains('\0'));
        assert_eq!(Attributes::from_row(&row).unwrap(), attributes);
        assert!(!row.contains("storage_class"), "the default is not written down");
        assert_eq!(Attributes::class_from_row(&row).unwrap(), StorageClass::Standard);
        attributes.storage_class = StorageClass::GlacierIr;
        let row = attributes.to_row().unwrap();
        assert_eq!(Attributes::from_row(&row).unwrap(), attributes);
        assert_eq!(Attributes::class_from_row(&row).unwrap(), StorageClass::GlacierIr);
        attributes.expires = Some("x".repeat(Attributes::LIMIT));
        assert!(matches!(attributes.to_row(), Err(Error::AttributesTooLarge { .. })));
    }
}
