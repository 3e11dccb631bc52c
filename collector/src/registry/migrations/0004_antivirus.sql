-- Antivirus of any vendor: which product a verdict rests on, what malware was found, who else is on an office's network.

-- The product on which the verdict of `protection` rests, why it does not protect (a code, empty when it does), and how
-- old its definitions are.
ALTER TABLE hosts ADD COLUMN protection_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE hosts ADD COLUMN product TEXT NOT NULL DEFAULT '';
ALTER TABLE hosts ADD COLUMN product_version TEXT NOT NULL DEFAULT '';
ALTER TABLE hosts ADD COLUMN definitions_ms BIGINT;

-- Malware that was found, each once; what became of it is joined to the first word about it by (host_id, key).
CREATE TABLE detections (
    id         BIGINT PRIMARY KEY,
    host_id    BIGINT NOT NULL REFERENCES hosts (id),
    key        TEXT NOT NULL,
    product    TEXT NOT NULL,
    vendor     TEXT NOT NULL,
    threat     TEXT NOT NULL,
    category   TEXT NOT NULL,
    severity   BIGINT,
    path       TEXT NOT NULL,
    path_hex   TEXT NOT NULL,
    process    TEXT NOT NULL,
    user_name  TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    action     TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    code       TEXT NOT NULL,
    source     TEXT NOT NULL,
    found_ms   BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    handled_ms BIGINT,
    event_key  TEXT NOT NULL,
    UNIQUE (host_id, key)
);
CREATE INDEX detections_by_time ON detections (found_ms, id);
INSERT INTO sequences (name, value) VALUES ('detections', 0);

-- The machines that PCs see on their own networks, each once, with the PC that saw it last.
CREATE TABLE neighbours (
    mac      TEXT PRIMARY KEY,
    host_id  BIGINT NOT NULL REFERENCES hosts (id),
    address  TEXT NOT NULL,
    adapter  TEXT NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms  BIGINT NOT NULL
);
CREATE INDEX neighbours_by_host ON neighbours (host_id, last_ms);

-- An alert about a unit and everything below it; its host is the one whose finding opened it. NULL: about the host.
ALTER TABLE alerts ADD COLUMN unit_id BIGINT REFERENCES units (id);
-- What is about many hosts at once is found again by its rule and key.
CREATE INDEX findings_by_rule ON findings (rule, key, alert_id);
-- Numbers that belong to a command's result, as JSON.
ALTER TABLE commands ADD COLUMN counts TEXT NOT NULL DEFAULT '{}';
