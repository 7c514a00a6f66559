//! The crate through its public door, with the real ffmpeg.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod captions;
mod early;
mod extent;
mod frames;
mod free_space;
mod held;
mod hostile;
mod mix;
mod numbered;
mod pictures;
mod probe;
mod run;
mod shared;
mod sound;
mod stills;
mod support;
mod timeline;
mod title;
