//! Plain nouns, ids, units and states that every crate shares.
//!
//! Nothing here does I/O, reads a clock or knows a format on the wire. A type belongs here when two crates
//! on different floors speak of it; everything else stays with its owner.
//!
//! ```
//! use model::{FrameRate, TitleId};
//! let id = TitleId::new();
//! assert_eq!(id.to_string().parse::<TitleId>().unwrap(), id);
//! assert_eq!(FrameRate::new(24, 1).unwrap().timescale(), 24_000);
//! ```

mod chain;
mod cidr;
pub mod delivery;
pub mod fault;
mod id;
pub mod job;
pub mod language;
pub mod media;
mod name;
pub mod packaging;
pub mod plan;
pub mod setting;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod title;
mod units;
mod wait;

pub use chain::Chain;
pub use cidr::{Cidr, ParseCidrError};
pub use id::{
    AccountId, AssetId, ConfigurationId, EndingId, EventId, FileId, Generation, GroupId, JobId, ObjectId,
    ParseIdError, PlaybackSessionId, SessionId, SubjectId, TitleId, UploadId,
};
pub use name::{BucketName, Key, NameError};
pub use plan::Plan;
pub use units::{BitsPerSecond, ByteSize, Clock, FrameRate, Timestamp};
pub use wait::WaitsFor;
