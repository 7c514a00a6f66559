use catalogue::Error;
use model::ConfigurationId;
use model::packaging::{self, Package, StreamOrder};

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

#[tokio::test]
async fn operators_add_groups_and_configurations() {
    for shelf in shelves().await {
        let catalogue = &shelf.catalogue;
        let dash = packaging::Configuration { package: Package::Dash, ..packaging::Configuration::default() };
        let missing = catalogue.add_configuration("television", "boxes", dash.clone()).await;
        assert!(matches!(missing, Err(Error::NoGroup { .. })), "{missing:?}");
        catalogue.add_group("television").await.unwrap();
        assert!(matches!(catalogue.add_group("television").await, Err(Error::Taken { .. })));
        let added = catalogue.add_configuration("television", "boxes", dash.clone()).await.unwrap();
        assert_eq!(*catalogue.configuration(added.id).await.unwrap().unwrap(), added);
        assert!(matches!(
            catalogue.add_configuration("default", "boxes", dash.clone()).await,
            Err(Error::Taken { .. })
        ));
        let groups = catalogue.groups().await.unwrap();
        let names = |n: usize| groups[n].configurations.iter().map(|c| c.name.as_str()).collect::<Vec<_>>();
        assert_eq!((groups[0].name.as_str(), names(0)), ("default", vec!["reference", "standard"]));
        assert_eq!((groups[1].name.as_str(), names(1)), ("television", vec!["boxes"]));

        assert!(matches!(catalogue.remove_group("television").await, Err(Error::GroupInUse { .. })));
        catalogue.remove_configuration("boxes").await.unwrap();
        assert_eq!(catalogue.configuration(added.id).await.unwrap(), None, "not even remembered");
        assert!(matches!(catalogue.remove_configuration("boxes").await, Err(Error::NoConfiguration { .. })));
        catalogue.remove_group("television").await.unwrap();
        assert!(matches!(catalogue.remove_group("television").await, Err(Error::NoGroup { .. })));
    }
}

#[tokio::test]
async fn what_is_there_from_the_start_stays_and_nonsense_is_refused() {
    for shelf in shelves().await {
        let catalogue = &shelf.catalogue;
        assert!(matches!(catalogue.remove_group("default").await, Err(Error::ReadyMade { .. })));
        assert!(matches!(catalogue.remove_configuration("standard").await, Err(Error::ReadyMade { .. })));
        for name in ["", "Upper", "with space", "a/b", &"x".repeat(65)] {
            assert!(matches!(catalogue.add_group(name).await, Err(Error::Packaging { .. })), "{name}");
        }
        let long =
            packaging::Configuration { segment_duration_seconds: 61, ..packaging::Configuration::default() };
        let refused = catalogue.add_configuration("default", "long", long).await;
        assert!(matches!(refused, Err(Error::Packaging { .. })));
    }
}
