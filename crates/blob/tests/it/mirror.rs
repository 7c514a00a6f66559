//! Copies of stored files.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use blob::mirror;

use crate::{noise, stores};

#[tokio::test]
async fn what_the_tables_name_is_brought_as_it_is() {
    for store in stores().await {
        store.put("film", &noise(70_000)).await;
        store.put("empty", b"").await;
        let mut tx = store.test.db.begin().await.unwrap();
        let files = mirror::files(&mut tx).await.unwrap();
        drop(tx);
        let (root, copy) = (store.folder.path().join("blob"), store.folder.path().join("new/copy"));
        let [id] = files.iter().copied().collect::<Vec<_>>()[..] else { panic!("one file: {files:?}") };
        let place = mirror::path(&copy, id);
        // Over nothing, over itself, over what an earlier copy left half-written.
        for left in [None, None, Some("half")] {
            if let Some(left) = left {
                std::fs::remove_file(&place).unwrap();
                std::fs::write(&place, left).unwrap();
                std::fs::write(place.with_extension("new"), left).unwrap();
            }
            assert!(mirror::bring(id, &root, &copy).unwrap());
            let stored = std::fs::metadata(mirror::path(&root, id)).unwrap();
            assert_eq!(std::fs::metadata(&place).unwrap().ino(), stored.ino());
            assert_eq!(std::fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);
        }
        for folder in place.ancestors().skip(1).take(3) {
            let mode = std::fs::metadata(folder).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
        }
        std::fs::remove_file(mirror::path(&root, id)).unwrap();
        assert!(!mirror::bring(id, &root, &copy).unwrap());
        assert!(place.exists(), "what is lost here may be all there is");
    }
}
