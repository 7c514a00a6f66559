//! `kinora up`: wires every part and runs them in one process.

mod parts;
mod ready;
mod services;

use std::io::IsTerminal;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::Up;
use crate::config::{Config, Log};
use crate::control::server;
use crate::folder::Folder;
use parts::Parts;
use services::Services;

/// Starts everything, says where it is, and runs until told to stop.
pub(crate) async fn run(flags: &Up) -> anyhow::Result<()> {
    let config = Config::load(flags)?;
    log(config.log);
    let folder = Folder::open(&config.data)?;
    let http = listen(config.http, "pages and streams", "--http").await?;
    let s3 = listen(config.s3, "S3", "--s3").await?;
    let control = server::listen(folder.path())?;
    let origin = format!("http://{}", shown(http.local_addr()?));
    let s3_origin = format!("http://{}", shown(s3.local_addr()?));

    let parts = Parts::open(&config, &folder, &origin, &s3_origin).await?;
    let shutdown = CancellationToken::new();
    let mut services = Services::new(shutdown.clone());
    parts.start(&mut services, &config, &folder, http, s3, control).await?;
    let ready = parts.ready(&origin, &s3_origin).await?;
    if let Some(sample) = &flags.sample {
        parts.sample(sample).await?;
    }
    if let Some(path) = &flags.ready_file {
        ready.write(path)?;
    }
    ready.print();

    services.run(stop_signal()).await?;
    parts.close().await;
    drop(folder);
    Ok(())
}

async fn listen(address: std::net::SocketAddr, what: &str, flag: &str) -> anyhow::Result<TcpListener> {
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

fn log(form: Log) {
    let wanted = std::env::var("KINORA_LOG").unwrap_or_else(|_| "info,edge::access=warn".to_owned());
    // The S3 library logs every refused request as an error and, when asked for more, signatures.
    let filter = tracing_subscriber::EnvFilter::new(format!("{wanted},s3s=off"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match form {
        Log::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
        Log::Json => lines.json().init(),
    }
}

/// Ends on Ctrl-C or SIGTERM.
async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    Ok(())
}
