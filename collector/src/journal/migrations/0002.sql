-- An insert that was refused as a whole goes on in parts: the rows before `from_row` are settled, what follows is
-- sent `rows` at a time. Written before the first attempt of each size, so that a restart sends the same parts.
CREATE TABLE insert_parts (
    table_name TEXT PRIMARY KEY,
    from_row   INTEGER NOT NULL,
    rows       INTEGER NOT NULL
) WITHOUT ROWID;

-- What the ledger no longer names one by one, in numbers: details of a host are bounded, its sums stay exact.
CREATE TABLE forgotten (
    host      INTEGER PRIMARY KEY,
    missing   INTEGER NOT NULL DEFAULT 0,
    opaque    INTEGER NOT NULL DEFAULT 0,
    set_aside INTEGER NOT NULL DEFAULT 0
);

-- When a lane last moved: the streams of a host that are longest at rest are forgotten first.
ALTER TABLE marks ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0;
