//! Fields that nobody told of: films of television that were encoded as if they were progressive.
//!
//! Their frames are combed, and only a look at the pictures tells. It is taken where such films are found and costs
//! little: at pictures of the standard sizes of television that are said to be progressive.

use std::path::Path;
use std::time::Duration;

use model::media::{Source, Video};
use tokio_util::sync::CancellationToken;

use crate::argv::list;
use crate::blocking::blocking;
use crate::jail::Limits;
use crate::run::{self, Arg, Ffmpeg, Input, Name, Patience};
use crate::scratch::Folder;
use crate::{Error, Jail, Result, Tools};

/// Frames that are looked at, in the middle of the film.
const FRAMES: u64 = 100;

/// Frames that must be sure for a verdict.
const LEAST: usize = 20;

/// Lines of television of standard definition.
const LINES: [u32; 3] = [480, 486, 576];

/// Whether the pictures of a source consist of fields, although it says otherwise.
///
/// What cannot be read counts as progressive; that never keeps a film from being played.
///
/// # Errors
/// Those of a run that are not the file's fault.
pub async fn are_hidden(
    tools: &Tools,
    jail: &Jail,
    source: &Source,
    file: &Path,
    scratch: &Path,
    cancel: &CancellationToken,
) -> Result<bool> {
    let Some(video) = source.video.as_ref().filter(|video| may_be(video)) else { return Ok(false) };
    let folder = Folder::create(scratch, "fields")?;
    let found = Name::new("found").expect("these are letters");
    let seconds = source.duration_ms / 1000;
    let mut before = list([&["-noautorotate", "-noaccurate_seek"][..]]);
    if seconds > 60 {
        before.extend(["-ss".into(), Arg::of(&[&(seconds / 2)])]);
    }
    let mut after = vec!["-map".into(), Arg::of(&[&"0:", &video.stream]), "-vf".into()];
    let key = "idet,metadata=mode=print:direct=1:key=lavfi.idet.multiple.current_frame:file=";
    after.push(Arg::of(&[&key, &found]));
    after.extend(["-frames:v".into(), Arg::of(&[&FRAMES]), "-f".into(), "null".into(), "-".into()]);
    let run = Ffmpeg {
        input: Input { file, container: source.container },
        before,
        after,
        folder: folder.path(),
        limits: Limits { file_bytes: 1 << 20, cpu: Duration::from_secs(120), ..Limits::default() },
        patience: Patience { wall: Duration::from_secs(120), stall: Duration::from_secs(60) },
    };
    match run::ffmpeg(tools, jail, run, cancel, |_| ()).await {
        Ok(_) => {}
        Err(
            error @ (Error::Exited { .. }
            | Error::Signalled { .. }
            | Error::Stalled { .. }
            | Error::OutOfTime { .. }),
        ) => {
            tracing::warn!(%error, "fields are not looked for");
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    let path = folder.path().join(found.as_str());
    blocking(move || {
        let said = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::File { path, source: error });
            }
            said => said.unwrap_or_default(),
        };
        Ok(verdict(&said))
    })
    .await
}

/// Whether these pictures could consist of fields.
fn may_be(video: &Video) -> bool {
    LINES.contains(&video.height) && !video.interlaced && video.rate.as_f64() < 31.0
}

/// Nearly all of the frames that are sure have the same field first.
fn verdict(said: &str) -> bool {
    let count = |what: &str| said.lines().filter(|line| line.ends_with(what)).count();
    let (top, bottom, whole) = (count("=tff"), count("=bff"), count("=progressive"));
    let (more, less) = (top.max(bottom), top.min(bottom));
    more >= LEAST && more > 9 * (less + whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_plain_counts() {
        let check = |top: usize, bottom: usize, whole: usize, expected: bool| {
            let lines = |n: usize, word: &str| {
                format!("frame:1 pts:2 pts_time:3\nlavfi.idet.multiple.current_frame={word}\n").repeat(n)
            };
            let said = [lines(top, "tff"), lines(bottom, "bff"), lines(whole, "progressive")].concat();
            assert_eq!(verdict(&said), expected, "{top} {bottom} {whole}");
        };
        check(100, 0, 0, true);
        check(0, 60, 3, true);
        check(0, 0, 100, false);
        check(60, 40, 0, false);
        check(60, 0, 40, false);
        check(12, 0, 0, false);
    }
}
