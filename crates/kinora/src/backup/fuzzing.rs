//! Doors for the fuzz targets: what says what is in a backup.

use super::files::FileSum;
use super::manifest::Manifest;

/// The files that a manifest names, and the manifest written again; `None` where it cannot be used.
pub fn manifest(text: &[u8]) -> Option<([String; 2], Vec<u8>)> {
    let manifest: Manifest = serde_json::from_slice(text).ok()?;
    manifest.check().ok()?;
    let written = serde_json::to_vec(&manifest).ok()?;
    Some(([manifest.database, manifest.objects], written))
}

/// The list of a backup's objects written again; `None` where it is invalid.
pub fn objects(text: &str) -> Option<String> {
    FileSum::parse_list(text).map(|all| FileSum::list(&all))
}
