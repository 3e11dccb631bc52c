-- A position counts from the spool's beginning and never changes; an event's number in its stream is
-- position - base of its lane. So a new stream is a new base, and nothing kept is touched.
CREATE TABLE meta (
    stream  BLOB    NOT NULL,           -- 16 random bytes
    born_ms INTEGER NOT NULL
);

CREATE TABLE lanes (
    lane      INTEGER PRIMARY KEY,
    base      INTEGER NOT NULL,         -- the position before the stream's first event
    next      INTEGER NOT NULL,         -- the position of the next event
    acked     INTEGER NOT NULL,         -- everything up to this position is the collector's
    bytes     INTEGER NOT NULL,         -- what the kept events are charged for
    last_hash BLOB    NOT NULL          -- of the event at next - 1, as numbered; empty when there is none
);
INSERT INTO lanes VALUES (0, 0, 1, 0, 0, x''), (1, 0, 1, 0, 0, x''), (2, 0, 1, 0, 0, x''), (3, 0, 1, 0, 0, x'');

CREATE TABLE events (
    lane     INTEGER NOT NULL,
    position INTEGER NOT NULL,
    kind     TEXT    NOT NULL,          -- counted when the event must be dropped
    bytes    BLOB    NOT NULL,          -- encoded, without its number
    PRIMARY KEY (lane, position)
) WITHOUT ROWID;

CREATE TABLE gaps (                     -- dropped, and not yet acknowledged as such
    lane   INTEGER NOT NULL,
    first  INTEGER NOT NULL,            -- positions
    last   INTEGER NOT NULL,
    reason TEXT    NOT NULL,
    counts TEXT    NOT NULL,            -- {"kind": count}
    PRIMARY KEY (lane, first)
) WITHOUT ROWID;

CREATE TABLE sensor_state (
    sensor INTEGER NOT NULL,
    key    BLOB    NOT NULL,
    value  BLOB    NOT NULL,
    PRIMARY KEY (sensor, key)
) WITHOUT ROWID;

CREATE TABLE unsupported (              -- what the sensors said they cannot see, for `status`
    sensor TEXT NOT NULL,
    what   TEXT NOT NULL,
    why    TEXT NOT NULL,
    boot   BLOB NOT NULL,
    PRIMARY KEY (sensor, what)
) WITHOUT ROWID;
