//! `kinora s3-key`.

use super::encode;
use crate::cli::s3_key::S3Key;
use crate::control::s3_key::{Key, Made, New};
use crate::print;

/// Makes, lists and ends keys for S3 clients.
pub(crate) async fn s3_key(command: S3Key) -> anyhow::Result<()> {
    match command {
        S3Key::New(c) => {
            let new = New { name: c.name, address: c.address, buckets: c.buckets };
            let made: Made = c.server.connect().await?.post("/s3-keys", &new).await?;
            if c.output.json {
                return print::json(&made);
            }
            println!("Address     {}\nAccess key  {}\nSecret key  {}", made.url, made.key.id, made.secret);
        }
        S3Key::Ls { server, output } => {
            let keys: Vec<Key> = server.connect().await?.get("/s3-keys").await?;
            print::list(output, &["ACCESS KEY", "NAME", "FOR", "BUCKETS", "MADE"], &keys, |key| {
                let buckets = if key.buckets.is_empty() { "all".to_owned() } else { key.buckets.join(" ") };
                vec![
                    key.id.clone(),
                    print::safe(&key.name),
                    key.address.clone(),
                    buckets,
                    key.created.clone(),
                ]
            })?;
        }
        S3Key::Rm { key, server } => {
            let path = format!("/s3-keys/{}", encode(&key));
            let ended: Key = server.connect().await?.delete(&path).await?;
            println!("{} ({}) works no more", ended.id, print::safe(&ended.name));
        }
    }
    Ok(())
}
