//! The checks of the doctor.

use axum::Json;
use axum::extract::{Query, State};
use model::{Chain, WaitsFor};
use serde::Deserialize;

use super::{Answer, Refused, rfc3339};
use crate::control::{Check, Report};
use crate::doctor;
use crate::house::{BALLAST, DAMAGED, House};

#[derive(Debug, Deserialize)]
pub(super) struct How {
    /// Whether no server is running: nobody encodes and nobody sends mails then.
    #[serde(default)]
    stopped: bool,
}

pub(super) async fn examine(State(house): State<House>, Query(how): Query<How>) -> Answer<Report> {
    let mut checks = doctor::host(&house.data, &house.jail).await;
    checks.push(database(&house, how.stopped).await);
    if !how.stopped {
        checks.push(super::mail::check(&house).await);
        checks.push(jobs(&house).await?);
        checks.push(encoder(&house).await?);
    }
    checks.push(space(&house).await?);
    checks.push(objects(&house).await?);
    checks.push(super::files::check(&house).await?);
    checks.push(doctor::keys(&house.ring));
    if !how.stopped {
        checks.push(Check::good("server", format!("answers at {}", house.place.origin)));
    }
    Ok(Json(Report { checks }))
}

/// Whether the database answers, is sound, and has the space that is kept for it.
async fn database(house: &House, stopped: bool) -> Check {
    let found = match house.db.ping().await {
        Ok(()) => house.db.damage().await,
        Err(error) => return Check::bad("database", format!("{error}: is it running?")),
    };
    match found {
        Ok(found) if found.is_empty() => {}
        Ok(found) => return Check::bad("database", format!("{DAMAGED} (found: {})", found.join("; "))),
        Err(error) => {
            return Check::bad("database", format!("it cannot be checked: {}", Chain(&error)));
        }
    }
    let Some(ballast) = house.db.ballast().filter(|_| !stopped) else {
        return Check::good("database", format!("{:?} answers", house.db.engine()));
    };
    let (held, wanted) = (ballast.held(), ballast.most(BALLAST));
    if held < wanted {
        let (held, wanted) = (model::ByteSize(held), model::ByteSize(wanted));
        let finding = format!(
            "SQLite answers and is intact; the disk is full, and {held} of its reserved {wanted} are left: free some \
             space"
        );
        return Check::remind("database", finding);
    }
    Check::good("database", "SQLite answers and is intact")
}

/// Whether what is queued is worked on.
async fn jobs(house: &House) -> Result<Check, Refused> {
    let counts = house.jobs.counts(house.db.now()).await?;
    let waited = counts.oldest_due.map_or(0, |at| (house.db.now().0 - at.0) / 1000);
    let finding = format!("{} queued, {} running, {} failed", counts.queued, counts.running, counts.failed);
    let pauses = house.jobs.pauses().await?;
    Ok(if let Some(pause) = pauses.iter().find(|pause| pause.kind == pipeline::Work::ENCODING) {
        let since = rfc3339(pause.since);
        Check::good("jobs", format!("{finding}; encoding is paused since {since}: kinora worker resume"))
    } else if counts.running == 0 && counts.queued > 0 && waited > 60 {
        Check::bad(
            "jobs",
            format!("{finding}; the oldest waits for {waited} s: is a worker running (--workers)?"),
        )
    } else {
        Check::good("jobs", finding)
    })
}

/// Whether there are workers, and for everything that waits.
async fn encoder(house: &House) -> Result<Check, Refused> {
    let now = house.db.now();
    let workers = house.jobs.workers(now).await?;
    let stranded = house.pipeline.stranded(now).await?.len();
    let slots: u64 = workers.iter().map(|worker| worker.slots).sum();
    Ok(if stranded > 0 {
        let what =
            "wait for an encoder that no running worker has: `kinora title ls --state encoding` says which";
        Check::bad("encoder", format!("{stranded} titles {what}, and what to do"))
    } else if workers.is_empty() {
        Check::remind("encoder", "no worker is running, so nothing is encoded: set `worker.slots` above 0")
    } else {
        Check::good("encoder", format!("{slots} at a time, in {} process(es)", workers.len()))
    })
}

/// Whether encodes wait for the disk.
async fn space(house: &House) -> Result<Check, Refused> {
    let free = model::ByteSize(house.blob.available().await?);
    let held = house.catalogue.titles_that_wait_for(WaitsFor::Space).await?.len();
    Ok(if held > 0 {
        let what = "delete titles or sources (`kinora title rm`, `kinora title drop-source`), or add a disk";
        Check::bad("store", format!("{held} titles wait for disk space, {free} can be used: {what}"))
    } else {
        Check::good("store", format!("{free} can be used"))
    })
}

/// Whether every stored file is there.
async fn objects(house: &House) -> Result<Check, Refused> {
    let blob::Audit { files, missing, named, strays } = house.blob.audit().await?;
    Ok(if missing > 0 {
        let some = named.join(", ");
        Check::bad(
            "objects",
            format!("{missing} of {files} files are lost ({some}): restore them from a backup"),
        )
    } else if strays > 0 {
        let what = "belong to running uploads, or to interrupted ones and are deleted within hours";
        Check::good("objects", format!("all {files} files are there; {strays} others {what}"))
    } else {
        Check::good("objects", format!("all {files} files are there, and no others"))
    })
}
