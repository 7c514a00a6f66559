//! Packaging groups and configurations.

use anyhow::Context;
use api::answer::Items;
use api::packaging::{GroupView, NewConfiguration, NewGroup, View};

use crate::cli::Packaging;
use crate::client::encode;
use crate::print;

const CONFIGURATIONS: &str = "/api/packaging/configurations";
const GROUPS: &str = "/api/packaging/groups";

/// Lists, adds and removes them.
pub(crate) async fn run(command: Packaging) -> anyhow::Result<()> {
    match command {
        Packaging::Ls { server, output } => {
            let list: Items<View> = server.connect().await?.get(CONFIGURATIONS).await?;
            print::list(output, &["GROUP", "NAME", "ID", "SETTINGS"], &list.items, |c| {
                let settings = serde_json::to_string(&c.settings).unwrap_or_default();
                vec![c.group.clone(), c.name.clone(), c.id.to_string(), settings]
            })?;
        }
        Packaging::Add { name, settings, group, server } => {
            let settings: serde_json::Value =
                serde_json::from_str(&settings).context("the settings are not JSON")?;
            let settings = serde_json::from_value(settings).context("invalid settings")?;
            let new = NewConfiguration { name: name.clone(), group: Some(group), settings };
            let _: View = server.connect().await?.post(CONFIGURATIONS, &new).await?;
            println!("use it for any title: kinora url TITLE --configuration {}", print::safe(&name));
        }
        Packaging::Rm { name, server } => {
            let path = format!("{CONFIGURATIONS}/{}", encode(&name));
            let () = server.connect().await?.delete(&path).await?;
            println!("{} is removed", print::safe(&name));
        }
        Packaging::AddGroup { name, server } => {
            let new = NewGroup { name: name.clone() };
            let _: GroupView = server.connect().await?.post(GROUPS, &new).await?;
            println!("the group {} is added", print::safe(&name));
        }
        Packaging::RmGroup { name, server } => {
            let () = server.connect().await?.delete(&format!("{GROUPS}/{}", encode(&name))).await?;
            println!("the group {} is removed", print::safe(&name));
        }
    }
    Ok(())
}
