//! Tables of the outbox.

use db::Migrations;

/// Tables of this crate.
pub const MIGRATIONS: Migrations = Migrations {
    owner: "notify",
    steps: &[
        (
            "outbox",
            "CREATE TABLE outbox (
            id TEXT PRIMARY KEY,
            message TEXT NOT NULL,
            kind TEXT NOT NULL,
            channel TEXT NOT NULL,
            attempt BIGINT NOT NULL,
            recipient TEXT NOT NULL,
            payload TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            run_at BIGINT NOT NULL,
            tries BIGINT NOT NULL DEFAULT 0,
            sent_at BIGINT,
            UNIQUE (message, channel, attempt));
        CREATE INDEX outbox_due ON outbox (run_at) WHERE sent_at IS NULL;
        CREATE INDEX outbox_expires ON outbox (expires_at)",
        ),
        (
            "messages that are given up",
            "ALTER TABLE outbox ADD COLUMN failed_at BIGINT;
        DROP INDEX outbox_due;
        CREATE INDEX outbox_due ON outbox (run_at) WHERE sent_at IS NULL AND failed_at IS NULL",
        ),
    ],
};
