//! Commands that change titles and jobs.

use std::io::{IsTerminal, Write};

use anyhow::{Context, bail};

use api::titles::change::{Delete, Did, DropSource};

use super::listing;
use super::shown::Title;
use crate::cli::{self, Output, Remove, Server};
use crate::client::{Client, Refused, encode};
use crate::print;

/// Runs a command about a title or job without further options, and prints its result.
pub(crate) async fn simple(
    path: &str,
    (server, output): (&Server, Output),
    said: impl FnOnce(&Did) -> String,
) -> anyhow::Result<()> {
    let did: Did = server.connect().await?.post(path, &serde_json::json!({})).await?;
    if output.json {
        return print::json(&did);
    }
    println!("{}", said(&did));
    Ok(())
}

/// The path of an action on a title.
pub(crate) fn title(wanted: &str, what: &str) -> String {
    format!("/api/titles/{}/{what}", encode(wanted))
}

/// The path that restores a deleted title.
pub(crate) fn restore(wanted: &str) -> String {
    format!("/api/deleted/{}/restore", encode(wanted))
}

/// The path of an action on a job.
pub(crate) fn job(id: &str, what: &str) -> String {
    format!("/api/jobs/{}/{what}", encode(id))
}

/// `1 job`, `3 jobs`.
pub(crate) fn jobs(n: u64) -> String {
    if n == 1 { "1 job".into() } else { format!("{n} jobs") }
}

/// Lists deleted titles.
pub(crate) async fn deleted(server: &Server, output: Output) -> anyhow::Result<()> {
    let row = |t: &Title| vec![t.id.to_string(), print::safe(&t.name), t.purge.clone().unwrap_or_default()];
    let rows = print::Listing::of(output, &["ID", "NAME", "RESTORABLE UNTIL"], row);
    listing::<api::titles::Title, _, _>(
        server,
        ("/api/deleted", "after"),
        rows,
        "There are no deleted titles that can be restored.",
    )
    .await
}

/// Deletes a title; permanently only after a question or with `--yes`.
pub(crate) async fn remove(command: Remove) -> anyhow::Result<()> {
    let Remove { title: wanted, now, keep_source, yes, server, output } = command;
    if now && !yes {
        confirm(&wanted)?;
    }
    let mut client = server.connect().await?;
    let how = Delete { name: None, now, keep_source };
    let did: Did = match client.post(&title(&wanted, "delete"), &how).await {
        // One that is deleted already may go sooner.
        Err(error) if now && is_missing(&error) => purge(&mut client, &wanted, keep_source).await?,
        other => other?,
    };
    if output.json {
        return print::json(&did);
    }
    let id = did.title.map(|id| id.to_string()).unwrap_or_default();
    if now {
        println!("{} is deleted permanently within minutes", print::safe(&wanted));
    } else {
        println!("{} is deleted; undo this with: kinora title restore {id}", print::safe(&wanted));
    }
    Ok(())
}

/// Whether the server knows no such title.
fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.0.code == "title_not_found")
}

/// Deletes a deleted title permanently now.
async fn purge(client: &mut Client, wanted: &str, keep_source: bool) -> anyhow::Result<Did> {
    client.delete(&format!("/api/deleted/{}?keep_source={keep_source}", encode(wanted))).await
}

/// Deletes an original file; permanently only after a question or with `--yes`.
pub(crate) async fn drop_source(command: cli::DropSource) -> anyhow::Result<()> {
    let cli::DropSource { title: wanted, now, yes, server, output } = command;
    if now && !yes {
        confirm(&wanted)?;
    }
    let did: Did = server.connect().await?.post(&title(&wanted, "drop-source"), &DropSource { now }).await?;
    if output.json {
        return print::json(&did);
    }
    let id = did.title.map(|id| id.to_string()).unwrap_or_default();
    if now {
        println!("the original file is deleted; its disk space is free within minutes");
    } else {
        println!("the original file is deleted; undo this with: kinora title restore-source {id}");
    }
    Ok(())
}

fn confirm(wanted: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("this cannot be undone: add --yes to confirm");
    }
    print!("This cannot be undone. Type `{}` to delete it permanently: ", print::safe(wanted));
    std::io::stdout().flush().context("cannot ask")?;
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed).context("cannot read the answer")?;
    if typed.trim() == wanted { Ok(()) } else { bail!("nothing was deleted") }
}
