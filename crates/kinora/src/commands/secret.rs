//! Secrets between parts.

use crate::cli::Secret;
use crate::print;
use crate::{client, control};

pub(super) async fn run(command: Secret) -> anyhow::Result<()> {
    match command {
        Secret::Ls { server, output } => {
            let secrets: Vec<control::Secret> = server.connect().await?.get("/secrets").await?;
            print::list(output, &["NAME", "VERSION", "SINCE", "ACCEPTED", "FOR"], &secrets, row)
        }
        Secret::Rotate { name, server, output } => {
            let path = format!("/secrets/{}/rotate", client::encode(&name));
            let secret: control::Secret = server.connect().await?.post(&path, &()).await?;
            if output.json {
                return print::json(&secret);
            }
            println!(
                "{} has version {} now; the previous one is still accepted",
                secret.name, secret.version
            );
            Ok(())
        }
    }
}

fn row(secret: &control::Secret) -> Vec<String> {
    vec![
        secret.name.clone(),
        secret.version.to_string(),
        secret.since.clone(),
        if secret.previous { "current, previous" } else { "current" }.into(),
        secret.purpose.clone(),
    ]
}
