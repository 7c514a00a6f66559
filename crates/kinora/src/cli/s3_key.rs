//! `kinora s3-key`: who may speak S3.

use clap::{Args, Subcommand};

use super::{Output, Server};

#[derive(Debug, Subcommand)]
pub(crate) enum S3Key {
    /// Make a key for an S3 client, and print it with its secret.
    New(NewS3Key),
    /// List keys.
    Ls {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// End a key: it works no more, at once.
    Rm {
        /// Its id, or its name.
        key: String,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kinora s3-key new backups --for you@example.org
  kinora s3-key new camera --for you@example.org --bucket source

The same name prints the same key again, until it is removed.")]
pub(crate) struct NewS3Key {
    /// What you call it.
    pub(crate) name: String,
    /// The operator whose key it is; an account is made when there is none of that mail address.
    #[arg(long = "for", value_name = "ADDRESS")]
    pub(crate) address: String,
    /// A bucket that it opens, again for another one [default: all that there are and will be].
    #[arg(long = "bucket", value_name = "NAME")]
    pub(crate) buckets: Vec<String>,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}
