//! Turns an untrusted source into the encoded chunks of a plan: probing, planning, jailed ffmpeg, verification.
//!
//! Nothing here knows storage, SQL or HTTP: it takes a local file and a scratch folder and gives back facts
//! ([`model::media::Source`]) and files. ffmpeg and ffprobe only ever run inside the [`jail`].
//!
//! ```
//! // What a file is, its first bytes tell; its name is never asked.
//! let reason = encode::sniff(b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n").unwrap_err();
//! assert_eq!(reason.to_string(), "this is a playlist, not a video");
//! ```

mod arg;
mod argv;
pub mod captions;
mod cea608;
pub mod chunk;
pub mod clock;
mod codecs;
mod colour;
mod error;
pub mod extent;
pub mod fields;
mod filter;
pub mod first_frame;
mod fragments;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod jumps;
mod ladder;
mod limits;
mod look;
mod mix;
mod mpeg_audio;
pub mod plan;
mod probe;
mod rejection;
mod retime;
pub mod run;
mod scratch;
mod sniff;
pub mod stills;
#[cfg(test)]
mod thread_time;
mod tools;
mod verify;

pub use error::{Error, Result};
pub use look::Look;
pub use model::media::Container;
pub use probe::{Probed, probe, probe_parts, probe_set};
pub use rejection::Rejection;
pub use run::Runner;
pub use sniff::{HEAD, sniff};
pub use tools::Tools;
