//! Whether a run met a full disk.
//!
//! ffmpeg does not say it well: where a write fails it ends with a code, or only says so and ends with 0, or (lists that
//! filters write) does neither. What it leaves is cut short, as if the source could not be decoded. So what
//! counts is the folder: a run whose folder takes no more bytes says nothing about its source. The log alone decides
//! less, for there may be space again and some of its words are a stranger's: a run that only claims to have met a full
//! disk is [`Error::Unwritten`], and tried again as often as others that fail.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use runtime::blocking;

use crate::{Error, Result};

/// Bytes that are written to see whether there is space: a little more than ffmpeg writes at once.
const TRIAL_BYTES: usize = 64 << 10;

/// Looks at the folder of a run that has ended, however that was.
///
/// # Errors
/// [`Error::File`] where its disk is full.
pub(super) async fn check(folder: &Path) -> Result<()> {
    let path = folder.to_owned();
    blocking(move || match attempt(&path) {
        Err(source) if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            Err(Error::File { path, source })
        }
        // Whatever else is wrong with the folder shows when it is used.
        _ => Ok(()),
    })
    .await
}

/// Writes something that no file system makes smaller, and removes it.
fn attempt(folder: &Path) -> std::io::Result<()> {
    let path = folder.join("room");
    let mut bytes = vec![0; TRIAL_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| ErrorKind::Other)?;
    // Never what a tool has put there, which may be a link.
    let mut file = File::create_new(&path)?;
    let written = file.write_all(&bytes);
    std::fs::remove_file(&path).and(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_written_through_what_a_tool_has_put_there() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let victim = other.path().join("victim");
        std::fs::write(&victim, "as it was").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join("room")).unwrap();
        check(folder.path()).await.unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"as it was");
    }
}
