use jobs::{Error, GroupState, NewGroup};
use model::job::State;
use model::{GroupId, TitleId};

use super::*;

async fn enqueue(bench: &Bench, new: &NewGroup) -> Result<GroupId> {
    let mut tx = bench.test.db.begin().await.unwrap();
    let id = bench.queue.enqueue_group(&mut tx, T0, new).await?;
    tx.commit().await.unwrap();
    Ok(id)
}

fn group(members: u32) -> NewGroup {
    let then = vec![New::job("publish", json!("now")).key("publish/1")];
    NewGroup {
        title: Some(TitleId::new()),
        key: Some("chunks/1".into()),
        members: (0..members).map(job).collect(),
        then,
    }
}

async fn state(bench: &Bench, id: GroupId) -> (GroupState, u64) {
    let group = bench.queue.group(id).await.unwrap().unwrap();
    (group.state, group.remaining)
}

#[tokio::test]
async fn the_last_member_enqueues_what_follows() {
    for bench in benches().await {
        let new = group(3);
        let id = enqueue(&bench, &new).await.unwrap();
        for left in [2, 1, 0] {
            let lease = bench.claim(T0, "w").await.unwrap();
            assert_eq!((lease.kind.as_str(), lease.group, lease.title), ("encode", Some(id), new.title));
            let done = bench.complete(T0, &lease).await.unwrap();
            assert_eq!(done.then.is_some(), left == 0);
            assert_eq!(state(&bench, id).await.1, left);
        }
        assert_eq!(state(&bench, id).await, (GroupState::Done, 0));
        assert_eq!(bench.claim(T0, "w").await.unwrap().payload, json!("now"));
        assert_eq!(bench.claim(T0, "w").await, None);
    }
}

#[tokio::test]
async fn a_group_without_members_is_done_at_once_and_a_key_is_used_once() {
    for bench in benches().await {
        let id = enqueue(&bench, &group(0)).await.unwrap();
        assert_eq!(enqueue(&bench, &group(2)).await.unwrap(), id);
        assert_eq!(state(&bench, id).await, (GroupState::Done, 0));
        assert_eq!(bench.claim(T0, "w").await.unwrap().kind, "publish");
        assert_eq!(bench.claim(T0, "w").await, None);

        let members = vec![job(1).key("same"), job(2).key("same")];
        let refused = enqueue(&bench, &NewGroup { members, ..NewGroup::default() }).await;
        assert!(matches!(refused, Err(Error::KeyTaken { key }) if key == "same"));
        assert_eq!(bench.claim(T0, "w").await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_completions_enqueue_what_follows_exactly_once() {
    for bench in benches().await {
        let id = enqueue(&bench, &group(50)).await.unwrap();
        let mut leases = Vec::new();
        for n in 0..50 {
            leases.push(bench.claim(T0, &format!("w{n}")).await.unwrap());
        }
        let tasks = leases.into_iter().map(|lease| {
            let (queue, db) = (bench.queue.clone(), bench.test.db.clone());
            tokio::spawn(async move {
                let mut tx = db.begin().await.unwrap();
                let done = queue.complete(&mut tx, T0, &lease, None).await.unwrap();
                tx.commit().await.unwrap();
                done.then.map_or(0, |made| made.len())
            })
        });
        let mut followed = 0;
        for task in tasks.collect::<Vec<_>>() {
            followed += task.await.unwrap();
        }
        assert_eq!(followed, 1, "{:?}", bench.test.engine());
        assert_eq!(state(&bench, id).await, (GroupState::Done, 0));
        assert_eq!(bench.claim(T0, "w").await.unwrap().kind, "publish");
        assert_eq!(bench.claim(T0, "w").await, None);
    }
}

#[tokio::test]
async fn an_unfinished_transaction_does_not_count() {
    for bench in benches().await {
        let id = enqueue(&bench, &group(1)).await.unwrap();
        let lease = bench.claim(T0, "w").await.unwrap();
        let mut tx = bench.test.db.begin().await.unwrap();
        bench.queue.complete(&mut tx, T0, &lease, None).await.unwrap();
        drop(tx);
        assert_eq!(state(&bench, id).await, (GroupState::Open, 1));
        assert_eq!(bench.claim(T0, "w").await, None);
        bench.complete(T0, &lease).await.unwrap();
        assert_eq!(state(&bench, id).await, (GroupState::Done, 0));
    }
}

#[tokio::test]
async fn a_failed_member_ends_its_group_and_a_retry_opens_it_again() {
    for bench in benches().await {
        let id = enqueue(&bench, &group(4)).await.unwrap();
        let first = bench.claim(T0, "a").await.unwrap();
        let running = bench.claim(T0, "b").await.unwrap();
        let bad = bench.claim(T0, "c").await.unwrap();
        bench.complete(T0, &first).await.unwrap();
        let outcome = bench.fail(T0, &bad, &Fault::Permanent("frame 7 is broken".into())).await.unwrap();
        assert!(matches!(outcome, Outcome::Ended(ended) if ended.group == Some(id)));

        let read = bench.queue.group(id).await.unwrap().unwrap();
        assert_eq!((read.state, read.remaining, read.total), (GroupState::Failed, 3, 4));
        assert_eq!(read.reason.as_deref(), Some("frame 7 is broken"));
        assert!(matches!(bench.complete(T0, &running).await, Err(Error::LeaseLost { .. })));
        assert_eq!(bench.claim(T0, "d").await, None);
        let why = bench.reason(running.job, T0).await;
        assert_eq!(why, "another part of the same work failed: frame 7 is broken");

        let mut tx = bench.test.db.begin().await.unwrap();
        assert_eq!(bench.queue.retry(&mut tx, T0, running.job).await.unwrap(), 3);
        tx.commit().await.unwrap();
        assert_eq!(bench.queue.group(id).await.unwrap().unwrap().reason, None);
        for _ in 0..3 {
            let lease = bench.claim(T0, "e").await.unwrap();
            bench.complete(T0, &lease).await.unwrap();
        }
        assert_eq!(state(&bench, id).await, (GroupState::Done, 0));
        assert_eq!(bench.claim(T0, "w").await.unwrap().kind, "publish");
    }
}

#[tokio::test]
async fn cancelling_a_member_or_the_title_cancels_the_group() {
    for bench in benches().await {
        let id = enqueue(&bench, &group(3)).await.unwrap();
        let lease = bench.claim(T0, "w").await.unwrap();
        let mut tx = bench.test.db.begin().await.unwrap();
        bench.queue.cancel(&mut tx, T0, lease.job, "not wanted").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(state(&bench, id).await.0, GroupState::Cancelled);
        assert_eq!(bench.queue.counts(T0).await.unwrap().cancelled, 3);

        let new = NewGroup { key: None, ..group(2) };
        let id = enqueue(&bench, &new).await.unwrap();
        let mut tx = bench.test.db.begin().await.unwrap();
        assert_eq!(bench.queue.cancel_title(&mut tx, T0, new.title.unwrap(), "deleted").await.unwrap(), 2);
        tx.commit().await.unwrap();
        let read = bench.queue.group(id).await.unwrap().unwrap();
        assert_eq!((read.state, read.reason.as_deref()), (GroupState::Cancelled, Some("deleted")));
    }
}

/// Completing, failing, heartbeats and cancelling lock the same rows; none may be left waiting for another.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn members_that_end_in_every_way_at_once_do_not_block_each_other() {
    for bench in benches().await {
        let id = enqueue(&bench, &group(30)).await.unwrap();
        let mut leases = Vec::new();
        for n in 0..30 {
            leases.push(bench.claim(T0, &format!("w{n}")).await.unwrap());
        }
        let tasks = leases.into_iter().zip(0..).map(|(lease, n)| {
            let (queue, db) = (bench.queue.clone(), bench.test.db.clone());
            tokio::spawn(async move {
                let beat = queue.heartbeat(T0, &lease).await;
                let mut tx = db.begin().await.unwrap();
                let ended = match n % 10 {
                    3 => queue.fail(&mut tx, T0, &lease, &Fault::Permanent("x".into())).await.map(drop),
                    7 => queue.cancel(&mut tx, T0, lease.job, "y").await.map(drop),
                    _ => queue.complete(&mut tx, T0, &lease, None).await.map(drop),
                };
                tx.commit().await.unwrap();
                for result in [beat, ended] {
                    match result {
                        Ok(()) | Err(Error::LeaseLost { .. } | Error::State { .. }) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let (state, remaining) = state(&bench, id).await;
        assert!(matches!(state, GroupState::Failed | GroupState::Cancelled), "{state:?}");
        let counts = bench.queue.counts(T0).await.unwrap();
        assert_eq!((counts.queued, counts.running), (0, 0));
        assert_eq!(30 - counts.done, remaining);
        let filter = jobs::Filter { state: Some(State::Failed), ..jobs::Filter::default() };
        assert!(bench.queue.list(&filter).await.unwrap().len() <= 1);
    }
}
