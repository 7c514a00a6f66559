//! Looking after what waits.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::house::houses;

#[tokio::test]
async fn what_a_clock_that_was_ahead_put_off_is_done() {
    for house in houses().await {
        house.client_upload("songs/song.wav").await;
        house.pipeline.take_events().await.unwrap();
        let ahead = "UPDATE jobs SET run_at = run_at + 3600000";
        assert_eq!(house.test.db.execute(ahead, db::args![]).await.unwrap(), 1);
        let shutdown = CancellationToken::new();
        let claimed = async {
            while house.claim("plan").await.is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            shutdown.cancel();
        };
        let both =
            async { tokio::join!(claimed, house.pipeline.caretaker().run(shutdown.clone())).1.unwrap() };
        tokio::time::timeout(Duration::from_secs(20), both).await.expect("it is due");
    }
}
