//! Buckets and objects: names in the database, bytes in opaque files on disk.
//!
//! **Acknowledged** means: the file and its folder are synced and the rows are committed. A call that answers
//! `Ok` after writing has done both; a process that dies before leaves at most files that [`Blob::sweep_disk`] finds.
//! An object never changes but for its tags: overwriting a key makes a new [`model::ObjectId`], and the bytes of the old one stay until
//! nothing holds them. Other crates keep object ids, never keys.
//!
//! **Sealed**: unless the configuration says otherwise, a stored file is a stream of [`seal::stream`] under a key of its
//! own, which lies in its row, sealed under the key ring. Sizes, ETags and checksums are those of the plaintext. What was
//! altered, cut or moved on disk is never handed out, and a scrub ([`Blob::scrub`]) finds it before somebody asks for it: by
//! the tags of sealed files and the MD5 of clear ones.
//!
//! **One database**: the folder and the database carry the same id, or the store is not opened, for sweeping deletes what
//! the rows do not mention.
//!
//! Deliberately absent: HTTP, S3's wire, who may do what, and any change of a stored file.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use blob::{Blob, By, New};
//! use model::BucketName;
//! let dir = tempfile::tempdir().unwrap();
//! let db = db::Db::open_sqlite(&dir.path().join("kinora.db")).await.unwrap();
//! db.migrate(&[blob::MIGRATIONS]).await.unwrap();
//!
//! let blob = Blob::open(db, &dir.path().join("blob")).await?;
//! let new = New::named(BucketName::media(), "a//b".parse().unwrap(), By::Kinora);
//! let object = blob.put("some bytes", new).await?;
//! assert_eq!(blob.read_to_vec(object.id, 5..10).await?, b"bytes");
//! # Ok::<(), blob::Error>(()) }).unwrap();
//! ```

mod attributes;
mod audit;
mod author;
mod bad;
mod bucket;
mod buffers;
mod checksum;
mod class;
mod commit;
mod copy;
mod cors;
mod delete;
mod disk;
mod error;
pub mod events;
#[cfg(feature = "testing")]
pub mod fault;
#[cfg(not(feature = "testing"))]
mod fault;
mod files;
mod lane;
mod list;
pub mod mirror;
mod new;
mod object;
mod open;
mod opened;
mod owner;
mod pins;
mod read;
mod replaced;
mod reseal;
mod rewrap;
mod schema;
mod scrub;
mod space;
mod store;
mod sweep;
mod tags;
mod upload;
mod verify;
mod write;

pub use attributes::Attributes;
pub use audit::Audit;
pub use author::{By, Means};
pub use bucket::{Bucket, REGION, Region};
pub use buffers::Buffer;
pub use checksum::{Algorithm, Checksum};
pub use class::{NoSuchStorageClass, StorageClass};
pub use cors::CorsRule;
pub use delete::{Actor, discard, discard_folder};
pub use error::{Error, Result};
pub use list::{Entry, List, Listing};
pub use new::{Condition, New, Seen};
pub use object::{Object, ObjectPart, hold, objects_of, release};
pub use owner::{folder_id, has_files, is_owned, store_id};
pub use read::{Reader, next_read};
pub use schema::MIGRATIONS;
pub use scrub::{DamagedFile, Looked};
pub use store::{Blob, Config};
pub use sweep::{HalfWritten, Sweeper, Swept};
pub use upload::{Came, Chosen, Complete, ListUploads, NewUpload, Part, Parts, Upload, Uploads, came};
pub use verify::{StoredFile, Verdict, forget_damage, known_damaged};
pub use write::{MAX_OBJECT, Staged, Writer};
