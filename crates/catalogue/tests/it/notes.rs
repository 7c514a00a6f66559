use catalogue::MAX_NOTES;

use super::*;

#[tokio::test]
async fn notes_belong_to_the_encode_that_is_shown() {
    for shelf in shelves().await {
        let (id, _, first) = shelf.published("a.mp4").await;
        let source = ["second".to_owned(), "first\n and last".to_owned()];
        commit!(shelf, |c, tx| c.add_source_notes(tx, first, &source)).unwrap();
        for (track, chunk, note) in [
            (Track::Video(0), 2, "the picture"),
            (Track::Audio(0), 4, "silence"),
            (Track::Audio(0), 1, "silence"),
            (Track::Audio(0), 1, "another try says something else"),
        ] {
            commit!(shelf, |c, tx| c.add_chunk_note(tx, first, (track, chunk), note)).unwrap();
        }
        let kept = ["second", "first  and last", "silence", "the picture"];
        assert_eq!(shelf.catalogue.notes(first).await.unwrap(), kept, "in order, each once");

        let (_, second) = shelf.plan(id).await.unwrap();
        assert_eq!(shelf.catalogue.notes(second).await.unwrap(), Vec::<String>::new());
        assert_eq!(shelf.catalogue.notes(first).await.unwrap(), kept);
    }
}

#[tokio::test]
async fn more_notes_than_anybody_reads_are_counted() {
    for shelf in shelves().await {
        let (_, _, generation) = shelf.published("a.mp4").await;
        let many: Vec<String> = (0..MAX_NOTES + 7).map(|n| format!("note {n}")).collect();
        commit!(shelf, |c, tx| c.add_source_notes(tx, generation, &many)).unwrap();
        let shown = shelf.catalogue.notes(generation).await.unwrap();
        assert_eq!(shown[..MAX_NOTES], many[..MAX_NOTES]);
        assert_eq!(shown[MAX_NOTES..], ["7 more notes are in the logs of the jobs"]);
    }
}

#[tokio::test]
async fn notes_go_with_their_title() {
    for shelf in shelves().await {
        let (id, _, generation) = shelf.published("a.mp4").await;
        commit!(shelf, |c, tx| c.add_source_notes(tx, generation, &["a note".to_owned()])).unwrap();
        commit!(shelf, |c, tx| c.delete(tx, NOW, id, &RESTORABLE)).unwrap();
        commit!(shelf, |c, tx| c.begin_purge(tx, RESTORABLE.purge_at, id)).unwrap().unwrap();
        commit!(shelf, |c, tx| c.take_chunks(tx, id, None, 100)).unwrap();
        commit!(shelf, |c, tx| c.forget(tx, id)).unwrap();
        assert_eq!(shelf.catalogue.notes(generation).await.unwrap(), Vec::<String>::new());
    }
}
