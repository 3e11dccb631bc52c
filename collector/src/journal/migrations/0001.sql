-- Entries in the order of their durability. AUTOINCREMENT: a position is never used twice, also after
-- everything has been erased.
CREATE TABLE entries (
    pos         INTEGER PRIMARY KEY AUTOINCREMENT,
    received_ms INTEGER NOT NULL,
    -- 0: a fact in `payload` as JSON; 1: events, `payload` as they came, packed.
    kind        INTEGER NOT NULL,
    host        INTEGER,
    agent       BLOB,
    stream      BLOB,
    lane        INTEGER,
    first       INTEGER,
    last        INTEGER,
    -- So many events at the beginning of the payload were here before.
    skip        INTEGER,
    raw_bytes   INTEGER,
    offset_ms   INTEGER,
    gaps        TEXT,
    payload     BLOB NOT NULL
);

CREATE TABLE marks (
    stream     BLOB NOT NULL,
    lane       INTEGER NOT NULL,
    host       INTEGER NOT NULL,
    high_water INTEGER NOT NULL,
    last_hash  BLOB NOT NULL,
    opaque     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (stream, lane)
) WITHOUT ROWID;
CREATE INDEX marks_by_host ON marks (host);

CREATE TABLE gaps (
    stream BLOB NOT NULL,
    lane   INTEGER NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    host   INTEGER NOT NULL,
    reason TEXT NOT NULL,
    counts TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    PRIMARY KEY (stream, lane, first)
) WITHOUT ROWID;
CREATE INDEX gaps_by_host ON gaps (host);

-- Events that the store refused for good.
CREATE TABLE set_aside (
    pos    INTEGER NOT NULL,
    stream BLOB NOT NULL,
    lane   INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    host   INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (stream, lane, seq)
) WITHOUT ROWID;
CREATE INDEX set_aside_by_host ON set_aside (host);

CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    pos  INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO cursors VALUES ('store', 0), ('rules', 0);

-- The one insert that may be under way: what it consists of is fixed before its first attempt.
CREATE TABLE insert_plan (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    after    INTEGER NOT NULL,
    through  INTEGER NOT NULL
);

CREATE TABLE identity (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    id       TEXT NOT NULL
);
