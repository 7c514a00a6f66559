//! Jobs that someone waits for.

use std::time::Duration;

use jobs::{Bump, Fault};
use model::{Timestamp, TitleId};

use crate::{Bench, T0, at, benches, job};

async fn bump(bench: &Bench, now: Timestamp, key: &str, priority: i32, until: Timestamp) -> usize {
    let keys = [key.to_owned(), "chunk/none".to_owned()];
    bench.queue.bump(now, &Bump { keys: &keys, priority, until }).await.unwrap().len()
}

#[tokio::test]
async fn a_job_that_someone_waits_for_jumps_the_queue() {
    for bench in benches().await {
        bench.enqueue(&job(1)).await;
        let wanted = bench.enqueue(&job(2).key("chunk/7")).await;
        let mut hints = bench.queue.hints();
        assert_eq!(bump(&bench, T0, "chunk/7", 20, at(9)).await, 1);
        hints.wait(Duration::MAX).await;
        assert_eq!(bump(&bench, T0, "chunk/7", 10, at(99)).await, 0, "a lesser wish changes nothing");
        assert_eq!(bench.claim(T0, "w").await.unwrap().job, wanted);
        assert_eq!(bump(&bench, T0, "chunk/7", 30, at(9)).await, 0, "it runs already");
    }
}

#[tokio::test]
async fn who_waits_longest_is_served_first() {
    for bench in benches().await {
        let mut ids = Vec::new();
        for n in 0..3 {
            ids.push(bench.enqueue(&job(n).key(format!("chunk/{n}"))).await);
        }
        bump(&bench, at(1), "chunk/2", 20, at(90)).await;
        bump(&bench, at(2), "chunk/1", 20, at(90)).await;
        // A renewed wish keeps its place.
        assert_eq!(bump(&bench, at(3), "chunk/2", 20, at(95)).await, 1);
        for expected in [2, 1, 0] {
            assert_eq!(bench.claim(at(4), "w").await.unwrap().job, ids[expected]);
        }
    }
}

#[tokio::test]
async fn a_wish_that_is_not_renewed_is_forgotten() {
    for bench in benches().await {
        let first = bench.enqueue(&job(1).key("chunk/1")).await;
        let second = bench.enqueue(&job(2).key("chunk/2")).await;
        bump(&bench, at(1), "chunk/1", 20, at(5)).await;
        bump(&bench, at(1), "chunk/2", 20, at(5)).await;
        assert_eq!(bench.queue.settle(at(4)).await.unwrap(), 0);
        bump(&bench, at(4), "chunk/2", 20, at(8)).await;
        assert_eq!(bench.queue.settle(at(5)).await.unwrap(), 1);
        let priority = async |id| bench.queue.get(id).await.unwrap().unwrap().priority;
        assert_eq!((priority(first).await, priority(second).await), (0, 20));
        assert_eq!(bench.queue.settle(at(8)).await.unwrap(), 1);
        assert_eq!(bench.claim(at(9), "w").await.unwrap().job, first, "and everything is as it was");
        assert_eq!(bench.queue.settle(at(99)).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_wish_does_not_shorten_the_rest_after_a_failure() {
    for bench in benches().await {
        bench.enqueue(&job(1).key("chunk/1")).await;
        let lease = bench.claim(T0, "w").await.unwrap();
        let mut tx = bench.test.db.begin().await.unwrap();
        bench.queue.fail(&mut tx, T0, &lease, &Fault::Transient("no".into())).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(bump(&bench, T0, "chunk/1", 20, at(90)).await, 1);
        assert!(bench.claim(T0, "w").await.is_none());
        assert!(bench.claim(at(60), "w").await.is_some());
    }
}

/// A transaction that locks several jobs one after the other never waits for one that waits for it.
#[tokio::test]
async fn a_wish_and_its_end_pass_over_what_a_person_is_cancelling() {
    for bench in benches().await {
        if bench.test.engine() == db::Engine::Sqlite {
            continue; // Its one writer is alone.
        }
        let title = TitleId::new();
        let cancelled = bench.enqueue(&job(1).key("chunk/1").title(title)).await;
        let other = bench.enqueue(&job(2).key("chunk/2")).await;
        bump(&bench, at(1), "chunk/1", 20, at(5)).await;
        bump(&bench, at(1), "chunk/2", 20, at(5)).await;
        let mut tx = bench.test.db.begin().await.unwrap();
        bench.queue.cancel_title(&mut tx, at(2), title, "not wanted").await.unwrap();
        let keys = ["chunk/1".to_owned(), "chunk/2".to_owned()];
        let wish = Bump { keys: &keys, priority: 30, until: at(5) };
        let meanwhile = async {
            assert_eq!(bench.queue.bump(at(3), &wish).await.unwrap(), [other]);
            assert_eq!(bench.queue.settle(at(5)).await.unwrap(), 1);
        };
        tokio::time::timeout(Duration::from_secs(5), meanwhile).await.expect("neither waits");
        tx.commit().await.unwrap();
        assert_eq!(bench.reason(cancelled, at(5)).await, "not wanted");
        assert_eq!(bench.claim(at(5), "w").await.unwrap().job, other);
    }
}

#[tokio::test]
async fn a_wish_overtakes_the_turns_of_others_and_its_end_restores_them() {
    for bench in benches().await {
        let late = bench.enqueue(&job(1).key("chunk/1").behind_ms(60_000)).await;
        let soon = bench.enqueue(&job(2).behind_ms(1_000)).await;
        bump(&bench, at(1), "chunk/1", 20, at(5)).await;
        bump(&bench, at(2), "chunk/1", 20, at(6)).await;
        assert_eq!(bench.queue.settle(at(6)).await.unwrap(), 1);
        assert_eq!(bench.claim(at(7), "w").await.unwrap().job, soon);
        bump(&bench, at(7), "chunk/1", 20, at(9)).await;
        bench.enqueue(&job(3)).await;
        assert_eq!(bench.claim(at(8), "w").await.unwrap().job, late);
    }
}
