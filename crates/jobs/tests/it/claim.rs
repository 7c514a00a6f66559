use std::collections::HashMap;

use jobs::{Error, Progress};
use model::job::State;

use super::*;

#[tokio::test]
async fn the_most_urgent_due_job_is_handed_out_first() {
    for bench in benches().await {
        let later = bench.enqueue(&New { run_at: Some(at(10)), ..job(0).priority(9) }).await;
        let usual = bench.enqueue(&job(1)).await;
        let second = bench.enqueue(&job(2)).await;
        let urgent = bench.enqueue(&job(3).priority(5)).await;
        let low = bench.enqueue(&job(4).priority(-1)).await;
        let mut order = Vec::new();
        for now in [0, 0, 0, 0, 0, 9, 10, 10] {
            order.push(bench.claim(at(now), "w").await.map(|lease| lease.job));
        }
        let expected = [urgent, usual, second, low].map(Some);
        assert_eq!(order[..4], expected, "{:?}", bench.test.engine());
        assert_eq!(order[4..], [None, None, Some(later), None]);
    }
}

#[tokio::test]
async fn a_job_goes_only_to_who_can_do_it() {
    for bench in benches().await {
        let id = bench.enqueue(&job(1).capability("ffmpeg 5.1 x264")).await;
        assert_eq!(bench.reason(id, T0).await, "waiting for a worker with ffmpeg 5.1 x264");
        let other = Claim { capabilities: &["ffmpeg 7", "x"], ..by("w") };
        let kinds = Claim { kinds: &["probe"], capabilities: &["ffmpeg 5.1 x264"], ..by("w") };
        let nothing = Claim { kinds: &[], ..by("w") };
        for claim in [by("w"), other, kinds, nothing] {
            assert_eq!(bench.queue.claim(T0, &claim).await.unwrap(), None, "{claim:?}");
        }
        let able = Claim { capabilities: &["ffmpeg 7", "ffmpeg 5.1 x264"], ..by("w") };
        assert_eq!(bench.queue.claim(T0, &able).await.unwrap().unwrap().job, id);
    }
}

#[tokio::test]
async fn a_key_is_used_once() {
    for bench in benches().await {
        let first = bench.enqueue(&job(1).key("plan/1")).await;
        assert_eq!(bench.enqueue(&job(2).key("plan/1")).await, first);
        let lease = bench.claim(T0, "w").await.unwrap();
        assert_eq!(lease.payload, json!({ "n": 1 }));
        bench.complete(T0, &lease).await.unwrap();
        assert_eq!(bench.enqueue(&job(3).key("plan/1")).await, first);
        assert_eq!(bench.claim(T0, "w").await, None);
        assert_eq!(bench.queue.by_key("plan/1").await.unwrap().unwrap().state, State::Done);
        assert_eq!(bench.queue.by_key("plan/2").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_rolled_back_job_was_never_there() {
    for bench in benches().await {
        let mut tx = bench.test.db.begin().await.unwrap();
        bench.queue.enqueue(&mut tx, T0, &job(1)).await.unwrap();
        drop(tx);
        assert_eq!(bench.claim(T0, "w").await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_claimers_get_each_job_exactly_once() {
    for bench in benches().await {
        let mut tx = bench.test.db.begin().await.unwrap();
        for n in 0..200 {
            bench.queue.enqueue(&mut tx, T0, &job(n)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let claimers = (0..20).map(|n| {
            let queue = bench.queue.clone();
            tokio::spawn(async move {
                let mut got = Vec::new();
                while let Some(lease) = queue.claim(T0, &by(&format!("w{n}"))).await.unwrap() {
                    got.push(lease.job);
                }
                got
            })
        });
        let mut seen: HashMap<JobId, u32> = HashMap::new();
        for claimer in claimers.collect::<Vec<_>>() {
            for id in claimer.await.unwrap() {
                *seen.entry(id).or_default() += 1;
            }
        }
        assert_eq!(seen.len(), 200, "{:?}", bench.test.engine());
        assert!(seen.values().all(|n| *n == 1));
        let counts = bench.queue.counts(T0).await.unwrap();
        assert_eq!((counts.queued, counts.running), (0, 200));
    }
}

#[tokio::test]
async fn a_fenced_off_worker_can_do_nothing() {
    for bench in benches().await {
        let id = bench.enqueue(&job(1)).await;
        let old = bench.claim(T0, "w").await.unwrap();
        let mut tx = bench.test.db.begin().await.unwrap();
        assert_eq!(bench.queue.expire(&mut tx, at(31)).await.unwrap().again, [id]);
        tx.commit().await.unwrap();
        // The same worker name again: only the attempt tells the two leases apart.
        let new = bench.claim(at(60), "w").await.unwrap();
        assert_eq!((new.job, new.attempt), (id, 2));

        let lost = |result: Result<()>| assert!(matches!(result, Err(Error::LeaseLost { job }) if job == id));
        lost(bench.queue.heartbeat(at(61), &old).await);
        lost(bench.queue.progress(at(61), &old, &Progress::default()).await);
        lost(bench.queue.log(at(61), &old, &["late".into()]).await);
        lost(bench.queue.put_back(&old, at(61), "late").await);
        lost(bench.complete(at(61), &old).await.map(drop));
        lost(bench.fail(at(61), &old, &Fault::Transient("late".into())).await.map(drop));
        let mut tx = bench.test.db.begin().await.unwrap();
        lost(bench.queue.check(&mut tx, &old).await);
        bench.queue.check(&mut tx, &new).await.unwrap();
        drop(tx);
        lost(bench.complete(at(61), &jobs::Lease { worker: "x".into(), ..new.clone() }).await.map(drop));

        bench.complete(at(62), &new).await.unwrap();
        lost(bench.complete(at(62), &new).await.map(drop));
        let job = bench.queue.get(id).await.unwrap().unwrap();
        assert_eq!((job.state, job.result), (State::Done, Some(json!("done"))));
    }
}

#[tokio::test]
async fn a_heartbeat_keeps_the_lease() {
    for bench in benches().await {
        let id = bench.enqueue(&job(1)).await;
        let lease = bench.claim(T0, "w").await.unwrap();
        let progress = Progress { permille: 250, speed: Some(2.5), message: Some("encoding 720p".into()) };
        bench.queue.progress(at(20), &lease, &progress).await.unwrap();
        bench.queue.heartbeat(at(40), &lease).await.unwrap();
        assert!(!bench.queue.has_expired(at(69)).await.unwrap());
        // It waited some ms for its turn to write.
        assert!(bench.queue.has_expired(at(75)).await.unwrap());

        let job = bench.queue.get(id).await.unwrap().unwrap();
        assert_eq!((job.state, job.progress, job.speed), (State::Running, 250, Some(2.5)));
        assert_eq!(job.eta_ms(at(40)), Some(120_000));
        assert_eq!(job.reason(at(40)), "encoding 720p");
        assert_eq!(job.reason(at(75)), "its worker stopped responding; it will be retried");
    }
}

#[tokio::test]
async fn nothing_larger_than_its_bound_is_kept() {
    for bench in benches().await {
        let mut tx = bench.test.db.begin().await.unwrap();
        for large in [
            New::job("encode", json!("x".repeat(70_000))),
            New::job("k".repeat(65), json!(0)),
            job(0).key("k".repeat(513)),
            job(0).capability("k".repeat(513)),
        ] {
            let refused = bench.queue.enqueue(&mut tx, T0, &large).await;
            assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn what_would_be_handed_out_next_tells_how_urgent_it_is() {
    for bench in benches().await {
        let queue = &bench.queue;
        assert_eq!(queue.next_priority(T0, &by("w")).await.unwrap(), None);
        bench.enqueue(&job(1)).await;
        bench.enqueue(&New { run_at: Some(at(5)), ..job(2).priority(10) }).await;
        bench.enqueue(&job(3).priority(20).capability("other")).await;
        bench.enqueue(&New::job("pictures", json!(0)).priority(30)).await;
        assert_eq!(queue.next_priority(T0, &by("w")).await.unwrap(), Some(0));
        assert_eq!(queue.next_priority(at(5), &by("w")).await.unwrap(), Some(10));
        queue.pause(T0, "encode").await.unwrap();
        assert_eq!(queue.next_priority(at(5), &by("w")).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_paused_kind_waits_and_the_others_go_on() {
    for bench in benches().await {
        let paused = bench.enqueue(&job(1)).await;
        let other = bench.enqueue(&New::job("publish", json!(0))).await;
        assert!(bench.queue.pause(T0, "encode").await.unwrap());
        assert!(!bench.queue.pause(at(1), "encode").await.unwrap());
        assert_eq!(bench.queue.pauses().await.unwrap(), [jobs::Pause { kind: "encode".into(), since: T0 }]);
        assert_eq!(bench.claim(at(1), "w").await.unwrap().job, other);
        assert!(bench.claim(at(1), "w").await.is_none());
        let mut hints = bench.queue.hints();
        assert!(bench.queue.resume("encode").await.unwrap());
        hints.wait(Duration::MAX).await;
        assert_eq!(bench.claim(at(2), "w").await.unwrap().job, paused);
        assert!(!bench.queue.resume("encode").await.unwrap());
    }
}

/// Ten parts of a long piece of work, and a short one that comes later.
#[tokio::test]
async fn short_work_is_not_kept_waiting_by_long_work_and_never_keeps_it_waiting_for_ever() {
    for bench in benches().await {
        let enqueue = async |n: u32, now, behind_ms| {
            let mut tx = bench.test.db.begin().await.unwrap();
            let id = bench.queue.enqueue(&mut tx, now, &job(n).behind_ms(behind_ms)).await.unwrap();
            tx.commit().await.unwrap();
            id
        };
        let mut long = Vec::new();
        for part in 0..10 {
            long.push(enqueue(part, T0, i64::from(part) * 60_000).await);
        }
        let next = async |now| bench.claim(now, "w").await.unwrap().job;
        assert_eq!([next(at(1)).await, next(at(1)).await], long[..2], "what is alone does not rest");
        let short = enqueue(10, at(90), 0).await;
        assert_eq!(next(at(91)).await, short);
        assert_eq!(next(at(91)).await, long[2]);
        for n in 11..20 {
            enqueue(n, at(200), 0).await;
        }
        assert_eq!(next(at(201)).await, long[3], "its turn was before they came");
    }
}
