//! Opening the parts: the database is brought up to date, the key ring is found, and each part gets what it stands on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use api::Api;
use blob::Blob;
use catalogue::Catalogue;
use db::Db;
use http_face::Changes;
use identity::Identity;
use identity::code::CodeKeys;
use jobs::Queue;
use notify::{Mailbox, Notifier, Outbox, Pause, Smtp};
use pipeline::Pipeline;
use playback::Playback;
use seal::{KeyRing, Purpose, Vault};
use upload::Uploads;

use super::{House, Place, Profile, patiently, settings, sound};
use crate::config::{Config, SignIn};
use crate::folder::Folder;
use crate::metrics::Metrics;
use crate::{doctor, keys};

impl House {
    /// Opens the database, brings it up to date, and opens every part on it.
    pub(crate) async fn open(config: &Config, folder: &Folder, place: Place) -> anyhow::Result<Self> {
        patiently(async || Self::try_open(config, folder, place.clone()).await).await
    }

    /// As [`House::open`], without waiting for space on a full disk.
    pub(crate) async fn try_open(config: &Config, folder: &Folder, place: Place) -> anyhow::Result<Self> {
        Self::open_parts(config, folder, place).await.map_err(sound::explain)
    }

    async fn open_parts(config: &Config, folder: &Folder, place: Place) -> anyhow::Result<Self> {
        let (db, is_checked) = database(config, folder).await?;
        let now = db.now();
        let used = playback::has_secrets(&db).await?;
        let provider = keys::provider(config.keys.as_deref(), folder.path());
        let ring = keys::open(provider, folder.path(), used, now)?;
        let vault = Vault::new(&ring, Purpose::Signing);
        let blob = store(config, folder, &db, &ring).await?;
        let catalogue = Catalogue::open(db.clone()).await?;
        let jobs = Queue::new(db.clone());
        // First of all it opens the installation's secrets: another ring seals nothing here that it would have to open.
        let playback =
            Playback::open(db.clone(), catalogue.clone(), vault, config.playback.clone(), now).await?;
        let pause = if config.mail.smtp.is_some() { Pause::NETWORK } else { Pause::default() };
        let outbox = Outbox::open(db.clone(), &ring).await?.with_pause(pause);
        let mailbox = (config.mail.smtp.is_none() && place.profile == Profile::Development)
            .then(|| folder.join("mailbox"));
        let settings = settings::identity(config, &place)?;
        let identity = Identity::open(db.clone(), outbox.clone(), codes(&ring)?, &ring, settings).await?;
        let mut renewed = identity.renew_secrets().await?;
        renewed += playback.renew_secrets().await?;
        if renewed.sealed > 0 {
            tracing::info!(secrets = renewed.sealed, "secrets sealed under the newest key");
        }
        let pipeline =
            Pipeline::new(db.clone(), blob.clone(), jobs.clone(), catalogue.clone(), config.rules.clone())
                .with_config(settings::pipeline(config, &place))
                .with_templates(config.templates.clone());
        let uploads = Uploads::new(
            db.clone(),
            blob.clone(),
            catalogue.clone(),
            ring.key(Purpose::Sessions, ring.version(Purpose::Sessions)?)?.expose(),
            place.s3_origin.parse().context("invalid URL of the S3 interface")?,
            config.upload.clone(),
        );
        let uploads = uploads.with_visibility({
            let pipeline = pipeline.clone();
            move |bucket, key| pipeline.visibility_of(bucket, key)
        });
        let mail = mail(config, mailbox.as_ref())?;
        let parts = api::Parts {
            identity: identity.clone(),
            catalogue: catalogue.clone(),
            playback: playback.clone(),
            jobs: jobs.clone(),
            pipeline: pipeline.clone(),
            uploads: uploads.clone(),
        };
        let codes = mail.is_some() && config.sign_in == SignIn::Codes;
        let settings = api::Settings {
            public_url: place.origin.parse().context("invalid URL of the site")?,
            s3_url: place.s3_origin.clone(),
            codes,
        };
        Ok(Self {
            api: Api::new(parts, settings),
            data: folder.path().to_owned(),
            codes,
            mail,
            jail: doctor::jail(&config.worker),
            metrics: Metrics::new(&catalogue, &blob, &jobs),
            place,
            db,
            unchecked: !is_checked,
            ring,
            blob,
            catalogue,
            jobs,
            identity,
            playback,
            pipeline,
            uploads,
            changes: Changes::default(),
            outbox,
            mailbox,
        })
    }
}

/// Opens the database and brings it up to date; answers also whether it was checked completely.
async fn database(config: &Config, folder: &Folder) -> anyhow::Result<(Db, bool)> {
    let (file, objects) = (folder.join("kinora.db"), folder.join("objects"));
    // First of all: a process that starts beside this one marks the folder when its tables are made.
    let owned = blob::is_owned(&objects)?;
    let moves = config.database.is_some() && !blob::has_files(&objects)? && is_of(&file, &objects).await;
    let db = match &config.database {
        Some(address) => Db::open(&address.0).await?,
        None => {
            ensure!(
                !owned || file.exists(),
                "there is no database at {}, but the files in {} belong to one: set `database`, restore the file, \
                 or use another data folder",
                file.display(),
                objects.display()
            );
            Db::open_sqlite(&file).await?
        }
    };
    let migrated = async {
        let is_checked = sound::look_through(&db).await?;
        refuse_other(&db, &objects, owned && !moves).await?;
        db.migrate(&[
            blob::MIGRATIONS,
            jobs::MIGRATIONS,
            notify::MIGRATIONS,
            catalogue::MIGRATIONS,
            identity::MIGRATIONS,
            playback::MIGRATIONS,
            upload::MIGRATIONS,
        ])
        .await
        .context("cannot migrate the database")?;
        anyhow::Ok(is_checked)
    };
    let migrated = migrated.await;
    if migrated.is_err() {
        db.close().await;
    }
    migrated.map(|is_checked| (db, is_checked))
}

/// Whether the folder of `objects` belongs to the SQLite database in `file`. Where nothing is stored in it yet, it may be
/// given to another one.
async fn is_of(file: &Path, objects: &Path) -> bool {
    if !file.exists() {
        return false;
    }
    let Ok(db) = Db::open_sqlite(file).await else { return false };
    let id = blob::store_id(&db).await;
    db.close().await;
    matches!((id, blob::folder_id(objects)), (Ok(Some(own)), Ok(Some(there))) if own == there)
}

/// Refuses a database that is not that of the `objects`, before anything is written to it: one of another store, or a new
/// one where they are `owned`. What the two have stored is compared later, when its tables can be read.
async fn refuse_other(db: &Db, objects: &Path, owned: bool) -> anyhow::Result<()> {
    let other = match (blob::store_id(db).await?, blob::folder_id(objects)?) {
        (Some(own), Some(there)) => own != there,
        _ => owned && db.is_new().await?,
    };
    ensure!(!other, blob::Error::OtherDatabase { folder: objects.to_owned() });
    Ok(())
}

async fn store(config: &Config, folder: &Folder, db: &Db, ring: &KeyRing) -> anyhow::Result<Blob> {
    let objects = folder.join("objects");
    let opened = Blob::open_with(db.clone(), &objects, settings::store(config), Some(ring.clone())).await;
    if opened.is_err() {
        // The database may be a new one in the place of another, which would take its log for its own.
        db.close().await;
    }
    Ok(opened?)
}

/// How mails leave: by the mail server, else into the folder, if there is one.
fn mail(config: &Config, mailbox: Option<&PathBuf>) -> anyhow::Result<Option<Arc<dyn Notifier>>> {
    let from = &config.mail.from;
    Ok(match (&config.mail.smtp, mailbox) {
        (Some(smtp), _) => Some(Arc::new(Smtp::open(smtp, from)?)),
        (None, Some(mailbox)) => Some(Arc::new(Mailbox::open(mailbox, from)?)),
        (None, None) => None,
    })
}

/// The keys of one-time codes; older ones while codes that were sent still live.
fn codes(ring: &KeyRing) -> anyhow::Result<CodeKeys> {
    let newest = ring.version(Purpose::Codes)?;
    let mut codes = CodeKeys::new(newest, ring.key(Purpose::Codes, newest)?.expose());
    for old in ring.entries().iter().filter(|e| e.purpose == Purpose::Codes && e.version < newest) {
        codes = codes.with_previous(old.version, ring.key(Purpose::Codes, old.version)?.expose());
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Address;

    /// A data folder in which nothing or something is stored, and the database of it.
    async fn used(stored: bool, config: &Config) -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("data")).unwrap();
        let (db, _) = database(config, &folder).await.unwrap();
        let blob = Blob::open(db.clone(), &folder.join("objects")).await.unwrap();
        if stored {
            let film =
                blob::New::named(model::BucketName::media(), "film".parse().unwrap(), blob::By::Kinora);
            blob.put("x", film).await.unwrap();
        }
        db.close().await;
        (dir, folder)
    }

    fn at(file: &Path) -> Config {
        let address = Address(format!("sqlite:{}", file.display()));
        Config { database: Some(address), ..Config::default() }
    }

    async fn refused(config: &Config, folder: &Folder) {
        let error = database(config, folder).await.unwrap_err().to_string();
        assert!(error.contains("set `database`"), "{error}");
    }

    #[tokio::test]
    async fn no_database_is_made_in_the_place_of_another() {
        for stored in [false, true] {
            let elsewhere = tempfile::tempdir().unwrap();
            let own = at(&elsewhere.path().join("own.db"));
            let (_dir, folder) = used(stored, &own).await;
            refused(&Config::default(), &folder).await;
            assert!(!folder.join("kinora.db").exists());

            let new = at(&elsewhere.path().join("new.db"));
            refused(&new, &folder).await;
            assert!(Db::open(&new.database.unwrap().0).await.unwrap().is_new().await.unwrap());
            database(&own, &folder).await.unwrap();
        }
    }

    #[tokio::test]
    async fn no_sqlite_is_made_in_the_place_of_the_one_that_is_named() {
        for stored in [false, true] {
            let (dir, folder) = used(stored, &Config::default()).await;
            let own = at(&folder.join("kinora.db"));
            database(&own, &folder).await.unwrap().0.close().await;
            for suffix in ["", "-wal", "-shm"] {
                drop(std::fs::remove_file(dir.path().join(format!("data/kinora.db{suffix}"))));
            }
            refused(&own, &folder).await;
        }
    }

    #[tokio::test]
    async fn a_folder_leaves_its_sqlite_before_anything_is_stored() {
        for stored in [false, true] {
            let elsewhere = tempfile::tempdir().unwrap();
            let (_dir, folder) = used(stored, &Config::default()).await;
            let new = at(&elsewhere.path().join("new.db"));
            if stored {
                refused(&new, &folder).await;
                continue;
            }
            let (db, _) = database(&new, &folder).await.unwrap();
            Blob::open(db, &folder.join("objects")).await.unwrap();
            // The one that it left is another's now.
            refused(&Config::default(), &folder).await;
            refused(&at(&elsewhere.path().join("mistyped.db")), &folder).await;
            database(&new, &folder).await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_database_of_another_installation_is_not_brought_up_to_date() {
        let (_dir, folder) = used(false, &Config::default()).await;
        let (other, _folder) = used(false, &Config::default()).await;
        let other = at(&other.path().join("data/kinora.db"));
        // It is of an older version.
        let db = Db::open(&other.database.as_ref().unwrap().0).await.unwrap();
        db.execute("DELETE FROM migrations WHERE owner = 'upload'", db::args![]).await.unwrap();
        refused(&other, &folder).await;
        let sql = "SELECT COUNT(*) AS n FROM migrations WHERE owner = 'upload'";
        assert_eq!(db.one(sql, db::args![]).await.unwrap().get::<i64>("n").unwrap(), 0);
    }
}
