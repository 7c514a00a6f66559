//! Headers that the encoder writes: learned from encodes of one frame, before the first chunk.
//!
//! Parameter sets depend on the settings, not on the pictures, so a black frame and silence are enough; a plan
//! fixes them, playlists and init segments follow, and a chunk that comes with others is refused.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use model::FrameRate;
use model::media::Source;
use package::Media;

use crate::argv::{self, join};
use crate::colour::Colour;
use crate::filter;
use crate::fragments::Fragments;
use crate::ladder::{Rung, rungs};
use crate::run::{self, Arg, Ffmpeg, Input, Name, Timeouts};
use crate::scratch::Folder;
use crate::{Container, Error, Result, Runner, Tools};
use runtime::blocking;
use template::Template;

/// Headers of every rendition and of an audio track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// One for each rendition, in the order of the plan.
    pub video: Vec<VideoHeader>,
    /// The header of any audio track: they are all the same.
    pub audio: AudioHeader,
}

/// Headers of a rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoHeader {
    /// The codec string of RFC 6381.
    pub codec: String,
    /// The `avcC` payload (ISO 14496-15 §5.3.3) in lower-case hex.
    pub avcc: String,
}

/// Headers of an audio track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioHeader {
    /// The codec string of RFC 6381.
    pub codec: String,
    /// The AudioSpecificConfig (ISO 14496-3 §1.6) in lower-case hex.
    pub config: String,
}

/// Headers that were asked for before. They follow from the encoder and its arguments, and most sources ask alike.
#[derive(Debug, Default)]
pub struct Known(Mutex<Vec<(Asked, Headers)>>);

/// All that an answer follows from.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// The encoder's fingerprint.
    encoder: String,
    /// Sample rate of the silence that it reads.
    sample_rate: u32,
    args: Vec<Arg>,
}

/// Answers that are kept.
const MAX_KNOWN: usize = 32;

impl Known {
    /// As [`headers`], but asks the encoders only for what they did not answer lately.
    ///
    /// # Errors
    /// As [`headers`].
    pub async fn headers(
        &self,
        runner: Runner<'_>,
        source: &Source,
        template: &Template,
        scratch: &Path,
    ) -> Result<Headers> {
        let asked = Asked {
            encoder: runner.tools.fingerprint(),
            sample_rate: template.aac_settings.sample_rate,
            args: arguments(runner.tools, source, template),
        };
        if let Some(headers) = self.get(&asked) {
            return Ok(headers);
        }
        let headers = headers(runner, source, template, scratch).await?;
        let mut known = runtime::lock(&self.0);
        if known.len() >= MAX_KNOWN {
            known.remove(0);
        }
        known.push((asked, headers.clone()));
        Ok(headers)
    }

    fn get(&self, asked: &Asked) -> Option<Headers> {
        let known = runtime::lock(&self.0);
        known.iter().find(|(known, _)| known == asked).map(|(_, headers)| headers.clone())
    }
}

/// Asks the encoders for the headers that a source's renditions will have, with one run of ffmpeg in `scratch`.
///
/// # Errors
/// Those of a run, and [`Error::Unplanned`] where ffmpeg writes something else than it was told to.
pub async fn headers(
    runner: Runner<'_>,
    source: &Source,
    template: &Template,
    scratch: &Path,
) -> Result<Headers> {
    let folder = Folder::create(scratch, "headers").await?;
    let ladder = rungs(source, template);
    let silence = folder.path().join("silence.wav");
    let wav = wav(template.aac_settings.sample_rate);
    tokio::fs::write(&silence, wav).await.map_err(|source| Error::File { path: silence.clone(), source })?;
    let run = Ffmpeg {
        input: Input { file: &silence, container: Container::Wav },
        before: vec![],
        after: arguments(runner.tools, source, template),
        folder: folder.path(),
        limits: crate::chunk::limits(&ladder),
        timeouts: Timeouts::of(Duration::from_secs(300)),
    };
    runner.ffmpeg(run, |_| ()).await?;

    let mut video = vec![];
    for n in 0..ladder.len() {
        let (codec, media) = described(&folder, &Name::new(&format!("v{n}"))).await?;
        let Media::Avc { avcc, .. } = media else { return Err(other("H.264")) };
        video.push(VideoHeader { codec, avcc: hex::encode(avcc) });
    }
    let (codec, media) = described(&folder, &sound()).await?;
    let Media::Aac { config, .. } = media else { return Err(other("AAC")) };
    Ok(Headers { video, audio: AudioHeader { codec, config: hex::encode(config) } })
}

/// Everything behind the input.
fn arguments(tools: &Tools, source: &Source, template: &Template) -> Vec<Arg> {
    let ladder = rungs(source, template);
    let mut after = vec![];
    if let Some(video) = &source.video {
        let frame = |(n, rung): (u64, &Rung)| black(n, rung, video.rate, Colour::of(video));
        let graph: Vec<Arg> = (0..).zip(&ladder).map(frame).collect();
        after.extend(["-filter_complex".into(), join(&graph, ";")]);
        for (n, rung) in (0_u64..).zip(&ladder) {
            after.extend(["-map".into(), Arg::of(&[&"[v", &n, &"]"]), "-frames:v".into(), "1".into()]);
            after.extend(argv::h264(&template.h264_settings, rung, Colour::of(video), tools.threads()));
            after.extend(argv::video_file(&Name::new(&format!("v{n}"))));
        }
    }
    after.extend(["-map".into(), "0:0".into()]);
    after.extend(argv::aac(template.aac_settings.bitrate));
    after.extend(argv::audio_file(&sound()));
    after
}

fn sound() -> Name {
    Name::new("a0")
}

fn black(n: u64, rung: &Rung, rate: FrameRate, colour: Colour) -> Arg {
    let size = rung.size;
    let tagged = filter::tagged(colour);
    let frame: [&dyn run::Piece; 13] = [
        &"color=black:s=",
        &size.width,
        &"x",
        &size.height,
        &":r=",
        &rate.num(),
        &"/",
        &rate.den(),
        &",format=yuv420p,",
        &tagged,
        &"[v",
        &n,
        &"]",
    ];
    Arg::of(&frame)
}

/// A tenth of a second of silence: 16 bits, two channels.
fn wav(rate: u32) -> Vec<u8> {
    let data = rate / 10 * 4;
    let mut out = Vec::new();
    let word = |n: u32| n.to_le_bytes();
    for part in [b"RIFF", &word(36 + data), b"WAVE", b"fmt ", &word(16), &word(0x2_0001)] {
        out.extend_from_slice(part);
    }
    for part in [word(rate), word(rate * 4), word(0x10_0004), *b"data", word(data)] {
        out.extend_from_slice(&part);
    }
    out.resize(out.len() + data as usize, 0);
    out
}

async fn described(folder: &Folder, file: &Name) -> Result<(String, Media)> {
    let path = folder.path().join(file.as_str());
    blocking(move || {
        let fragment = Fragments::open(&path)?.next()?;
        let track = fragment.ok_or_else(|| other("a frame"))?.track;
        Ok((track.codec().map_err(Error::Encoded)?, track.media))
    })
    .await
}

fn other(what: &str) -> Error {
    Error::Unplanned { reason: format!("a trial encode did not give {what}") }
}
