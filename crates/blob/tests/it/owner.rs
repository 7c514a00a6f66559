//! A folder and a database that do not belong together stay apart.

use blob::{Error, Result};
use db::Db;

use super::*;

impl Store {
    fn root(&self) -> PathBuf {
        self.folder.path().join("blob")
    }

    /// The folder's id.
    fn id(&self) -> Option<String> {
        std::fs::read_to_string(self.root().join("id")).ok()
    }

    fn lose_folder_id(&self) {
        std::fs::remove_file(self.root().join("id")).unwrap();
    }

    async fn lose_row(&self) {
        self.test.db.execute("DELETE FROM store", db::args![]).await.unwrap();
    }

    /// Starts with this folder on a database.
    async fn start_on(&self, db: &Db) -> Result<Blob> {
        start(db, &self.root()).await
    }

    /// An empty database of the same engine.
    async fn fresh(&self) -> TestDb {
        let all = db::testing::databases(&[blob::MIGRATIONS]).await;
        all.into_iter().find(|test| test.engine() == self.test.engine()).unwrap()
    }
}

async fn start(db: &Db, root: &Path) -> Result<Blob> {
    Blob::open_with(db.clone(), root, Config::default(), ring()).await
}

fn refused(started: Result<Blob>) {
    let error = started.unwrap_err();
    assert!(matches!(error, Error::OtherDatabase { .. }), "{error}");
}

#[tokio::test]
async fn a_wrong_database_never_gets_at_the_files() {
    for store in stores().await {
        let film = store.put("film", b"x").await;
        let (fresh, foreign) = (store.fresh().await, stores().await);
        let foreign = foreign.iter().find(|other| other.test.engine() == store.test.engine()).unwrap();
        foreign.put("another film", b"y").await;
        // The folder is from before there were ids, the database has nothing or something else.
        let id = store.id();
        store.lose_folder_id();
        refused(store.start_on(&fresh.db).await);
        refused(store.start_on(&foreign.test.db).await);
        foreign.lose_row().await;
        refused(store.start_on(&foreign.test.db).await);
        assert_eq!(store.id(), None);

        // The right one gives the folder its id again, as the first start after a restore does.
        store.start_on(&store.test.db).await.unwrap();
        assert!(id.is_some() && store.id() == id);
        refused(store.start_on(&fresh.db).await);
        refused(store.start_on(&foreign.test.db).await);
        foreign.start_on(&foreign.test.db).await.unwrap();
        refused(store.start_on(&foreign.test.db).await);
        assert_eq!(store.read(&film).await, b"x");
        store.start_on(&store.test.db).await.unwrap();
    }
}

#[tokio::test]
async fn an_installation_from_before_there_were_ids_gets_one() {
    for store in stores().await {
        store.put("film", b"x").await;
        store.lose_folder_id();
        store.lose_row().await;
        store.start_on(&store.test.db).await.unwrap();
        let id = store.id().unwrap();
        store.start_on(&store.test.db).await.unwrap();
        assert_eq!(store.id().unwrap(), id);

        // An old dump of the right database lacks the row only.
        store.lose_row().await;
        store.start_on(&store.test.db).await.unwrap();
        assert_eq!(store.id().unwrap(), id);
        refused(store.start_on(&store.fresh().await.db).await);
    }
}

#[tokio::test]
async fn a_folder_in_which_nothing_was_stored_yet_is_for_every_new_database_and_no_more_for_the_one_before() {
    for store in stores().await {
        let (second, third, late) = (store.fresh().await, store.fresh().await, store.fresh().await);
        store.start_on(&second.db).await.unwrap();
        refused(store.start_on(&store.test.db).await);
        let blob = store.start_on(&third.db).await.unwrap();
        refused(store.start_on(&second.db).await);
        blob.put("x", client("film")).await.unwrap();
        for other in [&store.test, &second, &late] {
            refused(store.start_on(&other.db).await);
        }
        store.start_on(&third.db).await.unwrap();
    }
}

#[tokio::test]
async fn a_disk_that_is_not_there_is_told_from_a_new_one() {
    for store in stores().await {
        store.put("film", b"x").await;
        let empty = tempfile::tempdir().unwrap();
        let error = start(&store.test.db, empty.path()).await.unwrap_err();
        let Error::FilesElsewhere { id, .. } = &error else { panic!("{error}") };
        assert_eq!(Some(format!("{id}\n")), store.id());
        // An operator who lost the files can continue without them.
        std::fs::write(empty.path().join("id"), id).unwrap();
        start(&store.test.db, empty.path()).await.unwrap();
    }
}

#[tokio::test]
async fn processes_that_start_together_agree() {
    for test in db::testing::databases(&[blob::MIGRATIONS]).await {
        let root = tempfile::tempdir().unwrap();
        let starts = (0..6).map(|_| start(&test.db, root.path()));
        for started in futures::future::join_all(starts).await {
            started.unwrap();
        }
        start(&test.db, root.path()).await.unwrap();
    }
}
