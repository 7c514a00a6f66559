use jobs::{Again, NewGroup, Wait};
use model::job::State;
use model::{TitleId, WaitsFor};

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
        let all = |since| Again { since, kind: None };
        let none = bench.queue.retry_title(&mut tx, at(1), title, all(at(1))).await.unwrap();
        let two = bench.queue.retry_title(&mut tx, at(1), title, all(T0)).await.unwrap();
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
async fn only_jobs_of_the_kind_that_is_asked_for_are_tried_again() {
    for bench in benches().await {
        let title = TitleId::new();
        let publish = bench.enqueue(&New::job("publish", json!(0)).title(title)).await;
        bench.enqueue(&job(1).title(title)).await;
        let mut tx = bench.test.db.begin().await.unwrap();
        bench.queue.cancel_title(&mut tx, T0, title, "not wanted").await.unwrap();
        let publishing = |since| Again { since, kind: Some("publish") };
        let late = bench.queue.retry_title(&mut tx, T0, title, publishing(at(1))).await.unwrap();
        let one = bench.queue.retry_title(&mut tx, T0, title, publishing(T0)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((late, one), (0, 1));
        assert_eq!(bench.claim(T0, "w").await.unwrap().job, publish);
        assert!(bench.claim(T0, "w").await.is_none());
    }
}

#[tokio::test]
async fn what_ended_badly_is_forgotten_by_its_key_and_with_its_whole_group() {
    for bench in benches().await {
        let title = TitleId::new();
        let keyed = |n: u32, key: &str| job(n).title(title).key(key);
        let members = vec![keyed(1, "chunk/a/1"), keyed(2, "chunk/a/2"), keyed(3, "chunk/a/3")];
        let group = NewGroup { title: Some(title), members, ..NewGroup::default() };
        let mut tx = bench.test.db.begin().await.unwrap();
        let group = bench.queue.enqueue_group(&mut tx, T0, &group).await.unwrap();
        tx.commit().await.unwrap();
        let done = bench.claim(T0, "w").await.unwrap();
        bench.complete(T0, &done).await.unwrap();
        for key in ["chunk/b/1", "chunk/a/4"] {
            bench.enqueue(&keyed(9, key).priority(9)).await;
        }
        let single = bench.claim(T0, "w").await.unwrap();
        bench.complete(T0, &single).await.unwrap();
        let mut tx = bench.test.db.begin().await.unwrap();
        bench.queue.cancel_title(&mut tx, T0, title, "not wanted").await.unwrap();
        assert_eq!(bench.queue.forget_ended(&mut tx, TitleId::new(), "chunk/a").await.unwrap(), 0);
        assert_eq!(bench.queue.forget_ended(&mut tx, title, "chunk/a").await.unwrap(), 4);
        tx.commit().await.unwrap();
        assert_eq!(bench.queue.group(group).await.unwrap(), None);
        let left = bench.queue.list(&jobs::Filter::default()).await.unwrap();
        assert_eq!(left.iter().map(|job| job.id).collect::<Vec<_>>(), [single.job], "it was done");
    }
}

#[tokio::test]
async fn postponed_jobs_say_why_and_go_on() {
    for bench in benches().await {
        let title = TitleId::new();
        let id = bench.enqueue(&job(1).title(title)).await;
        let postpone = async |now, until, why: &str| bench.postpone(now, title, &for_room(until, why)).await;
        assert_eq!(postpone(T0, at(10), "1 GB is missing").await, 1);
        assert_eq!(postpone(T0, at(5), "sooner").await, 0);
        assert_eq!(bench.reason(id, T0).await, "starts in 10 s: 1 GB is missing");
        assert_eq!(postpone(at(5), at(15), "2 GB are missing").await, 1);
        assert_eq!(bench.reason(id, at(5)).await, "starts in 10 s: 2 GB are missing");
        assert!(bench.claim(at(5), "w").await.is_none());
        assert_eq!(bench.queue.go_on(title, at(6), WaitsFor::Worker).await.unwrap(), 0);
        assert_eq!(bench.queue.go_on(title, at(6), WaitsFor::Space).await.unwrap(), 1);
        assert_eq!(bench.reason(id, at(6)).await, "waiting for a worker");
        assert_eq!(bench.claim(at(6), "w").await.unwrap().job, id);
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

/// A wait for space on the disk.
fn for_room(until: Timestamp, why: &str) -> Wait<'_> {
    Wait { until, waits_for: WaitsFor::Space, why }
}

#[tokio::test]
async fn a_job_that_rests_after_a_failure_rests_on_and_keeps_its_cause() {
    for bench in benches().await {
        let title = TitleId::new();
        let id = bench.enqueue(&job(1).title(title)).await;
        let lease = bench.claim(T0, "w").await.unwrap();
        let broken = Fault::Transient("the encoder crashed".into());
        let Outcome::Retry { at: due } = bench.fail(T0, &lease, &broken).await.unwrap() else {
            panic!("it has tries left")
        };

        let space = for_room(at(60), "1 GB is missing");
        assert_eq!(bench.postpone(T0, title, &space).await, 0);
        assert_eq!(bench.queue.go_on(title, T0, WaitsFor::Space).await.unwrap(), 0);
        assert!(bench.claim(due.plus_ms(-1), "w").await.is_none(), "it rests");

        // Then it is held up as the others are, and its failure is not forgotten over it.
        assert_eq!(bench.postpone(due, title, &space).await, 1);
        let why = bench.reason(id, at(58)).await;
        assert_eq!(why, "retry 2 of 5 in 2 s: 1 GB is missing");
        assert_eq!(bench.queue.go_on(title, at(59), WaitsFor::Space).await.unwrap(), 1);
        let retry = "waiting for a worker (retry 2 of 5: the encoder crashed)";
        assert_eq!(bench.reason(id, at(59)).await, retry);
        let lease = bench.claim(at(59), "w").await.unwrap();
        let mut tx = bench.test.db.begin().await.unwrap();
        bench.queue.hold_up(&mut tx, &lease, &for_room(at(70), "2 GB are missing")).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(bench.reason(id, at(69)).await, "retry 2 of 5 in 1 s: 2 GB are missing");
        assert_eq!(bench.queue.go_on(title, at(69), WaitsFor::Space).await.unwrap(), 1);
        assert_eq!(bench.reason(id, at(69)).await, retry);
    }
}

#[tokio::test]
async fn a_job_that_an_earlier_version_held_up_goes_on() {
    let before = db::Migrations { steps: &jobs::MIGRATIONS.steps[..4], ..jobs::MIGRATIONS };
    for test in db::testing::databases(&[before]).await {
        let bench = Bench { queue: Queue::new(test.db.clone()), test };
        let (title, id) = (TitleId::new(), bench.enqueued_before(1).await);
        let held =
            "UPDATE jobs SET title = $2, run_at = $3, cause = 'waits for disk space: 1 GB' WHERE id = $1";
        bench.test.db.execute(held, db::args![id, title, at(10)]).await.unwrap();
        bench.test.db.migrate(&[jobs::MIGRATIONS]).await.unwrap();
        assert_eq!(bench.reason(id, T0).await, "starts in 10 s: waits for disk space: 1 GB");
        assert_eq!(bench.queue.go_on(title, T0, WaitsFor::Space).await.unwrap(), 1);
        assert_eq!(bench.reason(id, T0).await, "waiting for a worker");
    }
}

#[tokio::test]
async fn what_an_earlier_version_cancelled_names_nobody() {
    const SEEN: &str = "SELECT cause AS words FROM jobs UNION ALL SELECT reason FROM job_groups
        UNION ALL SELECT line FROM job_logs ORDER BY words";
    const GROUP: &str =
        "INSERT INTO job_groups (id, state, reason, total, remaining, continuation, created_at)
        VALUES ('g', 'cancelled', $1, 1, 1, '[]', 0)";
    const JOB: &str = "UPDATE jobs SET state = 'cancelled', cause = $2 WHERE id = $1";
    const LINE: &str = "INSERT INTO job_logs (job, n, at, attempt, line) VALUES ($1, $2, 0, 0, $3)";
    let before = db::Migrations { steps: &jobs::MIGRATIONS.steps[..5], ..jobs::MIGRATIONS };
    for test in db::testing::databases(&[before]).await {
        let bench = Bench { queue: Queue::new(test.db.clone()), test };
        let db = &bench.test.db;
        let (why, name) = ("cancelled by Ada.L@example.org", "another part of the same work was cancelled");
        let ids =
            [bench.enqueued_before(1).await, bench.enqueued_before(2).await, bench.enqueued_before(3).await];
        db.execute(GROUP, db::args![why]).await.unwrap();
        db.execute(JOB, db::args![ids[0], why]).await.unwrap();
        db.execute(JOB, db::args![ids[1], format!("{name}: {why}")]).await.unwrap();
        db.execute(JOB, db::args![ids[2], "cancelled on the command line"]).await.unwrap();
        db.execute(LINE, db::args![ids[0], 1, format!("cancelled: {why}")]).await.unwrap();
        db.execute(LINE, db::args![ids[0], 2, "frame@1 read"]).await.unwrap();
        db.migrate(&[jobs::MIGRATIONS]).await.unwrap();
        let rows = db.all(SEEN, db::args![]).await.unwrap();
        let mut words: Vec<String> = rows.iter().map(|row| row.get("words").unwrap()).collect();
        words.sort();
        let rest = ["cancelled", "cancelled", "cancelled", "cancelled on the command line", "frame@1 read"];
        assert_eq!((words[0].as_str(), &words[1..]), (name, &rest.map(str::to_owned)[..]));
    }
}

#[tokio::test]
async fn a_cancelled_job_waits_for_nothing_when_it_is_tried_again() {
    for bench in benches().await {
        let title = TitleId::new();
        let id = bench.enqueue(&job(1).title(title)).await;
        bench.postpone(T0, title, &for_room(at(10), "1 GB is missing")).await;
        let mut tx = bench.test.db.begin().await.unwrap();
        bench.queue.cancel(&mut tx, T0, id, "not wanted").await.unwrap();
        bench.queue.retry(&mut tx, at(1), id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(bench.reason(id, at(1)).await, "waiting for a worker (retried by a person)");
        assert_eq!(bench.queue.go_on(title, at(1), WaitsFor::Space).await.unwrap(), 0);
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

/// Space is found, or found missing, for several jobs of a title, while somebody cancels the title.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_wait_or_go_on_and_a_person_who_cancels_do_not_wait_for_each_other() {
    for bench in benches().await {
        let title = TitleId::new();
        let members = (0..3).map(job).collect();
        let group = NewGroup { title: Some(title), members, ..NewGroup::default() };
        let mut tx = bench.test.db.begin().await.unwrap();
        bench.queue.enqueue_group(&mut tx, T0, &group).await.unwrap();
        tx.commit().await.unwrap();

        let mut person = bench.test.db.begin().await.unwrap();
        bench.queue.lock_title(&mut person, title).await.unwrap();
        let (queue, db) = (bench.queue.clone(), bench.test.db.clone());
        let mut wait = tokio::spawn(async move {
            let mut tx = db.begin().await.unwrap();
            let space = for_room(at(10), "1 GB is missing");
            let jobs = queue.postpone(&mut tx, T0, title, "encode", &space).await.unwrap();
            tx.commit().await.unwrap();
            jobs
        });
        let queue = bench.queue.clone();
        let mut go_on = tokio::spawn(async move { queue.go_on(title, T0, WaitsFor::Space).await.unwrap() });
        tokio::select! {
            _ = &mut wait => panic!("jobs wait without their title's lock"),
            _ = &mut go_on => panic!("jobs go on without their title's lock"),
            // By then both have got as far as they get.
            () = tokio::time::sleep(Duration::from_millis(300)) => {}
        }
        assert_eq!(bench.queue.cancel_title(&mut person, T0, title, "not wanted").await.unwrap(), 3);
        person.commit().await.unwrap();
        assert_eq!((wait.await.unwrap(), go_on.await.unwrap()), (0, 0));
    }
}
