//! A full disk under ffmpeg: whatever ffmpeg makes of it, it is told as one.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;

use encode::run::{Arg, Ffmpeg, Input, Said, Timeouts};
use encode::{Container, Error, Result};
use jail::Limits;

use crate::support::{clip, runner};

/// A disk of so many bytes; `None`, and a line in the output, where nobody may mount one.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new(bytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={bytes}");
        let done =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        let said = done.map_or_else(
            |error| error.to_string(),
            |out| match out.status.success() {
                true => String::new(),
                false => String::from_utf8_lossy(&out.stderr).trim().to_owned(),
            },
        );
        if said.is_empty() {
            return Some(Self(folder));
        }
        model::testing::skipped(&format!("a full disk (no tmpfs may be mounted here: {said})"));
        None
    }

    /// A file that takes all the space there is but for so many bytes.
    fn fill(&self, but: usize) {
        let path = self.0.path().join("ballast");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        let bytes = file.metadata().unwrap().len();
        file.set_len(bytes - but as u64).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

async fn run(song: &Path, folder: &Path, after: &str) -> Result<Said> {
    let after: Vec<&'static str> = after.to_owned().leak().split_ascii_whitespace().collect();
    let run = Ffmpeg {
        input: Input { file: song, container: Container::Wav },
        before: vec![],
        after: after.into_iter().map(Arg::from).collect(),
        folder,
        limits: Limits::default(),
        timeouts: Timeouts::default(),
    };
    runner().ffmpeg(run, |_| ()).await
}

#[tokio::test]
async fn a_full_disk_is_told_however_ffmpeg_ends() {
    const MP4: &str =
        "-c:a aac -b:a 128k -movflags +empty_moov+default_base_moof -frag_duration 4000000 -f mp4 file:a.mp4";
    const SHORT: &str = "-t 1 -c:a aac -f mp4 file:a.mp4";
    const LIST: &str =
        "-af ametadata=mode=add:key=seen:value=1,ametadata=mode=print:direct=1:file=seen -f null -";
    const PAGE: usize = 4096;
    let source = tempfile::tempdir().unwrap();
    let song = clip(source.path(), "song.wav", "-f lavfi -i sine=d=60");
    for (what, after, free) in [
        ("it ends with a code", MP4, 64 * PAGE),
        ("it cannot begin", MP4, 0),
        ("it says so at its end, and ends well", SHORT, 0),
        ("it says nothing and ends well", LIST, 4 * PAGE),
    ] {
        let Some(disk) = Disk::new(1 << 20) else { return };
        disk.fill(free);
        let full = run(&song, disk.0.path(), after).await;
        let Err(Error::File { path, source }) = &full else { panic!("{what}: {full:?}") };
        assert_eq!((path.as_path(), source.kind()), (disk.0.path(), ErrorKind::StorageFull), "{what}");
        let left: Vec<_> = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(!left.contains(&"room".into()), "{what}: {left:?}");
    }
}

#[tokio::test]
async fn what_has_room_is_none_the_worse_for_it() {
    let source = tempfile::tempdir().unwrap();
    let song = clip(source.path(), "song.wav", "-f lavfi -i sine=d=5");
    let Some(disk) = Disk::new(1 << 20) else { return };
    run(&song, disk.0.path(), "-c:a aac -f mp4 file:a.mp4").await.unwrap();
    let left: Vec<_> = std::fs::read_dir(disk.0.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["a.mp4"]);
}
