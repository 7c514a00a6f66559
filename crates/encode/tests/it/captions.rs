//! Captions of every kind that is text, and what is in files beside them.

use std::path::Path;

use encode::{Look, Probed, captions, chunk, probe};
use model::plan::{CaptionOrigin, Medium, Track};
use template::standard;

use crate::support::{clip, runner, shared};
use crate::title::Title;

/// Plans a file with everything that is found in it.
async fn titled(file: &Path) -> Title {
    let mut title = Title::of(file, &standard()).await;
    let look = Look { runner: runner(), source: &title.source, file, scratch: title.folder.path() };
    let found = captions::in_picture(look).await.unwrap();
    if !found.is_empty() {
        title.source.captions.extend(found);
        title.replan().await;
    }
    title
}

/// The stored captions of a track, and the note about them.
async fn stored(title: &Title, n: u16) -> (String, Option<String>) {
    let chunk = title.plan.chunk_of(Track::Captions(n), 0).unwrap();
    assert_eq!(title.plan.chunks[chunk as usize].segments, 0..title.plan.grid.segments());
    let [encoded] = &title.encode(chunk).await[..] else { panic!("one file") };
    let text = std::fs::read_to_string(&encoded.path).unwrap();
    assert_eq!((encoded.index.bytes(), encoded.bytes), (text.len() as u64, text.len() as u64));
    let again = title.encode(chunk).await;
    assert_eq!(again[0].sha256, encoded.sha256, "encoding again gives the same bytes");
    (text, encoded.note.clone())
}

#[tokio::test]
async fn captions_of_real_files_are_kept_as_webvtt() {
    for (name, tracks, expected) in [
        (
            "captions/sample_with_srt.mkv",
            "Stream(2) en Some(\"Subs Label\")",
            "00:00:00.000 --> 00:00:01.000\nThis is the first subtitle.",
        ),
        ("captions/sample_with_ass_subtitles.mkv", "Stream(2) und None", "-->"),
        ("odd/ae_mov_text.mp4", "Stream(2) und None", "-->"),
        ("odd/ae_webvtt.mkv", "Stream(2) und None", "-->"),
    ] {
        let Some(file) = shared(name) else { continue };
        let title = titled(&file).await;
        let found: Vec<String> = title
            .plan
            .captions
            .iter()
            .map(|c| format!("{:?} {} {:?}", c.from, c.language, c.label))
            .collect();
        assert_eq!(found.join(", "), tracks, "{name}");
        let (text, note) = stored(&title, 0).await;
        assert!(
            note.is_none() && text.starts_with("WEBVTT\n\n") && text.contains(expected),
            "{name}: {text}"
        );
    }
}

#[tokio::test]
async fn captions_within_the_picture_are_found_and_begin_with_the_title() {
    let Some(file) = shared("captions/sintel-captions.ts") else { return };
    let title = titled(&file).await;
    assert_eq!(title.plan.captions[0].from, CaptionOrigin::Cea608(1));
    let (text, note) = stored(&title, 0).await;
    assert_eq!(note, None);
    // Sound comes first: the first picture is shown for three places more.
    let expected = "WEBVTT\n\n00:00:01.125 --> 00:00:04.125\nASUKA ███, ██ f Japanese\n\n\
                    00:00:05.125 --> 00:00:07.083\n██ ██████████, ███ \"█████ ███\n█████████ ████████ ██\n\
                    ███████████\".\n\n00:00:07.083 --> 00:00:10.125\n█ █ █\n\n";
    assert_eq!(text, expected);
}

#[tokio::test]
async fn captions_that_are_pictures_are_left_out() {
    let Some(file) = shared("captions/sample_with_pgs_subtitles.mkv") else { return };
    let Probed { source, notes } = probe(runner(), &file).await.unwrap();
    assert!(source.captions.is_empty());
    assert_eq!(notes, ["subtitles 2 are left out: hdmv_pgs_subtitle are pictures, not text"]);
}

/// A film of 4 s from 2 s on, with these subtitles behind it.
fn film(folder: &Path, name: &str, subtitles: &str, args: &str) -> std::path::PathBuf {
    let srt = folder.join("in.srt");
    std::fs::write(&srt, subtitles).unwrap();
    let input = format!(
        "-f lavfi -i testsrc2=d=4:s=320x180:r=25 -f lavfi -i sine=d=4 -f lavfi -i sine=f=880:d=4 -i {}",
        srt.display()
    );
    clip(folder, name, &format!("{input} -c:v libx264 -preset ultrafast -g 25 {args}"))
}

const SUBTITLES: &str =
    "1\n00:00:00,500 --> 00:00:01,500\n<i>One</i> & <b>two</b>\n\n2\n00:00:02,000 --> 00:00:09,000\nLast\n";

#[tokio::test]
async fn times_are_counted_from_the_first_frame() {
    let folder = tempfile::tempdir().unwrap();
    let args = "-map 0:v -map 1:a -map 3:s -c:s mov_text -metadata:s:s:0 language=fre";
    let args = format!("{args} -disposition:s:0 +forced+hearing_impaired");
    let mp4 = film(folder.path(), "film.mp4", SUBTITLES, &args);
    // The same, but its clock begins at 100 s.
    let later = folder.path().join("later.mkv");
    let mut command = std::process::Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(&mp4);
    command.args(["-map", "0", "-c", "copy", "-c:s", "srt", "-output_ts_offset", "100"]).arg(&later);
    assert!(command.status().unwrap().success());
    for (file, start) in [(&mp4, 0), (&later, 100_000_000)] {
        let title = titled(file).await;
        let begins = title.source.video.as_ref().unwrap().start_us;
        assert!((begins - start).abs() < 100_000, "{begins}");
        let track = &title.plan.captions[0];
        assert_eq!((track.language.as_str(), track.forced), ("fr", true));
        let (text, _) = stored(&title, 0).await;
        let expected = "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\n<i>One</i> &amp; <b>two</b>\n\n\
                        00:00:02.000 --> 00:00:04.000\nLast\n\n";
        assert_eq!(text, expected);
    }
}

#[tokio::test]
async fn broken_captions_do_not_cost_the_film() {
    let folder = tempfile::tempdir().unwrap();
    let file = film(folder.path(), "film.mkv", SUBTITLES, "-map 0:v -map 1:a -map 3:s -c:s srt");
    let mut title = titled(&file).await;
    // A stream that is no caption stream after all.
    title.source.captions[0].from = CaptionOrigin::Stream(9);
    title.plan.captions[0].from = CaptionOrigin::Stream(9);
    let (text, note) = stored(&title, 0).await;
    assert_eq!(text, "WEBVTT\n\n");
    assert!(note.unwrap().contains("captions are missing"));
}

#[tokio::test]
async fn a_foreign_audio_track_is_left_out_and_the_others_play() {
    let folder = tempfile::tempdir().unwrap();
    let args = "-map 1:a -map 0:v -map 2:a -c:a:0 adpcm_yamaha -c:a:1 aac \
                -metadata:s:a:1 language=ger -metadata:s:a:1 title=Kommentar";
    let file = film(folder.path(), "film.mkv", SUBTITLES, args);
    let notes = probe(runner(), &file).await.unwrap().notes;
    assert_eq!(notes, ["audio track 0 is left out: its codec adpcm_yamaha is not supported"]);
    let title = titled(&file).await;
    let found: Vec<_> =
        title.plan.audio.iter().map(|a| (a.stream, a.language.as_str(), a.label.as_deref())).collect();
    assert_eq!(found, [(2, "de", Some("Kommentar"))]);
    let encoded = title.encode_in_reverse(Medium::Audio(0)).await;
    assert!(encoded.iter().all(|chunk: &chunk::Encoded| chunk.note.is_none()));
}

#[tokio::test]
async fn a_disc_with_many_streams_has_what_is_useful_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let args = format!(
        "-map 0:v {} {} -c:v libx264 -c:a pcm_s16le -c:s srt -metadata:s:s:19 language=jpn",
        "-map 1:a ".repeat(10),
        "-map 3:s ".repeat(20)
    );
    let file = film(folder.path(), "disc.mkv", SUBTITLES, &args);
    let Probed { source, notes } = probe(runner(), &file).await.unwrap();
    assert_eq!((source.audio.len(), source.captions.len()), (8, 8));
    assert_eq!(source.captions[7].language, "ja", "another language comes first");
    assert_eq!(
        notes,
        [
            "audio tracks 9 and 10 are left out: a title has at most 8 audio tracks",
            "subtitles 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28 and 29 are left out: a title has at most 8 caption tracks"
        ]
    );
}

#[tokio::test]
async fn text_in_an_old_encoding_is_read_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let line = |n: u32, text: &[u8]| {
        let times = format!("{n}\n00:00:0{n},000 --> 00:00:0{n},500\n");
        [times.as_bytes(), text, b"\n\n"].concat()
    };
    let srt = folder.path().join("old.srt");
    std::fs::write(&srt, [line(1, b"plain first"), line(2, b"\xe7a \xe9 \xe9t\xe9 <here>")].concat())
        .unwrap();
    let made = format!("-f lavfi -i testsrc2=d=4:s=96x64:r=25 -i {} -c:v libx264 -c:s copy", srt.display());
    let title = titled(&clip(folder.path(), "old.mkv", &made)).await;
    let (text, note) = stored(&title, 0).await;
    let expected = "WEBVTT\n\n00:00:01.000 --> 00:00:01.500\nplain first\n\n\
                    00:00:02.000 --> 00:00:02.500\nça é été &lt;here&gt;\n\n";
    assert_eq!(text, expected);
    assert_eq!(note.as_deref(), Some("subtitles 1: text that is not UTF-8 was read as windows-1252"));
}

#[tokio::test]
async fn styled_captions_become_words() {
    let folder = tempfile::tempdir().unwrap();
    let ass = folder.path().join("styled.ass");
    let lines = [
        r"0,0:00:00.50,0:00:01.00,Default,,0,0,0,,Good\hmorning,\Nmy\hfriend",
        r"0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\p1}m 0 0 l 100 0 100 50 0 50{\p0}",
        r"1,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\an8}{\k20}sing {\k30}along",
        r"0,0:00:02.00,0:00:03.00,Default,,0,0,0,,{\i1}slanted{\i0} & <plain>",
    ];
    let events: Vec<String> = lines.iter().map(|line| format!("Dialogue: {line}")).collect();
    let head = "[Script Info]\nScriptType: v4.00+\n\n[Events]\n\
                Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n";
    std::fs::write(&ass, format!("{head}{}\n", events.join("\n"))).unwrap();
    let made = format!("-f lavfi -i testsrc2=d=4:s=96x64:r=25 -i {} -c:v libx264 -c:s copy", ass.display());
    let title = titled(&clip(folder.path(), "styled.mkv", &made)).await;
    let expected = "WEBVTT\n\n00:00:00.500 --> 00:00:01.000\nGood morning,\nmy friend\n\n\
                    00:00:01.000 --> 00:00:02.000 line:0\nsing along\n\n\
                    00:00:02.000 --> 00:00:03.000\n<i>slanted</i> &amp; &lt;plain&gt;\n\n";
    assert_eq!(stored(&title, 0).await, (expected.to_owned(), None));
}
