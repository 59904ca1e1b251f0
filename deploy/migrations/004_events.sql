-- What became of one event: its records by their id, and the plant-model markers of its partition.

CREATE INDEX raw_scans_by_event ON raw_scans (event_id, recorded);
CREATE INDEX raw_scans_markers ON raw_scans (generation, partition, "offset") WHERE key = '\x006d61726b6572';
CREATE INDEX rejects_by_event ON rejects (event_id, recorded);
