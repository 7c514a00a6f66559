use catalogue::{Room, room};

use super::*;

#[tokio::test]
async fn encodes_are_promised_their_bytes_one_after_the_other() {
    for shelf in shelves().await {
        let (_, plan) = film();
        let needs = room::of_plan(&plan);
        // Two renditions of 1 Mbit/s and 96 kbit/s of sound for ten seconds, buffers and scratch on top.
        assert!((2_620_000..6_000_000).contains(&needs), "{needs}");

        let (_, _, one) = shelf.encoding("one.mp4").await;
        let (second, _, two) = shelf.encoding("two.mp4").await;
        let available = needs + needs / 2;
        let promised = commit!(shelf, |c, tx| c.promise(tx, one, available)).unwrap();
        assert_eq!(promised, Room::Promised { now: true });
        assert_eq!(commit!(shelf, |c, tx| c.promise(tx, one, 0)).unwrap(), Room::Promised { now: false });
        let short = commit!(shelf, |c, tx| c.promise(tx, two, available)).unwrap();
        assert_eq!(short, Room::Short { needs, free: available - needs });

        // What is stored needs no promise any more.
        for chunk in all_chunks() {
            shelf.add(one, &chunk).await.unwrap();
        }
        let now = commit!(shelf, |c, tx| c.promise(tx, two, available)).unwrap();
        assert_eq!(now, Room::Promised { now: true });
        commit!(shelf, |c, tx| c.unpromise(tx, second)).unwrap();
        assert_eq!(commit!(shelf, |c, tx| c.promise(tx, two, 0)).unwrap(), Room::Short { needs, free: 0 });
    }
}
