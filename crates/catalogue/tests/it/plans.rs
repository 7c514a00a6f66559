use catalogue::Error;
use db::args;

use super::*;

#[tokio::test]
async fn the_origin_reads_what_was_planned() {
    for shelf in shelves().await {
        let (id, asset, generation) = shelf.encoding("a.mp4").await;
        let read = shelf.catalogue.asset(asset, generation).await.unwrap();
        let (source, plan) = film();
        assert_eq!((&read.plan, &read.source, read.title), (&plan, &source, id));
        assert_eq!((read.id, read.generation, read.complete), (asset, generation, false));
        assert_eq!(read.measured, None);
        let title = shelf.title(id).await;
        assert_eq!((title.asset, title.generation), (Some(asset), Some(generation)));
        // Both halves of a path must belong together.
        for (asset, generation) in [(AssetId::new(), generation), (asset, Generation::new())] {
            let refused = shelf.catalogue.asset(asset, generation).await;
            assert!(matches!(refused, Err(Error::NoGeneration { .. })), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn a_generation_is_complete_when_all_of_it_is_stored() {
    for shelf in shelves().await {
        let (id, asset, generation) = shelf.encoding("a.mp4").await;
        let mut rest = all_chunks();
        let last = rest.pop().unwrap();
        for chunk in &rest {
            shelf.add(generation, chunk).await.unwrap();
        }
        let early = commit!(shelf, |c, tx| c.complete(tx, NOW, generation, &1));
        assert!(matches!(early, Err(Error::Incomplete { stored: 7, expected: 8, .. })), "{early:?}");
        assert_eq!(shelf.title(id).await.state, State::Encoding);

        // The origin has read it before: what it remembers must not outlive completion.
        assert!(!shelf.catalogue.asset(asset, generation).await.unwrap().complete);
        shelf.add(generation, &last).await.unwrap();
        let measured = serde_json::json!({ "v0": { "peak": 1_100_000, "average": 900_000 } });
        for _ in 0..2 {
            commit!(shelf, |c, tx| c.complete(tx, NOW, generation, &measured)).unwrap();
        }
        let read = shelf.catalogue.asset(asset, generation).await.unwrap();
        assert_eq!((read.complete, read.measured.as_ref()), (true, Some(&measured)));
        let title = shelf.title(id).await;
        assert_eq!((title.state, title.progress, title.playable), (State::Published, 1000, true));
        let unknown = commit!(shelf, |c, tx| c.complete(tx, NOW, Generation::new(), &1));
        assert!(matches!(unknown, Err(Error::NoGeneration { .. })));
    }
}

#[tokio::test]
async fn a_new_encode_is_shown_once_it_is_complete() {
    for shelf in shelves().await {
        let (id, asset, first) = shelf.published("a.mp4").await;
        let (same, second) = shelf.plan(id).await.unwrap();
        assert_eq!(same, asset);
        assert_ne!(second, first);
        let title = shelf.title(id).await;
        assert_eq!((title.generation, title.state, title.playable), (Some(first), State::Published, true));
        for chunk in all_chunks() {
            shelf.add(second, &chunk).await.unwrap();
        }
        commit!(shelf, |c, tx| c.complete(tx, NOW, second, &1)).unwrap();
        assert_eq!(shelf.title(id).await.generation, Some(second));
        shelf.catalogue.asset(asset, first).await.unwrap();
    }
}

#[tokio::test]
async fn a_plan_that_replaces_an_unfinished_one_is_shown_at_once() {
    for shelf in shelves().await {
        let (id, asset, _) = shelf.encoding("a.mp4").await;
        let (same, second) = shelf.plan(id).await.unwrap();
        let title = shelf.title(id).await;
        assert_eq!((same, title.generation, title.state), (asset, Some(second), State::Encoding));
    }
}

#[tokio::test]
async fn plans_of_another_format_are_refused() {
    for shelf in shelves().await {
        let id = shelf.create(&upload("a.mp4")).await;
        let (source, plan) = film();
        let newer = Plan { version: plan::VERSION + 1, ..plan.clone() };
        let refused = commit!(shelf, |c, tx| c.add_generation(tx, NOW, id, &source, &newer));
        assert!(matches!(refused, Err(Error::PlanVersion { .. })));
        let empty = Plan { chunks: Vec::new(), ..plan };
        let refused = commit!(shelf, |c, tx| c.add_generation(tx, NOW, id, &source, &empty));
        assert!(matches!(refused, Err(Error::EmptyPlan)));

        let (_, asset, generation) = shelf.encoding("b.mp4").await;
        let newer = plan::VERSION + 1;
        let stored = serde_json::json!({ "version": newer, "whatever": [] }).to_string();
        let sql = "UPDATE generations SET plan = $2 WHERE id = $1";
        shelf.test.db.execute(sql, args![generation, stored]).await.unwrap();
        let refused = shelf.catalogue.asset(asset, generation).await;
        let Err(Error::PlanVersion { found, known }) = refused else { panic!("{refused:?}") };
        assert_eq!((found, known), (newer, plan::VERSION));
    }
}
