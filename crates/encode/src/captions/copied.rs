//! Captions as they lie in a source: ffmpeg copies their bytes into one file and lists times and sizes in another.
//!
//! Nothing is decoded by ffmpeg: it drops captions whose text is not UTF-8, and words that look like markup.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::argv::list;
use crate::run::{Arg, Name};
use crate::{Error, Result};

/// Bytes of one caption that are read; no text is that long.
const MAX_PACKET: u64 = 64 << 10;

/// How long a caption of unknown length is shown at most, in ms.
const MAX_OPEN_MS: i64 = 10_000;

/// One caption as the source has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    /// From when it is shown, in ms of the source's clock.
    pub(crate) start_ms: i64,
    /// Until when, in ms of that clock.
    pub(crate) end_ms: i64,
    /// In the form of its codec.
    pub(crate) bytes: Vec<u8>,
}

/// A caption stream as it was copied.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    /// ffmpeg's name of its codec.
    pub(crate) codec: String,
    /// Its captions in file order.
    pub(crate) packets: Vec<Packet>,
    /// How many were left out because the source does not say when they are shown.
    pub(crate) without_time: usize,
    /// Whether there were more than are read.
    pub(crate) more: bool,
}

/// Copies a stream's captions into `data`, and their times and sizes into `times`.
pub(crate) fn copy(stream: u32, data: &Name, times: &Name) -> Vec<Arg> {
    let mut args = vec![];
    for (format, name) in [("data", data), ("framecrc", times)] {
        args.extend(["-map".into(), Arg::of(&[&"0:", &stream])]);
        args.extend(list([&["-c", "copy", "-copyinkf", "-avoid_negative_ts", "disabled", "-f", format][..]]));
        args.push(Arg::output(name));
    }
    args
}

/// Reads what was copied, at most `most` captions. Blocks.
pub(crate) fn read(data: &Path, times: &Path, most: usize) -> Result<Copied> {
    let open = |path: &Path| {
        let failed = |source| Error::File { path: path.to_owned(), source };
        File::open(path).map(BufReader::new).map_err(failed)
    };
    let copied = read_from(open(data)?, open(times)?, most);
    copied.map_err(|source| Error::File { path: data.to_owned(), source })
}

/// The same from any readers. What is not a line of the list is passed over.
pub(crate) fn read_from(mut data: impl Read, times: impl BufRead, most: usize) -> io::Result<Copied> {
    let mut copied = Copied::default();
    let mut base = (1, 1000);
    // Of those in `copied.packets`, which do not say how long they are shown.
    let mut open = vec![];
    for line in times.split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if let Some(found) = line.strip_prefix("#tb 0: ").and_then(|text| text.split_once('/')) {
            let number = |text: &str| text.trim().parse::<u32>().unwrap_or(1).max(1);
            base = (number(found.0), number(found.1));
            continue;
        }
        if let Some(codec) = line.strip_prefix("#codec_id 0: ") {
            copied.codec = crate::codecs::plain(codec);
            continue;
        }
        let Some(Listed { pts, duration, size }) = Listed::read(&line) else { continue };
        if copied.packets.len() == most {
            copied.more = true;
            break;
        }
        let mut bytes = vec![];
        data.by_ref().take(size.min(MAX_PACKET)).read_to_end(&mut bytes)?;
        io::copy(&mut data.by_ref().take(size.saturating_sub(MAX_PACKET)), &mut io::sink())?;
        let ms = |ticks: i64| {
            let ms = i128::from(ticks) * i128::from(base.0) * 1000 / i128::from(base.1);
            // No film is that long; sums of two such times fit.
            i64::try_from(ms).ok().filter(|ms| ms.unsigned_abs() < 1 << 60)
        };
        match (pts.and_then(ms), ms(duration)) {
            (Some(start_ms), Some(length)) => {
                if length <= 0 {
                    open.push(copied.packets.len());
                }
                copied.packets.push(Packet { start_ms, end_ms: start_ms + length.max(0), bytes });
            }
            // Those of MP4 say by an empty one that nothing is shown.
            _ if bytes.iter().all(|byte| *byte == 0) => {}
            _ => copied.without_time += 1,
        }
    }
    for n in open {
        let start = copied.packets[n].start_ms;
        let next = copied.packets[n + 1..].iter().map(|later| later.start_ms).find(|later| *later > start);
        let most = start + MAX_OPEN_MS;
        copied.packets[n].end_ms = next.map_or(most, |next| next.min(most));
    }
    Ok(copied)
}

/// A line `stream, dts, pts, duration, size, …`.
struct Listed {
    /// `None` where ffmpeg says that there is none (`AV_NOPTS_VALUE`).
    pts: Option<i64>,
    duration: i64,
    size: u64,
}

impl Listed {
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split(',').map(str::trim);
        let (_stream, _dts) = (fields.next()?.parse::<u32>().ok()?, fields.next()?);
        let pts = fields.next()?.parse().ok().filter(|pts| *pts != i64::MIN);
        Some(Self { pts, duration: fields.next()?.parse().ok()?, size: fields.next()?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_read_with_their_times() {
        let times = "#software: Lavf\n#tb 0: 1/90000\n#media_type 0: subtitle\n#codec_id 0: subrip\n\
                     0, 90000, 90000, 180000, 5, 0x1\n0, 0, -9223372036854775808, 90000, 2, 0x1\n\
                     nonsense\n0, 0, 360000, 0, 3, 0x1, S=1\n0, 0, 450000, 0, 1, 0x1\n";
        let copied = read_from(&b"Hello??you!"[..], times.as_bytes(), 9).unwrap();
        let packet =
            |start_ms, end_ms, text: &str| Packet { start_ms, end_ms, bytes: text.as_bytes().to_vec() };
        assert_eq!((copied.codec.as_str(), copied.without_time, copied.more), ("subrip", 1, false));
        assert_eq!(
            copied.packets,
            [packet(1000, 3000, "Hello"), packet(4000, 5000, "you"), packet(5000, 15_000, "!")]
        );
        let first = read_from(&b"Hello??you!"[..], times.as_bytes(), 1).unwrap();
        assert!(first.more && first.packets.len() == 1);
    }

    #[test]
    fn what_is_too_long_for_words_is_cut_and_what_follows_stays_in_its_place() {
        let size = MAX_PACKET as usize + 10;
        let times = format!("0, 0, 0, 1000, {size}, 0x1\n0, 0, 1000, 1000, 3, 0x1\n");
        let data = [vec![b'a'; size], b"end".to_vec()].concat();
        let copied = read_from(&data[..], times.as_bytes(), 9).unwrap();
        assert_eq!(copied.packets[0].bytes.len(), MAX_PACKET as usize);
        assert_eq!(copied.packets[1].bytes, b"end");
    }
}
