use model::ConfigurationId;
use model::packaging::StreamOrder;

use super::*;

#[tokio::test]
async fn ready_made_configurations_keep_their_ids() {
    for shelf in shelves().await {
        let before = shelf.catalogue.configurations().await.unwrap();
        assert_eq!(before.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["reference", "standard"]);
        let again = Catalogue::open(shelf.test.db.clone()).await.unwrap();
        assert_eq!(again.configurations().await.unwrap(), before);
        for configuration in before {
            for _ in 0..2 {
                let read = again.configuration(configuration.id).await.unwrap().unwrap();
                assert_eq!(*read, configuration);
            }
            assert_eq!(again.configuration_named(&configuration.name).await.unwrap(), Some(configuration));
        }
        let reference = again.configuration_named("reference").await.unwrap().unwrap().settings;
        assert_eq!((reference.segment_duration_seconds, reference.stream_order), (10, StreamOrder::Original));
        assert_eq!(again.configuration(ConfigurationId::new()).await.unwrap(), None);
        assert_eq!(again.configuration_named("other").await.unwrap(), None);
    }
}

#[tokio::test]
async fn processes_that_start_together_agree_on_the_ids() {
    for shelf in shelves().await {
        let db = &shelf.test.db;
        db.execute("DELETE FROM configurations", vec![]).await.unwrap();
        let starts: Vec<_> = (0..8).map(|_| tokio::spawn(Catalogue::open(db.clone()))).collect();
        for start in starts {
            let catalogue = start.await.unwrap().unwrap();
            assert_eq!(
                catalogue.configurations().await.unwrap(),
                shelf.catalogue.configurations().await.unwrap()
            );
        }
    }
}
