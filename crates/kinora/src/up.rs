//! `kinora up`: everything in one process, for the person who started it on this machine.

mod ready;
pub(crate) mod traces;

use std::path::Path;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::cli::Up;
use crate::config::{Config, Log};
use crate::folder::Folder;
use crate::house::{self, Doors, House, Place, Services};
use crate::{log, server};
use ready::Ready;

/// Starts everything, says where it is, and runs until told to stop.
pub(crate) async fn run(flags: &Up) -> anyhow::Result<()> {
    let config = Config::for_up(flags)?;
    log::start(config.log.unwrap_or(Log::Text), "info,edge::access=warn,s3::access=warn,worker=warn");
    let folder = Folder::open(&config.data)?;
    let http = house::listen(config.http, "pages and streams", "--http").await?;
    let s3 = house::listen(config.s3, "S3", "--s3").await?;
    let control = server::listen(folder.path())?;
    let place = Place::loopback(http.local_addr()?, s3.local_addr()?);
    place.remember(&folder);

    let house = House::open(&config, &folder, place).await?;
    let mut services = Services::new(CancellationToken::new());
    let doors = Doors { edge: vec![edge::Entrance::plain(http)], s3, s3_tls: None, control };
    house.start(&mut services, &config, &folder, doors).await?;
    let ready = house::patiently(async || Ready::of(&house).await).await?;
    if let Some(sample) = &flags.sample {
        import(&house, sample).await?;
    }
    if let Some(path) = &flags.ready_file {
        ready.write(path)?;
    }
    ready.print();

    let ended = services.run(house::stop_signal(), house::stop_time_limit(&config)).await;
    house.close().await;
    drop(folder);
    ended
}

/// Puts a film in if there is no title yet.
async fn import(house: &House, path: &Path) -> anyhow::Result<()> {
    let any = catalogue::List { limit: 1, ..catalogue::List::newest(catalogue::Audience::Operator) };
    if !house.catalogue.list(&any).await?.is_empty() {
        return Ok(());
    }
    let name = path.file_name().and_then(|n| n.to_str()).context("the sample's name is not UTF-8")?;
    let file =
        tokio::fs::File::open(path).await.with_context(|| format!("cannot read {}", path.display()))?;
    let bytes = file.metadata().await?.len();
    let staged = house.blob.stage(tokio_util::io::ReaderStream::new(file), Some(bytes), None).await?;
    let by = blob::By::Client(blob::Means::Put);
    house.blob.commit(staged, blob::New::named(model::BucketName::source(), name.parse()?, by)).await?;
    Ok(())
}
