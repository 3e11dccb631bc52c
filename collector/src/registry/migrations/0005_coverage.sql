-- The proof of coverage: the register of what an office owns, lawful exceptions, and what became of both day by day.

-- A line of an office's asset register. One that was taken out keeps its row, and its host, for the reports of the time
-- in which it stood there.
CREATE TABLE assets (
    id            BIGINT PRIMARY KEY,
    unit_id       BIGINT NOT NULL REFERENCES units (id),
    asset_number  TEXT NOT NULL,
    name          TEXT NOT NULL,
    place         TEXT NOT NULL,
    custodian     TEXT NOT NULL,
    kind          TEXT NOT NULL,
    os            TEXT NOT NULL,
    mac           TEXT NOT NULL,
    serial        TEXT NOT NULL,
    note          TEXT NOT NULL,
    number_key    TEXT NOT NULL,
    name_folded   TEXT NOT NULL,
    search_folded TEXT NOT NULL,
    host_id       BIGINT REFERENCES hosts (id),
    joined_by     TEXT NOT NULL DEFAULT '',
    created_ms    BIGINT NOT NULL,
    updated_ms    BIGINT NOT NULL,
    removed_ms    BIGINT
);
CREATE INDEX assets_by_unit ON assets (unit_id);
CREATE INDEX assets_by_mac ON assets (mac);
CREATE INDEX assets_of_host ON assets (host_id);
-- No number stands twice in the register, however it is typed; two imports at once cannot both add it.
CREATE UNIQUE INDEX assets_by_number ON assets (number_key) WHERE removed_ms IS NULL AND number_key <> '';
-- No host is two things that an office owns.
CREATE UNIQUE INDEX assets_by_host ON assets (host_id) WHERE removed_ms IS NULL;
INSERT INTO sequences (name, value) VALUES ('assets', 0);
-- Grows with each transaction of an import, so that two at once notice each other.
INSERT INTO revisions (name, value) VALUES ('register', 0);

-- A PC that may lawfully be uncovered until a day; either a line of the register or a host.
CREATE TABLE exceptions (
    id         BIGINT PRIMARY KEY,
    asset_id   BIGINT REFERENCES assets (id),
    host_id    BIGINT REFERENCES hosts (id),
    kind       TEXT NOT NULL,
    reason     TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    ends_ms    BIGINT NOT NULL,
    ended_ms   BIGINT,
    ended_by   TEXT NOT NULL DEFAULT ''
);
CREATE INDEX exceptions_by_asset ON exceptions (asset_id);
CREATE INDEX exceptions_by_host ON exceptions (host_id);
INSERT INTO sequences (name, value) VALUES ('exceptions', 0);

-- What a host was on each day of a month (yyyymm): bit 0 is the 1st. Days are Vietnam's.
CREATE TABLE host_months (
    month     BIGINT NOT NULL,
    host_id   BIGINT NOT NULL REFERENCES hosts (id),
    seen      BIGINT NOT NULL,
    protected BIGINT NOT NULL,
    outdated  BIGINT NOT NULL,
    PRIMARY KEY (month, host_id)
);

-- A unit's own numbers of a day (yyyymmdd), those of the units below it not included.
CREATE TABLE coverage_days (
    day                    BIGINT NOT NULL,
    unit_id                BIGINT NOT NULL REFERENCES units (id),
    registered             BIGINT NOT NULL,
    seen                   BIGINT NOT NULL,
    protected              BIGINT NOT NULL,
    excepted               BIGINT NOT NULL,
    protected_not_excepted BIGINT NOT NULL,
    outdated               BIGINT NOT NULL,
    PRIMARY KEY (day, unit_id)
);

-- The hardware addresses of a host's adapters, taken out of its network state, and of which state they are.
CREATE TABLE host_adapters (
    mac     TEXT NOT NULL,
    host_id BIGINT NOT NULL REFERENCES hosts (id),
    PRIMARY KEY (mac, host_id)
);
CREATE INDEX host_adapters_by_host ON host_adapters (host_id);
CREATE TABLE host_adapters_read (
    host_id    BIGINT PRIMARY KEY REFERENCES hosts (id),
    network_ms BIGINT NOT NULL
);

-- Machines on the network of which somebody said that they are no PCs.
CREATE TABLE machine_marks (
    mac       TEXT PRIMARY KEY,
    kind      TEXT NOT NULL,
    note      TEXT NOT NULL,
    marked_by TEXT NOT NULL,
    marked_ms BIGINT NOT NULL
);
