//! Captions within the picture: CEA-608 byte pairs, found beside the frames and decoded without decoding a frame.
//!
//! ffmpeg copies nothing but the units of the video stream that can carry caption data into one file, and lists the
//! time and size of each in another. The pairs lie in ATSC A/53 user data (A/53 part 4 §6.2.3), in an SEI message of
//! H.264 and HEVC and in user data of MPEG-2; they are put into the order in which their frames are shown.

mod channel;
mod characters;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use model::media::Video;
use package::webvtt::Cue;

use self::channel::Channel;
use crate::argv::list;
use crate::run::{Arg, Name};
use crate::{Error, Result};

/// Pairs that are kept at most: sixty a second for a day.
const MAX_PAIRS: usize = 6_000_000;

/// Bytes of the units of one frame that are searched.
const MAX_BYTES: u64 = 1 << 20;

/// Two bytes of one of the two fields of a frame, parity taken off, padding left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    /// When its frame is shown, in µs of the source's clock.
    us: i64,
    /// 0 carries channels 1 and 2, 1 carries 3 and 4.
    field: u8,
    bytes: [u8; 2],
}

/// Copies what may carry captions into `data`, and times and sizes into `times`; `None` where the codec has none.
pub(crate) fn copy(video: &Video, data: &Name, times: &Name) -> Option<Vec<Arg>> {
    let units = match video.codec.as_str() {
        "h264" => "filter_units=pass_types=6",
        "hevc" => "filter_units=pass_types=39",
        "mpeg2video" => "filter_units=pass_types=178",
        _ => return None,
    };
    let mut args = vec![];
    for (format, name) in [("data", data), ("framecrc", times)] {
        args.extend(["-map".into(), Arg::of(&[&"0:", &video.stream])]);
        args.extend(list([&["-c", "copy", "-copyinkf", "-bsf:v", units, "-f", format][..]]));
        args.push(Arg::output(name));
    }
    Some(args)
}

/// Reads what was copied. Whatever is not caption data is passed over. Blocks.
pub(crate) fn read(data: &Path, times: &Path) -> Result<Vec<Pair>> {
    let open = |path: &Path| {
        let failed = |source| Error::File { path: path.to_owned(), source };
        File::open(path).map(BufReader::new).map_err(failed)
    };
    let failed = |source| Error::File { path: data.to_owned(), source };
    let mut units = open(data)?;
    let (mut pairs, mut buffer, mut base) = (Vec::new(), Vec::new(), (1, 90_000));
    for line in open(times)?.lines() {
        let line = line.map_err(failed)?;
        if let Some(found) = line.strip_prefix("#tb 0: ").and_then(|text| text.split_once('/')) {
            let number = |text: &str| text.parse::<u32>().unwrap_or(1).max(1);
            base = (number(found.0), number(found.1));
            continue;
        }
        let Some((pts, size)) = packet(&line) else { continue };
        buffer.clear();
        let taken = units.by_ref().take(size.min(MAX_BYTES)).read_to_end(&mut buffer).map_err(failed)?;
        let rest = size - taken as u64;
        std::io::copy(&mut units.by_ref().take(rest), &mut std::io::sink()).map_err(failed)?;
        let Some(pts) = pts else { continue };
        let us = i128::from(pts) * i128::from(base.0) * 1_000_000 / i128::from(base.1);
        // No film is that long: what has no place in it would stand at its end.
        let Ok(us) = i64::try_from(us) else { continue };
        found(&buffer, us, &mut pairs);
        if pairs.len() > MAX_PAIRS {
            break;
        }
    }
    // Frames are stored in the order of decoding; the pairs of one frame keep theirs.
    pairs.sort_by_key(|pair| pair.us);
    Ok(pairs)
}

/// The channels among 1 to 4 that contain text.
pub(crate) fn channels(pairs: &[Pair]) -> Vec<u8> {
    (1..=4).filter(|channel| decoded(pairs, *channel, 0).brings_text()).collect()
}

/// The captions of a channel (1 to 4), on a clock that starts at `zero_us` of the source's.
pub(crate) fn cues(pairs: &[Pair], channel: u8, zero_us: i64) -> Vec<Cue> {
    decoded(pairs, channel, zero_us).into_cues()
}

fn decoded(pairs: &[Pair], channel: u8, zero_us: i64) -> Channel {
    let (field, second) = ((channel.saturating_sub(1)) / 2, channel.is_multiple_of(2));
    let mut decoder = Channel::new(second);
    for pair in pairs.iter().filter(|pair| pair.field == field) {
        decoder.take((pair.us.saturating_sub(zero_us)) / 1000, pair.bytes);
    }
    decoder
}

/// A line `stream, dts, pts, duration, size, …`: presentation time, where it is not the least number there is, by which
/// ffmpeg says that there is none (`AV_NOPTS_VALUE`), and size.
fn packet(line: &str) -> Option<(Option<i64>, u64)> {
    let mut fields = line.split(',').map(str::trim);
    let (_stream, _dts) = (fields.next()?.parse::<u32>().ok()?, fields.next()?);
    let pts = fields.next()?.parse().ok().filter(|pts| *pts != i64::MIN);
    Some((pts, fields.nth(1)?.parse().ok()?))
}

/// Adds the pairs in one frame's units.
fn found(units: &[u8], us: i64, pairs: &mut Vec<Pair>) {
    // No escaping byte can fall into it: every triplet begins with five bits set.
    const MARK: &[u8] = b"GA94\x03";
    const PROCESS: u8 = 0x40;
    let mut rest = units;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        rest = &rest[at + MARK.len()..];
        let [flags, _, triplets @ ..] = rest else { return };
        if flags & PROCESS == 0 {
            continue;
        }
        for triplet in triplets.chunks_exact(3).take(usize::from(flags & 0x1f)) {
            let (marker, valid, field) = (triplet[0] >> 3, triplet[0] & 4 != 0, triplet[0] & 3);
            let bytes = [triplet[1] & 0x7f, triplet[2] & 0x7f];
            if marker == 0x1f && valid && field < 2 && bytes != [0, 0] {
                pairs.push(Pair { us, field, bytes });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame's user data with pairs of field 1 (odd parity does not matter).
    fn units(pairs: &[[u8; 2]]) -> Vec<u8> {
        let mut bytes = b"\0\0\x01\x06\x04\x56\xb5\0\x31GA94\x03".to_vec();
        bytes.extend([0x40 | pairs.len() as u8, 0xff]);
        for [a, b] in pairs {
            bytes.extend([0xfc, *a, *b]);
        }
        bytes.extend([0xff, 0x80]);
        bytes
    }

    /// Captions of a channel when these pairs arrive at these ms.
    fn check(channel: u8, fed: &[(i64, &[u8])], expected: &str) {
        let mut pairs = vec![];
        for (ms, bytes) in fed {
            let two: Vec<[u8; 2]> =
                bytes.chunks(2).map(|c| [c[0], c.get(1).copied().unwrap_or(0x80)]).collect();
            found(&units(&two), ms * 1000, &mut pairs);
        }
        let shown: String = cues(&pairs, channel, 0).iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_caption_pops_on_when_it_is_whole() {
        check(
            1,
            &[
                (0, b"\x14\x20\x14\x20\x14\x70\x14\x70Hello & <you>"),
                (1000, b"\x14\x2f\x14\x2f"),
                (3000, b"\x14\x2c\x14\x2c"),
            ],
            "00:00:01.000 --> 00:00:03.000\nHello &amp; &lt;you&gt;\n\n",
        );
    }

    #[test]
    fn lines_roll_up() {
        check(
            1,
            &[
                (0, b"\x14\x25\x14\x25\x14\x2d\x14\x2dOne."),
                (2000, b"\x14\x2d\x14\x2dTwo."),
                (4000, b"\x14\x2d\x14\x2dThree."),
                (6000, b"\x14\x2c"),
            ],
            "00:00:00.000 --> 00:00:02.000\nOne.\n\n00:00:02.000 --> 00:00:04.000\nOne.\nTwo.\n\n\
             00:00:04.000 --> 00:00:06.000\nTwo.\nThree.\n\n",
        );
    }

    #[test]
    fn the_second_channel_and_styles_and_accents() {
        check(
            2,
            &[
                (0, b"\x1c\x20\x19\x6eA\x80\x19\x37b\x80e\x80\x1a\x3dx\x80"),
                (500, b"\x14\x20no"),
                (1000, b"\x1c\x2f"),
                (1500, b"\x1c\x2c"),
            ],
            "00:00:01.000 --> 00:00:01.500 line:0\n<i>A♪bÛx</i>\n\n",
        );
    }

    #[test]
    fn frames_whose_time_is_not_known_bring_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (data, times) = (folder.path().join("units"), folder.path().join("times"));
        let frames = [*b"no", *b"ne", *b"ye", *b"s."].map(|pair| units(&[pair]));
        let size = frames[0].len();
        std::fs::write(&data, frames.concat()).unwrap();
        let lines = [i64::MIN.to_string(), i64::MAX.to_string(), "96".to_owned(), "48".to_owned()]
            .map(|pts| format!("0,          0, {pts},        1, {size:8}, 0x2217c64e, F=0x0\n"));
        std::fs::write(&times, format!("#tb 0: 1/48\n{}", lines.concat())).unwrap();
        let pair = |us, bytes| Pair { us, field: 0, bytes };
        assert_eq!(read(&data, &times).unwrap(), [pair(1_000_000, *b"s."), pair(2_000_000, *b"ye")]);
    }

    #[test]
    fn channels_without_text_are_none() {
        let mut pairs = vec![];
        found(&units(&[[0x14, 0x20], [0x80, 0x80], [0x14, 0x2f]]), 0, &mut pairs);
        assert_eq!((pairs.len(), channels(&pairs)), (2, vec![]));
        found(&units(&[[0x14, 0x25], *b"Hi"]), 1, &mut pairs);
        assert_eq!(channels(&pairs), [1]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            pairs in proptest::collection::vec((0_i64..100_000, 0_u8..2, any::<[u8; 2]>()), 0..400),
        ) {
            let mut list = vec![];
            found(&bytes, 0, &mut list);
            list.extend(pairs.iter().map(|(us, field, b)| Pair { us: us * 1000, field: *field, bytes: [b[0] & 0x7f, b[1] & 0x7f] }));
            list.sort_by_key(|pair| pair.us);
            for channel in 1..=4 {
                for pair in cues(&list, channel, 0).windows(2) {
                    prop_assert!(pair[0].end_ms() <= pair[1].start_ms());
                }
            }
        }
    }
}
