-- Whether it was known on arrival that two machines use the key of the event's agent.
ALTER TABLE events ADD COLUMN IF NOT EXISTS cloned Bool DEFAULT false CODEC(ZSTD(1))
