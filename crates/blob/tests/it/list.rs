use std::collections::BTreeSet;

use blob::{Error, List, Listing};
use model::BucketName;

use super::*;

const KEYS: [&str; 14] =
    ["A", "a", "a//b", "a/b", "a/b/c", "a/b/d", "a0", "b/1", "b/2", "b/3", "c d", "ü/x", "ü/y", "日本"];

#[tokio::test]
async fn keys_come_in_the_order_of_their_bytes() {
    for store in stores().await {
        for name in KEYS.iter().rev() {
            store.put(name, b"x").await;
        }
        let page = list(&store, "", None, None, 1000).await;
        assert_eq!(page.entries.iter().map(|e| e.key.as_str()).collect::<Vec<_>>(), KEYS);
        assert_eq!(page.next, None);
        let page = list(&store, "b/", None, None, 2).await;
        assert_eq!(page.entries.iter().map(|e| e.key.as_str()).collect::<Vec<_>>(), ["b/1", "b/2"]);
        assert_eq!(page.next.as_deref(), Some("b/2"));
    }
}

#[tokio::test]
async fn every_page_size_gives_the_same_keys_and_prefixes() {
    for store in stores().await {
        for name in KEYS {
            store.put(name, b"x").await;
        }
        for prefix in ["", "a", "a/", "b/", "ü", "nothing"] {
            for delimiter in [None, Some("/"), Some("/b"), Some("")] {
                let expected = reference(prefix, delimiter.unwrap_or_default());
                for limit in [1, 2, 3, 5, 1000] {
                    let mut seen = Vec::new();
                    let mut after = None;
                    loop {
                        let page = list(&store, prefix, delimiter, after, limit).await;
                        seen.extend(page.entries.iter().map(|e| e.key.as_str().to_owned()));
                        seen.extend(page.prefixes.clone());
                        assert!(page.entries.len() + page.prefixes.len() <= limit);
                        after = page.next;
                        if after.is_none() {
                            break;
                        }
                    }
                    seen.sort();
                    assert_eq!(seen, expected, "prefix {prefix:?} delimiter {delimiter:?} limit {limit}");
                }
            }
        }
    }
}

/// The expected listing, computed the slow way.
fn reference(prefix: &str, delimiter: &str) -> Vec<String> {
    let shown = |key: &&str| {
        let rest = key.strip_prefix(prefix)?;
        match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => Some(format!("{prefix}{}", &rest[..at + delimiter.len()])),
            None => Some((*key).to_owned()),
        }
    };
    KEYS.iter().filter_map(shown).collect::<BTreeSet<_>>().into_iter().collect()
}

#[tokio::test]
async fn a_prefix_of_many_keys_is_one_jump() {
    for store in stores().await {
        for n in 0..110 {
            store.put(&format!("many/{n:03}"), b"").await;
        }
        store.put("next", b"").await;
        let page = list(&store, "", Some("/"), None, 1000).await;
        assert_eq!(page.prefixes, ["many/"]);
        assert_eq!(page.entries.len(), 1);
        let page = list(&store, "", Some("/"), None, 1).await;
        assert_eq!((page.prefixes.len(), page.entries.len(), page.next.as_deref()), (1, 0, Some("many/")));
        let page = list(&store, "", Some("/"), Some("many/100".into()), 10).await;
        assert_eq!((page.prefixes.len(), page.entries.len()), (0, 1));
        let page = list(&store, "many/", Some("/"), None, 1000).await;
        assert_eq!(page.entries.len(), 110);
    }
}

#[tokio::test]
async fn nothing_is_listed_of_nothing() {
    for store in stores().await {
        assert_eq!(list(&store, "", None, None, 10).await, Listing::default());
        store.put("a", b"").await;
        assert_eq!(list(&store, "", None, None, 0).await, Listing::default());
        assert_eq!(list(&store, "", None, Some("z".into()), 10).await, Listing::default());
        let missing = store.blob.list(&"missing".parse().unwrap(), &List::default()).await;
        assert!(matches!(missing, Err(Error::NoSuchBucket(_))));
    }
}

async fn list(
    store: &Store,
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<String>,
    limit: usize,
) -> Listing {
    let list = List { prefix: prefix.into(), delimiter: delimiter.map(Into::into), after, limit };
    store.blob.list(&BucketName::source(), &list).await.unwrap()
}
