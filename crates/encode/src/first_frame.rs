//! What the encoder writes into headers: learned from encodes of one frame, before the first chunk.
//!
//! Parameter sets depend on the settings, not on the pictures, so a black frame and silence are enough; a plan
//! fixes them, playlists and init segments follow, and a chunk that comes with others is refused.

use std::path::Path;
use std::time::Duration;

use model::FrameRate;
use model::media::Source;
use package::Media;
use tokio_util::sync::CancellationToken;

use crate::argv::{self, join};
use crate::colour::Colour;
use crate::filter;
use crate::ladder::{Rung, rungs};
use crate::retime::Fragments;
use crate::run::{self, Arg, Ffmpeg, Input, Name, Patience};
use crate::scratch::Folder;
use crate::template::Template;
use crate::{Container, Error, Jail, Result, Tools};

/// Headers of every rendition and of an audio track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// In the order of [`rungs`].
    pub video: Vec<VideoHeader>,
    /// Of any audio track: they differ in nothing.
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

/// Asks the encoders for the headers that a source's renditions will have, with one run of ffmpeg in `scratch`.
///
/// # Errors
/// Those of a run, and [`Error::Unplanned`] where ffmpeg writes something else than it was told to.
pub async fn headers(
    tools: &Tools,
    jail: &Jail,
    source: &Source,
    template: &Template,
    scratch: &Path,
    cancel: &CancellationToken,
) -> Result<Headers> {
    let folder = Folder::create(scratch, "headers")?;
    let ladder = rungs(source, template);
    let (silence, sound) = (folder.path().join("silence.wav"), name("a0"));
    let rate = template.aac_settings.sample_rate;
    std::fs::write(&silence, wav(rate)).map_err(|source| Error::File { path: silence.clone(), source })?;

    let mut after = vec![];
    if let Some(video) = &source.video {
        let frame = |(n, rung): (u64, &Rung)| black(n, rung, video.rate, Colour::of(video));
        let graph: Vec<Arg> = (0..).zip(&ladder).map(frame).collect();
        after.extend(["-filter_complex".into(), join(&graph, ";")]);
        for (n, rung) in (0_u64..).zip(&ladder) {
            after.extend(["-map".into(), Arg::of(&[&"[v", &n, &"]"]), "-frames:v".into(), "1".into()]);
            after.extend(argv::h264(&template.h264_settings, rung, Colour::of(video), tools.threads()));
            after.extend(argv::video_file(&name(&format!("v{n}"))));
        }
    }
    after.extend(["-map".into(), "0:0".into()]);
    after.extend(argv::aac(template.aac_settings.bitrate));
    after.extend(argv::audio_file(&sound));
    let run = Ffmpeg {
        input: Input { file: &silence, container: Container::Wav },
        before: vec![],
        after,
        folder: folder.path(),
        limits: crate::chunk::limits(&ladder),
        patience: Patience { wall: Duration::from_secs(300), stall: Duration::from_secs(120) },
    };
    run::ffmpeg(tools, jail, run, cancel, |_| ()).await?;

    let mut video = vec![];
    for n in 0..ladder.len() {
        let (codec, media) = described(&folder.path().join(name(&format!("v{n}")).as_str()))?;
        let Media::Avc { avcc, .. } = media else { return Err(other("H.264")) };
        video.push(VideoHeader { codec, avcc: hex::encode(avcc) });
    }
    let (codec, media) = described(&folder.path().join(sound.as_str()))?;
    let Media::Aac { config, .. } = media else { return Err(other("AAC")) };
    Ok(Headers { video, audio: AudioHeader { codec, config: hex::encode(config) } })
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

fn described(path: &Path) -> Result<(String, Media)> {
    let fragment = Fragments::open(path)?.next()?;
    let track = fragment.ok_or_else(|| other("a frame"))?.track;
    Ok((track.codec().map_err(Error::Encoded)?, track.media))
}

fn other(what: &str) -> Error {
    Error::Unplanned { reason: format!("a trial encode did not give {what}") }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("names made here are letters and digits")
}
