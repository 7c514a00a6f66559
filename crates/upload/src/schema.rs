//! The tables of this crate.

use db::Migrations;

/// Uploads by browsers.
pub const MIGRATIONS: Migrations = Migrations { owner: "upload", steps: &[("uploads", UPLOADS)] };

/// The id is that of the store's multipart upload. `room` has one row: who counts uploads and room locks it.
const UPLOADS: &str = "
CREATE TABLE browser_uploads (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    bucket TEXT NOT NULL,
    source_key TEXT NOT NULL,
    file TEXT NOT NULL,
    size BIGINT NOT NULL CHECK (size > 0),
    modified_ms BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    completed_at BIGINT,
    UNIQUE (bucket, source_key));
CREATE INDEX browser_uploads_account ON browser_uploads (account, created_at);
CREATE INDEX browser_uploads_open ON browser_uploads (created_at) WHERE completed_at IS NULL;

CREATE TABLE browser_upload_room (id BIGINT PRIMARY KEY);
INSERT INTO browser_upload_room (id) VALUES (1);
";
