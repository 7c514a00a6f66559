//! Actions of people on titles.

use std::time::Duration;

use blob::{By, New};
use catalogue::Removal;
use jobs::Fault;
use model::plan::Track;
use model::title::{State, Visibility};
use model::{BucketName, Timestamp, TitleId, WaitsFor};
use pipeline::work::{OfChunk, OfGeneration};
use pipeline::{Config, Error, Pipeline, Purge, Rule, SourceFile};

use crate::house::{House, houses, houses_with_hands, now};

/// Bytes that the store has; those that nobody needs are swept first.
async fn stored(house: &House) -> u64 {
    house.blob.sweep(now().plus_ms(1_000_000)).await.unwrap();
    house.blob.used().await.unwrap()
}

#[tokio::test]
async fn a_cancelled_title_says_in_which_role_somebody_did_it_and_goes_on_where_it_stopped() {
    for house in houses().await {
        let title = house.planned().await;
        let (lease, of) = house.chunk().await;
        house.pipeline.encoded(&lease, &of, vec![house.made(0, 7).await]).await.unwrap();
        let (running, second) = house.chunk().await;
        assert_eq!(house.pipeline.cancel(title, pipeline::By::Owner).await.unwrap(), 2);
        let found = house.title(title).await;
        assert_eq!(
            (found.state, found.reason.as_deref()),
            (State::Failed, Some("cancelled by the uploader"))
        );
        let late = house.pipeline.encoded(&running, &second, vec![house.made(1, 7).await]).await;
        assert!(matches!(late, Err(Error::Jobs(jobs::Error::LeaseLost { .. }))));
        assert!(house.claim("chunk").await.is_none());
        let idle = house.pipeline.cancel(title, pipeline::By::Operator).await;
        assert!(matches!(idle, Err(Error::Idle { .. })));

        assert_eq!(house.pipeline.retry(title).await.unwrap(), 2, "the stored chunk stands");
        assert_eq!(house.title(title).await.state, State::Encoding);
        assert!(matches!(house.pipeline.retry(title).await, Err(Error::UnderWay { .. })));
        let published = house.finish().await;
        assert_eq!(published.generation, of.generation);
        assert_eq!(house.title(title).await.state, State::Published);
        assert!(matches!(house.pipeline.retry(title).await, Err(Error::NothingFailed { .. })));
    }
}

#[tokio::test]
async fn a_job_is_cancelled_and_tried_again_with_its_title() {
    for house in houses().await {
        let title = house.planned().await;
        let (lease, _) = house.chunk().await;
        house.pipeline.cancel_job(lease.job, pipeline::By::Operator).await.unwrap();
        assert_eq!(house.title(title).await.state, State::Failed);
        assert!(house.pipeline.cancel_job(lease.job, pipeline::By::Operator).await.is_err());
        assert_eq!(house.pipeline.retry_job(lease.job).await.unwrap(), 3);
        assert!(house.pipeline.retry_job(lease.job).await.is_err());
        house.finish().await;
    }
}

#[tokio::test]
async fn a_title_whose_jobs_were_forgotten_is_read_again() {
    for house in houses().await {
        let title = house.planned().await;
        let (lease, _) = house.chunk().await;
        house.pipeline.failed(&lease, &Fault::Permanent("broken".into()), &[]).await.unwrap();
        house.jobs.prune(now().plus_ms(1000)).await.unwrap();
        assert_eq!(house.pipeline.retry(title).await.unwrap(), 1);
        assert_eq!(house.title(title).await.state, State::Received);
        house.plan_next().await;
        house.finish().await;
        assert_eq!(house.title(title).await.state, State::Published);
    }
}

#[tokio::test]
async fn a_source_that_is_gone_is_said_and_changes_nothing() {
    for house in houses().await {
        let title = house.planned().await;
        house.pipeline.cancel(title, pipeline::By::Operator).await.unwrap();
        house.client_upload("songs/song.wav").await;
        house.pipeline.take_events().await.unwrap();
        house.blob.sweep(now().plus_ms(1_000_000)).await.unwrap();
        assert!(matches!(house.pipeline.retry(title).await, Err(Error::SourceGone { .. })));
        assert_eq!(house.title(title).await.state, State::Failed);
        assert_eq!(house.jobs.live(title).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_encode_anew_replaces_the_old_one_and_its_bytes_go_later() {
    for house in houses().await {
        let title = house.planned().await;
        let old = house.finish().await;
        house.pipeline.reencode(title).await.unwrap();
        assert!(matches!(house.pipeline.reencode(title).await, Err(Error::UnderWay { .. })));
        house.plan_next().await;
        let under_way = house.title(title).await;
        assert_eq!((under_way.state, under_way.generation), (State::Published, Some(old.generation)));
        let (lease, _) = house.chunk().await;
        house.pipeline.failed(&lease, &Fault::Permanent("no".into()), &[]).await.unwrap();
        assert_eq!(house.title(title).await.state, State::Published, "the old one still plays");
        house.pipeline.retry(title).await.unwrap();
        let new = house.finish().await;
        assert_ne!(new.generation, old.generation);
        assert_eq!(house.title(title).await.generation, Some(new.generation));

        house.pipeline.remove_old().await.unwrap();
        assert!(house.catalogue.asset(old.asset, old.generation).await.is_ok(), "someone may watch it");
        let impatient =
            house.pipeline.clone().with_config(Config { generation_hours: 0, ..Config::default() });
        let before = stored(&house).await;
        impatient.remove_old().await.unwrap();
        assert!(stored(&house).await < before);
        assert!(house.catalogue.asset(old.asset, old.generation).await.is_err());
        assert!(house.catalogue.asset(new.asset, new.generation).await.is_ok());
    }
}

#[tokio::test]
async fn only_the_newest_encode_is_tried_again_and_only_once() {
    for house in houses().await {
        let title = house.planned().await;
        house.finish().await;
        for _ in 0..2 {
            house.pipeline.reencode(title).await.unwrap();
            house.plan_next().await;
            let (lease, _) = house.chunk().await;
            house.pipeline.failed(&lease, &Fault::Permanent("no".into()), &[]).await.unwrap();
            assert!(house.pipeline.is_retriable(title).await.unwrap());
        }
        let (one, other) = tokio::join!(house.pipeline.retry(title), house.pipeline.retry(title));
        assert!([&one, &other].iter().filter(|asked| asked.is_ok()).count() == 1, "{one:?} {other:?}");
        assert!(matches!(one.and(other), Err(Error::UnderWay { .. })));
        house.finish().await;
        let again = house.pipeline.retry(title).await;
        assert!(
            matches!(again, Err(Error::NothingFailed { .. })),
            "the first that failed was replaced: {again:?}"
        );
        assert!(!house.pipeline.is_retriable(title).await.unwrap());
    }
}

/// Re-encodes a published title, which fails when one of its chunks is stored; answers the new encode.
async fn failed_anew(house: &House, title: TitleId) -> OfChunk {
    house.pipeline.reencode(title).await.unwrap();
    house.plan_next().await;
    let (lease, of) = house.chunk().await;
    house.pipeline.encoded(&lease, &of, vec![house.made(0, 8).await]).await.unwrap();
    let (lease, of) = house.chunk().await;
    house.pipeline.failed(&lease, &Fault::Permanent("no".into()), &[]).await.unwrap();
    let (lease, _) = house.pictures().await;
    house.pipeline.failed(&lease, &Fault::Permanent("no picture".into()), &[]).await.unwrap();
    of
}

/// One that keeps no encode that was replaced.
fn impatient(house: &House) -> Pipeline {
    house.pipeline.clone().with_config(Config { generation_hours: 0, ..Config::default() })
}

#[tokio::test]
async fn nothing_is_tried_again_of_an_encode_that_was_removed() {
    for by_an_earlier_version in [false, true] {
        for house in houses().await {
            let title = house.planned().await;
            house.finish().await;
            let of = failed_anew(&house, title).await;
            if by_an_earlier_version {
                let sql = "DELETE FROM jobs WHERE kind = 'pictures' AND state = 'failed'";
                house.test.db.execute(sql, db::args![]).await.unwrap();
                let mut tx = house.test.db.begin().await.unwrap();
                let taken = house.catalogue.take_chunks(&mut tx, title, Some(of.generation), 9).await;
                assert_eq!(taken.unwrap().len(), 1);
                house.catalogue.forget_generation(&mut tx, of.generation).await.unwrap();
                tx.commit().await.unwrap();
            } else {
                impatient(&house).remove_old().await.unwrap();
            }
            assert!(house.catalogue.asset(of.asset, of.generation).await.is_err());
            assert!(!house.pipeline.is_retriable(title).await.unwrap());
            let again = house.pipeline.retry(title).await;
            assert!(matches!(again, Err(Error::NothingFailed { .. })), "{again:?}");
            assert_eq!(house.jobs.live(title).await.unwrap(), 0);
        }
    }
}

#[tokio::test]
async fn an_encode_whose_removal_was_interrupted_is_begun_anew() {
    for house in houses().await {
        let title = house.planned().await;
        house.finish().await;
        let old = failed_anew(&house, title).await;
        let change = async |sql| house.test.db.execute(sql, db::args![]).await.unwrap();
        change("ALTER TABLE chunks RENAME TO elsewhere").await;
        impatient(&house).remove_old().await.unwrap();
        change("ALTER TABLE elsewhere RENAME TO chunks").await;
        assert_eq!(house.pipeline.retry(title).await.unwrap(), 1, "a plan");
        house.plan_next().await;
        impatient(&house).remove_old().await.unwrap();
        assert!(house.catalogue.asset(old.asset, old.generation).await.is_ok(), "the title is worked on");
        let new = house.finish().await;
        assert_ne!(new.generation, old.generation);
        impatient(&house).remove_old().await.unwrap();
        assert!(house.catalogue.asset(old.asset, old.generation).await.is_err());
    }
}

#[tokio::test]
async fn an_encode_stays_that_is_tried_again_or_shown_before_its_removal_begins() {
    for shown in [false, true] {
        for house in houses().await {
            let title = house.planned().await;
            house.finish().await;
            let of = failed_anew(&house, title).await;
            let mut tx = house.test.db.begin().await.unwrap();
            house.jobs.lock_title(&mut tx, title).await.unwrap();
            assert!(house.catalogue.lock(&mut tx, title).await.unwrap());
            if shown {
                let sql = "UPDATE titles SET generation = $2 WHERE id = $1";
                tx.execute(sql, db::args![title, of.generation]).await.unwrap();
            } else {
                let all = jobs::Again { since: Timestamp(0), kind: None };
                house.jobs.retry_title(&mut tx, now(), title, all).await.unwrap();
            }
            let remover = impatient(&house);
            let mut removal = tokio::spawn(async move { remover.remove_old().await.unwrap() });
            // By then it has got as far as it gets.
            let early = tokio::time::timeout(Duration::from_millis(300), &mut removal).await;
            assert!(early.is_err(), "it waits for who decides over the title");
            tx.commit().await.unwrap();
            removal.await.unwrap();
            let asset = house.catalogue.asset(of.asset, of.generation).await.unwrap();
            let stored = house.catalogue.chunks(asset.generation, Track::Audio(0)).await.unwrap();
            assert_eq!(stored.len(), 1);
            if !shown {
                assert_eq!(house.finish().await.generation, of.generation);
            }
        }
    }
}

#[tokio::test]
async fn what_others_decide_before_work_begins_again_counts() {
    for deleted in [true, false] {
        for house in houses().await {
            let title = house.planned().await;
            house.finish().await;
            let mut tx = house.test.db.begin().await.unwrap();
            if deleted {
                let how = Removal { purge_at: now(), spare_source: false, by_owner: false };
                house.catalogue.delete(&mut tx, now(), title, &how).await.unwrap();
            } else {
                house.catalogue.drop_source(&mut tx, now(), title).await.unwrap();
            }
            let again = async { tokio::join!(house.pipeline.retry(title), house.pipeline.reencode(title)) };
            tokio::pin!(again);
            let early = tokio::time::timeout(Duration::from_millis(200), &mut again).await;
            assert!(early.is_err(), "both wait for it: {early:?}");
            tx.commit().await.unwrap();
            let (retried, anew) = again.await;
            for refused in [retried.map(drop), anew] {
                let expected = match refused {
                    Err(Error::Catalogue(catalogue::Error::NoTitle { .. })) => deleted,
                    Err(Error::SourceGone { .. }) => !deleted,
                    _ => false,
                };
                assert!(expected, "{refused:?}");
            }
            assert_eq!(house.jobs.live(title).await.unwrap(), 0);
        }
    }
}

async fn poster(house: &House, of: &OfGeneration) {
    let key = format!("{}/{}/poster/320.jpg", of.asset, of.generation).parse().unwrap();
    house.blob.put("jpg", New::named(BucketName::media(), key, By::Kinora)).await.unwrap();
}

#[tokio::test]
async fn a_deleted_title_leaves_nothing() {
    for house in houses().await {
        let title = house.planned().await;
        let of = house.finish().await;
        poster(&house, &of).await;
        assert!(stored(&house).await > 0);
        house.pipeline.delete(title, Purge::Now, SourceFile::Goes, pipeline::By::Owner).await.unwrap();
        assert!(house.catalogue.title(title).await.is_err());
        assert_eq!(house.pipeline.remove_doomed().await.unwrap(), 1);
        assert_eq!(house.pipeline.remove_doomed().await.unwrap(), 0);
        assert_eq!(stored(&house).await, 0);
        let jobs = house.jobs.list(&jobs::Filter::default()).await.unwrap();
        assert!(jobs.is_empty(), "{jobs:?}");
        assert!(matches!(house.pipeline.restore(title, None).await, Err(Error::Catalogue(_))));
        let again = house.pipeline.delete(title, Purge::Now, SourceFile::Goes, pipeline::By::Owner).await;
        assert!(matches!(again, Err(Error::Catalogue(catalogue::Error::NoTitle { .. }))));
    }
}

#[tokio::test]
async fn a_deleted_title_that_cannot_be_removed_holds_up_no_other() {
    for house in houses().await {
        let stuck = house.planned().await;
        house.client_upload("songs/other.wav").await;
        house.pipeline.take_events().await.unwrap();
        let other = house.plan_next().await;
        for title in [stuck, other] {
            house.pipeline.delete(title, Purge::Now, SourceFile::Goes, pipeline::By::Owner).await.unwrap();
        }
        let sooner = "UPDATE titles SET purge_at = 0 WHERE id = $1";
        house.test.db.execute(sooner, db::args![stuck]).await.unwrap();
        let spoil = "UPDATE generations SET asset = 'nothing' WHERE title = $1";
        house.test.db.execute(spoil, db::args![stuck]).await.unwrap();
        assert_eq!(house.pipeline.remove_doomed().await.unwrap(), 1);
        assert_eq!(house.catalogue.due_for_removal(now()).await.unwrap(), [stuck]);
    }
}

#[tokio::test]
async fn a_title_is_deleted_while_it_is_encoded_and_restored_to_be_tried_again() {
    for house in houses().await {
        let title = house.planned().await;
        let (lease, of) = house.chunk().await;
        house.pipeline.delete(title, Purge::Later, SourceFile::Goes, pipeline::By::Owner).await.unwrap();
        let late = house.pipeline.encoded(&lease, &of, vec![house.made(0, 7).await]).await;
        assert!(late.is_err());
        assert_eq!(house.pipeline.remove_doomed().await.unwrap(), 0);
        house.pipeline.restore(title, None).await.unwrap();
        assert_eq!(house.title(title).await.state, State::Failed);
        house.pipeline.retry(title).await.unwrap();
        house.finish().await;
        house.pipeline.delete(title, Purge::Later, SourceFile::Goes, pipeline::By::Owner).await.unwrap();
        house.pipeline.delete(title, Purge::Now, SourceFile::Stays, pipeline::By::Owner).await.unwrap();
        assert_eq!(house.pipeline.remove_doomed().await.unwrap(), 1);
        assert_eq!(stored(&house).await, "songs/song.wav".len() as u64, "the upload stays");
    }
}

#[tokio::test]
async fn a_rule_can_let_the_upload_go_once_the_title_is_published() {
    for mut house in houses().await {
        house.dropping();
        let title = house.planned().await;
        let object = house.title(title).await.source_object;
        house.finish().await;
        stored(&house).await;
        assert!(house.blob.object(object).await.is_err());
        let found = house.title(title).await;
        assert!(found.source_dropped_at.is_some());
        assert_eq!(house.pipeline.source_bytes(&found).await.unwrap(), None);
        assert!(matches!(house.pipeline.reencode(title).await, Err(Error::SourceGone { .. })));
    }
}

#[tokio::test]
async fn an_original_file_that_was_deleted_is_kept_after_all_until_its_time_has_come() {
    let day = Duration::from_secs(86_400);
    for (house, hands) in houses_with_hands().await {
        let title = house.planned().await;
        house.finish().await;
        let size = "songs/song.wav".len() as u64;
        let source_bytes = async || {
            let found = house.title(title).await;
            house.pipeline.source_bytes(&found).await.unwrap()
        };
        let kept = house.pipeline.restore_source(title).await;
        assert!(matches!(kept, Err(Error::SourceStays { .. })));

        house.pipeline.drop_source(title, Purge::Later).await.unwrap();
        hands.advance(7 * day - Duration::from_millis(1));
        assert_eq!(house.pipeline.drop_due_sources().await.unwrap(), 0);
        assert_eq!(source_bytes().await, Some(size));
        house.pipeline.restore_source(title).await.unwrap();
        assert_eq!(house.title(title).await.source_purge_at, None);

        house.pipeline.drop_source(title, Purge::Later).await.unwrap();
        hands.advance(7 * day);
        // Work that needs the file comes first.
        house.pipeline.reencode(title).await.unwrap();
        assert_eq!(house.pipeline.drop_due_sources().await.unwrap(), 0);
        house.plan_next().await;
        house.finish().await;
        assert_eq!(house.pipeline.drop_due_sources().await.unwrap(), 1);
        assert_eq!(house.pipeline.drop_due_sources().await.unwrap(), 0);
        assert_eq!(source_bytes().await, None);
        let found = house.title(title).await;
        assert!(found.source_dropped_at.is_some() && found.source_purge_at.is_none());
        for refused in [
            house.pipeline.restore_source(title).await,
            house.pipeline.drop_source(title, Purge::Later).await,
            house.pipeline.reencode(title).await,
        ] {
            assert!(matches!(refused, Err(Error::SourceGone { .. })), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn owners_restore_what_they_deleted_themselves() {
    for house in houses().await {
        let title = house.planned().await;
        let (owner, other) = (model::AccountId::new(), model::AccountId::new());
        let own = "UPDATE titles SET owner = $2 WHERE id = $1";
        house.test.db.execute(own, db::args![title, owner]).await.unwrap();
        let delete = async |by| {
            house.pipeline.delete(title, Purge::Later, SourceFile::Goes, by).await.unwrap();
        };
        let listed = async |of| house.catalogue.restorable(of, None).await.unwrap().len();
        delete(pipeline::By::Operator).await;
        assert_eq!((listed(Some(owner)).await, listed(None).await), (0, 1));
        assert!(house.pipeline.restore(title, Some(owner)).await.is_err(), "an operator deleted it");
        house.pipeline.restore(title, None).await.unwrap();

        delete(pipeline::By::Owner).await;
        assert_eq!((listed(Some(other)).await, listed(Some(owner)).await), (0, 1));
        assert!(house.pipeline.restore(title, Some(other)).await.is_err());
        house.pipeline.restore(title, Some(owner)).await.unwrap();
        assert_eq!(house.title(title).await.state, State::Failed);
    }
}

#[tokio::test]
async fn nobody_but_operators_sees_a_new_title_unless_the_settings_or_its_rule_say_so() {
    for house in houses().await {
        let members = Config { visibility: Visibility::Members, ..Config::default() };
        let rule = Rule {
            prefix: "public/".into(),
            visibility: Some(Visibility::Public),
            ..Rule::defaults().pop().unwrap()
        };
        let rules = [vec![rule], Rule::defaults()].concat();
        let (db, blob) = (house.test.db.clone(), house.blob.clone());
        let plain = Pipeline::new(db, blob, house.jobs.clone(), house.catalogue.clone(), rules);
        let open = plain.clone().with_config(members);
        for (pipeline, key, visibility) in [
            (&plain, "a.wav", Visibility::Private),
            (&plain, "public/b.wav", Visibility::Public),
            (&open, "c.wav", Visibility::Members),
            (&open, "public/d.wav", Visibility::Public),
        ] {
            let object = house.client_upload(key).await.id;
            pipeline.take_events().await.unwrap();
            let mut tx = house.test.db.begin().await.unwrap();
            let title = house.catalogue.title_of_object(&mut tx, object).await.unwrap().unwrap();
            drop(tx);
            assert_eq!(house.title(title).await.visibility, visibility, "{key}");
        }
    }
}

#[tokio::test]
async fn an_upload_goes_when_the_pictures_it_waits_for_are_cancelled() {
    for mut house in houses().await {
        house.dropping();
        let title = house.planned().await;
        house.publish().await;
        assert_eq!(house.title(title).await.source_dropped_at, None, "pictures are still to be made of it");
        assert_eq!(house.pipeline.cancel(title, pipeline::By::Operator).await.unwrap(), 1);
        let found = house.title(title).await;
        assert_eq!(found.state, State::Published);
        assert!(found.source_dropped_at.is_some());
    }
}

#[tokio::test]
async fn a_deleted_title_keeps_its_upload_where_that_was_asked_for() {
    for mut house in houses().await {
        house.dropping();
        let title = house.planned().await;
        house.publish().await;
        house.pipeline.delete(title, Purge::Now, SourceFile::Stays, pipeline::By::Owner).await.unwrap();
        assert_eq!(house.pipeline.remove_doomed().await.unwrap(), 1);
        assert_eq!(stored(&house).await, "songs/song.wav".len() as u64);
    }
}

#[tokio::test]
async fn an_encode_waits_for_room_and_goes_on_by_itself() {
    for house in houses().await {
        let title: TitleId = house.planned().await;
        let (lease, of) = house.chunk().await;
        let tight = house.pipeline.clone().with_config(Config { most_bytes: 20, ..Config::default() });
        let why = tight.find_room(&of).await.unwrap().unwrap();
        assert!(why.starts_with("waits for disk space: needs "), "{why}");
        house.pipeline.hold_up(&lease, &why).await.unwrap();
        assert_eq!(house.title(title).await.reason.as_deref(), Some(why.as_str()));
        assert!(house.claim("chunk").await.is_none(), "all of its chunks wait");

        assert_eq!(house.pipeline.find_room(&of).await.unwrap(), None);
        assert_eq!(house.title(title).await.reason.as_deref(), Some("being encoded"));

        // Others have taken what was promised to it.
        let (lease, of) = house.chunk().await;
        let why = tight.find_room(&of).await.unwrap().unwrap();
        house.pipeline.hold_up(&lease, &why).await.unwrap();
        assert_eq!(house.title(title).await.reason.as_deref(), Some(why.as_str()));
        assert!(house.claim("chunk").await.is_none());
        assert_eq!(house.pipeline.find_room(&of).await.unwrap(), None);
        assert_eq!(house.title(title).await.reason.as_deref(), Some("being encoded"));
        house.finish().await;
    }
}

#[tokio::test]
async fn who_lost_its_chunk_while_it_slept_holds_up_nothing() {
    for house in houses().await {
        let title: TitleId = house.planned().await;
        let lost = house.claim_for("chunk", Duration::ZERO).await.unwrap();
        assert_eq!(house.pipeline.look_after().await.unwrap(), 1);
        let before = house.title(title).await.reason;
        let refused = house.pipeline.hold_up(&lost, "waits for disk space").await;
        assert!(matches!(refused, Err(Error::Jobs(jobs::Error::LeaseLost { .. }))), "{refused:?}");
        assert_eq!(house.title(title).await.reason, before);
        assert_eq!(house.catalogue.titles_that_wait_for(WaitsFor::Space).await.unwrap(), []);
        // The title's other chunk waits for nothing.
        house.chunk().await;
    }
}

#[tokio::test]
async fn a_title_waits_to_be_read_until_there_is_room_for_its_file() {
    for house in houses().await {
        house.client_upload("songs/song.wav").await;
        house.pipeline.take_events().await.unwrap();
        let title = house.titles().await.remove(0);
        let waiting = async || house.catalogue.titles_that_wait_for(WaitsFor::Space).await.unwrap();
        let lease = house.claim("plan").await.unwrap();
        house.pipeline.hold_up(&lease, "waits for disk space").await.unwrap();
        assert_eq!(waiting().await, [title.id]);
        // It is being read; what it is made of is not known yet.
        house.pipeline.found_room(title.id).await.unwrap();
        assert_eq!(waiting().await, []);
        assert_eq!(house.title(title.id).await.reason, title.reason);
    }
}

#[tokio::test]
async fn pictures_that_wait_for_room_are_waited_for_by_no_title() {
    for house in houses().await {
        let title: TitleId = house.planned().await;
        let before = house.title(title).await.reason;
        let (lease, _) = house.pictures().await;
        house.pipeline.hold_up(&lease, "waits for disk space").await.unwrap();
        assert_eq!(house.title(title).await.reason, before);
        house.chunk().await;
    }
}

#[tokio::test]
async fn nothing_is_promised_to_a_chunk_whose_title_was_just_cancelled() {
    for house in houses().await {
        let title: TitleId = house.planned().await;
        let (_, of) = house.chunk().await;
        house.pipeline.cancel(title, pipeline::By::Operator).await.unwrap();
        assert_eq!(house.pipeline.find_room(&of).await.unwrap(), None);
        let sql = "SELECT COUNT(*) AS n FROM generations WHERE promised";
        assert_eq!(house.test.db.one(sql, db::args![]).await.unwrap().get::<u64>("n").unwrap(), 0);
    }
}

#[tokio::test]
async fn a_title_whose_encoder_is_gone_says_so_and_can_be_encoded_anew() {
    for house in houses().await {
        let title = house.planned().await;
        let later = || now().plus_ms(31_000);
        house.pipeline.note_stranded(later()).await.unwrap();
        let why = house.title(title).await.reason.unwrap();
        assert!(why.starts_with("no encoding worker is running"), "{why}");

        let worker =
            |capability: &str| jobs::Presence { name: "up".into(), capability: capability.into(), slots: 1 };
        let (lease, _) = house.chunk().await;
        let capability = house.jobs.get(lease.job).await.unwrap().unwrap().capability.unwrap();
        house.jobs.present(later(), &worker(&capability)).await.unwrap();
        house.pipeline.note_stranded(later()).await.unwrap();
        assert_eq!(house.title(title).await.reason.as_deref(), Some("being encoded"));
        assert!(matches!(house.pipeline.reencode(title).await, Err(Error::UnderWay { .. })));

        house.jobs.present(later(), &worker("another")).await.unwrap();
        house.pipeline.note_stranded(later()).await.unwrap();
        let why = house.title(title).await.reason.unwrap();
        assert!(why.contains(&capability) && why.contains("kinora title reencode"), "{why}");
        assert!(
            matches!(house.pipeline.reencode(title).await, Err(Error::UnderWay { .. })),
            "one still runs"
        );
        house.jobs.put_back(&lease, now(), "stopped").await.unwrap();
        house.pipeline.reencode(title).await.unwrap();
        assert_eq!(house.title(title).await.state, State::Received);
        house.plan_next().await;
        house.finish().await;
    }
}
