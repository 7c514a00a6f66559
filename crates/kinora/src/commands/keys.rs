//! The key ring: export, import, look, rotate.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use runtime::Clock;
use seal::{Purpose, recovery};

use crate::cli::{Export, Output, Passphrase, Ring, Server};
use crate::config::Installation;
use crate::control::{self, NewRingKey, RingKey};
use crate::{folder, keys, print};

/// Shortest passphrase for a new recovery file, in characters.
const SHORTEST: usize = 12;

pub(super) async fn export(command: &Export) -> anyhow::Result<()> {
    let Export { file, new, passphrase, ring } = command;
    ensure!(!file.exists(), "{} already exists: choose another name", file.display());
    let installation = Installation::with_keys(ring)?;
    let provider = installation.provider();
    let now = Clock::system().now();
    if *new && keys::prepare(&provider, &installation.data, now)? {
        println!("{} is a new key ring.", provider.path().display());
    }
    let ring = keys::load(&provider, &installation.data)?;
    let passphrase = new_passphrase(passphrase)?;
    let (written, fingerprint) = runtime::blocking(move || {
        let text = recovery::write(&ring, &passphrase)?;
        // A file that cannot be read back is not a recovery file.
        let fingerprint = recovery::read(&text, &passphrase)?.fingerprint();
        anyhow::ensure!(fingerprint == ring.fingerprint(), "the recovery file does not contain the key ring");
        Ok((text, ring))
    })
    .await?;
    folder::write_private(file, written.as_bytes())?;
    provider.mark_exported(&fingerprint)?;
    println!(
        "{} opens with the passphrase and has all {} keys.",
        file.display(),
        fingerprint.entries().len()
    );
    println!("Keep it on another machine or on paper, and the passphrase apart from it.");
    Ok(())
}

pub(super) async fn import(file: &Path, passphrase: &Passphrase, place: &Ring) -> anyhow::Result<()> {
    let provider = Installation::with_keys(place)?.provider();
    let text = super::read(file)?;
    let passphrase = passphrase_for(passphrase, "Passphrase of the recovery file: ")?;
    let ring = runtime::begin(move || recovery::read(&text, &passphrase)).await??;
    if keys::add(&provider, &ring)?.is_none() {
        println!("{} already has all these keys.", provider.path().display());
        return Ok(());
    }
    provider.mark_exported(&ring)?;
    println!("{} has {} keys now.", provider.path().display(), ring.entries().len());
    Ok(())
}

pub(super) fn show(place: &Ring, output: Output) -> anyhow::Result<()> {
    let installation = Installation::with_keys(place)?;
    let provider = installation.provider();
    let ring = keys::load(&provider, &installation.data)?;
    let key = |entry: seal::Entry| RingKey {
        purpose: entry.purpose,
        version: entry.version,
        created: control::rfc3339(entry.created_at),
    };
    let shown: Vec<RingKey> = ring.entries().into_iter().map(key).collect();
    if output.json {
        return print::json(&shown);
    }
    let row = |key: &RingKey| vec![key.purpose.to_string(), key.version.to_string(), key.created.clone()];
    print::table(&["PURPOSE", "VERSION", "MADE"], &shown.iter().map(row).collect::<Vec<_>>());
    println!("{}", if provider.is_exported(&ring)? { "All of them were exported." } else { keys::REMINDER });
    Ok(())
}

pub(super) async fn rotate(purpose: Purpose, server: &Server, output: Output) -> anyhow::Result<()> {
    let request = NewRingKey { purpose };
    let rotated: control::Rotated = server.connect().await?.post("/ring/rotate", &request).await?;
    if output.json {
        return print::json(&rotated);
    }
    println!(
        "{} has version {} now; {} keys, secrets and rows were sealed under it.",
        rotated.purpose, rotated.version, rotated.renewed
    );
    if rotated.unopened > 0 {
        println!(
            "{} could not be opened and stay as they are: the server's log names them.",
            rotated.unopened
        );
    }
    if purpose == Purpose::Codes {
        println!("New codes use it from the next start on.");
    }
    println!("{}", keys::REMINDER);
    Ok(())
}

fn new_passphrase(passphrase: &Passphrase) -> anyhow::Result<seal::Secret> {
    let first = passphrase_for(passphrase, "Passphrase for the recovery file: ")?;
    let long = first.expose_str().is_some_and(|text| text.chars().count() >= SHORTEST);
    ensure!(long, "a passphrase has at least {SHORTEST} characters: some words in a row are good");
    if passphrase.passphrase_file.is_none() {
        let again = passphrase_for(passphrase, "Once more: ")?;
        ensure!(first.expose() == again.expose(), "the two passphrases differ");
    }
    Ok(first)
}

fn passphrase_for(passphrase: &Passphrase, prompt: &str) -> anyhow::Result<seal::Secret> {
    let secret = |text: &str| seal::Secret::new(text.as_bytes().to_vec());
    if let Some(path) = &passphrase.passphrase_file {
        let text = zeroize::Zeroizing::new(super::read(path)?);
        return Ok(secret(text.lines().next().unwrap_or_default()));
    }
    let terminal = console::Term::stderr();
    if !terminal.is_term() {
        bail!("there is no terminal to ask for the passphrase: use --passphrase-file FILE");
    }
    terminal.write_str(prompt)?;
    let typed = terminal.read_secure_line().context("cannot read the passphrase")?;
    Ok(secret(&zeroize::Zeroizing::new(typed)))
}
