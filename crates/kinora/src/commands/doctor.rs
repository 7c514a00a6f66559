//! `kinora doctor`: looks at the machine and, through the running server or in this process, at the installation.

use std::time::Duration;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Doctor;
use crate::client::{Client, Nobody};
use crate::config::Installation;
use crate::control::{Check, Report, Verified, Verify};
use crate::{doctor, keys, print};

/// How long a server may take to look at itself.
const EXAMINED_WITHIN: Duration = Duration::from_secs(30);

/// Looks at the machine and, when one runs, the server.
pub(crate) async fn doctor(command: Doctor) -> anyhow::Result<()> {
    let installation = Installation::of(&command.server)?;
    let report = match Client::look(&installation.data).await {
        Ok(mut client) => match examine(&mut client, "/doctor", command.deep).await? {
            Some(report) => report,
            // It answered a moment ago.
            None => machine(&installation, server(Nobody::silent(EXAMINED_WITHIN))).await,
        },
        Err(Nobody::Said(cause)) => machine(&installation, server(Nobody::Said(cause))).await,
        Err(nobody) if keys::is_used(&installation.data) => stopped(&command, &installation, nobody).await,
        Err(nobody) => machine(&installation, server(nobody)).await,
    };
    let healthy = report.checks.iter().all(|check| check.ok);
    if command.output.json {
        print::json(&report)?;
    } else {
        for check in &report.checks {
            println!("{} {:<14} {}", check.mark(), check.name, check.finding);
        }
    }
    if healthy { Ok(()) } else { bail!("some checks failed") }
}

/// Asks for a report, for a `deep` one after a look at every stored file; `None` where no answer comes in time.
async fn examine(client: &mut Client, path: &str, deep: bool) -> anyhow::Result<Option<Report>> {
    if deep {
        verify(client).await?;
    }
    tokio::time::timeout(EXAMINED_WITHIN, client.get(path)).await.ok().transpose()
}

/// Looks at every stored file; on a terminal it says how far it is.
async fn verify(client: &mut Client) -> anyhow::Result<()> {
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "{bar:30} {bytes} of {total_bytes} looked at, {eta} left {msg}",
    )?);
    let (mut from, mut damaged, mut unknown) = (Verify { after: None }, 0, 0);
    loop {
        let looked: Verified = client.post("/files/verify", &from).await?;
        bar.set_length(looked.all_bytes);
        bar.inc(looked.bytes);
        (damaged, unknown) = (damaged + looked.damaged, unknown + looked.unknown);
        if damaged > 0 {
            bar.set_message(format!("({damaged} damaged)"));
        }
        match looked.after {
            Some(after) => from.after = Some(after),
            None => break,
        }
    }
    bar.finish_and_clear();
    if unknown > 0 {
        eprintln!(
            "kinora: of {unknown} stored files only the length was compared, because no hash of them is stored"
        );
    }
    Ok(())
}

/// Findings about the data folder of a server that is not running; an error that prevents a start is a finding, too.
async fn stopped(command: &Doctor, installation: &Installation, nobody: Nobody) -> Report {
    let examined = async {
        examine(&mut Client::here(&command.server).await?, "/doctor?stopped=true", command.deep).await
    };
    let mut report = match examined.await {
        Ok(Some(report)) => report,
        Ok(None) => machine(installation, server(Nobody::silent(EXAMINED_WITHIN))).await,
        Err(error) => {
            let refused = Check::bad("start", format!("a server would not start: {error:#}"));
            machine(installation, refused).await
        }
    };
    report.checks.push(server(nobody));
    report
}

/// Findings about the machine, and those about the installation.
async fn machine(installation: &Installation, found: Check) -> Report {
    let mut checks = doctor::host(&installation.data, &doctor::jail(&installation.worker)).await;
    checks.push(found);
    Report { checks }
}

/// Why no server answers.
fn server(nobody: Nobody) -> Check {
    let start = "start it with `kinora up`";
    match nobody {
        Nobody::Yet => Check::good("server", format!("no server is running for this data folder; {start}")),
        Nobody::AnyMore => {
            Check::good("server", format!("the server of this data folder is no longer running; {start}"))
        }
        Nobody::Said(cause) => Check::bad("server", format!("{cause:#}")),
    }
}
