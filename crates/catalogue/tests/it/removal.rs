use catalogue::{Error, Removal};

use super::*;

#[tokio::test]
async fn a_deleted_title_can_be_restored_until_its_time_has_come() {
    for shelf in shelves().await {
        let (id, asset, generation) = shelf.published("film.mp4").await;
        let c = &shelf.catalogue;
        commit!(shelf, |c, tx| c.delete(tx, NOW, id, &RESTORABLE)).unwrap();
        assert_eq!(c.gone_assets().await.unwrap(), [asset]);
        assert_eq!(c.restorable(None, None).await.unwrap()[0].purge_at, Some(RESTORABLE.purge_at));
        assert_eq!(c.due_for_removal(NOW).await.unwrap(), []);

        commit!(shelf, |c, tx| c.restore(tx, id, None)).unwrap();
        assert_eq!((shelf.title(id).await.state, c.gone_assets().await.unwrap()), (State::Published, vec![]));
        assert!(c.asset(asset, generation).await.is_ok());
        assert!(matches!(commit!(shelf, |c, tx| c.restore(tx, id, None)), Err(Error::NoTitle { .. })));

        commit!(shelf, |c, tx| c.delete(tx, NOW, id, &RESTORABLE)).unwrap();
        let sooner = Removal { purge_at: NOW, spare_source: true, by_owner: false };
        commit!(shelf, |c, tx| c.delete(tx, NOW, id, &sooner)).unwrap();
        assert_eq!(c.due_for_removal(NOW).await.unwrap(), [id]);
        let doomed = commit!(shelf, |c, tx| c.begin_purge(tx, NOW, id)).unwrap().unwrap();
        assert_eq!((doomed.assets, doomed.spare_source), (vec![asset], true));
        assert!(matches!(commit!(shelf, |c, tx| c.restore(tx, id, None)), Err(Error::NoTitle { .. })));
    }
}

#[tokio::test]
async fn chunks_are_taken_in_batches_and_nothing_is_left() {
    for shelf in shelves().await {
        let (id, _, _) = shelf.published("film.mp4").await;
        let (other, _, kept) = shelf.published("other.mp4").await;
        let now_gone = Removal { purge_at: NOW, spare_source: false, by_owner: false };
        commit!(shelf, |c, tx| c.delete(tx, NOW, id, &now_gone)).unwrap();
        commit!(shelf, |c, tx| c.begin_purge(tx, NOW, id)).unwrap().unwrap();
        let mut taken = 0;
        loop {
            let batch = commit!(shelf, |c, tx| c.take_chunks(tx, id, None, 3)).unwrap().len();
            assert!(batch <= 3);
            taken += batch;
            if batch == 0 {
                break;
            }
        }
        assert_eq!(taken, all_chunks().len());
        commit!(shelf, |c, tx| c.forget(tx, id)).unwrap();
        assert_eq!(shelf.catalogue.due_for_removal(NOW).await.unwrap(), []);
        assert_eq!(shelf.catalogue.gone_assets().await.unwrap().len(), 1, "it outlives the title");
        assert_eq!(shelf.catalogue.forget_gone(NOW).await.unwrap(), 1);
        assert_eq!(shelf.title(other).await.state, State::Published);
        assert!(!shelf.catalogue.chunks(kept, Track::Video(0)).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_old_generation_goes_once_its_successor_was_shown_for_long() {
    for shelf in shelves().await {
        let (id, asset, old) = shelf.published("film.mp4").await;
        let long = NOW.plus_ms(1);
        assert_eq!(shelf.catalogue.superseded(long).await.unwrap(), []);
        let (_, new) = shelf.plan(id).await.unwrap();
        assert_eq!(shelf.title(id).await.generation, Some(old), "it plays until the new one is complete");
        for chunk in all_chunks() {
            shelf.add(new, &chunk).await.unwrap();
        }
        commit!(shelf, |c, tx| c.complete(tx, NOW, new, &"measured")).unwrap();
        assert_eq!(shelf.catalogue.superseded(NOW.plus_ms(-1)).await.unwrap(), []);
        assert_eq!(shelf.catalogue.superseded(long).await.unwrap(), [(id, asset, old)]);
        while !commit!(shelf, |c, tx| c.take_chunks(tx, id, Some(old), 4)).unwrap().is_empty() {}
        commit!(shelf, |c, tx| c.forget_generation(tx, old)).unwrap();
        commit!(shelf, |c, tx| c.forget_generation(tx, new)).unwrap();
        assert_eq!(shelf.catalogue.superseded(long).await.unwrap(), []);
        assert_eq!(shelf.title(id).await.generation, Some(new));
    }
}

#[tokio::test]
async fn what_failed_may_be_tried_again_and_nothing_else() {
    for shelf in shelves().await {
        let (id, _, _) = shelf.encoding("film.mp4").await;
        let early = commit!(shelf, |c, tx| c.revive(tx, id, State::Encoding));
        assert!(matches!(early, Err(Error::Transition { .. })));
        commit!(shelf, |c, tx| c.fail(tx, id, "cancelled by somebody")).unwrap();
        commit!(shelf, |c, tx| c.revive(tx, id, State::Encoding)).unwrap();
        assert_eq!(shelf.title(id).await.reason.as_deref(), Some("being encoded"));
        commit!(shelf, |c, tx| c.reject(tx, id, "broken")).unwrap();
        commit!(shelf, |c, tx| c.revive(tx, id, State::Received)).unwrap();
        assert_eq!(shelf.title(id).await.state, State::Received);
    }
}

#[tokio::test]
async fn a_source_is_held_once_however_often_it_is_asked() {
    for shelf in shelves().await {
        let new = upload("film.mp4");
        let id = shelf.create(&new).await;
        assert_eq!(commit!(shelf, |c, tx| c.hold_source(tx, id)).unwrap(), Some(new.object));
        assert_eq!(commit!(shelf, |c, tx| c.hold_source(tx, id)).unwrap(), None);
        assert_eq!(commit!(shelf, |c, tx| c.let_go_source(tx, id)).unwrap(), Some(new.object));
        assert_eq!(commit!(shelf, |c, tx| c.let_go_source(tx, id)).unwrap(), None);
        assert!(!commit!(shelf, |c, tx| c.is_source_unneeded(tx, id)).unwrap());
        assert_eq!(commit!(shelf, |c, tx| c.drop_source(tx, NOW, id)).unwrap(), Some(new.object));
        assert_eq!(commit!(shelf, |c, tx| c.drop_source(tx, NOW, id)).unwrap(), None);
        assert_eq!(shelf.title(id).await.source_dropped_at, Some(NOW));
    }
}

#[tokio::test]
async fn every_deleted_title_is_on_one_page_and_found_by_its_name() {
    for shelf in shelves().await {
        let c = &shelf.catalogue;
        let mut ids = Vec::new();
        for n in 0..203 {
            let id = shelf.create(&upload(&format!("{n}.mp4"))).await;
            // Several in the same millisecond, as a script does it.
            let at = NOW.plus_ms(n / 100);
            commit!(shelf, |c, tx| c.delete(tx, at, id, &RESTORABLE)).unwrap();
            ids.push(id);
        }
        ids.reverse();
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = c.restorable(None, after).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.deleted_at.map(|at| (at, last.id));
            seen.extend(page.iter().map(|title| title.id));
        }
        assert_eq!(seen, ids);
        let named = async |name: &str| c.restorable_named(name).await.unwrap().map(|title| title.id);
        assert_eq!(named("0").await, ids.last().copied());
        assert_eq!(named(&ids[0].to_string()).await, Some(ids[0]));
        assert_eq!(named("none").await, None);
    }
}
