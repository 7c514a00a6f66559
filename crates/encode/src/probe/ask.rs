//! The questions: one source, asked about with ffprobe in the jail.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use model::media::{Audio, Video};

use super::answer::{self, Answer, Stream};
use super::layout;
use super::track::{interlaced, track, video};
use super::verdict::{explain, too_large};
use super::{scan, stamps, tables, unread, whole};
use crate::clock::flv::{self, Appended};
use crate::clock::{self, Jumps};
use crate::limits::MAX_AUDIO;
use crate::run::{Arg, Ffprobe, Input, Timeouts};
use crate::{Container, Error, Rejection, Result, Runner, codecs};
use jail::Limits;
use runtime::blocking;

/// Maximum number of audio tracks that are inspected one by one: as many as become [`MAX_AUDIO`] where each is six
/// streams.
const MAX_LOOKS: usize = 6 * MAX_AUDIO;

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
        let timeouts = Timeouts::of(Duration::from_secs(1800));
        let run = Ffprobe { input: self.input, args, max_output, limits, timeouts };
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
        let answer = self.streams_of(answer::question()).await?;
        // A picture that begins late is not known from the first seconds. Of parts, more than those are not there.
        let is_unknown = |stream: &Stream| {
            stream.is_picture()
                && codecs::is_video(&stream.codec())
                && (stream.width == 0 || stream.pix_fmt.as_deref().is_none_or(|format| format == "unknown"))
        };
        if self.holes || !answer.streams.iter().any(is_unknown) {
            return Ok(answer);
        }
        let farther = ["-analyzeduration", "3600M", "-probesize", "200M"].map(Arg::from);
        self.streams_of(farther.into_iter().chain(answer::question()).collect()).await
    }

    async fn streams_of(&self, question: Vec<Arg>) -> Result<Answer> {
        let (text, log) = self.text(question).await?;
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

    /// Scans the packets of pictures and sounds, side by side: one process for both takes less processor time (1.7 s in place
    /// of 1.9 s for an hour of Matroska), but longer than either alone (0.8 s and 1.1 s).
    pub(super) async fn packets(&self, answer: &Answer) -> Result<BTreeMap<u32, scan::Stream>> {
        let (pictures, sounds): (Vec<&Stream>, Vec<&Stream>) =
            answer.streams.iter().filter(|s| s.is_picture() || s.is_sound()).partition(|s| s.is_picture());
        // Of pictures every frame counts; of an MP4's sounds only the end is wanted, which its index finds.
        let from = match self.input.container {
            Container::Mov if !pictures.is_empty() => tail(&sounds),
            _ => 0,
        };
        // Where there are more or fewer packets than the length of a track asks for, every one of them counts.
        let uneven = sounds.iter().any(|stream| stream.is_uneven());
        let from = if uneven { 0 } else { from };
        let sounds = async {
            match from {
                0 => self.all("a", &sounds).await,
                _ => self.scan("a", from, &sounds).await,
            }
        };
        let (mut streams, sounds) = tokio::try_join!(self.all("V", &pictures), sounds)?;
        streams.extend(sounds);
        if streams.values().any(|stream| stream.encrypted) {
            return Err(Rejection::Encrypted.into());
        }
        Ok(streams)
    }

    /// Scans all packets of streams of a kind: by the index of an MP4 that tells them, which is all that is there of one
    /// with holes.
    async fn all(&self, which: &'static str, wanted: &[&Stream]) -> Result<BTreeMap<u32, scan::Stream>> {
        if self.holes && self.input.container == Container::Mov && !wanted.is_empty() {
            let streams: Option<Vec<_>> = wanted.iter().map(|stream| tables::Wanted::of(stream)).collect();
            let (path, mut scan) = (self.input.file.to_owned(), scan_of(wanted));
            let read = move || -> Result<_> {
                let failed = |source| Error::File { path: path.clone(), source };
                let file = File::open(&path).map_err(failed)?;
                let bytes = file.metadata().map_err(failed)?.len();
                let read = |range: Range<u64>| {
                    let mut bytes =
                        vec![0; usize::try_from(range.end - range.start).map_err(io::Error::other)?];
                    file.read_exact_at(&mut bytes, range.start).map(|()| bytes)
                };
                let moov = tables::index(bytes, read).map_err(failed)?;
                let (Some(streams), Some(moov)) = (streams, moov) else { return Ok(None) };
                Ok(tables::scan(&moov, bytes, &streams, &mut scan)?.then(|| scan.finish()))
            };
            if let Some(streams) = blocking(read).await? {
                return Ok(streams);
            }
        }
        self.scan(which, 0, wanted).await
    }

    /// A note on what was not read of the file.
    pub(super) async fn unread(&self, packets: &BTreeMap<u32, scan::Stream>) -> Result<Option<String>> {
        // That an index is the only one was found out before parts were fetched.
        if self.holes {
            return Ok(None);
        }
        let (path, container) = (self.input.file.to_owned(), self.input.container);
        let reads = packets.values().map(|stream| stream.read).collect::<Vec<_>>();
        blocking(move || {
            let failed = |source| Error::File { path: path.clone(), source };
            let file = File::open(&path).map_err(failed)?;
            let bytes = file.metadata().map_err(failed)?.len();
            unread::note(file, (container, bytes), &reads).map_err(failed)
        })
        .await
    }

    /// Where the clock jumps; `None` where it runs on, or where times cannot be set (see [`scan::Stream::repeated`]).
    ///
    /// # Errors
    /// [`Rejection::JumpingClock`] where it jumps again and again.
    pub(super) async fn jumps(
        &self,
        answer: &Answer,
        packets: &BTreeMap<u32, scan::Stream>,
    ) -> Result<Option<Jumps>> {
        let fell_back = packets.values().any(|stream| stream.fell_back);
        let jumped = fell_back || packets.values().any(|stream| stream.leapt);
        if !jumped || !clock::can_be_set(self.input.container) {
            return Ok(None);
        }
        let Some(mut scan) = stamps::Scan::new(self.input.container, answer) else { return Ok(None) };
        self.ask(stamps::question(), 4 << 30, |bytes| scan.feed(bytes)).await?;
        Ok(scan.finish())
    }

    /// The pieces of Flash video files that were appended to each other; `None` where nothing is known of their clock.
    ///
    /// # Errors
    /// As [`Self::jumps`], and of the file system.
    pub(super) async fn appended(&self, answer: &Answer, appended: Appended) -> Result<Option<Jumps>> {
        let Some(mut scan) = stamps::Scan::new(self.input.container, answer) else { return Ok(None) };
        let path = self.input.file.to_owned();
        let read = move || {
            let failed = |source| Error::File { path: path.clone(), source };
            let file = File::open(&path).map_err(failed)?;
            let bytes = file.metadata().map_err(failed)?.len();
            let until = appended.foreign.unwrap_or(u64::MAX);
            flv::stamps(file, until, failed, |stamp| scan.take(stamp))?;
            let mut jumps = scan.finish().unwrap_or_else(Jumps::none);
            jumps.notes.extend(appended.foreign.map(|at| whole::appended(at, bytes)));
            Ok(Some(jumps))
        };
        blocking(read).await
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
    async fn first_sounds(&self, which: Arg) -> Result<BTreeMap<u32, FirstSounds>> {
        let mut args: Vec<Arg> = vec!["-select_streams".into(), which];
        args.extend(["-read_intervals", "%+#192", "-of", "compact=p=0:nk=1"].map(Arg::from));
        args.extend(["-show_entries", "frame=stream_index,best_effort_timestamp,nb_samples"].map(Arg::from));
        let (text, _) = self.text(args).await?;
        Ok(first_sounds(&text))
    }

    /// In which tick each stream starts to be heard, if that is soon.
    pub(super) async fn heard(&self, answer: &Answer) -> Result<BTreeMap<u32, FirstSounds>> {
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
        mut heard: BTreeMap<u32, FirstSounds>,
    ) -> Result<Vec<Audio>> {
        let sounds = || answer.streams.iter().filter(|stream| stream.is_sound());
        // More are not used, whatever becomes of these: each takes a look of its own.
        let known = sounds().filter(|stream| codecs::is_audio(&stream.codec()));
        for stream in known.take(MAX_LOOKS) {
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
            let channel = layout::only_channel(stream.channel_layout.as_deref());
            Some((track?, channel.map(str::to_owned)))
        });
        let mut tracks = layout::joined(&tracks.collect::<Vec<_>>());
        tracks.truncate(MAX_AUDIO);
        Ok(tracks)
    }
}

/// Facts from the first decoded pictures.
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

/// Facts from the first decoded sounds of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FirstSounds {
    /// When the very first is heard, in ticks.
    pub(super) start: i64,
    /// Samples in a frame, where all have as many: a packet of such a stream is a frame.
    pub(super) samples: Option<u32>,
}

/// Reads lines `stream|time|samples`, one for a frame.
pub(super) fn first_sounds(text: &str) -> BTreeMap<u32, FirstSounds> {
    let mut frames: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut starts = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split('|').map(str::parse::<i64>);
        if let (Some(Ok(index)), Some(Ok(time))) = (fields.next(), fields.next()) {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let samples = fields.next().and_then(|samples| u32::try_from(samples.ok()?).ok()).unwrap_or(0);
            frames.entry(index).or_default().push(samples);
            starts.entry(index).or_insert(time);
        }
    }
    let of = |(index, start): (u32, i64)| {
        // Of the first, priming may be missing; what the last lacks was not asked for.
        let samples = match frames.get(&index).map(Vec::as_slice) {
            Some([_, samples, rest @ .., _]) => {
                Some(*samples).filter(|samples| *samples > 0 && rest.iter().all(|other| other == samples))
            }
            _ => None,
        };
        (index, FirstSounds { start, samples })
    };
    starts.into_iter().map(of).collect()
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
    // Of fragments that begin late, the time of the end is told in place of the length: neither lies behind the end.
    let earliest = |(start, end): (i64, i64)| start.max(end.saturating_sub(start)) / 1_000_000;
    let ends = sounds.iter().map(|stream| stream.announced().map_or(0, earliest));
    let end = ends.min().and_then(|end| u32::try_from(end).ok()).unwrap_or(0);
    if end > 120 { end - 10 } else { 0 }
}
