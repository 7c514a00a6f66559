//! Labels that clients set on objects and buckets: tags, CORS rules.

use std::collections::BTreeMap;

use blob::{Attributes, Condition, CorsRule, Error, New};
use model::BucketName;

use super::*;

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn tags_change_and_nothing_else_does() {
    for store in stores().await {
        let (source, name) = (BucketName::source(), key("film"));
        let mut new = client("film");
        new.attributes = Attributes { tags: tags(&[("kind", "film")]), ..Attributes::of_type("video/mp4") };
        let object = store.blob.put("bytes", new).await.unwrap();
        assert_eq!(object.attributes.tags, tags(&[("kind", "film")]));

        let events = store.blob.subscriber(PIPELINE).events(None, 10).await.unwrap().len();
        for after in [tags(&[("a", "ü"), ("b", "")]), tags(&[])] {
            store.blob.tag(&source, &name, after.clone()).await.unwrap();
            let attributes = Attributes { tags: after, ..object.attributes.clone() };
            let expected = Object { attributes, ..object.clone() };
            assert_eq!(store.blob.head(&source, &name).await.unwrap(), expected);
        }
        assert_eq!(store.blob.subscriber(PIPELINE).events(None, 10).await.unwrap().len(), events);
        let missing = store.blob.tag(&source, &key("nothing"), tags(&[])).await;
        assert!(matches!(missing, Err(Error::NoSuchKey)), "{missing:?}");
        let nowhere = store.blob.tag(&"nowhere".parse().unwrap(), &name, tags(&[])).await;
        assert!(matches!(nowhere, Err(Error::NoSuchBucket(_))), "{nowhere:?}");
    }
}

#[tokio::test]
async fn a_copy_has_tags_of_its_own() {
    for store in stores().await {
        let object = store.put("film", b"bytes").await;
        let mut new = New { condition: Condition::None, ..client("copy") };
        new.attributes.tags = tags(&[("kind", "copy")]);
        store.blob.copy(object.id, new).await.unwrap();
        store.blob.tag(&BucketName::source(), &key("film"), tags(&[("kind", "film")])).await.unwrap();
        let of = async |name| {
            let object = store.blob.head(&BucketName::source(), &key(name)).await.unwrap();
            object.attributes.tags["kind"].clone()
        };
        assert_eq!((of("film").await, of("copy").await), ("film".into(), "copy".into()));
    }
}

#[tokio::test]
async fn a_bucket_has_tags_of_its_own_that_go_with_it() {
    for store in stores().await {
        let bucket: BucketName = "labelled".parse().unwrap();
        store.blob.create_bucket(&bucket, blob::Region::default()).await.unwrap();
        for tags in [tags(&[("department", "music"), ("ü", "")]), tags(&[]), tags(&[("a", "b")])] {
            store.blob.tag_bucket(&bucket, &tags).await.unwrap();
            assert_eq!(store.blob.bucket_tags(&bucket).await.unwrap(), tags);
            assert_eq!(store.blob.bucket_tags(&BucketName::source()).await.unwrap(), BTreeMap::new());
        }
        store.blob.delete_bucket(&bucket).await.unwrap();
        let gone = [
            store.blob.tag_bucket(&bucket, &tags(&[])).await,
            store.blob.bucket_tags(&bucket).await.map(drop),
        ];
        for gone in gone {
            assert!(matches!(gone, Err(Error::NoSuchBucket(_))), "{gone:?}");
        }
        store.blob.create_bucket(&bucket, blob::Region::default()).await.unwrap();
        assert_eq!(store.blob.bucket_tags(&bucket).await.unwrap(), BTreeMap::new());
    }
}

#[tokio::test]
async fn rules_for_pages_belong_to_their_bucket_and_go_with_it() {
    for store in stores().await {
        let bucket: BucketName = "pages".parse().unwrap();
        store.blob.create_bucket(&bucket, blob::Region::default()).await.unwrap();
        assert_eq!(store.blob.cors(&bucket).await.unwrap(), []);
        let rules = [
            CorsRule {
                id: Some("ü".into()),
                origins: vec!["https://*.example".into()],
                methods: vec!["PUT".into(), "GET".into()],
                headers: vec!["*".into()],
                exposed: vec!["ETag".into()],
                max_age_seconds: Some(60),
            },
            CorsRule { origins: vec!["*".into()], methods: vec!["GET".into()], ..CorsRule::default() },
        ];
        store.blob.set_cors(&bucket, &rules).await.unwrap();
        assert_eq!(store.blob.cors(&bucket).await.unwrap(), rules);
        assert_eq!(store.blob.cors(&BucketName::source()).await.unwrap(), []);
        store.blob.delete_bucket(&bucket).await.unwrap();
        for gone in [store.blob.set_cors(&bucket, &rules).await, store.blob.cors(&bucket).await.map(drop)] {
            assert!(matches!(gone, Err(Error::NoSuchBucket(_))), "{gone:?}");
        }
        store.blob.create_bucket(&bucket, blob::Region::default()).await.unwrap();
        assert_eq!(store.blob.cors(&bucket).await.unwrap(), []);
    }
}
