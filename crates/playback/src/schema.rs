//! Tables of playback.

use db::Migrations;

/// Tables of this crate.
pub const MIGRATIONS: Migrations = Migrations {
    owner: "playback",
    steps: &[
        (
            "playback sessions, signing keys, CDN secret",
            "CREATE TABLE playback_sessions (
            id TEXT PRIMARY KEY,
            account TEXT,
            signed_in TEXT,
            title TEXT NOT NULL,
            asset TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('cookies', 'token')),
            started_at BIGINT NOT NULL,
            seen_at BIGINT NOT NULL,
            signed_until BIGINT NOT NULL,
            ended_at BIGINT,
            revoked_at BIGINT);
        CREATE INDEX playback_sessions_account ON playback_sessions (account, signed_until);
        CREATE INDEX playback_sessions_title ON playback_sessions (title, signed_until);
        CREATE INDEX playback_sessions_signed ON playback_sessions (signed_until);
        CREATE TABLE signing_keys (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            kind TEXT NOT NULL,
            own BOOLEAN NOT NULL,
            pem TEXT NOT NULL,
            sealed_private {bytes},
            session BOOLEAN NOT NULL,
            created_at BIGINT NOT NULL,
            retired_at BIGINT);
        CREATE UNIQUE INDEX signing_keys_own ON signing_keys (own) WHERE own AND retired_at IS NULL;
        CREATE TABLE cdn_secret (
            id BIGINT PRIMARY KEY CHECK (id = 1),
            sealed_current {bytes} NOT NULL,
            sealed_previous {bytes},
            rotated_at BIGINT NOT NULL)",
        ),
        (
            "a key for pictures",
            "DROP INDEX signing_keys_own;
        CREATE UNIQUE INDEX signing_keys_own ON signing_keys (session) WHERE own AND retired_at IS NULL",
        ),
        (
            "next value of the CDN secret",
            "ALTER TABLE cdn_secret ADD COLUMN sealed_next {bytes};
        ALTER TABLE cdn_secret ADD COLUMN switch_at BIGINT;
        ALTER TABLE cdn_secret ADD COLUMN version BIGINT NOT NULL DEFAULT 1",
        ),
        (
            "what was revoked lately",
            "CREATE INDEX playback_sessions_revoked ON playback_sessions (revoked_at) WHERE revoked_at IS NOT NULL",
        ),
        (
            "how often something was revoked",
            "CREATE TABLE revocations (
            id BIGINT PRIMARY KEY CHECK (id = 1),
            made BIGINT NOT NULL);
        INSERT INTO revocations (id, made) VALUES (1, 0)",
        ),
        (
            "what is revoked in portions is found without what was revoked before",
            "DROP INDEX playback_sessions_account;
        DROP INDEX playback_sessions_title;
        CREATE INDEX playback_sessions_account ON playback_sessions (account, signed_until)
            WHERE revoked_at IS NULL;
        CREATE INDEX playback_sessions_title ON playback_sessions (title, signed_until) WHERE revoked_at IS NULL",
        ),
        (
            "whose signed addresses ended early",
            "CREATE TABLE ended_subjects (
            id TEXT PRIMARY KEY,
            ended_at BIGINT NOT NULL)",
        ),
    ],
};
