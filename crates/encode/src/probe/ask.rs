//! The questions: one source, asked about with ffprobe in the jail.

use std::collections::BTreeMap;
use std::time::Duration;

use model::media::{Audio, Video};

use super::answer::{self, Answer, Stream};
use super::scan;
use super::track::{interlaced, track, video};
use super::verdict::{explain, too_large};
use crate::blocking::blocking;
use crate::jail::Limits;
use crate::run::{Arg, Ffprobe, Input, Patience};
use crate::{Container, Error, Rejection, Result, Runner, codecs};

/// Asks ffprobe about one source.
pub(super) struct Asker<'a> {
    pub(super) runner: Runner<'a>,
    pub(super) input: Input<'a>,
    /// Whether the file has nothing but what [`crate::extent::Map::to_probe`] says.
    pub(super) holes: bool,
}

impl Asker<'_> {
    async fn ask(
        &self,
        args: Vec<Arg>,
        max_output: u64,
        each: impl FnMut(&[u8]) -> Result<()> + Send,
    ) -> Result<Vec<String>> {
        let limits = Limits { memory_bytes: 2 << 30, cpu: Duration::from_secs(900), ..Limits::default() };
        let patience = Patience::of(Duration::from_secs(1800));
        let run = Ffprobe { input: self.input, args, max_output, limits, patience };
        let done = self.runner.ffprobe(run, each).await;
        done.map(|said| said.lines).map_err(explain)
    }

    /// The answer as text, and the log.
    async fn text(&self, args: Vec<Arg>) -> Result<(String, Vec<String>)> {
        let mut answer = vec![];
        let keep = |bytes: &[u8]| {
            answer.extend_from_slice(bytes);
            Ok(())
        };
        let log = self.ask(args, 4 << 20, keep).await?;
        Ok((String::from_utf8_lossy(&answer).into_owned(), log))
    }

    pub(super) async fn streams(&self) -> Result<Answer> {
        let (text, log) = self.text(answer::question()).await?;
        let answer: Answer =
            serde_json::from_str(&text).map_err(|error| Error::Answer { reason: error.to_string() })?;
        // A picture that is too large is not looked into: it then has no size.
        match too_large(&log) {
            Some((width, height)) if answer.streams.iter().any(|s| s.is_picture() && s.width == 0) => {
                Err(Rejection::TooLarge { width, height }.into())
            }
            _ => Ok(answer),
        }
    }

    /// Scans the packets of pictures and sounds, side by side.
    pub(super) async fn packets(&self, answer: &Answer) -> Result<BTreeMap<u32, scan::Stream>> {
        let (pictures, sounds): (Vec<&Stream>, Vec<&Stream>) =
            answer.streams.iter().filter(|s| s.is_picture() || s.is_sound()).partition(|s| s.is_picture());
        // Of pictures every frame counts; of an MP4's sounds only the end is wanted, which its index finds.
        let from = match self.input.container {
            Container::Mov if !pictures.is_empty() => tail(&sounds),
            _ => 0,
        };
        let (mut streams, sounds) =
            tokio::try_join!(self.scan("V", 0, &pictures), self.scan("a", from, &sounds))?;
        streams.extend(sounds);
        // Only these containers' clocks are free to jump, and ffmpeg then lays the parts end to end.
        let free = matches!(self.input.container, Container::MpegTs | Container::MpegPs);
        if free && streams.values().any(|stream| stream.jumped) {
            return Err(Rejection::JumpingClock.into());
        }
        if streams.values().any(|stream| stream.encrypted) {
            return Err(Rejection::Encrypted.into());
        }
        Ok(streams)
    }

    /// Scans the packets of streams of a kind from a second on.
    pub(super) async fn scan(
        &self,
        which: &'static str,
        from: u32,
        wanted: &[&Stream],
    ) -> Result<BTreeMap<u32, scan::Stream>> {
        let mut scan = scan_of(wanted);
        if !scan.is_idle() {
            self.ask(scan::question(which, from, self.holes), 4 << 30, |bytes| scan.feed(bytes)).await?;
        }
        Ok(scan.finish())
    }

    /// The picture; takes what was seen of its packets out of `packets`.
    pub(super) async fn video(
        &self,
        stream: &Stream,
        packets: &mut BTreeMap<u32, scan::Stream>,
    ) -> Result<Video> {
        let codec = stream.codec();
        if !codecs::is_video(&codec) {
            return Err(Rejection::Codec { codec }.into());
        }
        let (Some(seen), Some(base)) = (packets.remove(&stream.index), stream.time_base()) else {
            return Err(Rejection::NoFrames.into());
        };
        if stream.width == 0 || stream.height == 0 {
            return Err(Rejection::Damaged.into());
        }
        let first = match interlaced(stream) {
            Some(_) if !seen.decoding_times => None,
            _ => Some(self.first_pictures(stream.index).await?),
        };
        let stream = stream.clone();
        // A day has millions of frames, which are sorted and laid on the grids of many rates.
        blocking(move || video((&stream, codec), &seen, base, first)).await
    }

    /// Decodes the first pictures: when the very first is shown, and whether most consist of fields.
    async fn first_pictures(&self, stream: u32) -> Result<FirstPictures> {
        let mut args = vec!["-select_streams".into(), Arg::of(&[&stream])];
        args.extend(["-read_intervals", "%+#32", "-of", "compact=p=0:nk=1"].map(Arg::from));
        args.extend(["-show_entries", "frame=best_effort_timestamp,interlaced_frame"].map(Arg::from));
        let (text, _) = self.text(args).await?;
        Ok(FirstPictures::read(&text))
    }

    /// Decodes the first sounds: in which tick each stream starts to be heard.
    ///
    /// Samples of priming are packets, but are not heard: only decoding tells.
    async fn first_sounds(&self, which: Arg) -> Result<BTreeMap<u32, i64>> {
        let mut args: Vec<Arg> = vec!["-select_streams".into(), which];
        args.extend(["-read_intervals", "%+#192", "-of", "compact=p=0:nk=1"].map(Arg::from));
        args.extend(["-show_entries", "frame=stream_index,best_effort_timestamp"].map(Arg::from));
        let (text, _) = self.text(args).await?;
        Ok(first_sounds(&text))
    }

    /// In which tick each stream starts to be heard, if that is soon.
    pub(super) async fn heard(&self, answer: &Answer) -> Result<BTreeMap<u32, i64>> {
        let (known, foreign): (Vec<&Stream>, Vec<&Stream>) =
            answer.streams.iter().filter(|s| s.is_sound()).partition(|s| codecs::is_audio(&s.codec()));
        match (known.is_empty(), foreign.is_empty()) {
            (true, _) => Ok(BTreeMap::new()),
            (false, true) => self.first_sounds("a".into()).await,
            // Nothing of a foreign track may be decoded: the others are asked for one by one, where they are used.
            (false, false) => Ok(BTreeMap::new()),
        }
    }

    pub(super) async fn audio(
        &self,
        answer: &Answer,
        packets: &BTreeMap<u32, scan::Stream>,
        mut heard: BTreeMap<u32, i64>,
    ) -> Result<Vec<Audio>> {
        let sounds = || answer.streams.iter().filter(|stream| stream.is_sound());
        for stream in sounds().filter(|stream| codecs::is_audio(&stream.codec())) {
            // A track that begins later than the others, or one that cannot be decoded: alone it gets a second try.
            let seen = packets.contains_key(&stream.index) || stream.announced().is_some();
            if seen && !heard.contains_key(&stream.index) {
                heard.extend(self.first_sounds(Arg::of(&[&stream.index])).await?);
            }
        }
        let tracks = sounds().filter_map(|stream| {
            let track = track(stream, heard.get(&stream.index).copied(), packets.get(&stream.index));
            if track.is_none() {
                tracing::warn!(stream = stream.index, codec = stream.codec(), "audio track cannot be used");
            }
            track
        });
        Ok(tracks.collect())
    }
}

/// What the first decoded pictures show.
pub(super) struct FirstPictures {
    /// When the very first is shown, in ticks.
    pub(super) start: Option<i64>,
    /// Whether most consist of fields.
    pub(super) interlaced: bool,
}

impl FirstPictures {
    /// Reads lines `time|fields`, one for a frame.
    pub(super) fn read(text: &str) -> Self {
        let frames: Vec<(Option<i64>, bool)> = text
            .lines()
            .filter_map(|line| line.split_once('|'))
            .map(|(time, rest)| (time.parse().ok(), rest.starts_with('1')))
            .collect();
        let fields = frames.iter().filter(|(_, fields)| *fields).count();
        Self { start: frames.first().and_then(|(time, _)| *time), interlaced: fields * 2 > frames.len() }
    }
}

/// Reads lines `stream|time`, one for a frame: the first time of each stream.
pub(super) fn first_sounds(text: &str) -> BTreeMap<u32, i64> {
    let mut starts = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split('|').map(str::parse::<i64>);
        if let (Some(Ok(index)), Some(Ok(time))) = (fields.next(), fields.next()) {
            starts.entry(u32::try_from(index).unwrap_or(u32::MAX)).or_insert(time);
        }
    }
    starts
}

/// A scan that looks at these streams.
pub(super) fn scan_of(streams: &[&Stream]) -> scan::Scan {
    scan::Scan::new(streams.iter().filter_map(|stream| {
        let base = stream.time_base()?;
        Some((stream.index, stream.is_picture(), i64::from(base.den / base.num)))
    }))
}

/// The second from which to scan sounds so that all their ends are seen; 0 where that saves little.
fn tail(sounds: &[&Stream]) -> u32 {
    let ends = sounds.iter().map(|stream| stream.announced().map_or(0, |(_, end)| end / 1_000_000));
    let end = ends.min().and_then(|end| u32::try_from(end).ok()).unwrap_or(0);
    if end > 120 { end - 10 } else { 0 }
}
