//! The tables of the catalogue.

use db::Migrations;

/// The catalogue's tables.
pub const MIGRATIONS: Migrations = Migrations { owner: "catalogue", steps: STEPS };

const STEPS: &[(&str, &str)] = &[
    ("titles", TITLES),
    ("deleting, sources, room", OPERATING),
    ("pictures", PICTURES),
    ("descriptions and drafts", DRAFTS),
    ("packaging groups", GROUPS),
    ("waiting", WAITING),
    ("waiting titles at hand", WAITING_INDEX),
    ("no addresses in reasons", NAMELESS),
    ("titles that may be watched by others now", WITHDRAWALS),
    ("notes", NOTES),
    ("listings", LISTINGS),
    ("originals that are deleted later, and titles that their owners deleted", UNDO),
    ("first posters", FIRST_POSTERS),
];

/// `folded` is the name in lower case, the same on both engines, for search. `generation` is the one that is
/// shown. A generation counts what is stored in `stored` (rows) and `weight` (work).
const TITLES: &str = "
CREATE TABLE titles (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('received', 'probed', 'planned', 'encoding', 'published', 'failed', 'rejected')),
    reason TEXT CHECK (state = 'published' OR (reason IS NOT NULL AND reason <> '')),
    visibility TEXT NOT NULL CHECK (visibility IN ('private', 'members', 'public')),
    owner TEXT,
    source_object TEXT NOT NULL UNIQUE,
    bucket TEXT NOT NULL,
    source_key TEXT NOT NULL,
    template TEXT NOT NULL,
    kind TEXT CHECK (kind IN ('video', 'audio')),
    width BIGINT,
    height BIGINT,
    duration_ms BIGINT,
    asset TEXT,
    generation TEXT,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT);
CREATE INDEX titles_owner ON titles (owner);
CREATE INDEX titles_folded ON titles (folded);
CREATE INDEX titles_unfinished ON titles (id) WHERE state IN ('received', 'probed', 'planned', 'encoding');

CREATE TABLE generations (
    id TEXT PRIMARY KEY,
    asset TEXT NOT NULL,
    title TEXT NOT NULL REFERENCES titles (id),
    plan TEXT NOT NULL,
    source TEXT NOT NULL,
    expected BIGINT NOT NULL CHECK (expected > 0),
    stored BIGINT NOT NULL CHECK (stored BETWEEN 0 AND expected),
    total_weight BIGINT NOT NULL CHECK (total_weight > 0),
    weight BIGINT NOT NULL CHECK (weight BETWEEN 0 AND total_weight),
    playable BOOLEAN NOT NULL,
    complete BOOLEAN NOT NULL,
    measured TEXT CHECK (measured IS NOT NULL OR NOT complete),
    created_at BIGINT NOT NULL,
    completed_at BIGINT);
CREATE INDEX generations_title ON generations (title);

CREATE TABLE chunks (
    generation TEXT NOT NULL REFERENCES generations (id),
    track TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    object TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 {bytes} NOT NULL,
    sample_index {bytes} NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (generation, track, chunk));

CREATE TABLE configurations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL);

CREATE TABLE history (
    account TEXT NOT NULL,
    title TEXT NOT NULL REFERENCES titles (id),
    position_ms BIGINT NOT NULL,
    watched_at BIGINT NOT NULL,
    PRIMARY KEY (account, title));
CREATE INDEX history_recent ON history (account, watched_at);
";

/// `source_held`: the title needs the bytes of its upload now. `keep_source`: they stay once it is published.
/// A deleted title is restorable until `purge_at`, and never once it is `purging`; `spare_source` keeps its upload.
/// `gone_assets` outlives the title, so that nothing kept elsewhere is delivered. `promised`: the disk space that the
/// encode is estimated to need (`estimated_bytes`) is promised to it.
const OPERATING: &str = "
ALTER TABLE titles ADD COLUMN source_held BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE titles ADD COLUMN keep_source BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE titles ADD COLUMN source_dropped_at BIGINT;
ALTER TABLE titles ADD COLUMN purge_at BIGINT;
ALTER TABLE titles ADD COLUMN purging BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE titles ADD COLUMN spare_source BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE titles SET source_held = (state IN ('received', 'probed', 'planned', 'encoding'));
CREATE INDEX titles_deleted ON titles (deleted_at) WHERE deleted_at IS NOT NULL;
ALTER TABLE generations ADD COLUMN estimated_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN promised BOOLEAN NOT NULL DEFAULT FALSE;
CREATE TABLE gone_assets (
    asset TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    at BIGINT NOT NULL);
";

/// Still pictures of a generation as JSON, `NULL` until they are stored: the widths of its posters, and the form of
/// its storyboard.
const PICTURES: &str = "
ALTER TABLE generations ADD COLUMN posters TEXT;
ALTER TABLE generations ADD COLUMN storyboard TEXT;
";

/// `edited` counts the changes that people made. A draft waits for the file of its key to become a title.
const DRAFTS: &str = "
ALTER TABLE titles ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE titles ADD COLUMN edited BIGINT NOT NULL DEFAULT 0;

CREATE TABLE drafts (
    bucket TEXT NOT NULL,
    source_key TEXT NOT NULL,
    owner TEXT,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    visibility TEXT NOT NULL CHECK (visibility IN ('private', 'members', 'public')),
    title TEXT,
    PRIMARY KEY (bucket, source_key));
";

/// Every configuration is in one group.
const GROUPS: &str = "
CREATE TABLE packaging_groups (name TEXT PRIMARY KEY);
INSERT INTO packaging_groups (name) VALUES ('default');
ALTER TABLE configurations ADD COLUMN packaging_group TEXT REFERENCES packaging_groups (name);
UPDATE configurations SET packaging_group = 'default';
CREATE INDEX configurations_group ON configurations (packaging_group);
";

/// The obstacle that an unfinished title waits for; its reason says the same in words for people, by whose
/// beginning earlier versions knew it.
const WAITING: &str = "
ALTER TABLE titles ADD COLUMN waits_for TEXT CHECK (waits_for IN ('room', 'worker'));
UPDATE titles SET waits_for = CASE WHEN reason LIKE 'no worker%' THEN 'worker' ELSE 'room' END
    WHERE state IN ('received', 'probed', 'planned', 'encoding')
        AND (reason LIKE 'no worker%' OR reason LIKE 'waits for disk space%');
";

/// An index for waiting titles, which are checked every few seconds.
const WAITING_INDEX: &str = "
CREATE INDEX titles_waiting ON titles (waits_for) WHERE waits_for IS NOT NULL;
";

/// Earlier versions said by whose address a title was cancelled; addresses stand only sealed (`identity`).
const NAMELESS: &str = "
UPDATE titles SET reason = 'cancelled' WHERE reason LIKE 'cancelled by %@%';
";

/// Withdrawals, kept until all playbacks that they end have ended.
const WITHDRAWALS: &str = "
CREATE TABLE withdrawals (id TEXT PRIMARY KEY, title TEXT NOT NULL);
";

/// Notes about a generation's source: parts that were cut, held, mixed or left out. `part` is `source`, counted by `n`,
/// or a track, `n` being its chunk.
const NOTES: &str = "
CREATE TABLE notes (
    generation TEXT NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
    part TEXT NOT NULL,
    n BIGINT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (generation, part, n));
";

/// `ready`: the shown generation is playable. Each listing walks along one of these indexes, newest first.
const LISTINGS: &str = "
ALTER TABLE titles ADD COLUMN ready BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE titles SET ready = TRUE
    WHERE EXISTS (SELECT 1 FROM generations g WHERE g.id = titles.generation AND g.playable);
DROP INDEX titles_owner;
DROP INDEX titles_folded;
DROP INDEX titles_deleted;
CREATE INDEX titles_alive ON titles (id) WHERE deleted_at IS NULL;
CREATE INDEX titles_owned ON titles (owner, id) WHERE deleted_at IS NULL;
CREATE INDEX titles_named ON titles (folded, id) WHERE deleted_at IS NULL;
CREATE INDEX titles_in_state ON titles (state, id) WHERE deleted_at IS NULL;
CREATE INDEX titles_listed ON titles (visibility, id)
    WHERE deleted_at IS NULL AND ready AND state NOT IN ('failed', 'rejected');
CREATE INDEX titles_deleted ON titles (deleted_at, id) WHERE deleted_at IS NOT NULL;
";

/// Until `source_purge_at` the deletion of an original file can be undone. Owners restore what they deleted themselves.
const UNDO: &str = "
ALTER TABLE titles ADD COLUMN source_purge_at BIGINT;
CREATE INDEX titles_source_purge ON titles (source_purge_at) WHERE source_purge_at IS NOT NULL;
ALTER TABLE titles ADD COLUMN deleted_by_owner BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX titles_deleted_own ON titles (owner, deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX titles_originals ON titles (owner) WHERE owner IS NOT NULL AND source_dropped_at IS NULL;
";

/// The widths of the posters of a title's beginning, which stand in for those that are chosen once all of it is encoded.
const FIRST_POSTERS: &str = "
ALTER TABLE generations ADD COLUMN first_posters TEXT;
";
