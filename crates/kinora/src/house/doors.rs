//! Where requests come in, and what stands behind each door, in the terms of its crate.

use std::net::SocketAddr;

use anyhow::Context;
use http_face::ConnectionSlots;
use http_face::door::{Door, Entrance};
use identity::{Buckets, Identity, Via, Who};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::task::TaskTracker;
use upload::Uploads;

use super::{House, Services, settings};
use crate::config::Config;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Where requests come in.
pub(crate) struct Doors {
    pub(crate) edge: Vec<edge::Entrance>,
    pub(crate) s3: TcpListener,
    pub(crate) s3_tls: Option<tls::Server>,
    pub(crate) control: UnixListener,
}

/// Opens a door of `what`; `setting` is what chooses another address.
pub(crate) async fn listen(address: SocketAddr, what: &str, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for {what}: is it taken? Choose another with {setting}")
    })
}

/// The door of the S3 face, and of others that AWS's clients speak.
pub(crate) fn s3_door(config: &Config, listener: TcpListener, tls: Option<tls::Server>) -> Door {
    Door {
        entrances: vec![Entrance { listener, tls }],
        slots: ConnectionSlots::new(config.s3_face.connections, 0),
        proxies: config.edge.trusted_proxies.clone(),
        bounds: config.s3_face.bounds(settings::drain(config)),
        tasks: TaskTracker::new(),
    }
}

impl House {
    /// The S3 face: the store, for the holders of keys.
    pub(crate) fn s3(&self, config: &Config) -> anyhow::Result<s3::Service> {
        let config = settings::s3(config, &self.place.s3_origin.parse()?, &self.place.origin.parse()?);
        let (identity, uploads) = (self.identity.clone(), self.uploads.clone());
        let keys = s3::keys(move |id: String| {
            let (identity, uploads) = (identity.clone(), uploads.clone());
            async move { access(&identity, &uploads, &id).await }
        });
        Ok(s3::service(self.blob.clone(), keys, config))
    }

    /// The front door, with the packager and the pages behind it.
    pub(crate) fn edge(
        &self,
        services: &mut Services,
        config: &Config,
        entrances: Vec<edge::Entrance>,
    ) -> anyhow::Result<edge::Service> {
        let secrets = services.follow("origin secret", self.playback.cdn_secret(), |secret| {
            origin::Secrets { current: secret.current().clone(), other: secret.other().cloned() }
        });
        let packager = origin::router(origin::Origin {
            catalogue: self.catalogue.clone(),
            blob: self.blob.clone(),
            pipeline: self.pipeline.clone(),
            secrets,
            config: config.origin,
            meter: self.metrics.origin.clone(),
        });
        let site = site::router(
            self.api.clone(),
            self.changes.clone(),
            site::Config { codes: self.codes, keys: Some(self.ring.clone()) },
        );
        let secret = services.follow("edge secret", self.playback.cdn_secret(), |secret| {
            edge::CdnSecret::new(secret.current()).expect("a UUID can be sent")
        });
        Ok(edge::Service {
            entrances,
            config: settings::edge(config),
            upstreams: edge::Upstreams { packager: edge::upstream(packager), site: edge::upstream(site) },
            state: self.playback.state(),
            secret,
            meter: self.metrics.edge.clone(),
            clock: self.db.clock().clone(),
        })
    }
}

/// The permissions of an S3 key: the parts of one upload for the URL of a part, else those from identity.
async fn access(identity: &Identity, uploads: &Uploads, id: &str) -> Result<Option<s3::Access>, BoxError> {
    if let Some(found) = uploads.credential(id).await? {
        // An account that may no longer upload ends here, whatever addresses it was given.
        let may = identity.may_send_parts(found.account).await?;
        let upload::Credential { upload, bucket, key, secret, .. } = found;
        let buckets = s3::Buckets::Parts(s3::UploadParts { bucket, key, upload }.into());
        return Ok(may.then(|| s3::Access { secret: secret.as_str().into(), buckets }));
    }
    let Some(found) = identity.credential(id).await? else { return Ok(None) };
    let Some(secret) = found.secret.expose_str() else { return Ok(None) };
    let buckets = match found.who {
        Who::Account { via: Via::AccessKey { buckets: Buckets::All, .. }, .. } => s3::Buckets::All,
        Who::Account { via: Via::AccessKey { buckets: Buckets::Only(names), .. }, .. } => {
            s3::Buckets::Only(names)
        }
        _ => return Ok(None),
    };
    Ok(Some(s3::Access { secret: secret.into(), buckets }))
}
