//! Storage classes of S3.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The class that a client wishes an object to be kept in. It is remembered and told; all are kept alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StorageClass {
    /// The default.
    #[default]
    Standard,
    /// Fewer copies, of old.
    ReducedRedundancy,
    /// For what is read seldom.
    StandardIa,
    /// The same, in one place.
    OnezoneIa,
    /// Moves by how often it is read.
    IntelligentTiering,
    /// An archive that answers at once.
    GlacierIr,
    /// An archive.
    Glacier,
    /// The slowest archive.
    DeepArchive,
}

impl StorageClass {
    /// Every class that an object of a general bucket may have.
    pub const ALL: [Self; 8] = [
        Self::Standard,
        Self::ReducedRedundancy,
        Self::StandardIa,
        Self::OnezoneIa,
        Self::IntelligentTiering,
        Self::GlacierIr,
        Self::Glacier,
        Self::DeepArchive,
    ];

    /// The name in `x-amz-storage-class`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::ReducedRedundancy => "REDUCED_REDUNDANCY",
            Self::StandardIa => "STANDARD_IA",
            Self::OnezoneIa => "ONEZONE_IA",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::GlacierIr => "GLACIER_IR",
            Self::Glacier => "GLACIER",
            Self::DeepArchive => "DEEP_ARCHIVE",
        }
    }

    /// Whether it is the default, which is not written down.
    pub(crate) fn is_standard(&self) -> bool {
        *self == Self::Standard
    }
}

/// There is no storage class of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown storage class")]
pub struct NoSuchStorageClass;

impl FromStr for StorageClass {
    type Err = NoSuchStorageClass;

    fn from_str(name: &str) -> Result<Self, NoSuchStorageClass> {
        Self::ALL.into_iter().find(|class| class.as_str() == name).ok_or(NoSuchStorageClass)
    }
}

impl fmt::Display for StorageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_the_same_name_on_the_wire_and_in_rows() {
        for class in StorageClass::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
            assert_eq!(serde_json::to_string(&class).unwrap(), format!("\"{class}\""));
        }
        for bad in ["", "standard", "OUTPOSTS", "EXPRESS_ONEZONE", "COLD"] {
            assert_eq!(bad.parse::<StorageClass>(), Err(NoSuchStorageClass), "{bad}");
        }
    }
}
