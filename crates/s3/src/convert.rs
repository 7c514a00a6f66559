//! Between the wire's types and ours.

use std::time::{Duration, SystemTime};

use blob::{Attributes, Condition, StorageClass};
use http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use model::{BucketName, Key, Timestamp, UploadId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{ETag, ETagCondition, EncodingType, TimestampFormat};
use s3s::{S3Result, s3_error};

use crate::error::not_offered;
use crate::xml;

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
    number.ok_or_else(|| s3_error!(InvalidArgument, "Part numbers must be 1 to 10000."))
}

/// How many entries a page may have: what was asked for, at most 1000.
pub(crate) fn page(asked: Option<i32>) -> S3Result<usize> {
    let asked = usize::try_from(asked.unwrap_or(1000));
    asked
        .map(|n| n.min(1000))
        .map_err(|_| s3_error!(InvalidArgument, "The number of entries cannot be negative."))
}

pub(crate) fn time(at: Timestamp) -> s3s::dto::Timestamp {
    let ms = u64::try_from(at.0).unwrap_or(0);
    (SystemTime::UNIX_EPOCH + Duration::from_millis(ms)).into()
}

/// Seconds since the epoch: the resolution of HTTP's dates.
pub(crate) fn seconds(at: &s3s::dto::Timestamp) -> i64 {
    format(at, TimestampFormat::EpochSeconds).split('.').next().and_then(|s| s.parse().ok()).unwrap_or(0)
}

pub(crate) fn format(at: &s3s::dto::Timestamp, format: TimestampFormat) -> String {
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
    read.map(Some).ok_or_else(|| s3_error!(InvalidArgument, "{name} must be one ETag, or *."))
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

pub(crate) fn acl(acl: Option<&str>) -> S3Result<()> {
    match acl {
        None | Some("private" | "bucket-owner-full-control") => Ok(()),
        Some(_) => {
            Err(s3_error!(AccessControlListNotSupported, "Buckets on this server do not support ACLs."))
        }
    }
}

pub(crate) fn storage_class(name: Option<&str>) -> S3Result<StorageClass> {
    let class = name.map(str::parse).transpose();
    class
        .map(Option::unwrap_or_default)
        .map_err(|_| s3_error!(InvalidStorageClass, "The storage class you specified is not valid."))
}

/// The storage class in answers to reads: none for the default, as in S3.
pub(crate) fn told_class(class: StorageClass) -> Option<s3s::dto::StorageClass> {
    Some(class).filter(|class| *class != StorageClass::Standard).map(named_class)
}

/// A class by its name.
pub(crate) fn named_class(class: StorageClass) -> s3s::dto::StorageClass {
    s3s::dto::StorageClass::from_static(class.as_str())
}

/// There is one version of each key: `null`.
pub(crate) fn version(id: Option<&str>) -> S3Result<()> {
    match id {
        None | Some("null") => Ok(()),
        Some("") => Err(s3_error!(InvalidArgument, "Version id cannot be the empty string.")),
        Some(_) => Err(s3_error!(NoSuchVersion, "This server does not support versions.")),
    }
}

/// How names are written in a listing's XML.
#[derive(Clone, Copy)]
pub(crate) enum Encoding {
    Plain,
    Url,
}

impl Encoding {
    /// Itself if XML can carry all of these names; otherwise they are encoded although nobody asked for that, and the
    /// listing says so. S3 itself answers with a document that no parser takes.
    pub(crate) fn for_names<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        if names.into_iter().all(xml::carries) { self } else { Self::Url }
    }

    /// How a listing tells it.
    pub(crate) fn told(self) -> Option<EncodingType> {
        match self {
            Self::Plain => None,
            Self::Url => Some(EncodingType::from_static(EncodingType::URL)),
        }
    }

    pub(crate) fn read(given: Option<&EncodingType>) -> S3Result<Self> {
        match given.map(EncodingType::as_str) {
            None => Ok(Self::Plain),
            Some("url") => Ok(Self::Url),
            Some(_) => Err(s3_error!(InvalidArgument, "The encoding-type must be url.")),
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
    fn times_keep_their_second() {
        assert_eq!(seconds(&time(Timestamp(1_700_000_000_999))), 1_700_000_000);
    }

    #[test]
    fn names_in_listings_are_encoded_on_demand() {
        assert_eq!(Encoding::Url.write("a b+c/ü\n"), "a%20b%2Bc/%C3%BC%0A");
        assert_eq!(Encoding::Plain.write("a b"), "a b");
    }
}
