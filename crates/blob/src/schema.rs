//! The tables of this crate.
//!
//! Keys are bytes, so that both engines compare them byte by byte, whatever the collation of the database.

use db::Migrations;

/// Buckets, names, objects, their parts, uploads under way and events.
pub const MIGRATIONS: Migrations = Migrations {
    owner: "blob",
    steps: &[
        ("objects", OBJECTS),
        ("sealed files", SEALED),
        ("clear files", CLEAR),
        ("store", STORE),
        ("cors", CORS),
        ("tags of buckets", BUCKET_TAGS),
        ("regions of buckets", BUCKET_REGIONS),
        ("damaged files", DAMAGE),
        ("subscribers of events", SUBSCRIBERS),
    ],
};

/// An object is current while a row of `names` points to it; `retired_at` says since when it is not.
/// A file is in use while a row of `parts` or `upload_parts` refers to it.
/// Empty objects have no file.
const OBJECTS: &str = "
CREATE TABLE buckets (
    name TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL
);
CREATE TABLE objects (
    id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL,
    key {bytes} NOT NULL,
    size BIGINT NOT NULL CHECK (size >= 0),
    etag TEXT NOT NULL,
    checksum TEXT,
    attributes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT,
    held BIGINT NOT NULL DEFAULT 0 CHECK (held >= 0)
);
CREATE INDEX objects_retired ON objects (retired_at) WHERE retired_at IS NOT NULL;
CREATE TABLE names (
    bucket TEXT NOT NULL REFERENCES buckets (name),
    key {bytes} NOT NULL,
    object TEXT NOT NULL REFERENCES objects (id),
    sequence BIGINT NOT NULL,
    PRIMARY KEY (bucket, key)
);
CREATE INDEX names_object ON names (object);
CREATE TABLE files (
    id TEXT PRIMARY KEY,
    bytes BIGINT NOT NULL CHECK (bytes >= 0)
);
CREATE TABLE parts (
    object TEXT NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    file TEXT NOT NULL REFERENCES files (id),
    position BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    checksum TEXT,
    PRIMARY KEY (object, number)
);
CREATE INDEX parts_file ON parts (file);
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL REFERENCES buckets (name),
    key {bytes} NOT NULL,
    attributes TEXT NOT NULL,
    checksum TEXT,
    composite BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    object TEXT,
    completed_at BIGINT
);
CREATE INDEX uploads_key ON uploads (bucket, key, id);
CREATE TABLE upload_parts (
    upload TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    file TEXT REFERENCES files (id),
    bytes BIGINT NOT NULL,
    md5 {bytes} NOT NULL,
    checksum TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (upload, number)
);
CREATE INDEX upload_parts_file ON upload_parts (file);
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    bucket TEXT NOT NULL,
    key {bytes} NOT NULL,
    object TEXT NOT NULL,
    record TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    handled_at BIGINT
);
CREATE INDEX events_pending ON events (sequence, id) WHERE handled_at IS NULL;
CREATE INDEX events_object ON events (object);
CREATE INDEX events_handled ON events (handled_at) WHERE handled_at IS NOT NULL;
";

/// `bytes` of a file stays the length of its plaintext. `dek` is its key, sealed under the ring's key for media of
/// version `kek`; both are NULL if the file is clear. Deleting the row destroys the key.
const SEALED: &str = "
ALTER TABLE files ADD COLUMN dek {bytes};
ALTER TABLE files ADD COLUMN kek BIGINT;
CREATE INDEX files_kek ON files (kek) WHERE kek IS NOT NULL;
";

/// One row with the id that the store's folder has too.
const STORE: &str = "
CREATE TABLE store (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL
);
";

/// The rules of a bucket for pages of other origins, as JSON; NULL if there are none.
const CORS: &str = "ALTER TABLE buckets ADD COLUMN cors TEXT";

/// The tags of a bucket, as a JSON object; NULL if there are none.
const BUCKET_TAGS: &str = "ALTER TABLE buckets ADD COLUMN tags TEXT";

/// The region that a bucket was created in; NULL is [`crate::REGION`].
const BUCKET_REGIONS: &str = "ALTER TABLE buckets ADD COLUMN region TEXT";

/// `md5` of a file's plaintext tells whether a clear one is what was written; NULL in files of a time before it was kept.
/// `scrub` is the start of the current scrub and the file after which it resumes; NULL once it is done.
const DAMAGE: &str = "
ALTER TABLE files ADD COLUMN md5 {bytes};
CREATE TABLE damaged_files (
    file TEXT PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE,
    why TEXT NOT NULL,
    found_at BIGINT NOT NULL
);
CREATE TABLE scrub (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    begun_at BIGINT NOT NULL,
    after_file TEXT
);
";

/// Each subscriber handles every event that is written while it is registered: a row of `event_deliveries` for each, pending
/// until `handled_at` says when. What the pipeline had handled, or still had to, stays so.
const SUBSCRIBERS: &str = "
CREATE TABLE event_subscribers (
    name TEXT PRIMARY KEY
);
CREATE TABLE event_deliveries (
    event TEXT NOT NULL REFERENCES events (id),
    subscriber TEXT NOT NULL REFERENCES event_subscribers (name),
    sequence BIGINT NOT NULL,
    handled_at BIGINT,
    PRIMARY KEY (event, subscriber)
);
CREATE INDEX event_deliveries_pending ON event_deliveries (subscriber, sequence, event) WHERE handled_at IS NULL;
CREATE INDEX event_deliveries_handled ON event_deliveries (handled_at) WHERE handled_at IS NOT NULL;
INSERT INTO event_subscribers (name) VALUES ('pipeline');
INSERT INTO event_deliveries (event, subscriber, sequence, handled_at)
    SELECT id, 'pipeline', sequence, handled_at FROM events;
DROP INDEX events_pending;
DROP INDEX events_handled;
ALTER TABLE events DROP COLUMN handled_at;
CREATE INDEX events_created ON events (created_at);
";

/// For finding what is to be sealed.
const CLEAR: &str = "CREATE INDEX files_clear ON files (id) WHERE dek IS NULL";
