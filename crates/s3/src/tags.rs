//! Tags of objects and of buckets.

use std::collections::BTreeMap;

use blob::Blob;
use http::HeaderName;
use percent_encoding::percent_decode_str;
use s3s::dto::{
    DeleteBucketTaggingInput, DeleteBucketTaggingOutput, DeleteObjectTaggingInput, DeleteObjectTaggingOutput,
    GetBucketTaggingInput, GetBucketTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
    PutBucketTaggingInput, PutBucketTaggingOutput, PutObjectTaggingInput, PutObjectTaggingOutput, Tag,
    TagSet, Tagging,
};
use s3s::xml::{Deserialize as _, Deserializer};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use crate::convert::{bucket, key, version};
use crate::error::from_blob;

/// Names and values.
pub(crate) type Tags = BTreeMap<String, String>;

/// Tags of one object and of one bucket, and characters of a name and of a value, as in S3.
const MAX_TAGS: usize = 10;
const MAX_BUCKET_TAGS: usize = 50;
const MAX_NAME: usize = 128;
const MAX_VALUE: usize = 256;

pub(crate) async fn get(
    blob: &Blob,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = request.input;
    version(input.version_id.as_deref())?;
    let object = blob.head(&bucket(&input.bucket)?, &key(&input.key)?).await.map_err(from_blob)?;
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set: set(object.attributes.tags), version_id: None }))
}

pub(crate) async fn put(
    blob: &Blob,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let input = request.input;
    version(input.version_id.as_deref())?;
    let tags = from_set(input.tagging.tag_set, MAX_TAGS)?;
    blob.tag(&bucket(&input.bucket)?, &key(&input.key)?, tags).await.map_err(from_blob)?;
    Ok(S3Response::new(PutObjectTaggingOutput::default()))
}

pub(crate) async fn delete(
    blob: &Blob,
    request: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let input = request.input;
    version(input.version_id.as_deref())?;
    blob.tag(&bucket(&input.bucket)?, &key(&input.key)?, Tags::new()).await.map_err(from_blob)?;
    Ok(S3Response::new(DeleteObjectTaggingOutput::default()))
}

pub(crate) async fn of_bucket(
    blob: &Blob,
    request: S3Request<GetBucketTaggingInput>,
) -> S3Result<S3Response<GetBucketTaggingOutput>> {
    let tags = blob.bucket_tags(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
    if tags.is_empty() {
        return Err(s3_error!(NoSuchTagSet, "The bucket has no tags."));
    }
    Ok(S3Response::new(GetBucketTaggingOutput { tag_set: set(tags) }))
}

pub(crate) async fn put_bucket(
    blob: &Blob,
    request: S3Request<PutBucketTaggingInput>,
) -> S3Result<S3Response<PutBucketTaggingOutput>> {
    let input = request.input;
    let tags = from_set(input.tagging.tag_set, MAX_BUCKET_TAGS)?;
    blob.tag_bucket(&bucket(&input.bucket)?, &tags).await.map_err(from_blob)?;
    Ok(S3Response::new(PutBucketTaggingOutput {}))
}

pub(crate) async fn delete_bucket(
    blob: &Blob,
    request: S3Request<DeleteBucketTaggingInput>,
) -> S3Result<S3Response<DeleteBucketTaggingOutput>> {
    blob.tag_bucket(&bucket(&request.input.bucket)?, &Tags::new()).await.map_err(from_blob)?;
    Ok(S3Response::new(DeleteBucketTaggingOutput {}))
}

/// Tells how many tags an object has, if any.
pub(crate) const COUNT: HeaderName = HeaderName::from_static("x-amz-tagging-count");

/// How many there are, if any.
pub(crate) fn count(tags: &Tags) -> Option<i32> {
    i32::try_from(tags.len()).ok().filter(|&count| count > 0)
}

/// The header `x-amz-tagging`: written as a query.
pub(crate) fn from_header(text: Option<&str>) -> S3Result<Tags> {
    let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let decoded = percent_decode_str(&text).decode_utf8();
        decoded.map(String::from).map_err(|_| invalid("a tag is not UTF-8"))
    };
    let read = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, decode(value)?))
    };
    collect(pairs.map(read), MAX_TAGS)
}

/// The field `tagging` of a form.
pub(crate) fn from_xml(text: &str) -> S3Result<Tags> {
    let mut xml = Deserializer::new(text.as_bytes());
    let read = Tagging::deserialize(&mut xml).and_then(|tagging| xml.expect_eof().map(|()| tagging));
    from_set(read.map_err(|_| s3_error!(MalformedXML, "The tags cannot be read."))?.tag_set, MAX_TAGS)
}

fn from_set(set: TagSet, max: usize) -> S3Result<Tags> {
    let pair = |tag: Tag| Ok((tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
    collect(set.into_iter().map(pair), max)
}

fn set(tags: Tags) -> TagSet {
    tags.into_iter().map(|(name, value)| Tag { key: Some(name), value: Some(value) }).collect()
}

fn collect(pairs: impl Iterator<Item = S3Result<(String, String)>>, max: usize) -> S3Result<Tags> {
    let mut tags = Tags::new();
    for pair in pairs {
        let (name, value) = pair?;
        let length = name.chars().count();
        if !(1..=MAX_NAME).contains(&length) || name.starts_with("aws:") || !name.chars().all(allowed) {
            return Err(invalid(
                "a name has 1 to 128 characters, none of them special, and does not begin with aws:",
            ));
        }
        if value.chars().count() > MAX_VALUE || !value.chars().all(allowed) {
            return Err(invalid("a value has at most 256 characters, none of them special"));
        }
        if tags.insert(name, value).is_some() {
            return Err(invalid("a name is given twice"));
        }
        if tags.len() > max {
            return Err(invalid(&format!("at most {max} tags are allowed")));
        }
    }
    Ok(tags)
}

fn allowed(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c)
}

fn invalid(why: &str) -> S3Error {
    s3_error!(InvalidTag, "Invalid tags: {why}.")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_are_read_as_queries() {
        let check = |text, expected: &[(&str, &str)]| {
            let expected = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(from_header(Some(text)).unwrap(), expected, "{text}");
        };
        check("", &[]);
        check("foo=bar&bar", &[("foo", "bar"), ("bar", "")]);
        check("a+b=%C3%BC%2B%2F&k=a=b", &[("a b", "ü+/"), ("k", "a=b")]);
        assert_eq!(from_header(None).unwrap(), Tags::new());
    }

    proptest! {
        #[test]
        fn what_is_taken_is_within_bounds(header in "[a-c=&%+0-9A-Fü<]{0,80}", xml in "[</>TagSetKeyVlu&;]{0,80}") {
            let _ = from_xml(&xml);
            if let Ok(tags) = from_header(Some(&header)) {
                prop_assert!(tags.len() <= MAX_TAGS && tags.keys().all(|name| !name.is_empty()));
            }
        }
    }

    #[test]
    fn bad_tags_are_refused() {
        let eleven: Vec<String> = (0..11).map(|n| format!("k{n}=v")).collect();
        for bad in [
            "=v",
            "a=1&a=2",
            "aws:a=1",
            "a=%00",
            "a=%FF",
            "a%3C=1",
            &format!("{}=v", "k".repeat(129)),
            &format!("k={}", "v".repeat(257)),
            &eleven.join("&"),
        ] {
            assert_eq!(from_header(Some(bad)).unwrap_err().code().as_str(), "InvalidTag", "{bad}");
        }
        assert!(from_header(Some(&format!("{}={}", "ü".repeat(128), "ü".repeat(256)))).is_ok());
        assert_eq!(from_header(Some(&eleven[..10].join("&"))).unwrap().len(), 10);
    }

    #[test]
    fn forms_write_them_in_xml() {
        let text = "<Tagging><TagSet><Tag><Key>kind</Key><Value>a &amp; b</Value></Tag></TagSet></Tagging>";
        assert_eq!(from_xml(text).unwrap_err().code().as_str(), "InvalidTag", "& is special");
        assert_eq!(from_xml(&text.replace("&amp;", "+")).unwrap()["kind"], "a + b");
        assert_eq!(from_xml("<Tagging>").unwrap_err().code().as_str(), "MalformedXML");
    }
}
