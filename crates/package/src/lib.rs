//! Pure packager: MP4, CMAF and HLS bytes; no I/O and no clock.

mod boxes;
pub mod cmaf;
mod codec;
mod error;
pub mod fragmented;
pub mod index;
pub mod timing;
mod track;

pub use error::{Error, Result};
pub use track::{Media, TrackInit};
