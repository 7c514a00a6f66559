//! Packaging groups and configurations.

use anyhow::Context;

use super::encode;
use crate::cli::Packaging;
use crate::control::{Configuration, NewConfiguration};
use crate::print;

/// Lists, adds and removes them.
pub(crate) async fn run(command: Packaging) -> anyhow::Result<()> {
    match command {
        Packaging::Ls { server, output } => {
            let list: Vec<Configuration> = server.connect().await?.get("/packaging").await?;
            print::list(output, &["GROUP", "NAME", "ID", "SETTINGS"], &list, |c| {
                vec![c.group.clone(), c.name.clone(), c.id.to_string(), c.settings.to_string()]
            })?;
        }
        Packaging::Add { name, settings, group, server } => {
            let settings = serde_json::from_str(&settings).context("the settings are not JSON")?;
            let new = NewConfiguration { name: name.clone(), group, settings };
            let _: Configuration = server.connect().await?.post("/packaging", &new).await?;
            println!("every title can be had so: kinora url TITLE --configuration {}", print::safe(&name));
        }
        Packaging::Rm { name, server } => {
            let () = server.connect().await?.delete(&format!("/packaging/{}", encode(&name))).await?;
            println!("{} is removed", print::safe(&name));
        }
        Packaging::AddGroup { name, server } => {
            let path = format!("/packaging-groups/{}", encode(&name));
            let () = server.connect().await?.post(&path, &()).await?;
            println!("the group {} is added", print::safe(&name));
        }
        Packaging::RmGroup { name, server } => {
            let () = server.connect().await?.delete(&format!("/packaging-groups/{}", encode(&name))).await?;
            println!("the group {} is removed", print::safe(&name));
        }
    }
    Ok(())
}
