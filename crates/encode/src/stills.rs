//! Still pictures of a title: posters and the storyboard, made from the source and independent of its encode.
//!
//! Equal sources give equal pictures. Everything is JPEG in full-range BT.601, as JFIF has it, upright, of square
//! pixels, and mapped from high dynamic range as the encode is.

mod jpeg;
mod poster;
mod storyboard;

use std::path::PathBuf;
use std::time::Duration;

use model::media::Video;

use crate::argv::{self, SCALER, list};
use crate::filter::{steady, upright};
use crate::jail::Limits;
use crate::ladder::Size;
use crate::run::{Arg, Ffmpeg, Name, Patience};
use crate::scratch::Folder;
use crate::{Error, Look, Result};

#[cfg(feature = "fuzzing")]
pub(crate) use jpeg::size;
pub use poster::{Poster, WIDTHS, moments, posters};
pub use storyboard::{Board, storyboard};

/// Pictures stand back behind encodes, which somebody may wait for.
const NICE: u8 = 10;

/// What runs need that make pictures of one source.
struct Studio<'a> {
    look: Look<'a>,
    folder: Folder,
}

impl<'a> Studio<'a> {
    async fn new(look: Look<'a>, folder: &str) -> Result<Self> {
        let folder = Folder::create(look.scratch, folder).await?;
        Ok(Self { look, folder })
    }

    /// Runs ffmpeg; `false` where the file made it fail.
    async fn run(&self, before: Vec<Arg>, after: Vec<Arg>, wall: Duration) -> Result<bool> {
        let mut options = list([&["-noautorotate", "-copyts"][..]]);
        options.extend(["-threads".into(), Arg::of(&[&self.look.runner.tools.threads()])]);
        options.extend(before);
        let run = Ffmpeg {
            input: self.look.input(),
            before: options,
            after,
            folder: self.folder.path(),
            limits: Limits { file_bytes: jpeg::MAX_BYTES, cpu: wall * 2, nice: NICE, ..Limits::default() },
            // Nothing is reported between one sheet of pictures and the next.
            patience: Patience { wall, stall: wall },
        };
        match self.look.runner.ffmpeg(run, |_| ()).await {
            Ok(_) => Ok(true),
            Err(error @ (Error::Exited { .. } | Error::Signalled { .. } | Error::OutOfTime { .. })) => {
                tracing::warn!(%error, "a picture cannot be made");
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
        let (from, to) = (self.folder.path().join(name), self.look.scratch.join(name));
        tokio::fs::rename(&from, &to).await.map_err(|source| Error::File { path: from, source })?;
        Ok(to)
    }

    /// From a decoded frame to an upright picture of that size.
    fn picture(&self, video: &Video, size: Size) -> Vec<Arg> {
        let mut chain = vec![];
        if video.interlaced {
            chain.push(steady(video));
            // One field: the other shows another moment.
            chain.push("field=type=top".into());
        }
        upright(video, size, self.look.runner.tools.features(), &mut chain);
        chain
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

/// The even height of a picture of that width, of the shape that a viewer sees.
fn height(video: &Video, width: u32, most: u32) -> u32 {
    let (w, h) = (u64::from(video.display_width.max(1)), u64::from(video.display_height.max(1)));
    let half = (u64::from(width) * h + w) / (2 * w);
    u32::try_from(half * 2).unwrap_or(most).clamp(2, most)
}

fn filter(chain: &[Arg]) -> [Arg; 2] {
    ["-vf".into(), argv::join(chain, ",")]
}

fn map(stream: u32) -> [Arg; 2] {
    ["-map".into(), Arg::of(&[&"0:", &stream])]
}
