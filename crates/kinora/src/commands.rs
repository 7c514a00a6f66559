//! Commands that ask the running server.

mod doctor;
mod import;
mod keys;
mod operate;
pub(crate) mod packaging;
pub(crate) mod people;
mod s3_key;
mod secret;
mod shown;

use std::path::Path;

use anyhow::Context;
use api::answer::Items;
use api::jobs::{Changed, LogLine};
use api::titles::change::Did;
use model::{ByteSize, Clock, TitleId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::{Event, Import, Job, Key, Mail, Secret, Server, Title, Url, Worker};
use crate::client::{Client, encode};
use crate::control::{self, EventAnswer, UrlAnswer, UrlRequest};
use crate::print;
use shown::{JobDetail, TitleDetail};

pub(crate) use doctor::doctor;
pub(crate) use s3_key::s3_key;

/// Lists or shows titles.
pub(crate) async fn title(command: Title) -> anyhow::Result<()> {
    match command {
        Title::Ls { deleted: true, server, output, .. } => operate::deleted(&server, output).await,
        Title::Cancel(c) => {
            let said = |did: &Did| format!("{} stopped", operate::jobs(did.jobs));
            operate::simple(&operate::title(&c.title, "cancel"), (&c.server, c.output), said).await
        }
        Title::Retry(c) => {
            let said = |did: &Did| format!("{} queued again", operate::jobs(did.jobs));
            operate::simple(&operate::title(&c.title, "retry"), (&c.server, c.output), said).await
        }
        Title::Reencode(c) => {
            let said = |_: &Did| "re-encoding; the old encode plays until the new one is complete".to_owned();
            operate::simple(&operate::title(&c.title, "reencode"), (&c.server, c.output), said).await
        }
        Title::DropSource(command) => operate::drop_source(command).await,
        Title::RestoreSource(c) => {
            let said = |_: &Did| "the original file is kept".to_owned();
            operate::simple(&operate::title(&c.title, "restore-source"), (&c.server, c.output), said).await
        }
        Title::Restore(c) => {
            let said = |_: &Did| "restored".to_owned();
            operate::simple(&operate::restore(&c.title), (&c.server, c.output), said).await
        }
        Title::Rm(command) => operate::remove(command).await,
        Title::Ls { state, server, output, deleted: false } => {
            let path =
                query("/api/titles", &[("limit", Some("199")), ("state", state.map(|state| state.as_str()))]);
            let none = match state {
                None => "No titles yet. Upload a film into the bucket `source`, or run: kinora import FILE",
                Some(_) => "No titles in this state.",
            };
            listing::<api::titles::Title, _, _>(
                &server,
                (&path, "before"),
                print::Listing::of(output, &TITLE, title_row),
                none,
            )
            .await
        }
        Title::Show { title, server, output } => {
            let mut client = server.connect().await?;
            let found: api::titles::Title = client.get(&format!("/api/titles/{}", encode(&title))).await?;
            let stored = client.get(&format!("/api/titles/{}/stored", found.id)).await?;
            let found = TitleDetail::of(found, stored);
            if output.json {
                return print::json(&found);
            }
            print::table(&TITLE, &[title_row(&found.title)]);
            for r in &found.renditions {
                println!("{}×{}  {}  up to {} kbit/s", r.width, r.height, r.codec, r.max_rate / 1000);
            }
            let bytes: u64 = found.chunks.iter().map(|c| c.bytes).sum();
            println!("{} chunks stored, {}", found.chunks.len(), ByteSize(bytes));
            found.notes.iter().for_each(|note| println!("note: {}", print::safe(note)));
            for what in &found.damaged {
                println!("damaged: {}", print::safe(what));
            }
            Ok(())
        }
    }
}

const TITLE: [&str; 6] = ["ID", "NAME", "STATE", "DONE", "LENGTH", "REASON"];

fn title_row(title: &shown::Title) -> Vec<String> {
    vec![
        title.id.to_string(),
        print::safe(&title.name),
        title.state.as_str().to_owned(),
        format!("{}%", title.progress),
        title.duration_ms.map(|ms| Clock(ms).to_string()).unwrap_or_default(),
        print::safe(title.reason.as_deref().unwrap_or_default()),
    ]
}

/// Lists or shows jobs.
pub(crate) async fn job(command: Job) -> anyhow::Result<()> {
    match command {
        Job::Ls { title, state, server, output } => {
            let title = match title {
                Some(wanted) => Some(id_of(&server, &wanted).await?.to_string()),
                None => None,
            };
            let state = state.map(|state| state.as_str());
            let path =
                query("/api/jobs", &[("limit", Some("499")), ("title", title.as_deref()), ("state", state)]);
            let rows = print::Listing::of(output, &JOB, job_row);
            listing::<api::jobs::Job, _, _>(&server, (&path, "before"), rows, "No jobs.").await
        }
        Job::Cancel(c) => {
            let said = |did: &Did| format!("{} stopped", operate::jobs(did.jobs));
            operate::simple(&operate::job(&c.id, "cancel"), (&c.server, c.output), said).await
        }
        Job::Retry(c) => {
            let said = |did: &Did| format!("{} queued again", operate::jobs(did.jobs));
            operate::simple(&operate::job(&c.id, "retry"), (&c.server, c.output), said).await
        }
        Job::Log(c) => {
            let log = log(&mut c.server.connect().await?, &c.id).await?;
            if c.output.json {
                return print::json(&log);
            }
            log.iter().for_each(|line| println!("{}", print::safe(line)));
            Ok(())
        }
        Job::Show { id, server, output } => {
            let mut client = server.connect().await?;
            let found = client.get(&format!("/api/jobs/{}", encode(&id))).await?;
            let found = JobDetail::of(found, log(&mut client, &id).await?);
            if output.json {
                return print::json(&found);
            }
            print::table(&JOB, &[job_row(&found.job)]);
            println!("attempt {}, created {}", found.job.attempt, found.job.created);
            for line in &found.log {
                println!("  {}", print::safe(line));
            }
            Ok(())
        }
    }
}

/// The last lines of a job's log.
async fn log(client: &mut Client, id: &str) -> anyhow::Result<Vec<String>> {
    let lines: Items<LogLine> = client.get(&format!("/api/jobs/{}/log", encode(id))).await?;
    Ok(lines.items.into_iter().map(|line| line.line).collect())
}

/// The id of a title that is named by its id or name.
async fn id_of(server: &Server, wanted: &str) -> anyhow::Result<TitleId> {
    if let Ok(id) = wanted.parse() {
        return Ok(id);
    }
    let path = format!("/api/titles/{}", encode(wanted));
    let found: api::titles::Title = server.connect().await?.get(&path).await?;
    Ok(found.id)
}

const JOB: [&str; 7] = ["ID", "KIND", "TITLE", "STATE", "DONE", "SPEED", "REASON"];

fn job_row(job: &shown::Job) -> Vec<String> {
    vec![
        job.id.to_string(),
        job.kind.clone(),
        print::safe(job.title_name.as_deref().unwrap_or_default()),
        job.state.as_str().to_owned(),
        format!("{}%", job.progress),
        job.speed.map_or_else(String::new, |s| format!("{s:.1}×")),
        print::safe(&job.reason),
    ]
}

/// Prints an address of a title.
pub(crate) async fn url(command: Url) -> anyhow::Result<()> {
    let request = UrlRequest {
        title: command.title,
        configuration: command.configuration,
        format: command.format,
        seconds: command.valid.as_secs(),
        cookies: command.cookies,
    };
    let answer: UrlAnswer = command.server.connect_running().await?.post("/url", &request).await?;
    if command.output.json {
        return print::json(&answer);
    }
    println!("{}", answer.url);
    for (name, value) in &answer.cookies {
        println!("{name}={value}");
    }
    Ok(())
}

/// Uploads files and follows them.
pub(crate) async fn import(command: Import) -> anyhow::Result<()> {
    import::run(command).await
}

/// Pauses or resumes encoding.
pub(crate) async fn worker(command: Worker) -> anyhow::Result<()> {
    let (server, path, done, was) = match &command {
        Worker::Pause { server } => (
            server,
            "/api/worker/pause",
            "encoding is paused; resume it with: kinora worker resume",
            "was already paused",
        ),
        Worker::Resume { server } => (server, "/api/worker/resume", "encoding resumed", "was not paused"),
    };
    let Changed { changed } = server.connect().await?.post(path, &()).await?;
    if changed {
        println!("{done}")
    } else {
        println!("encoding {was}")
    }
    Ok(())
}

/// Sends an event.
pub(crate) async fn event(command: Event) -> anyhow::Result<()> {
    let Event::Send { file, server, output } = command;
    let text = if file == Path::new("-") { std::io::read_to_string(std::io::stdin())? } else { read(&file)? };
    let record: serde_json::Value = serde_json::from_str(&text).context("the event is not JSON")?;
    let answer: EventAnswer = server.connect().await?.post("/events", &record).await?;
    if output.json {
        return print::json(&answer);
    }
    answer.started.iter().for_each(|id| println!("started title {id}"));
    answer.already.iter().for_each(|id| println!("this object is already title {id}"));
    if answer.started.is_empty() && answer.already.is_empty() {
        println!("The event starts no title: it contains no created object.");
    }
    Ok(())
}

/// Keeps the key ring; lists, adds, removes trusted keys.
pub(crate) async fn key(command: Key) -> anyhow::Result<()> {
    match command {
        Key::Export(command) => keys::export(&command).await,
        Key::Import { file, passphrase, ring } => keys::import(&file, &passphrase, &ring).await,
        Key::Ring { ring, output } => keys::show(&ring, output),
        Key::Rotate { purpose, server, output } => keys::rotate(purpose, &server, output).await,
        Key::Ls { server, output } => {
            let keys: Vec<control::Key> = server.connect().await?.get("/keys").await?;
            print::list(output, &["KEY-PAIR-ID", "KIND", "ADDED", "SIGNS"], &keys, |k| {
                let signs = if k.own { "Kinora" } else { "" };
                vec![k.id.clone(), k.kind.clone(), k.created.clone(), signs.into()]
            })
        }
        Key::Add { file, server, output } => {
            let new = control::NewKey { pem: read(&file)? };
            let key: control::Key = server.connect().await?.post("/keys", &new).await?;
            if output.json {
                return print::json(&key);
            }
            println!("{}", key.id);
            Ok(())
        }
        Key::Rm { id, server } => {
            let path = format!("/keys/{}", encode(&id));
            let () = server.connect().await?.delete(&path).await?;
            println!("signatures of {} are refused from now on", print::safe(&id));
            Ok(())
        }
    }
}

/// Prints the metrics.
pub(crate) async fn metrics(server: Server) -> anyhow::Result<()> {
    let page: String = server.connect_running().await?.get("/metrics").await?;
    println!("{}", page.trim_end());
    Ok(())
}

/// Sends a mail now.
pub(crate) async fn mail(command: Mail) -> anyhow::Result<()> {
    let Mail::Test { address, server } = command;
    let test = control::MailTest { address };
    let taken: String = server.connect().await?.post("/mail/test", &test).await?;
    println!("The test mail was accepted: {}", print::safe(&taken));
    Ok(())
}

/// Lists and rotates secrets.
pub(crate) async fn secret(command: Secret) -> anyhow::Result<()> {
    secret::run(command).await
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Prints a listing of the server page by page, or what there is to say when there is nothing in it. The parameter `from`
/// says where a page begins.
async fn listing<W: DeserializeOwned, T: Serialize + From<W>, R: Fn(&T) -> Vec<String>>(
    server: &Server,
    (path, from): (&str, &str),
    mut listing: print::Listing<R>,
    nothing: &str,
) -> anyhow::Result<()> {
    let print = |page: Vec<W>| listing.print(&page.into_iter().map(T::from).collect::<Vec<_>>());
    server.connect().await?.pages(path, from, print).await?;
    listing.end(nothing);
    Ok(())
}

fn query(path: &str, pairs: &[(&str, Option<&str>)]) -> String {
    let given: Vec<String> =
        pairs.iter().filter_map(|(name, value)| value.map(|v| format!("{name}={}", encode(v)))).collect();
    if given.is_empty() { path.to_owned() } else { format!("{path}?{}", given.join("&")) }
}
