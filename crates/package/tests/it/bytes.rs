//! Foreign bytes, and our bytes in a foreign reader.

use std::sync::OnceLock;

use mp4_atom::{Codec, Decode as _};
use package::cmaf::{self, ChunkWriter};
use package::index::Sample;
use package::{Media, TrackInit, fragmented};
use proptest::prelude::*;

/// `avcC` of x264 for 64×36, main profile, with VUI colours.
const AVCC: &str = "014d400affe1001b674d400aeca23fcf80b501010140000003004000000c03c489658001000468ef8fc8";

fn video() -> TrackInit {
    let avcc = hex::decode(AVCC).unwrap();
    TrackInit { timescale: 24_000, start: 2000, media: Media::Avc { width: 64, height: 36, avcc } }
}

fn audio() -> TrackInit {
    let media = Media::Aac { sample_rate: 48_000, channels: 2, config: vec![0x11, 0x90] };
    TrackInit { timescale: 48_000, start: 0, media }
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (1..40_u32, prop_oneof![Just(1000_u32), 0..9_u32], 0..4000_i32, any::<bool>());
    let sample = sample.prop_map(|(size, duration, composition_offset, sync)| Sample {
        size,
        duration,
        composition_offset,
        sync,
    });
    proptest::collection::vec(sample, 1..12)
}

/// An init segment and a chunk of it.
fn file(track: &TrackInit, segments: &[Vec<Sample>]) -> Vec<u8> {
    let mut out = cmaf::init(track).unwrap().to_vec();
    let mut writer = ChunkWriter::new(7);
    let mut time = 0;
    for samples in segments {
        out.extend(writer.segment(time, samples.clone()).unwrap());
        for sample in samples {
            out.extend(std::iter::repeat_n(0xa5, sample.size as usize));
            time += u64::from(sample.duration);
        }
    }
    let index = writer.finish();
    assert_eq!(index.bytes(), out.len() as u64 - cmaf::init(track).unwrap().len() as u64);
    out
}

fn example() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let sample = |n: u32| Sample { size: 20 + n, duration: 1000, composition_offset: 2000, sync: n == 0 };
        file(&video(), &[(0..5).map(sample).collect(), (0..3).map(sample).collect()])
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read(segments in proptest::collection::vec(samples(), 1..5), video_track in any::<bool>()) {
        let track = if video_track { video() } else { audio() };
        let bytes = file(&track, &segments);
        let recording = fragmented::read(&bytes).unwrap();
        prop_assert_eq!(&recording.track, &track);
        let mut dts = 0;
        let mut read = recording.samples.iter();
        for sample in segments.iter().flatten() {
            let got = read.next().unwrap();
            prop_assert_eq!(got.dts, dts);
            prop_assert_eq!(got.pts - got.dts, i64::from(sample.composition_offset));
            prop_assert_eq!((got.duration, got.sync), (sample.duration, sample.sync));
            prop_assert!(bytes[got.data.clone()].iter().all(|b| *b == 0xa5));
            prop_assert_eq!(got.data.len(), sample.size as usize);
            dts += i64::from(sample.duration);
        }
        prop_assert!(read.next().is_none());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = fragmented::read(&bytes);
    }

    #[test]
    fn damaged_files_are_read_without_panic(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = example().to_vec();
        for (at, to) in damage {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        if let Ok(recording) = fragmented::read(&bytes) {
            prop_assert!(recording.samples.iter().all(|s| s.data.end <= bytes.len()));
        }
        bytes.truncate(cut.index(bytes.len()));
        let _ = fragmented::read(&bytes);
    }

    #[test]
    fn any_configuration_is_refused_or_written(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
        let _ = cmaf::init(&TrackInit { media: Media::Avc { width: 2, height: 2, avcc: bytes.clone() }, ..video() });
        let _ = cmaf::init(&TrackInit {
            media: Media::Aac { sample_rate: 1, channels: 1, config: bytes },
            ..audio()
        });
    }
}

#[test]
fn a_count_that_lies_costs_nothing() {
    let mut bytes = example().to_vec();
    let trun = bytes.windows(4).position(|w| w == b"trun").unwrap();
    bytes[trun + 8..trun + 12].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(fragmented::read(&bytes), Err(package::Error::TooLarge { what: "number of samples" }));
}

#[test]
fn another_reader_understands_the_init_segments() {
    let read = |track: &TrackInit| {
        let bytes = cmaf::init(track).unwrap();
        let mut rest = &bytes[..];
        mp4_atom::Ftyp::decode(&mut rest).unwrap();
        let moov = mp4_atom::Moov::decode(&mut rest).unwrap();
        assert!(rest.is_empty());
        moov
    };
    let moov = read(&video());
    let trak = &moov.trak[0];
    let edits = &trak.edts.as_ref().unwrap().elst.as_ref().unwrap().entries;
    assert_eq!((edits.len(), edits[0].media_time), (1, Some(2000)));
    let Codec::Avc1(avc1) = &trak.mdia.minf.stbl.stsd.codecs[0] else { panic!("not avc1") };
    assert_eq!((avc1.visual.width, avc1.visual.height, avc1.avcc.avc_profile_indication), (64, 36, 77));
    let pasp = avc1.pasp.as_ref().unwrap();
    assert_eq!((pasp.h_spacing, pasp.v_spacing), (1, 1));
    let bt709 = mp4_atom::Colr::Nclx {
        colour_primaries: 1,
        transfer_characteristics: 1,
        matrix_coefficients: 1,
        full_range_flag: false,
    };
    assert_eq!(avc1.colr, Some(bt709));
    let moov = read(&audio());
    let trak = &moov.trak[0];
    assert_eq!(trak.edts, None);
    let Codec::Mp4a(mp4a) = &trak.mdia.minf.stbl.stsd.codecs[0] else { panic!("not mp4a") };
    assert_eq!(mp4a.audio.channel_count, 2);
    assert_eq!(mp4a.audio.sample_rate.integer(), 48_000);
    let specific = mp4a.esds.es_desc.dec_config.dec_specific.as_ref().unwrap();
    assert_eq!((specific.profile, specific.freq_index, specific.chan_conf), (2, 3, 2));
    assert_eq!(trak.mdia.minf.stbl.sgpd.len(), 1);
}
