//! Doors for the fuzz targets: the file of the settings, as `kinora up` and `kinora serve` read it, and backups.

pub use crate::backup::fuzzing::{manifest, objects};
use crate::config::Config;

/// Loggable settings from a file and an environment: all of them, or the error.
pub fn settings(file: &str, environment: &[(&str, &str)]) -> Result<String, String> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    match Config::layered(file, environment) {
        Ok(config) => Ok(format!("{config:?}")),
        Err(error) => Err(format!("{error:#}")),
    }
}
