//! Small files that only their owner may read and that appear whole: key rings, ids, ready files, mails; and the folders
//! that they lie in. What a call answers is on disk.
//!
//! Deliberately absent: large files, which are written piece by piece (`blob`), and what is in any of them.
//!
//! ```
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("data/id");
//! durable::make_folder(durable::folder_of(&path))?;
//! assert!(durable::create(&path, b"first")?, "there was none");
//! assert!(!durable::create(&path, b"second")?);
//! durable::write(&path, b"third")?;
//! assert_eq!(std::fs::read(&path)?, b"third");
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Puts a file of mode 0600 at `path`, in place of one that is there. It and its folder are synced. Blocks.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = Beside::write(path, bytes)?;
    fs::rename(&beside.path, path)?;
    sync_folder(folder_of(path))
}

/// Puts a file of mode 0600 at `path` unless something is there; answers whether it did. It and its folder are synced.
/// Blocks.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let beside = Beside::write(path, bytes)?;
    // Unlike a move, a second name never takes the place of another file.
    let made = match fs::hard_link(&beside.path, path) {
        Ok(()) => true,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
        Err(e) => return Err(e),
    };
    drop(beside);
    sync_folder(folder_of(path))?;
    Ok(made)
}

/// Removes what was left beside `path` by processes that were killed while they wrote it. Blocks.
pub fn clear_left(path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for entry in fs::read_dir(folder_of(path))? {
        let entry = entry?;
        let left = entry.file_name().to_str().is_some_and(|other| is_beside(&name, other));
        // Somebody may be writing just now.
        let old = || Ok::<_, io::Error>(entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > LEFT));
        if left && old()? {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Longer than anybody writes.
const LEFT: Duration = Duration::from_secs(60);

/// Whether [`Beside`] gives such names to what will be `name`.
fn is_beside(name: &str, other: &str) -> bool {
    let random = other.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".new"));
    random.is_some_and(|random| random.len() == 16 && random.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A synced file under a name of its own, so that two writers never share one; removed when dropped.
struct Beside {
    path: PathBuf,
}

impl Beside {
    fn write(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let mut random = [0; 8];
        aws_lc_rs::rand::fill(&mut random).map_err(io::Error::other)?;
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.new", hex::encode(random)));
        let path = PathBuf::from(name);
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path)?;
        let beside = Self { path };
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(beside)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After a move it is not there any more.
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes sure that the names in a folder are on disk. Blocks.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder of mode 0700 where there is none, and those that it lies in; their names are on disk when this answers.
/// Blocks.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let missing = path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.is_dir());
    let missing: Vec<&Path> = missing.collect();
    for path in missing.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(path) {
            // Somebody else has.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            made => made?,
        }
        sync_folder(folder_of(path))?;
    }
    Ok(())
}

/// The folder that a path lies in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_a_killed_writer_left_goes_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
        let left = "ring.0123456789abcdef.new";
        let stay =
            ["ring", "ring.exported", "ring.new", "ring2.0123456789abcdef.new", "ring.fedcba9876543210.new"];
        for name in [left].iter().chain(&stay) {
            fs::write(at(name), b"x").unwrap();
        }
        for name in [left].iter().chain(&stay[..4]) {
            File::options().write(true).open(at(name)).unwrap().set_modified(hour_ago).unwrap();
        }
        clear_left(&at("ring")).unwrap();
        assert!(!at(left).exists());
        assert!(stay.iter().all(|name| at(name).exists()));
    }

    #[test]
    fn what_is_written_is_private_whatever_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("file"), dir.path().join("other"));
        fs::write(&other, "other").unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(0o644)).unwrap();
        symlink(&other, &path).unwrap();
        write(&path, b"new").unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"new".to_vec(), 0o600));
        assert_eq!(fs::read(&other).unwrap(), b"other");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn folders_are_private_and_those_that_are_there_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (outer, inner) = (dir.path().join("outer"), dir.path().join("outer/inner"));
        make_folder(&inner).unwrap();
        make_folder(&inner).unwrap();
        assert_eq!([dir.path(), &outer, &inner].map(mode), [0o755, 0o700, 0o700]);
        let file = outer.join("file");
        write(&file, b"x").unwrap();
        assert!(make_folder(&file).is_err() && make_folder(&file.join("below")).is_err());
        symlink("nowhere", outer.join("broken")).unwrap();
        assert!(make_folder(&outer.join("broken")).is_err());
    }

    #[test]
    fn a_name_alone_lies_in_the_folder_that_we_are_in() {
        let check = |path: &str, folder: &str| assert_eq!(folder_of(Path::new(path)), Path::new(folder));
        check("ring", ".");
        check("keys/ring", "keys");
        check("/ring", "/");
    }

    #[test]
    fn what_is_created_takes_the_place_of_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert!(create(&path, b"first").unwrap());
        assert!(!create(&path, b"second").unwrap());
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"first".to_vec(), 0o600));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(create(&dir.path().join("nowhere/file"), b"").is_err());
    }
}
