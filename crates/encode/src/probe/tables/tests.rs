use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use super::super::answer::{self, Answer};
use super::super::ask::scan_of;
use super::super::scan;
use super::*;
use crate::run::Arg;

/// What the installed ffprobe answers, outside the jail.
fn ffprobe(file: &Path, question: &[Arg]) -> Vec<u8> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error"]).args(question.iter().map(Arg::as_str)).arg(file);
    command.output().unwrap().stdout
}

/// Whether the pictures of a file are understood; if so, each packet is as ffprobe has it.
fn check(path: &Path) -> bool {
    agree(path, "V", Stream::is_picture)
}

/// The same of its sounds.
fn check_sounds(path: &Path) -> bool {
    agree(path, "a", Stream::is_sound)
}

fn agree(path: &Path, which: &'static str, is_wanted: fn(&Stream) -> bool) -> bool {
    let answer: Answer = serde_json::from_slice(&ffprobe(path, &answer::question())).unwrap();
    let streams: Vec<&Stream> = answer.streams.iter().filter(|stream| is_wanted(stream)).collect();
    let file = std::fs::File::open(path).unwrap();
    let bytes = file.metadata().unwrap().len();
    let part = |range: Range<u64>| {
        let mut part = vec![0; (range.end - range.start) as usize];
        file.read_exact_at(&mut part, range.start).map(|()| part)
    };
    let Some(moov) = index(bytes, part).unwrap() else { return false };
    let Some(wanted) = streams.iter().map(|stream| Wanted::of(stream)).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let mut by_tables = scan_of(&streams);
    if wanted.is_empty() || !scan(&moov, bytes, &wanted, &mut by_tables).unwrap() {
        return false;
    }
    let mut by_ffprobe = scan_of(&streams);
    by_ffprobe.feed(&ffprobe(path, &scan::question(which, 0, true))).unwrap();
    let (found, mut expected) = (by_tables.finish(), by_ffprobe.finish());
    for (index, expected) in &mut expected {
        let (found, of) = (&found[index], path.display());
        // Where it is in the file, the tables need not say.
        expected.read = scan::Read::default();
        let (Some((_, end)), Some((start, its_end))) = (found.span, expected.span) else { panic!("{of}") };
        // ffprobe has the last packet of a sound without an edit list last as long as the film.
        if which == "a" && end < its_end {
            (expected.span, expected.last_duration) = (Some((start, end)), found.last_duration);
        }
        assert!(found == expected, "{of}, stream {index}");
    }
    assert_eq!(found.len(), expected.len(), "{}", path.display());
    true
}

/// Runs ffmpeg in a folder, once for all the files that it writes there.
fn ffmpeg(folder: &Path, args: &str) {
    let mut command = Command::new("ffmpeg");
    let command = command.current_dir(folder).args(["-v", "error", "-nostdin", "-y"]);
    let out = command.args(args.split_ascii_whitespace()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn packets_are_those_of_ffprobe() {
    let folder = tempfile::tempdir().unwrap();
    let avc = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 12";
    ffmpeg(
        folder.path(),
        &format!(
            "-f lavfi -i testsrc2=s=64x64:r=24:d=2 -f lavfi -i sine=d=2 \
             {avc} -bf 3 reordered.mp4 \
             {avc} -bf 0 in_order.mp4 \
             {avc} -bf 2 -vf setpts=N*N/1200/TB -fps_mode vfr -enc_time_base 1/90000 odd_times.mp4 \
             -c:v mpeg4 other.mp4"
        ),
    );
    ffmpeg(
        folder.path(),
        "-i reordered.mp4 -i in_order.mp4 -stream_loop 3 -i reordered.mp4 -ss 0.65 -i reordered.mp4 \
         -map 1 -c copy -movflags +faststart in_order.mov \
         -map 2 -c copy repeated.mp4 \
         -map 0:a -map 0:v -c copy behind.mov \
         -map 0 -c copy -output_ts_offset 3 late.mp4 \
         -map 0 -c copy -video_track_timescale 90000 -movie_timescale 600 large_offsets.mp4 \
         -map 0:v -map 1:v -map 1:a -c copy two.mp4 \
         -map 3 -c copy -t 0.75 cut.mp4 \
         -map 0 -c copy -movflags +frag_keyframe+empty_moov fragments.mp4 \
         -map 0 -c copy -movflags +negative_cts_offsets below_zero.mp4",
    );
    ffmpeg(
        folder.path(),
        "-i reordered.mp4 -stream_loop 3 -i reordered.mp4 -ss 0.65 -i reordered.mp4 \
         -map 0 -c:v copy -c:a ac3 -use_editlist 0 ac3.mp4 \
         -map 0 -c:v copy -af aselect='lt(t,0.7)+gt(t,1.2)' gap.mp4 \
         -map 0 -c:v copy -c:a libopus opus.mp4 \
         -map 0:a -c copy sound.m4a",
    );
    for name in
        ["reordered.mp4", "in_order.mp4", "repeated.mp4", "late.mp4", "ac3.mp4", "gap.mp4", "sound.m4a"]
    {
        assert!(check_sounds(&folder.path().join(name)), "the sound of {name} is not understood");
    }
    for name in ["cut.mp4", "fragments.mp4", "opus.mp4"] {
        assert!(!check_sounds(&folder.path().join(name)), "the sound of {name} is understood");
    }
    let understood = |name: &str| check(&folder.path().join(name));
    for name in [
        "reordered.mp4",
        "in_order.mp4",
        "in_order.mov",
        "odd_times.mp4",
        "repeated.mp4",
        "behind.mov",
        "late.mp4",
        "large_offsets.mp4",
        "two.mp4",
    ] {
        assert!(understood(name), "{name} is not understood");
    }
    for name in ["cut.mp4", "fragments.mp4", "below_zero.mp4", "other.mp4"] {
        assert!(!understood(name), "{name} is understood");
    }
}

#[test]
fn packets_of_real_films_are_those_of_ffprobe() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("KINORA_SHARED").unwrap_or_else(|| default.into());
    let (mut understood, mut others) = (vec![], vec![]);
    for folder in ["media/main", "media/odd", "media/captions", "media/broken"] {
        for file in std::fs::read_dir(Path::new(&shared).join(folder)).into_iter().flatten() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if [".mp4", ".mov", ".m4v"].iter().any(|end| name.ends_with(end)) {
                let _ = check_sounds(&path);
                if check(&path) { understood.push(name) } else { others.push(name) }
            }
        }
    }
    if understood.len() + others.len() == 0 {
        return model::testing::skipped("real films (they are not there)");
    }
    println!("understood: {understood:?}\nothers: {others:?}");
    for name in ["sintel_trailer_720p24_52s.mp4", "bbb_1080p24_30s_5.1.mp4"] {
        assert!(understood.iter().any(|found| found == name), "{name}: {others:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        at in 0..4000_usize, other in proptest::collection::vec(proptest::num::u8::ANY, 1..9),
    ) {
        // A film of which some bytes of the index are others.
        let mut moov = film();
        let start = at % moov.len();
        let end = moov.len().min(start + other.len());
        moov[start..end].copy_from_slice(&other[..end - start]);
        let wanted = Wanted { index: 0, id: Some(1), timescale: 1000, duration: Some(4000) };
        let _ = scan(&moov, 1 << 20, &[wanted], &mut Scan::new([(0, true, 1000)]));
    }
}

/// The index of a film of four pictures with a pause in front.
fn film() -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let boxed = |kind: &[u8; 4], body: &[&[u8]]| {
        let body = body.concat();
        [&words(&[u32::try_from(body.len()).unwrap() + 8])[..], kind, &body].concat()
    };
    let [avc1, vide] = [b"avc1", b"vide"].map(|kind| u32::from_be_bytes(*kind));
    let table = |kind: &[u8; 4], body: &[u32]| boxed(kind, &[&words(body)]);
    let tables = [
        table(b"stsd", &[0, 1, 16, avc1, 0, 0]),
        table(b"stts", &[0, 2, 3, 1000, 1, 900]),
        table(b"ctts", &[0, 2, 1, 1000, 3, 2000]),
        table(b"stss", &[0, 2, 1, 3]),
        table(b"stsz", &[0, 0, 4, 7, 8, 9, 10]),
        table(b"stsc", &[0, 2, 1, 1, 1, 2, 3, 1]),
        table(b"stco", &[0, 2, 100, 200]),
    ];
    let stbl = boxed(b"stbl", &[&tables.concat()]);
    let mdia = [
        table(b"mdhd", &[0, 0, 0, 1000, 3900, 0]),
        table(b"hdlr", &[0, 0, vide, 0, 0, 0]),
        boxed(b"minf", &[&stbl]),
    ];
    let edits = table(b"elst", &[0, 2, 500, u32::MAX, 0x1_0000, 4900, 1000, 0x1_0000]);
    let tkhd = table(b"tkhd", &[0, 0, 0, 1, 0]);
    let trak = boxed(b"trak", &[&tkhd, &boxed(b"edts", &[&edits]), &boxed(b"mdia", &[&mdia.concat()])]);
    boxed(b"moov", &[&table(b"mvhd", &[0, 0, 0, 1000, 0]), &trak])
}

#[test]
fn a_pause_moves_and_offsets_show_later() {
    let moov = film();
    let wanted = Wanted { index: 0, id: Some(1), timescale: 1000, duration: Some(4000) };
    let taken = |wanted: Wanted, bytes: u64| {
        let mut taken = Scan::new([(0, true, 1000)]);
        scan(&moov, bytes, &[wanted], &mut taken).unwrap().then(|| taken.finish())
    };
    let found = &taken(wanted.clone(), 227).unwrap()[&0];
    assert_eq!((&found.shown[..], &found.keys[..]), (&[500, 2500, 3500, 4500][..], &[500, 3500][..]));
    assert_eq!((found.first_key, found.last_duration), (Some(500), None));
    // A file that ends in the last picture, and an answer about something else.
    assert!(taken(wanted.clone(), 226).is_none());
    assert!(taken(Wanted { id: Some(2), ..wanted.clone() }, 227).is_none());
    assert!(taken(Wanted { timescale: 999, ..wanted.clone() }, 227).is_none());
    assert!(taken(Wanted { index: 1, ..wanted }, 227).is_none());
}
