//! Segments that are read while their chunk is still being encoded.

use encode::chunk::{self, SoFar, Work};
use encode::template::reference;
use model::plan::Medium;
use tokio_util::sync::CancellationToken;

use crate::frames::Title;
use crate::support::{clip, jail, tools};

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
        let (plan, source, file, scratch) = (&title.plan, &title.source, &title.file, title.folder.path());
        let work = Work { plan, chunk, source, file, holes: false, scratch };
        let (never, mut known, mut early) = (CancellationToken::new(), SoFar::default(), vec![]);
        let look = async {
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(15)).await;
                for one in chunk::so_far(work, &mut known).await.unwrap_or_default() {
                    early.push((one.track, std::fs::read(&one.path).unwrap(), one.index));
                }
            }
        };
        let whole = tokio::select! {
            whole = chunk::encode(tools(), jail(), work, &never, |_| ()) => whole.unwrap(),
            () = look => unreachable!(),
        };
        let partial =
            early.iter().filter(|(_, _, index)| index.segments.len() < planned.segments.len()).count();
        assert!(partial > 0, "{of:?}: nothing could be read before the end");
        for (track, bytes, index) in early {
            let whole = whole.iter().find(|one| one.track == track).unwrap();
            assert!(std::fs::read(&whole.path).unwrap().starts_with(&bytes), "{track}");
            assert!(whole.index.segments.starts_with(&index.segments), "{track}");
            assert_eq!(index.bytes(), bytes.len() as u64);
        }
    }
}
