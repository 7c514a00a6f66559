//! Pure packager: MP4, CMAF, MPEG-TS, WebVTT, HLS and DASH bytes; no I/O and no clock.
//!
//! Towards the encoder: [`boxes`] walks MP4 files, [`fragmented`] reads what ffmpeg wrote, [`timing`] says which times its samples get,
//! [`cmaf`] writes the stored chunk, [`webvtt`] that of captions, and [`index`] remembers what lies where in it. Towards the origin: a
//! [`Request`] below an asset's path is answered by [`answer()`] with a length, literal bytes and ranges of stored
//! chunks to copy or to transform; [`chunks`] says beforehand whose indexes that takes.
//!
//! **Invariants.** Playlists and init segments follow from the plan alone; only the multivariant
//! playlist and the DASH manifest change, once, when the asset is complete: their rates become exact, and playlists
//! of key frames are named. Such playlists and whole files need every byte, and are [`Error::Incomplete`] before. Every length is known before a byte is fetched. No bytes
//! make a reader panic or use more memory than a small multiple of their length; but samples of a fragment need no bytes
//! of their own to be described, so those of [`fragmented`] are bounded by [`fragmented::MAX_SAMPLES`].
//!
//! It fetches, stores, encrypts and caches nothing, and knows no URLs but those relative to an asset.
//!
//! ```
//! use model::plan::{AudioTrack, Chunk, Grid, Medium};
//! use model::packaging::Configuration;
//! use model::{BitsPerSecond, FrameRate, Plan};
//! use package::{Asset, Layout, Part, Request};
//!
//! let song = Plan {
//!     version: model::plan::VERSION,
//!     grid: Grid { rate: FrameRate::new(48_000, 1024).unwrap(), boundaries: vec![0, 94, 188, 210] },
//!     renditions: Vec::new(),
//!     audio: vec![AudioTrack {
//!         stream: 0,
//!         language: "en".into(),
//!         label: None,
//!         sample_rate: 48_000,
//!         channels: 2,
//!         bit_rate: BitsPerSecond(96_000),
//!         codec: "mp4a.40.2".into(),
//!         config: "1190".into(),
//!     }],
//!     captions: Vec::new(),
//!     chunks: vec![Chunk { of: Medium::Audio(0), segments: 0..3, decode_from: 0 }],
//!     fingerprint: String::new(),
//!     template: "standard".into(),
//! };
//! let configuration = Configuration { segment_duration_seconds: 4, ..Configuration::default() };
//! let layout = Layout::new(&song, &configuration)?;
//! let asset = Asset { plan: &song, layout: &layout, measured: None, stills: None };
//!
//! let request = Request::parse("a0.m3u8").unwrap();
//! assert_eq!(package::chunks(&request, &asset)?, []);
//! let answer = package::answer(&request, &asset, &[])?;
//! let [Part::Literal(playlist)] = &answer.parts[..] else { panic!("playlists are literal") };
//! assert!(playlist.starts_with(b"#EXTM3U\n") && playlist.len() as u64 == answer.length);
//!
//! let segment = Request::parse("a0/0.m4s").unwrap();
//! let needed = package::chunks(&segment, &asset)?;
//! assert_eq!(needed.len(), 1); // fetch that chunk's index, decode it, and ask `answer` again
//! # Ok::<(), package::Error>(())
//! ```

mod answer;
mod asset;
pub mod boxes;
pub mod cmaf;
mod codec;
mod dash;
mod error;
pub mod fragmented;
mod hls;
pub mod index;
mod layout;
mod measured;
mod names;
mod progressive;
mod request;
mod respond;
mod storyboard;
pub mod timing;
mod track;
mod trak;
mod ts;
mod variants;
pub mod webvtt;

pub use answer::{Answer, Cache, Part};
pub use asset::Asset;
pub use codec::avc::nal_units;
pub use error::{Error, Result};
pub use index::Index;
pub use layout::Layout;
pub use measured::Measured;
pub use request::{Container, Movie, Request};
pub use respond::{answer, chunks, named_segment};
pub use track::{Media, TrackInit};
pub use ts::{Input, Transform};
