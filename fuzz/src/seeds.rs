//! Seeds that only a program can write: boxes, indexes, signatures. The example `seeds` writes them into the corpus.

use model::PlaybackSessionId;
use model::plan::{Plan, Track};
use package::cmaf::{self, ChunkWriter};
use package::index::{Index, Sample};
use package::{TrackInit, timing};
use seal::Purpose;
use sign::{Policy, token};

use crate::files::{How, SHORT};
use crate::input::joined;
use crate::seals::KEYS;
use crate::signatures::{HOST, KEY, LATER, SESSION, WATCHED};

/// A target, a name and bytes.
pub type Seed = (&'static str, &'static str, Vec<u8>);

/// All of them.
pub fn all() -> Vec<Seed> {
    let (video, audio) = (stored(Track::Video(0)), stored(Track::Audio(0)));
    let file = |track, stored: &(Vec<u8>, Index)| {
        let init =
            TrackInit::of(&SHORT, track).and_then(|init| cmaf::init(&init)).expect("the plan is whole");
        [&init[..], &stored.0[..]].concat()
    };
    let (picture, sound) = (file(Track::Video(0), &video), file(Track::Audio(0), &audio));
    let retimed = |how: How, file: &[u8]| [&[how.byte()][..], file].concat();
    let (pictures, sounds) = (How::whole(Track::Video(0)), How::whole(Track::Audio(0)));
    let coming = How { running: true, ..pictures };
    let stream = joined(&video.1.encode(), &joined(&audio.1.encode(), &video.0));
    let mut seeds = vec![
        ("fragments", "picture", picture.clone()),
        ("fragments", "sound", sound.clone()),
        ("retime", "picture", retimed(pictures, &picture)),
        ("retime", "picture_coming", retimed(coming, &picture[..picture.len() - 9])),
        ("retime", "sound", retimed(sounds, &sound)),
        ("retime", "sound_warm", retimed(How { warm_up: 1, ..sounds }, &sound)),
        ("index", "picture", video.1.encode()),
        ("index", "sound", audio.1.encode()),
        ("transport_stream", "film", stream),
    ];
    seeds.extend(indexes());
    seeds.extend(signed());
    seeds.extend(sealed());
    seeds
}

/// A stored chunk of the short film: an IDR slice, then others; frames of sound.
fn stored(track: Track) -> (Vec<u8>, Index) {
    let plan: &Plan = &SHORT;
    let (mut out, mut writer) = (vec![], ChunkWriter::new(0));
    for k in 0..plan.grid.segments() {
        let (time, samples, data) = match track {
            Track::Video(_) => picture(plan, k),
            Track::Audio(_) | Track::Captions(_) => sound(plan, k),
        };
        out.extend(writer.segment(time, samples).expect("a small segment"));
        out.extend(data);
    }
    (out, writer.finish())
}

fn picture(plan: &Plan, k: u32) -> (u64, Vec<Sample>, Vec<u8>) {
    let (rate, frames) = (plan.grid.rate, plan.grid.segment(k).expect("a segment"));
    let (mut samples, mut data) = (vec![], vec![]);
    for frame in frames.clone() {
        let sync = frame == frames.start;
        let unit = [if sync { 0x65 } else { 0x41 }, 0x88, frame as u8];
        data.extend([&[0, 0, 0, 3][..], &unit].concat());
        let composition_offset = timing::composition_offset(rate, frame, frame).expect("in order");
        samples.push(Sample { size: 7, duration: rate.frame_ticks(), composition_offset, sync });
    }
    (timing::video_decode_time(rate, frames.start), samples, data)
}

fn sound(plan: &Plan, k: u32) -> (u64, Vec<Sample>, Vec<u8>) {
    let frames = plan.grid.aac_frames(k, plan.audio[0].sample_rate).expect("a segment");
    let sample = Sample { size: 5, duration: 1024, composition_offset: 0, sync: true };
    let count = (frames.end - frames.start) as usize;
    (timing::audio_decode_time(frames.start), vec![sample; count], b"\x21\x10\x05\x00\xa0".repeat(count))
}

fn boxed(kind: &[u8; 4], body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let size = u32::try_from(body.len() + 8).expect("a small box");
    [&size.to_be_bytes()[..], kind, &body].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A track: what it is, its edits with their version, its table of times, sizes, chunks and places.
struct Tables {
    handler: &'static [u8; 4],
    format: &'static [u8; 4],
    elst: Vec<u32>,
    stts: Vec<u32>,
    stsz: Vec<u32>,
    stsc: Vec<u32>,
    stco: Vec<u32>,
    stss: Option<Vec<u32>>,
    ctts: Option<Vec<u32>>,
}

impl Tables {
    fn track(&self) -> Vec<u8> {
        let table = |kind, list: &[u32]| boxed(kind, &[&words(&[0]), &words(list)]);
        let entry = boxed(self.format, &[&[0; 70]]);
        let mut stbl = vec![
            boxed(b"stsd", &[&words(&[0, 1]), &entry]),
            table(b"stts", &self.stts),
            table(b"stsz", &self.stsz),
            table(b"stsc", &self.stsc),
            table(b"stco", &self.stco),
        ];
        stbl.extend(self.stss.as_ref().map(|list| table(b"stss", list)));
        stbl.extend(self.ctts.as_ref().map(|list| table(b"ctts", list)));
        let minf = boxed(b"minf", &[&boxed(b"stbl", &[&stbl.concat()])]);
        let mdhd = boxed(b"mdhd", &[&words(&[0, 0, 0, 12_800, 0, 0])]);
        let hdlr = boxed(b"hdlr", &[&words(&[0, 0]), self.handler, &words(&[0, 0, 0])]);
        let edts = boxed(b"edts", &[&boxed(b"elst", &[&words(&self.elst)])]);
        boxed(b"trak", &[&edts, &boxed(b"mdia", &[&mdhd, &hdlr, &minf])])
    }
}

fn movie(tracks: &[Tables]) -> Vec<u8> {
    let mvhd = boxed(b"mvhd", &[&words(&[0, 0, 0, 1000, 0])]);
    let tracks: Vec<u8> = tracks.iter().flat_map(Tables::track).collect();
    let ftyp = boxed(b"ftyp", &[b"isom", &words(&[512]), b"isomavc1"]);
    let mdat = boxed(b"mdat", &[&[0; 64]]);
    [ftyp, boxed(b"free", &[]), mdat, boxed(b"moov", &[&mvhd, &tracks])].concat()
}

fn indexes() -> Vec<Seed> {
    let picture = || Tables {
        handler: b"vide",
        format: b"avc1",
        elst: vec![0, 1, 3000, 512, 0x1_0000],
        stts: vec![2, 3, 512, 1, 1024],
        stsz: vec![0, 4, 9, 3, 4, 5],
        stsc: vec![2, 1, 1, 1, 2, 3, 1],
        stco: vec![2, 40, 49],
        stss: Some(vec![2, 1, 3]),
        ctts: None,
    };
    let sound = || Tables {
        handler: b"soun",
        format: b"mp4a",
        elst: vec![0, 2, 20, u32::MAX, 0x1_0000, 3000, 0, 0x1_0000],
        stts: vec![1, 4, 1024],
        stsz: vec![5, 4],
        stsc: vec![1, 1, 4, 1],
        stco: vec![1, 70],
        stss: None,
        ctts: None,
    };
    // A few bytes that announce four billion samples, in many tracks.
    let endless = || Tables {
        stts: vec![2, u32::MAX, 1, u32::MAX, u32::MAX],
        stsz: vec![1, u32::MAX],
        stsc: vec![1, 1, u32::MAX, 1],
        stco: vec![1, 0],
        stss: Some(vec![3, 1, u32::MAX, u32::MAX]),
        ..picture()
    };
    // An edit that lays the track some 300,000 years off.
    let far = Tables { elst: vec![0x100_0000, 1, 0, 0, 0x01a3_6e2e, 0xb1c4_32ca, 0x1_0000], ..picture() };
    // A pause and all of the track, in the order of decoding or shown in another one.
    let late = || Tables { elst: vec![0, 2, 20, u32::MAX, 0x1_0000, 4000, 0, 0x1_0000], ..picture() };
    let reordered = || Tables { ctts: Some(vec![3, 1, 512, 1, 1536, 2, 512]), ..late() };
    let wide = boxed(b"mdat", &[&[0; 16]]);
    let long = [&words(&[1])[..], b"mdat", &words(&[0, 40]), &wide].concat();
    vec![
        ("mp4_index", "film", movie(&[picture(), sound()])),
        ("mp4_index", "endless", movie(&[endless(), endless(), endless(), endless()])),
        ("mp4_index", "far", movie(&[far])),
        ("mp4_index", "long_box", [long, movie(&[picture()])].concat()),
        ("mp4_packets", "late", movie(&[late(), sound(), reordered()])),
        ("mp4_packets", "reordered", movie(&[sound(), reordered()])),
        ("mp4_packets", "endless", movie(&[endless()])),
        ("mp4_index", "fragmented", [boxed(b"styp", &[b"msdh"]), boxed(b"moof", &[])].concat()),
    ]
}

fn signed() -> Vec<Seed> {
    let url = format!("https://{HOST}/out/v1/a/index.m3u8?b=1");
    let target = |url: String| url.strip_prefix(&format!("https://{HOST}")).expect("it is ours").to_owned();
    let canned = target(KEY.sign_url(&url, LATER).expect("it can be signed"));
    let range = "192.0.2.0/24".parse().expect("a range");
    let policy = |resource: &str, address| Policy {
        resource: Some(resource.into()),
        after: None,
        until: LATER,
        address,
    };
    let wild = policy(&format!("http*://{HOST}/out/*"), Some(range));
    let custom = target(KEY.sign_url_with(&url, &wild).expect("it can be signed"));
    let cookies = KEY.cookies(&wild, Some(PlaybackSessionId::new())).expect("they can be signed").header();
    let watched = WATCHED.cookies(&wild, Some(*SESSION)).expect("they can be signed").header();
    let mut seeds = vec![
        ("cdn_request", "canned", format!("{canned}\n\n{url}")),
        ("cdn_request", "custom", format!("{custom}\n\nhttps://{HOST}/*")),
        ("cdn_request", "cookies", format!("/out/v1/a/v0/7.m4s?x\n{cookies}\nhttps://{HOST}/out/v1/?/*")),
        ("cdn_request", "watched", format!("/out/v1/a/v0/7.m4s\n{watched}\nhttps://{HOST}/out/v1/*")),
        ("cdn_request", "dots", "/out/%2e%2e/a\n\nhttp*://*/out/*".to_owned()),
        ("public_key", "p256", KEY.public().pem.to_string()),
        ("cdn_request", "twice", format!("/a?Policy=p&Policy=q&Key-Pair-Id=KFUZZ\n\nhttps://{HOST}/a\\?b")),
    ];
    for (name, prefix) in [("asset", format!("/out/v1/{}/", "ab".repeat(16))), ("folder", "/a/é/".to_owned())]
    {
        for (name, session) in [(name, None), ("session", Some(PlaybackSessionId::new()))] {
            let claims = token::Claims { prefix: prefix.clone(), until: LATER, session };
            let text = token::mint(&KEY, &claims).expect("it can be minted");
            seeds.push(("path_token", name, format!("/t/{text}{prefix}index.m3u8\n{prefix}")));
        }
    }
    seeds.into_iter().map(|(target, name, text)| (target, name, text.into_bytes())).collect()
}

fn sealed() -> Vec<Seed> {
    let (text, _) = KEYS.seal(Purpose::Signing, "object", b"a secret").expect("it is sealed");
    let ring = seal::Ring::make(model::Timestamp(0)).expect("randomness");
    let key = seal::Key::new([9; 32]);
    let mut stream = vec![];
    let mut sealer = seal::stream::Sealer::new(&key, b"file").expect("randomness");
    sealer.push(b"some bytes", &mut stream).and_then(|()| sealer.finish(&mut stream)).expect("it is sealed");
    let recovery = format!(
        "age-encryption.org/v1\n-> scrypt {} 1\n{}\n--- {}\nxxxxxxxxxxxxxxxx",
        "A".repeat(22),
        "A".repeat(43),
        "A".repeat(43)
    );
    vec![
        ("sealed", "envelope", text),
        ("sealed", "legacy", [&[1][..], &[0; 12], b"a text and its tag"].concat()),
        ("sealed", "ring", ring.to_bytes().expose().to_vec()),
        ("sealed", "stream", stream),
        ("sealed", "recovery", recovery.into_bytes()),
    ]
}
