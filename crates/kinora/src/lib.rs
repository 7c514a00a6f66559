//! The one binary: command line, configuration, which parts run in this process.
//!
//! It hides nothing of the domain: every command is a call into a crate below, and `house` only wires them.

#[macro_use]
mod print;
mod backup;
mod cli;
mod client;
mod commands;
mod config;
mod control;
mod doctor;
mod folder;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod house;
mod keys;
mod log;
mod metrics;
mod role;
mod serve;
mod server;
mod start;
mod systemd;
mod up;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use cli::{Cli, Command};

/// How long steps of a server that cannot be interrupted, such as a write to a slow disk, may take when all else has
/// ended.
const LAST_STEPS: Duration = Duration::from_secs(5);

/// Does what the command line says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            log::end(&error);
            ExitCode::FAILURE
        }
    }
}

/// Takes what the system allows: what it gives at first, often 1,024, is fewer than the connections of a crowd.
/// Encoders get a limit of their own.
fn open_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let most = getrlimit(Resource::Nofile).maximum;
    // Only a help: where it is refused, connections wait for each other.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most });
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    if let Command::Jail { rest } = command {
        // Before any thread is started: the confinement is of the process.
        return Ok(jail::main(rest));
    }
    let serves = matches!(command, Command::Up(_) | Command::Serve(_));
    if serves {
        open_many_files();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match command {
            Command::Up(flags) => up::run(&flags).await,
            Command::Serve(flags) => serve::run(&flags).await,
            Command::Doctor(command) => commands::doctor(command).await,
            Command::Import(command) => commands::import(command).await,
            Command::Url(command) => commands::url(command).await,
            Command::Title(command) => commands::title(command).await,
            Command::Job(command) => commands::job(command).await,
            Command::Worker(command) => commands::worker(command).await,
            Command::Event(command) => commands::event(command).await,
            Command::Key(command) => commands::key(command).await,
            Command::Metrics(server) => commands::metrics(server).await,
            Command::S3Key(command) => commands::s3_key(command).await,
            Command::Mail(command) => commands::mail(command).await,
            Command::Secret(command) => commands::secret(command).await,
            Command::Backup(command) => backup::backup(command).await,
            Command::Restore(command) => backup::restore(command).await,
            Command::Person(command) => commands::people::person(command).await,
            Command::Invitation(command) => commands::people::invitation(command).await,
            Command::SigninLink(command) => commands::people::signin_link(command).await,
            Command::Packaging(command) => commands::packaging::run(command).await,
            Command::Jail { .. } => unreachable!("entered above"),
        }
    });
    if serves {
        runtime.shutdown_timeout(LAST_STEPS);
    }
    done.map(|()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_said_of_how_long_a_stop_takes_is_true() {
        let config = config::Config::default();
        let most = house::stop_time_limit(&config) + house::LAST_CHANGES + house::LAST_WRITES + LAST_STEPS;
        let last = most.as_secs() - u64::from(config.stop_seconds);
        for (file, said) in [
            // By which it looks at the unit and the compose file.
            ("e2e/tests/test_deploy.py", format!("\nLAST_SECONDS = {last}\n")),
            ("deploy/compose.yaml", format!("{last} s longer than `stop_seconds`:")),
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text.contains(&said), "{file} does not say {said:?}");
        }
    }
}
