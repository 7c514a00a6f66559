//! A film made by ffmpeg and cut into stored chunks through the public door, as the encoder does it.
//!
//! The picture is black and white for the first three frames of each second, a beep of 50 ms starts with each
//! second, so that tests can check whether both are still in sync.

use std::path::Path;
use std::process::Command;

use model::plan::{AudioTrack, Chunk, Medium, Rendition, Track};
use model::{BitsPerSecond, FrameRate, Plan, testing};
use package::cmaf::ChunkWriter;
use package::fragmented::{self, Recording};
use package::index::{Index, Sample};
use package::{Media, timing};

/// The film to make.
pub(crate) struct Script {
    /// Frames a second.
    pub(crate) rate: FrameRate,
    /// Segment boundaries in frames.
    pub(crate) boundaries: Vec<u64>,
    /// Heights; empty for a song.
    pub(crate) heights: Vec<u32>,
    /// Whether B-frames are referenced (the deepest reordering).
    pub(crate) pyramid: bool,
    /// Segments of each video chunk, and of each audio chunk.
    pub(crate) chunks: (Vec<u32>, Vec<u32>),
}

/// A complete asset.
pub(crate) struct Film {
    pub(crate) plan: Plan,
    pub(crate) chunks: Vec<Stored>,
}

/// One stored chunk.
pub(crate) struct Stored {
    pub(crate) track: Track,
    pub(crate) chunk: u32,
    pub(crate) bytes: Vec<u8>,
    pub(crate) index: Index,
}

impl Film {
    /// Finds a stored chunk.
    pub(crate) fn chunk(&self, track: Track, chunk: u32) -> &Stored {
        self.chunks.iter().find(|c| c.track == track && c.chunk == chunk).unwrap()
    }
}

/// Makes a film.
pub(crate) fn make(script: &Script) -> Film {
    let dir = tempfile::tempdir().unwrap();
    let pictures = spread(Medium::Video, if script.heights.is_empty() { &[] } else { &script.chunks.0 });
    let mut plan = testing::plan(script.rate, &script.boundaries, Vec::new(), Vec::new(), pictures);
    plan.chunks.extend(spread(Medium::Audio(0), &script.chunks.1));
    let mut files = Vec::new();
    for height in &script.heights {
        let bytes = video(dir.path(), &plan, *height, script.pyramid);
        let recording = fragmented::read(&bytes).unwrap();
        let Media::Avc { width, height, avcc } = &recording.track.media else { panic!("not AVC") };
        plan.renditions.push(Rendition {
            width: (*width).into(),
            height: (*height).into(),
            crf: 23,
            max_rate: BitsPerSecond(2 * 1000 * u32::from(*height)),
            buffer_bits: 4 * 1000 * u32::from(*height),
            codec: recording.track.codec().unwrap(),
            avcc: hex::encode(avcc),
        });
        files.push((bytes, recording));
    }
    let bytes = audio(dir.path(), &plan);
    let recording = fragmented::read(&bytes).unwrap();
    let Media::Aac { sample_rate, channels, config } = &recording.track.media else { panic!("not AAC") };
    plan.audio.push(AudioTrack {
        stream: 1,
        language: "en".into(),
        label: None,
        sample_rate: *sample_rate,
        channels: *channels,
        bit_rate: BitsPerSecond(96_000),
        codec: recording.track.codec().unwrap(),
        config: hex::encode(config),
    });
    files.push((bytes, recording));
    let tracks: Vec<_> = plan.tracks().collect();
    let mut chunks = Vec::new();
    for (track, (bytes, recording)) in tracks.into_iter().zip(&files) {
        for (number, chunk) in (0..).zip(&plan.chunks).filter(|(_, c)| c.of == track.medium()) {
            let (bytes, index) = store(&plan, track, chunk, bytes, recording);
            chunks.push(Stored { track, chunk: number, bytes, index });
        }
    }
    Film { plan, chunks }
}

fn spread(of: Medium, lengths: &[u32]) -> Vec<Chunk> {
    let mut at = 0;
    let chunk = |length: &u32| {
        let segments = at..at + length;
        at += length;
        Chunk { of, segments, decode_from: 0 }
    };
    lengths.iter().map(chunk).collect()
}

fn store(plan: &Plan, track: Track, chunk: &Chunk, file: &[u8], recording: &Recording) -> (Vec<u8>, Index) {
    let mut writer = ChunkWriter::new(chunk.segments.start);
    let mut out = Vec::new();
    for k in chunk.segments.clone() {
        let (decode_time, samples, list) = match track {
            Track::Video(_) => video_segment(plan, k, recording),
            Track::Audio(_) | Track::Captions(_) => audio_segment(plan, k, recording),
        };
        out.extend(writer.segment(decode_time, samples).unwrap());
        list.iter().for_each(|s| out.extend_from_slice(&file[s.data.clone()]));
    }
    (out, writer.finish())
}

type Segment<'a> = (u64, Vec<Sample>, &'a [fragmented::Sample]);

fn video_segment<'a>(plan: &Plan, k: u32, recording: &'a Recording) -> Segment<'a> {
    let rate = plan.grid.rate;
    let frames = plan.grid.segment(k).unwrap();
    let mut order: Vec<i64> = recording.samples.iter().map(|s| s.pts).collect();
    order.sort_unstable();
    let list = &recording.samples[frames.start as usize..frames.end as usize];
    assert!(list[0].sync);
    let samples = (frames.start..).zip(list).map(|(decode, sample)| {
        let frame = order.binary_search(&sample.pts).unwrap() as u64;
        assert!(frames.contains(&frame), "an open group of pictures");
        Sample {
            size: sample.data.len() as u32,
            duration: rate.frame_ticks(),
            composition_offset: timing::composition_offset(rate, decode, frame).unwrap(),
            sync: sample.sync,
        }
    });
    (timing::video_decode_time(rate, frames.start), samples.collect(), list)
}

fn audio_segment<'a>(plan: &Plan, k: u32, recording: &'a Recording) -> Segment<'a> {
    let frames = plan.grid.aac_frames(k, recording.track.timescale).unwrap();
    // The first recorded frame primes the decoder.
    assert_eq!(recording.track.start, 1024);
    let list = &recording.samples[1 + frames.start as usize..1 + frames.end as usize];
    let sample = |s: &fragmented::Sample| Sample {
        size: s.data.len() as u32,
        duration: 1024,
        composition_offset: 0,
        sync: true,
    };
    (timing::audio_decode_time(frames.start), list.iter().map(sample).collect(), list)
}

fn video(dir: &Path, plan: &Plan, height: u32, pyramid: bool) -> Vec<u8> {
    let rate = format!("{}/{}", plan.grid.rate.num(), plan.grid.rate.den());
    let width = height * 16 / 9 / 2 * 2;
    let whole = plan.grid.rate.num().div_ceil(plan.grid.rate.den());
    let source = format!(
        "color=black:s={width}x{height}:r={rate},drawbox=c=white:t=fill:enable='lt(mod(n,{whole}),3)',\
         noise=alls=4,format=yuv420p"
    );
    let starts: Vec<_> = plan.grid.boundaries.iter().map(|b| format!("eq(n,{b})")).collect();
    let keys = format!("expr:{}", starts.join("+"));
    let x264 = format!("open-gop=0:scenecut=0:keyint=9999:threads=1:b-pyramid={}", u8::from(pyramid) * 2);
    let frames = plan.grid.frames().to_string();
    run(
        dir,
        &[
            "-f",
            "lavfi",
            "-i",
            &source,
            "-frames:v",
            &frames,
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-profile:v",
            "main",
            "-bf",
            "3",
            "-x264-params",
            &x264,
            "-force_key_frames",
            &keys,
            "-color_primaries",
            "bt709",
            "-color_trc",
            "bt709",
            "-colorspace",
            "bt709",
        ],
    )
}

fn audio(dir: &Path, plan: &Plan) -> Vec<u8> {
    let rate = plan.grid.rate;
    let seconds = plan.grid.frames() as f64 / rate.as_f64() + 0.5;
    // A second of the film is the next whole number of frames.
    let period = f64::from(rate.num().div_ceil(rate.den())) / rate.as_f64();
    let source = format!(
        "aevalsrc='if(lt(mod(t,{period}),0.05),0.8*sin(2*PI*1000*t),0)':s=48000:c=stereo:d={seconds:.3}"
    );
    run(dir, &["-f", "lavfi", "-i", &source, "-c:a", "aac", "-b:a", "96k", "-frag_duration", "2000000"])
}

fn run(dir: &Path, args: &[&str]) -> Vec<u8> {
    let path = dir.join("out.mp4");
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(args)
        .args(["-movflags", "+frag_keyframe+empty_moov+default_base_moof+delay_moov"])
        .arg(&path)
        .output()
        .expect("ffmpeg is in PATH");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(path).unwrap()
}
