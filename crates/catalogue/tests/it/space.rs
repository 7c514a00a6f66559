use catalogue::{SpaceBudget, space};

use super::*;

#[tokio::test]
async fn encodes_are_promised_their_bytes_one_after_the_other() {
    for shelf in shelves().await {
        let (source, plan) = film();
        let needs = space::of_plan(&plan);
        assert_eq!(space::of_source(&source), 0, "of an MP4 file parts are copied");
        // Two renditions of 1 Mbit/s and 96 kbit/s of sound for ten seconds, buffers and scratch on top.
        assert!((2_620_000..6_000_000).contains(&needs), "{needs}");

        let (_, _, one) = shelf.encoding("one.mp4").await;
        let (second, _, two) = shelf.encoding("two.mp4").await;
        let available = needs + needs / 2;
        let promised = commit!(shelf, |c, tx| c.promise(tx, one, available)).unwrap();
        assert_eq!(promised, SpaceBudget::Promised { now: true });
        assert_eq!(
            commit!(shelf, |c, tx| c.promise(tx, one, 0)).unwrap(),
            SpaceBudget::Promised { now: false }
        );
        let short = commit!(shelf, |c, tx| c.promise(tx, two, available)).unwrap();
        assert_eq!(short, SpaceBudget::Short { needs, free: available - needs });

        // A stored chunk needs no reserved space any more.
        for chunk in all_chunks() {
            shelf.add(one, &chunk).await.unwrap();
        }
        let now = commit!(shelf, |c, tx| c.promise(tx, two, available)).unwrap();
        assert_eq!(now, SpaceBudget::Promised { now: true });
        commit!(shelf, |c, tx| c.unpromise(tx, second)).unwrap();
        assert_eq!(
            commit!(shelf, |c, tx| c.promise(tx, two, 0)).unwrap(),
            SpaceBudget::Short { needs, free: 0 }
        );
    }
}

#[tokio::test]
async fn a_source_that_is_copied_whole_needs_room_too() {
    for shelf in shelves().await {
        let (source, plan) = film();
        let source = Source { container: model::media::Container::Matroska, bytes: 5_000_000_000, ..source };
        let id = shelf.create(&upload("a.mkv")).await;
        let (_, generation) = commit!(shelf, |c, tx| c.add_generation(tx, NOW, id, &source, &plan)).unwrap();
        let short = commit!(shelf, |c, tx| c.promise(tx, generation, 5_000_000_000)).unwrap();
        let needs = space::of_plan(&plan) + 5_000_000_000;
        assert_eq!(short, SpaceBudget::Short { needs, free: 5_000_000_000 });
    }
}
