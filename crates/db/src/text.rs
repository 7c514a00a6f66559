//! Types that a column keeps as text: ids and names.

use model::{
    AccountId, AssetId, BucketName, ConfigurationId, EndingId, EventId, FileId, Generation, GroupId, JobId,
    Key, ObjectId, PlaybackSessionId, SessionId, SubjectId, TitleId, UploadId,
};

use crate::{Scalar, Value};

macro_rules! text {
    ($($type:ty),* $(,)?) => { $(
        impl Scalar for $type {
            type Raw = String;
            fn from_raw(raw: String) -> Result<Self, String> {
                raw.parse().map_err(|e| format!("{e}"))
            }
        }
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::from(&value)
            }
        }
        impl From<&$type> for Value {
            fn from(value: &$type) -> Self {
                Self::Text(Some(value.to_string()))
            }
        }
        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::Text(value.map(|value| value.to_string()))
            }
        }
    )* };
}

text!(
    TitleId,
    AssetId,
    Generation,
    ConfigurationId,
    JobId,
    GroupId,
    ObjectId,
    FileId,
    UploadId,
    EventId,
    AccountId,
    SessionId,
    SubjectId,
    PlaybackSessionId,
    EndingId,
    BucketName,
    Key,
);
