//! A process dies between two steps: nothing acknowledged is lost, and nothing is left behind for ever.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use blob::{By, Chosen, Complete, Condition, Means, NewUpload};
use db::Db;
use model::{BucketName, Key};

use super::*;

const SIGABRT: i32 = 6;

const POINTS: [&str; 9] = [
    "disk.written",
    "disk.synced",
    "disk.renamed",
    "commit.inserted",
    "commit.committed",
    "part.committed",
    "complete.inserted",
    "complete.committed",
    "sweep.committed",
];

/// Not a test by itself: the process that dies. It says what was acknowledged, line by line.
#[tokio::test]
async fn child() {
    let (Ok(point), Ok(folder)) = (std::env::var("BLOB_CRASH_AT"), std::env::var("BLOB_CRASH_IN")) else {
        return;
    };
    let folder = Path::new(&folder);
    let blob = open(folder).await;
    let ack = |what: &str| {
        use std::io::Write;
        let mut log = std::fs::OpenOptions::new().append(true).create(true).open(folder.join("log")).unwrap();
        writeln!(log, "{what}").unwrap();
    };
    blob.put("before", client("before")).await.unwrap();
    ack("before");
    let upload = blob
        .begin_upload(NewUpload {
            bucket: BucketName::source(),
            key: key("upload"),
            attributes: blob::Attributes::default(),
            checksum: None,
            composite: false,
        })
        .await
        .unwrap();
    blob::fault::crash_at(&point);

    let mut writer = blob.writer(None, None).await.unwrap();
    writer.write("part".into()).await.unwrap();
    let part = blob.commit_part(upload.id, 1, writer.finish().await.unwrap()).await.unwrap();
    ack("part");
    let complete = Complete {
        parts: vec![Chosen { number: 1, etag: part.etag(), checksum: None }],
        checksum: None,
        size: None,
        condition: Condition::None,
        by: By::Client(Means::CompleteMultipartUpload),
    };
    blob.complete_upload(&upload.bucket, &upload.key, upload.id, complete).await.unwrap();
    ack("upload");
    blob.put("after", client("after")).await.unwrap();
    ack("after");
    blob.put("over", own("before")).await.unwrap();
    blob.put("over again", own("before")).await.unwrap();
    blob.sweep(hours_from_now(1)).await.unwrap();
}

async fn open(folder: &Path) -> Blob {
    let db = Db::open_sqlite(&folder.join("kinora.db")).await.unwrap();
    db.migrate(&[blob::MIGRATIONS]).await.unwrap();
    Blob::open_with(db, &folder.join("blob"), Config::default(), ring()).await.unwrap()
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_wherever_the_process_dies() {
    for point in POINTS {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "crash::child"]).env("BLOB_CRASH_AT", point).env("BLOB_CRASH_IN", dir.path());
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            output.status.signal(),
            Some(SIGABRT),
            "the child passes {point}, or fails before: {said}"
        );

        let blob = open(dir.path()).await;
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
        let events = unhandled(&blob, 100).await;
        for acknowledged in log.lines().filter(|name| *name != "part") {
            let key: Key = key(acknowledged);
            let object = blob.head(&BucketName::source(), &key).await.unwrap();
            let bytes = blob.read_to_vec(object.id, 0..object.size).await.unwrap();
            let expected = if acknowledged == "upload" { "part" } else { acknowledged };
            assert_eq!(bytes, expected.as_bytes(), "{point}");
            assert_eq!(events.iter().filter(|e| e.object == object.id).count(), 1, "{point}");
        }
        if log.lines().any(|name| name == "part") && !log.lines().any(|name| name == "upload") {
            let list = blob::ListUploads { limit: 9, ..Default::default() };
            let uploads = blob.uploads(&BucketName::source(), &list).await.unwrap();
            let parts = match uploads.uploads.first() {
                Some(upload) => blob.parts(upload.id, 0, 9).await.unwrap().parts.len(),
                // Completed, though it was not acknowledged.
                None => usize::from(blob.head(&BucketName::source(), &key("upload")).await.is_ok()),
            };
            assert_eq!(parts, 1, "{point}");
        }

        blob.sweep_disk(hours_from_now(2)).await.unwrap();
        let on_disk = stored(&dir.path().join("blob")).len();
        let db = Db::open_sqlite(&dir.path().join("kinora.db")).await.unwrap();
        let rows = db.one("SELECT COUNT(*) AS n FROM files", db::args![]).await.unwrap();
        assert_eq!(rows.get::<usize>("n").unwrap(), on_disk, "{point}");
    }
}
