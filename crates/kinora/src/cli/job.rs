//! Commands about jobs, workers and events.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use model::job::State;

use super::{Output, Server, word};

#[derive(Debug, Subcommand)]
pub(crate) enum Job {
    /// List jobs, newest first.
    Ls {
        /// Only jobs of this title (id or name).
        #[arg(long, value_name = "TITLE")]
        title: Option<String>,
        /// Only jobs in this state.
        #[arg(long, value_name = "STATE", value_parser = |text: &str| word(text, &State::ALL, State::as_str))]
        state: Option<State>,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Show one job: state, reason, progress, last log lines.
    Show {
        /// Id of the job.
        id: String,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Cancel a job and all other work for its title; a running encode ends within seconds.
    Cancel(OneJob),
    /// Retry a failed or cancelled job, and everything else that failed of its title.
    Retry(OneJob),
    /// Print the last lines of a job's log.
    Log(OneJob),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Worker {
    /// Pause encoding on all workers, also after a restart; running chunks finish. Uploads are still read
    /// and planned, and encoded titles can be watched.
    Pause {
        #[command(flatten)]
        server: Server,
    },
    /// Resume encoding; what viewers wait for comes first.
    Resume {
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Event {
    /// Send an S3 event record, like another bucket.
    #[command(after_help = "Example:
  echo '{\"Records\":[{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\",
    \"s3\":{\"bucket\":{\"name\":\"source\"},\"object\":{\"key\":\"film.mp4\"}}}]}' | kinora event send -")]
    Send {
        /// File with the JSON record; `-` reads standard input.
        file: PathBuf,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
}

/// One job.
#[derive(Debug, Args)]
pub(crate) struct OneJob {
    /// Id of the job.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}
