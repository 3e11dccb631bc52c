-- Whether it was known on arrival that two machines use the agent's key.
ALTER TABLE entries ADD COLUMN cloned INTEGER NOT NULL DEFAULT 0;
