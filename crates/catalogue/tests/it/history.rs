use catalogue::Watched;
use model::AccountId;

use super::*;

#[tokio::test]
async fn the_latest_position_of_each_account_is_kept() {
    for shelf in shelves().await {
        let (ann, bob) = (AccountId::new(), AccountId::new());
        let one = shelf.create(&upload("1.mp4")).await;
        let two = shelf.create(&upload("2.mp4")).await;
        let watch = |title, position_ms, at| Watched { title, position_ms, at: NOW.plus_ms(at) };
        for (account, watched) in [
            (ann, watch(one, 1000, 1)),
            (ann, watch(two, 500, 2)),
            (ann, watch(one, 9000, 3)),
            // A report that comes late.
            (ann, watch(one, 2000, 2)),
            (bob, watch(one, 7, 4)),
            (bob, watch(TitleId::new(), 7, 4)),
        ] {
            shelf.catalogue.remember_position(account, watched).await.unwrap();
        }
        assert_eq!(shelf.catalogue.position(ann, one).await.unwrap(), Some(watch(one, 9000, 3)));
        assert_eq!(shelf.catalogue.position(bob, two).await.unwrap(), None);
        assert_eq!(
            shelf.catalogue.history(ann, 10).await.unwrap(),
            [watch(one, 9000, 3), watch(two, 500, 2)]
        );
        assert_eq!(shelf.catalogue.history(ann, 1).await.unwrap().len(), 1);
        assert_eq!(shelf.catalogue.history(bob, 10).await.unwrap(), [watch(one, 7, 4)]);

        commit!(shelf, |c, tx| c.delete(tx, NOW, one, &RESTORABLE)).unwrap();
        assert_eq!(shelf.catalogue.history(ann, 10).await.unwrap(), [watch(two, 500, 2)]);
    }
}
