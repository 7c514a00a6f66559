//! Clocks that were ahead.

use model::job::State;

use super::*;

#[tokio::test]
async fn what_a_clock_that_was_ahead_put_far_away_is_due() {
    for bench in benches().await {
        let put_off = bench.enqueue(&New { run_at: Some(at(3600)), ..job(1) }).await;
        let rests = bench.enqueue(&New { run_at: Some(at(375)), ..job(2) }).await;
        assert!(bench.claim(T0, "w").await.is_none());
        assert_eq!(bench.queue.pull_back(T0).await.unwrap(), 1);
        assert_eq!(bench.claim(T0, "w").await.unwrap().job, put_off);
        assert!(bench.claim(T0, "w").await.is_none(), "a rest is not shortened");
        assert_eq!(bench.queue.pull_back(T0).await.unwrap(), 0);
        assert_eq!(bench.claim(at(375), "w").await.unwrap().job, rests);
    }
}

#[tokio::test]
async fn a_lease_that_a_clock_which_was_ahead_gave_runs_out() {
    for bench in benches().await {
        let id = bench.enqueue(&job(1)).await;
        let lease = bench.claim(at(3600), "w").await.unwrap();
        assert_eq!(bench.queue.pull_back(T0).await.unwrap(), 1);
        assert!(!bench.queue.has_expired(at(30)).await.unwrap(), "its worker may live");
        assert!(bench.queue.has_expired(at(60)).await.unwrap());
        bench.queue.heartbeat(at(1), &lease).await.unwrap();
        assert_eq!(bench.queue.pull_back(at(1)).await.unwrap(), 0);
        let job = bench.queue.get(id).await.unwrap().unwrap();
        assert_eq!(job.state, State::Running);
        assert!(job.lease_until.unwrap() < at(36), "{:?}", job.lease_until);
    }
}

#[tokio::test]
async fn a_lease_runs_from_when_it_is_written() {
    for bench in benches().await {
        let id = bench.enqueue(&job(1)).await;
        let lease = bench.claim(T0, "w").await.unwrap();
        // On SQLite every writer waits for it.
        let writer = bench.test.db.begin().await.unwrap();
        let queue = bench.queue.clone();
        let beat = tokio::spawn(async move { queue.progress(T0, &lease, &Progress::default()).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(writer);
        beat.await.unwrap().unwrap();
        let until = bench.queue.get(id).await.unwrap().unwrap().lease_until.unwrap();
        let waited = if bench.test.engine() == db::Engine::Sqlite { 50 } else { 0 };
        assert!(until >= at(30).plus_ms(waited), "{until:?}");
    }
}
