//! Playlists as text.

use model::packaging::{Configuration, StreamOrder};
use model::plan::{AudioTrack, Chunk, Medium, Rendition, Track};
use model::{FrameRate, Plan, testing};
use package::index::{Index, Sample, Segment};
use package::{Asset, Cache, Container, Error, Layout, Measured, Part, Request};

fn rendition(width: u32, height: u32, max_rate: u32, codec: &str) -> Rendition {
    Rendition { codec: codec.into(), ..testing::rendition(width, height, max_rate) }
}

fn audio(language: &str, channels: u16) -> AudioTrack {
    testing::audio_track(1, language, channels)
}

fn plan(rate: (u32, u32), boundaries: &[u64], renditions: Vec<Rendition>, audio: Vec<AudioTrack>) -> Plan {
    let segments = u32::try_from(boundaries.len() - 1).unwrap();
    let chunk = |of, segments| Chunk { of, segments, decode_from: 0 };
    let mut chunks = Vec::new();
    if !renditions.is_empty() {
        chunks.extend([chunk(Medium::Video, 0..1), chunk(Medium::Video, 1..segments)]);
    }
    chunks.extend((0..audio.len()).map(|n| chunk(Medium::Audio(u16::try_from(n).unwrap()), 0..segments)));
    let rate = FrameRate::new(rate.0, rate.1).unwrap();
    testing::plan(rate, boundaries, renditions, audio, chunks)
}

fn film() -> Plan {
    plan(
        (30_000, 1001),
        &[0, 60, 120, 185, 240, 300, 310],
        vec![rendition(1280, 720, 3_000_000, "avc1.4d401f"), rendition(640, 360, 1_000_000, "avc1.4d401e")],
        vec![audio("en", 2), audio("de", 6), audio("und", 2)],
    )
}

fn configured(segment_duration_seconds: u32, stream_order: StreamOrder) -> Configuration {
    Configuration { segment_duration_seconds, stream_order, ..Configuration::default() }
}

fn text(
    plan: &Plan,
    configuration: &Configuration,
    measured: Option<&Measured>,
    request: &Request,
) -> String {
    let layout = Layout::new(plan, configuration).unwrap();
    let answer =
        package::answer(request, &Asset { plan, layout: &layout, measured, stills: None }, &[]).unwrap();
    assert_eq!(answer.content_type, "application/vnd.apple.mpegurl");
    let [Part::Literal(bytes)] = &answer.parts[..] else { panic!("one literal part") };
    assert_eq!(answer.length, bytes.len() as u64);
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Every grid segment `n` of every track has `size(track, n)` bytes.
fn measured(plan: &Plan, size: impl Fn(Track, u32) -> u32) -> Measured {
    let indexes = indexes(plan, size);
    Measured::of(plan, indexes.iter().map(|(track, index)| (*track, index))).unwrap()
}

fn indexes(plan: &Plan, size: impl Fn(Track, u32) -> u32) -> Vec<(Track, Index)> {
    let mut list = Vec::new();
    for chunk in &plan.chunks {
        for track in plan.tracks_of(chunk) {
            let mut index = Index { first_segment: chunk.segments.start, segments: Vec::new() };
            for n in chunk.segments.clone() {
                let at = index.bytes();
                let bytes = size(track, n);
                let sample = Sample { size: bytes - 100, duration: 1, composition_offset: 0, sync: true };
                let range = at..at + u64::from(bytes);
                index.segments.push(Segment { range, decode_time: 0, samples: vec![sample] });
            }
            list.push((track, index));
        }
    }
    list
}

#[test]
fn multivariant_declares_bounds_until_the_asset_is_measured() {
    let configuration = configured(0, StreamOrder::Original);
    insta::assert_snapshot!(text(&film(), &configuration, None, &Request::Multivariant));
}

#[test]
fn multivariant_declares_peak_and_average_of_a_measured_asset() {
    let film = film();
    let sizes = |track, n| match track {
        Track::Video(0) => 500_000 + 10_000 * n,
        Track::Video(_) => 200_000,
        Track::Audio(_) | Track::Captions(_) => 24_000,
    };
    let measured = measured(&film, sizes);
    let configuration = configured(4, StreamOrder::VideoBitrateAscending);
    insta::assert_snapshot!(text(&film, &configuration, Some(&measured), &Request::Multivariant));
}

#[test]
fn songs_are_their_own_variant() {
    let song = plan((48_000, 1024), &[0, 94, 188, 210], Vec::new(), vec![audio("en", 2)]);
    let configuration = configured(0, StreamOrder::Original);
    insta::assert_snapshot!("song", text(&song, &configuration, None, &Request::Multivariant));
    let media = text(&song, &configuration, None, &Request::MediaPlaylist(Container::Cmaf, Track::Audio(0)));
    insta::assert_snapshot!("song_media", media);
    let song = plan((48_000, 1024), &[0, 94], Vec::new(), vec![audio("en", 2), audio("fr", 2)]);
    insta::assert_snapshot!(
        "song_of_two_languages",
        text(&song, &configuration, None, &Request::Multivariant)
    );
}

#[test]
fn silent_films_have_no_audio_group() {
    let film = plan((25, 2), &[0, 25], vec![rendition(320, 180, 500_000, "avc1.42c00c")], Vec::new());
    let configuration = configured(0, StreamOrder::Original);
    insta::assert_snapshot!(text(&film, &configuration, None, &Request::Multivariant));
}

#[test]
fn media_playlists_list_merged_segments() {
    let configuration = configured(4, StreamOrder::Original);
    let video =
        text(&film(), &configuration, None, &Request::MediaPlaylist(Container::Cmaf, Track::Video(1)));
    insta::assert_snapshot!("merged_video", video);
    let audio =
        text(&film(), &configuration, None, &Request::MediaPlaylist(Container::Cmaf, Track::Audio(0)));
    insta::assert_snapshot!("merged_audio", audio);
}

#[test]
fn media_playlists_do_not_depend_on_progress() {
    let film = film();
    let measured = measured(&film, |_, n| 1000 + n);
    for seconds in [0, 2, 4, 10] {
        let configuration = configured(seconds, StreamOrder::Original);
        for track in film.tracks() {
            let request = Request::MediaPlaylist(Container::Cmaf, track);
            assert_eq!(
                text(&film, &configuration, None, &request),
                text(&film, &configuration, Some(&measured), &request)
            );
        }
    }
}

#[test]
fn durations_add_up_and_round_to_at_most_the_target_duration() {
    for boundaries in [vec![0, 60, 120], (0..400).map(|n| n * 61).collect(), vec![0, 1, 47, 300, 301]] {
        let film = plan(
            (30_000, 1001),
            &boundaries,
            vec![rendition(640, 360, 1_000_000, "avc1.4d401e")],
            vec![audio("en", 2)],
        );
        for seconds in [0, 6] {
            let configuration = configured(seconds, StreamOrder::Original);
            let mut targets = Vec::new();
            for track in film.tracks() {
                let text = text(&film, &configuration, None, &Request::MediaPlaylist(Container::Cmaf, track));
                let value =
                    |line: &str, tag| line.strip_prefix(tag)?.trim_end_matches(',').parse::<f64>().ok();
                let target = text.lines().find_map(|l| value(l, "#EXT-X-TARGETDURATION:")).unwrap();
                let durations: Vec<f64> = text.lines().filter_map(|l| value(l, "#EXTINF:")).collect();
                assert!(durations.iter().all(|d| d.round() <= target));
                let end = *boundaries.last().unwrap();
                let exact = match track {
                    Track::Video(_) => end as f64 * 1001.0 / 30_000.0,
                    Track::Audio(_) | Track::Captions(_) => {
                        (film.grid.ticks(end, 48_000).div_ceil(1024) * 1024) as f64 / 48_000.0
                    }
                };
                assert!((durations.iter().sum::<f64>() - exact).abs() < 1e-6);
                targets.push(target);
            }
            assert_eq!(targets[0], targets[1], "RFC 8216 §6.2.4");
        }
    }
}

#[test]
fn declared_bounds_hold_for_what_vbv_allows() {
    let film = film();
    // A full buffer at the start of each chunk, then the maximum rate.
    let sizes = |track: Track, n: u32| {
        let seconds = |frames: std::ops::Range<u64>| (frames.end - frames.start) as f64 * 1001.0 / 30_000.0;
        let span = seconds(film.grid.segment(n).unwrap());
        let Track::Video(v) = track else { return (span * 12_000.0) as u32 };
        let rendition = &film.renditions[usize::from(v)];
        let start = film.chunks.iter().any(|c| c.of == Medium::Video && c.segments.start == n);
        let bits = f64::from(rendition.max_rate.0) * span
            + if start { f64::from(rendition.buffer_bits) } else { 0.0 };
        (bits / 8.0) as u32
    };
    let measured = measured(&film, sizes);
    for seconds in [0, 4, 10] {
        let configuration = configured(seconds, StreamOrder::Original);
        let bandwidths = |measured| -> Vec<u64> {
            let text = text(&film, &configuration, measured, &Request::Multivariant);
            let value = |line: &str| line.split_once(":BANDWIDTH=")?.1.split(',').next()?.parse().ok();
            text.lines().filter_map(value).collect()
        };
        for (bound, peak) in bandwidths(None).into_iter().zip(bandwidths(Some(&measured))) {
            assert!(bound >= peak && bound < peak * 2, "{bound} {peak}");
        }
    }
}

#[test]
fn a_merged_segment_copies_one_range_of_each_chunk() {
    let film = film();
    let layout = Layout::new(&film, &configured(4, StreamOrder::Original)).unwrap();
    let asset = Asset { plan: &film, layout: &layout, measured: None, stills: None };
    let track = Track::Video(1);
    let request = Request::Segment { container: Container::Cmaf, track, number: 0 };
    assert_eq!(package::chunks(&request, &asset).unwrap(), [(track, 0), (track, 1)]);
    let all = indexes(&film, |_, n| 1000 + n);
    let of = |chunk: usize| &all.iter().filter(|(t, _)| *t == track).nth(chunk).unwrap().1;
    let answer = package::answer(&request, &asset, &[of(0), of(1)]).unwrap();
    assert_eq!(
        answer.parts,
        [Part::Copy { track, chunk: 0, range: 0..1000 }, Part::Copy { track, chunk: 1, range: 0..1001 }]
    );
    assert_eq!((answer.length, answer.cache, answer.content_type), (2001, Cache::Immutable, "video/mp4"));
    let next = Request::Segment { container: Container::Cmaf, track, number: 1 };
    let answer = package::answer(&next, &asset, &[of(1)]).unwrap();
    assert_eq!(answer.parts, [Part::Copy { track, chunk: 1, range: 1001..1001 + 1002 + 1003 }]);
    assert!(matches!(package::answer(&request, &asset, &[of(0), of(0)]), Err(Error::Index { chunk: 1, .. })));
    assert!(matches!(package::answer(&request, &asset, &[of(0)]), Err(Error::Index { .. })));
}

#[test]
fn what_the_plan_does_not_have_is_not_found() {
    let film = film();
    let layout = Layout::new(&film, &configured(0, StreamOrder::Original)).unwrap();
    let asset = Asset { plan: &film, layout: &layout, measured: None, stills: None };
    for path in ["v2.m3u8", "a3.m3u8", "v2/init.mp4", "v2/0.m4s", "v0/6.m4s", "a0/4294967295.m4s", "a3/0.m4s"]
    {
        let request = Request::parse(path).unwrap();
        let chunks = package::chunks(&request, &asset).err();
        let error = chunks.or_else(|| package::answer(&request, &asset, &[]).err());
        assert!(error.unwrap().is_not_found(), "{path}");
    }
}

#[test]
fn broken_plans_are_refused() {
    let check = |change: fn(&mut Plan)| {
        let mut film = film();
        change(&mut film);
        let layout = Layout::new(&film, &configured(4, StreamOrder::Original));
        assert!(matches!(layout, Err(Error::Plan(_))), "{layout:?}");
    };
    check(|p| p.grid.boundaries.clear());
    check(|p| p.grid.boundaries.truncate(1));
    check(|p| p.grid.boundaries[1] = 0);
    check(|p| p.grid.boundaries[0] = 1);
    check(|p| p.chunks.truncate(2));
    check(|p| p.chunks[1].segments.start = 2);
    check(|p| p.chunks[1].segments.end = 7);
    check(|p| {
        p.renditions.clear();
        p.audio.clear();
    });
}
