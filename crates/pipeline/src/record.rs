//! Reading S3 event records, ours and other systems'.

use model::{BucketName, Key};
use serde::Deserialize;

/// The kind of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Created {
    /// Bucket that was written.
    pub(crate) bucket: BucketName,
    /// The key, decoded.
    pub(crate) key: Key,
}

/// A record that cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not the JSON of an S3 event.
    #[error("this is not an S3 event: it needs `Records` with `eventVersion`, `eventName` and `s3`")]
    Shape(#[source] serde_json::Error),
    /// Another major version than 2.
    #[error("event version `{0}` is not supported; use 2.x")]
    Version(String),
    /// Too many at once.
    #[error("an event carries at most {MAX_RECORDS} records")]
    TooMany,
    /// The bucket or key is not a name.
    #[error("the event names an invalid bucket or key: {0}")]
    Name(#[from] model::NameError),
    /// The key is not URL-encoded UTF-8.
    #[error("the key `{0}` is not URL-encoded UTF-8")]
    Encoding(String),
}

/// Most records accepted in one event.
pub(crate) const MAX_RECORDS: usize = 1000;

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_version: String,
    event_name: String,
    s3: S3,
}

#[derive(Deserialize)]
struct S3 {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
}

/// Reads the creations out of an event; other event names are passed over.
pub(crate) fn created(json: &[u8]) -> Result<Vec<Created>, Error> {
    let event: Event = serde_json::from_slice(json).map_err(Error::Shape)?;
    if event.records.len() > MAX_RECORDS {
        return Err(Error::TooMany);
    }
    let mut found = Vec::new();
    for record in event.records {
        if !record.event_version.starts_with("2.") {
            return Err(Error::Version(record.event_version));
        }
        let name = record.event_name.strip_prefix("s3:").unwrap_or(&record.event_name);
        if name.starts_with("ObjectCreated:") {
            let key = decode(&record.s3.object.key)?;
            found.push(Created { bucket: record.s3.bucket.name.parse()?, key: key.parse()? });
        }
    }
    Ok(found)
}

/// Decodes a key of an event: `+` is a space, `%XX` a byte.
fn decode(text: &str) -> Result<String, Error> {
    let wrong = || Error::Encoding(text.chars().take(80).collect());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |b: Option<u8>| {
                    b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok())
                };
                let (high, low) =
                    (digit(rest.next()).ok_or_else(wrong)?, digit(rest.next()).ok_or_else(wrong)?);
                high << 4 | low
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(version: &str, name: &str, key: &str) -> Vec<u8> {
        let s3 = serde_json::json!({"bucket": {"name": "source", "arn": "arn:aws:s3:::source"}, "object": {"key": key}});
        serde_json::to_vec(
            &serde_json::json!({"Records": [{"eventVersion": version, "eventName": name, "s3": s3}]}),
        )
        .unwrap()
    }

    #[test]
    fn keys_are_decoded() {
        let check = |encoded: &str, key: &str| {
            let found = created(&event("2.1", "ObjectCreated:Put", encoded)).unwrap();
            assert_eq!(found[0].key.as_str(), key);
        };
        check("a/b.mp4", "a/b.mp4");
        check("a+b%2Bc", "a b+c");
        check("%C3%BC%2F%2f", "ü//");
    }

    #[test]
    fn any_minor_version_and_either_spelling_of_the_name_is_read() {
        assert_eq!(created(&event("2.9", "s3:ObjectCreated:Post", "a")).unwrap().len(), 1);
        assert_eq!(created(&event("2.0", "ObjectRemoved:Delete", "a")).unwrap().len(), 0);
    }

    #[test]
    fn what_cannot_be_followed_is_an_error() {
        assert!(matches!(created(&event("3.0", "ObjectCreated:Put", "a")), Err(Error::Version(_))));
        for key in ["%", "%1", "%zz", "%ff"] {
            assert!(
                matches!(created(&event("2.1", "ObjectCreated:Put", key)), Err(Error::Encoding(_))),
                "{key}"
            );
        }
        assert!(matches!(created(b"{}"), Err(Error::Shape(_))));
        assert!(matches!(created(&event("2.1", "ObjectCreated:Put", "")), Err(Error::Name(_))));
    }
}
