use jobs::Error;
use model::TitleId;
use model::job::State;

use super::*;

#[tokio::test]
async fn a_failed_try_rests_and_says_so() {
    for bench in benches().await {
        let id = bench.enqueue(&job(1)).await;
        assert_eq!(bench.reason(id, T0).await, "waiting for a worker");
        let lease = bench.claim(T0, "w").await.unwrap();
        let outcome = bench.fail(T0, &lease, &Fault::Transient("no space left".into())).await.unwrap();
        let Outcome::Retry { at: due } = outcome else { panic!("{outcome:?}") };
        assert!((1_500..=2_500).contains(&(due.0 - T0.0)));

        let seconds = (due.0 - T0.0 + 999) / 1000;
        assert_eq!(bench.reason(id, T0).await, format!("retry 2 of 5 in {seconds} s: no space left"));
        assert_eq!(bench.reason(id, due).await, "waiting for a worker (retry 2 of 5: no space left)");
        assert_eq!(bench.claim(due.plus_ms(-1), "w").await, None);
        let again = bench.claim(due, "w").await.unwrap();
        assert_eq!(again.attempt, 2);
        assert_eq!(bench.reason(id, due).await, "a worker runs it (try 2 of 5)");
        bench.complete(due, &again).await.unwrap();
        assert_eq!(bench.reason(id, due).await, "done");
    }
}

#[tokio::test]
async fn a_poison_job_ends_with_its_last_reason() {
    for bench in benches().await {
        let title = TitleId::new();
        let id = bench.enqueue(&New { max_attempts: 3, ..job(1).title(title) }).await;
        let mut now = T0;
        for n in 1..=3 {
            let lease = bench.claim(now, "w").await.unwrap();
            match bench.fail(now, &lease, &Fault::Transient(format!("reason {n}"))).await.unwrap() {
                Outcome::Retry { at } => now = at,
                Outcome::Ended(ended) => {
                    assert_eq!((n, ended.job, ended.title), (3, id, Some(title)));
                    assert_eq!(ended.reason, "reason 3");
                }
            }
        }
        assert_eq!(bench.claim(now.plus_ms(1 << 40), "w").await, None);
        assert_eq!(bench.reason(id, now).await, "reason 3");
        let lines = bench.queue.log_lines(id).await.unwrap();
        assert_eq!(lines.last().unwrap().line, "try 3 ended: reason 3");
    }
}

#[tokio::test]
async fn what_gets_one_more_try_says_so_and_gets_no_third() {
    let stalled = || Fault::OnceMore("ffmpeg made no progress".into());
    for bench in benches().await {
        for (tries, before) in [(5, 0), (5, 1), (2, 0), (2, 1), (1, 0)] {
            let id = bench.enqueue(&New { max_attempts: tries, ..job(1) }).await;
            let mut now = T0;
            let mut ended = false;
            for n in 1.. {
                let lease = bench.claim(now, "w").await.unwrap();
                let fault = if n <= before { Fault::Transient("the disk broke".into()) } else { stalled() };
                match bench.fail(now, &lease, &fault).await.unwrap() {
                    Outcome::Retry { at } => now = at,
                    Outcome::Ended(_) => ended = true,
                }
                if n == before + 1 && !ended {
                    let all = before + 2;
                    let said =
                        format!("waiting for a worker (retry {all} of {all}: ffmpeg made no progress)");
                    assert_eq!(bench.reason(id, now).await, said);
                }
                if ended {
                    assert_eq!(
                        n,
                        (before + 2).min(tries),
                        "{tries} tries, of which {before} ended otherwise"
                    );
                    break;
                }
            }
            assert_eq!(bench.reason(id, now).await, "ffmpeg made no progress");
        }
    }
}

#[tokio::test]
async fn a_permanent_fault_is_not_tried_again() {
    for bench in benches().await {
        let id = bench.enqueue(&job(1)).await;
        let lease = bench.claim(T0, "w").await.unwrap();
        let outcome = bench.fail(T0, &lease, &Fault::Permanent("\0".into())).await.unwrap();
        assert!(matches!(outcome, Outcome::Ended(_)));
        assert_eq!(bench.reason(id, T0).await, "no reason was given");
        assert_eq!(bench.queue.get(id).await.unwrap().unwrap().state, State::Failed);
    }
}

#[tokio::test]
async fn what_is_put_back_is_not_held_against_the_job() {
    for bench in benches().await {
        let id = bench.enqueue(&New { max_attempts: 1, ..job(1) }).await;
        for n in 0..20 {
            let lease = bench.claim(at(n * 10), "w").await.unwrap();
            bench.queue.put_back(&lease, at(n * 10 + 10), "no space for the source").await.unwrap();
            assert_eq!(bench.reason(id, at(n * 10)).await, "starts in 10 s: no space for the source");
        }
        assert_eq!(bench.reason(id, at(200)).await, "waiting for a worker (no space for the source)");
        let lease = bench.claim(at(200), "w").await.unwrap();
        bench.complete(at(200), &lease).await.unwrap();
    }
}

#[tokio::test]
async fn a_cancelled_job_is_taken_from_its_worker() {
    for bench in benches().await {
        let (id, title) = (bench.enqueue(&job(1)).await, TitleId::new());
        let lease = bench.claim(T0, "w").await.unwrap();
        let mut tx = bench.test.db.begin().await.unwrap();
        assert_eq!(
            bench.queue.cancel(&mut tx, T0, id, "stopped by ann").await.unwrap().reason,
            "stopped by ann"
        );
        tx.commit().await.unwrap();
        assert!(matches!(bench.queue.heartbeat(T0, &lease).await, Err(Error::LeaseLost { .. })));
        assert_eq!(bench.reason(id, T0).await, "stopped by ann");

        let mut tx = bench.test.db.begin().await.unwrap();
        let twice = bench.queue.cancel(&mut tx, T0, id, "again").await;
        assert!(matches!(twice, Err(Error::State { state: "cancelled", .. })), "{twice:?}");
        let missing = bench.queue.cancel(&mut tx, T0, JobId::new(), "again").await;
        assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
        drop(tx);

        let one = bench.enqueue(&job(2).title(title)).await;
        bench.enqueue(&job(3).title(title)).await;
        let other = bench.enqueue(&job(4)).await;
        assert_eq!(bench.claim(T0, "w").await.unwrap().job, one);
        let mut tx = bench.test.db.begin().await.unwrap();
        assert_eq!(bench.queue.cancel_title(&mut tx, T0, title, "its title was deleted").await.unwrap(), 2);
        tx.commit().await.unwrap();
        assert_eq!(bench.claim(T0, "w").await.unwrap().job, other);
        assert_eq!(bench.reason(one, T0).await, "its title was deleted");
    }
}

#[tokio::test]
async fn a_person_may_ask_for_a_failed_job_again() {
    for bench in benches().await {
        let id = bench.enqueue(&New { max_attempts: 1, ..job(1) }).await;
        let lease = bench.claim(T0, "w").await.unwrap();
        bench.fail(T0, &lease, &Fault::Transient("no".into())).await.unwrap();
        let mut tx = bench.test.db.begin().await.unwrap();
        assert_eq!(bench.queue.retry(&mut tx, T0, id).await.unwrap(), 1);
        let refused = bench.queue.retry(&mut tx, T0, id).await;
        assert!(matches!(refused, Err(Error::State { state: "queued", .. })), "{refused:?}");
        tx.commit().await.unwrap();
        let lease = bench.claim(T0, "w").await.unwrap();
        assert_eq!(lease.attempt, 2);
        bench.complete(T0, &lease).await.unwrap();
    }
}
