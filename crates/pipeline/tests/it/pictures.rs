//! Posters and storyboards.

use jobs::Fault;
use model::media::{Stills as Facts, Storyboard};
use model::plan::{Chunk, Medium, Rendition, Track};
use model::testing::{self, rendition};
use model::title::State;
use model::{BucketName, FrameRate, Plan};
use package::cmaf::ChunkWriter;
use package::index::Sample;
use pipeline::work::{OfChunk, OfTitle, Pictures};
use pipeline::{Error, Made, Purge, Stills, Work, keyframes};

use crate::house::{House, houses};

/// Bytes in the store that have no name yet.
pub(crate) async fn staged(house: &House, bytes: &'static [u8]) -> blob::Staged {
    let body = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from_static(bytes))]);
    house.blob.stage(body, None, None).await.unwrap()
}

const FACTS: Storyboard =
    Storyboard { tile_width: 160, tile_height: 90, columns: 10, rows: 10, interval_ms: 2000, count: 101 };

#[tokio::test]
async fn pictures_are_stored_beside_the_chunks_and_come_with_the_title() {
    for house in houses().await {
        let title = house.planned().await;
        let (lease, of) = house.pictures().await;
        assert_eq!(of.pictures, Pictures::Posters);
        assert!(house.claim("pictures").await.is_none(), "a song has no storyboard");
        assert_eq!(house.title(title).await.stills, Facts::default());
        let posters = vec![(320, staged(&house, b"small").await), (640, staged(&house, b"large").await)];
        house.pipeline.pictures_made(&lease, &of, Stills::Posters(posters)).await.unwrap();
        let late = Stills::Posters(vec![(320, staged(&house, b"other").await)]);
        let late = house.pipeline.pictures_made(&lease, &of, late).await;
        assert!(matches!(late, Err(Error::Jobs(jobs::Error::LeaseLost { .. }))));

        // A storyboard, handed in with the lease of another job.
        let lease = house.claim("chunk").await.unwrap();
        let sheets = vec![staged(&house, b"one").await, staged(&house, b"two").await];
        let board = Stills::Storyboard(Some((FACTS, sheets)));
        house.pipeline.pictures_made(&lease, &of, board).await.unwrap();

        let facts = Facts { posters: vec![320, 640], are_first: false, storyboard: Some(FACTS) };
        assert_eq!(house.catalogue.stills(of.generation).await.unwrap(), facts);
        // A title shows those of the generation that it shows.
        let found = house.title(title).await;
        assert_eq!((found.generation, found.stills), (Some(of.generation), facts));
        for (name, bytes) in [("poster/640.jpg", b"large"), ("poster/320.jpg", b"small")] {
            let key = format!("{}/{}/{name}", of.asset, of.generation).parse().unwrap();
            let object = house.blob.head(&BucketName::media(), &key).await.unwrap();
            assert_eq!(house.blob.read_to_vec(object.id, 0..5).await.unwrap(), bytes);
        }
        let key = format!("{}/{}/storyboard/1.jpg", of.asset, of.generation).parse().unwrap();
        assert_eq!(house.blob.head(&BucketName::media(), &key).await.unwrap().size, 3);
    }
}

#[tokio::test]
async fn a_title_without_pictures_is_as_good_and_they_can_be_tried_again() {
    for house in houses().await {
        let title = house.planned().await;
        let (lease, _) = house.pictures().await;
        house.pipeline.failed(&lease, &Fault::Permanent("no picture".into()), &[]).await.unwrap();
        assert_eq!(house.title(title).await.state, State::Encoding);
        house.publish().await;
        assert_eq!(house.title(title).await.state, State::Published);
        assert!(house.pipeline.is_retriable(title).await.unwrap());
        assert_eq!(house.pipeline.retry_job(lease.job).await.unwrap(), 1);
        let (lease, of) = house.pictures().await;
        house.pipeline.pictures_made(&lease, &of, Stills::Posters(vec![])).await.unwrap();
        assert!(!house.pipeline.is_retriable(title).await.unwrap());
        assert!(matches!(house.pipeline.retry(title).await, Err(Error::NothingFailed { .. })));
    }
}

#[tokio::test]
async fn the_upload_stays_until_its_pictures_are_made() {
    for by_rule in [true, false] {
        for mut house in houses().await {
            if by_rule {
                house.dropping();
            }
            house.planned().await;
            let (lease, of) = house.pictures().await;
            let title = house.publish().await.title;
            if !by_rule {
                house.pipeline.drop_source(title, Purge::Now).await.unwrap();
            }
            let found = house.title(title).await;
            assert_eq!((found.state, found.source_dropped_at), (State::Published, None));
            house.client_upload("songs/song.wav").await;
            house.blob.sweep(crate::house::now().plus_ms(1_000_000)).await.unwrap();
            assert!(house.blob.object(found.source_object).await.is_ok(), "it is being read");
            house.pipeline.pictures_made(&lease, &of, Stills::Posters(vec![])).await.unwrap();
            assert!(house.title(title).await.source_dropped_at.is_some());
            house.blob.sweep(crate::house::now().plus_ms(1_000_000)).await.unwrap();
            assert!(house.blob.object(found.source_object).await.is_err());
        }
    }
}

#[tokio::test]
async fn a_title_can_be_encoded_anew_while_its_pictures_are_made() {
    for house in houses().await {
        let title = house.planned().await;
        let (lease, of) = house.pictures().await;
        house.publish().await;
        house.pipeline.reencode(title).await.unwrap();
        assert!(matches!(house.pipeline.reencode(title).await, Err(Error::UnderWay { .. })));
        house.pipeline.pictures_made(&lease, &of, Stills::Posters(vec![])).await.unwrap();
        house.client_upload("songs/song.wav").await;
        house.blob.sweep(crate::house::now().plus_ms(1_000_000)).await.unwrap();
        let source = house.title(title).await.source_object;
        assert!(house.blob.object(source).await.is_ok(), "the new encode needs it");
    }
}

#[tokio::test]
async fn an_encode_that_ends_badly_takes_nothing_from_the_pictures_of_a_title_that_plays() {
    for rejected in [false, true] {
        for house in houses().await {
            let title = house.planned().await;
            let (lease, of) = house.pictures().await;
            house.publish().await;
            house.pipeline.reencode(title).await.unwrap();
            house.plan_next().await;
            let (ending, _) = house.chunk().await;
            if rejected {
                house.pipeline.rejected(&ending, title, "broken").await.unwrap();
            } else {
                house.pipeline.failed(&ending, &Fault::Permanent("broken".into()), &[]).await.unwrap();
            }
            assert!(house.claim("chunk").await.is_none(), "the rest of the new encode is of no use");
            assert_eq!(house.title(title).await.state, State::Published);
            house.client_upload("songs/song.wav").await;
            house.blob.sweep(crate::house::now().plus_ms(1_000_000)).await.unwrap();
            let source = house.title(title).await.source_object;
            assert!(house.blob.object(source).await.is_ok(), "it is being read");
            house.pipeline.pictures_made(&lease, &of, Stills::Posters(vec![])).await.unwrap();
        }
    }
}

/// Four seconds of film in two chunks of a segment each.
fn film() -> Plan {
    let chunk = |n: u32| Chunk { of: Medium::Video, segments: n..n + 1, decode_from: 0 };
    let avcc = "014d400affe1001b674d400aeca23fcf80b501010140000003004000000c03c489658001000468ef8fc8";
    let rendition = |width, height| Rendition { avcc: avcc.into(), ..rendition(width, height, 1_000_000) };
    let renditions = vec![rendition(1280, 720), rendition(640, 360)];
    let rate = FrameRate::new(25, 1).unwrap();
    testing::plan(rate, &[0, 50, 100], renditions, Vec::new(), vec![chunk(0), chunk(1)])
}

/// A chunk as an encoder would store it: a keyframe of its number, and another picture.
async fn encoded(house: &House, of: &OfChunk) -> Vec<Made> {
    let mut made = Vec::new();
    for rendition in 0..2 {
        let key = Sample { size: 5, duration: 25_000, composition_offset: 2000, sync: true };
        let samples = vec![key, Sample { size: 3, sync: false, ..key }];
        let mut writer = ChunkWriter::new(of.chunk);
        let mut bytes = writer.segment(u64::from(of.chunk) * 50_000, samples).unwrap();
        bytes.extend_from_slice(format!("key{rendition}{}---", of.chunk).as_bytes());
        let index = writer.finish().encode();
        let body = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(bytes))]);
        let staged = house.blob.stage(body, None, None).await.unwrap();
        let (track, sha256) = (Track::Video(rendition), [rendition as u8; 32]);
        made.push(Made { track, bytes: staged, sha256, index, note: None });
    }
    made
}

#[tokio::test]
async fn pictures_of_a_film_are_made_of_its_encode() {
    for house in houses().await {
        house.client_upload("films/film.mp4").await;
        house.pipeline.take_events().await.unwrap();
        let lease = house.claim("plan").await.unwrap();
        let Some(Work::Plan(OfTitle { title })) = Work::of(&lease).unwrap() else { panic!("{lease:?}") };
        let source = testing::film(1280, 720, FrameRate::new(25, 1).unwrap(), 100);
        house.pipeline.probed(&lease, title, &source).await.unwrap();
        house.pipeline.planned(&lease, title, (&source, &[]), &film()).await.unwrap();
        assert!(house.claim("pictures").await.is_none(), "there is nothing to make them of");

        let (lease, of) = house.chunk().await;
        let asset = house.catalogue.asset(of.asset, of.generation).await.unwrap();
        assert!(house.pipeline.keyframes(&asset, 1, &[0, 1]).await.unwrap().segments.is_empty());
        house.pipeline.encoded(&lease, &of, encoded(&house, &of).await).await.unwrap();
        let (lease, pictures) = house.pictures().await;
        assert_eq!(pictures.pictures, Pictures::First);
        assert_eq!(keyframes::head(&asset), [0]);
        let found = house.pipeline.keyframes(&asset, 1, &[1, 0]).await.unwrap();
        assert_eq!(found.segments, [0], "the other one is not stored");
        let posters = vec![(320, staged(&house, b"early").await)];
        house.pipeline.pictures_made(&lease, &pictures, Stills::First(posters)).await.unwrap();
        let early = Facts { posters: vec![320], are_first: true, storyboard: None };
        assert_eq!(house.title(title).await.stills, early);
        let key = format!("{}/{}/{}", of.asset, of.generation, early.poster(320)).parse().unwrap();
        assert_eq!(house.blob.head(&BucketName::media(), &key).await.unwrap().size, 5);

        let (lease, of) = house.chunk().await;
        house.pipeline.encoded(&lease, &of, encoded(&house, &of).await).await.unwrap();
        assert!(house.claim("pictures").await.is_none(), "better ones come once all is encoded");
        let (lease, of) = house.publication().await;
        house.pipeline.publish(&lease, &of).await.unwrap();
        let found = house.pipeline.keyframes(&asset, 1, &[1, 0, 1, 7]).await.unwrap();
        assert_eq!(found.segments, [1, 0, 1]);
        let text = String::from_utf8_lossy(&found.bytes).into_owned();
        let keys: Vec<&str> = text.match_indices("key").map(|(at, _)| &text[at..at + 5]).collect();
        assert_eq!(keys, ["key11", "key10", "key11"], "and nothing else of the segments");
        assert!(!text.contains("---"));
        for expected in [Pictures::Posters, Pictures::Storyboard] {
            let (lease, of) = house.pictures().await;
            assert_eq!(of.pictures, expected);
            let made = match expected {
                Pictures::Storyboard => Stills::Storyboard(None),
                _ => Stills::Posters(vec![(320, staged(&house, b"best").await)]),
            };
            house.pipeline.pictures_made(&lease, &of, made).await.unwrap();
        }
        let best = Facts { posters: vec![320], ..Facts::default() };
        assert_eq!(house.title(title).await.stills, best);
    }
}
