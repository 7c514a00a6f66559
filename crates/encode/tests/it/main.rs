//! The crate through its public door, with the real ffmpeg.

mod jail;
mod support;
