//! The headers that a client sends with an object, and the fields that no write may have.

use blob::{Attributes, StorageClass};
use s3s::dto::TimestampFormat;
use s3s::{S3Result, s3_error};

use crate::convert::format;
use crate::tags::Tags;

/// User metadata may have so many bytes in names and values, as in S3.
const METADATA_LIMIT: usize = 2048;

/// The headers that a client sends with an object, from inputs that share their names.
macro_rules! attributes {
    ($input:expr) => {
        $crate::given::Given {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            expires: $input.expires.take(),
            metadata: $input.metadata.take(),
            storage_class: $crate::convert::storage_class($input.storage_class.as_ref().map(|c| c.as_str()))?,
            tags: $crate::tags::from_header($input.tagging.as_deref())?,
        }
        .check()
    };
}
pub(crate) use attributes;

/// The headers that a client sends with an object.
pub(crate) struct Given {
    pub(crate) content_type: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) expires: Option<s3s::dto::Timestamp>,
    pub(crate) metadata: Option<s3s::dto::Metadata>,
    pub(crate) storage_class: StorageClass,
    pub(crate) tags: Tags,
}

impl Given {
    pub(crate) fn check(self) -> S3Result<Attributes> {
        let metadata = self.metadata.unwrap_or_default();
        if metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > METADATA_LIMIT {
            return Err(s3_error!(MetadataTooLarge, "User metadata has at most {METADATA_LIMIT} bytes."));
        }
        Ok(Attributes {
            content_type: self.content_type.filter(|t| !t.is_empty()).or(Some("binary/octet-stream".into())),
            cache_control: self.cache_control,
            content_disposition: self.content_disposition,
            content_encoding: self.content_encoding.and_then(|e| without_framing(&e)),
            content_language: self.content_language,
            expires: self.expires.map(|at| format(&at, TimestampFormat::HttpDate)),
            storage_class: self.storage_class,
            metadata: metadata.into_iter().collect(),
            tags: self.tags,
        })
    }
}

/// `aws-chunked` describes the transfer, not the object.
fn without_framing(encoding: &str) -> Option<String> {
    let rest: Vec<&str> = encoding.split(',').map(str::trim).filter(|e| *e != "aws-chunked").collect();
    Some(rest.join(", ")).filter(|e| !e.is_empty())
}

/// Fields that all writes refuse.
macro_rules! refuse_on_write {
    ($blob:expr, $input:expr) => {
        $crate::encryption::wish!($input).check($blob)?;
        $crate::convert::refuse!($input,
            grant_full_control: "ACLs",
            grant_read: "ACLs",
            grant_read_acp: "ACLs",
            grant_write_acp: "ACLs",
            object_lock_legal_hold_status: "object lock",
            object_lock_mode: "object lock",
            object_lock_retain_until_date: "object lock",
            website_redirect_location: "redirects",
        );
        $crate::convert::acl($input.acl.as_ref().map(|acl| acl.as_str()))?;
    };
}
pub(crate) use refuse_on_write;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_is_not_an_encoding_of_the_object() {
        let check = |given, expected: Option<&str>| assert_eq!(without_framing(given).as_deref(), expected);
        check("aws-chunked", None);
        check("aws-chunked,gzip", Some("gzip"));
        check("gzip, aws-chunked", Some("gzip"));
        check("gzip", Some("gzip"));
    }
}
