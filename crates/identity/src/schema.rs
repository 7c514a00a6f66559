//! Tables of identity.

use db::Migrations;

/// Tables of this crate.
pub const MIGRATIONS: Migrations = Migrations {
    owner: "identity",
    steps: &[
        (
            "accounts, codes, sessions, links, access keys",
            "CREATE TABLE accounts (
            id TEXT PRIMARY KEY,
            address TEXT NOT NULL,
            address_key TEXT NOT NULL UNIQUE,
            role TEXT NOT NULL CHECK (role IN ('viewer', 'creator', 'operator')),
            created_at BIGINT NOT NULL,
            suspended_at BIGINT);
        CREATE TABLE challenges (
            id TEXT PRIMARY KEY,
            purpose TEXT NOT NULL,
            channel TEXT NOT NULL,
            address TEXT NOT NULL,
            address_key TEXT NOT NULL,
            account TEXT REFERENCES accounts (id) ON DELETE CASCADE,
            decoy BOOLEAN NOT NULL,
            known_device BOOLEAN NOT NULL,
            digits BIGINT NOT NULL,
            key_version BIGINT NOT NULL,
            browser_hash TEXT NOT NULL,
            sends BIGINT NOT NULL,
            attempts BIGINT NOT NULL DEFAULT 0,
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            used_at BIGINT);
        CREATE INDEX challenges_browser ON challenges (browser_hash, address_key);
        CREATE INDEX challenges_expires ON challenges (expires_at);
        CREATE TABLE throttles (
            name TEXT PRIMARY KEY,
            moments TEXT NOT NULL,
            forget_at BIGINT NOT NULL);
        CREATE INDEX throttles_forget ON throttles (forget_at);
        CREATE TABLE devices (
            account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
            browser_hash TEXT NOT NULL,
            seen_at BIGINT NOT NULL,
            PRIMARY KEY (account, browser_hash));
        CREATE TABLE sessions (
            token_hash TEXT PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
            via TEXT NOT NULL,
            agent TEXT NOT NULL,
            ip TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            authenticated_at BIGINT NOT NULL,
            seen_at BIGINT NOT NULL);
        CREATE INDEX sessions_account ON sessions (account, seen_at);
        CREATE TABLE links (
            token_hash TEXT PRIMARY KEY,
            account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            used_at BIGINT);
        CREATE TABLE access_keys (
            id TEXT PRIMARY KEY,
            account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            buckets TEXT NOT NULL,
            sealed_secret {bytes} NOT NULL,
            created_at BIGINT NOT NULL,
            revoked_at BIGINT);
        CREATE UNIQUE INDEX access_keys_name ON access_keys (account, name) WHERE revoked_at IS NULL",
        ),
        (
            "wrong codes in a row, invitations, challenges without a reference",
            // A reference would make an account's challenge slower to write than nobody's. Codes live for minutes.
            "DROP TABLE challenges;
        CREATE TABLE challenges (
            id TEXT PRIMARY KEY,
            purpose TEXT NOT NULL,
            channel TEXT NOT NULL,
            address TEXT NOT NULL,
            address_key TEXT NOT NULL,
            account TEXT,
            invitation TEXT,
            decoy BOOLEAN NOT NULL,
            known_device BOOLEAN NOT NULL,
            digits BIGINT NOT NULL,
            key_version BIGINT NOT NULL,
            browser_hash TEXT NOT NULL,
            sends BIGINT NOT NULL,
            attempts BIGINT NOT NULL DEFAULT 0,
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            used_at BIGINT);
        CREATE INDEX challenges_browser ON challenges (browser_hash, address_key);
        CREATE INDEX challenges_expires ON challenges (expires_at);
        CREATE TABLE failures (
            name TEXT PRIMARY KEY,
            address_name TEXT NOT NULL,
            in_a_row BIGINT NOT NULL,
            last_at BIGINT NOT NULL);
        CREATE INDEX failures_address ON failures (address_name);
        CREATE INDEX failures_last ON failures (last_at);
        CREATE TABLE invitations (
            id TEXT PRIMARY KEY,
            token_hash TEXT NOT NULL UNIQUE,
            address TEXT,
            role TEXT NOT NULL CHECK (role IN ('viewer', 'creator', 'operator')),
            max_uses BIGINT NOT NULL,
            uses BIGINT NOT NULL DEFAULT 0,
            created_by TEXT,
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            revoked_at BIGINT);
        CREATE INDEX invitations_expires ON invitations (expires_at)",
        ),
        (
            "no invitations of those who may invite nobody any more",
            "UPDATE invitations SET revoked_at = created_at WHERE revoked_at IS NULL AND created_by IN
            (SELECT id FROM accounts WHERE role <> 'operator' OR suspended_at IS NOT NULL)",
        ),
        (
            "addresses are sealed, and found by a blind index",
            // Existing rows are sealed by `Identity::open`, in their columns.
            "CREATE TABLE address_index (
            id BIGINT PRIMARY KEY CHECK (id = 1),
            sealed_key {bytes} NOT NULL,
            scrubbed BOOLEAN NOT NULL DEFAULT FALSE);
        ALTER TABLE invitations ADD COLUMN address_key TEXT;
        CREATE INDEX invitations_address ON invitations (address_key)",
        ),
        (
            "what other tables had of addresses is overwritten, too",
            // `catalogue` and `jobs` take them out of their rows in the same transaction.
            "UPDATE address_index SET scrubbed = FALSE",
        ),
        (
            "limits have names that no rotation changes",
            // Nobody finds those that were named by the key of codes. All go, so that none tells which address has an
            // account.
            "DELETE FROM throttles;
        DELETE FROM failures",
        ),
        ("links end with who made them", "ALTER TABLE links ADD COLUMN created_by TEXT"),
        (
            "what ended, until nothing plays in it any more",
            "CREATE TABLE endings (id TEXT PRIMARY KEY, account TEXT NOT NULL, session TEXT)",
        ),
        (
            "access keys are for a role",
            "ALTER TABLE access_keys ADD COLUMN role TEXT NOT NULL DEFAULT 'operator'",
        ),
        (
            "what a challenge counts against, and how many people sign in from a network",
            "ALTER TABLE challenges ADD COLUMN networks TEXT NOT NULL DEFAULT '';
        ALTER TABLE challenges ADD COLUMN first_of_network BOOLEAN NOT NULL DEFAULT FALSE;
        CREATE TABLE network_accounts (
            network TEXT NOT NULL,
            who TEXT NOT NULL,
            seen_at BIGINT NOT NULL,
            PRIMARY KEY (network, who));
        CREATE INDEX network_accounts_seen ON network_accounts (seen_at)",
        ),
    ],
};
