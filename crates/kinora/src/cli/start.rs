//! Commands that start a server.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora up
  kinora up --data /srv/kinora --http 127.0.0.1:8080 --s3 127.0.0.1:9000
  KINORA__DATABASE=postgres://kinora@127.0.0.1/kinora kinora up

Every setting of the configuration file can be given as KINORA__PART__NAME in the environment.")]
pub(crate) struct Up {
    /// Data folder [default: data].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Address of pages, API and streams [default: 127.0.0.1:8080]; port 0 uses a free one.
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Address of the S3 interface [default: 127.0.0.1:9000].
    #[arg(long, value_name = "ADDR")]
    pub(crate) s3: Option<SocketAddr>,
    /// Write a JSON file with addresses and keys once the server answers.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Read settings from this TOML file.
    #[arg(long, value_name = "FILE", env = "KINORA_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Chunks encoded at the same time [default: one per core; 0 encodes nothing].
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// File with the key ring [default: keys/ring in the data folder]; without it nothing stored can be opened.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// Import this file if there is no title yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) sample: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora serve --config /etc/kinora/kinora.toml --check
  kinora serve --config /etc/kinora/kinora.toml
  KINORA__WORKER__SLOTS=0 kinora serve --config /etc/kinora/kinora.toml

deploy/kinora.toml in the repository is the manual of the file; deploy/ has a systemd unit and a compose file.")]
pub(crate) struct Serve {
    /// Settings (TOML). Variables `KINORA__A__B=…` override them, flags override both.
    #[arg(long, value_name = "FILE", env = "KINORA_CONFIG")]
    pub(crate) config: PathBuf,
    /// Parts that run in this process.
    #[arg(long, value_enum)]
    pub(crate) role: Option<crate::role::Role>,
    /// Data folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Check the settings, report what is wrong or unsafe, and exit.
    #[arg(long)]
    pub(crate) check: bool,
    /// Write a JSON file with the addresses once the server answers.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}
