use jobs::Filter;
use model::TitleId;
use model::job::State;

use super::*;

#[tokio::test]
async fn lists_are_filtered_and_paged_newest_first() {
    for bench in benches().await {
        let title = TitleId::new();
        let mut ids = Vec::new();
        for n in 0..5 {
            ids.push(bench.enqueue(&job(n)).await);
        }
        let titled = bench.enqueue(&New::job("publish", json!(0)).title(title)).await;
        let page = |before| Filter { limit: 2, before, kind: Some("encode".into()), ..Filter::default() };
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let jobs = bench.queue.list(&page(before)).await.unwrap();
            let Some(last) = jobs.last() else { break };
            before = Some(last.id);
            seen.extend(jobs.iter().map(|job| job.id));
        }
        ids.reverse();
        assert_eq!(seen, ids);
        let of_title = bench.queue.list(&Filter { title: Some(title), ..Filter::default() }).await.unwrap();
        assert_eq!(of_title.iter().map(|job| job.id).collect::<Vec<_>>(), [titled]);
    }
}

#[tokio::test]
async fn counts_and_age_tell_how_busy_the_queue_is() {
    for bench in benches().await {
        assert_eq!(bench.queue.counts(T0).await.unwrap(), jobs::Counts::default());
        bench.enqueue(&New { run_at: Some(at(5)), ..job(1) }).await;
        bench.enqueue(&New { run_at: Some(at(3)), ..job(2) }).await;
        assert_eq!(bench.queue.counts(T0).await.unwrap().oldest_due, None);
        let counts = bench.queue.counts(at(9)).await.unwrap();
        assert_eq!((counts.queued, counts.oldest_due), (2, Some(at(3))));
    }
}

#[tokio::test]
async fn titles_at_work_tell_how_fast_all_their_jobs_are_together() {
    for bench in benches().await {
        let titles = [TitleId::new(), TitleId::new(), TitleId::new()];
        for title in [titles[0], titles[0], titles[0], titles[1]] {
            bench.enqueue(&job(1).title(title)).await;
        }
        bench.enqueue(&job(1)).await;
        for speed in [Some(1.5), None, Some(2.0), None, Some(9.0)] {
            let lease = bench.claim(T0, "w").await.unwrap();
            let progress = jobs::Progress { speed, ..jobs::Progress::default() };
            bench.queue.progress(T0, &lease, &progress).await.unwrap();
        }
        bench.enqueue(&job(1).title(titles[2])).await;
        let at_work = bench.queue.at_work().await.unwrap();
        let of = |title| at_work.iter().find(|at| at.title == title).unwrap();
        assert_eq!((at_work.len(), of(titles[0]).speed, of(titles[1]).speed), (2, Some(3.5), None));
        let newest = Filter { title: Some(titles[0]), ..Filter::default() };
        assert_eq!(of(titles[0]).newest, bench.queue.list(&newest).await.unwrap()[0].id);
    }
}

#[tokio::test]
async fn a_log_keeps_its_last_lines() {
    for bench in benches().await {
        let id = bench.enqueue(&job(1)).await;
        let lease = bench.claim(T0, "w").await.unwrap();
        bench.queue.log(T0, &lease, &[]).await.unwrap();
        bench.queue.log(T0, &lease, &["first\0".into(), "é".repeat(5000)]).await.unwrap();
        let lines = bench.queue.log_lines(id).await.unwrap();
        assert_eq!((lines[0].n, lines[0].line.as_str(), lines[0].attempt), (1, "first", 1));
        assert_eq!(lines[1].line.chars().count(), 1000);

        let many: Vec<String> = (0..150).map(|n| format!("line {n}")).collect();
        bench.queue.log(T0, &lease, &many).await.unwrap();
        bench.queue.log(at(1), &lease, &many).await.unwrap();
        let lines = bench.queue.log_lines(id).await.unwrap();
        assert_eq!((lines.len(), lines[0].line.as_str()), (200, "line 100"));
        assert_eq!(lines.last().unwrap().line, "line 149");
        let numbers: Vec<u64> = lines.iter().map(|line| line.n).collect();
        assert_eq!(numbers, (103..=302).collect::<Vec<_>>());
        let flood: Vec<String> = (0..1000).map(|n| format!("flood {n}")).collect();
        bench.queue.log(at(2), &lease, &flood).await.unwrap();
        assert_eq!(bench.queue.log_lines(id).await.unwrap()[0].line, "flood 800");
        let silent = bench.enqueue(&job(2)).await;
        let tails = bench.queue.log_tails(&[id, silent], 2).await.unwrap();
        assert_eq!(tails.len(), 1);
        assert_eq!(tails[&id], ["flood 998", "flood 999"]);
        assert!(bench.queue.log_tails(&[], 2).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn old_jobs_are_forgotten_and_unfinished_ones_are_not() {
    for bench in benches().await {
        let members = vec![job(1), job(2)];
        let mut tx = bench.test.db.begin().await.unwrap();
        let new = jobs::NewGroup { members, ..jobs::NewGroup::default() };
        let group = bench.queue.enqueue_group(&mut tx, T0, &new).await.unwrap();
        tx.commit().await.unwrap();
        let single = bench.enqueue(&job(3).key("once")).await;
        for _ in 0..2 {
            let lease = bench.claim(T0, "w").await.unwrap();
            bench.queue.log(T0, &lease, &["x".into()]).await.unwrap();
            bench.complete(T0, &lease).await.unwrap();
            assert_eq!(bench.queue.prune(T0).await.unwrap(), 0);
        }
        let lease = bench.claim(T0, "w").await.unwrap();
        assert_eq!(bench.queue.prune(at(1)).await.unwrap(), 2);
        assert_eq!(bench.queue.group(group).await.unwrap(), None);
        bench.complete(at(2), &lease).await.unwrap();
        assert_eq!(bench.queue.prune(at(2)).await.unwrap(), 0);
        assert_eq!(bench.queue.prune(at(3)).await.unwrap(), 1);
        assert_ne!(bench.enqueue(&job(3).key("once")).await, single);
    }
}

#[tokio::test]
async fn every_unfinished_job_gives_a_reason() {
    for bench in benches().await {
        bench.enqueue(&job(1)).await;
        bench.enqueue(&New { run_at: Some(at(60)), ..job(2) }).await;
        bench.claim(T0, "w").await.unwrap();
        for job in bench.queue.list(&Filter::default()).await.unwrap() {
            for now in [T0, at(59), at(10_000)] {
                assert!(!job.reason(now).is_empty(), "{job:?}");
            }
        }
        let queued = Filter { state: Some(State::Queued), ..Filter::default() };
        assert_eq!(bench.queue.list(&queued).await.unwrap()[0].reason(T0), "starts in 60 s");
    }
}

#[tokio::test]
async fn the_job_that_a_title_failed_with_last_is_found_for_many_titles_at_a_time() {
    for bench in benches().await {
        let [twice, never] = [TitleId::new(), TitleId::new()];
        let mut failed = Vec::new();
        for title in [twice, twice, never] {
            let id = bench.enqueue(&job(1).title(title)).await;
            let lease = bench.claim(T0, "w").await.unwrap();
            if title == twice {
                bench.fail(T0, &lease, &Fault::Permanent("x".into())).await.unwrap();
                failed.push(id);
            }
        }
        let found = bench.queue.last_failed(&[twice, never, TitleId::new()]).await.unwrap();
        assert_eq!(found, [(twice, failed[1])]);
        let of = |state| Filter { title: Some(twice), state, ..Filter::default() };
        let listed = bench.queue.list(&of(Some(State::Failed))).await.unwrap();
        assert_eq!(listed.iter().map(|job| job.id).collect::<Vec<_>>(), [failed[1], failed[0]]);
        assert!(bench.queue.list(&of(Some(State::Running))).await.unwrap().is_empty());
    }
}
