//! Uploads through the public door, on every engine that is there.

#![expect(clippy::unwrap_used, reason = "a failing helper of a test shall panic")]

use blob::Blob;
use catalogue::{Catalogue, Edit, NewTitle};
use db::args;
use db::testing::TestDb;
use futures::stream;
use model::title::Visibility;
use model::{AccountId, Timestamp, UploadId};
use tempfile::TempDir;
use upload::{Config, File, Upload, Uploads};

const DAY_MS: i64 = 86_400_000;

const ARRIVED: &str = "INSERT INTO browser_uploads
    (id, account, bucket, source_key, file, size, modified_ms, fingerprint, created_at, completed_at)
    VALUES ($1, $2, 'source', $3, $3, 4, 0, '', $4, $4)";

/// Uploads of one account on one of the databases.
struct Ramp {
    uploads: Uploads,
    blob: Blob,
    catalogue: Catalogue,
    account: AccountId,
    test: TestDb,
    _folder: TempDir,
}

async fn ramps() -> Vec<Ramp> {
    let mut all = Vec::new();
    for test in db::testing::databases(&[blob::MIGRATIONS, catalogue::MIGRATIONS, upload::MIGRATIONS]).await {
        let folder = tempfile::tempdir().unwrap();
        let blob = Blob::open(test.db.clone(), folder.path()).await.unwrap();
        let catalogue = Catalogue::open(test.db.clone()).await.unwrap();
        let url = "https://s3.example.org".parse().unwrap();
        let config = Config { open_per_account: 1000, ..Config::default() };
        let uploads = Uploads::new(test.db.clone(), blob.clone(), catalogue.clone(), &[7; 32], url, config);
        all.push(Ramp { uploads, blob, catalogue, account: AccountId::new(), test, _folder: folder });
    }
    all
}

impl Ramp {
    /// A file of four bytes.
    async fn begin(&self, name: &str, at: Timestamp) -> Upload {
        let file = File {
            name: name.into(),
            size: 4,
            modified_ms: 0,
            fingerprint: String::new(),
            media_type: String::new(),
        };
        self.uploads.begin(self.account, &file, at).await.unwrap().upload
    }

    /// Sends them, as the S3 face stores them.
    async fn send(&self, upload: &Upload) {
        let bytes = stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from_static(b"film"))]);
        let staged = self.blob.stage(bytes, Some(4), Some(blob::Algorithm::Crc32)).await.unwrap();
        self.blob.commit_part(upload.id, 1, staged).await.unwrap();
    }

    async fn names(&self) -> Vec<String> {
        let listed = self.uploads.list(self.account, now()).await.unwrap();
        listed.into_iter().map(|state| state.upload.file).collect()
    }
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

#[tokio::test]
async fn what_is_discarded_while_it_completes_stays_private() {
    for ramp in ramps().await {
        let upload = ramp.begin("a.mp4", now()).await;
        let private = Edit { visibility: Some(Visibility::Private), ..Edit::default() };
        ramp.uploads.edit(&upload, &private).await.unwrap();
        ramp.send(&upload).await;
        // Another window completes it after this one has read it.
        ramp.uploads.complete(&upload).await.unwrap();
        assert_eq!(upload.completed_at, None);
        ramp.uploads.discard(&upload).await.unwrap();
        assert!(ramp.names().await.is_empty());

        let object = ramp.blob.head(&upload.bucket, &upload.key).await.unwrap().id;
        let new = NewTitle::of(upload.bucket.clone(), upload.key.clone(), object, "standard");
        let mut tx = ramp.test.db.begin().await.unwrap();
        let title = ramp.catalogue.create(&mut tx, now(), &new).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        let title = ramp.catalogue.title(title).await.unwrap();
        assert_eq!((title.visibility, title.owner), (Visibility::Private, Some(ramp.account)));
    }
}

#[tokio::test]
async fn what_is_discarded_leaves_nothing() {
    for ramp in ramps().await {
        let upload = ramp.begin("a.mp4", now()).await;
        ramp.send(&upload).await;
        // Asked twice, as two windows do.
        for _ in 0..2 {
            ramp.uploads.discard(&upload).await.unwrap();
        }
        assert!(ramp.uploads.complete(&upload).await.is_err());
        assert_eq!(ramp.catalogue.draft_of(&upload.bucket, &upload.key).await.unwrap(), None);
        assert_eq!(ramp.blob.used().await.unwrap(), 0);
    }
}

/// Announces a file of any size.
async fn announce(ramp: &Ramp, account: AccountId, size: u64) -> upload::Result<Upload> {
    let file = File {
        name: "a.mp4".into(),
        size,
        modified_ms: 0,
        fingerprint: String::new(),
        media_type: String::new(),
    };
    ramp.uploads.begin(account, &file, now()).await.map(|state| state.upload)
}

#[tokio::test]
async fn announced_bytes_keep_nobody_else_from_uploading() {
    const GIB: u64 = 1 << 30;
    for ramp in ramps().await {
        let free = ramp.blob.available().await.unwrap();
        let (one, other) = (AccountId::new(), AccountId::new());
        let most = free / 5 * 3;
        for _ in 0..3 {
            announce(&ramp, one, most).await.unwrap();
        }
        announce(&ramp, other, most).await.expect("nothing came of what was announced");
        let held = ramp.uploads.held(now()).await.unwrap();
        assert_eq!((held[&one].uploads, held[&one].promised), (3, GIB), "one head start");
        assert_eq!((held[&other].announced, held[&other].received), (most, 0));
        let later = ramp.uploads.held(now().plus_ms(3_600_000)).await.unwrap();
        assert_eq!(later[&one].promised, 0, "nobody goes on with it");
    }
}

#[tokio::test]
async fn an_account_uploads_no_more_than_its_quota() {
    for ramp in ramps().await {
        let config = Config { account_bytes: 10, ..Config::default() };
        let url = "https://s3.example.org".parse().unwrap();
        let (blob, catalogue) = (ramp.blob.clone(), ramp.catalogue.clone());
        let uploads = Uploads::new(ramp.test.db.clone(), blob, catalogue, &[7; 32], url, config);
        let ramp = Ramp { uploads, ..ramp };
        let upload = ramp.begin("a.mp4", now()).await;
        ramp.send(&upload).await;
        ramp.uploads.complete(&upload).await.unwrap();
        let object = ramp.blob.head(&upload.bucket, &upload.key).await.unwrap().id;
        let new = NewTitle::of(upload.bucket.clone(), upload.key.clone(), object, "standard");
        let mut tx = ramp.test.db.begin().await.unwrap();
        ramp.catalogue.create(&mut tx, now(), &new).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!(ramp.uploads.originals_of(ramp.account).await.unwrap(), 4);

        ramp.begin("b.mp4", now()).await;
        let refused = announce(&ramp, ramp.account, 3).await;
        assert!(matches!(refused, Err(upload::Error::Quota { size: 3, left: 2, quota: 10 })), "{refused:?}");
        announce(&ramp, ramp.account, 2).await.unwrap();
        announce(&ramp, AccountId::new(), 10).await.expect("another account has its own");
    }
}

#[tokio::test]
async fn only_what_nobody_sends_any_more_is_given_up() {
    for ramp in ramps().await {
        let long_ago = now().plus_ms(-10 * DAY_MS);
        let slow = ramp.begin("slow.mp4", long_ago).await;
        ramp.send(&slow).await;
        ramp.begin("idle.mp4", long_ago).await;
        assert_eq!(ramp.uploads.sweep(now()).await.unwrap(), 1);
        assert_eq!(ramp.names().await, ["slow.mp4"]);
        assert_eq!(ramp.uploads.sweep(now().plus_ms(8 * DAY_MS)).await.unwrap(), 1);
        assert!(ramp.names().await.is_empty());
    }
}

#[tokio::test]
async fn what_somebody_goes_on_with_while_it_is_looked_at_is_not_given_up() {
    for ramp in ramps().await {
        let upload = ramp.begin("slow.mp4", now().plus_ms(-10 * DAY_MS)).await;
        let sweep = ramp.uploads.sweep(now());
        let (swept, ()) = blob::fault::meanwhile_at("upload.looked", sweep, ramp.send(&upload)).await;
        assert_eq!(swept.unwrap(), 0);
        ramp.uploads.complete(&upload).await.unwrap();
        assert!(ramp.blob.head(&upload.bucket, &upload.key).await.is_ok());
    }
}

#[tokio::test]
async fn one_that_cannot_be_given_up_holds_up_no_other() {
    for ramp in ramps().await {
        let long_ago = now().plus_ms(-10 * DAY_MS);
        let mut all = [ramp.begin("a.mp4", long_ago).await, ramp.begin("b.mp4", long_ago).await];
        all.sort_by_key(|upload| upload.id.to_string());
        let spoil = "UPDATE browser_uploads SET bucket = '' WHERE id = $1";
        ramp.test.db.execute(spoil, args![all[0].id]).await.unwrap();
        assert_eq!(ramp.uploads.sweep(now()).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn what_is_open_and_what_came_last_is_listed() {
    for ramp in ramps().await {
        ramp.begin("open.mp4", now().plus_ms(-1000)).await;
        let mut tx = ramp.test.db.begin().await.unwrap();
        for n in 0..201 {
            let (name, at) = (format!("{n}.mp4"), now().plus_ms(n - 500));
            let row = args![UploadId::new(), ramp.account, &name, at];
            tx.execute(ARRIVED, row).await.unwrap();
        }
        tx.commit().await.unwrap();
        let names = ramp.names().await;
        assert_eq!(names.len(), 200);
        assert_eq!([&names[0], &names[1], &names[199]], ["open.mp4", "2.mp4", "200.mp4"]);
    }
}

#[tokio::test]
async fn each_that_is_listed_says_how_far_it_is_and_what_is_written_about_it() {
    for ramp in ramps().await {
        let at = now();
        for (n, name) in ["none", "sent", "done", "forgotten"].into_iter().enumerate() {
            let upload = ramp.begin(name, at.plus_ms(n as i64)).await;
            if name != "none" {
                ramp.send(&upload).await;
            }
            if name == "done" {
                ramp.uploads.complete(&upload).await.unwrap();
            }
            if name == "forgotten" {
                let mut tx = ramp.test.db.begin().await.unwrap();
                ramp.catalogue.drop_draft(&mut tx, &upload.bucket, &upload.key).await.unwrap();
                tx.commit().await.unwrap();
            }
        }
        let listed = ramp.uploads.list(ramp.account, at).await.unwrap();
        let told = listed.iter().map(|state| {
            let done = state.upload.completed_at.is_some();
            (state.upload.file.as_str(), done, state.received, state.draft.as_ref().map(|d| d.name.as_str()))
        });
        let expected = [
            ("none", false, 0, Some("none")),
            ("sent", false, 4, Some("sent")),
            ("done", true, 4, Some("done")),
            ("forgotten", false, 4, None),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
        for state in listed {
            assert_eq!(ramp.uploads.state(state.upload.clone()).await.unwrap(), state);
        }
    }
}
