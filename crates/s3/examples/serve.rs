//! The S3 face alone, for trying clients and conformance tests against it:
//! `cargo run -p s3 --example serve -- FOLDER 127.0.0.1:9000 ACCESS_KEY SECRET_KEY [ACCESS_KEY SECRET_KEY …]`.

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http_face::ConnectionSlots;
use http_face::door::{Door, Entrance};
use s3::{Access, Buckets};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().ok_or_else(|| format!("{what} is missing"));
    let (folder, address) = (PathBuf::from(next("FOLDER")?), next("ADDRESS")?);
    let mut secrets = HashMap::from([(next("ACCESS_KEY")?, next("SECRET_KEY")?)]);
    while let Ok(id) = next("") {
        secrets.insert(id, next("SECRET_KEY")?);
    }

    std::fs::create_dir_all(&folder)?;
    let db = db::Db::open_sqlite(&folder.join("kinora.db")).await?;
    db.migrate(&[blob::MIGRATIONS]).await?;
    let blob = blob::Blob::open(db, &folder.join("blob")).await?;

    let secrets = Arc::new(secrets);
    let keys = s3::keys(move |id| {
        let found = secrets.get(&id).map(|s| Access { secret: s.as_str().into(), buckets: Buckets::All });
        async move { Ok(found) }
    });
    let shutdown = CancellationToken::new();
    let sweeper = tokio::spawn(blob.sweeper().run(shutdown.clone()));
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    let config = s3::Config::default();
    let door = Door {
        entrances: vec![Entrance { listener, tls: None }],
        slots: ConnectionSlots::new(config.connections, 0),
        proxies: vec![],
        bounds: config.bounds(Duration::from_secs(10)),
        tasks: TaskTracker::new(),
    };
    let serving = tokio::spawn(door.run(Arc::new(s3::service(blob, keys, config)), shutdown.clone()));
    tokio::signal::ctrl_c().await?;
    shutdown.cancel();
    serving.await?;
    Ok(sweeper.await?)
}
