-- What the centre knows of contents and of files' states.

-- Contents that are known to be bad or good, by SHA-256 in lower case.
CREATE TABLE file_hashes (
    sha256  TEXT PRIMARY KEY,
    verdict TEXT NOT NULL,
    source  TEXT NOT NULL,
    note    TEXT NOT NULL,
    author  TEXT NOT NULL,
    at_ms   BIGINT NOT NULL
);
CREATE INDEX file_hashes_by_time ON file_hashes (at_ms, sha256);
-- Grows with each change of the lists, so that whoever keeps a copy in memory notices; 0 is empty lists.
INSERT INTO revisions (name, value) VALUES ('file_hashes', 0);

-- What people said of the state that a file was left in: of one host's file, or of the same on every host of a unit
-- and of those below it. `state_key` names path and state together. The latest word counts.
CREATE TABLE file_reviews (
    id        BIGINT PRIMARY KEY,
    host_id   BIGINT REFERENCES hosts (id),
    unit_id   BIGINT REFERENCES units (id),
    -- `h` and the host's number, or `u` and the unit's: what one word is about.
    place     TEXT NOT NULL,
    state_key TEXT NOT NULL,
    path      TEXT NOT NULL,
    path_hex  TEXT NOT NULL,
    action    TEXT NOT NULL,
    sha256    TEXT NOT NULL,
    verdict   TEXT NOT NULL,
    reason    TEXT NOT NULL,
    author    TEXT NOT NULL,
    at_ms     BIGINT NOT NULL,
    UNIQUE (state_key, place)
);
CREATE INDEX file_reviews_by_host ON file_reviews (host_id, id);
CREATE INDEX file_reviews_by_unit ON file_reviews (unit_id, id);
INSERT INTO sequences (name, value) VALUES ('file_reviews', 0);
-- Grows with each of them; 0 is none at all.
INSERT INTO revisions (name, value) VALUES ('file_reviews', 0);
