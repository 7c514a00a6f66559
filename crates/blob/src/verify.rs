//! Whether stored files still are what was written: the tags of sealed ones, the MD5 of clear ones.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use db::{Db, Row};
use md5::{Digest as _, Md5};
use model::FileId;
use seal::stream::{HEADER, Opener, stored_length};
use seal::{KeyRing, Purpose};

use crate::disk::associated;
use crate::error::disk;
use crate::{Error, Result};

/// Stored bytes that are verified together.
const PIECE: u64 = 1 << 20;
/// As many in segments of a sealed file.
const SEGMENTS: u64 = 16;

/// Expected properties of a stored file, from its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name.
    pub id: FileId,
    /// The length of its plaintext.
    pub bytes: u64,
    /// Its key, sealed; `None` if it is clear.
    dek: Option<Vec<u8>>,
    /// MD5 of the plaintext, as far as it is known.
    md5: Option<Vec<u8>>,
}

/// Result of reading a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All is as it was written.
    Whole,
    /// The file is damaged, and how that was detected.
    Damaged(String),
    /// It is not there.
    Missing,
    /// Only the length could be verified: the keys are missing, or the file is unencrypted and so old that
    /// no hash was kept.
    Unknown,
    /// The check was interrupted.
    Stopped,
}

/// The columns that [`StoredFile::from_row`] reads, of a database of any version. Objects of one file say its MD5, too.
macro_rules! columns {
    () => {
        "f.*, (SELECT o.etag FROM parts p JOIN objects o ON o.id = p.object
            WHERE p.file = f.id AND p.position = 0 AND p.bytes = o.size LIMIT 1) AS etag"
    };
}
pub(crate) use columns;

impl StoredFile {
    pub(crate) fn from_row(row: &Row) -> Result<Self> {
        let etag: Option<String> = row.get_opt("etag")?;
        let of_object = || etag.and_then(|etag| hex::decode(etag).ok()).filter(|md5| md5.len() == 16);
        // Databases of earlier versions lack these columns.
        let column = |name| row.get_opt::<Vec<u8>>(name).ok().flatten();
        Ok(Self {
            id: row.get("id")?,
            bytes: row.get("bytes")?,
            dek: column("dek"),
            md5: column("md5").or_else(of_object),
        })
    }

    /// MD5 of the plaintext, if it is known.
    pub(crate) fn md5(&self) -> Option<&[u8]> {
        self.md5.as_deref()
    }

    /// Reads the whole file at `path` and compares it. `each` gets the stored bytes piece by piece and says whether to go
    /// on. Blocks.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if the disk does not give the bytes.
    pub fn verify(
        &self,
        path: &Path,
        keys: Option<&KeyRing>,
        mut each: impl FnMut(&[u8]) -> bool,
    ) -> Result<Verdict> {
        let file = match File::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Verdict::Missing),
            opened => opened.map_err(disk("open", path))?,
        };
        let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
        let expected = if self.dek.is_some() { stored_length(self.bytes) } else { self.bytes };
        let got = file.metadata().map_err(unreadable)?.len();
        if got != expected {
            return Ok(damaged(&seal::Error::Length { expected, got }));
        }
        let Some(dek) = &self.dek else { return self.verify_clear(&file, unreadable, each) };
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0).map_err(unreadable)?;
        let key = keys.map(|keys| keys.open_data_key(Purpose::Media, &self.id.to_string(), dek));
        // A key that is not in this ring says nothing of the file.
        let opener = match key {
            Some(Ok(key)) => match Opener::new(&key, &associated(self.id), &header, self.bytes) {
                Ok(opener) => Some(opener),
                Err(why) => return Ok(damaged(&why)),
            },
            None | Some(Err(_)) => None,
        };
        let Some(opener) = opener else { return read(&file, got, unreadable, &mut each, |_| {}) };
        if !each(&header) {
            return Ok(Verdict::Stopped);
        }
        let (mut at, mut stored, mut plain) = (0, Vec::new(), Vec::new());
        while at < self.bytes {
            let span = opener.span(at..self.bytes, SEGMENTS);
            stored.resize(usize::try_from(span.stored.end - span.stored.start).unwrap_or(usize::MAX), 0);
            file.read_exact_at(&mut stored, span.stored.start).map_err(unreadable)?;
            if !each(&stored) {
                return Ok(Verdict::Stopped);
            }
            plain.clear();
            if let Err(why) = opener.open(&span, &mut stored, &mut plain) {
                return Ok(damaged(&why));
            }
            at = span.plain.end;
        }
        Ok(Verdict::Whole)
    }

    fn verify_clear(
        &self,
        file: &File,
        unreadable: impl Fn(io::Error) -> Error,
        mut each: impl FnMut(&[u8]) -> bool,
    ) -> Result<Verdict> {
        let mut hash = Md5::new();
        let read = read(file, self.bytes, unreadable, &mut each, |piece| hash.update(piece))?;
        Ok(match &self.md5 {
            _ if read == Verdict::Stopped => Verdict::Stopped,
            None => Verdict::Unknown,
            Some(md5) if hash.finalize().as_slice() == md5.as_slice() => Verdict::Whole,
            Some(_) => Verdict::Damaged("wrong MD5".into()),
        })
    }
}

/// Reads a file that says nothing of itself.
fn read(
    file: &File,
    length: u64,
    unreadable: impl Fn(io::Error) -> Error,
    each: &mut impl FnMut(&[u8]) -> bool,
    mut hash: impl FnMut(&[u8]),
) -> Result<Verdict> {
    let (mut at, mut piece) = (0, Vec::new());
    while at < length {
        piece.resize(usize::try_from(PIECE.min(length - at)).unwrap_or(usize::MAX), 0);
        file.read_exact_at(&mut piece, at).map_err(&unreadable)?;
        if !each(&piece) {
            return Ok(Verdict::Stopped);
        }
        hash(&piece);
        at += piece.len() as u64;
    }
    Ok(Verdict::Unknown)
}

fn damaged(why: &seal::Error) -> Verdict {
    Verdict::Damaged(why.to_string())
}

/// The files of a database that are known to be damaged, by their names; none where it is of a version that did not know
/// any.
pub async fn known_damaged(db: &Db) -> Result<Vec<FileId>> {
    if !db.has_table("damaged_files").await? {
        return Ok(Vec::new());
    }
    let rows = db.all("SELECT file FROM damaged_files ORDER BY file", db::args![]).await?;
    Ok(rows.iter().map(|row| row.get("file")).collect::<db::Result<_>>()?)
}

/// Forgets that a file is damaged, once it is whole again.
pub async fn forget_damage(db: &Db, file: FileId) -> Result<()> {
    if db.has_table("damaged_files").await? {
        db.execute("DELETE FROM damaged_files WHERE file = $1", db::args![file]).await?;
    }
    Ok(())
}
