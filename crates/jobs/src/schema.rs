//! The tables of the queue.

use db::Migrations;

/// The queue's tables.
pub const MIGRATIONS: Migrations = Migrations {
    owner: "jobs",
    steps: &[
        ("queue", QUEUE),
        ("bumps", BUMPS),
        ("pauses", PAUSES),
        ("workers", WORKERS),
        ("waiting", WAITING),
        ("no addresses in causes", NAMELESS),
        ("listings", LISTINGS),
        ("turns", TURNS),
    ],
};

/// `attempt` counts claims and is part of the fence; `failures` counts what ended badly and is held against
/// `max_attempts`; `releases` counts deaths of the process that held the job. `cause` is why the job is tried again,
/// failed or was cancelled.
const QUEUE: &str = "
CREATE TABLE job_groups (
    id TEXT PRIMARY KEY,
    title TEXT,
    state TEXT NOT NULL CHECK (state IN ('open', 'done', 'failed', 'cancelled')),
    reason TEXT CHECK (reason IS NOT NULL OR state IN ('open', 'done')),
    total BIGINT NOT NULL,
    remaining BIGINT NOT NULL CHECK (remaining >= 0),
    continuation TEXT NOT NULL,
    unique_key TEXT UNIQUE,
    created_at BIGINT NOT NULL,
    finished_at BIGINT);
CREATE INDEX job_groups_title ON job_groups (title);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    cause TEXT CHECK (cause IS NOT NULL OR state NOT IN ('failed', 'cancelled')),
    priority BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    group_id TEXT REFERENCES job_groups (id),
    title TEXT,
    capability TEXT,
    unique_key TEXT UNIQUE,
    attempt BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL CHECK (max_attempts > 0),
    releases BIGINT NOT NULL,
    worker TEXT CHECK (worker IS NOT NULL OR state <> 'running'),
    lease_until BIGINT CHECK ((lease_until IS NOT NULL) = (state = 'running')),
    progress BIGINT NOT NULL CHECK (progress BETWEEN 0 AND 1000),
    speed DOUBLE PRECISION,
    message TEXT,
    log_lines BIGINT NOT NULL,
    result TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT);
CREATE INDEX jobs_due ON jobs (priority DESC, run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_group ON jobs (group_id);
CREATE INDEX jobs_title ON jobs (title);

CREATE TABLE job_logs (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    n BIGINT NOT NULL,
    at BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (job, n));
";

/// A bumped job is more urgent than usual until `bumped_until`; then it goes back to `usual_priority`.
const BUMPS: &str = "
ALTER TABLE jobs ADD COLUMN bumped_until BIGINT;
ALTER TABLE jobs ADD COLUMN usual_priority BIGINT;
CREATE INDEX jobs_bumped ON jobs (bumped_until) WHERE state = 'queued' AND bumped_until IS NOT NULL;
";

/// Kinds of jobs that are not handed out.
const PAUSES: &str = "
CREATE TABLE job_pauses (
    kind TEXT PRIMARY KEY,
    since BIGINT NOT NULL);
";

/// Processes that take jobs, and when they said so last.
const WORKERS: &str = "
CREATE TABLE job_workers (
    name TEXT PRIMARY KEY,
    capability TEXT NOT NULL,
    slots BIGINT NOT NULL,
    seen_at BIGINT NOT NULL);
";

/// A job that waits although nothing is held against it: for what, and why in words for people. Earlier versions kept
/// those words as its cause and knew them by their beginning.
const WAITING: &str = "
ALTER TABLE jobs ADD COLUMN waits_for TEXT CHECK (waits_for IN ('room', 'worker'));
ALTER TABLE jobs ADD COLUMN waits_why TEXT CHECK (waits_why IS NULL OR state = 'queued');
UPDATE jobs SET waits_for = 'room', waits_why = cause, cause = NULL
    WHERE state = 'queued' AND cause LIKE 'waits for disk space%';
";

/// Earlier versions said by whose address a job was cancelled; addresses stand only sealed (`identity`).
const NAMELESS: &str = "
UPDATE jobs SET cause = 'cancelled' WHERE cause LIKE 'cancelled by %@%';
UPDATE jobs SET cause = 'another part of the same work was cancelled'
    WHERE cause LIKE 'another part of the same work was cancelled: cancelled by %@%';
UPDATE job_groups SET reason = 'cancelled' WHERE reason LIKE 'cancelled by %@%';
UPDATE job_logs SET line = 'cancelled' WHERE line LIKE 'cancelled: cancelled by %@%';
";

/// Listings walk along these, newest first.
const LISTINGS: &str = "
DROP INDEX jobs_title;
CREATE INDEX jobs_of_title ON jobs (title, id);
CREATE INDEX jobs_in_state ON jobs (state, id);
";

/// `behind`: how long after it is due a job's turn is, in ms. While a job is bumped, that is kept in `usual_behind`.
const TURNS: &str = "
ALTER TABLE jobs ADD COLUMN behind BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN usual_behind BIGINT;
DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (priority DESC, (run_at + behind), id) WHERE state = 'queued';
";
