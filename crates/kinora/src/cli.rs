//! The command line.

mod job;
mod keeping;
mod packaging;
mod people;
pub(crate) mod s3_key;
mod start;
mod title;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use job::{Event, Job, Worker};
pub(crate) use keeping::{Backup, Export, Key, Passphrase, Restore, Ring, Secret};
pub(crate) use packaging::Packaging;
pub(crate) use people::{Invitation, OnePerson, Person, SigninLink};
pub(crate) use start::{Serve, Up};
pub(crate) use title::{DropSource, Import, Remove, Title, Until, Url};

/// A streaming platform in one binary: upload films and songs, and the people you choose can watch them.
#[derive(Debug, Parser)]
#[command(name = "kinora", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the installation is found, running or not.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// Data folder of the server [default: from the settings, or data].
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
    /// Settings of the server (TOML), which name its data and keys.
    #[arg(long, value_name = "FILE", env = "KINORA_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything in one process, for development: loopback, plain HTTP, a mailbox folder.
    Up(Up),
    /// Start the production profile: TLS or a named proxy, no ready-made keys; refuses insecure settings.
    Serve(Serve),
    /// Check this machine and installation and suggest fixes.
    Doctor(Doctor),
    /// Upload films or songs and follow them until they are published.
    Import(Import),
    /// Print a URL of a title that any player can open (or CloudFront cookies).
    Url(Url),
    /// List, show and manage titles.
    #[command(subcommand)]
    Title(Title),
    /// List, show, cancel and retry jobs.
    #[command(subcommand)]
    Job(Job),
    /// Pause and resume encoding.
    #[command(subcommand)]
    Worker(Worker),
    /// Events that start the pipeline.
    #[command(subcommand)]
    Event(Event),
    /// The key ring that encrypts everything stored, and the public keys whose CloudFront signatures are accepted.
    #[command(subcommand)]
    Key(Key),
    /// Create, list and remove access keys for S3 clients.
    #[command(subcommand)]
    S3Key(s3_key::S3Key),
    /// Test outgoing e-mail.
    #[command(subcommand)]
    Mail(Mail),
    /// List and rotate secrets between parts of Kinora, such as the CDN secret.
    #[command(subcommand)]
    Secret(Secret),
    /// Back up everything but the keys into a folder while the server runs.
    Backup(Backup),
    /// Restore a backup into an empty data folder.
    Restore(Restore),
    /// Print the metrics of the running server in the Prometheus text format.
    Metrics(Server),
    /// List accounts; change roles, suspend, sign out.
    #[command(subcommand)]
    Person(Person),
    /// Create, list and revoke invitations.
    #[command(subcommand)]
    Invitation(Invitation),
    /// List, add and remove packaging configurations: how titles are delivered.
    #[command(subcommand)]
    Packaging(Packaging),
    /// Create a sign-in link that works once.
    SigninLink(SigninLink),
    /// Confine this process and become the given program (used by the encoder).
    #[command(hide = true)]
    Jail {
        /// The program and its arguments, written by the encoder.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<std::ffi::OsString>,
    },
}
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Read and verify every stored file, which takes as long as the disk needs.
    #[arg(long)]
    pub(crate) deep: bool,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Mail {
    /// Send a test e-mail and print what the mail server answered.
    Test {
        /// Where to send it.
        address: String,
        #[command(flatten)]
        server: Server,
    },
}

/// Reads one of the words of `all`.
fn word<T: Copy>(text: &str, all: &[T], as_str: impl Fn(T) -> &'static str) -> Result<T, String> {
    let wrong = || {
        let words: Vec<&str> = all.iter().map(|one| as_str(*one)).collect();
        format!("choose one of {}", words.join(", "))
    };
    all.iter().copied().find(|one| as_str(*one) == text).ok_or_else(wrong)
}

/// Reads `90s`, `15m`, `1h`, `7d`.
fn parse_time(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("`{text}` is not a time: write 90s, 15m, 1h or 7d");
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let amount: u64 = digits.parse().map_err(|_| wrong())?;
    let total = amount.checked_mul(seconds).filter(|s| (1..=365 * 86_400).contains(s)).ok_or_else(wrong)?;
    Ok(std::time::Duration::from_secs(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn cookies_live_as_long_as_the_settings_say() {
        let url = |flags: &[&str]| Cli::try_parse_from([&["kinora", "url", "Sintel"], flags].concat());
        assert!(url(&["--cookies"]).is_ok() && url(&["--for", "2h"]).is_ok());
        let refused = url(&["--cookies", "--for", "2h"]).unwrap_err().to_string();
        assert!(refused.contains("'--cookies' cannot be used with '--for <TIME>'"), "{refused}");
    }

    #[test]
    fn times_have_a_unit() {
        let check = |text: &str, seconds: u64| assert_eq!(parse_time(text).unwrap().as_secs(), seconds);
        check("90s", 90);
        check("15m", 900);
        check("1h", 3600);
        check("7d", 604_800);
        for bad in ["", "1", "h", "0s", "1w", "-1h", "99999999999999999999s", "400d"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }
}
