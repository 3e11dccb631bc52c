-- Whose stream it is: the agent's that first brought it. Of streams older than this table only the host is known.
CREATE TABLE streams (
    stream BLOB PRIMARY KEY,
    host   INTEGER NOT NULL,
    agent  BLOB
) WITHOUT ROWID;
INSERT INTO streams (stream, host) SELECT stream, min(host) FROM marks GROUP BY stream;
