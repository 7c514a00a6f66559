//! Segments that are read while their chunk is still being encoded.

use std::path::Path;

use encode::chunk::{self, SoFar, Work};
use model::plan::Medium;
use template::reference;

use crate::support::{clip, runner};
use crate::title::Title;

/// Links the folder in which ffmpeg writes into one that stays: they are the same files, however they grow.
fn link(scratch: &Path, kept: &Path) {
    let folders = std::fs::read_dir(scratch).unwrap().map(|entry| entry.unwrap());
    for folder in folders.filter(|entry| entry.file_type().unwrap().is_dir()) {
        let to = kept.join(folder.file_name());
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let (from, to) = (file.as_ref().unwrap().path(), to.join(file.unwrap().file_name()));
            if !to.exists() {
                std::fs::hard_link(from, to).unwrap();
            }
        }
    }
}

/// Copies a linked folder as it was when ffmpeg had written so many eighths of each track; the list of decoded frames
/// runs ahead of them.
fn copy(kept: &Path, scratch: &Path, eighths: usize) {
    for folder in std::fs::read_dir(kept).unwrap() {
        let (from, to) =
            (folder.as_ref().unwrap().path(), scratch.join(folder.as_ref().unwrap().file_name()));
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            let bytes = std::fs::read(file.path()).unwrap();
            let written = if file.file_name() == "seen" { bytes.len() } else { bytes.len() * eighths / 8 };
            std::fs::write(to.join(file.file_name()), &bytes[..written]).unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_read_early_is_the_beginning_of_the_chunk() {
    let folder = tempfile::tempdir().unwrap();
    let film = clip(
        folder.path(),
        "film.mp4",
        "-f lavfi -i testsrc2=s=640x360:r=24:d=40 -f lavfi -i sine=frequency=330:beep_factor=4:d=40 \
         -c:v libx264 -preset ultrafast -g 48 -pix_fmt yuv420p -c:a aac",
    );
    let title = Title::of(&film, &reference()).await;
    for of in [Medium::Video, Medium::Audio(0)] {
        let longest =
            (0..).zip(&title.plan.chunks).filter(|(_, c)| c.of == of).max_by_key(|(_, c)| c.segments.len());
        let (chunk, planned) = longest.unwrap();
        let [scratch, kept, running] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let work = Work { scratch: scratch.path(), ..title.work(chunk) };
        let progress = |_| link(scratch.path(), kept.path());
        let whole = chunk::encode(runner(), &title.template, work, progress).await.unwrap();

        let (work, mut known) = (Work { scratch: running.path(), ..work }, SoFar::default());
        let mut partial = 0;
        for eighths in 0..=8 {
            copy(kept.path(), running.path(), eighths);
            for early in chunk::so_far(work, &mut known).await.unwrap() {
                let whole = whole.iter().find(|one| one.track == early.track).unwrap();
                let bytes = std::fs::read(&early.path).unwrap();
                assert!(std::fs::read(&whole.path).unwrap().starts_with(&bytes), "{}", early.track);
                assert!(whole.index.segments.starts_with(&early.index.segments), "{}", early.track);
                assert_eq!(early.index.bytes(), bytes.len() as u64);
                partial += usize::from(early.index.segments.len() < planned.segments.len());
            }
        }
        assert!(partial > 0, "{of:?}: nothing could be read before the end");
        if of == Medium::Video {
            let others = title.plan.renditions.len() - 1;
            let last = running.path().join(format!("c{chunk}-run")).join(format!("v{others}.mp4"));
            std::fs::remove_file(last).unwrap();
            let found = chunk::so_far(work, &mut SoFar::default()).await.unwrap();
            assert!(
                others > 0 && found.len() == others,
                "one that has no file yet keeps others from being shown"
            );
        }
    }
}
