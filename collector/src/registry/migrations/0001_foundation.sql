-- The registry's first form. One set of statements for SQLite and PostgreSQL: BIGINT and TEXT only,
-- truth as 0 and 1, times as milliseconds since 1970, JSON as text. A migration that has been released
-- is never edited: the registry keeps its checksum and refuses to start on another.

-- Numbers for new rows. A counter row instead of a sequence: both databases have UPDATE … RETURNING.
CREATE TABLE sequences (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO sequences (name, value) VALUES
    ('units', 0), ('hosts', 0), ('tokens', 0), ('users', 0), ('login_attempts', 0), ('commands', 0),
    ('alerts', 0), ('alert_history', 0), ('deliveries', 0), ('attempts', 0), ('audit', 0);

-- Counters that others watch to learn that something changed.
CREATE TABLE revisions (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO revisions (name, value) VALUES ('policy', 1);

CREATE TABLE units (
    id            BIGINT PRIMARY KEY,
    parent_id     BIGINT REFERENCES units (id),
    name          TEXT NOT NULL,
    name_folded   TEXT NOT NULL,
    kind          TEXT NOT NULL,
    contact_name  TEXT NOT NULL,
    contact_email TEXT NOT NULL,
    phone         TEXT NOT NULL,
    created_ms    BIGINT NOT NULL
);

CREATE TABLE hosts (
    id                 BIGINT PRIMARY KEY,
    unit_id            BIGINT NOT NULL REFERENCES units (id),
    name               TEXT NOT NULL,
    name_folded        TEXT NOT NULL,
    search_folded      TEXT NOT NULL,
    asset_number       TEXT NOT NULL,
    place              TEXT NOT NULL,
    kind               TEXT NOT NULL,
    always_on          BIGINT NOT NULL,
    os                 TEXT NOT NULL,
    fingerprint        TEXT NOT NULL,
    status             TEXT NOT NULL,
    created_ms         BIGINT NOT NULL,
    connected          BIGINT NOT NULL DEFAULT 0,
    connected_since_ms BIGINT,
    last_seen_ms       BIGINT,
    agent_version      TEXT NOT NULL DEFAULT '',
    privileged         BIGINT NOT NULL DEFAULT 0,
    boot               TEXT NOT NULL DEFAULT '',
    clock_offset_ms    BIGINT NOT NULL DEFAULT 0,
    policy_version     BIGINT NOT NULL DEFAULT 0,
    policy_hash        TEXT NOT NULL DEFAULT '',
    policy_state       TEXT NOT NULL DEFAULT 'none',
    policy_refusal     TEXT NOT NULL DEFAULT '',
    protection         TEXT NOT NULL DEFAULT 'unknown',
    protection_ms      BIGINT,
    protection_detail  TEXT,
    network_ms         BIGINT,
    network_detail     TEXT
);
CREATE INDEX hosts_by_unit ON hosts (unit_id);
CREATE INDEX hosts_by_name ON hosts (name_folded, id);
CREATE INDEX hosts_by_last_seen ON hosts (last_seen_ms, id);

-- The parts of every host's fingerprint, so that a returning PC is found without reading all hosts.
CREATE TABLE host_marks (
    kind    TEXT NOT NULL,
    value   TEXT NOT NULL,
    host_id BIGINT NOT NULL REFERENCES hosts (id),
    PRIMARY KEY (kind, value, host_id)
);
CREATE INDEX host_marks_by_host ON host_marks (host_id);

-- What is known now of one thing on a host: a probed service, what its agent cannot see, blindness.
CREATE TABLE host_states (
    host_id BIGINT NOT NULL REFERENCES hosts (id),
    noun    TEXT NOT NULL,
    key     TEXT NOT NULL,
    at_ms   BIGINT NOT NULL,
    detail  TEXT NOT NULL,
    PRIMARY KEY (host_id, noun, key)
);

CREATE TABLE agents (
    id         TEXT PRIMARY KEY,
    host_id    BIGINT NOT NULL REFERENCES hosts (id),
    created_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);
CREATE INDEX agents_by_host ON agents (host_id);

CREATE TABLE certificates (
    fingerprint   TEXT PRIMARY KEY,
    serial        TEXT NOT NULL,
    agent_id      TEXT NOT NULL REFERENCES agents (id),
    not_before_ms BIGINT NOT NULL,
    not_after_ms  BIGINT NOT NULL,
    revoked_ms    BIGINT
);
CREATE INDEX certificates_by_agent ON certificates (agent_id);

CREATE TABLE tokens (
    id          BIGINT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    unit_id     BIGINT NOT NULL REFERENCES units (id),
    uses_left   BIGINT NOT NULL,
    expires_ms  BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL,
    created_by  TEXT NOT NULL,
    note        TEXT NOT NULL
);

CREATE TABLE policies (
    unit_id    BIGINT PRIMARY KEY REFERENCES units (id),
    version    BIGINT NOT NULL,
    document   TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    updated_by TEXT NOT NULL
);

CREATE TABLE commands (
    id          BIGINT PRIMARY KEY,
    host_id     BIGINT NOT NULL REFERENCES hosts (id),
    kind        TEXT NOT NULL,
    parameters  TEXT NOT NULL,
    created_ms  BIGINT NOT NULL,
    expires_ms  BIGINT NOT NULL,
    created_by  TEXT NOT NULL,
    sent_ms     BIGINT,
    finished_ms BIGINT,
    done        BIGINT,
    detail      TEXT NOT NULL DEFAULT ''
);
CREATE INDEX commands_by_host ON commands (host_id, id);

CREATE TABLE users (
    id                   BIGINT PRIMARY KEY,
    name                 TEXT NOT NULL UNIQUE,
    password_hash        TEXT NOT NULL,
    role                 TEXT NOT NULL,
    unit_id              BIGINT REFERENCES units (id),
    must_change_password BIGINT NOT NULL,
    disabled             BIGINT NOT NULL,
    language             TEXT NOT NULL,
    email                TEXT NOT NULL,
    created_ms           BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    user_id    BIGINT NOT NULL REFERENCES users (id),
    csrf       TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    seen_ms    BIGINT NOT NULL,
    address    TEXT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE login_attempts (
    id      BIGINT PRIMARY KEY,
    name    TEXT NOT NULL,
    address TEXT NOT NULL,
    at_ms   BIGINT NOT NULL,
    success BIGINT NOT NULL
);
CREATE INDEX login_attempts_by_name ON login_attempts (name, at_ms);
CREATE INDEX login_attempts_by_address ON login_attempts (address, at_ms);

-- How far the rules have read the journal, and what they remember.
CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    pos  BIGINT NOT NULL
);
CREATE TABLE rule_state (
    rule   TEXT NOT NULL,
    entity TEXT NOT NULL,
    state  TEXT NOT NULL,
    PRIMARY KEY (rule, entity)
);

-- Severities are numbers, 0 low to 3 critical, so that both databases can compare them.
CREATE TABLE alerts (
    id              BIGINT PRIMARY KEY,
    category        TEXT NOT NULL,
    host_id         BIGINT NOT NULL REFERENCES hosts (id),
    severity        BIGINT NOT NULL,
    state           TEXT NOT NULL,
    verdict         TEXT,
    assignee        TEXT,
    opened_ms       BIGINT NOT NULL,
    updated_ms      BIGINT NOT NULL,
    acknowledged_ms BIGINT,
    resolved_ms     BIGINT,
    resolved_by     TEXT,
    findings        BIGINT NOT NULL,
    open_findings   BIGINT NOT NULL,
    title_code      TEXT NOT NULL,
    title_params    TEXT NOT NULL,
    mail_kind       TEXT,
    mail_due_ms     BIGINT,
    mailed_ms       BIGINT,
    mailed_severity BIGINT
);
CREATE INDEX alerts_by_host ON alerts (host_id, category, state);
CREATE INDEX alerts_by_state ON alerts (state, severity, id);
CREATE INDEX alerts_by_mail ON alerts (mail_due_ms);

CREATE TABLE findings (
    id         TEXT PRIMARY KEY,
    rule       TEXT NOT NULL,
    category   TEXT NOT NULL,
    host_id    BIGINT NOT NULL REFERENCES hosts (id),
    key        TEXT NOT NULL,
    severity   BIGINT NOT NULL,
    opened_pos BIGINT NOT NULL,
    opened_ms  BIGINT NOT NULL,
    judged_ms  BIGINT NOT NULL,
    closed_ms  BIGINT,
    evidence   TEXT NOT NULL,
    alert_id   BIGINT REFERENCES alerts (id),
    settled    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX findings_by_alert ON findings (alert_id, opened_pos);
-- What the alert stage has yet to look at: `settled` is 1 once it has seen the finding's last change.
CREATE INDEX findings_unsettled ON findings (settled, opened_pos);

CREATE TABLE alert_history (
    id       BIGINT PRIMARY KEY,
    alert_id BIGINT NOT NULL REFERENCES alerts (id),
    at_ms    BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    detail   TEXT NOT NULL
);
CREATE INDEX alert_history_by_alert ON alert_history (alert_id, id);

CREATE TABLE deliveries (
    id         BIGINT PRIMARY KEY,
    alert_id   BIGINT NOT NULL REFERENCES alerts (id),
    channel    TEXT NOT NULL,
    recipient  TEXT NOT NULL,
    kind       TEXT NOT NULL,
    state      TEXT NOT NULL,
    due_ms     BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    sent_ms    BIGINT,
    message_id TEXT NOT NULL,
    thread     TEXT NOT NULL,
    content    TEXT NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX deliveries_due ON deliveries (state, due_ms);
CREATE INDEX deliveries_by_alert ON deliveries (alert_id, id);

CREATE TABLE attempts (
    id          BIGINT PRIMARY KEY,
    delivery_id BIGINT NOT NULL REFERENCES deliveries (id),
    at_ms       BIGINT NOT NULL,
    outcome     TEXT NOT NULL,
    detail      TEXT NOT NULL,
    duration_ms BIGINT NOT NULL
);
CREATE INDEX attempts_by_delivery ON attempts (delivery_id, id);

CREATE TABLE audit (
    id     BIGINT PRIMARY KEY,
    at_ms  BIGINT NOT NULL,
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL
);
