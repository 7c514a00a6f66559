//! Undeclared fields: films of television that were encoded as if they were progressive.
//!
//! Their frames are combed, and only a look at the pictures tells. It is taken where such films are found and costs
//! little: at pictures of the standard sizes of television that are said to be progressive.

use model::media::Video;
use runtime::blocking;

use crate::argv::list;
use crate::run::{Arg, Name};
use crate::{Error, Look, Result};

/// Frames that are inspected, in the middle of the film.
const FRAMES: u64 = 100;

/// Frames that must be sure for a verdict.
const LEAST: usize = 20;

/// Bytes of what is said of them.
const MAX_BYTES: u64 = 1 << 20;

/// Lines of television of standard definition.
const LINES: [u32; 3] = [480, 486, 576];

/// Whether the pictures of a source consist of fields, although it says otherwise.
///
/// Counts anything unreadable as progressive.
///
/// # Errors
/// Errors of a run that are not caused by the file.
pub async fn are_hidden(look: Look<'_>) -> Result<bool> {
    let Some(video) = look.source.video.as_ref().filter(|video| may_be(video)) else { return Ok(false) };
    let found = Name::new("found");
    let seconds = look.source.duration_ms / 1000;
    let mut before = list([&["-noautorotate", "-noaccurate_seek"][..]]);
    if seconds > 60 {
        before.extend(["-ss".into(), Arg::of(&[&(seconds / 2)])]);
    }
    let mut after = vec!["-map".into(), Arg::of(&[&"0:", &video.stream]), "-vf".into()];
    let key = "idet,metadata=mode=print:direct=1:key=lavfi.idet.multiple.current_frame:file=";
    after.push(Arg::of(&[&key, &found]));
    after.extend(["-frames:v".into(), Arg::of(&[&FRAMES]), "-f".into(), "null".into(), "-".into()]);
    let Some(folder) = look.take("fields", (before, after), MAX_BYTES).await? else { return Ok(false) };
    let path = folder.path().join(found.as_str());
    blocking(move || {
        let said = match std::fs::read(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::File { path, source: error });
            }
            said => said.unwrap_or_default(),
        };
        Ok(verdict(&String::from_utf8_lossy(&said)))
    })
    .await
}

/// Whether these pictures could consist of fields.
fn may_be(video: &Video) -> bool {
    LINES.contains(&video.height) && !video.interlaced && video.rate.as_f64() < 31.0
}

/// Nearly all of the frames that are sure have the same field first.
pub(crate) fn verdict(said: &str) -> bool {
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
