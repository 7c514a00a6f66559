//! `kinora up`: wires every part and runs them in one process.

pub(crate) mod parts;
mod ready;
pub(crate) mod room;
pub(crate) mod services;
pub(crate) mod settings;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::Up;
use crate::config::{Config, Log};
use crate::control::server;
use crate::folder::Folder;
use crate::log;
use parts::{Doors, Parts, Place, Profile};
use services::Services;

/// Starts everything, says where it is, and runs until told to stop.
pub(crate) async fn run(flags: &Up) -> anyhow::Result<()> {
    let config = Config::for_up(flags)?;
    log::start(config.log.unwrap_or(Log::Text), "info,edge::access=warn,s3::access=warn,worker=warn");
    let folder = Folder::open(&config.data)?;
    let http = listen(config.http, "pages and streams", "--http").await?;
    let s3 = listen(config.s3, "S3", "--s3").await?;
    let control = server::listen(folder.path())?;
    let origin = format!("http://{}", shown(http.local_addr()?));
    let s3_origin = format!("http://{}", shown(s3.local_addr()?));

    let place = Place { origin: origin.clone(), s3_origin: s3_origin.clone(), profile: Profile::Development };
    let parts = Parts::open(&config, &folder, place).await?;
    let shutdown = CancellationToken::new();
    let mut services = Services::new(shutdown.clone());
    let doors = Doors { edge: vec![edge::Entrance::plain(http)], s3, s3_tls: None, control };
    parts.start(&mut services, &config, &folder, doors).await?;
    let ready = room::patiently(async || parts.ready().await).await?;
    if let Some(sample) = &flags.sample {
        parts.sample(sample).await?;
    }
    if let Some(path) = &flags.ready_file {
        ready.write(path)?;
    }
    ready.print();

    services.run(stop_signal(), settings::patience(&config)).await?;
    parts.close().await;
    drop(folder);
    Ok(())
}

pub(crate) async fn listen(
    address: std::net::SocketAddr,
    what: &str,
    flag: &str,
) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for {what}: is it taken? Choose another with {flag}")
    })
}

/// The address as people type it: loopback is `localhost` on well-known ports, and stays a number on chosen ones.
fn shown(address: std::net::SocketAddr) -> String {
    let standard = [8080, 9000].contains(&address.port());
    if address.ip().is_loopback() && standard {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

/// Ends on Ctrl-C or SIGTERM.
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    Ok(())
}
