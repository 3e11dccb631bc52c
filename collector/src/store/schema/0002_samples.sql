-- What was measured in intervals: many, narrow rows with a shorter life than events.
CREATE TABLE IF NOT EXISTS samples
(
    host Int64 CODEC(Delta, ZSTD(1)),
    probe_name LowCardinality(String),
    time DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    received DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    pos UInt64 CODEC(Delta, ZSTD(1)),
    i UInt32 CODEC(Delta, ZSTD(1)),
    stream FixedString(16) CODEC(ZSTD(1)),
    lane UInt8 CODEC(ZSTD(1)),
    seq UInt64 CODEC(Delta, ZSTD(1)),
    probe_kind LowCardinality(String),
    probe_target LowCardinality(String),
    interval_ms UInt32 CODEC(ZSTD(1)),
    probe_sent UInt32 CODEC(T64, ZSTD(1)),
    probe_lost UInt32 CODEC(T64, ZSTD(1)),
    probe_latency_min_us UInt32 CODEC(T64, ZSTD(1)),
    probe_latency_mean_us UInt32 CODEC(T64, ZSTD(1)),
    probe_latency_max_us UInt32 CODEC(T64, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(received)
ORDER BY (host, probe_name, time, pos, i)
TTL toDateTime(received) + INTERVAL 3 MONTH
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    ttl_only_drop_parts = 1
