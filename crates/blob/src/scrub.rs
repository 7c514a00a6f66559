//! Looking through all stored files, a little at a time, and writing down which are damaged.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use db::{Row, args};
use model::{BucketName, FileId, Key, ObjectId, Timestamp};
use runtime::blocking;
use tokio_util::sync::CancellationToken;

use crate::object::key;
use crate::verify::{StoredFile, Verdict, columns};
use crate::{Blob, Error, Result, mirror};

/// Files that are checked between two saved positions of the scrub.
const BATCH: u32 = 64;
const DAY_MS: i64 = 86_400_000;

const NEXT: &str = concat!("SELECT ", columns!(), " FROM files f WHERE f.id > $1 ORDER BY f.id LIMIT $2");
const ONE: &str = concat!("SELECT ", columns!(), " FROM files f WHERE f.id = $1");
const NOTE: &str = "INSERT INTO damaged_files (file, why, found_at) VALUES ($1, $2, $3)
    ON CONFLICT (file) DO UPDATE SET why = excluded.why";
const FORGET: &str = "DELETE FROM damaged_files WHERE file = $1";
const KNOWN: &str = "SELECT file FROM damaged_files";
const DAMAGED: &str = "SELECT d.file, d.why, d.found_at, o.id AS object, o.bucket, o.key FROM damaged_files d
    LEFT JOIN parts p ON p.file = d.file LEFT JOIN objects o ON o.id = p.object ORDER BY d.file, o.id LIMIT 1000";
const STATE: &str = "SELECT begun_at, after_file FROM scrub WHERE one = 1";
const SAVE: &str = "INSERT INTO scrub (one, begun_at, after_file) VALUES (1, $1, $2)
    ON CONFLICT (one) DO UPDATE SET begun_at = excluded.begun_at, after_file = excluded.after_file";

/// A stored file that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedFile {
    /// Its name.
    pub file: FileId,
    /// How that was seen.
    pub why: String,
    /// When.
    pub found_at: Timestamp,
    /// The object that its bytes belong to; `None` for a part of an unfinished upload.
    pub object: Option<(ObjectId, BucketName, Key)>,
}

/// Result of checking some files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// Checked files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Damaged files.
    pub damaged: Vec<FileId>,
    /// Files of which only the length could be compared.
    pub unknown: u64,
    /// The last checked file; `None` if there are no more after it.
    pub last: Option<FileId>,
}

/// How fast files are read.
#[derive(Debug, Clone)]
struct Pace {
    bytes_second: Option<u64>,
    stop: CancellationToken,
}

impl Pace {
    const FULL: Option<u64> = None;

    /// A step that waits as long as `length` bytes may take; `false` once it is to stop.
    fn step(&self, began: Instant, read: u64) -> bool {
        if let Some(rate) = self.bytes_second {
            let due = Duration::from_secs_f64(read as f64 / rate.max(1) as f64);
            while began.elapsed() < due && !self.stop.is_cancelled() {
                std::thread::sleep((due - began.elapsed().min(due)).min(Duration::from_millis(200)));
            }
        }
        !self.stop.is_cancelled()
    }
}

impl Blob {
    /// Looks through the files behind `after` (the first ones without it), as fast as the disk allows, until about `most`
    /// bytes were read, and records which are damaged, and which no longer exist.
    pub async fn verify_behind(&self, after: Option<FileId>, most: u64) -> Result<Looked> {
        let pace = Pace { bytes_second: Pace::FULL, stop: CancellationToken::new() };
        self.look(&after.map(|id| id.to_string()).unwrap_or_default(), most, &pace).await
    }

    /// Continues the scrub at `store.scrub_bytes_second`, a batch of files; `None` if nothing is due: the last one
    /// began less than `store.scrub_days` ago and is done, or none is to be done at all.
    pub async fn scrub(&self, now: Timestamp, stop: &CancellationToken) -> Result<Option<Looked>> {
        let rate = self.config.scrub_bytes_second;
        if rate == 0 {
            return Ok(None);
        }
        let state = self.db.opt(STATE, args![]).await?;
        let (begun, after) = match &state {
            Some(row) => (row.get::<Timestamp>("begun_at")?, row.get_opt::<String>("after_file")?),
            None => (now, Some(String::new())),
        };
        let (begun, after) = match after {
            Some(after) => (begun, after),
            None if begun.plus_ms(DAY_MS * i64::from(self.config.scrub_days)) <= now => (now, String::new()),
            None => return Ok(None),
        };
        let pace = Pace { bytes_second: Some(rate), stop: stop.clone() };
        // A minute at a time: that much is checked again after a restart.
        let looked = self.look(&after, rate.saturating_mul(60), &pace).await?;
        if !stop.is_cancelled() {
            let after = looked.last.map(|id| id.to_string());
            self.db.execute(SAVE, args![begun, after]).await?;
        }
        Ok(Some(looked))
    }

    /// Looks at the files whose reading failed since this was called last.
    pub async fn verify_suspects(&self) -> Result<Vec<FileId>> {
        let pace = Pace { bytes_second: Pace::FULL, stop: CancellationToken::new() };
        let mut looked = Looked::default();
        for id in self.suspects.take() {
            if let Some(row) = self.db.opt(ONE, args![id]).await? {
                self.look_at(StoredFile::from_row(&row)?, true, &pace, &mut looked).await?;
            }
        }
        Ok(looked.damaged)
    }

    /// The files that are known to be damaged and what they belong to, at most 1,000.
    pub async fn damaged(&self) -> Result<Vec<DamagedFile>> {
        let read = |row: &Row| {
            let object = match row.get_opt("object")? {
                Some(id) => Some((id, row.get("bucket")?, key(row.get("key")?)?)),
                None => None,
            };
            let (file, why, found_at) = (row.get("file")?, row.get("why")?, row.get("found_at")?);
            Ok(DamagedFile { file, why, found_at, object })
        };
        self.db.all(DAMAGED, args![]).await?.iter().map(read).collect()
    }

    /// How many files are known to be damaged.
    pub async fn damaged_files(&self) -> Result<u64> {
        Ok(self.db.one("SELECT COUNT(*) AS n FROM damaged_files", args![]).await?.get("n")?)
    }

    async fn look(&self, after: &str, most: u64, pace: &Pace) -> Result<Looked> {
        let rows = self.db.all(NEXT, args![after, BATCH]).await?;
        let known = self.db.all(KNOWN, args![]).await?;
        let known: BTreeSet<FileId> = known.iter().map(|row| row.get("file")).collect::<db::Result<_>>()?;
        let mut looked = Looked::default();
        let full = rows.len() == BATCH as usize;
        let mut rest = rows.len();
        for row in rows {
            let file = StoredFile::from_row(&row)?;
            let id = file.id;
            let was_known = known.contains(&id);
            self.look_at(file, was_known, pace, &mut looked).await?;
            if pace.stop.is_cancelled() {
                return Ok(looked);
            }
            looked.last = Some(id);
            rest -= 1;
            if looked.bytes >= most {
                break;
            }
        }
        if !full && rest == 0 {
            looked.last = None;
        }
        Ok(looked)
    }

    /// Looks at one file, and writes down what is not known of it.
    async fn look_at(
        &self,
        file: StoredFile,
        was_known: bool,
        pace: &Pace,
        looked: &mut Looked,
    ) -> Result<()> {
        let (id, bytes) = (file.id, file.bytes);
        let (path, keys, pace) =
            (mirror::path(self.disk.root(), id), self.disk.keys().cloned(), pace.clone());
        let verdict = blocking(move || -> Result<_> {
            let (began, mut read) = (Instant::now(), 0);
            let verdict = file.verify(&path, keys.as_ref(), |piece| {
                read += piece.len() as u64;
                pace.step(began, read)
            });
            Ok(match verdict {
                Err(error @ (Error::Unreadable { .. } | Error::Disk { .. })) => {
                    Verdict::Damaged(model::Chain(&error).to_string())
                }
                other => other?,
            })
        });
        let why = match verdict.await? {
            Verdict::Stopped => return Ok(()),
            Verdict::Whole if !was_known => None,
            Verdict::Whole => {
                self.db.execute(FORGET, args![id]).await?;
                None
            }
            Verdict::Unknown => {
                looked.unknown += 1;
                None
            }
            Verdict::Missing => Some("it is missing".to_owned()),
            Verdict::Damaged(why) => Some(why),
        };
        looked.files += 1;
        looked.bytes += bytes;
        if let Some(why) = why {
            match self.db.execute(NOTE, args![id, why, self.db.now()]).await {
                Ok(_) => looked.damaged.push(id),
                // It was deleted in the meantime.
                Err(error) if error.is_foreign_key_violation() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
