//! Opening the parts: the database is brought up to date, the key ring is found, and each part gets what it stands on.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use blob::Blob;
use catalogue::Catalogue;
use db::Db;
use identity::Identity;
use identity::code::CodeKeys;
use jobs::Queue;
use model::Timestamp;
use notify::{Mailbox, Notifier, Outbox, Smtp};
use pipeline::Pipeline;
use playback::Playback;
use seal::{KeyRing, Purpose, Vault};
use upload::Uploads;

use super::{House, Place, Profile, patiently, settings};
use crate::config::{Config, SignIn};
use crate::folder::Folder;
use crate::metrics::Metrics;
use crate::{doctor, keys};

impl House {
    /// Opens the database, brings it up to date, and opens every part on it.
    pub(crate) async fn open(config: &Config, folder: &Folder, place: Place) -> anyhow::Result<Self> {
        patiently(async || Self::try_open(config, folder, place.clone()).await).await
    }

    async fn try_open(config: &Config, folder: &Folder, place: Place) -> anyhow::Result<Self> {
        let now = Timestamp(jiff::Timestamp::now().as_millisecond());
        let db = database(config, folder).await?;
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
        let outbox = Outbox::open(db.clone(), &ring).await?;
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
                .with_config(config.pipeline.clone())
                .with_templates(config.templates.clone());
        let uploads = Uploads::new(
            db.clone(),
            blob.clone(),
            catalogue.clone(),
            ring.key(Purpose::Sessions, ring.version(Purpose::Sessions)?)?.expose(),
            place.s3_origin.parse().context("the address of the S3 face is no URL")?,
            config.upload.clone(),
        );
        let mail = mail(config, mailbox.as_ref())?;
        Ok(Self {
            data: folder.path().to_owned(),
            codes: mail.is_some() && config.sign_in == SignIn::Codes,
            mail,
            jail: doctor::jail(&config.worker),
            metrics: Metrics::new(&catalogue, &blob, &jobs),
            place,
            db,
            ring,
            blob,
            catalogue,
            jobs,
            identity,
            playback,
            pipeline,
            uploads,
            outbox,
            mailbox,
        })
    }
}

async fn database(config: &Config, folder: &Folder) -> anyhow::Result<Db> {
    let db = match &config.database {
        Some(address) => Db::open(&address.0).await?,
        None => Db::open_sqlite(&sqlite(folder)?).await?,
    };
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
    .context("the database cannot be brought up to date")?;
    Ok(db)
}

/// The file of the database, which is made if it is missing, but not in the place of another database.
fn sqlite(folder: &Folder) -> anyhow::Result<PathBuf> {
    let (path, objects) = (folder.join("kinora.db"), folder.join("objects"));
    ensure!(
        path.exists() || !blob::is_owned(&objects),
        "there is no database at {}, and the files in {} belong to one: name it (the setting `database`), bring the \
         file back, or name another data folder",
        path.display(),
        objects.display()
    );
    Ok(path)
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
