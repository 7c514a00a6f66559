//! The packet scan: every packet's time and flags, from ffprobe's compact lines, in bounded memory.

use std::collections::BTreeMap;

use super::drift::Clock;
use crate::run::{Arg, Lines};
use crate::{Rejection, Result};

/// Frames of all pictures that are remembered: 37 hours of 60 frames a second.
const MAX_FRAMES: usize = 8_000_000;

/// A clock that moves on by more than this many seconds from one packet to the next has jumped.
const JUMP_SECONDS: i64 = 10;

/// A clock that falls back by less than this part of a second is only inexact.
const FALLS_BACK: i64 = 5;

/// Facts about a stream from all its packets.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Stream {
    /// Presentation times of the frames to be shown, in ticks, in file order (pictures only).
    pub(super) shown: Vec<i64>,
    /// Presentation times of the frames that decoding can start at and that are shown, in ticks, in file order.
    pub(super) keys: Vec<i64>,
    /// Presentation time of the first frame that decoding can start at, shown or not.
    pub(super) first_key: Option<i64>,
    /// Whether times are decoding times, because the container (AVI, MPEG-PS) keeps no others of some frames.
    pub(super) decoding_times: bool,
    /// Ticks from which and up to which there is something to present.
    pub(super) span: Option<(i64, i64)>,
    /// Duration in ticks of the frame that is shown last.
    pub(super) last_duration: Option<i64>,
    /// The times of its packets (sounds only).
    pub(super) clock: Clock,
    /// Whether packets need a key.
    pub(super) encrypted: bool,
    /// Whether the clock moved on by so much that it may have jumped.
    pub(super) leapt: bool,
    /// Whether the clock fell back.
    pub(super) fell_back: bool,
    /// The bytes of the file that it was read from.
    pub(super) read: Read,
    /// Packets that have a time, and those that have none.
    packets: u64,
    untimed: u64,
    /// Packets at times that were there before.
    repeated: u64,
    /// Packets in a row at the latest time: now, and at most.
    standing: u64,
    stood: u64,
    /// The latest time so far, and what it was when the clock fell back.
    latest: Option<i64>,
    fallen_from: Option<i64>,
    last_dts: Option<i64>,
    dts: Vec<i64>,
    timeless: usize,
}

/// Bytes of a file that packets were read from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    /// Where the first of them is, and where the last one ends; `None` where that is not known.
    pub(super) span: Option<(u64, u64)>,
    /// How many there are.
    pub(super) bytes: u64,
    /// How many of them are in packets of more than [`LONG`] bytes, each.
    pub(super) long: [u64; 2],
}

/// The longest frame of MPEG audio (ISO 11172-3 §2.4.2.3: layer II, 384 kbit/s at 32 kHz), and two of E-AC-3 (ETSI TS 102
/// 366 §E.1.3.1.3), of which one depends on the other; AC-3 has shorter ones.
pub(super) const LONG: [u64; 2] = [1728, 8192];

/// Takes ffprobe's lines apart.
#[derive(Debug)]
pub(super) struct Scan {
    lines: Lines,
    frames: usize,
    streams: BTreeMap<u32, Stream>,
    /// Streams of interest: whether they are pictures, and ticks per second.
    wanted: BTreeMap<u32, (bool, i64)>,
}

/// One line: `stream|pts|dts|duration|size|pos|flags`, and sometimes names of side data after it.
pub(super) struct Packet {
    pub(super) stream: u32,
    pub(super) pts: Option<i64>,
    pub(super) dts: Option<i64>,
    /// In ticks, more than 0.
    pub(super) duration: Option<i64>,
    /// In bytes.
    pub(super) size: u64,
    /// Its byte in the file.
    pub(super) pos: Option<u64>,
    pub(super) key: bool,
    /// Needed to decode others, but cut away by an edit list.
    pub(super) discarded: bool,
    pub(super) encrypted: bool,
}

/// The question whose answer is read here, for streams of a kind (`V` or `a`) from a second on; `holes`: what the
/// container's index says, whatever stands in the packets.
pub(super) fn question(which: &'static str, from: u32, holes: bool) -> Vec<Arg> {
    let entries = "packet=stream_index,pts,dts,duration,size,pos,flags:packet_side_data=side_data_type";
    let mut args = ["-select_streams", which, "-show_entries", entries, "-of", "compact=p=0:nk=1"]
        .map(Arg::from)
        .to_vec();
    if holes {
        args.extend(["-fflags", "+noparse+nofillin"].map(Arg::from));
    }
    if from > 0 {
        args.extend(["-read_intervals".into(), Arg::of(&[&from, &"%"])]);
    }
    args
}

impl Scan {
    /// A scan that looks at these streams: index, whether it is a picture, ticks per second.
    pub(super) fn new(wanted: impl IntoIterator<Item = (u32, bool, i64)>) -> Self {
        let wanted = wanted.into_iter().map(|(index, picture, ticks)| (index, (picture, ticks))).collect();
        Self { lines: Lines::default(), frames: 0, streams: BTreeMap::new(), wanted }
    }

    /// Whether it looks at no stream at all.
    pub(super) fn is_idle(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Rejection::TooLong`] where more frames come than are remembered.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let mut lines = std::mem::take(&mut self.lines);
        let fed = lines.feed(bytes, |line| Packet::parse(line).map_or(Ok(()), |packet| self.take(&packet)));
        self.lines = lines;
        fed
    }

    /// The results, by stream index.
    pub(super) fn finish(mut self) -> BTreeMap<u32, Stream> {
        for stream in self.streams.values_mut() {
            stream.settle();
        }
        self.streams
    }

    /// Takes the next packet.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub(super) fn take(&mut self, packet: &Packet) -> Result<()> {
        let Some(&(picture, ticks)) = self.wanted.get(&packet.stream) else { return Ok(()) };
        let stream = self.streams.entry(packet.stream).or_default();
        stream.encrypted |= packet.encrypted;
        stream.read.take(packet);
        let mut has_fallen_back = false;
        if let (Some(last), Some(now)) = (stream.last_dts, packet.dts) {
            stream.leapt |= now.saturating_sub(last) > ticks.saturating_mul(JUMP_SECONDS);
            has_fallen_back = last.saturating_sub(now) > ticks / FALLS_BACK;
            stream.fell_back |= has_fallen_back;
        }
        match packet.pts.or(packet.dts) {
            Some(time) => stream.count(time, has_fallen_back),
            None => stream.untimed += 1,
        }
        stream.last_dts = packet.dts.or(stream.last_dts);
        if packet.key && stream.first_key.is_none() {
            stream.first_key = packet.pts;
        }
        if packet.discarded {
            return Ok(());
        }
        if picture {
            self.frames += 1;
            if self.frames > MAX_FRAMES {
                return Err(Rejection::TooLong { max_hours: crate::limits::MAX_HOURS }.into());
            }
            stream.picture(packet);
        } else {
            stream.clock.take(packet.pts);
        }
        if let Some(start) = packet.pts.or(packet.dts) {
            let end = start.saturating_add(packet.duration.unwrap_or(0));
            if stream.span.is_none_or(|(_, last)| end >= last) {
                stream.last_duration = packet.duration;
            }
            let (first, last) = stream.span.unwrap_or((start, end));
            stream.span = Some((first.min(start), last.max(end)));
        }
        Ok(())
    }
}

impl Read {
    fn take(&mut self, packet: &Packet) {
        self.bytes = self.bytes.saturating_add(packet.size);
        for (bytes, long) in self.long.iter_mut().zip(LONG) {
            *bytes = bytes.saturating_add(if packet.size > long { packet.size } else { 0 });
        }
        // Of packets that a parser split, only the first says where it is.
        let Some(pos) = packet.pos else { return };
        let end = pos.saturating_add(packet.size);
        let (first, last) = self.span.unwrap_or((pos, end));
        self.span = Some((first.min(pos), last.max(end)));
    }
}

impl Stream {
    /// How many packets come, after the clock fell back, at times that were there before, of how many: only one of
    /// those at a time can be shown.
    pub(super) fn repeated(&self) -> Option<(u64, u64)> {
        (self.repeated > 0).then_some((self.repeated, self.packets))
    }

    /// How many packets have no time, of how many; `None` where these are few.
    pub(super) fn untimed(&self) -> Option<(u64, u64)> {
        let all = self.packets + self.untimed;
        (self.untimed > all / 100).then_some((self.untimed, all))
    }

    /// How many packets in a row have the time of the one before them, of how many; `None` where these are few.
    pub(super) fn stood(&self) -> Option<(u64, u64)> {
        /// More than a second of pictures, and more than a block of sound has.
        const MANY: u64 = 130;
        (self.stood > MANY).then_some((self.stood, self.packets))
    }

    /// Looks whether a packet repeats a time.
    fn count(&mut self, time: i64, has_fallen_back: bool) {
        self.packets += 1;
        self.standing = if self.latest == Some(time) { self.standing + 1 } else { 0 };
        self.stood = self.stood.max(self.standing);
        if has_fallen_back {
            self.fallen_from = self.latest;
        }
        self.repeated += u64::from(self.fallen_from.is_some_and(|from| time <= from));
        self.latest = self.latest.max(Some(time));
    }

    fn picture(&mut self, packet: &Packet) {
        match packet.pts {
            Some(pts) => {
                self.shown.push(pts);
                if packet.key {
                    self.keys.push(pts);
                }
            }
            // A keyframe without a time to show it: the container has decoding times only.
            None if packet.key => self.decoding_times = true,
            None => self.timeless += 1,
        }
        if let Some(dts) = packet.dts.or(packet.pts) {
            self.dts.push(dts);
        }
    }

    fn settle(&mut self) {
        let dts = std::mem::take(&mut self.dts);
        // Every other packet without a time is the second field of a frame; some without are frames (MPEG-PS).
        self.decoding_times |= self.timeless > 0 && self.timeless * 3 < dts.len();
        if self.decoding_times {
            self.keys = dts.first().copied().into_iter().collect();
            self.shown = dts;
        }
    }
}

impl Packet {
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = std::str::from_utf8(line).ok()?.split('|');
        let stream = fields.next()?.parse().ok()?;
        let [pts, dts, duration] =
            [fields.next()?, fields.next()?, fields.next()?].map(|text| text.parse().ok());
        let mut flags = fields.next()?;
        let (mut size, mut pos) = (0, None);
        if !flags.starts_with(['K', '_']) {
            size = flags.parse().unwrap_or(0);
            pos = fields.next()?.parse().ok();
            flags = fields.next()?;
        }
        let duration = duration.filter(|ticks| *ticks > 0);
        let encrypted = fields.any(|field| field == "Encryption info");
        let (key, discarded) = (flags.contains('K'), flags.contains('D'));
        Some(Self { stream, pts, dts, duration, size, pos, key, discarded, encrypted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str, size: usize) -> BTreeMap<u32, Stream> {
        let mut scan = Scan::new([(0, true, 1000), (1, false, 48_000)]);
        text.as_bytes().chunks(size).for_each(|part| scan.feed(part).unwrap());
        scan.finish()
    }

    #[test]
    fn packets_survive_any_split() {
        let text = "0|0|-40|40|K_\n1|-1024|-1024|1024|KD|\n\n1|0|0|1024|K_\n0|80|0|40|__\n0|40|40|N/A|__\n2|0|0|1|K_\n";
        for size in 1..text.len() {
            let streams = scan(text, size);
            assert_eq!(streams.len(), 2);
            let (video, audio) = (&streams[&0], &streams[&1]);
            assert_eq!((&video.shown[..], &video.keys[..]), (&[0, 80, 40][..], &[0][..]));
            assert_eq!((video.span, video.last_duration), (Some((0, 120)), Some(40)));
            assert_eq!(audio.span, Some((0, 1024)));
            assert!(!video.leapt && !video.fell_back && !video.decoding_times);
        }
    }

    #[test]
    fn frames_at_one_time_are_counted() {
        let lines = |many: usize| format!("0|0|0|40|K_\n{}0|80|80|40|__\n", "0|40|40|40|__\n".repeat(many));
        assert_eq!(scan(&lines(200), 9)[&0].stood(), Some((199, 202)));
        assert_eq!(scan(&lines(50), 9)[&0].stood(), None);
    }

    #[test]
    fn frames_without_a_time_are_counted() {
        let video = scan("0|0|0|40|K_\n0|N/A|N/A|40|K_\n0|N/A|N/A|40|__\n0|40|40|40|__\n", 9);
        assert_eq!(video[&0].untimed(), Some((2, 4)));
        assert_eq!(scan("0|0|0|40|K_\n0|N/A|40|40|__\n", 9)[&0].untimed(), None);
    }

    #[test]
    fn the_bytes_that_packets_were_read_from_are_counted() {
        let streams =
            scan("0|0|0|40|900|564|K_\n0|40|40|40|100|N/A|__\n0|80|80|40|50|376|__\n1|0|0|9|7|N/A|K_\n", 9);
        assert_eq!(streams[&0].read, Read { span: Some((376, 1464)), bytes: 1050, long: [0, 0] });
        assert_eq!(streams[&1].read, Read { span: None, bytes: 7, long: [0, 0] });
    }

    #[test]
    fn without_presentation_times_decoding_times_count_frames() {
        let video = scan("0|N/A|0|1|K_\n0|N/A|1|1|__\n0|2|2|1|__\n0|N/A|3|1|K_\n", 7).remove(&0).unwrap();
        assert_eq!((video.shown, video.keys), (vec![0, 1, 2, 3], vec![0]));
        assert!(video.decoding_times);
    }

    #[test]
    fn the_second_field_of_a_frame_is_no_frame() {
        let video =
            scan("0|0|0|20|K_\n0|N/A|20|20|__\n0|40|40|20|__\n0|N/A|60|20|__\n", 7).remove(&0).unwrap();
        assert_eq!(video.shown, [0, 40]);
    }

    #[test]
    fn a_jumping_clock_is_noticed() {
        let check = |second: i64, leapt, fell_back| {
            let video = scan(&format!("0|0|0|40|K_\n0|9040|9040|40|__\n0|{second}|{second}|40|__\n"), 9);
            assert_eq!((video[&0].leapt, video[&0].fell_back), (leapt, fell_back), "{second}");
        };
        check(19_040, false, false);
        check(19_041, true, false);
        check(8840, false, false);
        check(8839, false, true);
    }

    #[test]
    fn frames_at_times_of_others_are_counted() {
        let video = scan("0|0|0|40|K_\n0|400|400|40|__\n0|0|0|40|K_\n0|400|400|40|__\n0|440|440|40|__\n", 9);
        assert_eq!(video[&0].repeated(), Some((2, 5)));
        let video = scan("0|0|0|40|K_\n0|400|400|40|__\n0|0|0|40|KD\n", 9);
        assert_eq!(video[&0].repeated(), Some((1, 3)), "also what an edit list cuts away");
        let video = scan("0|0|0|40|K_\n0|40|40|40|__\n0|40|40|40|K_\n", 9);
        assert_eq!(video[&0].repeated(), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([0-9|NAKD_/-]{0,40}\n){0,20}") {
            scan(&text, 5);
        }
    }
}
