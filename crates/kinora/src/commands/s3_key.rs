//! `kinora s3-key`.

use api::answer::Items;
use api::s3_keys::{MadeS3Key, NewS3Key, S3Key as Key};

use super::shown;
use crate::cli::s3_key::S3Key;
use crate::client::encode;
use crate::print;

/// Makes, lists and ends keys for S3 clients.
pub(crate) async fn s3_key(command: S3Key) -> anyhow::Result<()> {
    match command {
        S3Key::New(c) => {
            let create = c.create.then_some(c.role).flatten();
            let new = NewS3Key { name: c.name, address: c.address, create, buckets: c.buckets };
            let made: MadeS3Key = c.server.connect().await?.post("/api/s3-keys", &new).await?;
            let made = shown::MadeS3Key::from(made);
            if c.output.json {
                return print::json(&made);
            }
            let shown::S3Key { id, address, role, .. } = &made.key;
            let owner = format!("{} ({role})", print::safe(address));
            println!(
                "Account     {owner}\nAddress     {}\nAccess key  {id}\nSecret key  {}",
                made.url, made.secret
            );
        }
        S3Key::Ls { server, output } => {
            let keys: Items<Key> = server.connect().await?.get("/api/s3-keys").await?;
            let keys: Vec<_> = keys.items.into_iter().map(shown::S3Key::from).collect();
            print::list(output, &["ACCESS KEY", "NAME", "FOR", "ROLE", "BUCKETS", "MADE"], &keys, |key| {
                let buckets = if key.buckets.is_empty() { "all".to_owned() } else { key.buckets.join(" ") };
                vec![
                    key.id.clone(),
                    print::safe(&key.name),
                    key.address.clone(),
                    key.role.to_string(),
                    buckets,
                    key.created.clone(),
                ]
            })?;
        }
        S3Key::Rm { key, server } => {
            let path = format!("/api/s3-keys/{}", encode(&key));
            let ended: Key = server.connect().await?.delete(&path).await?;
            println!("{} ({}) is revoked", ended.id, print::safe(&ended.name));
        }
    }
    Ok(())
}
