use jobs::Presence;
use model::TitleId;

use super::*;

#[tokio::test]
async fn jobs_that_no_worker_can_do_are_found() {
    for bench in benches().await {
        let title = TitleId::new();
        bench.enqueue(&job(1).title(title).capability("ffmpeg 6")).await;
        bench.enqueue(&job(2)).await;
        let stranded = async |now| bench.queue.stranded(now, now.plus_ms(-30_000)).await.unwrap();
        assert_eq!(stranded(at(29)).await, [], "workers may just be starting");
        assert_eq!(stranded(at(31)).await, [(title, "ffmpeg 6".to_owned())]);

        let worker =
            |capability: &str| Presence { name: "up".into(), capability: capability.into(), slots: 2 };
        bench.queue.present(at(31), &worker("ffmpeg 7")).await.unwrap();
        assert_eq!(stranded(at(32)).await.len(), 1);
        bench.queue.present(at(33), &worker("ffmpeg 6")).await.unwrap();
        assert_eq!(stranded(at(34)).await, []);
        assert_eq!(bench.queue.workers(at(34)).await.unwrap(), [worker("ffmpeg 6")]);
        assert_eq!(stranded(at(64)).await.len(), 1, "it is silent");
        assert_eq!(bench.queue.workers(at(64)).await.unwrap(), []);

        bench.queue.present(at(64), &worker("ffmpeg 6")).await.unwrap();
        bench.queue.leave("up").await.unwrap();
        assert_eq!(stranded(at(65)).await.len(), 1);
        bench.queue.pause(at(65), "encode").await.unwrap();
        assert_eq!(stranded(at(65)).await, [], "what is paused waits for a person");
    }
}
