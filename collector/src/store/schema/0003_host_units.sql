-- Where each host belongs now, kept from the registry: what a user may see follows the host's current unit,
-- whatever it was when the event came.
CREATE TABLE IF NOT EXISTS host_units
(
    host Int64,
    unit Int64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY host
