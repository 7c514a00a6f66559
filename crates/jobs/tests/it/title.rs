use jobs::NewGroup;
use model::TitleId;
use model::job::State;

use super::*;

#[tokio::test]
async fn what_ended_badly_of_a_title_is_tried_again_and_what_was_done_stays_done() {
    for bench in benches().await {
        let title = TitleId::new();
        let group = NewGroup {
            title: Some(title),
            members: (0..3).map(job).collect(),
            then: vec![New::job("publish", json!(0)).title(title)],
            ..NewGroup::default()
        };
        let mut tx = bench.test.db.begin().await.unwrap();
        bench.queue.enqueue_group(&mut tx, T0, &group).await.unwrap();
        tx.commit().await.unwrap();
        let first = bench.claim(T0, "w").await.unwrap();
        bench.complete(T0, &first).await.unwrap();
        bench.claim(T0, "w").await.unwrap();
        let mut tx = bench.test.db.begin().await.unwrap();
        assert_eq!(bench.queue.cancel_title(&mut tx, T0, title, "cancelled by somebody").await.unwrap(), 2);
        tx.commit().await.unwrap();
        assert_eq!(bench.queue.live(title).await.unwrap(), 0);

        let mut tx = bench.test.db.begin().await.unwrap();
        let none = bench.queue.retry_title(&mut tx, at(1), title, at(1), "again").await.unwrap();
        let two = bench.queue.retry_title(&mut tx, at(1), title, T0, "again").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((none, two, bench.queue.live(title).await.unwrap()), (0, 2, 2));
        for _ in 0..2 {
            let lease = bench.claim(at(1), "w").await.unwrap();
            bench.complete(at(1), &lease).await.unwrap();
        }
        assert_eq!(bench.claim(at(1), "w").await.unwrap().kind, "publish");

        let mut tx = bench.test.db.begin().await.unwrap();
        assert_eq!(bench.queue.forget_title(&mut tx, title).await.unwrap(), 4);
        tx.commit().await.unwrap();
        assert!(bench.queue.get(first.job).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn postponed_jobs_say_why_and_go_on() {
    for bench in benches().await {
        let title = TitleId::new();
        let id = bench.enqueue(&job(1).title(title)).await;
        assert_eq!(
            bench.queue.postpone(title, "encode", at(10), "waits for disk space: 1 GB").await.unwrap(),
            1
        );
        assert_eq!(bench.queue.postpone(title, "encode", at(5), "sooner").await.unwrap(), 0);
        assert_eq!(bench.reason(id, T0).await, "starts in 10 s: waits for disk space: 1 GB");
        assert!(bench.claim(T0, "w").await.is_none());
        assert_eq!(bench.queue.go_on(title, at(1), "waits for disk space").await.unwrap(), 1);
        assert_eq!(bench.reason(id, at(1)).await, "waiting for a worker");
        assert_eq!(bench.claim(at(1), "w").await.unwrap().job, id);
        assert_eq!(
            bench
                .queue
                .list(&jobs::Filter { state: Some(State::Running), ..Default::default() })
                .await
                .unwrap()
                .len(),
            1
        );
    }
}

/// A job that fails for good takes the others of its title with it, while somebody cancels the title.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_fails_and_a_person_who_cancels_do_not_wait_for_each_other() {
    for bench in benches().await {
        let title = TitleId::new();
        let group = NewGroup { title: Some(title), members: vec![job(0)], ..NewGroup::default() };
        let mut tx = bench.test.db.begin().await.unwrap();
        bench.queue.enqueue_group(&mut tx, T0, &group).await.unwrap();
        tx.commit().await.unwrap();
        let first = bench.claim(T0, "w").await.unwrap();
        bench.complete(T0, &first).await.unwrap();
        // A later generation, whose plan is no member of a group.
        bench.enqueue(&job(1).title(title)).await;
        bench.enqueue(&job(2).title(title)).await;
        let plan = bench.claim(T0, "w").await.unwrap();

        let mut tx = bench.test.db.begin().await.unwrap();
        let fault = Fault::Permanent("broken".into());
        bench.queue.fail(&mut tx, T0, &plan, &fault).await.unwrap();
        let (queue, db) = (bench.queue.clone(), bench.test.db.clone());
        let mut person = tokio::spawn(async move {
            let mut tx = db.begin().await.unwrap();
            let jobs = queue.cancel_title(&mut tx, T0, title, "not wanted").await.unwrap();
            tx.commit().await.unwrap();
            jobs
        });
        // By then the person's transaction has got as far as it gets.
        let early = tokio::time::timeout(Duration::from_millis(300), &mut person).await;
        assert!(early.is_err(), "it waits for the other one");
        assert_eq!(bench.queue.cancel_title(&mut tx, T0, title, "broken").await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(person.await.unwrap(), 0);
    }
}
