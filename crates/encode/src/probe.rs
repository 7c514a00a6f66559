//! What a source contains: facts from ffprobe in the jail, checked and brought into Kinora's terms.

mod answer;
mod geometry;
mod language;
mod rate;
#[cfg(feature = "fuzzing")]
pub(crate) mod recorded;
mod scan;
mod text;
mod whole;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use model::FrameRate;
use model::media::{Audio, Source, Video};
use model::plan::CaptionOrigin;
use tokio_util::sync::CancellationToken;

use self::answer::{Answer, Stream, TimeBase};
use self::rate::Grid;
use crate::jail::{Jail, Limits};
use crate::run::{self, Arg, Ffprobe, Input, Patience};
use crate::{Container, Error, Rejection, Result, Tools, codecs, sniff};

/// The longest source in hours.
pub(crate) const MOST_HOURS: u32 = 24;

/// Channels of a track that can be mixed: 22.2 and a few more.
const MOST_CHANNELS: u16 = 32;

/// Finds out what the file contains.
///
/// It is read several times in part: its first bytes, the container's index, every packet's header (for an MP4
/// that is its index again), and a few frames of sound. Dropping the future ends it all.
///
/// # Errors
/// [`Error::Rejected`] with a reason for people where the file cannot be played.
pub async fn probe(tools: &Tools, jail: &Jail, file: &Path) -> Result<Source> {
    probe_and_note(tools, jail, file).await.map(|(source, _)| source)
}

/// As [`probe`]; also says, in words for people, which tracks of the file are left out and why.
///
/// # Errors
/// As [`probe`].
pub async fn probe_and_note(tools: &Tools, jail: &Jail, file: &Path) -> Result<(Source, Vec<String>)> {
    ask_about(tools, jail, file, false).await
}

/// As [`probe_and_note`] for a file that has nothing but what [`crate::extent::Map::to_probe`] says.
///
/// # Errors
/// As [`probe`]; the holes may be the reason.
pub async fn probe_parts(tools: &Tools, jail: &Jail, file: &Path) -> Result<(Source, Vec<String>)> {
    ask_about(tools, jail, file, true).await
}

async fn ask_about(tools: &Tools, jail: &Jail, file: &Path, holes: bool) -> Result<(Source, Vec<String>)> {
    let (head, bytes) = head(file).await?;
    let container = sniff(&head)?;
    let asker = Asker { tools, jail, input: Input { file, container }, holes };
    let answer = asker.streams().await?;
    check_streams(&answer)?;
    // Neither waits for the other: a long film has its first segments to encode.
    let (mut packets, heard) = tokio::try_join!(asker.packets(&answer), asker.heard(&answer))?;
    let film = choose(&answer, &packets);
    let whole = whole::Whole { container, head: &head, bytes };
    let missing = match whole.check(&answer, film, &packets) {
        Ok(missing) => missing,
        Err(cut_off) => {
            // Subtitles may go on behind the film; they are only looked at where that matters.
            let subtitles: Vec<&Stream> = answer.streams.iter().filter(|s| s.is_subtitle()).collect();
            if subtitles.is_empty() {
                return Err(cut_off.into());
            }
            packets.extend(asker.scan("s", 0, &subtitles).await?);
            whole.check(&answer, film, &packets)?
        }
    };

    let video = match film {
        Some(stream) => Some(asker.video(stream, &packets).await?),
        None => None,
    };
    let audio = asker.audio(&answer, &packets, heard).await?;
    let source = source((container, bytes), &answer, video, audio)?;
    let notes = missing.into_iter().chain(left_out(&answer, &source)).collect();
    Ok((source, notes))
}

/// Everything that was found, if it can be a title.
fn source(
    (container, bytes): (Container, u64),
    answer: &Answer,
    video: Option<Video>,
    audio: Vec<Audio>,
) -> Result<Source> {
    let longest = audio.iter().map(|track| track.duration_ms).max();
    let duration_ms = match (&video, longest) {
        (Some(video), _) => video.rate.frame_ms(video.frames),
        (None, Some(longest)) => longest,
        (None, None) => return Err(nothing(answer).into()),
    };
    if video.as_ref().is_some_and(|video| video.frames < 2) && audio.is_empty() {
        return Err(Rejection::SinglePicture.into());
    }
    if duration_ms > u64::from(MOST_HOURS) * 3_600_000 {
        return Err(Rejection::TooLong { most_hours: MOST_HOURS }.into());
    }
    if duration_ms == 0 {
        return Err(Rejection::NoFrames.into());
    }
    let captions = text::captions(answer);
    Ok(Source { container, bytes, duration_ms, video, audio, captions })
}

async fn head(file: &Path) -> Result<(Vec<u8>, u64)> {
    let path = file.to_owned();
    let read = move || {
        let file = std::fs::File::open(&path)?;
        let bytes = file.metadata()?.len();
        let mut head = Vec::new();
        file.take(crate::HEAD as u64).read_to_end(&mut head)?;
        Ok((head, bytes))
    };
    let read =
        tokio::task::spawn_blocking(read).await.unwrap_or_else(|gone| Err(std::io::Error::other(gone)));
    read.map_err(|source| Error::File { path: file.to_owned(), source })
}

/// Refuses what no later look can make playable.
fn check_streams(answer: &Answer) -> Result<(), Rejection> {
    if !answer.streams.iter().any(|stream| stream.is_picture() || stream.is_sound()) {
        return Err(Rejection::NoStreams);
    }
    let tags = answer.streams.iter().filter_map(|stream| stream.codec_tag_string.as_deref());
    if tags.into_iter().any(|tag| matches!(tag, "encv" | "enca" | "drmi" | "drms")) {
        return Err(Rejection::Encrypted);
    }
    for stream in answer.streams.iter().filter(|stream| stream.is_picture()) {
        if u64::from(stream.width) * u64::from(stream.height) > run::MOST_PIXELS {
            return Err(Rejection::TooLarge { width: stream.width, height: stream.height });
        }
    }
    Ok(())
}

/// The film: of the pictures that have frames the one with most pixels, the default one preferred.
fn choose<'a>(answer: &'a Answer, packets: &BTreeMap<u32, scan::Stream>) -> Option<&'a Stream> {
    const DEFAULT_IS_WORTH: u64 = 5_000_000;
    let moving = |stream: &&Stream| {
        stream.is_picture() && packets.get(&stream.index).is_some_and(|seen| !seen.shown.is_empty())
    };
    let score = |stream: &&Stream| {
        let pixels = u64::from(stream.width) * u64::from(stream.height);
        let several = packets.get(&stream.index).is_some_and(|seen| seen.shown.len() > 4);
        (
            several,
            pixels + if stream.is_default() { DEFAULT_IS_WORTH } else { 0 },
            std::cmp::Reverse(stream.index),
        )
    };
    answer.streams.iter().filter(moving).max_by_key(score)
}

/// Why there is neither film nor sound.
fn nothing(answer: &Answer) -> Rejection {
    if let Some(stream) = answer.streams.iter().find(|stream| stream.channels > MOST_CHANNELS) {
        return Rejection::TooManyChannels { channels: stream.channels };
    }
    let foreign = answer.streams.iter().find(|stream| {
        let codec = stream.codec();
        stream.is_picture() && !codecs::is_video(&codec) || stream.is_sound() && !codecs::is_audio(&codec)
    });
    foreign.map_or(Rejection::NoFrames, |stream| Rejection::Codec { codec: stream.codec() })
}

/// What of the file is not used, and why.
fn left_out(answer: &Answer, source: &Source) -> Vec<String> {
    let note = |stream: &Stream| {
        let (n, codec) = (stream.index, stream.codec());
        let is_used = source.audio.iter().any(|track| track.stream == n)
            || source.captions.iter().any(|track| track.from == CaptionOrigin::Stream(n));
        match (stream.is_sound(), stream.is_subtitle()) {
            _ if is_used => None,
            (true, _) if !codecs::is_audio(&codec) => {
                Some(format!("audio track {n} is left out: its codec {codec} is not supported"))
            }
            (true, _) if stream.channels > MOST_CHANNELS => {
                Some(format!("audio track {n} is left out: it has {} channels", stream.channels))
            }
            (true, _) => Some(format!("audio track {n} ({codec}) is left out: nothing of it can be decoded")),
            (_, true) if codecs::is_drawn(&codec) => {
                Some(format!("subtitles {n} are left out: {codec} are pictures, not text"))
            }
            (_, true) if !codecs::is_text(&codec) => {
                Some(format!("subtitles {n} are left out: their codec {codec} is not supported"))
            }
            (_, true) => Some(format!("subtitles {n} are left out: there are too many")),
            _ => None,
        }
    };
    answer.streams.iter().filter_map(note).collect()
}

/// Asks ffprobe about one source.
struct Asker<'a> {
    tools: &'a Tools,
    jail: &'a Jail,
    input: Input<'a>,
    holes: bool,
}

impl Asker<'_> {
    async fn ask(
        &self,
        args: Vec<Arg>,
        most_output: u64,
        each: impl FnMut(&[u8]) -> Result<()> + Send,
    ) -> Result<Vec<String>> {
        let limits = Limits { memory_bytes: 2 << 30, cpu: Duration::from_secs(900), ..Limits::default() };
        let patience = Patience { wall: Duration::from_secs(1800), stall: Duration::from_secs(60) };
        let run = Ffprobe { input: self.input, args, most_output, limits, patience };
        let done = run::ffprobe(self.tools, self.jail, run, &CancellationToken::new(), each).await;
        done.map(|outcome| outcome.log).map_err(explain)
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

    async fn streams(&self) -> Result<Answer> {
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
    async fn packets(&self, answer: &Answer) -> Result<BTreeMap<u32, scan::Stream>> {
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
    async fn scan(
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

    async fn video(&self, stream: &Stream, packets: &BTreeMap<u32, scan::Stream>) -> Result<Video> {
        let codec = stream.codec();
        if !codecs::is_video(&codec) {
            return Err(Rejection::Codec { codec }.into());
        }
        let (Some(seen), Some(base)) = (packets.get(&stream.index), stream.time_base()) else {
            return Err(Rejection::NoFrames.into());
        };
        if stream.width == 0 || stream.height == 0 {
            return Err(Rejection::Damaged.into());
        }
        let first = match interlaced(stream) {
            Some(_) if !seen.decoding_times => None,
            _ => Some(self.first_pictures(stream.index).await?),
        };
        video((stream, codec), seen, base, first)
    }

    /// Decodes the first pictures: when the very first is shown, and whether most consist of fields.
    async fn first_pictures(&self, stream: u32) -> Result<FirstPictures> {
        let mut args = vec!["-select_streams".into(), Arg::of(&[&stream])];
        args.extend(["-read_intervals", "%+#32", "-of", "compact=p=0:nk=1"].map(Arg::from));
        args.extend(["-show_entries", "frame=best_effort_timestamp,interlaced_frame"].map(Arg::from));
        let (text, _) = self.text(args).await?;
        let frames: Vec<(Option<i64>, bool)> = text
            .lines()
            .filter_map(|line| line.split_once('|'))
            .map(|(time, rest)| (time.parse().ok(), rest.starts_with('1')))
            .collect();
        let fields = frames.iter().filter(|(_, fields)| *fields).count();
        Ok(FirstPictures {
            start: frames.first().and_then(|(time, _)| *time),
            interlaced: fields * 2 > frames.len(),
        })
    }

    /// Decodes the first sounds: in which tick each stream starts to be heard.
    ///
    /// Samples of priming are packets, but are not heard: only decoding tells.
    async fn first_sounds(&self, which: Arg) -> Result<BTreeMap<u32, i64>> {
        let mut args: Vec<Arg> = vec!["-select_streams".into(), which];
        args.extend(["-read_intervals", "%+#192", "-of", "compact=p=0:nk=1"].map(Arg::from));
        args.extend(["-show_entries", "frame=stream_index,best_effort_timestamp"].map(Arg::from));
        let (text, _) = self.text(args).await?;
        let mut starts = BTreeMap::new();
        for line in text.lines() {
            let mut fields = line.split('|').map(str::parse::<i64>);
            if let (Some(Ok(index)), Some(Ok(time))) = (fields.next(), fields.next()) {
                starts.entry(u32::try_from(index).unwrap_or(u32::MAX)).or_insert(time);
            }
        }
        Ok(starts)
    }

    /// In which tick each stream starts to be heard, if that is soon.
    async fn heard(&self, answer: &Answer) -> Result<BTreeMap<u32, i64>> {
        let (known, foreign): (Vec<&Stream>, Vec<&Stream>) =
            answer.streams.iter().filter(|s| s.is_sound()).partition(|s| codecs::is_audio(&s.codec()));
        match (known.is_empty(), foreign.is_empty()) {
            (true, _) => Ok(BTreeMap::new()),
            (false, true) => self.first_sounds("a".into()).await,
            // Nothing of a foreign track may be decoded: the others are asked for one by one, where they are used.
            (false, false) => Ok(BTreeMap::new()),
        }
    }

    async fn audio(
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

struct FirstPictures {
    start: Option<i64>,
    interlaced: bool,
}

/// A scan that looks at these streams.
fn scan_of(streams: &[&Stream]) -> scan::Scan {
    scan::Scan::new(streams.iter().filter_map(|stream| {
        let base = stream.time_base()?;
        Some((stream.index, stream.is_picture(), i64::from(base.den / base.num)))
    }))
}

/// Whether its pictures consist of two fields, as far as the container says.
fn interlaced(stream: &Stream) -> Option<bool> {
    match stream.field_order.as_deref() {
        Some("progressive") => Some(false),
        Some("tt" | "bb" | "tb" | "bt") => Some(true),
        _ => None,
    }
}

/// A picture, of what was seen of its packets and, where that was asked, its first frames.
fn video(
    (stream, codec): (&Stream, String),
    seen: &scan::Stream,
    base: TimeBase,
    first: Option<FirstPictures>,
) -> Result<Video> {
    let interlaced =
        interlaced(stream).unwrap_or_else(|| first.as_ref().is_some_and(|first| first.interlaced));
    let mut shown = shown(seen, first.and_then(|first| first.start));
    let declared = stream.r_frame_rate.as_deref().and_then(|text| answer::fraction(text, '/'));
    let declared = declared.and_then(|(num, den)| FrameRate::new(num, den));
    let lay = |shown: &[i64]| Grid::lay(shown, base, declared, seen.last_duration);
    let mut grid = lay(&shown).ok_or(Rejection::NoFrames)?;
    if interlaced && Grid::without_second_fields(&mut shown, base, grid.rate) {
        grid = lay(&shown).ok_or(Rejection::NoFrames)?;
    }
    let keys = seen.keys.iter().copied().filter(|key| *key >= grid.start && !seen.decoding_times);
    let rotation = geometry::clockwise(stream.rotation());
    let aspect = stream.sample_aspect_ratio.as_deref().and_then(|text| answer::fraction(text, ':'));
    let (width, height) = (stream.width, stream.height);
    let (display_width, display_height) = geometry::display((width, height), aspect, rotation);
    let named = |name: &Option<String>| name.clone().filter(|name| name != "unknown");
    Ok(Video {
        stream: stream.index,
        codec,
        width,
        height,
        display_width,
        display_height,
        rotation,
        mirrored: stream.is_mirrored(),
        rate: grid.rate,
        frames: grid.frames,
        held: grid.held,
        start_us: base.us(grid.start),
        keyframes: grid.numbers(keys),
        pixel_format: named(&stream.pix_fmt).ok_or(Rejection::Damaged)?,
        interlaced,
        transfer: named(&stream.color_transfer),
        matrix: named(&stream.color_space),
    })
}

/// The times of the frames that decoding shows, ascending, each once.
///
/// Decoding starts at the first keyframe; frames before it are never shown. Where only decoding times are known,
/// the first frame comes as much later as the decoder holds frames back (`first`), and so do all.
fn shown(seen: &scan::Stream, first: Option<i64>) -> Vec<i64> {
    let mut times = seen.shown.clone();
    times.sort_unstable();
    times.dedup();
    if seen.decoding_times {
        let delay = first.zip(times.first()).map_or(0, |(first, dts)| first.saturating_sub(*dts));
        times.iter_mut().for_each(|time| *time = time.saturating_add(delay));
    } else if let Some(start) = seen.first_key {
        times.retain(|time| *time >= start);
    }
    times
}

fn track(stream: &Stream, start: Option<i64>, seen: Option<&scan::Stream>) -> Option<Audio> {
    let codec = stream.codec();
    let base = stream.time_base()?;
    let sample_rate: u32 = stream.sample_rate.as_deref()?.parse().ok()?;
    let start = base.us(start?);
    // Where a scan of the end found nothing, the container's word counts.
    let end = match seen.and_then(|seen| seen.span) {
        Some((_, end)) => base.us(end),
        None => stream.announced()?.1,
    };
    let duration = end.saturating_sub(start);
    let channels = (1..=MOST_CHANNELS).contains(&stream.channels);
    let usable = codecs::is_audio(&codec) && sample_rate > 0 && channels && duration > 0;
    usable.then(|| Audio {
        stream: stream.index,
        codec,
        sample_rate,
        channels: stream.channels,
        language: language::tag(stream.language()),
        label: text::label(stream),
        start_us: start,
        duration_ms: u64::try_from(duration).unwrap_or(0).div_ceil(1000),
    })
}

/// The second from which to scan sounds so that all their ends are seen; 0 where that saves little.
fn tail(sounds: &[&Stream]) -> u32 {
    let ends = sounds.iter().map(|stream| stream.announced().map_or(0, |(_, end)| end / 1_000_000));
    let end = ends.min().and_then(|end| u32::try_from(end).ok()).unwrap_or(0);
    if end > 120 { end - 10 } else { 0 }
}

/// What a failure of ffprobe says about the file.
fn explain(error: Error) -> Error {
    let Error::Exited { log, .. } = &error else { return error };
    let says = |words: &str| log.iter().any(|line| line.contains(words));
    if let Some(codec) = codecs::refused(log) {
        Rejection::Codec { codec }.into()
    } else if let Some((width, height)) = too_large(log) {
        Rejection::TooLarge { width, height }.into()
    } else if says("max_streams") {
        Rejection::TooManyStreams { most: run::MOST_STREAMS }.into()
    } else if says("moov atom not found") {
        Rejection::Incomplete.into()
    } else if says("Cannot allocate memory") {
        error
    } else {
        Rejection::Damaged.into()
    }
}

/// ffmpeg's `Picture size 16384x8192 exceeds specified max pixel count 67108864`.
fn too_large(log: &[String]) -> Option<(u32, u32)> {
    let line = log.iter().find(|line| line.contains("max pixel count"))?;
    let (_, size) = line.split_once("Picture size ")?;
    answer::fraction(size.split(' ').next()?, 'x')
}
