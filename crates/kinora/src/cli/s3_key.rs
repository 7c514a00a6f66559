//! `kinora s3-key`: access keys of S3 clients.

use clap::{Args, Subcommand};
use identity::Role;

use super::{Output, Server};

#[derive(Debug, Subcommand)]
pub(crate) enum S3Key {
    /// Create a key for an S3 client and print it with its secret.
    New(NewS3Key),
    /// List keys.
    Ls {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Delete a key; it stops working immediately.
    Rm {
        /// Its id, or its name.
        key: String,
        #[command(flatten)]
        server: Server,
    },
}

/// Reads the role of an account that is created together with a key.
fn parse_owner(word: &str) -> Result<Role, String> {
    match Role::parse(word) {
        Some(Role::Creator) => Ok(Role::Creator),
        Some(Role::Operator) => Err("create operators with `kinora signin-link --role operator`".into()),
        Some(Role::Viewer) => Err("viewers have no S3 keys; choose creator".into()),
        None => Err("choose creator".into()),
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora s3-key new backups --for you@example.org
  kinora s3-key new camera --for you@example.org --bucket source
  kinora s3-key new studio --for ann@example.org --create --role creator --bucket studio

The same name prints the same key again, until it is removed.")]
pub(crate) struct NewS3Key {
    /// Name of the key.
    pub(crate) name: String,
    /// Mail address of the account that owns the key: an operator, or a creator for named buckets.
    #[arg(long = "for", value_name = "ADDRESS")]
    pub(crate) address: String,
    /// Create the account, which must not exist yet, with the role given by --role.
    #[arg(long, requires = "role")]
    pub(crate) create: bool,
    /// Role of the new account: creator. Create operators with `kinora signin-link --role operator`.
    #[arg(long, requires = "create", value_parser = parse_owner)]
    pub(crate) role: Option<Role>,
    /// A bucket that the key opens; repeat it for more [default: all, including future ones].
    #[arg(long = "bucket", value_name = "NAME")]
    pub(crate) buckets: Vec<String>,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}
