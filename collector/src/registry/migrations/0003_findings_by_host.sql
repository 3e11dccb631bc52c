-- What goes on at a host is looked at again when its PC is enrolled again; without this, all findings ever kept.
CREATE INDEX findings_by_host ON findings (host_id, closed_ms);
