//! Commands that change titles and jobs.

use std::io::{IsTerminal, Write};

use anyhow::{Context, bail};

use super::encode;
use crate::cli::{Output, Remove, Server};
use crate::control::{Delete, Did, Title};
use crate::print;

/// Does something to a title or job that needs no more words, and says what came of it.
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

/// The address of something that is done to a title.
pub(crate) fn title(wanted: &str, what: &str) -> String {
    format!("/titles/{}/{what}", encode(wanted))
}

/// The address of something that is done to a job.
pub(crate) fn job(id: &str, what: &str) -> String {
    format!("/jobs/{}/{what}", encode(id))
}

/// `1 job`, `3 jobs`.
pub(crate) fn jobs(n: u64) -> String {
    if n == 1 { "1 job".into() } else { format!("{n} jobs") }
}

/// Lists deleted titles.
pub(crate) async fn deleted(server: &Server, output: Output) -> anyhow::Result<()> {
    let titles: Vec<Title> = server.connect().await?.get("/deleted").await?;
    if titles.is_empty() && !output.json {
        println!("Nothing was deleted that could be restored.");
        return Ok(());
    }
    print::list(output, &["ID", "NAME", "RESTORABLE UNTIL"], &titles, |t| {
        vec![t.id.to_string(), print::safe(&t.name), t.purge.clone().unwrap_or_default()]
    })
}

/// Deletes a title; for good only after a question or with `--yes`.
pub(crate) async fn remove(command: Remove) -> anyhow::Result<()> {
    let Remove { title: wanted, now, keep_source, yes, server, output } = command;
    if now && !yes {
        confirm(&wanted)?;
    }
    let how = Delete { now, keep_source };
    let did: Did = server.connect().await?.post(&title(&wanted, "delete"), &how).await?;
    if output.json {
        return print::json(&did);
    }
    let id = did.title.map(|id| id.to_string()).unwrap_or_default();
    if now {
        println!("{} is deleted; its bytes go within minutes", print::safe(&wanted));
    } else {
        println!("{} is deleted; bring it back with: kinora title restore {id}", print::safe(&wanted));
    }
    Ok(())
}

fn confirm(wanted: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("this cannot be undone: say --yes if you mean it");
    }
    print!("This cannot be undone. Type `{}` to delete it for good: ", print::safe(wanted));
    std::io::stdout().flush().context("cannot ask")?;
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed).context("cannot read the answer")?;
    if typed.trim() == wanted { Ok(()) } else { bail!("nothing was deleted") }
}
