//! The parts of one process: opened once, then started.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use blob::Blob;
use catalogue::Catalogue;
use db::Db;
use identity::code::CodeKeys;
use identity::{Buckets, Identity, Role, Via, Who};
use jobs::Queue;
use model::Timestamp;
use notify::{Mailbox, Notifier, Outbox, Smtp};
use pipeline::Pipeline;
use playback::Playback;
use seal::{KeyRing, Purpose, Vault};
use tokio::net::{TcpListener, UnixListener};
use upload::Uploads;

use super::ready::Ready;
use super::room::patiently;
use super::services::Services;
use super::settings;
use crate::config::Config;
use crate::control::server;
use crate::folder::Folder;
use crate::keys;
use crate::metrics::{self, Metrics};

/// The first operator of a development installation.
const OPERATOR: &str = "operator@localhost";
/// Name of the S3 key that `kinora up` makes and prints.
const READY_MADE: &str = "development";
/// Name of this process among workers; its slots are `up/0`, `up/1`, …
const WORKER: &str = "up";

/// How far strangers are to be reckoned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `kinora up`: loopback, a mailbox folder, ready-made keys.
    Development,
    /// `kinora serve`.
    Production,
}

/// Where this installation is, as others see it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Scheme, host and port that viewers use.
    pub(crate) origin: String,
    /// The same of the S3 face.
    pub(crate) s3_origin: String,
    pub(crate) profile: Profile,
}

/// Where requests come in.
pub(crate) struct Doors {
    pub(crate) edge: Vec<edge::Entrance>,
    pub(crate) s3: TcpListener,
    pub(crate) s3_tls: Option<tls::Server>,
    pub(crate) control: UnixListener,
}

/// Everything that has a door.
pub(crate) struct Parts {
    db: Db,
    blob: Blob,
    catalogue: Catalogue,
    jobs: Queue,
    identity: Identity,
    playback: Playback,
    ring: KeyRing,
    pipeline: Pipeline,
    uploads: Uploads,
    outbox: Outbox,
    /// How mails leave; `None` where nobody gets any.
    mail: Option<Arc<dyn Notifier>>,
    mailbox: Option<PathBuf>,
    place: Place,
}

impl Parts {
    /// Opens the database, brings it up to date, and opens every part on it.
    pub(crate) async fn open(config: &Config, folder: &Folder, place: Place) -> anyhow::Result<Self> {
        patiently(async || Self::try_open(config, folder, place.clone()).await).await
    }

    async fn try_open(config: &Config, folder: &Folder, place: Place) -> anyhow::Result<Self> {
        let db = match &config.database {
            Some(address) => Db::open(&address.0).await?,
            None => Db::open_sqlite(&folder.join("kinora.db")).await?,
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
        let now = now();
        let used = playback::has_secrets(&db).await?;
        let provider = keys::provider(config.keys.as_deref(), folder.path());
        let ring = keys::open(provider, folder.path(), used, now)?;
        let vault = Vault::new(&ring, Purpose::Signing);
        let codes = codes(&ring)?;
        let objects = folder.join("objects");
        let opened = Blob::open_with(db.clone(), &objects, settings::store(config), Some(ring.clone())).await;
        if opened.is_err() {
            // The database may be a new one in the place of another, which would take its log for its own.
            db.close().await;
        }
        let blob = opened?;
        let catalogue = Catalogue::open(db.clone()).await?;
        let jobs = Queue::new(db.clone());
        let outbox = Outbox::new(db.clone());
        let mailbox = (config.mail.smtp.is_none() && place.profile == Profile::Development)
            .then(|| folder.join("mailbox"));
        let mail: Option<Arc<dyn Notifier>> = match (&config.mail.smtp, &mailbox) {
            (Some(smtp), _) => Some(Arc::new(Smtp::open(smtp, &config.mail.from)?)),
            (None, Some(mailbox)) => Some(Arc::new(Mailbox::open(mailbox, &config.mail.from)?)),
            (None, None) => None,
        };
        let identity_config = match place.profile {
            Profile::Development => identity::Config::development(),
            Profile::Production => settings::production(config, &place)?,
        };
        let identity = Identity::new(db.clone(), outbox.clone(), codes, vault.clone(), identity_config)?;
        let playback =
            Playback::open(db.clone(), catalogue.clone(), vault, config.playback.clone(), now).await?;
        let mut renewed = identity.renew_secrets().await?;
        renewed += playback.renew_secrets().await?;
        if renewed.sealed > 0 {
            tracing::info!(secrets = renewed.sealed, "secrets sealed under the newest key");
        }
        let pipeline =
            Pipeline::new(db.clone(), blob.clone(), jobs.clone(), catalogue.clone(), config.rules.clone())
                .with_config(config.pipeline.clone())
                .with_templates(config.templates.clone());
        let s3_url = place.s3_origin.parse().context("the address of the S3 face is no URL")?;
        let key = ring.key(Purpose::Sessions, ring.version(Purpose::Sessions)?)?;
        let uploads = Uploads::new(
            db.clone(),
            blob.clone(),
            catalogue.clone(),
            key.expose(),
            s3_url,
            config.upload.clone(),
        );
        Ok(Self {
            db,
            blob,
            catalogue,
            jobs,
            identity,
            playback,
            ring,
            pipeline,
            uploads,
            outbox,
            mail,
            mailbox,
            place,
        })
    }

    /// Starts every service on its listener.
    pub(crate) async fn start(
        &self,
        services: &mut Services,
        config: &Config,
        folder: &Folder,
        doors: Doors,
    ) -> anyhow::Result<()> {
        if let Some(mail) = &self.mail {
            let mails = notify::Service::new(self.outbox.clone(), mail.clone(), self.identity.renderer());
            services.start("mail", |stop| mails.run(stop));
        }
        let identity = identity::Service::new(self.identity.clone());
        services.start("identity", |stop| identity.run(stop));
        let playback = playback::Service::new(self.playback.clone());
        services.start("playback", |stop| playback.run(stop));
        let (intake, caretaker) = (self.pipeline.intake(), self.pipeline.caretaker());
        services.start("intake", |stop| intake.run(stop));
        services.start("caretaker", |stop| caretaker.run(stop));
        let remover = self.pipeline.remover();
        services.start("remover", |stop| remover.run(stop));
        let sweeper = self.blob.sweeper();
        services.start("sweeper", |stop| async {
            sweeper.run(stop).await;
            Ok(())
        });
        let abandoned = self.uploads.sweeper();
        services.start("uploads", |stop| abandoned.run(stop));
        self.start_worker(services, config, folder, WORKER).await?;
        let s3_config = settings::s3(config, &self.place.s3_origin.parse()?, &self.place.origin.parse()?);
        let mut s3_face = s3::service(self.blob.clone(), self.s3_keys(), s3_config);
        if let Some(tls) = doors.s3_tls {
            s3_face = s3_face.over(tls);
        }
        services.start("s3", |stop| async {
            s3_face.run(doors.s3, stop).await;
            Ok(())
        });
        let (meter, packager) = (edge::Meter::default(), origin::Meter::default());
        let configs = (settings::edge(config), config.origin);
        let edge = self.edge(services, doors.edge, configs, meter.clone(), packager.clone())?;
        services.start("edge", |stop| async move { Ok(edge.run(stop).await?) });
        let metrics = Metrics {
            catalogue: self.catalogue.clone(),
            blob: self.blob.clone(),
            jobs: self.jobs.clone(),
            meter,
            packager,
            turn: Arc::default(),
        };
        if let Some(address) = config.metrics.listen {
            let listener = super::listen(address, "metrics", "`metrics.listen`").await?;
            let (metrics, token) = (metrics.clone(), config.metrics.token.clone());
            services.start("metrics", |stop| metrics::run(listener, metrics, token, stop));
        }
        let parts = server::Parts {
            db: self.db.clone(),
            blob: self.blob.clone(),
            catalogue: self.catalogue.clone(),
            jobs: self.jobs.clone(),
            pipeline: self.pipeline.clone(),
            identity: self.identity.clone(),
            playback: self.playback.clone(),
            mail: self.mail.clone(),
            ring: self.ring.clone(),
            origin: self.place.origin.clone(),
            s3_origin: self.place.s3_origin.clone(),
            data: folder.path().to_owned(),
            jail: settings::jail(config),
            metrics,
        };
        services.start("control", |stop| server::run(doors.control, parts, stop));
        Ok(())
    }

    /// Starts the encoder under a name that no other running process has.
    pub(crate) async fn start_worker(
        &self,
        services: &mut Services,
        config: &Config,
        folder: &Folder,
        name: &str,
    ) -> anyhow::Result<()> {
        // Only one process of a name has its lock, so whatever one before it held died with it.
        let again = patiently(async || Ok(self.pipeline.succeed(name).await?)).await?;
        if again > 0 {
            tracing::info!(jobs = again, "jobs of the process before go on");
        }
        if config.worker.slots == 0 {
            return Ok(());
        }
        let tools =
            encode::Tools::find().context("nothing can be encoded; on Debian: apt-get install ffmpeg")?;
        let jail = settings::jail(config);
        let layers = jail.layers().await?;
        let missing = layers.missing();
        anyhow::ensure!(
            missing.is_empty() || jail.permits_missing_layers(),
            "uploads are hostile and this system lacks layers of their jail: {missing}; use a Linux with Landlock and \
             seccomp, or read about `worker.allow_incomplete_jail` in docs/operate.md"
        );
        if !missing.is_empty() {
            tracing::error!(%missing, "hostile uploads are opened in an incomplete jail: worker.allow_incomplete_jail");
        }
        tracing::info!(ffmpeg = tools.version(), jail = %layers, slots = config.worker.slots, "worker");
        let worker = worker::Worker::new(
            name.to_owned(),
            &config.worker,
            self.jobs.clone(),
            self.pipeline.clone(),
            self.blob.clone(),
            tools,
            jail,
            folder.join(if name == WORKER { "scratch" } else { "scratch.worker" }),
        );
        services.start("worker", |stop| worker.run(stop));
        Ok(())
    }

    fn s3_keys(&self) -> s3::Keys {
        let (identity, uploads) = (self.identity.clone(), self.uploads.clone());
        s3::keys(move |id: String| {
            let (identity, uploads) = (identity.clone(), uploads.clone());
            async move {
                if let Some(found) = uploads.credential(&id).await? {
                    // An account that may no longer upload ends here, whatever addresses it was given.
                    let may = identity.may_send_parts(found.account).await?;
                    let upload::Credential { upload, bucket, key, secret, .. } = found;
                    let parts = s3::UploadParts { bucket, key, upload };
                    let buckets = s3::Buckets::Parts(parts.into());
                    return Ok(may.then(|| s3::Access { secret: secret.as_str().into(), buckets }));
                }
                let Some(found) = identity.credential(&id).await? else { return Ok(None) };
                let Some(secret) = found.secret.expose_str() else { return Ok(None) };
                let buckets = match found.who {
                    Who::Account { via: Via::AccessKey { buckets: Buckets::All, .. }, .. } => {
                        s3::Buckets::All
                    }
                    Who::Account { via: Via::AccessKey { buckets: Buckets::Only(names), .. }, .. } => {
                        s3::Buckets::Only(names)
                    }
                    _ => return Ok(None),
                };
                Ok(Some(s3::Access { secret: secret.into(), buckets }))
            }
        })
    }

    fn edge(
        &self,
        services: &mut Services,
        entrances: Vec<edge::Entrance>,
        (config, origin): (edge::Config, origin::Config),
        meter: edge::Meter,
        packager: origin::Meter,
    ) -> anyhow::Result<edge::Service> {
        let secrets = services.follow("origin secret", self.playback.cdn_secret(), |secret| {
            origin::Secrets { current: secret.current().clone(), other: secret.other().cloned() }
        });
        let packager = origin::router(origin::Origin {
            catalogue: self.catalogue.clone(),
            blob: self.blob.clone(),
            pipeline: self.pipeline.clone(),
            secrets,
            config: origin,
            meter: packager,
        });
        let site = site::router(
            site::Parts {
                identity: self.identity.clone(),
                catalogue: self.catalogue.clone(),
                playback: self.playback.clone(),
                jobs: self.jobs.clone(),
                pipeline: self.pipeline.clone(),
                uploads: self.uploads.clone(),
            },
            site::Config {
                public_url: self.place.origin.parse()?,
                mail: self.mail.is_some(),
                keys: Some(self.ring.clone()),
            },
        );
        let secret = services.follow("edge secret", self.playback.cdn_secret(), |secret| {
            edge::CdnSecret::new(secret.current()).expect("a UUID can be sent")
        });
        Ok(edge::Service {
            entrances,
            config,
            upstreams: edge::Upstreams { packager: edge::upstream(packager), site: edge::upstream(site) },
            state: self.playback.state(),
            secret,
            meter,
        })
    }

    /// Makes what the first start needs and later starts find: operator, sign-in link, S3 keys.
    pub(crate) async fn ready(&self) -> anyhow::Result<Ready> {
        let Place { origin, s3_origin, .. } = &self.place;
        let operator = self.identity.ensure_account(OPERATOR, Role::Operator, now()).await?;
        let link = self.identity.create_link(operator.id, now()).await?;
        let (key, secret) =
            self.identity.ensure_access_key(operator.id, READY_MADE, &Buckets::All, now()).await?;
        Ok(Ready {
            http: origin.clone(),
            s3: s3_origin.clone(),
            s3_access_key: key.id,
            s3_secret_key: secret.expose_str().context("the stored S3 key is not text")?.to_owned(),
            mailbox: self.mailbox.clone(),
            reminder: self.reminder()?,
            operator_link: link.address(origin),
        })
    }

    /// Puts a film in if there is no title yet.
    pub(crate) async fn sample(&self, path: &Path) -> anyhow::Result<()> {
        let any = catalogue::List { limit: 1, ..catalogue::List::newest(catalogue::Audience::Operator) };
        if !self.catalogue.list(&any).await?.is_empty() {
            return Ok(());
        }
        let name = path.file_name().and_then(|n| n.to_str()).context("the sample's name is not UTF-8")?;
        let file =
            tokio::fs::File::open(path).await.with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = file.metadata().await?.len();
        let staged = self.blob.stage(tokio_util::io::ReaderStream::new(file), Some(bytes), None).await?;
        let by = blob::By::Client(blob::Means::Put);
        self.blob.commit(staged, blob::New::named(model::BucketName::source(), name.parse()?, by)).await?;
        Ok(())
    }

    /// Whether nobody can operate this installation yet. The operator of `kinora up` is nobody: whoever read its terminal
    /// came in as that.
    pub(crate) async fn lacks_operator(&self) -> anyhow::Result<bool> {
        Ok(!self.identity.has_operator_beside(OPERATOR).await?)
    }

    /// Ends the sign-in links that `kinora up` made on this database and that whoever read its terminal knows.
    pub(crate) async fn end_printed_links(&self) -> anyhow::Result<()> {
        if let Some(operator) = self.identity.account_of(OPERATOR).await? {
            let links = self.identity.end_links(operator.id).await?;
            tracing::info!(links, "sign-in links of the development profile ended");
        }
        Ok(())
    }

    /// What an operator must do about the keys.
    pub(crate) fn reminder(&self) -> anyhow::Result<Option<&'static str>> {
        Ok((!self.ring.is_exported()?).then_some(keys::REMINDER))
    }

    /// Whether `kinora up` made keys on this database that whoever read its terminal knows.
    pub(crate) async fn has_ready_made_keys(&self) -> anyhow::Result<bool> {
        let keys = self.identity.live_access_keys().await?;
        Ok(keys.iter().any(|key| key.name == READY_MADE))
    }

    /// Closes the database; what is committed is in its file.
    pub(crate) async fn close(&self) {
        self.db.close().await;
    }
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

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
