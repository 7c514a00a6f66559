//! Between the wire's types and ours.

use std::time::{Duration, SystemTime};

use blob::{Attributes, Condition};
use http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use model::{BucketName, Key, Timestamp, UploadId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{ETag, ETagCondition, EncodingType, TimestampFormat};
use s3s::{S3Result, s3_error};

use crate::error::not_offered;
use crate::tags::Tags;

/// User metadata may have so many bytes in names and values, as in S3.
const METADATA_LIMIT: usize = 2048;

pub(crate) fn bucket(name: &str) -> S3Result<BucketName> {
    name.parse().map_err(|e: model::NameError| s3_error!(InvalidBucketName, "{e}."))
}

pub(crate) fn key(text: &str) -> S3Result<Key> {
    text.parse().map_err(|e: model::NameError| match text.len() {
        1025.. => s3_error!(KeyTooLongError, "{e}."),
        _ => s3_error!(InvalidArgument, "{e}."),
    })
}

pub(crate) fn upload_id(text: &str) -> S3Result<UploadId> {
    text.parse().map_err(|_| s3_error!(NoSuchUpload, "There is no such upload."))
}

pub(crate) fn number(part: i32) -> S3Result<u32> {
    let number = u32::try_from(part).ok().filter(|n| (1..=10_000).contains(n));
    number.ok_or_else(|| s3_error!(InvalidArgument, "Part numbers are 1 to 10000."))
}

/// How many entries a page may have: what was asked for, at most 1000.
pub(crate) fn page(asked: Option<i32>) -> S3Result<usize> {
    let asked = usize::try_from(asked.unwrap_or(1000));
    asked
        .map(|n| n.min(1000))
        .map_err(|_| s3_error!(InvalidArgument, "The number of entries is not below 0."))
}

pub(crate) fn time(at: Timestamp) -> s3s::dto::Timestamp {
    let ms = u64::try_from(at.0).unwrap_or(0);
    (SystemTime::UNIX_EPOCH + Duration::from_millis(ms)).into()
}

/// Seconds since the epoch: the resolution of HTTP's dates.
pub(crate) fn seconds(at: &s3s::dto::Timestamp) -> i64 {
    format(at, TimestampFormat::EpochSeconds).split('.').next().and_then(|s| s.parse().ok()).unwrap_or(0)
}

fn format(at: &s3s::dto::Timestamp, format: TimestampFormat) -> String {
    let mut text = Vec::new();
    match at.format(format, &mut text) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => String::new(),
    }
}

pub(crate) fn etag(text: &str) -> ETag {
    ETag::Strong(text.to_owned())
}

/// The ETag that a client wrote, with or without quotes.
pub(crate) fn plain_etag(etag: &ETag) -> String {
    etag.value().trim_matches('"').to_owned()
}

pub(crate) fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The condition of a write.
pub(crate) fn condition(
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::None),
        (Some(ETagCondition::Any), None) => Ok(Condition::Present),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Condition::Etag(plain_etag(&etag))),
        (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
        (None, Some(ETagCondition::ETag(etag))) => Ok(Condition::NotEtag(plain_etag(&etag))),
        _ => Err(not_offered("this combination of If-Match and If-None-Match on a write")),
    }
}

/// The condition of a write whose input has no fields for it: `s3s` knows that of a copy's source alone, and nothing of
/// forms.
pub(crate) fn condition_in(headers: &HeaderMap) -> S3Result<Condition> {
    condition(etag_in(headers, &IF_MATCH)?, etag_in(headers, &IF_NONE_MATCH)?)
}

fn etag_in(headers: &HeaderMap, name: &HeaderName) -> S3Result<Option<ETagCondition>> {
    let mut given = headers.get_all(name).iter();
    let Some(first) = given.next() else { return Ok(None) };
    let read = ETagCondition::parse_http_header(first.as_bytes()).ok().filter(|_| given.next().is_none());
    read.map(Some).ok_or_else(|| s3_error!(InvalidArgument, "{name} is one ETag, or *."))
}

/// The headers that a client sends with an object, from inputs that share their names.
macro_rules! attributes {
    ($input:expr) => {
        $crate::convert::Given {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            expires: $input.expires.take(),
            metadata: $input.metadata.take(),
            tags: $crate::tags::from_header($input.tagging.as_deref())?,
        }
        .check()
    };
}
pub(crate) use attributes;

pub(crate) struct Given {
    pub(crate) content_type: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) expires: Option<s3s::dto::Timestamp>,
    pub(crate) metadata: Option<s3s::dto::Metadata>,
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

pub(crate) fn expires(attributes: &Attributes) -> Option<s3s::dto::Timestamp> {
    let text = attributes.expires.as_deref()?;
    s3s::dto::Timestamp::parse(TimestampFormat::HttpDate, text).ok()
}

/// Features of S3 that inputs share and this server does not offer: asking for one is an error, not silence.
macro_rules! refuse {
    ($input:expr, $($field:ident: $what:expr),* $(,)?) => {
        $(if $input.$field.is_some() {
            return Err($crate::error::not_offered($what));
        })*
    };
}
pub(crate) use refuse;

/// What writes share of it.
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
        $crate::convert::storage_class($input.storage_class.as_ref().map(|class| class.as_str()))?;
    };
}
pub(crate) use refuse_on_write;

pub(crate) fn acl(acl: Option<&str>) -> S3Result<()> {
    match acl {
        None | Some("private" | "bucket-owner-full-control") => Ok(()),
        Some(_) => Err(s3_error!(AccessControlListNotSupported, "Buckets of this server have no ACLs.")),
    }
}

pub(crate) fn storage_class(class: Option<&str>) -> S3Result<()> {
    match class {
        None | Some("STANDARD") => Ok(()),
        Some(_) => Err(s3_error!(InvalidStorageClass, "The only storage class is STANDARD.")),
    }
}

/// There is one version of each key: `null`.
pub(crate) fn version(id: Option<&str>) -> S3Result<()> {
    match id {
        None | Some("null" | "") => Ok(()),
        Some(_) => Err(s3_error!(NoSuchVersion, "This server keeps no versions.")),
    }
}

/// How names are written in a listing's XML.
#[derive(Clone, Copy)]
pub(crate) enum Encoding {
    Plain,
    Url,
}

impl Encoding {
    pub(crate) fn read(given: Option<&EncodingType>) -> S3Result<Self> {
        match given.map(EncodingType::as_str) {
            None => Ok(Self::Plain),
            Some("url") => Ok(Self::Url),
            Some(_) => Err(s3_error!(InvalidArgument, "The only encoding-type is url.")),
        }
    }

    pub(crate) fn write(self, name: &str) -> String {
        const ESCAPED: &AsciiSet =
            &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
        match self {
            Self::Plain => name.to_owned(),
            Self::Url => utf8_percent_encode(name, ESCAPED).to_string(),
        }
    }
}

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

    #[test]
    fn times_keep_their_second() {
        assert_eq!(seconds(&time(Timestamp(1_700_000_000_999))), 1_700_000_000);
    }

    #[test]
    fn names_in_listings_are_encoded_on_demand() {
        assert_eq!(Encoding::Url.write("a b+c/ü\n"), "a%20b%2Bc/%C3%BC%0A");
        assert_eq!(Encoding::Plain.write("a b"), "a b");
    }
}
