//! Still pictures of a title: posters and the storyboard of a film, the cover of a song.
//!
//! Those of a film are made from keyframes of its own encode, which are upright, of square pixels and mapped from high
//! dynamic range already: a handful of pictures is decoded instead of the source. Equal encodes give equal pictures.
//! Everything is JPEG in full-range BT.601, as JFIF has it.

mod cover;
mod jpeg;
mod poster;
mod storyboard;

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::media::Source;
use model::plan::Rendition;

use crate::argv::{self, SCALER, list};
use crate::ladder::{Size, rungs};
use crate::run::{Arg, Ffmpeg, Input, Name, Timeouts};
use crate::scratch::Folder;
use crate::{Container, Error, Result, Runner};
use jail::Limits;
use template::Template;

pub use cover::cover;
#[cfg(feature = "fuzzing")]
pub(crate) use jpeg::size;
pub use poster::{Best, Poster, WIDTHS, best, candidates, posters};
pub use storyboard::{board, sheet};

/// Pictures stand back behind encodes, which somebody may wait for.
const NICE: u8 = 10;

/// Keyframes of one rendition, as a film of their own.
#[derive(Debug, Clone, Copy)]
pub struct Keyframes<'a> {
    /// Runs the decoder.
    pub runner: Runner<'a>,
    /// An MP4 file of nothing but these keyframes.
    pub file: &'a Path,
    /// The rendition that they are from.
    pub rendition: &'a Rendition,
    /// The source of the encode.
    pub source: &'a Source,
    /// By which settings it was made.
    pub template: &'a Template,
    /// A folder for results and what is needed on the way.
    pub scratch: &'a Path,
}

impl Keyframes<'_> {
    /// The size of the picture in its rendition.
    fn picture(&self) -> Size {
        let size = Size { width: self.rendition.width, height: self.rendition.height };
        let rung = rungs(self.source, self.template).into_iter().find(|rung| rung.size == size);
        rung.map_or(size, |rung| rung.picture)
    }

    /// From a frame to its picture, without the bars beside it, of another size.
    fn scaled(&self, size: Size) -> Vec<Arg> {
        let mut chain = vec![];
        let picture = self.picture();
        if (picture.width, picture.height) != (self.rendition.width, self.rendition.height) {
            let (x, y) =
                picture.place_in(Size { width: self.rendition.width, height: self.rendition.height });
            chain.push(Arg::of(&[&"crop=", &picture.width, &":", &picture.height, &":", &x, &":", &y]));
        }
        chain.push(Arg::of(&[&"scale=", &size.width, &":", &size.height, &":flags=", &SCALER]));
        chain
    }

    async fn studio(&self, folder: &str) -> Result<Studio<'_>> {
        let input = Input { file: self.file, container: Container::Mov };
        Studio::new(self.runner, input, self.scratch, folder).await
    }
}

/// Context of runs that make pictures of one file.
struct Studio<'a> {
    runner: Runner<'a>,
    input: Input<'a>,
    scratch: &'a Path,
    folder: Folder,
}

impl<'a> Studio<'a> {
    async fn new(runner: Runner<'a>, input: Input<'a>, scratch: &'a Path, folder: &str) -> Result<Self> {
        let folder = Folder::create(scratch, folder).await?;
        Ok(Self { runner, input, scratch, folder })
    }

    /// Runs ffmpeg; `false` where the file made it fail.
    async fn run(&self, after: Vec<Arg>) -> Result<bool> {
        const WALL: Duration = Duration::from_secs(120);
        let run = Ffmpeg {
            input: Input { ..self.input },
            // One picture after another: threads would only wait for each other.
            before: list([&["-noautorotate", "-threads", "1"][..]]),
            after,
            folder: self.folder.path(),
            limits: Limits { file_bytes: jpeg::MAX_BYTES, cpu: WALL, nice: NICE, ..Limits::default() },
            timeouts: Timeouts { wall: WALL, stall: WALL },
        };
        match self.runner.ffmpeg(run, |_| ()).await {
            Ok(_) => Ok(true),
            Err(error @ (Error::Exited { .. } | Error::Signalled { .. } | Error::OutOfTime { .. })) => {
                tracing::warn!(%error, "cannot make a picture");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The bytes of a file that ffmpeg wrote; `None` if it is not there or too large.
    async fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.folder.path().join(name);
        let length = tokio::fs::metadata(&path).await.ok()?.len();
        if length > jpeg::MAX_BYTES {
            return None;
        }
        tokio::fs::read(&path).await.ok()
    }

    /// Moves a verified picture to the results.
    async fn keep(&self, name: &str) -> Result<PathBuf> {
        let (from, to) = (self.folder.path().join(name), self.scratch.join(name));
        tokio::fs::rename(&from, &to).await.map_err(|source| Error::File { path: from, source })?;
        Ok(to)
    }
}

/// From any picture to the numbers of a JPEG.
fn to_jpeg() -> Arg {
    Arg::of(&[&"scale=out_color_matrix=bt601:out_range=full:flags=", &SCALER, &",format=yuvj420p"])
}

/// One JPEG file of what was mapped before.
fn jpeg_file(name: &Name) -> Vec<Arg> {
    let mut args = jpeg_encoder();
    args.extend(list([&["-frames:v", "1", "-f", "mjpeg"][..]]));
    args.push(Arg::output(name));
    args
}

fn jpeg_encoder() -> Vec<Arg> {
    list([
        &["-c:v", "mjpeg", "-q:v", "3", "-threads:v", "1", "-flags:v", "+bitexact"][..],
        &["-fflags", "+bitexact", "-map_metadata", "-1", "-map_chapters", "-1", "-fps_mode", "passthrough"],
    ])
}

/// The even height of a picture of that width and shape.
fn height(of: Size, width: u32, most: u32) -> u32 {
    let (w, h) = (u64::from(of.width.max(1)), u64::from(of.height.max(1)));
    let half = (u64::from(width) * h + w) / (2 * w);
    u32::try_from(half * 2).unwrap_or(most).clamp(2, most)
}

fn filter(chain: &[Arg]) -> [Arg; 2] {
    ["-vf".into(), argv::join(chain, ",")]
}
