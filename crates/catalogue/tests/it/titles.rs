use catalogue::{Audience, Edit, Error, Kind, List};
use model::AccountId;
use model::title::Visibility;

use super::*;

#[tokio::test]
async fn an_object_becomes_one_title_once() {
    for shelf in shelves().await {
        let new = upload("films/test.mp4");
        let id = shelf.create(&new).await;
        assert_eq!(commit!(shelf, |c, tx| c.create(tx, NOW, &new)).unwrap(), None);
        let found = commit!(shelf, |c, tx| c.title_of_object(tx, new.object)).unwrap();
        assert_eq!(found, Some(id));
        assert_eq!(commit!(shelf, |c, tx| c.title_of_object(tx, ObjectId::new())).unwrap(), None);
        assert_eq!(commit!(shelf, |c, tx| c.source_object(tx, id)).unwrap(), new.object);
        // The same key again is another object.
        assert_ne!(shelf.create(&upload("films/test.mp4")).await, id);

        let title = shelf.title(id).await;
        assert_eq!((title.name.as_str(), title.source_key.as_str()), ("test", "films/test.mp4"));
        assert_eq!((title.state, title.visibility), (State::Received, Visibility::Members));
        assert_eq!((title.progress, title.playable, title.created_at), (0, false, NOW));
        assert_eq!(title.reason.as_deref(), Some("waiting for its file to be read"));
    }
}

#[tokio::test]
async fn a_title_goes_forward_and_says_what_it_waits_for() {
    for shelf in shelves().await {
        let id = shelf.create(&upload("a.mp4")).await;
        let (source, _) = film();
        for _ in 0..2 {
            commit!(shelf, |c, tx| c.keep_facts(tx, id, &source)).unwrap();
        }
        let title = shelf.title(id).await;
        assert_eq!((title.state, title.kind), (State::Probed, Some(Kind::Video)));
        assert_eq!((title.width, title.height, title.duration_ms), (Some(1280), Some(720), Some(10_000)));

        shelf.plan(id).await.unwrap();
        assert_eq!(shelf.title(id).await.state, State::Planned);
        commit!(shelf, |c, tx| c.advance(tx, id, State::Encoding)).unwrap();
        assert_eq!(shelf.title(id).await.reason.as_deref(), Some("being encoded"));
        shelf.catalogue.begin_waiting(id, WaitsFor::Space, "chunk 3 of 9: no space left\0").await.unwrap();
        assert_eq!(shelf.title(id).await.reason.as_deref(), Some("chunk 3 of 9: no space left"));
        assert_eq!(shelf.waiting(WaitsFor::Space).await, [id]);
        assert_eq!(shelf.waiting(WaitsFor::Worker).await, []);

        for back in [State::Received, State::Probed, State::Planned] {
            let refused = commit!(shelf, |c, tx| c.advance(tx, id, back));
            assert!(
                matches!(refused, Err(Error::Transition { from: State::Encoding, to, .. }) if to == back)
            );
        }
        let refused = commit!(shelf, |c, tx| c.keep_facts(tx, id, &source));
        assert!(matches!(refused, Err(Error::Transition { .. })));
        commit!(shelf, |c, tx| c.advance(tx, id, State::Published)).unwrap();
        assert_eq!(shelf.title(id).await.reason, None);
        assert_eq!(shelf.waiting(WaitsFor::Space).await, []);
    }
}

#[tokio::test]
async fn what_a_title_waits_for_is_told_by_no_words() {
    for shelf in shelves().await {
        let id = shelf.create(&upload("a.mp4")).await;
        shelf.catalogue.begin_waiting(id, WaitsFor::Space, "its file cannot be read yet").await.unwrap();
        assert_eq!(shelf.waiting(WaitsFor::Space).await, [id]);
        assert!(shelf.catalogue.end_waiting(id, WaitsFor::Space).await.unwrap());
        assert_eq!(shelf.waiting(WaitsFor::Space).await, []);
        assert_eq!(shelf.title(id).await.reason.as_deref(), Some("waiting for its file to be read"));
        shelf.catalogue.begin_waiting(id, WaitsFor::Space, "its file cannot be read yet").await.unwrap();
        shelf.plan(id).await.unwrap();
        assert_eq!(shelf.waiting(WaitsFor::Space).await, []);
        commit!(shelf, |c, tx| c.advance(tx, id, State::Encoding)).unwrap();
        shelf.catalogue.begin_waiting(id, WaitsFor::Worker, "waits for disk space, it says").await.unwrap();
        assert!(!shelf.catalogue.end_waiting(id, WaitsFor::Space).await.unwrap());
        assert_eq!(shelf.title(id).await.reason.as_deref(), Some("waits for disk space, it says"));
        assert!(shelf.catalogue.end_waiting(id, WaitsFor::Worker).await.unwrap());
        assert_eq!(shelf.title(id).await.reason.as_deref(), Some("being encoded"));
        assert!(!shelf.catalogue.end_waiting(id, WaitsFor::Worker).await.unwrap());
    }
}

#[tokio::test]
async fn what_a_title_of_an_earlier_version_waits_for_is_kept() {
    let before = db::Migrations { steps: &catalogue::MIGRATIONS.steps[..5], ..catalogue::MIGRATIONS };
    for test in db::testing::databases(&[before]).await {
        let insert = "INSERT INTO titles (id, name, folded, state, reason, visibility, source_object, bucket,
                source_key, template, created_at)
            VALUES ($1, 'a', 'a', $2, $3, 'members', $1, 'source', 'a.mp4', 'standard', 0)";
        let ids = [0, 1, 2, 3].map(|_| TitleId::new());
        for (id, state, reason) in [
            (ids[0], "encoding", "waits for disk space: needs 2 GB"),
            (ids[1], "encoding", "no worker is running that encodes"),
            (ids[2], "encoding", "being encoded"),
            (ids[3], "failed", "waits for disk space: never"),
        ] {
            test.db.execute(insert, db::args![id, state, reason]).await.unwrap();
        }
        test.db.migrate(&[catalogue::MIGRATIONS]).await.unwrap();
        let shelf = Shelf { catalogue: Catalogue::open(test.db.clone()).await.unwrap(), test };
        assert_eq!(shelf.waiting(WaitsFor::Space).await, [ids[0]]);
        assert_eq!(shelf.waiting(WaitsFor::Worker).await, [ids[1]]);
    }
}

#[tokio::test]
async fn a_title_that_an_earlier_version_cancelled_names_nobody() {
    let before = db::Migrations { steps: &catalogue::MIGRATIONS.steps[..7], ..catalogue::MIGRATIONS };
    for test in db::testing::databases(&[before]).await {
        let insert = "INSERT INTO titles (id, name, folded, state, reason, visibility, source_object, bucket,
                source_key, template, created_at)
            VALUES ($1, 'a', 'a', 'failed', $2, 'members', $1, 'source', 'a.mp4', 'standard', 0)";
        let reasons = ["cancelled by Ada.L@example.org", "cancelled on the command line", "no space @ home"];
        let ids = reasons.map(|_| TitleId::new());
        for (id, reason) in ids.iter().zip(reasons) {
            test.db.execute(insert, db::args![*id, reason]).await.unwrap();
        }
        test.db.migrate(&[catalogue::MIGRATIONS]).await.unwrap();
        let shelf = Shelf { catalogue: Catalogue::open(test.db.clone()).await.unwrap(), test };
        for (id, reason) in ids.into_iter().zip(["cancelled", reasons[1], reasons[2]]) {
            assert_eq!(shelf.title(id).await.reason.as_deref(), Some(reason));
        }
    }
}

#[tokio::test]
async fn a_title_ends_once_with_a_reason() {
    for shelf in shelves().await {
        let id = shelf.create(&upload("a.txt")).await;
        commit!(shelf, |c, tx| c.reject(tx, id, "this is a text, not a film")).unwrap();
        let title = shelf.title(id).await;
        assert_eq!(
            (title.state, title.reason.as_deref()),
            (State::Rejected, Some("this is a text, not a film"))
        );
        let refused = commit!(shelf, |c, tx| c.fail(tx, id, "later"));
        assert!(matches!(refused, Err(Error::Transition { from: State::Rejected, to: State::Failed, .. })));
        let refused = commit!(shelf, |c, tx| c.advance(tx, id, State::Probed));
        assert!(matches!(refused, Err(Error::Transition { .. })));
        assert!(matches!(shelf.plan(id).await, Err(Error::Transition { .. })));
        shelf.catalogue.begin_waiting(id, WaitsFor::Space, "changed").await.unwrap();
        assert_eq!(shelf.title(id).await.reason, title.reason);

        let silent = shelf.create(&upload("b.mp4")).await;
        commit!(shelf, |c, tx| c.fail(tx, silent, " \n ")).unwrap();
        assert_eq!(shelf.title(silent).await.reason.as_deref(), Some("no reason was given"));
        let long = shelf.create(&upload("c.mp4")).await;
        commit!(shelf, |c, tx| c.fail(tx, long, &"é".repeat(1001))).unwrap();
        assert_eq!(shelf.title(long).await.reason, Some("é".repeat(999) + "…"));
        let nobody = TitleId::new();
        assert!(matches!(commit!(shelf, |c, tx| c.fail(tx, nobody, "x")), Err(Error::NoTitle { .. })));
    }
}

#[tokio::test]
async fn names_are_changed_and_found() {
    for shelf in shelves().await {
        let one = shelf.create(&upload("100% Élan_a.mp4")).await;
        shelf.create(&upload("1000 élans.mp4")).await;
        let named = async |name: &str| {
            let found = shelf.catalogue.titles_named(name).await.unwrap();
            found.iter().map(|t| t.id).collect::<Vec<_>>()
        };
        assert_eq!(named("100% ÉLAN_A").await, [one]);
        assert_eq!(named("100%").await, []);
        shelf.catalogue.rename(one, " Der Film ☂ ").await.unwrap();
        assert_eq!(shelf.title(one).await.name, "Der Film ☂");
        assert_eq!(named("der film ☂").await, [one]);
        assert!(matches!(shelf.catalogue.rename(one, "\n").await, Err(Error::Name)));
        assert!(matches!(shelf.catalogue.rename(TitleId::new(), "x").await, Err(Error::NoTitle { .. })));
    }
}

#[tokio::test]
async fn pages_show_every_title_once_newest_first() {
    for shelf in shelves().await {
        let mut ids = Vec::new();
        for n in 0..7 {
            ids.push(shelf.create(&upload(&format!("{n}.mp4"))).await);
        }
        ids.reverse();
        let mut seen = Vec::new();
        loop {
            let page = List { before: seen.last().copied(), limit: 3, ..List::newest(Audience::Operator) };
            let titles = shelf.catalogue.list(&page).await.unwrap();
            if titles.is_empty() {
                break;
            }
            assert!(titles.len() <= 3);
            seen.extend(titles.iter().map(|t| t.id));
        }
        assert_eq!(seen, ids);
    }
}

#[tokio::test]
async fn an_audience_sees_what_it_may() {
    for shelf in shelves().await {
        let (ann, bob) = (AccountId::new(), AccountId::new());
        let (members, ..) = shelf.published("members.mp4").await;
        let (public, ..) = shelf.published("public.mp4").await;
        let edit = Edit { visibility: Some(Visibility::Public), ..Edit::default() };
        shelf.catalogue.edit(public, None, &edit).await.unwrap();
        let unplayable = shelf.create(&upload("soon.mp4")).await;
        let owned = NewTitle { owner: Some(ann), visibility: Visibility::Private, ..upload("anns.mp4") };
        let private = shelf.create(&owned).await;

        for (audience, expected) in [
            (Audience::Operator, vec![private, unplayable, public, members]),
            (Audience::Member(ann), vec![private, public, members]),
            (Audience::Member(bob), vec![public, members]),
            (Audience::Guest, vec![public]),
        ] {
            let seen = shelf.catalogue.list(&List::newest(audience)).await.unwrap();
            assert_eq!(seen.iter().map(|t| t.id).collect::<Vec<_>>(), expected, "{audience:?}");
        }
        for (state, expected) in [
            (State::Received, vec![private, unplayable]),
            (State::Published, vec![public, members]),
            (State::Failed, vec![]),
        ] {
            let listed = shelf.catalogue.in_state(state, None, 50).await.unwrap();
            assert_eq!(listed.iter().map(|t| t.id).collect::<Vec<_>>(), expected, "{state:?}");
        }
        let second = shelf.catalogue.in_state(State::Received, Some(private), 50).await.unwrap();
        assert_eq!(second.iter().map(|t| t.id).collect::<Vec<_>>(), [unplayable]);
    }
}

#[tokio::test]
async fn pages_of_a_member_have_its_own_and_others_titles_once_each() {
    for shelf in shelves().await {
        let ann = AccountId::new();
        let mut ids = Vec::new();
        for n in 0..7 {
            let (id, ..) = shelf.published_by((n % 2 == 0).then_some(ann), &format!("{n}.mp4")).await;
            if n % 3 == 0 {
                let public = Edit { visibility: Some(Visibility::Public), ..Edit::default() };
                shelf.catalogue.edit(id, None, &public).await.unwrap();
            }
            ids.push(id);
        }
        ids.reverse();
        let mut seen = Vec::new();
        loop {
            let page = List { before: seen.last().copied(), limit: 2, ..List::newest(Audience::Member(ann)) };
            let titles = shelf.catalogue.list(&page).await.unwrap();
            if titles.is_empty() {
                break;
            }
            assert!(titles.len() <= 2);
            seen.extend(titles.iter().map(|t| t.id));
        }
        assert_eq!(seen, ids);
    }
}

#[tokio::test]
async fn others_see_a_title_as_long_as_its_shown_encode_can_be_played() {
    for shelf in shelves().await {
        let seen = async || {
            shelf.catalogue.list(&List::newest(Audience::Member(AccountId::new()))).await.unwrap().len()
        };
        let (id, _, generation) = shelf.encoding("a.mp4").await;
        assert_eq!(seen().await, 0);
        for chunk in all_chunks() {
            shelf.add(generation, &chunk).await.unwrap();
        }
        assert!(shelf.title(id).await.playable);
        assert_eq!(seen().await, 1);
        // Another plan, of which nothing is stored, takes the place of one that was never complete.
        let (_, again) = shelf.plan(id).await.unwrap();
        assert!(!shelf.title(id).await.playable);
        assert_eq!(seen().await, 0);
        for chunk in all_chunks() {
            shelf.add(again, &chunk).await.unwrap();
        }
        commit!(shelf, |c, tx| c.complete(tx, NOW, again, &"measured")).unwrap();
        assert_eq!(seen().await, 1);
        // It stays shown while the title is encoded once more.
        shelf.plan(id).await.unwrap();
        assert_eq!(seen().await, 1);

        let (failing, _, generation) = shelf.encoding("b.mp4").await;
        for chunk in all_chunks() {
            shelf.add(generation, &chunk).await.unwrap();
        }
        assert_eq!(seen().await, 2);
        commit!(shelf, |c, tx| c.fail(tx, failing, "x")).unwrap();
        assert_eq!(seen().await, 1);
    }
}

#[tokio::test]
async fn titles_that_an_earlier_version_showed_are_listed() {
    let before = db::Migrations { steps: &catalogue::MIGRATIONS.steps[..9], ..catalogue::MIGRATIONS };
    for test in db::testing::databases(&[before]).await {
        let title = "INSERT INTO titles (id, name, folded, state, visibility, source_object, bucket, source_key, template,
                generation, created_at)
            VALUES ($1, 'a', 'a', 'published', 'members', $1, 'source', 'a.mp4', 'standard', $2, 0)";
        let generation =
            "INSERT INTO generations (id, asset, title, plan, source, expected, stored, total_weight, weight,
                playable, complete, created_at)
            VALUES ($2, $2, $1, '', '', 1, 0, 1, 0, $3, FALSE, 0)";
        let ids = [true, false].map(|playable| (TitleId::new(), Generation::new(), playable));
        for (id, of, playable) in ids {
            test.db.execute(title, db::args![id, of]).await.unwrap();
            test.db.execute(generation, db::args![id, of, playable]).await.unwrap();
        }
        test.db.migrate(&[catalogue::MIGRATIONS]).await.unwrap();
        let shelf = Shelf { catalogue: Catalogue::open(test.db.clone()).await.unwrap(), test };
        let seen = shelf.catalogue.list(&List::newest(Audience::Member(AccountId::new()))).await.unwrap();
        assert_eq!(seen.iter().map(|title| title.id).collect::<Vec<_>>(), [ids[0].0]);
    }
}

#[tokio::test]
async fn a_deleted_title_is_gone_for_everyone() {
    for shelf in shelves().await {
        let (id, asset, generation) = shelf.published("a.mp4").await;
        shelf.catalogue.asset(asset, generation).await.unwrap();
        commit!(shelf, |c, tx| c.delete(tx, NOW, id, &RESTORABLE)).unwrap();
        assert!(matches!(shelf.catalogue.title(id).await, Err(Error::NoTitle { .. })));
        assert!(matches!(shelf.catalogue.asset(asset, generation).await, Err(Error::NoGeneration { .. })));
        assert!(shelf.catalogue.list(&List::newest(Audience::Operator)).await.unwrap().is_empty());
        assert!(shelf.catalogue.titles_named("a").await.unwrap().is_empty());
        let kept = shelf.create(&upload("kept.mp4")).await;
        let read = shelf.catalogue.titles_of(&[id, kept, TitleId::new()]).await.unwrap();
        assert_eq!(read.iter().map(|title| title.id).collect::<Vec<_>>(), [kept]);
        assert!(shelf.catalogue.titles_of(&[]).await.unwrap().is_empty());
        assert!(matches!(shelf.catalogue.rename(id, "b").await, Err(Error::NoTitle { .. })));
        assert!(matches!(
            commit!(shelf, |c, tx| c.delete(tx, NOW, id, &RESTORABLE)),
            Err(Error::NoTitle { .. })
        ));
    }
}
