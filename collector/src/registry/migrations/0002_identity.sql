-- Which machine stands behind an agent's key, and which authority vouches for it.

-- The fingerprint that the agent presented last, and the one before it if that was of another machine (JSON,
-- empty for none).
ALTER TABLE agents ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN former_fingerprint TEXT NOT NULL DEFAULT '';
-- Since when it is known that two machines use the key, and how that was found out.
ALTER TABLE agents ADD COLUMN cloned_ms BIGINT;
ALTER TABLE agents ADD COLUMN cloned_how TEXT NOT NULL DEFAULT '';
-- The authority of the certificate with which the agent came last, and the name of the bundle that it trusts.
ALTER TABLE agents ADD COLUMN authority TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN bundle TEXT NOT NULL DEFAULT '';

-- SHA-256 of the authority that signed it, hexadecimal; empty for the first authority, before there were several.
ALTER TABLE certificates ADD COLUMN authority TEXT NOT NULL DEFAULT '';

-- Whether its agent said goodbye when it was last heard.
ALTER TABLE hosts ADD COLUMN said_goodbye BIGINT NOT NULL DEFAULT 0;
