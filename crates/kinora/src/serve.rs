//! `kinora serve`: the production profile. Refuses what is insecure, all at once, and says what to do.

mod refuse;

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::bail;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::Serve;
use crate::config::{Config, Log, Tls};
use crate::folder::{self, Folder};
use crate::house::{self, Doors, House, Place, Services, patiently};
use crate::role::Role;
use crate::systemd::Notifier;
use crate::up::traces;
use crate::{log, server};

/// Default log filter: life-cycle and one line per request.
const USUAL: &str = "info";

/// Looks at the settings, starts what the role says, and runs until told to stop.
pub(crate) async fn run(flags: &Serve) -> anyhow::Result<()> {
    let config = Config::for_serve(flags)?;
    let around = refuse::Surroundings::of(Some(&flags.config));
    let refusals = refuse::all(&config, &around);
    if !refusals.is_empty() {
        for refusal in &refusals {
            eprintln!("kinora: {refusal}");
        }
        bail!("{} cannot be used: {} to correct", flags.config.display(), many(refusals.len()));
    }
    if flags.check {
        println!("{} is valid.", flags.config.display());
        return Ok(());
    }
    log::start(config.log.unwrap_or(Log::Json), USUAL);
    let notifier = Notifier::from_environment();
    match config.role {
        Role::Worker => worker(&config, &notifier).await,
        _ => everything(&config, flags, &notifier).await,
    }
}

fn many(n: usize) -> String {
    if n == 1 { "one thing is".into() } else { format!("{n} things are") }
}

/// Facts that a script needs once everything answers. No secrets: production prints none.
#[derive(Serialize)]
struct Ready<'a> {
    public_url: &'a str,
    /// Addresses that are listened on.
    http: String,
    https: Option<String>,
    s3: String,
}

async fn everything(config: &Config, flags: &Serve, notifier: &Notifier) -> anyhow::Result<()> {
    let place = Place::public(config)?;
    let folder = Folder::open(&config.data)?;
    let certificate = match &config.tls {
        Tls::Files(files) => Some(tls::Server::load(&files.certificate, &files.key)?),
        Tls::Proxy | Tls::Off => None,
    };
    let http = house::listen(config.http, "pages and streams", "`http`").await?;
    let s3 = house::listen(config.s3, "S3", "`s3`").await?;
    let mut ready = Ready {
        public_url: &place.origin,
        http: http.local_addr()?.to_string(),
        https: None,
        s3: s3.local_addr()?.to_string(),
    };
    let mut entrances = vec![edge::Entrance::plain(http)];
    if let (Some(address), Some(certificate)) = (config.https, &certificate) {
        let listener = house::listen(address, "pages and streams over TLS", "`https`").await?;
        ready.https = Some(listener.local_addr()?.to_string());
        entrances.push(edge::Entrance { listener, tls: Some(certificate.clone()) });
    }
    let control = server::listen(folder.path())?;
    let ready = serde_json::to_vec_pretty(&ready)?;

    let mut config = config.clone();
    config.edge.https_origin.clone_from(&place.origin);
    let house = House::open(&config, &folder, place.clone()).await?;
    if traces::has_s3_key(&house.identity).await? {
        bail!(
            "this database has the S3 key that `kinora up` made and printed: remove it with `kinora s3-key rm \
             development --config {}`, then start again",
            flags.config.display()
        );
    }
    patiently(async || traces::end_links(&house.identity).await).await?;
    let shutdown = CancellationToken::new();
    let mut services = Services::new(shutdown.clone());
    follow(&mut services, certificate.clone())?;
    let doors = Doors { edge: entrances, s3, s3_tls: certificate, control };
    house.start(&mut services, &config, &folder, doors).await?;
    greet(&house).await?;
    if let Some(path) = &flags.ready_file {
        folder::write_private(path, &ready)?;
    }
    tracing::info!(public_url = place.origin, version = env!("CARGO_PKG_VERSION"), "answering");
    let ended = end(services, &config, notifier, &shutdown).await;
    house.close().await;
    drop(folder);
    ended
}

/// The encoder alone, beside a process that has the rest.
async fn worker(config: &Config, notifier: &Notifier) -> anyhow::Result<()> {
    let folder = Folder::open_beside(&config.data)?;
    let mut config = config.clone();
    // It sends no mail.
    config.mail.smtp = None;
    let config = &config;
    let house = House::open(config, &folder, Place::public(config)?).await?;
    let shutdown = CancellationToken::new();
    let mut services = Services::new(shutdown.clone());
    follow(&mut services, None)?;
    house.start_worker(&mut services, config, &folder).await?;
    let ended = end(services, config, notifier, &shutdown).await;
    house.close().await;
    drop(folder);
    ended
}

/// Runs until told to stop, telling systemd of it.
async fn end(
    services: Services,
    config: &Config,
    notifier: &Notifier,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    notifier.ready();
    let stop = async {
        let stopped = house::stop_signal().await;
        notifier.stopping();
        stopped
    };
    tokio::select! {
        ended = services.run(stop, house::stop_time_limit(config)) => ended,
        never = async { notifier.live(shutdown).await; std::future::pending::<anyhow::Result<()>>().await } => never,
    }
}

/// Reloads the certificate when its files change, and at once on SIGHUP. Without a certificate SIGHUP changes
/// nothing: left alone, it would end the process.
fn follow(services: &mut Services, certificate: Option<tls::Server>) -> anyhow::Result<()> {
    if let Some(followed) = certificate.clone() {
        services.start("certificate", |stop| async move {
            followed.follow(stop).await;
            Ok(())
        });
    }
    let mut hangup = signal(SignalKind::hangup())?;
    services.start("signals", |stop| async move {
        while stop.run_until_cancelled(hangup.recv()).await.flatten().is_some() {
            match certificate.as_ref().map(tls::Server::reload) {
                None => tracing::info!("there is no certificate to reload"),
                Some(Ok(())) => tracing::info!("certificate reloaded"),
                Some(Err(error)) => {
                    let error = model::Chain(&error);
                    tracing::error!(%error, "the new certificate is invalid; the old one stays in use");
                }
            }
        }
        Ok(())
    });
    Ok(())
}

/// Says what must not be forgotten; on the first start, when there is nobody who could sign in, how the first operator
/// does.
async fn greet(house: &House) -> anyhow::Result<()> {
    if let Some(reminder) = house.reminder()? {
        tracing::warn!("{reminder}");
    }
    if !traces::lacks_operator(&house.identity).await? {
        return Ok(());
    }
    let how = format!("kinora signin-link YOU@YOUR.DOMAIN --role operator --data {}", house.data.display());
    tracing::warn!(how, "this installation has no operator yet");
    if std::io::stdout().is_terminal() {
        println!("\nThe first operator signs in with the link that this prints:\n\n  {how}\n");
    }
    Ok(())
}

/// The mode of what is at `path`, following links.
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).ok().map(|found| found.permissions().mode() & 0o7777)
}
