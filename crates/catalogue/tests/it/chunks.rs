use catalogue::{Error, Written};

use super::*;

const V0: Track = Track::Video(0);
const V1: Track = Track::Video(1);
const A0: Track = Track::Audio(0);

#[tokio::test]
async fn the_first_written_bytes_stand() {
    for shelf in shelves().await {
        let (id, _, generation) = shelf.encoding("a.mp4").await;
        let first = chunk(V0, 0);
        assert_eq!(shelf.add(generation, &first).await.unwrap(), Written::New);
        let progress = shelf.title(id).await.progress;
        assert!(progress > 0);

        let same = Chunk { object: ObjectId::new(), ..first.clone() };
        assert_eq!(shelf.add(generation, &same).await.unwrap(), Written::Stood);
        let other = Chunk { sha256: [8; 32], ..first.clone() };
        let refused = shelf.add(generation, &other).await;
        assert!(matches!(refused, Err(Error::ChunkDiffers { track: V0, chunk: 0 })), "{refused:?}");
        assert_eq!(shelf.catalogue.chunk(generation, V0, 0).await.unwrap(), Some(first));
        assert_eq!(shelf.title(id).await.progress, progress);

        let stands = commit!(shelf, |c, tx| c.chunk_stands(tx, generation, V0, 0, &[7; 32])).unwrap();
        let missing = commit!(shelf, |c, tx| c.chunk_stands(tx, generation, V0, 2, &[7; 32])).unwrap();
        assert!(stands && !missing);
    }
}

#[tokio::test]
async fn only_what_is_planned_is_stored() {
    for shelf in shelves().await {
        let (.., generation) = shelf.encoding("a.mp4").await;
        for (track, n) in
            [(V0, 1), (A0, 0), (Track::Video(2), 0), (Track::Audio(1), 1), (V0, 5), (V0, u32::MAX)]
        {
            let refused = shelf.add(generation, &chunk(track, n)).await;
            assert!(matches!(refused, Err(Error::NotPlanned { .. })), "{track} {n}");
        }
        let refused = shelf.add(Generation::new(), &chunk(V0, 0)).await;
        assert!(matches!(refused, Err(Error::NoGeneration { .. })));
    }
}

#[tokio::test]
async fn chunks_of_a_track_are_read_in_order() {
    for shelf in shelves().await {
        let (.., generation) = shelf.encoding("a.mp4").await;
        for (track, n) in [(V0, 3), (V1, 3), (A0, 4), (V0, 0), (V0, 2)] {
            shelf.add(generation, &chunk(track, n)).await.unwrap();
        }
        let numbers = |rows: Vec<Chunk>| rows.iter().map(|c| c.chunk).collect::<Vec<_>>();
        assert_eq!(numbers(shelf.catalogue.chunks(generation, V0).await.unwrap()), [0, 2, 3]);
        assert_eq!(numbers(shelf.catalogue.chunks(generation, A0).await.unwrap()), [4]);
        assert_eq!(shelf.catalogue.chunk(generation, A0, 1).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_title_is_playable_with_the_head_of_its_lowest_rendition_and_audio() {
    for shelf in shelves().await {
        let (id, _, generation) = shelf.encoding("a.mp4").await;
        for (track, n, playable) in
            [(V0, 0, false), (V0, 2, false), (A0, 1, false), (V1, 2, false), (V1, 0, true)]
        {
            shelf.add(generation, &chunk(track, n)).await.unwrap();
            assert_eq!(shelf.title(id).await.playable, playable, "{track} {n}");
        }
        commit!(shelf, |c, tx| c.fail(tx, id, "frame 7 is broken")).unwrap();
        assert!(!shelf.title(id).await.playable);
    }
}

#[tokio::test]
async fn progress_grows_with_the_work_that_is_done() {
    for shelf in shelves().await {
        let (id, _, generation) = shelf.encoding("a.mp4").await;
        let mut before = 0;
        let chunks = all_chunks();
        for (n, chunk) in chunks.iter().enumerate() {
            shelf.add(generation, chunk).await.unwrap();
            let now = shelf.title(id).await.progress;
            assert!(now > before && (now == 1000) == (n + 1 == chunks.len()), "{before} {now}");
            before = now;
        }
    }
}

/// Each of two transactions stores one half of what makes a title playable.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_chunks_are_all_counted() {
    for shelf in shelves().await {
        let (id, _, generation) = shelf.encoding("a.mp4").await;
        let writers = all_chunks().into_iter().chain(all_chunks()).map(|chunk| {
            let (catalogue, db) = (shelf.catalogue.clone(), shelf.test.db.clone());
            tokio::spawn(async move {
                let mut tx = db.begin().await.unwrap();
                let written = catalogue.add_chunk(&mut tx, NOW, generation, &chunk).await.unwrap();
                tx.commit().await.unwrap();
                written
            })
        });
        let mut new = 0;
        for writer in writers.collect::<Vec<_>>() {
            new += u32::from(writer.await.unwrap() == Written::New);
        }
        assert_eq!(new, 8, "{:?}", shelf.test.engine());
        let title = shelf.title(id).await;
        assert_eq!((title.progress, title.playable), (1000, true));
        commit!(shelf, |c, tx| c.complete(tx, NOW, generation, &1)).unwrap();
    }
}
