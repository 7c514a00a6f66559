//! Commands that ask the running server.

mod import;
mod keys;
mod operate;
pub(crate) mod packaging;
pub(crate) mod people;
mod s3_key;
mod secret;

use std::path::Path;

use anyhow::{Context, bail};
use model::{ByteSize, Clock};

use crate::cli::{Doctor, Event, Import, Job, Key, Mail, Secret, Server, Title, Url, Worker};
use crate::config::Installation;
use crate::control::client::Client;
use crate::control::{self, EventAnswer, UrlAnswer, UrlRequest};
use crate::{doctor, print};

pub(crate) use s3_key::s3_key;

/// Lists or shows titles.
pub(crate) async fn title(command: Title) -> anyhow::Result<()> {
    match command {
        Title::Ls { deleted: true, server, output, .. } => operate::deleted(&server, output).await,
        Title::Cancel(c) => {
            let said = |did: &control::Did| format!("{} stopped", operate::jobs(did.jobs));
            operate::simple(&operate::title(&c.title, "cancel"), (&c.server, c.output), said).await
        }
        Title::Retry(c) => {
            let said = |did: &control::Did| format!("{} queued again", operate::jobs(did.jobs));
            operate::simple(&operate::title(&c.title, "retry"), (&c.server, c.output), said).await
        }
        Title::Reencode(c) => {
            let said = |_: &control::Did| "it is encoded anew; the old encode plays meanwhile".to_owned();
            operate::simple(&operate::title(&c.title, "reencode"), (&c.server, c.output), said).await
        }
        Title::DropSource(c) => {
            let said = |_: &control::Did| "its upload is dropped; the bytes go within minutes".to_owned();
            operate::simple(&operate::title(&c.title, "drop-source"), (&c.server, c.output), said).await
        }
        Title::Restore(c) => {
            let said = |_: &control::Did| "it is back".to_owned();
            operate::simple(&operate::title(&c.title, "restore"), (&c.server, c.output), said).await
        }
        Title::Rm(command) => operate::remove(command).await,
        Title::Ls { state, server, output, deleted: false } => {
            let path = query("/titles", &[("state", state.map(|state| state.as_str()))]);
            let titles: Vec<control::Title> = server.connect().await?.get(&path).await?;
            if titles.is_empty() && !output.json {
                println!("No titles yet. Put a film into the bucket `source`, or: kinora import FILE");
                return Ok(());
            }
            print::list(output, &TITLE, &titles, title_row)
        }
        Title::Show { title, server, output } => {
            let path = format!("/titles/{}", encode(&title));
            let found: control::TitleDetail = server.connect().await?.get(&path).await?;
            if output.json {
                return print::json(&found);
            }
            print::table(&TITLE, &[title_row(&found.title)]);
            for r in &found.renditions {
                println!("{}×{}  {}  up to {} kbit/s", r.width, r.height, r.codec, r.max_rate / 1000);
            }
            let bytes: u64 = found.chunks.iter().map(|c| c.bytes).sum();
            println!("{} chunks stored, {}", found.chunks.len(), ByteSize(bytes));
            Ok(())
        }
    }
}

const TITLE: [&str; 6] = ["ID", "NAME", "STATE", "DONE", "LENGTH", "REASON"];

fn title_row(title: &control::Title) -> Vec<String> {
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
            let path =
                query("/jobs", &[("title", title.as_deref()), ("state", state.map(|state| state.as_str()))]);
            let jobs: Vec<control::Job> = server.connect().await?.get(&path).await?;
            if jobs.is_empty() && !output.json {
                println!("No jobs.");
                return Ok(());
            }
            print::list(output, &JOB, &jobs, job_row)
        }
        Job::Cancel(c) => {
            let said = |did: &control::Did| format!("{} stopped", operate::jobs(did.jobs));
            operate::simple(&operate::job(&c.id, "cancel"), (&c.server, c.output), said).await
        }
        Job::Retry(c) => {
            let said = |did: &control::Did| format!("{} queued again", operate::jobs(did.jobs));
            operate::simple(&operate::job(&c.id, "retry"), (&c.server, c.output), said).await
        }
        Job::Log(c) => {
            let found: control::JobDetail =
                c.server.connect().await?.get(&format!("/jobs/{}", encode(&c.id))).await?;
            if c.output.json {
                return print::json(&found.log);
            }
            found.log.iter().for_each(|line| println!("{}", print::safe(line)));
            Ok(())
        }
        Job::Show { id, server, output } => {
            let found: control::JobDetail =
                server.connect().await?.get(&format!("/jobs/{}", encode(&id))).await?;
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

const JOB: [&str; 7] = ["ID", "KIND", "TITLE", "STATE", "DONE", "SPEED", "REASON"];

fn job_row(job: &control::Job) -> Vec<String> {
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
    let answer: UrlAnswer = command.server.connect().await?.post("/url", &request).await?;
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

/// Holds the encoder or lets it go on.
pub(crate) async fn worker(command: Worker) -> anyhow::Result<()> {
    let (server, path, done, was) = match &command {
        Worker::Pause { server } => (
            server,
            "/worker/pause",
            "encoding is paused; go on with: kinora worker resume",
            "is paused already",
        ),
        Worker::Resume { server } => (server, "/worker/resume", "encoding goes on", "was not paused"),
    };
    let changed: bool = server.connect().await?.post(path, &()).await?;
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
    answer.already.iter().for_each(|id| println!("this object is title {id} already"));
    if answer.started.is_empty() && answer.already.is_empty() {
        println!("The event creates nothing: it names no created object.");
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
    let page: String = server.connect().await?.get("/metrics").await?;
    println!("{}", page.trim_end());
    Ok(())
}

/// Sends a mail now.
pub(crate) async fn mail(command: Mail) -> anyhow::Result<()> {
    let Mail::Test { address, server } = command;
    let test = control::MailTest { address };
    let taken: String = server.connect().await?.post("/mail/test", &test).await?;
    println!("The test mail was taken: {}", print::safe(&taken));
    Ok(())
}

/// Lists and rotates secrets.
pub(crate) async fn secret(command: Secret) -> anyhow::Result<()> {
    secret::run(command).await
}

/// Looks at the machine and, when one runs, the server.
pub(crate) async fn doctor(command: Doctor) -> anyhow::Result<()> {
    let installation = Installation::of(&command.server)?;
    let report = match Client::look(&installation.data).await {
        Ok(mut client) => client.get("/doctor").await?,
        Err(nobody) => doctor::machine(&installation, nobody).await,
    };
    let healthy = report.checks.iter().all(|check| check.ok);
    if command.output.json {
        print::json(&report)?;
    } else {
        for check in &report.checks {
            println!("{} {:<14} {}", check.mark(), check.name, check.finding);
        }
    }
    if healthy { Ok(()) } else { bail!("not everything is in order") }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Percent-encodes one segment of a path or a value of a query.
pub(crate) fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

fn query(path: &str, pairs: &[(&str, Option<&str>)]) -> String {
    let given: Vec<String> =
        pairs.iter().filter_map(|(name, value)| value.map(|v| format!("{name}={}", encode(v)))).collect();
    if given.is_empty() { path.to_owned() } else { format!("{path}?{}", given.join("&")) }
}
