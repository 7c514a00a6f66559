//! Turns an untrusted source into the encoded chunks of a plan: probing, planning, jailed ffmpeg, verification.
//!
//! Nothing here knows storage, SQL or HTTP: it takes a local file and a scratch folder and gives back facts
//! ([`model::media::Source`]) and files. ffmpeg and ffprobe only ever run inside [`jail`].
//!
//! ```
//! // What a file is, its first bytes tell; its name is never asked.
//! let reason = encode::sniff(b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n").unwrap_err();
//! assert_eq!(reason.to_string(), "this is a playlist, not a video");
//! ```

mod argv;
mod blocking;
pub mod captions;
mod cea608;
pub mod chunk;
mod codecs;
mod colour;
mod error;
pub mod extent;
pub mod fields;
mod filter;
pub mod first_frame;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod jail;
mod ladder;
mod look;
mod mpeg_audio;
pub mod plan;
mod probe;
mod rejection;
mod retime;
pub mod run;
mod scratch;
mod sniff;
pub mod stills;
pub mod template;
mod tools;
mod verify;

pub use error::{Error, Result};
pub use jail::Jail;
pub use look::Look;
pub use model::media::Container;
pub use probe::{Probed, probe, probe_parts};
pub use rejection::Rejection;
pub use run::Runner;
pub use sniff::{HEAD, sniff};
pub use tools::Tools;
