//! Identifiers: 128 bits, written as 32 lower-case hex digits everywhere (URLs, SQL, JSON, logs).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A text that is not 32 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id: expected 32 lower-case hex digits")]
pub struct ParseIdError {
    /// The given text, cut to 64 characters.
    pub text: String,
}

fn parse(text: &str) -> Result<Uuid, ParseIdError> {
    let shaped = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let bad = || ParseIdError { text: text.chars().take(64).collect() };
    if !shaped {
        return Err(bad());
    }
    Uuid::try_parse(text).map_err(|_| bad())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $make:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new id.
            #[expect(clippy::new_without_default, reason = "every call gives another value")]
            pub fn new() -> Self {
                Self(Uuid::$make())
            }

            /// The id that these bytes are.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The bytes that its digits write.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_simple().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.as_simple())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id! { /// A title: what a viewer sees (film, episode, song). Ordered by creation.
TitleId, now_v7 }
id! { /// An asset: one published encode of a title. Random: it appears in public paths.
AssetId, new_v4 }
id! { /// A generation of an asset: a new encode gets a new one. Random: it appears in public paths.
Generation, new_v4 }
id! { /// A packaging configuration. Random: it appears in public paths.
ConfigurationId, new_v4 }
id! { /// A job in the queue. Ordered by creation.
JobId, now_v7 }
id! { /// A group of jobs. Ordered by creation.
GroupId, now_v7 }
id! { /// One stored object (one version of a key). Ordered by creation.
ObjectId, now_v7 }
id! { /// A stored file: bytes of objects.
FileId, new_v4 }
id! { /// A multipart upload under way.
UploadId, new_v4 }
id! { /// A recorded event.
EventId, now_v7 }
id! { /// An account of a person.
AccountId, now_v7 }
id! { /// The public name of a browser's session: it can be listed and ended by it, but not used.
SessionId, new_v4 }
id! { /// A playback session: one viewer watching one title.
PlaybackSessionId, new_v4 }
id! { /// What the permission for a signed address depends on, by its own id: an account, a session or an asset.
SubjectId, new_v4 }
id! { /// That somebody may not watch any more what they watch: kept until that has ended. Ordered by creation.
EndingId, now_v7 }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_lower_case_hex_digits() {
        let id = TitleId::new();
        assert_eq!(id.to_string().len(), 32);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(TitleId::from_bytes(id.to_bytes()), id);
        assert_eq!(TitleId::from_bytes([0xab; 16]).to_string(), "ab".repeat(16));
    }

    #[test]
    fn other_spellings_are_refused() {
        for bad in [
            "",
            "0",
            "018F4E6A0F6B7C3D8E9F0A1B2C3D4E5F",
            "018f4e6a-0f6b-7c3d-8e9f-0a1b2c3d4e5f",
            "é".repeat(16).as_str(),
        ] {
            assert!(bad.parse::<TitleId>().is_err(), "{bad}");
        }
    }
}
