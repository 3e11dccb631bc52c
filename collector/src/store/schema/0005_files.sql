-- What changed of a file, how often within one event, what explains it, and rights beyond mode and owner.
ALTER TABLE events
    -- What differs from before, as words with commas between them, in one order: some dozens of values in all.
    ADD COLUMN IF NOT EXISTS file_changed LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS file_count UInt32 DEFAULT 1 CODEC(T64, ZSTD(1)),
    -- 1970 stands for none.
    ADD COLUMN IF NOT EXISTS file_first DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(0, 'UTC') CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS file_group LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS file_acl_sha256 String DEFAULT '' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS file_link_text String DEFAULT '' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS file_link_target LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS cause_kind LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS cause_name LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS cause_version LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS cause_by LowCardinality(String) DEFAULT '',
    -- Where has this content been seen?
    ADD INDEX IF NOT EXISTS file_sha256_bloom file_sha256 TYPE bloom_filter(0.01) GRANULARITY 4
