//! Pictures of every shape, depth, range and age come out upright, square, 8 bits deep and tagged.

use std::path::Path;
use std::process::Command;

use encode::chunk;
use encode::{Error, Rejection};
use model::plan::{Medium, Track};
use template::standard;

use crate::frames::small;
use crate::support::{clip, runner, shared};
use crate::title::Title;

/// Encodes a title; what ffprobe says of its first rendition.
async fn encoded(title: &Title) -> String {
    let encoded = title.encode_in_reverse(Medium::Video).await;
    let whole = title.whole(Track::Video(0), &encoded);
    let mut command = Command::new("ffprobe");
    let fields = "width,height,sample_aspect_ratio,pix_fmt,color_range,color_space,color_transfer,color_primaries,field_order";
    command.args(["-v", "error", "-of", "compact=p=0:nk=1", "-show_entries", &format!("stream={fields}")]);
    let out = command.arg(&whole).output().unwrap();
    assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().lines().next().unwrap().trim_end_matches('|').to_owned()
}

#[tokio::test]
async fn odd_films_become_plain_ones() {
    const HD: &str = "384|216|1:1|yuv420p|tv|bt709|bt709|bt709|progressive";
    const SD: &str = "384|216|1:1|yuv420p|tv|smpte170m|smpte170m|smpte170m|progressive";
    for (name, expected) in [
        ("ae_SAR-2by3.mp4", SD),
        ("internal_emulator_transformer_output_270_rotated.mp4", HD),
        ("hdr10-video-with-sdr-container.mp4", HD),
        ("hlg10-color-test.mp4", HD),
        ("mv_with_2_top_shots.mp4", HD),
        ("kyrion_mpeg2av_ac3.ts", HD),
        ("kyrion_dirtystart.ts", HD),
        ("bbb_800x640_768kbps_30fps_avc_2b_firstpts_10_sec.mp4", SD),
        ("h264_10bits.mp4", SD),
        ("sample.avi", SD),
    ] {
        let Some(file) = shared(&format!("odd/{name}")) else { continue };
        let title = Title::of(&file, &small()).await;
        assert_eq!(encoded(&title).await, expected, "{name}");
    }
}

/// Bright and dark quarters of the first frame, row by row.
async fn quarters(file: &Path) -> String {
    let title = Title::of(file, &standard()).await;
    let size = &title.plan.renditions[0];
    let (width, height) = (size.width as usize, size.height as usize);
    let encoded = title.encode_in_reverse(Medium::Video).await;
    let whole = title.whole(Track::Video(0), &encoded);
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(whole);
    command.args(["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"]);
    let pixels = command.output().unwrap().stdout;
    assert_eq!(pixels.len(), width * height);
    let bright =
        |x: usize, y: usize| if pixels[y * height / 4 * width + x * width / 4] > 128 { '#' } else { '.' };
    format!("{width}x{height} {}{} {}{}", bright(1, 1), bright(3, 1), bright(1, 3), bright(3, 3))
}

#[tokio::test]
async fn turned_and_stretched_pictures_are_shown_upright() {
    let folder = tempfile::tempdir().unwrap();
    // Its upper left quarter is bright.
    let drawn = "-f lavfi -i color=black:s=128x64:r=25:d=1,drawbox=0:0:64:32:white:fill -pix_fmt yuv420p -c:v libx264";
    let plain = clip(folder.path(), "plain.mp4", drawn);
    assert_eq!(quarters(&plain).await, "128x64 #. ..");
    // ffmpeg counts the other way round here.
    for (rotate, expected) in [("270", "64x128 .# .."), ("180", "128x64 .. .#"), ("90", "64x128 .. #.")] {
        let args = format!("-i {} -c copy -metadata:s:v:0 rotate={rotate}", plain.display());
        let turned = clip(folder.path(), &format!("{rotate}.mp4"), &args);
        assert_eq!(quarters(&turned).await, expected, "{rotate}");
    }
    let wide = clip(folder.path(), "wide.mp4", &format!("{drawn} -aspect 4:1"));
    assert_eq!(quarters(&wide).await, "256x64 #. ..");
}

#[tokio::test]
async fn a_file_that_stops_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let made = "-f lavfi -i testsrc2=s=320x180:r=25:d=12 -c:v libx264 -g 50 -movflags +faststart";
    let file = clip(folder.path(), "film.mp4", made);
    let title = Title::of(&file, &standard()).await.cut(1);
    // Cut off after it was probed, so that only decoding can tell.
    let bytes = std::fs::metadata(&file).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(bytes * 6 / 10).unwrap();
    let mut reasons = vec![];
    for (n, chunk) in (0..).zip(&title.plan.chunks) {
        assert_eq!(chunk.of, Medium::Video);
        match chunk::encode(runner(), &title.template, title.work(n), |_| ()).await {
            Ok(_) => reasons.push("fine".to_owned()),
            Err(Error::Rejected(why @ Rejection::Truncated { .. })) => reasons.push(why.to_string()),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(reasons[0], "fine");
    assert_eq!(reasons[5], "the file stops in the middle: 7 of 12 seconds can be read");
}

#[tokio::test]
async fn what_pictures_say_of_themselves_is_not_taken_for_frames() {
    let folder = tempfile::tempdir().unwrap();
    let plain = clip(folder.path(), "plain.jpg", "-f lavfi -i color=gray:s=64x64 -frames:v 1");
    let mut picture = std::fs::read(plain).unwrap();
    // Exif (TIFF 6.0) with one entry, ImageDescription: no UTF-8, and a line as of a frame an hour later.
    let said = b"caf\xe9\nframe:9    pts:3600000000  pts_time:3600\n\0";
    let size = said.len() as u8;
    let entry = [0x0e, 1, 2, 0, size, 0, 0, 0, 26, 0, 0, 0];
    let exif = [&b"Exif\0\0II*\0\x08\0\0\0\x01\0"[..], &entry, &[0; 4], said].concat();
    let segment = [&[0xff, 0xe1, 0, exif.len() as u8 + 2][..], &exif].concat();
    picture.splice(2..2, segment);
    let told = folder.path().join("told.jpg");
    std::fs::write(&told, picture).unwrap();
    let args = format!("-loop 1 -framerate 5 -i {} -frames:v 10 -c copy", told.display());
    let title = Title::of(&clip(folder.path(), "told.avi", &args), &small()).await;
    assert_eq!(title.encode_in_reverse(Medium::Video).await.len(), title.plan.renditions.len());

    // The same film, of which the second half is missing: the hour in its pictures does not make up for it.
    let mut cut = title;
    let video = cut.source.video.as_mut().unwrap();
    video.frames = 20;
    cut.source.duration_ms *= 2;
    cut.replan().await;
    let ended = cut.try_encode(cut.plan.chunks.len() as u32 - 1).await;
    assert!(matches!(ended, Err(Error::Rejected(Rejection::Truncated { .. }))), "{ended:?}");
}
