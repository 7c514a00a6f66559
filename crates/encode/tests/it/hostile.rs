//! Uploads that are no films, or that want something else than to be watched: each is rejected with its reason.

use std::path::Path;
use std::time::Instant;

use encode::{Error, probe};

use crate::support::{self, clip, runner};

/// Checks which rejection it is, and that the sentence contains some words.
async fn rejected(path: &Path, kind: &str, words: &str) {
    let start = Instant::now();
    match probe(runner(), path).await {
        Err(Error::Rejected(rejection)) => {
            assert_eq!(support::kind(&rejection), kind, "{}: {rejection}", path.display());
            assert!(rejection.to_string().contains(words), "{rejection}");
        }
        other => panic!("{}: {other:?}", path.display()),
    }
    assert!(start.elapsed().as_secs() < 30, "{} took {:?}", path.display(), start.elapsed());
}

#[tokio::test]
async fn what_is_no_film_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret.ts");
    std::fs::write(&secret, [0x47; 188 * 20]).unwrap();
    let playlist = format!("#EXTM3U\n#EXTINF:10,\nfile://{}\n#EXT-X-ENDLIST\n", secret.display());
    let dash = "<?xml version=\"1.0\"?>\n<!-- x -->\n<MPD><BaseURL>file:///etc/</BaseURL></MPD>";
    let sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nm=video 5000 RTP/AVP 96\r\n";
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let cases: [(&[u8], &str, &str); 28] = [
        (b"", "Empty", "empty"),
        (playlist.as_bytes(), "Playlist", "this is a playlist, not a video"),
        (b"\xef\xbb\xbf\r\n#EXTM3U\n", "Playlist", ""),
        (b"ffconcat version 1.0\nfile secret.ts\n", "Playlist", ""),
        (b"# my list\nfile 'secret.ts'\n", "Playlist", ""),
        (b"https://example.org/film.mp4\n", "Playlist", ""),
        (b"[playlist]\nFile1=secret.ts\n", "Playlist", ""),
        (dash.as_bytes(), "Manifest", "manifest"),
        (sdp.as_bytes(), "SessionDescription", "live session"),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
            "VectorImage",
            "",
        ),
        (b"<?xml version='1.0'?><!DOCTYPE svg PUBLIC '-//W3C'><svg/>", "VectorImage", ""),
        (b"<!DOCTYPE html><html><body>404</body></html>", "WebPage", "web page"),
        (b"<html><!-- \0\0\0\x20ftypisom -->", "Unknown", ""),
        (b"<?xml version='1.0'?><feed/>", "Xml", ""),
        (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n", "Subtitles", ""),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n", "Subtitles", ""),
        (b"DATABASE_PASSWORD=hunter2\nSECRET=1\n", "Text", "text"),
        ("Ein Text mit Umläuten: äöü".as_bytes(), "Text", ""),
        (b"\xff\xfeT\0e\0x\0t\0", "Text", ""),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "Image", "PNG"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "Image", "JPEG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "Image", "HEIF"),
        (b"PK\x03\x04\x14\0\0\0\x08\0film.mp4", "Archive", "ZIP"),
        (&tar, "Archive", "tar"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "Document", "PDF"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0", "Program", "program"),
        (b".RMF\0\0\0\x12", "Container", "RealMedia"),
        (&[0xA7; 5000], "Unknown", "unrecognised file"),
    ];
    for (number, (bytes, kind, words)) in cases.into_iter().enumerate() {
        let path = dir.path().join(format!("{number} -i;%d..\n.mp4"));
        std::fs::write(&path, bytes).unwrap();
        rejected(&path, kind, words).await;
    }
}

#[tokio::test]
async fn damaged_and_impossible_films_are_rejected_with_their_reason() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str, args: &str| clip(dir.path(), name, args);
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let video = "-f lavfi -i testsrc2=s=160x120:r=25:d=20 -c:v libx264 -preset ultrafast -g 25";
    let whole = std::fs::read(make("whole.mp4", video)).unwrap();
    rejected(&write("headless.mp4", &whole[..whole.len() / 2]), "Incomplete", "incomplete").await;
    let whole = std::fs::read(make("front.mp4", &format!("{video} -movflags +faststart"))).unwrap();
    rejected(&write("cut.mp4", &whole[..whole.len() / 2]), "Truncated", "of 20 seconds").await;
    let whole = std::fs::read(make("whole.mkv", video)).unwrap();
    rejected(&write("cut.mkv", &whole[..whole.len() / 2]), "Truncated", "of 20 seconds").await;
    let mut noise = b"\0\0\0\x18ftypisom\0\0\0\0isommp42".to_vec();
    noise.extend((0..50_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8));
    let path = write("noise.mp4", &noise);
    let error = probe(runner(), &path).await.unwrap_err();
    assert!(matches!(error, Error::Rejected(_)), "{error:?}");

    let short = "-f lavfi -i testsrc2=s=160x120:r=25:d=1";
    let foreign = make("magic.avi", &format!("{short} -c:v magicyuv"));
    rejected(&foreign, "Codec", "`magicyuv` is not supported").await;
    rejected(&make("raw.avi", &format!("{short} -c:v rawvideo")), "Codec", "`rawvideo`").await;
    let many = format!("{short} -map 0:v {} -c:v mjpeg", "-map 0:v ".repeat(256));
    rejected(&make("many.mkv", &format!("{many} -frames:v 2")), "TooManyStreams", "more than 256 streams")
        .await;
    rejected(&make("one.mp4", &format!("{short} -frames:v 1")), "SinglePicture", "single picture").await;
    let key = "-encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb \
               -encryption_kid a7e61c373e219033c21091fa607bf3b8";
    rejected(&make("locked.mp4", &format!("{short} -c:v libx264 {key}")), "Encrypted", "encrypted").await;
    std::fs::write(dir.path().join("words.srt"), "1\n00:00:01,000 --> 00:00:02,000\nHello\n").unwrap();
    let words = format!("-i {} -c:s srt", dir.path().join("words.srt").display());
    rejected(&make("words.mkv", &words), "NoStreams", "neither picture nor sound").await;
    let wide = "-f lavfi -i color=s=16384x8192:r=1:d=1 -c:v mjpeg -pix_fmt yuvj420p";
    rejected(&make("wide.mov", wide), "TooLarge", "16384 × 8192").await;

    std::fs::write(dir.path().join("zeros"), vec![0; 255 * 2 * 8000]).unwrap();
    let crowd = format!("-f s16le -ar 8000 -ac 255 -i {}", dir.path().join("zeros").display());
    rejected(&make("crowd.wav", &crowd), "TooManyChannels", "255 channels").await;
}

#[tokio::test]
async fn music_in_every_usual_wrapping_is_music() {
    let dir = tempfile::tempdir().unwrap();
    for (name, codec, container) in [
        ("a.m4a", "aac", "mov"),
        ("a.aac", "aac", "aac"),
        ("a.mp3", "libmp3lame", "mp3"),
        ("bare.mp3", "libmp3lame -id3v2_version 0 -write_xing 0", "mp3"),
        ("a.mp2", "mp2", "mp3"),
        ("a.flac", "flac", "flac"),
        ("a.ogg", "libvorbis", "ogg"),
        ("a.opus", "libopus", "ogg"),
        ("a.webm", "libopus", "matroska"),
        ("a.wav", "pcm_s16le", "wav"),
        ("b.wav", "pcm_s24le -rf64 always", "wav"),
        ("a.w64", "pcm_s16le", "w64"),
        ("a.aiff", "pcm_s16be", "aiff"),
        ("a.ac3", "ac3", "ac3"),
        ("a.eac3", "eac3", "eac3"),
        ("a.wma", "wmav2", "asf"),
    ] {
        let path = clip(dir.path(), name, &format!("-f lavfi -i sine=r=48000:d=2 -ac 2 -c:a {codec}"));
        let probed = probe(runner(), &path).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(probed.notes, Vec::<String>::new(), "{name}");
        let source = probed.source;
        assert_eq!((source.container.demuxer(), source.video), (container, None), "{name}");
        let [track] = &source.audio[..] else { panic!("{name}") };
        assert_eq!((track.sample_rate, track.channels), (48_000, 2), "{name}");
        assert!((1900..2100).contains(&track.duration_ms), "{name}: {}", track.duration_ms);
        assert!(track.start_us.abs() < 100_000, "{name}: {}", track.start_us);
    }
}

#[tokio::test]
async fn covers_turns_and_languages_are_understood() {
    let dir = tempfile::tempdir().unwrap();
    let short = "-f lavfi -i testsrc2=s=160x120:r=25:d=1";
    let cover = clip(dir.path(), "cover.png", "-f lavfi -i color=s=2000x2000:d=1 -frames:v 1");
    let song = format!(
        "-f lavfi -i sine=d=2 -i {} -map 0 -map 1 -c:a aac -c:v copy -disposition:v attached_pic",
        cover.display()
    );
    let song = probe(runner(), &clip(dir.path(), "song.m4a", &song)).await.unwrap().source;
    assert_eq!((song.video, song.audio.len()), (None, 1));

    let plain = clip(dir.path(), "plain.mp4", &format!("{short} -c:v libx264"));
    for (angle, rotation, shown) in [(90, 270, (120, 160)), (180, 180, (160, 120)), (270, 90, (120, 160))] {
        // ffmpeg 5.1 writes the tag's clockwise angle as a matrix.
        let args = format!("-i {} -c copy -metadata:s:v rotate={angle}", plain.display());
        let turned = clip(dir.path(), &format!("turned{angle}.mp4"), &args);
        let video = probe(runner(), &turned).await.unwrap().source.video.unwrap();
        assert_eq!((video.display_width, video.display_height), shown, "{angle}");
        assert!([rotation, (360 - rotation) % 360].contains(&video.rotation), "{angle}: {}", video.rotation);
    }

    let tracks = format!(
        "{short} -f lavfi -i sine=d=1 -itsoffset 0.5 -f lavfi -i sine=d=1 -map 0 -map 1 -map 2 -c:v libx264 \
         -c:a aac -metadata:s:a:0 language=ger -metadata:s:a:1 language=eng"
    );
    let film = probe(runner(), &clip(dir.path(), "tracks.mkv", &tracks)).await.unwrap().source;
    let [german, english] = &film.audio[..] else { panic!() };
    assert_eq!((german.language.as_str(), english.language.as_str()), ("de", "en"));
    let late = english.start_us - german.start_us;
    assert!((480_000..520_000).contains(&late), "{late}");

    let fields = format!("{short} -vf tinterlace=interleave_top -c:v mpeg2video -flags +ildct+ilme -top 1");
    let film = probe(runner(), &clip(dir.path(), "fields.ts", &fields)).await.unwrap().source;
    assert!(film.video.unwrap().interlaced);
}
