//! Formats beyond the stored one, through the router.

use http::Method;
use model::media::Storyboard;

use crate::stage::{SECRET, stages};

#[tokio::test]
async fn transformed_segments_stream_and_slice() {
    for stage in stages().await {
        stage.store(|_| true).await;
        for configuration in ["standard", "reference"] {
            let path = stage.path(configuration, "ts/v0/0.ts").await;
            let whole = stage.get(&path, &[]).await;
            assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, "video/mp2t"));
            assert!(whole.body.len().is_multiple_of(188) && whole.body.len() > 188 * 32);
            assert!(whole.body.chunks(188).all(|packet| packet[0] == 0x47));
            let head = stage.ask(Method::HEAD, &path, SECRET, &[]).await;
            assert_eq!(head.header("content-length"), whole.body.len().to_string());
            assert_eq!(head.header("etag"), whole.header("etag"));
            for (first, last) in [(0, 0), (187, 189), (5000, whole.body.len() - 1)] {
                let part = stage.get(&path, &[("range", &format!("bytes={first}-{last}"))]).await;
                assert_eq!((part.status.as_u16(), &part.body[..]), (206, &whole.body[first..=last]));
            }
        }
    }
}

#[tokio::test]
async fn what_needs_the_whole_title_comes_with_its_last_chunk() {
    for stage in stages().await {
        let last = stage.film_chunks() - 1;
        stage.store(|c| c.chunk as usize != last).await;
        for file in ["index.mp4", "v1.mp4", "a0.mp4", "v0-iframes.m3u8", "ts/v0-iframes.m3u8"] {
            let answer = stage.get(&stage.path("standard", file).await, &[]).await;
            assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (503, "no-store"), "{file}");
            assert!(answer.text().contains("not_complete_yet"), "{file}");
        }
        stage.store(|c| c.chunk as usize == last).await;
        stage.complete().await;
        let path = stage.path("standard", "index.mp4").await;
        let whole = stage.get(&path, &[]).await;
        assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, "video/mp4"));
        let rest = stage.get(&path, &[("range", "bytes=4096-"), ("if-range", whole.header("etag"))]).await;
        assert_eq!((rest.status.as_u16(), &rest.body[..]), (206, &whole.body[4096..]));
        let master = stage.get(&stage.path("standard", "ts/index.m3u8").await, &[]).await;
        assert!(master.text().contains("#EXT-X-I-FRAME-STREAM-INF") && !master.text().contains("ts/"));
        let manifest = stage.get(&stage.path("standard", "index.mpd").await, &[]).await;
        assert_eq!(manifest.header("content-type"), "application/dash+xml");
        for file in ["poster/640.jpg", "storyboard/0.jpg", "storyboard.vtt", "c0.vtt", "v0/t1.m4s", "v9.mp4"]
        {
            let answer = stage.get(&stage.path("standard", file).await, &[]).await;
            assert_eq!(answer.status.as_u16(), 404, "{file}");
        }
        let named = stage.get(&stage.path("standard", "v0/t24000.m4s").await, &[]).await;
        let numbered = stage.get(&stage.path("standard", "v0/1.m4s").await, &[]).await;
        assert_eq!((named.status.as_u16(), named.body), (200, numbered.body));
    }
}

#[tokio::test]
async fn posters_are_files_of_the_generation() {
    for stage in stages().await {
        for file in ["first-poster/640.jpg", "poster/640.jpg"] {
            stage.store_still(file, b"\xff\xd8 a picture").await;
            let answer = stage.get(&stage.path("standard", file).await, &[]).await;
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "image/jpeg"));
            assert_eq!(&answer.body[..], b"\xff\xd8 a picture");
            assert!(answer.header("cache-control").contains("immutable"));
        }
    }
}

#[tokio::test]
async fn the_storyboard_is_named_once_it_is_there() {
    for stage in stages().await {
        let path = stage.path("reference", "storyboard.vtt").await;
        let early = stage.get(&path, &[]).await;
        assert_eq!((early.status.as_u16(), early.header("cache-control")), (404, "no-store"));
        let board =
            Storyboard { tile_width: 160, tile_height: 90, columns: 2, rows: 1, interval_ms: 2000, count: 3 };
        let mut tx = stage.test.db.begin().await.unwrap();
        stage.catalogue.add_storyboard(&mut tx, stage.generation, &board).await.unwrap();
        tx.commit().await.unwrap();
        let answer = stage.get(&path, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/vtt; charset=utf-8"));
        assert!(answer.header("cache-control").contains("immutable"));
        assert!(
            answer.text().contains("00:00:02.000 --> 00:00:04.000\nstoryboard/0.jpg#xywh=160,0,160,90\n")
        );
    }
}
