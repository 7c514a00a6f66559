//! Handing in.

use std::time::Duration;

use jobs::Fault;
use model::plan::Track;
use model::title::State;
use pipeline::work::{OfChunk, OfGeneration};
use pipeline::{Error, Made};

use crate::house::{houses, plan};

#[tokio::test]
async fn a_title_goes_from_upload_to_published() {
    for house in houses().await {
        let title = house.planned().await;
        assert_eq!(house.title(title).await.state, State::Encoding);
        assert!(!house.title(title).await.playable);

        let (lease, of) = house.chunk().await;
        assert_eq!(of.chunk, 0, "the head comes first");
        house.pipeline.encoded(&lease, &of, vec![house.made(0, 7).await]).await.unwrap();
        assert!(house.title(title).await.playable);
        assert!(house.claim("publish").await.is_none());

        let (lease, of) = house.chunk().await;
        house.pipeline.encoded(&lease, &of, vec![house.made(1, 8).await]).await.unwrap();
        let (lease, of) = house.publication().await;
        house.pipeline.publish(&lease, &of).await.unwrap();
        let title = house.title(title).await;
        assert_eq!((title.state, title.progress, title.reason), (State::Published, 1000, None));
        let asset = house.catalogue.asset(of.asset, of.generation).await.unwrap();
        assert!(asset.complete && asset.measured.is_some());
    }
}

#[tokio::test]
async fn what_was_left_out_stays_with_the_title_until_it_is_encoded_again() {
    for house in houses().await {
        let title = house.planned_with(&["subtitles 3 are left out: they are pictures".into()]).await;
        let (lease, of) = house.chunk().await;
        let made = Made { note: Some("2 s of silence".into()), ..house.made(0, 7).await };
        house.pipeline.encoded(&lease, &of, vec![made]).await.unwrap();
        let (lease, of) = house.chunk().await;
        house.pipeline.encoded(&lease, &of, vec![house.made(1, 8).await]).await.unwrap();
        let (lease, first) = house.publication().await;
        house.pipeline.publish(&lease, &first).await.unwrap();
        let notes = async || {
            let shown = house.title(title).await.generation.unwrap();
            house.catalogue.notes(shown).await.unwrap()
        };
        let kept = ["subtitles 3 are left out: they are pictures", "2 s of silence"];
        assert_eq!(notes().await, kept);

        house.pipeline.reencode(title).await.unwrap();
        house.plan_next().await;
        assert_eq!(notes().await, kept, "the old encode is still shown");
        house.publish().await;
        assert_eq!(notes().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn the_first_stored_bytes_stand() {
    for house in houses().await {
        house.planned().await;
        let (lease, of) = house.chunk().await;
        house.pipeline.encoded(&lease, &of, vec![house.made(0, 7).await]).await.unwrap();
        let (lease, second) = house.chunk().await;
        let of = OfChunk { chunk: 0, ..second.clone() };
        let differs = house.pipeline.encoded(&lease, &of, vec![house.made(0, 9).await]).await;
        assert!(matches!(differs, Err(Error::Catalogue(catalogue::Error::ChunkDiffers { .. }))));
        // The lease was not used up by the refused call.
        house.pipeline.encoded(&lease, &of, vec![house.made(0, 7).await]).await.unwrap();
        let rows = house.catalogue.chunks(of.generation, plan().tracks().next().unwrap()).await.unwrap();
        assert_eq!(rows.len(), 1);
    }
}

#[tokio::test]
async fn tracks_that_the_plan_does_not_name_are_refused() {
    for house in houses().await {
        house.planned().await;
        let (lease, of) = house.chunk().await;
        let none = house.pipeline.encoded(&lease, &of, vec![]).await;
        assert!(matches!(none, Err(Error::NotPlanned { .. })));
        let beyond = OfChunk { chunk: 99, ..of };
        let none = house.pipeline.encoded(&lease, &beyond, vec![house.made(0, 7).await]).await;
        assert!(matches!(none, Err(Error::NotPlanned { .. })));
    }
}

#[tokio::test]
async fn nothing_is_published_while_chunks_are_missing() {
    for house in houses().await {
        house.planned().await;
        let (lease, of) = house.chunk().await;
        let of = OfGeneration { title: of.title, asset: of.asset, generation: of.generation };
        let early = house.pipeline.publish(&lease, &of).await;
        assert!(matches!(early, Err(Error::Incomplete { missing: 2, .. })));
    }
}

#[tokio::test]
async fn a_rejected_source_ends_its_title_and_all_its_jobs() {
    for house in houses().await {
        let title = house.planned().await;
        let (lease, of) = house.chunk().await;
        house.pipeline.rejected(&lease, of.title, "the file stops in the middle").await.unwrap();
        let title = house.title(title).await;
        assert_eq!(
            (title.state, title.reason.as_deref()),
            (State::Rejected, Some("the file stops in the middle"))
        );
        assert!(house.claim("chunk").await.is_none());
        assert!(house.claim("publish").await.is_none());
        let job = house.jobs.get(lease.job).await.unwrap().unwrap();
        assert_eq!(job.reason(crate::house::now()), "the file stops in the middle");
    }
}

#[tokio::test]
async fn a_failure_is_tried_again_and_a_permanent_one_ends_the_title() {
    for house in houses().await {
        let title = house.planned().await;
        let (lease, _) = house.chunk().await;
        house
            .pipeline
            .failed(&lease, &Fault::Transient("no space".into()), &["last line".into()])
            .await
            .unwrap();
        assert_eq!(house.title(title).await.state, State::Encoding);
        assert_eq!(house.jobs.log_lines(lease.job).await.unwrap()[0].line, "last line");
        let (lease, _) = house.chunk().await;
        house.pipeline.failed(&lease, &Fault::Permanent("it is broken".into()), &[]).await.unwrap();
        let title = house.title(title).await;
        assert_eq!((title.state, title.reason.as_deref()), (State::Failed, Some("it is broken")));
        assert!(house.claim("pictures").await.is_none(), "nobody looks at pictures of it");
        assert_eq!(house.jobs.live(title.id).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn what_cannot_be_written_down_yet_is_logged_once() {
    for house in houses().await {
        let title = house.planned().await;
        let (lease, _) = house.chunk().await;
        let (fault, log) = (Fault::Permanent("it is broken".into()), ["last line".into()]);
        let change = async |sql| house.test.db.execute(sql, db::args![]).await.unwrap();
        change("ALTER TABLE titles RENAME TO elsewhere").await;
        for _ in 0..2 {
            house.pipeline.failed(&lease, &fault, &log).await.unwrap_err();
        }
        change("ALTER TABLE elsewhere RENAME TO titles").await;
        house.pipeline.failed(&lease, &fault, &log).await.unwrap();
        assert_eq!(house.title(title).await.state, State::Failed);
        let lines = house.jobs.log_lines(lease.job).await.unwrap();
        let lines: Vec<&str> = lines.iter().map(|line| line.line.as_str()).collect();
        assert_eq!(
            lines,
            ["last line", "try 1 ended: it is broken", "1 other jobs of the group were cancelled"]
        );
    }
}

#[tokio::test]
async fn a_worker_that_dies_silently_is_replaced() {
    for house in houses().await {
        house.planned().await;
        let silent = house.claim_for("chunk", Duration::ZERO).await.unwrap();
        assert_eq!(house.pipeline.look_after().await.unwrap(), 1);
        let late = house.pipeline.failed(&silent, &Fault::Transient("late".into()), &[]).await;
        assert!(matches!(late, Err(Error::Jobs(jobs::Error::LeaseLost { .. }))));
        let held = house.claim("chunk").await.unwrap();
        assert_eq!(house.pipeline.succeed("up").await.unwrap(), 1);
        // At once; the first one may have had its rest by now.
        let mut due = Vec::new();
        while let Some(lease) = house.claim("chunk").await {
            due.push((lease.job, lease.attempt));
        }
        assert!(due.contains(&(held.job, held.attempt + 1)), "{held:?}: {due:?}");
    }
}

#[tokio::test]
async fn the_source_stays_while_the_title_needs_it_whatever_happens_to_its_key() {
    for house in houses().await {
        let title = house.planned().await;
        let object = house.title(title).await.source_object;
        house.client_upload("songs/song.wav").await;
        house.blob.sweep(crate::house::now().plus_ms(1_000_000_000)).await.unwrap();
        assert_eq!(house.blob.read_to_vec(object, 0..5).await.unwrap(), b"songs");
    }
}

#[tokio::test]
async fn a_chunk_that_a_viewer_waits_for_is_encoded_next() {
    for house in houses().await {
        let title = house.title(house.planned().await).await;
        let asset = house.catalogue.asset(title.asset.unwrap(), title.generation.unwrap()).await.unwrap();
        let place = pipeline::Place { asset: &asset, track: Track::Audio(0), segment: 1 };
        assert_eq!(house.pipeline.want(&place).await.unwrap(), pipeline::Hope::Coming);
        let (lease, of) = house.chunk().await;
        assert_eq!(of.chunk, 1);
        let changes = house.pipeline.changes();
        house.pipeline.encoded(&lease, &of, vec![house.made(1, 1).await]).await.unwrap();
        assert!(changes.has_changed().unwrap(), "who waits is woken");
        assert_eq!(house.pipeline.want(&place).await.unwrap(), pipeline::Hope::Coming);
    }
}
