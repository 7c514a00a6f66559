//! Answers to permitted and refused requests.

use std::time::{Duration, Instant};

use http::Method;
use http_body_util::BodyExt as _;
use model::Timestamp;
use model::plan::Track;
use origin::Secrets;
use package::Index;
use package::cmaf::ChunkWriter;
use package::index::Sample;
use pipeline::Early;
use pipeline::work::OfChunk;

use crate::film::{Film, Stored};
use crate::stage::{SECRET, Stage, film, stages, stages_that_wait};

const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Longer than anything takes that does not wait, on any machine.
const LONG: Duration = Duration::from_secs(10);

/// Bytes of a run of grid segments as they were stored.
fn stored(film: &Film, track: Track, segments: std::ops::Range<u32>) -> Vec<u8> {
    let mut out = Vec::new();
    for k in segments {
        let chunk = film.chunk(track, film.plan.chunk_of(track, k).unwrap());
        let range = chunk.index.segment(k).unwrap().range.clone();
        out.extend_from_slice(&chunk.bytes[range.start as usize..range.end as usize]);
    }
    out
}

#[tokio::test]
async fn nobody_is_answered_without_the_secret() {
    for stage in stages().await {
        let index = stage.path("standard", "index.m3u8").await;
        for path in [index.as_str(), "/", "/out/v1/x", "/metrics"] {
            for (method, secret) in [(Method::GET, ""), (Method::GET, "wrong"), (Method::POST, "")] {
                let answer = stage.ask(method, path, secret, &[]).await;
                assert_eq!(
                    (answer.status.as_u16(), answer.header("cache-control")),
                    (403, "no-store"),
                    "{path}"
                );
                assert!(answer.text().contains("\"code\":\"cdn_authorization\""));
            }
        }
        assert_eq!(stage.get(&index, &[]).await.status, 200);
    }
}

#[tokio::test]
async fn a_rotated_secret_is_accepted_until_the_next_rotation() {
    for stage in stages().await {
        let index = stage.path("standard", "index.m3u8").await;
        let status = async |secret: &str| stage.ask(Method::GET, &index, secret, &[]).await.status.as_u16();
        stage.secrets.send_replace(Secrets { current: "second-1".into(), other: Some(SECRET.into()) });
        assert_eq!((status(SECRET).await, status("second-1").await), (200, 200));
        stage.secrets.send_replace(Secrets { current: "third-11".into(), other: Some("second-1".into()) });
        assert_eq!(
            (status(SECRET).await, status("second-1").await, status("third-11").await),
            (403, 200, 200)
        );
    }
}

#[tokio::test]
async fn many_who_ask_for_the_same_at_once_cost_one_read() {
    for stage in stages().await {
        stage.store(|c| c.track == Track::Video(0)).await;
        let path = stage.path("standard", "v0/0.m4s").await;
        let expected = stored(film(), Track::Video(0), 0..1);
        let all = futures::future::join_all((0..300).map(|_| stage.get(&path, &[]))).await;
        assert!(all.iter().all(|answer| answer.status == 200 && answer.body.ends_with(&expected)));
        let counts = stage.meter.read();
        assert_eq!((counts.reads, counts.bytes), (1, expected.len() as u64));
    }
}

#[tokio::test]
async fn a_chunk_that_is_not_there_yet_is_asked_for_again() {
    for stage in stages().await {
        let path = stage.path("standard", "v0/1.m4s").await;
        for _ in 0..2 {
            let answer = stage.get(&path, &[]).await;
            assert_eq!(answer.status, 503);
            assert_eq!((answer.header("retry-after"), answer.header("cache-control")), ("1", "no-store"));
        }
        stage.store(|c| c.track == Track::Video(0) && c.chunk == 1).await;
        assert_eq!(stage.get(&path, &[]).await.status, 200, "absence is not remembered");
        let merged = stage.path("reference", "v0/0.m4s").await;
        assert_eq!(stage.get(&merged, &[]).await.status, 503, "every chunk of a merged segment is needed");
    }
}

#[tokio::test]
async fn a_segment_is_answered_while_its_chunk_is_being_encoded() {
    for stage in stages().await {
        for track in [Track::Video(1), Track::Audio(0)] {
            let chunk =
                film().chunks.iter().find(|c| c.track == track && c.index.segments.len() > 1).unwrap();
            let first = chunk.index.first_segment;
            let path = async |n: u32| stage.path("standard", &format!("{track}/{n}.m4s")).await;
            let (title, asset, generation) = (stage.title, stage.asset, stage.generation);
            let showing = stage.pipeline.showing(&OfChunk { title, asset, generation, chunk: chunk.chunk });
            assert_eq!(stage.get(&path(first).await, &[]).await.status, 503);
            assert!(showing.is_wanted());

            let index = Index { first_segment: first, segments: chunk.index.segments[..1].to_vec() };
            let bytes = chunk.bytes[..index.bytes() as usize].to_vec();
            showing.show(track, Early { index, bytes: bytes.clone().into() });
            let answer = stage.get(&path(first).await, &[]).await;
            assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &bytes[..]));
            assert_eq!(answer.header("cache-control"), "public, max-age=5");
            let part = stage.get(&path(first).await, &[("range", "bytes=8-99")]).await;
            assert_eq!((part.status.as_u16(), &part.body[..]), (206, &bytes[8..100]));
            // A picture comes with its sound there.
            if matches!(track, Track::Audio(_)) {
                let ts =
                    stage.get(&stage.path("standard", &format!("ts/{track}/{first}.ts")).await, &[]).await;
                assert_eq!((ts.status.as_u16(), ts.body.len() % 188), (200, 0));
            }
            assert_eq!(stage.get(&path(first + 1).await, &[]).await.status, 503, "it is not written yet");
            drop(showing);
            assert_eq!(stage.get(&path(first).await, &[]).await.status, 503, "nothing of it was kept");
        }
    }
}

/// Priority of a chunk's job.
async fn priority(stage: &Stage, chunk: u32) -> i32 {
    let key = format!("chunk/{}/{chunk}", stage.generation);
    stage.queue.by_key(&key).await.unwrap().unwrap().priority
}

/// Waits until a chunk's job has more than this priority.
async fn raised(stage: &Stage, chunk: u32, over: i32) {
    let end = Instant::now() + LONG;
    while priority(stage, chunk).await <= over {
        assert!(Instant::now() < end, "nobody wants chunk {chunk}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_is_waited_for_comes_next_and_is_given_when_it_comes() {
    for stage in stages_that_wait(LONG).await {
        // Chunks 0 to 2 are the picture: segment 0, 1 and 2, 3 and 4; chunk 3 is the sound.
        let (usual, path) = (priority(&stage, 2).await, stage.path("standard", "v1/3.m4s").await);
        let come = async {
            // The picture is wanted, and its sound.
            raised(&stage, 2, usual).await;
            raised(&stage, 3, 10).await;
            assert_eq!(priority(&stage, 1).await, usual, "and nothing else");
            stage.store(|c| c.track == Track::Video(1) && c.chunk == 2).await;
        };
        let (answer, ()) = tokio::join!(stage.get(&path, &[]), come);
        assert_eq!(answer.status, 200, "the database is looked at without a hint");
    }
}

#[tokio::test]
async fn who_asks_for_a_head_or_for_nothing_waits_for_nothing() {
    for stage in stages_that_wait(LONG).await {
        let path = stage.path("standard", "v0/3.m4s").await;
        let started = Instant::now();
        assert_eq!(stage.ask(Method::HEAD, &path, SECRET, &[]).await.status, 503);
        for nothing in ["v0/99.m4s", "v7/0.m4s", "v0/3.ts"] {
            assert_eq!(stage.get(&stage.path("standard", nothing).await, &[]).await.status, 404);
        }
        assert!(started.elapsed() < LONG);
        assert_eq!((priority(&stage, 2).await, priority(&stage, 3).await), (0, 10));
    }
}

#[tokio::test]
async fn who_plays_has_the_next_chunks_made_before_the_rest() {
    // By its number, and as DASH names it by its start.
    for segment in ["v0/0.m4s", "v0/t0.m4s"] {
        for stage in stages().await {
            stage.store(|c| c.track == Track::Video(0) && c.chunk == 0).await;
            assert_eq!(stage.get(&stage.path("standard", segment).await, &[]).await.status, 200);
            raised(&stage, 1, 0).await;
            let reached = priority(&stage, 1).await;
            assert!((1..10).contains(&reached), "{segment}: not before the head of another film: {reached}");
        }
    }
}

#[tokio::test]
async fn what_will_never_come_is_said_at_once() {
    for stage in stages_that_wait(LONG).await {
        let job = stage.queue.by_key(&format!("chunk/{}/3", stage.generation)).await.unwrap().unwrap();
        let mut tx = stage.test.db.begin().await.unwrap();
        stage.queue.cancel(&mut tx, Timestamp(9), job.id, "a person stopped it").await.unwrap();
        tx.commit().await.unwrap();
        let started = Instant::now();
        let answer = stage.get(&stage.path("standard", "v0/3.m4s").await, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (404, "no-store"));
        assert!(answer.text().contains("not_encoded") && started.elapsed() < LONG);
    }
}

#[tokio::test]
async fn a_crowd_that_waits_is_bounded() {
    for stage in stages_that_wait(10 * LONG).await {
        let mut asked = tokio::task::JoinSet::new();
        for n in 0..5 {
            for track in 0..2 {
                let path = stage.path("standard", &format!("v{track}/{n}.m4s")).await;
                let request = http::Request::get(path).header(origin::HEADER, SECRET);
                let router = stage.router.clone();
                asked.spawn(async move {
                    let request = request.body(axum::body::Body::empty()).unwrap();
                    tower::ServiceExt::oneshot(router, request).await.unwrap().status().as_u16()
                });
            }
        }
        let turned_away = async {
            for _ in 0..6 {
                assert_eq!(asked.join_next().await.unwrap().unwrap(), 503);
            }
        };
        tokio::time::timeout(LONG, turned_away).await.expect("nobody else waits");
        // The others do, for what comes.
        stage.store(|_| true).await;
        assert_eq!(asked.join_all().await, [200; 4]);
    }
}

#[tokio::test]
async fn segments_are_the_stored_bytes() {
    let film = film();
    for stage in stages().await {
        stage.store(|_| true).await;
        for (configuration, merged) in [("standard", 1), ("reference", 5)] {
            let lengths: Vec<_> = (0..5).step_by(merged).map(|k| k..k + merged as u32).collect();
            for track in film.plan.tracks() {
                for (number, segments) in lengths.iter().enumerate() {
                    let path = stage.path(configuration, &format!("{track}/{number}.m4s")).await;
                    let answer = stage.get(&path, &[]).await;
                    assert_eq!(answer.status, 200);
                    assert_eq!(answer.body, stored(film, track, segments.clone()), "{path}");
                    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
                    assert_eq!(answer.header("cache-control"), FOR_EVER);
                    assert_eq!(answer.header("x-content-type-options"), "nosniff");
                    assert_eq!(answer.header("accept-ranges"), "bytes");
                    let kind = if matches!(track, Track::Video(_)) { "video/mp4" } else { "audio/mp4" };
                    assert_eq!(answer.header("content-type"), kind);
                }
            }
        }
    }
}

#[tokio::test]
async fn ranges_and_heads_fit_the_whole() {
    let stage = stages().await.remove(0);
    stage.store(|_| true).await;
    let path = stage.path("reference", "v0/0.m4s").await;
    let whole = stage.get(&path, &[]).await;
    let (length, etag) = (whole.body.len(), whole.header("etag").to_owned());
    let head = stage.ask(Method::HEAD, &path, SECRET, &[]).await;
    assert_eq!((head.status, head.body.len()), (whole.status, 0));
    for name in ["content-length", "content-type", "etag", "cache-control", "accept-ranges"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
    // Ranges are a matter of GET.
    for range in ["bytes=0-1".to_owned(), format!("bytes={length}-")] {
        let head = stage.ask(Method::HEAD, &path, SECRET, &[("range", &range)]).await;
        assert_eq!((head.status, head.header("content-range")), (whole.status, ""), "{range}");
        assert_eq!(head.header("content-length"), length.to_string(), "{range}");
    }
    // Around the end of the first chunk too.
    let first = film().chunk(Track::Video(0), 0).bytes.len();
    for range in [0..1, 0..length, first - 1..first + 1, first..length, length - 1..length] {
        let header = format!("bytes={}-{}", range.start, range.end - 1);
        let part = stage.get(&path, &[("range", &header), ("if-range", &etag)]).await;
        assert_eq!((part.status.as_u16(), part.header("etag")), (206, etag.as_str()));
        assert_eq!(part.header("content-range"), format!("bytes {}-{}/{length}", range.start, range.end - 1));
        assert_eq!(part.header("content-length"), range.len().to_string());
        assert_eq!(part.body, whole.body.slice(range));
    }
    let other = stage.get(&path, &[("range", "bytes=0-0"), ("if-range", "\"other\"")]).await;
    assert_eq!((other.status.as_u16(), other.body.len()), (200, length));
    let behind = stage.get(&path, &[("range", &format!("bytes={length}-"))]).await;
    assert_eq!(
        (behind.status.as_u16(), behind.header("content-range")),
        (416, &*format!("bytes */{length}"))
    );
    assert_eq!(behind.header("cache-control"), "no-store");
    let same = stage.get(&path, &[("if-none-match", &format!("\"x\", W/{etag}"))]).await;
    assert_eq!((same.status.as_u16(), same.body.len(), same.header("etag")), (304, 0, etag.as_str()));
    assert_eq!(stage.get(&path, &[("if-none-match", "\"x\"")]).await.status, 200);
    for method in [Method::GET, Method::HEAD] {
        let any = stage.ask(method, &path, SECRET, &[("if-none-match", "*"), ("range", "bytes=0-1")]).await;
        assert_eq!((any.status.as_u16(), any.header("etag")), (304, etag.as_str()));
    }
}

#[tokio::test]
async fn playlists_do_not_change_but_for_rates() {
    for stage in stages().await {
        let mut before = Vec::new();
        let names = ["v0.m3u8", "v1.m3u8", "a0.m3u8", "v0/init.mp4", "a0/init.mp4"];
        for name in names {
            let answer = stage.get(&stage.path("standard", name).await, &[]).await;
            assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, FOR_EVER), "{name}");
            before.push((answer.header("etag").to_owned(), answer.body));
        }
        let path = stage.path("standard", "index.m3u8").await;
        let index = stage.get(&path, &[]).await;
        assert_eq!(index.header("cache-control"), "public, max-age=5");
        assert_eq!(index.header("content-type"), "application/vnd.apple.mpegurl");
        assert!(!index.text().contains("AVERAGE-BANDWIDTH"));
        assert!(!index.text().contains("://") && !index.text().contains("\n/"), "relative URIs only");
        stage.store(|_| true).await;
        stage.complete().await;
        for (name, (etag, body)) in names.into_iter().zip(before) {
            let answer = stage.get(&stage.path("standard", name).await, &[]).await;
            assert_eq!((answer.header("etag"), &answer.body), (etag.as_str(), &body), "{name}");
        }
        let measured = stage.get(&path, &[]).await;
        assert_eq!(measured.header("cache-control"), FOR_EVER);
        assert!(measured.text().contains("AVERAGE-BANDWIDTH"));
        assert_ne!(measured.header("etag"), index.header("etag"));
    }
}

#[tokio::test]
async fn unknown_paths_are_not_found() {
    for stage in stages().await {
        stage.store(|_| true).await;
        let good = stage.path("standard", "v0/0.m4s").await;
        assert_eq!(stage.get(&good, &[]).await.status, 200);
        let mut paths = Vec::new();
        for rest in
            ["", "v0", "v9.m3u8", "v0/5.m4s", "v0/00.m4s", "v0%2F0.m4s", "../index.m3u8", "a1/init.mp4"]
        {
            paths.push(stage.path("standard", rest).await);
        }
        let unknown = model::AssetId::new().to_string();
        for id in [stage.asset.to_string(), stage.generation.to_string()] {
            paths.push(good.replace(&id, &unknown));
            paths.push(good.replace(&id, &id.to_uppercase()));
        }
        let configuration = good.split('/').nth(4).unwrap();
        paths.push(good.replace(configuration, &unknown));
        paths.push("/out/v1".into());
        paths.push("/".into());
        for path in paths {
            let answer = stage.get(&path, &[]).await;
            assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (404, "no-store"), "{path}");
            assert!(answer.text().contains("\"code\":\"no_such_media\""), "{path}");
        }
        assert_eq!(stage.ask(Method::PUT, &good, SECRET, &[]).await.status, 405);
    }
}

#[tokio::test]
async fn a_deleted_title_is_gone() {
    let stage = stages().await.remove(0);
    let path = stage.path("standard", "index.m3u8").await;
    assert_eq!(stage.get(&path, &[]).await.status, 200);
    let mut tx = stage.test.db.begin().await.unwrap();
    let how = catalogue::Removal { purge_at: Timestamp(99), spare_source: false, by_owner: false };
    stage.catalogue.delete(&mut tx, Timestamp(9), stage.title, &how).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(stage.get(&path, &[]).await.status, 404);
}

async fn fetch_all(stage: &Stage, path: &str, times: usize) -> Vec<crate::stage::Answer> {
    futures::future::join_all((0..times).map(|_| stage.get(path, &[]))).await
}

#[tokio::test]
async fn equal_requests_at_once_get_equal_answers() {
    for stage in stages().await {
        stage.store(|_| true).await;
        let path = stage.path("reference", "v0/0.m4s").await;
        let whole = stored(film(), Track::Video(0), 0..5);
        for answer in fetch_all(&stage, &path, 20).await {
            assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &whole[..]));
        }
    }
}

#[tokio::test]
async fn a_client_that_stops_reading_holds_up_nobody() {
    let stage = stages().await.remove(0);
    let big = large_chunk();
    stage.store_chunk(&big).await;
    let path = stage.path("standard", "v0/0.m4s").await;
    let mut stalled = stage.open(&path).await;
    stalled.frame().await.unwrap().unwrap();
    let whole = tokio::time::timeout(std::time::Duration::from_secs(20), stage.get(&path, &[])).await;
    assert!(whole.unwrap().body == big.bytes);
    assert!(stalled.collect().await.unwrap().to_bytes().len() < big.bytes.len());
}

/// The film's first chunk with 5 MB of one sample: many reads.
fn large_chunk() -> Stored {
    let sample = Sample { size: 5_000_000, duration: 1000, composition_offset: 0, sync: true };
    let mut writer = ChunkWriter::new(0);
    let mut bytes = writer.segment(0, vec![sample]).unwrap();
    bytes.extend((0..sample.size).map(|n| (n / 7) as u8));
    Stored { track: Track::Video(0), chunk: 0, bytes, index: writer.finish() }
}

#[tokio::test]
async fn lost_bytes_are_an_error_and_not_a_short_body() {
    let stage = stages().await.remove(0);
    stage.store(|_| true).await;
    let path = stage.path("standard", "v0/0.m4s").await;
    let row = stage.catalogue.chunk(stage.generation, Track::Video(0), 0).await.unwrap().unwrap();
    let sql = "DELETE FROM parts WHERE object = $1";
    assert_eq!(stage.test.db.execute(sql, db::args![row.object]).await.unwrap(), 1);
    let answer = stage.get(&path, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (500, "no-store"));
    assert!(!answer.text().contains("object"), "causes are not sent");
}
