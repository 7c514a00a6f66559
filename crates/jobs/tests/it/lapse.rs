use jobs::{NewGroup, Released};
use model::TitleId;
use model::job::State;

use super::*;

async fn expire(bench: &Bench, now: Timestamp) -> Released {
    let mut tx = bench.test.db.begin().await.unwrap();
    let released = bench.queue.expire(&mut tx, now).await.unwrap();
    tx.commit().await.unwrap();
    released
}

async fn release(bench: &Bench, now: Timestamp, worker: &str) -> Released {
    let mut tx = bench.test.db.begin().await.unwrap();
    let released = bench.queue.release_worker(&mut tx, now, worker).await.unwrap();
    tx.commit().await.unwrap();
    released
}

#[tokio::test]
async fn a_silent_worker_costs_a_try() {
    for bench in benches().await {
        let title = TitleId::new();
        let id = bench.enqueue(&New { max_attempts: 2, ..job(1).title(title) }).await;
        bench.claim(T0, "w").await.unwrap();
        assert_eq!(expire(&bench, at(29)).await, Released::default());
        assert_eq!(expire(&bench, at(30)).await.again, [id]);
        assert!(bench.reason(id, at(30)).await.ends_with(": the worker stopped"));

        bench.claim(at(60), "w").await.unwrap();
        let ended = expire(&bench, at(90)).await.ended;
        assert_eq!((ended.len(), ended[0].job, ended[0].title), (1, id, Some(title)));
        assert_eq!(bench.reason(id, at(90)).await, "the worker stopped");
        assert_eq!(bench.queue.get(id).await.unwrap().unwrap().state, State::Failed);
        assert!(!bench.queue.has_expired(at(1000)).await.unwrap());
    }
}

#[tokio::test]
async fn a_started_process_takes_back_what_it_held() {
    for bench in benches().await {
        let ids = [bench.enqueue(&job(1)).await, bench.enqueue(&job(2)).await];
        let others = [bench.enqueue(&job(3)).await, bench.enqueue(&job(4)).await];
        for worker in ["up/0", "up/1", "up2/0", "other"] {
            bench.claim(T0, worker).await.unwrap();
        }
        assert_eq!(release(&bench, at(1), "up").await.again, ids);
        assert_eq!(
            bench.reason(ids[0], at(1)).await,
            "waiting for a worker (the program stopped while it ran)"
        );
        // Nothing is held against them: they are due at once, and what others hold stays.
        assert_eq!(bench.claim(at(1), "up/0").await.unwrap().job, ids[0]);
        assert_eq!(bench.claim(at(1), "up/1").await.unwrap().job, ids[1]);
        assert_eq!(bench.claim(at(1), "up/2").await, None);
        for id in others {
            assert_eq!(bench.queue.get(id).await.unwrap().unwrap().state, State::Running);
        }
        assert_eq!(release(&bench, at(1), "other").await.again, [others[1]]);
    }
}

#[tokio::test]
async fn a_job_that_kills_its_process_ends_as_failed() {
    for bench in benches().await {
        let poison = New { max_attempts: 3, ..job(1) };
        let members = vec![poison, job(2)];
        let mut tx = bench.test.db.begin().await.unwrap();
        let group = NewGroup { members, ..NewGroup::default() };
        bench.queue.enqueue_group(&mut tx, T0, &group).await.unwrap();
        tx.commit().await.unwrap();

        let (mut now, mut deaths, mut innocent) = (T0, 0, false);
        let ended = loop {
            now = now.plus_ms(400_000);
            let lease = bench.claim(now, "up/0").await.expect("rests are bounded");
            if lease.payload == json!({ "n": 2 }) {
                bench.complete(now, &lease).await.unwrap();
                innocent = true;
                continue;
            }
            deaths += 1;
            if let Some(ended) = release(&bench, now, "up").await.ended.pop() {
                break ended;
            }
            assert!(deaths < 50, "it goes on for ever");
        };
        assert_eq!((deaths, innocent), (11, true));
        assert_eq!(ended.reason, "the program stopped 11 times while it ran");
        assert!(ended.group.is_some());
    }
}

/// Two sweepers and the workers themselves: each silent job is taken back once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_sweeps_take_a_job_back_once() {
    for bench in benches().await {
        for n in 0..40 {
            bench.enqueue(&job(n)).await;
            bench.claim(T0, &format!("w{n}")).await.unwrap();
        }
        let sweeps = (0..4).map(|_| {
            let (queue, db) = (bench.queue.clone(), bench.test.db.clone());
            tokio::spawn(async move {
                let mut tx = db.begin().await.unwrap();
                let released = queue.expire(&mut tx, at(30)).await.unwrap();
                tx.commit().await.unwrap();
                released.again.len()
            })
        });
        let mut taken = 0;
        for sweep in sweeps.collect::<Vec<_>>() {
            taken += sweep.await.unwrap();
        }
        assert_eq!(taken, 40, "{:?}", bench.test.engine());
        let all = bench.queue.list(&jobs::Filter::default()).await.unwrap();
        assert!(all.iter().all(|job| job.failures == 1 && job.state == State::Queued));
    }
}
