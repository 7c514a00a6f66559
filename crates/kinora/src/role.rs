//! The parts of Kinora that run in a process.

use serde::Deserialize;

/// The parts that run in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Everything; without the encoder when `worker.slots` is 0.
    All,
    /// The encoder only, beside a process that runs the rest on the same data folder and PostgreSQL.
    Worker,
    /// The front door only.
    Edge,
    /// The packager only.
    Origin,
    /// Pages and API only.
    Site,
    /// The S3 face only.
    S3,
}
