//! Addresses, keys, doctor.

use axum::Json;
use axum::extract::{Path, State};
use identity::Who;
use model::WaitsFor;
use playback::{Format, NewKey, TrustedKey, Wish};

use super::{Answer, Parts, Refused, now, rfc3339};
use crate::control::{Check, Key, Report, UrlAnswer, UrlRequest};
use crate::doctor;

/// How long work is due before the doctor misses a worker for it, in ms.
const PATIENCE_MS: i64 = 30_000;

pub(super) async fn url(State(parts): State<Parts>, Json(request): Json<UrlRequest>) -> Answer<UrlAnswer> {
    let title = parts.title(&request.title).await?;
    if title.asset.is_none() {
        let reason = title.reason.unwrap_or_else(|| "it has no plan yet".into());
        return Err(Refused::bad(format!(
            "`{}` cannot be played: {} ({reason})",
            title.name,
            title.state.as_str()
        )));
    }
    let wish = Wish {
        who: &Who::Host,
        title: title.id,
        configuration: &request.configuration,
        format: request.format.parse::<Format>()?,
        now: now(),
    };
    if !request.cookies {
        let link = parts.playback.link(&wish, u32::try_from(request.seconds).unwrap_or(u32::MAX)).await?;
        let url = format!("{}{}", parts.origin, link.path);
        return Ok(Json(UrlAnswer { url, cookies: Default::default(), expires: rfc3339(link.until) }));
    }
    let started = parts.playback.start(&wish, &parts.origin).await?;
    let cookies =
        started.permit.cookies.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let url = format!("{}{}", parts.origin, started.manifest);
    Ok(Json(UrlAnswer { url, cookies, expires: rfc3339(started.permit.until) }))
}

pub(super) async fn keys(State(parts): State<Parts>) -> Answer<Vec<Key>> {
    Ok(Json(parts.playback.keys().await?.iter().map(key).collect()))
}

pub(super) async fn add_key(
    State(parts): State<Parts>,
    Json(new): Json<crate::control::NewKey>,
) -> Answer<Key> {
    let new = NewKey { id: None, name: "added by kinora key add", pem: &new.pem };
    Ok(Json(key(&parts.playback.trust_key(&new, now()).await?)))
}

pub(super) async fn remove_key(State(parts): State<Parts>, Path(id): Path<String>) -> Answer<()> {
    parts.playback.remove_key(&id, now()).await?;
    Ok(Json(()))
}

fn key(key: &TrustedKey) -> Key {
    Key {
        id: key.id.clone(),
        kind: key.kind.as_str().to_owned(),
        created: rfc3339(key.created_at),
        own: key.own,
    }
}

pub(super) async fn doctor(State(parts): State<Parts>) -> Answer<Report> {
    let mut checks = doctor::host(&parts.data, &parts.jail).await;
    checks.push(match parts.db.ping().await {
        Ok(()) => Check::good("database", format!("{:?} answers", parts.db.engine())),
        Err(error) => Check::bad("database", format!("{error}: is it running?")),
    });
    checks.push(super::mail::check(&parts).await);
    let counts = parts.jobs.counts(now()).await?;
    let waited = counts.oldest_due.map_or(0, |at| (now().0 - at.0) / 1000);
    let finding = format!("{} queued, {} running, {} failed", counts.queued, counts.running, counts.failed);
    let pauses = parts.jobs.pauses().await?;
    checks.push(if let Some(pause) = pauses.iter().find(|pause| pause.kind == pipeline::Work::ENCODING) {
        let since = rfc3339(pause.since);
        Check::good("jobs", format!("{finding}; encoding is paused since {since}: kinora worker resume"))
    } else if counts.running == 0 && counts.queued > 0 && waited > 60 {
        Check::bad(
            "jobs",
            format!("{finding}; the oldest waits for {waited} s: is a worker running (--workers)?"),
        )
    } else {
        Check::good("jobs", finding)
    });
    checks.push(encoder(&parts).await?);
    checks.push(room(&parts).await?);
    checks.push(objects(&parts).await?);
    checks.push(doctor::keys(&parts.ring));
    checks.push(Check::good("server", format!("answers at {}", parts.origin)));
    Ok(Json(Report { checks }))
}

/// Whether there are workers, and for everything that waits.
async fn encoder(parts: &Parts) -> Result<Check, Refused> {
    let now = now();
    let workers = parts.jobs.workers(now).await?;
    let stranded = parts.jobs.stranded(now, now.plus_ms(-PATIENCE_MS)).await?.len();
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
async fn room(parts: &Parts) -> Result<Check, Refused> {
    let free = model::ByteSize(parts.blob.available().await?);
    let held = parts.catalogue.titles_that_wait_for(WaitsFor::Room).await?.len();
    Ok(if held > 0 {
        let what = "delete titles or sources (`kinora title rm`, `kinora title drop-source`), or add a disk";
        Check::bad("store", format!("{held} titles wait for disk space, {free} can be used: {what}"))
    } else {
        Check::good("store", format!("{free} can be used"))
    })
}

/// Whether every stored file is there.
async fn objects(parts: &Parts) -> Result<Check, Refused> {
    let blob::Audit { files, missing, named, strays } = parts.blob.audit().await?;
    Ok(if missing > 0 {
        let some = named.join(", ");
        Check::bad(
            "objects",
            format!("{missing} of {files} files are lost ({some}): restore them from a backup"),
        )
    } else if strays > 0 {
        let what = "belong to uploads under way, or to ones that broke off: those go within hours";
        Check::good("objects", format!("all {files} files are there; {strays} others {what}"))
    } else {
        Check::good("objects", format!("all {files} files are there, and no others"))
    })
}
