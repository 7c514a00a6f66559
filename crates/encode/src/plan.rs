//! Making the plan of an encode: pure, from what probing found and what the encoder said of itself.
//!
//! A title is presented from the first frame of its video, which is shown earlier where sound begins before it, to the end
//! of the last, which is held while sound continues after it; where there is no video, from the first sample of its
//! first audio track. Audio that starts later or ends sooner is filled with silence.

mod chunks;
mod grid;

use model::media::{Source, Video};
use model::plan::{AAC_FRAME_SAMPLES, AudioTrack, CaptionTrack, Chunk, Grid, Medium, Rendition, VERSION};
use model::{FrameRate, Plan};

use crate::captions::MAX_CAPTIONS;
use crate::first_frame::{Headers, VideoHeader};
use crate::ladder::{Rung, rungs};
use crate::limits::MAX_AUDIO;
use crate::{Error, Rejection, Result};
use template::{QualityTuning, Template};

/// Makes the plan of one generation.
///
/// `headers` are those of [`crate::first_frame::headers`] for the same source and template; `fingerprint` is
/// [`crate::Tools::fingerprint`]. Equal arguments give equal plans. Chunks are listed in the order in which a
/// viewer who starts at the beginning needs them.
///
/// # Errors
/// [`Error::Rejected`] for a source without anything to play or one that is too long, [`Error::Plan`] where the
/// headers are not those of the ladder.
pub fn make(source: &Source, template: &Template, headers: &Headers, fingerprint: &str) -> Result<Plan> {
    let ladder = rungs(source, template);
    if ladder.len() != headers.video.len() {
        let reason = format!("{} headers for {} renditions", headers.video.len(), ladder.len());
        return Err(Error::Plan { reason });
    }
    let aac = &template.aac_settings;
    let track = |track: &model::media::Audio| AudioTrack {
        stream: track.stream,
        language: track.language.clone(),
        label: track.label.clone(),
        sample_rate: aac.sample_rate,
        channels: aac.coding_mode.channels(),
        bit_rate: aac.bitrate,
        codec: headers.audio.codec.clone(),
        config: headers.audio.config.clone(),
    };
    let audio: Vec<AudioTrack> = source.audio.iter().take(MAX_AUDIO).map(track).collect();

    let grid = lay_grid(source, template)?;
    let mut list = vec![];
    if let Some(video) = &source.video {
        list.extend(chunks::video(&grid, video.shown(), &video.keyframes, cost(video, &ladder, template)));
    }
    for (_, n) in audio.iter().zip(0_u16..) {
        list.extend(chunks::audio(&grid, n));
    }
    let captions: Vec<CaptionTrack> = source.captions.iter().take(MAX_CAPTIONS).cloned().collect();
    for (_, n) in captions.iter().zip(0_u16..) {
        list.push(Chunk { of: Medium::Captions(n), segments: 0..grid.segments(), decode_from: 0 });
    }
    Ok(Plan {
        version: VERSION,
        grid,
        renditions: ladder.iter().zip(&headers.video).map(rendition).collect(),
        audio,
        captions,
        chunks: chunks::in_order(list),
        fingerprint: fingerprint.to_owned(),
        template: template.id(),
    })
}

fn lay_grid(source: &Source, template: &Template) -> Result<Grid> {
    let seconds = template.segment_seconds;
    match (&source.video, source.audio.first()) {
        (Some(video), _) => grid::lay(video.rate, video.frames, seconds, &video.keyframes),
        (None, Some(audio)) => {
            let rate = template.aac_settings.sample_rate;
            let aac_rate =
                u32::try_from(AAC_FRAME_SAMPLES).ok().and_then(|frame| FrameRate::new(rate, frame));
            let aac_rate = aac_rate.ok_or_else(|| Error::Plan { reason: format!("{rate} Hz") })?;
            let samples = u128::from(audio.duration_ms) * u128::from(rate) / 1000;
            let frames = samples.div_ceil(AAC_FRAME_SAMPLES.into());
            grid::lay(aac_rate, u64::try_from(frames).unwrap_or(u64::MAX), seconds, &[])
        }
        (None, None) => Err(Rejection::NoStreams.into()),
    }
}

fn rendition((rung, header): (&Rung, &VideoHeader)) -> Rendition {
    Rendition {
        width: rung.size.width,
        height: rung.size.height,
        crf: rung.crf,
        max_rate: rung.max_rate,
        buffer_bits: rung.buffer_bits,
        codec: header.codec.clone(),
        avcc: header.avcc.clone(),
    }
}

/// Cost of a frame on one processor of an average server, from the measured floor of encoding.
fn cost(video: &Video, ladder: &[Rung], template: &Template) -> chunks::Cost {
    // Picoseconds for a pixel.
    let x264 = match template.h264_settings.quality_tuning_level {
        QualityTuning::SinglePass => 16_000,
        QualityTuning::SinglePassHq => 41_000,
    };
    let decoder = match video.codec.as_str() {
        "h264" | "vp8" | "mpeg4" => 3_500,
        "hevc" | "vp9" | "av1" | "prores" => 7_000,
        _ => 5_000,
    };
    const SCALE: u64 = 2_000;
    let pixels = u64::from(video.width) * u64::from(video.height);
    let encoded: u64 = ladder.iter().map(|rung| rung.size.pixels()).sum();
    let decode = pixels * decoder / 1000;
    chunks::Cost { decode, encode: decode + (pixels * SCALE + encoded * x264) / 1000 }
}

#[cfg(test)]
mod tests {
    use model::plan::{CaptionOrigin, Track};

    use super::*;
    use crate::first_frame::AudioHeader;
    use model::testing::film;
    use template::{reference, standard};

    fn headers(renditions: usize) -> Headers {
        let video = VideoHeader { codec: "avc1.4d401f".into(), avcc: "014d401fff".into() };
        let audio = AudioHeader { codec: "mp4a.40.2".into(), config: "1190".into() };
        Headers { video: vec![video; renditions], audio }
    }

    fn source(seconds: u64) -> Source {
        let frames = seconds * 24;
        let mut source = film(1920, 1080, FrameRate::new(24, 1).unwrap(), frames);
        source.video.as_mut().unwrap().keyframes = (0..frames).step_by(240).collect();
        source
    }

    #[test]
    fn a_plan_is_made_of_grid_ladder_headers_and_chunks() {
        let source = source(30);
        let plan = make(&source, &reference(), &headers(3), "here").unwrap();
        assert_eq!(plan, make(&source, &reference(), &headers(3), "here").unwrap());
        assert_eq!((plan.grid.segments(), plan.grid.frames(), plan.duration_ms()), (15, 720, 30_000));
        assert_eq!(plan.renditions[2].max_rate.0, 1_000_000);
        assert_eq!((plan.audio[0].sample_rate, plan.audio[0].channels), (48_000, 2));
        let chunks: Vec<_> = plan.chunks.iter().map(|c| (c.of, c.segments.clone(), c.decode_from)).collect();
        use Medium::{Audio, Video};
        let expected = [
            (Video, 0..1, 0),
            (Audio(0), 0..5, 0),
            (Video, 1..5, 0),
            (Video, 5..10, 240),
            (Audio(0), 5..15, 240),
            (Video, 10..15, 480),
        ];
        assert_eq!(chunks, expected);
        assert_eq!(plan.chunk_of(Track::Audio(0), 5), Some(4));
    }

    #[test]
    fn captions_are_one_chunk_each_and_come_after_what_plays() {
        let mut source = source(30);
        let track = |n| CaptionTrack {
            from: CaptionOrigin::Stream(n),
            language: "en".into(),
            label: None,
            forced: false,
            hearing_impaired: false,
        };
        source.captions = (2..12).map(track).collect();
        let plan = make(&source, &reference(), &headers(3), "here").unwrap();
        assert_eq!(plan.captions, source.captions[..MAX_CAPTIONS]);
        assert!(matches!(plan.chunks[0].of, Medium::Video) && matches!(plan.chunks[1].of, Medium::Audio(0)));
        assert_eq!((plan.chunks[2].of, plan.chunks[2].segments.clone()), (Medium::Captions(0), 0..15));
        assert_eq!(plan.chunk_of(Track::Captions(7), 14), Some(9));
    }

    #[test]
    fn sound_alone_is_laid_on_aac_frames() {
        let mut source = source(30);
        source.video = None;
        let plan = make(&source, &standard(), &headers(0), "here").unwrap();
        assert_eq!((plan.grid.rate, plan.grid.frames()), (FrameRate::new(375, 8).unwrap(), 1407));
        assert_eq!(plan.grid.boundaries[..3], [0, 94, 188]);
        assert_eq!(plan.grid.aac_frames(1, 48_000), Some(94..188));
        assert!(plan.renditions.is_empty());
        source.audio.clear();
        let nothing = make(&source, &standard(), &headers(0), "here");
        assert!(matches!(nothing, Err(Error::Rejected(Rejection::NoStreams))));
    }

    #[test]
    fn headers_of_another_ladder_are_refused() {
        assert!(matches!(make(&source(3), &standard(), &headers(3), ""), Err(Error::Plan { .. })));
    }

    #[test]
    fn a_ten_hour_film_has_a_plan() {
        let plan = make(&source(36_000), &reference(), &headers(3), "").unwrap();
        assert_eq!(plan.grid.segments(), 18_000);
        assert!((3600..7000).contains(&plan.chunks.len()), "{}", plan.chunks.len());
        assert!(serde_json::to_vec(&plan).unwrap().len() < 1 << 20);
    }

    #[test]
    fn one_frame_is_a_title() {
        let mut source = source(1);
        source.video.as_mut().unwrap().frames = 1;
        let plan = make(&source, &standard(), &headers(4), "").unwrap();
        assert_eq!((plan.grid.boundaries.clone(), plan.chunks.len()), (vec![0, 1], 2));
        assert_eq!(plan.grid.aac_frames(0, 48_000), Some(0..2));
    }
}
