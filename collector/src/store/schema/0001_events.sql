-- One row per event, in the order in which a host's story is read. A row is named by (pos, i): the journal
-- position of its batch and its place in it; (stream, lane, seq) is the name that its agent gave it.
--
-- Partitions and expiry go by the collector's receive time: a PC whose clock is years off can neither open a
-- thousand partitions nor have its events deleted on arrival. What came from the PC as bytes stays bytes.
CREATE TABLE IF NOT EXISTS events
(
    host Int64 CODEC(Delta, ZSTD(1)),
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    wall DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    mono_ms UInt64 CODEC(Delta, ZSTD(1)),
    boot FixedString(16) CODEC(ZSTD(1)),
    kind LowCardinality(String),
    pos UInt64 CODEC(Delta, ZSTD(1)),
    i UInt32 CODEC(Delta, ZSTD(1)),
    stream FixedString(16) CODEC(ZSTD(1)),
    lane UInt8 CODEC(ZSTD(1)),
    seq UInt64 CODEC(Delta, ZSTD(1)),

    file_action LowCardinality(String),
    file_path String CODEC(ZSTD(1)),
    -- The path for searching: lower case, without accents, so that a search finds NFC and NFD alike.
    file_path_folded String CODEC(ZSTD(1)),
    file_old_path String CODEC(ZSTD(1)),
    file_origin LowCardinality(String),
    file_size UInt64 CODEC(ZSTD(1)),
    file_mtime_ns Int64 CODEC(Delta, ZSTD(1)),
    file_mode UInt32 CODEC(ZSTD(1)),
    file_owner LowCardinality(String),
    file_sha256 String CODEC(ZSTD(1)),
    file_digest_absent LowCardinality(String),
    file_watch LowCardinality(String),
    file_severity LowCardinality(String),

    process_known LowCardinality(String),
    process_unknown_reason LowCardinality(String),
    process_pid UInt32 CODEC(ZSTD(1)),
    process_executable String CODEC(ZSTD(1)),
    process_command_line String CODEC(ZSTD(1)),
    process_user LowCardinality(String),
    process_parent_pid UInt32 CODEC(ZSTD(1)),
    process_parent_executable String CODEC(ZSTD(1)),

    probe_name LowCardinality(String),
    probe_kind LowCardinality(String),
    probe_target LowCardinality(String),
    probe_state LowCardinality(String),
    probe_error LowCardinality(String),
    probe_severity LowCardinality(String),

    -- Everything else that was reported, as JSON.
    detail String CODEC(ZSTD(1)),

    INDEX pos_range pos TYPE minmax GRANULARITY 1,
    INDEX file_path_ngrams file_path_folded TYPE text(tokenizer = ngrams(3))
)
ENGINE = MergeTree
PARTITION BY toDate(received)
ORDER BY (host, time, pos, i)
TTL toDateTime(received) + INTERVAL 12 MONTH
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    ttl_only_drop_parts = 1
