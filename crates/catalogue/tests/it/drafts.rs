//! Details entered before a title exists and after.

use catalogue::{Changed, Edit, Error};
use model::title::Visibility;
use model::{AccountId, BucketName, Key};

use super::*;

fn key() -> Key {
    "3f/My Film.mp4".parse().unwrap()
}

#[tokio::test]
async fn a_title_takes_its_draft_over() {
    for shelf in shelves().await {
        let (bucket, ann) = (BucketName::source(), AccountId::new());
        let draft = commit!(shelf, |c, tx| c.draft(tx, &bucket, &key(), ann, Visibility::Members)).unwrap();
        assert_eq!((draft.name.as_str(), draft.visibility), ("My Film", Visibility::Members));
        let edit = Edit {
            name: Some(" Mein Film "),
            description: Some("Two\r\nlines"),
            visibility: Some(Visibility::Private),
        };
        assert_eq!(shelf.catalogue.edit_draft(&bucket, &key(), &edit).await.unwrap(), None);
        let only = Edit { visibility: Some(Visibility::Public), ..Edit::default() };
        shelf.catalogue.edit_draft(&bucket, &key(), &only).await.unwrap();
        for bad in [Edit { name: Some(" "), ..only }, Edit { description: Some("a\0b"), ..only }] {
            assert!(shelf.catalogue.edit_draft(&bucket, &key(), &bad).await.is_err());
        }

        let upload = NewTitle { key: key(), ..upload("x.mp4") };
        let id = shelf.create(&upload).await;
        let title = shelf.title(id).await;
        assert_eq!((title.name.as_str(), title.description.as_str()), ("Mein Film", "Two\nlines"));
        assert_eq!((title.visibility, title.owner), (Visibility::Public, Some(ann)));
        assert_eq!(shelf.catalogue.draft_of(&bucket, &key()).await.unwrap().unwrap().title, Some(id));

        // A later edit reaches the title.
        let late = Edit { name: Some("Spät"), ..Edit::default() };
        let changed =
            async |edit: Edit<'_>| shelf.catalogue.edit_draft(&bucket, &key(), &edit).await.unwrap();
        let (title, same) = (id, Edit { visibility: Some(Visibility::Public), ..late });
        assert_eq!(changed(late).await, Some(Changed { title, visibility: false }));
        assert_eq!(changed(same).await, Some(Changed { title, visibility: false }));
        let other = Edit { visibility: Some(Visibility::Members), ..late };
        assert_eq!(changed(other).await, Some(Changed { title, visibility: true }));
        let title = shelf.title(id).await;
        assert_eq!((title.name.as_str(), title.visibility), ("Spät", Visibility::Members));
        // Another file of the same name is another title, and not the account's.
        let other = NewTitle { key: key(), ..super::upload("y.mp4") };
        let other = shelf.create(&other).await;
        assert_eq!((shelf.title(other).await.name.as_str(), shelf.title(other).await.owner), ("y", None));

        commit!(shelf, |c, tx| c.drop_draft(tx, &bucket, &key())).unwrap();
        let gone = shelf.catalogue.edit_draft(&bucket, &key(), &late).await;
        assert!(matches!(gone, Err(Error::NoDraft)));
        assert_eq!(shelf.title(id).await.name, "Spät");
    }
}

#[tokio::test]
async fn a_title_that_is_for_others_is_withdrawn_until_nobody_watches_it() {
    for shelf in shelves().await {
        let db = &shelf.test.db;
        let written = async || {
            let waiting = shelf.catalogue.withdrawals().await.unwrap();
            let mut tx = db.begin().await.unwrap();
            for withdrawal in &waiting {
                shelf.catalogue.forget_withdrawal(&mut tx, withdrawal.id).await.unwrap();
            }
            tx.commit().await.unwrap();
            waiting.iter().map(|withdrawal| withdrawal.title).collect::<Vec<_>>()
        };
        let id = shelf.create(&upload("a.mp4")).await;
        let seen = shelf.title(id).await;
        let same = Edit { name: Some("b"), visibility: Some(seen.visibility), ..Edit::default() };
        shelf.catalogue.edit(id, Some(seen.edited), &same).await.unwrap();
        assert_eq!(written().await, []);
        let private = Edit { visibility: Some(Visibility::Private), ..Edit::default() };
        let stale = shelf.catalogue.edit(id, Some(seen.edited), &private).await;
        assert!(matches!(stale, Err(Error::Stale { .. })));
        assert_eq!((written().await, shelf.title(id).await.visibility), (vec![], seen.visibility));
        shelf.catalogue.edit(id, Some(seen.edited + 1), &private).await.unwrap();
        assert_eq!(written().await, [id]);

        commit!(shelf, |c, tx| c.delete(tx, NOW, id, &RESTORABLE)).unwrap();
        assert_eq!(written().await, [id]);
        let gone = shelf.catalogue.edit(id, None, &private).await;
        assert!(matches!(gone, Err(Error::NoTitle { .. })));
        assert_eq!(written().await, []);
    }
}

#[tokio::test]
async fn no_change_is_lost() {
    for shelf in shelves().await {
        let id = shelf.create(&upload("a.mp4")).await;
        let seen = shelf.title(id).await.edited;
        let first = Edit { name: Some("first"), ..Edit::default() };
        shelf.catalogue.edit(id, Some(seen), &first).await.unwrap();
        let second = Edit { description: Some("second"), ..Edit::default() };
        let refused = shelf.catalogue.edit(id, Some(seen), &second).await;
        assert!(matches!(refused, Err(Error::Stale { title }) if title == id));
        let now = shelf.title(id).await;
        assert_eq!((now.name.as_str(), now.description.as_str(), now.edited), ("first", "", seen + 1));
        shelf.catalogue.edit(id, Some(now.edited), &second).await.unwrap();
        let now = shelf.title(id).await;
        assert_eq!((now.name.as_str(), now.description.as_str()), ("first", "second"));
    }
}
